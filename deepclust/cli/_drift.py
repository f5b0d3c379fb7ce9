"""The command drift: are new texts still like those of a model?"""

from pathlib import Path
from typing import Any

from deepclust.cli._output import Format, InputError, Progress, terminal, write_table
from deepclust.cli._run import read_corpus

__all__ = ["run_drift"]


def run_drift(
    pipeline: Any,
    file: Path,
    reference: Path | None,
    progress: Progress,
    out: Path | None,
    form: Format,
    **reading: Any,
) -> None:
    """Print how texts differ from others; write the shares of the clusters to `out`.

    Raises
    ------
    InputError
        If the model keeps no texts of fit and there is no reference, or a file cannot
        be read or written.
    """
    from deepclust.inspection import drift

    texts = read_corpus(file, progress, **reading).data
    others = None
    if reference is not None:
        others = read_corpus(reference, progress, **reading).data
    progress("comparing")
    try:
        found = drift(pipeline, texts, reference=others)
    except ValueError as error:
        raise InputError(str(error).replace("reference=", "--reference")) from error
    progress.stop()
    terminal().print(repr(found), soft_wrap=True)
    if out is not None:
        try:
            write_table(out, found.clusters, form)
        except OSError as error:
            raise InputError(f"cannot write to {str(out)!r}: {error}") from error
