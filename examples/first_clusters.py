"""First clusters: texts in; a table, a map and a score out.

    python examples/first_clusters.py

The texts are the docstrings of the installed Python packages. Their sub-packages are
used only to score the clusters.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from deepclust import make_text_clusterer
from deepclust.datasets import load_docstrings
from deepclust.inspection import cluster_table
from deepclust.plotting import plot_map


def main(
    n_texts: int = 3_000, picture: str | None = "first_clusters.png", **parameters
):
    """Cluster `n_texts` docstrings; `parameters` are set on the pipeline."""
    corpus = load_docstrings()
    rows = np.linspace(0, len(corpus.data) - 1, n_texts).astype(int)
    texts = [corpus.data[row] for row in rows]
    packages = corpus.target[rows]

    # One call: clean, vectorize, train the network, cluster. No labels, no number of
    # clusters. -1 is noise.
    pipe = make_text_clusterer(random_state=0).set_params(**parameters)
    pipe.fit(texts)

    # The topics of the clusters.
    table = cluster_table(texts, pipe)
    print(table)

    # A new text gets the same cluster alone and in a batch.
    new = ["Compute the eigenvalues of a symmetric matrix.", "Send an email message."]
    print("new texts:", pipe.predict(new))

    # Noise is assigned to the nearest cluster.
    embeddings, labels = pipe[:-1].transform(texts), pipe.labels_
    everywhere = pipe.set_params(cluster__noise="nearest").predict(texts)
    agreement = adjusted_mutual_info_score(packages, everywhere)
    print(f"agreement with the sub-packages (AMI): {agreement:.3f}")

    if picture is not None:
        ax = plot_map(embeddings, labels, projection="tsne", max_points=2_000)
        ax.figure.savefig(picture)
    return table


if __name__ == "__main__":
    main()
