"""Read columns of one file, or the text files of a folder.

A format is a function that takes the path, whether the first row names the columns, and
the encoding. It returns the names of the columns and a function from a position to the
values of that column as they stand in the file, None for a null.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from deepclust._optional import import_extra

_MIN_UNPACKED = 100_000_000  # bytes of a gzip file that are always read
_MAX_RATIO = 100  # unpacked to packed; that of texts is 3 to 10

Column = list[Any]
Table = tuple[list[str], Callable[[int], Column]]


def read_columns(
    path: Path, column: str | None, *others: str | None, header: bool, encoding: str
) -> list[Column | None]:
    """Return the column of texts, then one item for each of `others`: None for None.

    The format is that of the file's name.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if path.is_dir() or suffix == ".txt":
        named = [name for name in (column, *others) if name is not None]
        if named:
            raise ValueError(
                f"{path} is plain text: it has no columns. Leave out {named[0]!r}."
            )
        read = _read_folder if path.is_dir() else _read_lines
        columns: list[Column | None] = [*read(path, encoding)]
        return columns + [None] * (1 + len(others) - len(columns))
    if suffix not in _FORMATS:
        raise ValueError(
            f"Cannot tell the format of {path.name!r}; the name should end in one of "
            f"{', '.join([*_FORMATS, '.txt'])} (or be a folder of .txt files)."
        )
    names, values = _FORMATS[suffix](path, header, encoding)
    if not names:
        return [[], *[None] * len(others)]
    if column is None:
        column = _text_column(names, others, path)
    for name in (column, *others):
        if name is not None and name not in names:
            there = ", ".join(map(repr, names))
            raise ValueError(f"{path} has no column {name!r}. Its columns: {there}.")
    wanted = (column, *others)
    return [None if name is None else values(names.index(name)) for name in wanted]


def _text_column(names: list[str], others: tuple[str | None, ...], path: Path) -> str:
    """Return the name of the only column left, or "text" in any case."""
    left = [name for name in names if name not in others]
    texts = [name for name in left if name.strip().lower() == "text"]
    choice = left if len(left) == 1 else texts
    if len(choice) != 1:
        raise ValueError(
            f"{path} has several columns: {', '.join(map(repr, names))}. Name the one "
            "that holds the texts (column=..., or --column on the command line)."
        )
    return choice[0]


def _read_text(path: Path, encoding: str) -> str:
    try:
        is_packed = path.suffix.lower() == ".gz"
        data = _unpack(path) if is_packed else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from error
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} at offset "
            f"{error.start} is not {encoding}. Name the file's encoding, for instance "
            "'latin-1' or 'utf-16'."
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


def _read_delimited(path: Path, header: bool, encoding: str, **dialect: Any) -> Table:
    lines = io.StringIO(_read_text(path, encoding), newline="")
    rows = csv.reader(lines, **dialect)
    # A field may be as long as a document; the module's default is 128 KiB.
    limit = csv.field_size_limit(2**31 - 1)
    try:
        table = [(rows.line_num, row) for row in rows if row]
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: {error}") from error
    finally:
        csv.field_size_limit(limit)
    if not table:
        return [], lambda i: []
    first = table[0][1]
    names = first if header else [str(i + 1) for i in range(len(first))]
    body = table[1:] if header else table
    for line, row in body:
        if len(row) != len(names):
            raise ValueError(
                f"{path}, line {line}: {len(row)} fields where the first row has "
                f"{len(names)}. A field that holds the separator must be quoted."
            )
    return names, lambda i: [row[i] for _, row in body]


def _read_json_lines(path: Path, header: bool, encoding: str) -> Table:
    records = []
    for number, line in enumerate(_read_text(path, encoding).split("\n"), start=1):
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
        records.append(record)
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, lambda i: [record.get(names[i]) for record in records]


def _read_parquet(path: Path, header: bool, encoding: str) -> Table:
    parquet = import_extra(
        "pyarrow.parquet", extra="parquet", purpose="reading parquet files"
    )
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise ValueError(f"{path} cannot be read as parquet: {error}") from error
    names = file.schema_arrow.names
    return names, lambda i: file.read(columns=[names[i]]).column(names[i]).to_pylist()


def _read_lines(path: Path, encoding: str) -> list[Column]:
    lines = _read_text(path, encoding).replace("\r\n", "\n").split("\n")
    return [lines[:-1] if lines[-1] == "" else lines]


def _read_folder(folder: Path, encoding: str) -> list[Column]:
    """Return the text of each `.txt` file, and its sub-folder if there are any."""
    paths = sorted(path for path in folder.rglob("*.txt") if path.is_file())
    texts = [_read_text(path, encoding) for path in paths]
    places = [path.relative_to(folder).parts[:-1] for path in paths]
    labels = [place[0] if place else "" for place in places]
    return [texts, labels] if any(places) else [texts]


_FORMATS: dict[str, Callable[[Path, bool, str], Table]] = {
    ".csv": _read_delimited,
    ".tsv": partial(_read_delimited, delimiter="\t", quoting=csv.QUOTE_NONE),
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
