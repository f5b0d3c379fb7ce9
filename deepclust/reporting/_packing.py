"""Texts and numbers as compressed blocks that a page unpacks itself."""

import base64
import gzip
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["fitting_texts", "pack_columns", "pack_json"]

_SHORTEST = 20
_SHRINK = 0.93


def pack_json(value: Any) -> str:
    """Return the value as JSON in UTF-8, gzip and Base64; lone surrogates become "?".

    Examples
    --------
    >>> from deepclust.reporting._packing import pack_json
    >>> len(pack_json(["</script>"] * 1000)) < 200
    True
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _packed(text.encode("utf-8", "replace"))


def pack_columns(columns: Iterable[Any]) -> str:
    """Return columns of numbers from 0 to 65,535 as little-endian bytes, packed."""
    return _packed(b"".join(np.asarray(c).astype("<u2").tobytes() for c in columns))


def fitting_texts(
    texts: list[str], max_characters: int, room: int
) -> tuple[str, int, int]:
    """Pack the texts into at most `room` characters, each cut as far as needed.

    Parameters
    ----------
    texts : list of str

    max_characters : int
        Longest text to keep whole.

    room : int
        Most characters of the result. Not kept below 20 characters a text.

    Returns
    -------
    block : str
    max_characters : int
        What it came down to.
    n_cut : int
        How many texts were longer.

    Examples
    --------
    >>> from deepclust.reporting._packing import fitting_texts
    >>> fitting_texts(["short", "much longer"], 6, 1000)[1:]
    (6, 1)
    """
    while True:
        block = pack_json([_shortened(text, max_characters) for text in texts])
        if len(block) <= room or max_characters <= _SHORTEST:
            break
        longest = max(map(len, texts))
        share = max(_SHRINK * room / len(block), 0.3)
        max_characters = max(int(min(max_characters, longest) * share), _SHORTEST)
    n_cut = sum(len(text) > max_characters for text in texts)
    return block, max_characters, n_cut


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode("ascii")
