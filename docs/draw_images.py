"""Draw the pictures of the guide: `python docs/draw_images.py`, about two minutes.

The texts are those of `deepclust.datasets.load_docstrings`, so the pictures depend on
the packages that are installed.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import matplotlib.pyplot as plt
from PIL import Image

from deepclust import make_text_clusterer, plotting
from deepclust.datasets import load_docstrings
from deepclust.describing import cluster_table

FOLDER = Path(__file__).parent / "images"
COLOURS = 192  # of the palette: the pictures are mostly white


def save(name, ax, dpi=80):
    """Write a picture with a palette, which takes a third of the bytes."""
    path = FOLDER / f"{name}.png"
    figure = ax.figure.get_figure(root=True)
    figure.savefig(path, dpi=dpi)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(COLOURS, dither=0).save(
        path, optimize=True
    )
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def main():
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
    save("sizes", plotting.plot_cluster_sizes(labels, **few))
    save("similarity", plotting.plot_similarity(embeddings, labels, **few))
    save("classes", plotting.plot_class_table(labels, packages, **few))
    save("dendrogram", plotting.plot_dendrogram(clusterer, names=names))
    save("eps_path", plotting.plot_eps_path(clusterer))
    save("noise", plotting.plot_noise(clusterer))
    save("agreement", plotting.plot_agreement(pipe["encode"]))
    save("training", plotting.plot_training(pipe["encode"].history_))
    save("lengths", plotting.plot_lengths(cleaned))
    save("words", plotting.plot_word_frequencies(texts, cleaned=cleaned))


if __name__ == "__main__":
    main()
