"""Cosine similarity of the clusters."""

from typing import Any

import numpy as np
from sklearn.utils import check_array

from deepclust.metrics._pairwise import unit_rows
from deepclust.plotting._axes import (
    Axes,
    at_layer,
    check_lengths,
    cluster_name,
    draw_matrix,
    rank_clusters,
    refuse_estimators,
)

__all__ = ["plot_similarity"]

_LEAST_WRITTEN = 0.1


def plot_similarity(
    embeddings: Any,
    labels: Any,
    *,
    names: Any = None,
    layer: int | None = None,
    max_clusters: int = 80,
    ax: Axes | None = None,
) -> Axes:
    """Draw the cosine similarity of the clusters' means.

    Parameters
    ----------
    embeddings : array-like of shape (n_docs, embedding_dim)

    labels : array-like of shape (n_docs,)
        Cluster of each text; noise (−1) is left out.
        Or a fitted pipeline or clusterer, for its `labels_` and names.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters; their numbers when None.

    layer : int, default=None
        Column of `labels` of shape (n_docs, n_layers), such as `DBSCAN.layers_`; the
        names are then a sequence with one entry a layer.

    max_clusters : int, default=80
        The largest clusters are drawn.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If the lengths differ or the embeddings are not finite.

    Notes
    -----
    Clusters are in the leaf order of average linkage [1]_, so that similar ones are
    neighbors: dark squares along the diagonal are groups of clusters. The darkest blue
    is the largest cosine of two clusters; negative ones are white.

    References
    ----------
    .. [1] Z. Bar-Joseph, D. K. Gifford, T. S. Jaakkola, "Fast optimal leaf ordering for
       hierarchical clustering", Bioinformatics 17, 2001.
       :doi:`10.1093/bioinformatics/17.suppl_1.S22`

    Examples
    --------
    >>> from deepclust.plotting import plot_similarity
    >>> X = [[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]
    >>> ax = plot_similarity(X, [0, 1, 2], names=["cars", "trees", "buses"])
    >>> sorted(label.get_text() for label in ax.get_yticklabels())
    ['buses', 'cars', 'trees']
    """
    refuse_estimators(embeddings)
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    labels, names = at_layer(labels, names, layer)
    check_lengths("plot_similarity", embeddings=X, labels=labels)
    clusters = [cluster for cluster, _ in rank_clusters(labels)[:max_clusters]]
    means = np.array([X[labels == cluster].mean(axis=0) for cluster in clusters])
    means = unit_rows(means.reshape(len(clusters), X.shape[1]))
    order = np.arange(len(means))
    if len(means) > 2:  # squared distances of unit rows are 2 - 2 cosine
        from scipy.cluster.hierarchy import leaves_list, linkage

        order = leaves_list(linkage(means, "average", "sqeuclidean", True))
    similarity = np.clip(means[order] @ means[order].T, -1, 1)
    np.fill_diagonal(similarity, np.nan)
    rows = [cluster_name(names, clusters[place]) for place in order]
    cells = [
        [f"{value:.1f}" if value >= _LEAST_WRITTEN else "" for value in row]
        for row in similarity.tolist()
    ]
    label = "cosine of the clusters' means"
    ax = draw_matrix(similarity, rows, rows, label, ax, cells=cells)
    ax.set_title("Similarity of the clusters")
    return ax
