"""DBSCAN's partition for one radius: core points, their components, their borders."""

from dataclasses import dataclass
from threading import Lock

import numpy as np

from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._neighbors import count_within, nearest, rings
from deepclust.clustering._pairs import true_entries
from deepclust.clustering._unique_rows import content_hashes, distinct_rows

__all__ = [
    "CollapsedRows",
    "Forest",
    "Points",
    "connect",
    "density_clusters",
    "renumbered",
]


_JOIN_ENTRIES = 2**16


@dataclass(frozen=True)
class Points:
    """Distinct rows, their weights, and how to work on them.

    Parameters
    ----------
    rows : ndarray of shape (n_points, n_features), float32 or float64
        No two alike.

    weights : ndarray of shape (n_points,), float64

    block_entries : int
        Upper bound of the entries of one block of distances, per thread.

    n_jobs : int or None
        Threads.
    """

    rows: np.ndarray
    weights: np.ndarray
    block_entries: int
    n_jobs: int | None

    def sample(self, size: int) -> np.ndarray:
        """Return the places of the points to build a tree of.

        Of many points, those with the smallest content hashes: the same ones in any
        order of the rows. Points without weight are left out.
        """
        places = np.flatnonzero(self.weights > 0)
        if len(places) > size:
            hashes = content_hashes(self.rows[places])
            places = np.sort(places[np.argsort(hashes)[:size]])
        return places

    def only(self, places: np.ndarray) -> "Points":
        """Return the points at these places."""
        if len(places) == len(self.rows):
            return self
        rows, weights = self.rows[places], self.weights[places]
        return Points(rows, weights, self.block_entries, self.n_jobs)


@dataclass(frozen=True)
class CollapsedRows:
    """The points that rows are copies of.

    Parameters
    ----------
    points : Points

    first : ndarray of shape (n_points,), intp
        The first row of each point, ascending.

    point_of : ndarray of shape (n_rows,), intp
        The point of each row; -1 where a row takes no part.
    """

    points: Points
    first: np.ndarray
    point_of: np.ndarray

    @classmethod
    def collapse(
        cls,
        rows: np.ndarray,
        valid: np.ndarray,
        weights: np.ndarray | None,
        block_entries: int,
        n_jobs: int | None,
    ) -> "CollapsedRows":
        """Collapse the valid rows; each weighs 1 unless `weights` are given."""
        usable = np.flatnonzero(valid)
        if len(usable) < len(rows):
            rows = rows[usable]
            weights = None if weights is None else weights[usable]
        first, inverse = distinct_rows(rows)
        if len(first) < len(rows):
            rows = rows[first]
        totals = np.bincount(inverse, weights, minlength=len(first)).astype(np.float64)
        point_of = np.full(len(valid), -1, dtype=np.intp)
        point_of[usable] = inverse
        points = Points(rows, totals, block_entries, n_jobs)
        return cls(points, usable[first], point_of)

    def spread(self, values: np.ndarray, otherwise: int) -> np.ndarray:
        """Return the value of each row's point."""
        spread = np.full(len(self.point_of), otherwise, dtype=values.dtype)
        valid = self.point_of >= 0
        spread[valid] = values[self.point_of[valid]]
        return spread


def renumbered(labels: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Number clusters from 0 by decreasing weight, ties by first row.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._components import renumbered
    >>> renumbered(np.array([7, -1, 3, 3, 9]), None)
    array([ 1, -1,  0,  0,  2])
    """
    kept = np.flatnonzero(labels >= 0)
    numbers = np.full(len(labels), -1, dtype=np.intp)
    _, first, inverse = np.unique(labels[kept], return_index=True, return_inverse=True)
    sizes = np.bincount(inverse, None if weights is None else weights[kept])
    rank = np.empty(len(sizes), dtype=np.intp)
    rank[np.lexsort((first, -sizes.astype(np.float64)))] = np.arange(len(sizes))
    numbers[kept] = rank[inverse]
    return numbers


def density_clusters(
    points: Points, radius: float, min_samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which points are core points, and the cluster of every point.

    Parameters
    ----------
    points : Points

    radius : float

    min_samples : int

    Returns
    -------
    core : ndarray of shape (n_points,), bool

    labels : ndarray of shape (n_points,), intp
        Numbers in no particular order, some of which may be missing; -1 is noise. A
        border point belongs to its nearest core point, to the lowest row among equally
        near ones.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._components import Points, density_clusters
    >>> points = Points(np.array([[0.0], [1.0], [9.0]]), np.ones(3), 2**16, None)
    >>> density_clusters(points, 1.0, 2)
    (array([ True,  True, False]), array([ 0,  0, -1]))
    """
    labels = np.full(len(points.rows), -1, dtype=np.intp)
    if not len(labels):
        return labels >= 0, labels
    index = CellIndex(
        points.rows,
        radius=radius,
        block_entries=points.block_entries,
        n_jobs=points.n_jobs,
    )
    found = count_within(index, radius, points.weights, min_samples)
    core = found.counts >= min_samples
    if core.any():
        core_index = index.subset(core, consume=True)
        labels[core_index.order] = connect(core_index, radius, found.links)
        _label_borders(core_index, core, labels, radius, found.hits)
    return core, labels


def _label_borders(
    index: CellIndex,
    core: np.ndarray,
    labels: np.ndarray,
    radius: float,
    hits: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    """Give every point near a core point the label of the nearest one, in place."""
    if hits is None:
        rows = np.flatnonzero(~core)
        points, _ = nearest(index, index.X[rows], radius)
        rows, points = rows[points >= 0], points[points >= 0]
    else:
        rows, points = (part[core[hits[1]]] for part in hits)
        order = np.lexsort((points, index.exact(index.X, rows, points), rows))
        rows, points = rows[order], points[order]
        first = np.diff(rows, prepend=-1) > 0
        rows, points = rows[first], points[first]
    labels[rows] = labels[points]


def connect(
    index: CellIndex,
    radius: float,
    links: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Label the connected components of the points within `radius` of one another.

    Parameters
    ----------
    index : CellIndex

    radius : float

    links : tuple of two ndarrays of shape (n_links,), intp, default=None
        Rows of `index.X` that are known to be neighbours; those of which one is not in
        the index do not count.

    Returns
    -------
    components : ndarray of shape (n_points in the index,), intp
        Component of each sorted position (see `CellIndex.order`), numbered from 0 in
        no particular order.

    Notes
    -----
    Components are found inside every cell first, and joined by the links. Then the
    points of smaller components meet the cells that hold points of larger ones, so that
    those of the largest ask nothing; products are computed only while the two sides
    still lie in different components.
    """
    component = np.empty(len(index.order), dtype=np.intp)
    own_counts = np.empty(index.n_cells, dtype=np.intp)

    def inside(cells: range) -> None:
        for cell in cells:
            own = np.arange(index.starts[cell], index.starts[cell + 1])
            within = index.within(index.left_of(own), index.order[own], cell, radius)
            component[own] = _mask_components(within)
            own_counts[cell] = component[own].max() + 1

    index.run(inside, index.chunks())
    starts = np.concatenate(([0], np.cumsum(own_counts)))
    component += starts[index.cell]
    forest = Forest(starts[-1])
    if links is not None:
        _unite_linked(index, links, component, forest)
    rank = _ranks(forest.roots(component))
    highest = np.maximum.reduceat(rank, index.starts[:-1])
    asking = np.flatnonzero(rank < highest.max())

    def between(part: slice) -> None:
        own = asking[part]
        left_out = highest[:, None] <= rank[own]
        for cell, some in rings(index, own, radius, left_out):
            _join(index, own[some], cell, radius, component, forest)

    index.run(between, index.shares(len(asking), index.n_cells))
    return forest.roots(component)


def _unite_linked(
    index: CellIndex,
    links: tuple[np.ndarray, np.ndarray],
    component: np.ndarray,
    forest: "Forest",
) -> None:
    component_of = np.full(len(index.X), -1, dtype=np.intp)
    component_of[index.order] = component
    left, right = component_of[links[0]], component_of[links[1]]
    known = (left >= 0) & (right >= 0)
    forest.unite(left[known], right[known])


def _ranks(components: np.ndarray) -> np.ndarray:
    """Return the rank of each point's component, by size; the largest comes last."""
    sizes = np.bincount(components)
    order = np.argsort(sizes, kind="stable")
    ranks = np.empty(len(sizes), dtype=np.intp)
    ranks[order] = np.arange(len(sizes))
    return ranks[components]


def _join(
    index: CellIndex,
    positions: np.ndarray,
    cell: int,
    radius: float,
    component: np.ndarray,
    forest: "Forest",
) -> None:
    """Unite the components of `positions` with those of `cell` where they touch."""
    members = index.members(cell)
    step = max(64, _JOIN_ENTRIES // (members.stop - members.start))
    for start in range(0, len(positions), step):
        some = positions[start : start + step]
        there = forest.roots(component[members])
        one = there.min() == there.max()
        if one:
            some = some[forest.roots(component[some]) != there[0]]
            if not len(some):
                continue
        within = index.within(index.left_of(some), index.order[some], cell, radius)
        if one:
            row = np.flatnonzero(within.any(axis=1))
            column = np.zeros_like(row)
        else:
            row, column = true_entries(within)
        forest.unite(component[some[row]], there[column])


def _mask_components(within: np.ndarray) -> np.ndarray:
    """Return the component of each row of a symmetric bool matrix, by flooding it."""
    component = np.full(len(within), -1, dtype=np.intp)
    number = 0
    for start in range(len(within)):
        if component[start] >= 0:
            continue
        front = np.array([start])
        component[start] = number
        while len(front):
            reached = within[front].any(axis=0) & (component < 0)
            front = np.flatnonzero(reached)
            component[front] = number
        number += 1
    return component


class Forest:
    """Disjoint sets that several threads may read while one of them unites.

    Parameters
    ----------
    size : int
        Number of nodes.
    """

    def __init__(self, size: int) -> None:
        self._parent = np.arange(size)
        self._lock = Lock()

    def grow(self, size: int) -> None:
        """Add nodes, each a set of its own, until there are `size`."""
        more = np.arange(len(self._parent), size)
        self._parent = np.concatenate((self._parent, more))

    def roots(self, nodes: np.ndarray) -> np.ndarray:
        """Return one node that stands for the set of each."""
        above = self._parent[nodes]
        while True:
            higher = self._parent[above]
            if np.array_equal(higher, above):
                return above
            above = higher

    def unite(self, left: np.ndarray, right: np.ndarray) -> None:
        """Hook the higher root of each pair onto the lower one until none is left."""
        with self._lock:
            while True:
                left, right = self.roots(left), self.roots(right)
                apart = left != right
                if not apart.any():
                    return
                left, right = left[apart], right[apart]
                self._parent[np.maximum(left, right)] = np.minimum(left, right)
