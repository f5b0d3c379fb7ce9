"""Inverted lists find neighbors only, and all of them where all lists are searched."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._unique_rows import Points
from deepclust.distributed import dbscan
from deepclust.distributed._inverted_lists import InvertedLists, batches, write_lists
from deepclust.exceptions import MissingExtraError

pytest.importorskip("faiss")
ALL = 10_000


@pytest.fixture
def open_lists(tmp_path):
    def open_lists(X, n_probe, radius=1.0):
        index = CellIndex(Points(X, np.ones(len(X))), radius)
        write_lists(index, tmp_path / "lists")
        return InvertedLists(index, tmp_path / "lists", n_probe)

    return open_lists


def rows(n_rows, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_rows, 4)).astype(dtype)


def as_set(pairs):
    return set(zip(*(side.tolist() for side in pairs), strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_all_lists_find_all_neighbors(open_lists, dtype, offset):
    """Also of rows far from zero, where float32 alone would be too coarse."""
    X, Q = rows(900, 0, dtype) + offset, rows(50, 1, dtype) + offset
    lists, allowed = open_lists(X, ALL), np.arange(len(X)) % 3 > 0
    near = cdist(Q, X) <= 1.0
    assert near.sum() > 500

    assert as_set(lists.within(Q, 1.0, allowed)) == as_set(np.nonzero(near & allowed))
    found = set().union(*map(as_set, lists.nearest(Q, 1.0, len(X))))
    assert found == as_set(np.nonzero(near))


def test_the_nearest_neighbors_are_the_nearest(open_lists):
    X, Q = rows(900, 0), rows(50, 1)
    distances = cdist(Q, X)
    for some, points in open_lists(X, ALL).nearest(Q, 1.0, 5):
        for row in range(len(Q)):
            nearest = np.argsort(distances[row])[:5]
            nearest = nearest[distances[row, nearest] <= 1.0]
            assert {*points[some == row].tolist()} == {*nearest.tolist()}


def test_few_lists_find_some_neighbors_and_nothing_else(open_lists):
    X, Q = rows(900, 0), rows(50, 1)
    everything = np.ones(len(X), dtype=bool)
    found = [as_set(open_lists(X, n).within(Q, 1.0, everything)) for n in (1, 3, ALL)]
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_do_not_matter(open_lists, scale):
    X, everything = rows(300, 0), np.ones(300, dtype=bool)
    expected = as_set(open_lists(X, ALL).within(X, 1.0, everything))
    lists = open_lists(X * scale, ALL, scale)
    assert as_set(lists.within(X * scale, scale, everything)) == expected


@given(n_queries=st.integers(0, 5000))
@settings(max_examples=25)
def test_batches_are_all_queries_once(n_queries):
    parts = [np.arange(n_queries)[part] for part in batches(n_queries)]
    np.testing.assert_array_equal(np.concatenate([[], *parts]), np.arange(n_queries))
    assert all(0 < len(part) <= 1024 for part in parts)


def test_a_missing_faiss_is_named_before_any_work(monkeypatch):
    da = pytest.importorskip("dask.array")
    imported = importlib.import_module

    def without_faiss(name, *rest):
        if name == "faiss":
            raise ModuleNotFoundError(name=name)
        return imported(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without_faiss)
    X = da.map_blocks(lambda: 1 / 0, chunks=((4,), (2,)), dtype=float)
    with pytest.raises(MissingExtraError, match=r"n_probe needs .*deepclust\[faiss\]"):
        dbscan(X, 0.5, n_probe=2)
