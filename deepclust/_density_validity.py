"""How well separated labelled rows are: one number, without true labels."""

import numpy as np

__all__ = ["density_validity"]

_BLOCK_ENTRIES = 2**22


def density_validity(X: np.ndarray, labels: np.ndarray) -> float:
    """Mean simplified silhouette of the rows, where a noise row counts 0.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)

    labels : ndarray of shape (n_rows,), int
        -1 is noise.

    Returns
    -------
    validity : float
        In [-1, 1]; 0 when there are fewer than two clusters. Always finite.

    Notes
    -----
    With a the distance of a row to the mean of its cluster and b the distance to the
    nearest other mean, a row scores (b - a) / max(a, b). O(n k d) time, and blocks of
    bounded size.
    """
    clusters, place = np.unique(labels[labels >= 0], return_inverse=True)
    if len(clusters) < 2:
        return 0.0
    rows = np.flatnonzero(labels >= 0)
    order = np.argsort(place, kind="stable")
    sizes = np.bincount(place)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    means = np.add.reduceat(X[rows[order]], starts, axis=0, dtype=np.float64)
    means /= sizes[:, None]
    norms = np.square(means).sum(axis=1)
    step = max(1, _BLOCK_ENTRIES // len(means))
    total = 0.0
    for start in range(0, len(rows), step):
        part = X[rows[start : start + step]].astype(np.float64)
        own = place[start : start + step]
        squared = np.square(part).sum(axis=1)[:, None] + norms - 2 * part @ means.T
        squared = np.maximum(squared, 0)
        every = np.arange(len(part))
        a = np.sqrt(squared[every, own])
        squared[every, own] = np.inf
        b = np.sqrt(squared.min(axis=1))
        larger = np.maximum(a, b)
        total += float(((b - a) / np.where(larger > 0, larger, 1)).sum())
    return total / len(labels)
