"""Exact radius, nearest and k-nearest queries in bounded memory.

Every query walks the cells in rings: its own cell first, then the cells that the bound
of `CellIndex` lets it reach within part of the radius, then the rest. A query that has
met enough neighbours, or whose radius has shrunk, meets no further cell.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._pairs import true_entries
from deepclust.clustering._pca_bound import LeadingDirections

__all__ = ["Neighborhoods", "count_within", "k_nearest", "nearest", "rings"]

_RINGS = (0.5, 1.0)
_FAR = 16.0
_MOST_HITS = 64


class Neighborhoods(NamedTuple):
    """What `count_within` finds.

    Parameters
    ----------
    counts : ndarray of shape (n_points,), float64
        The full weight where it is below `enough`, else some weight ≥ `enough`.

    hits : tuple of two ndarrays of shape (n_hits,), intp, or None
        Row and neighbour: all neighbour pairs of the rows whose weight is below
        `enough`. None where the pairs could be too many: if some weight is below 1 or
        `enough` is above 64.

    links : tuple of two ndarrays of shape (n_links,), intp
        Row and neighbour: one neighbour each of the rows that reached `enough` outside
        their own cell.
    """

    counts: np.ndarray
    hits: tuple[np.ndarray, np.ndarray] | None
    links: tuple[np.ndarray, np.ndarray]


def count_within(
    index: CellIndex, radius: float, weights: np.ndarray, enough: float
) -> Neighborhoods:
    """Weigh the neighbours of every point, up to `enough`.

    Parameters
    ----------
    index : CellIndex
        Of all rows of its `X`.

    radius : float
        Neighbours lie at this distance or nearer; a point is its own neighbour.

    weights : ndarray of shape (n_points,), float64
        Weight of each row of `index.X`.

    enough : float
        With weights that are nowhere negative, counting a point stops here.

    Returns
    -------
    found : Neighborhoods
    """
    counting = _Counting(index, radius, weights, enough)
    index.run(counting.meet_own_cells, index.chunks())
    open_points = counting.open_points()
    leading = LeadingDirections.if_worth_it(index, open_points, radius)

    def meet(part: slice) -> None:
        counting.meet_other_cells(open_points[part], leading)

    index.run(meet, index.shares(len(open_points), index.n_cells))
    return counting.found()


class _Counting:
    """Weights of the neighbourhoods so far, by sorted position."""

    def __init__(
        self, index: CellIndex, radius: float, weights: np.ndarray, enough: float
    ) -> None:
        self.index, self.radius, self.enough = index, radius, enough
        self.weights = weights[index.order]
        self.all_one = bool((weights == 1).all())
        self.may_stop = bool(weights.min() >= 0)
        self.keep_hits = bool(weights.min() >= 1) and enough <= _MOST_HITS
        self.counts = np.zeros(len(index.order))
        nothing = np.empty(0, dtype=np.intp)
        self.hits, self.links = [(nothing, nothing)], [(nothing, nothing)]

    def open_points(self) -> np.ndarray:
        """Return the positions that have to meet other cells."""
        if self.may_stop:
            return np.flatnonzero(self.counts < self.enough)
        return np.arange(len(self.counts))

    def meet_own_cells(self, cells: range) -> None:
        """Count, for all points of these cells, the neighbours in their own cell."""
        index, counts = self.index, self.counts
        for cell in cells:
            members = index.members(cell)
            own = np.arange(members.start, members.stop)
            within = index.within(
                index.left_of(own), index.order[own], cell, self.radius
            )
            if self.all_one:
                counts[own] = within.view(np.uint8).sum(axis=1, dtype=np.int32)
            else:
                counts[own] = within @ self.weights[members]
            if self.keep_hits:
                poor = np.flatnonzero(counts[own] < self.enough)
                row, column = true_entries(within[poor])
                self.hits.append((own[poor[row]], own[column]))

    def meet_other_cells(
        self, positions: np.ndarray, leading: LeadingDirections | None
    ) -> None:
        """Count the neighbours of these points in other cells, until they have enough.

        Where `leading` is given, points ask only the cells that it does not exclude.
        """
        index, radius = self.index, self.radius
        left = index.left_of(positions)
        leading_left = None if leading is None else leading.left_of(positions)
        for cell, places in rings(index, positions, radius):
            members = index.members(cell)
            for part in index.slices(len(places), members.stop - members.start):
                some = places[part]
                if self.may_stop:
                    some = some[self.counts[positions[some]] < self.enough]
                if leading is not None and leading_left is not None:
                    some = some[leading.may_reach(leading_left[some], cell, radius)]
                if len(some):
                    rows = positions[some]
                    row, column = index.pairs_within(
                        left[some], index.order[rows], cell, radius
                    )
                    self._add(rows, row, column + members.start)

    def _add(self, rows: np.ndarray, row: np.ndarray, points: np.ndarray) -> None:
        """Count the pairs of rows[row] and points; `row` ascends."""
        if not len(row):
            return
        gain = np.bincount(row, self.weights[points], minlength=len(rows))
        self.counts[rows] += gain
        full = (self.counts[rows] >= self.enough)[row]
        first = full & (np.diff(row, prepend=-1) > 0)
        self.links.append((rows[row[first]], points[first]))
        if self.keep_hits:
            self.hits.append((rows[row[~full]], points[~full]))

    def found(self) -> Neighborhoods:
        """Return all that was counted, by row instead of sorted position."""
        order = self.index.order
        counts = np.empty_like(self.counts)
        counts[order] = self.counts
        hits = None
        if self.keep_hits:
            rows, points = (np.concatenate(p) for p in zip(*self.hits, strict=True))
            below = self.counts[rows] < self.enough
            hits = order[rows[below]], order[points[below]]
        rows, points = (np.concatenate(p) for p in zip(*self.links, strict=True))
        return Neighborhoods(counts, hits, (order[rows], order[points]))


def rings(
    index: CellIndex,
    positions: np.ndarray,
    radius: float,
    left_out: np.ndarray | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each foreign cell with the queries that reach it, nearest ring first.

    Parameters
    ----------
    index : CellIndex

    positions : ndarray of shape (n_queries,), intp
        Sorted positions of indexed points.

    radius : float

    left_out : ndarray of shape (n_cells, n_queries), bool, default=None
        Pairs of cells and queries that need not meet.

    Yields
    ------
    cell : int

    some : ndarray of intp
        Places in `positions`.
    """
    if not len(positions):
        return
    cells = index.cell[positions]
    to_centres = index.centres @ index.right[positions].T
    met = np.zeros(to_centres.shape, dtype=bool)
    if left_out is not None:
        met |= left_out
    met[cells, np.arange(len(cells))] = True
    for part in _RINGS:
        ring = index.reachable(to_centres, cells, part * radius)
        ring &= ~met
        met |= ring
        for cell in np.flatnonzero(ring.any(axis=1)).tolist():
            yield cell, np.flatnonzero(ring[cell])


def nearest(
    index: CellIndex, Q: np.ndarray, radius: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest indexed point of every query, within `radius`.

    Parameters
    ----------
    index : CellIndex

    Q : ndarray of shape (n_queries, n_features), float32 or float64
        May have no rows.

    radius : float, default=inf
        Points farther away do not count; one at exactly this distance does.

    Returns
    -------
    points : ndarray of shape (n_queries,), intp
        Row of `index.X`, the lowest one among equally near; -1 if none is within.

    squared : ndarray of shape (n_queries,), float64
        Squared distance; inf where `points` is -1.

    Notes
    -----
    A query's answer is the same alone as in any batch.
    """
    points = np.full(len(Q), len(index.X), dtype=np.intp)
    squared = np.full(len(Q), float(radius) ** 2)

    def work(part: slice) -> None:
        _Search(index, Q[part], points[part], squared[part]).run()

    index.run(work, index.shares(len(Q), max(index.n_cells, Q.shape[1])))
    missing = points == len(index.X)
    points[missing], squared[missing] = -1, np.inf
    return points, squared


class _Search:
    """Nearest points of one chunk of queries; shrinks `squared` in place."""

    def __init__(
        self, index: CellIndex, Q: np.ndarray, points: np.ndarray, squared: np.ndarray
    ) -> None:
        self.index, self.Q = index, Q
        self.points, self.squared = points, squared

    def run(self) -> None:
        """Look for the nearest point of every query."""
        index = self.index
        with np.errstate(over="ignore"):
            norm = np.sqrt(np.square((self.Q - index.shift) / index.scale).sum(axis=1))
        reachable = norm * (1 - 1e-6) <= 1 + 1e-6 + np.sqrt(self.squared) / index.scale
        for query in np.flatnonzero(reachable & (norm > _FAR)).tolist():
            self._look_everywhere(query)
        self.rows = np.flatnonzero(reachable & (norm <= _FAR))
        if not len(self.rows):
            return
        left = index.left_form(self.Q[self.rows])
        cells = index.nearest_centre(left, index.centres)
        order = np.argsort(cells, kind="stable")
        self.rows, self.left, cells = self.rows[order], left[order], cells[order]
        self.slack = index.tolerance * np.maximum(1, norm[self.rows] ** 2)
        to_centres = index.centres @ self._right_form().T
        met = np.zeros(to_centres.shape, dtype=bool)
        met[cells, np.arange(len(cells))] = True
        for cell, part in index.runs(cells):
            self._meet(np.arange(part.start, part.stop), cell)
        for fraction in (0.5, 1.0):
            reach = fraction * np.sqrt(self.squared[self.rows])
            ring = index.reachable(to_centres, cells, reach, self.slack) & ~met
            met |= ring
            for cell in np.flatnonzero(ring.any(axis=1)).tolist():
                self._meet(np.flatnonzero(ring[cell]), cell)

    def _right_form(self) -> np.ndarray:
        right = self.left.copy()
        right[:, -2:] = self.left[:, :-3:-1]
        return right

    def _meet(self, some: np.ndarray, cell: int) -> None:
        index = self.index
        product = index.products(self.left[some], cell)
        highest = product.max(axis=1)
        floor = self.squared[self.rows[some]] / (-2 * index.scale**2) - self.slack[some]
        floor = np.maximum(floor, highest - 2 * self.slack[some])
        hopeful = np.flatnonzero(highest >= floor)
        if not len(hopeful):
            return
        row, column = true_entries(product[hopeful] >= floor[hopeful, None])
        rows = self.rows[some[hopeful[row]]]
        self._keep_best(rows, index.order[index.members(cell)][column])

    def _keep_best(self, rows: np.ndarray, points: np.ndarray) -> None:
        found = self.index.exact(self.Q, rows, points)
        order = np.lexsort((points, found, rows))
        rows, points, found = rows[order], points[order], found[order]
        first = np.append(True, rows[1:] != rows[:-1])
        rows, points, found = rows[first], points[first], found[first]
        best = self.squared[rows]
        better = (found < best) | ((found == best) & (points < self.points[rows]))
        self.squared[rows[better]] = found[better]
        self.points[rows[better]] = points[better]

    def _look_everywhere(self, query: int) -> None:
        """Compare a query far outside the points, where products are too coarse."""
        for part in self.index.slices(len(self.index.order), 4 * self.Q.shape[1]):
            points = self.index.order[part]
            self._keep_best(np.full(len(points), query), points)


def k_nearest(index: CellIndex, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest points of every point, itself included.

    Parameters
    ----------
    index : CellIndex
        Of all rows of its `X`.

    k : int
        At most the number of points.

    Returns
    -------
    points : ndarray of shape (n_points, k), intp
        Nearest first; the lower row first among equally near ones.

    squared : ndarray of shape (n_points, k), float64
        Squared distances.
    """
    points = np.empty((len(index.X), k), dtype=np.intp)
    squared = np.empty((len(index.X), k))

    def work(cells: range) -> None:
        rows, near = _candidates(index, cells, min(k + 8, len(index.X)))
        _settle(index, rows, near, points, squared)

    index.run(work, index.chunks())
    return points, squared


def _candidates(
    index: CellIndex, cells: range, width: int
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return the rows of `cells` and, for each, `width` candidates with products."""
    own = np.arange(index.starts[cells.start], index.starts[cells.stop])
    left, own_cells = index.left_of(own), index.cell[own]
    best = np.full((len(own), width), -np.inf, dtype=index.dtype)
    who = np.zeros((len(own), width), dtype=np.intp)

    def meet(some: np.ndarray, cell: int) -> None:
        """Keep the nearest of what was found and the members of a cell."""
        product = index.products(left[some], cell)
        rising = np.flatnonzero(product.max(axis=1) > best[some, 0])
        some, product = some[rising], product[rising]
        members = index.members(cell)
        both = np.concatenate((best[some], product), axis=1)
        chosen = np.argpartition(both, -width, axis=1)[:, -width:]
        best[some] = np.take_along_axis(both, chosen, axis=1)
        ids = np.arange(members.start, members.stop)
        ids = np.concatenate((who[some], np.broadcast_to(ids, product.shape)), axis=1)
        who[some] = np.take_along_axis(ids, chosen, axis=1)
        # argpartition puts the least of the kept ones first.

    for cell, part in index.runs(own_cells):
        meet(np.arange(part.start, part.stop), cell)
    to_centres = index.centres @ index.right[own].T
    met = np.zeros(to_centres.shape, dtype=bool)
    met[own_cells, np.arange(len(own))] = True
    for fraction in (0.6, 1.0):
        reach = np.sqrt(-2 * np.minimum(best[:, 0], 0)) * index.scale * fraction
        ring = (
            index.reachable(to_centres, own_cells, np.minimum(reach, 4 * index.scale))
            & ~met
        )
        met |= ring
        for cell in np.flatnonzero(ring.any(axis=1)).tolist():
            meet(np.flatnonzero(ring[cell]), cell)
    return index.order[own], (best, index.order[who])


def _settle(
    index: CellIndex,
    rows: np.ndarray,
    near: tuple[np.ndarray, np.ndarray],
    points: np.ndarray,
    squared: np.ndarray,
) -> None:
    """Sort the candidates by exact distance; search again where they may not do."""
    best, who = near
    k, width = points.shape[1], who.shape[1]
    exact = index.exact(index.X, np.repeat(rows, width), who.ravel())
    exact = exact.reshape(who.shape)
    order = np.lexsort((who, exact), axis=1)[:, :k]
    points[rows] = np.take_along_axis(who, order, axis=1)
    squared[rows] = np.take_along_axis(exact, order, axis=1)
    if width == len(index.X):
        return
    left_out = -2 * (best[:, 0].astype(np.float64) + index.tolerance) * index.scale**2
    for row in rows[left_out <= squared[rows, k - 1]]:
        everyone = np.arange(len(index.X))
        exact = index.exact(index.X, np.full(len(everyone), row), everyone)
        order = np.lexsort((everyone, exact))[:k]
        points[row], squared[row] = order, exact[order]
