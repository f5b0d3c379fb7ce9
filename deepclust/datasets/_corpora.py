"""Corpora that need no download, and the reading of texts from files.

`load_docstrings` gathers real short texts from the source files of the packages that
are installed anyway. `load_texts` reads the texts of a table, or a folder.
"""

import ast
import gc
import importlib.util
import inspect
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from deepclust.datasets._dates import parse_dates
from deepclust.datasets._readers import Reading, has_columns, read_table, values_of

__all__ = ["load_docstrings", "load_texts"]

DOCSTRING_PACKAGES = ("numpy", "scipy", "sklearn", "keras", "spacy", "stdlib")


def load_docstrings(
    *,
    packages: tuple[str, ...] = DOCSTRING_PACKAGES,
    min_texts: int = 40,
    return_X_y: bool = False,
) -> Any:
    """Load the summaries of the docstrings of installed packages.

    Each text is the first paragraph of the docstring of a public function, class,
    method or module; its label is the sub-package, such as "scipy.stats". Source files
    are parsed, never imported, so that no package is started.

    Parameters
    ----------
    packages : tuple of str
        Importable packages written in Python; "stdlib" is the standard library.

    min_texts : int, default=40
        Sub-packages with fewer texts are left out.

    return_X_y : bool, default=False
        If True, return `(data, target)` instead of a Bunch.

    Returns
    -------
    corpus : Bunch
        data : list of str, length n_docs
            Distinct summaries, ordered by label, file and line.
        target : ndarray of shape (n_docs,), intp
            Index into `target_names`.
        target_names : list of str, length n_classes
            Sub-packages, sorted.
        DESCR : str
            Where the texts come from.

    Raises
    ------
    ValueError
        If a package is not installed, or nothing is left.

    Notes
    -----
    About four seconds on the first call in a process, for some 1,700 files; later
    calls reuse the result. The corpus follows the installed versions: it is for trying
    things out, not for comparing numbers between machines.

    Examples
    --------
    >>> from deepclust.datasets import load_docstrings
    >>> corpus = load_docstrings(packages=("numpy",))
    >>> "numpy.linalg" in corpus.target_names or len(corpus.data) > 100
    True
    """
    rows = sorted(_distinct_summaries(packages), key=itemgetter(1))
    counts = Counter(label for _, label in rows)
    kept = [row for row in rows if counts[row[1]] >= min_texts]
    if not kept:
        raise ValueError(
            f"No sub-package of {packages} has {min_texts} docstrings; "
            "lower min_texts or name other packages."
        )
    data, labels = map(list, zip(*kept, strict=True))
    target, names = _encode(labels)
    if return_X_y:
        return data, target
    description = (
        f"{len(data):,} docstring summaries of {', '.join(packages)} as installed "
        f"here, from {len(names)} sub-packages (the labels)."
    )
    return Bunch(data=data, target=target, target_names=names, DESCR=description)


def load_texts(
    path: str | Path,
    *,
    column: str | None = None,
    label: str | None = None,
    dates: str | None = None,
    date_format: str | None = None,
    keep: Iterable[str] | None = None,
    header: bool = True,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: str | None = None,
    missing: str = "raise",
    follow_links: bool = False,
) -> Bunch:
    r"""Read texts, and their labels if there are any, from a table or a folder.

    Parameters
    ----------
    path : str or Path
        `.csv`, `.tsv`, `.jsonl` (also `.ndjson`) or `.txt` (one text a line), each also
        packed as `.gz`; `.xlsx`, `.parquet`; or a folder, where every `.txt` file is
        one text and the name of its sub-folder is its label.

    column : str, default=None
        Column that holds the texts. By default the only column, or the one called
        "text".

    label : str, default=None
        Column that holds the labels; an empty label means "unlabeled".

    dates : str, default=None
        Column that holds a date for each text, or a number such as a year.

    date_format : str, default=None
        Of all dates, as in "%d.%m.%Y"; "unix" for seconds since 1970; "number" for
        numbers that are no dates but an order in time. When None, it is found: the
        format that reads the most cells, out of ISO 8601 and what pandas guesses.
        Whole numbers, such as years, need a format.

    keep : iterable of str, default=None
        Columns to return in `frame`; all when None.

    header : bool, default=True
        Whether the first row of a csv, tsv or Excel file names the columns. If False,
        columns are called "1", "2", and so on.

    encoding : str, default="utf-8"
        Encoding of text files. A byte order mark is skipped; one of UTF-16 is followed.

    separator : str, default=None
        Of the fields of a csv or tsv file. When None, that of a csv file is recognized
        among comma, semicolon, tab and bar.

    sheet : str, default=None
        Name of the sheet of an Excel file; the first when None.

    missing : {"raise", "empty"}, default="raise"
        What to do with a row that has no text (a null): name it in an error, or keep
        the row as an empty text.

    follow_links : bool, default=False
        Whether to read files of a folder that are links to a file outside.

    Returns
    -------
    corpus : Bunch
        data : list of str, length n_docs
            Texts in the order of the file; of a folder, sorted by path.
        target : ndarray of shape (n_docs,), intp, or None
            Index into `target_names`, -1 for unlabeled.
        target_names : list of str or None
            Labels, sorted.
        dates : ndarray of shape (n_docs,), datetime64 or float64, or None
            Dates in UTC, or numbers with `date_format="number"`; NaT or NaN where a
            cell is empty or holds none.
        frame : DataFrame of shape (n_docs, n_columns)
            The columns as they stand in the file; of a folder, "file" and "text".
        column : str
            The column of `frame` with the texts, if it was kept.
        separator : str
            Of the fields of a csv file; a comma for other files.
        DESCR : str
            Where the texts come from, and what was recognized: separator, sheet, and
            the column "text" among others.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If a gzip file unpacks to more than 100 MB and 100 times its size,
        the format is unknown, a column is missing (the message lists those there),
        a byte does not fit the encoding (the message names the line), a row is
        malformed or has no text, there is no text, no date in the column of dates, or
        its format is ambiguous: 03/04/2024 is of March or of April.
    MissingExtraError
        If a parquet file is read without pyarrow, or an Excel file without openpyxl.

    Warns
    -----
    TextWarning
        If cells of the column of dates hold none; tells how many.

    Notes
    -----
    The file is held in memory, with all its columns. Cells of csv and tsv files stay
    text: `007` keeps its zeros. Fields of a tsv file are taken as they stand: a
    quotation mark there is a character like any other.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from deepclust.datasets import load_texts
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "news.csv")
    ...     _ = path.write_text("title;topic\nRain today;weather\nA goal;sport\n")
    ...     corpus = load_texts(path, column="title", label="topic")
    >>> corpus.data, corpus.target, corpus.target_names
    (['Rain today', 'A goal'], array([1, 0]), ['sport', 'weather'])
    >>> corpus.DESCR.partition("news.csv")[2]
    ' (fields separated by semicolons)'
    """
    path = Path(path)
    if missing not in ("raise", "empty"):
        raise ValueError(f"missing must be 'raise' or 'empty'. Received: {missing!r}")
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
    how = Reading(header, encoding, separator, sheet, follow_links)
    frame, note = read_table(path, how)
    if not len(frame):
        raise ValueError(f"{path} holds no texts.")
    if not has_columns(path):
        refuse_columns(path, column, label, dates, *(keep or ()))
        column, label = "text", "label" if "label" in frame else None
    notes = [note]
    if column is None:
        column = text_column(list(frame.columns), (label, dates), path)
        if len(frame.columns) > 1:
            notes.append(f"texts in the column {column!r}")
    refuse_missing(path, list(frame.columns), column, label, dates, *(keep or ()))
    target, target_names = None, None
    if label is not None:
        target, target_names = _encode(values_of(frame[label]))
    dated, dates_note = _dates_of(frame, dates, path, date_format)
    said = "; ".join(filter(None, [*notes, dates_note]))
    return Bunch(
        data=_texts_of(values_of(frame[column]), path, missing),
        target=target,
        target_names=target_names,
        dates=dated,
        frame=frame if keep is None else frame[list(dict.fromkeys(keep))],
        column=column,
        separator=frame.attrs.get("separator", ","),
        DESCR=f"{len(frame):,} texts of {path}" + (f" ({said})" if said else ""),
    )


def _dates_of(
    frame: Any, column: str | None, path: Path, date_format: str | None
) -> tuple[np.ndarray | None, str | None]:
    """Return the dates and how they were read; None where there is no column."""
    if column is None:
        return None, None
    cells = values_of(frame[column])
    dates, used = parse_dates(cells, f"{path}: {column!r}", date_format)
    return dates, f"dates read as {used}"


def refuse_missing(path: Path | str, there: list[str], *names: str | None) -> None:
    """Raise ValueError if a name that is not None is no column."""
    for name in names:
        if name is not None and name not in there:
            columns = ", ".join(map(repr, there))
            raise ValueError(f"{path} has no column {name!r}. Its columns: {columns}.")


def refuse_columns(path: Path | str, *names: str | None) -> None:
    named = [name for name in names if name is not None]
    if named:
        raise ValueError(
            f"{path} is plain text: it has no columns. Leave out {named[0]!r}."
        )


def text_column(
    names: list[str], others: tuple[str | None, ...], path: Path | str
) -> str:
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


def _encode(labels: list[Any]) -> tuple[np.ndarray, list[str]]:
    """Return codes (−1 for None and "") and the sorted names they index."""
    named = [None if label in (None, "") else str(label) for label in labels]
    codes, names = pd.factorize(np.array(named, dtype=object), sort=True)
    return codes, list(names)


def _texts_of(values: list[Any], path: Path, missing: str) -> list[str]:
    """Return the values as texts; a number among texts is what a spreadsheet makes."""
    if None in values and missing == "raise":
        raise ValueError(
            f"{path}: row {values.index(None)} has no text. Pass missing='empty' to "
            "keep such rows as empty texts."
        )
    if not any(isinstance(value, str) for value in values):
        row = next((row for row, value in enumerate(values) if value is not None), None)
        if row is not None:
            kind = type(values[row]).__name__
            raise ValueError(
                f"{path}: row {row} holds {kind}, not text: {values[row]!r}. "
                "Name another column."
            )
    return ["" if value is None else str(value) for value in values]


# Docstrings -----------------------------------------------------------------------

_SKIPPED = re.compile(
    r"(^|/)(tests?|testing|_vendor|externals|site-packages|legacy|backend|distutils"
    r"|ensurepip|idlelib|lib2to3|pydoc_data|turtledemo)/"
    r"|(^|/)(test_[^/]*|conftest\.py|([^/]*_)?test(s|ing|_utils)?\.py)$"
)
_SIGNATURE = re.compile(r"^[\w.]+\(.*\)(\s*->.*|\s*--)?$")
_ROLE = re.compile(r":[\w:]+:`~?([^`<]*?)\s*(?:<[^`>]*>)?`")
_WORD = re.compile(r"[A-Za-z]{2,}")
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_MIN_WORDS, _MAX_CHARACTERS = 4, 300


@lru_cache(maxsize=8)
def _distinct_summaries(packages: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return distinct (summary, label) pairs in the order of packages and files."""
    found: dict[str, tuple[str, str]] = {}
    files = (
        file
        for package in packages
        for file in _source_files(package, _package_folder(package))
    )
    with _no_garbage_collection():
        for path, label in files:
            try:
                tree = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):  # a template, or another Python's syntax
                continue
            for text in filter(None, map(_summary, _docstrings(tree))):
                found.setdefault(text.casefold(), (text, label))
    return list(found.values())


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep the collector from going through syntax trees, which have no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _package_folder(package: str) -> Path:
    if package == "stdlib":
        return Path(sysconfig.get_path("stdlib"))
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"There is no installed package {package!r}.")
    return Path(spec.submodule_search_locations[0])


def _source_files(package: str, root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the package's own source files, each with its sub-package."""
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if _SKIPPED.search(place):
            continue
        first = place.removeprefix("src/").partition("/")[0]  # keras/src/layers
        name = first.removesuffix(".py").removeprefix("_py")  # _pydecimal
        if name == "_core":
            name = "core"  # of numpy; other folders with an underscore are private
        if name.startswith("_") and name != "__init__":
            continue
        yield path, package if name == "__init__" else f"{package}.{name}"


def _docstrings(node: ast.AST) -> Iterator[str]:
    """Yield the docstrings of the public definitions in a module, top to bottom."""
    if isinstance(node, ast.Expr):
        yield from _added_docstrings(node.value)
    elif isinstance(node, _DOCUMENTED) and _is_public(node):
        yield ast.get_docstring(node) or ""
        if isinstance(node, ast.Module | ast.ClassDef):
            for child in node.body:
                yield from _docstrings(child)


def _is_public(node: ast.AST) -> bool:
    return not getattr(node, "name", "").startswith("_")


def _added_docstrings(call: ast.expr) -> Iterator[str]:
    """Yield what numpy attaches to its C functions: add_newdoc(place, name, doc)."""
    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "add_newdoc":
        for argument in call.args[2:]:
            for node in ast.walk(argument):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield inspect.cleandoc(node.value)


def _summary(docstring: str) -> str:
    """Return the first paragraph without markup, or "" if it is no sentence."""
    for paragraph in re.split(r"\n\s*\n", docstring):
        text = " ".join(paragraph.split())
        if text and not _SIGNATURE.match(text):
            break
    else:
        return ""
    if ">>>" in text or "-----" in text or "=====" in text:
        return ""
    text = _ROLE.sub(r"\1", text).replace("`", "")
    text = text[:_MAX_CHARACTERS].strip()
    return text if len(_WORD.findall(text)) >= _MIN_WORDS else ""
