"""The density hierarchy by any metric that scikit-learn computes between pairs of rows.

Distances are computed in blocks of rows for the nearest neighbours, and row by row as
Prim's algorithm asks for them; none is kept. For the terms see
`_mutual_reachability.py`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS

from deepclust.clustering._components import Points
from deepclust.clustering._mutual_reachability import ReachabilityTree

__all__ = ["reachability_trees"]

_LEAST_NEIGHBORS = 16
# Names that only the tree searches know.
_ALIASES = {
    "infinity": "chebyshev",
    "p": "minkowski",
    "sokalmichener": "rogerstanimoto",
}


def reachability_trees(
    points: Points,
    min_samples: Sequence[int],
    metric: str | Callable,
    metric_params: dict | None,
) -> list[ReachabilityTree]:
    """Build one tree for each of several values of min_samples.

    Parameters
    ----------
    points : Points
        At least one.

    min_samples : sequence of int

    metric : str or callable
        As for scikit-learn's `NearestNeighbors`.

    metric_params : dict or None

    Returns
    -------
    trees : list of ReachabilityTree
        In units of the metric.

    Notes
    -----
    All n² distances are computed once, and once more for every tree, which takes O(n²)
    time however well the rows are grouped. Memory: O(n k) and a block of distances.

    References
    ----------
    .. [1] R. C. Prim, "Shortest connection networks and some generalizations", Bell
       System Technical Journal 36 (6), 1957.
       https://doi.org/10.1002/j.1538-7305.1957.tb01515.x

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._any_metric_hierarchy import reachability_trees
    >>> from deepclust.clustering._components import Points
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [9.0, 9.0], [8.0, 9.0]])
    >>> points = Points(X, np.ones(4), 2**16, None)
    >>> tree = reachability_trees(points, [2], "manhattan", None)[0]
    >>> tree.heights, tree.cut(2.0)
    (array([ 1.,  2., 15.]), array([0, 0, 1, 1]))
    """
    distances = _Distances(points, metric, metric_params)
    k = min(max(*min_samples, _LEAST_NEIGHBORS), len(points.rows))
    neighbors, near = distances.nearest(k)
    trees = []
    for enough in min_samples:
        weighed = np.cumsum(points.weights[neighbors], axis=1) >= enough
        place = weighed.argmax(axis=1)[:, None]
        core = np.take_along_axis(near, place, axis=1)[:, 0]
        core[~weighed[:, -1]] = np.inf
        edges, heights = _least_tree(distances, core)
        trees.append(
            ReachabilityTree.of(
                enough,
                points.weights,
                neighbors,
                near**2,
                core**2,
                (edges[:, 0], edges[:, 1], heights**2),
            )
        )
    return trees


class _Distances:
    """Distances of points by a metric, some rows at a time."""

    def __init__(
        self, points: Points, metric: str | Callable, metric_params: dict | None
    ) -> None:
        self.rows = points.rows.astype(np.float64)
        if metric in PAIRWISE_BOOLEAN_FUNCTIONS or metric == "sokalmichener":
            self.rows = points.rows.astype(bool)
        self.metric: str | Callable = metric
        if isinstance(metric, str):
            self.metric = _ALIASES.get(metric, metric)
        self.params = dict(metric_params or {})
        self.step = max(1, points.block_entries // len(points.rows))
        self.n_jobs = points.n_jobs

    def of(self, part: slice, n_jobs: int | None = None) -> np.ndarray:
        """Return (size of the part, n_points)."""
        return pairwise_distances(
            self.rows[part],
            self.rows,
            metric=self.metric,
            n_jobs=n_jobs,
            **self.params,
        )

    def nearest(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k nearest points of every point, itself included, by distance."""
        n_points = len(self.rows)
        neighbors = np.empty((n_points, k), dtype=np.intp)
        near = np.empty((n_points, k))
        for start in range(0, n_points, self.step):
            part = slice(start, start + self.step)
            distances = self.of(part, self.n_jobs)
            some = np.argpartition(distances, k - 1, axis=1)[:, :k]
            found = np.take_along_axis(distances, some, axis=1)
            order = np.lexsort((some, found), axis=1)
            neighbors[part] = np.take_along_axis(some, order, axis=1)
            near[part] = np.take_along_axis(found, order, axis=1)
        return neighbors, near


def _least_tree(
    distances: _Distances, core: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges (n_points - 1, 2) and heights of the least tree (Prim)."""
    n_points = len(core)
    edges = np.zeros((n_points - 1, 2), dtype=np.intp)
    heights = np.empty(n_points - 1)
    reach = np.full(n_points, np.inf)
    joined_by = np.zeros(n_points, dtype=np.intp)
    outside = np.ones(n_points, dtype=bool)
    newest = 0
    for step in range(n_points - 1):
        outside[newest] = False
        own = distances.of(slice(newest, newest + 1))[0]
        own = np.maximum(np.maximum(own, core[newest]), core)
        nearer = outside & (own < reach)
        reach[nearer], joined_by[nearer] = own[nearer], newest
        newest = int(np.where(outside, reach, np.inf).argmin())
        if not outside[newest]:  # what is left is out of reach
            newest = int(outside.argmax())
        edges[step], heights[step] = (joined_by[newest], newest), reach[newest]
    return edges, heights
