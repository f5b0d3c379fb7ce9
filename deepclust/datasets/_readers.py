"""Read the columns of one file, or the text files of a folder.

A format is a function that takes the path and a `Reading`. It returns a DataFrame of
all columns as they stand in the file, None or NA for a null, and a note on what was
recognized, such as the separator. pandas reads Excel; csv and json lines are read here,
so that an error names its line.
"""

import codecs
import csv
import gzip
import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd

from deepclust._optional import import_extra

Table = tuple[pd.DataFrame, str]

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ROWS_COMPARED = 200  # to recognize the separator
_LINES_COMPARED = 5 * _ROWS_COMPARED  # a row may have several
_MIN_UNPACKED = 100_000_000  # bytes of a gzip file that are always read
_MAX_RATIO = 100  # unpacked to packed; that of texts is 3 to 10


@dataclass(frozen=True)
class Reading:
    """What the caller says about a file; see `load_texts`."""

    header: bool = True
    encoding: str = "utf-8"
    separator: str | None = None
    sheet: str | None = None
    follow_links: bool = False


def read_table(path: Path, how: Reading) -> Table:
    """Return all columns of a file, and a note, "" where there is nothing to say.

    The format is that of the file's name. A folder has the columns "file" and "text",
    and "label" if there are sub-folders; a plain text file has the column "text".
    """
    suffix = _suffix(path)
    if path.is_dir():
        return _read_folder(path, how)
    if suffix not in _FORMATS:
        raise ValueError(
            f"Cannot tell the format of {path.name!r}; the name should end in one of "
            f"{', '.join(_FORMATS)} (or be a folder of .txt files)."
        )
    if how.separator is not None and suffix not in _DELIMITED:
        raise ValueError(f"{path} has no separator: leave out {how.separator!r}.")
    if how.sheet is not None and suffix not in _EXCEL:
        raise ValueError(f"{path} is no Excel file: leave out the sheet {how.sheet!r}.")
    return _FORMATS[suffix](path, how)


def has_columns(path: Path) -> bool:
    """Return whether columns can be named: not in a folder or a plain text file."""
    return not path.is_dir() and _suffix(path) != ".txt"


def values_of(column: pd.Series) -> list[Any]:
    """Return the values as Python objects, None for a null."""
    values = column.astype(object)
    return values.where(values.notna(), None).tolist()


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _as_frame(names: Iterable[str], columns: Iterable[list[Any]]) -> pd.DataFrame:
    """Return a DataFrame of objects; no type is guessed."""
    pairs = zip(names, columns, strict=True)
    return pd.DataFrame({name: pd.Series(c, dtype=object) for name, c in pairs})


def _column_names(names: Iterable[Any]) -> list[str]:
    """Return names of columns: "column 3" for an empty one, "a (2)" for a second "a".

    >>> _column_names(["a", "", "a"])
    ['a', 'column 2', 'a (2)']
    """
    found: dict[str, None] = {}
    for place, name in enumerate(names, start=1):
        plain = (str(name).strip() and str(name)) or f"column {place}"
        unique, n = plain, 1
        while unique in found:
            n += 1
            unique = f"{plain} ({n})"
        found[unique] = None
    return list(found)


# Text files -----------------------------------------------------------------------


def _read_text(path: Path, encoding: str) -> tuple[str, str]:
    """Return the text of a file, unpacked if it is gzip, and a note."""
    data, note = path.read_bytes(), ""
    if path.suffix.lower() == ".gz" or data.startswith(b"\x1f\x8b"):
        try:
            data = _unpack(path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is not a whole gzip file: {error}") from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, note = "utf-16", "read as utf-16"
    try:
        return data.decode(encoding).removeprefix("\ufeff"), note
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} at offset "
            f"{error.start} is not {encoding}. Name the file's encoding: 'cp1252' if a "
            "spreadsheet on Windows wrote it (encoding=..., or --encoding on the "
            "command line)."
        ) from error


def _unpack(path: Path) -> bytes:
    """Return the content of a gzip file, unless it grows as no text does."""
    limit = max(_MIN_UNPACKED, _MAX_RATIO * path.stat().st_size)
    with gzip.open(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(
            f"{path} unpacks to more than {_MAX_RATIO} times its size, and more than "
            f"{limit / 1e6:,.0f} MB. If that is meant, unpack it first."
        )
    return data


def _read_csv(path: Path, how: Reading) -> Table:
    text, note = _read_text(path, how.encoding)
    separator = how.separator
    first, _, rest = text.partition("\n")
    if first.startswith("sep=") and len(first.rstrip("\r")) == 5:  # of a spreadsheet
        text, separator = rest, separator or first[4]
    recognized = separator or recognize_separator(text, how.header)
    notes = [note] if note else []
    if recognized != ",":
        written = SEPARATORS.get(recognized, repr(recognized))
        notes.append(f"fields separated by {written}")
    table = _rows_as_frame(path, text, how, delimiter=recognized)
    table.attrs["separator"] = recognized
    return table, "; ".join(notes)


def _read_tsv(path: Path, how: Reading) -> Table:
    text, note = _read_text(path, how.encoding)
    separator = how.separator or "\t"
    dialect = {"delimiter": separator, "quoting": csv.QUOTE_NONE}
    return _rows_as_frame(path, text, how, **dialect), note


def recognize_separator(text: str, header: bool = True) -> str:
    r"""Return the separator by which the first rows have the same number of fields.

    Of several, the one with the most fields. Where there is none, the one in the header
    that is most frequent there, a comma before others.

    Examples
    --------
    >>> from deepclust.datasets._readers import recognize_separator
    >>> recognize_separator("id;text\n1;Hello, you\n2;One, two, three\n")
    ';'
    """
    n_fields = {}
    for separator in SEPARATORS:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            counts = {len(row) for row in islice(rows, _ROWS_COMPARED) if row}
        except csv.Error:
            continue
        n_fields[separator] = counts.pop() if len(counts) == 1 else 0
    best = max(n_fields, key=n_fields.__getitem__, default=",")
    if n_fields.get(best, 0) > 1:
        return best
    first = text.partition("\n")[0] if header else ""
    return "," if "," in first else max(SEPARATORS, key=first.count)


def _rows_as_frame(path: Path, text: str, how: Reading, **dialect: Any) -> pd.DataFrame:
    rows = [*_checked_rows(path, io.StringIO(text, newline=""), how, **dialect)]
    if not rows:
        return pd.DataFrame()
    names, body = rows[0], rows[1:]
    return _as_frame(names, ([row[i] for row in body] for i in range(len(names))))


def _checked_rows(
    path: Path, lines: Iterable[str], how: Reading, **dialect: Any
) -> Iterator[list[str]]:
    """Yield the names of the columns, then the rows, all of this length."""
    try:
        rows = csv.reader(lines, **dialect)
    except TypeError as error:
        raise ValueError(f"The separator must be one character: {error}.") from error
    # A field may be as long as a document; the module's default is 128 KiB.
    limit = csv.field_size_limit(2**31 - 1)
    names: list[str] = []
    try:
        for row in filter(None, rows):
            is_first = not names
            if is_first:
                names = _column_names(row if how.header else range(1, len(row) + 1))
                yield names
            if len(row) != len(names):
                raise ValueError(
                    f"{path}, line {rows.line_num}: {len(row)} fields where the first "
                    f"row has {len(names)}. A field that holds the separator must be "
                    "quoted."
                )
            if not (is_first and how.header):
                yield row
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _read_json_lines(path: Path, how: Reading) -> Table:
    text, note = _read_text(path, how.encoding)
    records = [*_parsed_lines(path, text.split("\n"))]
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = ([record.get(name) for record in records] for name in names)
    return _as_frame(names, columns), note


def _parsed_lines(path: Path, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # nested too deep, a huge number
            raise ValueError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise ValueError(
                f"{path}, line {number}: expected an object with named fields. "
                f"Received: {type(record).__name__}."
            )
        yield record


def _read_lines(path: Path, how: Reading) -> Table:
    text, note = _read_text(path, how.encoding)
    lines = text.replace("\r\n", "\n").split("\n")
    return _as_frame(["text"], [lines[:-1] if lines[-1] == "" else lines]), note


def _read_folder(folder: Path, how: Reading) -> Table:
    """Return the text of each `.txt` file, and its sub-folder if there are any."""
    paths = sorted(path for path in folder.rglob("*.txt") if path.is_file())
    if not how.follow_links:
        root = folder.resolve()
        inside = [path for path in paths if path.resolve().is_relative_to(root)]
        if n_left_out := len(paths) - len(inside):
            warnings.warn(
                f"{n_left_out} files of {folder} are links that leave the folder, and "
                "were not read. load_texts(..., follow_links=True) reads them, or "
                "--follow-links on the command line.",
                UserWarning,
                stacklevel=4,
            )
        paths = inside
    texts = [_read_text(path, how.encoding)[0] for path in paths]
    places = [path.relative_to(folder) for path in paths]
    columns = {"file": [place.as_posix() for place in places], "text": texts}
    labels = [place.parts[0] if len(place.parts) > 1 else "" for place in places]
    if any(labels):
        columns["label"] = labels
    return _as_frame(columns, columns.values()), ""


# Binary files ---------------------------------------------------------------------


def _read_parquet(path: Path, how: Reading) -> Table:
    parquet = import_extra(
        "pyarrow.parquet", extra="parquet", purpose="reading parquet files"
    )
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise ValueError(f"{path} cannot be read as parquet: {error}") from error
    # Arrow's own types: whole numbers with nulls stay whole; an index is a column
    return table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True), ""


def _read_excel(path: Path, how: Reading) -> Table:
    import_extra("openpyxl", extra="excel", purpose="reading Excel files")
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            sheets = [str(name) for name in book.sheet_names]
            if how.sheet is not None and how.sheet not in sheets:
                there = ", ".join(map(repr, sheets))
                raise ValueError(
                    f"{path} has no sheet {how.sheet!r}. Its sheets: {there}."
                )
            sheet = how.sheet or sheets[0]
            options: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
            rows = pd.read_excel(book, sheet, header=None, dtype=object, **options)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as Excel: {error}") from error
    rows = rows.where(rows.notna(), None)
    if how.header and len(rows):
        names = _column_names("" if name is None else name for name in rows.iloc[0])
        rows = rows.iloc[1:].reset_index(drop=True)
    else:
        names = [str(place) for place in range(1, rows.shape[1] + 1)]
    rows.columns = pd.Index(names)
    return rows, f"sheet {sheet!r} of {len(sheets)}" if len(sheets) > 1 else ""


# Row by row -----------------------------------------------------------------------


def iter_records(path: Path, how: Reading) -> Iterator[dict[str, Any]]:
    """Yield each row of a file as a dict, with no more than a part of it in memory.

    Names and values are those of `read_table`; Excel files and folders are read whole.
    """
    suffix = _suffix(path)
    if path.is_file() and suffix == ".parquet":
        yield from _parquet_records(path)
    elif path.is_file() and suffix in _STREAMED:
        with _open_text(path, how.encoding) as lines:
            yield from _STREAMED[suffix](path, lines, how)
    else:
        frame, _ = read_table(path, how)
        names = [str(name) for name in frame]
        columns = [values_of(frame[name]) for name in frame]
        for row in zip(*columns, strict=True):
            yield dict(zip(names, row, strict=True))


@contextmanager
def _open_text(path: Path, encoding: str) -> Iterator[Iterator[str]]:
    """Open a text file, packed or not; lines keep their ends."""
    with path.open("rb") as file:
        is_packed = path.suffix.lower() == ".gz" or file.read(2) == b"\x1f\x8b"
    unpacked: Callable[..., Any] = gzip.open if is_packed else open
    with unpacked(path, "rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            encoding = "utf-16"
        file.seek(0)
        encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
        try:
            yield io.TextIOWrapper(file, encoding, newline="\n")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} is not {encoding}: {error}. Name the file's encoding "
                "(encoding=..., or --encoding on the command line)."
            ) from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is not a whole gzip file: {error}") from error


def _csv_records(
    path: Path, lines: Iterator[str], how: Reading
) -> Iterator[dict[str, Any]]:
    head = [*islice(lines, _LINES_COMPARED)]
    separator = how.separator
    if head and head[0].startswith("sep=") and len(head[0].rstrip("\r\n")) == 5:
        separator = separator or head.pop(0)[4]
    separator = separator or recognize_separator("".join(head), how.header)
    rows = _checked_rows(path, chain(head, lines), how, delimiter=separator)
    return _as_records(rows)


def _tsv_records(
    path: Path, lines: Iterator[str], how: Reading
) -> Iterator[dict[str, Any]]:
    dialect = {"delimiter": how.separator or "\t", "quoting": csv.QUOTE_NONE}
    return _as_records(_checked_rows(path, lines, how, **dialect))


def _as_records(rows: Iterator[list[str]]) -> Iterator[dict[str, Any]]:
    names = next(rows, [])
    return (dict(zip(names, row, strict=True)) for row in rows)


def _json_records(
    path: Path, lines: Iterator[str], how: Reading
) -> Iterator[dict[str, Any]]:
    return _parsed_lines(path, lines)


def _line_records(
    path: Path, lines: Iterator[str], how: Reading
) -> Iterator[dict[str, Any]]:
    return ({"text": line.removesuffix("\n").removesuffix("\r")} for line in lines)


def _parquet_records(path: Path) -> Iterator[dict[str, Any]]:
    parquet = import_extra(
        "pyarrow.parquet", extra="parquet", purpose="reading parquet files"
    )
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=10_000):
                yield from batch.to_pylist()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as parquet: {error}") from error


_DELIMITED: dict[str, Callable[[Path, Reading], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
}
_EXCEL: dict[str, Callable[[Path, Reading], Table]] = {
    ".xlsx": _read_excel,
    ".xlsm": _read_excel,
}
_FORMATS = {
    **_DELIMITED,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
    **_EXCEL,
    ".txt": _read_lines,
}
_STREAMED: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    ".csv": _csv_records,
    ".tsv": _tsv_records,
    ".jsonl": _json_records,
    ".ndjson": _json_records,
    ".txt": _line_records,
}
