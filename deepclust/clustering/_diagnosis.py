"""Is a result a clustering at all? If not, which radius may give one."""

import numpy as np

from deepclust.clustering._components import Points
from deepclust.clustering._eps_path import best_cut, eps_path, quantile_cuts
from deepclust.clustering._mutual_reachability import ReachabilityTree

__all__ = ["problem_with", "suggested_radius"]

_GIANT = 0.9
_GIANT_AMONG_SEVERAL = 0.97
# Advice takes less time and memory than a choice: fewer rows, fewer cuts.
_LEAST_ROWS = 3000
_MOST_ROWS = 5000
_STEPS = 16
_BLOCK_ENTRIES = 2**16


def problem_with(labels: np.ndarray, n_clusters: int) -> str | None:
    """Say what is wrong with the labels.

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
    >>> from deepclust.clustering._diagnosis import problem_with
    >>> problem_with(np.zeros(10, dtype=int), 1)
    'one cluster holds 100% of the rows'
    """
    if not n_clusters:
        return "every row is noise: no row has min_samples neighbours within eps"
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
        Of all points; it is thinned out like them.

    Returns
    -------
    radius : float
    """
    n_points = len(points.rows)
    places = points.sample(min(_MOST_ROWS, max(_LEAST_ROWS, n_points // 4)))
    sample = points.only(places)
    if not len(places):
        return best_cut([])[1]
    thinned = max(2, round(min_samples * len(places) / n_points))
    enough = min_samples if len(places) == n_points else thinned
    tree = ReachabilityTree.build(
        sample.rows,
        enough,
        weights=sample.weights,
        block_entries=min(sample.block_entries, _BLOCK_ENTRIES),
        n_jobs=sample.n_jobs,
    )
    path = eps_path(tree, sample.rows, quantile_cuts(tree, 0.0, 1.0, _STEPS))
    return best_cut([path])[1]
