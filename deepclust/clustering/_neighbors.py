"""Exact radius, nearest and k-nearest queries in bounded memory.

A query is compared with its own cell first, then with the cells that, by the bound of
`CellIndex`, may hold a point within half of the radius, then with those within the
whole radius. It stops once it has enough neighbors, and its radius shrinks with the
neighbors that are found.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from deepclust.clustering._cell_index import CellIndex, true_entries
from deepclust.clustering._pca_lower_bound import PCALowerBound
from deepclust.clustering._unique_rows import Points
from deepclust.metrics._pairwise import products, row_blocks, squared_distances

__all__ = [
    "NearestSearch",
    "Neighborhoods",
    "candidate_cells",
    "count_within",
    "k_nearest",
    "keep_nearest",
    "nearest",
    "nearest_of_each",
    "pairs_within",
]

_RINGS = (0.5, 1.0)  # parts of the radius
_FAR = 16.0
_MAX_ENOUGH_FOR_HITS = 64
_FEW_QUERIES = 8  # take about as long as half of an index


class Neighborhoods(NamedTuple):
    """The result of `count_within`.

    Parameters
    ----------
    counts : ndarray of shape (n_points,), float64
        The full weight where it is below `enough`, else some weight ≥ `enough`.

    hits : tuple of two ndarrays of shape (n_hits,), intp, or None
        Row and neighbor: all neighbor pairs of the rows whose weight is below
        `enough`. None where the pairs could be too many: if some weight is below 1 or
        `enough` is above 64.

    links : tuple of two ndarrays of shape (n_links,), intp
        Row and neighbor: one neighbor each of the rows that reached `enough` outside
        their own cell.
    """

    counts: np.ndarray
    hits: tuple[np.ndarray, np.ndarray] | None
    links: tuple[np.ndarray, np.ndarray]


def count_within(
    index: CellIndex, radius: float, weights: np.ndarray, enough: float
) -> Neighborhoods:
    """Weigh the neighbors of every point, up to `enough`.

    Parameters
    ----------
    index : CellIndex
        Of all rows of its `X`.

    radius : float
        Neighbors lie at this distance or nearer; a point is its own neighbor.

    weights : ndarray of shape (n_points,), float64
        Weight of each row of `index.X`.

    enough : float
        Without negative weights, the count of a point stops here.

    Returns
    -------
    found : Neighborhoods
    """
    counting = _Counting(index, radius, weights, enough)
    index.run(counting.count_own_cells, index.chunks())
    open_points = np.flatnonzero(counting.counts[index.order] < counting.enough)
    bound = PCALowerBound.if_worth_it(index, open_points, radius)

    def count(part: slice) -> None:
        """Count the neighbors of some points."""
        counting.count_other_cells(open_points[part], bound)

    index.run(count, index.shares(len(open_points), index.n_cells))
    return counting.found()


class _Counting:
    """Weights of the neighborhoods so far."""

    def __init__(
        self, index: CellIndex, radius: float, weights: np.ndarray, enough: float
    ) -> None:
        self.index, self.radius, self.weights = index, radius, weights
        # Where a further neighbor may lower a count, none is enough.
        self.enough = enough if weights.min() >= 0 else np.inf
        self.all_one = bool((weights == 1).all())
        self.keep_hits = bool(weights.min() >= 1) and enough <= _MAX_ENOUGH_FOR_HITS
        self.counts = np.zeros(len(index.order))
        nothing = np.empty(0, dtype=np.intp)
        self.hits, self.links = [(nothing, nothing)], [(nothing, nothing)]

    def count_own_cells(self, cells: range) -> None:
        """Count, for all points of these cells, the neighbors in their own cell."""
        index, counts = self.index, self.counts
        for cell in cells:
            members = index.members(cell)
            own = index.order[members]
            left = index.left_of(np.arange(members.start, members.stop))
            within = index.within(left, own, cell, self.radius)
            if self.all_one:
                counts[own] = within.view(np.uint8).sum(axis=1, dtype=np.int32)
            else:
                counts[own] = within @ self.weights[own]
            if self.keep_hits:
                few = np.flatnonzero(counts[own] < self.enough)
                row, column = true_entries(within[few])
                self.hits.append((own[few[row]], own[column]))

    def count_other_cells(
        self, positions: np.ndarray, bound: PCALowerBound | None
    ) -> None:
        """Count the neighbors of these points in other cells, until they have enough.

        A `bound` excludes further cells.
        """
        index, radius = self.index, self.radius
        left = index.left_of(positions)
        projected = None if bound is None else bound.left_of(positions)
        right, cells = index.right[positions], index.cell[positions]
        queries = index.order[positions]
        for cell, places in candidate_cells(index, right, cells, lambda: radius):
            points = index.order[index.members(cell)]
            for part in index.slices(len(places), len(points)):
                some = places[part]
                some = some[self.counts[queries[some]] < self.enough]
                if bound is not None and projected is not None:
                    some = some[bound.may_reach(projected[some], cell, radius)]
                within = index.within(left[some], queries[some], cell, radius)
                row, column = true_entries(within)
                self._add(queries[some], row, points[column])

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
        """Return all that was counted."""
        hits = None
        if self.keep_hits:
            rows, points = (np.concatenate(p) for p in zip(*self.hits, strict=True))
            below = self.counts[rows] < self.enough
            hits = rows[below], points[below]
        rows, points = (np.concatenate(p) for p in zip(*self.links, strict=True))
        return Neighborhoods(self.counts, hits, (rows, points))


def candidate_cells(
    index: CellIndex,
    right: np.ndarray,
    cells: np.ndarray,
    reach: Callable[[], float | np.ndarray],
    *,
    slack: np.ndarray | None = None,
    excluded: np.ndarray | bool = False,
    own: bool = False,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each cell with the queries that may have a neighbor in it, near ones first.

    Parameters
    ----------
    index : CellIndex

    right : ndarray of shape (n_queries, n_features + 2)
        The queries in right form.

    cells : ndarray of shape (n_queries,), intp
        The cell of each query, ascending.

    reach : callable
        Returns the radius, or that of each query; called again once it may have shrunk.

    slack : ndarray of shape (n_queries,), default=None
        See `CellIndex.reachable`.

    excluded : ndarray of shape (n_cells, n_queries), bool, default=False
        Pairs of cells and queries to leave out.

    own : bool, default=False
        Yield the queries' own cells, too, as the first ones.

    Yields
    ------
    cell : int

    queries : ndarray of intp
    """
    if own:
        for cell, part in index.runs(cells):
            yield cell, np.arange(part.start, part.stop)
    to_centers = products(index.centers, right)
    done = np.zeros(to_centers.shape, dtype=bool) | excluded
    done[cells, np.arange(len(cells))] = True
    for part_of_radius in _RINGS:
        reachable = index.reachable(to_centers, cells, part_of_radius * reach(), slack)
        reachable &= ~done
        done |= reachable
        for cell in np.flatnonzero(reachable.any(axis=1)).tolist():
            yield cell, np.flatnonzero(reachable[cell])


def nearest_of_each(
    rows: np.ndarray, points: np.ndarray, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearest point of each row, the lowest one among equally near.

    Parameters
    ----------
    rows, points : ndarray of shape (n_pairs,), intp

    distances : ndarray of shape (n_pairs,)

    Returns
    -------
    rows, points, distances : ndarray of shape (n_rows,)
        Rows ascend.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._neighbors import nearest_of_each
    >>> rows, points = np.array([4, 2, 4, 4]), np.array([7, 9, 6, 5])
    >>> nearest_of_each(rows, points, np.array([1.0, 3.0, 1.0, 2.0]))
    (array([2, 4]), array([9, 6]), array([3., 1.]))
    """
    order = np.lexsort((points, distances, rows))
    order = order[np.diff(rows[order], prepend=-1) > 0]
    return rows[order], points[order], distances[order]


def keep_nearest(
    best: tuple[np.ndarray, np.ndarray],
    rows: np.ndarray,
    points: np.ndarray,
    squared: np.ndarray,
) -> None:
    """Update the nearest points of all rows by more pairs, in place.

    Parameters
    ----------
    best : tuple of two ndarrays of shape (n_rows,)
        Nearest point and squared distance of every row so far.

    rows, points : ndarray of shape (n_pairs,), intp

    squared : ndarray of shape (n_pairs,), float64
    """
    rows, points, squared = nearest_of_each(rows, points, squared)
    best_points, best_squared = best
    better = squared < best_squared[rows]
    better |= (squared == best_squared[rows]) & (points < best_points[rows])
    best_points[rows[better]] = points[better]
    best_squared[rows[better]] = squared[better]


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
    The result of a query does not depend on its batch.
    """
    points = np.full(len(Q), len(index.X), dtype=np.intp)
    squared = np.full(len(Q), float(radius) ** 2)

    def work(part: slice) -> None:
        """Search for some of the queries."""
        _search(index, Q[part], points[part], squared[part])

    index.run(work, index.shares(len(Q), max(index.n_cells, Q.shape[1])))
    missing = points == len(index.X)
    points[missing], squared[missing] = -1, np.inf
    return points, squared


class NearestSearch:
    """`nearest` among the same points, again and again.

    The first few queries are compared with all points: a service that has just begun
    answers before an index is built. The result is the same.

    Parameters
    ----------
    points : Points
    radius : float
        See `CellIndex`.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._neighbors import NearestSearch
    >>> from deepclust.clustering._unique_rows import Points
    >>> search = NearestSearch(Points(np.array([[0.0], [1.0]]), np.ones(2)), 0.5)
    >>> search(np.array([[0.7], [9.0]]), 0.5)
    array([ 1, -1])
    """

    def __init__(self, points: Points, radius: float) -> None:
        self.points, self.radius = points, radius
        self.n_queries = 0
        self.index: CellIndex | None = None

    def __call__(self, Q: np.ndarray, limit: float) -> np.ndarray:
        """Return the nearest point of every query within `limit`, or -1."""
        self.n_queries += len(Q)
        if self.n_queries <= _FEW_QUERIES:
            return np.array([self._nearest(query, limit) for query in Q], dtype=np.intp)
        if self.index is None:
            self.index = CellIndex(self.points, self.radius)
        return nearest(self.index, Q, limit)[0]

    def _nearest(self, query: np.ndarray, limit: float) -> int:
        rows = self.points.rows
        squared = np.empty(len(rows))
        for part in row_blocks(*rows.shape):
            squared[part] = squared_distances(query[None], rows[part])
        place = int(squared.argmin())  # the lowest of equally near ones
        return place if squared[place] <= float(limit) ** 2 else -1


def _search(
    index: CellIndex, Q: np.ndarray, points: np.ndarray, squared: np.ndarray
) -> None:
    """Find the nearest point of every query; updates `points`, `squared` in place."""

    def compare(rows: np.ndarray, candidates: np.ndarray) -> None:
        """Keep the nearest of the candidates."""
        exact = index.exact(Q, rows, candidates)
        keep_nearest((points, squared), rows, candidates, exact)

    far, rows, left, cells, slack = _queries_by_cell(index, Q, np.sqrt(squared))
    for query in far.tolist():
        compare(np.full(len(index.order), query), index.order)
    for cell, some in candidate_cells(
        index,
        index.swap(left.copy()),
        cells,
        lambda: np.sqrt(squared[rows]),
        slack=slack,
        own=True,
    ):
        product = index.products(left[some], cell)
        highest = product.max(axis=1)
        with np.errstate(over="ignore"):
            floor = squared[rows[some]] / (-2 * index.scale**2) - slack[some]
        floor = np.maximum(floor, highest - 2 * slack[some])
        nearer = np.flatnonzero(highest >= floor)
        row, column = true_entries(product[nearer] >= floor[nearer, None])
        compare(rows[some[nearer[row]]], index.order[index.members(cell)][column])


def pairs_within(
    index: CellIndex,
    Q: np.ndarray,
    radius: float,
    wanted: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the queries and the indexed points within `radius` of each other.

    Parameters
    ----------
    index : CellIndex

    Q : ndarray of shape (n_queries, n_features), float32 or float64
        May have no rows.

    radius : float

    wanted : callable
        Takes queries and points, before these are compared; returns which of the
        queries are to be.

    Yields
    ------
    rows, points : ndarray of shape (n_pairs,), intp
        Row of `Q`, row of `index.X`; no pair twice.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._cell_index import CellIndex
    >>> from deepclust.clustering._neighbors import pairs_within
    >>> from deepclust.clustering._unique_rows import Points
    >>> index = CellIndex(Points(np.array([[0.0], [3.0]]), np.ones(2)), 1.0)
    >>> all_of = lambda rows, points: rows >= 0
    >>> list(pairs_within(index, np.array([[2.0], [9.0]]), 1.0, all_of))
    [(array([0]), array([1]))]
    """
    for part in index.shares(len(Q), max(index.n_cells, Q.shape[1])):
        limits = np.full(part.stop - part.start, float(radius))
        far, rows, left, cells, slack = _queries_by_cell(index, Q[part], limits)
        far, rows = far + part.start, rows + part.start
        for query in far[wanted(far, index.order)].tolist():
            squared = index.exact(Q, np.full(len(index.order), query), index.order)
            near = index.order[squared <= radius * radius]
            yield np.full(len(near), query), near
        right = index.swap(left.copy())
        candidates = candidate_cells(
            index, right, cells, lambda: radius, slack=slack, own=True
        )
        for cell, some in candidates:
            points = index.order[index.members(cell)]
            for piece in index.slices(len(some), len(points)):
                few = some[piece]
                few = few[wanted(rows[few], points)]
                row, column = true_entries(
                    index.within(left[few], rows[few], cell, radius, Q, slack[few])
                )
                if len(row):
                    yield rows[few[row]], points[column]


def _queries_by_cell(
    index: CellIndex, Q: np.ndarray, radius: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return the queries that may have a point within their radius, in two groups.

    Returns
    -------
    far : ndarray of shape (n_far,), intp
        So far outside the points that products are too coarse.

    rows, left, cells, slack : ndarray of shape (n_near, ...)
        The other queries by cell, in left form, their cells, and the bound of the error
        of their products.
    """
    with np.errstate(over="ignore"):
        norm = np.sqrt(np.square((Q - index.shift) / index.scale).sum(axis=1))
    reachable = norm * (1 - 1e-6) <= 1 + 1e-6 + radius / index.scale
    rows = np.flatnonzero(reachable & (norm <= _FAR))
    left = index.left_form(Q[rows])
    cells = index.nearest_center(left, index.centers)
    order = np.argsort(cells, kind="stable")
    rows, left, cells = rows[order], left[order], cells[order]
    slack = index.tolerance * np.maximum(1, norm[rows] ** 2)
    return np.flatnonzero(reachable & (norm > _FAR)), rows, left, cells, slack


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
        """Search for the points of some cells."""
        rows, candidates, products = _candidates(index, cells, min(k + 8, len(index.X)))
        exact = index.exact(
            index.X, np.repeat(rows, candidates.shape[1]), candidates.ravel()
        ).reshape(candidates.shape)
        order = np.lexsort((candidates, exact), axis=1)[:, :k]
        points[rows] = np.take_along_axis(candidates, order, axis=1)
        squared[rows] = np.take_along_axis(exact, order, axis=1)
        if candidates.shape[1] == len(index.X):
            return
        # Where a point left out may be as near as the k-th one, all are compared.
        left_out = -2 * (products.astype(np.float64) + index.tolerance) * index.scale**2
        others = np.arange(len(index.X))
        for row in rows[left_out <= squared[rows, k - 1]]:
            exact = index.exact(index.X, np.full(len(others), row), others)
            order = np.lexsort((others, exact))[:k]
            points[row], squared[row] = order, exact[order]

    index.run(work, index.chunks())
    return points, squared


def _candidates(
    index: CellIndex, cells: range, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearest points by rounded products.

    Returns
    -------
    rows : ndarray of shape (n_queries,), intp
        The points of `cells`.

    candidates : ndarray of shape (n_queries, width), intp

    products : ndarray of shape (n_queries,)
        The least product of each query and its candidates.
    """
    own = np.arange(index.starts[cells.start], index.starts[cells.stop])
    left = index.left_of(own)
    best = np.full((len(own), width), -np.inf, dtype=index.dtype)
    who = np.zeros((len(own), width), dtype=np.intp)

    def reach() -> np.ndarray:
        """Return a bound on the distance to the last candidate that is kept."""
        return np.sqrt(np.minimum(-2 * best[:, 0], 16).clip(0)) * index.scale

    for cell, some in candidate_cells(
        index, index.right[own], index.cell[own], reach, own=True
    ):
        product = index.products(left[some], cell)
        nearer = np.flatnonzero(product.max(axis=1) > best[some, 0])
        some, product = some[nearer], product[nearer]
        members = index.members(cell)
        both = np.concatenate((best[some], product), axis=1)
        # argpartition puts the least of the kept ones first.
        kept = np.argpartition(both, -width, axis=1)[:, -width:]
        best[some] = np.take_along_axis(both, kept, axis=1)
        ids = np.arange(members.start, members.stop)
        ids = np.concatenate((who[some], np.broadcast_to(ids, product.shape)), axis=1)
        who[some] = np.take_along_axis(ids, kept, axis=1)
    return index.order[own], index.order[who], best[:, 0]
