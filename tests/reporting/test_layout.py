import numpy as np

from deepclust.reporting._layout import GRID, map_points, on_grid


def test_many_points_are_placed_between_the_landmarks(monkeypatch):
    monkeypatch.setattr("deepclust.reporting._layout._LANDMARKS", 500)
    rng = np.random.default_rng(0)
    labels = np.arange(2_000) % 4
    X = np.eye(4)[labels] * 10 + rng.normal(size=(2_000, 4)) * 0.1

    points = map_points(X, "tsne", 0)

    centers = np.array([points[labels == k].mean(axis=0) for k in range(4)])
    nearest = ((points[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.99
    assert len(np.unique(points.round(6), axis=0)) > 1_950


def test_the_grid_holds_every_point():
    points = on_grid(np.random.default_rng(0).normal(size=(100, 2)) * 1e6)

    assert points.min() == 0
    assert points.max() == GRID
    assert on_grid([[3.0, 3.0]]).tolist() == [[32768, 32768]]
