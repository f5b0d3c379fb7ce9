import io
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from pictures import many_clusters

from deepclust.exceptions import MissingExtraError
from deepclust.plotting import plot_map, project
from deepclust.plotting._axes import COLORS, NOISE_COLOR
from deepclust.plotting._map import distant_colors


def points_drawn(ax):
    return sum(len(collection.get_offsets()) for collection in ax.collections)


def test_map_draws_every_text_and_noise_in_gray():
    X, labels = many_clusters()

    ax = plot_map(X, labels)

    assert points_drawn(ax) == len(X)
    gray = [c for c in ax.collections if len(c.get_offsets()) == 50]
    assert to_hex(gray[0].get_facecolor()[0]) == NOISE_COLOR
    assert ax.get_title() == "1,650 texts, 80 clusters, 50 noise (gray)"


def test_names_do_not_overlap_and_stay_inside():
    X, labels = many_clusters()
    names = {cluster: f"word{cluster} keyword" for cluster in range(80)}

    ax = plot_map(X, labels, names=names)

    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert 10 <= len(boxes) <= 40
    frame = ax.get_window_extent()
    for i, box in enumerate(boxes):
        assert frame.contains(box.x0, box.y0)
        assert frame.contains(box.x1, box.y1)
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_neighboring_clusters_differ_in_color():
    grid = np.array([(x, y) for x in range(6) for y in range(5)], dtype=float)

    colors = distant_colors(grid, [1] * len(grid))

    assert set(colors) == set(COLORS)
    for i, point in enumerate(grid):
        for j in range(i):
            if np.abs(point - grid[j]).sum() == 1:
                assert colors[i] != colors[j]


def test_map_of_more_texts_keeps_every_cluster():
    X, labels = many_clusters()

    ax = plot_map(X, labels, max_points=200)

    assert points_drawn(ax) <= 200
    assert len(ax.collections) == 81
    assert all(len(c.get_offsets()) for c in ax.collections)
    assert ax.get_title().startswith("1,650 texts")
    assert ax.get_title().endswith(f"; {points_drawn(ax)} drawn")


def test_tsne_keeps_clusters_apart():
    X, labels = many_clusters(n_clusters=4)

    ax = plot_map(X, labels, projection="tsne")

    groups = [np.asarray(c.get_offsets()) for c in ax.collections[1:]]
    centers = np.array([group.mean(axis=0) for group in groups])
    radius = max(
        np.median(np.hypot(*(g - c).T)) for g, c in zip(groups, centers, strict=True)
    )
    gaps = np.hypot(*(centers[:, None] - centers[None]).transpose(2, 0, 1))
    assert gaps[~np.eye(4, dtype=bool)].min() > 2 * radius


def test_tsne_gives_the_same_picture_twice():
    X, labels = many_clusters(n_clusters=2)

    first, second = (plot_map(X, labels, projection="tsne") for _ in range(2))

    for one, other in zip(first.collections, second.collections, strict=True):
        np.testing.assert_array_equal(one.get_offsets(), other.get_offsets())


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (3, 1), (2, 2)])
def test_map_of_very_little(shape):
    ax = plot_map(np.ones(shape), np.zeros(shape[0], dtype=int))

    assert points_drawn(ax) == shape[0]


@pytest.mark.parametrize("projection", ["pca", "tsne"])
@pytest.mark.parametrize("value", [0.0, 1.0, 1e-40, 1e300])
def test_embeddings_that_coincide(projection, value):
    points = project(np.full((6, 8), value), projection=projection)

    np.testing.assert_array_equal(points, np.zeros((6, 2)))


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
@pytest.mark.parametrize("n_distinct", [2, 3, 4, 40])
def test_tsne_places_distinct_rows(n_distinct, scale):
    rng = np.random.default_rng(0)
    rows = np.arange(60) % n_distinct
    X = scale * np.hstack((np.zeros((60, 3)), rng.normal(size=(n_distinct, 5))[rows]))

    points = project(X, projection="tsne")

    assert np.isfinite(points).all()
    assert len(np.unique(points, axis=0)) == n_distinct
    np.testing.assert_array_equal(points, points[:n_distinct][rows])


def test_map_draws_where_it_is_told():
    ax = plt.figure().add_subplot()

    assert plot_map(np.eye(3), [0, 0, 1], names=["a$b", "c"], ax=ax) is ax
    ax.figure.savefig(io.BytesIO(), format="png")  # "a$b" is no formula


def test_a_lone_surrogate_is_drawn_as_a_replacement_character():
    ax = plot_map(np.eye(3), [0, 0, 0], names=["half \ud800"])

    ax.figure.savefig(io.BytesIO(), format="png")
    assert [text.get_text() for text in ax.texts] == ["half \ufffd"]


def test_map_refuses_bad_input():
    with pytest.raises(ValueError, match="3 embeddings and 2 labels"):
        plot_map(np.eye(3), [0, 1])
    with pytest.raises(ValueError, match="projection must be one of"):
        plot_map(np.eye(3), [0, 1, 1], projection="pac")
    with pytest.raises(ValueError, match="NaN"):
        plot_map([[np.nan, 1.0]], [0])


def test_umap_keeps_clusters_apart():
    pytest.importorskip("umap", reason="the extra `maps` is not installed")
    X, labels = many_clusters(n_clusters=4)

    first, second = (project(X, projection="umap") for _ in range(2))

    np.testing.assert_array_equal(first, second)
    centers = np.array([np.median(first[labels == c], axis=0) for c in range(4)])
    radius = max(np.std(first[labels == c]) for c in range(4))
    gaps = np.hypot(*(centers[:, None] - centers[None]).transpose(2, 0, 1))
    assert gaps[~np.eye(4, dtype=bool)].min() > radius


def test_umap_that_is_not_installed_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)

    with pytest.raises(MissingExtraError, match=r"deepclust\[maps\]"):
        plot_map(np.eye(9), range(9), projection="umap")
