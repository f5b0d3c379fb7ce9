import pytest

from deepclust import TokenSequences
from deepclust.exceptions import InvalidTextError
from deepclust.plotting import plot_lengths


def test_lengths_of_texts_and_of_sequences():
    sequences = TokenSequences.from_lists([[2, 3, 4], [2], []])

    for texts in (["a b c", "a", ""], sequences):
        ax = plot_lengths(texts)
        heights = [bar.get_height() for bar in ax.patches]
        assert sum(heights) == 3
        assert heights[:4] == [1, 1, 0, 1]
    assert plot_lengths([]).get_title() == "0 texts, median length 0 tokens"


def test_one_giant_text_does_not_squeeze_the_picture():
    ax = plot_lengths(["a b"] * 999 + ["word " * 100_000])

    assert len(ax.patches) < 100
    assert sum(bar.get_height() for bar in ax.patches) == 1000


def test_a_bare_string_is_refused():
    with pytest.raises(InvalidTextError, match="single str"):
        plot_lengths("one text")
