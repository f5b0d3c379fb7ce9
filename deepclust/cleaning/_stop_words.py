"""Which stop words tell something of what a text is about?

In "how do I pay", as people ask an assistant, `how` and `do` go with some subjects and
not with others. In "how to sort a list in Python", as in titles, they go with all.
"""

import heapq

import numpy as np
from scipy.sparse import csr_matrix

from deepclust.cleaning._tokenizer import token_checksum

__all__ = ["hashed_sample", "informative_stop_words", "null_information", "told_by"]

MAX_TEXTS = 10_000  # distinct texts that are looked at
MAX_TOKENS = 100  # of each
MIN_EXCESS = 0.2  # nats that a stop word tells of the other words, beyond chance
N_NULLS = 8  # pairings with the words of another text
MIN_DEVIATIONS = 3.0  # standard deviations of these above the least information
MIN_SHARE = 0.5  # of the occurrences of stop words, for any to be kept


def hashed_sample(texts: list[str]) -> list[str]:
    """Return at most `MAX_TEXTS` distinct texts, those of the least checksums.

    They depend neither on the order of the texts nor on copies.
    """
    by_checksum = ((token_checksum(text), text) for text in {*texts})
    return [text for _, text in heapq.nsmallest(MAX_TEXTS, by_checksum)]


def informative_stop_words(texts: list[str], stop_words: frozenset[str]) -> list[str]:
    r"""Return the stop words that tell something of the other words of their texts.

    Parameters
    ----------
    texts : list of str, length n_docs
        Clean texts with their stop words, in an order that has nothing to do with what
        they are about.

    stop_words : frozenset of str

    Returns
    -------
    informative : list of str
        In alphabetical order. Empty if they are less than half of the occurrences of
        stop words: the texts are then of another kind, and what they tell is little.

    Notes
    -----
    What a stop word w tells of the other words v is the Kullback–Leibler divergence

    .. math:: I(w) = \sum_v p(v|w) \log \frac{p(v|w)}{p(v)},

    with the words of the texts that hold w. Finite samples raise it. So its mean and
    standard deviation are found with the other words of the next, the second next, ...
    text instead, and I(w) must exceed the mean by .2 nats and three deviations. Texts
    are cut after `MAX_TOKENS` tokens. Linear time and memory in the texts.

    Examples
    --------
    >>> from deepclust.cleaning._stop_words import informative_stop_words
    >>> import numpy as np
    >>> kinds = ["how is rain", "how is snow", "when is train", "when is bus"]
    >>> texts = np.random.default_rng(0).choice(kinds, 200).tolist()
    >>> informative_stop_words(texts, frozenset({"how", "when", "is"}))
    ['how', 'when']
    """
    from sklearn.feature_extraction.text import CountVectorizer  # .2 s, only in fit

    rows = [text.split()[:MAX_TOKENS] for text in texts]
    words = CountVectorizer(analyzer=list, binary=True, dtype=np.float64)
    if not any(rows):
        return []
    counts = words.fit_transform(rows)
    names = words.get_feature_names_out()
    is_stop_word = np.array([name in stop_words for name in names])
    stops, others = counts[:, is_stop_word], counts[:, ~is_stop_word]
    others = others[:, np.asarray(others.sum(axis=0)).ravel() >= 2]
    if not (stops.nnz and others.nnz):
        return []
    nulls = null_information(stops, others)
    excess = told_by(stops, others) - nulls.mean(axis=0)
    least = MIN_EXCESS + MIN_DEVIATIONS * nulls.std(axis=0, ddof=1)
    informative = excess >= least
    if stops[:, informative].sum() < MIN_SHARE * stops.sum():
        return []
    return names[is_stop_word][informative].tolist()


def null_information(stops: csr_matrix, others: csr_matrix) -> np.ndarray:
    """Return what `told_by` is with the words of other texts, (N_NULLS, n_stops)."""
    order = np.arange(others.shape[0])
    shifted = (others[np.roll(order, -n)] for n in range(1, N_NULLS + 1))
    return np.array([told_by(stops, other) for other in shifted])


def told_by(stops: csr_matrix, others: csr_matrix) -> np.ndarray:
    """Return I(w) of each stop word, see `informative_stop_words`, nats, (n_stops,).

    `stops` and `others` are which of them each text holds, (n_docs, n_...), 0 or 1.
    """
    frequencies = np.asarray(others.sum(axis=0)).ravel() / others.sum()
    together = (stops.T @ others).tocsr()
    totals = np.asarray(together.sum(axis=1)).ravel()
    word = np.repeat(np.arange(len(totals)), np.diff(together.indptr))
    shares = together.data / totals[word]
    terms = shares * np.log(shares / frequencies[together.indices])
    return np.bincount(word, terms, len(totals))
