import pytest

from deepclust.plotting import plot_drift


def test_the_clusters_that_changed_most_are_drawn():
    table = {
        "cluster": [0, 1, 2, -1],
        "name": ["cats", "", "dogs", "noise"],
        "reference": [0.5, 0.3, 0.1, 0.1],
        "now": [0.5, 0.1, 0.2, 0.2],
        "p_value": [1.0, 0.001, 0.01, 0.2],
    }

    ax = plot_drift(table, max_clusters=3)

    assert [t.get_text() for t in ax.get_yticklabels()] == ["1", "dogs", "noise"]
    assert ax.get_title() == "2 of 4 shares differ"
    assert ax.collections[2].get_offsets()[:, 0].tolist() == [0.1, 0.2, 0.2]
    with pytest.raises(ValueError, match="no column 'now'"):
        plot_drift({"cluster": [], "name": [], "reference": []})
