"""Components of core points: those of scipy."""

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._components import connect
from deepclust.clustering._neighbors import count_within
from deepclust.clustering._unique_rows import Points
from deepclust.metrics._pairwise import squared_distances


def points(n_rows, n_features, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    spread = rng.choice([0.1, 1.0], (n_rows, 1))
    X = rng.normal(0, 3, (5, n_features))[rng.integers(0, 5, n_rows)]
    return (X + spread * rng.standard_normal((n_rows, n_features))).astype(dtype)


def all_pairs(A, B):
    return np.array([squared_distances(np.broadcast_to(a, B.shape), B) for a in A])


def cell_index(X, radius=None, block_entries=2**22, n_jobs=None):
    return CellIndex(Points(X, np.ones(len(X)), block_entries, n_jobs), radius)


@pytest.mark.parametrize("with_links", [False, True])
@pytest.mark.parametrize("share", [0.002, 0.01, 0.1])
def test_components_equal_scipy(share, with_links):
    X = points(1500, 6)
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared, share)))
    index = cell_index(X, radius=radius)
    enough = 12 if with_links else np.inf
    links = count_within(index, radius, np.ones(len(X)), enough).links
    assert with_links or not len(links[0])
    component = np.empty(len(X), dtype=int)
    component[index.order] = connect(index, radius, links)
    n_parts, expected = connected_components(squared <= radius**2, directed=False)
    pairs = set(zip(component, expected, strict=True))
    assert len(pairs) == n_parts == len(set(component))
