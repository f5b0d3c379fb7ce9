"""Scores of a clustering without true classes.

A label of -1 is noise, and every score is finite for any labels. The callables that end
in `_scorer` fit `GridSearchCV(scoring=...)`.
"""

from itertools import combinations
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from deepclust.metrics._noise_aware_silhouette import noise_aware_silhouette
from deepclust.metrics._pairwise import row_blocks, spanning_tree

__all__ = [
    "coverage_score",
    "coverage_scorer",
    "dbcv_score",
    "noise_aware_silhouette_score",
    "noise_aware_silhouette_scorer",
]


def noise_aware_silhouette_score(X: Any, labels: Any) -> float:
    """Return the mean simplified silhouette, in which noise counts a quarter.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)

    labels : array-like of shape (n_rows,), int
        -1 is noise.

    Returns
    -------
    silhouette : float
        In [-1, 1], higher is better; 0 when there are fewer than two clusters.

    See Also
    --------
    dbcv_score : The density-based index of Moulavi et al.

    Notes
    -----
    The simplified silhouette (distances to cluster means) averaged over all rows, where
    a noise row counts a quarter of what it would score in the cluster of the nearest
    mean. O(n k d) time for k clusters, and blocks of bounded size.

    References
    ----------
    .. [1] E. R. Hruschka, L. N. de Castro, R. J. G. B. Campello, "Evolutionary
       algorithms for clustering gene-expression data", ICDM 2004.
       https://doi.org/10.1109/ICDM.2004.10073

    Examples
    --------
    >>> from deepclust.metrics import noise_aware_silhouette_score
    >>> X = [[0.0], [0.2], [5.0], [5.2], [2.6]]
    >>> round(noise_aware_silhouette_score(X, [0, 0, 1, 1, -1]), 3)
    0.784
    >>> noise_aware_silhouette_score(X, [-1, -1, -1, -1, -1])
    0.0
    """
    return noise_aware_silhouette(*_checked(X, labels))


def coverage_score(labels: Any) -> float:
    """Return the share of the rows that are in a cluster.

    Parameters
    ----------
    labels : array-like of shape (n_rows,), int
        -1 is noise.

    Returns
    -------
    coverage : float
        In [0, 1]; 0 for no rows.

    Examples
    --------
    >>> from deepclust.metrics import coverage_score
    >>> coverage_score([0, 0, 1, -1])
    0.75
    """
    labels = column_or_1d(labels)
    return float(np.mean(labels >= 0)) if len(labels) else 0.0


def noise_aware_silhouette_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Score an estimator by `noise_aware_silhouette_score`; `y` is ignored.

    For a Pipeline, distances are those of what its last step receives.

    Parameters
    ----------
    estimator : fitted clusterer, or Pipeline that ends in one

    X : array-like, or iterable of str
        What `estimator.predict` takes.

    y : ignored

    Returns
    -------
    silhouette : float
    """
    if hasattr(estimator, "steps"):
        X = estimator[:-1].transform(X) if len(estimator.steps) > 1 else X
        estimator = estimator[-1]
    return noise_aware_silhouette_score(X, estimator.predict(X))


def coverage_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Score an estimator by the share of `X` that it puts in a cluster."""
    return coverage_score(estimator.predict(X))


def dbcv_score(X: Any, labels: Any) -> float:
    """Density-based cluster validation of Moulavi et al., Euclidean.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)

    labels : array-like of shape (n_rows,), int
        -1 is noise and counts as rows of validity 0.

    Returns
    -------
    validity : float
        In [-1, 1], higher is better; 0 when there are fewer than two clusters.

    Notes
    -----
    Many edges of mutual reachability are equally long, and the index depends on the
    spanning tree. Prim's algorithm takes the lowest row among equal ones here, which
    gives the values of hdbscan's `validity_index`. Clusters of one row count 0. Where
    the spanning tree of a cluster has no internal edge, all its edges and nodes count,
    as in the authors' code. Equal rows have core distance 0. O(n² d) time, O(n) memory
    and a few blocks. On text embeddings it ranks results less well than
    `noise_aware_silhouette_score`, which takes O(n k d).

    References
    ----------
    .. [1] D. Moulavi, P. A. Jaskowiak, R. J. G. B. Campello, A. Zimek, J. Sander,
       "Density-Based Clustering Validation", SDM 2014.
       https://doi.org/10.1137/1.9781611973440.96

    Examples
    --------
    >>> from deepclust.metrics import dbcv_score
    >>> X = [[0.0], [1.0], [2.0], [3.0], [20.0], [21.0], [22.0], [23.0]]
    >>> round(dbcv_score(X, [0, 0, 0, 0, 1, 1, 1, 1]), 3)
    0.937
    """
    X, labels = _checked(X, labels)
    X = X.astype(np.float64, copy=False)
    clusters, sizes = np.unique(labels[labels >= 0], return_counts=True)
    clusters, sizes = clusters[sizes > 1], sizes[sizes > 1]
    if len(clusters) < 2:
        return 0.0
    sparseness = np.empty(len(clusters))
    inner: list[tuple[np.ndarray, np.ndarray]] = []
    for place, cluster in enumerate(clusters):
        rows = X[labels == cluster]
        core = _all_points_core_distances(rows)
        sparseness[place], internal = _density_sparseness(rows, core)
        inner.append((rows[internal], core[internal]))
    separation = np.full(len(clusters), np.inf)
    for i, j in combinations(range(len(clusters)), 2):
        gap = _density_separation(*inner[i], *inner[j])
        separation[[i, j]] = np.minimum(separation[[i, j]], gap)
    larger = np.maximum(separation, sparseness)
    validity = (separation - sparseness) / np.where(larger > 0, larger, 1)
    return float((validity * sizes).sum() / len(labels))


def _checked(X: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    X = check_array(X, dtype=[np.float64, np.float32])
    labels = column_or_1d(labels)
    check_consistent_length(X, labels)
    return X, labels


def _all_points_core_distances(rows: np.ndarray) -> np.ndarray:
    """Return (mean of the other rows' distance^-d)^(-1/d), computed in logarithms."""
    n_rows, n_features = rows.shape
    core = np.empty(n_rows)
    for part in row_blocks(n_rows, n_rows):
        with np.errstate(divide="ignore"):
            power = -n_features * np.log(cdist(rows[part], rows))
        own = np.arange(len(power))
        power[own, part.start + own] = -np.inf
        highest = power.max(axis=1)
        same = np.isinf(highest)
        sums = np.exp(power[~same] - highest[~same, None]).sum(axis=1)
        log_mean = highest[~same] + np.log(sums / (n_rows - 1))
        block = core[part]
        block[same] = 0
        block[~same] = np.exp(-log_mean / n_features)
    return core


def _density_sparseness(rows: np.ndarray, core: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the largest internal edge of the spanning tree, and its internal nodes."""
    edges, lengths = spanning_tree(lambda row: cdist(rows[[row]], rows)[0], core)
    internal = np.bincount(edges.ravel(), minlength=len(rows)) > 1
    inner_edges = internal[edges].all(axis=1)
    if not internal.any():
        internal[:] = True
    return float(lengths[inner_edges if inner_edges.any() else ...].max()), internal


def _density_separation(
    rows: np.ndarray, core: np.ndarray, others: np.ndarray, other_core: np.ndarray
) -> float:
    gap = np.inf
    for part in row_blocks(len(rows), len(others)):
        reach = np.maximum(cdist(rows[part], others), core[part, None])
        gap = min(gap, float(np.maximum(reach, other_core).min()))
    return gap
