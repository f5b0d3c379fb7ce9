"""Single clusters are split where the silhouette of all rows grows; predict follows."""

import numpy as np
import pytest

from deepclust import DBSCAN, load, save
from deepclust.clustering._mutual_reachability import reachability_trees
from deepclust.clustering._splits import part_means, split_by_means
from deepclust.clustering._unique_rows import Points


def unequal_blobs(size=60, seed=0):
    """Return two dense blobs closer than the radius that the ten others need."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(12, 8))
    centers /= np.linalg.norm(centers, axis=1)[:, None]
    centers[1] = centers[0] + 0.22 * (centers[1] - centers[0])
    y = np.repeat(np.arange(12), size)
    spread = np.where(y < 2, 0.02, 0.13)[:, None]
    return centers[y] + spread * rng.normal(size=(len(y), 8)), y


@pytest.fixture(scope="module")
def blobs():
    return unequal_blobs()


@pytest.fixture(scope="module")
def fitted(blobs):
    return DBSCAN(min_samples=5).fit(blobs[0])


def test_two_dense_clusters_that_one_radius_joins_are_found(blobs, fitted):
    X, y = blobs
    joined = fitted.cut(fitted.eps_)
    assert fitted.n_clusters_ == joined.n_clusters_ + 1
    assert len(np.unique(joined.labels_[y < 2])) == 1
    assert fitted.score(X) > joined.score(X)
    for blob in (0, 1):
        assert len(np.unique(fitted.labels_[y == blob])) == 1
    others = y >= 2
    pairs = zip(fitted.labels_[others], joined.labels_[others], strict=True)
    assert len(set(pairs)) == len(np.unique(fitted.labels_[others]))


def test_predict_and_layers_follow(blobs, fitted):
    X, _ = blobs
    np.testing.assert_array_equal(fitted.predict(X), fitted.labels_)
    one_by_one = [int(fitted.predict(row[None])[0]) for row in X[:50]]
    assert one_by_one == fitted.labels_[:50].tolist()
    assert fitted.layers_[:, fitted.layer_].tolist() == fitted.labels_.tolist()
    assert fitted.predict_proba(X).shape == (len(X), fitted.n_clusters_)


def test_order_and_copies_of_rows_do_not_matter(blobs, fitted):
    X, _ = blobs
    order = np.random.default_rng(1).permutation(len(X))
    shuffled = DBSCAN(min_samples=5).fit(X[order])
    pairs = zip(shuffled.labels_, fitted.labels_[order], strict=True)
    assert len(set(pairs)) == len(np.unique(fitted.labels_))
    doubled = DBSCAN(min_samples=10).fit(np.repeat(X, 2, axis=0))
    np.testing.assert_array_equal(doubled.labels_[::2], fitted.labels_)
    np.testing.assert_array_equal(doubled.labels_[1::2], fitted.labels_)


def test_given_eps_or_number_splits_nothing(blobs, fitted):
    X, _ = blobs
    given = DBSCAN(fitted.eps_, min_samples=5).fit(X)
    np.testing.assert_array_equal(given.labels_, fitted.cut(fitted.eps_).labels_)
    by_number = DBSCAN(min_samples=5, n_clusters=given.n_clusters_).fit(X)
    assert by_number.n_clusters_ == given.n_clusters_
    fitted_again = DBSCAN(min_samples=5).fit(X).set_params(eps=0.5).fit(X)
    assert fitted_again.n_clusters_ == DBSCAN(0.5, min_samples=5).fit(X).n_clusters_


def test_splits_stay_as_rows_arrive(blobs, fitted):
    X, y = blobs
    model = DBSCAN(min_samples=5).fit(X)
    more = X[y < 2] + 1e-3
    model.partial_fit(more)
    assert model.n_clusters_ == fitted.n_clusters_
    np.testing.assert_array_equal(model.predict(more), model.labels_[len(X) :])
    old, new = model.labels_[: len(X)], model.labels_[len(X) :]
    np.testing.assert_array_equal(new, old[y < 2])
    assert old[0] != old[y == 1][0]


def test_splits_are_saved(blobs, fitted, tmp_path):
    X, y = blobs
    save(fitted, tmp_path / "model.dct")
    loaded = load(tmp_path / "model.dct")
    np.testing.assert_array_equal(loaded.predict(X), fitted.labels_)
    more = X[y == 1] + 1e-3
    np.testing.assert_array_equal(
        loaded.partial_fit(more).labels_,
        DBSCAN(min_samples=5).fit(X).partial_fit(more).labels_,
    )


def test_no_split_of_clusters_that_are_apart_already():
    X = np.array([[0.0], [1.0], [5.0], [6.0]])
    labels = np.array([0, 0, 1, 1])
    means = np.array([[0.5], [5.5]])
    assert split_by_means(X, labels, [means]).tolist() == labels.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_one_gaussian_is_not_split(seed):
    rng = np.random.default_rng(seed)
    X = np.vstack((rng.normal(size=(300, 4)), rng.normal(20, 1, (300, 4))))
    assert DBSCAN().fit(X).n_clusters_ == 2


def test_weightless_rows_follow(blobs, fitted):
    X, y = blobs
    rows = np.vstack((X, X[y < 2] + 1e-4))
    weights = np.append(np.ones(len(X)), np.zeros((y < 2).sum()))
    model = DBSCAN(min_samples=5).fit(rows, sample_weight=weights)
    np.testing.assert_array_equal(model.labels_[: len(X)], fitted.labels_)
    np.testing.assert_array_equal(model.labels_[len(X) :], fitted.labels_[y < 2])


@pytest.mark.parametrize("stray", [6.5, 1.5, -1.2])
def test_a_row_of_no_part_is_no_part(stray):
    part = np.array([0.0, 0.1, 0.2, 0.3])
    X = np.concatenate((part, 5 + part, [stray], 30 + part))[:, None]
    tree = reachability_trees(Points(X, np.ones(13)), [2])[0]
    (means,) = part_means(tree, [1.0], X, np.repeat([0, 1], [9, 4]))
    np.testing.assert_allclose(means, [[0.15], [5.15]])


@pytest.mark.parametrize("means", [[[0.5], [5.5]], [[5.5], [0.5]]])
def test_means_that_two_clusters_hold_split_none(means):
    X = np.array([[0.0], [1.0], [4.0], [2.0], [5.0], [6.0]])
    labels = np.array([0, 0, 0, 1, 1, 1])

    np.testing.assert_array_equal(split_by_means(X, labels, [np.array(means)]), labels)
