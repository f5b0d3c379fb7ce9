"""The page in a browser: it works, makes no request, and runs no text."""

import json
import shutil
import time

import numpy as np
import pytest

from deepclust.reporting import write_report

ATTACKS = [
    "<script>window.broken = 1</script>",
    "</script><script>window.broken = 2</script>",
    "<img src=x onerror='window.broken = 3'>",
    "line\u2028separator\u2029'; window.broken = 4; '",
    "<!-- <script> {{ packed_data }}",
]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--window-size=1300,1000"),
)


def make_texts():
    """Return 200 texts in four clusters and noise, five of them attacks."""
    rng = np.random.default_rng(0)
    topics = ("apple pear", "engine wheel", "galaxy star", "goal referee")
    labels = np.arange(200) % 5 - 1
    texts = [f"{topics[label]} number {row}" for row, label in enumerate(labels)]
    texts[:5] = ATTACKS
    X = np.eye(6)[labels] * 5 + rng.normal(size=(200, 6)) * 0.4
    return texts, labels, X


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium with an empty profile."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no browser: chromium and chromedriver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver")

    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"}
    )
    service = webdriver.ChromeService(executable_path=driver)
    with webdriver.Chrome(options=options, service=service) as chrome:
        chrome.get("about:blank")
        yield chrome


def wait_until(browser, script):
    for _ in range(200):
        value = browser.execute_script(f"return {script}")
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within ten seconds: {script}")


def open_report(browser, path):
    for log in ("performance", "browser"):
        browser.get_log(log)
    browser.get(path.as_uri())
    wait_until(browser, "document.documentElement.dataset.ready === 'yes'")


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """The report of the texts, its heading and class names hostile as well."""
    texts, labels, X = make_texts()
    path = write_report(
        None,
        texts,
        tmp_path_factory.mktemp("report") / "r.html",
        labels=labels,
        embeddings=X,
        names={0: "<b onclick=1>fruit"},
        y=[ATTACKS[row % 5] for row in range(200)],
        dates=2000 + np.arange(200) // 20,
        title=ATTACKS[1],
    )
    open_report(browser, path)
    return path


def search(browser, words):
    box = browser.find_element("id", "search")
    box.clear()
    box.send_keys(words)
    found = "document.getElementById('found')"
    wait_until(browser, f"{found}.dataset.words === '{words.lower()}'")
    return browser.find_element("id", "found").text


def shown_hits(browser):
    return [hit.text for hit in browser.find_elements("css selector", "#hits li")]


def test_nothing_but_the_file_is_requested(browser, page):
    requests = [
        json.loads(entry["message"])["message"]
        for entry in browser.get_log("performance")
    ]
    requested = [
        request["params"]["request"]["url"]
        for request in requests
        if request["method"] == "Network.requestWillBeSent"
    ]

    assert [url for url in requested if not url.startswith("chrome")] == [page.as_uri()]
    assert browser.get_log("browser") == []


def test_no_text_runs(browser, page):
    assert browser.execute_script("return window.broken") is None
    assert browser.find_element("tag name", "h1").text == ATTACKS[1]
    assert browser.execute_script("return document.images.length") == 0
    row = browser.find_element("css selector", "#clusters .named")
    assert row.text == "<b onclick=1>fruit"


def test_the_policy_stops_a_foreign_script(browser, page, tmp_path):
    changed = tmp_path / "changed.html"
    foreign = "<script>window.broken = 9</script></body>"
    changed.write_text(page.read_text("utf-8").replace("</body>", foreign), "utf-8")

    open_report(browser, changed)

    assert browser.execute_script("return window.broken") is None
    assert "Content Security Policy" in str(browser.get_log("browser"))
    open_report(browser, page)


def test_search_finds_texts_and_marks_them(browser, page):
    assert search(browser, "ENGINE 12") == "4 texts"

    hits = shown_hits(browser)
    assert [hit.splitlines()[-1] for hit in hits] == [
        f"engine wheel number {row}" for row in (12, 112, 122, 127)
    ]
    marks = browser.find_elements("css selector", "#hits li:first-child mark")
    assert [mark.text for mark in marks] == ["engine", "12"]

    assert search(browser, "<script>") == "3 texts"
    browser.find_element("id", "clear").click()
    assert browser.find_element("id", "found").text == ""


def test_hovering_a_point_shows_its_text(browser, page):
    from selenium.webdriver import ActionChains

    search(browser, "galaxy number 18")
    browser.find_element("css selector", "#hits button").click()
    chosen = shown_hits(browser)[0].splitlines()[-1]
    canvas = browser.find_element("id", "map")
    away = ActionChains(browser, duration=0)
    away.move_to_element_with_offset(
        canvas, 0, canvas.size["height"] // 2 - 3
    ).perform()
    wait_until(browser, "document.getElementById('tip').hidden")

    ActionChains(browser, duration=0).move_to_element(canvas).perform()

    wait_until(browser, "!document.getElementById('tip').hidden")
    shown = browser.find_element("id", "tip").text
    assert chosen in shown
    assert "row 18" in shown
    browser.find_element("id", "clear").click()


def test_a_cluster_of_the_table_is_shown_alone(browser, page):
    browser.execute_script("document.querySelector('#clusters td button').click()")

    found = wait_until(browser, "document.getElementById('found').textContent")
    assert found.startswith("40 texts in 0")
    chosen = browser.find_elements("css selector", "#clusters tr.chosen")
    assert len(chosen) == 1
    browser.find_element("id", "clear").click()


def test_the_table_sorts_with_noise_last(browser, page):
    heads = browser.find_elements("css selector", "#clusters th button")
    by_name = {head.text: head for head in heads}
    assert {"classes", "over time"} < set(by_name)

    by_name["name"].click()

    cells = browser.find_elements("css selector", "#clusters .named")
    names = [cell.text for cell in cells]
    assert names[-1] == "noise"
    assert names[:-1] == sorted(names[:-1], key=str.casefold)
    by_name["name"].click()
    head = browser.find_element("css selector", '#clusters th[data-key="name"]')
    assert head.get_attribute("aria-sort") == "descending"


def test_the_map_moves_between_projections(browser, page):
    pressed = '#views button[aria-pressed="true"]'
    assert browser.find_element("css selector", pressed).text == "t-SNE"

    browser.find_elements("css selector", "#views button")[1].click()

    assert browser.find_element("css selector", pressed).text == "PCA"
    assert browser.find_element("id", "map-note").text.startswith("PCA")


def test_a_narrow_window_does_not_scroll_sideways(browser, page):
    size = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    wide = browser.execute_script("return document.documentElement.scrollWidth")

    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 360
