"""Check built pages with axe in a headless browser, at desktop and phone width.

python docs/check_accessibility.py docs/_build/html

No page of PAGES may break a rule of axe, or be wider than the window. Passed over, with
a line that says so, where Chromium or its driver is missing.
"""

import shutil
import sys
from importlib.resources import files
from pathlib import Path

PAGES = (
    *("index.html", "walks.html"),
    *("guide/index.html", "guide/command_line.html", "guide/languages.html"),
    *("gallery/index.html", "gallery/plot_first_clusters.html"),
    "api/clustering.html",
)
WIDTHS = {"desktop": 1280, "phone": 390}
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run().then((result) => done(result.violations));
"""
OVERHANG = "return document.documentElement.scrollWidth - window.innerWidth"


def problems(browser, page: Path, script: str) -> list[str]:
    """Return what is wrong with a page, at every width."""
    found = []
    for name, width in WIDTHS.items():
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(page.resolve().as_uri())
        browser.execute_script(script)
        for broken in browser.execute_async_script(RUN_AXE):
            found.append(f"{name}: {broken['id']}: {broken['nodes'][0]['html'][:200]}")
        if (overhang := browser.execute_script(OVERHANG)) > 0:
            found.append(f"{name}: {overhang} pixels wider than the window")
    return found


def find_browser() -> tuple[str, str] | None:
    """Return the programs of the browser and its driver, None if one is missing."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (program, driver) if program and driver else None


def main(folder: Path) -> int:
    """Print the problems of all pages; return their number."""
    if (found := find_browser()) is None:
        print("accessibility: passed over, there is no chromium with chromedriver")
        return 0
    from selenium import webdriver

    program, driver = found
    script = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in FLAGS:
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=driver)
    n_problems = 0
    with webdriver.Chrome(options=options, service=service) as browser:
        browser.set_script_timeout(120)
        for name in PAGES:
            for problem in problems(browser, folder / name, script):
                print(f"{name}, {problem}")
                n_problems += 1
    print(f"{len(PAGES)} pages in axe, {n_problems} problems")
    return n_problems


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
