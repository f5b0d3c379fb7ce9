"""Axes, colors, names, bars and matrices of all pictures."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import column_or_1d

from deepclust._text_input import printable, truncate
from deepclust.clustering._fitted_labels import is_model, with_names
from deepclust.plotting._fonts import warn_of_missing_glyphs
from deepclust.sequences import NOISE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    Axes = Any

__all__ = [
    "BAR_COLOR",
    "COLORS",
    "GRAY",
    "NOISE_COLOR",
    "Axes",
    "Names",
    "at_layer",
    "check_lengths",
    "cluster_name",
    "draw_bars",
    "draw_matrix",
    "mark",
    "new_axes",
    "rank_clusters",
    "read_columns",
    "refuse_estimators",
    "write",
]

NOISE_COLOR = "#d0d0d0"
GRAY = "#888888"
BAR_COLOR = "#4477aa"
# P. Tol, "Colour schemes", technical note SRON/EPS/TN/09-002, scheme "muted".
COLORS = (
    *("#332288", "#cc6677", "#44aa99", "#ddaa33", "#882255"),
    *("#88ccee", "#117733", "#aa4499", "#999933"),
)

_SURROGATE = re.compile("[\ud800-\udfff]")
Names = Mapping[Any, str] | Sequence[str] | None


def new_axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return `ax`, or the axes of a new figure of so many inches, open on two sides."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=size, layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def write(text: Any, width: int = 32) -> str:
    """Return at most `width` characters that matplotlib does not read as a formula.

    A lone surrogate, which no font can hold, becomes a replacement character, and a
    control character a space. Warns of characters that no font in use has.
    """
    text = truncate(printable(_SURROGATE.sub("\ufffd", str(text))), width)
    warn_of_missing_glyphs(text)
    return text.replace("$", r"\$")


def cluster_name(names: Names, cluster: Any) -> str:
    """Return the name of a cluster, or its number if there is none."""
    if cluster == NOISE:
        return "noise"
    try:
        return write(cluster if names is None else names[cluster])
    except (KeyError, IndexError):
        return write(cluster)


def refuse_estimators(embeddings: Any) -> None:
    """Raise TypeError if an estimator is where the embeddings belong."""
    if is_model(embeddings):
        raise TypeError(
            "embeddings must be an array, such as pipeline[:-1].transform(texts) of a "
            f"fitted pipeline. Received: {type(embeddings).__name__}."
        )


def at_layer(labels: Any, names: Any, layer: int | None) -> tuple[np.ndarray, Names]:
    """Return the labels and names of one layer.

    Parameters
    ----------
    labels : array-like of shape (n_docs,) or (n_docs, n_layers), or a fitted model

    names : names of the clusters, or a sequence of them, one a layer

    layer : int or None
        Which column; None where `labels` has one dimension.

    Raises
    ------
    ValueError
        If there is no such layer.

    Examples
    --------
    >>> from deepclust.plotting._axes import at_layer
    >>> at_layer([[0, 1], [0, 2]], [["all"], {1: "a", 2: "b"}], 1)
    (array([1, 2]), {1: 'a', 2: 'b'})
    """
    labels, names = with_names(labels, names, layers=layer is not None)
    if layer is None:
        return column_or_1d(labels), names
    layers = np.asarray(labels)
    if layers.ndim != 2 or not -layers.shape[1] <= layer < layers.shape[1]:
        raise ValueError(
            f"layer={layer!r} needs labels of shape (n_docs, n_layers). Received: "
            f"shape {layers.shape}."
        )
    return layers[:, layer], None if names is None else names[layer]


def rank_clusters(labels: Any) -> list[tuple[Any, int]]:
    """Return clusters and their sizes, the largest first, without noise."""
    counts = Counter(column_or_1d(labels).tolist())
    counts.pop(NOISE, None)
    return counts.most_common()


def check_lengths(function: str, **arrays: Any) -> None:
    """Raise ValueError if the arrays differ in length."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len({*lengths.values()}) > 1:
        received = " and ".join(f"{n} {name}" for name, n in lengths.items())
        raise ValueError(f"{function} needs as many of each. Received: {received}.")


def read_columns(table: Any, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return columns of a data frame or mapping as arrays, or raise ValueError."""
    if is_model(table):
        raise ValueError(
            f"a table with the columns {[*names]} is missing: pass it, or a fitted "
            f"model that has it. Received: {type(table).__name__}."
        )
    columns = list(table.keys())
    for name in names:
        if name not in columns:
            raise ValueError(
                f"the table has no column {name!r}. Its columns: {columns}."
            )
    return {name: np.asarray(table[name]) for name in names}


def mark(x: float | None, ax: Axes) -> None:
    """Draw a dotted vertical line at the value in use, if there is one."""
    if x is not None:
        ax.axvline(x, color="black", linewidth=1, linestyle=":")


def draw_bars(rows: list[tuple[str, int, str]], ax: Axes | None) -> Axes:
    """Draw horizontal bars (name, length, color), the first on top."""
    ax = new_axes(ax, (7.0, max(2.0, 1.2 + 0.19 * len(rows))))
    names, lengths, colors = zip(*rows, strict=True) if rows else ((), (), ())
    ax.barh(range(len(rows)), lengths, color=colors)
    ax.set_yticks(range(len(rows)), names, fontsize=8)
    ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    return ax


def draw_matrix(
    values: np.ndarray,
    rows: list[str],
    columns: list[str],
    label: str,
    ax: Axes | None,
    *,
    cells: list[list[str]] | None = None,
) -> Axes:
    """Draw values from 0 in shades of blue; in a small matrix, write its cells."""
    width, height = np.clip([2.5 + 0.16 * n for n in values.shape[::-1]], 4.5, 16)
    ax = new_axes(ax, (float(width) + 2.0, float(height)))
    top = max(float(values[np.isfinite(values)].max(initial=0.0)), 0.1)
    image = ax.imshow(values, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    size = 8 if max(values.shape) <= 40 else 6
    ax.set_xticks(range(len(columns)), columns, rotation=90, fontsize=size)
    ax.set_yticks(range(len(rows)), rows, fontsize=size)
    ax.tick_params(length=0)
    ax.spines[:].set(visible=True, color="#dddddd")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.6, pad=0.02, label=label)
    bar.outline.set_visible(False)  # type: ignore[operator]
    if cells is not None and max(values.shape) <= 24:
        for i, j in np.ndindex(values.shape):
            color = "white" if values[i, j] > 0.6 * top else "black"
            style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7}
            ax.text(j, i, cells[i][j], color=color, **style)
    return ax
