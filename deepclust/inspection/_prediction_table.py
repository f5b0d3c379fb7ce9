"""One row a text: its cluster, and what a reader needs to trust it or not."""

from typing import Any

import narwhals as nw
import numpy as np
from sklearn.utils.validation import check_is_fitted

from deepclust._text_input import check_texts
from deepclust.clustering._membership import share_kept
from deepclust.inspection._cluster_table import data_frame_backend
from deepclust.inspection._keywords import names_by_label

__all__ = ["prediction_columns", "prediction_table"]


def prediction_table(pipeline: Any, texts: Any, *, output: str | None = None) -> Any:
    """Return all that a fitted pipeline says about each text.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, with a last step that predicts.

    texts : iterable of str, length n_docs
        Any texts; one is enough: `prediction_table(pipeline, [text])`.

    output : {"pandas", "polars"}, default=None
        Kind of data frame; see `cluster_table`.

    Returns
    -------
    table : DataFrame of shape (n_docs, n_columns)
        cluster : label, −1 for noise.
        id : the id that stays when clusters are numbered anew, −1 for noise; only where
        the last step has `cluster_ids_`.
        name : name of the cluster, "" where it has none.
        known_words : share of the text's tokens that are in the vocabulary, 0 to 1.
        membership : probability of the cluster, or of noise; less where words were
        never seen at `fit`; only where the last step has `predict_proba`.
        nearest, nearest_name : the nearest cluster of a text that is noise; −1 where
        the text has no known word, or hardly one (`Vectorizer(max_unseen=)`).
        layer_0, layer_1, ... : the cluster at each layer, the broadest first; only
        where the last step has `predict_layers`.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    NotFittedError
        Before `fit`.

    See Also
    --------
    explain : Which words decide the cluster of a text.

    Notes
    -----
    Each column is that of one `predict` of all texts: no row depends on another.

    Examples
    --------
    >>> from deepclust import make_text_clusterer
    >>> from deepclust.inspection import prediction_table
    >>> texts = [f"{a} {b}" for a in ("cats purr", "dogs bark", "birds sing")
    ...          for b in ("loudly", "softly", "at night", "at dawn", "all day")] * 4
    >>> pipeline = make_text_clusterer(random_state=0, noise="nearest").set_params(
    ...     encode__rnn_units=4, encode__lstm_units=4, encode__epochs=1,
    ...     vectorize__vector_dim=8, cluster__min_samples=2).fit(texts)
    >>> table = prediction_table(pipeline, ["Cats purr, but penguins?", "?"])
    >>> table[["cluster", "known_words"]].values.tolist()[1]
    [-1.0, 0.0]
    """
    check_is_fitted(pipeline)
    backend = data_frame_backend(output)
    rows: Any = check_texts(texts, estimator="prediction_table")
    known = unseen = None
    for _, step in pipeline.steps[:-1]:
        if hasattr(step, "known_share"):
            known, unseen = step.known_share(rows), step.unseen_share(rows)
        rows = step.transform(rows)
    columns = prediction_columns(pipeline[-1], rows, known, unseen)
    return nw.from_dict(columns, backend=backend).to_native()


def prediction_columns(
    clusterer: Any,
    embeddings: np.ndarray,
    known_share: np.ndarray | None,
    unseen_share: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the columns of `prediction_table` for the results of the steps before."""
    found = _assigned(clusterer, embeddings)
    names = names_by_label(getattr(clusterer, "cluster_names_", None))
    columns = {"cluster": found["cluster"]}
    if hasattr(clusterer, "cluster_ids_"):
        columns["id"] = np.append(clusterer.cluster_ids_, -1)[found["cluster"]]
    columns["name"] = _names_of(found["cluster"], names)
    if known_share is not None:
        columns["known_words"] = np.round(known_share, 3)
    if "membership" in found:
        membership = found["membership"].astype(np.float64)
        if unseen_share is not None:
            kept = share_kept(membership, found["noise"], unseen_share)
            membership *= np.where(found["cluster"] < 0, 1.0, kept)
        columns["membership"] = membership.round(3)
    if "nearest" in found:
        columns["nearest"] = found["nearest"]
        columns["nearest_name"] = _names_of(found["nearest"], names)
    layers = found.get("layers", np.empty((0, 0))).T
    return columns | {f"layer_{i}": layer for i, layer in enumerate(layers)}


def _assigned(clusterer: Any, X: np.ndarray) -> dict[str, np.ndarray]:
    """Return what `DBSCAN.assign` does, as far as another clusterer can tell."""
    if hasattr(clusterer, "assign"):
        return clusterer.assign(X)
    found = {"cluster": np.asarray(clusterer.predict(X))}
    if hasattr(clusterer, "predict_proba"):
        membership = _membership(clusterer.predict_proba(X))
        found["membership"] = membership[np.arange(len(X)), found["cluster"]]
        found["noise"] = membership[:, -1]
    if hasattr(clusterer, "predict_layers"):
        found["layers"] = np.asarray(clusterer.predict_layers(X))
    return found


def _names_of(labels: np.ndarray, names: dict[Any, str]) -> np.ndarray:
    return np.array([names.get(label, "") for label in labels.tolist()], dtype=object)


def _membership(probabilities: np.ndarray) -> np.ndarray:
    """Append the probability of noise, what is missing to 1: label −1 finds it."""
    probabilities = np.asarray(probabilities, dtype=np.float64)  # to round and print
    noise = np.clip(1.0 - probabilities.sum(axis=1, keepdims=True), 0.0, 1.0)
    return np.hstack((probabilities, noise))
