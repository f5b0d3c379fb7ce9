"""Time from a move of the pointer over the map of a report to the frame that shows it.

    python examples/benchmarks/report_hover.py [--texts N] [--moves N] [--file F]

Writes a report of synthetic texts of nine words in 100 clusters, or opens F, in
Chromium without a graphics card, and moves the pointer to random places. A time runs
from the event's own time stamp to the end of the first frame after it, in which the
text under the pointer and the ring around its point are drawn. Printed are the moves,
those that showed a text, and the median, the 95th percentile and the greatest time of
these, in milliseconds. Needs chromium, chromedriver and selenium.
"""

import argparse
import pathlib
import tempfile

import numpy as np
from selenium import webdriver

from deepclust.reporting import write_report

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,1000")
LISTEN = """
window.times = [];
document.getElementById("map").addEventListener("pointermove", (event) => {
  requestAnimationFrame(() => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => window.times.push(performance.now() - event.timeStamp);
    port2.postMessage(0);
  });
});
const box = document.getElementById("map").getBoundingClientRect();
return [box.left, box.top, box.width, box.height];
"""


def synthetic_report(n_texts, path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 100, n_texts)
    words = np.array([f"word{i}" for i in range(5_000)])
    chosen = words[labels[:, None] * 50 + rng.integers(0, 50, (n_texts, 9))]
    X = rng.normal(size=(100, 16))[labels] * 3 + rng.normal(size=(n_texts, 16))
    texts = [" ".join(row) for row in chosen]
    return write_report(None, texts, path, labels=labels, embeddings=X)


def measure(path, n_moves):
    """Return the times of the moves, ms, and whether each showed a text."""
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    rng, shown = np.random.default_rng(0), []
    with webdriver.Chrome(options=options) as chrome:
        chrome.get(path.resolve().as_uri())
        while not chrome.execute_script(
            "return document.documentElement.dataset.ready"
        ):
            pass
        left, top, width, height = chrome.execute_script(LISTEN)
        for x, y in rng.uniform(0.1, 0.9, (n_moves, 2)):
            place = {"x": left + x * width, "y": top + y * height}
            chrome.execute_cdp_cmd(
                "Input.dispatchMouseEvent", {"type": "mouseMoved", **place}
            )
            shown.append(
                chrome.execute_script("return !document.getElementById('tip').hidden")
            )
        return np.array(chrome.execute_script("return window.times")), np.array(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--moves", type=int, default=1_000)
    parser.add_argument("--file", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file
        if path is None:
            path = synthetic_report(options.texts, pathlib.Path(folder) / "r.html")
        times, shown = measure(path, options.moves)
        size = path.stat().st_size / 1e6
    print(f"{size:.1f} MB, {len(times)} moves, {shown.sum()} showed a text")
    times = times[shown]
    middle, high = np.percentile(times, (50, 95))
    print(f"median {middle:.1f}, 95 % {high:.1f}, greatest {times.max():.1f} ms")


if __name__ == "__main__":
    main()
