"""Labels of a part of the texts: what stands for none, and the codes of the others."""

import numpy as np
import pandas as pd
import pytest

from deepclust.metrics._known_labels import encode_labels, is_unlabeled

NONE = [None, "", -1, -1.0, "-1", np.int64(-1), float("nan"), np.float32("nan")]
NONE += [pd.NA, pd.NaT, np.datetime64("NaT")]


@pytest.mark.parametrize("value", NONE, ids=repr)
def test_values_that_are_no_label(value):
    assert is_unlabeled(value) is True


@pytest.mark.parametrize("value", [0, 1.5, "a", " ", False, np.str_("b"), "nan"])
def test_values_that_are_labels(value):
    assert is_unlabeled(value) is False


@pytest.mark.parametrize("none", NONE, ids=repr)
@pytest.mark.parametrize("labels", [["b", "a"], [7, 3]], ids=["texts", "numbers"])
def test_a_list_with_any_of_them(labels, none):
    codes, classes = encode_labels([labels[0], none, labels[1], none], 4)
    assert codes.dtype == np.int32
    assert codes.tolist() == [1, -1, 0, -1]
    assert classes.tolist() == sorted(labels)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([2, -1, 1]), [1, 2]),
        (np.array([2.0, np.nan, 1.0]), [1, 2]),
        (np.array(["b", "", "a"]), ["a", "b"]),
        (pd.Series([2, None, 1], dtype="Int64"), [1, 2]),
        (pd.Series(["b", None, "a"], dtype="string"), ["a", "b"]),
        (pd.Series(["b", None, "a"], dtype="category"), ["a", "b"]),
        (pd.Series([True, None, False], dtype="boolean"), [False, True]),
        (np.array([[2], [-1], [1]]), [1, 2]),
    ],
)
def test_arrays_and_series(y, classes):
    codes, found = encode_labels(y, 3)
    assert codes.tolist() == [1, -1, 0]
    assert found.tolist() == classes


@pytest.mark.parametrize("name", ["polars", "pyarrow"])
def test_series_of_polars_and_arrow(name):
    package = pytest.importorskip(name)
    y = (package.Series if name == "polars" else package.array)(["b", None, "a"])
    codes, classes = encode_labels(y, 3)
    assert codes.tolist() == [1, -1, 0]
    assert classes.tolist() == ["a", "b"]


@pytest.mark.parametrize("y", [None, [None, pd.NA], [float("nan"), ""], [-1, -1]])
def test_no_label_at_all(y):
    assert encode_labels(y, 2) == (None, None)


def test_other_labels_fill_the_gaps():
    otherwise = np.array(["x", "y", None], dtype=object)
    codes, classes = encode_labels(["a", pd.NA, None], 3, otherwise)
    assert classes.tolist() == ["a", "y"]
    assert codes.tolist() == [0, 1, -1]
    assert encode_labels(None, 3, otherwise)[1].tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a"], "X has 2 texts, but y has 1 labels"),
        (["a", 1], "two kinds"),
        ([0.5, 1.5], "continuous"),
        ([["a", "b"], ["c", "d"]], "1d array"),
    ],
)
def test_bad_labels_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        encode_labels(y, 2)
