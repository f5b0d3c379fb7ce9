"""Training and validation loss by epoch."""

from typing import Any

import numpy as np

from deepclust.clustering._fitted_labels import step_with
from deepclust.plotting._axes import COLORS, Axes, new_axes, read_columns

__all__ = ["plot_training"]


def plot_training(history: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the training curve: loss by epoch, and validation loss if there is one.

    Parameters
    ----------
    history : RNNLSTMEncoder, pipeline with one, DataFrame or mapping
        A fitted encoder, its `history_`, or anything with a column "loss" and, perhaps,
        "val_loss" and "epoch".

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If there is no column "loss".

    Examples
    --------
    >>> from deepclust.plotting import plot_training
    >>> ax = plot_training({"loss": [3.0, 1.5, 1.2], "val_loss": [3.1, 2.0, 1.9]})
    >>> len(ax.lines)
    2
    """
    from matplotlib.ticker import MaxNLocator

    encoder = step_with(history, "history_")
    history = getattr(encoder, "history_", history)
    loss = read_columns(history, ("loss",))["loss"]
    ax = new_axes(ax, (7.0, 4.0))
    epochs = range(1, len(loss) + 1)
    ax.plot(epochs, loss, "o-", color=COLORS[0], label="training")
    validation = np.asarray(dict(history).get("val_loss", []), dtype=np.float64)
    if np.isfinite(validation).any():
        ax.plot(epochs, validation, "s--", color=COLORS[1], label="validation")
        ax.legend(frameon=False)
    ax.set(xlabel="epoch", ylabel="loss", title="Training")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax
