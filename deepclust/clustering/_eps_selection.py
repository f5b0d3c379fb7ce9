"""Choose eps and min_samples without labels, from the density hierarchy.

The cut of the hierarchy with the highest `noise_aware_silhouette` is taken.
How it was settled: on four embeddings of two text corpora and eight simulated mixtures
(2 to 300 clusters, 5 to 50 % noise), with 240 cuts each, its rank correlation with the
mean of ARI and AMI was 0.85, against 0.77 with noise counted as 0. The chosen cut was
on average 0.01, at most 0.03, below the best one. A fixed min_samples of 12 lost 0.03
on average and 0.08 at worst: many small clusters want 5, few broad ones 25, so it is
chosen as well.

On ten embeddings of another encoder (five corpora, three of them new) the chosen cut
was on average 0.025, at most 0.08, below the best of some 170. All this was with noise
counted as half; a quarter chooses the same cuts and ranks all cuts better. How it does
beside DBCV and the silhouette: docs/clustering_benchmarks.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepclust.clustering._any_metric import NeighborSearch
from deepclust.clustering._components import Points
from deepclust.clustering._eps_path import (
    best_cut,
    cuts_near,
    eps_path,
    joined,
    path_of_nothing,
)
from deepclust.clustering._metric_space import MetricSpace
from deepclust.clustering._mutual_reachability import ReachabilityTree
from deepclust.clustering._unique_rows import content_hashes
from deepclust.metrics._noise_aware_silhouette import noise_aware_silhouette

__all__ = [
    "MIN_SAMPLES_TRIED",
    "Choice",
    "choose",
    "choose_again",
    "most_tree_rows",
    "usual_min_samples",
]

MIN_SAMPLES_TRIED = (5, 12, 25)
TREE_ROWS = 20_000
TREE_ROWS_OF_OTHER_METRICS = 5000
_EUCLIDEAN = MetricSpace("euclidean", None)
_MOST_SAMPLES_SCALED = 125
_SHARES_TRIED = (1.0, 0.95, 0.9, 0.85, 0.8)
_QUANTILE_ROWS = 1000


@dataclass(frozen=True)
class Choice:
    """The best cut, and what it was chosen from.

    Parameters
    ----------
    min_samples : int
        For all points.

    radius : float
        For all points.

    path : dict of ndarray
        See `eps_path`; of the points of the tree.

    tree : ReachabilityTree or None
        None if there are no points.

    places : ndarray of shape (n_tree_points,), intp
        The points that the tree is of.
    """

    min_samples: int
    radius: float
    path: dict[str, np.ndarray]
    tree: ReachabilityTree | None
    places: np.ndarray


def usual_min_samples(total: float) -> int:
    """Return min_samples where eps is given: log2 of the weight of all rows, 5 to 25.

    Examples
    --------
    >>> from deepclust.clustering._eps_selection import usual_min_samples
    >>> usual_min_samples(3), usual_min_samples(20_000)
    (5, 14)
    """
    low, high = MIN_SAMPLES_TRIED[0], MIN_SAMPLES_TRIED[-1]
    return int(np.clip(np.log2(max(total, 1)), low, high))


def most_tree_rows(space: MetricSpace) -> int:
    """Return how many points a hierarchy is built of at most.

    Examples
    --------
    >>> from deepclust.clustering._eps_selection import most_tree_rows
    >>> from deepclust.clustering._metric_space import MetricSpace
    >>> most_tree_rows(MetricSpace("cosine", None))
    20000
    """
    return TREE_ROWS_OF_OTHER_METRICS if space.name is None else TREE_ROWS


def choose(
    points: Points,
    min_samples: int | None,
    n_clusters: int | None,
    space: MetricSpace = _EUCLIDEAN,
) -> Choice:
    """Choose the best cut of the hierarchy of the points, or of a sample.

    Parameters
    ----------
    points : Points

    min_samples : int or None
        None chooses it, too.

    n_clusters : int or None
        See `best_cut`.

    space : MetricSpace, default=euclidean
        The validity that decides is Euclidean in any.

    Returns
    -------
    choice : Choice

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._eps_selection import choose
    >>> from deepclust.clustering._components import Points
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> choice = choose(Points(X, np.ones(6), 2**16, None), 2, None)
    >>> round(choice.radius, 3), choice.tree.n_clusters(choice.radius)
    (0.1, np.int64(2))
    """
    places = points.sample(most_tree_rows(space))
    sample = points.only(places)
    tries = MIN_SAMPLES_TRIED if min_samples is None else (min_samples,)
    if not len(places):
        return Choice(tries[0], 1.0, path_of_nothing(), None, places)
    trees = space.trees(sample, tries)
    tree, radius, path = _best_among(trees, sample, n_clusters)
    enough = tree.min_samples
    thinning = _thinning(points, places)
    if thinning > 1:
        if min_samples is None:
            enough = int(min(enough * thinning, _MOST_SAMPLES_SCALED))
        radius = _settled(points, enough, tree, radius, n_clusters, space)
    return Choice(enough, radius, path, tree, places)


def choose_again(
    points: Points,
    tree: ReachabilityTree,
    min_samples: int,
    n_clusters: int,
    space: MetricSpace = _EUCLIDEAN,
) -> float:
    """Return the radius that `choose` takes for this number of clusters.

    Parameters
    ----------
    points : Points

    tree : ReachabilityTree
        That `choose` built of them.

    min_samples : int
        That it chose.

    n_clusters : int

    space : MetricSpace, default=euclidean

    Returns
    -------
    radius : float
    """
    places = points.sample(most_tree_rows(space))
    _, radius, _ = _best_among([tree], points.only(places), n_clusters)
    if _thinning(points, places) > 1:
        return _settled(points, min_samples, tree, radius, n_clusters, space)
    return radius


def _thinning(points: Points, places: np.ndarray) -> float:
    """Return how many points each point of the sample stands for."""
    return float((points.weights > 0).sum()) / len(places)


def _best_among(
    trees: Sequence[ReachabilityTree], points: Points, n_clusters: int | None
) -> tuple[ReachabilityTree, float, dict[str, np.ndarray]]:
    """Return the tree, radius and path of the best cut."""
    X, n_jobs = points.rows, points.n_jobs
    paths = [eps_path(tree, X, n_jobs=n_jobs) for tree in trees]
    if n_clusters is not None:
        paths = [
            joined(path, eps_path(tree, X, cuts_near(tree, n_clusters), n_jobs=n_jobs))
            for tree, path in zip(trees, paths, strict=True)
        ]
    place, radius = best_cut(paths, n_clusters)
    return trees[place], radius, paths[place]


def _settled(
    points: Points,
    min_samples: int,
    tree: ReachabilityTree,
    radius: float,
    n_clusters: int | None,
    space: MetricSpace,
) -> float:
    """Carry the choice of a sample over to all points.

    Among more points the same share of core points needs a smaller radius, and halos
    that a sample left open may close. Several shares are tried on all points.
    """
    shares = np.mean(tree.is_core(radius)) * np.array(_SHARES_TRIED)
    radii = _core_quantiles(points, min_samples, shares, space)
    path: dict = {name: [] for name in path_of_nothing()}
    for radius in radii:
        _, labels = space.clusters(points, radius, min_samples)
        path["eps"].append(radius)
        path["n_clusters"].append(len(np.unique(labels[labels >= 0])))
        path["coverage"].append(np.average(labels >= 0, weights=points.weights))
        path["silhouette"].append(
            noise_aware_silhouette(points.rows, labels, points.weights)
        )
    return best_cut([path], n_clusters)[1]


def _core_quantiles(
    points: Points, min_samples: int, shares: np.ndarray, space: MetricSpace
) -> np.ndarray:
    """Estimate the radii that make these shares of the points core points."""
    rows = points.rows
    queries = rows[np.argsort(content_hashes(rows))[:_QUANTILE_ROWS]]
    if space.name is None:
        search = NeighborSearch(points, space.metric, space.metric_params)
        return np.quantile(search.kth_distances(queries, min_samples), shares)
    norms = np.square(queries, dtype=np.float64).sum(axis=1)[:, None]
    nearest_squares = np.full((len(queries), min_samples), np.inf)
    for start in range(0, len(rows), 4096):
        part = rows[start : start + 4096]
        squares = norms + np.square(part, dtype=np.float64).sum(axis=1)
        squares -= 2 * (queries @ part.T)
        squares = np.concatenate((nearest_squares, squares), axis=1)
        squares.partition(min_samples - 1, axis=1)
        nearest_squares = squares[:, :min_samples].copy()
    return np.quantile(np.sqrt(nearest_squares[:, -1].clip(0)), shares)
