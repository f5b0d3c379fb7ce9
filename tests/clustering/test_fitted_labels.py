"""Labels and names of a model, of a pipeline and of a search over one."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from deepclust import DBSCAN
from deepclust.clustering import rename
from deepclust.clustering._fitted_labels import (
    last_step,
    names_of,
    step_with,
    with_names,
)

X = np.array([[0.0], [9.0], [0.0]] * 4)


def make_model(kind):
    """Return a fitted clusterer with names, and what holds it."""
    model = DBSCAN(1.0, min_samples=1, layer="fine")
    if kind != "clusterer":
        model = make_pipeline(FunctionTransformer(), model)
    if kind == "search":
        grid = {"dbscan__min_samples": [1]}
        model = GridSearchCV(model, grid, scoring=lambda model, X: 0.0, cv=2)
    model.fit(X)
    clusterer = {
        "clusterer": lambda: model,
        "pipeline": lambda: model[-1],
        "search": lambda: model.best_estimator_[-1],
    }[kind]()
    rename(clusterer, {0: "low", 1: "high"})
    return model, clusterer


@pytest.mark.parametrize("kind", ["clusterer", "pipeline", "search"])
def test_labels_and_names_are_those_of_the_clusterer(kind):
    model, clusterer = make_model(kind)
    assert last_step(model) is clusterer
    labels, names = with_names(model, None)
    assert labels.tolist() == [0, 1, 0] * 4
    assert names == {0: "low", 1: "high"}
    assert with_names(model, ["a", "b"])[1] == ["a", "b"]
    assert names_of(model, None) == {0: "low", 1: "high"}
    assert names_of(model, None, layers=True) is None
    clusterer.layer_names_ = [{0: "low", 1: "high"}]
    layers, names = with_names(model, None, layers=True)
    np.testing.assert_array_equal(layers, clusterer.layers_)
    assert names == [{0: "low", 1: "high"}]
    assert step_with(model, "eps_") is clusterer
    assert step_with(model, "no_such") is getattr(model, "best_estimator_", model)


def test_labels_are_returned_as_they_are():
    assert with_names([0, 1], {0: "a"}) == ([0, 1], {0: "a"})
    assert names_of([0, 1], None) is None
    with pytest.raises(NotFittedError):
        with_names(DBSCAN(), None)
