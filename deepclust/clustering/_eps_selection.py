"""Select eps and min_samples without labels, from the density hierarchy.

The cut of the hierarchy with the greatest `noise_aware_silhouette` is taken, unless it
puts nearly all into one cluster, see `_selected_cut`. On four
embeddings of two text corpora and eight simulated mixtures (2 to 300 clusters, 5 to
50 % noise), with 240 cuts each, the rank correlation of this score with the mean of ARI
and AMI was 0.85, and 0.77 with noise counted as 0. The selected cut was on average
0.01, at most 0.03, below the best one. A fixed min_samples of 12 lost 0.03 on average
and 0.08 at worst: many small clusters need 5, few broad ones 25.

On ten embeddings of another encoder (five corpora, three of them new) the selected cut
was on average 0.025, at most 0.08, below the best of some 170. All this was with noise
counted as half; a quarter selects the same cuts and ranks all cuts better. Comparison
with DBCV and the silhouette: docs/clustering_benchmarks.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepclust._parallel import in_threads
from deepclust.clustering._metric_space import MetricSpace
from deepclust.clustering._mutual_reachability import ReachabilityTree
from deepclust.clustering._unique_rows import Points, content_hashes
from deepclust.metrics._noise_aware_silhouette import noise_aware_silhouette
from deepclust.metrics._pairwise import in_square_range, row_blocks

__all__ = [
    "MIN_SAMPLES_TRIED",
    "EpsSelection",
    "best_cut",
    "cuts_near",
    "default_min_samples",
    "eps_path",
    "max_tree_rows",
    "problem_with",
    "select_eps",
    "suggested_radius",
]

MIN_SAMPLES_TRIED = (5, 12, 25)
TREE_ROWS = 20_000
TREE_ROWS_OF_ANY_METRIC = 5000
_EUCLIDEAN = MetricSpace("euclidean", None)
_MAX_SCALED_MIN_SAMPLES = 125
# Of the share of core points in the sample, tried among all points; the second ones
# where each of the first has nearly all clustered points in one cluster.
_CORE_SHARES_TRIED = ((1.0, 0.95, 0.9, 0.85, 0.8), (0.7, 0.6, 0.5, 0.4, 0.3))
_QUANTILE_ROWS = 1000

_COLUMNS = ("eps", "n_clusters", "coverage", "silhouette")
_N_CUTS = 40
_FINE_STEPS = 8
# A cut lies just above the distance that makes it: its square may round down.
_BUMP = 1 + 1e-12
_MIN_CORE_SHARE = 0.02

_GIANT = 0.9
_GIANT_AMONG_SEVERAL = 0.97
_MIN_SILHOUETTE_RATIO = 0.5  # of a cut that divides the points to one that does not
# A suggestion takes less time and memory than a selection: fewer rows, fewer cuts.
_SUGGESTION_ROWS = (3000, 5000)
_SUGGESTION_STEPS = 16


@dataclass(frozen=True)
class EpsSelection:
    """The best cut, and the cuts that it was selected from.

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


def default_min_samples(total: float) -> int:
    """Return min_samples where eps is given: log2 of the weight of all rows, 5 to 25.

    Examples
    --------
    >>> from deepclust.clustering._eps_selection import default_min_samples
    >>> default_min_samples(3), default_min_samples(20_000)
    (5, 14)
    """
    low, high = MIN_SAMPLES_TRIED[0], MIN_SAMPLES_TRIED[-1]
    return int(np.clip(np.log2(max(total, 1)), low, high))


def max_tree_rows(space: MetricSpace) -> int:
    """Return how many points a hierarchy is built of at most.

    Examples
    --------
    >>> from deepclust.clustering._eps_selection import max_tree_rows
    >>> from deepclust.clustering._metric_space import MetricSpace
    >>> max_tree_rows(MetricSpace("cosine", None))
    20000
    """
    return TREE_ROWS_OF_ANY_METRIC if space.name is None else TREE_ROWS


def select_eps(
    points: Points,
    min_samples: int | None,
    n_clusters: int | None,
    space: MetricSpace = _EUCLIDEAN,
    tree: ReachabilityTree | None = None,
) -> EpsSelection:
    """Select the best cut of the hierarchy of the points, or of a sample of them.

    Parameters
    ----------
    points : Points

    min_samples : int or None
        None selects it, too.

    n_clusters : int or None
        See `best_cut`.

    space : MetricSpace, default=euclidean
        The silhouette is Euclidean in any.

    tree : ReachabilityTree, default=None
        The one that an earlier selection from these points built, where it is known.

    Returns
    -------
    selection : EpsSelection

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._eps_selection import select_eps
    >>> from deepclust.clustering._unique_rows import Points
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> selection = select_eps(Points(X, np.ones(6)), 2, None)
    >>> round(selection.radius, 3), selection.tree.n_clusters(selection.radius)
    (0.1, np.int64(2))
    """
    places = points.sample(max_tree_rows(space))
    sample = points.only(places)
    tries = MIN_SAMPLES_TRIED if min_samples is None else (min_samples,)
    if not len(places):
        empty = dict.fromkeys(_COLUMNS, np.empty(0))
        return EpsSelection(tries[0], 1.0, empty, None, places)
    trees = space.trees(sample, tries) if tree is None else [tree]
    paths = [eps_path(tree, sample, n_clusters=n_clusters) for tree in trees]
    best, radius = _selected_cut(paths, trees, n_clusters)
    tree = trees[best]
    ratio = float((points.weights > 0).sum()) / len(places)
    if min_samples is None:
        min_samples = int(min(tree.min_samples * ratio, _MAX_SCALED_MIN_SAMPLES))
    if ratio > 1:
        core_share = float(np.mean(tree.is_core(radius)))
        divided = n_clusters is None and _divides(tree, radius)
        radius = _radius_of_all_points(
            points, core_share, min_samples, n_clusters, space, divided=divided
        )
    return EpsSelection(min_samples, radius, paths[best], tree, places)


def eps_path(
    tree: ReachabilityTree,
    points: Points,
    eps: np.ndarray | None = None,
    *,
    n_clusters: int | None = None,
) -> dict[str, np.ndarray]:
    """Return the number of clusters, coverage and silhouette of many cuts.

    Parameters
    ----------
    tree : ReachabilityTree
        Of the points.

    points : Points

    eps : ndarray of shape (n_steps,), ascending, default=None
        When None, quantiles of the core distances, finer around the best cut.

    n_clusters : int, default=None
        Also cut where the number of clusters is nearest to this one.

    Returns
    -------
    path : dict of ndarray of shape (n_steps,)
        "eps" ascending, "n_clusters", "coverage" and "silhouette".
    """
    if eps is not None:
        silhouettes = in_threads(
            lambda step: noise_aware_silhouette(
                points.rows, tree.cut(step), tree.weights
            ),
            eps,
            points.n_jobs,
        )
        columns = eps, tree.n_clusters(eps), tree.coverage(eps), np.array(silhouettes)
        return dict(zip(_COLUMNS, columns, strict=True))
    path = eps_path(tree, points, _quantile_cuts(tree, 0.0, 1.0, _N_CUTS))
    if len(path["eps"]):
        step = 1 / (_N_CUTS - 1)
        best = path["eps"][path["silhouette"].argmax()]
        middle = np.mean(tree.core_distances <= best) - _MIN_CORE_SHARE
        middle /= 1 - _MIN_CORE_SHARE
        fine = _quantile_cuts(tree, middle - step, middle + step, 2 * _FINE_STEPS + 1)
        path = _with_cuts(path, tree, points, fine)
    if n_clusters is not None:
        path = _with_cuts(path, tree, points, cuts_near(tree, n_clusters))
    return path


def _with_cuts(
    path: dict[str, np.ndarray], tree: ReachabilityTree, points: Points, eps: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the path with more cuts, each eps once, ascending."""
    more = eps_path(tree, points, np.setdiff1d(eps, path["eps"]))
    order = np.argsort(np.append(path["eps"], more["eps"]))
    return {name: np.append(path[name], more[name])[order] for name in _COLUMNS}


def _selected_cut(
    paths: Sequence[dict[str, np.ndarray]],
    trees: Sequence[ReachabilityTree],
    n_clusters: int | None = None,
) -> tuple[int, float]:
    """Return the place in `paths` and the eps of the best cut.

    The silhouette of one cluster of nearly all points and a small one far from it can
    be the greatest, whatever the large one consists of. Without `n_clusters`, such a
    cut is taken only if no cut that divides the points has half of its silhouette.
    """
    place, eps = best_cut(paths, n_clusters)
    if n_clusters is not None or _divides(trees[place], eps):
        return place, eps
    greatest = max(path["silhouette"].max(initial=0.0) for path in paths)
    divisions = []
    for path, tree in zip(paths, trees, strict=True):
        kept = path["silhouette"] > 0
        kept &= path["silhouette"] >= _MIN_SILHOUETTE_RATIO * greatest
        kept[kept] = [_divides(tree, step) for step in path["eps"][kept]]
        divisions.append({name: column[kept] for name, column in path.items()})
    found = any(len(path["eps"]) for path in divisions)
    return best_cut(divisions) if found else (place, eps)


def _radius_of_all_points(
    points: Points,
    core_share: float,
    min_samples: int,
    n_clusters: int | None,
    space: MetricSpace,
    *,
    divided: bool,
) -> float:
    """Return the radius of the best cut of all points.

    Among more points than the tree has, the same share of core points needs a smaller
    radius, and gaps between clusters may close. If the cut of the sample is `divided`,
    one of all points that is not is taken only if smaller radii divide them no more.
    """
    paths = []
    for tried in _CORE_SHARES_TRIED:
        shares = core_share * np.array(tried)
        radii = _core_quantiles(points, min_samples, shares, space)
        path, are_divided = _path_of_all_points(points, radii, min_samples, space)
        paths.append(path)
        if not divided:
            break
        if are_divided.any():
            paths = [{name: column[are_divided] for name, column in path.items()}]
            break
    return best_cut(paths[:1], n_clusters)[1]


def _path_of_all_points(
    points: Points, radii: np.ndarray, min_samples: int, space: MetricSpace
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the path of radii at which all points are clustered.

    Returns
    -------
    path : dict of ndarray of shape (n_radii,)

    are_divided : ndarray of shape (n_radii,), bool
        See `_is_divided`.
    """
    rows, are_divided = [], []
    for radius in radii:
        _, labels = space.clusters(points, radius, min_samples)
        n_clusters = len(np.unique(labels[labels >= 0]))
        coverage = np.average(labels >= 0, weights=points.weights)
        silhouette = noise_aware_silhouette(points.rows, labels, points.weights)
        rows.append((radius, n_clusters, coverage, silhouette))
        are_divided.append(_is_divided(labels, points.weights))
    return dict(zip(_COLUMNS, np.array(rows).T, strict=True)), np.array(are_divided)


def _divides(tree: ReachabilityTree, radius: float) -> bool:
    return _is_divided(tree.cut(radius), tree.weights)


def _is_divided(labels: np.ndarray, weights: np.ndarray) -> bool:
    """Return whether there are clusters, none with nearly all clustered points."""
    clustered = labels >= 0
    sizes = np.bincount(labels[clustered], weights[clustered])
    return bool(0 < sizes.max(initial=0.0) <= _GIANT_AMONG_SEVERAL * sizes.sum())


def _quantile_cuts(
    tree: ReachabilityTree, low: float, high: float, steps: int
) -> np.ndarray:
    """Return core distances at evenly spaced shares of the points, ascending.

    Parameters
    ----------
    tree : ReachabilityTree

    low, high : float
        The first and the last share, from 0 to 1.

    steps : int

    Returns
    -------
    eps : ndarray of shape (n_steps,), ascending
        At most `steps`, and none if there is no core distance.
    """
    core = tree.core_distances[np.isfinite(tree.core_distances)]
    reached = np.sort(core[core > 0])
    if len(reached) < len(core) and len(tree.heights):
        # Enough copies make core points at any eps: begin below the first merger.
        reached = np.sort(np.append(reached, tree.heights[0] / 2))
    shares = np.clip(np.linspace(low, high, steps), 0, 1)
    shares = _MIN_CORE_SHARE + (1 - _MIN_CORE_SHARE) * shares
    places = np.ceil(shares * len(reached)).astype(np.intp) - 1
    return np.unique(reached[places.clip(0)]) * _BUMP if len(reached) else reached


def cuts_near(tree: ReachabilityTree, n_clusters: int) -> np.ndarray:
    """Return radii whose number of clusters is nearest to `n_clusters`.

    Parameters
    ----------
    tree : ReachabilityTree

    n_clusters : int

    Returns
    -------
    eps : ndarray of shape (n_steps,), ascending
    """
    steps = np.unique(np.concatenate((tree.core_distances, tree.heights)))
    steps = steps[np.isfinite(steps)] * _BUMP
    away = np.abs(tree.n_clusters(steps) - n_clusters)
    best = np.flatnonzero(away == away.min(initial=len(away) + n_clusters))
    some = np.linspace(0, len(best) - 1, min(_N_CUTS, len(best)))
    return steps[best[np.unique(some.astype(np.intp))]]


def best_cut(
    paths: Sequence[dict[str, np.ndarray]], n_clusters: int | None = None
) -> tuple[int, float]:
    """Return the place in `paths` and the eps of the best cut.

    Parameters
    ----------
    paths : sequence of dict of ndarray
        See `eps_path`.

    n_clusters : int, default=None
        Of the cuts whose number of clusters is nearest to this one, take the best.

    Returns
    -------
    place : int

    eps : float
        1.0 if no path has a row.
    """
    rows = [
        (
            0 if n_clusters is None else -abs(int(found) - n_clusters),
            float(silhouette),
            float(coverage),
            -place,
            float(eps),
        )
        for place, path in enumerate(paths)
        for eps, found, coverage, silhouette in zip(*path.values(), strict=True)
    ]
    *_, place, eps = max(rows, default=(0, 1.0))
    return -place, eps


def _core_quantiles(
    points: Points, min_samples: int, shares: np.ndarray, space: MetricSpace
) -> np.ndarray:
    """Estimate the radii that make these shares of the points core points."""
    rows = points.rows
    queries = rows[np.argsort(content_hashes(rows))[:_QUANTILE_ROWS]]
    if space.name is None:
        distances = space.search(points).k_nearest(queries, min_samples)[1]
        return np.quantile(distances[:, -1], shares)
    rows, exponent = in_square_range(rows)
    queries = np.ldexp(queries, -exponent)
    norms = np.square(queries, dtype=np.float64).sum(axis=1)[:, None]
    nearest_squares = np.full((len(queries), min_samples), np.inf)
    for part in row_blocks(len(rows), 1, 4096):
        squares = norms + np.square(rows[part], dtype=np.float64).sum(axis=1)
        squares -= 2 * (queries @ rows[part].T)
        squares = np.concatenate((nearest_squares, squares), axis=1)
        squares.partition(min_samples - 1, axis=1)
        nearest_squares = squares[:, :min_samples].copy()
    radii = np.quantile(np.sqrt(nearest_squares[:, -1].clip(0)), shares)
    return np.ldexp(radii, exponent)


def problem_with(labels: np.ndarray, n_clusters: int) -> str | None:
    """Return why the labels are degenerate, or None.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,), int
        -1 is noise.

    n_clusters : int

    Returns
    -------
    problem : str or None

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._eps_selection import problem_with
    >>> problem_with(np.zeros(10, dtype=int), 1)
    'one cluster holds 100% of the rows'
    """
    if not n_clusters:
        return "every row is noise: no row has min_samples neighbors within eps"
    share = np.bincount(labels[labels >= 0]).max() / len(labels)
    if share > (_GIANT if n_clusters == 1 else _GIANT_AMONG_SEVERAL):
        return f"one cluster holds {share:.0%} of the rows"
    return None


def suggested_radius(points: Points, min_samples: int) -> float:
    """Return a radius that divides the points, from the hierarchy of a sample.

    Parameters
    ----------
    points : Points

    min_samples : int
        Of all points; it is scaled down by the sampling ratio.

    Returns
    -------
    radius : float
        1.0 if there are no points.
    """
    n_points, (low, high) = len(points.rows), _SUGGESTION_ROWS
    places = points.sample(int(np.clip(n_points // 4, low, high)))
    if not len(places):
        return 1.0
    if len(places) < n_points:
        min_samples = max(2, round(min_samples * len(places) / n_points))
    sample = points.only(places)
    (tree,) = _EUCLIDEAN.trees(sample, [min_samples])
    cuts = _quantile_cuts(tree, 0.0, 1.0, _SUGGESTION_STEPS)
    return _selected_cut([eps_path(tree, sample, cuts)], [tree])[1]
