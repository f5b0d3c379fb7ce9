"""What the clusters are about: keywords, representative texts, a table.

Works on `(texts, labels)` from any clusterer. Keywords are counted on tokens separated
by white space: give the output of `TextCleaner`, where stop words are out and `c#` is
whole.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import check_array, column_or_1d

from deepclust._text_input import check_texts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cluster_keywords", "cluster_table", "representative_texts"]

NOISE = -1


def cluster_keywords(
    texts: Any,
    labels: Any,
    *,
    n_keywords: int = 8,
    ngram_range: tuple[int, int] = (1, 1),
) -> dict[Any, list[str]]:
    r"""Return the terms that set each cluster apart, the strongest first.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Cleaned texts: tokens separated by white space.

    labels : array-like of shape (n_docs,)
        Cluster of each text. Noise (−1) is described like a cluster.

    n_keywords : int, default=8
        At most so many terms a cluster; fewer where its texts hold fewer.

    ngram_range : tuple (min_n, max_n), default=(1, 1)
        (1, 2) admits pairs of neighbouring tokens. A term whose tokens all stand in
        stronger terms of the same cluster is left out.

    Returns
    -------
    keywords : dict of label to list of str
        In ascending order of the labels, noise last.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If the lengths differ.

    Notes
    -----
    Class-based TF-IDF [1]_: all texts of a cluster are one document. For term :math:`t`
    in cluster :math:`c`,

    .. math::

       W_{t,c} = \frac{f_{t,c}}{\sum_t f_{t,c}} \log\left(1 + \frac{A}{f_t}\right)

    where :math:`f_{t,c}` counts the term in the cluster, :math:`f_t` in all texts, and
    :math:`A` is the mean number of terms a cluster. Equal weights are ordered by term.
    Time and memory are linear in the number of tokens.

    References
    ----------
    .. [1] M. Grootendorst, "BERTopic: Neural topic modeling with a class-based TF-IDF
       procedure", 2022. :doi:`10.48550/arXiv.2203.05794`

    Examples
    --------
    >>> from deepclust.describing import cluster_keywords
    >>> cluster_keywords(["red apple", "green apple", "fast car"], [0, 0, 1],
    ...                  n_keywords=2)
    {0: ['apple', 'green'], 1: ['car', 'fast']}
    """
    texts, labels = _check(texts, labels, "cluster_keywords")
    clusters, members = _membership(labels)
    counts, terms = _term_counts(texts, ngram_range)
    weights = _class_tf_idf(members @ counts)
    return {
        cluster: _strongest(weights[[row]], terms, n_keywords)
        for row, cluster in enumerate(clusters)
    }


def representative_texts(
    texts: Any,
    labels: Any,
    *,
    cleaned: Any = None,
    embeddings: Any = None,
    n_texts: int = 1,
) -> dict[Any, list[str]]:
    """Return the most typical texts of each cluster, the most typical first.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Texts to quote, as a reader should see them.

    labels : array-like of shape (n_docs,)
        Cluster of each text. Noise (−1) gets representatives as well.

    cleaned : iterable of str, length n_docs, default=None
        Cleaned texts to compare by; `texts` themselves when None. Not used with
        `embeddings`.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        If given, the texts nearest to the mean of their cluster are chosen; otherwise
        those whose tokens agree best with the cluster's keywords.

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
    Linear in the number of tokens, or of embeddings. Between equals the first text is
    taken.

    Examples
    --------
    >>> from deepclust.describing import representative_texts
    >>> texts = ["Green pear.", "A red apple!", "Red apple pie", "The car"]
    >>> cleaned = ["green pear", "red apple", "red apple pie", "car"]
    >>> representative_texts(texts, [0, 0, 0, 1], cleaned=cleaned)
    {0: ['Red apple pie'], 1: ['The car']}
    """
    texts, labels = _check(texts, labels, "representative_texts")
    clusters, members = _membership(labels)
    if embeddings is not None:
        typical = _nearness_to_mean(embeddings, members, len(texts))
    else:
        tokens = texts if cleaned is None else _check(cleaned, labels, "cleaned")[0]
        typical = _agreement_with_keywords(tokens, members)
    order = np.argsort(-typical, kind="stable")
    chosen: dict[Any, dict[str, str]] = {cluster: {} for cluster in clusters}
    codes = members.tocsc().indices
    for row in order:
        quotes = chosen[clusters[codes[row]]]
        if len(quotes) < n_texts:
            quotes.setdefault(texts[row].casefold(), texts[row])
    return {cluster: list(quotes.values()) for cluster, quotes in chosen.items()}


def cluster_table(
    texts: Any,
    labels: Any,
    *,
    cleaned: Any = None,
    embeddings: Any = None,
    n_keywords: int = 8,
    ngram_range: tuple[int, int] = (1, 1),
) -> "pd.DataFrame":
    """Return one row a cluster: its size, its keywords and an example.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Texts as a reader should see them.

    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.

    cleaned : iterable of str, length n_docs, default=None
        The texts after `TextCleaner`, for the keywords; `texts` when None.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        If given, the example is the text nearest to the mean of its cluster.

    n_keywords : int, default=8
        At most so many keywords a cluster.

    ngram_range : tuple (min_n, max_n), default=(1, 1)
        See `cluster_keywords`.

    Returns
    -------
    table : pandas DataFrame
        Columns "cluster", "size" (texts), "share" (of all texts, 0 to 1), "keywords"
        (joined by ", ") and "example"; in ascending order of the labels, noise last.

    Raises
    ------
    InvalidTextError
        If `texts` or `cleaned` is not an iterable of str.
    ValueError
        If the lengths differ.

    See Also
    --------
    cluster_keywords : The keywords alone.
    representative_texts : More examples.

    Examples
    --------
    >>> from deepclust.describing import cluster_table
    >>> texts = ["red apple", "green apple", "fast car", "odd"]
    >>> table = cluster_table(texts, [0, 0, 1, -1], n_keywords=1)
    >>> print(table.to_string(index=False))
     cluster  size  share keywords   example
           0     2   0.50    apple red apple
           1     1   0.25      car  fast car
          -1     1   0.25      odd       odd
    """
    import pandas as pd

    texts, labels = _check(texts, labels, "cluster_table")
    tokens = texts if cleaned is None else _check(cleaned, labels, "cleaned")[0]
    keywords = cluster_keywords(
        tokens, labels, n_keywords=n_keywords, ngram_range=ngram_range
    )
    examples = representative_texts(
        texts, labels, cleaned=tokens, embeddings=embeddings
    )
    clusters, members = _membership(labels)
    sizes = np.asarray(members.sum(axis=1)).ravel().astype(np.int64)
    return pd.DataFrame(
        {
            "cluster": clusters,
            "size": sizes,
            "share": sizes / max(len(texts), 1),
            "keywords": [", ".join(keywords[cluster]) for cluster in clusters],
            "example": [examples[cluster][0] for cluster in clusters],
        }
    )


def _check(texts: Any, labels: Any, name: str) -> tuple[list[str], np.ndarray]:
    texts = check_texts(texts, estimator=name)
    labels = column_or_1d(labels)
    if len(texts) != len(labels):
        raise ValueError(
            f"{name} needs one label a text. Received: {len(texts)} texts and "
            f"{len(labels)} labels."
        )
    return texts, labels


def _membership(labels: np.ndarray) -> tuple[list[Any], sp.csr_array]:
    """Return the labels in order, noise last, and the clusters × texts 0/1 matrix."""
    values, codes = np.unique(labels, return_inverse=True)
    if len(values) and values[0] == NOISE:
        values = np.roll(values, -1)
        codes = (codes - 1) % len(values)
    ones = np.ones(len(labels))
    shape = (len(values), len(labels))
    members = sp.csr_array((ones, (codes, np.arange(len(labels)))), shape=shape)
    return values.tolist(), members


def _term_counts(
    texts: list[str], ngram_range: tuple[int, int]
) -> tuple[sp.csr_array, np.ndarray]:
    """Return the texts × terms counts and the terms; without terms, no columns."""
    if not any(text.strip() for text in texts):
        return sp.csr_array((len(texts), 0)), np.array([], dtype=object)
    counter = CountVectorizer(
        tokenizer=str.split,
        token_pattern=None,
        lowercase=False,
        ngram_range=ngram_range,
    )
    counts = sp.csr_array(counter.fit_transform(texts), dtype=np.float64)
    return counts, counter.get_feature_names_out()


def _class_tf_idf(counts: sp.csr_array) -> sp.csr_array:
    """Weigh the clusters × terms counts; the formula is in `cluster_keywords`."""
    terms_a_cluster = counts.sum(axis=1)
    frequency = counts.sum(axis=0)
    share = sp.diags_array(1.0 / np.maximum(terms_a_cluster, 1.0)) @ counts
    mean_terms = counts.sum() / max(counts.shape[0], 1)
    idf = np.log1p(mean_terms / np.maximum(frequency, 1.0))
    return sp.csr_array(share @ sp.diags_array(idf))


def _strongest(weights: sp.csr_array, terms: np.ndarray, n_keywords: int) -> list[str]:
    """Return the best terms of one cluster, without those that repeat others."""
    names = terms[weights.indices]
    chosen: list[str] = []
    told: set[str] = set()
    for i in np.lexsort((names, -weights.data)):
        if len(chosen) == n_keywords:
            break
        tokens = names[i].split()
        if not told.issuperset(tokens):
            chosen.append(str(names[i]))
            told.update(tokens)
    return chosen


def _nearness_to_mean(
    embeddings: Any, members: sp.csr_array, n_docs: int
) -> np.ndarray:
    """Return minus the squared distance of each text to its cluster's mean."""
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    if len(X) != n_docs:
        raise ValueError(
            f"embeddings need one row a text. Received: {len(X)} rows and "
            f"{n_docs} texts."
        )
    sizes = members.sum(axis=1)
    means = (members @ X) / sizes[:, None]
    codes = members.tocsc().indices
    return -((X - means[codes]) ** 2).sum(axis=1)


def _agreement_with_keywords(tokens: list[str], members: sp.csr_array) -> np.ndarray:
    """Return the cosine between each text's counts and its cluster's weights."""
    counts, _ = _term_counts(tokens, (1, 1))
    weights = _class_tf_idf(members @ counts)
    codes = members.tocsc().indices
    dots = counts.multiply(weights[codes]).sum(axis=1)
    norms = sp.linalg.norm(counts, axis=1)
    return dots / np.maximum(norms, 1.0)
