"""The one check of "an iterable of texts" that every text-taking estimator calls.

And texts as cells of a terminal: short, in one line, without control characters.
"""

from collections.abc import Iterable
from typing import Any

from deepclust.exceptions import InvalidTextError

WIDTH = 120  # columns of what is printed, where no terminal has a width


def check_texts(texts: Any, *, estimator: str = "this estimator") -> list[str]:
    """Return `texts` as a list of `str`, or name the first row that is not one.

    Parameters
    ----------
    texts : iterable of str
        list, tuple, generator, ndarray of shape (n_docs,), pandas or polars Series,
        Arrow array.

    estimator : str, default="this estimator"
        Who asks; used in messages.

    Returns
    -------
    texts : list of str, length n_docs
        Plain `str` objects in the given order. May be empty.

    Raises
    ------
    InvalidTextError
        (a `ValueError`) If `texts` is a bare string, a set, is not iterable, has two
        dimensions, or holds anything but `str` (None, NaN, a number, bytes).

    Notes
    -----
    O(n_docs) time; no text is copied.

    Examples
    --------
    >>> from deepclust._text_input import check_texts
    >>> check_texts(("a b", "c"))
    ['a b', 'c']
    >>> check_texts(["a b", None])
    Traceback (most recent call last):
        ...
    deepclust.exceptions.InvalidTextError: this estimator expects an iterable of str, \
but row 1 is None (NoneType). Drop that row or replace it by "".
    """
    refuse_containers_without_rows(texts, estimator)
    if hasattr(texts, "to_pylist"):  # pyarrow: iterating would give Arrow scalars
        texts = texts.to_pylist()
    rows = texts.tolist() if hasattr(texts, "tolist") else list(texts)
    for row, text in enumerate(rows):
        if not isinstance(text, str):
            raise InvalidTextError(
                f"{estimator} expects an iterable of str, but row {row} is "
                f"{truncate(repr(text), 60)} ({type(text).__name__}). "
                'Drop that row or replace it by "".'
            )
    return rows


def refuse_containers_without_rows(texts: Any, estimator: str) -> None:
    """Raise InvalidTextError if items of `texts` are no texts in an order.

    For what is read batch by batch; `check_texts` looks at the items, too.
    """
    if isinstance(texts, (str, bytes)):
        raise InvalidTextError(
            f"{estimator} expects an iterable of str, one text an item. Received a "
            f"single {type(texts).__name__}; wrap it in a list: [text]."
        )
    if len(getattr(texts, "shape", (0,))) != 1:
        raise InvalidTextError(
            f"{estimator} expects one text a row. Received an array of shape "
            f"{tuple(texts.shape)}; pass one column of it."
        )
    if isinstance(texts, (set, frozenset)):
        raise InvalidTextError(
            f"{estimator} expects an iterable of str with an order. Received a "
            f"{type(texts).__name__}, whose order differs between runs; sort it first."
        )
    if isinstance(texts, dict) or not isinstance(texts, Iterable):
        raise InvalidTextError(
            f"{estimator} expects an iterable of str. "
            f"Received: {type(texts).__module__}.{type(texts).__name__}."
        )


def in_partitions(texts: Any) -> bool:
    """Return whether this is a collection of Dask, without importing Dask.

    Examples
    --------
    >>> from deepclust._text_input import in_partitions
    >>> in_partitions(["a text"])
    False
    """
    return hasattr(texts, "__dask_graph__") and hasattr(texts, "to_delayed")


def truncate(text: str, width: int) -> str:
    """Return at most `width` characters of `text`; a cut is shown by "…".

    Examples
    --------
    >>> from deepclust._text_input import truncate
    >>> truncate("a long text", 7)
    'a long…'
    """
    return text if len(text) <= width else text[: width - 1] + "…"


def one_line(text: Any) -> str:
    r"""Return the text with white space and control characters as single spaces.

    Examples
    --------
    >>> from deepclust._text_input import one_line
    >>> one_line("\x1b[31mred\n  line")
    '[31mred line'
    """
    return " ".join(printable(str(text)).split())


def printable(text: Any) -> Any:
    """Return a str with control characters as spaces, anything else as it is."""
    if not isinstance(text, str):
        return text
    return "".join(char if char.isprintable() else " " for char in text)


def replace_surrogates(text: str) -> str:
    r"""Return the text, with "?" for lone surrogates, which no file can hold.

    Examples
    --------
    >>> from deepclust._text_input import replace_surrogates
    >>> replace_surrogates("half a \ud83d")
    'half a ?'
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text  # and no copy of it
