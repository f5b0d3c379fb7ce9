"""Layers: nested, the same for fit and predict, none where there is no hierarchy."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from deepclust import DBSCAN
from deepclust.clustering import merge, rename, split
from deepclust.clustering._layers import MAX_LAYERS, MIN_RATIO, broader_layers

pytestmark = pytest.mark.filterwarnings(
    "ignore::deepclust.exceptions.ClusteringWarning"
)


def nested_blobs(shape=(3, 4), size=12, seed=0, noise=0.1):
    """Return rows in groups of groups, and the labels of every level."""
    rng = np.random.default_rng(seed)
    centers = np.zeros((1, 6))
    for level, n in enumerate(shape):
        spread = 60 / 6**level
        centers = np.repeat(centers, n, axis=0)
        centers = centers + spread * rng.normal(size=centers.shape)
    X = np.repeat(centers, size, axis=0)
    X = X + noise * rng.normal(size=X.shape)
    sizes = np.cumprod(shape)
    levels = [np.repeat(np.arange(n), len(X) // n) for n in sizes]
    return X, np.column_stack(levels)


def same_partition(a, b):
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len(set(a.tolist())) == len(set(b.tolist()))


def assert_nested(layers):
    """Each cluster lies in one cluster of the broader layer; noise is the same."""
    n_clusters = layers.max(axis=0, initial=-1) + 1
    for broad, fine in zip(layers.T[:-1], layers.T[1:], strict=True):
        np.testing.assert_array_equal(broad < 0, fine < 0)
        pairs = set(zip(broad.tolist(), fine.tolist(), strict=True))
        assert len({pair for pair in pairs if pair[1] >= 0}) == len(
            set(fine[fine >= 0])
        )
    return n_clusters


@st.composite
def models(draw):
    """Return an unfitted model and rows: nested groups, or a grid full of ties."""
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    if draw(st.booleans()):
        X = rng.integers(0, 7, (80, 2)) * 0.5 + 1
        X = X * np.where(rng.random(80) < 0.5, 1, 30)[:, None]
    else:
        X, _ = nested_blobs((2, 2, 3), 8, seed)
        X = np.vstack((X, X[::9], rng.uniform(-90, 90, (6, 6))))
    model = DBSCAN(
        draw(st.sampled_from(["auto", 0.6])),
        min_samples=draw(st.sampled_from([2, 4])),
        metric=draw(st.sampled_from(["euclidean", "manhattan"])),
        noise=draw(st.sampled_from(["keep", "nearest"])),
        layer=draw(st.sampled_from(["auto", "broad", "fine", 1])),
        n_clusters=draw(st.sampled_from([None, 2])),
        n_jobs=1,
    )
    return model, X, rng


@settings(max_examples=40)
@given(models())
def test_layers_are_nested_and_the_same_for_fit_and_predict(problem):
    model, X, rng = problem
    layers = model.fit(X).layers_
    assert layers.dtype == np.intp
    assert 1 <= layers.shape[1] <= MAX_LAYERS
    n_clusters = assert_nested(layers)
    assert (n_clusters[1:] > n_clusters[:-1]).all()
    np.testing.assert_array_equal(model.predict_layers(X), layers)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert any(np.array_equal(column, model.labels_) for column in layers.T)
    start = rng.integers(0, len(X))
    np.testing.assert_array_equal(model.predict_layers(X[start:]), layers[start:])
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.layers_, layers)


@settings(max_examples=25)
@given(models())
def test_the_order_of_the_rows_does_not_matter(problem):
    model, X, rng = problem
    order = rng.permutation(len(X))
    layers = clone(model).set_params(noise="keep").fit(X).layers_
    shuffled = clone(model).set_params(noise="keep").fit(X[order]).layers_
    core = model.fit(X).core_sample_indices_
    place = np.argsort(order)[core]  # border points between two clusters may differ
    assert layers.shape == shuffled.shape
    for one, other in zip(layers[core].T, shuffled[place].T, strict=True):
        assert same_partition(one, other)


@pytest.mark.parametrize("asked", [None, 3])
def test_groups_of_groups_are_found(asked):
    X, levels = nested_blobs()
    model = DBSCAN(min_samples=4, n_clusters=asked).fit(X)
    assert model.n_clusters_ == (asked or 12)
    for level in levels.T:
        assert any(same_partition(column, level) for column in model.layers_.T)


def test_layers_of_a_tree_of_a_sample(monkeypatch):
    monkeypatch.setattr("deepclust.clustering._eps_selection.TREE_ROWS", 150)
    X, levels = nested_blobs(size=40)
    model = DBSCAN(n_clusters=3, min_samples=8).fit(X)
    assert len(model.reachability_rows_) == 150
    assert_nested(model.layers_)
    assert same_partition(model.layers_[:, -1], levels[:, 1])


@pytest.mark.parametrize("most", [3, 4])
def test_of_too_many_layers_the_broadest_are_left_out(monkeypatch, most):
    X, _ = nested_blobs((3, 4, 4), size=6, noise=0.05)
    model = DBSCAN(2.0, min_samples=3).fit(X)
    expected = model.layers_
    assert expected.shape[1] > most

    monkeypatch.setattr("deepclust.clustering._dbscan.MAX_LAYERS", most)
    found = clone(model).fit(X).layers_

    np.testing.assert_array_equal(found, expected[:, -most:])


def test_clusters_at_equal_distances_have_no_broader_layer():
    corners = 5 * np.eye(6)
    X = np.repeat(corners, 5, axis=0)
    X[:, 0] += np.tile(np.linspace(0, 0.4, 5), 6)
    model = DBSCAN(0.2, min_samples=3).fit(X)
    assert model.n_clusters_ == 6
    np.testing.assert_array_equal(model.layers_, model.labels_[:, None])


def test_a_clear_gap_decides_the_number_and_else_it_is_three_fifths():
    alike = np.random.default_rng(0).normal(size=(20, 50))
    sizes = [len(np.unique(layer)) for layer in broader_layers(alike, np.arange(20))]
    assert sizes[-2:] == [7, 12]  # a little less than 3 / 5 of the layer below

    threes = 30 * np.arange(7.0)[:, None] + [0.0, 1.0, 2.5]
    sizes = [
        len(np.unique(layer))
        for layer in broader_layers(threes.reshape(-1, 1), np.arange(21))
    ]
    assert 7 in sizes


def test_a_far_cluster_is_no_layer():
    X = np.repeat([0.0, 1, 10, 11, 20, 21.5, 900], [20] * 6 + [3])[:, None]
    labels = np.unique(X, return_inverse=True)[1].ravel()
    shares = [np.bincount(layer).max() / len(X) for layer in broader_layers(X, labels)]
    assert shares
    assert max(shares) <= 0.9


def test_many_clusters_and_none():
    assert broader_layers(np.arange(2001.0)[:, None] ** 2, np.arange(2001)) == []
    model = DBSCAN(0.1, min_samples=3).fit(np.arange(5.0)[:, None])
    np.testing.assert_array_equal(model.layers_, np.full((5, 1), -1))
    assert model.predict_layers(np.empty((0, 1))).shape == (0, 1)


def test_layer_chooses_the_labels_at_fit_or_later():
    X, _ = nested_blobs()
    X = np.vstack((X, 500 + X[:3]))
    auto = DBSCAN(min_samples=4).fit(X)
    layers = auto.layers_
    last = layers.shape[1] - 1
    assert last >= 1
    assert (
        layers.max(axis=0)[1:] + 1 >= MIN_RATIO * (layers.max(axis=0)[:-1] + 1)
    ).all()
    for layer, place in (("broad", 0), ("fine", last), (0, 0), (1, 1), (5, last)):
        fitted = clone(auto).set_params(layer=layer).fit(X)
        np.testing.assert_array_equal(fitted.labels_, layers[:, place])
        np.testing.assert_array_equal(fitted.layers_, layers)
        assert fitted.n_clusters_ == layers[:, place].max() + 1
        later = clone(auto).fit(X).set_params(layer=layer)
        np.testing.assert_array_equal(later.predict(X), layers[:, place])
        back = fitted.set_params(layer="auto")
        np.testing.assert_array_equal(back.predict(X), auto.labels_)
    with pytest.raises(ValueError, match="'layer' parameter"):
        DBSCAN(layer="middle").fit(X)


@pytest.mark.parametrize("layer", ["auto", "broad", "fine"])
def test_an_edit_at_one_layer_keeps_all_nested(layer):
    X, _ = nested_blobs((2, 3, 3))
    model = DBSCAN(min_samples=4, layer=layer).fit(X)
    n_layers = model.layers_.shape[1]
    merge(model, [0, model.n_clusters_ - 1])
    split(model, 0, into=3)
    layers = model.layers_
    assert layers.shape[1] == n_layers
    assert_nested(layers)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert any(np.array_equal(column, model.labels_) for column in layers.T)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict_layers(X), layers)


def test_partial_fit_gives_the_layers_of_fit():
    X, _ = nested_blobs()
    order = np.random.default_rng(1).permutation(len(X))
    X = X[order]
    grown = DBSCAN(1.5, min_samples=4, layer="broad").partial_fit(X[:60])
    grown.partial_fit(X[60:])
    fitted = DBSCAN(1.5, min_samples=4, layer="broad").fit(X)
    np.testing.assert_array_equal(grown.layers_, fitted.layers_)
    np.testing.assert_array_equal(grown.labels_, fitted.labels_)


@pytest.mark.parametrize("layer", ["auto", "broad", 0])
def test_clusters_are_grouped_by_features_that_are_given(layer):
    X, levels = nested_blobs()
    by_means = DBSCAN(eps=2.0, min_samples=3, layer=layer).fit(X)
    flat = DBSCAN(eps=2.0, min_samples=3).fit(X)
    wanted = np.arange(12) % 3  # across the groups

    def relate(means):
        """Return the wanted group of each cluster, found by its mean."""
        first = np.stack([X[levels[:, 1] == n].mean(axis=0) for n in range(12)])
        nearest = ((means[:, None] - first) ** 2).sum(axis=2).argmin(axis=1)
        return np.hstack((np.eye(3)[wanted[nearest]], 1e-3 * np.eye(12)[nearest]))

    model = DBSCAN(eps=2.0, min_samples=3, layer=layer).fit(X).group_layers(relate)

    assert any(same_partition(c, wanted[levels[:, 1]]) for c in model.layers_.T)
    assert_nested(model.layers_)
    place = [*model.layers_.max(axis=0) + 1].index(12)
    assert same_partition(model.layers_[:, place], flat.labels_)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_array_equal(model.predict_layers(X), model.layers_)
    if layer == "auto":
        np.testing.assert_array_equal(model.labels_, by_means.labels_)
    else:
        assert not same_partition(model.labels_, by_means.labels_)
    # a fit forgets them
    np.testing.assert_array_equal(model.fit(X).layers_, by_means.layers_)


def test_other_features_leave_nothing_of_before():
    X, _ = nested_blobs()
    model = DBSCAN(eps=2.0, min_samples=3, layer="broad").fit(X)
    rename(model, {0: "a name"})
    model.predict_proba(X)

    model.group_layers(lambda means: np.arange(len(means))[:, None] % 2 * 1.0)

    assert not hasattr(model, "cluster_names_")
    assert model.predict_proba(X).shape[1] == model.n_clusters_
    np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), model.labels_)


def test_the_layer_of_fit_has_the_labels_whatever_was_set_since():
    X, _ = nested_blobs()
    model = DBSCAN(eps=2.0, min_samples=3).fit(X)
    labels = model.labels_
    names = rename(model, [f"topic {i}" for i in range(12)])
    model.set_params(layer="broad").group_layers(lambda means: means)
    np.testing.assert_array_equal(model.labels_, labels)
    assert model.cluster_names_ == names
    np.testing.assert_array_equal(model.predict(X), model.layers_[:, 0])


def test_features_that_cannot_be_grouped_are_refused_and_change_nothing():
    X, _ = nested_blobs()
    model = DBSCAN(eps=2.0, min_samples=3).fit(X)
    layers = model.layers_
    for wrong in (np.ones((3, 2)), np.ones(12), np.full((12, 2), np.nan)):
        with pytest.raises(ValueError, match=r"relate must return .*\(12, any\)"):
            model.group_layers(lambda means, wrong=wrong: wrong)
    np.testing.assert_array_equal(model.layers_, layers)
    merge(model, [0, 1])
    with pytest.raises(ValueError, match="group_layers would undo that"):
        model.group_layers(lambda means: means)
    noise = DBSCAN(0.1, min_samples=3).fit(np.arange(5.0)[:, None])
    assert noise.group_layers(lambda means: means).layers_.shape == (5, 1)


def test_another_flat_layer_is_taken_in_place():
    X, levels = nested_blobs()
    model = DBSCAN(min_samples=3).fit(X)
    n_groups = levels[:, 0].max() + 1
    assert model.n_clusters_ != n_groups
    rename(model, [f"topic {i}" for i in range(model.n_clusters_)])

    again = model.recut(n_groups)

    assert again is model
    assert model.eps == "auto"
    np.testing.assert_array_equal(model.recut(2, more_than=3).labels_, model.labels_)
    assert model.n_clusters_ == n_groups
    cut = DBSCAN(min_samples=3).fit(X).cut(n_clusters=n_groups)
    np.testing.assert_array_equal(model.labels_, cut.labels_)
    assert model.eps_ == cut.eps_
    assert not hasattr(model, "cluster_names_")
    assert_nested(model.layers_)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_array_equal(model.predict_layers(X), model.layers_)
    # a fit forgets it
    assert model.fit(X).n_clusters_ != n_groups


def test_a_cut_that_would_undo_edits_or_has_no_hierarchy_is_refused():
    X, _ = nested_blobs()
    model = DBSCAN(min_samples=3).fit(X)
    merge(model, [0, 1])
    with pytest.raises(ValueError, match="recut would undo that"):
        model.recut(3)
    with pytest.raises(ValueError, match="needs the hierarchy"):
        DBSCAN(eps=2.0, min_samples=3).fit(X).recut(3)
