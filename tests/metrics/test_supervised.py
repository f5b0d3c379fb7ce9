"""Scores against true classes: the best match of all, and numbers by hand."""

from itertools import permutations

import numpy as np
import pytest

from deepclust import metrics


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


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="inconsistent"):
        metrics.clustering_accuracy_score([0, 1], [0])
    with pytest.raises(ValueError, match="at least one row"):
        metrics.clustering_accuracy_score([], [])
