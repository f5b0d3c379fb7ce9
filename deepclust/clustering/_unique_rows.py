"""Equal rows are clustered once, as one point with the weight of its copies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse

from deepclust.metrics._pairwise import row_blocks

__all__ = ["Points", "UniqueRows", "content_hashes", "dense", "unique_rows"]


@dataclass(frozen=True)
class Points:
    """Unique rows, their weights, and the resources to work on them.

    Parameters
    ----------
    rows : ndarray of shape (n_points, n_features), float32 or float64
        No two are equal.

    weights : ndarray of shape (n_points,), float64

    block_entries : int, default=2**22
        Upper bound of the entries of one block of distances, per thread.

    n_jobs : int, default=None
        Threads.
    """

    rows: np.ndarray
    weights: np.ndarray
    block_entries: int = 2**22
    n_jobs: int | None = None

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
        if len(places) == self.rows.shape[0]:
            return self
        rows, weights = self.rows[places], self.weights[places]
        return Points(rows, weights, self.block_entries, self.n_jobs)


@dataclass(frozen=True)
class UniqueRows:
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
    def of(
        cls,
        rows: np.ndarray,
        valid: np.ndarray,
        weights: np.ndarray,
        block_entries: int = 2**22,
        n_jobs: int | None = None,
        *,
        unmerged: bool = False,
    ) -> "UniqueRows":
        """Find the unique ones of the valid rows; with `unmerged`, take all."""
        usable = np.flatnonzero(valid)
        if len(usable) < rows.shape[0]:
            rows, weights = rows[usable], weights[usable]
        if unmerged:
            point_of = np.full(len(valid), -1, dtype=np.intp)
            point_of[usable] = np.arange(len(usable))
            return cls(Points(rows, weights, block_entries, n_jobs), usable, point_of)
        first, inverse = unique_rows(rows)
        if len(first) < len(rows):
            rows = rows[first]
        totals = np.bincount(inverse, weights, minlength=len(first))
        point_of = np.full(len(valid), -1, dtype=np.intp)
        point_of[usable] = inverse
        points = Points(rows, totals, block_entries, n_jobs)
        return cls(points, usable[first], point_of)

    def expand(self, values: np.ndarray, fill: int) -> np.ndarray:
        """Return the value of each row's point; `fill` where a row takes no part."""
        return np.append(values, fill)[self.point_of]  # place -1 is the last


def content_hashes(X: Any) -> np.ndarray:
    """Return a 64-bit hash of each row's values, the same in any batch or order.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_features), float32 or float64

    Returns
    -------
    hashes : ndarray of shape (n_rows,), uint64
    """
    hashes = np.empty(X.shape[0], dtype=np.uint64)
    for part in row_blocks(*X.shape):
        hashes[part] = _hashes(dense(X[part]))
    return hashes


def dense(rows: Any) -> np.ndarray:
    """Return rows as an array, also sparse ones."""
    return rows.toarray() if issparse(rows) else rows


def _hashes(X: np.ndarray) -> np.ndarray:
    words = np.ascontiguousarray(X + X.dtype.type(0))  # -0.0 becomes 0.0
    words = words.view(np.uint32 if X.dtype == np.float32 else np.uint64)
    hashes = np.zeros(len(X), dtype=np.uint64)
    for column in range(words.shape[1]):
        hashes ^= words[:, column]
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    return hashes ^ (hashes >> np.uint64(32))


def unique_rows(
    X: np.ndarray, hashes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the first row of each set of equal rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64

    hashes : ndarray of shape (n_rows,), uint64, default=None
        The `content_hashes` of `X`, where they are known.

    Returns
    -------
    first : ndarray of shape (n_unique,), intp
        Ascending.

    inverse : ndarray of shape (n_rows,), intp
        `X[first][inverse]` equals `X`.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._unique_rows import unique_rows
    >>> unique_rows(np.array([[1.0], [0.0], [1.0], [-0.0]]))
    (array([0, 1]), array([0, 1, 0, 1]))
    """
    hashes = content_hashes(X) if hashes is None else hashes
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    if len(first) < len(X) and not _equal(X, first[inverse]):
        _, first, inverse = np.unique(X, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[inverse.ravel()]


def _equal(X: np.ndarray, source: np.ndarray) -> bool:
    """Return whether every row equals its source: two hashes may be equal by chance."""
    copies = np.flatnonzero(source != np.arange(len(X)))
    parts = row_blocks(len(copies), X.shape[1])
    return all(np.array_equal(X[copies[p]], X[source[copies[p]]]) for p in parts)
