"""Coordinates of the texts on the map, also for many texts."""

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from deepclust.plotting._map import project

__all__ = ["GRID", "map_points", "on_grid"]

GRID = 65_535  # coordinates are whole numbers from 0 to this
_LANDMARKS = 3_000
_NEIGHBORS = 3


def map_points(X: np.ndarray, projection: str, random_state: int) -> np.ndarray:
    """Project rows to the plane; t-SNE on a sample of at most 3,000 rows.

    Parameters
    ----------
    X : ndarray of shape (n_docs, embedding_dim)

    projection : {"pca", "tsne", "umap"}
        See `plot_map`.

    random_state : int

    Returns
    -------
    points : ndarray of shape (n_docs, 2), float64

    Notes
    -----
    "tsne" projects at most 3,000 random rows (landmarks). Each other row is placed at a
    weighted mean of its three nearest landmarks; the weights are random, and larger on
    average for nearer ones. Takes about six seconds, and O(n_docs embedding_dim) for
    the other rows.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.reporting._layout import map_points
    >>> map_points(np.eye(6, 3), "pca", 0).shape
    (6, 2)
    """
    if projection != "tsne" or len(X) <= _LANDMARKS:
        return project(X, projection=projection, random_state=random_state)
    rng = np.random.default_rng(random_state)
    landmarks = X[np.sort(rng.choice(len(X), _LANDMARKS, replace=False))]
    placed = project(landmarks, projection=projection, random_state=random_state)
    search = NearestNeighbors(n_neighbors=_NEIGHBORS, algorithm="brute")
    distances, nearest = search.fit(landmarks).kneighbors(X)
    weights = 1.0 / np.maximum(distances, 1e-6) ** 2
    # random weights: without them most rows would lie at the centers of the three
    weights *= rng.exponential(size=weights.shape)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("ij,ijk->ik", weights, placed[nearest])


def on_grid(points: Any) -> np.ndarray:
    """Return points as whole numbers in a square; both axes have the same scale.

    Parameters
    ----------
    points : array-like of shape (n_points, 2)

    Returns
    -------
    grid : ndarray of shape (n_points, 2), int64
        From 0 to 65,535.

    Examples
    --------
    >>> from deepclust.reporting._layout import on_grid
    >>> on_grid([[0.0, 0.0], [2.0, 1.0]]).tolist()
    [[0, 16384], [65535, 49151]]
    """
    points = np.asarray(points, dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    span = max((high - low).max(), 1e-12)
    unit = (points - (low + high) / 2) / span + 0.5
    return np.rint(unit * GRID).astype(np.int64)
