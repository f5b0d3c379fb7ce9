"""The PCA lower bound: excludes no neighbor, and is used only where it saves time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import all_pairs, cell_index, points

from deepclust.clustering._neighbors import count_within
from deepclust.clustering._pca_lower_bound import PCALowerBound


@pytest.fixture
def always_bounded(monkeypatch):
    """Let few points use the PCA lower bound, whether or not they save anything."""
    monkeypatch.setattr("deepclust.clustering._pca_lower_bound._MIN_PAIRS", 0)
    monkeypatch.setattr("deepclust.clustering._pca_lower_bound._WORTH_IT", 1e9)


def lattice(n_rows, n_features):
    X = np.random.default_rng(7).integers(0, 2, (n_rows, n_features)) + 64.0
    X[:, 10:] = 64
    return np.unique(X, axis=0)


@pytest.mark.parametrize("jobs", [None, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["groups", "ties"])
def test_pca_lower_bound_changes_no_result(kind, dtype, jobs, always_bounded):
    X = points(1500, 40) if kind == "groups" else lattice(1500, 40)
    X = X.astype(dtype)
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared, 0.02))) if kind == "groups" else 1.0
    index = cell_index(X, radius=radius, block_entries=2**16, n_jobs=jobs)
    if kind == "groups":
        assert PCALowerBound.if_worth_it(index, np.arange(len(X)), radius)
    within = squared <= radius**2
    found = count_within(index, radius, np.ones(len(X)), 8)
    expected = within.sum(axis=1)
    np.testing.assert_array_equal(found.counts.clip(0, 8), expected.clip(0, 8))
    pairs = set(zip(*np.nonzero(within & (expected < 8)[:, None]), strict=True))
    assert set(zip(*found.hits, strict=True)) == pairs
    assert within[found.links].all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(24, 70),
    st.floats(0.05, 1.0),
    st.sampled_from([1e-12, 1.0, 1e9]),
    st.integers(0, 99),
    st.sampled_from("fd"),
)
def test_pca_lower_bound_is_a_lower_bound(n_features, share, scale, seed, kind):
    X = (points(400, n_features, seed) * scale).astype(kind)
    squared = all_pairs(X[:60], X)
    rng = np.random.default_rng(seed)
    # Exactly the distance of some pair: what rounding could exclude first.
    radius = float(np.sqrt(rng.choice(squared[squared > 0])))
    index = cell_index(X, radius=radius)
    basis = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    bound = PCALowerBound(index, basis[:, : max(1, int(share * n_features))])
    queries = np.flatnonzero(index.order < 60)
    left = bound.left_of(queries)
    for cell in range(index.n_cells):
        members = index.order[index.members(cell)]
        near = squared[np.ix_(index.order[queries], members)] <= radius**2
        assert bound.may_reach(left, cell, radius)[near.any(axis=1)].all()


def test_pca_lower_bound_is_used_only_where_it_saves_time():
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((6000, 64)) * np.linspace(3, 0.3, 64)
    index = cell_index(wide.astype(np.float32), radius=8.0)
    everyone = np.arange(6000)
    bound = PCALowerBound.if_worth_it(index, everyone, 8.0)
    assert bound.right.shape[1] < 40
    assert PCALowerBound.if_worth_it(index, everyone[:100], 8.0) is None
    flat = cell_index(wide[:, :8].astype(np.float32), radius=3.0)
    assert PCALowerBound.if_worth_it(flat, everyone, 3.0) is None
    round_ = cell_index(rng.standard_normal((6000, 64)), radius=11.0)
    assert PCALowerBound.if_worth_it(round_, everyone, 11.0) is None
