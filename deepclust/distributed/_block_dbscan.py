"""DBSCAN of rows in blocks, of which no more than two are in memory at a time.

1. Each block is written to a file: its unique rows, in micro-clusters.
2. The neighbors of a block's points are counted in the block, then in the others, until
   there are enough. Those of points with too few are written to a second file. The core
   points are connected inside of their block.
3. The components of two blocks are compared until they are one, or known to be apart.
   Each task returns a spanning forest of the components that it linked.
4. The forests are united. Border points take the component of the nearest core point
   among the neighbors that were written.

A bound of the distance to the micro-clusters of the other block leaves out most
products, and all of those of two blocks that are far apart. With `n_probe`, the micro-
clusters of the other block are inverted lists, of which the nearest few are searched:
that is approximate.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from deepclust._atomic_file import replacing
from deepclust._parallel import limit_blas
from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._components import Forest, connect, renumbered
from deepclust.clustering._eps_selection import default_min_samples, problem_with
from deepclust.clustering._metric_space import MetricSpace
from deepclust.clustering._neighbors import (
    count_within,
    nearest_of_each,
    pairs_within,
)
from deepclust.clustering._unique_rows import UniqueRows
from deepclust.distributed._partitions import map_partitions
from deepclust.exceptions import ClusteringWarning

__all__ = ["BlockClusters", "dbscan"]

_PAIR = np.dtype([("row", np.int32), ("point", np.int32), ("squared", np.float64)])
_ENTRIES_PER_ROW = 16  # of products, and bounds, at a time
_RECALL_QUERIES = 100  # of each block
_LOW_RECALL = 0.9


class BlockClusters(NamedTuple):
    """The result of `dbscan`.

    Parameters
    ----------
    core_sample_indices : ndarray of shape (n_core,), intp

    labels : ndarray of shape (n_rows,), intp
        Numbered by decreasing size, ties by first row; -1 is noise.

    approximate : bool
        Whether neighbors may have been missed.

    recall : float
        Share of the neighbors of 100 rows of each block, in other blocks, that the
        search finds. 1 where it is exact, or there are none.
    """

    core_sample_indices: np.ndarray
    labels: np.ndarray
    approximate: bool
    recall: float


@validate_params(
    {
        "X": "no_validation",
        "eps": [Interval(Real, 0, None, closed="neither")],
        "min_samples": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "metric": [StrOptions({"euclidean", "cosine"})],
        "n_probe": [Interval(Integral, 1, None, closed="left"), None],
        "folder": [str, Path, None],
    },
    prefer_skip_nested_validation=True,
)
def dbscan(
    X: Any,
    eps: float,
    *,
    min_samples: int | str = "auto",
    metric: str = "euclidean",
    n_probe: int | None = None,
    folder: str | Path | None = None,
) -> BlockClusters:
    """Cluster the rows of a Dask array: the labels of `DBSCAN` in one process.

    Parameters
    ----------
    X : Array of Dask of shape (n_rows, n_features), float32 or float64
        Each of its blocks of rows has to fit a worker several times.

    eps : float
        Radius of a neighborhood, in units of `metric`.

    min_samples : int or "auto", default="auto"
        Rows of a neighborhood that make a core point; as of `DBSCAN`, which takes the
        number of all rows for "auto".

    metric : {"euclidean", "cosine"}, default="euclidean"

    n_probe : int, default=None
        None is exact. A number is approximate: only so many micro-clusters of another
        block are searched for the neighbors of a row, of about 0.8 √block_size.

    folder : str or Path, default=None
        Where blocks are written, and removed at the end. All workers must reach it by
        the same name. None is a temporary folder of this machine.

    Returns
    -------
    found : BlockClusters
        `core_sample_indices`, `labels`, `approximate`, `recall`. Without `n_probe`, the
        labels equal, bit by bit, the `labels_` of `DBSCAN(eps, min_samples=min_samples,
        metric=metric).fit(X)`, whatever the blocks and the workers.

    Raises
    ------
    TypeError
        If `X` is no array of Dask.
    ValueError
        If a parameter is out of range, or a block has NaN or infinity.

    Warns
    -----
    ClusteringWarning
        If all rows are noise, one cluster holds nearly all, or `recall` is below 0.9.

    Notes
    -----
    `eps` is not selected: that of a sample is too large for more rows, as the same
    share of core points needs a smaller radius.

    Time is that of `DBSCAN`, one and a half times O(n_rows × n_blocks × √block_size ×
    n_features) for the bounds, and about 50 ms for each two blocks: take few, large
    ones, such as of 50,000 rows. A worker holds two blocks with their micro-clusters
    and products, about ten times the size of a block however many there are; this
    process, 17 bytes a row. The folder takes twice the size of `X`, and 16 bytes for
    each neighbor of a row that is no core point. Tasks are one for each block and
    step, and those of a worker that dies are done again by others. The files are
    pickles: as with Dask itself, whoever can write to the folder can run code.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from deepclust.distributed import dbscan
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0]])
    >>> dbscan(da.from_array(X, chunks=(3, -1)), 0.15, min_samples=2).labels
    array([ 0,  0,  0,  1,  1,  1, -1])
    """
    if not hasattr(X, "to_delayed") or getattr(X, "ndim", 0) != 2:
        raise TypeError(
            "dbscan needs an array of Dask with two dimensions, such as "
            "da.from_array(rows, chunks=(50_000, -1)). Received: "
            f"{type(X).__name__}. Rows in memory are for DBSCAN(eps).fit(rows)."
        )
    space = MetricSpace(metric, None)
    radius = space.radius(eps)
    space.check_eps(radius)
    with TemporaryDirectory(prefix="dbscan-", dir=folder) as place:
        blocks, n_rows = _write_blocks(X, Path(place), space, radius)
        if min_samples == "auto":
            min_samples = default_min_samples(sum(b.n_valid for b in blocks))
        search = _Search(blocks, radius, int(min_samples), n_probe)
        core, labels = _cluster(search, n_rows)
        recall = 1.0 if n_probe is None else _recall(search)
    labels = renumbered(labels, np.ones(n_rows))
    problem = problem_with(labels, int(labels.max(initial=-1)) + 1)
    if problem is None and recall < _LOW_RECALL:
        problem = f"of the neighbors, n_probe={n_probe} finds {recall:.0%}. Raise it"
    if problem is not None:
        message = f"dbscan with eps={eps:.4g} and min_samples={min_samples}: {problem}."
        warnings.warn(message, ClusteringWarning, stacklevel=2)
    return BlockClusters(np.flatnonzero(core), labels, n_probe is not None, recall)


@dataclass(frozen=True)
class _Block:
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


class _Search(NamedTuple):
    """What every task is given."""

    blocks: list[_Block]
    radius: float
    min_samples: int
    n_probe: int | None

    def others(self, number: int) -> list[_Block]:
        """Return the other blocks, those after `number` first: workers differ."""
        return self.blocks[number + 1 :] + self.blocks[:number]

    def pairs(
        self,
        index: CellIndex,
        queries: np.ndarray,
        wanted: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield queries and the points of another block that are neighbors."""
        return pairs_within(index, queries, self.radius, wanted, self.n_probe)


def _write_blocks(
    X: Any, place: Path, space: MetricSpace, radius: float
) -> tuple[list[_Block], int]:
    """Write the blocks that have valid rows; return them, and the number of rows."""
    parts = X.rechunk({1: -1}).to_delayed().ravel().tolist()
    paths = [place / f"{number:06}.joblib" for number in range(len(parts))]
    each = [(path,) for path in paths]
    sizes = map_partitions(_write_block, parts, space, radius, each=each)
    starts = [*accumulate((n_rows for n_rows, _ in sizes), initial=0)]
    rows = zip(paths, starts[:-1], sizes, strict=True)
    blocks = [_Block(path, start, *size) for path, start, size in rows if size[1]]
    return blocks, starts[-1]


def _write_block(
    X: Any, space: MetricSpace, radius: float, path: Path
) -> tuple[int, int]:
    """Write the unique rows and their index; return how many rows, and valid ones."""
    dtypes = [np.float64, np.float32]
    X = check_array(X, dtype=dtypes, order="C", ensure_min_samples=0, input_name="X")
    space.check_range(X)
    rows, valid = space.rows(X)
    if valid.any():
        most = _ENTRIES_PER_ROW * len(X)
        unique = UniqueRows.of(rows, valid, np.ones(len(X)), 2**17 + most)
        with limit_blas(), replacing(path) as part:
            index = CellIndex(unique.points, radius)
            del index.X  # joblib would write it again
            joblib.dump((unique, index), part)
    return len(X), int(valid.sum())


def _cluster(search: _Search, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are core points, and the component of each row."""
    numbers = range(len(search.blocks))
    sizes = map_partitions(_find_core, numbers, search)
    starts = [*accumulate(sizes, initial=0)]
    blocks = [
        replace(block, first_component=start, n_components=size)
        for block, start, size in zip(search.blocks, starts[:-1], sizes, strict=True)
    ]
    search, forest = search._replace(blocks=blocks), Forest(starts[-1])
    for links in map_partitions(_find_links, numbers, search):
        forest.unite(*links)
    core, labels = np.zeros(n_rows, dtype=bool), np.full(n_rows, -1, dtype=np.intp)
    found = map_partitions(_nearest_component, numbers, search)
    for block, (is_core, component) in zip(blocks, found, strict=True):
        rows = slice(block.first_row, block.first_row + block.n_rows)
        core[rows], labels[rows] = is_core, component
    labels[labels >= 0] = forest.roots(labels[labels >= 0])
    return core, labels


def _find_core(number: int, search: _Search) -> int:
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
    number: int, search: _Search, few: np.ndarray, queries: np.ndarray
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
    search: _Search, other: _Block, queries: np.ndarray, counts: np.ndarray
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

    for rows, points in search.pairs(index, queries, wanted):
        np.add.at(counts, places[rows], unique.points.weights[points])
        few = wanted(rows, points)
        pairs = np.empty(np.count_nonzero(few), _PAIR)
        pairs["row"], pairs["point"] = places[rows[few]], points[few]
        pairs["squared"] = index.exact(queries, rows[few], points[few])
        found.append(pairs)
    pairs = np.concatenate(found)
    return pairs[counts[pairs["row"]] < enough]


def _find_links(number: int, search: _Search) -> tuple[np.ndarray, np.ndarray]:
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
        for other in search.others(number)[:n_compared]:
            if other.n_components and len(own):
                _link(search, other, queries, own, forest)
    components = np.arange(n_components)
    roots = forest.roots(components)
    linked = components != roots
    return components[linked], roots[linked]


def _link(
    search: _Search,
    other: _Block,
    queries: np.ndarray,
    own: np.ndarray,
    forest: Forest,
) -> None:
    """Unite the components of core points with those of another block."""
    index, there = other.core()

    def wanted(rows: np.ndarray, points: np.ndarray) -> np.ndarray:
        roots = forest.roots(there[points])
        return (forest.roots(own[rows]) != roots[0]) | (roots.min() != roots.max())

    for rows, points in search.pairs(index, queries, wanted):
        forest.unite(own[rows], there[points])


def _nearest_component(number: int, search: _Search) -> tuple[np.ndarray, np.ndarray]:
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


def _all_of(rows: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.ones(len(rows), dtype=bool)


def _recall(search: _Search) -> float:
    """Return the share of the neighbors of some rows of each block that are found."""
    counts = map_partitions(_count_found, range(len(search.blocks)), search)
    found, wanted = np.sum(counts, axis=0).tolist()
    return found / wanted if wanted else 1.0


def _count_found(number: int, search: _Search) -> tuple[int, int]:
    """Count the neighbors of some rows in other blocks: those found, and all."""
    unique, _ = search.blocks[number].load()
    queries = unique.points.rows[unique.points.sample(_RECALL_QUERIES)]
    counts = [0, 0]
    with limit_blas():
        for other in search.others(number):
            _, index = other.load()
            for place, by in enumerate((search, search._replace(n_probe=None))):
                pairs = by.pairs(index, queries, _all_of)
                counts[place] += sum(len(rows) for rows, _ in pairs)
    return counts[0], counts[1]
