"""DBSCAN's partition for one radius: core points, components, border points."""

from threading import Lock

import numpy as np

from deepclust.clustering._cell_index import CellIndex, true_entries
from deepclust.clustering._neighbors import (
    candidate_cells,
    count_within,
    nearest,
    nearest_of_each,
)
from deepclust.clustering._unique_rows import Points

__all__ = ["Forest", "connect", "density_clusters", "renumbered"]

_JOIN_ENTRIES = 2**16


def renumbered(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Number clusters from 0 by decreasing weight, ties by first row with a weight.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,), int
        Any numbers; negative ones are noise.

    weights : ndarray of shape (n_rows,), float64

    Returns
    -------
    numbers : ndarray of shape (n_rows,), intp
        -1 is noise.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._components import renumbered
    >>> renumbered(np.array([7, -1, 3, 3, 9]), np.ones(5))
    array([ 1, -1,  0,  0,  2])
    """
    kept = np.flatnonzero(labels >= 0)
    kept = kept[np.argsort(weights[kept] == 0, kind="stable")]
    numbers = np.full(len(labels), -1, dtype=np.intp)
    _, first, inverse = np.unique(labels[kept], return_index=True, return_inverse=True)
    sizes = np.bincount(inverse, weights[kept])
    numbers[kept] = np.argsort(np.lexsort((first, -sizes)))[inverse]
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
    >>> from deepclust.clustering._components import density_clusters
    >>> from deepclust.clustering._unique_rows import Points
    >>> points = Points(np.array([[0.0], [1.0], [9.0]]), np.ones(3))
    >>> density_clusters(points, 1.0, 2)
    (array([ True,  True, False]), array([ 0,  0, -1]))
    """
    labels = np.full(len(points.rows), -1, dtype=np.intp)
    if not len(labels):
        return labels >= 0, labels
    index = CellIndex(points, radius)
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
        squared = index.exact(index.X, rows, points)
        rows, points, _ = nearest_of_each(rows, points, squared)
    labels[rows] = labels[points]


def connect(
    index: CellIndex,
    radius: float,
    links: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Label the connected components of the points within `radius` of one another.

    Parameters
    ----------
    index : CellIndex

    radius : float

    links : tuple of two ndarrays of shape (n_links,), intp
        Rows of `index.X` that are known to be neighbors; those of which one is not in
        the index do not count.

    Returns
    -------
    components : ndarray of shape (n_points in the index,), intp
        Component of each sorted position (see `CellIndex.order`), numbered from 0 in
        no particular order.

    Notes
    -----
    Components are found inside every cell first, and joined by the links. Then the
    points of smaller components are compared with the cells that hold points of larger
    ones; those of the largest need no query. Products are computed only while the two
    sides still lie in different components.
    """
    component = np.empty(len(index.order), dtype=np.intp)
    own_counts = np.empty(index.n_cells, dtype=np.intp)

    def inside(cells: range) -> None:
        """Find the components inside of some cells."""
        for cell in cells:
            own = np.arange(index.starts[cell], index.starts[cell + 1])
            within = index.within(index.left_of(own), index.order[own], cell, radius)
            component[own] = _mask_components(within)
            own_counts[cell] = component[own].max() + 1

    index.run(inside, index.chunks())
    starts = np.concatenate(([0], np.cumsum(own_counts)))
    component += starts[index.cell]
    forest = Forest(starts[-1])
    component_of = np.full(len(index.X), -1, dtype=np.intp)
    component_of[index.order] = component
    linked = component_of[np.array(links)]
    forest.unite(*linked[:, (linked >= 0).all(axis=0)])
    roots = forest.roots(component)
    # The rank of each point's component by size; the largest comes last.
    rank = np.argsort(np.argsort(np.bincount(roots), kind="stable"))[roots]
    highest = np.maximum.reduceat(rank, index.starts[:-1])
    queries = np.flatnonzero(rank < highest.max())

    def between(part: slice) -> None:
        """Join points of smaller components with those of larger ones."""
        own = queries[part]
        for cell, some in candidate_cells(
            index,
            index.right[own],
            index.cell[own],
            lambda: radius,
            excluded=highest[:, None] <= rank[own],
        ):
            _join(index, own[some], cell, radius, component, forest)

    index.run(between, index.shares(len(queries), index.n_cells))
    return forest.roots(component)


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
        if there.min() == there.max():
            some = some[forest.roots(component[some]) != there[0]]
        within = index.within(index.left_of(some), index.order[some], cell, radius)
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
    """Disjoint sets (union-find) that threads may read while one of them unites.

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
        self._parent = np.append(self._parent, np.arange(len(self._parent), size))

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
