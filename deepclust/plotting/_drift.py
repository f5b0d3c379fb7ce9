"""Shares of the clusters in two samples of texts."""

from typing import Any

import numpy as np

from deepclust.plotting._axes import (
    BAR_COLOR,
    GRAY,
    Axes,
    new_axes,
    read_columns,
    write,
)

__all__ = ["plot_drift"]


def plot_drift(table: Any, *, max_clusters: int = 20, ax: Axes | None = None) -> Axes:
    """Draw the share of the texts in each cluster, before and now.

    Parameters
    ----------
    table : Drift, DataFrame or mapping
        What `deepclust.inspection.drift` returns, or its `clusters`: the columns
        "cluster", "name", "reference", "now" and "p_value".

    max_clusters : int, default=20
        Draw those that changed most.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes
        Filled points are shares that differ with p < .05, corrected for the number of
        clusters.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> from deepclust.plotting import plot_drift
    >>> table = {"cluster": [0, 1], "name": ["cats", "dogs"], "p_value": [0.01, 0.4],
    ...          "reference": [0.6, 0.3], "now": [0.4, 0.35]}
    >>> [label.get_text() for label in plot_drift(table).get_yticklabels()]
    ['cats', 'dogs']
    """
    names = ("cluster", "name", "reference", "now", "p_value")
    columns = read_columns(getattr(table, "clusters", table), names)
    before, now = (columns[name].astype(float) for name in ("reference", "now"))
    order = np.argsort(-np.abs(now - before), kind="stable")[:max_clusters]
    ax = new_axes(ax, (7.0, max(2.0, 1.4 + 0.24 * len(order))))
    places = np.arange(len(order))
    differs = columns["p_value"][order] < 0.05
    ax.hlines(places, before[order], now[order], color=GRAY, linewidth=1)
    ax.scatter(before[order], places, marker="|", color=GRAY, label="reference")
    faces = np.where(differs, BAR_COLOR, "white")
    ax.scatter(now[order], places, c=faces, edgecolors=BAR_COLOR, label="now", zorder=2)
    shown = [
        write(name or cluster)
        for name, cluster in zip(
            columns["name"][order], columns["cluster"][order], strict=True
        )
    ]
    ax.set_yticks(places, shown, fontsize=8)
    ax.set_ylim(max(len(order), 1) - 0.5, -0.5)
    ax.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    title = f"{differs.sum()} of {len(before)} shares differ"
    ax.set(xlabel="share of the texts", title=title)
    ax.legend(frameon=False, fontsize=8)
    return ax
