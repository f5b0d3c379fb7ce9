"""Scores: fixed numbers, finite for any labels, usable in a grid search."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepclust import DBSCAN, metrics
from deepclust.metrics._pairwise import row_blocks


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
        metrics.noise_aware_silhouette_score(X, labels),
        metrics.dbcv_score(X, labels),
        metrics.coverage_score(labels),
        metrics.clustering_accuracy_score(y, labels),
        *metrics.matched_precision_recall_f1(y, labels),
    ]
    assert np.isfinite(scores).all()
    assert min(scores) >= -1
    assert max(scores) <= 1


def test_silhouette_by_hand():
    X = np.array([[0.0], [2.0], [10.0], [12.0], [5.0]])
    by_hand = [10 / 11, 8 / 9, 8 / 9, 10 / 11]
    noise = 0.25 * (6 - 4) / 6
    found = metrics.noise_aware_silhouette_score(X, [0, 0, 1, 1, -1])
    assert found == pytest.approx((sum(by_hand) + noise) / 5)


def test_silhouette_counts_noise_against():
    X, labels = three_groups_and_noise()
    full = metrics.noise_aware_silhouette_score(X, labels)
    some_lost = np.where(np.arange(len(X)) % 3 == 0, -1, labels)
    assert metrics.noise_aware_silhouette_score(X, some_lost) < full
    assert metrics.noise_aware_silhouette_score(X, np.where(labels == 0, -1, 0)) < full


def test_silhouette_does_not_depend_on_names_order_or_blocks(monkeypatch):
    X, labels = three_groups_and_noise()
    renamed = np.where(labels < 0, -1, 70 - 3 * labels)
    order = np.random.default_rng(1).permutation(len(X))
    expected = metrics.noise_aware_silhouette_score(X, labels)
    monkeypatch.setattr(
        "deepclust.metrics._noise_aware_silhouette.row_blocks",
        lambda n_rows, width, entries=30: row_blocks(n_rows, width, entries),
    )
    found = metrics.noise_aware_silhouette_score(X[order], renamed[order])
    assert found == pytest.approx(expected, rel=1e-12)


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
        metrics.noise_aware_silhouette_score([[0.0]], [0, 1])
