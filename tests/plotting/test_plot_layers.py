import numpy as np
import pytest

from deepclust.plotting import (
    plot_class_table,
    plot_cluster_sizes,
    plot_layers,
    plot_map,
    plot_similarity,
    plot_topics_over_time,
)

LAYERS = np.array([[1, 0], [0, 1], [0, 2], [0, 2], [-1, -1], [1, 0]])
NAMES = [["food", "cars"], ["old cars", "pears", "nuts"]]


def test_parts_lie_below_their_cluster():
    ax = plot_layers(LAYERS, names=NAMES)

    boxes = [(b.get_x(), b.get_width(), b.get_y() < -0.6) for b in ax.patches]
    assert boxes[:3] == [(0, 3, False), (3, 2, False), (5, 1, False)]
    assert boxes[3:] == [(0, 2, True), (2, 1, True), (3, 2, True), (5, 1, True)]
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["food", "cars", "noise", "nuts", "pears", "old cars", "noise"]
    faces = [box.get_facecolor() for box in ax.patches]
    assert faces[3] == faces[4] == faces[0] != faces[1] == faces[5]


def test_the_order_of_the_texts_changes_no_box():
    shuffled = LAYERS[[3, 0, 5, 4, 1, 2]]

    boxes = [
        [(b.get_x(), b.get_width()) for b in plot_layers(layers).patches]
        for layers in (LAYERS, shuffled)
    ]

    assert boxes[0] == boxes[1]


def test_no_texts_and_wrong_names():
    assert len(plot_layers(np.empty((0, 2), int)).patches) == 0
    with pytest.raises(ValueError, match="each of 2 layers"):
        plot_layers(LAYERS, names=[{}])


def test_pictures_of_a_chosen_layer():
    X = np.eye(6)
    how = {"names": NAMES, "layer": 0}

    sizes = plot_cluster_sizes(LAYERS, **how)
    plot_map(X, LAYERS, **how)
    similarity = plot_similarity(X, LAYERS, **how)
    table = plot_class_table(LAYERS, list("aabbcc"), **how)
    course = plot_topics_over_time(LAYERS, [2000, 2001] * 3, kind="matrix", **how)

    for ax in (sizes, similarity, table, course):
        names = {label.get_text() for label in ax.get_yticklabels()}
        assert {"food", "cars"} <= names
    with pytest.raises(ValueError, match="layer=2 needs labels of shape"):
        plot_cluster_sizes(LAYERS, layer=2)
    with pytest.raises(ValueError, match="layer=0 needs labels of shape"):
        plot_cluster_sizes([0, 1], layer=0)
