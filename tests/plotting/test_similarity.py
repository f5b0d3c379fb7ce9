import numpy as np
import pytest
from pictures import matrix_of

from deepclust.plotting import plot_similarity


def test_similarity_puts_similar_clusters_side_by_side():
    X = np.array([[1, 0, 0], [0, 1, 0], [0.9, 0.1, 0], [0, 0.9, 0.1], [0, 0, 9]])

    ax = plot_similarity(X, [0, 1, 2, 3, -1], names=list("abcd"))

    order = [t.get_text() for t in ax.get_yticklabels()]
    assert {*order[:2]} in ({"a", "c"}, {"b", "d"})
    assert [t.get_text() for t in ax.texts].count(
        ""
    ) == 8  # those below .1, and the diagonal
    a, c = order.index("a"), order.index("c")
    assert matrix_of(ax)[a, c] == pytest.approx(0.9 / np.hypot(0.9, 0.1))
    with pytest.raises(ValueError, match="1 embeddings and 2 labels"):
        plot_similarity([[1.0]], [0, 1])
