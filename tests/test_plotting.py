import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from deepclust import TokenSequences, plotting
from deepclust.exceptions import InvalidTextError
from deepclust.plotting import (
    plot_cluster_sizes,
    plot_lengths,
    plot_map,
    plot_training,
    plot_word_frequencies,
)


def many_clusters(n_clusters=80, n_each=20, dim=16):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(n_clusters, dim))
    labels = np.repeat(np.arange(n_clusters), n_each)
    X = centres[labels] + 0.05 * rng.normal(size=(len(labels), dim))
    noise = rng.normal(size=(50, dim))
    return np.vstack((X, noise)), np.concatenate((labels, np.full(50, -1)))


def points_drawn(ax):
    return sum(len(collection.get_offsets()) for collection in ax.collections)


def test_map_draws_every_text_and_noise_in_grey():
    X, labels = many_clusters()

    ax = plot_map(X, labels)

    assert points_drawn(ax) == len(X)
    grey = [c for c in ax.collections if len(c.get_offsets()) == 50]
    assert to_hex(grey[0].get_facecolor()[0]) == plotting.NOISE_COLOUR
    assert ax.get_title() == "1,650 texts, 80 clusters, 50 noise (grey)"


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


def test_neighbouring_clusters_differ_in_colour():
    grid = np.array([(x, y) for x in range(6) for y in range(5)], dtype=float)

    colours = plotting._distant_colours(grid, [1] * len(grid))

    assert set(colours) == set(plotting.COLOURS)
    for i, point in enumerate(grid):
        for j in range(i):
            if np.abs(point - grid[j]).sum() == 1:
                assert colours[i] != colours[j]


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
    centres = np.array([group.mean(axis=0) for group in groups])
    radius = max(
        np.median(np.hypot(*(g - c).T)) for g, c in zip(groups, centres, strict=True)
    )
    gaps = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
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


def test_map_draws_where_it_is_told():
    ax = plt.figure().add_subplot()

    assert plot_map(np.eye(3), [0, 0, 1], names=["a$b", "c"], ax=ax) is ax
    ax.figure.savefig(io.BytesIO(), format="png")  # "a$b" is no formula


def test_map_refuses_bad_input():
    with pytest.raises(ValueError, match="3 embeddings and 2 labels"):
        plot_map(np.eye(3), [0, 1])
    with pytest.raises(ValueError, match="projection must be"):
        plot_map(np.eye(3), [0, 1, 1], projection="umap")
    with pytest.raises(ValueError, match="NaN"):
        plot_map([[np.nan, 1.0]], [0])


def test_training_curve():
    history = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5]}

    ax = plot_training(history)

    drawn = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert drawn == {"training": [2.0, 1.0], "validation": [2.5, 1.5]}
    assert len(plot_training({"loss": [1.0], "val_loss": [np.nan]}).lines) == 1
    with pytest.raises(ValueError, match=r"no column 'loss'. Its columns: \['x'\]"):
        plot_training({"x": [1]})


def test_cluster_sizes_rank_clusters_and_sum_up_the_rest():
    labels = [0] * 3 + [1] * 5 + [2] + [3] + [-1] * 2

    ax = plot_cluster_sizes(labels, names={0: "trees"}, max_clusters=2)

    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "1",
        "trees",
        "2 smaller clusters",
        "noise",
    ]
    assert [bar.get_width() for bar in ax.patches] == [5, 3, 2, 2]


def test_lengths_of_texts_and_of_sequences():
    sequences = TokenSequences.from_lists([[2, 3, 4], [2], []])

    for texts in (["a b c", "a", ""], sequences):
        ax = plot_lengths(texts)
        heights = [bar.get_height() for bar in ax.patches]
        assert sum(heights) == 3
        assert heights[:4] == [1, 1, 0, 1]
    assert plot_lengths([]).get_title() == "0 texts, median length 0 tokens"


def test_one_giant_text_does_not_squeeze_the_picture():
    ax = plot_lengths(["a b"] * 999 + ["word " * 100_000])

    assert len(ax.patches) < 100
    assert sum(bar.get_height() for bar in ax.patches) == 1000


def test_word_frequencies():
    ax = plot_word_frequencies(["b a", "b", "c"], n_words=2)

    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a"]
    assert [bar.get_width() for bar in ax.patches] == [2, 1]
    assert ax.get_title() == "4 tokens, 3 of them different"


def test_a_bare_string_is_refused():
    for plot in (plot_lengths, plot_word_frequencies):
        with pytest.raises(InvalidTextError, match="single str"):
            plot("one text")
