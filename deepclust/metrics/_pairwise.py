"""Distances between rows, and rows of unit length: one implementation for all rooms."""

import numpy as np

__all__ = ["squared_distances", "unit_rows"]


def squared_distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return |A[i] - B[i]|² in float64, each row on its own.

    This is the distance that decides every tie: it is symmetric, zero for equal rows,
    and a row gives the same bits alone as in any batch.

    Parameters
    ----------
    A : ndarray of shape (n_pairs, n_features)

    B : ndarray of shape (n_pairs, n_features)

    Returns
    -------
    squared : ndarray of shape (n_pairs,), float64

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.metrics._pairwise import squared_distances
    >>> squared_distances(np.array([[0.0, 3.0]]), np.array([[4.0, 0.0]]))
    array([25.])
    """
    # C order, so that each row is summed by itself whatever the layout of the input.
    difference = np.subtract(A, B, dtype=np.float64, order="C")
    return np.square(difference, out=difference).sum(axis=1)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return the rows divided by their Euclidean norm; rows of zeros stay zero.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32 or float64

    Returns
    -------
    unit : ndarray of shape (n_rows, n_features)
        Of the same dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.metrics._pairwise import unit_rows
    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    norms = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return rows / np.maximum(norms, rows.dtype.type(1e-12))
