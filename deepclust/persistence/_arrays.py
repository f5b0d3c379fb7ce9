"""A section of a model file: named arrays in the safetensors format.

A section is eight bytes with the length of a header, the header (JSON: type, shape and
place of every array) and the raw little-endian arrays. Reading makes views of the
section and copies nothing, so that a section can be memory-mapped; the safetensors
package copies it once to read and twice to write. Tests read what is written here with
that package, and the other way round. https://github.com/huggingface/safetensors
"""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepclust.exceptions import ModelFormatError

__all__ = ["array_table", "can_hold", "parse_json", "read_arrays", "write_arrays"]

_DTYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "F16": "<f2",
    "U32": "<u4", "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
_NAME_OF_DTYPE = {np.dtype(code): name for name, code in _DTYPES.items()}
MAX_HEADER = 1 << 20  # bytes


def array_table(arrays: Mapping[str, np.ndarray]) -> dict[str, list]:
    """Return type and shape of every array, as inspection shows them.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.persistence._arrays import array_table
    >>> array_table({"a": np.zeros((2, 3), dtype="float32")})
    {'a': ['float32', [2, 3]]}
    """
    return {name: [str(a.dtype), list(a.shape)] for name, a in arrays.items()}


def can_hold(dtype: np.dtype) -> bool:
    """Return whether a section can hold arrays of this type."""
    return dtype.newbyteorder("<") in _NAME_OF_DTYPE


def write_arrays(arrays: Mapping[str, np.ndarray]) -> list[memoryview]:
    """Return the bytes of a section in pieces; arrays are not copied.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Of types that `can_hold` accepts.

    Returns
    -------
    pieces : list of memoryview of bytes

    Raises
    ------
    ValueError
        If the header is longer than 1 MiB.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.persistence._arrays import read_arrays, write_arrays
    >>> section = b"".join(write_arrays({"a": np.array([1.5, 2.0])}))
    >>> read_arrays(section)
    {'a': array([1.5, 2. ])}
    """
    header, place = {}, 0
    # widest types first, so that every array is aligned
    ordered = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    for name, array in ordered:
        header[name] = {
            "dtype": _NAME_OF_DTYPE[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise ValueError(f"A model file cannot hold {len(arrays):,} arrays.")
    pieces = [memoryview(struct.pack("<Q", len(text)) + text)]
    for _, array in ordered:
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        pieces.append(array.reshape(-1).view(np.uint8).data)
    return pieces


def read_arrays(section: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a section, as views of it.

    Parameters
    ----------
    section : bytes, bytearray or memoryview
        Where it can be written to, so can the arrays.

    Returns
    -------
    arrays : dict of str to ndarray

    Raises
    ------
    ModelFormatError
        If the header is not exactly as `write_arrays` would write it: an unknown type,
        a shape that does not fit its place, gaps, overlaps, bytes left over.
    """
    view = memoryview(section)
    if len(view) < 8:
        raise ModelFormatError("it is too short to be a section")
    (length,) = struct.unpack("<Q", view[:8])
    if length > min(MAX_HEADER, len(view) - 8):
        raise ModelFormatError(f"its header claims {length:,} bytes")
    header, data = parse_json(view[8 : 8 + length]), view[8 + length :]
    if not isinstance(header, dict):
        raise ModelFormatError("its header is not a JSON object")
    arrays, place = {}, 0
    for name, entry in header.items():
        arrays[name], place = _read_array(name, entry, data, place)
    if place != len(data):
        raise ModelFormatError(f"{len(data) - place:,} bytes belong to no array")
    return arrays


def _read_array(
    name: str, entry: Any, data: memoryview, place: int
) -> tuple[np.ndarray, int]:
    """Return the array that has to begin at `place`, and where it ends."""
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise ModelFormatError(f"array {name!r} is named by half a character")
    dtype = entry.get("dtype") if isinstance(entry, dict) else None
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ModelFormatError(f"array {name!r} has no type that is known")
    shape, kind = entry.get("shape"), np.dtype(_DTYPES[dtype])
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ModelFormatError(f"array {name!r} has no valid shape")
    end = place + math.prod(shape) * kind.itemsize
    if len(shape) > 8 or end > len(data) or entry.get("data_offsets") != [place, end]:
        raise ModelFormatError(f"the shape of array {name!r} does not fit its place")
    flat = np.frombuffer(data[place:end], kind)
    try:
        return flat.reshape(shape), end
    except ValueError as error:  # no elements, but an axis beyond all bounds
        raise ModelFormatError(f"array {name!r} has no valid shape") from error


def parse_json(text: Any) -> Any:
    """Return the value of strict JSON: UTF-8, no double names, no NaN.

    Raises
    ------
    ModelFormatError
        If it is anything else.

    Examples
    --------
    >>> from deepclust.persistence._arrays import parse_json
    >>> parse_json(b'{"a": 1}')
    {'a': 1}
    """

    def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return the pairs as a dict; refuse a name that occurs twice."""
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name occurs twice")
        return found

    def refuse(constant: str) -> None:
        """Refuse NaN and infinity."""
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(
            bytes(text).decode("utf-8"),
            object_pairs_hook=without_doubles,
            parse_constant=refuse,
        )
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"its JSON cannot be read: {error}") from error
