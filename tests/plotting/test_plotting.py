import io
import itertools
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from deepclust import DBSCAN, TokenSequences
from deepclust.clustering._mutual_reachability import ReachabilityTree
from deepclust.exceptions import InvalidTextError, MissingExtraError
from deepclust.plotting import _canvas as canvas
from deepclust.plotting import _map as maps
from deepclust.plotting import (
    plot_agreement,
    plot_class_table,
    plot_cluster_sizes,
    plot_dendrogram,
    plot_eps_path,
    plot_lengths,
    plot_map,
    plot_noise,
    plot_similarity,
    plot_topics_over_time,
    plot_training,
    plot_word_frequencies,
    project,
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
    assert to_hex(grey[0].get_facecolor()[0]) == canvas.NOISE_COLOUR
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

    colours = maps.distant_colours(grid, [1] * len(grid))

    assert set(colours) == set(canvas.COLOURS)
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
    with pytest.raises(ValueError, match="projection must be one of"):
        plot_map(np.eye(3), [0, 1, 1], projection="pac")
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


def test_word_frequencies_before_and_after_cleaning():
    ax = plot_word_frequencies(["the a the"], cleaned=["a b"], n_words=2)

    assert [t.get_text() for t in ax.get_yticklabels()] == ["the", "a"]
    assert [t.get_text() for t in ax.texts] == ["a", "b"]
    assert [bar.get_width() for bar in ax.patches] == [-2, -1, 1, 1]


def test_umap_keeps_clusters_apart():
    pytest.importorskip("umap", reason="the extra `maps` is not installed")
    X, labels = many_clusters(n_clusters=4)

    first, second = (project(X, projection="umap") for _ in range(2))

    np.testing.assert_array_equal(first, second)
    centres = np.array([np.median(first[labels == c], axis=0) for c in range(4)])
    radius = max(np.std(first[labels == c]) for c in range(4))
    gaps = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    assert gaps[~np.eye(4, dtype=bool)].min() > radius


def test_umap_that_is_not_installed_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)

    with pytest.raises(MissingExtraError, match=r"deepclust\[maps\]"):
        plot_map(np.eye(9), range(9), projection="umap")


def heat(ax):
    return np.asarray(ax.images[0].get_array())


def test_class_table_shows_a_diagonal_and_the_noise():
    labels = [0, 0, 0, 1, 1, -1]
    classes = ["z", "z", "a", "a", "a", "m"]

    ax = plot_class_table(labels, classes, names=["zebra$", "apple"])

    assert [t.get_text() for t in ax.get_yticklabels()] == [
        *(r"zebra\$", "apple", "noise"),
    ]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["z", "a", "m"]
    np.testing.assert_allclose(heat(ax), [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 0, 1]])
    assert [t.get_text() for t in ax.texts] == [
        *("2", "1", "", "", "2", "", "", "", "1")
    ]
    only_noise = plot_class_table([-1, -1], ["a", "b"])
    assert [t.get_text() for t in only_noise.get_yticklabels()] == ["noise"]
    with pytest.raises(ValueError, match="2 labels and 1 classes"):
        plot_class_table([0, 1], ["a"])


def test_noise_does_not_order_the_classes():
    labels = [0, 0, 0, 1, 1, -1, -1]
    classes = ["a", "a", "a", "b", "c", "c", "c"]

    ax = plot_class_table(labels, classes)

    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]


def test_similarity_puts_like_clusters_side_by_side():
    X = np.array([[1, 0, 0], [0, 1, 0], [0.9, 0.1, 0], [0, 0.9, 0.1], [0, 0, 9]])

    ax = plot_similarity(X, [0, 1, 2, 3, -1], names=list("abcd"))

    order = [t.get_text() for t in ax.get_yticklabels()]
    assert {*order[:2]} in ({"a", "c"}, {"b", "d"})
    assert [t.get_text() for t in ax.texts].count(
        ""
    ) == 8  # those below .1, and the diagonal
    a, c = order.index("a"), order.index("c")
    assert heat(ax)[a, c] == pytest.approx(0.9 / np.hypot(0.9, 0.1))
    with pytest.raises(ValueError, match="1 embeddings and 2 labels"):
        plot_similarity([[1.0]], [0, 1])


PATH = {
    "eps": [0.4, 0.1, 0.2],
    "n_clusters": [1, 3, 4],
    "coverage": [1.0, 0.2, 0.7],
    "silhouette": [0.0, 0.1, 0.6],
}


def test_eps_path_is_drawn_in_order():
    ax = plot_eps_path(PATH, eps=0.2)

    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert drawn["coverage"] == [0.2, 0.7, 1.0]
    assert drawn["silhouette"] == [0.1, 0.6, 0.0]
    right = next(axes for axes in ax.figure.axes if axes is not ax)
    assert list(right.lines[0].get_ydata()) == [3, 4, 1]
    with pytest.raises(ValueError, match="no column 'silhouette'"):
        plot_eps_path({"eps": [1], "n_clusters": [1], "coverage": [1]})


def test_noise_is_what_is_not_covered():
    ax = plot_noise(PATH, eps=0.15)

    assert ax.lines[0].get_ydata() == pytest.approx([0.8, 0.3, 0.0])
    assert ax.get_title() == "At eps 0.15, 55% of the texts are noise"


def test_density_pictures_take_a_fitted_clusterer():
    X, _ = many_clusters(n_clusters=5)
    clusterer = DBSCAN(metric="cosine").fit(X)

    for plot in (plot_eps_path, plot_noise):
        radius = plot(clusterer).lines[-1].get_xdata()[0]
        assert radius == pytest.approx(clusterer.eps_)
    with pytest.raises(ValueError, match='eps="auto"'):
        plot_eps_path(DBSCAN(eps=0.5).fit(X))


def test_dendrogram_has_a_leaf_for_each_dense_region():
    X, labels = many_clusters(n_clusters=80)
    tree = ReachabilityTree.build(X, min_samples=5)
    names = {c: f"cluster {c}" for c in range(80)}

    ax = plot_dendrogram(tree, eps=1.0, labels=labels, names=names)

    written = [t.get_text() for t in ax.get_xticklabels()]
    assert sorted(written) == sorted(names.values())
    assert ax.get_title() == "80 dense regions in 80 clusters at eps 1"
    assert tree.n_clusters(1.0) == 80


def test_dendrogram_counts_the_clusters_of_the_cut():
    X, _ = many_clusters(n_clusters=9)
    tree = ReachabilityTree.build(X, min_samples=5)

    for eps in np.quantile(tree.heights, [0.5, 0.99, 1.0]):
        title = plot_dendrogram(tree, eps=eps).get_title()
        n_clusters = int(tree.n_clusters(eps))
        assert f" in {n_clusters} cluster{'s'[: n_clusters != 1]} at" in title


def test_every_cluster_has_a_leaf_however_small():
    X = np.concatenate((np.arange(300) / 10, [100.0, 100.05, 200.0, 200.05]))[:, None]
    tree = ReachabilityTree.build(X, min_samples=2)

    title = plot_dendrogram(tree, eps=0.15).get_title()
    crowded = plot_dendrogram(tree, eps=0.15, max_leaves=2).get_title()

    assert title == "3 dense regions in 3 clusters at eps 0.15"
    assert crowded.endswith("in 1 of 3 clusters at eps 0.15")


def test_dendrogram_keeps_to_its_number_of_leaves():
    X, _ = many_clusters(n_clusters=80)
    tree = ReachabilityTree.build(X, min_samples=5)

    sizes = np.repeat(np.arange(80), np.arange(1, 81))
    rng = np.random.default_rng(0)
    unequal = 100.0 * sizes + rng.uniform(size=len(sizes))

    ax = plot_dendrogram(tree, max_leaves=10)
    largest = plot_dendrogram(
        ReachabilityTree.build(unequal[:, None], min_samples=1),
        eps=1.0,
        labels=sizes,
        max_leaves=10,
    )

    assert 1 <= len(ax.get_xticklabels()) <= 10
    named = {int(t.get_text()) for t in largest.get_xticklabels()}
    assert named == set(range(70, 80))
    assert "in 10 of 80 clusters at" in largest.get_title()
    with pytest.raises(ValueError, match="1 labels and 1650 points"):
        plot_dendrogram(tree, labels=[0])


def test_dendrogram_of_very_little():
    tree = ReachabilityTree.build(np.arange(3.0)[:, None], min_samples=2)
    title = "1 dense region in 1 cluster at eps 1"
    assert plot_dendrogram(tree, eps=1.0).get_title() == title

    tree = ReachabilityTree.build(np.zeros((1, 2)), min_samples=2)
    assert plot_dendrogram(tree).get_title() == "0 dense regions"


@pytest.mark.parametrize("kind", ["datetime", "iso", "year"])
def test_topics_over_time(kind):
    years = np.array([2001, 2001, 2003, 2003])
    dates = {
        "datetime": np.array([f"{y}-06-01" for y in years], "datetime64[s]"),
        "iso": [f"{y}-06-01T12:00:00+02:00" for y in years],
        "year": years,
    }[kind]

    ax = plot_topics_over_time(
        [0, 1, 0, -1], dates, names=["x", "y"], **({} if kind == "year" else YEARLY)
    )

    shares = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert shares == {"x": [0.5, 0.0, 0.5], "y": [0.5, 0.0, 0.0]}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2001", "2002", "2003"]


YEARLY = {"interval": "year"}


def test_many_topics_over_time_become_a_heat_map():
    labels = np.repeat(np.arange(80), 30)
    days = np.tile(np.arange(30), 80)
    dates = np.datetime64("2024-01-01") + days.astype("timedelta64[D]")

    ax = plot_topics_over_time(labels, dates)

    assert heat(ax).shape == (80, 30)
    assert heat(ax).max() == 1
    assert ax.get_xticklabels()[0].get_text() == "2024-01-01"


def test_texts_without_a_date_are_counted():
    ax = plot_topics_over_time([0, 0, 1], ["2024-01-01", None, "2024-01-02"])

    assert ax.get_title() == "2 texts over time; 1 without a date"
    assert ax.lines[0].get_ydata().tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="no date"):
        plot_topics_over_time([0], [None])
    with pytest.raises(ValueError, match="interval must be one of"):
        plot_topics_over_time([0], [2000], interval="hour")
    with pytest.raises(ValueError, match="1 labels and 2 dates"):
        plot_topics_over_time([0], [2000, 2001])


def test_agreement_is_drawn_in_order_of_the_groups():
    table = {"n_groups": [8, 2, 4], "agreement": [0.4, 0.3, 0.6]}
    ax = plot_agreement(table, granularity=4)
    assert ax.lines[0].get_xdata().tolist() == [2, 4, 8]
    assert ax.lines[0].get_ydata().tolist() == [0.3, 0.6, 0.4]
    assert "4 groups" in ax.get_title()
    assert len(ax.lines) == 2


def test_support_is_drawn_where_it_was_asked():
    table = {
        "n_groups": [8, 2, 4],
        "agreement": [0.4, 0.3, 0.6],
        "support": [np.nan, 0.2, 0.5],
    }
    ax = plot_agreement(table)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [0.2, 0.5, np.nan])
    assert len(ax.get_legend().get_texts()) == 2


def test_agreement_needs_a_row():
    with pytest.raises(ValueError, match="no row"):
        plot_agreement({"n_groups": [], "agreement": []})


@pytest.mark.parametrize("n_clusters", [1, 5, 80])
def test_nothing_that_is_written_overlaps(n_clusters):
    X, labels = many_clusters(n_clusters=n_clusters)
    names = {c: f"keyword{c}, another word of it" for c in range(n_clusters)}
    axes = [
        plot_cluster_sizes(labels, names=names),
        plot_similarity(X, labels, names=names),
        plot_class_table(labels, labels, names=names),
        plot_topics_over_time(labels, np.arange(len(labels)), names=names),
    ]

    for ax in axes:
        figure = ax.figure.get_figure(root=True)
        figure.savefig(io.BytesIO(), format="png")
        boxes = [t.get_window_extent() for t in ax.get_yticklabels() if t.get_text()]
        for one, next_one in itertools.pairwise(sorted(boxes, key=lambda b: b.y0)):
            assert one.y1 <= next_one.y0 + 1
        assert all(box.x0 >= 0 for box in boxes)
