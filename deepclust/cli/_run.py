"""What the commands do: read texts, cluster them, predict, write a report."""

import importlib
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from deepclust._atomic_file import replacing
from deepclust._text_input import replace_surrogates
from deepclust.cli._models import save_model
from deepclust.cli._output import (
    Format,
    InputError,
    Progress,
    check_writer,
    muted_libraries,
    one_line,
    terminal,
    write_table,
)
from deepclust.exceptions import MissingExtraError

MAX_POINTS_DRAWN = 4_000  # more points overlap in a picture
MAX_POINTS_REPORTED = 50_000  # of more texts, the report shows a sample
TEXTS_A_STEP = 5_000  # texts between two steps of the progress bar


@contextmanager
def _bad_input(*errors: type[Exception], what: str = "") -> Iterator[None]:
    """Turn these errors into an InputError."""
    try:
        yield
    except errors as error:
        raise InputError(f"{what}{error}") from error


def check_place(out: Path | None) -> None:
    """Raise an InputError, before the work, if no file can be written at `out`."""
    if out is None or out.parent == Path("/dev"):
        return
    problem = ""
    if out.is_dir():
        problem = "it is a folder"
    elif not out.parent.is_dir():
        problem = f"there is no folder {str(out.parent)!r}"
    elif not os.access(out.parent, os.W_OK):
        problem = "no permission"
    if problem:
        raise InputError(f"cannot write to {str(out)!r}: {problem}")


def check_word_vectors(given: list[str] | None) -> Any:
    """Return the sources of word vectors: the corpus, and those of the option.

    Parameters
    ----------
    given : list of str, or None
        "wordllama" or paths; "corpus" among them changes nothing.

    Returns
    -------
    word_vectors : "corpus" or list of str
        Of `Vectorizer`.

    Raises
    ------
    InputError
        If there is no such file, or the package of an extra is missing.
    """
    from deepclust.vectorizing._word_vectors import check_sources

    sources = [*dict.fromkeys(["corpus", *(given or [])])]
    for source in sources:
        if source not in ("corpus", "wordllama") and not Path(source).is_file():
            raise InputError(
                f"--word-vectors {source}: no such file. Give wordllama, or the path "
                "of a GloVe or word2vec file"
            )
    with _bad_input(MissingExtraError):
        check_sources(sources)
    return sources if len(sources) > 1 else "corpus"


def read_corpus(
    file: Path | None,
    progress: Progress,
    limit: int | None = None,
    *,
    id_column: str | None = None,
    keep: list[str] | None = None,
    **options: Any,
) -> Any:
    """Return the texts of a file, or the docstrings of the installed packages.

    Parameters
    ----------
    file : Path or None
        None stands for the docstrings.

    progress : Progress

    limit : int, default=None
        Number of texts to keep, evenly spaced.

    id_column, keep : str, list of str, default=None
        Columns for the table of labels; all when `keep` is empty.

    **options : Any
        Further parameters of `deepclust.datasets.load_texts`.

    Returns
    -------
    corpus : Bunch
        As of `load_texts`; the index of `frame` is the row of the file. What UTF-8
        cannot encode is replaced by "?".

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    progress("reading")
    import pandas as pd

    from deepclust.datasets import load_docstrings, load_texts

    if file is None:
        corpus = load_docstrings()
        packages = np.array(corpus.target_names, dtype=object)[corpus.target]
        corpus.frame = pd.DataFrame({"text": corpus.data, "package": packages})
    else:
        if keep and id_column is not None:
            keep = [id_column, *keep]
        with _bad_input(ValueError, LookupError, OSError, MissingExtraError):
            corpus = load_texts(file, missing="empty", keep=keep or None, **options)
            if id_column is not None and id_column not in corpus.frame:
                there = ", ".join(map(repr, corpus.frame))
                raise ValueError(
                    f"{file} has no column {id_column!r}. Its columns: {there}."
                )
        progress(f"read {one_line(corpus.DESCR)}")
    corpus.data = [_encodable(text) for text in corpus.data]
    frame = corpus.frame
    objects = (name for name in frame if pd.api.types.is_object_dtype(frame[name]))
    corpus.frame = frame.assign(**{n: frame[n].map(_encodable) for n in objects})
    n_texts = len(corpus.data)
    if limit is not None and limit < n_texts:
        rows = np.linspace(0, n_texts - 1, limit).astype(np.intp)
        corpus.data = [corpus.data[row] for row in rows]
        corpus.frame = corpus.frame.iloc[rows]  # the index is the row of the file
        corpus.DESCR += f" Used here: {limit:,}."
        for name in ("target", "dates"):
            if corpus.get(name) is not None:
                corpus[name] = corpus[name][rows]
    return corpus


def _texts_to_share(texts: list[str]) -> list[str]:
    """Return the texts, if a model of all of them can be shared."""
    from deepclust.pipeline import MAX_FIT_TEXTS

    if len(texts) > MAX_FIT_TEXTS:  # of which a sample is learned from
        raise InputError(
            f"--profile share takes up to {MAX_FIT_TEXTS:,} texts: add --limit"
        )
    return texts


def _encodable(value: Any) -> Any:
    return replace_surrogates(value) if isinstance(value, str) else value


def run_cluster(
    corpus: Any,
    progress: Progress,
    out: Path,
    form: Format,
    top: int,
    seed: int,
    protection: dict[str, Any],
    *,
    id_column: str | None = None,
    learn_labels: bool = False,
    keep_boilerplate: bool = False,
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

    form : {"csv", "tsv", "jsonl", "parquet", "xlsx"}
        Format of the tables.

    top : int
        Clusters to print.

    seed : int
        Random state of the pipeline and of the map.

    protection : dict of str to object
        Options of `save`, such as keys and the profile.

    id_column : str, default=None
        Column that identifies a text in the table of labels; its row when None.

    learn_labels : bool, default=False
        Whether to learn from the labels of the corpus.

    keep_boilerplate : bool, default=False
        Whether to keep passages that many texts share.

    **parameters : Any
        Further parameters of `make_text_clusterer`.

    Raises
    ------
    InputError
        If the folder cannot be written to, the language is not known, there are more
        texts to share a model of than it is fitted on, or there are no labels to learn
        from.
    """
    _check_form(form, len(corpus.data))
    if protection.get("profile") == "share":
        protection["texts"] = _texts_to_share(corpus.data)
    _make_folder(out)
    parameters["random_state"] = seed
    y = _labels_to_learn(corpus) if learn_labels else None
    pipeline, cleaned, sequences, embeddings = _fit(
        corpus.data, y, parameters, progress, keep_boilerplate
    )
    progress("describing")
    from deepclust.inspection import cluster_table

    found = _predicted(pipeline, cleaned, sequences, embeddings)
    labels = found["cluster"]
    how: dict[str, Any] = {"cleaned": cleaned, "embeddings": embeddings}
    names = pipeline[-1].cluster_names_
    table = cluster_table(corpus.data, labels, output="pandas", names=names, **how)
    _say_what_stays_noise(pipeline, labels, progress)
    label_table = _label_table(corpus, found, id_column, progress)
    for kind, frame in (("labels", label_table), ("clusters", table.frame.round(4))):
        write_table(out / f"{kind}.{form}", frame, form, corpus.get("separator", ","))
    save_model(pipeline, out / "model.dct", **protection)
    progress("drawing")
    points = _draw_map(out / "map.png", embeddings, labels, table.names, seed)
    progress("writing the report")
    layers = [found[name] for name in found if name.startswith("layer_")]
    how |= {"table": table, "layers": np.column_stack(layers)}
    _write_report(pipeline, corpus, out / "report.html", labels, points, **how)
    progress("done", spinner=False)
    _print_overview(corpus, table.frame, top, labels, found["nearest"], learn_labels)
    files = f"labels.{form}, clusters.{form}, report.html, map.png, model.dct"
    seconds = time.perf_counter() - progress.start
    terminal().print(f"{one_line(out)}/: {files} ({seconds:.0f} s)", soft_wrap=True)


def _write_report(
    pipeline: Any,
    corpus: Any,
    path: Path,
    labels: np.ndarray,
    points: np.ndarray,
    **how: Any,
) -> None:
    """Write the report of the corpus, which the pipeline was fitted on."""
    from deepclust.reporting import write_report

    write_report(
        pipeline,
        corpus.data,
        path,
        labels=labels,
        y=_class_names(corpus),
        dates=corpus.get("dates"),
        points=points,
        max_points=MAX_POINTS_REPORTED,
        **how,
    )


def _make_folder(out: Path) -> None:
    """Make the folder if it does not exist; raise InputError if it takes no files."""
    with _bad_input(OSError, what=f"cannot write to {str(out)!r}: "):
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError("no permission")


def _print_overview(
    corpus: Any,
    clusters: Any,
    top: int,
    labels: np.ndarray,
    nearest: np.ndarray,
    learned: bool,
) -> None:
    """Print a table of the clusters, and their agreement with the labels if any."""
    from deepclust.inspection._overview import cluster_overview

    console = terminal()
    console.print(one_line(corpus.DESCR), "", sep="\n")
    console.print(cluster_overview(clusters, top), "", sep="\n")
    if corpus.target is not None:
        console.print(_agreement_lines(corpus, labels, nearest, learned), "", sep="\n")


def _fit(
    texts: list[str],
    y: np.ndarray | None,
    parameters: dict[str, Any],
    progress: Progress,
    keep_boilerplate: bool,
) -> tuple[Any, list[str], Any, np.ndarray]:
    """Fit step by step, as `Pipeline.fit_predict` does, and keep what is between.

    Of more than `max_fit_texts` texts a sample is learned from.
    """
    from deepclust.pipeline import (
        name_clusters,
        relate_layers_of_fit,
        sample_texts,
        split_by_labels_of_fit,
        warn_of_another_number,
        warn_of_few_texts,
    )
    from deepclust.vectorizing._word_vectors import check_sources

    warn_of_few_texts(len(texts))
    pipeline = _checked_pipeline(parameters, progress, keep_boilerplate)
    rows = sample_texts(texts, pipeline.max_fit_texts)
    if len(rows) < len(texts):
        progress.say(
            f"deepclust: the pipeline is fitted on {len(rows):,} of the "
            f"{len(texts):,} texts; the clusters of the others are predicted"
        )
    progress("cleaning", spinner=False)
    with _bad_input(ValueError, ImportError):  # an unknown language, a missing extra
        cleaned = pipeline["clean"].fit_transform(texts)
    _say_what_is_left_out(pipeline["clean"], progress)
    progress("vectorizing")
    with _bad_input(ValueError, OSError):  # a malformed file of word vectors
        sequences = _fit_transform(pipeline["vectorize"], cleaned, rows)
    progress("starting TensorFlow", spinner=False)
    with muted_libraries():
        importlib.import_module("deepclust.encoding._network")
    progress("encoding: the network trains on the texts", spinner=False)
    embeddings = _fit_transform(pipeline["encode"], sequences, rows, y)
    progress("clustering")
    pipeline["cluster"].fit(embeddings[rows])
    relate_layers_of_fit(pipeline)
    warn_of_another_number(pipeline["cluster"])
    fitted = [[which[row] for row in rows] for which in (texts, cleaned)]
    split_by_labels_of_fit(pipeline, fitted[0], None if y is None else y[rows])
    progress("naming")
    name_clusters(pipeline, *fitted)
    pipeline.set_params(clean__verbose=0, encode__verbose=0)  # as it is saved
    if set(check_sources(parameters["word_vectors"])[1]) - {"wordllama"}:
        pipeline.set_params(vectorize__word_vectors=None)  # a model holds no path
    return pipeline, cleaned, sequences, embeddings


def _checked_pipeline(
    parameters: dict[str, Any], progress: Progress, keep_boilerplate: bool
) -> Any:
    """Return the pipeline, whose parameters are right."""
    from deepclust.pipeline import make_text_clusterer

    pipeline = make_text_clusterer(**parameters, verbose=int(progress.bars))
    pipeline.set_params(clean__remove_boilerplate=not keep_boilerplate)
    with _bad_input(ValueError):
        pipeline.check_parameters()
    return pipeline


def _say_what_is_left_out(cleaner: Any, progress: Progress) -> None:
    """Name a passage of the boilerplate, if there is any."""
    if cleaner.boilerplate_:
        progress.say(
            "deepclust: passages that many texts share, and that tell nothing of the "
            f"rest, are left out, such as {cleaner.boilerplate_[0]!r} "
            "(cluster --keep-boilerplate keeps them)"
        )


def _fit_transform(
    step: Any, X: Any, rows: np.ndarray, y: np.ndarray | None = None
) -> Any:
    """Fit a step on some rows, and transform all."""
    if len(rows) == len(X):
        return step.fit_transform(X, y)
    some = [X[row] for row in rows] if isinstance(X, list) else X[rows]
    step.fit(some, None if y is None else y[rows])
    return step.transform(X)


def run_predict(
    pipeline: Any,
    corpus: Any,
    progress: Progress,
    out: Path | None,
    form: Format,
    *,
    id_column: str | None = None,
) -> None:
    """Predict the clusters of texts; write a table to `out` or to standard output."""
    import pandas as pd

    from deepclust.inspection import prediction_table

    if out is None and sys.stdout is None:
        raise InputError("standard output is closed: write to a file by --out")
    texts = corpus.data
    _check_form(form, len(texts))
    progress("predicting", spinner=len(texts) <= TEXTS_A_STEP)
    batches = (
        prediction_table(pipeline, texts[i : i + TEXTS_A_STEP], output="pandas")
        for i in range(0, len(texts), TEXTS_A_STEP)
    )
    n_batches = -(-len(texts) // TEXTS_A_STEP)
    found = pd.concat(list(progress.track(batches, n_batches)))
    columns = {name: found[name].to_numpy() for name in found}
    progress.stop()
    _say_what_stays_noise(pipeline, columns["cluster"], progress)
    table = _label_table(corpus, columns, id_column, progress)
    separator = corpus.get("separator", ",")
    if out is None:
        write_table(sys.stdout, table, form, separator)
    else:
        with _bad_input(OSError, what=f"cannot write to {str(out)!r}: "):
            write_table(out, table, form, separator)
    in_cluster = np.mean(columns["cluster"] >= 0)
    share = f"{in_cluster:.0%} of {len(texts):,} texts in a cluster"
    progress(f"done: {share}", spinner=False)


def run_parts(
    pipeline: Any, files: Path, progress: Progress, folder: Path, **reading: Any
) -> None:
    """Predict the clusters of the texts of files into Parquet files, part by part."""
    from deepclust.datasets import TextFiles
    from deepclust.distributed._parquet_parts import iter_parts

    progress("predicting")
    n_texts = n_parts = 0
    with _bad_input(ValueError, LookupError, OSError, MissingExtraError):
        for path, n, was_there in iter_parts(
            pipeline, TextFiles(files, **reading), folder
        ):
            n_texts, n_parts = n_texts + n, n_parts + 1
            done = "was there already" if was_there else "written"
            progress(f"{n_texts:,} texts; {one_line(path.name)} {done}")
    progress("done", spinner=False)
    found = f"{n_texts:,} texts in {n_parts} files"
    terminal().print(f"{one_line(folder)}/: {found}", soft_wrap=True)


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


def _check_form(form: Format, n_texts: int) -> None:
    """Raise InputError, before any work, if the table of labels cannot be written."""
    with _bad_input(MissingExtraError):
        check_writer(form)
    from deepclust.inspection._cells import MAX_SHEET_ROWS

    if form == "xlsx" and n_texts > MAX_SHEET_ROWS:
        raise InputError(
            f"{n_texts:,} texts do not fit into an Excel sheet, which has "
            f"{MAX_SHEET_ROWS:,} rows: use --format csv or parquet"
        )


def _say_what_stays_noise(
    pipeline: Any, labels: np.ndarray, progress: Progress
) -> None:
    """Say how many texts `noise="nearest"` cannot assign."""
    n_noise = np.count_nonzero(labels < 0)
    if n_noise and pipeline[-1].noise == "nearest":
        progress.say(
            f"deepclust: {n_noise:,} texts are empty, or hold hardly a known word: "
            "they stay noise"
        )


def _predicted(
    pipeline: Any, cleaned: list[str], sequences: Any, embeddings: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the columns of `prediction_table` for the texts of the corpus."""
    from deepclust.inspection._prediction_table import prediction_columns

    unseen = None  # where all texts were in `fit`, all words were seen
    if len(cleaned) > pipeline.max_fit_texts:
        rows = np.flatnonzero(sequences.known_share < 1)  # the others know all words
        unseen = np.zeros(len(cleaned))
        some = [cleaned[row] for row in rows]
        unseen[rows] = pipeline["vectorize"].unseen_share(some)
    return prediction_columns(pipeline[-1], embeddings, sequences.known_share, unseen)


def _label_table(
    corpus: Any, found: dict[str, Any], id_column: str | None, progress: Progress
) -> Any:
    """Return a DataFrame: id or row, what was found, and the columns of the file.

    A column of the file keeps its name; one of ours with the same name gets a prefix.
    """
    import pandas as pd

    frame = corpus.frame
    ours = {"row": frame.index} if id_column is None else {}
    ours |= {name: x for name, x in found.items() if not name.startswith("nearest")}
    taken = [name for name in ours if name in frame]
    for name in taken:
        progress.say(
            f"deepclust: the file has a column {name!r}: ours is 'deepclust_{name}'"
        )
    table = pd.DataFrame(
        {f"deepclust_{name}" if name in taken else name: x for name, x in ours.items()},
        index=frame.index,
    )
    table = pd.concat([table, frame], axis=1)
    if id_column is not None:
        table.insert(0, id_column, table.pop(id_column))
    return table


def _class_names(corpus: Any) -> np.ndarray | None:
    """Return the name of the label of each text, None for unlabeled texts."""
    if corpus.target is None:
        return None
    return np.array([*corpus.target_names, None], dtype=object)[corpus.target]


def _labels_to_learn(corpus: Any) -> np.ndarray:
    """Return the names of the labels; raise InputError if there are none."""
    names = _class_names(corpus)
    if names is None or not any(names):
        raise InputError("--learn-labels: no text has a label")
    return names


def _draw_map(
    path: Path, embeddings: np.ndarray, labels: np.ndarray, names: Any, seed: int
) -> np.ndarray:
    """Draw the map; return coordinates, float64 (n_docs, 2).

    Texts that neither the map nor the report shows have the coordinates 0, 0.
    """
    import matplotlib

    matplotlib.use("Agg")
    from deepclust.plotting import plot_map
    from deepclust.plotting._map import even_sample
    from deepclust.reporting._layout import map_points

    in_report = even_sample(labels, MAX_POINTS_REPORTED)
    rows = np.union1d(in_report, even_sample(labels, MAX_POINTS_DRAWN))
    points = np.zeros((len(labels), 2))
    shown = np.asarray(embeddings[rows], dtype=np.float64)
    points[rows] = map_points(shown, "tsne", seed)
    with replacing(path) as part, warnings.catch_warnings():
        # plot_map has named all missing characters at once, in a warning of its own.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        ax = plot_map(points, labels, names=names, max_points=MAX_POINTS_DRAWN)
        ax.figure.get_figure(root=True).savefig(part, dpi=120, format="png")
    return points


def _agreement_lines(
    corpus: Any, labels: np.ndarray, assigned: np.ndarray, learned: bool
) -> str:
    """Return lines that compare the clusters with the labels of the corpus."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    known = corpus.target >= 0
    target = corpus.target[known]
    used = "used" if learned else "not used"
    text = (
        f"{len(np.unique(labels[labels >= 0]))} clusters, {len(np.unique(target))} "
        f"labels. Agreement with the labels, which were {used}\n"
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
