"""Scores of a clustering against true classes.

A label of -1 is noise, and a noise document is never right. The callables that end in
`_scorer` fit `GridSearchCV(scoring=...)`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from deepclust.metrics._matching import best_match
from deepclust.sequences import NOISE

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "clustering_accuracy_score",
    "clustering_accuracy_scorer",
    "matched_confusion_table",
    "matched_f1_scorer",
    "matched_precision_recall_f1",
]


def clustering_accuracy_score(y_true: Any, labels: Any) -> float:
    """Return the accuracy after the best one-to-one match of clusters and classes.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        True classes.

    labels : array-like of shape (n_rows,), int
        -1 is noise, and never right.

    Returns
    -------
    accuracy : float
        In [0, 1].

    Notes
    -----
    The match that maximizes the accuracy is found by the Hungarian method [1]_.

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
    table, noise, _, _ = _contingency(y_true, labels)
    right = table[_matched(table)].sum()
    return float(right / (table.sum() + noise.sum()))


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
    table, noise, classes, _ = _contingency(y_true, labels)
    rows, columns = _matched(table)
    right = table[rows, columns]
    in_class, in_cluster = table.sum(axis=1) + noise, table.sum(axis=0)
    precision, recall, f1 = np.zeros((3, len(classes)))
    precision[rows] = right / in_cluster[columns]
    recall[rows] = right / in_class[rows]
    f1[rows] = 2 * right / (in_cluster[columns] + in_class[rows])
    return float(precision.mean()), float(recall.mean()), float(f1.mean())


def matched_confusion_table(y_true: Any, labels: Any) -> "pd.DataFrame":
    """Return the confusion table after the best one-to-one match.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        True classes.

    labels : array-like of shape (n_rows,), int
        -1 is noise.

    Returns
    -------
    table : DataFrame of shape (n_classes, n_clusters + 1)
        Matched classes and clusters come first, so that their documents are on the
        diagonal, then the others, and noise, -1, last.

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

    table, noise, classes, clusters = _contingency(y_true, labels)
    rows, columns = _matched(table)
    rows = np.append(rows, np.setdiff1d(np.arange(len(classes)), rows))
    columns = np.append(columns, np.setdiff1d(np.arange(len(clusters)), columns))
    return pd.DataFrame(
        np.column_stack((table[np.ix_(rows, columns)], noise[rows])),
        index=pd.Index(classes[rows], name="class"),
        columns=pd.Index([*clusters[columns].tolist(), NOISE], name="cluster"),
    )


def clustering_accuracy_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score an estimator by `clustering_accuracy_score` against `y`."""
    return clustering_accuracy_score(y, estimator.predict(X))


def matched_f1_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score an estimator by the macro F1 after the best one-to-one match with `y`."""
    return matched_precision_recall_f1(y, estimator.predict(X))[2]


def _contingency(y_true: Any, labels: Any) -> tuple[np.ndarray, ...]:
    """Count classes against clusters.

    Returns
    -------
    table : ndarray of shape (n_classes, n_clusters), int64

    noise : ndarray of shape (n_classes,), int64
        Documents of each class that are in no cluster.

    classes : ndarray of shape (n_classes,)

    clusters : ndarray of shape (n_clusters,)
    """
    from sklearn.metrics.cluster import contingency_matrix

    y_true, labels = column_or_1d(y_true), column_or_1d(labels)
    check_consistent_length(y_true, labels)
    if not len(labels):
        raise ValueError("labels must have at least one row. Received an empty array.")
    classes, clusters = np.unique(y_true), np.unique(labels)
    table = contingency_matrix(y_true, labels)
    kept = clusters >= 0
    return table[:, kept], table[:, ~kept].sum(axis=1), classes, clusters[kept]


def _matched(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return classes and clusters of the best one-to-one match, largest first."""
    rows, columns = best_match(table)
    shared = table[rows, columns]
    order = np.argsort(-shared, kind="stable")
    order = order[shared[order] > 0]
    return rows[order], columns[order]
