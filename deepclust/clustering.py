"""DBSCAN: exact, in bounded memory, inductive, and able to choose its own eps."""

import re
import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)
from threadpoolctl import threadpool_limits

from deepclust._density_validity import density_validity
from deepclust.cells import CellIndex
from deepclust.distinct import distinct_rows
from deepclust.eps_path import MIN_SAMPLES_TRIED, choose, settle, usual_min_samples
from deepclust.exceptions import ClusteringWarning
from deepclust.neighbors import nearest
from deepclust.partition import Points, density_clusters

__all__ = ["DBSCAN"]

_TREE_ROWS = 20_000
_MOST_SAMPLES_SCALED = 125
_GIANT = 0.9
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


class DBSCAN(ClusterMixin, BaseEstimator):
    """Density-based clustering with the labels of scikit-learn's DBSCAN.

    A point with at least `min_samples` points within `eps`, itself included, is a core
    point. Core points within `eps` of each other share a cluster. A point that is no
    core point takes the cluster of its nearest core point within `eps` (the lowest row
    among equally near ones), and is noise, -1, if there is none.

    Parameters
    ----------
    eps : float or "auto", default="auto"
        Radius of a neighbourhood, in units of `metric`. With "auto" it is chosen
        without labels from the density hierarchy.

    min_samples : int or "auto", default="auto"
        Weight of a neighbourhood that makes a core point. "auto" chooses it together
        with eps; where eps is a number, it is log2 of the number of rows, but at least
        5 and at most 25.

    metric : {"euclidean", "cosine"}, default="euclidean"
        With "cosine", rows that are all zero have no direction and are always noise.

    n_clusters : int, default=None
        With `eps="auto"`: choose the eps that gives this many clusters, or the nearest
        number to be had.

    noise : {"keep", "nearest"}, default="keep"
        What becomes of noise: -1, or the cluster of the nearest core point however far
        away. May be set after `fit`; `predict` follows it.

    memory_limit : int or str, default="1GiB"
        Bound of the working memory beyond the input, in bytes or as "512MiB", "2GB".

    n_jobs : int, default=None
        Threads. Labels do not depend on it.

    Attributes
    ----------
    eps_ : float
        The radius in use.

    min_samples_ : int
        The weight in use.

    labels_ : ndarray of shape (n_rows,), intp
        Clusters are numbered from 0 by decreasing weight (before noise is assigned),
        ties by first row; -1 is noise.

    core_sample_indices_ : ndarray of shape (n_core,), intp
        Rows that are core points.

    components_ : ndarray of shape (n_core, n_features)
        Copy of those rows.

    n_clusters_ : int
        Number of clusters.

    noise_fraction_ : float
        Share of the rows that are in no cluster before noise is assigned.

    eps_path_ : DataFrame
        Columns eps, n_clusters, coverage, validity: what other radii would give. Only
        with `eps="auto"`.

    n_features_in_ : int
        Number of features seen by `fit`.

    See Also
    --------
    deepclust.metrics.density_validity_score : What "auto" and `score` go by.

    Notes
    -----
    With a number for `eps`, core points, their partition and noise are those of
    scikit-learn's DBSCAN with a tree search, to the last tie: whatever float32 products
    leave open is computed again in float64, pair by pair. Copies of a row are clustered
    once. Labels depend neither on threads, nor on blocks, nor on the batch that
    `predict` is given.

    Points meet only the cells of others that a bound does not exclude, so that the
    time depends on how well the rows are grouped: at worst O(n² d), on embeddings of
    grouped texts about n^1.4 up to 100,000 rows. Memory beyond the input: two copies of
    it in float32 at most, and blocks; `MemoryError` is raised before the work if
    `memory_limit` is too small.

    With "auto", the exact minimum spanning tree of mutual reachability gives the
    clusters for every eps; the cut of the highest validity is taken, over eps and, if
    that is "auto" too, over min_samples 5, 12 and 25. From more than 20,000 distinct
    rows, the tree is that of the 20,000 with the smallest content hashes; min_samples
    "auto" is scaled up with the number of rows, to 125 at most, and five radii that
    leave about the same share of core points are tried on all rows.

    References
    ----------
    .. [1] M. Ester, H.-P. Kriegel, J. Sander, X. Xu, "A density-based algorithm for
       discovering clusters in large spatial databases with noise", KDD 1996.

    .. [2] R. J. G. B. Campello, D. Moulavi, J. Sander, "Density-based clustering based
       on hierarchical density estimates", PAKDD 2013.
       https://doi.org/10.1007/978-3-642-37456-2_14

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import DBSCAN
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0]])
    >>> model = DBSCAN(eps=0.15, min_samples=2).fit(X)
    >>> model.labels_
    array([ 0,  0,  0,  1,  1,  1, -1])
    >>> model.predict([[0.3], [7.0]])
    array([ 0, -1])
    >>> model.set_params(noise="nearest").predict([[0.3], [6.0]])
    array([0, 1])
    """

    _parameter_constraints: dict = {
        "eps": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "min_samples": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "metric": [StrOptions({"euclidean", "cosine"})],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "noise": [StrOptions({"keep", "nearest"})],
        "memory_limit": [Interval(Integral, 1, None, closed="left"), str],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        eps: float | str = "auto",
        *,
        min_samples: int | str = "auto",
        metric: str = "euclidean",
        n_clusters: int | None = None,
        noise: str = "keep",
        memory_limit: int | str = "1GiB",
        n_jobs: int | None = None,
    ) -> None:
        self.eps = eps
        self.min_samples = min_samples
        self.metric = metric
        self.n_clusters = n_clusters
        self.noise = noise
        self.memory_limit = memory_limit
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DBSCAN":
        """Find the clusters of the rows of `X`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features), float32 or float64

        y : None
            Ignored.

        sample_weight : array-like of shape (n_rows,), default=None
            How much each row counts towards `min_samples`.

        Returns
        -------
        self : DBSCAN

        Raises
        ------
        MemoryError
            If the work needs more than `memory_limit`; nothing has been done then.

        Warns
        -----
        ClusteringWarning
            If every row is noise or one cluster holds nearly all of them; names an eps
            to try.
        """
        self._validate_params()
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        weights = np.ones(len(X))
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        with threadpool_limits(limits=1, user_api="blas"):
            self._fit(X, weights)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Find the clusters of the rows of `X` and return `labels_`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features), float32 or float64

        y : None
            Ignored.

        sample_weight : array-like of shape (n_rows,), default=None
            How much each row counts towards `min_samples`.

        Returns
        -------
        labels : ndarray of shape (n_rows,), intp
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    def predict(self, X: Any) -> np.ndarray:
        """Assign rows to the fitted clusters.

        A row takes the cluster of its nearest core point, within `eps_` or, with
        `noise="nearest"`, at any distance. The rows of `fit` get the labels of `fit`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            May have no rows.

        Returns
        -------
        labels : ndarray of shape (n_rows,), intp
        """
        check_is_fitted(self)
        dtype = self.components_.dtype
        X = validate_data(self, X, dtype=dtype, reset=False, ensure_min_samples=0)
        labels = np.full(len(X), -1, dtype=np.intp)
        if not len(self.components_):
            return labels
        rows, valid = self._space(X)
        radius = np.inf if self.noise == "nearest" else self._radius(self.eps_)
        index, core_labels = self._core_index()
        points, _ = nearest(index, rows[valid], radius)
        labels[valid] = np.where(points >= 0, core_labels[points], -1)
        return labels

    def score(self, X: Any, y: Any = None) -> float:
        """Return the validity of the predicted clusters, or their agreement with `y`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)

        y : array-like of shape (n_rows,), default=None
            True classes; rows with -1, whose class is not known, do not count.

        Returns
        -------
        score : float
            Adjusted mutual information if `y` is given and not all -1, else the
            label-free validity.
            Always finite; higher is better.
        """
        labels = self.predict(X)
        if y is not None:
            truth = np.asarray(y)
            known = truth != -1
            if known.any():
                return float(adjusted_mutual_info_score(truth[known], labels[known]))
        rows, _ = self._space(np.asarray(X, dtype=self.components_.dtype))
        return density_validity(rows, labels)

    def _fit(self, X: np.ndarray, row_weights: np.ndarray) -> None:
        rows, valid = self._space(X)
        usable = np.flatnonzero(valid)
        if len(usable) < len(rows):
            rows = rows[usable]
        first, inverse = distinct_rows(rows)
        if len(first) < len(rows):
            rows = rows[first]
        weights = np.bincount(inverse, row_weights[usable], minlength=len(first))
        points = Points(rows, weights, self._block_entries(X), self.n_jobs)
        if self.eps == "auto":
            self._choose(points)
        else:
            self.eps_ = float(self.eps)
            total = points.weights.clip(0).sum()
            self.min_samples_ = self._given_min_samples(usual_min_samples(total))
        radius = self._radius(self.eps_)
        core, found = density_clusters(points, radius, self.min_samples_)
        labels = np.full(len(X), -1, dtype=np.intp)
        labels[usable] = found[inverse]
        is_core = np.zeros(len(X), dtype=bool)
        is_core[usable] = core[inverse]
        self._remember(X, _renumbered(labels, row_weights), is_core)
        self._diagnose(points)

    def _given_min_samples(self, otherwise: int) -> int:
        return otherwise if self.min_samples == "auto" else int(self.min_samples)

    def _choose(self, points: Points) -> None:
        """Set `min_samples_`, `eps_` and `eps_path_` by the most valid cut."""
        import pandas as pd

        sample, thinning = points.sample(_TREE_ROWS)
        given = self.min_samples
        tries = MIN_SAMPLES_TRIED if given == "auto" else (int(given),)
        chosen = choose(sample, tries, self.n_clusters)
        self.min_samples_, radius = chosen.min_samples, chosen.radius
        if thinning > 1:
            denser = min(self.min_samples_ * thinning, _MOST_SAMPLES_SCALED)
            self.min_samples_ = self._given_min_samples(int(denser))
            radius = settle(points, self.min_samples_, chosen, self.n_clusters)
        path = pd.DataFrame(chosen.path)
        self.eps_path_ = path.assign(eps=self._metric_eps(path["eps"]))
        self.eps_ = float(self._metric_eps(radius))

    def _remember(self, X: np.ndarray, labels: np.ndarray, core: np.ndarray) -> None:
        self.core_sample_indices_ = np.flatnonzero(core)
        self.components_ = X[self.core_sample_indices_]
        self._core_labels = labels[self.core_sample_indices_]
        self.n_clusters_ = int(labels.max(initial=-1)) + 1
        self.noise_fraction_ = float(np.mean(labels < 0))
        self._cache: dict = {}
        self.labels_ = labels
        if self.noise == "nearest" and self.n_clusters_:
            noise = np.flatnonzero(labels < 0)
            labels[noise] = self.predict(X[noise])

    def _diagnose(self, points: Points) -> None:
        """Warn of a result that is no clustering, with an eps that may be one."""
        share = np.bincount(self.labels_[self.labels_ >= 0]).max(initial=0)
        share = share / len(self.labels_)
        if not self.n_clusters_:
            problem = "every row is noise: no row has min_samples neighbours within eps"
        elif self.n_clusters_ == 1 and share > _GIANT:
            problem = f"one cluster holds {share:.0%} of the rows"
        else:
            return
        advice = "The rows may hold no groups"
        if self.eps != "auto":
            sample, _ = points.sample(_TREE_ROWS)
            chosen = choose(sample, (self.min_samples_,), None)
            eps = self._metric_eps(chosen.radius)
            advice = f'Try eps={eps:.4g}, or eps="auto"'
        warnings.warn(
            f"DBSCAN with eps={self.eps_:.4g} and min_samples={self.min_samples_}: "
            f"{problem}. {advice}.",
            ClusteringWarning,
            stacklevel=4,
        )

    def _space(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rows whose Euclidean distances count, and which rows take part."""
        if self.metric == "euclidean":
            return X, np.ones(len(X), dtype=bool)
        largest = np.abs(X).max(axis=1, initial=0)
        valid = largest > 0
        largest[~valid] = 1
        rows = X / largest[:, None]  # the squares of a row may not fit its type
        norms = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1))
        norms[~valid] = 1
        rows /= norms[:, None].astype(X.dtype)
        return rows, valid

    def _radius(self, eps: float) -> float:
        return float(np.sqrt(2 * eps)) if self.metric == "cosine" else eps

    def _metric_eps(self, radius: Any) -> Any:
        return radius**2 / 2 if self.metric == "cosine" else radius

    def _core_index(self) -> tuple[CellIndex, np.ndarray]:
        """Return the index of the core points and their labels, built at first use."""
        if "index" not in self._cache:
            rows, _ = self._space(self.components_)
            first, _ = distinct_rows(rows)
            radius = self._radius(self.eps_)
            index = CellIndex(rows[first], radius=radius, n_jobs=self.n_jobs)
            self._cache["index"] = (index, self._core_labels[first])
        return self._cache["index"]

    def __getstate__(self) -> dict:
        state = super().__getstate__()
        return {**state, "_cache": {}} if "_cache" in state else state

    def _block_entries(self, X: np.ndarray) -> int:
        """Return the entries of a block that keep to the memory limit."""
        limit = _bytes(self.memory_limit)
        threads = effective_n_jobs(self.n_jobs)
        copies = 2 * X.shape[0] * (X.shape[1] + 2) * X.itemsize
        tables = 40 * X.shape[0]
        left = (limit - copies - tables) / (24 * threads)
        if left < 2**14:
            needed = copies + tables + 24 * threads * 2**16
            raise MemoryError(
                f"Clustering {X.shape[0]:,} rows of {X.shape[1]} features needs about "
                f"{needed / 2**20:,.0f} MiB beyond the input, but "
                f"memory_limit={self.memory_limit!r}. Raise memory_limit, or fit on a "
                "sample and predict the rest."
            )
        return int(min(left, (2**20 + 32 * X.shape[0]) / threads))


def _renumbered(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Number clusters from 0 by decreasing weight, ties by first row."""
    kept = np.flatnonzero(labels >= 0)
    renumbered = np.full(len(labels), -1, dtype=np.intp)
    _, first, inverse = np.unique(labels[kept], return_index=True, return_inverse=True)
    sizes = np.bincount(inverse, weights[kept])
    rank = np.empty(len(sizes), dtype=np.intp)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    renumbered[kept] = rank[inverse]
    return renumbered


def _bytes(limit: int | str) -> int:
    if not isinstance(limit, str):
        return int(limit)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", limit.lower())
    if match is None:
        raise ValueError(
            'memory_limit must be a number of bytes or a text such as "512MiB" or '
            f'"2GB". Received: {limit!r}.'
        )
    return int(float(match[1]) * _UNITS[match[2] or ""])
