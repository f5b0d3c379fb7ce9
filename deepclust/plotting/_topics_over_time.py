"""Clusters over time."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import column_or_1d

from deepclust.plotting._canvas import (
    COLOURS,
    HEAT,
    NOISE,
    Names,
    name_of,
    new_axes,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["date_periods", "plot_topics_over_time"]

INTERVALS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
_MOST_INTERVALS = 40
_STYLES = ("-", "--", "-.", ":")


def plot_topics_over_time(
    labels: Any,
    dates: Any,
    *,
    names: Names = None,
    interval: str | None = None,
    kind: str = "auto",
    max_clusters: int = 80,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how much of each period's texts each cluster holds.

    Parameters
    ----------
    labels : array-like of shape (n_docs,)
        Cluster of each text; noise (−1) counts among the texts and is not drawn.

    dates : array-like of shape (n_docs,)
        Dates, timestamps or what pandas reads as such, or numbers such as years. Texts
        without a date are left out.

    names : mapping of label to str, or sequence of str, default=None
        What to write at the clusters; their numbers when None.

    interval : {"day", "week", "month", "quarter", "year"}, default=None
        Length of a period; when None, the shortest that gives at most 40. Numbers are
        put into as many equal periods, or one for each whole number.

    kind : {"auto", "lines", "heat"}, default="auto"
        "lines" can tell nine clusters apart, "heat" many: a row a cluster, the largest
        on top. "auto" takes what fits their number.

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
        If the lengths differ, there is no date, or a name is unknown.

    Notes
    -----
    Lines show shares of all texts of the period. A heat map's row is scaled to its own
    highest share, so that small clusters show their course as well.

    Examples
    --------
    >>> from deepclust.plotting import plot_topics_over_time
    >>> ax = plot_topics_over_time([0, 0, 1, 1], [2023, 2023, 2023, 2024])
    >>> ax.lines[1].get_ydata().round(2).tolist()
    [0.33, 1.0]
    """
    labels = column_or_1d(labels)
    if len(labels) != len(dates):
        raise ValueError(
            "plot_topics_over_time needs one date a label. Received: "
            f"{len(labels)} labels and {len(dates)} dates."
        )
    if kind not in ("auto", "lines", "heat"):
        raise ValueError(f"kind must be 'auto', 'lines' or 'heat'. Received: {kind!r}.")
    period, written, dated = date_periods(dates, interval)
    labels = labels[dated]
    found, sizes = np.unique(labels[labels != NOISE], return_counts=True)
    clusters = found[np.argsort(-sizes, kind="stable")][:max_clusters].tolist()
    total = np.maximum(np.bincount(period, minlength=len(written)), 1)
    shares = [
        np.bincount(period[labels == c], minlength=len(written)) / total
        for c in clusters
    ]
    if kind == "auto":
        kind = "lines" if len(clusters) <= len(COLOURS) else "heat"
    called = [shortened(name_of(names, c), 28) for c in clusters]
    draw = _lines if kind == "lines" else _heat
    ax = draw(np.array(shares).reshape(len(clusters), -1), called, written, ax)
    missing = int((~dated).sum())
    ax.set_title(
        f"{len(labels):,} texts over time"
        + (f"; {missing:,} without a date" if missing else "")
    )
    return ax


def date_periods(
    dates: Any, interval: str | None
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return the period of each dated text, the periods' names, and who has a date."""
    if interval not in (None, *INTERVALS):
        raise ValueError(
            f"interval must be one of {tuple(INTERVALS)}. Received: {interval!r}."
        )
    values = np.asarray(dates)
    if values.dtype.kind in "iuf":
        dated = np.isfinite(values.astype(np.float64))
        _need_dates(dated)
        return *_number_periods(values[dated].astype(np.float64)), dated
    import pandas as pd

    stamps = pd.Series(pd.to_datetime(pd.Series(values), utc=True)).dt.tz_localize(None)
    dated = stamps.notna().to_numpy()
    _need_dates(dated)
    stamps = stamps[dated]
    for name, code in INTERVALS.items():
        if interval in (None, name):
            periods = stamps.dt.to_period(code)
            span = pd.period_range(periods.min(), periods.max(), freq=code)
            if interval or len(span) <= _MOST_INTERVALS:
                break
    form = {"week": "%Y-%m-%d", "quarter": "%YQ%q"}.get(name)
    written = [str(p) if form is None else p.strftime(form) for p in span]
    return span.get_indexer(pd.PeriodIndex(periods)), written, dated


def _need_dates(dated: np.ndarray) -> None:
    if not dated.any():
        raise ValueError("plot_topics_over_time found no date in `dates`.")


def _number_periods(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    low, high = values.min(), values.max()
    if (values == np.floor(values)).all() and high - low < _MOST_INTERVALS:
        names = [f"{value:.0f}" for value in np.arange(low, high + 1)]
        return (values - low).astype(np.intp), names
    edges = np.linspace(low, high, _MOST_INTERVALS // 2 + 1)
    period = np.searchsorted(edges, values, side="right") - 1
    return period.clip(0, len(edges) - 2), [f"{edge:.4g}" for edge in edges[:-1]]


def _lines(
    shares: np.ndarray, called: list[str], written: list[str], ax: "Axes | None"
) -> "Axes":
    ax = new_axes(ax, (8.0, 4.5))
    marker = "o" if len(written) <= 20 else None
    for i, (row, name) in enumerate(zip(shares, called, strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        style = _STYLES[(i // 3) % len(_STYLES)]
        ax.plot(row, label=name, color=colour, linestyle=style, marker=marker, ms=4)
    _write_periods(written, ax)
    ax.set_ylim(0, None)
    ax.set_ylabel("share of the period's texts")
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _heat(
    shares: np.ndarray, called: list[str], written: list[str], ax: "Axes | None"
) -> "Axes":
    ax = new_axes(ax, (9.0, float(np.clip(1.5 + 0.16 * len(called), 3.0, 16.0))))
    scaled = shares / np.maximum(shares.max(axis=1, keepdims=True, initial=0), 1e-12)
    image = ax.imshow(scaled, cmap=HEAT, vmin=0, vmax=1, aspect="auto")
    ax.set_yticks(range(len(called)), called, fontsize=8 if len(called) <= 40 else 6)
    _write_periods(written, ax)
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.6, pad=0.02)
    bar.set_label("share of the period's texts,\nrelative to the cluster's highest")
    bar.outline.set_visible(False)  # type: ignore[operator]
    return ax


def _write_periods(written: list[str], ax: "Axes") -> None:
    step = -(-len(written) // 12)
    ax.set_xticks(
        range(0, len(written), step), written[::step], rotation=45, ha="right"
    )
