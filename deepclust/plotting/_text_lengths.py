"""Lengths of the texts."""

from typing import Any

import numpy as np

from deepclust._text_input import check_texts
from deepclust.plotting._axes import BAR_COLOR, Axes, new_axes

__all__ = ["plot_lengths"]


def plot_lengths(texts: Any, *, ax: Axes | None = None) -> Axes:
    """Draw a histogram of the lengths of the texts in tokens.

    Parameters
    ----------
    texts : iterable of str, or TokenSequences
        Tokens of a text are separated by white space. Of `TokenSequences` the known
        and unknown tokens are counted.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.

    Notes
    -----
    The axis ends at the 99.5th percentile; the last bar counts longer texts as well.

    Examples
    --------
    >>> from deepclust.plotting import plot_lengths
    >>> ax = plot_lengths(["a b c", "a b", ""])
    >>> ax.get_title()
    '3 texts, median length 2 tokens'
    """
    from matplotlib.ticker import MaxNLocator

    lengths = getattr(texts, "lengths", None)
    if lengths is None:
        texts = check_texts(texts, estimator="plot_lengths")
        lengths = np.array([len(text.split()) for text in texts], dtype=np.int64)
    longest = int(np.ceil(np.percentile(lengths, 99.5))) if len(lengths) else 1
    step = max(1, -(-longest // 60))
    edges = np.arange(0, longest + step + 1, step) - 0.5
    ax = new_axes(ax, (7.0, 4.0))
    ax.hist(np.minimum(lengths, longest), bins=edges.tolist(), color=BAR_COLOR)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    median = np.median(lengths) if len(lengths) else 0
    title = f"{len(lengths):,} texts, median length {median:g} tokens"
    ax.set(xlabel="tokens a text", ylabel="texts", title=title)
    return ax
