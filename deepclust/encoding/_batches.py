"""Which texts, and which of their words, make up each training batch.

Every random choice comes from the generator that is handed in.
"""

import math

import numpy as np

from deepclust.sequences import TokenSequences

__all__ = ["length_batches", "shorten"]


def shorten(
    sequences: TokenSequences, rate: float, rng: np.random.Generator
) -> TokenSequences:
    """Return the texts with a share `rate` of their words dropped, at random.

    At least one word of every text stays.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TokenSequences
    >>> from deepclust.encoding._batches import shorten
    >>> seqs = TokenSequences.from_lists([[2, 3, 4, 5], [6]])
    >>> shorten(seqs, 0.5, np.random.default_rng(0)).lengths
    array([1, 1])
    """
    if rate == 0.0 or len(sequences.ids) == 0:
        return sequences
    luck = rng.random(len(sequences.ids))
    starts = sequences.offsets[:-1]
    luckiest = np.repeat(np.maximum.reduceat(luck, starts), sequences.lengths)
    kept = (luck >= rate) | (luck == luckiest)
    offsets = np.concatenate(([0], np.cumsum(kept)))[sequences.offsets]
    return TokenSequences(sequences.ids[kept], offsets, max_len=sequences.max_len)


def length_batches(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return the row numbers of each batch: like lengths together, order at random.

    Every row is in exactly one batch; batch sizes differ by one at most.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._batches import length_batches
    >>> lengths = np.array([3, 9, 3, 9])
    >>> batches = length_batches(lengths, 2, np.random.default_rng(0))
    >>> sorted(lengths[batch].tolist() for batch in batches)
    [[3, 3], [9, 9]]
    """
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = np.array_split(order, math.ceil(len(lengths) / batch_size))
    return [batches[i] for i in rng.permutation(len(batches))]
