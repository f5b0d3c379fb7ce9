"""How the encoder was taught: the training curve, and the granularity it chose."""

from typing import TYPE_CHECKING, Any

import numpy as np

from deepclust.plotting._canvas import COLOURS, new_axes, read_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_agreement", "plot_training"]


def plot_training(history: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the training curve: loss by epoch, and validation loss if there is one.

    Parameters
    ----------
    history : DataFrame or mapping
        `RNNLSTMEncoder.history_`, or anything with a column "loss" and, perhaps,
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

    columns = list(history.keys())
    if "loss" not in columns:
        raise ValueError(f"history has no column 'loss'. Its columns: {columns}.")
    loss = np.asarray(history["loss"], dtype=np.float64)
    epochs = np.arange(1, len(loss) + 1)
    ax = new_axes(ax, (7.0, 4.0))
    ax.plot(epochs, loss, color=COLOURS[0], marker="o", label="training")
    if "val_loss" in columns:
        values = np.asarray(history["val_loss"], dtype=np.float64)
        if np.isfinite(values).any():
            style: dict[str, Any] = {
                "color": COLOURS[1],
                "marker": "s",
                "linestyle": "--",
            }
            ax.plot(epochs, values, label="validation", **style)
            ax.legend(frameon=False)
    ax.set(xlabel="epoch", ylabel="loss", title="Training")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_agreement(
    agreement: Any, *, granularity: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw how well each number of groups is attested by the texts.

    Parameters
    ----------
    agreement : RNNLSTMEncoder, DataFrame or mapping
        A fitted encoder, or its `agreement_`: columns "n_groups", "agreement" and, if
        it is there, "support".

    granularity : int, default=None
        The number that was chosen; that of the encoder when None.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If a column is missing, or nothing was tried because the encoder was told its
        granularity.

    Examples
    --------
    >>> from deepclust.plotting import plot_agreement
    >>> table = {"n_groups": [2, 4, 8], "agreement": [0.3, 0.6, 0.4]}
    >>> plot_agreement(table, granularity=4).get_title()
    'Learned at 4 groups'
    """
    if hasattr(agreement, "agreement_"):
        granularity = granularity or agreement.granularity_
        agreement = agreement.agreement_
    columns = read_columns(agreement, ("n_groups", "agreement"))
    if not len(columns["n_groups"]):
        raise ValueError(
            "agreement has no row: the granularity was given, so none was tried."
        )
    ax = new_axes(ax, (7.0, 4.0))
    order = np.argsort(columns["n_groups"], kind="stable")
    groups, values = (columns[name][order] for name in ("n_groups", "agreement"))
    ax.plot(groups, values, "o-", markersize=4, color=COLOURS[0], label="agreement")
    ylabel = "agreement (kappa)"
    if "support" in list(agreement.keys()):
        support = np.asarray(agreement["support"], dtype=float)[order]
        label = "support, where asked"
        ax.plot(groups, support, "D", markersize=6, color=COLOURS[1], label=label)
        ax.legend(frameon=False)
        ylabel += ", support"
    if granularity is not None:
        ax.axvline(granularity, color="black", linewidth=1, linestyle=":")
    ax.set_xscale("log")
    few = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
    top = columns["n_groups"].max()
    ax.set_xticks(few, [str(n) for n in few], minor=False)
    ax.set_xticks([], minor=True)
    ax.set_xlim(columns["n_groups"].min() / 1.1, top * 1.1)
    title = "Agreement of two halves of the vocabulary"
    if granularity is not None:
        title = f"Learned at {granularity} groups"
    ax.set(xlabel="groups", ylabel=ylabel, title=title)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
