"""Cells and neighbor queries: the answers of a loop over all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._components import connect
from deepclust.clustering._neighbors import count_within, k_nearest, nearest
from deepclust.clustering._pca_lower_bound import PCALowerBound
from deepclust.metrics._pairwise import squared_distances


def points(n_rows, n_features, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    spread = rng.choice([0.1, 1.0], (n_rows, 1))
    X = rng.normal(0, 3, (5, n_features))[rng.integers(0, 5, n_rows)]
    return (X + spread * rng.standard_normal((n_rows, n_features))).astype(dtype)


def all_pairs(A, B):
    return np.array([squared_distances(np.broadcast_to(a, B.shape), B) for a in A])


FORMS = [
    pytest.param(dtype, n_features, jobs, id=f"{dtype.__name__}-{n_features}d-{jobs}")
    for dtype in (np.float32, np.float64)
    for n_features, jobs in ((1, None), (3, 2), (40, None))
]


@pytest.mark.parametrize(("dtype", "n_features", "jobs"), FORMS)
def test_queries_equal_a_loop(dtype, n_features, jobs):
    X = points(1100, n_features, dtype=dtype)
    Q = points(150, n_features, seed=1, dtype=dtype) * 1.3
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared, 0.05)))
    index = CellIndex(X, radius=radius, block_entries=2**16, n_jobs=jobs)
    assert index.n_cells > 20

    counts, hits, _ = count_within(index, radius, np.ones(len(X)), 8)
    within = squared <= radius**2
    np.testing.assert_array_equal(np.minimum(counts, 8), within.sum(axis=1).clip(0, 8))
    few = within.sum(axis=1) < 8
    expected = set(zip(*np.nonzero(within & few[:, None]), strict=True))
    assert set(zip(*hits, strict=True)) == expected

    neighbors, found = k_nearest(index, 12)
    np.testing.assert_array_equal(found, np.sort(squared, axis=1)[:, :12])
    np.testing.assert_array_equal(neighbors, np.argsort(squared, kind="stable")[:, :12])

    to_queries = all_pairs(Q, X)
    for limit in (radius, np.inf):
        who, found = nearest(index, Q, limit)
        expected = to_queries.argmin(axis=1)
        near = to_queries.min(axis=1) <= limit**2
        np.testing.assert_array_equal(who, np.where(near, expected, -1))
        best = np.where(near, to_queries.min(axis=1), np.inf)
        np.testing.assert_array_equal(found, best)


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
def test_pca_lower_bound_change_no_answer(kind, dtype, jobs, always_bounded):
    X = points(1500, 40) if kind == "groups" else lattice(1500, 40)
    X = X.astype(dtype)
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared, 0.02))) if kind == "groups" else 1.0
    index = CellIndex(X, radius=radius, block_entries=2**16, n_jobs=jobs)
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
def test_pca_lower_bound_are_a_lower_bound(n_features, share, scale, seed, kind):
    X = (points(400, n_features, seed) * scale).astype(kind)
    squared = all_pairs(X[:60], X)
    rng = np.random.default_rng(seed)
    # Exactly the distance of some pair: what rounding could exclude first.
    radius = float(np.sqrt(rng.choice(squared[squared > 0])))
    index = CellIndex(X, radius=radius)
    basis = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    bound = PCALowerBound(index, basis[:, : max(1, int(share * n_features))])
    queries = np.flatnonzero(index.order < 60)
    left = bound.left_of(queries)
    for cell in range(index.n_cells):
        members = index.order[index.members(cell)]
        near = squared[np.ix_(index.order[queries], members)] <= radius**2
        assert bound.may_reach(left, cell, radius)[near.any(axis=1)].all()


def test_pca_lower_bound_are_taken_only_where_they_save_work():
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((6000, 64)) * np.linspace(3, 0.3, 64)
    index = CellIndex(wide.astype(np.float32), radius=8.0)
    everyone = np.arange(6000)
    bound = PCALowerBound.if_worth_it(index, everyone, 8.0)
    assert bound.right.shape[1] < 40
    assert PCALowerBound.if_worth_it(index, everyone[:100], 8.0) is None
    flat = CellIndex(wide[:, :8].astype(np.float32), radius=3.0)
    assert PCALowerBound.if_worth_it(flat, everyone, 3.0) is None
    round_ = CellIndex(rng.standard_normal((6000, 64)), radius=11.0)
    assert PCALowerBound.if_worth_it(round_, everyone, 11.0) is None


@pytest.mark.parametrize("with_links", [False, True])
@pytest.mark.parametrize("share", [0.002, 0.01, 0.1])
def test_components_equal_scipy(share, with_links):
    X = points(1500, 6)
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared, share)))
    index = CellIndex(X, radius=radius)
    links = count_within(index, radius, np.ones(len(X)), 12).links
    component = np.empty(len(X), dtype=int)
    component[index.order] = connect(index, radius, links if with_links else None)
    n_parts, expected = connected_components(squared <= radius**2, directed=False)
    pairs = set(zip(component, expected, strict=True))
    assert len(pairs) == n_parts == len(set(component))


def test_bound_excludes_no_pair_within_reach():
    X = points(2000, 8, dtype=np.float32)
    index = CellIndex(X, radius=1.0)
    to_centers = index.centers @ index.right.T
    reachable = index.reachable(to_centers, index.cell, 1.0)
    within = all_pairs(X[index.order[:300]], X[index.order]) <= 1.0
    row, column = np.nonzero(within)
    assert reachable[index.cell[column], row].all()
    assert reachable.mean() < 0.9


@pytest.mark.parametrize("scale", [1e-150, 1e-20, 1.0, 1e20, 1e150])
def test_any_scale_and_offset(scale):
    X = points(400, 5) * scale
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared, 0.1)))
    counts = count_within(CellIndex(X, radius=radius), radius, np.ones(400), 1e9).counts
    np.testing.assert_array_equal(counts, (squared <= radius**2).sum(axis=1))


def test_far_outlier_beside_a_tiny_group():
    X = np.concatenate([1e-6 * points(300, 3), [[1e6, 0, 0]]])
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared[:300, :300], 0.1)))
    counts = count_within(CellIndex(X, radius=radius), radius, np.ones(301), 1e9).counts
    np.testing.assert_array_equal(counts, (squared <= radius**2).sum(axis=1))


def test_queries_far_outside():
    X = points(300, 3, dtype=np.float32)
    index = CellIndex(X, radius=1.0)
    far = np.array([[1e9, 0, 0], [0, 1e30, 0], [50, 50, 50]])
    assert nearest(index, far, 1.0)[0].tolist() == [-1, -1, -1]
    expected = all_pairs(far, X).argmin(axis=1)
    np.testing.assert_array_equal(nearest(index, far)[0], expected)


def test_weights_count_and_may_be_negative():
    X = points(500, 3)
    weights = np.random.default_rng(4).integers(-2, 4, 500).astype(np.float64)
    within = all_pairs(X, X) <= 0.25
    counts, hits, _ = count_within(CellIndex(X, radius=0.5), 0.5, weights, 3)
    np.testing.assert_array_equal(counts, within @ weights)
    assert hits is None


def test_subset_answers_for_the_kept_rows_only():
    X = points(1200, 6)
    kept = np.random.default_rng(5).random(1200) < 0.4
    index = CellIndex(X, radius=1.0).subset(kept)
    who, _ = nearest(index, X)
    squared = np.where(kept, all_pairs(X, X), np.inf)
    np.testing.assert_array_equal(who, squared.argmin(axis=1))
