"""Labels and names of a fitted model, for functions that take a model or labels."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

__all__ = ["is_model", "last_step", "names_of", "step_with", "with_names"]


def is_model(labels: Any) -> bool:
    """Return whether an estimator is where labels may be."""
    return hasattr(labels, "fit")


def last_step(model: Any) -> Any:
    """Return the fitted clusterer of a pipeline, of a search over one, or itself.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    """
    model = getattr(model, "best_estimator_", model)
    check_is_fitted(model)
    return model.steps[-1][1] if isinstance(model, Pipeline) else model


def step_with(model: Any, attribute: str) -> Any:
    """Return the last step of a pipeline that has the attribute, or else `model`."""
    model = getattr(model, "best_estimator_", model)
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else []
    return next((step for step in steps[::-1] if hasattr(step, attribute)), model)


def names_of(model: Any, names: Any, *, layers: bool = False) -> Any:
    """Return `names`, or those that the clusterer has; of all layers, if asked for."""
    if names is not None or not is_model(model):
        return names
    attribute = "layer_names_" if layers else "cluster_names_"
    return getattr(last_step(model), attribute, None)


def with_names(labels: Any, names: Any, *, layers: bool = False) -> tuple[Any, Any]:
    """Return labels and names; of a model in place of the labels, those of its fit.

    Examples
    --------
    >>> from deepclust import DBSCAN
    >>> from deepclust.clustering import rename
    >>> from deepclust.clustering._fitted_labels import with_names
    >>> model = DBSCAN(eps=1, min_samples=1).fit([[0.0], [9.0]])
    >>> names = rename(model, {0: "low", 1: "high"})
    >>> with_names(model, None)
    (array([0, 1]), {0: 'low', 1: 'high'})
    """
    if not is_model(labels):
        return labels, names
    names, clusterer = names_of(labels, names, layers=layers), last_step(labels)
    if layers:
        return clusterer.layers_, names
    labels = getattr(labels, "best_estimator_", labels)
    return (labels if hasattr(labels, "labels_") else clusterer).labels_, names
