"""The page in a browser: it works, makes no request, and runs no text."""

import csv
import io
import json
import shutil
import time
from importlib.resources import files

import numpy as np
import pytest

from deepclust.exceptions import TextWarning
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
    """The report of the texts; heading, names, classes, dates, columns are attacks."""
    texts, labels, X = make_texts()
    dates = [f"{2000 + row // 20}-01-01" for row in range(199)]
    with pytest.warns(TextWarning, match="1 of 200 cells hold no date"):
        path = write_report(
            None,
            texts,
            tmp_path_factory.mktemp("report") / "r.html",
            labels=labels,
            embeddings=X,
            names={0: "<b onclick=1>fruit"},
            y=[ATTACKS[row % 5] for row in range(200)],
            dates=[*dates, ATTACKS[1]],
            layers=np.column_stack((np.where(labels < 0, -1, labels // 2), labels)),
            columns={ATTACKS[2]: [ATTACKS[row % 2] for row in range(200)]},
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


def choose(browser, control, value):
    browser.execute_script(
        "const c = document.getElementById(arguments[0]); c.value = arguments[1];"
        "c.dispatchEvent(new Event('change'))",
        *(control, value),
    )


def names_on_map(browser):
    """Return the layer of the names on the map, and x, y and half width of each."""
    time.sleep(0.2)  # two frames
    canvas = browser.find_element("id", "map")
    layer = int(canvas.get_attribute("data-layer"))
    return layer, json.loads(canvas.get_attribute("data-names"))


def test_a_map_of_another_size_is_drawn_before_it_is_shown(browser, page):
    """Without a frame in between, in which it would be empty."""
    open_report(browser, page)
    time.sleep(0.2)  # two frames
    browser.execute_script(
        "window.requestAnimationFrame = () => 0;"
        "window.before = document.getElementById('map').width;"
        "document.getElementById('map').style.width = '321px';"
    )
    wait_until(browser, "document.getElementById('map').width !== window.before")
    n_drawn = browser.execute_script(
        "const c = document.getElementById('map');"
        "return c.getContext('2d').getImageData(0, 0, c.width, c.height)"
        ".data.filter(Boolean).length"
    )
    open_report(browser, page)
    assert n_drawn > 100


def test_names_get_finer_with_the_zoom(browser, page):
    browser.find_element("id", "reset").click()
    assert names_on_map(browser)[0] == 0
    for _ in range(3):
        browser.find_element("id", "zoom-in").click()
    assert names_on_map(browser)[0] == 1
    choose(browser, "names", "0")
    assert names_on_map(browser)[0] == 0
    choose(browser, "names", "zoom")
    browser.find_element("id", "reset").click()


def test_the_tree_has_the_colors_of_the_map(browser, page):
    colors = (
        "return [...document.querySelectorAll('#tree > li')].map((item) => "
        "[...item.querySelectorAll('.swatch')].map((dot) => dot.style.background))"
    )
    for toggle in browser.find_elements("css selector", "#tree > li > button.twig"):
        if toggle.get_attribute("aria-expanded") == "false":
            toggle.click()

    *broad, _noise = browser.execute_script(colors)

    assert len(broad) == 2
    assert all(top in parts for top, *parts in broad)


def test_few_clusters_are_named_from_afar_beside_the_broad_ones(browser, page):
    browser.find_element("id", "reset").click()

    assert len(names_on_map(browser)[1]) > 2

    choose(browser, "names", "0")
    assert len(names_on_map(browser)[1]) == 2
    choose(browser, "names", "zoom")


def test_zooming_into_an_empty_place_goes_on_at_the_nearest_point(browser, page):
    from selenium.webdriver import Keys

    browser.find_element("id", "reset").click()
    browser.find_element("id", "map").send_keys(*[Keys.ARROW_RIGHT] * 40)

    browser.find_element("id", "zoom-in").click()

    browser.find_element("id", "in-view").click()
    found = browser.find_element("id", "found").text
    browser.find_element("id", "clear").click()
    browser.find_element("id", "reset").click()
    assert int(found.split()[0]) > 0


def test_no_name_is_cut_at_an_edge(browser, page):
    from selenium.webdriver import Keys

    canvas = browser.find_element("id", "map")
    browser.find_element("id", "reset").click()
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_LEFT):
        for _ in range(12):
            canvas.send_keys(key)
            wide, high = browser.execute_script(
                "return [arguments[0].clientWidth, arguments[0].clientHeight]", canvas
            )
            for x, y, half in names_on_map(browser)[1]:
                assert half <= x <= wide - half
                assert 10 <= y <= high - 10
    browser.find_element("id", "reset").click()


def test_the_tree_opens_and_marks_a_broad_cluster(browser, page):
    toggles = browser.find_elements("css selector", "#tree > li > button.twig")
    assert len(toggles) == 2
    is_open = toggles[0].get_attribute("aria-expanded")
    toggles[0].click()
    assert toggles[0].get_attribute("aria-expanded") != is_open
    toggles[0].click()

    browser.find_elements("css selector", "#tree > li > .entry")[0].click()

    assert browser.find_element("id", "found").text.startswith("80 texts in")
    browser.find_element("id", "clear").click()
    assert browser.find_element("id", "tree").is_displayed()


def test_a_selection_is_saved_without_formulas(browser, page, tmp_path):
    from selenium.webdriver import ActionChains

    settings = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", settings)
    browser.find_element("id", "reset").click()
    browser.find_element("id", "lasso").click()
    canvas = browser.find_element("id", "map")
    wide, high = canvas.size["width"] // 2 - 8, canvas.size["height"] // 2 - 8
    drag = ActionChains(browser, duration=0)
    drag.move_to_element_with_offset(canvas, -wide, -high).click_and_hold()
    for x, y in ((wide, -high), (wide, high), (-wide, high)):
        drag.move_to_element_with_offset(canvas, x, y)
    drag.release().perform()
    browser.find_element("id", "lasso").click()
    assert browser.find_element("id", "found").text.startswith("200 texts selected")

    browser.find_element("id", "save").click()

    path = tmp_path / "texts.csv"
    for _ in range(100):
        if path.exists():
            break
        time.sleep(0.1)
    saved = io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")
    rows = list(csv.reader(saved))
    assert rows[0][:3] == ["row", "cluster", "name"]
    assert rows[0][-1] == "text"
    assert len(rows) == 201
    assert rows[1][-1] == ATTACKS[0]
    browser.find_element("id", "clear").click()
    guarded = browser.execute_script("return parts.csv([['=1+1', 'a;=b', 2, 'x\"y']])")
    assert guarded == '\ufeff"\'=1+1","a;\'=b",2,"x""y"\r\n'


def test_points_are_colored_by_a_column(browser, page):
    select = browser.find_element("id", "color-by")
    titles = [option.text for option in select.find_elements("tag name", "option")]
    assert titles == ["cluster", "layer 0 (2 clusters)", "class", "date", ATTACKS[2]]

    choose(browser, "color-by", "4")

    legend = browser.find_elements("css selector", "#legend li")
    assert [one.text for one in legend] == [
        attack[:39] + "…" if len(attack) > 40 else attack
        for attack in sorted(ATTACKS[:2])
    ]
    assert browser.execute_script("return window.broken") is None
    choose(browser, "color-by", "0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser, page, scheme):
    pytest.importorskip("axe_core_python")
    script = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    search(browser, "galaxy")
    browser.set_script_timeout(120)
    browser.execute_script(script)

    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run().then((result) => done(result.violations));"
    )

    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.find_element("id", "clear").click()
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_arabic_texts_are_read_from_the_right(browser, tmp_path):
    _, labels, X = make_texts()
    arabic = [f"نص {row} عن كرة القدم." for row in range(200)]
    path = write_report(
        None,
        arabic,
        tmp_path / "r.html",
        labels=labels,
        embeddings=X,
        names={0: "كرة القدم"},
        title="تقرير",
    )

    open_report(browser, path)

    direction = "getComputedStyle(document.querySelector(arguments[0])).direction"
    for place in ("h1", "td.named", "#clusters summary", "#tree span[dir]"):
        assert browser.execute_script(f"return {direction}", place) == "rtl", place
    assert browser.execute_script(f"return {direction}", "#summary") == "ltr"


def test_of_many_clusters_those_of_a_layer_with_few_are_named_from_afar(
    browser, tmp_path
):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 6)
    texts = [f"topic{label} word{label // 5} number {label}" for label in labels]
    X = 9 * np.eye(40)[labels] + 6 * np.eye(40)[labels // 5]
    layers = np.column_stack((labels // 20, labels // 5, labels))
    path = write_report(
        None,
        texts,
        tmp_path / "r.html",
        labels=labels,
        embeddings=X + rng.normal(size=X.shape),
        layers=layers,
    )

    open_report(browser, path)

    layer, names = names_on_map(browser)
    assert layer == 0
    assert 2 < len(names) <= 10  # two broad ones, and those of the layer of eight
