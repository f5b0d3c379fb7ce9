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
clusters of the other block are inverted lists of faiss, of which the nearest few are
searched: that is approximate.
"""

import warnings
from dataclasses import replace
from itertools import accumulate
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from deepclust.clustering._components import Forest, renumbered
from deepclust.clustering._eps_selection import default_min_samples, problem_with
from deepclust.clustering._metric_space import MetricSpace
from deepclust.distributed._block_tasks import (
    Block,
    Search,
    count_found,
    find_core,
    find_links,
    nearest_component,
    write_block,
)
from deepclust.distributed._inverted_lists import import_faiss
from deepclust.distributed._partitions import map_partitions
from deepclust.exceptions import ClusteringWarning

__all__ = ["BlockClusters", "dbscan"]

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
        block are searched for the neighbors of a row, of about 0.8 √block_size, by
        faiss (`pip install "deepclust[faiss]"`, on all workers).

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
    MissingExtraError
        If `n_probe` is given, and faiss is not installed.
    TypeError
        If `X` is no array of Dask, or not of real numbers.
    ValueError
        If a parameter is out of range, or a block is sparse, or has NaN or infinity.

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
    if X.dtype.kind not in "buif":
        raise TypeError(f"X must have real numbers. Received: dtype {X.dtype}.")
    space = MetricSpace(metric, None)
    radius = space.radius(eps)
    space.check_eps(radius)
    if n_probe is not None:
        import_faiss()
    with TemporaryDirectory(prefix="dbscan-", dir=folder) as place:
        blocks, n_rows = _write_blocks(X, Path(place), space, radius, n_probe)
        if min_samples == "auto":
            min_samples = default_min_samples(sum(b.n_valid for b in blocks))
        search = Search(blocks, radius, int(min_samples), n_probe)
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


def _write_blocks(
    X: Any, place: Path, space: MetricSpace, radius: float, n_probe: int | None
) -> tuple[list[Block], int]:
    """Write the blocks that have valid rows; return them, and the number of rows."""
    parts = X.rechunk({1: -1}).to_delayed().ravel().tolist()
    paths = [place / f"{number:06}.joblib" for number in range(len(parts))]
    each = [(path,) for path in paths]
    sizes = map_partitions(write_block, parts, space, radius, n_probe, each=each)
    starts = [*accumulate((n_rows for n_rows, _ in sizes), initial=0)]
    rows = zip(paths, starts[:-1], sizes, strict=True)
    blocks = [Block(path, start, *size) for path, start, size in rows if size[1]]
    return blocks, starts[-1]


def _cluster(search: Search, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are core points, and the component of each row."""
    numbers = range(len(search.blocks))
    sizes = map_partitions(find_core, numbers, search)
    starts = [*accumulate(sizes, initial=0)]
    blocks = [
        replace(block, first_component=start, n_components=size)
        for block, start, size in zip(search.blocks, starts[:-1], sizes, strict=True)
    ]
    search, forest = search._replace(blocks=blocks), Forest(starts[-1])
    for links in map_partitions(find_links, numbers, search):
        forest.unite(*links)
    core, labels = np.zeros(n_rows, dtype=bool), np.full(n_rows, -1, dtype=np.intp)
    found = map_partitions(nearest_component, numbers, search)
    for block, (is_core, component) in zip(blocks, found, strict=True):
        rows = slice(block.first_row, block.first_row + block.n_rows)
        core[rows], labels[rows] = is_core, component
    labels[labels >= 0] = forest.roots(labels[labels >= 0])
    return core, labels


def _recall(search: Search) -> float:
    """Return the share of the neighbors of some rows of each block that are found."""
    counts = map_partitions(count_found, range(len(search.blocks)), search)
    found, wanted = np.sum(counts, axis=0).tolist()
    return found / wanted if wanted else 1.0
