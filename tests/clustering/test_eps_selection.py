"""Selection of eps and min_samples: paths, best cuts, samples of many rows."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import (
    adjusted_rand_score,
    fowlkes_mallows_score,
    pairwise_distances,
)
from sklearn.preprocessing import StandardScaler

from deepclust import DBSCAN
from deepclust.clustering._eps_selection import (
    _core_quantiles,
    _quantile_cuts,
    _radius_of_all_points,
    best_cut,
    cuts_near,
    eps_path,
    suggested_radius,
)
from deepclust.clustering._metric_space import MetricSpace
from deepclust.clustering._mutual_reachability import reachability_trees
from deepclust.clustering._unique_rows import Points
from deepclust.exceptions import ClusteringWarning


def blobs(n_rows, n_features, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 4, (6, n_features))[rng.integers(0, 6, n_rows)]
    return X + rng.choice([0.2, 1.0], (n_rows, 1)) * rng.standard_normal(X.shape)


def tree_of(X, min_samples, weights=None):
    weights = np.ones(len(X)) if weights is None else weights.astype(float)
    return reachability_trees(Points(X, weights, 2**16), [min_samples])[0]


def test_selected_cut_finds_the_groups():
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


def test_finer_cuts_reach_the_coarse_ones_on_both_sides_of_the_best(monkeypatch):
    monkeypatch.setattr("deepclust.clustering._eps_selection._N_CUTS", 4)
    X = blobs(600, 2, seed=7)
    tree, points = tree_of(X, 6), Points(X, np.ones(600))
    coarse = _quantile_cuts(tree, 0.0, 1.0, 4)
    best = eps_path(tree, points, coarse)["silhouette"].argmax()
    assert 0 < best < 3
    finer = np.setdiff1d(eps_path(tree, points)["eps"], coarse)
    assert len(finer) > 10
    reached = [np.mean(tree.core_distances <= eps) for eps in finer[[0, -1]]]
    sides = [np.mean(tree.core_distances <= coarse[best + i]) for i in (-1, 1)]
    one_step = 1 / 3 / 8 + 1 / 600  # the coarse ones are no finer ones
    np.testing.assert_allclose(reached, sides, atol=one_step)


def test_no_cut_to_select_from():
    tree = tree_of(np.array([[0.0], [1.0]]), 5)
    path = eps_path(tree, Points(np.array([[0.0], [1.0]]), np.ones(2)))
    assert len(path["eps"]) == 0
    assert best_cut([path]) == (0, 1.0)


def test_the_cut_of_the_greatest_silhouette_is_the_best():
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


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_quantiles_of_the_core_distances_are_by_the_metric(metric):
    X, shares = blobs(300, 4), np.array([0.1, 0.5, 0.9])
    to_others = np.sort(pairwise_distances(X, metric=metric), axis=1)
    points = Points(X, np.ones(len(X)))
    radii = _core_quantiles(points, 7, shares, MetricSpace(metric, None))
    np.testing.assert_allclose(radii, np.quantile(to_others[:, 6], shares), rtol=1e-9)


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


def test_groups_that_touch_at_all_shares_are_divided_at_smaller_ones():
    X, _ = make_blobs(6000, centers=[[0, 0], [3.6, 0]], random_state=0)
    space, points = MetricSpace("euclidean", None), Points(X, np.ones(len(X)))
    shares = {}
    for divided in (True, False):
        radius = _radius_of_all_points(points, 1.0, 60, None, space, divided=divided)
        labels = space.clusters(points, radius, 60)[1]
        shares[divided] = np.bincount(labels[labels >= 0]).max() / np.sum(labels >= 0)
    assert shares[True] < 0.6
    assert shares[False] > 0.9


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_the_blobs_of_the_tests_of_hdbscan(metric):
    X, groups = make_blobs(200, random_state=10)
    model = DBSCAN(metric=metric).fit(StandardScaler().fit_transform(X))
    assert model.n_clusters_ == 3
    assert fowlkes_mallows_score(groups, model.labels_) > 0.99  # their thresholds
    assert fowlkes_mallows_score(groups, model.cut(0.3).labels_) > 0.92


def test_a_small_group_far_away_does_not_hide_the_others():
    """Two clusters, that one and all others, have the greatest silhouette."""
    centers = [[0, 0], [6, 0], [0, 6], [90, 90]]
    X, groups = make_blobs([600, 600, 600, 30], centers=centers, random_state=0)
    model = DBSCAN(min_samples=12).fit(X)
    assert model.n_clusters_ >= 3
    assert adjusted_rand_score(groups, model.labels_) > 0.9


def test_one_group_beside_a_small_one_far_away_stays_whole():
    X, groups = make_blobs([1800, 30], centers=[[0, 0], [90, 90]], random_state=0)
    with pytest.warns(ClusteringWarning, match="one cluster holds 98% of the rows"):
        model = DBSCAN(min_samples=12).fit(X)
    assert model.n_clusters_ == 2
    assert adjusted_rand_score(groups, model.labels_) > 0.9


def test_the_radius_that_is_suggested_divides_the_points():
    centers = [[0, 0], [6, 0], [0, 6], [90, 90]]
    X, groups = make_blobs([600, 600, 600, 30], centers=centers, random_state=0)
    radius = suggested_radius(Points(X, np.ones(len(X))), 12)
    labels = DBSCAN(radius, min_samples=12).fit(X).labels_
    assert adjusted_rand_score(groups, labels) > 0.8
