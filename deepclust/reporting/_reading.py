"""What a report is made of: texts, labels, and what a pipeline knows of them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize
from sklearn.utils import check_array, column_or_1d

from deepclust._text_input import check_texts

__all__ = ["Material", "gather"]

_LATENT_DIM = 50


@dataclass
class Material:
    """The corpus as a report sees it.

    Parameters
    ----------
    texts : list of str, length n_docs

    labels : ndarray of shape (n_docs,)

    cleaned : list of str, length n_docs, or None

    embeddings : ndarray of shape (n_docs, embedding_dim)

    embedded : bool
        Whether the embeddings were given or learned, and not made from word counts.

    names : dict of label to str
        Names that a person gave.

    steps : dict of str to estimator
        Of the pipeline, by name; empty without one.

    remarks : list of str
        What a reader should know of how it was made.
    """

    texts: list[str]
    labels: np.ndarray
    cleaned: list[str] | None
    embeddings: np.ndarray
    embedded: bool
    names: dict[Any, str]
    steps: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def gather(
    pipeline: Any,
    texts: Any,
    *,
    labels: Any = None,
    cleaned: Any = None,
    embeddings: Any = None,
    names: Any = None,
) -> Material:
    """Check what was given, and let the pipeline make what was not.

    Parameters
    ----------
    pipeline : fitted Pipeline, fitted search over one, or None

    texts : iterable of str, length n_docs

    labels, cleaned, embeddings, names : as in `report`

    Returns
    -------
    material : Material

    Raises
    ------
    ValueError
        If there are no texts, lengths differ, or labels are missing.
    TypeError
        If `pipeline` is no Pipeline.
    """
    texts = check_texts(texts, estimator="report")
    if not texts:
        raise ValueError("report needs at least one text.")
    steps = _steps(pipeline)
    if steps and (labels is None or embeddings is None or cleaned is None):
        made = _passed_through(steps, texts)
        cleaned = made[0] if cleaned is None else cleaned
        embeddings = made[1] if embeddings is None else embeddings
        labels = made[2] if labels is None else labels
    if labels is None:
        raise ValueError("report needs a fitted pipeline, or labels=.")
    labels = _labels(labels)
    _check_lengths(len(texts), labels=labels, cleaned=cleaned, embeddings=embeddings)
    if cleaned is not None:
        cleaned = _readable(check_texts(cleaned, estimator="cleaned"))
    embedded, remarks = embeddings is not None, []
    if not embedded:
        embeddings = _from_words(texts if cleaned is None else cleaned)
        remarks.append("No embeddings were given: the map shows word counts (LSA).")
    X = check_array(embeddings, dtype=np.float64)
    given = getattr(list(steps.values())[-1], "cluster_names_", {}) if steps else {}
    called = {**given, **_named(names)}
    texts = _readable(texts)
    return Material(texts, labels, cleaned, X, embedded, called, steps, remarks)


def _check_lengths(n_docs: int, **columns: Any) -> None:
    for name, rows in columns.items():
        if rows is not None and len(rows) != n_docs:
            raise ValueError(
                f"{name} need one row a text. Received: {len(rows)} rows and "
                f"{n_docs} texts."
            )


def _readable(texts: list[str]) -> list[str]:
    """Return the texts with "?" for lone surrogates, which no file can hold."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def _steps(pipeline: Any) -> dict[str, Any]:
    """Return the fitted steps of a pipeline, or of the best one of a search."""
    pipeline = getattr(pipeline, "best_estimator_", pipeline)
    if pipeline is None:
        return {}
    if not isinstance(pipeline, Pipeline):
        raise TypeError(
            "report takes a fitted Pipeline of texts, or None with labels=. Received: "
            f"{type(pipeline).__name__}."
        )
    return {
        name: step
        for name, step in pipeline.steps
        if step is not None and step != "passthrough"
    }


def _passed_through(
    steps: dict[str, Any], texts: list[str]
) -> tuple[list[str] | None, Any, Any]:
    """Return the texts after the last step that gives texts, embeddings, labels."""
    *transformers, clusterer = steps.values()
    X: Any = texts
    cleaned = None
    for step in transformers:
        X = step.transform(X)
        if isinstance(X, list) and all(isinstance(text, str) for text in X):
            cleaned = X
    embeddings = X
    if hasattr(clusterer, "predict"):
        labels = clusterer.predict(X)
    else:
        labels = getattr(clusterer, "labels_", None)
    if hasattr(embeddings, "toarray"):
        embeddings = _dense(embeddings)
    return cleaned, embeddings, labels


def _labels(labels: Any) -> np.ndarray:
    labels = column_or_1d(labels)
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        raise ValueError("labels must be whole numbers or names, not fractions.")
    if labels.dtype.kind in "fbu":
        return labels.astype(np.int64)
    return labels


def _named(names: Any) -> dict[Any, str]:
    if names is None:
        return {}
    return dict(names) if hasattr(names, "keys") else dict(enumerate(names))


def _from_words(tokens: list[str]) -> np.ndarray:
    """Return latent semantic vectors of the texts."""
    from deepclust.inspection._membership import term_counts
    from deepclust.inspection._representatives import word_vectors

    return _dense(word_vectors(term_counts(tokens)[0]))


def _dense(X: Any) -> np.ndarray:
    from sklearn.decomposition import TruncatedSVD

    if min(X.shape) <= 2:
        return np.hstack((X.toarray(), np.zeros((X.shape[0], 2))))
    width = min(_LATENT_DIM, min(X.shape) - 1)
    return normalize(TruncatedSVD(width, random_state=0).fit_transform(X))
