"""Micro-clusters: a bound that excludes no neighbor, subsets and extensions."""

import numpy as np
from rows import all_pairs, cell_index, points

from deepclust.clustering._neighbors import count_within, nearest
from deepclust.metrics._pairwise import squared_distances


def test_bound_excludes_no_pair_within_reach():
    X = points(2000, 8, dtype=np.float32)
    index = cell_index(X, radius=1.0)
    to_centers = index.centers @ index.right.T
    reachable = index.reachable(to_centers, index.cell, 1.0)
    within = all_pairs(X[index.order[:300]], X[index.order]) <= 1.0
    row, column = np.nonzero(within)
    assert reachable[index.cell[column], row].all()
    assert reachable.mean() < 0.9


def test_subset_answers_for_the_kept_rows_only():
    X = points(1200, 6)
    kept = np.random.default_rng(5).random(1200) < 0.4
    index = cell_index(X, radius=1.0).subset(kept)
    who, _ = nearest(index, X)
    squared = np.where(kept, all_pairs(X, X), np.inf)
    np.testing.assert_array_equal(who, squared.argmin(axis=1))


def test_extended_index_counts_every_pair():
    X = points(1500, 5, dtype=np.float32)
    index = cell_index(X[:900], radius=1.0)
    inside = np.linalg.norm(X[900:] - index.shift, axis=1) <= index.scale
    both = np.concatenate((X[:900], X[900:][inside]))
    counts = count_within(index.extended(both), 1.0, np.ones(len(both)), 1e9).counts
    within = [(squared_distances(row[None], both) <= 1).sum() for row in both]
    np.testing.assert_array_equal(counts, within)
    assert index.extended(np.concatenate((both[:900], [[1e3] * 5]))) is None
