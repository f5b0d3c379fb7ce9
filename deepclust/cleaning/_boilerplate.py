"""Which passages do many texts share that tell nothing of the rest of the text?

Greetings, signatures and disclaimers are longer than a title or a request, so that the
texts would be clustered by them.
"""

from collections.abc import Iterable

import numpy as np
from scipy.sparse import csr_matrix

from deepclust.cleaning._stop_words import MIN_EXCESS, null_information, told_by
from deepclust.cleaning._tokenizer import N_PASSAGE_WORDS, folded_words

__all__ = ["find_boilerplate"]

MIN_TEXTS = 10  # that hold a passage
SHARE_OF_TEXTS = 0.002  # of all texts
MAX_WORDS = 1_000_000  # of all texts together


def find_boilerplate(texts: Iterable[str], stop_words: frozenset[str]) -> list[str]:
    r"""Return runs of four words that many texts share, and that tell nothing.

    Parameters
    ----------
    texts : iterable of str
        Without markup, in an order that has nothing to do with what they are about.
        Those after a million words are not read.

    stop_words : frozenset of str
        In lower case.

    Returns
    -------
    passages : list of str
        Of :math:`n \ge 4` words that are always the same, :math:`n - 3` runs, as of
        `folded_words`, joined by spaces. The most frequent first.

    See Also
    --------
    deepclust.cleaning._stop_words.informative_stop_words : The same for single words.

    Notes
    -----
    A run is one of ten texts and of .2 % of the texts at least. What it tells of the
    other words of its texts, without stop words and other such runs, is less than .2
    nats more than what it tells of those of other texts: "is it possible to" tells
    nothing, "book a train ticket" does. Where the texts have no other words, nothing is
    known. Linear time and memory in the words.

    Examples
    --------
    >>> from deepclust.cleaning._boilerplate import find_boilerplate
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> topics = [["rain", "snow", "wind", "hail"], ["train", "bus", "tram", "bike"]]
    >>> texts = [" ".join(rng.choice(rng.choice(topics), 3)) for _ in range(200)]
    >>> texts[:100] = [f"{text}. Sent from my phone!" for text in texts[:100]]
    >>> find_boilerplate(texts, frozenset({"from", "my"}))
    ['sent from my phone']
    """
    ids, owners, words = _numbered_words(texts)
    n_texts = int(owners.max(initial=-1)) + 1
    starts, runs = _shared_runs(ids, owners, n_texts, len(words))
    if not len(starts):
        return []
    covered = np.zeros(len(ids), dtype=bool)
    for place in range(N_PASSAGE_WORDS):
        covered[starts + place] = True
    is_other = ~covered & np.array([word not in stop_words for word in words])[ids]
    holds = _which_hold(owners[starts], runs, (n_texts, runs.max() + 1))
    others = _which_hold(owners[is_other], ids[is_other], (n_texts, len(words)))
    others = others[:, np.asarray(others.sum(axis=0)).ravel() >= 2]
    n_others = np.asarray((holds.T @ others).sum(axis=1)).ravel()
    known = n_others >= np.asarray(holds.sum(axis=0)).ravel()
    if not known.any():
        return []
    holds = holds[:, known]
    excess = told_by(holds, others) - null_information(holds, others).mean(axis=0)
    first = np.unique(runs, return_index=True)[1][known][excess < MIN_EXCESS]
    n_holding = np.asarray(holds.sum(axis=0)).ravel()[excess < MIN_EXCESS]
    passages = [
        " ".join(words[i] for i in ids[start : start + N_PASSAGE_WORDS])
        for start in starts[first]
    ]
    ordered = sorted(zip(-n_holding, passages, strict=True))
    return [passage for _, passage in ordered]


def _numbered_words(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the id of each word, the text of each, and the words by id."""
    numbers: dict[str, int] = {}
    ids: list[int] = []
    lengths: list[int] = []
    for text in texts:
        words = [word for word in folded_words(text.split()) if word]
        if len(ids) + len(words) > MAX_WORDS:
            break
        ids += [numbers.setdefault(word, len(numbers)) for word in words]
        lengths.append(len(words))
    owners = np.repeat(np.arange(len(lengths)), lengths)
    return np.array(ids, dtype=np.int64), owners, list(numbers)


def _shared_runs(
    ids: np.ndarray, owners: np.ndarray, n_texts: int, n_words: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return where runs that enough texts hold start, and the number of the run."""
    length = 1
    runs = ids
    n_runs = n_words
    while length < N_PASSAGE_WORDS:  # of two runs beside each other, one twice as long
        pairs = runs[:-length] * n_runs + runs[length:]
        numbers, runs = np.unique(pairs, return_inverse=True)
        n_runs, length = len(numbers), 2 * length
    starts = np.flatnonzero(owners[: len(runs)] == owners[length - 1 :][: len(runs)])
    held = np.unique(runs[starts] * n_texts + owners[starts]) // max(n_texts, 1)
    enough = np.bincount(held, minlength=n_runs) >= max(
        MIN_TEXTS, SHARE_OF_TEXTS * n_texts
    )
    starts = starts[enough[runs[starts]]]
    return starts, np.unique(runs[starts], return_inverse=True)[1]


def _which_hold(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> csr_matrix:
    matrix = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
    matrix.data[:] = 1  # entries that come twice were added
    return matrix
