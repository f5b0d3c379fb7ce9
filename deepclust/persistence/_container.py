"""The bytes of a model file, format 1.

| bytes | content |
|---|---|
| 16 | magic |
| 4, 4, 8 | format, flags (1: signed), length of the manifest |
| 32 | SHA-256 of these three numbers and the manifest |
| at most 1 MiB | manifest: JSON, filled up with spaces to a multiple of 64 |
| | sections in the order of the manifest, each filled up with zeros, too |
| 96, if signed | public key, Ed25519 signature of the first 64 bytes and the manifest |

Numbers are little-endian. The manifest has length and SHA-256 of every section; the
file ends where the manifest says. In every future format the first 64 bytes and the
signature mean the same.
"""

import hashlib
import json
import mmap as memory_map
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from deepclust._atomic_file import replacing
from deepclust._parallel import one_behind
from deepclust.exceptions import (
    DecryptionError,
    IntegrityError,
    ModelFileError,
    ModelFormatError,
)
from deepclust.persistence._arrays import parse_json
from deepclust.persistence._encryption import Cipher

__all__ = [
    "FORMAT",
    "ModelFile",
    "naming",
    "read_manifest",
    "read_section",
    "write_file",
]

FORMAT = 1
MAGIC = b"\x89deepclust\r\n\x1a\n\0\0"
MAX_MANIFEST = 1 << 20  # bytes
ALIGNMENT = 64
BLOCK = 1 << 20  # bytes that are read and hashed together
FLUSHED = 1 << 26  # bytes that are written to the disk together
_HEADER_NUMBERS = struct.Struct("<IIQ")
SIGNED = 1  # flag
SIGNATURE = 96  # bytes
_HEADER = len(MAGIC) + _HEADER_NUMBERS.size + 32
_NO_DIGEST = "0" * 64


@dataclass(frozen=True)
class ModelFile:
    """What is known of a file once its manifest is read.

    Parameters
    ----------
    manifest : dict
    places : dict of str to int
        Where each section begins.
    signer : bytes or None
        Public key of the signature.
    """

    manifest: dict[str, Any]
    places: dict[str, int]
    signer: bytes | None


def write_file(
    path: Path,
    manifest: dict[str, Any],
    sections: Mapping[str, list[memoryview]],
    *,
    cipher: Cipher | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> None:
    """Write a model file; a file at the path is replaced as a whole.

    Parameters
    ----------
    path : Path

    manifest : dict
        Its entry "sections" is set here.

    sections : mapping of str to list of memoryview
        Pieces of each section, as of `write_arrays`.

    cipher : Cipher, default=None
        Encrypts the sections.

    sign : callable, default=None
        Bytes → public key and signature.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If the manifest is longer than 1 MiB.
    """
    lengths = {name: sum(map(len, pieces)) for name, pieces in sections.items()}
    if cipher is not None:
        lengths = {name: cipher.stored_length(n) for name, n in lengths.items()}
    manifest["sections"] = entries = [
        {"name": name, "length": length, "sha256": _NO_DIGEST}
        for name, length in lengths.items()
    ]
    flags = 0 if sign is None else SIGNED
    with replacing(path) as part, part.open("wb") as file:
        file.write(_head(manifest, flags))
        binding = _binding(manifest)
        for entry in entries:
            name = str(entry["name"])
            stored: Iterable[Any] = sections[name]
            if cipher is not None:
                stored = cipher.seal(name, sections[name], binding)
            entry["sha256"] = _write_section(file, lengths[name], stored)
        head = _head(manifest, flags)  # a digest is as long as none
        if sign is not None:
            file.write(sign(head))
        file.seek(0)
        file.write(head)


def _head(manifest: dict[str, Any], flags: int) -> bytes:
    """Return the first 64 bytes and the manifest."""
    text = json.dumps(manifest, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    if len(text) > MAX_MANIFEST:
        raise ValueError("The manifest of a model file cannot be longer than 1 MiB.")
    numbers = _HEADER_NUMBERS.pack(FORMAT, flags, len(text))
    return MAGIC + numbers + hashlib.sha256(numbers + text).digest() + text


def _binding(manifest: dict[str, Any]) -> bytes:
    """Return a digest of the manifest without the digests of the sections."""
    entries = [{**entry, "sha256": _NO_DIGEST} for entry in manifest["sections"]]
    text = json.dumps({**manifest, "sections": entries}, sort_keys=True)
    return hashlib.sha256(text.encode()).digest()


def _write_section(file: BinaryIO, length: int, stored: Iterable[Any]) -> str:
    """Write the pieces and zeros up to a multiple of 64; return the digest."""
    digest, written = hashlib.sha256(), 0
    with one_behind(digest.update) as hash_next, one_behind(os.fsync) as flush_next:
        for piece in chain(stored, [bytes(-length % ALIGNMENT)]):
            for start in range(0, len(piece), BLOCK):
                block = piece[start : start + BLOCK]
                hash_next(block)
                file.write(block)
                written += len(block)
                if written % FLUSHED < len(block):  # the disk begins its work early
                    flush_next(file.fileno())
    return digest.hexdigest()


def read_manifest(
    file: BinaryIO, check_signature: Callable[[bytes, bytes | None], None]
) -> ModelFile:
    """Return the manifest of a model file and the places of its sections.

    Parameters
    ----------
    file : binary file

    check_signature : callable
        Gets the signed bytes and the signature, or None if the file has none; raises
        `SignatureError`.

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
    numbers = header[len(MAGIC) : len(MAGIC) + _HEADER_NUMBERS.size]
    version, flags, length = _HEADER_NUMBERS.unpack(numbers)
    if length > min(MAX_MANIFEST, size - _HEADER):
        raise IntegrityError("its manifest is damaged, or cut off")
    text = file.read(length)
    if hashlib.sha256(numbers + text).digest() != header[-32:]:
        raise IntegrityError("its manifest is damaged. Get the file again")
    signature = None
    if flags & SIGNED:
        file.seek(max(size - SIGNATURE, 0))
        signature = file.read(SIGNATURE)
        size -= SIGNATURE
    check_signature(header + text, signature)
    manifest = parse_json(text)
    _check_format(version, flags, manifest)
    places, end = {}, _HEADER + length
    for entry in manifest["sections"]:
        places[entry["name"]] = end
        end += _stored_length(entry)
    if end != size:
        raise IntegrityError(f"it has {size:,} bytes instead of {end:,}: get it again")
    signer = None if signature is None else signature[:32]
    return ModelFile(manifest, places, signer)


def _check_format(version: int, flags: int, manifest: Any) -> None:
    oldest = manifest.get("min_reader") if isinstance(manifest, dict) else None
    if type(oldest) is not int or flags & ~SIGNED:
        raise ModelFormatError("its manifest is not complete")
    if oldest > FORMAT or version < 1:
        raise ModelFormatError(
            f"it is of format {version}, and this deepclust reads formats up to "
            f"{FORMAT}. Install a newer deepclust"
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


def read_section(
    file: BinaryIO,
    model: ModelFile,
    name: str,
    *,
    mmap: bool = False,
    cipher: Cipher | None = None,
) -> memoryview:
    """Return the bytes of a section, whose digest is right.

    Parameters
    ----------
    file : binary file

    model : ModelFile
        Of `read_manifest`.

    name : str

    mmap : bool, default=False
        Whether to map the file into memory instead of reading it.

    cipher : Cipher, default=None
        Decrypts the section.

    Returns
    -------
    section : memoryview

    Raises
    ------
    IntegrityError
        If the digest is another.
    DecryptionError
        If the section was encrypted with another key, or for another place.
    """
    entry = next(e for e in model.manifest["sections"] if e["name"] == name)
    place, length, digest = model.places[name], _stored_length(entry), hashlib.sha256()
    section, failure = memoryview(b""), None
    file.seek(place)
    with one_behind(digest.update) as hash_next:
        if cipher is not None:

            def read(size: int) -> bytes:
                """Return the next bytes of the file; they are hashed."""
                block = file.read(size)
                hash_next(block)
                return block

            try:
                binding = _binding(model.manifest)
                section = cipher.open(name, read, entry["length"], binding)
            except DecryptionError as error:  # of a damaged file, or of another key
                failure = error
            while read(min(BLOCK, place + length - file.tell())):
                continue
        elif mmap:
            whole = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_READ)
            section = memoryview(whole)[place : place + length]
            for start in range(0, length, BLOCK):
                hash_next(section[start : start + BLOCK])
        else:
            section = np.empty(length, dtype=np.uint8).data
            for start in range(0, length, BLOCK):
                block = section[start : start + BLOCK]
                file.readinto(block)  # type: ignore[attr-defined]
                hash_next(block)
    if digest.hexdigest() != entry["sha256"]:
        raise IntegrityError(f"section {name!r} is damaged. Get the file again")
    if failure is not None:
        raise failure
    return section if cipher is not None else section[: entry["length"]]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the name of the file before what is wrong with it."""
    try:
        yield
    except ModelFileError as error:
        raise type(error)(f"{path}: {error}.") from error
