"""Any number of texts through a fitted pipeline, in memory that does not grow."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from deepclust._text_input import check_texts
from deepclust.exceptions import InvalidTextError

__all__ = ["in_parts"]


def in_parts(
    pipeline: Any,
    texts: Iterable[str],
    *,
    method: str = "predict",
    size: int = 20_000,
) -> Iterator[np.ndarray]:
    """Yield the results of a fitted pipeline, one array for every `size` texts.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; or a part of one, such as `pipeline[:-1]`.

    texts : iterable of str
        List, generator, open file, ...; it is read as the results are asked for.

    method : str, default="predict"
        What to call, such as "predict" or "transform".

    size : int, default=20_000
        Texts a part.

    Yields
    ------
    results : ndarray of shape (n_part, ...)
        Of the next `size` texts; the last part may be shorter.

    Raises
    ------
    InvalidTextError
        If `texts` is a bare string, or an item is not a `str`; the message names the
        first row of the part.

    Notes
    -----
    The results are those of one call with all texts: nothing here depends on the
    company a text is in. Memory: one part at a time, about 50 MB for 20,000 titles.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TextCleaner, Vectorizer
    >>> from deepclust.streaming import in_parts
    >>> cleaner = TextCleaner()
    >>> endless = (f"text number {n}" for n in iter(int, 1))
    >>> next(in_parts(cleaner, endless, method="transform", size=2))
    ['text number 0', 'text number 0']
    """
    if isinstance(texts, (str, bytes)):
        check_texts(texts, estimator="in_parts")
    call = getattr(pipeline, method)
    rows, start = iter(texts), 0
    while part := list(islice(rows, size)):
        try:
            checked = check_texts(part, estimator="in_parts")
        except InvalidTextError as error:
            raise InvalidTextError(f"{error} Row 0 is text {start} here.") from error
        yield call(checked)
        start += len(part)
