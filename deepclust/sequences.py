"""Token sequences: what `Vectorizer` hands to `RNNLSTMEncoder`.

A corpus is one flat array of token ids plus one array of offsets, so that 20,000
short titles take 0.6 MB and not a padded matrix. The vocabulary, with its word
vectors, travels along: a plain scikit-learn `Pipeline` carries it without wiring.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np

from deepclust._parallel import refuse_beyond_memory

__all__ = [
    "NOISE",
    "PADDING_ID",
    "STOP_WORD_MARK",
    "UNKNOWN_ID",
    "TokenSequences",
    "Vocabulary",
    "content_words",
]

PADDING_ID = 0
UNKNOWN_ID = 1
NOISE = -1  # label of a text in no cluster
_BYTES_A_CELL = 13  # of the padded matrix, while it is made
STOP_WORD_MARK = "_"  # at the end of the stop words that `TextCleaner` keeps


def content_words(text: str) -> str:
    """Return a clean text without its marked stop words.

    Examples
    --------
    >>> from deepclust.sequences import content_words
    >>> content_words("how_ do_ i_ cancel this_ order")
    'cancel order'
    """
    if STOP_WORD_MARK not in text:
        return text
    return " ".join(t for t in text.split() if not t.endswith(STOP_WORD_MARK))


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The known tokens and what is known about each.

    Parameters
    ----------
    tokens : tuple of str, length n_tokens
        `tokens[0]` is the padding and `tokens[1]` the unknown token.

    document_frequency : ndarray of shape (n_tokens,), int64
        Number of training texts that hold the token; 0 for the two special tokens.

    n_documents : int
        Number of training texts.

    vectors : ndarray of shape (n_tokens, vector_dim), float32, or None
        Word vectors; row 0 is zero.

    pretrained : tuple of ndarray of shape (n_tokens, dim), float32
        Vectors of each pretrained source, as long as it has them. Directions of the
        same are the last columns of `vectors`. Only `fit` needs them: a model file
        leaves them out.

    stems : ndarray of shape (n_tokens,), intp, or None
        For each token the first that has the same stem; it may be itself. Only `fit`
        needs them as well.

    n_frequent : int, default=0
        So many tokens, the first ones, are frequent enough to be what unknown words
        misspell.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.sequences import Vocabulary
    >>> vocabulary = Vocabulary(("", "[unk]", "cat"), np.array([0, 0, 3]), 5)
    >>> len(vocabulary), vocabulary.index["cat"]
    (3, 2)
    """

    tokens: tuple[str, ...]
    document_frequency: np.ndarray
    n_documents: int
    vectors: np.ndarray | None = None
    pretrained: tuple[np.ndarray, ...] = ()
    stems: np.ndarray | None = None
    n_frequent: int = 0
    index: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        index = {token: i for i, token in enumerate(self.tokens)}
        object.__setattr__(self, "index", index)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is cached: a model that was used has the hash that it had."""
        return {k: v for k, v in vars(self).items() if k != "is_stop_word"}

    @property
    def learned_vectors(self) -> np.ndarray | None:
        """The columns of `vectors` that were learned from the corpus, if there are."""
        if self.vectors is None:
            return None
        n_learned = self.vectors.shape[1] - sum(v.shape[1] for v in self.pretrained)
        return self.vectors[:, :n_learned] if n_learned else None

    @cached_property
    def is_stop_word(self) -> np.ndarray:
        """Whether a token is a stop word that the cleaner kept, bool (n_tokens,)."""
        return np.array([token.endswith(STOP_WORD_MARK) for token in self.tokens])

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        dim = "none" if self.vectors is None else f"{self.vectors.shape[1]}-d"
        return f"Vocabulary({len(self):,} tokens, vectors: {dim})"


class TokenSequences:
    """Ragged token ids of a corpus, sliceable like an array of rows.

    Parameters
    ----------
    ids : ndarray of shape (n_ids,), int32
        The ids of all texts, one after another. 0 is padding (never stored), 1 is an
        unknown token.

    offsets : ndarray of shape (n_docs + 1,), int64
        Text `i` is `ids[offsets[i]:offsets[i + 1]]`.

    vocabulary : Vocabulary or None
        Shared by all slices of these sequences.

    max_len : int, default=None
        Width of the padded matrix; the longest text when None.

    Attributes
    ----------
    shape : tuple (n_docs, max_len)
    lengths : ndarray of shape (n_docs,), int64
    known_share : ndarray of shape (n_docs,), float64

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TokenSequences
    >>> seqs = TokenSequences.from_lists([[2, 3], [], [4]])
    >>> np.asarray(seqs)
    array([[2, 3],
           [0, 0],
           [4, 0]], dtype=int32)
    >>> seqs[[2, 0]].lengths
    array([1, 2])
    """

    def __init__(
        self,
        ids: np.ndarray,
        offsets: np.ndarray,
        vocabulary: Vocabulary | None = None,
        *,
        max_len: int | None = None,
    ) -> None:
        self.ids = np.ascontiguousarray(ids, dtype=np.int32)
        self.offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        self.vocabulary = vocabulary
        longest = int(self.lengths.max(initial=0))
        self.max_len = max(longest, 1) if max_len is None else int(max_len)

    @classmethod
    def from_lists(
        cls,
        rows: Sequence[Sequence[int]],
        vocabulary: Vocabulary | None = None,
        *,
        max_len: int | None = None,
    ) -> "TokenSequences":
        """Build from one list of ids per text."""
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        flat = (token for row in rows for token in row)
        ids = np.fromiter(flat, np.int32, int(lengths.sum()))
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        return cls(ids, offsets, vocabulary, max_len=max_len)

    @classmethod
    def from_matrix(
        cls, matrix: np.ndarray, vocabulary: Vocabulary | None = None
    ) -> "TokenSequences":
        """Build from a right-padded int matrix of shape (n_docs, max_len).

        Zeros are dropped wherever they stand.
        """
        kept = matrix != PADDING_ID
        offsets = np.concatenate(([0], np.cumsum(kept.sum(axis=1))))
        return cls(matrix[kept], offsets, vocabulary, max_len=matrix.shape[1])

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    @property
    def known_share(self) -> np.ndarray:
        """Share of each text's tokens that are in the vocabulary, float64 (n_docs,).

        Marked stop words are not counted. 0 for a text without other tokens.

        Examples
        --------
        >>> from deepclust import TokenSequences
        >>> TokenSequences.from_lists([[2, 1, 3, 1], []]).known_share
        array([0.5, 0. ])
        """
        counted = np.ones(len(self.ids), dtype=bool)
        if self.vocabulary is not None:
            counted = ~self.vocabulary.is_stop_word[self.ids]
        n_counted, n_known = (
            np.diff(np.concatenate(([0], np.cumsum(flags)))[self.offsets])
            for flags in (counted, counted & (self.ids != UNKNOWN_ID))
        )
        return n_known / np.maximum(n_counted, 1)

    def content_order(self) -> np.ndarray:
        """Return the texts in an order that depends on what they hold alone.

        Returns
        -------
        rows : ndarray of shape (n_docs,), intp
            By a checksum of the token ids; texts with the same ids by their place.

        Examples
        --------
        >>> from deepclust import TokenSequences
        >>> some, other = [[2, 3], [4], [5, 6]], [[5, 6], [2, 3], [4]]
        >>> [some[row] for row in TokenSequences.from_lists(some).content_order()] == [
        ...     other[row] for row in TokenSequences.from_lists(other).content_order()]
        True
        """
        bounds = itertools.pairwise(self.offsets.tolist())
        contents = [self.ids[start:stop].tobytes() for start, stop in bounds]
        keys = [(crc32(content), content) for content in contents]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.max_len

    @property
    def ndim(self) -> int:
        return 2

    @property
    def dtype(self) -> np.dtype:
        return self.ids.dtype

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.ids[start:stop]

    def __getitem__(self, key: Any) -> "TokenSequences":
        """Return the chosen rows: a slice, a boolean mask or an array of indices."""
        if isinstance(key, tuple):  # scikit-learn asks for X[rows, ...]
            key = key[0]
        rows = np.atleast_1d(np.arange(len(self))[key])
        lengths = self.lengths[rows]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        shift = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        ids = self.ids[np.arange(offsets[-1]) + shift]
        return TokenSequences(ids, offsets, self.vocabulary, max_len=self.max_len)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the right-padded int32 matrix of shape (n_docs, max_len)."""
        if copy is False:
            raise ValueError("a padded matrix of TokenSequences is always a new array")
        refuse_beyond_memory(
            _BYTES_A_CELL * len(self) * self.max_len,
            f"A matrix of {len(self):,} texts of {self.max_len:,} tokens",
            "Give Vectorizer a smaller max_len, or the encoder the TokenSequences.",
        )
        matrix = np.zeros(self.shape, dtype=dtype or np.int32)
        lengths = np.minimum(self.lengths, self.max_len)
        columns = np.arange(self.max_len)
        kept = columns < lengths[:, None]
        positions = self.offsets[:-1, None] + columns
        matrix[kept] = self.ids[positions[kept]]
        return matrix

    def __repr__(self) -> str:
        return (
            f"TokenSequences({len(self):,} texts, {len(self.ids):,} tokens, "
            f"max_len={self.max_len}, {self.vocabulary!r})"
        )
