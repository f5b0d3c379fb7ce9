"""A cheap lower bound of distances, from the first principal components.

With P the projection onto a few orthogonal directions,
|x - y|² ≥ |Px - Py|² + (|x - Px| - |y - Py|)². Where cells overlap, nearly all pairs of
points are far apart, and the bound excludes them in a third of the dimensions.
"""

from collections.abc import Iterator

import numpy as np

from deepclust.clustering._cell_index import CellIndex
from deepclust.metrics._pairwise import products

__all__ = ["PCALowerBound"]

_MIN_FEATURES = 24
_MIN_PAIRS = 2**24
_SAMPLE_ROWS = 2048
_QUERIES_TRIED = 96
_CELLS_TRIED = 8
_SHARES_TRIED = (0.2, 0.3, 0.4, 0.5, 0.65)
_WORTH_IT = 0.85
# What it costs to compare one product, in multiply-adds.
_COMPARISON = 8


class PCALowerBound:
    """Projections of the points of an index onto a few directions.

    Parameters
    ----------
    index : CellIndex

    basis : ndarray of shape (n_features, n_directions), float64
        Orthonormal columns.

    Attributes
    ----------
    right : ndarray of shape (n_points, n_directions + 3)
        At each sorted position: the projection, |x - Px|, -|x|²/2, 1.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._cell_index import CellIndex
    >>> from deepclust.clustering._pca_lower_bound import PCALowerBound
    >>> from deepclust.clustering._unique_rows import Points
    >>> X = np.random.default_rng(0).random((600, 2))
    >>> X[300:, 0] += 9
    >>> index = CellIndex(Points(X, np.ones(600)), radius=1.0)
    >>> first_axis = PCALowerBound(index, np.array([[1.0], [0.0]]))
    >>> queries = first_axis.left_of(np.arange(600))  # in the order of the index
    >>> may_reach = first_axis.may_reach(queries, 0, 1.0)  # the first cell
    >>> may_reach[index.order < 300].mean(), may_reach[index.order >= 300].mean()
    (np.float64(1.0), np.float64(0.0))
    """

    def __init__(self, index: CellIndex, basis: np.ndarray) -> None:
        self.index = index
        n_points, width = len(index.order), basis.shape[1]
        self.right = np.empty((n_points, width + 3), dtype=index.dtype)
        for part in index.slices(n_points, 4 * len(basis)):
            self.right[part] = _projected(index.right[part], basis)

    @classmethod
    def if_worth_it(
        cls, index: CellIndex, positions: np.ndarray, radius: float
    ) -> "PCALowerBound | None":
        """Return the bound that will save most time, or None if none saves much.

        Parameters
        ----------
        index : CellIndex

        positions : ndarray of shape (n_queries,), intp
            Sorted positions of the queries.

        radius : float

        Returns
        -------
        bound : PCALowerBound or None

        Notes
        -----
        Estimated from a hundred of the queries and eight of the cells.
        """
        n_features = index.X.shape[1]
        pairs = len(positions) * len(index.order)
        if n_features < _MIN_FEATURES or pairs < _MIN_PAIRS:
            return None
        few = positions[_evenly(len(positions), _QUERIES_TRIED)]
        own = index.cell[few]
        candidates = index.reachable(
            products(index.centers, index.right[few]), own, radius
        )
        candidates[own, np.arange(len(few))] = False
        if candidates.mean() * pairs <= _MIN_PAIRS:
            return None
        basis = _principal_directions(index)
        full = _COMPARISON + n_features + 2
        best, width = _WORTH_IT * full, 0
        for tried, kept in _shares_kept(index, basis, few, candidates, radius):
            cost = _COMPARISON + tried + 3 + kept * full
            if cost < best:
                best, width = cost, tried
        return cls(index, basis[:, :width]) if width else None

    def left_of(self, positions: np.ndarray) -> np.ndarray:
        """Return the queries at these sorted positions, with the last columns swapped.

        Parameters
        ----------
        positions : ndarray of shape (n_queries,), intp

        Returns
        -------
        left : ndarray of shape (n_queries, n_directions + 3)
        """
        return self.index.swap(self.right[positions])

    def may_reach(self, left: np.ndarray, cell: int, radius: float) -> np.ndarray:
        """Return which queries may have a point of `cell` within `radius`.

        Parameters
        ----------
        left : ndarray of shape (n_queries, n_directions + 3)

        cell : int

        radius : float

        Returns
        -------
        may_reach : ndarray of shape (n_queries,), bool
            False is certain.
        """
        product = products(left, self.right[self.index.members(cell)])
        near = product >= _floor(self.index, radius)
        return np.asarray(near.any(axis=1))


def _floor(index: CellIndex, radius: float) -> np.floating:
    """Return what a product of points within the radius cannot be below."""
    # Projections are computed in float64; then their product is rounded like any other.
    slack = 2 * index.tolerance + 4 * index.X.shape[1] ** 1.5 * 2.0**-52
    return index.dtype.type(index.limit(radius) - slack)


def _evenly(size: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, size - 1, min(most, size)).astype(np.intp))


def _principal_directions(index: CellIndex) -> np.ndarray:
    """Return (n_features, n_features): principal directions of a sample."""
    rows = index.right[_evenly(len(index.order), _SAMPLE_ROWS), :-2].astype(np.float64)
    rows -= rows.mean(axis=0)
    return np.linalg.eigh(rows.T @ rows)[1][:, ::-1]


def _shares_kept(
    index: CellIndex,
    basis: np.ndarray,
    positions: np.ndarray,
    candidates: np.ndarray,
    radius: float,
) -> Iterator[tuple[int, float]]:
    """Yield numbers of directions and the share of comparisons that each leaves."""
    cells = np.flatnonzero(candidates.any(axis=1))
    cells = cells[_evenly(len(cells), _CELLS_TRIED)]
    sizes = np.diff(index.starts)[cells]
    points = np.flatnonzero(np.isin(index.cell, cells))
    left, right = index.left_of(positions), index.right[points]
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    for share in _SHARES_TRIED:
        width = int(share * len(basis))
        product = (
            _projected(left, basis[:, :width]) @ _projected(right, basis[:, :width]).T
        )
        near = np.logical_or.reduceat(product >= _floor(index, radius), first, axis=1)
        yield width, near.T[candidates[cells]].mean()


def _projected(rows: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return projections of rows in left or right form, in the same form."""
    width = basis.shape[1]
    projected = np.empty((len(rows), width + 3), dtype=rows.dtype)
    points = rows[:, :-2].astype(np.float64)
    inside = points @ basis
    rest = np.square(points).sum(axis=1) - np.square(inside).sum(axis=1)
    projected[:, :width] = inside
    projected[:, width] = np.sqrt(rest.clip(0))
    projected[:, -2:] = rows[:, -2:]
    return projected
