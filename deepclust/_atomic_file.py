"""The one way to write a file: beside its place, then moved there whole."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["remove_parts", "replacing"]


@contextmanager
def replacing(path: Any) -> Iterator[Path]:
    """Give a new, empty file to write, which takes the place of `path` at the end.

    Parameters
    ----------
    path : path
        A link is replaced, not followed. A device or a pipe, and what is in /dev, is
        written to directly.

    Yields
    ------
    part : Path
        A file in the same folder, with the permissions of the file at `path` if there
        is one. It is removed if the block raises, and `path` is left as it was.

    Raises
    ------
    OSError
        If the folder cannot be written to, or the file does not fit on the disk.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from deepclust._atomic_file import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "a.txt"
    ...     with replacing(path) as part:
    ...         _ = part.write_text("whole")
    ...     path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)
    """
    path = Path(path)
    if _is_stream(path):
        yield path
        return
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder, not a file")
    part = path.parent / f".{secrets.token_hex(8)}.part"
    # the system applies the umask; O_EXCL follows no link
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        if path.is_file() and not path.is_symlink():
            part.chmod(stat.S_IMODE(path.stat().st_mode))
        yield part
        _flush(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    with suppress(OSError):  # not every file system can flush a folder
        _flush(path.parent)


def remove_parts(folder: Path) -> None:
    """Remove what a killed writer left in a folder that nothing else writes to."""
    for part in folder.glob(f".{'[0-9a-f]' * 16}.part"):
        part.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    in_dev = path.is_absolute() and path.parts[1:2] == ("dev",)
    return in_dev or (path.exists() and not path.is_file() and not path.is_dir())


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
