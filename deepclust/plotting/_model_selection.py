"""Kappa and score of each number of components."""

from typing import Any

import numpy as np

from deepclust.clustering._fitted_labels import step_with
from deepclust.plotting._axes import COLORS, Axes, mark, new_axes, read_columns

__all__ = ["plot_model_selection"]


def plot_model_selection(
    results: Any, *, n_components: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw kappa and score against the number of components.

    Parameters
    ----------
    results : RNNLSTMEncoder, pipeline with one, DataFrame or mapping
        A fitted encoder, or its `selection_results_`: columns "n_components", "kappa"
        and, if present, "score".

    n_components : int, default=None
        The selected number, marked; that of the encoder when None.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If a column is missing, or there is no row because `n_pseudo_classes` was given.

    Examples
    --------
    >>> from deepclust.plotting import plot_model_selection
    >>> table = {"n_components": [2, 4, 8], "kappa": [0.3, 0.6, 0.4]}
    >>> plot_model_selection(table, n_components=4).get_title()
    'Selected: 4 components'
    """
    results = step_with(results, "selection_results_")
    if hasattr(results, "selection_results_"):
        n_components = n_components or results.n_pseudo_classes_
        results = results.selection_results_
    columns = read_columns(results, ("n_components", "kappa"))
    if "score" in results.keys():  # noqa: SIM118 - of a mapping or a data frame
        columns |= read_columns(results, ("score",))
    order = np.argsort(columns["n_components"], kind="stable")
    if not len(order):
        raise ValueError(
            "the table has no row: n_pseudo_classes was given, so no other number of "
            "components was tried."
        )
    numbers = columns.pop("n_components")[order]
    ax = new_axes(ax, (7.0, 4.0))
    for (name, column), color, style in zip(
        columns.items(), COLORS, ("o-", "D"), strict=False
    ):
        ax.plot(numbers, column[order], style, markersize=5, color=color, label=name)
    ax.legend(frameon=False)
    mark(n_components, ax)
    ax.set_xscale("log")
    ticks = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
    ax.set_xticks(ticks, [str(n) for n in ticks], minor=False)
    ax.set_xticks([], minor=True)
    ax.set_xlim(numbers.min() / 1.1, numbers.max() * 1.1)
    title = "Kappa of two views of the documents"
    if n_components is not None:
        title = f"Selected: {n_components} components"
    ax.set(xlabel="number of components", ylabel=", ".join(columns), title=title)
    return ax
