"""The texts before they are clustered: lengths and words."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from deepclust._text_input import check_texts
from deepclust.plotting._canvas import BAR_COLOUR, bars, new_axes, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_lengths", "plot_word_frequencies"]

LEFT_COLOUR = "#bbbbbb"


def plot_lengths(texts: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how long the texts are, in tokens.

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
    The axis ends at the 99.5th percentile; longer texts are counted in the last bar.

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
    ax.hist(np.minimum(lengths, longest), bins=edges.tolist(), color=BAR_COLOUR)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    median = f"{np.median(lengths):g}" if len(lengths) else "0"
    ax.set(
        xlabel="tokens a text",
        ylabel="texts",
        title=f"{len(lengths):,} texts, median length {median} tokens",
    )
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_word_frequencies(
    texts: Any,
    *,
    cleaned: Any = None,
    n_words: int = 30,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the most frequent tokens, beside those after cleaning if these are given.

    Parameters
    ----------
    texts : iterable of str
        Tokens are separated by white space.

    cleaned : iterable of str, default=None
        The same texts after cleaning: drawn to the right, on the same scale.

    n_words : int, default=30
        How many tokens to draw.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    InvalidTextError
        If `texts` or `cleaned` is not an iterable of str.

    Examples
    --------
    >>> from deepclust.plotting import plot_word_frequencies
    >>> ax = plot_word_frequencies(["a b", "b c", "b"], n_words=1)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['b']
    """
    before = _token_counts(texts, "plot_word_frequencies")
    if cleaned is None:
        words = _most_frequent(before, n_words)
        ax = bars([(word, n, BAR_COLOUR) for word, n in words], ax)
        ax.set(xlabel="occurrences", title=_totals(before))
        return ax
    after = _token_counts(cleaned, "cleaned")
    ax = new_axes(ax, (9.0, max(2.0, 1.2 + 0.19 * n_words)))
    _mirrored(_most_frequent(before, n_words), _most_frequent(after, n_words), ax)
    title = f"before: {_totals(before)}\nafter cleaning: {_totals(after)}"
    ax.set_title(title, fontsize=10)
    return ax


def _token_counts(texts: Any, name: str) -> Counter[str]:
    checked = check_texts(texts, estimator=name)
    return Counter(token for text in checked for token in text.split())


def _most_frequent(counts: Counter[str], n_words: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:n_words]


def _totals(counts: Counter[str]) -> str:
    return f"{counts.total():,} tokens, {len(counts):,} of them different"


def _mirrored(
    left: list[tuple[str, int]], right: list[tuple[str, int]], ax: "Axes"
) -> None:
    """Draw two rankings back to back, each with its words on its side."""
    from matplotlib.ticker import FuncFormatter

    longest = max([n for _, n in (*left, *right)], default=1)
    for words, sign, colour in ((left, -1, LEFT_COLOUR), (right, 1, BAR_COLOUR)):
        ax.barh(range(len(words)), [sign * n for _, n in words], color=colour)
    ax.set_xlim(-1.02 * longest, 1.15 * longest)
    ax.axvline(0, color="white", linewidth=2)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{abs(n):,.0f}"))
    ax.set_xlabel("occurrences")
    for row, (word, n) in enumerate(right):
        ax.text(n + 0.015 * longest, row, shortened(word), va="center", fontsize=8)
    ax.set_yticks(range(len(left)), [shortened(word) for word, _ in left], fontsize=8)
    ax.set_ylim(max(len(left), len(right), 1) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines[["left", "top", "right"]].set_visible(False)
