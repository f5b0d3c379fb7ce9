"""Representative and borderline texts of each cluster."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import pairwise_distances_chunked
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.extmath import row_norms

from deepclust.inspection._keywords import term_weights
from deepclust.inspection._labeled_texts import LabeledTexts
from deepclust.sequences import NOISE

__all__ = [
    "borderline_texts",
    "find_borderline",
    "find_representatives",
    "representative_texts",
]

_SAMPLE = 1_000  # texts of a cluster among which its density peak is searched
_CANDIDATES = 200  # most typical texts, among which different ones are selected


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
        Texts to show.

    labels : array-like of shape (n_docs,)
        Cluster of each text. Noise (−1) gets representatives as well.
        Or a fitted pipeline, see `cluster_table`.

    cleaned : iterable of str, length n_docs, default=None
        Cleaned texts to compare words by; `texts` themselves when None.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        If given, texts near the density peak of their cluster are preferred; otherwise
        only the words count.

    n_texts : int, default=1
        At most so many a cluster. Texts that differ only in case count once.

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

    .. math:: a - d^2 / \overline{d^2} - \max_{r} s(r)

    with a, the cosine between its term counts and the term weights of its cluster,
    counted half if there are embeddings; d, its distance from the peak, relative to the
    mean over the cluster; and s, the cosine between its TF-IDF vector and that of each
    text r selected before (maximal marginal relevance [1]_). Ties go to the first text.

    Linear in the number of tokens and of embeddings; the peak is searched among at most
    1,000 texts of a cluster.

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
    data = LabeledTexts.check(
        texts, labels, "representative_texts", cleaned, embeddings
    )
    return find_representatives(data, n_texts)


def borderline_texts(
    texts: Any,
    labels: Any,
    *,
    cleaned: Any = None,
    embeddings: Any = None,
    n_texts: int = 1,
) -> dict[Any, list[str]]:
    """Return the texts of each cluster with the smallest margin to another cluster.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Texts to show.

    labels : array-like of shape (n_docs,)
        Cluster of each text. Of noise (−1) the texts nearest to a cluster are returned.
        Or a fitted pipeline, see `cluster_table`.

    cleaned : iterable of str, length n_docs, default=None
        Cleaned texts to compare words by, where there are no embeddings; `texts` when
        None.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        What to measure distances by; TF-IDF of the tokens when None.

    n_texts : int, default=1
        At most so many a cluster. Texts that differ only in case count once.

    Returns
    -------
    borderline : dict of label to list of str
        In ascending order of the labels, noise last; the smallest margin first.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If the lengths differ or `embeddings` holds NaN or infinity.

    Notes
    -----
    The margin of a text is its squared distance from the nearest mean of another
    cluster less that from the mean of its own; for noise, the former alone. Time
    O(n_docs n_clusters embedding_dim), in chunks of
    `sklearn.get_config()["working_memory"]`.

    Examples
    --------
    >>> from deepclust.inspection import borderline_texts
    >>> borderline_texts(["a", "b", "c", "d"], [0, 0, 1, 1],
    ...                  embeddings=[[0.0], [1.0], [2.5], [4.0]])
    {0: ['b'], 1: ['c']}
    """
    data = LabeledTexts.check(texts, labels, "borderline_texts", cleaned, embeddings)
    return {label: [*found] for label, found in find_borderline(data, n_texts).items()}


def find_representatives(data: LabeledTexts, n_texts: int) -> dict[Any, list[str]]:
    """Return the representative texts of checked input; see `representative_texts`."""
    typicality = _keyword_similarity(data)
    if data.embeddings is not None:
        typicality = 0.5 * typicality - _peak_distances(data.embeddings, data)
    representatives = {}
    for code, cluster in enumerate(data.clusters):
        rows = _ranked(data, code, typicality, _CANDIDATES)
        chosen = _marginal_relevance(typicality[rows], data.tfidf[rows], n_texts)
        representatives[cluster] = [data.texts[row] for row in rows[chosen]]
    return representatives


def find_borderline(data: LabeledTexts, n_texts: int) -> dict[Any, dict[str, float]]:
    """Return the borderline texts of checked input, and the margin of each.

    See `borderline_texts`.
    """
    margins = _margins(data)
    return {
        cluster: {
            data.texts[row]: float(margins[row])
            for row in _ranked(data, code, -margins, n_texts)
        }
        for code, cluster in enumerate(data.clusters)
    }


def _ranked(
    data: LabeledTexts, code: int, scores: np.ndarray, limit: int
) -> np.ndarray:
    """Return the rows of a cluster by descending score; equal texts once."""
    rows = data.rows(code)
    distinct: dict[str, int] = {}
    for row in rows[np.argsort(-scores[rows], kind="stable")].tolist():
        if len(distinct) == limit:
            break
        distinct.setdefault(data.texts[row].casefold(), row)
    return np.array([*distinct.values()], dtype=np.intp)


def _keyword_similarity(data: LabeledTexts) -> np.ndarray:
    """Return the cosine between each text's counts and its cluster's term weights."""
    counts = data.counts
    weights = term_weights(data.document_frequencies(counts)).maximum(0.0)
    dots = np.empty(counts.shape[0])
    for code in range(weights.shape[0]):
        rows = data.rows(code)
        dots[rows] = counts[rows] @ weights[[code]].toarray().ravel()
    cluster_norms = np.maximum(row_norms(weights), 1e-12)
    return dots / (np.maximum(row_norms(counts), 1.0) * cluster_norms[data.codes])


def _peak_distances(X: np.ndarray, data: LabeledTexts) -> np.ndarray:
    """Return squared distances from the density peak of each text's cluster, mean 1."""
    distances = np.zeros(len(X))
    for code in range(len(data.clusters)):
        rows = data.rows(code)
        sample = X[rows[:: -(-len(rows) // _SAMPLE)]]
        k = min(max(5, len(sample) // 10), len(sample))
        nearest = np.partition(euclidean_distances(sample), k - 1, axis=1)[:, :k]
        peak = sample[nearest.mean(axis=1).argmin()]
        squared = ((X[rows] - peak) ** 2).sum(axis=1)
        distances[rows] = squared / max(squared.mean(), 1e-12)
    return distances


def _marginal_relevance(
    relevance: np.ndarray, words: sp.csr_array, n_texts: int
) -> list[int]:
    """Select candidates by maximal marginal relevance: relevant, and of other words."""
    redundancy = np.zeros(len(relevance))
    chosen: list[int] = []
    while len(chosen) < min(n_texts, len(relevance)):
        best = int(np.argmax(relevance - redundancy))
        chosen.append(best)
        similarity = (words @ words[[best]].T).toarray().ravel()
        redundancy = np.maximum(redundancy, similarity)
        redundancy[best] = np.inf
    return chosen


def _margins(data: LabeledTexts) -> np.ndarray:
    """Return how much farther the nearest other mean is than the own, squared."""
    X, codes = data.vectors, data.codes
    if not min(X.shape):
        return np.zeros(len(codes))
    is_noise = np.array([cluster == NOISE for cluster in data.clusters], dtype=bool)

    def margins(squared: np.ndarray, start: int) -> np.ndarray:
        own_code = codes[start : start + len(squared)]
        place = np.arange(len(squared)), own_code
        own = np.where(is_noise[own_code], 0.0, squared[place])
        squared[place] = squared[:, is_noise] = np.inf
        other = squared.min(axis=1)
        return np.where(np.isfinite(other), other, 0.0) - own

    chunks = pairwise_distances_chunked(
        X, data.means, reduce_func=margins, squared=True
    )
    return np.concatenate(list(chunks))
