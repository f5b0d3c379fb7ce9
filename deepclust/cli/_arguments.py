"""The commands of the command line and their options."""

import argparse
from collections.abc import Callable, Sequence

from deepclust import __version__
from deepclust.cli._result_files import FORMATS

__all__ = ["COMMANDS", "make_parser"]

DESCRIPTION = """\
Group short texts by what they are about. No labels, no number of groups and no
network connection are needed: a small neural network learns from your texts alone."""

EXAMPLES = """\
examples:
  python -m deepclust demo
  python -m deepclust cluster reviews.csv --column body --out reviews
  python -m deepclust predict reviews/model.joblib new.csv --column body \\
      --trust-model --out new_labels.csv
  python -m deepclust report reviews/model.joblib new.csv --column body --trust-model

`python -m deepclust COMMAND --help` lists the options of a command."""

CLUSTER = """\
Find the groups in the texts of a file, and write to the folder --out:

  labels.csv     row (from 0), cluster, name, text; cluster -1 is noise: texts that
                 resemble no group
  clusters.csv   size, share, keywords and examples of each cluster
  report.html    a map to search and hover over, table, scores: opens in any browser
  map.png        the map as a picture
  model.joblib   the fitted pipeline, for `predict` and `report`"""

CLUSTER_EXAMPLES = """\
examples:
  python -m deepclust cluster reviews.csv --column body
  python -m deepclust cluster tickets.jsonl --column title --label team --out tickets
  python -m deepclust cluster titles.tsv --no-header --column 2 --label 1
  python -m deepclust cluster notes/         # a folder of .txt files"""

PREDICT = """\
Give the texts of a file the clusters of a fitted model: row, cluster, name, text, to
standard output or to the file --out. The texts that the model was fitted on get their
labels again; a text gets the same cluster alone as among others."""

REPORT = """\
Write one HTML file that shows the clusters that a model finds in the texts of a file:
map, search, keywords, scores, training curve. It needs no network; it holds the texts,
so share it accordingly."""

DEMO = """\
Cluster the docstrings of the installed Python packages, and compare the clusters with
the packages that they come from. About a minute. Writes what `cluster` writes."""

_Adder = Callable[[argparse.ArgumentParser], None]


def make_parser(program: str) -> argparse.ArgumentParser:
    """Return the parser; `arguments.command` is one of `COMMANDS`.

    Examples
    --------
    >>> from deepclust.cli._arguments import make_parser
    >>> arguments = make_parser("deepclust").parse_args(["cluster", "a.csv"])
    >>> arguments.command, arguments.file, arguments.out
    ('cluster', 'a.csv', 'clusters')
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"deepclust {__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (summary, description, epilog, adders) in _COMMANDS.items():
        one = commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for add in adders:
            add(one)
        one.add_argument("--quiet", action="store_true", help="no progress messages")
    return parser


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"expected 1, 2, 3, ...; received {value!r}")
    return int(value)


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", help="model.joblib, as `cluster` wrote it"
    )
    parser.add_argument(
        "--trust-model",
        action="store_true",
        help="needed: a model file can hold code that runs when it is opened, so open "
        "only your own, or those of someone you trust",
    )


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help=".csv, .tsv, .jsonl, .parquet, .txt (one text a line), or a folder of "
        ".txt files whose sub-folders are the labels",
    )
    add = parser.add_argument_group("reading FILE").add_argument
    add("--column", metavar="NAME", help="the column with the texts")
    add(
        "--no-header",
        action="store_true",
        help="the first row is a text already; the columns are called 1, 2, ...",
    )
    add("--encoding", default="utf-8", help="of a text file (default: utf-8)")


def _label(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--label",
        metavar="NAME",
        help="a column with known groups: used only to measure the agreement",
    )


def _dates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dates",
        metavar="NAME",
        help="a column with dates: the report shows when each cluster is frequent",
    )


def _limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", type=_count, metavar="N", help="use N texts, spread over the file"
    )


def _clustering(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("clustering").add_argument
    add("--language", default="en", help="spaCy's code, such as de or zh (default: en)")
    _add_noise(add, default="keep")
    add("--clusters", type=_count, metavar="K", help="aim at about K clusters")
    add("--seed", type=int, default=0, help="same seed, same result (default: 0)")


def _noise(parser: argparse.ArgumentParser) -> None:
    _add_noise(parser.add_argument, default=None)


def _add_noise(add: Callable, default: str | None) -> None:
    add(
        "--noise",
        choices=("keep", "nearest"),
        default=default,
        help="leave texts that resemble no group as -1, or give each the nearest "
        f"cluster (default: {default or 'as the model does'})",
    )


def _folder(default: str) -> _Adder:
    def add_to(parser: argparse.ArgumentParser) -> None:
        """Add the options that say where results go."""
        add = parser.add_argument_group("output").add_argument
        add(
            "--out",
            metavar="DIR",
            default=default,
            help=f"folder for the results (default: {default})",
        )
        add(
            "--format",
            choices=FORMATS,
            default="csv",
            help="of the labels and the clusters (default: csv)",
        )
        add("--top", type=_count, default=30, metavar="N", help="print N clusters (30)")

    return add_to


def _table(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("output").add_argument
    add("--out", metavar="FILE", help="file for the labels (default: standard output)")
    add(
        "--format",
        choices=FORMATS,
        help="of the labels (default: what the name of --out ends in, or csv)",
    )


def _page(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("output").add_argument
    add(
        "--out",
        metavar="FILE",
        default="report.html",
        help="the file to write (default: report.html)",
    )
    add("--title", help="heading of the page")


_COMMANDS: dict[str, tuple[str, str, str | None, Sequence[_Adder]]] = {
    "cluster": (
        "find the groups in the texts of a file",
        CLUSTER,
        CLUSTER_EXAMPLES,
        (_file, _label, _dates, _limit, _clustering, _folder("clusters")),
    ),
    "predict": (
        "give other texts the clusters of a fitted model",
        PREDICT,
        None,
        (_model, _file, _noise, _table),
    ),
    "report": (
        "show the clusters of a fitted model in one HTML file",
        REPORT,
        None,
        (_model, _file, _label, _dates, _page),
    ),
    "demo": (
        "try it on the docstrings of the installed packages",
        DEMO,
        None,
        (_limit, _clustering, _folder("deepclust-demo")),
    ),
}
COMMANDS = tuple(_COMMANDS)
