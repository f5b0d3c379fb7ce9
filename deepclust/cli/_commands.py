"""What each command of the command line does."""

import argparse
import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from deepclust.cli._result_files import (
    FORMATS,
    load_model,
    save_model,
    write_table,
)
from deepclust.cli._terminal import (
    InputError,
    Progress,
    format_table,
    muted_libraries,
    terminal_width,
)
from deepclust.exceptions import MissingExtraError

__all__ = ["RUN"]

POINTS_DRAWN = 4_000  # more than that are hardly told apart in a picture
_TEXTS_AT_A_TIME = 5_000


def run_cluster(arguments: argparse.Namespace) -> None:
    """Fit on the texts of a file, or on docstrings; describe, draw and save."""
    start = time.perf_counter()
    progress = Progress(arguments.quiet)
    progress("reading")
    corpus, dates = _limited(*_read(arguments), arguments.limit)
    out = _output_folder(arguments.out)
    pipeline, cleaned, embeddings, labels = _cluster(corpus.data, arguments, progress)

    progress("describing")
    from deepclust.inspection import cluster_table

    table = cluster_table(
        corpus.data, labels, cleaned=cleaned, embeddings=embeddings, output="pandas"
    )
    form = arguments.format
    columns = _labelled(corpus.data, labels, table.names)
    write_table(out / f"labels.{form}", columns, form)
    clusters = {name: table[name].tolist() for name in table.frame.columns}
    write_table(out / f"clusters.{form}", clusters, form)
    pipeline[-1].cluster_names_ = {c: n for c, n in table.names.items() if c >= 0}
    save_model(pipeline, out / "model.joblib")
    progress("drawing")
    points = _draw(out / "map.png", embeddings, labels, table.names, arguments.seed)
    progress("writing the report")
    from deepclust.reporting import report

    report(
        pipeline,
        corpus.data,
        out / "report.html",
        labels=labels,
        y=_class_names(corpus),
        dates=dates,
        cleaned=cleaned,
        embeddings=embeddings,
        points=points,
    )
    progress.done()

    print(corpus.DESCR, end="\n\n")
    shown = format_table(table.frame, arguments.top, terminal_width())
    print(shown, end="\n\n")
    if corpus.target is not None:
        assigned = pipeline[-1].set_params(noise="nearest").predict(embeddings)
        print(_agreement(corpus, labels, assigned), end="\n\n")
    seconds = time.perf_counter() - start
    files = f"labels.{form}, clusters.{form}, report.html, map.png, model.joblib"
    print(f"{out}/: {files} ({seconds:.0f} s)", flush=True)


def run_predict(arguments: argparse.Namespace) -> None:
    """Label the texts of a file by a fitted model."""
    progress = Progress(arguments.quiet)
    out = None if arguments.out is None else Path(arguments.out)
    form = _format_of(out, arguments.format)
    pipeline = _load(arguments)
    progress("reading")
    texts = _read(arguments)[0].data
    if arguments.noise is not None:
        pipeline.steps[-1][1].set_params(noise=arguments.noise)
    progress("predicting")
    labels = _predicted(pipeline, texts, arguments.quiet)
    columns = _labelled(texts, labels, _names(pipeline))
    try:
        write_table(sys.stdout if out is None else out, columns, form)
    except OSError as error:
        if out is None:
            raise
        raise InputError(f"cannot write to {arguments.out!r}: {error}") from error
    sys.stdout.flush()
    progress(f"done: {np.mean(labels >= 0):.0%} of {len(texts):,} texts in a cluster")


def run_report(arguments: argparse.Namespace) -> None:
    """Show the clusters that a fitted model finds in the texts of a file."""
    progress = Progress(arguments.quiet)
    pipeline = _load(arguments)
    progress("reading")
    corpus, dates = _read(arguments)
    progress("predicting, and drawing the map")
    from deepclust.reporting import report

    try:
        path = report(
            pipeline,
            corpus.data,
            arguments.out,
            y=_class_names(corpus),
            dates=dates,
            title=arguments.title,
        )
    except OSError as error:
        raise InputError(f"cannot write to {arguments.out!r}: {error}") from error
    progress.done()
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)", flush=True)


def _read(arguments: argparse.Namespace) -> tuple[Any, list[Any] | None]:
    """Return the corpus as a Bunch, and the dates if there is a column of them."""
    from deepclust.datasets._corpora import load_docstrings, load_texts
    from deepclust.datasets._readers import read_table

    if arguments.command == "demo":
        return load_docstrings(), None
    dates_column = getattr(arguments, "dates", None)
    dates = None
    where = {"column": arguments.column, "encoding": arguments.encoding}
    header = not arguments.no_header
    try:
        corpus = load_texts(
            arguments.file,
            label=getattr(arguments, "label", None),
            header=header,
            missing="empty",
            **where,
        )
        if dates_column is not None:
            path = Path(arguments.file)
            dates = read_table(path, label=dates_column, header=header, **where)[1]
    except (ValueError, LookupError, OSError, MissingExtraError) as error:
        raise InputError(str(error)) from error
    return corpus, dates if dates is None else _as_dates(dates, str(dates_column))


def _as_dates(values: list[Any], column: str) -> Any:
    """Return years as numbers, dates as dates; a value that is neither as missing."""
    import pandas as pd

    series = pd.Series(values)
    numbers = pd.to_numeric(series, errors="coerce")
    if numbers.notna().sum() * 2 > len(series):
        return numbers.to_numpy(dtype=float)
    dates = pd.to_datetime(series, errors="coerce", utc=True, format="mixed")
    if not dates.notna().any():
        raise InputError(f"the column {column!r} holds no date")
    return dates.to_numpy()


def _limited(corpus: Any, dates: Any, limit: int | None) -> tuple[Any, Any]:
    n_texts = len(corpus.data)
    if not limit or limit >= n_texts:
        return corpus, dates
    rows = np.linspace(0, n_texts - 1, limit).astype(np.intp)
    corpus.data = [corpus.data[row] for row in rows]
    corpus.DESCR += f" Used here: {limit:,}."
    if corpus.target is not None:
        corpus.target = corpus.target[rows]
    return corpus, None if dates is None else dates[rows]


def _load(arguments: argparse.Namespace) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        return load_model(Path(arguments.model), trusted=arguments.trust_model)
    except (OSError, ValueError) as error:
        raise InputError(str(error)) from error


def _format_of(out: Path | None, asked: str | None) -> str:
    """Return the format that is asked for, or that the name of the file tells."""
    if out is None and asked == "parquet":
        raise InputError("parquet cannot go to standard output: name a file by --out")
    if asked is not None or out is None:
        return asked or "csv"
    form = out.suffix.lower().lstrip(".")
    if form not in FORMATS:
        raise InputError(
            f"cannot tell the format of {str(out)!r}: give --format, or a name that "
            f"ends in .{', .'.join(FORMATS)}"
        )
    return form


def _output_folder(name: str) -> Path:
    out = Path(name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".write-test").touch()
        (out / ".write-test").unlink()
    except OSError as error:
        raise InputError(f"cannot write to {name!r}: {error}") from error
    return out


def _cluster(
    texts: list[str], arguments: argparse.Namespace, progress: Progress
) -> tuple[Any, list[str], np.ndarray, np.ndarray]:
    """Fit step by step, as `Pipeline.fit_predict` does, and keep what is between."""
    from deepclust.pipeline import make_text_clusterer

    pipeline = make_text_clusterer(
        language=arguments.language,
        noise=arguments.noise,
        n_clusters=arguments.clusters,
        random_state=arguments.seed,
        verbose=int(sys.stderr.isatty() and not arguments.quiet),
    )
    progress("cleaning")
    try:
        cleaned = pipeline["clean"].fit_transform(texts)
    except (ValueError, ImportError) as error:  # an unknown language, a missing extra
        raise InputError(str(error)) from error
    progress("vectorizing")
    sequences = pipeline["vectorize"].fit_transform(cleaned)
    progress("starting TensorFlow")
    with muted_libraries():
        importlib.import_module("deepclust.encoding._network")
    progress("encoding: the network trains on the texts")
    embeddings = pipeline["encode"].fit_transform(sequences)
    progress("clustering")
    labels = pipeline["cluster"].fit_predict(embeddings)
    return pipeline, cleaned, embeddings, labels


def _predicted(pipeline: Any, texts: list[str], quiet: bool) -> np.ndarray:
    from tqdm import tqdm

    starts = range(0, len(texts), _TEXTS_AT_A_TIME)
    hidden = quiet or not sys.stderr.isatty() or len(starts) < 2
    parts = [
        pipeline.predict(texts[start : start + _TEXTS_AT_A_TIME])
        for start in tqdm(starts, desc="predicting", leave=False, disable=hidden)
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.intp)


def _names(pipeline: Any) -> dict[Any, str]:
    """Return the names of the clusters, as far as the model has any."""
    return getattr(pipeline.steps[-1][1], "cluster_names_", {})


def _labelled(
    texts: list[str], labels: np.ndarray, names: dict[Any, str]
) -> dict[str, list[Any]]:
    """Return the columns of a table of labels."""
    clusters = labels.tolist()
    return {
        "row": list(range(len(texts))),
        "cluster": clusters,
        "name": ["" if c == -1 else names.get(c, "") for c in clusters],
        "text": texts,
    }


def _class_names(corpus: Any) -> list[str | None] | None:
    if corpus.target is None:
        return None
    names = [*corpus.target_names, None]
    return [names[code] for code in corpus.target]


def _draw(
    path: Path, embeddings: np.ndarray, labels: np.ndarray, names: Any, seed: int
) -> np.ndarray:
    """Draw the map; return the place of each text."""
    import matplotlib

    matplotlib.use("Agg")
    from deepclust.plotting import plot_map
    from deepclust.reporting._layout import map_points

    points = map_points(np.asarray(embeddings, dtype=np.float64), "tsne", seed)
    ax = plot_map(points, labels, names=names, max_points=POINTS_DRAWN)
    ax.figure.get_figure(root=True).savefig(path, dpi=120)
    return points


def _agreement(corpus: Any, labels: np.ndarray, assigned: np.ndarray) -> str:
    """Return lines that compare the clusters with the labels of the corpus."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    known = corpus.target >= 0
    target = corpus.target[known]
    n_clusters = len(np.unique(labels[labels >= 0]))
    lines = [
        f"{n_clusters} clusters, {len(np.unique(target))} labels. Agreement with the "
        "labels, which were not used",
        "to find the clusters (1 = the same groups, 0 = chance):",
    ]
    kinds = [("noise as one group", labels), ("every text assigned", assigned)]
    if np.array_equal(labels, assigned):
        kinds = kinds[1:]
    for kind, found in kinds:
        ami = adjusted_mutual_info_score(target, found[known])
        ari = adjusted_rand_score(target, found[known])
        lines.append(f"  {kind:<20}  AMI {ami:5.3f}   ARI {ari:5.3f}")
    return "\n".join(lines)


RUN = {
    "cluster": run_cluster,
    "predict": run_predict,
    "report": run_report,
    "demo": run_cluster,
}
