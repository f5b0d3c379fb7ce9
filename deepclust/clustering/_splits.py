"""Split single clusters that touch: one radius for all joins what lies close.

1. A cluster is a candidate where the density hierarchy separates it into parts at a
   smaller radius; each part must weigh twice `min_samples`, as in a finer layer.
2. Of all candidates, the split that gives the greatest noise-aware silhouette of all
   rows is made, and so on, while the silhouette grows. A part is not split again.
3. A split is kept as the means of its parts: it divides the cluster that holds the core
   points nearest to them, and each core point takes the nearest mean.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from deepclust.clustering._layers import (
    MIN_PART_WEIGHT,
    components,
    parts_of_clusters,
    with_parts,
)
from deepclust.clustering._mutual_reachability import ReachabilityTree
from deepclust.clustering._unique_rows import content_hashes
from deepclust.metrics._noise_aware_silhouette import noise_aware_silhouette
from deepclust.metrics._pairwise import squared_distances

__all__ = ["part_means", "split_by_means"]


def part_means(
    tree: ReachabilityTree, radii: Iterable[float], rows: np.ndarray, labels: np.ndarray
) -> list[np.ndarray]:
    """Return the splits with which the silhouette of all rows grows.

    Parameters
    ----------
    tree : ReachabilityTree

    radii : iterable of float
        Cuts to consider; only those that separate a cluster count.

    rows : ndarray of shape (n_points, n_features), float32 or float64
        The points of the tree.

    labels : ndarray of shape (n_points,), intp
        Their clusters; -1 is noise.

    Returns
    -------
    splits : list of ndarray of shape (n_parts, n_features), float64
        The means of the parts of each cluster that is split.

    Notes
    -----
    A silhouette, O(n_points × n_clusters × n_features), for each radius that separates
    a cluster in another way, once more after every split.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._mutual_reachability import reachability_trees
    >>> from deepclust.clustering._splits import part_means
    >>> from deepclust.clustering._unique_rows import Points
    >>> X = np.array([[0.0], [0.2], [5.0], [5.2], [30.0], [30.2]])
    >>> tree = reachability_trees(Points(X, np.ones(6)), [1])[0]
    >>> part_means(tree, [1.0], X, np.array([0, 0, 0, 0, 1, 1]))
    [array([[0.1],
           [5.1]])]
    """
    order = np.argsort(content_hashes(rows), kind="stable")
    rows, weights, labels = rows[order], tree.weights[order], labels[order]
    candidates = _possible_splits(tree, radii, rows, labels, order)
    best, splits = noise_aware_silhouette(rows, labels, weights), []
    while candidates:
        scores = [
            noise_aware_silhouette(rows, _split(rows, labels, *candidate), weights)
            for candidate in candidates
        ]
        place = int(np.argmax(scores))
        if scores[place] <= best:
            break
        best, (cluster, means) = scores[place], candidates[place]
        labels = _split(rows, labels, cluster, means)
        splits.append(means)
        candidates = [other for other in candidates if other[0] != cluster]
    return splits


def split_by_means(
    rows: np.ndarray, labels: np.ndarray, splits: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the labels of core points with clusters split.

    Parameters
    ----------
    rows : ndarray of shape (n_core, n_features), float32 or float64

    labels : ndarray of shape (n_core,), intp
        Not negative.

    splits : sequence of ndarray of shape (n_parts, n_features), float64
        See `part_means`. A split whose means are nearest to core points of several
        clusters has no effect: these are apart already.

    Returns
    -------
    labels : ndarray of shape (n_core,), intp
        A part beyond the first has a number of its own, above all others.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._splits import split_by_means
    >>> X = np.array([[0.0], [1.0], [5.0], [6.0], [40.0]])
    >>> split_by_means(X, np.array([0, 0, 0, 0, 1]), [np.array([[0.5], [5.5]])])
    array([0, 0, 2, 2, 1])
    """
    for means in splits:
        nearest = [int(squared_distances(rows, mean).argmin()) for mean in means]
        held_by = labels[nearest]
        if (held_by == held_by[0]).all():
            labels = _split(rows, labels, int(held_by[0]), means)
    return labels


def _possible_splits(
    tree: ReachabilityTree,
    radii: Iterable[float],
    rows: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
) -> list[tuple[int, np.ndarray]]:
    """Return clusters and the means of their parts, each way to part one once."""
    members = np.flatnonzero(labels >= 0)
    if not len(members):
        return []
    least = MIN_PART_WEIGHT * tree.min_samples
    found: dict[bytes, tuple[int, np.ndarray]] = {}
    rows, labels, weights = rows[members], labels[members], tree.weights[order[members]]
    for radius in radii:
        split = components(tree, radius)[order[members]]
        means, parents = parts_of_clusters(rows, weights, labels, split, least)
        for cluster in np.flatnonzero(np.bincount(parents) > 1):
            parts = means[parents == cluster]
            found.setdefault(parts.tobytes(), (int(cluster), parts))
    return list(found.values())


def _split(
    rows: np.ndarray, labels: np.ndarray, cluster: int, means: np.ndarray
) -> np.ndarray:
    """Return the labels with one cluster divided by the nearest mean."""
    members = np.flatnonzero(labels == cluster)
    numbers = np.append(cluster, labels.max() + np.arange(1, len(means)))
    labels = labels.copy()
    alone = np.zeros(len(members), dtype=np.intp)
    parents = np.zeros(len(means), dtype=np.intp)
    labels[members] = numbers[with_parts(rows[members], alone, means, parents)]
    return labels
