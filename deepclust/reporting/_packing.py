"""Texts and numbers as gzip in Base64, which the page decompresses itself."""

import base64
import gzip
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from deepclust._text_input import truncate

__all__ = ["pack_columns", "pack_json", "pack_texts"]

_MIN_CHARACTERS = 20
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
    return _pack(text.encode("utf-8", "replace"))


def pack_columns(columns: Iterable[list[int]]) -> str:
    """Return columns of numbers from 0 to 65,535 as little-endian bytes, packed.

    Raises
    ------
    ValueError
        If a number is outside.
    """
    arrays = [np.asarray(column) for column in columns]
    if any(a.min(initial=0) < 0 or a.max(initial=0) > 0xFFFF for a in arrays):
        raise ValueError("The page shows at most 65,535 clusters and classes.")
    return _pack(b"".join(a.astype("<u2").tobytes() for a in arrays))


def pack_texts(
    texts: list[str], max_characters: int, max_size: int
) -> tuple[str, int, int]:
    """Pack the texts into at most `max_size` characters, each cut as far as needed.

    Parameters
    ----------
    texts : list of str

    max_characters : int
        Length from which a text is cut.

    max_size : int
        Maximal length of the result. It may be exceeded where 20 characters a text are
        still too many.

    Returns
    -------
    block : str

    max_characters : int
        The length to which texts were cut.

    n_cut : int
        Number of texts that were cut.

    Examples
    --------
    >>> from deepclust.reporting._packing import pack_texts
    >>> pack_texts(["short", "much longer"], 6, 1000)[1:]
    (6, 1)
    """
    while True:
        block = pack_json([truncate(text, max_characters) for text in texts])
        if len(block) <= max_size or max_characters <= _MIN_CHARACTERS:
            break
        longest = max(map(len, texts))
        share = max(_SHRINK * max_size / len(block), 0.3)
        max_characters = max(int(min(max_characters, longest) * share), _MIN_CHARACTERS)
    n_cut = sum(len(text) > max_characters for text in texts)
    return block, max_characters, n_cut


def _pack(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode("ascii")
