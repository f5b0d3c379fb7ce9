"""Metrics that scikit-learn searches by: its core points, one border rule for all."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, issparse
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.cluster import DBSCAN as ReferenceDBSCAN
from sklearn.metrics import adjusted_rand_score, pairwise_distances

from deepclust import DBSCAN
from deepclust.clustering._any_metric import NeighborSearch
from deepclust.clustering._metric_space import MetricSpace
from deepclust.clustering._unique_rows import Points

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
    centers = rng.uniform(-1.2, 1.2, (5, width))
    X = centers[rng.integers(0, 5, n_rows)] + rng.normal(0, 0.1, (n_rows, width))
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


def power(a, b, p=1):
    """The Minkowski distance of order p."""
    return float((np.abs(a - b) ** p).sum() ** (1 / p))


@pytest.mark.parametrize("metric", [power, "p"], ids=["function", "p"])
@pytest.mark.parametrize("eps", [0.1, "auto"])
def test_the_parameter_p_of_another_metric_than_minkowski(metric, eps):
    X = rows_for(metric, 120)
    expected = DBSCAN(eps, metric="minkowski", metric_params={"p": 3}).fit(X)
    found = DBSCAN(eps, metric=metric, metric_params={"p": 3}).fit(X)
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    np.testing.assert_array_equal(found.predict(X + 0.05), expected.predict(X + 0.05))
    other = DBSCAN(found.eps_, metric=metric, metric_params={"p": 1}).fit(X)
    assert not np.array_equal(other.labels_, found.labels_)


def test_a_metric_without_p_refuses_it():
    with pytest.raises(TypeError, match="'p'"):
        DBSCAN(0.1, metric="manhattan", metric_params={"p": 3}).fit(rows_for("", 60))


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
    search = NeighborSearch(Points(np.unique(X, axis=0), weights, 7), metric)
    wide = NeighborSearch(Points(np.unique(X, axis=0), weights, 999), metric)
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
    np.testing.assert_array_equal(model.cut(0.2).labels_, again.labels_)


def test_names_of_the_metrics_that_are_computed_here():
    X = rows_for("manhattan")
    euclidean = DBSCAN(0.2, min_samples=6).fit(X)
    for metric in ("l2", "euclidean"):
        found = DBSCAN(0.2, min_samples=6, metric=metric).fit(X).labels_
        np.testing.assert_array_equal(found, euclidean.labels_)


@pytest.mark.parametrize(
    ("metric", "params"), METRICS, ids=lambda value: str(value)[:9]
)
@pytest.mark.parametrize("block", [7, 2**16])
def test_tree_is_the_least_one(metric, params, block):
    X = np.unique(rows_for(metric, n_rows=90), axis=0)
    weights = np.random.default_rng(1).integers(1, 3, len(X)).astype(float)
    points = Points(X, weights, block)
    tree, wide = MetricSpace(metric, params).trees(points, [4, 30])
    distances = pairwise_distances(X, metric=metric, **(params or {}))
    np.fill_diagonal(distances, 0)
    order = np.argsort(distances, axis=1, kind="stable")
    met = np.cumsum(weights[order], axis=1) >= 4
    core = np.sort(distances, axis=1)[np.arange(len(X)), met.argmax(axis=1)]
    np.testing.assert_allclose(tree.core_distances, core, rtol=1e-12)
    reach = np.maximum(np.maximum(distances, core[:, None]), core)
    np.fill_diagonal(reach, 0)
    expected = np.sort(minimum_spanning_tree(reach).data)
    np.testing.assert_allclose(tree.heights, expected, rtol=1e-12)
    assert wide.heights.sum() > tree.heights.sum()


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev", "canberra"])
def test_every_cut_is_dbscan(metric):
    X = rows_for(metric)
    model = DBSCAN(min_samples=6, metric=metric).fit(X)
    assert model.n_clusters_ > 1
    tree = model.reachability_
    assert len(tree.weights) == len(np.unique(X, axis=0))
    for _, cut in model.eps_path_.iloc[::7].iterrows():
        found = DBSCAN(cut["eps"], min_samples=6, metric=metric).fit(X)
        assert found.n_clusters_ == cut["n_clusters"] == tree.n_clusters(cut["eps"])
        assert 1 - found.noise_fraction_ == pytest.approx(cut["coverage"])
        again = model.cut(cut["eps"])
        np.testing.assert_array_equal(again.labels_, found.labels_)
        points = tree.cut(cut["eps"])
        labels = found.labels_[model.reachability_rows_]
        np.testing.assert_array_equal(points < 0, labels < 0)
        assert adjusted_rand_score(points, labels) == 1


@pytest.mark.parametrize("most", [5000, 250])
def test_auto_finds_the_groups_by_another_metric(most, monkeypatch):
    monkeypatch.setattr(
        "deepclust.clustering._eps_selection.TREE_ROWS_OF_ANY_METRIC", most
    )
    rng = np.random.default_rng(2)
    y = rng.integers(0, 4, 600)
    X = rng.uniform(-5, 5, (4, 6))[y] + rng.laplace(0, 0.2, (600, 6))
    model = DBSCAN(metric="manhattan").fit(X)
    assert model.n_clusters_ == 4
    kept = model.labels_ >= 0
    assert kept.mean() > 0.9
    assert adjusted_rand_score(y[kept], model.labels_[kept]) > 0.98
    assert len(model.reachability_.weights) == min(most, 600)
    backwards = DBSCAN(metric="manhattan").fit(X[::-1])
    assert backwards.eps_ == model.eps_
    if most >= len(X):
        assert model.cut(n_clusters=2).n_clusters_ == 2
        asked = DBSCAN(metric="manhattan", n_clusters=2).fit(X)
        assert asked.n_clusters_ == 2
    assert model.cut(n_clusters=4).n_clusters_ == 4


def test_no_radius_is_enough_for_a_core_point():
    X = rows_for("manhattan", n_rows=5)
    model = DBSCAN(min_samples=50, metric="manhattan").fit(X)
    assert (model.labels_ == -1).all()
    assert not len(model.reachability_.heights)


def test_sets_and_names_that_only_the_search_knows():
    rng = np.random.default_rng(3)
    sets = rng.random((120, 12)) < np.repeat([[0.1], [0.9]], 60, axis=0)
    rows = np.unique(sets, axis=0).astype(float)
    points = Points(rows, np.ones(len(rows)))
    for metric in ("jaccard", "sokalmichener"):
        tree = MetricSpace(metric, None).trees(points, [5])[0]
        labels = tree.cut(0.5)
        dense = rows.mean(axis=1) > 0.5
        assert (labels[dense] == labels[dense][0]).all()
        assert labels[dense][0] >= 0
    one = MetricSpace("infinity", None).trees(points, [5])[0]
    other = MetricSpace("chebyshev", None).trees(points, [5])[0]
    np.testing.assert_array_equal(one.heights, other.heights)


@pytest.mark.parametrize("eps", [1.0, "auto"])
@pytest.mark.parametrize("value", [np.nan, -1.0, -0.5])
def test_a_metric_that_returns_no_distance_is_refused(value, eps):
    with pytest.raises(ValueError, match=r"'metric' parameter .* Received: (nan|-)"):
        DBSCAN(eps, metric=lambda a, b: value).fit(rows_for("manhattan", 30))


@pytest.mark.parametrize("value", [np.nan, -1.0, None, "far"])
@pytest.mark.parametrize("eps", [0.1, "auto"])
def test_no_distance_for_a_few_pairs_is_refused_as_well(value, eps, capfd):
    """Where a tree of scikit-learn meets it, which would go on without."""
    X = np.random.default_rng(0).uniform(0, 10, (200, 2))

    def metric(a, b):
        return value if abs(a[0] - b[0]) > 4 else np.abs(a - b).sum()

    with pytest.raises(ValueError, match="'metric' parameter of DBSCAN must return"):
        DBSCAN(eps, metric=metric, min_samples=3).fit(X)

    assert capfd.readouterr().err == ""


def test_no_distance_and_errors_of_the_metric_at_predict():
    X = np.random.default_rng(0).uniform(0, 10, (200, 2))

    def metric(a, b):
        if max(a.max(), b.max()) > 1e6:
            raise KeyError("too far")
        return np.nan if max(a.max(), b.max()) > 100 else np.abs(a - b).sum()

    model = DBSCAN(0.5, metric=metric, min_samples=3).fit(X)
    labels = model.predict(X)
    with pytest.raises(ValueError, match="Received: nan"):
        model.predict(X + 200)
    with pytest.raises(KeyError, match="too far"):
        model.predict(X + 1e7)
    np.testing.assert_array_equal(model.predict(X), labels)


def test_a_metric_that_rounds_below_zero():
    X = rows_for("manhattan", 60)
    exact = DBSCAN(0.1, metric=halved, min_samples=3).fit(X)
    rounded = DBSCAN(
        0.1, min_samples=3, metric=lambda a, b: halved(a, b) - 1e-16 * (a == b).all()
    ).fit(X)

    np.testing.assert_array_equal(rounded.labels_, exact.labels_)


def graph_of(D):
    """Return a graph that stores every distance, also 0."""
    return csr_array((D.ravel(), np.indices(D.shape).reshape(2, -1)), shape=D.shape)


@pytest.mark.parametrize("kind", [np.asarray, graph_of])
def test_precomputed_distances(kind):
    X = rows_for("manhattan")
    D = pairwise_distances(X, metric="manhattan")
    weights = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    expected = DBSCAN(0.1, min_samples=6, metric="manhattan")
    expected.fit(X, sample_weight=weights)

    model = DBSCAN(0.1, min_samples=6, metric="precomputed")
    model.fit(kind(D), sample_weight=weights)

    core = expected.core_sample_indices_
    np.testing.assert_array_equal(model.core_sample_indices_, core)
    np.testing.assert_array_equal(model.labels_ < 0, expected.labels_ < 0)
    np.testing.assert_array_equal(model.labels_[core], expected.labels_[core])
    np.testing.assert_array_equal(model.predict(D), model.labels_)
    new = pairwise_distances(X[:50] + 0.01, X, metric="manhattan")
    found = model.predict(kind(new))
    np.testing.assert_array_equal(found < 0, expected.predict(X[:50] + 0.01) < 0)
    nearest = model.set_params(noise="nearest").predict(D)
    np.testing.assert_array_equal(nearest, model.labels_[core][D[:, core].argmin(1)])
    again = DBSCAN(0.2, min_samples=6, metric="precomputed").fit(
        kind(D), sample_weight=weights
    )
    np.testing.assert_array_equal(
        model.set_params(noise="keep").cut(0.2).labels_, again.labels_
    )
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(D), model.labels_)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_sparse_rows(metric):
    rng = np.random.default_rng(0)
    X = rng.random((150, 12)) * (rng.random((150, 12)) < 0.3)
    X[:60] = X[0] + 0.05 * rng.random((60, 12)) * (X[0] > 0)
    X[-1] = 0
    eps = 0.2 if metric == "cosine" else 0.3
    dense = DBSCAN(eps, min_samples=4, metric=metric).fit(X)

    model = DBSCAN(eps, min_samples=4, metric=metric).fit(csr_array(X))

    assert model.n_clusters_ > 0
    np.testing.assert_array_equal(model.labels_, dense.labels_)
    np.testing.assert_array_equal(model.predict(csr_array(X)), dense.labels_)
    np.testing.assert_array_equal(model.predict(X), dense.labels_)
    assert issparse(model.components_)
    shares = dense.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), shares, rtol=1e-4)
    with pytest.raises(ValueError, match=r"predict_proba .* X.toarray"):
        model.predict_proba(csr_array(X))
    np.testing.assert_array_equal(model.assign(X)["cluster"], dense.labels_)
    np.testing.assert_allclose(
        model.outlier_scores_[:-1], dense.outlier_scores_[:-1], atol=1e-7
    )


def test_what_needs_dense_rows_says_so():
    X = csr_array(np.eye(6))
    for model, rows in ((DBSCAN(), X), (DBSCAN(metric="precomputed"), np.eye(6))):
        with pytest.raises(ValueError, match='eps="auto" needs dense rows'):
            model.fit(rows)
    model = DBSCAN(2.0, min_samples=2).fit(X)
    for method in (model.partial_fit, model.score):
        with pytest.raises(ValueError, match="needs dense rows"):
            method(X)
    graph = DBSCAN(0.5, metric="precomputed")
    with pytest.raises(ValueError, match=r"shape \(n_rows, n_rows\)"):
        graph.fit(np.ones((3, 2)))
    with pytest.raises(ValueError, match="must hold distances"):
        graph.fit(-np.ones((3, 3)))


def test_given_distances_are_not_copied_nor_counted_as_memory():
    distances = np.zeros((1000, 1000))
    least = 1000 * (2 * 2 * 8 + 40) + 24 * 2**14
    model = DBSCAN(0.5, min_samples=3, metric="precomputed", n_jobs=1)
    model.set_params(memory_limit=least).fit(distances)
    with pytest.raises(MemoryError, match="1,000 rows of 0 features"):
        model.set_params(memory_limit=least - 1).fit(distances)
