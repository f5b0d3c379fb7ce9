"""Contingency table of clusters and known classes."""

from typing import Any

import numpy as np
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import column_or_1d

from deepclust.plotting._axes import (
    Axes,
    at_layer,
    check_lengths,
    cluster_name,
    draw_matrix,
    rank_clusters,
    write,
)
from deepclust.sequences import NOISE

__all__ = ["plot_class_table"]


def plot_class_table(
    labels: Any,
    classes: Any,
    *,
    names: Any = None,
    layer: int | None = None,
    max_clusters: int = 80,
    ax: Axes | None = None,
) -> Axes:
    """Draw the contingency table of clusters and known classes.

    Parameters
    ----------
    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.
        Or a fitted pipeline or clusterer, for its `labels_` and names.

    classes : array-like of shape (n_docs,)
        Known class of each text.

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
        If the lengths differ.

    Notes
    -----
    A row is a cluster, the largest on top, noise at the bottom; shades show the share
    of its texts in each class. Classes are ordered by the cluster that holds most of
    their texts, so that a good clustering shows a diagonal. A small table shows counts.

    Examples
    --------
    >>> from deepclust.plotting import plot_class_table
    >>> ax = plot_class_table([0, 0, 0, 1, -1], ["b", "b", "a", "a", "a"])
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['b', 'a']
    """
    labels, names = at_layer(labels, names, layer)
    classes = column_or_1d(classes)
    check_lengths("plot_class_table", labels=labels, classes=classes)
    clusters = [cluster for cluster, _ in rank_clusters(labels)[:max_clusters]]
    n_clusters = len(clusters)
    if NOISE in labels:
        clusters.append(NOISE)
    kinds, found = np.unique(classes), np.unique(labels)
    counts = contingency_matrix(labels, classes)[np.searchsorted(found, clusters)]
    # the last row holds the classes that are in no cluster
    padded = np.vstack((counts[:n_clusters], np.full(len(kinds), 0.5)))
    order = np.lexsort((-padded.max(axis=0), padded.argmax(axis=0)))
    counts = counts[:, order]
    ax = draw_matrix(
        counts / np.maximum(counts.sum(axis=1, keepdims=True), 1),
        [cluster_name(names, cluster) for cluster in clusters],
        [write(kind, 24) for kind in kinds[order]],
        "share of the cluster's texts",
        ax,
        cells=[[f"{n:,}" if n else "" for n in row] for row in counts.tolist()],
    )
    ax.set_title("Classes of each cluster's texts")
    return ax
