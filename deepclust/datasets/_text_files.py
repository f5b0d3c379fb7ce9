"""Texts of files that are read row by row, as often as they are needed."""

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from deepclust.datasets._corpora import refuse_columns, refuse_missing, text_column
from deepclust.datasets._readers import Reading, has_columns, iter_records

__all__ = ["TextFiles"]


class TextFiles:
    r"""An iterable of the texts in files, which are never held in memory.

    Parameters
    ----------
    files : str, Path, or iterable of them
        Files as of `load_texts`, or patterns such as "logs/*.jsonl" ("**" for folders
        at any depth), whose files are read in the order of their names.

    column, header, encoding, separator
        See `load_texts`. A text that is null is an empty text.

    id_column : str, default=None
        Column that identifies a text.

    Attributes
    ----------
    paths : list of Path
        The files.

    Raises
    ------
    FileNotFoundError
        If no file has such a name.
    ValueError
        While reading: if a column is missing or holds no texts, or a row is malformed;
        see `load_texts`.

    See Also
    --------
    load_texts : All texts, labels and columns of one file, in memory.

    Notes
    -----
    Memory: a row of text files, 10,000 rows of Parquet files; Excel files and folders
    are read whole. `TextClusterer.fit` learns from a sample of the texts;
    `deepclust.distributed.predict_to_parquet` predicts all.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from deepclust.datasets import TextFiles
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for day, text in enumerate(["rain", "sun"]):
    ...         path = pathlib.Path(folder, f"{day}.csv")
    ...         _ = path.write_text(f"id,text\n7,{text}\n")
    ...     list(TextFiles(f"{folder}/*.csv"))
    ['rain', 'sun']
    """

    def __init__(
        self,
        files: str | Path | Iterable[str | Path],
        *,
        column: str | None = None,
        id_column: str | None = None,
        header: bool = True,
        encoding: str = "utf-8",
        separator: str | None = None,
    ) -> None:
        given = [files] if isinstance(files, (str, Path)) else files
        self.paths = [path for name in given for path in _matching(name)]
        self.column, self.id_column = column, id_column
        self._how = Reading(header, encoding, separator)

    def __iter__(self) -> Iterator[str]:
        return (text for text, _ in self.with_ids())

    def with_ids(self) -> Iterator[tuple[str, Any]]:
        """Yield each text and its id, None without `id_column`."""
        for path in self.paths:
            yield from self._rows(path)

    def _rows(self, path: Path) -> Iterator[tuple[str, Any]]:
        column, is_checked = self.column or "text", False
        id_column = self.id_column
        if not has_columns(path):
            refuse_columns(path, self.column, id_column)
        for row, record in enumerate(iter_records(path, self._how)):
            if row == 0:
                names = list(record)
                column = self.column or text_column(names, (id_column,), path)
                refuse_missing(path, names, column, id_column)
            value = record.get(column)
            if value is not None and not is_checked:
                if not isinstance(value, str):
                    raise ValueError(
                        f"{path}: row {row} holds {type(value).__name__}, not text: "
                        f"{value!r}. Name another column."
                    )
                is_checked = True
            name = None if id_column is None else record.get(id_column)
            yield "" if value is None else str(value), name


def _matching(name: str | Path) -> list[Path]:
    """Return the file of this name, or the files that match it, in order."""
    if Path(name).exists():
        return [Path(name)]
    found = sorted(glob.glob(str(name), recursive=True))
    if not found:
        raise FileNotFoundError(f"There is no file or folder {str(name)!r}.")
    return [Path(path) for path in found]
