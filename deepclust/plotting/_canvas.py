"""What the pictures share: axes, colours, names, bars."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BAR_COLOUR",
    "COLOURS",
    "HEAT",
    "NOISE",
    "NOISE_COLOUR",
    "Names",
    "bars",
    "name_of",
    "new_axes",
    "plain",
    "read_columns",
    "shortened",
]

NOISE = -1
NOISE_COLOUR = "#d0d0d0"
BAR_COLOUR = "#4477aa"
HEAT = "Blues"  # one hue, white is nothing
# P. Tol, "Colour schemes", technical note SRON/EPS/TN/09-002, scheme "muted".
COLOURS = (
    *("#332288", "#cc6677", "#44aa99", "#ddaa33", "#882255"),
    *("#88ccee", "#117733", "#aa4499", "#999933"),
)

Names = Mapping[Any, str] | Sequence[str] | None


def new_axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    """Return `ax`, or the axes of a new figure of so many inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def name_of(names: Names, cluster: Any) -> str:
    """Return the name of a cluster, or its number where none was given."""
    try:
        return str(cluster if names is None else names[cluster])
    except (KeyError, IndexError):
        return str(cluster)


def plain(text: str) -> str:
    """Return `text` so that matplotlib does not read it as a formula."""
    return text.replace("$", r"\$")


def shortened(text: str, width: int = 32) -> str:
    """Return at most `width` characters of `text`, not read as a formula."""
    return plain(text if len(text) <= width else text[: width - 1] + "…")


def bars(rows: list[tuple[str, int, str]], ax: "Axes | None") -> "Axes":
    """Draw horizontal bars (name, length, colour), the first on top."""
    ax = new_axes(ax, (7.0, max(2.0, 1.2 + 0.19 * len(rows))))
    places = np.arange(len(rows))
    colours = [colour for _, _, colour in rows]
    ax.barh(places, [count for _, count, _ in rows], color=colours)
    ax.set_yticks(places, [shortened(name) for name, _, _ in rows], fontsize=8)
    ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def read_columns(table: Any, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return columns of a data frame or mapping as arrays, or raise ValueError."""
    missing = [name for name in names if name not in list(table.keys())]
    if missing:
        raise ValueError(
            f"the table has no column {missing[0]!r}. Its columns: "
            f"{list(table.keys())}."
        )
    return {name: np.asarray(table[name]) for name in names}
