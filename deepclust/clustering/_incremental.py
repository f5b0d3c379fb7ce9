"""Incremental DBSCAN: adding rows gives the labels of a fit on all of them.

Additional points only raise the weight of a neighborhood: core points stay core points
and clusters only merge. Adding a batch takes four steps:

1. Copies of known points add to their weight; the other rows become points.
2. The weight that a point gains is added to the neighborhoods it belongs to; the
   neighborhoods of new points are weighed.
3. New core points are united with the core points within the radius. Every other point
   keeps its nearest core point.
4. A core point is labeled by its component, any other point by its nearest core point.
"""

from collections.abc import Iterator

import numpy as np

from deepclust.clustering._cell_index import CellIndex, true_entries
from deepclust.clustering._components import Forest, connect
from deepclust.clustering._neighbors import (
    candidate_cells,
    count_within,
    keep_nearest,
    nearest,
)
from deepclust.clustering._unique_rows import (
    Points,
    UniqueRows,
    content_hashes,
    unique_rows,
)

__all__ = ["IncrementalClusters"]

_REBUILD_AT = 2


class IncrementalClusters:
    """The clusters of rows for one radius, to which more rows can be added.

    Parameters
    ----------
    rows : UniqueRows
        Of at least one point; weights are not negative.

    radius : float

    min_samples : int

    Attributes
    ----------
    rows : UniqueRows
        All rows so far; their points in the order of arrival.

    core : ndarray of shape (n_points,), bool
        Which are core points.

    index : CellIndex
        Of all points.

    Notes
    -----
    `add` compares m new points with the cells within their radius, O(m n d) at worst
    and mostly a few per cent of that, and copies the rows once, O(n d). The index is
    rebuilt whenever the number of points has doubled.

    References
    ----------
    .. [1] M. Ester, H.-P. Kriegel, J. Sander, M. Wimmer, X. Xu, "Incremental
       clustering for mining in a data warehousing environment", VLDB 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._incremental import IncrementalClusters
    >>> from deepclust.clustering._unique_rows import UniqueRows
    >>> X, valid = np.array([[0.0], [1.0], [4.0], [5.0]]), np.ones(4, dtype=bool)
    >>> clusters = IncrementalClusters(UniqueRows.of(X, valid, np.ones(4)), 1.5, 2)
    >>> clusters.labels()
    array([0, 0, 2, 2])
    >>> clusters.add(np.array([[2.5], [1.0]]), np.ones(2, dtype=bool), np.ones(2))
    >>> clusters.labels(), clusters.rows.point_of
    (array([0, 0, 0, 0, 0]), array([0, 1, 2, 3, 4, 1]))
    """

    def __init__(self, rows: UniqueRows, radius: float, min_samples: int) -> None:
        self.rows, self.radius, self.min_samples = rows, radius, min_samples
        points = rows.points
        self._hashes = content_hashes(points.rows)
        self._build_index()
        found = count_within(self.index, radius, points.weights, min_samples)
        self._counts, self.core = found.counts, found.counts >= min_samples
        self._forest = Forest(len(self.core))
        self._nearest = np.full(len(self.core), -1, dtype=np.intp)
        self._squared = np.full(len(self.core), np.inf)
        if self.core.any():
            self._connect_core_points(found.links)

    def labels(self) -> np.ndarray:
        """Return the cluster of every point, in no particular order; -1 is noise."""
        core_point = np.where(self.core, np.arange(len(self.core)), self._nearest)
        return np.where(core_point >= 0, self._forest.roots(core_point), -1)

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
        gain = self._add_points(rows, valid, weights)
        is_new = np.arange(len(gain)) >= old
        self._add_weight(np.flatnonzero(is_new | (gain > 0)), gain, old)
        core = self._counts >= self.min_samples
        changed = np.flatnonzero(np.where(core, ~self.core, is_new))
        self.core = core
        self._connect(changed)

    def _build_index(self) -> None:
        self.index = CellIndex(self.rows.points, self.radius)
        self._built_for = len(self.rows.points.rows)

    def _connect_core_points(self, links: tuple[np.ndarray, np.ndarray]) -> None:
        core_index = self.index.subset(self.core)
        labels = connect(core_index, self.radius, links)
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        self._forest.unite(core_index.order, core_index.order[first[inverse]])
        rest = np.flatnonzero(~self.core)
        found, squared = nearest(core_index, self.rows.points.rows[rest], self.radius)
        self._nearest[rest], self._squared[rest] = found, squared

    def _add_points(
        self, rows: np.ndarray, valid: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Add the rows to the points; return the weight that each point gains."""
        known, old, usable = self.rows.points, len(self.core), np.flatnonzero(valid)
        hashes = np.concatenate((self._hashes, content_hashes(rows[usable])))
        both = np.concatenate((known.rows, rows[usable]))
        first, inverse = unique_rows(both, hashes)
        if len(first) < len(both):
            both, hashes = both[first], hashes[first]
        gain = np.bincount(inverse[old:], weights[usable], minlength=len(first))
        total = gain.copy()
        total[:old] += known.weights
        point_of = np.full(len(rows), -1, dtype=np.intp)
        point_of[usable] = inverse[old:]
        n_rows = len(self.rows.point_of)
        new_rows = n_rows + usable[first[old:] - old]
        self.rows = UniqueRows(
            Points(both, total, known.block_entries, known.n_jobs),
            np.concatenate((self.rows.first, new_rows)),
            np.concatenate((self.rows.point_of, point_of)),
        )
        self._hashes = hashes
        self._extend(len(first))
        return gain

    def _extend(self, n_points: int) -> None:
        """Extend the arrays, the forest and the index to the new points."""
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

    def _add_weight(self, changed: np.ndarray, gain: np.ndarray, old: int) -> None:
        """Add the gain of the changed points to all neighborhoods that hold them."""
        weights = self.rows.points.weights
        for queries, members, within in self._neighborhoods(changed):
            known = members < old
            self._counts[members[known]] += gain[queries] @ within[:, known]
            new = queries >= old
            self._counts[queries[new]] += within[new] @ weights[members]

    def _connect(self, changed: np.ndarray) -> None:
        """Unite new core points with core points; update the nearest core points."""
        for queries, members, within in self._neighborhoods(changed):
            row, column = true_entries(within)
            one, other = queries[row], members[column]
            both = self.core[one] & self.core[other]
            self._forest.unite(one[both], other[both])
            self._update_nearest(other, one)
            self._update_nearest(one, other)

    def _update_nearest(self, points: np.ndarray, core_points: np.ndarray) -> None:
        """Compare pairs of a point that is no core point and a core point."""
        kept = ~self.core[points] & self.core[core_points]
        points, core_points = points[kept], core_points[kept]
        squared = self.index.exact(self.rows.points.rows, points, core_points)
        keep_nearest((self._nearest, self._squared), points, core_points, squared)

    def _neighborhoods(
        self, points: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield queries, members of a cell, and which of them are within the radius.

        Every pair of one of `points` and any point within the radius is yielded once.
        """
        index = self.index
        positions = np.flatnonzero(np.isin(index.order, points))
        widest = max(int(np.diff(index.starts).max()), index.n_cells)
        for part in index.slices(len(positions), widest):
            some = positions[part]
            left, queries = index.left_of(some), index.order[some]
            right, cells = index.right[some], index.cell[some]
            for cell, place in candidate_cells(
                index, right, cells, lambda: self.radius, own=True
            ):
                within = index.within(left[place], queries[place], cell, self.radius)
                yield queries[place], index.order[index.members(cell)], within
