"""Clusters as bars and tables: sizes, classes, likeness, course over time."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, column_or_1d

from deepclust.plotting._canvas import (
    BAR_COLOUR,
    HEAT,
    NOISE,
    NOISE_COLOUR,
    Names,
    bars,
    name_of,
    new_axes,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_class_table", "plot_cluster_sizes", "plot_similarity"]

_LEAST_WRITTEN = 0.1


def plot_cluster_sizes(
    labels: Any,
    *,
    names: Names = None,
    max_clusters: int = 80,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the number of texts of each cluster, the largest on top, noise last.

    Parameters
    ----------
    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.

    names : mapping of label to str, or sequence of str, default=None
        What to write at the clusters; their numbers when None.

    max_clusters : int, default=80
        Smaller clusters are summed up in one bar.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Examples
    --------
    >>> from deepclust.plotting import plot_cluster_sizes
    >>> ax = plot_cluster_sizes([0, 0, 1, -1], names=["flowers", "trees"])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['flowers', 'trees', 'noise']
    """
    counts = Counter(column_or_1d(labels).tolist())
    n_noise = counts.pop(NOISE, 0)
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    rows = [(name_of(names, c), n, BAR_COLOUR) for c, n in ranked[:max_clusters]]
    rest = ranked[max_clusters:]
    if rest:
        n_rest = sum(n for _, n in rest)
        rows.append((f"{len(rest)} smaller clusters", n_rest, BAR_COLOUR))
    if n_noise:
        rows.append(("noise", n_noise, NOISE_COLOUR))
    ax = bars(rows, ax)
    ax.set(xlabel="texts", title=f"{len(counts)} clusters")
    return ax


def plot_class_table(
    labels: Any,
    classes: Any,
    *,
    names: Names = None,
    max_clusters: int = 80,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw which known classes the texts of each cluster belong to.

    Parameters
    ----------
    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.

    classes : array-like of shape (n_docs,)
        Known class of each text.

    names : mapping of label to str, or sequence of str, default=None
        What to write at the clusters; their numbers when None.

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
    A row is a cluster, the largest on top, noise below; darkness is the share of its
    texts in each class. Classes stand in the order of the clusters that hold most of
    them, so that a good clustering shows a diagonal. In a small table the numbers of
    texts are written.

    Examples
    --------
    >>> from deepclust.plotting import plot_class_table
    >>> ax = plot_class_table([0, 0, 0, 1, -1], ["b", "b", "a", "a", "a"])
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['b', 'a']
    """
    labels, classes = column_or_1d(labels), column_or_1d(classes)
    if len(labels) != len(classes):
        raise ValueError(
            "plot_class_table needs one class a label. Received: "
            f"{len(labels)} labels and {len(classes)} classes."
        )
    clusters = _by_size(labels, max_clusters)
    if (labels == NOISE).any():
        clusters.append(NOISE)
    kinds, codes = np.unique(classes, return_inverse=True)
    counts = np.array(
        [np.bincount(codes[labels == c], minlength=len(kinds)) for c in clusters]
    ).reshape(len(clusters), len(kinds))
    of_clusters = counts[: len(clusters) - (NOISE in clusters)]
    most = of_clusters.max(axis=0, initial=0)
    holder = np.full(len(kinds), len(clusters))  # of classes that are noise alone
    if len(of_clusters):
        holder = np.where(most > 0, of_clusters.argmax(axis=0), holder)
    order = np.lexsort((-most, holder))
    counts = counts[:, order]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [_cluster_name(names, c) for c in clusters]
    columns = [shortened(str(kind), 24) for kind in kinds[order]]
    cells = [[f"{n:,}" if n else "" for n in row] for row in counts.tolist()]
    ax = _heat_map(shares, rows, columns, cells, ax, "share of the cluster's texts")
    ax.set_title("Classes of each cluster's texts")
    return ax


def plot_similarity(
    embeddings: Any,
    labels: Any,
    *,
    names: Names = None,
    max_clusters: int = 80,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how much alike the clusters are: the cosine between their means.

    Parameters
    ----------
    embeddings : array-like of shape (n_docs, embedding_dim)

    labels : array-like of shape (n_docs,)
        Cluster of each text; noise (−1) is left out.

    names : mapping of label to str, or sequence of str, default=None
        What to write at the clusters; their numbers when None.

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
    Clusters stand in the leaf order of average linkage, so that like ones are
    neighbours: dark squares along the diagonal are groups of clusters. The darkest blue
    is the largest cosine between two clusters; negative ones are white.

    Examples
    --------
    >>> from deepclust.plotting import plot_similarity
    >>> X = [[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]
    >>> ax = plot_similarity(X, [0, 1, 2], names=["cars", "trees", "buses"])
    >>> sorted(label.get_text() for label in ax.get_yticklabels())
    ['buses', 'cars', 'trees']
    """
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    labels = column_or_1d(labels)
    if len(X) != len(labels):
        raise ValueError(
            "plot_similarity needs one label an embedding. Received: "
            f"{len(X)} embeddings and {len(labels)} labels."
        )
    clusters = _by_size(labels, max_clusters)
    means = np.array([X[labels == c].mean(axis=0) for c in clusters])
    means = means.reshape(len(clusters), X.shape[1])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    order = _leaf_order(means)
    alike = np.clip(means[order] @ means[order].T, -1, 1)
    rows = [_cluster_name(names, clusters[i]) for i in order]
    np.fill_diagonal(alike, np.nan)
    cells = [
        [f"{value:.1f}" if value >= _LEAST_WRITTEN else "" for value in row]
        for row in alike.tolist()
    ]
    ax = _heat_map(alike, rows, rows, cells, ax, "cosine of the clusters' means")
    ax.set_title("Which clusters are alike")
    return ax


def _by_size(labels: np.ndarray, max_clusters: int) -> list[Any]:
    """Return the largest clusters, the largest first, without noise."""
    counts = Counter(labels.tolist())
    counts.pop(NOISE, None)
    return [c for c, _ in sorted(counts.items(), key=lambda item: -item[1])][
        :max_clusters
    ]


def _cluster_name(names: Names, cluster: Any) -> str:
    is_noise = isinstance(cluster, int) and cluster == NOISE
    return "noise" if is_noise else shortened(name_of(names, cluster), 28)


def _leaf_order(means: np.ndarray) -> np.ndarray:
    if len(means) < 3:
        return np.arange(len(means))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import pdist

    distances = np.maximum(pdist(means, "cosine"), 0.0)
    return leaves_list(linkage(distances, "average", optimal_ordering=True))


def _heat_map(
    values: np.ndarray,
    rows: list[str],
    columns: list[str],
    cells: list[list[str]],
    ax: "Axes | None",
    what: str,
) -> "Axes":
    """Draw a table of values from 0; with few rows and columns, its cells."""
    size = [np.clip(2.5 + 0.16 * len(side), 4.5, 16) for side in (columns, rows)]
    ax = new_axes(ax, (float(size[0]) + 2.0, float(size[1])))
    finite = values[np.isfinite(values)]
    top = max(float(finite.max(initial=0.0)), 0.1)
    image = ax.imshow(values, cmap=HEAT, vmin=0, vmax=top, aspect="auto")
    small = 8 if max(len(rows), len(columns)) <= 40 else 6
    ax.set_xticks(range(len(columns)), columns, rotation=90, fontsize=small)
    ax.set_yticks(range(len(rows)), rows, fontsize=small)
    ax.tick_params(length=0)
    ax.spines[:].set_color("#dddddd")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.6, pad=0.02)
    bar.set_label(what)
    bar.outline.set_visible(False)  # type: ignore[operator]
    if len(rows) <= 24 and len(columns) <= 24:
        for i, row in enumerate(cells):
            for j, cell in enumerate(row):
                colour = "white" if values[i, j] > 0.6 * top else "black"
                ax.text(j, i, cell, ha="center", va="center", fontsize=7, color=colour)
    return ax
