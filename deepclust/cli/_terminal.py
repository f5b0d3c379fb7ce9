"""What the command line writes to a terminal: progress, messages, a table."""

import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "InputError",
    "Progress",
    "fit",
    "format_table",
    "muted_libraries",
    "say",
    "terminal_width",
]


class InputError(Exception):
    """A file cannot be read or written, or holds what it should not; in one line."""


def format_table(table: "pd.DataFrame", top: int, width: int) -> str:
    """Return the largest clusters as lines of at most `width` columns."""
    room = max(width - 14, 20)
    columns = (room * 2 // 5, room - room * 2 // 5 - 2)
    head = f"{'cluster':>7} {'size':>5}"
    lines = [f"{head} {fit('keywords', columns[0])}  example"]
    clusters = table[table["cluster"] >= 0]
    noise = table[table["cluster"] < 0]
    for row in clusters.head(top).itertuples():
        cells = (str(row.keywords), str(row.example))
        words, example = map(fit, cells, columns)
        lines.append(f"{row.cluster:>7} {row.size:>5} {words}  {example}")
    rest = clusters.iloc[top:]
    if len(rest):
        lines.append(f"    ... {rest['size'].sum():>5} in {len(rest)} smaller clusters")
    for row in noise.itertuples():
        lines.append(f"  noise {row.size:>5} resemble no group ({row.share:.0%})")
    return "\n".join(line.rstrip() for line in lines)


def fit(text: str, width: int) -> str:
    """Return `text` on one line of exactly `width` terminal columns."""
    printable = (char if char.isprintable() else " " for char in str(text))
    text = " ".join("".join(printable).split())
    used, kept = 0, ""
    for char in text:
        wide = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if used + wide > width:
            while used > width - 1:
                used -= 2 if unicodedata.east_asian_width(kept[-1]) in "WF" else 1
                kept = kept[:-1]
            return kept + "…" + " " * (width - used - 1)
        used += wide
        kept += char
    return kept + " " * (width - used)


def terminal_width() -> int:
    return max(shutil.get_terminal_size((100, 24)).columns, 40)


@contextmanager
def muted_libraries() -> Iterator[None]:
    """Drop what C++ code writes to standard error: TensorFlow reports missing GPUs."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class Progress:
    """Tell on standard error which step runs, and how long the one before took."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.start = time.perf_counter()

    def __call__(self, step: str) -> None:
        if not self.quiet:
            seconds = time.perf_counter() - self.start
            print(f"{seconds:6.1f} s  {step}", file=sys.stderr, flush=True)

    def done(self) -> None:
        self("done")


def say(message: str) -> None:
    print(f"deepclust: {message}", file=sys.stderr, flush=True)
