import numpy as np
import pytest

from deepclust.plotting import plot_training


def test_training_curve():
    history = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5]}

    ax = plot_training(history)

    drawn = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert drawn == {"training": [2.0, 1.0], "validation": [2.5, 1.5]}
    assert len(plot_training({"loss": [1.0], "val_loss": [np.nan]}).lines) == 1
    with pytest.raises(ValueError, match=r"no column 'loss'. Its columns: \['x'\]"):
        plot_training({"x": [1]})
