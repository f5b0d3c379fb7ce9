"""Collapse equal rows: each is clustered once, with the weight of its copies."""

import numpy as np

__all__ = ["content_hashes", "distinct_rows"]

_BLOCK_ENTRIES = 2**17


def content_hashes(X: np.ndarray) -> np.ndarray:
    """Return a 64-bit hash of each row's values, the same in any batch or order.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64

    Returns
    -------
    hashes : ndarray of shape (n_rows,), uint64
    """
    hashes = np.empty(len(X), dtype=np.uint64)
    step = max(1, _BLOCK_ENTRIES // max(X.shape[1], 1))
    for start in range(0, len(X), step):
        hashes[start : start + step] = _hashes(X[start : start + step])
    return hashes


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


def distinct_rows(
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
    first : ndarray of shape (n_distinct,), intp
        Ascending.

    inverse : ndarray of shape (n_rows,), intp
        `X[first][inverse]` equals `X`.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._unique_rows import distinct_rows
    >>> distinct_rows(np.array([[1.0], [0.0], [1.0], [-0.0]]))
    (array([0, 1]), array([0, 1, 0, 1]))
    """
    hashes = content_hashes(X) if hashes is None else hashes
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    if len(first) < len(X) and not _equal(X, first[inverse]):
        _, first, inverse = np.unique(X, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[inverse.ravel()]


def _equal(X: np.ndarray, source: np.ndarray) -> bool:
    """Tell whether every row equals its source: two hashes may meet by chance."""
    copies = np.flatnonzero(source != np.arange(len(X)))
    step = max(1, _BLOCK_ENTRIES // X.shape[1])
    return all(
        np.array_equal(X[copies[i : i + step]], X[source[copies[i : i + step]]])
        for i in range(0, len(copies), step)
    )
