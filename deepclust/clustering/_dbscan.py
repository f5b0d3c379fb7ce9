"""DBSCAN: exact, in bounded memory, inductive, and able to choose its own eps."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from deepclust._estimators import CallbackMixin, VersionsMixin, fit_task
from deepclust._parallel import limit_blas
from deepclust.clustering._components import renumbered
from deepclust.clustering._eps_selection import (
    MIN_SAMPLES_TRIED,
    default_min_samples,
    max_tree_rows,
    problem_with,
    select_eps,
    suggested_radius,
)
from deepclust.clustering._incremental import IncrementalClusters
from deepclust.clustering._layers import (
    MAX_LAYERS,
    broader_layers,
    finer_layers,
    in_content_order,
    nested_around,
    with_parts,
)
from deepclust.clustering._membership import Membership, outlier_scores
from deepclust.clustering._memory_limit import affordable_block
from deepclust.clustering._metric_names import MetricNames
from deepclust.clustering._metric_space import MetricSpace
from deepclust.clustering._splits import part_means, split_by_means
from deepclust.clustering._unique_rows import (
    Points,
    UniqueRows,
    content_hashes,
    unique_rows,
)
from deepclust.exceptions import ClusteringWarning
from deepclust.metrics import Alignment, align_clusterings
from deepclust.metrics._noise_aware_silhouette import noise_aware_silhouette

__all__ = ["DBSCAN"]

_TREE_ATTRIBUTES = ("reachability_", "reachability_rows_")
_EDIT_ATTRIBUTES = ("cluster_names_", "layer_names_", "edits_", "_edited")
_CHOSEN_ATTRIBUTES = ("eps_path_", "_part_means")
_ID_ATTRIBUTES = ("cluster_ids_", "_n_ids_given")
_BROADEST, _FINEST, _BEST = "broad", "fine", "auto"
_KEPT_BY_CUT = (*_TREE_ATTRIBUTES, "eps_path_", "n_features_in_", "feature_names_in_")
_PREDICT_BLOCK = 2**22
_ASSIGNED_ROWS = 20_000  # of `assign`, at a time
_LEAST_WEIGHT = 1e-100  # in a mean of core points


class DBSCAN(CallbackMixin, ClusterMixin, VersionsMixin, BaseEstimator):
    """Cluster by density, with the labels of scikit-learn's DBSCAN.

    A point with at least `min_samples` points within `eps`, itself included, is a core
    point. Core points within `eps` of each other share a cluster. A point that is no
    core point takes the cluster of its nearest core point within `eps` (the lowest row
    among equally near ones), and is noise, -1, if there is none.

    Parameters
    ----------
    eps : float or "auto", default="auto"
        Radius of a neighborhood, in units of `metric`. With "auto" it is selected
        without labels from the density hierarchy, and single clusters that touch are
        divided; see Notes.

    min_samples : int or "auto", default="auto"
        Weight of a neighborhood that makes a core point. "auto" selects it together
        with eps; where eps is a number, it is log2 of the number of rows, but at least
        5 and at most 25.

    metric : str or callable, default="euclidean"
        "euclidean", "cosine", or any other metric of scikit-learn's
        `NearestNeighbors`, which then does the search. With "precomputed", `X` holds
        the distances between its rows, symmetric: dense, or a sparse graph in which
        pairs that are not stored are no neighbors; `predict` takes distances to the
        rows of fit. `eps` is a number then.
        With "cosine", rows that are all zero have no direction and are always noise.

    metric_params : dict, default=None
        Further arguments of a metric that is neither "euclidean" nor "cosine".

    n_clusters : int, default=None
        With `eps="auto"`: select the eps that gives this many clusters, or the nearest
        possible number.

    noise : {"keep", "nearest"} or float, default="keep"
        Label noise -1, or with the cluster of the nearest core point: at any distance
        or, with a number from 0.5 to 1, where the outlier score is not greater. Zero
        rows with "cosine", as of texts without known words, stay -1. May be set after
        `fit`; `predict` follows it.

    layer : {"auto", "broad", "fine"} or int, default="auto"
        Which of the layers `labels_` and `predict` give: the one that DBSCAN finds, the
        broadest, the finest, or the one at this place, 0 being the broadest (the
        finest, if there are not so many). May be set after `fit`; `predict` follows it.

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
        ties by first row; -1 is noise. Follows `noise` where that is set after `fit`.

    core_sample_indices_ : ndarray of shape (n_core,), intp
        Rows that are core points.

    components_ : ndarray of shape (n_core, n_features)
        Those rows, copied at every access.

    layers_ : ndarray of shape (n_rows, n_layers), intp
        Labels of the rows at 1 to 6 nested layers, the broadest first, computed at the
        first access; see Notes. -1 is noise.

    layer_ : int
        The layer that the labels are from, 0 for the broadest.

    n_clusters_ : int
        Number of clusters.

    outlier_scores_ : ndarray of shape (n_rows,), float64
        d / (d + eps) for the distance d of each row to the nearest core point: 0 for
        core points, above 0.5 for noise, 1 where there is none. Computed at every
        access.

    noise_fraction_ : float
        Share of the rows that are in no cluster before noise is assigned.

    eps_path_ : DataFrame
        Columns eps, n_clusters, coverage, silhouette of other radii. Only with
        `eps="auto"`.

    reachability_ : ReachabilityTree
        The minimum spanning tree of mutual reachability, from which `cut` takes the
        clusters for every other eps. With "cosine" its distances are Euclidean: d is
        d²/2 in units of the metric. Only with `eps="auto"`, until `partial_fit`.

    reachability_rows_ : ndarray of shape (n_points,), intp
        The row that each point of the tree is, the first of its copies.

    cluster_names_ : dict of int to str
        Names, given by the `fit` of a pipeline of `make_text_clusterer` and by
        `deepclust.clustering.rename`; only then.

    layer_names_ : list of dict of int to str
        The same for the clusters of every layer, the broadest first.

    cluster_ids_ : ndarray of shape (n_clusters,), intp
        Id of each cluster, which stays when clusters are numbered anew. Given by
        `partial_fit` of a pipeline or its `fit` with `warm_start=True`, and from an
        earlier model by `deepclust.clustering.align`; only then.

    edits_ : list of str
        What `merge`, `split` and `rename` changed since `fit`; only then. `cut` ignores
        these edits.

    n_features_in_ : int
        Number of features seen by `fit`.

    See Also
    --------
    deepclust.clustering.merge, deepclust.clustering.split : Edit the clusters.
    deepclust.metrics.noise_aware_silhouette_score : The criterion of "auto".

    Notes
    -----
    With a number for `eps`, core points, their partition and noise are those of
    scikit-learn's DBSCAN with a tree search, to the last tie: pairs that float32
    products leave open are computed again in float64. Copies of a row are clustered
    once. Labels depend neither on threads, nor on blocks, nor on the batch that
    `predict` is given.

    The model refers to the rows of `fit`, and `cut` and `partial_fit` use them again;
    if they have been changed in place since, a ValueError is raised. Copying the model
    or saving it takes them along.

    A lower bound excludes most micro-clusters from the search around a point, so that
    the time depends on how well the rows are clustered: at worst O(n² d), on embeddings
    of clustered texts about n^1.3 up to 100,000 rows. Memory beyond the input: two
    copies of it in float32 at most, blocks, and with "auto" 3 kB a point of the tree;
    `MemoryError` is raised before the work if `memory_limit` is too small.

    With "auto", the exact minimum spanning tree of mutual reachability gives the
    clusters for every eps; the cut with the greatest noise-aware silhouette is taken,
    over eps and, if that is "auto" too, over min_samples 5, 12 and 25. A cut with more
    than 97 % of the clustered rows in one cluster is taken only if no other has half of
    its silhouette. From more than 20,000 unique rows, the tree is that of the 20,000
    with the smallest content hashes; min_samples "auto" is scaled by the sampling
    ratio, to 125 at most, and five radii that leave about the same share of core points
    are tried on all rows; five smaller ones too, if each of these joins what the sample
    divides. With a metric other than Euclidean and cosine, the tree takes O(n²) time
    and is that of 5,000 rows at most, the silhouette is Euclidean all the same, and
    `cut` clusters again.

    One radius for all joins clusters that touch. With "auto", and without `n_clusters`,
    a cluster that the hierarchy separates into parts at a smaller radius is divided,
    each core point going to the nearest mean of a part, if the silhouette of all rows
    grows with it.

    The layers are nested: two rows that share a cluster share one at every broader
    layer, and a row that is noise is noise at all of them. One layer is that of
    `layer="auto"`. Broader ones merge its clusters by average linkage of their means,
    to about 3/5 as many each, or where the linkage heights have a clear gap. Finer
    ones split its clusters into parts that the hierarchy separates at a smaller radius,
    where these have the greater silhouette; they need `reachability_`. The numbers of
    clusters of neighboring layers differ by half or more. Beyond 2,000 there are no
    broader layers; with sparse rows or metric="precomputed" there is one layer.

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
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0], [90.0], [91.0], [92.0]])
    >>> DBSCAN(eps=3, min_samples=2).fit(X).layers_.T
    array([[0, 0, 0, 0, 1, 1, 1],
           [1, 1, 2, 2, 0, 0, 0]])
    """

    _parameter_constraints: dict = {
        "eps": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "min_samples": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "metric": [MetricNames(), callable],
        "metric_params": [dict, None],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "noise": [
            StrOptions({"keep", "nearest"}),
            Interval(Real, 0.5, 1, closed="left"),
        ],
        "layer": [
            StrOptions({_BEST, _BROADEST, _FINEST}),
            Interval(Integral, 0, MAX_LAYERS - 1, closed="both"),
        ],
        "memory_limit": [Interval(Integral, 1, None, closed="left"), str],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
    }

    def __init__(
        self,
        eps: float | str = "auto",
        *,
        min_samples: int | str = "auto",
        metric: str | Callable = "euclidean",
        metric_params: dict | None = None,
        n_clusters: int | None = None,
        noise: str | float = "keep",
        layer: str | int = "auto",
        memory_limit: int | str = "1GiB",
        n_jobs: int | None = None,
    ) -> None:
        self.eps = eps
        self.min_samples = min_samples
        self.metric = metric
        self.metric_params = metric_params
        self.n_clusters = n_clusters
        self.noise = noise
        self.layer = layer
        self.memory_limit = memory_limit
        self.n_jobs = n_jobs

    @fit_task()
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DBSCAN":
        """Find the clusters of the rows of `X`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features), float32 or float64
            Sparse rows are searched by scikit-learn, and need a number for `eps`.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_rows,), default=None
            How much each row counts towards `min_samples`: 2 as a row and its copy.
            With `eps="auto"`, a row of weight 0 takes no part, and gets the label of
            `predict`; else it may be a core point, as in scikit-learn's DBSCAN.

        Returns
        -------
        self : DBSCAN

        Raises
        ------
        MemoryError
            If the work needs more than `memory_limit`; nothing has been done then.
        ValueError
            If `eps` is "auto" and the rows are sparse or distances.
            If `X` or eps is beyond 1e±150 with the Euclidean metric, or a callable
            metric returns NaN or a negative number.

        Warns
        -----
        ClusteringWarning
            If no row is a core point, so that all are noise, or one cluster holds
            nearly all rows; names an eps to try.
        """
        self._validate_params()
        X = self._check_rows(X, dtype=[np.float64, np.float32], order="C")
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        self._delete_attributes(
            *(*_TREE_ATTRIBUTES, *_EDIT_ATTRIBUTES),
            *(*_ID_ATTRIBUTES, *_CHOSEN_ATTRIBUTES),
        )
        tree_rows = max_tree_rows(self._space) if self.eps == "auto" else 0
        rows = self._unique_rows(X, weights, min(X.shape[0], tree_rows))
        with limit_blas():
            if self.eps == "auto":
                self._select_eps(rows)
            else:
                self._set_given_eps(rows.points.weights)
            core, labels = self._clusters(rows.points)
            if self.eps == "auto" and self.n_clusters is None:
                self._select_splits(rows, labels)
            self._set_result(X, weights, rows, core, labels)
            self._warn_if_degenerate(rows.points)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DBSCAN":
        """Add rows: the labels are those of a fit on all rows so far.

        With a number for `eps`, all attributes equal those of `fit` on the batches one
        after the other. With "auto", eps and min_samples are selected on the first
        batch and stay; the labels are those of `fit` with these two numbers, and the
        clusters that `fit` divided stay divided.

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
            If clusters were merged or split, or the rows of `fit` changed in place.

        Notes
        -----
        New rows are compared only with the micro-clusters within their radius. The
        first call after `fit` or loading computes all clusters once more, for the
        weight of every neighborhood; so does one where `min_samples` is "auto" and
        changes with the number of rows, or new rows have negative weights. With a
        metric other than Euclidean and cosine, every call clusters all rows again.

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
        if self._is_edited():
            raise ValueError(
                "Clusters were merged or split, and partial_fit would undo that: fit "
                "another model on all rows, and carry the edits over by "
                "deepclust.clustering.align(old, new, X)."
            )
        self._delete_attributes("layer_names_")
        before, old_labels = self._fitted_rows(), self.labels_
        self._space.need_dense_rows("partial_fit after fit")
        X = self._check_rows(X, dtype=before.dtype, order="C", reset=False)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        self._delete_attributes(*_TREE_ATTRIBUTES)
        with limit_blas():
            self._fit_incrementally(
                np.concatenate((before, X)), np.concatenate((self._weights, weights))
            )
        self._carry_over(self, old_labels, self.labels_[: len(before)])
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
            possible number, as `fit` selects it. Needs `reachability_`.

        Returns
        -------
        model : DBSCAN
            Fitted; its labels are those of `fit` with this eps and `min_samples_`, so
            that no cluster is divided. It keeps `eps_path_` and `reachability_`.

        Raises
        ------
        ValueError
            If both or neither are given, `n_clusters` without `reachability_`, or the
            rows of `fit` changed in place.

        Notes
        -----
        Where the tree holds all unique rows, and none weighs less than 1, the tree is
        cut, in O(n log n). Else the rows are clustered for this eps.

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
        X = self._fitted_rows()
        rows = self._unique_rows(X, self._weights, weightless=True)
        with limit_blas():
            if n_clusters is not None:
                eps = self._eps_for(n_clusters, rows.points)
            model = clone(self).set_params(
                eps=eps, min_samples=self.min_samples_, n_clusters=None
            )
            model._validate_params()
            model.eps_, model.min_samples_ = float(model.eps), self.min_samples_
            for name in _KEPT_BY_CUT:
                if hasattr(self, name):
                    setattr(model, name, getattr(self, name))
            found = model._cut_tree(rows.points) or model._clusters(rows.points)
            model._set_result(X, self._weights, rows, *found)
        return model

    def recut(self, n_clusters: int, *, more_than: float = 0.0) -> "DBSCAN":
        """Take another number of clusters for the flat layer, in place.

        Parameters
        ----------
        n_clusters : int
            The flat layer has the labels of `cut(n_clusters=n_clusters)`.

        more_than : float, default=0.0
            Change nothing if the flat layer has at most this many clusters.

        Returns
        -------
        self : DBSCAN
            With its parameters as they are; `eps_`, `labels_` and `layers_` are new.

        Raises
        ------
        ValueError
            Without `reachability_`, which `fit` with `eps="auto"` sets; where clusters
            were merged or split; or if the rows of `fit` changed in place.

        Examples
        --------
        >>> import numpy as np
        >>> from deepclust import DBSCAN
        >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0]])
        >>> model = DBSCAN(min_samples=2).fit(X)
        >>> model.n_clusters_, model.recut(1).n_clusters_
        (2, 1)
        """
        check_is_fitted(self)
        self._refuse_edited("recut")
        if self._flat_labels().max(initial=-1) + 1 <= more_than:
            return self
        cut, params = self.cut(n_clusters=n_clusters), self.get_params(deep=False)
        self._delete_attributes(*_EDIT_ATTRIBUTES, *_ID_ATTRIBUTES)
        self._delete_attributes("_part_means", "_chosen_layers", "_best_place")
        self.__dict__.update(vars(cut) | params)
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
        return self._nearest_cluster(self._check_new_rows(X))

    def predict_layers(self, X: Any) -> np.ndarray:
        """Assign rows to the clusters of every layer.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            May have no rows.

        Returns
        -------
        labels : ndarray of shape (n_rows, n_layers), intp
            The broadest layer first. Each row takes the clusters of its nearest core
            point, as in `predict`; the rows of `fit` get `layers_`.

        Raises
        ------
        ValueError
            If the rows of `fit` were changed in place.

        Examples
        --------
        >>> import numpy as np
        >>> from deepclust import DBSCAN
        >>> X = np.array([[0.0], [1.0], [10.0], [11.0], [90.0], [91.0], [92.0]])
        >>> DBSCAN(eps=3, min_samples=2).fit(X).predict_layers([[2.0], [12.0], [50.0]])
        array([[ 0,  1],
               [ 0,  2],
               [-1, -1]])
        """
        X = self._check_new_rows(X)
        return self._layers_of(self._nearest_core(X, self._noise_radius()))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return how much rows belong to each cluster.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            May have no rows.

        Returns
        -------
        membership : ndarray of shape (n_rows, n_clusters), float32
            Rows sum to at most 1; the rest belongs to noise. The greatest of them and
            the rest is what `predict` gives, for the same `layer` and `noise`.

        Raises
        ------
        ValueError
            If `X` is sparse, or the rows of `fit` were changed in place, or are
            distances.

        Notes
        -----
        The softmax of -d² / T for the distances d to the means of the clusters' core
        points. T is set without labels, so that the mean of the greatest shares of core
        points is their mean simplified silhouette. On corpora whose classes the
        clusters match, the greatest share is about the accuracy (docs/method.md); where
        clusters merge or split classes, it is too high.

        Euclidean distances between means are used with every metric. Time
        O(n_rows × n_clusters × n_features), and that of `predict`, twice for noise.

        Examples
        --------
        >>> import numpy as np
        >>> from deepclust import DBSCAN
        >>> X = np.array([[0.0], [1.0], [8.0], [9.0]])
        >>> model = DBSCAN(eps=2, min_samples=2).fit(X)
        >>> model.predict_proba([[1.0], [2.0], [4.5]]).round(2)
        array([[0.92, 0.08],
               [0.77, 0.14],
               [0.06, 0.06]], dtype=float32)
        """
        X = self._check_new_rows(X, dense="predict_proba")
        within, nearest = self._nearest_cores(X)
        return self._shares(X, within, self._scores_of(X, nearest))

    def assign(self, X: Any) -> dict[str, np.ndarray]:
        """Return all that is known of each row, by one search.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            May have no rows.

        Returns
        -------
        assigned : dict of str to ndarray
            cluster : as of `predict`, (n_rows,), intp.
            membership : the share that `predict_proba` gives this cluster, or noise,
            (n_rows,), float32.
            noise : the share that is left to noise, (n_rows,), float32.
            nearest : the nearest cluster, also of noise, (n_rows,), intp.
            layers : as of `predict_layers`, (n_rows, n_layers), intp.

        Raises
        ------
        ValueError
            If `X` is sparse, or the rows of `fit` were changed in place, or are
            distances.

        Notes
        -----
        `predict`, `predict_proba` and `predict_layers` would search the nearest core
        points three times. Memory beyond the result: 20,000 rows at a time.

        Examples
        --------
        >>> import numpy as np
        >>> from deepclust import DBSCAN
        >>> X = np.array([[0.0], [1.0], [8.0], [9.0]])
        >>> found = DBSCAN(eps=2, min_samples=2).fit(X).assign([[1.0], [4.0]])
        >>> found["cluster"], found["nearest"]
        (array([ 0, -1]), array([0, 0]))
        """
        X = self._check_new_rows(X, dense="assign")
        starts = range(0, max(X.shape[0], 1), _ASSIGNED_ROWS)
        parts = [self._assign(X[start : start + _ASSIGNED_ROWS]) for start in starts]
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _assign(self, X: np.ndarray) -> dict[str, np.ndarray]:
        within, nearest = self._nearest_cores(X)
        clusters = np.append(self._labels_in_use(), -1)  # place -1 is the last
        labels = clusters[within]
        shares = self._shares(X, within, self._scores_of(X, nearest))
        noise = np.clip(1 - shares.sum(axis=1, keepdims=True), 0, 1)
        shares = np.hstack((shares, noise))[np.arange(len(labels)), labels]
        return {
            "cluster": labels,
            "membership": shares,
            "noise": noise[:, 0],
            "nearest": clusters[nearest],
            "layers": self._layers_of(within),
        }

    def _layers_of(self, found: np.ndarray) -> np.ndarray:
        """Return the layers of rows whose nearest core points are known."""
        core_layers, _ = self._core_layers()
        labels = np.full((len(found), core_layers.shape[1]), -1, dtype=np.intp)
        labels[found >= 0] = core_layers[found[found >= 0]]
        return labels

    def _shares(
        self, X: np.ndarray, within: np.ndarray, scores: np.ndarray
    ) -> np.ndarray:
        """Return the membership of rows whose nearest core points are known."""
        core_labels = self._labels_in_use()
        if not len(core_labels):
            return np.zeros((len(scores), 0), dtype=np.float32)
        known = self._cache.setdefault("membership", {})
        if self.layer not in known:
            points, first, _, weights = self._core_points()
            known[self.layer] = Membership.of(points, core_labels[first], weights)
        rows = self._space.features(X)
        return known[self.layer](rows, np.append(core_labels, -1)[within], scores)

    @property
    def labels_(self) -> np.ndarray:
        """Labels of the rows of `fit`; they follow `noise`."""
        if "labels_" not in self.__dict__:
            raise AttributeError("DBSCAN has labels_ only after fit.")
        labels: np.ndarray = self.__dict__["labels_"]
        if self.noise == self.__dict__.get("_fitted_noise", self.noise):
            return labels
        known = self._cache.setdefault("labels", {})
        if self.noise not in known:
            found = self._nearest_core(self._fitted_rows(), self._noise_radius())
            known[self.noise] = np.append(self._core_labels, -1)[found]
        return known[self.noise]

    @labels_.setter
    def labels_(self, labels: np.ndarray) -> None:
        self.__dict__["labels_"] = labels
        self._fitted_noise = self.noise
        self.__dict__.get("_cache", {}).pop("labels", None)

    @property
    def outlier_scores_(self) -> np.ndarray:
        """Outlier score of each row of `fit`."""
        check_is_fitted(self)
        self._space.need_features("outlier_scores_")
        return self._outlier_scores(self._fitted_rows())

    @property
    def layers_(self) -> np.ndarray:
        """Labels of the rows of `fit` at every layer."""
        check_is_fitted(self)
        found = self._nearest_core(self._fitted_rows(), self._noise_radius())
        return self._layers_of(found)

    @property
    def layer_(self) -> int:
        """Place of the labels among the layers."""
        check_is_fitted(self)
        return self._place_of(self._layer_of_labels)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the silhouette of the predicted clusters, or their agreement with `y`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)

        y : array-like of shape (n_rows,), default=None
            True classes; rows with -1, whose class is not known, do not count.

        Returns
        -------
        score : float
            Adjusted mutual information if `y` is given and not all -1, else the
            noise-aware silhouette. Always finite; higher is better.
        """
        labels = self.predict(X)
        if y is not None:
            truth = np.asarray(y)
            known = truth != -1
            if known.any():
                from sklearn.metrics import adjusted_mutual_info_score

                return float(adjusted_mutual_info_score(truth[known], labels[known]))
        self._space.need_dense_rows("score without y")
        rows, _ = self._space.rows(np.asarray(X, dtype=self._X.dtype))
        return noise_aware_silhouette(rows, labels)

    @property
    def components_(self) -> np.ndarray:
        """Copy of the rows that are core points."""
        if not len(self.core_sample_indices_):
            return np.empty((0, self._X.shape[1]), dtype=self._X.dtype)
        return self._fitted_rows()[self.core_sample_indices_]

    @property
    def _space(self) -> MetricSpace:
        is_sparse = self.__dict__.get("_is_sparse", False)
        return MetricSpace(self.metric, self.metric_params, is_sparse)

    def _check_rows(self, X: Any, *, reset: bool = True, **options: Any) -> Any:
        """Return validated rows, csr if those of fit are sparse."""
        if reset:
            self._is_sparse = issparse(X)
            if self.eps == "auto":
                self._space.need_dense_rows('eps="auto"')
        space = self._space
        if space.sparse and not (space.is_graph or issparse(X)):
            X = csr_array(X)
        accepted = "csr" if space.sparse or space.is_graph else False
        X = validate_data(self, X, accept_sparse=accepted, reset=reset, **options)
        space.check_range(X)
        return space.as_graph(X) if space.is_graph and reset else X

    def _check_new_rows(self, X: Any, *, dense: str = "") -> Any:
        """Return validated rows for a method; with its name, only from dense ones."""
        check_is_fitted(self)
        if dense and issparse(X):
            raise ValueError(
                f"{dense} does not take sparse rows: give X.toarray(), in parts if "
                "that is large."
            )
        return self._check_rows(
            X, dtype=self._X.dtype, reset=False, ensure_min_samples=0
        )

    def _delete_attributes(self, *names: str) -> None:
        for name in names:
            self.__dict__.pop(name, None)

    def _unique_rows(
        self,
        X: np.ndarray,
        weights: np.ndarray,
        tree_rows: int = 0,
        *,
        weightless: bool = False,
    ) -> UniqueRows:
        rows, valid = self._space.rows(X)
        if not weightless:
            valid = valid & self._takes_part(weights)
        block = self._block_entries(X, tree_rows)
        return UniqueRows.of(
            *(rows, valid, weights, block, self.n_jobs),
            unmerged=self._space.is_unmerged,
        )

    def _takes_part(self, weights: np.ndarray) -> np.ndarray:
        """Return which rows a fit with these weights is of."""
        return (weights != 0) | (self.eps != "auto")

    def _block_entries(self, X: np.ndarray, tree_rows: int = 0) -> int:
        threads = effective_n_jobs(self.n_jobs)
        n_trees = len(MIN_SAMPLES_TRIED) if self.min_samples == "auto" else 1
        shape = (X.shape[0], 0) if self._space.is_unmerged else X.shape
        return affordable_block(
            shape, X.dtype.itemsize, self.memory_limit, threads, tree_rows, n_trees
        )

    def _select_eps(self, rows: UniqueRows) -> None:
        """Set `min_samples_`, `eps_`, `eps_path_` and the tree."""
        import pandas as pd

        space = self._space
        min_samples = None if self.min_samples == "auto" else int(self.min_samples)
        selection = select_eps(rows.points, min_samples, self.n_clusters, space)
        self.min_samples_ = selection.min_samples
        self.eps_ = float(space.eps(selection.radius))
        path = pd.DataFrame(selection.path)
        self.eps_path_ = path.assign(eps=space.eps(path["eps"]))
        if selection.tree is not None:
            self.reachability_ = selection.tree
            self.reachability_rows_ = rows.first[selection.places]

    def _select_splits(self, rows: UniqueRows, labels: np.ndarray) -> None:
        """Set the splits of these clusters of the points, if there are any."""
        if not hasattr(self, "reachability_"):
            return
        points = rows.point_of[self.reachability_rows_]
        X, labels = rows.points.rows[points], labels[points]
        splits = part_means(self.reachability_, self._radii_tried(), X, labels)
        if splits:
            self._part_means = splits

    def _set_given_eps(self, weights: np.ndarray) -> None:
        """Set `eps_` and `min_samples_` from the parameters."""
        self.eps_ = float(self.eps)
        self.min_samples_ = (
            default_min_samples(weights.clip(0).sum())
            if self.min_samples == "auto"
            else int(self.min_samples)
        )

    def _clusters(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """Return core points and clusters at `eps_`."""
        radius = self._space.radius(self.eps_)
        self._space.check_eps(self.eps_)
        return self._space.clusters(points, radius, self.min_samples_)

    def _set_result(
        self,
        X: np.ndarray,
        weights: np.ndarray,
        rows: UniqueRows,
        core: np.ndarray,
        labels: np.ndarray,
    ) -> None:
        """Set the fitted attributes from the core points and clusters of the points."""
        labels = rows.expand(labels, -1)
        self._X, self._weights, self._checksum = X, weights, _checksum(X)
        self.core_sample_indices_ = np.flatnonzero(rows.expand(core, False))
        self._cache: dict = {}
        if hasattr(self, "_part_means"):
            self._split_clusters(labels)
        labels = renumbered(labels, weights)
        self._core_labels = labels[self.core_sample_indices_]
        self._delete_attributes("_chosen_layers", "_best_place")
        self._fitted_layer = self.layer
        rest = np.flatnonzero(~self._takes_part(weights))
        if len(rest):
            found = self._nearest_core(X[rest], self._space.radius(self.eps_))
            labels[rest] = np.append(self._core_labels, -1)[found]
        self._set_labels(labels)
        if self.layer != _BEST:
            self._choose_layer(*self._core_layers())

    def _choose_layer(self, layers: np.ndarray, place: int) -> None:
        """Keep the layers of the core points, and take the labels from one of them."""
        self._chosen_layers, self._best_place = layers, place
        if self._layer_of_labels != _BEST:
            found = self._nearest_core(self._X, self._space.radius(self.eps_))
            self._core_labels = layers[:, self._place_of(self._layer_of_labels)]
            self._set_labels(np.append(self._core_labels, -1)[found])

    def group_layers(self, relate: Callable[[np.ndarray], np.ndarray]) -> "DBSCAN":
        """Merge the clusters into broader layers again, by other features of them.

        `fit`, `partial_fit` and `cut` merge by the means again. Names and ids of
        clusters that may have changed are dropped.

        Parameters
        ----------
        relate : callable
            Takes the means of the clusters, ndarray of shape (n_clusters, n_features),
            and returns an array of shape (n_clusters, any): the nearer two of its rows,
            the more the clusters are related.

        Returns
        -------
        self : DBSCAN
            With other `layers_`; if `fit` had another `layer` than "auto", with other
            `labels_` as well. With sparse rows or distances it has no broader layers,
            and stays as it is.

        Raises
        ------
        ValueError
            If clusters were merged or split, which this would undo, if the rows of
            `fit` changed in place, or `relate` returns no finite row for each cluster.

        Notes
        -----
        Time of the layers of `fit`: of one `predict` of the rows, and O(n_clusters²).

        Examples
        --------
        >>> import numpy as np
        >>> from deepclust import DBSCAN
        >>> X = np.repeat(np.arange(4.0), 3)[:, None]
        >>> model = DBSCAN(0.5, min_samples=2).fit(X)
        >>> model.group_layers(lambda means: means % 2).layers_[::3].tolist()
        [[0, 0], [1, 1], [0, 2], [1, 3]]
        """
        check_is_fitted(self)
        if self._space.is_unmerged:  # there are no means
            return self
        self._refuse_edited("group_layers")
        with limit_blas():
            layers = self._find_layers(self._flat_labels(), relate)
        self._delete_attributes("layer_names_")
        if self._layer_of_labels != _BEST:
            self._delete_attributes(*_EDIT_ATTRIBUTES, *_ID_ATTRIBUTES)
        self._cache.pop("membership", None)
        self._choose_layer(*layers)
        return self

    def _is_edited(self) -> bool:
        """Return whether clusters were merged or split; names do not count."""
        edits = getattr(self, "edits_", [])
        return any(edit.startswith(("merge", "split")) for edit in edits)

    def _flat_labels(self) -> np.ndarray:
        """Return the clusters of the core points at the layer of layer="auto"."""
        if hasattr(self, "_chosen_layers"):
            return self._chosen_layers[:, self._best_place]
        return self._core_labels

    def _refuse_edited(self, method: str) -> None:
        if self._is_edited():
            raise ValueError(
                f"Clusters were merged or split, and {method} would undo that: call it "
                "before."
            )

    def _split_clusters(self, labels: np.ndarray) -> None:
        """Split clusters in place; other rows follow their nearest core point."""
        core = self.core_sample_indices_
        if not len(core):
            return
        points, first, copy_of, _ = self._core_points()
        split = split_by_means(points, labels[core[first]], self._part_means)[copy_of]
        changed = np.isin(labels, labels[core[split != labels[core]]])
        labels[core] = split
        changed[core] = False
        rest = np.flatnonzero(changed & (labels >= 0))
        nearest = self._nearest_core(self._X[rest], self._space.radius(self.eps_))
        labels[rest] = split[nearest]

    def _set_labels(self, labels: np.ndarray) -> None:
        """Set the numbered labels; with `noise="nearest"`, assign noise to clusters."""
        self.n_clusters_ = int(labels.max(initial=-1)) + 1
        self.noise_fraction_ = float(np.mean(labels < 0))
        if self.noise != "keep":
            noise = np.flatnonzero(labels < 0)
            labels[noise] = self._nearest_cluster(self._X[noise])
        self.labels_ = labels

    def _warn_if_degenerate(self, points: Points) -> None:
        """Warn if all is noise or nearly all one cluster, with another eps to try."""
        problem = problem_with(self.labels_, self.n_clusters_)
        if problem is None:
            return
        advice = "The rows may have no clusters"
        if self.eps != "auto" and self._space.name is not None:
            radius = suggested_radius(points, self.min_samples_)
            advice = f'Try eps={self._space.eps(radius):.4g}, or eps="auto"'
        warnings.warn(
            f"DBSCAN with eps={self.eps_:.4g} and min_samples={self.min_samples_}: "
            f"{problem}. {advice}.",
            ClusteringWarning,
            stacklevel=3,
        )

    def _fitted_rows(self) -> np.ndarray:
        """Return the rows of `fit`, unless they are no longer the same."""
        if _checksum(self._X) != self._checksum:
            raise ValueError(
                "The array given to fit was changed in place afterwards, and DBSCAN "
                "refers to it. Fit again, or fit on a copy: fit(X.copy())."
            )
        return self._X

    def _fit_incrementally(self, X: np.ndarray, weights: np.ndarray) -> None:
        """Cluster all of `X`, which begins with the fitted rows."""
        old = len(self.labels_)
        if self.eps != "auto":
            self._set_given_eps(weights)
        radius, more = self._space.radius(self.eps_), weights[old:]
        clusters = self._cache.pop("clusters", None)
        wanted = radius, self.min_samples_
        known = clusters and (clusters.radius, clusters.min_samples) == wanted
        if known and (more >= 0).all():
            self._block_entries(X)
            new, valid = self._space.rows(X[old:])
            clusters.add(new, valid & self._takes_part(more), more)
        else:
            rows = self._unique_rows(X, weights)
            if self._space.name is None or not len(rows.first):
                self._set_result(X, weights, rows, *self._clusters(rows.points))
                return
            clusters = IncrementalClusters(rows, *wanted)
        self._set_result(X, weights, clusters.rows, clusters.core, clusters.labels())
        self._cache["clusters"] = clusters

    def _eps_for(self, n_clusters: int, points: Points) -> float:
        """Return the eps whose number of clusters is nearest to `n_clusters`."""
        if not hasattr(self, "reachability_"):
            raise ValueError(
                "cut(n_clusters=...) needs the hierarchy of the rows: fit with "
                'eps="auto".'
            )
        space, tree = self._space, self.reachability_
        selection = select_eps(points, self.min_samples_, n_clusters, space, tree)
        return float(space.eps(selection.radius))

    def _cut_tree(self, points: Points) -> tuple[np.ndarray, np.ndarray] | None:
        """Return core points and clusters at `eps_`, if the tree has them."""
        tree = getattr(self, "reachability_", None)
        if (
            tree is None
            or self._space.name is None
            or len(tree.weights) != len(points.rows)
            or points.weights.min() < 1
        ):
            return None
        radius = self._space.radius(self.eps_)
        return tree.is_core(radius), tree.cut(radius)

    def _nearest_cluster(self, X: np.ndarray) -> np.ndarray:
        """Return the cluster of the nearest core point of each row, or -1."""
        found = self._nearest_core(X, self._noise_radius())
        return np.append(self._labels_in_use(), -1)[found]  # place -1 is the last

    def _labels_in_use(self) -> np.ndarray:
        """Return the clusters of the core points at the chosen layer."""
        if self.layer == self._layer_of_labels:
            return self._core_labels
        return self._core_layers()[0][:, self._place_of(self.layer)]

    def _noise_radius(self) -> float:
        """Return the distance from the nearest core point at which noise begins."""
        if self.noise == "nearest":
            return np.inf
        score = 0.5 if isinstance(self.noise, str) else self.noise
        return self._space.radius(self.eps_ * (score / (1 - score)))

    def _outlier_scores(self, X: np.ndarray) -> np.ndarray:
        return self._scores_of(X, self._nearest_core(X, np.inf))

    def _scores_of(self, X: np.ndarray, nearest: np.ndarray) -> np.ndarray:
        """Return the outlier scores of rows whose nearest core points are known."""
        distances = np.full(len(nearest), np.inf)
        near = np.flatnonzero(nearest >= 0)
        if len(near):
            rows, _ = self._space.rows(X[near])
            core, _ = self._space.rows(self.components_)
            distances[near] = self._space.distances(rows, core, nearest[near])
        return outlier_scores(distances, self.eps_)

    def _nearest_cores(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest core point where noise ends, and at any distance, or -1.

        Only noise is searched a second time.
        """
        self._space.need_features("predict_proba")
        within = self._nearest_core(X, self._noise_radius())
        nearest, rest = within.copy(), np.flatnonzero(within < 0)
        if len(rest) and self.noise != "nearest":
            nearest[rest] = self._nearest_core(X[rest], np.inf)
        return within, nearest

    def _nearest_core(self, X: np.ndarray, radius: float) -> np.ndarray:
        """Return the place of each row's nearest core point within `radius`, or -1."""
        found = np.full(X.shape[0], -1, dtype=np.intp)
        if len(self.core_sample_indices_):
            rows, valid = self._space.rows(X)
            with limit_blas():
                found[valid] = self._core_search()(rows[valid], radius)
        return found

    def _core_search(self) -> Callable[[np.ndarray, float], np.ndarray]:
        """Return the search for the nearest core point, built at first use."""
        if "search" not in self._cache:
            rows, valid = self._space.rows(self.components_)
            unique = UniqueRows.of(
                *(rows, valid, np.ones(len(valid)), _PREDICT_BLOCK, self.n_jobs),
                unmerged=self._space.is_unmerged,
            )
            radius = self._space.radius(self.eps_)
            self._cache["search"] = self._space.nearest_search(
                unique, radius, self.core_sample_indices_
            )
        return self._cache["search"]

    def _core_layers(self) -> tuple[np.ndarray, int]:
        """Return the layers of the core points, and the place of `layer="auto"`.

        They are kept where the labels depend on them, else found at the first use.
        """
        if hasattr(self, "_chosen_layers"):
            return self._chosen_layers, self._best_place
        if "layers" not in self._cache:
            with limit_blas():
                self._cache["layers"] = self._find_layers(self._core_labels)
        return self._cache["layers"]

    def _find_layers(
        self,
        labels: np.ndarray,
        relate: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> tuple[np.ndarray, int]:
        """Return the layers around labels of core points, and the place of these."""
        if self._space.is_unmerged:  # there are no means
            return labels[:, None], 0
        finer_parts = self._finer_parts(labels)
        rows, first, copy_of, weights = self._core_points()
        labels = labels[first]
        finer: list[np.ndarray] = []
        for means, parents in finer_parts:
            finer.append(
                with_parts(rows, finer[-1] if finer else labels, means, parents)
            )
        order, rows, numbers = in_content_order(rows, labels)
        layers = np.empty((len(labels), MAX_LAYERS), dtype=np.intp)
        broader = broader_layers(rows, numbers, weights[order], relate)
        broader = broader[len(finer) + 1 - MAX_LAYERS :]
        for place, layer in enumerate(broader):
            layers[order, place] = layer
        for place, layer in enumerate([labels, *finer], len(broader)):
            layers[:, place] = np.unique(layer, return_inverse=True)[1]
        layers = layers[:, : len(broader) + 1 + len(finer)]
        return self._numbered_layers(layers[copy_of]), len(broader)

    def _core_points(self) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
        """Return the core points without copies.

        Their rows, the first core sample that each is, the point that each core sample
        is, and positive weights. Copies of sparse rows stay.
        """
        rows = self._space.features(self.components_)
        weights = self._weights[self.core_sample_indices_].clip(_LEAST_WEIGHT)
        if self._space.is_unmerged:
            first = copy_of = np.arange(rows.shape[0])
        else:
            first, copy_of = unique_rows(rows)
        return rows[first], first, copy_of, np.bincount(copy_of, weights)

    def _finer_parts(
        self, core_labels: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the parts of the clusters at finer layers; none without a tree."""
        if not hasattr(self, "reachability_"):
            return []
        labels = np.full(len(self._X), -1, dtype=np.intp)
        labels[self.core_sample_indices_] = core_labels
        rows, _ = self._space.rows(self._X[self.reachability_rows_])
        labels = labels[self.reachability_rows_]
        return finer_layers(self.reachability_, self._radii_tried(), rows, labels)

    def _radii_tried(self) -> list[float]:
        return [self._space.radius(eps) for eps in self.eps_path_["eps"]]

    def _numbered_layers(self, layers: np.ndarray) -> np.ndarray:
        """Number each layer of the core points by the weight of all its rows."""
        found = self._nearest_core(self._fitted_rows(), self._space.radius(self.eps_))
        numbered = np.empty_like(layers)
        for place, layer in enumerate(layers.T):
            labels = renumbered(np.append(layer, -1)[found], self._weights)
            numbered[:, place] = labels[self.core_sample_indices_]
        return numbered

    @property
    def _layer_of_labels(self) -> str | int:
        """The layer at `fit`; files of earlier versions do not have it."""
        return self.__dict__.get("_fitted_layer", _BEST)

    def _place_of(self, layer: str | int) -> int:
        """Return the place of a layer among all."""
        layers, best = self._core_layers()
        last = layers.shape[1] - 1
        places = {_BEST: best, _BROADEST: 0, _FINEST: last}
        return places[layer] if isinstance(layer, str) else min(layer, last)

    def _relabel(self, core_labels: np.ndarray, place: int) -> dict[int, int]:
        """Change the clusters of the core points at one layer; all rows follow.

        Parameters
        ----------
        core_labels : ndarray of shape (n_core,), intp
            Not negative; renumbered by decreasing weight.

        place : int
            The layer. The others stay nested: finer ones are intersected with it.

        Returns
        -------
        new_labels : dict of int to int
            The new number of each label.
        """
        layers, own = self._core_layers()[0], self.layer_
        found = self._nearest_core(self._fitted_rows(), self._space.radius(self.eps_))
        # Copies of a core point are one point: they take the label of the first copy.
        core_labels = core_labels[found[self.core_sample_indices_]]
        layers = nested_around(layers, place, core_labels)
        self._best_place = self._core_layers()[1]
        self._chosen_layers = self._numbered_layers(layers)
        self._core_labels = self._chosen_layers[:, own].copy()
        self._cache.pop("membership", None)
        self._set_labels(np.append(self._core_labels, -1)[found])
        old, first = np.unique(core_labels, return_index=True)
        new = self._chosen_layers[first, place]
        return dict(zip(old.tolist(), new.tolist(), strict=True))

    def _carry_over(
        self, old: "DBSCAN", old_labels: np.ndarray, labels: np.ndarray
    ) -> Alignment:
        """Take ids and names from `old`, by two labels of the same rows."""
        names = getattr(old, "cluster_names_", None)
        ids = getattr(old, "cluster_ids_", None)
        n_old = max(
            int(old_labels.max(initial=-1)) + 1, len(() if ids is None else ids)
        )
        alignment = align_clusterings(
            old_labels,
            labels,
            old_names=names,
            new_names=None if old is self else getattr(self, "cluster_names_", None),
            old_ids=np.arange(n_old) if ids is None else ids,
            n_ids_given=getattr(old, "_n_ids_given", None),
            n_new_clusters=self.n_clusters_,
        )
        self.cluster_ids_, self._n_ids_given = alignment.ids, alignment.n_ids_given
        if names is not None or alignment.names:
            self.cluster_names_ = alignment.names
            if hasattr(self, "layer_names_"):
                self.layer_names_[self.layer_] = dict(alignment.names)
        return alignment

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.eps != "auto"
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags

    def __getstate__(self) -> dict:
        state = super().__getstate__()
        return {**state, "_cache": {}} if "_cache" in state else state


def _checksum(X: Any) -> int:
    parts = (X.data, X.indices, X.indptr) if issparse(X) else (X,)
    return sum(int(content_hashes(_as_rows(part)).sum()) for part in parts)


def _as_rows(values: np.ndarray) -> np.ndarray:
    rows = values if values.ndim == 2 else values[:, None]
    return rows if rows.dtype.kind == "f" else rows.astype(np.float64)
