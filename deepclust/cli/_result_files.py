"""Write the tables and the model that the command line leaves behind.

A cell that a spreadsheet would run as a formula gets an apostrophe in front, in csv and
tsv; json lines and parquet keep every text as it is.
"""

import csv
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from deepclust._optional import import_extra

__all__ = ["FORMATS", "guarded", "load_model", "save_model", "write_table"]

Columns = Mapping[str, Sequence[Any]]

# What begins a formula in spreadsheets, also behind a tab or a carriage return.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def write_table(file: IO[str] | Path, columns: Columns, form: str) -> None:
    """Write columns of equal length as a table.

    Parameters
    ----------
    file : text stream or Path
        A file at the path is replaced once the new one is complete. Parquet needs a
        path.

    columns : mapping of str to sequence
        Numbers and str, or whatever the format knows.

    form : {"csv", "tsv", "jsonl", "parquet"}

    Raises
    ------
    MissingExtraError
        If parquet is asked for without pyarrow.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import sys
    >>> from deepclust.cli._result_files import write_table
    >>> write_table(sys.stdout, {"cluster": [-1], "text": ["=1+1"]}, "jsonl")
    {"cluster": -1, "text": "=1+1"}
    """
    if not isinstance(file, Path):
        _WRITERS[form](file, columns)
    elif form == "parquet":
        _replace(file, lambda path: _write_parquet(path, columns))
    else:
        _replace(file, lambda path: _write_text(path, columns, form))


def guarded(value: Any) -> Any:
    """Return the value, with an apostrophe in front if it could be a formula.

    Examples
    --------
    >>> from deepclust.cli._result_files import guarded
    >>> guarded("=HYPERLINK(1)"), guarded("a = b"), guarded(-1)
    ("'=HYPERLINK(1)", 'a = b', -1)
    """
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def save_model(model: Any, path: Path) -> None:
    """Pickle a model by joblib; a file at the path is replaced when that is done."""
    import joblib

    _replace(path, lambda part: joblib.dump(model, part, compress=3))


def load_model(path: Path, *, trusted: bool) -> Any:
    """Return the pipeline in a file that `save_model` wrote.

    Parameters
    ----------
    path : Path

    trusted : bool
        Whether the user vouches for the file: reading a pickle runs the code in it.

    Returns
    -------
    model : Pipeline

    Raises
    ------
    PermissionError
        If the file is not vouched for. It has not been read then.
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no pipeline.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model {str(path)!r}")
    if not trusted:
        raise PermissionError(
            f"{path} is a pickle: opening it runs the code it holds. If it is yours, "
            "or from someone you trust, add --trust-model."
        )
    import joblib
    from sklearn.pipeline import Pipeline

    try:
        model = joblib.load(path)
    except Exception as error:  # whatever a broken pickle makes of itself
        raise ValueError(f"{path} holds no model that can be read: {error}") from error
    if not isinstance(model, Pipeline) or not hasattr(model, "predict"):
        raise ValueError(
            f"{path} holds a {type(model).__name__}, not a pipeline that predicts."
        )
    return model


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    """Write beside the path, and move the whole there, so that no half is left."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    part = Path(name)
    try:
        write(part)
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)  # mkstemp lets nobody else read
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_text(path: Path, columns: Columns, form: str) -> None:
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        _WRITERS[form](file, columns)


def _rows(columns: Columns) -> Any:
    return zip(*columns.values(), strict=True)


def _write_csv(file: IO[str], columns: Columns) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([guarded(value) for value in row] for row in _rows(columns))


def _write_tsv(file: IO[str], columns: Columns) -> None:
    """Write as `load_texts` reads: no quotes, white space within a cell as a space."""
    print("\t".join(columns), file=file)
    for row in _rows(columns):
        cells = (" ".join(str(value).split()) for value in row)
        kinds = zip(cells, row, strict=True)
        print(
            "\t".join(guarded(c) if isinstance(v, str) else c for c, v in kinds),
            file=file,
        )


def _write_json_lines(file: IO[str], columns: Columns) -> None:
    for row in _rows(columns):
        record = dict(zip(columns, row, strict=True))
        print(json.dumps(record, ensure_ascii=False), file=file)


def _write_parquet(path: Path, columns: Columns) -> None:
    purpose = "writing parquet files"
    arrow = import_extra("pyarrow", extra="parquet", purpose=purpose)
    parquet = import_extra("pyarrow.parquet", extra="parquet", purpose=purpose)
    readable = {
        name: [
            value.encode("utf-8", "replace").decode("utf-8")
            if isinstance(value, str)
            else value
            for value in values
        ]
        for name, values in columns.items()
    }
    parquet.write_table(arrow.table(readable), path)


_WRITERS: dict[str, Callable[[IO[str], Columns], None]] = {
    "csv": _write_csv,
    "tsv": _write_tsv,
    "jsonl": _write_json_lines,
}
FORMATS = (*_WRITERS, "parquet")
