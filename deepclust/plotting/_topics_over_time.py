"""Clusters over time."""

from typing import Any

import numpy as np

from deepclust.datasets._dates import parse_dates
from deepclust.plotting._axes import (
    COLORS,
    Axes,
    at_layer,
    check_lengths,
    cluster_name,
    draw_matrix,
    new_axes,
    rank_clusters,
)

__all__ = ["date_periods", "plot_topics_over_time"]

INTERVALS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
_MOST_INTERVALS = 40
_STYLES = ("-", "--", "-.", ":")


def plot_topics_over_time(
    labels: Any,
    dates: Any,
    *,
    names: Any = None,
    layer: int | None = None,
    interval: str | None = None,
    kind: str = "auto",
    max_clusters: int = 80,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of each cluster in the texts of each period.

    Parameters
    ----------
    labels : array-like of shape (n_docs,)
        Cluster of each text; noise (−1) counts in the totals and is not drawn.
        Or a fitted pipeline or clusterer, for its `labels_` and names.

    dates : array-like of shape (n_docs,)
        Dates, timestamps, numbers such as years, or strings, read by one format for all
        as in `deepclust.datasets.load_texts`. Texts without a date are left out.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters; their numbers when None.

    layer : int, default=None
        Column of `labels` of shape (n_docs, n_layers), such as `DBSCAN.layers_`; the
        names are then a sequence with one entry a layer.

    interval : {"day", "week", "month", "quarter", "year"}, default=None
        Length of a period; when None, the shortest that gives at most 40. Numbers are
        binned: one bin for each whole number, or 20 of equal width.

    kind : {"auto", "lines", "matrix"}, default="auto"
        "lines" shows up to nine clusters, "matrix" many: a row a cluster, the largest
        on top. "auto" selects by the number of clusters.

    max_clusters : int, default=80
        The largest clusters are drawn.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If the lengths differ, there is no date, the format of strings is ambiguous, or
        a name is unknown.

    Warns
    -----
    TextWarning
        If strings hold no date; tells how many.

    Notes
    -----
    Lines show shares of all texts of the period. A row of the matrix is relative to its
    maximum, so that small clusters are visible as well.

    Examples
    --------
    >>> from deepclust.plotting import plot_topics_over_time
    >>> ax = plot_topics_over_time([0, 0, 1, 1], [2023, 2023, 2023, 2024])
    >>> ax.lines[1].get_ydata().round(2).tolist()
    [0.33, 1.0]
    """
    labels, names = at_layer(labels, names, layer)
    check_lengths("plot_topics_over_time", labels=labels, dates=dates)
    if kind not in ("auto", "lines", "matrix"):
        raise ValueError(
            f"kind must be 'auto', 'lines' or 'matrix'. Received: {kind!r}."
        )
    period, periods, dated = date_periods(dates, interval)
    labels = labels[dated]
    clusters = [cluster for cluster, _ in rank_clusters(labels)[:max_clusters]]
    shares = np.zeros((len(clusters), len(periods)))
    for row, cluster in enumerate(clusters):
        shares[row] = np.bincount(period[labels == cluster], minlength=len(periods))
    shares /= np.maximum(np.bincount(period, minlength=len(periods)), 1)
    clusters = [cluster_name(names, cluster) for cluster in clusters]
    if kind == "lines" or (kind == "auto" and len(clusters) <= len(COLORS)):
        ax = _draw_lines(shares, clusters, ax)
    else:
        highest = shares.max(axis=1, keepdims=True, initial=1e-12)
        label = "share of the period's texts,\nrelative to the cluster's maximum"
        ax = draw_matrix(shares / highest, clusters, periods, label, ax)
    step = -(-len(periods) // 12)
    ticks = range(0, len(periods), step)
    ax.set_xticks(ticks, periods[::step], rotation=45, ha="right", fontsize=10)
    n_undated = int((~dated).sum())
    undated = f"; {n_undated:,} without a date" if n_undated else ""
    ax.set_title(f"{len(labels):,} texts over time{undated}")
    return ax


def date_periods(
    dates: Any, interval: str | None
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Sort dates into periods.

    Returns
    -------
    period : ndarray of shape (n_dated,), intp
        Place of each text that has a date in `periods`.

    periods : list of str

    dated : ndarray of shape (n_docs,), bool
        Whether the text has a date.
    """
    if interval not in (None, *INTERVALS):
        raise ValueError(
            f"interval must be one of {tuple(INTERVALS)}. Received: {interval!r}."
        )
    import pandas as pd

    values = pd.Series(np.asarray(dates)).infer_objects()
    is_number = values.dtype.kind in "iuf"
    if values.dtype.kind not in "iufM":
        cells, how = values.tolist(), "pandas.to_datetime(dates, format=...)"
        values = pd.Series(parse_dates(cells, "dates", advice=how)[0])
    elif not is_number:
        values = pd.to_datetime(values, utc=True).dt.tz_localize(None)
    dated = values.notna().to_numpy()
    if not dated.any():
        raise ValueError("plot_topics_over_time found no date in `dates`.")
    values = values[dated]
    if is_number:
        return *_number_periods(values.to_numpy(dtype=np.float64)), dated
    for name, code in INTERVALS.items():
        if interval in (None, name):
            periods = values.dt.to_period(code)
            span = pd.period_range(periods.min(), periods.max(), freq=code)
            if interval or len(span) <= _MOST_INTERVALS:
                break
    form = {"week": "%Y-%m-%d", "quarter": "%YQ%q"}.get(name)
    written = [str(p) if form is None else p.strftime(form) for p in span]
    return span.get_indexer(pd.PeriodIndex(periods)), written, dated


def _number_periods(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    low, high = values.min(), values.max()
    if (values == np.floor(values)).all() and high - low < _MOST_INTERVALS:
        names = [f"{value:.0f}" for value in np.arange(low, high + 1)]
        return (values - low).astype(np.intp), names
    edges = np.linspace(low, high, _MOST_INTERVALS // 2 + 1)
    period = np.searchsorted(edges, values, side="right") - 1
    return period.clip(0, len(edges) - 2), [f"{edge:.4g}" for edge in edges[:-1]]


def _draw_lines(shares: np.ndarray, names: list[str], ax: Axes | None) -> Axes:
    ax = new_axes(ax, (8.0, 4.5))
    marker = "o" if shares.shape[1] <= 20 else None
    for i, (row, name) in enumerate(zip(shares, names, strict=True)):
        color, style = COLORS[i % len(COLORS)], _STYLES[(i // 3) % len(_STYLES)]
        ax.plot(row, label=name, color=color, linestyle=style, marker=marker, ms=4)
    ax.set_ylim(0, None)
    ax.set_ylabel("share of the period's texts")
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax
