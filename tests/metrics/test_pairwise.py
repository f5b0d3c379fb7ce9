"""Distances that decide ties, and the spanning tree: equal to a plain computation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from deepclust.metrics._pairwise import spanning_tree, squared_distances


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 9), st.sampled_from("fd"))
def test_a_distance_is_the_same_alone_and_in_a_batch(n_rows, n_features, seed, kind):
    rng = np.random.default_rng(seed)
    A, B = rng.standard_normal((2, n_rows, n_features)).astype(kind)
    batch = squared_distances(A, B)
    for i in range(n_rows):
        assert squared_distances(A[i : i + 1], B[i : i + 1])[0] == batch[i]
    np.testing.assert_array_equal(squared_distances(B, A), batch)
    other_layout = squared_distances(np.asfortranarray(A), np.asfortranarray(B))
    np.testing.assert_array_equal(other_layout, batch)
    assert not squared_distances(A, A).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 99))
def test_spanning_tree_is_the_minimum_one(n_rows, seed):
    rng = np.random.default_rng(seed)
    X, core = rng.random((n_rows, 2)), rng.random(n_rows)
    edges, heights = spanning_tree(lambda row: cdist(X[[row]], X)[0], core)
    reach = np.maximum(np.maximum(cdist(X, X), core), core[:, None])
    np.testing.assert_array_equal(reach[edges[:, 0], edges[:, 1]], heights)
    np.fill_diagonal(reach, 0)
    expected = minimum_spanning_tree(reach).data
    np.testing.assert_allclose(np.sort(heights), np.sort(expected), rtol=1e-12)
