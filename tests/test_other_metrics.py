"""Metrics that scikit-learn searches by: its core points, one border rule for all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN as ReferenceDBSCAN
from sklearn.metrics import pairwise_distances

from deepclust import DBSCAN
from deepclust.other_metrics import NeighborSearch
from deepclust.partition import Points

pytestmark = pytest.mark.filterwarnings(
    "ignore::deepclust.exceptions.ClusteringWarning"
)


def halved(a, b):
    """Half the largest difference."""
    return float(np.abs(a - b).max()) / 2


METRICS = [
    ("manhattan", None),
    ("chebyshev", None),
    ("haversine", None),
    ("canberra", None),
    ("correlation", None),
    ("minkowski", {"p": 3}),
    ("seuclidean", {"V": np.array([1.0, 4.0, 0.25])}),
    (halved, None),
]


def rows_for(metric, n_rows=300, seed=0):
    rng = np.random.default_rng(seed)
    width = 2 if metric == "haversine" else 3
    centres = rng.uniform(-1.2, 1.2, (5, width))
    X = centres[rng.integers(0, 5, n_rows)] + rng.normal(0, 0.1, (n_rows, width))
    X[::9] = X[0]
    return X


@pytest.mark.parametrize(
    ("metric", "params"), METRICS, ids=lambda value: str(value)[:9]
)
def test_labels_equal_scikit_learn(metric, params):
    X = rows_for(metric)
    distances = pairwise_distances(X, metric=metric, **(params or {}))
    for share, min_samples in ((0.01, 3), (0.04, 8)):
        eps = float(np.quantile(distances[distances > 0], share))
        model = DBSCAN(
            eps, min_samples=min_samples, metric=metric, metric_params=params
        ).fit(X)
        expected = ReferenceDBSCAN(
            eps=eps, min_samples=min_samples, metric=metric, metric_params=params
        ).fit(X)
        core = expected.core_sample_indices_
        np.testing.assert_array_equal(model.core_sample_indices_, core)
        np.testing.assert_array_equal(model.labels_ == -1, expected.labels_ == -1)
        pairs = set(zip(model.labels_[core], expected.labels_[core], strict=True))
        assert len(pairs) == model.n_clusters_ == expected.labels_.max() + 1
        np.testing.assert_array_equal(model.predict(X), model.labels_)
        single = [model.predict(row[None])[0] for row in X[:20]]
        np.testing.assert_array_equal(single, model.labels_[:20])


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["manhattan", "chebyshev"]))
def test_ties_weights_batches_and_blocks(seed, metric):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 7, (60, 2)).astype(np.float64)
    weights = rng.integers(0, 4, 60).astype(np.float64)
    model = DBSCAN(1.0, min_samples=6, metric=metric).fit(X, sample_weight=weights)
    expected = ReferenceDBSCAN(eps=1.0, min_samples=6, metric=metric)
    expected.fit(X, sample_weight=weights)
    core = expected.core_sample_indices_
    np.testing.assert_array_equal(model.core_sample_indices_, core)
    np.testing.assert_array_equal(model.labels_ == -1, expected.labels_ == -1)
    distances = pairwise_distances(X, X[core], metric=metric)
    for row in np.flatnonzero(model.labels_ >= 0):
        if row not in core:  # the nearest core point, the lowest of equally near ones
            assert model.labels_[row] == model.labels_[core[distances[row].argmin()]]
    batches = DBSCAN(1.0, min_samples=6, metric=metric)
    for part in (slice(0, 10), slice(10, 35), slice(35, 60)):
        batches.partial_fit(X[part], sample_weight=weights[part])
    np.testing.assert_array_equal(batches.labels_, model.labels_)
    search = NeighborSearch(
        Points(np.unique(X, axis=0), weights, 7, None), metric, None
    )
    wide = NeighborSearch(
        Points(np.unique(X, axis=0), weights, 999, None), metric, None
    )
    np.testing.assert_array_equal(search.nearest(X + 0.5), wide.nearest(X + 0.5))
    for one, other in zip(
        search.density_clusters(1, 4), wide.density_clusters(1, 4), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_nearest_leaves_no_noise():
    X = rows_for("manhattan")
    model = DBSCAN(0.1, min_samples=6, metric="manhattan").fit(X)
    assert (model.labels_ == -1).any()
    full = DBSCAN(0.1, min_samples=6, metric="manhattan", noise="nearest").fit(X)
    assert (full.labels_ >= 0).all()
    np.testing.assert_array_equal(full.predict(X), full.labels_)
    distances = pairwise_distances(X, full.components_, metric="manhattan")
    core_labels = full.labels_[full.core_sample_indices_]
    np.testing.assert_array_equal(full.labels_, core_labels[distances.argmin(axis=1)])


def test_another_eps_is_computed_anew():
    X = rows_for("manhattan")
    model = DBSCAN(0.1, min_samples=6, metric="manhattan").fit(X)
    again = DBSCAN(0.2, min_samples=6, metric="manhattan").fit(X)
    np.testing.assert_array_equal(model.at(0.2).labels_, again.labels_)


def test_names_of_the_metrics_that_are_computed_here():
    X = rows_for("manhattan")
    euclidean = DBSCAN(0.2, min_samples=6).fit(X)
    for metric in ("l2", "euclidean"):
        found = DBSCAN(0.2, min_samples=6, metric=metric).fit(X).labels_
        np.testing.assert_array_equal(found, euclidean.labels_)


def test_auto_needs_a_metric_of_ours():
    with pytest.raises(ValueError, match="Give a number for eps"):
        DBSCAN(metric="manhattan").fit(rows_for("manhattan"))


def test_precomputed_distances_are_refused():
    with pytest.raises(ValueError, match="'metric' parameter of DBSCAN must be"):
        DBSCAN(0.2, metric="precomputed").fit(np.eye(3))
