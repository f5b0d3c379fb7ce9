"""Blocks of rows, products, distances, spanning tree, unit rows: for all rooms."""

from collections.abc import Callable, Iterator

import numpy as np

__all__ = [
    "in_square_range",
    "products",
    "row_blocks",
    "spanning_tree",
    "squared_distances",
    "unit_rows",
]

BLOCK_ENTRIES = 2**18  # of a matrix that is computed in blocks


def row_blocks(
    n_rows: int, width: int, entries: int = BLOCK_ENTRIES
) -> Iterator[slice]:
    """Yield slices of rows that hold about `entries` entries, and at least one row.

    Parameters
    ----------
    n_rows, width : int
        Shape of the matrix.

    entries : int, default=262_144

    Yields
    ------
    rows : slice

    Examples
    --------
    >>> from deepclust.metrics._pairwise import row_blocks
    >>> list(row_blocks(5, 10, 30))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    step = max(1, entries // max(width, 1))
    return (slice(i, min(i + step, n_rows)) for i in range(0, n_rows, step))


def squared_distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return |A[i] - B[i]|² in float64, for pairs of rows.

    It decides every tie: it is symmetric, zero for equal rows, and the bits of a pair
    do not depend on its batch.

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


def products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return left @ right.T of finite rows.

    BLAS may raise the flag of an invalid value by what lies in its scratch memory,
    finite as the rows are (numpy issue 24067); numpy would warn of it.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.metrics._pairwise import products
    >>> products(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
    array([[11.]])
    """
    with np.errstate(invalid="ignore"):
        return left @ right.T


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


def spanning_tree(
    distances_from: Callable[[int], np.ndarray], core: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the minimum spanning tree of mutual reachability, by Prim's algorithm.

    Parameters
    ----------
    distances_from : callable
        Takes a row number; returns its distances to all rows, ndarray of shape
        (n_rows,).

    core : ndarray of shape (n_rows,), float64
        Core distances; may be inf.

    Returns
    -------
    edges : ndarray of shape (n_rows - 1, 2), intp

    heights : ndarray of shape (n_rows - 1,), float64
        max(distance, both core distances) of each edge.

    Notes
    -----
    Among equal heights, the edge from the lowest row is taken. O(n) memory, and n calls
    of `distances_from`.

    References
    ----------
    .. [1] R. C. Prim, "Shortest connection networks and some generalizations", Bell
       System Technical Journal 36 (6), 1957.
       https://doi.org/10.1002/j.1538-7305.1957.tb01515.x

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.metrics._pairwise import spanning_tree
    >>> X = np.array([0.0, 1.0, 5.0])
    >>> spanning_tree(lambda row: np.abs(X - X[row]), np.array([1.0, 1.0, 4.0]))
    (array([[0, 1],
           [1, 2]]), array([1., 4.]))
    """
    n_rows = len(core)
    edges = np.zeros((n_rows - 1, 2), dtype=np.intp)
    heights = np.empty(n_rows - 1)
    best = np.full(n_rows, np.inf)
    source = np.zeros(n_rows, dtype=np.intp)
    outside = np.ones(n_rows, dtype=bool)
    newest = 0
    for step in range(n_rows - 1):
        outside[newest] = False
        reach = np.maximum(np.maximum(distances_from(newest), core[newest]), core)
        nearer = outside & ((reach < best) | ((reach == best) & (newest < source)))
        best[nearer], source[nearer] = reach[nearer], newest
        newest = int(np.where(outside, best, np.inf).argmin())
        if not outside[newest]:  # the other rows have infinite core distances
            newest = int(outside.argmax())
        edges[step], heights[step] = (source[newest], newest), best[newest]
    return edges, heights


def in_square_range(X: np.ndarray) -> tuple[np.ndarray, int]:
    """Return rows of which squares fit their type: X / 2**exponent, and the exponent.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.metrics._pairwise import in_square_range
    >>> in_square_range(np.array([[2.0]]))
    (array([[2.]]), 0)
    >>> in_square_range(np.array([[2.0**90]], dtype=np.float32))
    (array([[0.5]], dtype=float32), 91)
    """
    largest = max(float(X.max(initial=0)), -float(X.min(initial=0)))
    exponent = int(np.frexp(largest)[1])
    if abs(exponent) <= (30 if X.dtype == np.float32 else 400):
        return X, 0
    return np.ldexp(X, -exponent), exponent
