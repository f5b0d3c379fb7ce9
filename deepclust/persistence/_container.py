"""The bytes of a model file, format 1.

| bytes | content |
|---|---|
| 16 | magic |
| 4, 4, 8 | format, flags (0), length of the manifest |
| 32 | SHA-256 of these three numbers and the manifest |
| at most 1 MiB | manifest: JSON, filled up with spaces to a multiple of 64 |
| | sections in the order of the manifest, each filled up with zeros, too |

Numbers are little-endian. The manifest has length and SHA-256 of every section; the
file ends where the last one does. In every future format the first 64 bytes mean the
same.
"""

import hashlib
import json
import mmap as memory_map
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from deepclust.exceptions import IntegrityError, ModelFormatError
from deepclust.persistence._arrays import parse_json
from deepclust.persistence._atomic import replacing

__all__ = ["FORMAT", "ModelFile", "read_manifest", "read_section", "write_file"]

FORMAT = 1
MAGIC = b"\x89deepclust\r\n\x1a\n\0\0"
MAX_MANIFEST = 1 << 20  # bytes
ALIGNMENT = 64
BLOCK = 1 << 20  # bytes that are read and hashed together
_NUMBERS = struct.Struct("<IIQ")
_HEADER = len(MAGIC) + _NUMBERS.size + 32
_NO_DIGEST = "0" * 64


@dataclass(frozen=True)
class ModelFile:
    """What is known of a file once its manifest is read.

    Parameters
    ----------
    manifest : dict
    places : dict of str to int
        Where each section begins.
    """

    manifest: dict[str, Any]
    places: dict[str, int]


def write_file(
    path: Path, manifest: dict[str, Any], sections: Mapping[str, list[memoryview]]
) -> None:
    """Write a model file; a file at the path is replaced as a whole.

    Parameters
    ----------
    path : Path

    manifest : dict
        Its entry "sections" is set here.

    sections : mapping of str to list of memoryview
        Pieces of each section, as of `write_arrays`.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If the manifest is longer than 1 MiB.
    """
    entries = [
        {"name": name, "length": sum(map(len, pieces)), "sha256": _NO_DIGEST}
        for name, pieces in sections.items()
    ]
    manifest["sections"] = entries
    with replacing(path) as file:
        file.write(_header_and_manifest(manifest))
        for entry, pieces in zip(entries, sections.values(), strict=True):
            entry["sha256"] = _write_section(file, entry, pieces)
        file.seek(0)  # a digest is as long as none
        file.write(_header_and_manifest(manifest))


def _header_and_manifest(manifest: dict[str, Any]) -> bytes:
    text = json.dumps(manifest, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    if len(text) > MAX_MANIFEST:
        raise ValueError("The manifest of a model file cannot be longer than 1 MiB.")
    numbers = _NUMBERS.pack(FORMAT, 0, len(text))
    return MAGIC + numbers + hashlib.sha256(numbers + text).digest() + text


def _write_section(
    file: BinaryIO, entry: dict[str, Any], pieces: list[memoryview]
) -> str:
    """Write the pieces and zeros up to a multiple of 64; return the digest."""
    digest = hashlib.sha256()
    for piece in [*pieces, memoryview(bytes(-entry["length"] % ALIGNMENT))]:
        for start in range(0, len(piece), BLOCK):
            block = piece[start : start + BLOCK]
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def read_manifest(file: BinaryIO) -> ModelFile:
    """Return the manifest of a model file and the places of its sections.

    Parameters
    ----------
    file : binary file

    Raises
    ------
    IntegrityError
        If it is no model file, or is not as long as the manifest says.
    ModelFormatError
        If the manifest is of a newer format, or not as `write_file` writes it.
    """
    size = file.seek(0, 2)
    file.seek(0)
    header = file.read(_HEADER)
    if not header.startswith(MAGIC) or len(header) < _HEADER:
        raise IntegrityError("it is no model file of deepclust, or is damaged")
    numbers = header[len(MAGIC) : len(MAGIC) + _NUMBERS.size]
    version, flags, length = _NUMBERS.unpack(numbers)
    if length > min(MAX_MANIFEST, size - _HEADER):
        raise IntegrityError("its manifest is damaged, or cut off")
    text = file.read(length)
    if hashlib.sha256(numbers + text).digest() != header[-32:]:
        raise IntegrityError("its manifest is damaged. Get the file again")
    manifest = parse_json(text)
    _check_format(version, flags, manifest)
    places, end = {}, _HEADER + length
    for entry in manifest["sections"]:
        places[entry["name"]] = end
        end += _stored_length(entry)
    if end != size:
        raise IntegrityError(f"it has {size:,} bytes instead of {end:,}: get it again")
    return ModelFile(manifest, places)


def _check_format(version: int, flags: int, manifest: Any) -> None:
    oldest = manifest.get("min_reader") if isinstance(manifest, dict) else None
    if type(oldest) is not int or flags:
        raise ModelFormatError("its manifest is not complete")
    if oldest > FORMAT or version < 1:
        raise ModelFormatError(
            f"it is of format {version}, and this deepclust reads formats up to "
            f"{FORMAT}. Install deepclust {manifest.get('deepclust', '')} or newer"
        )
    sections = manifest.get("sections")
    if not isinstance(sections, list) or not all(map(_is_section, sections)):
        raise ModelFormatError("its manifest has no table of sections")
    names = [entry["name"] for entry in sections]
    if len(set(names)) < len(names):
        raise ModelFormatError("its manifest has two sections of one name")


def _is_section(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and type(entry.get("length")) is int
        and 0 <= entry["length"] < 2**48
        and isinstance(entry.get("sha256"), str)
    )


def _stored_length(entry: dict[str, Any]) -> int:
    return entry["length"] + -entry["length"] % ALIGNMENT


def read_section(file: BinaryIO, model: ModelFile, name: str, *, mmap: bool) -> Any:
    """Return the bytes of a section, whose digest is right.

    Parameters
    ----------
    file : binary file

    model : ModelFile
        Of `read_manifest`.

    name : str

    mmap : bool
        Whether to map the file into memory instead of reading it.

    Returns
    -------
    section : memoryview

    Raises
    ------
    IntegrityError
        If the digest is another.
    """
    entry = next(e for e in model.manifest["sections"] if e["name"] == name)
    place, length, digest = model.places[name], _stored_length(entry), hashlib.sha256()
    if mmap:
        whole = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_READ)
        section = memoryview(whole)[place : place + length]
    else:
        section = np.empty(length, dtype=np.uint8).data
        file.seek(place)
    for start in range(0, length, BLOCK):
        block = section[start : start + BLOCK]
        if not mmap and file.readinto(block) < len(block):  # type: ignore[attr-defined]
            raise IntegrityError(f"section {name!r} is cut off. Get the file again")
        digest.update(block)
    if digest.hexdigest() != entry["sha256"]:
        raise IntegrityError(f"section {name!r} is damaged. Get the file again")
    return section[: entry["length"]]
