"""Texts with their clusters, and the matrices counted on them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.extmath import row_norms

from deepclust._text_input import check_texts, replace_surrogates
from deepclust.clustering._fitted_labels import is_model, last_step
from deepclust.inspection._character_pairs import split_terms
from deepclust.sequences import NOISE, content_words

__all__ = [
    "LabeledTexts",
    "check_labeled",
    "predicted_labels",
    "run_model",
    "run_steps",
    "steps_of",
    "term_counts",
    "tfidf_rows",
]


@dataclass(frozen=True, eq=False)
class LabeledTexts:
    """Checked texts and the cluster of each; `check` makes one.

    Parameters
    ----------
    texts : list of str, length n_docs
        Texts to show.

    tokens : list of str, length n_docs
        Cleaned texts: tokens separated by white space, without marked stop words.

    clusters : list, length n_clusters
        The labels in ascending order, noise last.

    codes : ndarray of shape (n_docs,), intp
        Place of each text's label in `clusters`.

    embeddings : ndarray of shape (n_docs, embedding_dim), float64, or None

    is_cleaned : bool
        Whether `tokens` are not simply `texts`.

    token_counts : sparse array of shape (n_docs, n_tokens), float64, default=None
        What `counts` are, if they are known.

    Examples
    --------
    >>> from deepclust.inspection._labeled_texts import LabeledTexts
    >>> data = LabeledTexts.check(["a", "b", "c", "d"], [1, -1, 0, 1], "doctest")
    >>> data.clusters, data.codes.tolist(), data.sizes.tolist()
    ([0, 1, -1], [1, 2, 0, 1], [1.0, 2.0, 1.0])
    """

    texts: list[str]
    tokens: list[str]
    clusters: list[Any]
    codes: np.ndarray
    embeddings: np.ndarray | None
    is_cleaned: bool
    token_counts: sp.csr_array | None = None

    @classmethod
    def check(
        cls,
        texts: Any,
        labels: Any,
        name: str,
        cleaned: Any = None,
        embeddings: Any = None,
    ) -> "LabeledTexts":
        """Validate the input of the function `name`; of a pipeline as `labels`, run it.

        Raises
        ------
        InvalidTextError
            If `texts` or `cleaned` is not an iterable of str.
        ValueError
            If the lengths differ or the embeddings are not finite.
        """
        if is_model(labels):
            texts = check_texts(texts, estimator=name)
            found, vectors, labels = run_model(labels, texts)
            cleaned = found if cleaned is None else cleaned
            embeddings = vectors if embeddings is None else embeddings
        texts, labels = check_labeled(texts, labels, name)
        tokens = texts
        if cleaned is not None:
            tokens = check_labeled(cleaned, labels, "cleaned")[0]
        if embeddings is not None:
            embeddings = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
            if len(embeddings) != len(texts):
                raise ValueError(
                    f"embeddings need one row a text. Received: {len(embeddings)} rows "
                    f"and {len(texts)} texts."
                )
        tokens = [content_words(text) for text in tokens]
        clusters, codes = np.unique(labels, return_inverse=True)
        if len(clusters) and clusters[0] == NOISE:
            clusters = np.roll(clusters, -1)
            codes = (codes - 1) % len(clusters)
        codes, clusters = codes.astype(np.intp), clusters.tolist()
        return cls(texts, tokens, clusters, codes, embeddings, cleaned is not None)

    def rows(self, code: int) -> np.ndarray:
        """Return the rows of the texts of one cluster, ascending."""
        return self.members[[code]].indices

    @cached_property
    def members(self) -> sp.csr_array:
        """Indicator matrix of shape (n_clusters, n_docs), float64."""
        shape = len(self.clusters), len(self.codes)
        places = self.codes, np.arange(len(self.codes))
        return sp.csr_array((np.ones(len(self.codes)), places), shape=shape)

    @property
    def sizes(self) -> np.ndarray:
        """Number of texts of each cluster, float64."""
        return self.members.sum(axis=1)

    def document_frequencies(self, counts: sp.csr_array) -> sp.csr_array:
        """Return how many texts of each cluster hold each term, float64."""
        return sp.csr_array(self.members @ (counts > 0).astype(np.float64))

    @cached_property
    def counts(self) -> sp.csr_array:
        """Occurrences of single tokens, of shape (n_docs, n_terms), float64."""
        if self.token_counts is not None:
            return self.token_counts
        return term_counts(self.tokens)[0]

    @cached_property
    def tfidf(self) -> sp.csr_array:
        """TF-IDF of the tokens, of shape (n_docs, n_terms); see `tfidf_rows`."""
        return tfidf_rows(self.counts)

    @property
    def vectors(self) -> Any:
        """The embeddings, or TF-IDF where there are none."""
        return self.tfidf if self.embeddings is None else self.embeddings

    @cached_property
    def means(self) -> Any:
        """Mean of the vectors of each cluster, of shape (n_clusters, dim)."""
        return sp.diags_array(1 / self.sizes) @ (self.members @ self.vectors)


def steps_of(pipeline: Any) -> dict[str, Any]:
    """Return the fitted steps of a pipeline, or of the best one of a search."""
    pipeline = getattr(pipeline, "best_estimator_", pipeline)
    if pipeline is None:
        return {}
    if not isinstance(pipeline, Pipeline):
        raise TypeError(
            "pipeline must be a fitted Pipeline of texts, or None with labels=. "
            f"Received: {type(pipeline).__name__}."
        )
    return {k: step for k, step in pipeline.steps if step not in (None, "passthrough")}


def run_steps(steps: dict[str, Any], texts: list[str]) -> tuple[list[str] | None, Any]:
    """Return the output of the last step that returns texts, and embeddings."""
    X: Any = texts
    cleaned = None
    for step in [*steps.values()][:-1]:
        X = step.transform(X)
        if isinstance(X, list) and all(isinstance(text, str) for text in X):
            cleaned = X
    return cleaned, X


def predicted_labels(clusterer: Any, X: Any) -> Any:
    """Return the labels of the rows; those of `fit` of what does not predict."""
    if hasattr(clusterer, "predict"):
        return clusterer.predict(X)
    return getattr(clusterer, "labels_", None)


def run_model(
    model: Any, texts: list[str]
) -> tuple[list[str] | None, np.ndarray | None, Any]:
    """Return cleaned texts, embeddings and labels by a pipeline, or `labels_` alone."""
    clusterer = last_step(model)
    if clusterer in (model, getattr(model, "best_estimator_", None)):
        return None, None, clusterer.labels_
    cleaned, X = run_steps(steps_of(model), texts)
    labels = predicted_labels(clusterer, X)
    return cleaned, None if sp.issparse(X) else X, labels


def check_labeled(texts: Any, labels: Any, name: str) -> tuple[list[str], np.ndarray]:
    """Return the texts and as many labels, or raise on behalf of `name`.

    A lone surrogate becomes "?".
    """
    texts = [replace_surrogates(text) for text in check_texts(texts, estimator=name)]
    labels = column_or_1d(labels)
    if len(texts) != len(labels):
        raise ValueError(
            f"{name} needs one label a text. Received: {len(texts)} texts and "
            f"{len(labels)} labels."
        )
    return texts, labels


def term_counts(
    texts: list[str], ngram_range: tuple[int, int] = (1, 1)
) -> tuple[sp.csr_array, np.ndarray]:
    """Return the document-term matrix, float64, and the terms; see `split_terms`.

    Without terms the matrix has no columns.
    """
    if not any(len(split_terms(text)) >= ngram_range[0] for text in texts):
        return sp.csr_array((len(texts), 0)), np.array([], dtype=object)
    counter = CountVectorizer(
        tokenizer=split_terms,
        token_pattern=None,
        lowercase=False,
        ngram_range=ngram_range,
    )
    counts = sp.csr_array(counter.fit_transform(texts), dtype=np.float64)
    return counts, counter.get_feature_names_out()


def tfidf_rows(counts: sp.csr_array) -> sp.csr_array:
    """Return TF-IDF rows of unit length from a document-term matrix; empty rows zero.

    Notes
    -----
    The idf of a term is log(1 + n_docs / df), with df the documents that hold it.
    """
    document_frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log1p(counts.shape[0] / np.maximum(document_frequency, 1))
    weighted = sp.csr_array(counts @ sp.diags_array(idf))
    scale = 1 / np.maximum(row_norms(weighted), 1e-12)
    return sp.csr_array(sp.diags_array(scale) @ weighted)
