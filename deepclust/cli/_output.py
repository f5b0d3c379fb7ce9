"""What the command line writes: messages, progress, tables.

Texts and file names are shown as plain characters: no control character and no markup
in them reaches the terminal. In csv and tsv files, a cell that a spreadsheet would run
as a formula gets an apostrophe in front; json lines, parquet and Excel, where such a
cell is marked as text, keep every text.
"""

import csv
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from rich.console import Console
from rich.progress import track
from rich.text import Text

from deepclust._atomic_file import replacing
from deepclust._optional import import_extra
from deepclust._text_input import WIDTH, one_line, printable

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["csv", "tsv", "jsonl", "parquet", "xlsx"]
ROWS_WRITTEN = 20_000  # of a text file, at a time
FORMATS: tuple[Format, ...] = get_args(Format)

# What begins a formula in spreadsheets, also behind a tab or a carriage return.
# https://owasp.org/www-community/attacks/CSV_Injection
# Programs of other settings split at a semicolon, a tab or a bar as well.
_FORMULA = re.compile(
    r"^(?=\s*[=+\-@＝＋－＠]|[\t\r\n])|(?<=[;\t|])(?=\s*[=+\-@＝＋－＠])"
)


class InputError(Exception):
    """A file cannot be read or written, or holds what it should not; in one line."""


# Terminal -------------------------------------------------------------------------


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave the error to the caller; rich would exit with status 1."""
        raise


def terminal(*, stderr: bool = False) -> Console:
    """Return a console for standard output or standard error.

    Colors appear on terminals only, and not if the variable NO_COLOR is set.
    """
    plain = {"markup": False, "emoji": False, "highlight": False}
    colors = None if os.environ.get("NO_COLOR") else "auto"
    console = _Console(stderr=stderr, color_system=colors, **plain)  # type: ignore[arg-type]
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH  # of a file or a pipe
    return console


class Progress:
    """Write messages to standard error: steps with their start, warnings, errors.

    On a terminal, a spinner or a bar shows that a step is running.

    Parameters
    ----------
    quiet : bool, default=False
        Whether to leave out the steps.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.console = terminal(stderr=True)
        self.quiet = quiet
        self.bars = self.console.is_terminal and not quiet
        self.start = time.perf_counter()
        self._spinner = self.console.status("")

    def __call__(self, step: str, *, spinner: bool = True) -> None:
        """Begin a step; no spinner where the step shows a bar of its own."""
        self.stop()
        if not self.quiet:
            seconds = f"{time.perf_counter() - self.start:6.1f} s  "
            self.console.print(Text.assemble((seconds, "dim"), step), soft_wrap=True)
        if self.bars and spinner:
            self._spinner.start()

    def say(self, message: str, style: str = "") -> None:
        """Write one line, above the spinner."""
        self.console.print(Text(one_line(message), style), soft_wrap=True)

    def stop(self) -> None:
        """Remove the spinner."""
        self._spinner.stop()

    def track(self, parts: Iterable[Any], total: int) -> Iterable[Any]:
        """Yield the parts, of which there are `total`, under a bar."""
        console, hidden = self.console, not self.bars or total < 2
        return track(parts, "", total, console=console, transient=True, disable=hidden)


@contextmanager
def muted_libraries() -> Iterator[None]:
    """Drop what C++ code writes to standard error: TensorFlow reports missing GPUs."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


# Files ----------------------------------------------------------------------------


def write_table(
    file: Any, table: "pd.DataFrame", form: Format, separator: str = ","
) -> None:
    """Write a table in one of the formats.

    Parameters
    ----------
    file : Path or text stream
        A file at the path is replaced once the new one is complete. Parquet and Excel
        need a path. For a terminal, control characters become spaces.

    table : DataFrame

    form : {"csv", "tsv", "jsonl", "parquet", "xlsx"}

    separator : str, default=","
        Of the fields, if `form` is "csv".

    Raises
    ------
    MissingExtraError
        If `form` is "parquet" and pyarrow is not installed, or "xlsx" and openpyxl.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import sys
    >>> import pandas as pd
    >>> from deepclust.cli._output import write_table
    >>> table = pd.DataFrame({"cluster": [-1], "text": ["=1+1"]})
    >>> write_table(sys.stdout, table, "csv")
    cluster,text
    -1,'=1+1
    """
    check_writer(form)
    if form == "parquet":
        from deepclust.inspection._cells import one_kind_a_column

        table = one_kind_a_column(table)
        with replacing(file) as part:
            table.to_parquet(part, index=False)
    elif form == "xlsx":
        with replacing(file) as part:
            from deepclust.inspection._cells import write_sheet

            write_sheet(part, table)
    elif isinstance(file, Path):
        with replacing(file) as part, part.open("w", encoding="utf-8", newline="") as f:
            for start in range(0, max(len(table), 1), ROWS_WRITTEN):
                rows = table.iloc[start : start + ROWS_WRITTEN]
                f.write(_lines_of(rows, form, separator, header=start == 0))
    else:
        shown = table.map(printable) if file.isatty() else table
        file.write(_lines_of(shown, form, separator))
        file.flush()


def check_writer(form: Format) -> None:
    """Raise MissingExtraError if what writes this format is not installed."""
    if form == "parquet":
        import_extra("pyarrow", extra="parquet", purpose="writing parquet files")
    elif form == "xlsx":
        import_extra("openpyxl", extra="excel", purpose="writing Excel files")


def _lines_of(
    table: "pd.DataFrame", form: Format, separator: str, header: bool = True
) -> str:
    if form == "jsonl":
        lines = table.to_json(
            orient="records", lines=True, force_ascii=False, date_format="iso"
        )
        return lines or ""
    dialect: dict[str, Any] = {"header": header, "sep": separator}
    from deepclust.inspection._cells import nested_as_json

    table = nested_as_json(table)
    if form == "tsv":  # as `load_texts` reads it: no quotes, tabs, line breaks
        table = table.map(_one_field).rename(columns=_one_field)
        dialect |= {"sep": "\t", "quoting": csv.QUOTE_NONE}
    table = table.map(_guarded).rename(columns=_guarded)
    return table.to_csv(index=False, lineterminator="\n", **dialect)


def _one_field(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


def _guarded(value: Any) -> Any:
    """Return the value, with an apostrophe in front of what could be a formula."""
    return _FORMULA.sub("'", value) if isinstance(value, str) else value


def format_of(out: Path | None, form: Format | None) -> Format:
    """Return the format given, or else that of the file's name; "csv" without one."""
    if out is None and form in ("parquet", "xlsx"):
        raise InputError(f"{form} needs a file: give its name by --out")
    if out is None or form is not None:
        return form or "csv"
    for known in FORMATS:
        if out.suffix.lower() == f".{known}":
            return known
    raise InputError(
        f"cannot tell the format of {str(out)!r}: give --format, or a name that ends "
        f"in .{', .'.join(FORMATS)}"
    )
