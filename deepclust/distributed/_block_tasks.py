"""What a worker does with one block of rows, or with two.

Nothing here imports scikit-learn, which with pandas would take more of a worker's
memory than two blocks of 25,000 rows.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from scipy.sparse import issparse

from deepclust._atomic_file import replacing
from deepclust._parallel import limit_blas
from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._components import Forest, connect
from deepclust.clustering._metric_space import MetricSpace
from deepclust.clustering._neighbors import (
    count_within,
    nearest_of_each,
    pairs_within,
)
from deepclust.clustering._unique_rows import UniqueRows
from deepclust.distributed._inverted_lists import InvertedLists, batches, write_lists

__all__ = [
    "Block",
    "Search",
    "count_found",
    "find_core",
    "find_links",
    "nearest_component",
    "write_block",
]

_PAIR = np.dtype([("row", np.int32), ("point", np.int32), ("squared", np.float64)])
_ENTRIES_PER_ROW = 16  # of products, and bounds, at a time
_RECALL_QUERIES = 100  # of each block


@dataclass(frozen=True)
class Block:
    """The file of a block, and where its rows and its components begin."""

    path: Path
    first_row: int
    n_rows: int
    n_valid: int
    first_component: int = 0
    n_components: int = 0

    def load(self) -> tuple[UniqueRows, CellIndex]:
        """Return the unique rows, and the index of them."""
        unique, index = joblib.load(self.path)
        index.X = unique.points.rows
        return unique, index

    def core(self) -> tuple[CellIndex, np.ndarray]:
        """Return the index of core points, and the component of each point."""
        components = self.components()
        return self.load()[1].subset(components >= 0, consume=True), components

    def components(self) -> np.ndarray:
        """Return the component of each point; -1 if it is no core point."""
        found: np.ndarray = np.load(self.path.with_suffix(".npy"))
        found[found >= 0] += self.first_component
        return found

    @property
    def pairs(self) -> Path:
        """Return the file of the neighbors of points with few: an array a block."""
        return self.path.with_suffix(".pairs")

    @property
    def lists(self) -> Path:
        """Return the file of the inverted lists."""
        return self.path.with_suffix(".lists")


class Search(NamedTuple):
    """What every task is given."""

    blocks: list[Block]
    radius: float
    min_samples: int
    n_probe: int | None

    def others(self, number: int) -> list[Block]:
        """Return the other blocks, those after `number` first: workers differ."""
        return self.blocks[number + 1 :] + self.blocks[:number]

    def open_lists(self, block: Block, index: CellIndex) -> InvertedLists:
        """Return the inverted lists of a block, the index of which is loaded."""
        assert self.n_probe is not None  # else none were written
        return InvertedLists(index, block.lists, self.n_probe)


def write_block(
    X: Any, space: MetricSpace, radius: float, n_probe: int | None, path: Path
) -> tuple[int, int]:
    """Write the unique rows and their index; return how many rows, and valid ones."""
    X = _checked_block(X, int(path.stem))
    space.check_range(X)
    rows, valid = space.rows(X)
    if valid.any():
        most = _ENTRIES_PER_ROW * len(X)
        unique = UniqueRows.of(rows, valid, np.ones(len(X)), 2**17 + most)
        with limit_blas():
            index = CellIndex(unique.points, radius)
        if n_probe is not None:
            with replacing(path.with_suffix(".lists")) as part:
                write_lists(index, part)
        del index.X  # joblib would write it again
        with replacing(path) as part:
            joblib.dump((unique, index), part)
    return len(X), int(valid.sum())


def _checked_block(X: Any, number: int) -> np.ndarray:
    """Return the rows of a block as C-contiguous floats, or raise a ValueError."""
    if issparse(X):
        raise ValueError(
            f"X must have dense blocks. Received: sparse rows in block {number}. "
            "Take X.map_blocks(lambda block: block.toarray())."
        )
    dtype = X.dtype if X.dtype == np.float32 else np.float64
    X = np.ascontiguousarray(X, dtype=dtype)
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise ValueError(
            "X must have no NaN and no infinity. Received: one in row "
            f"{bad[0]} of block {number}, both counted from 0."
        )
    return X


def find_core(number: int, search: Search) -> int:
    """Write the components of the core points of a block; return their number."""
    radius, enough = search.radius, search.min_samples
    block = search.blocks[number]
    path = block.path.with_suffix(".npy")
    if path.exists():  # by a worker that died since
        return int(np.load(path).max()) + 1
    with limit_blas():
        unique, index = block.load()
        counts, _, links = count_within(index, radius, unique.points.weights, enough)
        few = np.flatnonzero(counts < enough)
        queries = index.X[few]
        del unique, index  # others are loaded
        counts[few] = _count_few(number, search, few, queries)
        core = counts >= enough
        components = np.full(len(core), -1, dtype=np.intp)
        if core.any():
            index = block.load()[1].subset(core, consume=True)
            roots = connect(index, radius, links)
            components[index.order] = np.unique(roots, return_inverse=True)[1]
    with replacing(path) as part, part.open("wb") as file:
        np.save(file, components)
    return int(components.max()) + 1


def _count_few(
    number: int, search: Search, few: np.ndarray, queries: np.ndarray
) -> np.ndarray:
    """Count the neighbors in all blocks until enough; write those of points with few.

    `few` are the points of a block that have too few in it, `queries` their rows.
    """
    own, counts = search.blocks[number], np.zeros(len(few))
    with replacing(own.pairs) as part, part.open("wb") as file:
        for other in [own, *search.others(number)]:
            pairs = _count_neighbors(search, other, queries, counts)
            pairs["row"] = few[pairs["row"]]
            np.save(file, pairs)
    return counts


def _count_neighbors(
    search: Search, other: Block, queries: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Add the neighbors in a block to `counts`, in place, until enough.

    Returns the pairs of a query that has not enough yet and a point.
    """
    enough, found = search.min_samples, [np.empty(0, _PAIR)]
    places = np.flatnonzero(counts < enough)
    if not len(places):
        return found[0]
    unique, index = other.load()
    queries = queries[places]

    def wanted(rows: np.ndarray, _: np.ndarray) -> np.ndarray:
        return counts[places[rows]] < enough

    if search.n_probe is None:
        neighbors = pairs_within(index, queries, search.radius, wanted)
    else:
        lists = search.open_lists(other, index)
        neighbors = lists.nearest(queries, search.radius, enough)
    for rows, points in neighbors:
        np.add.at(counts, places[rows], unique.points.weights[points])
        few = wanted(rows, points)
        pairs = np.empty(np.count_nonzero(few), _PAIR)
        pairs["row"], pairs["point"] = places[rows[few]], points[few]
        pairs["squared"] = index.exact(queries, rows[few], points[few])
        found.append(pairs)
    pairs = np.concatenate(found)
    return pairs[counts[pairs["row"]] < enough]


def find_links(number: int, search: Search) -> tuple[np.ndarray, np.ndarray]:
    """Return a spanning forest of components: those of a block, linked by others.

    Half of the other blocks are compared, the next ones in a circle: each pair is.
    """
    blocks = search.blocks
    n_components = blocks[-1].first_component + blocks[-1].n_components
    forest = Forest(n_components)
    own_index, own = blocks[number].load()[1], blocks[number].components()
    queries, own = own_index.X[own >= 0], own[own >= 0]
    del own_index
    with limit_blas():
        n_compared = (len(blocks) - 1 + (2 * number < len(blocks))) // 2
        link = _link if search.n_probe is None else _link_by_lists
        for other in search.others(number)[:n_compared]:
            if other.n_components and len(own):
                link(search, other, queries, own, forest)
    components = np.arange(n_components)
    roots = forest.roots(components)
    linked = components != roots
    return components[linked], roots[linked]


def _link(
    search: Search,
    other: Block,
    queries: np.ndarray,
    own: np.ndarray,
    forest: Forest,
) -> None:
    """Unite the components of core points with those of another block."""
    index, there = other.core()

    def wanted(rows: np.ndarray, points: np.ndarray) -> np.ndarray:
        roots = forest.roots(there[points])
        return (forest.roots(own[rows]) != roots[0]) | (roots.min() != roots.max())

    for rows, points in pairs_within(index, queries, search.radius, wanted):
        forest.unite(own[rows], there[points])


def _link_by_lists(
    search: Search,
    other: Block,
    queries: np.ndarray,
    own: np.ndarray,
    forest: Forest,
) -> None:
    """Unite the same by the inverted lists, a component of this block at a time."""
    lists, there = search.open_lists(other, other.load()[1]), other.components()
    order = np.argsort(own, kind="stable")
    for component, run in CellIndex.runs(own[order]):
        rows = order[run]
        for part in batches(len(rows)):
            apart = forest.roots(there) != forest.roots(np.array([component]))
            apart &= there >= 0
            if not apart.any():
                break
            found = lists.within(queries[rows[part]], search.radius, apart)
            forest.unite(own[rows[part]][found[0]], there[found[1]])


def nearest_component(number: int, search: Search) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows of a block are core points, and the component of each row."""
    own = search.blocks[number]
    unique, component = own.load()[0], own.components()
    core = component >= 0
    best_squared, first = np.full(len(core), np.inf), np.zeros(len(core), dtype=np.intp)
    with own.pairs.open("rb") as file:
        for other in [own, *search.others(number)]:
            pairs, there = np.load(file), other.components()
            pairs = pairs[~core[pairs["row"]] & (there[pairs["point"]] >= 0)]
            found = nearest_of_each(pairs["row"], pairs["point"], pairs["squared"])
            rows, points, squared = found
            better = (squared == best_squared[rows]) & (other.first_row < first[rows])
            better |= squared < best_squared[rows]
            rows, points = rows[better], points[better]
            best_squared[rows], first[rows] = squared[better], other.first_row
            component[rows] = there[points]
    return unique.expand(core, False), unique.expand(component, -1)


def count_found(number: int, search: Search) -> tuple[int, int]:
    """Count the neighbors of some rows in other blocks: those found, and all."""
    unique, _ = search.blocks[number].load()
    queries = unique.points.rows[unique.points.sample(_RECALL_QUERIES)]
    n_found = n_pairs = 0
    with limit_blas():
        for other in search.others(number):
            index = other.load()[1]
            everything = np.ones(len(index.order), dtype=bool)
            lists = search.open_lists(other, index)
            n_found += len(lists.within(queries, search.radius, everything)[0])
            n_pairs += sum(
                len(rows)
                for rows, _ in pairs_within(index, queries, search.radius, _all_of)
            )
    return n_found, n_pairs


def _all_of(rows: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.ones(len(rows), dtype=bool)
