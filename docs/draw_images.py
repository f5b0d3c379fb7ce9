"""Draw the pictures of the guide: `python docs/draw_images.py`, about three minutes.

The texts are those of `deepclust.datasets.load_docstrings`, so the pictures depend on
the installed packages. The screenshot of the report needs `chromium` and `chromedriver`
beside the development packages.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import matplotlib.pyplot as plt
from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait
from sklearn.base import clone

from deepclust import make_text_clusterer, plotting
from deepclust.datasets import load_docstrings
from deepclust.inspection import cluster_table
from deepclust.reporting import write_report

FOLDER = Path(__file__).parent / "images"
PROGRAMS = [shutil.which(name) for name in ("chromium", "chromedriver")]
N_COLORS = 192  # of the palette


def save(name, ax, dpi=80):
    """Write a picture with a palette, a third of the bytes."""
    path = FOLDER / f"{name}.png"
    figure = ax.figure.get_figure(root=True)
    figure.savefig(path, dpi=dpi)
    plt.close(figure)
    shrink(path)


def shrink(path):
    """Give a picture a palette."""
    Image.open(path).convert("RGB").quantize(N_COLORS, dither=0).save(
        path, optimize=True
    )
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def start_chromium(flag):
    """Return a browser without a window, started with a further flag."""
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS[0]
    for given in ("--headless=new", "--no-sandbox", flag):
        options.add_argument(given)
    service = webdriver.ChromeService(executable_path=PROGRAMS[1])
    return webdriver.Chrome(options=options, service=service)


def open_report(chrome, page):
    """Open a report, and wait until it is drawn."""
    chrome.get(page.as_uri())
    ready = "return document.documentElement.dataset.ready"
    WebDriverWait(chrome, 60).until(lambda chrome: chrome.execute_script(ready))


def take_screenshot(page, path):
    """Take a screenshot of the top of a report after a search."""
    with start_chromium("--window-size=1300,1000") as chrome:
        open_report(chrome, page)
        chrome.find_element("id", "search").send_keys("matrix")
        time.sleep(1)  # the others fade out
        chrome.save_screenshot(str(path))
    shrink(path)


def main():
    if None in PROGRAMS:
        raise SystemExit("chromium or chromedriver is missing: install both.")
    corpus = load_docstrings()
    texts = corpus.data
    pipe = make_text_clusterer(random_state=0)
    labels = pipe.fit_predict(texts)
    cleaned = pipe["clean"].transform(texts)
    embeddings = pipe[:-1].transform(texts)
    table = cluster_table(texts, labels, cleaned=cleaned, embeddings=embeddings)
    names, clusterer = table.names, pipe["cluster"]
    packages = [corpus.target_names[c].split(".")[0] for c in corpus.target]

    few = {"names": names, "max_clusters": 60}
    save(
        "map",
        plotting.plot_map(
            embeddings, labels, names=names, projection="tsne", max_points=4_000
        ),
    )
    save("similarity", plotting.plot_similarity(embeddings, labels, **few))
    save("classes", plotting.plot_class_table(labels, packages, **few))
    save("dendrogram", plotting.plot_dendrogram(clusterer, names=names))
    save("eps_path", plotting.plot_eps_path(clusterer))
    save("model_selection", plotting.plot_model_selection(pipe["encode"]))
    watched = clone(pipe["encode"]).set_params(validation_fraction=0.1)
    watched.fit(pipe[:-2].transform(texts))
    save("training", plotting.plot_training(watched.history_))
    save("words", plotting.plot_word_frequencies(texts, cleaned=cleaned))

    corpus = load_docstrings(packages=("scipy",))
    texts = corpus.data[::3]
    packages = [corpus.target_names[c].removeprefix("scipy.") for c in corpus.target]
    pipe = make_text_clusterer(random_state=0).fit(texts)
    how = {"y": packages[::3], "title": "Docstrings of SciPy"}
    with tempfile.TemporaryDirectory() as folder:
        page = write_report(pipe, texts, Path(folder) / "report.html", **how)
        take_screenshot(page, FOLDER / "report.png")


if __name__ == "__main__":
    main()
