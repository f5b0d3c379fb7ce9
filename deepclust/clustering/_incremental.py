"""DBSCAN that takes points in later, with the labels of a fit on all of them.

More points only ever raise a neighbourhood's weight: core points stay core points and
clusters only merge. Adding a batch takes four steps:

1. Copies of known points add to their weight; the others get a place in the cells.
2. Points with new weight meet their neighbours, whose weights grow by as much; new
   points collect the weight of theirs.
3. Points that have become core points, and new points that have not, meet their
   neighbours: two core points are united, and a point that is no core point remembers
   its nearest core point.
4. What each core point is united with, and each other point's nearest core point, are
   the labels.
"""

from collections.abc import Iterator

import numpy as np

from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._components import CollapsedRows, Forest, Points, connect
from deepclust.clustering._neighbors import count_within, nearest, rings
from deepclust.clustering._pairs import true_entries
from deepclust.clustering._unique_rows import content_hashes, distinct_rows

__all__ = ["GrowingClusters"]

_REBUILD_AT = 2


class GrowingClusters:
    """The clusters of rows for one radius, to which more rows can be added.

    Parameters
    ----------
    rows : CollapsedRows
        Of at least one point; weights are not negative.

    radius : float

    min_samples : int

    Attributes
    ----------
    rows : CollapsedRows
        All rows so far; their points in the order of arrival.

    core : ndarray of shape (n_points,), bool
        Which are core points.

    index : CellIndex
        Of all points.

    Notes
    -----
    `add` compares m new points with the cells that their radius reaches, O(m n d) at
    worst and mostly a few per cent of that, and copies the rows once, O(n d). The cells
    are made anew whenever the points have doubled.

    References
    ----------
    .. [1] M. Ester, H.-P. Kriegel, J. Sander, M. Wimmer, X. Xu, "Incremental
       clustering for mining in a data warehousing environment", VLDB 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._incremental import GrowingClusters
    >>> from deepclust.clustering._components import CollapsedRows
    >>> X, valid = np.array([[0.0], [1.0], [4.0], [5.0]]), np.ones(4, dtype=bool)
    >>> rows = CollapsedRows.collapse(X, valid, None, 2**16, None)
    >>> growing = GrowingClusters(rows, 1.5, 2)
    >>> growing.labels()
    array([0, 0, 2, 2])
    >>> growing.add(np.array([[2.5], [1.0]]), np.ones(2, dtype=bool), np.ones(2))
    >>> growing.labels(), growing.rows.point_of
    (array([0, 0, 0, 0, 0]), array([0, 1, 2, 3, 4, 1]))
    """

    def __init__(self, rows: CollapsedRows, radius: float, min_samples: int) -> None:
        self.rows, self.radius, self.min_samples = rows, radius, min_samples
        points = rows.points
        self._hashes = content_hashes(points.rows)
        self._build_index()
        n_points = len(points.rows)
        found = count_within(self.index, radius, points.weights, min_samples)
        self._counts, self.core = found.counts, found.counts >= min_samples
        self._forest = Forest(n_points)
        self._nearest = np.full(n_points, -1, dtype=np.intp)
        self._squared = np.full(n_points, np.inf)
        if self.core.any():
            self._connect_core_points(found.links)

    def is_for(self, radius: float, min_samples: int) -> bool:
        """Tell whether these are the clusters for this radius and weight."""
        return (radius, min_samples) == (self.radius, self.min_samples)

    def labels(self) -> np.ndarray:
        """Return the cluster of every point, in no particular order; -1 is noise."""
        leader = np.where(self.core, np.arange(len(self.core)), self._nearest)
        labels = self._forest.roots(leader)
        labels[leader < 0] = -1
        return labels

    def add(self, rows: np.ndarray, valid: np.ndarray, weights: np.ndarray) -> None:
        """Add rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
            In the type of the first points; may hold copies.

        valid : ndarray of shape (n_rows,), bool
            Which of them take part.

        weights : ndarray of shape (n_rows,), float64
            Not negative.
        """
        old = len(self.core)
        gain = self._take_in(rows, valid, weights)
        is_new = np.arange(len(gain)) >= old
        self._gain_weight(np.flatnonzero(is_new | (gain > 0)), gain, old)
        now_core = self._counts >= self.min_samples
        fresh = np.flatnonzero(np.where(now_core, ~self.core, is_new))
        self.core = now_core
        self._meet_core_points(fresh)

    def _build_index(self) -> None:
        points = self.rows.points
        self.index = CellIndex(
            points.rows,
            radius=self.radius,
            block_entries=points.block_entries,
            n_jobs=points.n_jobs,
        )
        self._built_for = len(points.rows)

    def _connect_core_points(self, links: tuple[np.ndarray, np.ndarray]) -> None:
        core_index = self.index.subset(self.core)
        labels = connect(core_index, self.radius, links)
        first = np.unique(labels, return_index=True)[1]
        leader = core_index.order[first][np.unique(labels, return_inverse=True)[1]]
        self._forest.unite(core_index.order, leader)
        rest = np.flatnonzero(~self.core)
        found, squared = nearest(core_index, self.rows.points.rows[rest], self.radius)
        self._nearest[rest], self._squared[rest] = found, squared

    def _take_in(
        self, rows: np.ndarray, valid: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Give the rows places; return the weight that each point gains."""
        known, old, usable = self.rows.points, len(self.core), np.flatnonzero(valid)
        hashes = np.concatenate((self._hashes, content_hashes(rows[usable])))
        both = np.concatenate((known.rows, rows[usable]))
        first, inverse = distinct_rows(both, hashes)
        if len(first) < len(both):
            both, hashes = both[first], hashes[first]
        gain = np.bincount(inverse[old:], weights[usable], minlength=len(first))
        total = gain.copy()
        total[:old] += known.weights
        point_of = np.full(len(rows), -1, dtype=np.intp)
        point_of[usable] = inverse[old:]
        n_rows = len(self.rows.point_of)
        new_rows = n_rows + usable[first[old:] - old]
        self.rows = CollapsedRows(
            Points(both, total, known.block_entries, known.n_jobs),
            np.concatenate((self.rows.first, new_rows)),
            np.concatenate((self.rows.point_of, point_of)),
        )
        self._hashes = hashes
        self._make_room(len(first))
        return gain

    def _make_room(self, n_points: int) -> None:
        more = n_points - len(self.core)
        self._counts = np.append(self._counts, np.zeros(more))
        self.core = np.append(self.core, np.zeros(more, dtype=bool))
        self._nearest = np.append(self._nearest, np.full(more, -1, dtype=np.intp))
        self._squared = np.append(self._squared, np.full(more, np.inf))
        self._forest.grow(n_points)
        extended = None
        if n_points <= _REBUILD_AT * self._built_for:
            extended = self.index.extended(self.rows.points.rows)
        if extended is None:
            self._build_index()
        else:
            self.index = extended

    def _gain_weight(self, changed: np.ndarray, gain: np.ndarray, old: int) -> None:
        """Raise the weight of what lies around the changed points."""
        weights = self.rows.points.weights
        for queries, members, within in self._meetings(changed):
            known = members < old
            self._counts[members[known]] += gain[queries] @ within[:, known]
            new = queries >= old
            self._counts[queries[new]] += within[new] @ weights[members]

    def _meet_core_points(self, fresh: np.ndarray) -> None:
        """Unite new core points with core points; find borders their nearest one."""
        for queries, members, within in self._meetings(fresh):
            is_core, near_core = self.core[queries], self.core[members]
            self._unite(
                queries[is_core], members[near_core], within, is_core, near_core
            )
            row, column = true_entries(within[np.ix_(is_core, ~near_core)])
            self._offer(members[~near_core][column], queries[is_core][row])
            row, column = true_entries(within[np.ix_(~is_core, near_core)])
            self._offer(queries[~is_core][row], members[near_core][column])

    def _unite(
        self,
        queries: np.ndarray,
        members: np.ndarray,
        within: np.ndarray,
        is_core: np.ndarray,
        near_core: np.ndarray,
    ) -> None:
        if not (len(queries) and len(members)):
            return
        there = self._forest.roots(members)
        within = within[np.ix_(is_core, near_core)]
        if (there == there[0]).all():
            queries = queries[within.any(axis=1)]
            self._forest.unite(queries, np.full(len(queries), there[0]))
        else:
            row, column = true_entries(within)
            self._forest.unite(queries[row], there[column])

    def _offer(self, points: np.ndarray, core_points: np.ndarray) -> None:
        """Let points that are no core points take a core point if it is nearer."""
        if not len(points):
            return
        squared = self.index.exact(self.rows.points.rows, points, core_points)
        order = np.lexsort((core_points, squared, points))
        points, core_points, squared = (
            part[order] for part in (points, core_points, squared)
        )
        first = np.diff(points, prepend=-1) > 0
        points, core_points, squared = points[first], core_points[first], squared[first]
        best, lowest = self._squared[points], self._nearest[points]
        better = (squared < best) | ((squared == best) & (core_points < lowest))
        self._squared[points[better]] = squared[better]
        self._nearest[points[better]] = core_points[better]

    def _meetings(
        self, points: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield queries, members of a cell, and which of them are within the radius.

        Every pair of one of `points` and any point within the radius is met once.
        """
        index = self.index
        positions_of = np.empty(len(index.order), dtype=np.intp)
        positions_of[index.order] = np.arange(len(index.order))
        positions = np.sort(positions_of[points])
        widest = max(int(np.diff(index.starts).max()), index.n_cells)
        step = max(1, index.block_entries // widest)
        for start in range(0, len(positions), step):
            some = positions[start : start + step]
            left, queries = index.left_of(some), index.order[some]
            for cell, place in self._cells_met(some):
                within = index.within(left[place], queries[place], cell, self.radius)
                yield queries[place], index.order[index.members(cell)], within

    def _cells_met(
        self, positions: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray | slice]]:
        yield from self.index.runs(self.index.cell[positions])
        yield from rings(self.index, positions, self.radius)
