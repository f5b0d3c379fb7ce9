"""Unique rows: first occurrences, copies, and hashes that collide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepclust.clustering._unique_rows import (
    UniqueRows,
    content_hashes,
    unique_rows,
)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 99))
def test_unique_rows_rebuild_the_input(n_rows, n_features, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (n_rows, n_features)) * rng.choice([-1.0, 1.0])
    first, inverse = unique_rows(X)
    np.testing.assert_array_equal(X[first][inverse], X)
    assert len(first) == len(np.unique(X, axis=0))
    assert (np.diff(first) > 0).all()
    assert (first[inverse] <= np.arange(n_rows)).all()


def test_equal_hashes_of_different_rows_are_noticed(monkeypatch):
    X = np.array([[1.0], [2.0], [1.0], [3.0]])
    monkeypatch.setattr(
        "deepclust.clustering._unique_rows.content_hashes",
        lambda X: np.zeros(len(X), np.uint64),
    )
    first, inverse = unique_rows(X)
    assert first.tolist() == [0, 1, 3]
    assert inverse.tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize(("unmerged", "last"), [(False, 0), (True, 1)])
def test_rows_that_take_no_part_get_the_fill(unmerged, last):
    X, valid = np.array([[1.0], [2.0], [1.0]]), np.array([True, False, True])
    rows = UniqueRows.of(X, valid, np.array([2.0, 4.0, 8.0]), unmerged=unmerged)
    assert rows.points.weights.tolist() == ([2.0, 8.0] if unmerged else [10.0])
    assert rows.first.tolist() == [0, 2][: last + 1]
    values = np.arange(len(rows.first))
    assert rows.expand(values, -7).tolist() == [0, -7, last]


def test_hashes_differ_and_do_not_depend_on_the_batch():
    X = np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float32)
    hashes = content_hashes(X)
    assert len(np.unique(hashes)) == len(np.unique(X, axis=0))
    assert content_hashes(X[17:18])[0] == hashes[17]
