"""The density hierarchy: DBSCAN's clusters for every eps, from one exact pass.

The mutual reachability of two points is the largest of their distance and their two
core distances; a point's core distance is the least radius that holds `min_samples`
points. Its minimum spanning tree, cut at eps, has DBSCAN's partition of core points.

The tree is exact and is found in five steps:

1. Exact k-nearest neighbors, and with them the core distances.
2. The spanning forest T of the neighbor graph.
3. Its parts are joined through a few points of each: T is now a spanning tree.
4. The points are ordered so that the largest edge on T's path between any two of them
   is the largest gap between their places. One pass over the products of all pairs,
   in blocks, collects the pairs nearer than that edge. No other pair can be in the
   minimum spanning tree (cycle property).
5. The minimum spanning tree of T and the collected pairs is that of all pairs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from deepclust._parallel import in_threads
from deepclust.clustering._cell_index import CellIndex, true_entries
from deepclust.clustering._neighbors import k_nearest
from deepclust.clustering._unique_rows import Points
from deepclust.metrics._pairwise import products

__all__ = ["MIN_NEIGHBORS", "ReachabilityTree", "core_squares", "reachability_trees"]

MIN_NEIGHBORS = 16
_JOINING_POINTS = 1024
_MAX_ROWS_AT_A_TIME = 512
_BLOCK_ENTRIES = 2**20  # of products at a time, about what a cache holds
_NEIGHBORS_AT_A_TIME = 4
_CANDIDATES_A_POINT = 8


@dataclass(frozen=True)
class ReachabilityTree:
    """The minimum spanning tree of mutual reachability, and its cuts.

    Parameters
    ----------
    min_samples : int
        Weight that makes a core point.

    weights : ndarray of shape (n_points,), float64
        How many rows each point stands for.

    core_squares : ndarray of shape (n_points,), float64
        Squared core distances.

    cover_squares : ndarray of shape (n_points,), float64
        Squares of the least eps that makes each point a core or a border point.

    height_squares : ndarray of shape (n_points - 1,), float64
        Squared mutual reachability of the edges, ascending.

    edges : ndarray of shape (n_points - 1, 2), intp
        The two points of each edge.

    neighbors : ndarray of shape (n_points, k), int32
        The nearest points, nearest first; as many as a border may have to look at.

    neighbor_squares : ndarray of shape (n_points, k), float64
        Their squared distances.

    Notes
    -----
    Squares are kept because DBSCAN compares squares: a root loses the last bit, and at
    an eps that is itself a distance, that bit decides.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._mutual_reachability import reachability_trees
    >>> from deepclust.clustering._unique_rows import Points
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    >>> tree = reachability_trees(Points(X, np.ones(6)), [2])[0]
    >>> tree.n_clusters([0.5, 1.0, 8.0])
    array([0, 2, 1])
    >>> tree.cut(1.0)
    array([0, 0, 0, 1, 1, 1])
    """

    min_samples: int
    weights: np.ndarray
    core_squares: np.ndarray
    cover_squares: np.ndarray
    height_squares: np.ndarray
    edges: np.ndarray
    neighbors: np.ndarray
    neighbor_squares: np.ndarray

    @property
    def core_distances(self) -> np.ndarray:
        """The least eps that makes each point a core point; inf if none does."""
        return np.sqrt(self.core_squares)

    @property
    def heights(self) -> np.ndarray:
        """The mutual reachability of each edge, ascending."""
        return np.sqrt(self.height_squares)

    @classmethod
    def of(
        cls,
        min_samples: int,
        weights: np.ndarray,
        neighbors: np.ndarray,
        squared: np.ndarray,
        core: np.ndarray,
        edges: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> "ReachabilityTree":
        """Return the tree of these edges and neighbors.

        Parameters
        ----------
        min_samples : int

        weights : ndarray of shape (n_points,), float64

        neighbors : ndarray of shape (n_points, k), intp
            The k nearest points, nearest first.

        squared : ndarray of shape (n_points, k), float64
            Their squared distances.

        core : ndarray of shape (n_points,), float64
            Squared core distances; inf where no radius is enough.

        edges : tuple of three ndarrays
            Rows, columns and squared heights of a least spanning tree. Edges of
            infinite height are left out.

        Returns
        -------
        tree : ReachabilityTree
        """
        order = np.argsort(edges[2], kind="stable")
        order = order[np.isfinite(edges[2][order])]
        cover = np.maximum(core[neighbors], squared).min(axis=1)
        # Fewer than min_samples points are within reach of a border point.
        looked_at = min(min_samples, neighbors.shape[1])
        return cls(
            min_samples=min_samples,
            weights=weights,
            core_squares=core,
            cover_squares=np.minimum(cover, core),
            height_squares=edges[2][order],
            edges=np.column_stack(edges[:2])[order],
            neighbors=neighbors[:, :looked_at].astype(np.int32),
            neighbor_squares=squared[:, :looked_at].copy(),
        )

    def n_clusters(self, eps: np.ndarray | list | float) -> np.ndarray:
        """Return DBSCAN's number of clusters at each eps."""
        limit = np.square(np.asarray(eps, dtype=np.float64))
        born = np.searchsorted(np.sort(self.core_squares), limit, side="right")
        return born - np.searchsorted(self.height_squares, limit, side="right")

    def coverage(self, eps: np.ndarray | list | float) -> np.ndarray:
        """Return the share of the rows that are in a cluster at each eps."""
        limit = np.square(np.asarray(eps, dtype=np.float64))
        order = np.argsort(self.cover_squares)
        covered = np.concatenate(([0], np.cumsum(self.weights[order])))
        place = np.searchsorted(self.cover_squares[order], limit, side="right")
        return covered[place] / covered[-1]

    def is_core(self, eps: float) -> np.ndarray:
        """Return which points are core points at this eps."""
        return self.core_squares <= eps * eps

    def cut(self, eps: float) -> np.ndarray:
        """Return DBSCAN's labels of the points at this eps.

        Numbered in order of first appearance, -1 is noise. A border point takes the
        label of its nearest core point.
        """
        core, limit = self.is_core(eps), eps * eps
        below = self.edges[: np.searchsorted(self.height_squares, limit, side="right")]
        graph = _graph(below[:, 0], below[:, 1], np.ones(len(below)), len(core))
        labels = connected_components(graph, directed=False)[1].astype(np.intp)
        border = np.flatnonzero(~core & (self.cover_squares <= limit))
        fit = core[self.neighbors[border]] & (self.neighbor_squares[border] <= limit)
        nearest = self.neighbors[border, fit.argmax(axis=1)]
        labels[border] = labels[nearest]
        clustered = core.copy()
        clustered[border] = True
        labels[~clustered] = -1
        _, first, inverse = np.unique(
            labels[clustered], return_index=True, return_inverse=True
        )
        labels[clustered] = np.argsort(np.argsort(first))[inverse]
        return labels


def reachability_trees(
    points: Points, min_samples: Sequence[int]
) -> list[ReachabilityTree]:
    """Build one tree for each of several values, sharing the neighbor search.

    Parameters
    ----------
    points : Points
        Of weight 1 or more.

    min_samples : sequence of int
        Weights that make a core point.

    Returns
    -------
    trees : list of ReachabilityTree

    Notes
    -----
    About n² / 2 products a tree, and fewer than that for the neighbor search on
    clustered data; memory O(n k) and a few blocks. Meant for up to about 50,000 points.
    """
    index = CellIndex(points)
    k = min(max(*min_samples, MIN_NEIGHBORS), len(points.rows))
    neighbors, squared = k_nearest(index, k)

    def tree(enough: int) -> ReachabilityTree:
        core = core_squares(neighbors, squared, points.weights, enough)
        edges = _neighbor_forest(neighbors, squared, core)
        edges = _improved(index, _joined(index, edges, core), core)
        return ReachabilityTree.of(
            enough, points.weights, neighbors, squared, core, edges
        )

    return in_threads(tree, min_samples, points.n_jobs)


def core_squares(
    neighbors: np.ndarray, squared: np.ndarray, weights: np.ndarray, enough: int
) -> np.ndarray:
    """Return squared core distances, inf where k neighbors are not enough.

    Parameters
    ----------
    neighbors : ndarray of shape (n_points, k), intp

    squared : ndarray of shape (n_points, k), float64

    weights : ndarray of shape (n_points,), float64

    enough : int

    Returns
    -------
    core : ndarray of shape (n_points,), float64
    """
    is_enough = np.cumsum(weights[neighbors], axis=1) >= enough
    place = is_enough.argmax(axis=1)
    core = squared[np.arange(len(squared)), place]
    return np.where(is_enough[:, -1], core, np.inf)


def _graph(rows: np.ndarray, cols: np.ndarray, values: np.ndarray, n: int) -> coo_array:
    places = rows.astype(np.int32), cols.astype(np.int32)  # what older SciPy takes
    return coo_array((values, places), shape=(n, n)).tocsr()


# Rows, columns, squared mutual reachability.
_Edges = tuple[np.ndarray, np.ndarray, np.ndarray]


def _spanning(edges: _Edges, n_points: int) -> _Edges:
    """Return the minimum spanning forest; ties fall by rank, so 0 is no problem."""
    rows, cols, values = edges
    low, high = np.minimum(rows, cols), np.maximum(rows, cols)
    order = np.lexsort((high, low, values))
    low, high, values = low[order], high[order], values[order]
    pair = low * n_points + high
    first = np.sort(np.unique(pair, return_index=True)[1])
    graph = _graph(low[first], high[first], np.arange(1.0, len(first) + 1), n_points)
    rank = minimum_spanning_tree(graph).data.astype(np.intp) - 1
    chosen = first[rank]
    return low[chosen], high[chosen], values[chosen]


def _concatenated(parts: list[_Edges]) -> _Edges:
    rows, cols, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return rows, cols, values


def _neighbor_forest(
    neighbors: np.ndarray, squared: np.ndarray, core: np.ndarray
) -> _Edges:
    """Return the spanning forest of the neighbor graph, a few neighbors at a time."""
    n_points, k = neighbors.shape
    places = np.arange(n_points)
    forest: _Edges = (places[:0], places[:0], core[:0])
    for start in range(0, k, _NEIGHBORS_AT_A_TIME):
        some = slice(start, start + _NEIGHBORS_AT_A_TIME)
        cols, values = neighbors[:, some].ravel(), squared[:, some].ravel()
        rows = np.repeat(places, len(cols) // n_points)
        other = rows != cols
        rows, cols, values = rows[other], cols[other], values[other]
        values = np.maximum(values, np.maximum(core[rows], core[cols]))
        forest = _spanning(_concatenated([forest, (rows, cols, values)]), n_points)
    return forest


def _joined(index: CellIndex, forest: _Edges, core: np.ndarray) -> _Edges:
    """Join the parts of the forest through the densest few points of each."""
    n_points = len(core)
    n_parts, part = connected_components(_graph(*forest, n_points), directed=False)
    if n_parts == 1:
        return forest
    order = np.lexsort((core, part))
    starts = np.searchsorted(part[order], np.arange(n_parts))
    place = np.arange(n_points) - starts[part[order]]
    chosen = order[place < max(1, _JOINING_POINTS // n_parts)]
    bounds = np.searchsorted(part[chosen], np.arange(n_parts + 1))
    reach = _reach(index, chosen, core)
    between = np.minimum.reduceat(reach, bounds[:-1], axis=0)
    between = np.minimum.reduceat(between, bounds[:-1], axis=1)
    np.fill_diagonal(between, 0)
    pairs = minimum_spanning_tree(between).tocoo()
    rows, cols = [], []
    for a, b in zip(pairs.row, pairs.col, strict=True):
        block = reach[bounds[a] : bounds[a + 1], bounds[b] : bounds[b + 1]]
        row, col = np.unravel_index(block.argmin(), block.shape)
        rows.append(chosen[bounds[a] + row])
        cols.append(chosen[bounds[b] + col])
    links = _weighed(index, np.array(rows), np.array(cols), core)
    return _concatenated([forest, links])


def _reach(index: CellIndex, points: np.ndarray, core: np.ndarray) -> np.ndarray:
    """Return rounded squared reachabilities of a few points, in working units."""
    left = index.left_form(index.X[points])
    reach = np.maximum(-2 * products(left, index.swap(left.copy())), 1e-12)
    own = np.minimum(core[points] / index.scale**2, 16).astype(index.dtype)
    return np.maximum(np.maximum(reach, own[:, None]), own)


def _weighed(
    index: CellIndex, rows: np.ndarray, cols: np.ndarray, core: np.ndarray
) -> _Edges:
    """Return the edges with their exact squared mutual reachability."""
    near = index.exact(index.X, rows, cols)
    return rows, cols, np.maximum(near, np.maximum(core[rows], core[cols]))


def _improved(index: CellIndex, tree: _Edges, core: np.ndarray) -> _Edges:
    """Return the minimum spanning tree, given any spanning tree (steps 4 and 5)."""
    n_points = len(core)
    order, gaps = _path_order(tree, n_points)
    left = index.left_form(index.X[order])
    right = index.swap(left.copy())
    found: list[_Edges] = []
    n_found = 0
    step = min(_MAX_ROWS_AT_A_TIME, isqrt(index.block_entries))
    for start in range(0, n_points, step):
        places = slice(start, min(start + step, n_points))
        for row, col, height in _near_pairs(index, left, right, gaps, places):
            rows, cols = order[row], order[col]
            possible = np.maximum(core[rows], core[cols]) < height
            edges = _weighed(index, rows[possible], cols[possible], core)
            less = edges[2] < height[possible]
            found.append((edges[0][less], edges[1][less], edges[2][less]))
            n_found += int(less.sum())
            if n_found > _CANDIDATES_A_POINT * n_points:
                tree = _spanning(_concatenated([tree, *found]), n_points)
                found, n_found = [], 0
    return _spanning(_concatenated([tree, *found]), n_points)


def _path_order(tree: _Edges, n_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Order the points so that every path of the tree is a range.

    Returns
    -------
    order : ndarray of shape (n_points,), intp

    gaps : ndarray of shape (n_points - 1,), float64
        The largest edge of the tree's path between order[i] and order[j] is
        max(gaps[i:j]).
    """
    parent = list(range(n_points))
    first, last = list(range(n_points)), list(range(n_points))
    follower, gap_after = [-1] * n_points, np.zeros(n_points)

    def root(point: int) -> int:
        while parent[point] != point:
            parent[point] = point = parent[parent[point]]
        return point

    by_height = np.argsort(tree[2], kind="stable")
    for row, col, height in zip(
        *(part[by_height].tolist() for part in tree), strict=True
    ):
        a, b = root(row), root(col)
        follower[last[a]], gap_after[last[a]] = first[b], height
        last[a] = last[b]
        parent[b] = a
    order = [first[root(0)]]
    while follower[order[-1]] >= 0:
        order.append(follower[order[-1]])
    line = np.array(order)
    return line, gap_after[line[:-1]]


def _near_pairs(
    index: CellIndex,
    left: np.ndarray,
    right: np.ndarray,
    gaps: np.ndarray,
    places: slice,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield pairs of these places and later ones that may be nearer than their height.

    Yields
    ------
    rows, cols : ndarray of shape (n_pairs,), intp
        Places on the line.

    heights : ndarray of shape (n_pairs,), float64
        The largest gaps between them.
    """

    def floor(heights: np.ndarray) -> np.ndarray:
        """Return the least product of points nearer than `heights`, rounded down."""
        least = heights / (-2 * index.scale**2) - index.tolerance
        return np.nextafter(least.astype(index.dtype), -np.inf, dtype=index.dtype)

    start, stop = places.start, places.stop
    stretch = np.concatenate(([0.0], gaps[start : stop - 1]))
    square = (len(stretch), len(stretch))
    inner = np.maximum.accumulate(np.triu(np.broadcast_to(stretch, square), 1), axis=1)
    product = products(left[places], right[places])
    row, col = true_entries(product >= floor(inner))
    yield start + row, start + col, inner[row, col]
    to_last, later = inner[:, -1], np.maximum.accumulate(gaps[stop - 1 :])
    width = max(1, min(index.block_entries, _BLOCK_ENTRIES) // len(stretch))
    for first in range(0, len(later), width):
        after = later[first : first + width]
        product = products(left[places], right[stop + first :][: len(after)])
        row, col = true_entries(
            product >= np.minimum.outer(floor(to_last), floor(after))
        )
        yield start + row, stop + first + col, np.maximum(to_last[row], after[col])
