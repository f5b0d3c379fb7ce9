"""Seed words: documents with those of one class are labeled, if other words agree.

1. A document that contains the seed words of exactly one class has a label.
2. Many a word has several meanings. The label is taken back where the other words of
   the document are more probable in another class, by the words of all documents that
   have a label. Each is judged without what it says itself (leave-one-out).
"""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils import gen_batches

from deepclust.pseudo_labels._features import BATCH_SIZE, document_term_matrix
from deepclust.pseudo_labels._mixture import PSEUDO_COUNT, word_frequencies
from deepclust.sequences import TokenSequences, Vocabulary

__all__ = ["seed_word_labels"]


def seed_word_labels(
    sequences: TokenSequences, seed_words: Mapping[str, Iterable[str]]
) -> np.ndarray:
    """Label the documents that contain seed words of exactly one class.

    A document whose other words speak for another class has no label.

    Parameters
    ----------
    sequences : TokenSequences of n_docs documents
        With a vocabulary.

    seed_words : mapping of str to iterable of str
        Classes and their words, as in the cleaned texts; upper case is lowered where
        needed.

    Returns
    -------
    labels : ndarray of shape (n_docs,), object
        Name of a class; None for a document without seed words, with those of several
        classes, or with other words that are more probable in another class.

    Raises
    ------
    TypeError
        If the words of a class are not an iterable of str.
    ValueError
        If there is no vocabulary, if two classes have a word in common, or if a class
        has no word in the vocabulary.

    Warns
    -----
    UserWarning
        If words are not in the vocabulary, but others of their class are.

    Notes
    -----
    The classes' words are multinomials of the documents labeled so far, smoothed as
    those of the mixtures [2]_; without the document itself, in its own class. Time
    O(tokens × n_classes); memory O(tokens + n_classes × n_tokens).

    References
    ----------
    .. [1] Meng, Shen, Zhang, Han, "Weakly-supervised neural text classification",
       CIKM 2018, doi:10.1145/3269206.3271737.
    .. [2] Nigam, McCallum, Thrun, Mitchell, "Text classification from labeled and
       unlabeled documents using EM", Machine Learning 39, 2000,
       doi:10.1023/A:1007692713085.

    Examples
    --------
    >>> from deepclust import TextCleaner, Vectorizer
    >>> from deepclust.pseudo_labels import seed_word_labels
    >>> texts = ["refund my money", "the invoice is wrong", "login fails"] * 2
    >>> sequences = Vectorizer(min_df=1).fit_transform(TextCleaner().transform(texts))
    >>> seed_words = {"billing": ["invoice", "refund"], "access": ["login"]}
    >>> seed_word_labels(sequences, seed_words)[:3]
    array(['billing', 'billing', 'access'], dtype=object)
    """
    if sequences.vocabulary is None:
        raise ValueError(
            "seed_words are words, but the token ids came without a vocabulary. Pass "
            "what Vectorizer returns, not a matrix."
        )
    names = np.array([*seed_words, None], dtype=object)
    class_of_token = _classes_of_tokens(sequences.vocabulary, seed_words)
    document = np.repeat(np.arange(len(sequences)), sequences.lengths)
    classes = class_of_token[sequences.ids]
    seeds = classes >= 0
    lowest = np.full(len(sequences), len(seed_words), dtype=np.intp)
    highest = np.full(len(sequences), -1, dtype=np.intp)
    np.minimum.at(lowest, document[seeds], classes[seeds])
    np.maximum.at(highest, document[seeds], classes[seeds])
    labels = np.where(lowest == highest, highest, -1)
    counts = document_term_matrix(sequences)[:, np.flatnonzero(class_of_token < 0)]
    labels[_speak_for_another(counts, labels, len(seed_words))] = -1
    return names[labels]


def _speak_for_another(
    counts: csr_matrix, labels: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return the documents whose words are more probable in another class.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32
        Of the words that are no seed words.

    labels : ndarray of shape (n_docs,), int
        -1 where there is none.

    Returns
    -------
    documents : ndarray of int
    """
    labeled = np.flatnonzero(labels >= 0)
    if n_classes < 2 or not len(labeled):
        return labeled[:0]
    frequencies = word_frequencies(counts)
    counts, labels = counts[labeled], labels[labeled]
    members = csr_matrix(
        (np.ones(len(labels)), (labels, np.arange(len(labels)))),
        shape=(n_classes, len(labels)),
    )
    prior = PSEUDO_COUNT * len(frequencies) * frequencies.ravel()
    words = (members @ counts).toarray()
    totals = words.sum(axis=1) + prior.sum()
    log_shares = np.log((words + prior) / totals[:, None])
    row = np.repeat(np.arange(len(labels)), np.diff(counts.indptr))
    own = labels[row]
    rest = words[own, counts.indices] - counts.data + prior[counts.indices]
    total = (totals[labels] - np.asarray(counts.sum(axis=1)).ravel())[row]
    own_scores = np.bincount(row, counts.data * np.log(rest / total), len(labels))
    contradicted = np.zeros(len(labels), dtype=bool)
    for batch in gen_batches(len(labels), BATCH_SIZE):
        scores = counts[batch] @ log_shares.T
        scores[np.arange(len(scores)), labels[batch]] = own_scores[batch]
        contradicted[batch] = scores.max(axis=1) > own_scores[batch]
    # No class loses all its documents.
    contradicted &= np.isin(labels, labels[~contradicted])
    return labeled[contradicted]


def _classes_of_tokens(
    vocabulary: Vocabulary, seed_words: Mapping[str, Iterable[str]]
) -> np.ndarray:
    """Return the class of each token, -1 where it is no seed word, intp (n_tokens,)."""
    classes = np.full(len(vocabulary), -1, dtype=np.intp)
    unknown = []
    for number, (name, words) in enumerate(seed_words.items()):
        found = 0
        for word in _checked_words(name, words):
            token = vocabulary.index.get(word, vocabulary.index.get(word.lower()))
            if token is None:
                unknown.append(word)
                continue
            if classes[token] not in (-1, number):
                other = [*seed_words][classes[token]]
                raise ValueError(
                    f"A seed word belongs to one class only. Received: {word!r} for "
                    f"both {other!r} and {name!r}."
                )
            classes[token] = number
            found += 1
        if not found:
            raise ValueError(
                f"No word of seed_words[{name!r}] is in the vocabulary: "
                f"{', '.join(unknown) or 'none given'}. Use words of the cleaned "
                "texts, or lower the Vectorizer's min_df."
            )
    if unknown:
        warnings.warn(
            f"Words of seed_words that are not in the vocabulary: {', '.join(unknown)}",
            UserWarning,
            stacklevel=5,
        )
    return classes


def _checked_words(name: str, words: Any) -> list[str]:
    message = f"seed_words[{name!r}] must be a list of words. Received: "
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise TypeError(f"{message}{words!r}.")
    words = list(words)
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"{message}{word!r} in the list.")
    return words
