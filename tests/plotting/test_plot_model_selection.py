import numpy as np
import pytest

from deepclust.plotting import plot_model_selection


def test_kappa_is_drawn_in_order_of_the_numbers():
    table = {"n_components": [8, 2, 4], "kappa": [0.4, 0.3, 0.6]}
    ax = plot_model_selection(table, n_components=4)
    assert ax.lines[0].get_xdata().tolist() == [2, 4, 8]
    assert ax.lines[0].get_ydata().tolist() == [0.3, 0.6, 0.4]
    assert "4 components" in ax.get_title()
    assert len(ax.lines) == 2


def test_scores_are_drawn_where_there_are_some():
    table = {
        "n_components": [8, 2, 4],
        "kappa": [0.4, 0.3, 0.6],
        "score": [np.nan, 0.2, 0.5],
    }
    ax = plot_model_selection(table)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [0.2, 0.5, np.nan])
    assert len(ax.get_legend().get_texts()) == 2


def test_the_table_needs_a_row():
    with pytest.raises(ValueError, match="no row"):
        plot_model_selection({"n_components": [], "kappa": []})
