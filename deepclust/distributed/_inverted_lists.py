"""Some of the neighbors of rows: those in the lists of faiss that are nearest to each.

The micro-clusters of a block are the lists; rows are in the units of its index. What
faiss finds in float32 is measured again in float64, so that no pair is wrong; pairs are
missing where they are in other lists (Sivic and Zisserman 2003, "Video Google",
https://doi.org/10.1109/ICCV.2003.1238663; Douze and others 2024, "The Faiss library",
https://arxiv.org/abs/2401.08281).
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from deepclust._optional import import_extra
from deepclust.clustering._cell_index import CellIndex

__all__ = ["InvertedLists", "batches", "import_faiss", "write_lists"]

_FIRST_QUERIES, _MOST_QUERIES = 16, 1024
_FLOAT32_ERROR = 1e-6  # of a distance in float32, where no row is farther than 1 from 0


def import_faiss() -> ModuleType:
    """Return faiss, or raise a MissingExtraError."""
    return import_extra("faiss", extra="faiss", purpose="dbscan with n_probe")


def write_lists(index: CellIndex, path: Path) -> None:
    """Write all rows of an index in lists, one for each of its micro-clusters."""
    faiss, n_features = import_faiss(), index.X.shape[1]
    centers = _float32_rows(index.centers)
    quantizer = faiss.IndexFlatL2(n_features)
    quantizer.add(centers)
    lists = faiss.IndexIVFFlat(quantizer, n_features, len(centers))
    lists.is_trained = True  # by the centers
    for part in index.slices(len(index.order), n_features):
        rows = _float32_rows(index.right[part])
        lists.add_with_ids(rows, index.order[part].astype(np.int64))
    faiss.write_index(lists, str(path))


def _float32_rows(form: np.ndarray) -> np.ndarray:
    """Return the rows of a left or right form, as faiss reads them."""
    return np.ascontiguousarray(form[:, :-2], dtype=np.float32)


class InvertedLists:
    """The neighbors of queries among the rows of an index, in the nearest few lists.

    Parameters
    ----------
    index : CellIndex
        That of `write_lists`.

    path : Path
        Where the lists were written.

    n_probe : int
        Number of lists that are searched for each query.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from deepclust.clustering._cell_index import CellIndex
    >>> from deepclust.clustering._unique_rows import Points
    >>> from deepclust.distributed._inverted_lists import InvertedLists, write_lists
    >>> index = CellIndex(Points(np.array([[0.0], [1.0], [5.0]]), np.ones(3)), 2.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_lists(index, Path(folder, "lists"))
    ...     lists = InvertedLists(index, Path(folder, "lists"), n_probe=1)
    >>> lists.within(np.array([[0.5]]), 2.0, np.array([True, True, True]))
    (array([0, 0]), array([0, 1]))
    """

    def __init__(self, index: CellIndex, path: Path, n_probe: int) -> None:
        self.index, self.n_probe = index, n_probe
        self._faiss = import_faiss()
        self._lists = self._faiss.read_index(str(path))

    def nearest(
        self, Q: np.ndarray, radius: float, k: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield queries and their neighbors, the `k` nearest of each at most.

        Yields
        ------
        rows, points : ndarray of shape (n_pairs,), intp
            All pairs of a query at once.
        """
        k = min(k, len(self.index.order))
        options = self._faiss.SearchParametersIVF(nprobe=self.n_probe)
        for part in self.index.slices(len(Q), Q.shape[1] + 2 * k):
            squared, points = self._lists.search(
                self._queries(Q[part]), k, params=options
            )
            row, column = np.nonzero((squared <= self._limit(radius)) & (points >= 0))
            yield self._exact(Q, row + part.start, points[row, column], radius)

    def within(
        self, Q: np.ndarray, radius: float, allowed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return queries and their neighbors among some points.

        Parameters
        ----------
        Q : ndarray of shape (n_queries, n_features)
            Few: all pairs are in memory.

        radius : float

        allowed : ndarray of shape (n_points,), bool
            By row of the index.
        """
        bits = np.packbits(allowed, bitorder="little")
        options = self._faiss.SearchParametersIVF(
            nprobe=self.n_probe, sel=self._faiss.IDSelectorBitmap(bits)
        )
        starts, _, points = self._lists.range_search(
            self._queries(Q), self._limit(radius), params=options
        )
        rows = np.repeat(np.arange(len(Q)), np.diff(starts.astype(np.intp)))
        return self._exact(Q, rows, points, radius)

    def _queries(self, Q: np.ndarray) -> np.ndarray:
        return _float32_rows(self.index.left_form(Q))

    def _limit(self, radius: float) -> float:
        """Return the squared radius in units of the index, and a little more."""
        return float(radius / self.index.scale * (1 + 1e-5) + _FLOAT32_ERROR) ** 2

    def _exact(
        self, Q: np.ndarray, rows: np.ndarray, points: np.ndarray, radius: float
    ) -> tuple[np.ndarray, np.ndarray]:
        near = self.index.exact(Q, rows, points) <= radius * radius
        return rows[near], points[near].astype(np.intp)


def batches(n_queries: int) -> Iterator[slice]:
    """Yield slices of queries, few at first: what they find excludes further points."""
    start, size = 0, _FIRST_QUERIES
    while start < n_queries:
        yield slice(start, start + size)
        start, size = start + size, min(4 * size, _MOST_QUERIES)
