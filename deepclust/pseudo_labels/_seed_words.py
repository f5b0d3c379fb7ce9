"""Keywords as labels: texts that hold a topic's words are examples of the topic."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from deepclust.sequences import TokenSequences, Vocabulary

__all__ = ["seed_word_labels"]


def seed_word_labels(
    sequences: TokenSequences, guide: Mapping[str, Iterable[str]]
) -> np.ndarray:
    """Return the topic that each text's words name.

    Parameters
    ----------
    sequences : TokenSequences of n_docs texts
        With a vocabulary.

    guide : mapping of str to iterable of str
        Topics and their words, as they stand in the cleaned texts or in capitals.

    Returns
    -------
    topics : ndarray of shape (n_docs,), object
        Name of a topic; None for a text with no word of the guide, or with words of
        several topics.

    Raises
    ------
    TypeError
        If a topic's words are not given as an iterable of str.
    ValueError
        If there is no vocabulary, if a word stands for two topics, or if a topic has no
        word that is in the vocabulary.

    Warns
    -----
    UserWarning
        Of words that are not in the vocabulary, where their topic has others.

    Notes
    -----
    Time and memory O(tokens).

    Examples
    --------
    >>> from deepclust import TextCleaner, Vectorizer
    >>> from deepclust.pseudo_labels._seed_words import seed_word_labels
    >>> texts = ["refund my money", "the invoice is wrong", "login fails"] * 2
    >>> sequences = Vectorizer(min_df=1).fit_transform(TextCleaner().transform(texts))
    >>> guide = {"billing": ["invoice", "refund"], "access": ["login"]}
    >>> seed_word_labels(sequences, guide)[:3]
    array(['billing', 'billing', 'access'], dtype=object)
    """
    if sequences.vocabulary is None:
        raise ValueError(
            "guide names words, but the token ids came without a vocabulary. Pass what "
            "Vectorizer returns, not a matrix."
        )
    names = np.array([*guide, None], dtype=object)
    topic_of_token = _topics_of_tokens(sequences.vocabulary, guide)
    text = np.repeat(np.arange(len(sequences)), sequences.lengths)
    topic = topic_of_token[sequences.ids]
    named = topic >= 0
    lowest = np.full(len(sequences), len(guide), dtype=np.intp)
    highest = np.full(len(sequences), -1, dtype=np.intp)
    np.minimum.at(lowest, text[named], topic[named])
    np.maximum.at(highest, text[named], topic[named])
    return names[np.where(lowest == highest, highest, len(guide))]


def _topics_of_tokens(
    vocabulary: Vocabulary, guide: Mapping[str, Iterable[str]]
) -> np.ndarray:
    """Return the number of the topic that each token names, -1 if none."""
    topics = np.full(len(vocabulary), -1, dtype=np.intp)
    unknown = []
    for number, (name, words) in enumerate(guide.items()):
        found = 0
        for word in _checked_words(name, words):
            token = vocabulary.index.get(word, vocabulary.index.get(word.lower()))
            if token is None:
                unknown.append(word)
                continue
            if topics[token] not in (-1, number):
                other = [*guide][topics[token]]
                raise ValueError(
                    f"guide has the word {word!r} for both {other!r} and {name!r}; a "
                    "word can name one topic only."
                )
            topics[token] = number
            found += 1
        if not found:
            raise ValueError(
                f"No word of guide[{name!r}] is in the vocabulary: "
                f"{', '.join(unknown) or 'none given'}. Use words of the cleaned "
                "texts, or lower the Vectorizer's min_df."
            )
    if unknown:
        warnings.warn(
            f"Words of guide that are not in the vocabulary: {', '.join(unknown)}.",
            UserWarning,
            stacklevel=5,
        )
    return topics


def _checked_words(name: str, words: Any) -> list[str]:
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise TypeError(
            f"guide[{name!r}] must be a list of words. Received: {words!r}."
        )
    words = list(words)
    for word in words:
        if not isinstance(word, str):
            raise TypeError(
                f"guide[{name!r}] must be a list of words. Received among them: "
                f"{word!r}."
            )
    return words
