"""Predict texts in parts; each is a Parquet file, written whole or not at all.

A part says in its metadata which texts and which model it is of. A run that was killed
finds the parts that are there, and skips those of the same texts and model.
"""

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import accumulate, islice
from pathlib import Path
from pickle import PicklingError
from typing import Any
from uuid import uuid4

import joblib
import numpy as np
from sklearn.utils.validation import check_is_fitted

from deepclust._atomic_file import replacing
from deepclust._optional import import_extra
from deepclust._text_input import (
    check_texts,
    in_partitions,
    refuse_containers_without_rows,
)
from deepclust.datasets import TextFiles
from deepclust.datasets._corpora import refuse_columns, refuse_missing, text_column
from deepclust.distributed._partitions import map_partitions, partition_texts
from deepclust.inspection import prediction_table

__all__ = ["iter_parts", "predict_to_parquet"]

_KEY = b"deepclust"
_NO_RESULT = ("n_jobs", "verbose")  # parameters on which no result depends


def predict_to_parquet(
    pipeline: Any,
    texts: Any,
    folder: str | Path,
    *,
    column: str | None = None,
    id_column: str | None = None,
    batch_size: int = 20_000,
    resume: bool = True,
) -> list[Path]:
    """Predict any number of texts, and write what is found to Parquet files.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.

    texts : iterable of str, TextFiles, str, Path, or collection of Dask
        List, generator, ...; or files: a name or pattern such as `"logs/*.jsonl"`. See
        `deepclust.datasets.TextFiles` for formats and encodings. Of a Bag, Series or
        DataFrame of Dask, workers write one part for each partition that has rows.

    folder : str or Path
        Where to write `part-000000.parquet`, `part-000001.parquet`, ...; made if it
        does not exist. Other parts there, of more texts, are removed. Workers of Dask
        must reach the folder by the same name.

    column, id_column : str, default=None
        Columns of the files or the DataFrame that hold the texts and their ids; see
        `TextFiles`.

    batch_size : int, default=20_000
        Texts in a part, where there are no partitions. No label depends on it.

    resume : bool, default=True
        Keep the parts that are there, if they are of the same texts and model. False
        writes all anew.

    Returns
    -------
    paths : list of Path
        The parts, in the order of the texts. Columns: "row", from 0 over all texts;
        the id, if any; those of `prediction_table` without the nearest clusters: the
        label "cluster", "name", "known_words", "membership" and "layer_0", ...

    Raises
    ------
    InvalidTextError
        If `texts` is a table or a set, or an item is not a `str`.
    FileNotFoundError, ValueError
        If there are no such files, they cannot be read, or `batch_size` is less than 1.
    MissingExtraError
        If pyarrow is not installed.
    NotFittedError
        Before `fit`.

    Notes
    -----
    Texts of a kept part are read, but not predicted. A model is taken for the same if
    all parameters but `n_jobs` and `verbose`, all fitted attributes and the versions
    kept with them have the same hash; one that cannot be pickled is never the same.
    Memory: that of one part, about 50 MB for 20,000 titles, beside the model; time that
    of `prediction_table`. A worker of Dask holds the model and the partition it works
    on. A collection is computed twice: rows are counted first. The model is sent with
    the tasks; if a worker dies, others do its tasks again.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from deepclust.distributed import predict_to_parquet
    >>> texts = ["red apple", "green apple", "fast car", "old car"]
    >>> model = make_pipeline(TfidfVectorizer(), KMeans(2, random_state=0)).fit(texts)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     parts = predict_to_parquet(model, texts, folder, batch_size=3)
    ...     len(parts), pd.read_parquet(folder)["row"].tolist()
    (2, [0, 1, 2, 3])
    """
    if in_partitions(texts):
        texts = _text_and_id(texts, column, id_column)
        return _predict_partitions(pipeline, texts, folder, resume)
    if isinstance(texts, (str, Path)):
        texts = TextFiles(texts, column=column, id_column=id_column)
    elif column is not None or id_column is not None:
        raise ValueError(
            "column and id_column are for names of files and DataFrames of Dask. Give "
            "them to TextFiles."
        )
    parts = iter_parts(pipeline, texts, folder, batch_size=batch_size, resume=resume)
    return [path for path, _, _ in parts]


def iter_parts(
    pipeline: Any,
    texts: Any,
    folder: str | Path,
    *,
    batch_size: int = 20_000,
    resume: bool = True,
) -> Iterator[tuple[Path, int, bool]]:
    """Yield path, number of texts, and whether it was there, of each part.

    See `predict_to_parquet`; the parameters are the same.
    """
    refuse_containers_without_rows(texts, "predict_to_parquet")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {batch_size!r}.")
    folder = _check(pipeline, folder)
    id_column = texts.id_column if isinstance(texts, TextFiles) else None
    rows: Iterator[tuple[str, Any]] = (
        texts.with_ids()
        if isinstance(texts, TextFiles)
        else ((text, None) for text in texts)
    )
    model, row = _fingerprint(pipeline), 0
    paths: list[Path] = []
    while batch := [*islice(rows, batch_size)]:
        part = check_texts([text for text, _ in batch], estimator="predict_to_parquet")
        ids = None if id_column is None else {id_column: [name for _, name in batch]}
        paths.append(_part_path(folder, len(paths)))
        is_there = _write_part(pipeline, part, row, ids, paths[-1], model, resume)
        yield paths[-1], len(part), is_there
        row += len(part)
    _remove_others(folder, paths)


def _check(pipeline: Any, folder: str | Path) -> Path:
    """Return the folder, made if it is not there, if all is ready to write to it."""
    check_is_fitted(pipeline)
    import_extra("pyarrow", extra="parquet", purpose="writing parquet files")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _predict_partitions(
    pipeline: Any, collection: Any, folder: str | Path, resume: bool
) -> list[Path]:
    """Write one part for each partition of a Dask collection, by its workers."""
    folder = _check(pipeline, folder)
    sizes = map_partitions(_size, collection)
    paths = [_part_path(folder, place) for place in range(len(sizes))]
    each = zip(paths, accumulate([0, *sizes[:-1]]), strict=True)
    model = _fingerprint(pipeline)
    map_partitions(_predict_partition, collection, pipeline, model, resume, each=each)
    paths = [path for path, size in zip(paths, sizes, strict=True) if size]
    _remove_others(folder, paths)
    return paths


def _size(partition: Any) -> int:
    return (
        len(partition) if hasattr(partition, "__len__") else sum(1 for _ in partition)
    )


def _predict_partition(
    partition: Any, pipeline: Any, model: str, resume: bool, path: Path, row: int
) -> None:
    ids = None
    if getattr(partition, "ndim", 1) == 2:  # as made by _text_and_id
        ids = {name: partition[name].tolist() for name in partition.columns[1:]}
        partition = partition.iloc[:, 0]
    texts = partition_texts(partition)
    if texts:
        _write_part(pipeline, texts, row, ids, path, model, resume)


def _text_and_id(collection: Any, column: str | None, id_column: str | None) -> Any:
    """Return the columns of a Dask DataFrame that hold texts and ids, in this order."""
    if getattr(collection, "ndim", 1) < 2:
        refuse_columns("A collection without columns", column, id_column)
        return collection
    names = [*collection.columns]
    column = column or text_column(names, (id_column,), "The DataFrame")
    refuse_missing("The DataFrame", names, column, id_column)
    return collection[[name for name in (column, id_column) if name is not None]]


def _part_path(folder: Path, place: int) -> Path:
    return folder / f"part-{place:06d}.parquet"


def _write_part(
    pipeline: Any,
    texts: list[str],
    row: int,
    ids: dict[str, list[Any]] | None,
    path: Path,
    model: str,
    resume: bool,
) -> bool:
    """Write a part; return whether it was there, and is kept."""
    made_of = {"texts": _hash(texts, row, ids), "model": model}
    if resume and _made_of(path) == made_of:
        return True
    _write(path, _columns(pipeline, texts, row, ids), made_of)
    return False


def _remove_others(folder: Path, paths: list[Path]) -> None:
    """Remove the parts that are of no text any more."""
    for path in {*folder.glob("part-*.parquet")} - {*paths}:
        if _made_of(path) is not None:
            path.unlink()


def _columns(
    pipeline: Any, texts: list[str], row: int, ids: dict[str, list[Any]] | None
) -> dict[str, Any]:
    import pyarrow as pa

    table = prediction_table(pipeline, texts, output="pandas")
    columns: dict[str, Any] = {"row": np.arange(row, row + len(texts))}
    for name, values in (ids or {}).items():
        kinds = {type(value) for value in values if value is not None}
        columns[name] = values if len(kinds) == 1 else [*map(str, values)]
    for name in table:
        if name == "name":
            columns[name] = pa.array(table[name], pa.string()).dictionary_encode()
        elif not name.startswith("nearest"):
            columns[name] = table[name].to_numpy()
    return columns


def _write(path: Path, columns: dict[str, Any], made_of: dict[str, str]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(columns)
    table = table.replace_schema_metadata({_KEY: json.dumps(made_of).encode()})
    with replacing(path) as part:
        parquet.write_table(table, part, compression="zstd")


def _made_of(path: Path) -> dict[str, str] | None:
    """Return what a part says about itself, None if it is no part."""
    from pyarrow import parquet

    try:
        metadata = parquet.read_schema(path).metadata or {}
        return json.loads(metadata[_KEY])
    except (OSError, KeyError, ValueError):  # ArrowInvalid is a ValueError
        return None


def _hash(texts: Iterable[str], row: int, ids: Any) -> str:
    found = blake2b(f"{row} {ids}".encode("utf-8", "surrogatepass"), digest_size=16)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        found.update(b"%d " % len(data))
        found.update(data)
    return found.hexdigest()


def _fingerprint(pipeline: Any) -> str:
    """Return a hash of all that steps hold; another one at each call if none exists."""
    steps = []
    for _, step in pipeline.steps:
        state = step.__getstate__()
        state = state if isinstance(state, dict) else {"": step}  # "passthrough"
        steps.append({k: v for k, v in state.items() if k not in _NO_RESULT})
    try:
        return joblib.hash([{k: _hash_of(v) for k, v in s.items()} for s in steps])
    except (PicklingError, AttributeError, TypeError):  # a lambda, an open file, ...
        return uuid4().hex


def _hash_of(value: Any) -> str:
    """Return a hash that depends neither on the layout of an array nor on its place."""
    value = np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value
    return joblib.hash(value, coerce_mmap=True)
