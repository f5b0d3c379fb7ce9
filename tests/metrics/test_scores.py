"""Scores: fixed numbers, finite for any labels, usable in a grid search."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepclust import DBSCAN, metrics


def three_groups_and_noise(n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    groups = [
        rng.normal(centre, spread, (40, n_features))
        for centre, spread in ((0, 0.5), (4, 1), (9, 0.3))
    ]
    X = np.concatenate([*groups, rng.uniform(-3, 12, (30, n_features))])
    return X, np.repeat([0, 1, 2, -1], [40, 40, 40, 30])


@pytest.mark.parametrize(
    "labels", [[-1] * 6, [0] * 6, [0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, -1]]
)
@pytest.mark.parametrize("constant", [False, True])
def test_every_score_is_finite(labels, constant):
    X = np.ones((6, 2)) if constant else np.arange(12.0).reshape(6, 2)
    y = [0, 0, 1, 1, 2, 2]
    scores = [
        metrics.density_validity_score(X, labels),
        metrics.dbcv_score(X, labels),
        metrics.coverage_score(labels),
        metrics.clustering_accuracy_score(y, labels),
        *metrics.matched_precision_recall_f1(y, labels),
    ]
    assert np.isfinite(scores).all()
    assert min(scores) >= -1
    assert max(scores) <= 1


def test_validity_by_hand():
    X = np.array([[0.0], [2.0], [10.0], [12.0], [5.0]])
    by_hand = [10 / 11, 8 / 9, 8 / 9, 10 / 11]
    noise = 0.25 * (6 - 4) / 6
    found = metrics.density_validity_score(X, [0, 0, 1, 1, -1])
    assert found == pytest.approx((sum(by_hand) + noise) / 5)


def test_validity_counts_noise_against():
    X, labels = three_groups_and_noise()
    full = metrics.density_validity_score(X, labels)
    some_lost = np.where(np.arange(len(X)) % 3 == 0, -1, labels)
    assert metrics.density_validity_score(X, some_lost) < full
    assert metrics.density_validity_score(X, np.where(labels == 0, -1, 0)) < full


def test_validity_does_not_depend_on_names_order_or_blocks(monkeypatch):
    X, labels = three_groups_and_noise()
    renamed = np.where(labels < 0, -1, 70 - 3 * labels)
    order = np.random.default_rng(1).permutation(len(X))
    expected = metrics.density_validity_score(X, labels)
    monkeypatch.setattr("deepclust.metrics._density_validity._BLOCK_ENTRIES", 30)
    found = metrics.density_validity_score(X[order], renamed[order])
    assert found == pytest.approx(expected, rel=1e-12)


def test_accuracy_is_the_best_over_all_matches():
    rng = np.random.default_rng(2)
    y, labels = rng.integers(0, 4, 60), rng.integers(-1, 4, 60)
    best = max(
        np.mean(
            [
                label >= 0 and match[label] == true
                for label, true in zip(labels, y, strict=True)
            ]
        )
        for match in permutations(range(4))
    )
    assert metrics.clustering_accuracy_score(y, labels) == pytest.approx(best)


def test_more_clusters_than_classes_and_fewer():
    assert metrics.clustering_accuracy_score([0, 0, 0, 1], [0, 1, 2, 3]) == 0.5
    assert metrics.clustering_accuracy_score([0, 1, 2, 3], [0, 0, 0, 0]) == 0.25


def test_precision_recall_f1_by_hand():
    y = ["a"] * 4 + ["b"] * 4 + ["c"] * 2
    labels = [0, 0, 0, -1, 1, 1, 0, 0, -1, -1]
    precision, recall, f1 = metrics.matched_precision_recall_f1(y, labels)
    assert precision == pytest.approx((3 / 5 + 1 + 0) / 3)
    assert recall == pytest.approx((3 / 4 + 2 / 4 + 0) / 3)
    assert f1 == pytest.approx((6 / 9 + 4 / 6 + 0) / 3)


def test_confusion_table_keeps_every_row():
    y = np.array(["a"] * 4 + ["b"] * 4 + ["c"] * 2)
    labels = np.array([1, 1, 1, -1, 0, 0, 1, 2, -1, -1])
    table = metrics.matched_confusion_table(y, labels)
    assert table.index.tolist() == ["a", "b", "c"]
    assert table.columns.tolist() == [1, 0, 2, -1]
    assert table.loc["a"].tolist() == [3, 0, 0, 1]
    assert table.loc["b"].tolist() == [1, 2, 1, 0]
    assert table.loc["c"].tolist() == [0, 0, 0, 2]
    right = np.trace(table.to_numpy()[:, :3])
    assert right / len(y) == metrics.clustering_accuracy_score(y, labels)


# Values of hdbscan 0.8.44's validity_index on these rows.
@pytest.mark.parametrize(
    ("n_features", "expected"),
    [(2, 0.6613869365846134), (3, 0.6660144939195847), (8, 0.6406919963503979)],
)
def test_dbcv_fixed_numbers(n_features, expected):
    rng = np.random.default_rng(0)
    for d in (2, 3, 8):
        groups = [
            rng.normal(centre, spread, (40, d))
            for centre, spread in ((0, 0.5), (4, 1), (9, 0.3))
        ]
        X = np.concatenate([*groups, rng.uniform(-3, 12, (30, d))])
        if d == n_features:
            break
    labels = np.repeat([0, 1, 2, -1], [40, 40, 40, 30])
    assert metrics.dbcv_score(X, labels) == pytest.approx(expected, rel=1e-9)


def test_dbcv_equals_hdbscan():
    validity = pytest.importorskip("hdbscan.validity")
    for n_features in (1, 2, 16):
        X, labels = three_groups_and_noise(n_features, seed=n_features)
        expected = validity.validity_index(X, labels)
        assert metrics.dbcv_score(X, labels) == pytest.approx(expected, rel=1e-9)


def test_scorers_in_a_grid_search():
    X, y = three_groups_and_noise()
    order = np.random.default_rng(3).permutation(len(X))
    X, y = X[order], y[order]
    pipe = make_pipeline(StandardScaler(), DBSCAN(min_samples=5))
    grid = {"dbscan__eps": [0.25, 3.0]}
    for name in metrics.__all__:
        if not name.endswith("_scorer"):
            continue
        with pytest.warns(match="one cluster holds"):
            search = GridSearchCV(
                pipe, grid, scoring=getattr(metrics, name), cv=2, error_score="raise"
            ).fit(X, y)
        expected = 3.0 if name == "coverage_scorer" else 0.25
        assert search.best_params_ == {"dbscan__eps": expected}, name


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="inconsistent"):
        metrics.clustering_accuracy_score([0, 1], [0])
    with pytest.raises(ValueError, match="inconsistent"):
        metrics.density_validity_score([[0.0]], [0, 1])
    with pytest.raises(ValueError, match="at least one row"):
        metrics.clustering_accuracy_score([], [])
