"""Number of texts of each cluster."""

from typing import Any

from deepclust.plotting._axes import (
    BAR_COLOR,
    NOISE_COLOR,
    Axes,
    at_layer,
    cluster_name,
    draw_bars,
    rank_clusters,
)

__all__ = ["plot_cluster_sizes"]


def plot_cluster_sizes(
    labels: Any,
    *,
    names: Any = None,
    layer: int | None = None,
    max_clusters: int = 80,
    ax: Axes | None = None,
) -> Axes:
    """Draw the number of texts of each cluster, the largest on top, noise last.

    Parameters
    ----------
    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.
        Or a fitted pipeline or clusterer, for its `labels_` and names.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters; their numbers when None.

    layer : int, default=None
        Column of `labels` of shape (n_docs, n_layers), such as `DBSCAN.layers_`; the
        names are then a sequence with one entry a layer.

    max_clusters : int, default=80
        Smaller clusters share one bar.

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
    labels, names = at_layer(labels, names, layer)
    ranked = rank_clusters(labels)
    sizes = [n for _, n in ranked]
    bars = [(cluster_name(names, c), n, BAR_COLOR) for c, n in ranked[:max_clusters]]
    if len(ranked) > max_clusters:
        name = f"{len(ranked) - max_clusters} smaller clusters"
        bars.append((name, sum(sizes[max_clusters:]), BAR_COLOR))
    if len(labels) > sum(sizes):
        bars.append(("noise", len(labels) - sum(sizes), NOISE_COLOR))
    ax = draw_bars(bars, ax)
    ax.set(xlabel="texts", title=f"{len(ranked)} clusters")
    return ax
