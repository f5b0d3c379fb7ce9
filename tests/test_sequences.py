"""Ragged token ids: slicing, padding, and the way to matrices and back."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import _safe_indexing

from deepclust import TokenSequences, Vocabulary

ROWS = st.lists(st.lists(st.integers(1, 50), max_size=6), max_size=8)


def as_lists(sequences):
    return [row.tolist() for row in sequences]


@given(rows=ROWS)
def test_rows_come_back(rows):
    seqs = TokenSequences.from_lists(rows)
    assert as_lists(seqs) == rows
    assert len(seqs) == len(rows)
    assert seqs.ids.dtype == np.int32
    assert seqs.offsets.dtype == np.int64
    assert seqs.lengths.tolist() == [len(row) for row in rows]


@given(rows=ROWS, width=st.integers(1, 8))
def test_the_matrix_is_right_padded_and_cut(rows, width):
    matrix = np.asarray(TokenSequences.from_lists(rows, max_len=width))
    assert matrix.dtype == np.int32
    assert matrix.shape == (len(rows), width)
    for padded, row in zip(matrix, rows, strict=True):
        kept = row[:width]
        assert padded.tolist() == kept + [0] * (width - len(kept))


@given(rows=ROWS)
def test_matrix_round_trip(rows):
    seqs = TokenSequences.from_lists(rows)
    assert as_lists(TokenSequences.from_matrix(np.asarray(seqs))) == rows


@given(rows=ROWS, data=st.data())
def test_indexing_takes_rows(rows, data):
    seqs = TokenSequences.from_lists(rows)
    if rows:
        picks = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1)))
        expected = [rows[i] for i in picks]
        assert as_lists(seqs[np.array(picks, dtype=int)]) == expected
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows))))
    mask = mask[: len(rows)].astype(bool)
    assert as_lists(seqs[mask]) == [r for r, m in zip(rows, mask, strict=True) if m]
    start, stop = data.draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
    assert as_lists(seqs[start:stop]) == rows[start:stop]
    assert as_lists(seqs[::-1]) == rows[::-1]


def test_one_row_is_still_sequences():
    seqs = TokenSequences.from_lists([[2, 3], [4]])
    assert as_lists(seqs[1]) == [[4]]
    with pytest.raises(IndexError):
        seqs[2]


def test_slices_share_vocabulary_and_width():
    words = Vocabulary(("", "[unk]", "a"), np.array([0, 0, 2]), 2)
    seqs = TokenSequences.from_lists([[2, 2, 2], [2]], words, max_len=5)
    assert seqs[1:].vocabulary is words
    assert seqs[1:].shape == (1, 5)
    assert np.asarray(seqs[1:]).shape == (1, 5)


def test_scikit_learn_can_split_them():
    seqs = TokenSequences.from_lists([[i + 2] for i in range(10)])
    train, test = train_test_split(seqs, test_size=3, random_state=0)
    assert (len(train), len(test)) == (7, 3)
    for rows, _ in KFold(5).split(seqs):
        assert as_lists(_safe_indexing(seqs, rows)) == [[i + 2] for i in rows]


def test_no_texts_and_only_empty_texts():
    assert np.asarray(TokenSequences.from_lists([])).shape == (0, 1)
    empty = TokenSequences.from_lists([[], []])
    assert np.asarray(empty).tolist() == [[0], [0]]


def test_a_matrix_without_a_copy_is_refused():
    with pytest.raises(ValueError, match="new array"):
        np.array(TokenSequences.from_lists([[2]]), copy=False)


def test_pickle_keeps_everything():
    words = Vocabulary(("", "[unk]", "a"), np.array([0, 0, 2]), 2, np.eye(3))
    twin = pickle.loads(pickle.dumps(TokenSequences.from_lists([[2], []], words)))
    assert as_lists(twin) == [[2], []]
    assert twin.vocabulary.index == words.index
    np.testing.assert_array_equal(twin.vocabulary.vectors, words.vectors)


def test_what_is_printed():
    words = Vocabulary(("", "[unk]", "a"), np.array([0, 0, 2]), 2, np.eye(3))
    seqs = TokenSequences.from_lists([[2], []], words)
    assert repr(words) == "Vocabulary(3 tokens, vectors: 3-d)"
    assert repr(seqs).startswith("TokenSequences(2 texts, 1 tokens, max_len=1, Voc")


def test_a_vocabulary_that_was_used_is_pickled_as_before():
    words = Vocabulary(("", "[unk]", "a"), np.array([0, 0, 2]), 2)
    before = pickle.dumps(words)
    assert words.is_stop_word.tolist() == [False] * 3
    assert pickle.dumps(words) == before
    assert pickle.loads(before).is_stop_word.tolist() == [False] * 3
