"""DBSCAN: exact, in bounded memory, inductive, and able to choose its own eps."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)
from threadpoolctl import threadpool_limits

from deepclust.clustering._components import CollapsedRows, Points, renumbered
from deepclust.clustering._diagnosis import problem_with, suggested_radius
from deepclust.clustering._eps_selection import (
    MIN_SAMPLES_TRIED,
    Choice,
    choose,
    choose_again,
    most_tree_rows,
    usual_min_samples,
)
from deepclust.clustering._incremental import GrowingClusters
from deepclust.clustering._memory_limit import affordable_block
from deepclust.clustering._metric_space import METRICS, MetricSpace
from deepclust.clustering._unique_rows import content_hashes
from deepclust.exceptions import ClusteringWarning
from deepclust.metrics._noise_aware_silhouette import noise_aware_silhouette

__all__ = ["DBSCAN"]

OF_THE_TREE = ("reachability_", "reachability_rows_")
OF_EDITING = ("cluster_names_", "edits_")
_PREDICT_BLOCK = 2**22

_KEPT_BY_A_CUT = (*OF_THE_TREE, "eps_path_", "n_features_in_", "feature_names_in_")


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

    metric : str or callable, default="euclidean"
        "euclidean", "cosine", or any other metric of scikit-learn's
        `NearestNeighbors`, which then does the search.
        With "cosine", rows that are all zero have no direction and are always noise.

    metric_params : dict, default=None
        Further arguments of a metric that is neither "euclidean" nor "cosine".

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
        Those rows, copied at every access.

    n_clusters_ : int
        Number of clusters.

    noise_fraction_ : float
        Share of the rows that are in no cluster before noise is assigned.

    eps_path_ : DataFrame
        Columns eps, n_clusters, coverage, silhouette: what other radii would give. Only
        with `eps="auto"`.

    reachability_ : ReachabilityTree
        The minimum spanning tree of mutual reachability, from which `cut` takes the
        clusters for every other eps. With "cosine" its distances are Euclidean: d is
        d²/2 in units of the metric. Only with `eps="auto"`, until `partial_fit`.

    reachability_rows_ : ndarray of shape (n_points,), intp
        The row that each point of the tree is, the first of its copies.

    cluster_names_ : dict of int to str
        Names given by `deepclust.clustering.rename`; only then.

    edits_ : list of str
        What `merge`, `split` and `rename` changed since `fit`; only then. `cut` goes
        back to the clusters as computed.

    n_features_in_ : int
        Number of features seen by `fit`.

    See Also
    --------
    deepclust.clustering._editing : Merge, split and rename clusters.
    deepclust.metrics.noise_aware_silhouette_score : What "auto" and `score` go by.

    Notes
    -----
    With a number for `eps`, core points, their partition and noise are those of
    scikit-learn's DBSCAN with a tree search, to the last tie: whatever float32 products
    leave open is computed again in float64, pair by pair. Copies of a row are clustered
    once. Labels depend neither on threads, nor on blocks, nor on the batch that
    `predict` is given.

    The model refers to the rows of `fit`, and `cut` and `partial_fit` go back to them;
    if they have been changed in place since, it says so instead of predicting from
    them. Copying the model or saving it takes them along.

    Points meet only the cells of others that a bound does not exclude, so that the
    time depends on how well the rows are grouped: at worst O(n² d), on embeddings of
    grouped texts about n^1.3 up to 100,000 rows. Memory beyond the input: two copies of
    it in float32 at most, blocks, and with "auto" 3 kB a point of the tree;
    `MemoryError` is raised before the work if `memory_limit` is too small.

    With "auto", the exact minimum spanning tree of mutual reachability gives the
    clusters for every eps; the cut of the greatest silhouette is taken, over eps and, if
    that is "auto" too, over min_samples 5, 12 and 25. From more than 20,000 distinct
    rows, the tree is that of the 20,000 with the smallest content hashes; min_samples
    "auto" is scaled up with the number of rows, to 125 at most, and five radii that
    leave about the same share of core points are tried on all rows. With a metric other
    than Euclidean and cosine, the tree takes O(n²) time and is that of 5,000 rows at
    most, cuts are judged by the same Euclidean silhouette, as by `score`, and `cut`
    clusters anew.

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
        "metric": [StrOptions(set(METRICS)), callable],
        "metric_params": [dict, None],
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
        metric: str | Callable = "euclidean",
        metric_params: dict | None = None,
        n_clusters: int | None = None,
        noise: str = "keep",
        memory_limit: int | str = "1GiB",
        n_jobs: int | None = None,
    ) -> None:
        self.eps = eps
        self.min_samples = min_samples
        self.metric = metric
        self.metric_params = metric_params
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
            If no row is a core point, so that all are noise, or one cluster holds
            nearly all rows; names an eps to try.
        """
        self._validate_params()
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        weights = _weights(sample_weight, X)
        self._forget(*OF_THE_TREE, *OF_EDITING, "eps_path_")
        tree_rows = most_tree_rows(self._space) if self.eps == "auto" else 0
        tree_rows = min(len(X), tree_rows)
        rows = self._collapse(X, weights, tree_rows)
        with threadpool_limits(limits=1, user_api="blas"):
            if self.eps == "auto":
                self._choose(rows)
            else:
                self._take_given(rows.points.weights)
            radius = self._space.radius(self.eps_)
            core, labels = self._space.clusters(rows.points, radius, self.min_samples_)
            self._remember(X, weights, rows, core, labels)
            self._diagnose(rows.points)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DBSCAN":
        """Add rows: the labels are those of a fit on all rows so far.

        With a number for `eps`, `labels_` and all else equal those of `fit` on the
        batches one after the other. With "auto", eps and min_samples are chosen by the
        first batch and stay; the labels are those of `fit` with these two numbers.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Converted to the type of the first batch.

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
        ValueError
            If the clusters were edited, which clustering anew would undo.

        Notes
        -----
        New rows meet only the cells that their neighbourhoods reach. The first call
        after `fit` or loading computes all clusters once more, to learn the weight of
        every neighbourhood; so does one where `min_samples` is "auto" and changes with
        the number of rows. With negative weights, or a metric other than Euclidean
        and cosine, every call clusters all rows again.

        Examples
        --------
        >>> from deepclust import DBSCAN
        >>> model = DBSCAN(eps=0.15, min_samples=2)
        >>> model.partial_fit([[0.0], [0.1], [0.3], [0.4]]).labels_
        array([0, 0, 1, 1])
        >>> model.partial_fit([[0.2]]).labels_
        array([0, 0, 0, 0, 0])
        """
        if not hasattr(self, "labels_"):
            return self.fit(X, sample_weight=sample_weight)
        self._validate_params()
        self._refuse_if_edited()
        before = self._known_rows()
        X = validate_data(self, X, dtype=before.dtype, order="C", reset=False)
        weights = _weights(sample_weight, X)
        if weights is not None or self._weights is not None:
            ones = np.ones(len(before)) if self._weights is None else self._weights
            more = np.ones(len(X)) if weights is None else weights
            weights = np.concatenate((ones, more))
        both = np.concatenate((before, X))
        self._forget(*OF_THE_TREE, *OF_EDITING)
        with threadpool_limits(limits=1, user_api="blas"):
            self._grow(both, weights)
        return self

    def cut(
        self, eps: float | None = None, *, n_clusters: int | None = None
    ) -> "DBSCAN":
        """Return the model that `fit` gives with another eps, from the same hierarchy.

        Parameters
        ----------
        eps : float, default=None
            The radius.

        n_clusters : int, default=None
            Instead of `eps`: the radius that gives this many clusters, or the nearest
            number to be had, as `fit` chooses it. Needs `reachability_`.

        Returns
        -------
        model : DBSCAN
            Fitted; its labels are those of `fit` with this eps and `min_samples_`. It
            keeps `eps_path_` and `reachability_`.

        Raises
        ------
        ValueError
            If both or neither are given, or `n_clusters` without `reachability_`.

        Notes
        -----
        Where the tree holds all distinct rows, and none weighs less than 1, a cut of
        it is the answer, in O(n log n). Else the rows are clustered for this eps.

        Examples
        --------
        >>> import numpy as np
        >>> from deepclust import DBSCAN
        >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0]])
        >>> model = DBSCAN(min_samples=2).fit(X)
        >>> model.cut(0.15).labels_, model.cut(n_clusters=1).n_clusters_
        (array([ 0,  0,  0,  1,  1,  1, -1]), 1)
        """
        check_is_fitted(self)
        if (eps is None) == (n_clusters is None):
            raise ValueError(
                f"cut() takes either eps or n_clusters. Received: eps={eps!r}, "
                f"n_clusters={n_clusters!r}."
            )
        known = self._known_rows()
        rows = self._collapse(known, self._weights)
        with threadpool_limits(limits=1, user_api="blas"):
            if n_clusters is not None:
                eps = self._eps_of(rows.points, n_clusters)
            model = clone(self).set_params(
                eps=eps, min_samples=self.min_samples_, n_clusters=None
            )
            model._validate_params()
            model.eps_, model.min_samples_ = float(model.eps), self.min_samples_
            for name in _KEPT_BY_A_CUT:
                if hasattr(self, name):
                    setattr(model, name, getattr(self, name))
            core, labels = model._cut(rows)
            model._remember(known, self._weights, rows, core, labels)
        return model

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
        X = validate_data(
            self, X, dtype=self._X.dtype, reset=False, ensure_min_samples=0
        )
        return self._assign(X)

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
        rows, _ = self._space.rows(np.asarray(X, dtype=self._X.dtype))
        return noise_aware_silhouette(rows, labels)

    @property
    def components_(self) -> np.ndarray:
        """Copy of the rows that are core points."""
        if "core_sample_indices_" not in vars(self):
            raise AttributeError("DBSCAN has components_ once it is fitted.")
        return self._known_rows()[self.core_sample_indices_]

    @property
    def _space(self) -> MetricSpace:
        return MetricSpace(self.metric, self.metric_params)

    def _collapse(
        self, X: np.ndarray, weights: np.ndarray | None, tree_rows: int = 0
    ) -> CollapsedRows:
        block = self._block_entries(X, tree_rows)
        rows, valid = self._space.rows(X)
        return CollapsedRows.collapse(rows, valid, weights, block, self.n_jobs)

    def _known_rows(self) -> np.ndarray:
        """Return the rows of `fit`, unless they are no longer the same."""
        if _checksum(self._X) != self._checksum:
            raise ValueError(
                "The array given to fit was changed in place afterwards, and DBSCAN "
                "refers to it. Fit again, or fit on a copy: fit(X.copy())."
            )
        return self._X

    def _take_given(self, weights: np.ndarray) -> None:
        """Set `eps_` and `min_samples_` from the parameters."""
        self.eps_ = float(self.eps)
        usual = usual_min_samples(weights.clip(0).sum())
        self.min_samples_ = int(self._min_samples() or usual)

    def _min_samples(self) -> int | None:
        return None if self.min_samples == "auto" else int(self.min_samples)

    def _choose(self, rows: CollapsedRows) -> None:
        """Set `min_samples_`, `eps_`, `eps_path_` and the tree."""
        space = self._space
        chosen = choose(rows.points, self._min_samples(), self.n_clusters, space)
        self.min_samples_ = chosen.min_samples
        self.eps_ = float(space.eps(chosen.radius))
        self._show(chosen, rows)

    def _show(self, chosen: Choice, rows: CollapsedRows) -> None:
        import pandas as pd

        path = pd.DataFrame(chosen.path)
        self.eps_path_ = path.assign(eps=self._space.eps(path["eps"]))
        if chosen.tree is not None:
            self.reachability_ = chosen.tree
            self.reachability_rows_ = rows.first[chosen.places]

    def _forget(self, *names: str) -> None:
        for name in names:
            if hasattr(self, name):
                delattr(self, name)

    def _eps_of(self, points: Points, n_clusters: int) -> float:
        """Return the eps whose number of clusters is nearest to the one asked for."""
        if not hasattr(self, "reachability_"):
            raise ValueError(
                "cut(n_clusters=...) needs the hierarchy of the rows: fit with "
                'eps="auto".'
            )
        tree, enough, space = self.reachability_, self.min_samples_, self._space
        radius = choose_again(points, tree, enough, n_clusters, space)
        return float(space.eps(radius))

    def _cut(self, rows: CollapsedRows) -> tuple[np.ndarray, np.ndarray]:
        """Return core points and clusters at `eps_`, from the tree if it has them."""
        points, radius = rows.points, self._space.radius(self.eps_)
        tree = getattr(self, "reachability_", None)
        if (
            tree is not None
            and self._space.name is not None
            and tree.min_samples == self.min_samples_
            and len(tree.weights) == len(points.rows)
            and points.weights.min() >= 1
        ):
            return tree.is_core(radius), tree.cut(radius)
        return self._space.clusters(points, radius, self.min_samples_)

    def _grow(self, X: np.ndarray, weights: np.ndarray | None) -> None:
        """Cluster all of `X`, which begins with the known rows."""
        if self.eps != "auto":
            self._take_given(np.ones(len(X)) if weights is None else weights)
        radius, old = self._space.radius(self.eps_), len(self.labels_)
        growing = self._cache.pop("growing", None)
        if growing is None or not growing.is_for(radius, self.min_samples_):
            rows = self._collapse(X, weights)
            positive = bool((rows.points.weights >= 0).all())
            if self._space.name is None or not positive or not len(rows.first):
                found = self._space.clusters(rows.points, radius, self.min_samples_)
                self._remember(X, weights, rows, *found)
                return
            growing = GrowingClusters(rows, radius, self.min_samples_)
        elif weights is not None and (weights[old:] < 0).any():
            self._grow(X, weights)
            return
        else:
            self._block_entries(X)
            more = np.ones(len(X) - old) if weights is None else weights[old:]
            growing.add(*self._space.rows(X[old:]), more)
        self._remember(X, weights, growing.rows, growing.core, growing.labels())
        self._cache["growing"] = growing

    def _remember(
        self,
        X: np.ndarray,
        weights: np.ndarray | None,
        rows: CollapsedRows,
        core: np.ndarray,
        labels: np.ndarray,
    ) -> None:
        labels = renumbered(rows.spread(labels, -1), weights)
        self._X, self._weights, self._checksum = X, weights, _checksum(X)
        self.core_sample_indices_ = np.flatnonzero(rows.spread(core, False))
        self._core_labels = labels[self.core_sample_indices_]
        self._cache: dict = {}
        self._settle(labels)

    def _settle(self, labels: np.ndarray) -> None:
        """Take the numbered labels, and give noise its cluster if it is to have one."""
        self.n_clusters_ = int(labels.max(initial=-1)) + 1
        self.noise_fraction_ = float(np.mean(labels < 0))
        self.labels_ = labels
        if self.noise == "nearest" and self.n_clusters_:
            noise = np.flatnonzero(labels < 0)
            labels[noise] = self._assign(self._X[noise])

    def _relabel(self, core_labels: np.ndarray) -> dict[int, int]:
        """Give the core points other clusters; all rows follow their nearest one.

        Parameters
        ----------
        core_labels : ndarray of shape (n_core,), intp
            Not negative; numbered anew by decreasing weight.

        Returns
        -------
        became : dict of int to int
            The new number of each label.
        """
        rows, valid = self._space.rows(self._known_rows())
        radius = self._space.radius(self.eps_)
        found = np.full(len(valid), -1, dtype=np.intp)
        found[valid] = self._nearest_core()(rows[valid], radius)
        # Copies of a core point are one point: they go with the first of them.
        core_labels = core_labels[found[self.core_sample_indices_]]
        labels = np.where(found >= 0, core_labels[found], -1)
        numbered = renumbered(labels, self._weights)
        old, first = np.unique(labels, return_index=True)
        became = dict(zip(old.tolist(), numbered[first].tolist(), strict=True))
        self._core_labels = np.array([became[label] for label in core_labels.tolist()])
        self._settle(numbered)
        return {old: new for old, new in became.items() if old >= 0}

    def _refuse_if_edited(self) -> None:
        if getattr(self, "edits_", []):
            raise ValueError(
                "The clusters were edited, and partial_fit computes them anew: fit on "
                "all rows, then edit again."
            )

    def _diagnose(self, points: Points) -> None:
        """Warn of a result that is no clustering, with an eps that may be one."""
        problem = problem_with(self.labels_, self.n_clusters_)
        if problem is None:
            return
        advice = "The rows may hold no groups"
        if self.eps != "auto" and self._space.name is not None:
            radius = suggested_radius(points, self.min_samples_)
            advice = f'Try eps={self._space.eps(radius):.4g}, or eps="auto"'
        warnings.warn(
            f"DBSCAN with eps={self.eps_:.4g} and min_samples={self.min_samples_}: "
            f"{problem}. {advice}.",
            ClusteringWarning,
            stacklevel=3,
        )

    def _assign(self, X: np.ndarray) -> np.ndarray:
        """Return the cluster of the nearest core point of each row, or -1."""
        labels = np.full(len(X), -1, dtype=np.intp)
        if not len(self.core_sample_indices_):
            return labels
        rows, valid = self._space.rows(X)
        limit = np.inf if self.noise == "nearest" else self._space.radius(self.eps_)
        with threadpool_limits(limits=1, user_api="blas"):
            found = self._nearest_core()(rows[valid], limit)
        labels[valid] = np.where(found >= 0, self._core_labels[found], -1)
        return labels

    def _nearest_core(self) -> Callable[[np.ndarray, float], np.ndarray]:
        """Return the search among the core points, built at first use."""
        if "nearest" not in self._cache:
            rows, _ = self._space.rows(self._known_rows()[self.core_sample_indices_])
            radius = self._space.radius(self.eps_)
            self._cache["nearest"] = self._space.nearest_search(
                rows, radius, _PREDICT_BLOCK, self.n_jobs
            )
        return self._cache["nearest"]

    def __getstate__(self) -> dict:
        state: dict = super().__getstate__()  # type: ignore[assignment]
        return {**state, "_cache": {}} if "_cache" in state else state

    def _block_entries(self, X: np.ndarray, tree_rows: int = 0) -> int:
        threads = effective_n_jobs(self.n_jobs)
        n_trees = len(MIN_SAMPLES_TRIED) if self._min_samples() is None else 1
        return affordable_block(
            X.shape, X.itemsize, self.memory_limit, threads, tree_rows, n_trees
        )


def _weights(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=np.float64)


def _checksum(X: np.ndarray) -> int:
    return int(content_hashes(X).sum())
