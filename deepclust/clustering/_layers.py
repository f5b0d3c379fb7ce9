"""Nested layers around one flat clustering: broader ones above, finer ones below.

1. Broader layers merge the clusters by average linkage of their means. Of the numbers
   of clusters between a third and two thirds of the layer below, that with a clear gap
   in the linkage heights is taken, or else about three fifths; and so on, up to the
   broadest.
2. Finer layers split the clusters where the density hierarchy does at a smaller radius:
   each part must weigh twice `min_samples`. Of the radii that give at least half as
   many clusters more, the one with the greatest noise-aware silhouette is taken.

Both use the core points alone. All other rows follow their nearest core point, so that
the layers are nested on every row, and a row is noise at all layers or at none.
"""

from collections.abc import Callable, Iterable
from math import ceil
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deepclust.clustering._mutual_reachability import ReachabilityTree
from deepclust.clustering._unique_rows import content_hashes, dense
from deepclust.metrics._noise_aware_silhouette import noise_aware_silhouette
from deepclust.metrics._pairwise import squared_distances

__all__ = [
    "MAX_LAYERS",
    "MIN_PART_WEIGHT",
    "broader_layers",
    "cluster_means",
    "components",
    "finer_layers",
    "in_content_order",
    "nested_around",
    "parts_of_clusters",
    "with_parts",
]

MAX_LAYERS = 6
MAX_FINER_LAYERS = 2
MIN_RATIO = 1.5  # of the numbers of clusters of two neighboring layers
MAX_RATIO = 3  # of a layer and the next broader one, where that is supported
MIN_GAP = 1.01  # ratio of the linkage heights that end and make a layer
CLEAR_GAP = 1.25  # such a ratio, that decides the number; smaller ones differ by seed
MAX_SHARE = 0.9  # of the rows, in one cluster of a broader layer
MAX_MERGED = 2000  # clusters: the linkage takes O(n_clusters²) memory
MIN_PART_WEIGHT = 2  # in units of min_samples
MIN_SILHOUETTE = 0.5  # of a finer layer, in units of that of the layer above


def in_content_order(
    rows: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows and labels so ordered and numbered that no sum depends on the order.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32 or float64

    labels : ndarray of shape (n_rows,), intp
        Not negative.

    Returns
    -------
    order : ndarray of shape (n_rows,), intp
        By content hash.

    rows : ndarray of shape (n_rows, n_features)
        In this order.

    labels : ndarray of shape (n_rows,), intp
        In this order, numbered from 0 by first appearance.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._layers import in_content_order
    >>> X, labels = np.array([[1.0], [2.0], [3.0]]), np.array([5, 5, 7])
    >>> order, rows, numbers = in_content_order(X, labels)
    >>> _, other_rows, other_numbers = in_content_order(X[::-1], labels[::-1])
    >>> bool((rows == other_rows).all() and (numbers == other_numbers).all())
    True
    """
    order = np.argsort(content_hashes(rows), kind="stable")
    return order, rows[order], _numbered(labels[order])


def broader_layers(
    rows: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    relate: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Merge clusters into fewer and fewer, at supported numbers.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32 or float64

    labels : ndarray of shape (n_rows,), intp
        From 0, each number in use.

    weights : ndarray of shape (n_rows,), float64, default=None
        Positive; of how many copies a row is.

    relate : callable, default=None
        Takes the means of the clusters, ndarray of shape (n_clusters, n_features), and
        returns the rows that are merged by their distances. None: the means.

    Returns
    -------
    layers : list of ndarray of shape (n_rows,), intp
        The broadest first; none if there are fewer than 3 or more than 2,000 clusters,
        or no number is supported. None has a cluster of more than 90 % of the rows.

    Raises
    ------
    ValueError
        If `relate` returns no finite row for each cluster.

    Notes
    -----
    Average linkage of the means, after Sokal and Michener (1958). Time and memory
    O(n_clusters²), beside one pass over the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._layers import broader_layers
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0], [20.0], [21.5]])
    >>> broader_layers(X, np.arange(6))
    [array([0, 0, 0, 0, 1, 1]), array([0, 0, 1, 1, 2, 2])]
    """
    from scipy.cluster.hierarchy import linkage  # .1 s, which `load` does not need

    n_clusters = len(np.bincount(labels))
    if not MIN_RATIO * 2 <= n_clusters <= MAX_MERGED:
        return []
    points = cluster_means(rows, labels, weights)
    if relate is not None:
        points = np.asarray(relate(points), dtype=np.float64)
        if (
            points.ndim != 2
            or len(points) != n_clusters
            or not np.isfinite(points).all()
        ):
            raise ValueError(
                "relate must return a finite row for each of the clusters, of shape "
                f"({n_clusters}, any). Received: shape {points.shape}."
            )
    merges = linkage(points, "average")
    heights = np.maximum(merges[:, 2], np.finfo(np.float64).tiny)
    layers: list[np.ndarray] = []
    k = n_clusters
    while int(k / MIN_RATIO) >= 2:
        # Level k is made by the merge to k clusters, and ended by the next one.
        levels = np.arange(int(k / MIN_RATIO), max(2, ceil(k / MAX_RATIO)) - 1, -1)
        gaps = heights[n_clusters - levels] / heights[n_clusters - levels - 1]
        # Without a gap two steps make `MAX_RATIO`: then no number is far from a layer.
        usual = np.abs(np.log(levels * np.sqrt(MAX_RATIO) / k)).argmin()
        k = int(levels[gaps.argmax() if gaps.max() >= CLEAR_GAP else usual])
        layer = _numbered(_cut(merges, k)[labels])
        sizes = np.bincount(layer, weights)
        share = sizes.max() / sizes.sum()
        if gaps.max() >= MIN_GAP and share <= MAX_SHARE:
            layers.insert(0, layer)
    return layers


def finer_layers(
    tree: ReachabilityTree, radii: Iterable[float], rows: np.ndarray, labels: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split clusters where the density hierarchy does.

    Parameters
    ----------
    tree : ReachabilityTree

    radii : iterable of float
        Cuts to consider.

    rows : ndarray of shape (n_points, n_features), float32 or float64
        The points of the tree.

    labels : ndarray of shape (n_points,), intp
        Their clusters; -1 for points that are no core points.

    Returns
    -------
    layers : list of (means, parents)
        The broader first: ndarray of shape (n_parts, n_features), float64, the mean of
        each part, and ndarray of shape (n_parts,), intp, its label in `labels` or, in
        the second layer, its part of the first. See `with_parts`.

    Notes
    -----
    O(n_points) time and memory a radius, and a silhouette for each that gives enough
    clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._layers import finer_layers, with_parts
    >>> from deepclust.clustering._mutual_reachability import reachability_trees
    >>> from deepclust.clustering._unique_rows import Points
    >>> X = np.array([[0.0], [1.0], [5.0], [6.0], [40.0], [41.0], [45.0], [46.0]])
    >>> tree = reachability_trees(Points(X, np.ones(8)), [1])[0]
    >>> (layer,) = finer_layers(tree, [1.0], X, np.repeat([0, 1], 4))
    >>> with_parts(X, np.repeat([0, 1], 4), *layer)
    array([0, 0, 1, 1, 2, 2, 3, 3])
    """
    core = np.flatnonzero(labels >= 0)
    order = core[np.argsort(content_hashes(rows[core]), kind="stable")]
    rows, weights, labels = rows[order], tree.weights[order], labels[order]
    least = MIN_PART_WEIGHT * tree.min_samples
    splits = [components(tree, radius)[order] for radius in radii]
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    while len(layers) < MAX_FINER_LAYERS and len(labels):
        n_clusters = len(np.unique(labels))
        best = MIN_SILHOUETTE * noise_aware_silhouette(rows, labels, weights)
        found = None
        for split in splits:
            means, parents = parts_of_clusters(rows, weights, labels, split, least)
            if len(parents) < MIN_RATIO * n_clusters:
                continue
            parts = with_parts(rows, labels, means, parents)
            silhouette = noise_aware_silhouette(rows, parts, weights)
            if silhouette > best:
                best, found = silhouette, (means, parents, parts)
        if found is None:
            break
        layers.append(found[:2])
        labels = found[2]
    return layers


def with_parts(
    rows: np.ndarray, labels: np.ndarray, means: np.ndarray, parents: np.ndarray
) -> np.ndarray:
    """Return the part of each row: that of the nearest mean in its own cluster.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32 or float64

    labels : ndarray of shape (n_rows,), intp

    means : ndarray of shape (n_parts, n_features), float64

    parents : ndarray of shape (n_parts,), intp
        The cluster of each part.

    Returns
    -------
    parts : ndarray of shape (n_rows,), intp
        From 0 to n_parts - 1; a cluster without a part has a negative number of its
        own.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._layers import with_parts
    >>> means, parents = np.array([[0.0], [4.0], [9.0]]), np.array([0, 0, 1])
    >>> with_parts(np.array([[1.0], [3.0], [4.9]]), np.array([0, 0, 1]), means, parents)
    array([0, 1, 2])
    """
    parts = -1 - labels
    nearest = np.full(len(rows), np.inf)
    for part, parent in enumerate(parents):
        members = np.flatnonzero(labels == parent)
        squared = squared_distances(rows[members], means[part])
        nearer = members[squared < nearest[members]]
        nearest[members] = np.minimum(squared, nearest[members])
        parts[nearer] = part
    return parts


def nested_around(layers: np.ndarray, place: int, labels: np.ndarray) -> np.ndarray:
    """Return the layers with other labels at one of them, nested again.

    Finer layers are intersected with the labels; clusters of broader layers that now
    share a cluster become one.

    Parameters
    ----------
    layers : ndarray of shape (n_rows, n_layers), intp

    place : int
        The layer that is changed.

    labels : ndarray of shape (n_rows,), intp
        Its new labels; not negative.

    Returns
    -------
    layers : ndarray of shape (n_rows, n_layers), intp

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._layers import nested_around
    >>> layers = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3]])
    >>> nested_around(layers, 1, np.array([0, 0, 1, 0]))
    array([[0, 0, 0],
           [0, 0, 1],
           [0, 1, 3],
           [0, 0, 2]])
    """
    result = np.column_stack([_numbered(column) for column in layers.T])
    result[:, place] = labels
    for finer in range(place + 1, layers.shape[1]):
        pairs = np.column_stack((result[:, finer - 1], result[:, finer]))
        result[:, finer] = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    for broader in range(place - 1, -1, -1):
        parents, children = result[:, broader], result[:, broader + 1]
        n_parents = len(np.bincount(parents))
        n = n_parents + len(np.bincount(children))
        edges = (np.ones(len(parents)), (parents, n_parents + children))
        _, joined = connected_components(coo_array(edges, shape=(n, n)), directed=False)
        result[:, broader] = joined[parents]
    return result


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Number labels from 0 by first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def cluster_means(
    rows: Any, labels: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean of each cluster.

    Parameters
    ----------
    rows : ndarray or sparse array of shape (n_rows, n_features), float32 or float64

    labels : ndarray of shape (n_rows,), intp
        From 0, each number in use.

    weights : ndarray of shape (n_rows,), float64, default=None
        Positive.

    Returns
    -------
    means : ndarray of shape (n_clusters, n_features), float64

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._layers import cluster_means
    >>> cluster_means(np.array([[1.0], [5.0], [3.0]]), np.array([0, 1, 0]))
    array([[2.],
           [5.]])
    """
    means = np.empty((int(labels.max()) + 1, rows.shape[1]))
    order = np.argsort(labels, kind="stable")
    for cluster, members in enumerate(np.split(order, np.cumsum(np.bincount(labels)))):
        if len(members):
            own = None if weights is None else weights[members]
            if own is None or (own == own[0]).all():
                means[cluster] = rows[members].mean(axis=0, dtype=np.float64)
            else:
                means[cluster] = np.average(dense(rows[members]), axis=0, weights=own)
    return means


def _cut(merges: np.ndarray, k: int) -> np.ndarray:
    """Return the group, of k, of each leaf of a linkage matrix."""
    n = len(merges) + 1
    group = np.arange(2 * n - k)
    for node in range(len(group) - 1, n - 1, -1):
        group[merges[node - n, :2].astype(np.intp)] = group[node]
    return group[:n]


def components(tree: ReachabilityTree, radius: float) -> np.ndarray:
    """Return the component of each core point at this radius, else -1.

    Parameters
    ----------
    tree : ReachabilityTree

    radius : float

    Returns
    -------
    components : ndarray of shape (n_points,), intp
        Numbers in no particular order.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._layers import components
    >>> from deepclust.clustering._mutual_reachability import reachability_trees
    >>> from deepclust.clustering._unique_rows import Points
    >>> X = np.array([[0.0], [1.0], [5.0]])
    >>> components(reachability_trees(Points(X, np.ones(3)), [2])[0], 1.0)
    array([ 0,  0, -1], dtype=int32)
    """
    core = tree.is_core(radius)
    stop = np.searchsorted(tree.height_squares, radius * radius, side="right")
    ends = tree.edges[:stop].T
    graph = coo_array((np.ones(stop), (ends[0], ends[1])), shape=(len(core),) * 2)
    return np.where(core, connected_components(graph, directed=False)[1], -1)


def parts_of_clusters(
    rows: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    split: np.ndarray,
    least: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the parts of each cluster: its heavy components, if it has several.

    Parameters
    ----------
    rows : ndarray of shape (n_points, n_features), float32 or float64

    weights : ndarray of shape (n_points,), float64

    labels : ndarray of shape (n_points,), intp
        Not negative.

    split : ndarray of shape (n_points,), int
        The component of each point, -1 for none; see `components`.

    least : float
        The weight that a part needs.

    Returns
    -------
    means : ndarray of shape (n_parts, n_features), float64
        A cluster of fewer than two parts is a part as a whole.

    parents : ndarray of shape (n_parts,), intp
        The cluster of each part.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._layers import parts_of_clusters
    >>> X = np.array([[0.0], [1.0], [5.0], [6.0], [9.0], [40.0]])
    >>> labels, split = np.array([0, 0, 0, 0, 0, 1]), np.array([3, 3, 5, 5, 6, 7])
    >>> means, parents = parts_of_clusters(X, np.ones(6), labels, split, 2)
    >>> means.ravel(), parents
    (array([ 0.5,  5.5, 40. ]), array([0, 0, 1]))
    """
    inside = np.flatnonzero(split >= 0)
    pairs = labels[inside] * (split.max() + 1) + split[inside]
    _, first, pair = np.unique(pairs, return_index=True, return_inverse=True)
    heavy = np.bincount(pair, weights[inside]) >= least
    n_parts = np.bincount(labels[inside][first][heavy], minlength=labels.max() + 1)
    parts = np.full(len(labels), -1, dtype=np.intp)
    kept = heavy[pair] & (n_parts[labels[inside]] >= 2)
    parts[inside[kept]] = pair[kept]
    whole = n_parts[labels] < 2
    parts[whole] = len(first) + labels[whole]
    members = np.flatnonzero(parts >= 0)
    numbers = _numbered(parts[members])
    parents = labels[members[np.unique(numbers, return_index=True)[1]]]
    return cluster_means(rows[members], numbers), parents
