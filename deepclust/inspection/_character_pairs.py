"""Pairs of Chinese characters: what is counted where a token is one character.

A character says little by itself, and stop words are parts of other words; pairs say
what words would, without a dictionary.
"""

import re
from itertools import groupby, pairwise

__all__ = ["HAN", "join_pairs", "split_terms"]

HAN = re.compile("[\u3400-\u9fff]")  # Chinese characters
_JOINER = "\u2060"  # between the characters of a pair: a word of two has none
_OVERLAP = re.compile(f"(?<={_JOINER}.) .(?={_JOINER})")


def split_terms(text: str) -> list[str]:
    """Return the tokens of a clean text, Chinese characters as overlapping pairs.

    Notes
    -----
    Overlapping pairs find as much as dictionary words do [1]_. A word joiner marks
    them. A character without a Chinese neighbor stays alone. Where a cleaner dropped
    characters, those beside the gap are taken for neighbors.

    References
    ----------
    .. [1] J.-Y. Nie, J. Gao, J. Zhang, M. Zhou, "On the use of words and n-grams for
       Chinese information retrieval", IRAL, 2000. :doi:`10.1145/355214.355235`

    Examples
    --------
    >>> from deepclust.inspection._character_pairs import join_pairs, split_terms
    >>> [join_pairs(term) for term in split_terms("iphone 世 界 杯 5")]
    ['iphone', '世界', '界杯', '5']
    """
    if HAN.search(text) is None:
        return text.split()
    terms: list[str] = []
    for are_characters, run in groupby(text.split(), _is_character):
        tokens = [*run]
        if are_characters and len(tokens) > 1:
            tokens = [_JOINER.join(pair) for pair in pairwise(tokens)]
        terms += tokens
    return terms


def join_pairs(term: str) -> str:
    """Return a term with the overlapping pairs in it as they were written.

    Examples
    --------
    >>> from deepclust.inspection._character_pairs import join_pairs, split_terms
    >>> join_pairs(" ".join(split_terms("世 界 杯"))), join_pairs("visual studio")
    ('世界杯', 'visual studio')
    """
    # neighboring pairs are of one run, so that the first ends where the second begins
    return _OVERLAP.sub("", term).replace(_JOINER, "")


def _is_character(token: str) -> bool:
    return HAN.fullmatch(token) is not None
