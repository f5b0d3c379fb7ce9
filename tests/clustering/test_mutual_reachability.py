"""The density hierarchy: the least spanning tree, and DBSCAN's labels at every cut."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.base import clone
from sklearn.cluster import DBSCAN as ReferenceDBSCAN
from sklearn.metrics import adjusted_rand_score, pairwise_distances

from deepclust import DBSCAN
from deepclust.clustering._eps_selection import best_cut, cuts_near, eps_path
from deepclust.clustering._mutual_reachability import reachability_trees
from deepclust.clustering._unique_rows import Points

CASES = [(2, 1, 1), (5, 2, 3), (60, 2, 4), (700, 1, 3), (900, 3, 12), (900, 30, 10)]


def blobs(n_rows, n_features, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 4, (6, n_features))[rng.integers(0, 6, n_rows)]
    return X + rng.choice([0.2, 1.0], (n_rows, 1)) * rng.standard_normal(X.shape)


def tree_of(X, min_samples, weights=None):
    weights = np.ones(len(X)) if weights is None else weights.astype(float)
    return reachability_trees(Points(X, weights, 2**16), [min_samples])[0]


@pytest.mark.parametrize(("n_rows", "n_features", "min_samples"), CASES)
def test_tree_is_the_least_one(n_rows, n_features, min_samples):
    X = blobs(n_rows, n_features)
    tree = tree_of(X, min_samples)
    distances = np.sqrt(np.square(X[:, None] - X[None]).sum(axis=2))
    core = np.sort(distances, axis=1)[:, min_samples - 1]
    np.testing.assert_allclose(tree.core_distances, core, rtol=1e-12)
    reach = np.maximum(np.maximum(distances, core[:, None]), core)
    np.fill_diagonal(reach, 0)
    expected = np.sort(minimum_spanning_tree(reach).data)
    np.testing.assert_allclose(tree.heights, expected, rtol=1e-12)
    edges = reach[tree.edges[:, 0], tree.edges[:, 1]]
    np.testing.assert_allclose(tree.heights, edges, rtol=1e-12)


def test_many_candidates_are_folded_in(monkeypatch):
    X = blobs(800, 3)
    expected = tree_of(X, 5).heights
    monkeypatch.setattr(
        "deepclust.clustering._mutual_reachability._CANDIDATES_A_POINT", 0
    )
    monkeypatch.setattr("deepclust.clustering._mutual_reachability._JOINING_POINTS", 1)
    monkeypatch.setattr(
        "deepclust.clustering._mutual_reachability._MAX_ROWS_AT_A_TIME", 64
    )
    np.testing.assert_array_equal(tree_of(X, 5).heights, expected)


@pytest.mark.parametrize(("n_rows", "n_features", "min_samples"), CASES[2:])
@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
def test_every_cut_is_dbscan(n_rows, n_features, min_samples):
    X = blobs(n_rows, n_features, seed=1)
    tree = tree_of(X, min_samples)
    steps = np.quantile(tree.core_distances, [0.05, 0.3, 0.6, 0.9]) * (1 + 1e-9)
    for eps in steps:
        labels = tree.cut(eps)
        expected = ReferenceDBSCAN(
            eps=eps, min_samples=min_samples, algorithm="ball_tree"
        ).fit(X)
        core = expected.core_sample_indices_
        np.testing.assert_array_equal(labels < 0, expected.labels_ < 0)
        assert adjusted_rand_score(labels[core], expected.labels_[core]) == 1
        assert tree.n_clusters(eps) == expected.labels_.max() + 1
        assert tree.coverage(eps) == pytest.approx(np.mean(labels >= 0))
        model = DBSCAN(eps, min_samples=min_samples).fit(X)
        assert adjusted_rand_score(model.labels_, labels) == 1


def test_weights_stand_for_copies():
    X = blobs(200, 2)
    weights = np.random.default_rng(2).integers(1, 5, 200)
    tree = tree_of(X, 9, weights)
    rows = np.repeat(np.arange(200), weights)
    for eps in (0.3, 0.6, 1.0):
        expected = ReferenceDBSCAN(eps=eps, min_samples=9).fit_predict(X[rows])
        np.testing.assert_array_equal(tree.cut(eps)[rows] < 0, expected < 0)
        assert tree.n_clusters(eps) == expected.max() + 1
        assert tree.coverage(eps) == pytest.approx(np.mean(expected >= 0))


def test_chosen_cut_finds_the_groups():
    rng = np.random.default_rng(3)
    for k, size in ((2, 400), (15, 60), (60, 25)):
        centers = rng.standard_normal((k, 16))
        y = np.repeat(np.arange(k), size)
        X = centers[y] + 0.15 * rng.standard_normal((len(y), 16))
        X[::12] = rng.standard_normal((len(X[::12]), 16))
        y[::12] = -1
        model = DBSCAN().fit(X)
        assert model.n_clusters_ == k
        grouped = y >= 0
        assert adjusted_rand_score(y[grouped], model.labels_[grouped]) > 0.98


def test_path_is_what_the_estimator_finds():
    X = blobs(600, 4, seed=4)
    model = DBSCAN(min_samples=6).fit(X)
    path = model.eps_path_
    assert path["eps"].is_monotonic_increasing
    assert {"n_clusters", "coverage", "silhouette"} < set(path.columns)
    chosen = path[path["eps"] == model.eps_].iloc[0]
    assert chosen["silhouette"] == path["silhouette"].max()
    assert chosen["silhouette"] == pytest.approx(model.score(X), abs=1e-9)
    for _, row in path.iloc[::9].iterrows():
        again = DBSCAN(row["eps"], min_samples=6).fit(X)
        assert again.n_clusters_ == row["n_clusters"]
        assert 1 - again.noise_fraction_ == pytest.approx(row["coverage"])


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_number_of_clusters_asked_for(k):
    X = blobs(700, 3, seed=5)
    tree = tree_of(X, 6)
    every = np.unique(np.concatenate((tree.core_distances, tree.heights)))
    least = np.abs(tree.n_clusters(every * (1 + 1e-12)) - k).min()
    model = DBSCAN(min_samples=6, n_clusters=k).fit(X)
    assert abs(model.n_clusters_ - k) == least
    assert (np.abs(tree.n_clusters(cuts_near(tree, k)) - k) == least).all()


def test_nothing_to_choose_from():
    tree = tree_of(np.array([[0.0], [1.0]]), 5)
    path = eps_path(tree, Points(np.array([[0.0], [1.0]]), np.ones(2)))
    assert len(path["eps"]) == 0
    assert best_cut([path]) == (0, 1.0)


def test_the_most_valid_cut_is_the_best():
    names = ("eps", "n_clusters", "coverage", "silhouette")

    def path(*rows):
        return dict(zip(names, np.array(rows).T, strict=True))

    few, many, wide = (3.0, 4, 0.7, 0.70), (2.0, 8, 0.8, 0.71), (1.0, 8, 0.9, 0.71)
    assert best_cut([path(many, few)]) == (0, 2.0)
    assert best_cut([path(few), path(many)]) == (1, 2.0)
    assert best_cut([path(many, wide)]) == (0, 1.0)
    assert best_cut([path(few, many)], n_clusters=5) == (0, 3.0)


def test_sample_of_many_rows_gives_an_eps_for_all(monkeypatch):
    X = blobs(3000, 8, seed=6)
    whole = DBSCAN().fit(X)
    monkeypatch.setattr("deepclust.clustering._eps_selection.TREE_ROWS", 1000)
    sampled = DBSCAN().fit(X)
    assert sampled.n_clusters_ == whole.n_clusters_
    assert adjusted_rand_score(sampled.labels_, whole.labels_) > 0.9
    shuffled = DBSCAN().fit(X[::-1])
    assert shuffled.eps_ == pytest.approx(sampled.eps_, rel=1e-6)


def test_radii_tried_on_all_rows_count_the_clusters_that_a_fit_finds(monkeypatch):
    X = blobs(3000, 8, seed=6)
    seen = []

    def noted(paths, n_clusters=None):
        seen.append(paths)
        return best_cut(paths, n_clusters)

    monkeypatch.setattr("deepclust.clustering._eps_selection.TREE_ROWS", 1000)
    monkeypatch.setattr("deepclust.clustering._eps_selection.best_cut", noted)
    model = DBSCAN().fit(X)
    ((path,),) = seen[1:]
    for eps, n_clusters in zip(path["eps"], path["n_clusters"], strict=True):
        fitted = DBSCAN(eps=eps, min_samples=model.min_samples_).fit(X)
        assert fitted.n_clusters_ == n_clusters


# Cuts of a fitted model ---------------------------------------------------------------


def assert_same_model(cut, fitted):
    np.testing.assert_array_equal(cut.labels_, fitted.labels_)
    core = fitted.core_sample_indices_
    np.testing.assert_array_equal(cut.core_sample_indices_, core)
    np.testing.assert_array_equal(cut.components_, fitted.components_)
    assert cut.get_params() == fitted.get_params()
    assert (cut.eps_, cut.n_clusters_) == (fitted.eps_, fitted.n_clusters_)
    assert cut.noise_fraction_ == fitted.noise_fraction_


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.sampled_from(["euclidean", "cosine"]),
    st.sampled_from(["keep", "nearest"]),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
def test_cut_equals_a_fit_with_that_eps(seed, min_samples, metric, noise, weighted):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, (60, 3)) * 0.1
    weights = rng.integers(1, 4, 60).astype(float) if weighted else None
    model = DBSCAN(min_samples=min_samples, metric=metric, noise=noise)
    model.fit(X, sample_weight=weights)
    steps = rng.choice(pairwise_distances(X, metric=metric).ravel(), 4)
    for eps in steps[steps > 1e-9]:  # each of them a distance: all ties are there
        cut = model.cut(eps)
        fitted = clone(model).set_params(eps=eps)
        assert_same_model(cut, fitted.fit(X, sample_weight=weights))
        np.testing.assert_array_equal(cut.predict(X), fitted.predict(X))
    again = cut.cut(model.eps_)
    np.testing.assert_array_equal(again.labels_, model.labels_)


def test_cut_takes_the_tree_and_asks_for_no_distance(monkeypatch):
    X = blobs(900, 8, seed=7)
    model = DBSCAN().fit(X)
    expected = DBSCAN(1.3 * model.eps_, min_samples=model.min_samples_).fit(X)
    for name in ("density_clusters", "CellIndex"):
        monkeypatch.setattr(f"deepclust.clustering._metric_space.{name}", None)
    assert_same_model(model.cut(1.3 * model.eps_), expected)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("rows", [5000, 500])
def test_cut_a_number_of_clusters_is_what_fit_chooses(k, rows, monkeypatch):
    monkeypatch.setattr("deepclust.clustering._eps_selection.TREE_ROWS", rows)
    X = blobs(1000, 4, seed=8)
    model = DBSCAN(min_samples=12).fit(X)
    asked = DBSCAN(min_samples=12, n_clusters=k).fit(X)
    assert model.cut(n_clusters=k).eps_ == asked.eps_
    np.testing.assert_array_equal(model.cut(n_clusters=k).labels_, asked.labels_)


def test_cut_where_the_tree_is_of_a_sample_or_weights_are_small(monkeypatch):
    X = blobs(1000, 4, seed=9)
    weights = np.full(1000, 0.5)
    for limit, given_weights in ((400, None), (5000, weights)):
        monkeypatch.setattr("deepclust.clustering._eps_selection.TREE_ROWS", limit)
        model = DBSCAN(min_samples=10).fit(X, sample_weight=given_weights)
        eps = 1.2 * model.eps_
        fitted = DBSCAN(eps, min_samples=10).fit(X, sample_weight=given_weights)
        assert_same_model(model.cut(eps), fitted)


def test_cut_after_loading_and_after_partial_fit():
    X = blobs(400, 3, seed=10)
    model = pickle.loads(pickle.dumps(DBSCAN(min_samples=6).fit(X)))
    assert_same_model(model.cut(0.7), DBSCAN(0.7, min_samples=6).fit(X))
    model.partial_fit(X[:50] + 0.5)
    both = np.concatenate((X, X[:50] + 0.5))
    assert_same_model(model.cut(0.7), DBSCAN(0.7, min_samples=6).fit(both))
    with pytest.raises(ValueError, match="needs the hierarchy"):
        model.cut(n_clusters=3)


def test_cut_takes_one_of_two():
    model = DBSCAN(min_samples=3).fit(blobs(50, 2))
    for arguments in ({}, {"eps": 0.5, "n_clusters": 3}):
        with pytest.raises(ValueError, match="either eps or n_clusters"):
            model.cut(**arguments)
    with pytest.raises(ValueError, match="'eps' parameter"):
        model.cut(-1.0)


def test_tree_of_a_fitted_model_names_its_rows():
    X = blobs(300, 3, seed=11)
    X[100:150] = X[:50]
    model = DBSCAN(min_samples=5).fit(X)
    tree, rows = model.reachability_, model.reachability_rows_
    assert len(rows) == len(tree.weights) == 250
    assert tree.weights.sum() == 300
    ends = X[rows[tree.edges]]
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    assert (tree.heights >= lengths * (1 - 1e-12)).all()
    model.set_params(eps=1.0).fit(X)
    for name in ("reachability_", "reachability_rows_", "eps_path_"):
        assert not hasattr(model, name)
