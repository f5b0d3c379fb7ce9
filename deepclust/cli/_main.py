"""The command line: `python -m deepclust`.

Results go to standard output and to files, progress and warnings to standard error.
Exit status: 0, 2 for bad usage or bad input (one line says what), 130 if interrupted.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

from deepclust.cli._arguments import COMMANDS, make_parser
from deepclust.cli._terminal import InputError, say
from deepclust.exceptions import EmptyVocabularyError, InvalidTextError

__all__ = ["main"]


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
        0, 2 for bad input, or 130 if interrupted. Bad usage raises SystemExit(2).

    Examples
    --------
    >>> from deepclust.cli import main
    >>> main(["cluster", "no-such-file.csv"])
    2
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser(_program())
    if not argv:
        parser.print_help()
        return 0
    if argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version"):
        argv = ["demo", *argv]
    elif argv[0] not in COMMANDS and not argv[0].startswith("-"):
        parser.error(
            f"there is no command {argv[0]!r}; to cluster a file: "
            f"{parser.prog} cluster {argv[0]}"
        )
    arguments = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            _run(arguments)
        except (InvalidTextError, EmptyVocabularyError, InputError) as error:
            say(f"error: {' '.join(str(error).split())}")
            return 2
        except KeyboardInterrupt:
            say("interrupted")
            return 130
        except BrokenPipeError:  # the reader of our output, such as head, has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(arguments: Any) -> None:
    from deepclust.cli._commands import RUN

    RUN[arguments.command](arguments)


def _program() -> str:
    name = Path(sys.argv[0]).name
    return "deepclust" if name == "deepclust" else "python -m deepclust"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    if issubclass(category, UserWarning):
        say(f"warning: {message}")
