"""The one check of texts."""

import numpy as np
import pytest

from deepclust._text_input import check_texts
from deepclust.exceptions import InvalidTextError


def test_rows_are_plain_str_in_order():
    out = check_texts(np.array(["b", "a", ""]))
    assert out == ["b", "a", ""]
    assert {type(text) for text in out} == {str}


def test_a_list_is_not_copied_text_by_text():
    texts = ["one text", "another"]
    assert all(a is b for a, b in zip(check_texts(texts), texts, strict=True))


@pytest.mark.parametrize("texts", [[], (), iter(()), np.array([], dtype=str)])
def test_no_texts_are_no_texts(texts):
    assert check_texts(texts) == []


@pytest.mark.parametrize("kind", [set, frozenset])
def test_a_set_has_no_order(kind):
    with pytest.raises(InvalidTextError, match=f"Received a {kind.__name__}.*sort it"):
        check_texts(kind(["a", "b"]))


def test_subclasses_of_str_are_texts():
    class Title(str):
        __slots__ = ()

    assert check_texts([Title("x")]) == ["x"]


def test_the_message_names_asker_row_value_and_type():
    message = r"Cleaner expects an iterable of str, but row 1 is 3 \(int\)\. Drop"
    with pytest.raises(InvalidTextError, match=message):
        check_texts(["a", 3, None], estimator="Cleaner")


def test_long_values_are_shortened():
    with pytest.raises(InvalidTextError) as error:
        check_texts([list(range(10_000))])
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("texts", ["text", b"text"])
def test_one_text_is_not_texts(texts):
    with pytest.raises(InvalidTextError, match=r"wrap it in a list: \[text\]"):
        check_texts(texts)


@pytest.mark.parametrize("shape", [(), (2, 1), (1, 2, 3)])
def test_only_one_dimension(shape):
    with pytest.raises(InvalidTextError, match="shape"):
        check_texts(np.full(shape, "x", dtype=object))


def test_errors_are_value_errors():
    assert issubclass(InvalidTextError, ValueError)
