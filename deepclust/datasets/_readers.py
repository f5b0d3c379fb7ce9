"""Read the text column, and the label column, of one file or folder.

A reader takes the path, the names of the two columns, whether the first row names the
columns, and the encoding; it returns the texts and the labels as they stand in the
file, None for a null, or None in place of the labels. A reader that has no use for an
argument ignores it.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepclust._optional import import_extra

Column = list[Any]
Reader = Callable[
    [Path, str | None, str | None, bool, str], tuple[Column, Column | None]
]


def read_table(
    path: Path, column: str | None, label: str | None, header: bool, encoding: str
) -> tuple[Column, Column | None]:
    """Return texts and labels of a file, in the format that its name tells."""
    return _reader_of(path)(path, column, label, header, encoding)


def _reader_of(path: Path) -> Reader:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    readers: dict[str, Reader] = {
        ".csv": _read_delimited,
        ".tsv": _read_delimited,
        ".jsonl": _read_json_lines,
        ".ndjson": _read_json_lines,
        ".parquet": _read_parquet,
        ".txt": _read_lines,
    }
    if not suffixes or suffixes[-1] not in readers:
        raise ValueError(
            f"Cannot tell the format of {path.name!r}; the name should end in one of "
            f"{', '.join(readers)} (or be a folder of .txt files)."
        )
    return readers[suffixes[-1]]


def _read_text(path: Path, encoding: str) -> str:
    try:
        data = path.read_bytes()
        if path.suffix.lower() == ".gz":
            data = gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError) as error:
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


def _read_delimited(
    path: Path, column: str | None, label: str | None, header: bool, encoding: str
) -> tuple[Column, Column | None]:
    is_tsv = ".tsv" in (suffix.lower() for suffix in path.suffixes)
    lines = io.StringIO(_read_text(path, encoding), newline="")
    if is_tsv:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        rows = csv.reader(lines)
    # A field may be as long as a document; the module's default is 128 KiB.
    limit = csv.field_size_limit(2**31 - 1)
    try:
        table = [(rows.line_num, row) for row in rows if row]
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: {error}") from error
    finally:
        csv.field_size_limit(limit)
    if not table:
        return [], None
    first = table[0][1]
    names = first if header else [str(i + 1) for i in range(len(first))]
    body = table[1:] if header else table
    for line, row in body:
        if len(row) != len(names):
            raise ValueError(
                f"{path}, line {line}: {len(row)} fields where the first row has "
                f"{len(names)}. A field that holds the separator must be quoted."
            )
    text_at, label_at = _positions(names, column, label, path)
    texts = [row[text_at] for _, row in body]
    return texts, None if label_at is None else [row[label_at] for _, row in body]


def _read_json_lines(
    path: Path, column: str | None, label: str | None, header: bool, encoding: str
) -> tuple[Column, Column | None]:
    records = []
    for number, line in enumerate(_read_text(path, encoding).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise ValueError(
                f"{path}, line {number}: expected an object with named fields. "
                f"Received: {type(record).__name__}."
            )
        records.append(record)
    if not records:
        return [], None
    names = list(dict.fromkeys(name for record in records for name in record))
    text_at, label_at = _positions(names, column, label, path)
    texts = [record.get(names[text_at]) for record in records]
    if label_at is None:
        return texts, None
    return texts, [record.get(names[label_at]) for record in records]


def _read_parquet(
    path: Path, column: str | None, label: str | None, header: bool, encoding: str
) -> tuple[Column, Column | None]:
    parquet = import_extra(
        "pyarrow.parquet", extra="parquet", purpose="reading parquet files"
    )
    try:
        table = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise ValueError(f"{path} cannot be read as parquet: {error}") from error
    names = table.schema_arrow.names
    text_at, label_at = _positions(names, column, label, path)
    wanted = [names[i] for i in (text_at, label_at) if i is not None]
    table = table.read(columns=list(dict.fromkeys(wanted)))
    texts = table.column(names[text_at]).to_pylist()
    if label_at is None:
        return texts, None
    return texts, table.column(names[label_at]).to_pylist()


def _read_lines(
    path: Path, column: str | None, label: str | None, header: bool, encoding: str
) -> tuple[Column, Column | None]:
    if column is not None or label is not None:
        raise ValueError(
            f"{path} is plain text, one text a line: it has no columns. Leave out "
            "column and label."
        )
    lines = _read_text(path, encoding).replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines, None


def read_folder(folder: Path, encoding: str) -> tuple[Column, Column | None]:
    """Return one text a `.txt` file below `folder`, labelled by its sub-folder."""
    paths = sorted(path for path in folder.rglob("*.txt") if path.is_file())
    texts = [_read_text(path, encoding) for path in paths]
    places = [path.relative_to(folder).parts[:-1] for path in paths]
    if not any(places):
        return texts, None
    return texts, [place[0] if place else "" for place in places]


def _positions(
    names: list[str], column: str | None, label: str | None, path: Path
) -> tuple[int, int | None]:
    """Return the positions of the text column and the label column."""
    there = ", ".join(repr(name) for name in names)
    if column is None:
        others = [name for name in names if name != label]
        texts = [name for name in others if name.strip().lower() == "text"]
        choice = others if len(others) == 1 else texts
        if len(choice) != 1:
            raise ValueError(
                f"{path} has several columns: {there}. Name the one that holds the "
                "texts (column=..., or --column on the command line)."
            )
        column = choice[0]
    for name in (column, label):
        if name is not None and name not in names:
            raise ValueError(f"{path} has no column {name!r}. Its columns: {there}.")
    return names.index(column), None if label is None else names.index(label)
