"""Cluster the texts of a file from the command line: `python -m deepclust`.

Results go to standard output and to files, progress and warnings to standard error.
Exit status: 0, 2 for bad usage or bad input (one line says what), 130 if interrupted.
"""

import argparse
import csv
import importlib
import os
import shutil
import sys
import time
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepclust import __version__
from deepclust.exceptions import (
    EmptyVocabularyError,
    InvalidTextError,
    MissingExtraError,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["main"]

DESCRIPTION = """\
Group short texts by what they are about. No labels, no number of groups and no
network connection are needed: a small neural network learns from your texts alone.
Without FILE, the docstrings of the installed Python packages are clustered."""

EXAMPLES = """\
examples:
  python -m deepclust
  python -m deepclust reviews.csv --column body
  python -m deepclust tickets.jsonl --column title --label team --out tickets
  python -m deepclust titles.tsv --no-header --column 2 --label 1
  python -m deepclust notes/                 # a folder of .txt files

files written to the folder given by --out:
  labels.csv     row (from 0), cluster, keywords, text; cluster -1 is noise:
                 texts that resemble no group
  clusters.csv   size, share, keywords and an example of each cluster
  map.png        the texts as points, one colour a cluster"""

POINTS_DRAWN = 4_000  # what t-SNE lays out in some five seconds


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments without the program's name; those of the process when None.

    Returns
    -------
    status : int
        0, 2 for bad input, or 130 if interrupted. Bad usage raises SystemExit(2).

    Examples
    --------
    >>> from deepclust.__main__ import main
    >>> main(["no-such-file.csv"])
    2
    """
    arguments = _parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            _run(arguments)
        except (InvalidTextError, EmptyVocabularyError, _InputError) as error:
            _say(f"error: {' '.join(str(error).split())}")
            return 2
        except KeyboardInterrupt:
            _say("interrupted")
            return 130
        except BrokenPipeError:  # the reader of our output, such as head, has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class _InputError(Exception):
    """The file cannot be read or the folder not written; nothing was computed."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deepclust",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "file",
        nargs="?",
        metavar="FILE",
        help=".csv, .tsv, .jsonl, .parquet, .txt (one text a line), or a folder of "
        ".txt files whose sub-folders are the labels",
    )
    reading = parser.add_argument_group("reading FILE")
    add = reading.add_argument
    add("--column", metavar="NAME", help="the column with the texts")
    add(
        "--label",
        metavar="NAME",
        help="a column with known groups: used only to measure the agreement",
    )
    add(
        "--no-header",
        action="store_true",
        help="the first row is a text already; the columns are called 1, 2, ...",
    )
    add("--encoding", default="utf-8", help="of a text file (default: utf-8)")
    add("--limit", type=_count, metavar="N", help="use N texts, spread over the file")
    add = parser.add_argument_group("clustering").add_argument
    add("--language", default="en", help="spaCy's code, such as de or zh (default: en)")
    add(
        "--noise",
        choices=("keep", "nearest"),
        default="keep",
        help="leave texts that resemble no group as -1, or give each the nearest "
        "cluster (default: keep)",
    )
    add("--clusters", type=_count, metavar="K", help="aim at about K clusters")
    add("--seed", type=int, default=0, help="same seed, same result (default: 0)")
    add = parser.add_argument_group("output").add_argument
    add(
        "--out",
        metavar="DIR",
        default="deepclust-demo",
        help="folder for the results (default: deepclust-demo)",
    )
    add("--top", type=_count, default=30, metavar="N", help="print N clusters (30)")
    add("--quiet", action="store_true", help="no progress on standard error")
    add("--version", action="version", version=f"deepclust {__version__}")
    return parser


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"expected 1, 2, 3, ...; received {value!r}")
    return int(value)


def _run(arguments: argparse.Namespace) -> None:
    start = time.perf_counter()
    progress = _Progress(arguments.quiet)
    progress("reading")
    corpus = _read(arguments)
    out = _output_folder(arguments.out)
    pipeline, cleaned, embeddings, labels = _cluster(corpus.data, arguments, progress)

    progress("describing")
    from deepclust.describing import cluster_table

    table = cluster_table(corpus.data, labels, cleaned=cleaned, embeddings=embeddings)
    keywords = table.set_index("cluster")["keywords"]
    names = {
        cluster: " ".join(words.split(", ")[:2]) for cluster, words in keywords.items()
    }
    _write_labels(out / "labels.csv", corpus.data, labels, names)
    table.to_csv(out / "clusters.csv", index=False)
    progress("drawing")
    _draw(out / "map.png", embeddings, labels, names, arguments.seed)
    progress.done()

    print(corpus.DESCR, end="\n\n")
    print(_format_table(table, arguments.top, _width()), end="\n\n")
    if corpus.target is not None:
        assigned = pipeline[-1].set_params(noise="nearest").predict(embeddings)
        print(_agreement(corpus, labels, assigned), end="\n\n")
    seconds = time.perf_counter() - start
    print(f"{out}/: labels.csv, clusters.csv, map.png ({seconds:.0f} s)", flush=True)


def _read(arguments: argparse.Namespace) -> Any:
    """Return the corpus as a Bunch, cut down to --limit."""
    from deepclust.datasets import load_docstrings, load_texts

    if arguments.file is None:
        if arguments.column or arguments.label or arguments.no_header:
            raise _InputError("--column, --label and --no-header need a FILE")
        corpus = load_docstrings()
    else:
        try:
            corpus = load_texts(
                arguments.file,
                column=arguments.column,
                label=arguments.label,
                header=not arguments.no_header,
                encoding=arguments.encoding,
                missing="empty",
            )
        except (ValueError, LookupError, OSError, MissingExtraError) as error:
            raise _InputError(str(error)) from error
    n_texts = len(corpus.data)
    if arguments.limit and arguments.limit < n_texts:
        rows = np.linspace(0, n_texts - 1, arguments.limit).astype(np.intp)
        corpus.data = [corpus.data[row] for row in rows]
        corpus.DESCR += f" Used here: {arguments.limit:,}."
        if corpus.target is not None:
            corpus.target = corpus.target[rows]
    return corpus


def _output_folder(path: str) -> Path:
    """Return the folder, made if need be: now, not after minutes of work."""
    out = Path(path)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "labels.csv").touch()
    except OSError as error:
        raise _InputError(f"cannot write to {path!r}: {error}") from error
    return out


def _cluster(
    texts: list[str], arguments: argparse.Namespace, progress: "_Progress"
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
        raise _InputError(str(error)) from error
    progress("vectorizing")
    sequences = pipeline["vectorize"].fit_transform(cleaned)
    progress("starting TensorFlow")
    with _muted_libraries():
        importlib.import_module("deepclust.networks")
    progress("encoding: the network trains on the texts")
    embeddings = pipeline["encode"].fit_transform(sequences)
    progress("clustering")
    labels = pipeline["cluster"].fit_predict(embeddings)
    return pipeline, cleaned, embeddings, labels


def _draw(
    path: Path, embeddings: np.ndarray, labels: np.ndarray, names: Any, seed: int
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from deepclust.plotting import plot_map

    ax = plot_map(
        embeddings,
        labels,
        names=names,
        projection="tsne",
        max_points=POINTS_DRAWN,
        random_state=seed,
    )
    ax.figure.get_figure(root=True).savefig(path, dpi=120)


def _write_labels(
    path: Path, texts: list[str], labels: np.ndarray, names: dict[Any, str]
) -> None:
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("row", "cluster", "keywords", "text"))
        for row, (text, label) in enumerate(zip(texts, labels.tolist(), strict=True)):
            writer.writerow((row, label, "" if label < 0 else names[label], text))


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


def _format_table(table: "pd.DataFrame", top: int, width: int) -> str:
    """Return the largest clusters as lines of at most `width` columns."""
    room = max(width - 14, 20)
    columns = (room * 2 // 5, room - room * 2 // 5 - 2)
    head = f"{'cluster':>7} {'size':>5}"
    lines = [f"{head} {_fit('keywords', columns[0])}  example"]
    clusters = table[table["cluster"] >= 0]
    noise = table[table["cluster"] < 0]
    for row in clusters.head(top).itertuples():
        cells = (str(row.keywords), str(row.example))
        words, example = map(_fit, cells, columns)
        lines.append(f"{row.cluster:>7} {row.size:>5} {words}  {example}")
    rest = clusters.iloc[top:]
    if len(rest):
        lines.append(f"    ... {rest['size'].sum():>5} in {len(rest)} smaller clusters")
    for row in noise.itertuples():
        lines.append(f"  noise {row.size:>5} resemble no group ({row.share:.0%})")
    return "\n".join(line.rstrip() for line in lines)


def _fit(text: str, width: int) -> str:
    """Return `text` on one line of exactly `width` terminal columns."""
    printable = (char if char.isprintable() else " " for char in str(text))
    text = " ".join("".join(printable).split())
    used, kept = 0, ""
    for char in text:
        wide = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if used + wide > width:
            while used > width - 1:
                used -= 2 if unicodedata.east_asian_width(kept[-1]) in "WF" else 1
                kept = kept[:-1]
            return kept + "…" + " " * (width - used - 1)
        used += wide
        kept += char
    return kept + " " * (width - used)


def _width() -> int:
    return max(shutil.get_terminal_size((100, 24)).columns, 40)


@contextmanager
def _muted_libraries() -> Iterator[None]:
    """Drop what C++ code writes to standard error: TensorFlow reports missing GPUs."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class _Progress:
    """Tell on standard error which step runs, and how long the one before took."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.start = time.perf_counter()

    def __call__(self, step: str) -> None:
        if not self.quiet:
            seconds = time.perf_counter() - self.start
            print(f"{seconds:6.1f} s  {step}", file=sys.stderr, flush=True)

    def done(self) -> None:
        self("done")


def _say(message: str) -> None:
    print(f"deepclust: {message}", file=sys.stderr, flush=True)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    if issubclass(category, UserWarning):
        _say(f"warning: {message}")


if __name__ == "__main__":
    sys.exit(main())
