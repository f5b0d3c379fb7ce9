"""Clusters as lines of a terminal: the command line and `ClusterTable` print it."""

import io
from typing import TYPE_CHECKING, Any

import narwhals as nw

from deepclust._text_input import WIDTH, one_line
from deepclust.sequences import NOISE

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["as_text", "cluster_overview"]


def cluster_overview(clusters: Any, top: int) -> "Group":
    """Return a table of the first `top` clusters, as wide as the terminal.

    Parameters
    ----------
    clusters : pandas or polars DataFrame of shape (n_clusters, n_columns)
        With the columns cluster, size, share, name, keywords and example.

    top : int
        Rows to show.

    Returns
    -------
    overview : rich.console.Group
        Keywords that the name repeats are left out.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = nw.from_native(clusters, eager_only=True).rows(named=True)
    shown = [row for row in rows if row["cluster"] != NOISE]
    table = Table(box=None, expand=True, pad_edge=False, header_style="bold")
    table.add_column("cluster", justify="right", style="cyan", min_width=7)
    table.add_column("size", justify="right", min_width=5)
    text: dict[str, Any] = {"no_wrap": True, "overflow": "ellipsis"}
    table.add_column("name", ratio=3, style="green", **text)
    table.add_column("keywords", ratio=4, **text)
    table.add_column("example", ratio=6, **text)
    for row in shown[:top]:
        named = one_line(row["name"]).split(", ")
        keywords = one_line(row["keywords"]).split(", ")
        more = ", ".join(word for word in keywords if word not in named)
        cells = (row["cluster"], row["size"], row["name"], more, row["example"])
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    ends = []
    if rest := shown[top:]:
        size = sum(row["size"] for row in rest)
        ends = [f"{'...':>7}  {size:>5}  in {len(rest)} more clusters"]
    for row in rows:
        if row["cluster"] == NOISE:
            share = f"in no cluster ({row['share']:.0%})"
            ends.append(f"{'noise':>7}  {row['size']:>5}  {share}")
    return Group(table, *(Text(end, "dim") for end in ends))


def as_text(clusters: Any, top: int = 30) -> str:
    """Return the overview as plain text of 120 columns."""
    from rich.console import Console

    file = io.StringIO()
    console = Console(file=file, width=WIDTH, color_system=None)
    console.print(cluster_overview(clusters, top))
    lines = (line.rstrip() for line in file.getvalue().splitlines())
    return "\n".join(lines)
