"""Scores of a clustering: without labels, and against true classes.

Every function takes the form of scikit-learn's metrics. In all of them a label of -1 is
noise, a noise row is never right, and the result is always finite. The callables
that end in `_scorer` fit `GridSearchCV(scoring=...)`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from deepclust.metrics._density_validity import density_validity

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "agreement_scorer",
    "clustering_accuracy_score",
    "clustering_accuracy_scorer",
    "coverage_score",
    "coverage_scorer",
    "dbcv_score",
    "density_validity_score",
    "density_validity_scorer",
    "matched_confusion_table",
    "matched_f1_scorer",
    "matched_precision_recall_f1",
]

_BLOCK_ENTRIES = 2**22


def density_validity_score(X: Any, labels: Any) -> float:
    """Score how well separated the clusters are; needs no true classes.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)

    labels : array-like of shape (n_rows,), int
        -1 is noise.

    Returns
    -------
    validity : float
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
    >>> from deepclust.metrics import density_validity_score
    >>> X = [[0.0], [0.2], [5.0], [5.2], [2.6]]
    >>> round(density_validity_score(X, [0, 0, 1, 1, -1]), 3)
    0.784
    >>> density_validity_score(X, [-1, -1, -1, -1, -1])
    0.0
    """
    X, labels = _rows_and_labels(X, labels)
    return density_validity(X, labels)


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


def clustering_accuracy_score(y_true: Any, labels: Any) -> float:
    """Return the share of the rows that are right after the best one-to-one match.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        True classes.

    labels : array-like of shape (n_rows,), int
        -1 is noise, and wrong.

    Returns
    -------
    accuracy : float
        In [0, 1].

    Notes
    -----
    The match of clusters and classes that maximises it, by the Hungarian method [1]_.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research
       Logistics Quarterly 2, 1955. https://doi.org/10.1002/nav.3800020109

    Examples
    --------
    >>> from deepclust.metrics import clustering_accuracy_score
    >>> clustering_accuracy_score(["a", "a", "b", "b"], [1, 1, 0, -1])
    0.75
    """
    table, _, _ = _contingency(y_true, labels)
    rows, columns = _match(table)
    return float(table[rows, columns].sum() / len(column_or_1d(labels)))


def matched_precision_recall_f1(y_true: Any, labels: Any) -> tuple[float, float, float]:
    """Return macro precision, recall and F1 after the best one-to-one match.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        True classes.

    labels : array-like of shape (n_rows,), int
        -1 is noise.

    Returns
    -------
    precision, recall, f1 : float
        Means over the classes. A class without a cluster counts 0 in all three.

    Examples
    --------
    >>> from deepclust.metrics import matched_precision_recall_f1
    >>> matched_precision_recall_f1(["a", "a", "b", "b"], [1, 1, 0, -1])
    (1.0, 0.75, 0.8333333333333333)
    """
    table, classes, _ = _contingency(y_true, labels)
    rows, columns = _match(table)
    right = table[rows, columns].astype(np.float64)
    in_class = np.unique(column_or_1d(y_true), return_counts=True)[1]
    in_cluster = table.sum(axis=0)
    precision, recall, f1 = np.zeros((3, len(classes)))
    precision[rows] = right / in_cluster[columns]
    recall[rows] = right / in_class[rows]
    f1[rows] = 2 * right / (in_cluster[columns] + in_class[rows])
    return float(precision.mean()), float(recall.mean()), float(f1.mean())


def matched_confusion_table(y_true: Any, labels: Any) -> "pd.DataFrame":
    """Count classes against clusters, each class beside the cluster it is matched to.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        True classes.

    labels : array-like of shape (n_rows,), int
        -1 is noise.

    Returns
    -------
    table : DataFrame of shape (n_classes, n_clusters + 1)
        Row per class, column per cluster: the matched ones first, so that right rows
        are on the diagonal, then the others, and noise, -1, last.

    Examples
    --------
    >>> from deepclust.metrics import matched_confusion_table
    >>> matched_confusion_table(["a", "a", "b", "b"], [1, 1, 0, -1])
    cluster  1  0  -1
    class
    a        2  0   0
    b        0  1   1
    """
    import pandas as pd

    table, classes, clusters = _contingency(y_true, labels)
    rows, columns = _match(table)
    row_order = np.append(rows, np.setdiff1d(np.arange(len(classes)), rows))
    column_order = np.append(columns, np.setdiff1d(np.arange(len(clusters)), columns))
    counts = table[np.ix_(row_order, column_order)]
    in_class = np.unique(column_or_1d(y_true), return_counts=True)[1][row_order]
    noise = in_class - counts.sum(axis=1)
    return pd.DataFrame(
        np.column_stack((counts, noise)),
        index=pd.Index(classes[row_order], name="class"),
        columns=pd.Index([*clusters[column_order].tolist(), -1], name="cluster"),
    )


def _rows_and_labels(X: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    X = check_array(X, dtype=[np.float64, np.float32])
    labels = column_or_1d(labels)
    check_consistent_length(X, labels)
    return X, labels


def _contingency(y_true: Any, labels: Any) -> tuple[np.ndarray, ...]:
    """Return counts of shape (n_classes, n_clusters), the classes, the clusters."""
    y_true, labels = column_or_1d(y_true), column_or_1d(labels)
    check_consistent_length(y_true, labels)
    if not len(labels):
        raise ValueError("labels must have at least one row. Received an empty array.")
    classes, row = np.unique(y_true, return_inverse=True)
    kept = labels >= 0
    clusters, column = np.unique(labels[kept], return_inverse=True)
    cells = row[kept] * len(clusters) + column
    counts = np.bincount(cells, minlength=len(classes) * len(clusters))
    return counts.reshape(len(classes), len(clusters)), classes, clusters


def _match(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return classes and clusters of the best one-to-one match, largest first."""
    rows, columns = linear_sum_assignment(table, maximize=True)
    met = table[rows, columns] > 0
    rows, columns = rows[met], columns[met]
    order = np.argsort(-table[rows, columns], kind="stable")
    return rows[order], columns[order]


# Density-based cluster validation ---------------------------------------------------


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
    Many edges of mutual reachability are equally long, and the published index depends
    on the spanning tree; here Prim's algorithm takes the lowest row among equal ones,
    which gives the values of hdbscan's `validity_index`. Clusters of one row count 0.
    Where the spanning tree of a cluster has no internal
    edge, all its edges and nodes count, as in the authors' code. Equal rows have core
    distance 0. O(n² d) time, O(n) memory and a few blocks. On text embeddings it ranks
    results less well than `density_validity_score`, which takes O(n k d).

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
    X, labels = _rows_and_labels(X, labels)
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
    for i in range(len(clusters)):
        for j in range(i + 1, len(clusters)):
            gap = _density_separation(*inner[i], *inner[j])
            separation[i], separation[j] = (
                min(separation[i], gap),
                min(separation[j], gap),
            )
    larger = np.maximum(separation, sparseness)
    validity = (separation - sparseness) / np.where(larger > 0, larger, 1)
    return float((validity * sizes).sum() / len(labels))


def _distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return distances as (len(A), len(B)), shifted near the origin first."""
    middle = B.mean(axis=0)
    A, B = A - middle, B - middle
    squared = np.square(A).sum(axis=1)[:, None] + np.square(B).sum(axis=1)
    return np.sqrt(np.maximum(squared - 2 * A @ B.T, 0))


def _row_blocks(n_rows: int, width: int) -> range:
    return range(0, n_rows, max(1, _BLOCK_ENTRIES // max(width, 1)))


def _all_points_core_distances(rows: np.ndarray) -> np.ndarray:
    """Return (mean over the other rows of distance^-d)^(-1/d), by logarithms."""
    n_rows, n_features = rows.shape
    core = np.empty(n_rows)
    blocks = _row_blocks(n_rows, n_rows)
    for start in blocks:
        part = slice(start, start + blocks.step)
        with np.errstate(divide="ignore"):
            power = -n_features * np.log(_distances(rows[part], rows))
        own = np.arange(start, start + len(power))
        power[own - start, own] = -np.inf
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
    n_rows = len(rows)
    best = np.full(n_rows, np.inf)
    source = np.zeros(n_rows, dtype=np.intp)
    outside = np.ones(n_rows, dtype=bool)
    edges = np.empty((n_rows - 1, 2), dtype=np.intp)
    lengths = np.empty(n_rows - 1)
    new = 0
    for step in range(n_rows - 1):
        outside[new] = False
        reach = np.sqrt(np.square(rows - rows[new]).sum(axis=1))
        reach = np.maximum(reach, np.maximum(core, core[new]))
        nearer = outside & ((reach < best) | ((reach == best) & (new < source)))
        best[nearer], source[nearer] = reach[nearer], new
        new = int(np.where(outside, best, np.inf).argmin())
        edges[step], lengths[step] = (source[new], new), best[new]
    internal = np.bincount(edges.ravel(), minlength=n_rows) > 1
    inner_edges = internal[edges].all(axis=1)
    if not internal.any():
        internal[:] = True
    return float(lengths[inner_edges if inner_edges.any() else ...].max()), internal


def _density_separation(
    rows: np.ndarray, core: np.ndarray, others: np.ndarray, other_core: np.ndarray
) -> float:
    blocks = _row_blocks(len(rows), len(others))
    gap = np.inf
    for start in blocks:
        part = slice(start, start + blocks.step)
        reach = np.maximum(_distances(rows[part], others), core[part, None])
        gap = min(gap, float(np.maximum(reach, other_core).min()))
    return gap


# Scorers ----------------------------------------------------------------------------


def density_validity_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Score an estimator by `density_validity_score`; `y` is ignored.

    For a Pipeline, distances are those of what its last step receives.

    Parameters
    ----------
    estimator : fitted clusterer, or Pipeline that ends in one

    X : array-like, or iterable of str
        What `estimator.predict` takes.

    y : ignored

    Returns
    -------
    validity : float
    """
    if hasattr(estimator, "steps"):
        X = estimator[:-1].transform(X) if len(estimator.steps) > 1 else X
        estimator = estimator[-1]
    return density_validity_score(X, estimator.predict(X))


def coverage_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Score an estimator by the share of `X` that it puts in a cluster."""
    return coverage_score(estimator.predict(X))


def clustering_accuracy_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score an estimator by `clustering_accuracy_score` against `y`."""
    return clustering_accuracy_score(y, estimator.predict(X))


def matched_f1_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score an estimator by the macro F1 after the best one-to-one match with `y`."""
    return matched_precision_recall_f1(y, estimator.predict(X))[2]


def agreement_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score an estimator by its adjusted mutual information with `y`."""
    return float(adjusted_mutual_info_score(y, estimator.predict(X)))
