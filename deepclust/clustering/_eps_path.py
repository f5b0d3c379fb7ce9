"""What every eps makes of the points, and which cut of the hierarchy is the best."""

from collections.abc import Sequence

import numpy as np

from deepclust._parallel import in_threads
from deepclust.clustering._mutual_reachability import ReachabilityTree
from deepclust.metrics._noise_aware_silhouette import noise_aware_silhouette

__all__ = [
    "best_cut",
    "cuts_near",
    "eps_path",
    "joined",
    "path_of_nothing",
    "quantile_cuts",
]

_STEPS = 40
_FINE_STEPS = 8
# A cut lies just above the distance that makes it: its square may round down.
_BUMP = 1 + 1e-12
_FEWEST_CORE = 0.02
_SPAN = 1 - _FEWEST_CORE


def eps_path(
    tree: ReachabilityTree,
    X: np.ndarray,
    eps: np.ndarray | None = None,
    *,
    n_jobs: int | None = None,
) -> dict[str, np.ndarray]:
    """Tell what every eps makes of the points.

    Parameters
    ----------
    tree : ReachabilityTree
        Of the rows of `X`.

    X : ndarray of shape (n_points, n_features)

    eps : ndarray of shape (n_steps,), ascending, default=None
        When None, quantiles of the core distances, finer around the best cut.

    n_jobs : int, default=None
        Threads.

    Returns
    -------
    path : dict of ndarray of shape (n_steps,)
        "eps" ascending, "n_clusters", "coverage" and "silhouette".
    """
    if eps is None:
        eps = quantile_cuts(tree, 0.0, 1.0, _STEPS)
        coarse = eps_path(tree, X, eps, n_jobs=n_jobs)
        if not len(coarse["eps"]):
            return coarse
        step = 1 / (_STEPS - 1)
        best = coarse["eps"][coarse["silhouette"].argmax()]
        middle = (np.mean(tree.core_distances <= best) - _FEWEST_CORE) / _SPAN
        fine = quantile_cuts(tree, middle - step, middle + step, 2 * _FINE_STEPS + 1)
        fine = np.setdiff1d(fine, coarse["eps"])
        return joined(coarse, eps_path(tree, X, fine, n_jobs=n_jobs))
    validity = in_threads(
        lambda step: noise_aware_silhouette(X, tree.cut(step), tree.weights),
        eps,
        n_jobs,
    )
    return {
        "eps": eps,
        "n_clusters": tree.n_clusters(eps),
        "coverage": tree.coverage(eps),
        "silhouette": np.array(validity, dtype=np.float64),
    }


def quantile_cuts(
    tree: ReachabilityTree, low: float, high: float, steps: int
) -> np.ndarray:
    """Return core distances at evenly spaced shares of the points.

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
    shares = _FEWEST_CORE + _SPAN * shares
    places = np.ceil(shares * len(reached)).astype(np.intp) - 1
    return np.unique(reached[places.clip(0)]) * _BUMP if len(reached) else reached


def path_of_nothing() -> dict[str, np.ndarray]:
    """Return a path without rows."""
    none = np.empty(0)
    return {"eps": none, "n_clusters": none, "coverage": none, "silhouette": none}


def joined(
    one: dict[str, np.ndarray], other: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the rows of two paths of the same tree, each eps once, ascending."""
    both = {name: np.concatenate((one[name], other[name])) for name in one}
    order = np.unique(both["eps"], return_index=True)[1]
    return {name: column[order] for name, column in both.items()}


def cuts_near(tree: ReachabilityTree, n_clusters: int) -> np.ndarray:
    """Return radii whose number of clusters is nearest to the one asked for.

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
    some = np.linspace(0, len(best) - 1, min(_STEPS, len(best)))
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
        Ask for this many clusters: of the cuts whose number is nearest, the most valid.

    Returns
    -------
    place : int

    eps : float
        1.0 if no path has a row.
    """
    rows = [
        (
            0 if n_clusters is None else -abs(int(found) - n_clusters),
            float(validity),
            float(coverage),
            -place,
            float(eps),
        )
        for place, path in enumerate(paths)
        for eps, found, coverage, validity in zip(*path.values(), strict=True)
    ]
    *_, place, eps = max(rows, default=(0, 1.0))
    return -place, eps
