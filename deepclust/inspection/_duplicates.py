"""Groups of equal and nearly equal texts, and sentences that many texts repeat.

1. Equal texts, but for case and white space, are one.
2. Of each text the set of its pairs of neighboring words is hashed; MinHash [1]_ gives
   equal values to two sets with the probability of their Jaccard similarity.
3. The values are computed a band at a time, and the texts sorted by them. A text is
   compared with its neighbors there alone: exactly, by the sets.
4. Pairs that are similar enough are linked; groups are the connected components.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from zlib import crc32

import narwhals as nw
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deepclust._text_input import check_texts
from deepclust.inspection._cluster_table import data_frame_backend

__all__ = ["duplicate_groups", "repeated_sentences"]

_BANDS, _ROWS = 24, 4  # pairs of similarity .7 meet with probability .998
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")


def duplicate_groups(
    texts: Any, *, similarity: float = 0.8, output: str | None = None
) -> Any:
    """Return the texts that are equal or nearly equal to another one.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Empty texts are left out.

    similarity : float, default=0.8
        Least Jaccard similarity of the sets of neighboring words, above 0 to 1; 1 finds
        equal sets, whatever the order.

    output : {"pandas", "polars"}, default=None
        Kind of data frame; see `cluster_table`.

    Returns
    -------
    groups : DataFrame
        One row a text of a group: "group" (from 0, the largest first), "row" (in
        `texts`), "exact" (whether it is equal, but for case and white space, to the
        first of its group) and "text".

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If `similarity` is not above 0 and at most 1.

    Notes
    -----
    Time O(n_tokens + n_docs log n_docs), memory linear. Pairs are found with
    probability 1 − (1 − s⁴)²⁴: .998 at similarity s = .7, and less below. Groups are
    chains: two texts of a group may differ more.

    References
    ----------
    .. [1] A. Z. Broder, "On the resemblance and containment of documents", SEQUENCES
       1997. :doi:`10.1109/SEQUEN.1997.666900`

    Examples
    --------
    >>> from deepclust.inspection import duplicate_groups
    >>> texts = ["The card was lost.", "a fee", "the card  was lost.", "rain"]
    >>> found = duplicate_groups(texts, output="pandas")
    >>> found[["group", "row", "exact"]].values.tolist()
    [[0, 0, True], [0, 2, True]]
    """
    texts = check_texts(texts, estimator="duplicate_groups")
    if not 0 < similarity <= 1:
        raise ValueError(
            f"similarity must be above 0 and at most 1. Received: {similarity!r}."
        )
    plain = [" ".join(text.casefold().split()) for text in texts]
    first: dict[str, int] = {}
    distinct = np.array([first.setdefault(text, len(first)) for text in plain])
    sets = [_shingles(text) for text in first]
    pairs = np.array([*_similar_pairs(sets, similarity)], dtype=np.intp).reshape(-1, 2)
    n = len(first)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    component = connected_components(graph, directed=False)[1] if n else np.empty(0)
    groups: dict[int, list[int]] = {}
    for row, text in enumerate(plain):
        if text:
            groups.setdefault(int(component[distinct[row]]), []).append(row)
    found = sorted(
        (g for g in groups.values() if len(g) > 1), key=lambda g: (-len(g), g)
    )
    rows = [
        (k, row, plain[row] == plain[group[0]], texts[row])
        for k, group in enumerate(found)
        for row in group
    ]
    columns = {
        name: [row[k] for row in rows]
        for k, name in enumerate(("group", "row", "exact", "text"))
    }
    return nw.from_dict(columns, backend=data_frame_backend(output)).to_native()


def _shingles(text: str) -> np.ndarray:
    """Return the sorted hashes of the pairs of words, or of the one word."""
    words = text.split()
    pairs = [" ".join(pair) for pair in pairwise(words)] or words
    hashes = [crc32(pair.encode("utf-8", "replace")) for pair in pairs]
    return np.unique(np.array(hashes, dtype=np.uint64))


def _similar_pairs(
    sets: list[np.ndarray], similarity: float
) -> Iterator[tuple[int, int]]:
    """Yield pairs that are neighbors by the MinHash of a band, and similar enough."""
    kept = np.array([k for k, one in enumerate(sets) if len(one)], dtype=np.intp)
    if not len(kept):
        return
    hashes = np.concatenate([sets[k] for k in kept])
    starts = np.cumsum([0, *(len(sets[k]) for k in kept[:-1])])
    rng = np.random.default_rng(0)
    for _ in range(_BANDS):
        factors = rng.integers(0, 2**64, (_ROWS, 2), dtype=np.uint64) | np.uint64(1)
        # multiply and shift, modulo 2 ** 64: the high bits order the pairs at random
        values = [np.minimum.reduceat(hashes * a + b, starts) for a, b in factors]
        order = np.lexsort(values)
        same = np.all([v[order][1:] == v[order][:-1] for v in values], axis=0)
        head = 0
        for k in range(1, len(order)):
            if not same[k - 1]:
                head = k
                continue
            for other in {order[k - 1], order[head]}:
                one, two = kept[order[k]], kept[other]
                shared = len(np.intersect1d(sets[one], sets[two], assume_unique=True))
                if shared >= similarity * (len(sets[one]) + len(sets[two]) - shared):
                    yield one, two


def repeated_sentences(
    texts: Any, *, min_texts: int = 3, min_words: int = 4, output: str | None = None
) -> Any:
    """Return sentences and lines that many different texts hold: boilerplate.

    Parameters
    ----------
    texts : iterable of str, length n_docs

    min_texts : int, default=3
        Least number of different texts.

    min_words : int, default=4
        Least number of words of a sentence.

    output : {"pandas", "polars"}, default=None
        Kind of data frame; see `cluster_table`.

    Returns
    -------
    sentences : DataFrame
        Columns "sentence", "n_texts" and "row" (of the first text), the most frequent
        first. Equal texts count once, and a text that is one sentence does not count.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.

    Notes
    -----
    Time and memory are linear in the length of the texts.

    Examples
    --------
    >>> from deepclust.inspection import repeated_sentences
    >>> texts = [f"{word} is lost. Sent from my new phone." for word in ("A", "B", "C")]
    >>> repeated_sentences(texts, output="pandas").values.tolist()
    [['Sent from my new phone.', 3, 0]]
    """
    texts = check_texts(texts, estimator="repeated_sentences")
    counts: Counter[str] = Counter()
    shown: dict[str, tuple[str, int]] = {}
    seen: set[str] = set()
    for row, text in enumerate(texts):
        parts = [" ".join(part.split()) for part in _SENTENCE_END.split(text)]
        parts = [part for part in parts if part]
        plain = " ".join(parts).casefold()
        if len(parts) < 2 or plain in seen:
            continue
        seen.add(plain)
        sentences = {p.casefold(): p for p in parts if len(p.split()) >= min_words}
        counts.update(sentences.keys())
        for key, part in sentences.items():
            shown.setdefault(key, (part, row))
    kept = [(key, n) for key, n in counts.items() if n >= min_texts]
    kept.sort(key=lambda item: (-item[1], item[0]))
    columns = {
        "sentence": [shown[key][0] for key, _ in kept],
        "n_texts": [n for _, n in kept],
        "row": [shown[key][1] for key, _ in kept],
    }
    return nw.from_dict(columns, backend=data_frame_backend(output)).to_native()
