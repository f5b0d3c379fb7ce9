"""Split the clusters in which labeled rows show several classes."""

from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length

from deepclust.clustering._editing import clusterer_of, split_core
from deepclust.clustering._layers import with_parts
from deepclust.metrics._known_labels import encode_labels

__all__ = ["split_by_labels"]

MAX_P_VALUE = 0.05  # of class means that tell rows no better than one class for all
MIN_LABELED = 2  # rows of a class in a cluster: one is left where the other is judged


def split_by_labels(model: Any, X: Any, y: Any) -> list[int]:
    """Split the clusters in which labeled rows show several classes.

    A cluster may join what a user tells apart. It is split where the labeled rows
    within are nearer to the mean of their own class than to those of others.

    Parameters
    ----------
    model : fitted Pipeline that ends in DBSCAN, search over one, or DBSCAN
        Changed in place, at the layer of its labels.

    X : array-like or sequence of str, length n_docs
        What `model` predicts: texts or embeddings, of `fit` or new ones.

    y : array-like of shape (n_docs,)
        The class of each. Rows without one, see `RNNLSTMEncoder.fit`, are passed over:
        the model does not transform them.

    Returns
    -------
    parts : list of int
        The numbers of all parts; clusters are renumbered by decreasing size.

    Raises
    ------
    TypeError
        If the model has no DBSCAN.
    ValueError
        If `X` and `y` differ in length, `y` holds texts and numbers, or rows are sparse
        or distances.

    Notes
    -----
    Each labeled row is held against the means of the others (leave-one-out). Of the
    rows that the nearest mean has right and the most frequent class has not, or the
    reverse, the former must be more than by chance: a sign test [1]_, p ≤ .05. Classes
    with one labeled row in a cluster do not count. Core points take the nearest mean,
    every other row the part of its nearest core point; other layers stay nested.
    Time that of `predict`, and of an edit for each cluster that is split.

    References
    ----------
    .. [1] Dixon, Mood, "The statistical sign test", Journal of the American Statistical
       Association 41(236), 1946, doi:10.1080/01621459.1946.10501898.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import DBSCAN
    >>> from deepclust.clustering import split_by_labels
    >>> X = np.append(np.linspace(0.0, 9.0, 60), [20.0, 20.1, 20.2])[:, None]
    >>> model = DBSCAN(eps=0.5, min_samples=3).fit(X)
    >>> split_by_labels(model, X[:60:3], ["left"] * 9 + ["right"] * 11)
    [0, 1]
    >>> model.predict([[8.0], [1.0], [20.0]])
    array([0, 1, 2])
    """
    clusterer = clusterer_of(model)
    clusterer._space.need_dense_rows("split_by_labels")
    model = getattr(model, "best_estimator_", model)
    check_consistent_length(X, y)
    known, _ = encode_labels(y, len(y))
    if known is None:
        return []
    labeled = np.flatnonzero(known >= 0)
    X, classes = _safe_indexing(X, labeled), known[labeled]
    rows = model[:-1].transform(X) if isinstance(model, Pipeline) else X
    labels = clusterer.assign(rows)["layers"][:, clusterer.layer_]
    rows = clusterer._space.features(np.asarray(rows))
    points = clusterer._space.features(clusterer.components_)
    found = []
    for cluster in np.unique(labels[labels >= 0]):
        inside = labels == cluster
        means = _class_means(rows[inside], classes[inside])
        if means is not None:
            members = np.flatnonzero(clusterer._core_labels == cluster)
            found.append((members, _parts_by_means(points[members], means)))
    for members, parts in found:  # the numbers of all clusters change with each split
        split_core(clusterer, int(clusterer._core_labels[members[0]]), parts)
    numbers = [clusterer._core_labels[members] for members, _ in found]
    return np.unique(np.concatenate(numbers)).tolist() if numbers else []


def _parts_by_means(rows: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return the nearest mean of each row, 0, 1, ... without those that none has."""
    nearest = with_parts(
        rows,
        np.zeros(len(rows), dtype=np.intp),
        means,
        np.zeros(len(means), dtype=np.intp),
    )
    return np.unique(nearest, return_inverse=True)[1]


def _class_means(rows: np.ndarray, classes: np.ndarray) -> np.ndarray | None:
    """Return the means of the classes of one cluster; None if they are not apart."""
    from sklearn.metrics import euclidean_distances

    enough = np.flatnonzero(np.bincount(classes) >= MIN_LABELED)
    counted = np.isin(classes, enough)
    rows, classes = rows[counted], np.searchsorted(enough, classes[counted])
    if len(enough) < 2:
        return None
    one_hot = np.eye(len(enough))[classes]
    sizes, sums = one_hot.sum(axis=0), one_hot.T @ rows.astype(np.float64)
    means = sums / sizes[:, None]
    distances = euclidean_distances(rows, means)
    others = (sums[classes] - rows) / (sizes[classes] - 1)[:, None]
    distances[np.arange(len(rows)), classes] = np.linalg.norm(rows - others, axis=1)
    by_mean = distances.argmin(axis=1) == classes
    by_size = classes == sizes.argmax()
    n_better, n_worse = int(np.sum(by_mean & ~by_size)), int(np.sum(by_size & ~by_mean))
    if not n_better:
        return None
    test = binomtest(n_better, n_better + n_worse, alternative="greater")
    return means if test.pvalue <= MAX_P_VALUE else None
