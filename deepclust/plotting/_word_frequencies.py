"""The most frequent words, before and after cleaning."""

from collections import Counter
from typing import Any

from deepclust._text_input import check_texts
from deepclust.plotting._axes import BAR_COLOR, Axes, draw_bars, new_axes, write
from deepclust.sequences import content_words

__all__ = ["plot_word_frequencies"]

LIGHT_GRAY = "#bbbbbb"


def plot_word_frequencies(
    texts: Any,
    *,
    cleaned: Any = None,
    n_words: int = 30,
    ax: Axes | None = None,
) -> Axes:
    """Draw the most frequent tokens, and those after cleaning if given.

    Parameters
    ----------
    texts : iterable of str
        Tokens are separated by white space.

    cleaned : iterable of str, default=None
        The same texts after cleaning; drawn to the right, on the same scale.

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
    before, total = _count(texts, n_words, "plot_word_frequencies")
    if cleaned is None:
        ax = draw_bars([(write(word), n, BAR_COLOR) for word, n in before], ax)
        ax.set(xlabel="occurrences", title=total)
        return ax
    after, total_after = _count(cleaned, n_words, "cleaned")
    ax = new_axes(ax, (9.0, max(2.0, 1.2 + 0.19 * n_words)))
    draw_bars([(write(word), -n, LIGHT_GRAY) for word, n in before], ax)
    ax.barh(range(len(after)), [n for _, n in after], color=BAR_COLOR)
    longest = max([n for _, n in (*before, *after)], default=1)
    for row, (word, n) in enumerate(after):
        ax.text(n + 0.015 * longest, row, write(word), va="center", fontsize=8)
    ax.axvline(0, color="white", linewidth=2)
    ax.set_xlim(-1.02 * longest, 1.15 * longest)
    ax.set_ylim(max(len(before), len(after), 1) - 0.5, -0.5)
    ax.xaxis.set_major_formatter(lambda n, _: f"{abs(n):,.0f}")
    ax.set_xlabel("occurrences")
    ax.set_title(f"before: {total}\nafter cleaning: {total_after}", fontsize=10)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def _count(texts: Any, n_words: int, name: str) -> tuple[list[tuple[str, int]], str]:
    """Return the most frequent tokens, and how many there are."""
    checked = check_texts(texts, estimator=name)
    counts = Counter(token for text in checked for token in content_words(text).split())
    total = f"{counts.total():,} tokens, {len(counts):,} distinct"
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ranked[:n_words], total
