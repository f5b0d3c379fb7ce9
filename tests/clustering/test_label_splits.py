"""Clusters are split where labeled rows show several classes, and nowhere else."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import euclidean_distances
from sklearn.pipeline import make_pipeline

from deepclust import DBSCAN
from deepclust.clustering import rename, split_by_labels

LABELED = np.arange(0, 200, 10)
CLASSES = LABELED // 100


@pytest.fixture
def rows():
    """200 rows of two groups that touch, then 60 of a group apart."""
    rng = np.random.default_rng(0)
    centers = np.repeat([[0.0, 0.0], [3.0, 0.0], [40.0, 0.0]], [100, 100, 60], axis=0)
    return centers + rng.normal(size=(260, 2))


@pytest.fixture
def model(rows):
    """Two clusters: the groups that touch are one."""
    model = DBSCAN(eps=1.5, min_samples=3).fit(rows)
    assert model.n_clusters_ == 2
    return model


def agreement(model, rows):
    """Return the share of rows of either touching group in the majority's cluster."""
    found = model.predict(rows[:200])
    return np.mean([np.bincount(part + 1).max() for part in np.split(found, 2)]) / 100


def test_labeled_rows_split_a_cluster(model, rows):
    parts = split_by_labels(model, rows[LABELED], CLASSES)
    assert len(parts) == 2
    assert model.n_clusters_ == 3
    assert agreement(model, rows) > 0.85
    assert len(set(model.predict([[0.0, 0.0], [3.0, 0.0], [40.0, 0.0]]))) == 3
    np.testing.assert_array_equal(model.predict(rows), model.labels_)


def test_new_rows_split_as_well_and_names_stay(model, rows):
    rename(model, {int(model.predict([[40.0, 0.0]])[0]): "apart"})
    new = np.repeat([[-0.5, 0.0], [3.5, 0.0]], 6, axis=0)
    split_by_labels(model, new, ["a"] * 6 + ["b"] * 6)
    assert model.cluster_names_ == {int(model.predict([[40.0, 0.0]])[0]): "apart"}


def test_layers_stay_nested(model, rows):
    split_by_labels(model, rows[LABELED], CLASSES)
    layers = model.layers_
    for broad, fine in zip(layers.T, layers.T[1:], strict=False):
        pairs = np.unique(np.column_stack((broad, fine)), axis=0)
        assert len(pairs) == len(np.unique(fine))


@pytest.mark.parametrize(
    ("places", "classes"),
    [
        pytest.param(LABELED, LABELED // 10 % 2, id="classes mixed in space"),
        pytest.param(LABELED, np.zeros(20, dtype=int), id="one class"),
        pytest.param(LABELED, np.arange(20), id="one row a class"),
        pytest.param(LABELED[[0, 1, 18, 19]], [0, 0, 1, 1], id="too few rows"),
        pytest.param(np.arange(200, 260), np.arange(60) % 2, id="no groups"),
        pytest.param(LABELED[:0], CLASSES[:0], id="no rows"),
    ],
)
def test_other_labels_split_nothing(model, rows, places, classes):
    before = model.labels_.copy()
    assert split_by_labels(model, rows[places], classes) == []
    np.testing.assert_array_equal(model.labels_, before)


def test_the_order_of_the_labeled_rows_does_not_matter(model, rows):
    other = DBSCAN(eps=1.5, min_samples=3).fit(rows)
    order = np.random.default_rng(1).permutation(20)
    split_by_labels(model, rows[LABELED], CLASSES)
    split_by_labels(other, rows[LABELED][order], CLASSES[order])
    np.testing.assert_array_equal(model.labels_, other.labels_)


@pytest.mark.parametrize("none", [-1, None, float("nan"), "", pd.NA], ids=repr)
@pytest.mark.parametrize("classes", [CLASSES, np.array(["a", "b"])[CLASSES]])
def test_rows_without_a_label_are_passed_over(model, rows, none, classes):
    other = DBSCAN(eps=1.5, min_samples=3).fit(rows)
    y = np.full(len(rows), none, dtype=object)
    y[LABELED] = classes
    assert len(split_by_labels(model, rows, y.tolist())) == 2
    split_by_labels(other, rows[LABELED], classes)
    np.testing.assert_array_equal(model.labels_, other.labels_)
    assert split_by_labels(other, rows, [none] * len(rows)) == []


class Halved(TransformerMixin, BaseEstimator):
    """Divide by two, and count the rows."""

    n_rows = 0

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        self.n_rows += len(X)
        return np.asarray(X) / 2


def test_rows_without_a_label_are_not_transformed(rows):
    pipe = make_pipeline(Halved(), DBSCAN(eps=0.75, min_samples=3)).fit(rows)
    pipe[0].n_rows = 0
    y = np.full(len(rows), None)
    y[LABELED] = CLASSES
    assert len(split_by_labels(pipe, rows.tolist(), y)) == 2
    assert pipe[0].n_rows == len(LABELED)


def test_a_pipeline_takes_what_it_predicts(rows):
    pipe = make_pipeline(Halved(), DBSCAN(eps=0.75, min_samples=3)).fit(rows)
    assert len(split_by_labels(pipe, rows[LABELED], CLASSES)) == 2
    assert pipe[-1].n_clusters_ == 3


def test_bad_input_is_refused(model, rows):
    with pytest.raises(ValueError, match="inconsistent numbers"):
        split_by_labels(model, rows[LABELED], CLASSES[:-1])
    sparse = csr_matrix(rows)
    other = DBSCAN(eps=1.5, min_samples=3).fit(sparse)
    with pytest.raises(ValueError, match="split_by_labels needs dense rows"):
        split_by_labels(other, sparse[LABELED], CLASSES)
    distances = euclidean_distances(rows)
    other = DBSCAN(eps=1.5, min_samples=3, metric="precomputed").fit(distances)
    with pytest.raises(ValueError, match='cannot be had with metric="precomputed"'):
        split_by_labels(other, distances[LABELED], CLASSES)
    with pytest.raises(TypeError, match="DBSCAN"):
        split_by_labels(object(), rows[LABELED], CLASSES)
