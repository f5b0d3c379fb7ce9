"""The best one-to-one match of two partitions, by the Hungarian method."""

import numpy as np
from scipy.optimize import linear_sum_assignment

__all__ = ["best_match", "relabel"]


def best_match(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the one-to-one match with the greatest sum.

    Parameters
    ----------
    table : ndarray of shape (n_classes, n_clusters)
        Documents in each class and cluster.

    Returns
    -------
    rows, columns : ndarray of shape (min(n_classes, n_clusters),), intp
        Rows ascend.

    Notes
    -----
    O(n³) time for n classes and clusters.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research
       Logistics Quarterly 2, 1955, doi:10.1002/nav.3800020109.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.metrics._matching import best_match
    >>> best_match(np.array([[1, 5], [4, 4]]))
    (array([0, 1]), array([1, 0]))
    """
    return linear_sum_assignment(table, maximize=True)


def relabel(labels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return the partition `labels` in the numbers of the partition `like`.

    Parameters
    ----------
    labels : ndarray of shape (n_docs,), int
        Component of each document, from 0.

    like : ndarray of shape (n_docs,), int
        Another partition of the same documents, from 0.

    Returns
    -------
    relabeled : ndarray of shape (n_docs,), intp
        The same partition; components without a counterpart get new numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.metrics._matching import relabel
    >>> relabel(np.array([0, 0, 1, 2]), np.array([1, 1, 0, 0]))
    array([1, 1, 0, 2])
    """
    n_components = int(labels.max()) + 1
    table = np.zeros((n_components, max(n_components, int(like.max()) + 1)))
    np.add.at(table, (labels, like), 1)
    return best_match(table)[1][labels]
