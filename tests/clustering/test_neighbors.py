"""Neighbor queries: the answers of a loop over all pairs."""

import numpy as np
import pytest
from rows import all_pairs, cell_index, points

from deepclust.clustering._neighbors import (
    NearestSearch,
    count_within,
    k_nearest,
    nearest,
    pairs_within,
)
from deepclust.clustering._unique_rows import Points

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
    index = cell_index(X, radius=radius, block_entries=2**16, n_jobs=jobs)
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


def test_pairs_within_a_radius_are_those_of_a_loop():
    X, Q = points(700, 3), points(300, 3, seed=1)
    squared = all_pairs(Q, X)
    radius = float(np.sqrt(np.quantile(squared, 0.02)))
    index = cell_index(X, radius=radius, n_jobs=2)
    assert len(list(index.shares(len(Q), index.n_cells))) > 2

    found = pairs_within(index, Q, radius, lambda rows, points: rows >= 0)

    pairs = [pair for rows, some in found for pair in zip(rows, some, strict=True)]
    expected = set(zip(*np.nonzero(squared <= radius**2), strict=True))
    assert len(pairs) == len(expected)
    assert set(pairs) == expected


@pytest.mark.parametrize("limit", [0.3, np.inf])
def test_few_queries_need_no_index(limit):
    X = points(1100, 3).round(1)  # many are equally near
    Q = points(30, 3, seed=1)
    search = NearestSearch(Points(X, np.ones(len(X))), 0.3)
    single = [search(Q[i : i + 1], limit)[0] for i in range(8)]
    assert search.index is None

    of_all = search(Q, limit)

    assert search.index is not None
    np.testing.assert_array_equal(single, of_all[:8])
    np.testing.assert_array_equal(of_all, nearest(search.index, Q, limit)[0])


@pytest.mark.parametrize("scale", [1e-150, 1e-20, 1.0, 1e20, 1e150])
def test_any_scale_and_offset(scale):
    X = points(400, 5) * scale
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared, 0.1)))
    counts = count_within(
        cell_index(X, radius=radius), radius, np.ones(400), 1e9
    ).counts
    np.testing.assert_array_equal(counts, (squared <= radius**2).sum(axis=1))


def test_far_outlier_beside_a_tiny_group():
    X = np.concatenate([1e-6 * points(300, 3), [[1e6, 0, 0]]])
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared[:300, :300], 0.1)))
    counts = count_within(
        cell_index(X, radius=radius), radius, np.ones(301), 1e9
    ).counts
    np.testing.assert_array_equal(counts, (squared <= radius**2).sum(axis=1))


def test_queries_far_outside():
    X = points(300, 3, dtype=np.float32)
    index = cell_index(X, radius=1.0)
    far = np.array([[1e9, 0, 0], [0, 1e30, 0], [50, 50, 50]])
    assert nearest(index, far, 1.0)[0].tolist() == [-1, -1, -1]
    expected = all_pairs(far, X).argmin(axis=1)
    np.testing.assert_array_equal(nearest(index, far)[0], expected)


def test_weights_count_and_may_be_negative():
    X = points(500, 3)
    weights = np.random.default_rng(4).integers(-2, 4, 500).astype(np.float64)
    within = all_pairs(X, X) <= 0.25
    counts, hits, _ = count_within(cell_index(X, radius=0.5), 0.5, weights, 3)
    np.testing.assert_array_equal(counts, within @ weights)
    assert hits is None


def test_rows_of_no_weight_are_no_neighbors():
    index = cell_index(points(500, 3), radius=0.5)
    assert not count_within(index, 0.5, np.zeros(500), 3).counts.any()
