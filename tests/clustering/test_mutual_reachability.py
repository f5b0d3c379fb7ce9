"""The density hierarchy: the least spanning tree, and DBSCAN's labels at every cut."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.cluster import DBSCAN as ReferenceDBSCAN
from sklearn.metrics import adjusted_rand_score

from deepclust import DBSCAN
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
