"""Rows in clusters, their micro-clusters, and all pairs of them by brute force."""

import numpy as np

from deepclust.clustering._cell_index import CellIndex
from deepclust.clustering._unique_rows import Points
from deepclust.metrics._pairwise import squared_distances


def points(n_rows, n_features, seed=0, dtype=np.float64):
    """Return rows around five centers, at two densities."""
    rng = np.random.default_rng(seed)
    spread = rng.choice([0.1, 1.0], (n_rows, 1))
    X = rng.normal(0, 3, (5, n_features))[rng.integers(0, 5, n_rows)]
    return (X + spread * rng.standard_normal((n_rows, n_features))).astype(dtype)


def all_pairs(A, B):
    return np.array([squared_distances(np.broadcast_to(a, B.shape), B) for a in A])


def cell_index(X, radius=None, block_entries=2**22, n_jobs=None):
    return CellIndex(Points(X, np.ones(len(X)), block_entries, n_jobs), radius)
