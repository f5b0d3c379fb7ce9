"""What the commands do: read texts, cluster them, predict, write a report."""

import importlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from deepclust._atomic_file import replacing
from deepclust.cli._models import save_model
from deepclust.cli._output import (
    Format,
    InputError,
    Progress,
    cluster_overview,
    muted_libraries,
    one_line,
    terminal,
    write_table,
)
from deepclust.exceptions import MissingExtraError

MAX_POINTS_DRAWN = 4_000  # more points overlap in a picture
BATCH_SIZE = 5_000  # texts between two steps of the progress bar


@contextmanager
def _bad_input(*errors: type[Exception], what: str = "") -> Iterator[None]:
    """Turn these errors into an InputError."""
    try:
        yield
    except errors as error:
        raise InputError(f"{what}{error}") from error


def read_corpus(
    file: Path | None, progress: Progress, limit: int | None = None, **options: Any
) -> Any:
    """Return the texts of a file, or the docstrings of the installed packages.

    Parameters
    ----------
    file : Path or None
        None stands for the docstrings.

    progress : Progress

    limit : int, default=None
        Number of texts to keep, evenly spaced.

    **options : Any
        Parameters of `deepclust.datasets.load_texts`.

    Returns
    -------
    corpus : Bunch
        As of `load_texts`. What UTF-8 cannot encode is replaced by "?".

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    progress("reading")
    from deepclust.datasets import load_docstrings, load_texts

    if file is None:
        corpus = load_docstrings()
    else:
        with _bad_input(ValueError, LookupError, OSError, MissingExtraError):
            corpus = load_texts(file, missing="empty", **options)
    corpus.data = [text.encode("utf-8", "replace").decode() for text in corpus.data]
    n_texts = len(corpus.data)
    if limit is not None and limit < n_texts:
        rows = np.linspace(0, n_texts - 1, limit).astype(np.intp)
        corpus.data = [corpus.data[row] for row in rows]
        corpus.DESCR += f" Used here: {limit:,}."
        for name in ("target", "dates"):
            if corpus.get(name) is not None:
                corpus[name] = corpus[name][rows]
    return corpus


def run_cluster(
    corpus: Any,
    progress: Progress,
    out: Path,
    form: Format,
    top: int,
    seed: int,
    protection: dict[str, Any],
    **parameters: Any,
) -> None:
    """Cluster a corpus, write the results to the folder `out`, print an overview.

    Parameters
    ----------
    corpus : Bunch
        Of `read_corpus`.

    progress : Progress

    out : Path
        Made if it does not exist.

    form : {"csv", "tsv", "jsonl", "parquet"}
        Format of the tables.

    top : int
        Clusters to print.

    seed : int
        Random state of the pipeline and of the map.

    protection : dict of str to object
        Options of `save` that encrypt and sign the model.

    **parameters : Any
        Further parameters of `make_text_clusterer`.

    Raises
    ------
    InputError
        If the folder cannot be written to, or the language is not known.
    """
    with _bad_input(OSError, what=f"cannot write to {str(out)!r}: "):
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError("no permission")
    parameters["random_state"] = seed
    pipeline, cleaned, embeddings, labels = _fit(corpus.data, parameters, progress)

    progress("describing")
    from deepclust.inspection import cluster_table

    table = cluster_table(
        corpus.data, labels, cleaned=cleaned, embeddings=embeddings, output="pandas"
    )
    names = {c: name for c, name in table.names.items() if c >= 0}
    write_table(out / f"labels.{form}", _label_table(corpus.data, labels, names), form)
    write_table(out / f"clusters.{form}", table.frame, form)
    pipeline[-1].cluster_names_ = names
    save_model(pipeline, out / "model.dct", **protection)
    progress("drawing")
    points = _draw(out / "map.png", embeddings, labels, table.names, seed)
    progress("writing the report")
    from deepclust.reporting import write_report

    write_report(
        pipeline,
        corpus.data,
        out / "report.html",
        labels=labels,
        y=_class_names(corpus),
        dates=corpus.get("dates"),
        cleaned=cleaned,
        embeddings=embeddings,
        points=points,
    )
    progress("done", spinner=False)

    console = terminal()
    console.print(one_line(corpus.DESCR), "", sep="\n")
    console.print(cluster_overview(table.frame, top), "", sep="\n")
    if corpus.target is not None:
        assigned = pipeline[-1].set_params(noise="nearest").predict(embeddings)
        console.print(_agreement(corpus, labels, assigned), "", sep="\n")
    files = f"labels.{form}, clusters.{form}, report.html, map.png, model.dct"
    seconds = time.perf_counter() - progress.start
    console.print(f"{one_line(out)}/: {files} ({seconds:.0f} s)", soft_wrap=True)


def _fit(
    texts: list[str], parameters: dict[str, Any], progress: Progress
) -> tuple[Any, list[str], np.ndarray, np.ndarray]:
    """Fit step by step, as `Pipeline.fit_predict` does, and keep what is between."""
    from deepclust.pipeline import make_text_clusterer

    pipeline = make_text_clusterer(**parameters, verbose=int(progress.bars))
    progress("cleaning", spinner=False)
    with _bad_input(ValueError, ImportError):  # an unknown language, a missing extra
        cleaned = pipeline["clean"].fit_transform(texts)
    progress("vectorizing")
    sequences = pipeline["vectorize"].fit_transform(cleaned)
    progress("starting TensorFlow", spinner=False)
    with muted_libraries():
        importlib.import_module("deepclust.encoding._network")
    progress("encoding: the network trains on the texts", spinner=False)
    embeddings = pipeline["encode"].fit_transform(sequences)
    progress("clustering")
    labels = pipeline["cluster"].fit_predict(embeddings)
    pipeline.set_params(clean__verbose=0, encode__verbose=0)  # as it is saved
    return pipeline, cleaned, embeddings, labels


def run_predict(
    pipeline: Any, texts: list[str], progress: Progress, out: Path | None, form: Format
) -> None:
    """Predict the clusters of texts; write a table to `out` or to standard output."""
    from deepclust.pipeline import iter_predict

    progress("predicting", spinner=len(texts) <= BATCH_SIZE)
    batches = iter_predict(pipeline, texts, batch_size=BATCH_SIZE)
    n_batches = -(-len(texts) // BATCH_SIZE)
    labels = np.concatenate(list(progress.track(batches, n_batches)))
    progress.stop()
    table = _label_table(texts, labels, getattr(pipeline[-1], "cluster_names_", {}))
    if out is None:
        write_table(sys.stdout, table, form)
    else:
        with _bad_input(OSError, what=f"cannot write to {str(out)!r}: "):
            write_table(out, table, form)
    share = f"{np.mean(labels >= 0):.0%} of {len(texts):,} texts in a cluster"
    progress(f"done: {share}", spinner=False)


def run_report(
    pipeline: Any, corpus: Any, progress: Progress, out: Path, **options: Any
) -> None:
    """Write a report of the clusters that a fitted model finds in a corpus."""
    progress("predicting, and drawing the map")
    from deepclust.reporting import write_report

    options |= {"y": _class_names(corpus), "dates": corpus.dates}
    with _bad_input(OSError, what=f"cannot write to {str(out)!r}: "):
        write_report(pipeline, corpus.data, out, **options)
    progress("done", spinner=False)
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    terminal().print(f"{one_line(out)} ({size})", soft_wrap=True)


def _label_table(texts: list[str], labels: np.ndarray, names: dict[Any, str]) -> Any:
    """Return a DataFrame of the row, cluster, cluster name and text of each text."""
    import pandas as pd

    columns = {"row": range(len(texts)), "cluster": labels}
    columns["name"] = [names.get(label, "") for label in labels.tolist()]
    return pd.DataFrame({**columns, "text": texts})


def _class_names(corpus: Any) -> np.ndarray | None:
    """Return the name of the label of each text, None for unlabeled texts."""
    if corpus.target is None:
        return None
    return np.array([*corpus.target_names, None], dtype=object)[corpus.target]


def _draw(
    path: Path, embeddings: np.ndarray, labels: np.ndarray, names: Any, seed: int
) -> np.ndarray:
    """Draw the map; return the coordinates of each text, float64 (n_docs, 2)."""
    import matplotlib

    matplotlib.use("Agg")
    from deepclust.plotting import plot_map
    from deepclust.reporting._layout import map_points

    points = map_points(np.asarray(embeddings, dtype=np.float64), "tsne", seed)
    ax = plot_map(points, labels, names=names, max_points=MAX_POINTS_DRAWN)
    with replacing(path) as part:
        ax.figure.get_figure(root=True).savefig(part, dpi=120, format="png")
    return points


def _agreement(corpus: Any, labels: np.ndarray, assigned: np.ndarray) -> str:
    """Return lines that compare the clusters with the labels of the corpus."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    known = corpus.target >= 0
    target = corpus.target[known]
    text = (
        f"{len(np.unique(labels[labels >= 0]))} clusters, {len(np.unique(target))} "
        "labels. Agreement with the labels, which were not used\n"
        "to find the clusters (1 = identical, 0 = chance):"
    )
    kinds = {"noise as one cluster": labels, "every text assigned": assigned}
    if np.array_equal(labels, assigned):
        del kinds["noise as one cluster"]
    for kind, found in kinds.items():
        ami = adjusted_mutual_info_score(target, found[known])
        ari = adjusted_rand_score(target, found[known])
        text += f"\n  {kind:<20}  AMI {ami:5.3f}   ARI {ari:5.3f}"
    return text
