"""DBSCAN for any metric of scikit-learn's neighbour searches, in bounded memory.

Neighbourhoods are asked for in blocks of rows and never kept. Which distances are
computed, and to the last bit which pairs are near, is scikit-learn's affair.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from deepclust.clustering._components import Forest, Points

__all__ = ["NeighborSearch"]

_FIRST_GUESS = 4


class NeighborSearch:
    """The neighbours of rows by some metric, a block of rows at a time.

    Parameters
    ----------
    points : Points
        At least one.

    metric : str or callable
        As for scikit-learn's `NearestNeighbors`.

    metric_params : dict or None

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._any_metric import NeighborSearch
    >>> from deepclust.clustering._components import Points
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [9.0, 9.0]])
    >>> search = NeighborSearch(Points(X, np.ones(3), 2**16, None), "manhattan", None)
    >>> search.density_clusters(2.0, 2)
    (array([ True,  True, False]), array([ 0,  0, -1]))
    >>> search.nearest(np.array([[8.0, 9.0], [4.0, 4.0]]), 1.0)
    array([ 2, -1])
    """

    def __init__(
        self, points: Points, metric: str | Callable, metric_params: dict | None
    ) -> None:
        self.points, self.metric, self.metric_params = points, metric, metric_params
        others = dict(metric_params or {})
        self._search = NearestNeighbors(
            metric=metric,
            p=others.pop("p", 2),
            metric_params=others or None,
            n_jobs=points.n_jobs,
        ).fit(points.rows)

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
        Neighbourhoods are searched for twice, once to weigh them and once to unite
        them, so that none has to be kept.
        """
        rows, weights = self.points.rows, self.points.weights
        counts = np.zeros(len(rows))
        for part, lengths, near, _ in self._neighborhoods(rows, radius):
            owner = np.repeat(np.arange(len(lengths)), lengths)
            counts[part] = np.bincount(owner, weights[near], minlength=len(lengths))
        core = counts >= min_samples
        labels = np.full(len(rows), -1, dtype=np.intp)
        if not core.any():
            return core, labels
        members = np.flatnonzero(core)
        of_core = self._only(members)
        forest = Forest(len(members))
        for part, lengths, near, _ in of_core._neighborhoods(rows[members], radius):
            own = np.repeat(np.arange(part.start, part.start + len(lengths)), lengths)
            forest.unite(own, near)
        roots = forest.roots(np.arange(len(members)))
        labels[members] = roots
        rest = np.flatnonzero(~core)
        found = of_core.nearest(rows[rest], radius)
        labels[rest] = np.where(found >= 0, roots[found], -1)
        return core, labels

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
            return self._nearest_anywhere(Q)
        points = np.full(len(Q), -1, dtype=np.intp)
        for part, lengths, near, distances in self._neighborhoods(Q, radius):
            owner = np.repeat(np.arange(len(lengths)), lengths)
            order = np.lexsort((near, distances, owner))
            first = order[np.diff(owner[order], prepend=-1) > 0]
            points[part.start + owner[first]] = near[first]
        return points

    def kth_distances(self, Q: np.ndarray, k: int) -> np.ndarray:
        """Return the distance of every query to its k-th nearest point.

        Parameters
        ----------
        Q : ndarray of shape (n_queries, n_features)

        k : int
            At most the number of points.

        Returns
        -------
        distances : ndarray of shape (n_queries,)
        """
        distances = np.empty(len(Q))
        step = self._rows_at_a_time(k)
        for start in range(0, len(Q), step):
            part = slice(start, start + step)
            distances[part] = self._search.kneighbors(Q[part], k)[0][:, -1]
        return distances

    def _nearest_anywhere(self, Q: np.ndarray) -> np.ndarray:
        points = np.empty(len(Q), dtype=np.intp)
        n_points, open_rows = len(self.points.rows), np.arange(len(Q))
        n_neighbors = _FIRST_GUESS
        while len(open_rows):
            n_neighbors = min(n_neighbors, n_points)
            step = self._rows_at_a_time(n_neighbors)
            tied = []
            for start in range(0, len(open_rows), step):
                some = open_rows[start : start + step]
                distances, near = self._search.kneighbors(Q[some], n_neighbors)
                equal = distances == distances[:, :1]
                points[some] = np.where(equal, near, n_points).min(axis=1)
                tied.append(some[equal.all(axis=1)])
            done = n_neighbors == n_points
            open_rows = np.empty(0, np.intp) if done else np.concatenate(tied)
            n_neighbors *= 4
        return points

    def _only(self, places: np.ndarray) -> "NeighborSearch":
        if len(places) == len(self.points.rows):
            return self
        only = self.points.only(places)
        return NeighborSearch(only, self.metric, self.metric_params)

    def _rows_at_a_time(self, width: int) -> int:
        return max(1, self.points.block_entries // width)

    def _neighborhoods(
        self, Q: np.ndarray, radius: float
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield blocks: queries, sizes of their neighbourhoods, points, distances."""
        step = self._rows_at_a_time(len(self.points.rows))
        for start in range(0, len(Q), step):
            part = slice(start, min(start + step, len(Q)))
            found: Any = self._search.radius_neighbors(Q[part], radius)
            lengths = np.array([len(near) for near in found[1]])
            yield part, lengths, np.concatenate(found[1]), np.concatenate(found[0])
