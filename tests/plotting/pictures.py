"""Clusters to draw, and what a picture shows."""

import numpy as np


def many_clusters(n_clusters=80, n_each=20, dim=16):
    """Return compact clusters in random places, and fifty points of noise."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(n_clusters, dim))
    labels = np.repeat(np.arange(n_clusters), n_each)
    X = centers[labels] + 0.05 * rng.normal(size=(len(labels), dim))
    noise = rng.normal(size=(50, dim))
    return np.vstack((X, noise)), np.concatenate((labels, np.full(50, -1)))


def matrix_of(ax):
    """Return the values of a picture drawn as a matrix."""
    return np.asarray(ax.images[0].get_array())
