import numpy as np
import pytest
from pictures import matrix_of

from deepclust.plotting import plot_class_table


def test_class_table_shows_a_diagonal_and_the_noise():
    labels = [0, 0, 0, 1, 1, -1]
    classes = ["z", "z", "a", "a", "a", "m"]

    ax = plot_class_table(labels, classes, names=["zebra$", "apple"])

    assert [t.get_text() for t in ax.get_yticklabels()] == [
        *(r"zebra\$", "apple", "noise"),
    ]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["z", "a", "m"]
    np.testing.assert_allclose(matrix_of(ax), [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 0, 1]])
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
