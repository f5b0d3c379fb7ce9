"""Micro-clusters of the points: which distances need not be computed.

1. A few Lloyd steps on a sample give about 0.8 √n centers; the points are sorted by
   their nearest center. The points of one center are a micro-cluster, here a cell.
2. For a point x of cell a and a point y of cell b, the hyperplane halfway between the
   two centers lies between them, so |x - y| ≥ margin(x→b) + margin(y→a), where
   margin(x→b) = (|x - c_b|² - |x - c_a|²) / (2 |c_a - c_b|). With the least margin of
   each cell towards each other cell, whole cells are skipped without a distance.
3. The other distances are computed as matrix products, one cell against all queries
   that may reach it. Two more columns make a product -|x - y|² / 2.
4. A product is rounded. A pair closer to the limit than the rounding error is computed
   again in float64 from the original rows, so that the result depends neither on the
   batch, nor on the number of threads, nor on the BLAS.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import pairwise

import numpy as np
from scipy.spatial.distance import cdist

from deepclust._parallel import in_threads, least_parts
from deepclust.clustering._unique_rows import Points
from deepclust.metrics._pairwise import products, row_blocks, squared_distances

__all__ = ["CellIndex", "true_entries"]

_LARGEST_CELL = 2048
_MOST_UNITS = 1e18  # points are at most 2 apart; the square of this fits float32
_MIN_BLOCK_ENTRIES = 2**16
_LLOYD_STEPS = 4
_SAMPLE_PER_CELL = 24


def true_entries(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the true entries; ten times np.nonzero's speed."""
    return np.divmod(np.flatnonzero(mask), max(mask.shape[1], 1))


class CellIndex:
    """Points in cells, with a lower bound of the distances between cells.

    Parameters
    ----------
    points : Points
        At least one. Rows are kept by reference. The number of threads does not change
        results.

    radius : float, default=None
        The radius of the queries to come. Products are computed in float32 unless that
        is too coarse for this radius. When None, in the type of the rows.

    Attributes
    ----------
    X : ndarray of shape (n_points, n_features), float32 or float64
        The rows.

    order : ndarray of shape (n_points,), intp
        Row of `X` at each sorted position; the points of a cell are neighbors there.

    cell : ndarray of shape (n_points,), intp
        Cell of each sorted position.

    n_cells : int
        Number of cells.

    tolerance : float
        Bound of the error of a product, in working units.

    Notes
    -----
    Building costs O(n^1.5 d) time. Memory beyond `X`: one copy of it in the working
    type, two square matrices of the cells (about 0.64 n entries each), and a few
    blocks. Working units: shifted to the mean and scaled into the unit ball.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._cell_index import CellIndex
    >>> from deepclust.clustering._unique_rows import Points
    >>> X = np.array([[0.0], [1.0], [5.0]])
    >>> index = CellIndex(Points(X, np.ones(3)), radius=2.0)
    >>> index.n_cells, index.order
    (1, array([0, 1, 2]))
    """

    def __init__(self, points: Points, radius: float | None = None) -> None:
        self.X, self.n_jobs = points.rows, points.n_jobs
        self.block_entries = max(points.block_entries, _MIN_BLOCK_ENTRIES)
        self._set_units(radius)
        self._build()

    # Units: shifted to the mean and scaled to the unit ball ---------------------------

    def _set_units(self, radius: float | None) -> None:
        n_features = self.X.shape[1]
        self.shift = self.X.mean(axis=0, dtype=np.float64)
        largest = 0.0
        for part in self.slices(len(self.X), n_features):
            centered = self.X[part] - self.shift
            largest = max(largest, float(np.square(centered).sum(axis=1).max()))
        self.scale = np.sqrt(largest) or 1.0
        coarse = 2 * (n_features + 16) * 2.0**-24
        if radius is None:
            wide = self.X.dtype == np.float32
        else:
            wide = coarse <= -0.04 * self.limit(radius)
        self.dtype = np.dtype(np.float32 if wide else np.float64)
        # Bound of the error of a product, in units where every norm is at most 1.
        self.tolerance = coarse if wide else coarse * 2.0**-29

    def limit(self, radius: float) -> float:
        """Return the product of points `radius` apart, in working units."""
        return -(min(radius / float(self.scale), _MOST_UNITS) ** 2) / 2

    def slices(self, n_rows: int, width: int) -> Iterator[slice]:
        return row_blocks(n_rows, width, self.block_entries)

    def left_form(self, rows: np.ndarray) -> np.ndarray:
        """Return (rows, n_features + 2): x, 1, -|x|²/2 in working units."""
        n_features = rows.shape[1]
        left = np.empty((len(rows), n_features + 2), dtype=self.dtype)
        for part in self.slices(len(rows), 4 * n_features):
            scaled = (rows[part] - self.shift) / self.scale
            left[part, :n_features] = scaled
            scaled = left[part, :n_features].astype(np.float64)
            left[part, n_features] = 1
            left[part, n_features + 1] = np.square(scaled).sum(axis=1) / -2
        return left

    @staticmethod
    def swap(rows: np.ndarray) -> np.ndarray:
        """Turn left form into right form (x, -|x|²/2, 1), or back, in place."""
        rows[:, -2:] = rows[:, :-3:-1].copy()
        return rows

    def left_of(self, positions: np.ndarray) -> np.ndarray:
        """Return the left form of the points at these sorted positions."""
        return self.swap(self.right[positions])

    def subset(self, kept: np.ndarray, *, consume: bool = False) -> "CellIndex":
        """Return an index of the kept rows of `X`, in the same cells.

        Parameters
        ----------
        kept : ndarray of shape (n_points,), bool
            At least one true entry.

        consume : bool, default=False
            Take over this index's copy of the rows, and leave it unusable.
        """
        part = copy(self)
        positions = kept[self.order]
        part.order = self.order[positions]
        part.right = self._moved_up(positions) if consume else self.right[positions]
        sizes = np.bincount(self.cell[positions], minlength=self.n_cells)
        filled = np.flatnonzero(sizes)
        part.n_cells = len(filled)
        part.starts = np.concatenate(([0], np.cumsum(sizes[filled])))
        part.cell = np.repeat(np.arange(len(filled)), sizes[filled])
        part.centers = self.centers[filled]
        part._between = self._between[np.ix_(filled, filled)]
        part._least_margin = part._least_margins()
        return part

    def extended(self, X: np.ndarray) -> "CellIndex | None":
        """Return an index of more rows, in the same cells and the same units.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Begins with the rows of this index, which must hold all rows of its own `X`.

        Returns
        -------
        index : CellIndex, or None
            None where the new rows do not fit: if one lies outside the unit ball, or a
            cell would grow too large. Then build a new one.

        Notes
        -----
        O(m √n d) for m new rows, and a copy of the rows in the working type.
        """
        added = self.left_form(X[len(self.X) :])
        if not (added[:, -1] >= -0.5).all():
            return None
        cells = self.nearest_center(added, self.centers)
        all_cells = np.concatenate((self.cell, cells))
        sizes = np.bincount(all_cells, minlength=self.n_cells)
        if sizes.max() > 2 * _LARGEST_CELL:
            return None
        self.swap(added)
        part = copy(self)
        part.X = X
        merged = np.argsort(all_cells, kind="stable")
        rows = np.arange(len(self.X), len(X))
        part.order = np.concatenate((self.order, rows))[merged]
        part.right = np.concatenate((self.right, added))[merged]
        part.cell = all_cells[merged]
        part.starts = np.concatenate(([0], np.cumsum(sizes)))
        part._least_margin = self._least_margin.copy()
        order = np.argsort(cells, kind="stable")
        for cell, some in self.runs(cells[order]):
            margins = self._margins(added[order[some]], cell)
            np.minimum(part._least_margin[cell], margins, out=part._least_margin[cell])
        return part

    def _moved_up(self, positions: np.ndarray) -> np.ndarray:
        """Move these rows of `right` to its start, a cell at a time."""
        right, stop = self.right, 0
        del self.right
        for cell in range(self.n_cells):
            members = self.members(cell)
            rows = right[members][positions[members]]
            right[stop : stop + len(rows)] = rows
            stop += len(rows)
        return right[:stop]

    # Building -------------------------------------------------------------------------

    def _build(self) -> None:
        n_points, n_features = self.X.shape
        centers = self._lloyd()
        nearest = np.empty(n_points, dtype=np.int32)

        def assign(part: slice) -> None:
            nearest[part] = self.nearest_center(self.left_form(self.X[part]), centers)

        self.run(assign, self.shares(n_points, max(4 * n_features, len(centers))))
        order = np.argsort(nearest, kind="stable")
        sizes = np.bincount(nearest)
        place = np.arange(n_points) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        # The points of a center are cut into several cells where there are many.
        first = np.flatnonzero(place % _LARGEST_CELL == 0)
        self.order = order
        self.right = np.empty((n_points, n_features + 2), dtype=self.dtype)

        def copy_rows(part: slice) -> None:
            self.right[part] = self.left_form(self.X[order[part]])

        self.run(copy_rows, self.shares(n_points, 4 * n_features))
        self.swap(self.right)
        self.centers = centers[nearest[order[first]]]
        self.starts = np.append(first, n_points)
        self.n_cells = len(first)
        self.cell = np.repeat(np.arange(self.n_cells), np.diff(self.starts))
        self._between = cdist(self.centers[:, :-2], self.centers[:, :-2])
        self._least_margin = self._least_margins()

    def _lloyd(self) -> np.ndarray:
        """Return centers in left form, moved a few times over a strided sample."""
        n_points = len(self.X)
        n_cells = 1 if n_points <= 256 else int(0.8 * np.sqrt(n_points))
        step = max(1, n_points // (n_cells * _SAMPLE_PER_CELL))
        sample = self.left_form(self.X[::step])
        centers = sample[np.linspace(0, len(sample) - 1, n_cells).astype(np.intp)]
        for _ in range(_LLOYD_STEPS if n_cells > 1 else 1):
            nearest = self.nearest_center(sample, centers)
            order = np.argsort(nearest, kind="stable")
            starts = np.unique(nearest[order], return_index=True)[1]
            sums = np.add.reduceat(sample[order, :-2], starts, dtype=np.float64)
            counts = np.diff(np.append(starts, len(sample)))
            centers = np.ones((len(counts), sample.shape[1]), dtype=self.dtype)
            centers[:, :-2] = sums / counts[:, None]
            kept = centers[:, :-2].astype(np.float64)
            centers[:, -1] = np.square(kept).sum(axis=1) / -2
        return centers

    def nearest_center(self, left: np.ndarray, centers: np.ndarray) -> np.ndarray:
        """Return the nearest center of each row of `left`, int32 (n_rows,)."""
        columns = self.swap(centers.copy())
        nearest = np.empty(len(left), dtype=np.int32)
        for part in self.slices(len(left), len(centers)):
            nearest[part] = products(left[part], columns).argmax(axis=1)
        return nearest

    def _least_margins(self) -> np.ndarray:
        """Return (n_cells, n_cells): least margin of the points of a towards b."""
        least = np.zeros((self.n_cells, self.n_cells), dtype=self.dtype)

        def work(cells: range) -> None:
            for cell in cells:
                least[cell] = self._margins(self.right[self.members(cell)], cell)

        self.run(work, self.chunks())
        return least

    def _margins(self, points: np.ndarray, cell: int) -> np.ndarray:
        """Return (n_cells,): least margin of points of `cell` towards the others."""
        to_centers = products(points, self.centers)
        gap = (to_centers[:, [cell]] - to_centers).min(axis=0)
        between = self._between[cell]
        return np.divide(gap, between, where=between > 0, out=gap * 0)

    def members(self, cell: int) -> slice:
        return slice(self.starts[cell], self.starts[cell + 1])

    def run(self, work: Callable, parts: Iterable) -> None:
        """Call `work` on every part, in `n_jobs` threads."""
        in_threads(work, parts, self.n_jobs)

    def shares(self, n_rows: int, width: int) -> Iterator[slice]:
        """Yield slices of rows: bounded blocks, and enough of them for all threads."""
        most = -(-n_rows // least_parts(self.n_jobs))
        return self.slices(n_rows, max(width, self.block_entries // max(most, 1)))

    # Which queries may have a neighbor in which cell ----------------------------------

    def chunks(self) -> list[range]:
        """Return consecutive cells in groups whose blocks stay bounded."""
        most = self.block_entries // self.n_cells
        most = min(most, len(self.order) // least_parts(self.n_jobs))
        groups = self.runs(self.starts[:-1] // max(most, 1))
        return [range(part.start, part.stop) for _, part in groups]

    @staticmethod
    def runs(cells: np.ndarray) -> Iterator[tuple[int, slice]]:
        """Yield each run of equal cells: the cell and its slice."""
        edges = np.flatnonzero(np.diff(cells)) + 1
        bounds = [0, *edges.tolist(), len(cells)]
        for start, stop in pairwise(bounds):
            if stop > start:
                yield int(cells[start]), slice(start, stop)

    def reachable(
        self,
        to_centers: np.ndarray,
        cells: np.ndarray,
        radius: float | np.ndarray,
        slack: float | np.ndarray | None = None,
    ) -> np.ndarray:
        """Return bool (n_cells, n_queries): the pairs that the bound does not exclude.

        Parameters
        ----------
        to_centers : ndarray of shape (n_cells, n_queries)
            Products of the centers and the queries.

        cells : ndarray of shape (n_queries,), intp, sorted
            Cell of each query.

        radius : float, or ndarray of shape (n_queries,)

        slack : float, or ndarray of shape (n_queries,), default=tolerance
            Bound of the error of a product.
        """
        shape = (len(cells),)
        reach = np.broadcast_to(radius / self.scale * (1 + 1e-5), shape)
        slack = self.tolerance if slack is None else slack
        slack = np.broadcast_to(slack, shape)
        reachable = np.empty(to_centers.shape, dtype=bool)
        for cell, part in self.runs(cells):
            between = self._between[cell][:, None]
            room = reach[part] if np.ndim(radius) else reach[part][:1]
            limit = (room - self._least_margin[:, [cell]]) * between
            with np.errstate(over="ignore"):  # inf: nothing is excluded
                limit = (limit + 6 * slack[part]).astype(self.dtype)
            floor = to_centers[cell, part] - limit
            np.greater_equal(to_centers[:, part], floor, out=reachable[:, part])
        return reachable

    def products(self, left: np.ndarray, cell: int) -> np.ndarray:
        """Return (n_queries, size of the cell): -|x - y|² / 2, rounded."""
        return products(left, self.right[self.members(cell)])

    def within(
        self,
        left: np.ndarray,
        rows: np.ndarray,
        cell: int,
        radius: float,
        source: np.ndarray | None = None,
        slack: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return exactly which points of `cell` lie within `radius` of which rows.

        Parameters
        ----------
        left : ndarray of shape (n_queries, n_features + 2)
            The queries in left form.

        rows : ndarray of shape (n_queries,), intp
            Their rows in `source`, for the pairs that rounding leaves open.

        cell : int

        radius : float

        source : ndarray of shape (n_rows, n_features), default=X

        slack : ndarray of shape (n_queries,), default=tolerance
            Bound of the error of a product.

        Returns
        -------
        within : ndarray of shape (n_queries, size of the cell), bool
        """
        limit = self.limit(radius)
        error = np.full(1, self.tolerance) if slack is None else slack
        low = (limit - error).astype(self.dtype)[:, None]
        high = (limit + error).astype(self.dtype)[:, None]
        members, source = self.members(cell), self.X if source is None else source
        within = np.empty((len(left), members.stop - members.start), dtype=bool)
        for part in self.slices(*within.shape):
            product = self.products(left[part], cell)
            some = part if len(low) > 1 else slice(None)
            np.greater_equal(product, high[some], out=within[part])
            row, column = true_entries((product >= low[some]) ^ within[part])
            points = self.order[members][column]
            squared = self.exact(source, rows[part][row], points)
            within[part][row, column] = squared <= radius * radius
        return within

    def exact(
        self, source: np.ndarray, rows: np.ndarray, points: np.ndarray
    ) -> np.ndarray:
        """Return the squared distances of `source[rows]` and `X[points]`."""
        squared = np.empty(len(rows))
        for part in self.slices(len(rows), 4 * self.X.shape[1]):
            squared[part] = squared_distances(source[rows[part]], self.X[points[part]])
        return squared
