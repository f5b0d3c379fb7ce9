import pytest

from deepclust.exceptions import InvalidTextError
from deepclust.plotting import plot_word_frequencies


def test_word_frequencies():
    ax = plot_word_frequencies(["b a", "b", "c"], n_words=2)

    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a"]
    assert [bar.get_width() for bar in ax.patches] == [2, 1]
    assert ax.get_title() == "4 tokens, 3 distinct"


def test_word_frequencies_before_and_after_cleaning():
    ax = plot_word_frequencies(["the a the"], cleaned=["a b"], n_words=2)

    assert [t.get_text() for t in ax.get_yticklabels()] == ["the", "a"]
    assert [t.get_text() for t in ax.texts] == ["a", "b"]
    assert [bar.get_width() for bar in ax.patches] == [-2, -1, 1, 1]


def test_a_bare_string_is_refused():
    with pytest.raises(InvalidTextError, match="single str"):
        plot_word_frequencies("one text")
