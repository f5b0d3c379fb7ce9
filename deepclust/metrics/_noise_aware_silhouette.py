"""The simplified silhouette in which noise counts: one number, without true labels."""

import numpy as np
from scipy.sparse import csc_array

from deepclust.metrics._pairwise import in_square_range, row_blocks

__all__ = ["noise_aware_silhouette"]

_ROWS_AT_A_TIME = 4096
_NOISE_WEIGHT = 0.25


def noise_aware_silhouette(
    X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Return the mean simplified silhouette; a noise row counts a quarter.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Finite rows.

    labels : ndarray of shape (n_rows,), int
        -1 is noise.

    weights : ndarray of shape (n_rows,), default=None
        How many rows each row stands for. Ones when None.

    Returns
    -------
    silhouette : float
        In [-1, 1]; 0 when there are fewer than two clusters. Always finite.

    Notes
    -----
    With a the distance of a row to the mean of its cluster and b the distance to the
    nearest other mean, a row scores (b - a) / max(a, b). A noise row scores a quarter
    of what it would score in the cluster of the nearest mean: at 0, broad clusters
    without noise would win; at 1, a few small dense clusters would.

    O(n k d) time for k clusters, and blocks of bounded size.
    """
    weights = np.ones(len(X)) if weights is None else weights
    clusters, place = np.unique(labels, return_inverse=True)
    noise = labels < 0
    if noise.any():
        clusters, place = clusters[1:], place - 1
    if len(clusters) < 2 or weights.sum() <= 0:
        return 0.0
    X, _ = in_square_range(X)
    means = _means(X, place, weights, len(clusters))
    halves = np.square(means).sum(axis=1) / 2
    means = means.astype(X.dtype)
    total = 0.0
    for part in row_blocks(len(X), len(means)):
        rows, own = X[part], place[part]
        norms = np.square(rows, dtype=np.float64).sum(axis=1)
        score = _silhouette(rows @ means.T - halves, norms, own)
        score *= np.where(own < 0, _NOISE_WEIGHT, 1) * weights[part]
        total += float(score.sum())
    return total / float(weights.sum())


def _means(X: np.ndarray, place: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    weights = np.where(place < 0, 0.0, weights)
    place = np.maximum(place, 0)
    sums = np.zeros((k, X.shape[1]))
    for part in row_blocks(len(X), 1, _ROWS_AT_A_TIME):
        rows = X[part].astype(np.float64)
        ends = np.arange(len(rows) + 1)
        sums += csc_array((weights[part], place[part], ends), (k, len(rows))) @ rows
    sizes = np.bincount(place, weights, k)
    return sums / np.where(sizes > 0, sizes, 1)[:, None]


def _silhouette(
    closeness: np.ndarray, norms: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Score rows from closeness = x·m - |m|²/2, of shape (n_rows, k); overwrites it."""
    rows = np.arange(len(own))
    own = np.where(own < 0, closeness.argmax(axis=1), own)
    near = closeness[rows, own].astype(np.float64)
    closeness[rows, own] = -np.inf
    other = closeness.max(axis=1).astype(np.float64)
    a = np.sqrt(np.maximum(norms - 2 * near, 0))
    b = np.sqrt(np.maximum(norms - 2 * other, 0))
    larger = np.maximum(a, b)
    return (b - a) / np.where(larger > 0, larger, 1)
