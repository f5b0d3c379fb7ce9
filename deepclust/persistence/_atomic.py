"""Replacing a file as a whole: who opens it finds the old or the new one."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file beside `path` that takes its place at the end of the block.

    Parameters
    ----------
    path : Path

    Yields
    ------
    file : binary file
        For writing.

    Raises
    ------
    OSError
        If it cannot be written; the file at the path is the old one then, and nothing
        is left beside it. Only a process that is killed leaves a part.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from deepclust.persistence._atomic import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "a")) as file:
    ...         _ = file.write(b"new")
    ...     Path(folder, "a").read_bytes()
    b'new'
    """
    path = path.resolve()  # a link stays, what it leads to is replaced
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if os.name == "posix":  # the entry of the folder, too, survives a power failure
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
