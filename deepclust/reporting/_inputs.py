"""Check the inputs of a report, and compute from the pipeline what is not given."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_array, column_or_1d

from deepclust._text_input import check_texts
from deepclust.clustering._metric_space import MOST_VALUE
from deepclust.inspection._keywords import names_by_label
from deepclust.inspection._labeled_texts import (
    predicted_labels,
    run_steps,
    steps_of,
)
from deepclust.metrics._known_labels import is_unlabeled
from deepclust.metrics._pairwise import unit_rows

__all__ = ["ReportInputs", "encode_classes", "read_inputs"]

_LSA_DIM = 50
_ROWS_TO_RECOGNIZE = 200  # to recognize the layers of a clusterer


@dataclass
class ReportInputs:
    """A corpus and its clustering.

    Parameters
    ----------
    texts : list of str, length n_docs

    labels : ndarray of shape (n_docs,)

    cleaned : list of str, length n_docs, or None

    embeddings : ndarray of shape (n_docs, embedding_dim), float64

    is_embedded : bool
        False where the embeddings are LSA of the words.

    names : dict of label to str
        Names of clusters given by the user.

    classes : list of str, or None
        Names of the true classes.

    class_codes : ndarray of shape (n_docs,), intp, or None
        Place of the class of each text in `classes`; −1 without one.

    dates : array-like of shape (n_docs,), or None

    steps : dict of str to estimator
        Steps of the pipeline by name; empty without one.

    layers : list of ndarray of shape (n_docs,)
        Nested labels, the broadest first; `labels` is one of them.

    layer : int
        Which one.

    layer_names : list of dict of int to str
        Names of the clusters of each layer, as far as the clusterer has them.

    columns : dict of str to array-like of shape (n_docs,)
    """

    texts: list[str]
    labels: np.ndarray
    cleaned: list[str] | None
    embeddings: np.ndarray
    is_embedded: bool
    names: dict[Any, str]
    classes: list[str] | None
    class_codes: np.ndarray | None
    dates: Any
    steps: dict[str, Any]
    layers: list[np.ndarray]
    layer: int
    layer_names: list[dict[Any, str]]
    columns: dict[str, Any]


def read_inputs(
    pipeline: Any,
    texts: Any,
    labels: Any,
    y: Any,
    dates: Any,
    names: Any,
    cleaned: Any,
    embeddings: Any,
    layers: Any = None,
    columns: Any = None,
) -> ReportInputs:
    """Validate the inputs, and let the pipeline compute those that are None.

    Parameters
    ----------
    pipeline : fitted Pipeline, fitted search over one, or None

    texts : iterable of str, length n_docs

    labels, y, dates, names, cleaned, embeddings, layers, columns : see `summarize`

    Returns
    -------
    inputs : ReportInputs

    Raises
    ------
    InvalidTextError
        If `texts` or `cleaned` is not an iterable of str.
    ValueError
        If there are no texts, lengths differ, labels are missing, or squares of the
        embeddings do not fit float64.
    TypeError
        If `pipeline` is not a Pipeline.
    """
    texts = check_texts(texts, estimator="summarize")
    if not texts:
        raise ValueError("summarize needs at least one text.")
    steps = steps_of(pipeline)
    clusterer = [*steps.values()][-1] if steps else None
    if steps and (labels is None or embeddings is None or cleaned is None):
        clean_texts, rows = run_steps(steps, texts)
        cleaned = clean_texts if cleaned is None else cleaned
        embeddings = _dense(rows) if embeddings is None else embeddings
        if labels is None:
            labels, layers = _labels_and_layers(clusterer, rows, layers)
    if labels is None:
        raise ValueError("summarize needs a fitted pipeline, or labels=.")
    labels = _check_labels(labels)
    columns = {f"{name}": values for name, values in dict(columns or {}).items()}
    inputs = {"labels": labels, "cleaned": cleaned, "embeddings": embeddings}
    inputs |= {"y": y, "dates": dates, "layers": layers}
    inputs |= {f"columns[{name!r}]": values for name, values in columns.items()}
    for name, rows in inputs.items():
        if rows is not None and len(rows) != len(texts):
            raise ValueError(
                f"{name} need one row a text. Received: {len(rows)} rows and "
                f"{len(texts)} texts."
            )
    if cleaned is not None:
        cleaned = check_texts(cleaned, estimator="cleaned")
    is_embedded = embeddings is not None
    if not is_embedded:
        embeddings = _lsa(texts if cleaned is None else cleaned)
    names = {**getattr(clusterer, "cluster_names_", {}), **names_by_label(names)}
    classes, class_codes = encode_classes(y)
    X = _check_embeddings(embeddings)
    found, layer, layer_names = _layers(clusterer, labels, X, layers)
    return ReportInputs(
        *(texts, labels, cleaned, X, is_embedded),
        *(names, classes, class_codes, dates, steps),
        *(found, layer, layer_names, columns),
    )


def _labels_and_layers(clusterer: Any, X: Any, layers: Any) -> tuple[Any, Any]:
    """Return labels, and the layers that they are from, by one search if possible."""
    if layers is None and hasattr(clusterer, "predict_layers"):
        layers = clusterer.predict_layers(X)
        return layers[:, clusterer.layer_], layers
    return predicted_labels(clusterer, X), layers


def _layers(
    clusterer: Any, labels: np.ndarray, X: np.ndarray, layers: Any
) -> tuple[list[np.ndarray], int, list[dict[Any, str]]]:
    """Return the layers, the place of the labels in them, and the clusterer's names."""
    if layers is not None:
        found = check_array(layers, dtype=np.intp)
        places = [k for k, c in enumerate(found.T) if np.array_equal(c, labels)]
        if not places:
            raise ValueError("One column of layers must be equal to labels.")
        place = places[0]
        if not _are_layers_of(clusterer, X, found):
            return list(found.T), place, []
    else:
        n_features = getattr(clusterer, "n_features_in_", None)
        if not hasattr(clusterer, "predict_layers") or X.shape[1] != n_features:
            return [labels], 0, []
        found, place = clusterer.predict_layers(X), clusterer.layer_
        if not np.array_equal(found[:, place], labels):
            return [labels], 0, []
    names = getattr(clusterer, "layer_names_", [])
    return list(found.T), place, names if len(names) == found.shape[1] else []


def _are_layers_of(clusterer: Any, X: np.ndarray, layers: np.ndarray) -> bool:
    """Return whether the clusterer gives some of the rows these layers."""
    if not hasattr(clusterer, "predict_layers"):
        return False
    if X.shape[1] != getattr(clusterer, "n_features_in_", None):
        return False
    rows = np.unique(np.linspace(0, len(X) - 1, _ROWS_TO_RECOGNIZE).astype(np.intp))
    return np.array_equal(clusterer.predict_layers(X[rows]), layers[rows])


def encode_classes(y: Any) -> tuple[list[str] | None, np.ndarray | None]:
    """Return the names of the classes and the code of each text.

    Parameters
    ----------
    y : array-like of shape (n_docs,), or None
        −1, None, NaN, NA and "" mean that a text has no class.

    Returns
    -------
    names : list of str, sorted, or None
        None without any class.

    codes : ndarray of shape (n_docs,), intp, or None
        −1 where a text has no class.
    """
    given = [] if y is None else y
    names = [None if is_unlabeled(value) else str(value) for value in given]
    classes = sorted({name for name in names if name is not None})
    if not classes:
        return None, None
    code: dict[Any, int] = {name: k for k, name in enumerate(classes)}
    return classes, np.array([code.get(name, -1) for name in names], dtype=np.intp)


def _check_embeddings(embeddings: Any) -> np.ndarray:
    X = check_array(embeddings, dtype=np.float64)
    if (largest := np.abs(X).max()) > MOST_VALUE:
        raise ValueError(
            f"embeddings have the value {largest:.3g}, and squares beyond "
            f"{MOST_VALUE:g} do not fit float64. Divide them by {largest:.0e}."
        )
    return X


def _check_labels(labels: Any) -> np.ndarray:
    labels = column_or_1d(labels)
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        raise ValueError("labels must be whole numbers or names, not fractions.")
    return labels.astype(np.int64) if labels.dtype.kind in "fbu" else labels


def _lsa(texts: list[str]) -> np.ndarray:
    """Return latent semantic vectors of the words between white space."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(text.split() for text in texts):
        return np.zeros((len(texts), 2))
    return _reduce(TfidfVectorizer(analyzer=str.split).fit_transform(texts))


def _dense(X: Any) -> Any:
    return _reduce(X) if hasattr(X, "toarray") else X


def _reduce(X: Any) -> np.ndarray:
    """Return a sparse matrix as dense rows of at most 50 columns."""
    from sklearn.decomposition import TruncatedSVD

    if min(X.shape) <= 2:
        return np.hstack((X.toarray(), np.zeros((X.shape[0], 2))))
    n_components = min(_LSA_DIM, min(X.shape) - 1)
    return unit_rows(TruncatedSVD(n_components, random_state=0).fit_transform(X))
