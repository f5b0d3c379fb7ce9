"""Texts to quote: the most typical of a cluster, and those on its border."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from deepclust.inspection._keywords import term_weights
from deepclust.inspection._membership import (
    NOISE,
    check_labelled,
    check_vectors,
    membership,
    squared_distances,
    term_counts,
)

__all__ = ["borderline_texts", "representative_texts", "word_vectors"]

_SAMPLE = 1_000  # members of a cluster among which its peak is looked for
_CANDIDATES = 200  # most typical texts, from which different ones are chosen


def representative_texts(
    texts: Any,
    labels: Any,
    *,
    cleaned: Any = None,
    embeddings: Any = None,
    n_texts: int = 1,
) -> dict[Any, list[str]]:
    r"""Return the most typical texts of each cluster, the most typical first.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Texts to quote, as a reader should see them.

    labels : array-like of shape (n_docs,)
        Cluster of each text. Noise (−1) gets representatives as well.

    cleaned : iterable of str, length n_docs, default=None
        Cleaned texts to compare words by; `texts` themselves when None.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        If given, texts near the density peak of their cluster are preferred; otherwise
        the words alone decide.

    n_texts : int, default=1
        At most so many a cluster. Texts that differ only in case are quoted once.

    Returns
    -------
    representatives : dict of label to list of str
        In ascending order of the labels, noise last.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If the lengths differ or `embeddings` holds NaN or infinity.

    Notes
    -----
    The density peak of a cluster is the text with the smallest mean distance to the
    nearest tenth of the others. A text scores

    .. math:: a - d^2 / \overline{d^2} - \max_{q} s(q)

    with the agreement a of its words with the cluster's keywords, a cosine, counted
    half if there are embeddings; its distance d from the peak, against the mean over
    the cluster; and the cosine s between its words and those of each text q that was
    quoted before, so that the quotes differ [1]_. Between equals the first text is
    taken.

    Linear in the number of tokens and of embeddings; the peak is looked for among at
    most 1,000 texts a cluster.

    References
    ----------
    .. [1] J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for
       reordering documents and producing summaries", SIGIR 1998.
       :doi:`10.1145/290941.291025`

    Examples
    --------
    >>> from deepclust.inspection import representative_texts
    >>> texts = ["Green pear.", "A red apple!", "Red apple pie", "The car"]
    >>> cleaned = ["green pear", "red apple", "red apple pie", "car"]
    >>> representative_texts(texts, [0, 0, 0, 1], cleaned=cleaned, n_texts=2)
    {0: ['A red apple!', 'Green pear.'], 1: ['The car']}
    """
    texts, labels = check_labelled(texts, labels, "representative_texts")
    clusters, members, codes = membership(labels)
    tokens = texts
    if cleaned is not None:
        tokens = check_labelled(cleaned, labels, "cleaned")[0]
    counts, _ = term_counts(tokens)
    typical = _agreement_with_keywords(counts, members, codes)
    if embeddings is not None:
        X = check_vectors(embeddings, len(texts))
        typical = 0.5 * typical - _distance_from_peak(X, members)
    words = word_vectors(counts)
    representatives = {}
    for row, cluster in enumerate(clusters):
        rows = members[[row]].indices
        rows = rows[np.argsort(-typical[rows], kind="stable")]
        chosen = _different(texts, rows, typical, words, n_texts)
        representatives[cluster] = [texts[i] for i in chosen]
    return representatives


def borderline_texts(
    texts: Any,
    labels: Any,
    *,
    cleaned: Any = None,
    embeddings: Any = None,
    n_texts: int = 1,
) -> dict[Any, list[str]]:
    """Return the texts of each cluster that lie nearest to another one.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Texts to quote.

    labels : array-like of shape (n_docs,)
        Cluster of each text. Of noise (−1) the texts nearest to a cluster are quoted.

    cleaned : iterable of str, length n_docs, default=None
        Cleaned texts to compare words by, where there are no embeddings; `texts` when
        None.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        What to measure distances by; TF-IDF of the tokens when None.

    n_texts : int, default=1
        At most so many a cluster. Texts that differ only in case are quoted once.

    Returns
    -------
    borderline : dict of label to list of str
        In ascending order of the labels, noise last; the most doubtful text first.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If the lengths differ or `embeddings` holds NaN or infinity.

    Notes
    -----
    The doubt about a text is the difference between its squared distances to the mean
    of its cluster and to the nearest mean of another. Time O(n_docs n_clusters
    embedding_dim), in blocks.

    Examples
    --------
    >>> from deepclust.inspection import borderline_texts
    >>> borderline_texts(["a", "b", "c", "d"], [0, 0, 1, 1],
    ...                  embeddings=[[0.0], [1.0], [2.5], [4.0]])
    {0: ['b'], 1: ['c']}
    """
    texts, labels = check_labelled(texts, labels, "borderline_texts")
    clusters, members, codes = membership(labels)
    X: Any
    if embeddings is not None:
        X = check_vectors(embeddings, len(texts))
    else:
        tokens = texts
        if cleaned is not None:
            tokens = check_labelled(cleaned, labels, "cleaned")[0]
        X = word_vectors(term_counts(tokens)[0])
    doubt = _doubt(X, clusters, members, codes)
    borderline = {}
    for row, cluster in enumerate(clusters):
        rows = members[[row]].indices
        rows = rows[np.argsort(-doubt[rows], kind="stable")]
        quotes: dict[str, str] = {}
        for i in rows.tolist():
            if len(quotes) == n_texts:
                break
            quotes.setdefault(texts[i].casefold(), texts[i])
        borderline[cluster] = list(quotes.values())
    return borderline


def word_vectors(counts: sp.csr_array) -> sp.csr_array:
    """Return TF-IDF rows of unit length from texts × terms counts; empty texts zero."""
    texts_with = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log1p(counts.shape[0] / np.maximum(texts_with, 1))
    weighted = sp.csr_array(counts @ sp.diags_array(idf))
    norms = sp.linalg.norm(weighted, axis=1) if counts.shape[1] else np.ones(0)
    if not counts.shape[1]:
        return weighted
    return sp.csr_array(sp.diags_array(1 / np.maximum(norms, 1e-12)) @ weighted)


def _agreement_with_keywords(
    counts: sp.csr_array, members: sp.csr_array, codes: np.ndarray
) -> np.ndarray:
    """Return the cosine between each text's counts and its cluster's weights."""
    if not counts.shape[1]:
        return np.zeros(len(codes))
    held = sp.csr_array(members @ (counts > 0).astype(np.float64))
    weights = term_weights(held).maximum(0.0)
    of_cluster = np.maximum(sp.linalg.norm(weights, axis=1), 1e-12)
    dots = counts.multiply(weights[codes]).sum(axis=1)
    of_text = np.maximum(sp.linalg.norm(counts, axis=1), 1.0)
    return np.asarray(dots).ravel() / (of_text * of_cluster[codes])


def _distance_from_peak(X: np.ndarray, members: sp.csr_array) -> np.ndarray:
    """Return squared distances from the peak of each text's cluster, of mean 1."""
    distance = np.zeros(len(X))
    for row in range(members.shape[0]):
        rows = members[[row]].indices
        step = -(-len(rows) // _SAMPLE)
        sample = X[rows[::step]]
        k = max(5, len(sample) // 10)
        spread = np.empty(len(sample))
        for part, squared in squared_distances(sample, sample):
            k = min(k, len(sample))
            squared.partition(k - 1, axis=1)
            spread[part] = np.sqrt(squared[:, :k]).mean(axis=1)
        peak = sample[spread.argmin()]
        squared = ((X[rows] - peak) ** 2).sum(axis=1)
        distance[rows] = squared / max(squared.mean(), 1e-12)
    return distance


def _different(
    texts: list[str],
    rows: np.ndarray,
    typical: np.ndarray,
    words: sp.csr_array,
    n_texts: int,
) -> list[int]:
    """Choose typical rows whose words differ; `rows` come most typical first."""
    distinct: dict[str, int] = {}
    for i in rows.tolist():
        distinct.setdefault(texts[i].casefold(), i)
        if len(distinct) == _CANDIDATES:
            break
    left = list(distinct.values())
    overlap = np.zeros(len(left))
    chosen: list[int] = []
    while left and len(chosen) < n_texts:
        best = int(np.argmax(typical[left] - overlap))
        row = left.pop(best)
        chosen.append(row)
        overlap = np.delete(overlap, best)
        if left and words.shape[1]:
            alike = (words[left] @ words[[row]].T).toarray().ravel()
            overlap = np.maximum(overlap, alike)
    return chosen


def _doubt(
    X: Any, clusters: list[Any], members: sp.csr_array, codes: np.ndarray
) -> np.ndarray:
    """Return how much nearer each text is to another cluster than to its own."""
    sizes = np.maximum(members.sum(axis=1), 1)
    means = sp.diags_array(1 / sizes) @ (members @ X)
    is_noise = np.array([cluster == NOISE for cluster in clusters], dtype=bool)
    doubt = np.empty(len(codes))
    for rows, squared in squared_distances(X, means):
        squared[:, is_noise] = np.inf
        places = (np.arange(len(squared)), codes[rows])
        own = np.where(is_noise[codes[rows]], 0.0, squared[places])
        squared[places] = np.inf
        other = squared.min(axis=1, initial=np.inf)
        doubt[rows] = own - np.where(np.isfinite(other), other, 0.0)
    return doubt
