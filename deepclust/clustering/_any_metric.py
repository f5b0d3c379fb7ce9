"""DBSCAN and its density hierarchy for any metric that scikit-learn searches by.

Neighborhoods are searched for in blocks of rows and never kept. Distances are those of
scikit-learn, to the last bit.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy.sparse import issparse

from deepclust.clustering._components import Forest
from deepclust.clustering._mutual_reachability import (
    MIN_NEIGHBORS,
    ReachabilityTree,
    core_squares,
)
from deepclust.clustering._neighbors import nearest_of_each
from deepclust.clustering._unique_rows import Points
from deepclust.metrics._pairwise import row_blocks, spanning_tree

__all__ = ["GraphSearch", "NeighborSearch"]

_FIRST_NEIGHBORS = 4
_ROUNDING = 1e-9  # as of 1 - a·b for equal rows
# Names that the tree searches know and `pairwise_distances` does not.
_ALIASES = {
    "infinity": "chebyshev",
    "p": "minkowski",
    "sokalmichener": "rogerstanimoto",
}


class _Distance:
    """A metric of the user, which must return no NaN and nothing negative.

    The trees of scikit-learn print an error of the metric and go on without it, so it
    is kept for `_errors_raised`.
    """

    def __init__(self, metric: Callable) -> None:
        self.metric = metric
        self.error: BaseException | None = None  # the last one

    def __call__(self, a: np.ndarray, b: np.ndarray, **params: Any) -> float:
        try:
            return self._checked(a, b, **params)
        except BaseException as error:
            self.error = error
        return 0.0

    def _checked(self, a: np.ndarray, b: np.ndarray, **params: Any) -> float:
        returned = self.metric(a, b, **params)
        try:
            distance = float(returned)
        except (TypeError, ValueError):
            distance = np.nan
        if distance >= 0:
            return distance
        if distance >= -_ROUNDING:
            return 0.0
        raise ValueError(
            "The 'metric' parameter of DBSCAN must return distances, at least 0. "
            f"Received: {returned!r} from {self.metric!r} for the rows {a} and {b}."
        )


@contextmanager
def _errors_raised(metric: str | Callable) -> Iterator[None]:
    """Raise at the end what the metric raised in between, in whatever thread."""
    before = getattr(metric, "error", None)
    yield
    error = getattr(metric, "error", None)
    if error is not None and error is not before:
        raise error


class NeighborSearch:
    """The neighbors of rows by some metric, a block of rows at a time.

    Parameters
    ----------
    points : Points
        At least one.

    metric : str or callable
        As for scikit-learn's `NearestNeighbors`.

    metric_params : dict, default=None

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._any_metric import NeighborSearch
    >>> from deepclust.clustering._unique_rows import Points
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [9.0, 9.0]])
    >>> search = NeighborSearch(Points(X, np.ones(3)), "manhattan")
    >>> search.density_clusters(2.0, 2)
    (array([ True,  True, False]), array([ 0,  0, -1]))
    >>> search.nearest(np.array([[8.0, 9.0], [4.0, 4.0]]), 1.0)
    array([ 2, -1])
    >>> search.reachability_trees([2])[0].heights
    array([ 2., 16.])
    """

    def __init__(
        self,
        points: Points,
        metric: str | Callable,
        metric_params: dict | None = None,
    ) -> None:
        from sklearn.neighbors import NearestNeighbors  # .2 s, which `load` saves

        if callable(metric) and not isinstance(metric, _Distance):
            metric = _Distance(metric)
        self.points, self.metric, self.metric_params = points, metric, metric_params
        params = dict(metric_params or {})
        search = NearestNeighbors(
            metric=metric,
            p=params.pop("p", 2) if metric == "minkowski" else None,
            metric_params=params or None,
            n_jobs=points.n_jobs,
        )
        with _errors_raised(metric):
            self._search = search.fit(points.rows)

    def density_clusters(
        self, radius: float, min_samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which points are core points, and the cluster of every point.

        Parameters
        ----------
        radius : float

        min_samples : int

        Returns
        -------
        core : ndarray of shape (n_points,), bool

        labels : ndarray of shape (n_points,), intp
            In no particular order; -1 is noise.

        Notes
        -----
        Neighborhoods are searched for twice, once to weigh them and once to unite
        them, so that none has to be kept.
        """
        rows, weights = self.points.rows, self.points.weights
        n_rows = rows.shape[0]
        counts = np.zeros(n_rows)
        for query, near, _ in self._neighborhoods(rows, radius):
            counts += np.bincount(query, weights[near], minlength=n_rows)
        core = counts >= min_samples
        labels = np.full(n_rows, -1, dtype=np.intp)
        if not core.any():
            return core, labels
        members, rest = np.flatnonzero(core), np.flatnonzero(~core)
        search = self.among(members)
        forest = Forest(len(members))
        for query, near, _ in search._neighborhoods(rows[members], radius):
            forest.unite(query, near)
        roots = forest.roots(np.arange(len(members)))
        labels[members] = roots
        found = search.nearest(rows[rest], radius)
        labels[rest] = np.where(found >= 0, roots[found], -1)
        return core, labels

    def among(self, places: np.ndarray) -> "NeighborSearch":
        """Return the search among some of the points."""
        return NeighborSearch(self.points.only(places), self.metric, self.metric_params)

    def nearest(self, Q: np.ndarray, radius: float = np.inf) -> np.ndarray:
        """Return the nearest point of every query.

        Parameters
        ----------
        Q : ndarray of shape (n_queries, n_features)
            May have no rows.

        radius : float, default=inf

        Returns
        -------
        points : ndarray of shape (n_queries,), intp
            The lowest one among equally near; -1 if none is within the radius.
        """
        if np.isinf(radius):
            return self._nearest_anywhere(Q, _FIRST_NEIGHBORS)
        points = np.full(Q.shape[0], -1, dtype=np.intp)
        for found in self._neighborhoods(Q, radius):
            query, near, _ = nearest_of_each(*found)
            points[query] = near
        return points

    def _nearest_anywhere(self, Q: np.ndarray, n_neighbors: int) -> np.ndarray:
        n_points = self.points.rows.shape[0]
        n_neighbors = min(n_neighbors, n_points)
        near, distances = self.k_nearest(Q, n_neighbors)
        tied = distances == distances[:, :1]
        points = np.where(tied, near, n_points).min(axis=1)
        more = np.flatnonzero(tied.all(axis=1))
        if n_neighbors < n_points and len(more):
            points[more] = self._nearest_anywhere(Q[more], 4 * n_neighbors)
        return points

    def k_nearest(self, Q: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k nearest points of every query.

        Parameters
        ----------
        Q : ndarray of shape (n_queries, n_features)

        k : int
            At most the number of points.

        Returns
        -------
        points : ndarray of shape (n_queries, k), intp
            Nearest first; the lower one first among equally near ones.

        distances : ndarray of shape (n_queries, k), float64
        """
        points = np.empty((Q.shape[0], k), dtype=np.intp)
        distances = np.empty((Q.shape[0], k))
        for part in row_blocks(Q.shape[0], k, self.points.block_entries):
            with _errors_raised(self.metric):
                found, near = self._search.kneighbors(Q[part], k)
            order = np.lexsort((near, found), axis=1)
            points[part] = np.take_along_axis(near, order, axis=1)
            distances[part] = np.take_along_axis(found, order, axis=1)
        return points, distances

    def reachability_trees(self, min_samples: Sequence[int]) -> list[ReachabilityTree]:
        """Build one density hierarchy for each of several values of min_samples.

        Parameters
        ----------
        min_samples : sequence of int

        Returns
        -------
        trees : list of ReachabilityTree
            In units of the metric.

        Notes
        -----
        All n² distances are computed once for every tree. Memory: O(n k).
        """
        rows, weights = self.points.rows, self.points.weights
        k = min(max(*min_samples, MIN_NEIGHBORS), len(rows))
        neighbors, distances = self.k_nearest(rows, k)
        trees = []
        for enough in min_samples:
            squares = core_squares(neighbors, np.square(distances), weights, enough)
            edges, heights = spanning_tree(self._distances_from(), np.sqrt(squares))
            tree = ReachabilityTree.of(
                enough,
                weights,
                neighbors,
                np.square(distances),
                squares,
                (edges[:, 0], edges[:, 1], np.square(heights)),
            )
            trees.append(tree)
        return trees

    def _distances_from(self) -> Callable[[int], np.ndarray]:
        """Return a function of a point: its distances to all points."""
        from sklearn.metrics import pairwise_distances
        from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS

        metric, rows = self.metric, self.points.rows.astype(np.float64)
        if metric in PAIRWISE_BOOLEAN_FUNCTIONS or metric == "sokalmichener":
            rows = rows.astype(bool)
        if isinstance(metric, str):
            metric = _ALIASES.get(metric, metric)
        params: dict[str, Any] = {"metric": metric, **(self.metric_params or {})}

        def distances_from(point: int) -> np.ndarray:
            with _errors_raised(metric):
                return pairwise_distances(rows[[point]], rows, **params)[0]

        return distances_from

    def _neighborhoods(
        self, Q: np.ndarray, radius: float
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield blocks of pairs: query, ascending, a point, and their distance."""
        n_points, block_entries = self.points.rows.shape[0], self.points.block_entries
        for part in row_blocks(Q.shape[0], n_points, block_entries):
            with _errors_raised(self.metric):
                found: Any = self._search.radius_neighbors(Q[part], radius)
            lengths = [len(near) for near in found[1]]
            query = np.repeat(np.arange(part.start, part.stop), lengths)
            yield query, np.concatenate(found[1]), np.concatenate(found[0])


class GraphSearch(NeighborSearch):
    """The neighbors of rows whose distances are given.

    Parameters
    ----------
    points : Points
        Each row holds the distances to all points: dense, or the explicit entries of a
        csr matrix, where what is not stored is no neighbor.

    places : ndarray of shape (n_places,), intp, default=None
        The points to search among; all when None.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._any_metric import GraphSearch
    >>> from deepclust.clustering._unique_rows import Points
    >>> D = np.array([[0.0, 1.0, 9.0], [1.0, 0.0, 9.0], [9.0, 9.0, 0.0]])
    >>> GraphSearch(Points(D, np.ones(3))).density_clusters(2.0, 2)
    (array([ True,  True, False]), array([ 0,  0, -1]))
    """

    def __init__(self, points: Points, places: np.ndarray | None = None) -> None:
        self.points, self.places = points, places

    def among(self, places: np.ndarray) -> "GraphSearch":
        """Return the search among some of the points."""
        return GraphSearch(self.points, places)

    def nearest(self, Q: Any, radius: float = np.inf) -> np.ndarray:
        """Return the nearest point of every query; see `NeighborSearch.nearest`."""
        return super().nearest(Q, min(radius, np.finfo(np.float64).max))

    def _neighborhoods(
        self, Q: Any, radius: float
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for part in row_blocks(Q.shape[0], Q.shape[1], self.points.block_entries):
            block = Q[part] if self.places is None else Q[part][:, self.places]
            if issparse(block):
                block = block.tocsr()
                block.sort_indices()
                entries = block.tocoo()
                row, column, distances = entries.row, entries.col, entries.data
                near = distances <= radius
                row, column, distances = row[near], column[near], distances[near]
            else:
                row, column = np.nonzero(block <= radius)
                distances = block[row, column]
            yield row + part.start, column.astype(np.intp), distances
