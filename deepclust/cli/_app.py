"""The command line: `python -m deepclust`.

Results go to standard output and to files, progress and warnings to standard error.
Exit status: 0, 2 for bad usage or bad input (one line says what), 130 if interrupted.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from deepclust import __version__
from deepclust.cli import _run
from deepclust.cli._drift import run_drift
from deepclust.cli._models import (
    PASSPHRASE,
    describe_model,
    load_model,
    protection,
    rotate_model,
    with_options,
)
from deepclust.cli._output import (
    Format,
    InputError,
    Progress,
    format_of,
    one_line,
    terminal,
)
from deepclust.exceptions import EmptyVocabularyError, InvalidTextError

EXAMPLES = """\
Examples:
  python -m deepclust demo
  python -m deepclust cluster reviews.csv --column body --out reviews
  python -m deepclust predict reviews/model.dct new.csv --column body \\
      --out new_labels.csv
  python -m deepclust report reviews/model.dct new.csv --column body
  python -m deepclust inspect reviews/model.dct
"""
CLUSTER_EXAMPLES = """\
Examples:
  python -m deepclust cluster reviews.csv --column body
  python -m deepclust cluster tickets.jsonl --column title --label team
  python -m deepclust cluster titles.tsv --no-header --column 2 --label 1
  python -m deepclust cluster notes/         # a folder of .txt files
  python -m deepclust cluster reviews.csv --column body --word-vectors wordllama
"""


def _layer(text: str) -> str | int:
    """Read a layer of DBSCAN."""
    if text in ("auto", "broad", "fine"):
        return text
    if text in "012345" and len(text) == 1:
        return int(text)
    raise typer.BadParameter("a layer is auto, broad, fine, or a number from 0 to 5.")


# Options --------------------------------------------------------------------------

_reading = partial(typer.Option, rich_help_panel="Reading FILE")
_clustering = partial(typer.Option, rich_help_panel="Clustering")
_output = partial(typer.Option, rich_help_panel="Output")

FILES_HELP = """.csv, .tsv, .jsonl, .xlsx, .parquet, .txt (one text a line), also \
packed as .gz, or a folder of .txt files whose sub-folders are the labels."""
File = Annotated[Path, typer.Argument(metavar="FILE", help=FILES_HELP)]
TextColumn = Annotated[str | None, _reading(help="Column with the texts.")]
NO_HEADER_HELP = "The first row is a text already; the columns are called 1, 2, ..."
NoHeader = Annotated[bool, _reading("--no-header", help=NO_HEADER_HELP)]
Encoding = Annotated[str, _reading(help="Encoding of a text file.")]
SEPARATOR_HELP = "Between the fields of a .csv file; recognized by default."
Separator = Annotated[str | None, _reading(help=SEPARATOR_HELP)]
Sheet = Annotated[str | None, _reading(help="Sheet of an .xlsx file, by default 1.")]
LINKS_HELP = "Read links of a folder that leave it as well."
FollowLinks = Annotated[bool, _reading("--follow-links", help=LINKS_HELP)]
LABEL_HELP = "Column with known classes, to compare the clusters with."
Label = Annotated[str | None, _reading(help=LABEL_HELP)]
DATES_HELP = "Column with dates: the report shows each cluster over time."
Dates = Annotated[str | None, _reading(help=DATES_HELP)]
DATE_FORMAT_HELP = """Of all dates, such as %d.%m.%Y or %Y; unix for seconds since \
1970, number for any number. Found by default, but not for numbers."""
DateFormat = Annotated[str | None, _reading(help=DATE_FORMAT_HELP)]
DEMO_TEXTS = 3_000  # of some 8,000, so that the demo takes less than a minute
LIMIT_HELP = "Use so many texts, spread over the file."
Limit = Annotated[int | None, typer.Option(min=1, help=LIMIT_HELP)]

Language = Annotated[str, _clustering(help="spaCy's code, such as de or zh; auto.")]
NOISE_HELP = "Leave noise as -1, or give each such text the nearest cluster."
NoiseKind = Literal["keep", "nearest"]
Noise = Annotated[NoiseKind, _clustering(help=NOISE_HELP)]
LAYER_HELP = "Which of nested layers: auto, broad, fine, or a number from 0 (broad) on."
Layer = Annotated[Any, _clustering(parser=_layer, metavar="LAYER", help=LAYER_HELP)]
VECTORS_HELP = """Word vectors to use beside those learned from the texts: wordllama \
(English; an extra), or a GloVe or word2vec file; may be given several times."""
WordVectors = Annotated[
    list[str] | None,
    _clustering("--word-vectors", metavar="SOURCE", help=VECTORS_HELP),
]
CLUSTERS_HELP = "Aim at about so many clusters."
NClusters = Annotated[int | None, _clustering("--clusters", min=1, help=CLUSTERS_HELP)]
LEARN_HELP = """Learn the classes of --label, and split clusters that hold several of \
them. Texts without a class get a cluster all the same."""
Learn = Annotated[bool, _clustering("--learn-labels", help=LEARN_HELP)]
BOILERPLATE_HELP = """Keep passages that many texts share, such as greetings and \
disclaimers."""
KeepBoilerplate = Annotated[
    bool, _clustering("--keep-boilerplate", help=BOILERPLATE_HELP)
]
Seed = Annotated[int, _clustering(help="Same seed, same result.")]

Folder = Annotated[Path, _output(help="Folder for the results.")]
ID_HELP = "Column that stands first in the labels, in place of the row."
Id = Annotated[str | None, _output("--id", help=ID_HELP)]
KEEP_HELP = "Column of FILE to keep in the labels, once for each; all by default."
Keep = Annotated[list[str] | None, _output("--keep", help=KEEP_HELP)]
FORMAT_HELP = "Format of the labels and the clusters."
TableFormat = Annotated[Format, _output("--format", help=FORMAT_HELP)]
Top = Annotated[int, _output(min=1, help="Print so many clusters.")]

PARTS_HELP = """Folder for Parquet files of 20,000 texts each, for more texts than \
memory holds; FILE may be a pattern such as "logs/*.jsonl". A run that was killed \
goes on where it stopped."""

Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
MODEL_HELP = "model.dct, as the command cluster wrote it."
Model = Annotated[Path, typer.Argument(metavar="MODEL", help=MODEL_HELP)]

_protecting = partial(typer.Option, rich_help_panel="Protecting the model")
ENCRYPT_HELP = f"Ask for a passphrase (or take {PASSPHRASE}) that opens the model."
Encrypt = Annotated[bool, _protecting("--encrypt", help=ENCRYPT_HELP)]
KEYS_HELP = "Key file that opens the model for its role; may be given several times."
Keys = Annotated[list[Path] | None, _protecting("--key", help=KEYS_HELP)]
PROFILE_HELP = """What model.dct keeps. predict: what new texts need. share: no \
embedding of a text, no word and no cluster of fewer than 5 texts."""
ProfileKind = Literal["full", "predict", "share"]
Profile = Annotated[ProfileKind, _protecting(help=PROFILE_HELP)]
SIGN_HELP = "signing.pem, to sign the model with."
SignWith = Annotated[Path | None, _protecting(help=SIGN_HELP)]
TRUSTED_HELP = """signing.pub, or its 64 digits as keys show prints them; the model \
must be signed by one of these."""
Trusted = Annotated[
    list[str] | None, _protecting("--trusted-key", metavar="KEY", help=TRUSTED_HELP)
]

# Commands -------------------------------------------------------------------------

app = typer.Typer(
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@contextmanager
def _session(quiet: bool) -> Iterator[Progress]:
    """Turn errors of the input into one line and status 2, an interrupt into 130."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    progress = Progress(quiet)

    def show_warning(message: Any, category: type[Warning], *_: Any) -> None:
        if issubclass(category, UserWarning):
            progress.say(f"deepclust: warning: {message}", "yellow")

    with warnings.catch_warnings():
        warnings.showwarning = show_warning  # type: ignore[assignment]
        try:
            yield progress
        except (InvalidTextError, EmptyVocabularyError, InputError) as error:
            progress.say(f"deepclust: error: {error}", "red")
            raise typer.Exit(2) from error
        except KeyboardInterrupt:
            progress.say("deepclust: interrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # what reads our output, such as head, has ended
            _drop_output()
        except (OSError, UnicodeError, MemoryError) as error:
            progress.say(f"deepclust: error: {_in_words(error)}", "red")
            _drop_output()
            raise typer.Exit(2) from error
        finally:
            progress.stop()


def _drop_output() -> None:
    """Send what standard output still holds nowhere, if it cannot be written."""
    if sys.stdout is None:  # it was closed from the start
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: Exception) -> str:
    """Say what the system could not do, and what to do about it."""
    if isinstance(error, MemoryError):
        return f"not enough memory ({error}): use fewer texts, see --limit"
    if isinstance(error, UnicodeEncodeError):
        return (
            f"standard output cannot show every character ({error.encoding}): write to "
            "a file by --out, or set PYTHONIOENCODING=utf-8"
        )
    return f"cannot read or write: {error}"


@app.command(epilog=CLUSTER_EXAMPLES)
def cluster(
    file: File,
    column: TextColumn = None,
    no_header: NoHeader = False,
    encoding: Encoding = "utf-8",
    separator: Separator = None,
    sheet: Sheet = None,
    follow_links: FollowLinks = False,
    label: Label = None,
    dates: Dates = None,
    date_format: DateFormat = None,
    limit: Limit = None,
    language: Language = "en",
    noise: Noise = "keep",
    layer: Layer = "auto",
    n_clusters: NClusters = None,
    word_vectors: WordVectors = None,
    learn_labels: Learn = False,
    keep_boilerplate: KeepBoilerplate = False,
    seed: Seed = 0,
    out: Folder = Path("clusters"),
    form: TableFormat = "csv",
    id_column: Id = None,
    keep: Keep = None,
    top: Top = 30,
    profile: Profile = "full",
    encrypt: Encrypt = False,
    key: Keys = None,
    sign_with: SignWith = None,
    quiet: Quiet = False,
) -> None:
    """Find the clusters in the texts of a file.

    Writes to the folder --out:

    labels.csv    row (from 0), cluster (-1 is noise), name, share of known words,
                  and all columns of FILE
    clusters.csv  size, share, keywords and examples of each cluster
    report.html   a map to search, table, scores: opens in any browser
    map.png       the map as a picture
    model.dct     the fitted pipeline, for predict and report; holds no code
    """
    reading: dict[str, Any] = {"header": not no_header, "encoding": encoding}
    reading |= {"separator": separator, "sheet": sheet, "keep": keep}
    reading |= {"id_column": id_column, "follow_links": follow_links}
    columns: dict[str, Any] = {"column": column, "label": label, "dates": dates}
    columns["date_format"] = date_format
    settings: dict[str, Any] = {"language": language, "noise": noise, "layer": layer}
    settings |= {"n_clusters": n_clusters, "id_column": id_column}
    with _session(quiet) as progress:
        protected = protection(encrypt, key, sign_with)  # before the work begins
        protected["profile"] = profile
        if learn_labels and label is None:
            raise InputError("--learn-labels needs --label, the column of the labels")
        settings["learn_labels"] = learn_labels
        settings["keep_boilerplate"] = keep_boilerplate
        settings["word_vectors"] = _run.check_word_vectors(word_vectors)
        corpus = _run.read_corpus(file, progress, limit, **reading, **columns)
        _run.run_cluster(corpus, progress, out, form, top, seed, protected, **settings)


@app.command()
def predict(
    model: Model,
    file: File,
    column: TextColumn = None,
    no_header: NoHeader = False,
    encoding: Encoding = "utf-8",
    separator: Separator = None,
    sheet: Sheet = None,
    follow_links: FollowLinks = False,
    noise: Annotated[
        NoiseKind | None,
        typer.Option(help=f"{NOISE_HELP} By default as the model does."),
    ] = None,
    out: Annotated[
        Path | None, _output(help="File for the labels; standard output by default.")
    ] = None,
    form: Annotated[
        Format | None,
        _output("--format", help="By default what --out ends in, or csv."),
    ] = None,
    parts: Annotated[Path | None, _output(help=PARTS_HELP)] = None,
    id_column: Id = None,
    keep: Keep = None,
    key: Keys = None,
    trusted_key: Trusted = None,
    quiet: Quiet = False,
) -> None:
    """Give the texts of a file the clusters of a fitted model.

    Writes what the command cluster writes to labels.csv, to standard output or to the
    file --out.
    The texts that the model was fitted on get their labels again; a text gets
    the same cluster alone as among others.
    """
    reading: dict[str, Any] = {"header": not no_header, "encoding": encoding}
    reading |= {"separator": separator, "sheet": sheet, "keep": keep}
    reading |= {"id_column": id_column, "column": column}
    reading["follow_links"] = follow_links
    with _session(quiet) as progress:
        if parts is not None and (out or form or keep or sheet):
            raise InputError("--parts takes no --out, --format, --keep and --sheet")
        form = format_of(out, form)
        _run.check_place(out)
        pipeline = load_model(model, key, trusted_key)
        if noise is not None:
            pipeline[-1].set_params(noise=noise)
        if parts is not None:
            del reading["sheet"], reading["keep"], reading["follow_links"]
            _run.run_parts(pipeline, file, progress, parts, **reading)
            return
        corpus = _run.read_corpus(file, progress, **reading)
        _run.run_predict(pipeline, corpus, progress, out, form, id_column=id_column)


@app.command()
def report(
    model: Model,
    file: File,
    column: TextColumn = None,
    no_header: NoHeader = False,
    encoding: Encoding = "utf-8",
    separator: Separator = None,
    sheet: Sheet = None,
    follow_links: FollowLinks = False,
    label: Label = None,
    dates: Dates = None,
    date_format: DateFormat = None,
    out: Annotated[
        Path | None, _output(help="File to write; report.html by default.")
    ] = None,
    form: Annotated[
        Literal["html", "json"],
        _output("--format", help="A page, or its data as JSON (report.json)."),
    ] = "html",
    title: Annotated[str | None, _output(help="Heading of the page.")] = None,
    key: Keys = None,
    trusted_key: Trusted = None,
    quiet: Quiet = False,
) -> None:
    """Show the clusters of a fitted model in one HTML file, or write them as JSON.

    Map, search, keywords, scores and training curve of the texts of a file.
    The page needs no network; it holds the texts, so share it accordingly.
    """
    reading: dict[str, Any] = {"header": not no_header, "encoding": encoding}
    reading |= {"separator": separator, "sheet": sheet, "follow_links": follow_links}
    columns: dict[str, Any] = {"column": column, "label": label, "dates": dates}
    columns["date_format"] = date_format
    with _session(quiet) as progress:
        _run.check_place(out)
        pipeline = load_model(model, key, trusted_key)
        corpus = _run.read_corpus(file, progress, None, **reading, **columns)
        out = out or Path(f"report.{form}")
        _run.run_report(pipeline, corpus, progress, out, format=form, title=title)


@app.command()
def drift(
    model: Model,
    file: File,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Compare with these texts, not with those of fit."
        ),
    ] = None,
    column: TextColumn = None,
    no_header: NoHeader = False,
    encoding: Encoding = "utf-8",
    separator: Separator = None,
    sheet: Sheet = None,
    follow_links: FollowLinks = False,
    out: Annotated[
        Path | None, _output(help="File for the shares of all clusters.")
    ] = None,
    form: Annotated[
        Format | None, _output("--format", help="By default what --out ends in.")
    ] = None,
    key: Keys = None,
    trusted_key: Trusted = None,
    quiet: Quiet = False,
) -> None:
    """Compare the texts of a file with those that a model was fitted on.

    Shares of unknown words, noise and clusters, and membership, with test statistics.
    With many texts, small differences have small p-values too: look at the effect.
    """
    reading: dict[str, Any] = {"header": not no_header, "encoding": encoding}
    reading |= {"separator": separator, "sheet": sheet, "column": column}
    reading["follow_links"] = follow_links
    with _session(quiet) as progress:
        form = format_of(out, form)
        _run.check_place(out)
        pipeline = load_model(model, key, trusted_key)
        run_drift(pipeline, file, reference, progress, out, form, **reading)


@app.command()
def demo(
    limit: Limit = DEMO_TEXTS,
    language: Language = "en",
    noise: Noise = "keep",
    layer: Layer = "auto",
    n_clusters: NClusters = None,
    word_vectors: WordVectors = None,
    seed: Seed = 0,
    out: Folder = Path("deepclust-demo"),
    form: TableFormat = "csv",
    top: Top = 30,
    quiet: Quiet = False,
) -> None:
    """Cluster 3,000 docstrings of the installed Python packages.

    Compares the clusters with the packages that the docstrings come from.
    Takes about a minute, and writes what the command cluster writes.
    More texts, such as --limit 99999 for all, take longer.
    """
    settings: dict[str, Any] = {"language": language, "noise": noise, "layer": layer}
    settings["n_clusters"] = n_clusters
    with _session(quiet) as progress:
        settings["word_vectors"] = _run.check_word_vectors(word_vectors)
        corpus = _run.read_corpus(None, progress, limit)
        _run.run_cluster(corpus, progress, out, form, top, seed, {}, **settings)


@app.command()
def inspect(model: Model) -> None:
    """Show what a model file holds, who signed it and who can open it.

    Nothing of the model is loaded, and no key is needed.
    """
    with _session(quiet=True):
        for name, text in describe_model(model):
            terminal().print(f"{one_line(name):<18}{one_line(text)}", soft_wrap=True)


keys_app = typer.Typer(help="Make keys to encrypt and sign models; show what one is.")
app.add_typer(keys_app, name="keys")
NewFolder = Annotated[Path, typer.Argument(metavar="FOLDER")]
KeyFiles = Annotated[list[Path], typer.Argument(metavar="FILE...")]


@keys_app.command("generate")
def generate(folder: NewFolder) -> None:
    """Write new keys to a folder.

    predict.key  opens what predicting needs
    inspect.key  opens names and counts, too
    owner.key    opens everything
    signing.pem  signs models; keep it to yourself
    signing.pub  for all who check the signature
    """
    from deepclust.persistence import generate_keys

    with _session(quiet=True), _bad_keys():
        for path in generate_keys(folder):
            terminal().print(one_line(path), soft_wrap=True)


@keys_app.command("show")
def show(files: KeyFiles) -> None:
    """Show what key files are for; no secret is shown."""
    from deepclust.persistence._keys import describe_key

    with _session(quiet=True), _bad_keys():
        for path in files:
            shown = f"{one_line(path)}: {one_line(describe_key(path))}"
            terminal().print(shown, soft_wrap=True)


@keys_app.command("rotate")
def rotate(
    model: Model,
    key: Keys = None,
    new_key: Annotated[list[Path] | None, _protecting(help=KEYS_HELP)] = None,
    encrypt: Encrypt = False,
    sign_with: SignWith = None,
    trusted_key: Trusted = None,
) -> None:
    """Encrypt or sign a model anew; what it holds stays the same.

    --key is the old key of an owner; without it an encrypted model asks for its old
    passphrase (or takes DEEPCLUST_OLD_PASSPHRASE). Old copies still open as before.
    """
    with _session(quiet=True), _bad_keys():
        rotate_model(model, key, new_key, encrypt, sign_with, trusted_key)
        terminal().print(one_line(model), soft_wrap=True)


@contextmanager
def _bad_keys() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise with_options(error) from error


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"deepclust {__version__}")
        raise typer.Exit


VERSION_HELP = "Show the version and exit."
Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_print_version, is_eager=True, help=VERSION_HELP
    ),
]


@app.callback(epilog=EXAMPLES)
def _describe(version: Version = False) -> None:
    """Group short texts by what they are about.

    No labels, no number of clusters and no network connection are needed: a small
    neural network learns from your texts alone.
    """


_COMPLETION = ("--install-completion", "--show-completion")
_OF_NO_COMMAND = ("-h", "--help", "--version", *_COMPLETION)


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments without the program's name; those of the process when None. Options
        without a command belong to the demo.

    Returns
    -------
    status : int
        0, 2 for bad usage or bad input, or 130 if interrupted.

    Examples
    --------
    >>> from deepclust.cli import main
    >>> main(["cluster", "no-such-file.csv"])
    2
    """
    argv = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    program = "python -m deepclust"
    if Path(sys.argv[0]).name == "deepclust" or argv[0] in _COMPLETION:
        program = "deepclust"  # the only name that a shell can complete
    if argv[0].startswith("-") and argv[0] not in _OF_NO_COMMAND:
        argv = ["demo", *argv]
    try:
        return app(argv, prog_name=program, standalone_mode=False) or 0
    except typer.TyperException as error:  # bad usage
        message = error.format_message()
        if message.startswith("No such command"):
            message += f" To cluster a file: {program} cluster {argv[0]}"
        context, progress = getattr(error, "ctx", None), Progress()
        progress.say(context.get_usage() if context else "")
        progress.say(f"deepclust: error: {message}", "red")
        return 2
