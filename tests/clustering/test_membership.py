"""Membership: what predict says, in any batch; outlier scores and the third policy."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import pairwise_distances

from deepclust import DBSCAN
from deepclust.clustering import merge
from deepclust.clustering._membership import Membership

pytestmark = pytest.mark.filterwarnings(
    "ignore::deepclust.exceptions.ClusteringWarning"
)


def assert_follows(model, X):
    """The greatest of the memberships and the rest is the predicted cluster."""
    membership = model.predict_proba(X)
    labels = model.predict(X)
    assert membership.dtype == np.float32
    assert membership.shape == (len(X), model.n_clusters_)
    assert membership.min(initial=0) >= 0
    rest = 1 - membership.sum(axis=1, dtype=np.float64)
    assert rest.min() >= -1e-6
    all_parts = np.column_stack((membership, rest))
    noise = membership.shape[1]
    np.testing.assert_array_equal(
        all_parts.argmax(axis=1), np.where(labels < 0, noise, labels)
    )
    return membership


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    X = rng.integers(0, 8, (70, 2)) * 0.5 + 1
    if draw(st.booleans()):
        X = X + rng.normal(size=X.shape) * np.array([0.1, 2.0])
    model = DBSCAN(
        draw(st.sampled_from(["auto", 0.5])),
        min_samples=draw(st.sampled_from([2, 5])),
        metric=draw(st.sampled_from(["euclidean", "cosine", "manhattan"])),
        noise=draw(st.sampled_from(["keep", "nearest", 0.6])),
        layer=draw(st.sampled_from(["auto", "broad"])),
        n_jobs=1,
    )
    return model, X, rng


@settings(max_examples=25)
@given(problems())
def test_the_greatest_share_is_what_predict_says_in_any_batch(problem):
    model, X, rng = problem
    X[0] = 0
    model.fit(X)
    membership = assert_follows(model, X)
    far = np.vstack((X[:5] * 1e3, X[:5] + 0.3))
    assert_follows(model, far)
    for row in rng.integers(0, len(X), 3):
        np.testing.assert_array_equal(model.predict_proba(X[[row]])[0], membership[row])
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict_proba(X), membership)
    order = rng.permutation(len(X))
    np.testing.assert_array_equal(model.predict_proba(X[order]), membership[order])


def test_a_cluster_around_another_one():
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ring = 5 * np.column_stack((np.cos(angles), np.sin(angles)))
    X = np.vstack((ring, np.random.default_rng(0).normal(scale=0.3, size=(40, 2))))
    model = DBSCAN(1.0, min_samples=3).fit(X)
    assert model.n_clusters_ == 2
    assert_follows(model, X)


def test_the_mean_greatest_share_is_the_silhouette_and_does_not_depend_on_the_order():
    rng = np.random.default_rng(1)
    X = np.repeat(rng.normal(size=(5, 3)), 40, axis=0) + rng.normal(size=(200, 3)) * 0.3
    labels = np.repeat(np.arange(5), 40)
    membership = Membership.of(X, labels)
    to_means = pairwise_distances(X, membership.means)
    own = to_means[np.arange(200), labels]
    to_means[np.arange(200), labels] = np.inf
    other = to_means.min(axis=1)
    silhouette = np.mean((other - own) / np.maximum(own, other))
    nearest = pairwise_distances(X, membership.means).argmin(axis=1)
    shares = membership(X, nearest, np.zeros(200))
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert shares.max(axis=1).mean() == pytest.approx(silhouette, abs=0.01)
    order = rng.permutation(200)
    again = Membership.of(X[order], labels[order])
    assert again.temperature == pytest.approx(membership.temperature, rel=1e-9)
    np.testing.assert_array_equal(again.means, membership.means)


def test_means_that_coincide():
    X = np.array([[-1.0], [1.0], [0.0], [0.0]])
    membership = Membership.of(X, np.array([0, 0, 1, 1]))
    shares = membership(X, np.array([0, 0, 1, 1]), np.zeros(4))
    np.testing.assert_allclose(shares, 0.5, atol=0.01)


def test_rows_that_coincide_and_rows_at_a_mean_distance_of_1():
    labels = np.array([0, 0, 1, 1])
    same = Membership.of(np.zeros((4, 2)), labels)
    assert same.temperature == 1
    shares = same(np.zeros((4, 2)), labels, np.zeros(4))
    np.testing.assert_allclose(shares, 0.5, atol=0.01)
    X = np.array([[0.0], [0.0], [np.sqrt(2)], [np.sqrt(2)]])
    assert Membership.of(X, labels).temperature < 0.1  # they are wide apart


def test_membership_follows_an_edit():
    X = np.repeat([0.0, 1.0, 10.0, 11.0, 30.0, 31.0], 4)[:, None]
    model = DBSCAN(2, min_samples=2).fit(X)
    assert model.predict_proba(X).shape == (24, 3)
    merge(model, [0, 2])
    assert assert_follows(model, X).shape == (24, 2)


@pytest.mark.parametrize("sparse", [False, True])
def test_distances_and_sparse_rows_have_one_layer(sparse):
    X = np.repeat([[1.0, 1.0], [9.0, 1.0], [1.0, 9.0]], 4, axis=0)
    rows, metric = pairwise_distances(X), "precomputed"
    if sparse:
        rows, metric = csr_array(X), "euclidean"
    model = DBSCAN(0.5, min_samples=3, metric=metric, layer="broad").fit(rows)
    assert model.n_clusters_ == 3
    np.testing.assert_array_equal(model.layers_, model.labels_[:, None])
    np.testing.assert_array_equal(model.predict_layers(rows), model.layers_)
    with pytest.raises(ValueError, match=r"predict_proba (needs dense|does not take)"):
        model.predict_proba(rows)
    if sparse:
        np.testing.assert_array_equal(model.outlier_scores_, np.zeros(12))
        return
    with pytest.raises(ValueError, match="outlier_scores_ needs dense rows"):
        _ = model.outlier_scores_


def test_no_cluster_and_no_row():
    X = np.arange(4.0)[:, None]
    model = DBSCAN(0.1, min_samples=2).fit(X)
    assert model.predict_proba(X).shape == (4, 0)
    np.testing.assert_array_equal(model.outlier_scores_, np.ones(4))
    model = DBSCAN(1.0, min_samples=2).fit(X)
    assert model.predict_proba(np.empty((0, 1))).shape == (0, 1)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_outlier_scores_are_distances_to_the_core_points(metric):
    X = np.random.default_rng(2).normal(size=(80, 3))
    X[7] = 0 if metric == "cosine" else X[7]
    eps = {"euclidean": 0.7, "cosine": 0.05, "manhattan": 1.0}[metric]
    model = DBSCAN(eps, min_samples=4, metric=metric).fit(X)
    distances = pairwise_distances(X, model.components_, metric=metric).min(axis=1)
    distances[7] = np.inf if metric == "cosine" else distances[7]
    scores = model.outlier_scores_
    np.testing.assert_allclose(scores, 1 - eps / (eps + distances), atol=1e-7)
    np.testing.assert_allclose(scores[model.core_sample_indices_], 0, atol=1e-12)
    assert (scores[model.labels_ < 0] > 0.5).all()
    assert (model.labels_ < 0).any()


def test_noise_up_to_an_outlier_score():
    X = np.random.default_rng(3).normal(size=(120, 3))
    kept = DBSCAN(0.6, min_samples=4).fit(X)
    scores = kept.outlier_scores_
    assert (kept.labels_ < 0).any()
    for limit in (0.5, 0.6, 0.7):
        model = DBSCAN(0.6, min_samples=4, noise=limit).fit(X)
        np.testing.assert_array_equal(model.labels_ < 0, scores > limit)
        np.testing.assert_array_equal(model.predict(X), model.labels_)
        np.testing.assert_array_equal(
            kept.set_params(noise=limit).predict(X), model.labels_
        )
    with pytest.raises(ValueError, match="'noise' parameter"):
        DBSCAN(noise=0.4).fit(X)


@pytest.mark.parametrize("noise", ["keep", "nearest", 0.6])
@pytest.mark.parametrize("layer", ["auto", "broad"])
def test_one_search_finds_what_the_methods_do(noise, layer, monkeypatch):
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(6, 3)) * 3, 40, axis=0)
    X += rng.normal(size=X.shape) * 0.2
    new = np.vstack((X[::7], rng.normal(size=(60, 3)) * 4))
    model = DBSCAN(0.5, min_samples=4, noise=noise, layer=layer).fit(X)
    monkeypatch.setattr("deepclust.clustering._dbscan._ASSIGNED_ROWS", 17)

    found = model.assign(new)

    labels, membership = model.predict(new), model.predict_proba(new)
    noise_share = np.clip(1 - membership.sum(axis=1, keepdims=True), 0, 1)
    shares = np.hstack((membership, noise_share))
    np.testing.assert_array_equal(found["cluster"], labels)
    np.testing.assert_array_equal(
        found["membership"], shares[np.arange(len(new)), labels]
    )
    np.testing.assert_array_equal(found["layers"], model.predict_layers(new))
    model.set_params(noise="nearest")
    np.testing.assert_array_equal(found["nearest"], model.predict(new))
    assert model.assign(X[:0])["layers"].shape == (0, model.layers_.shape[1])
