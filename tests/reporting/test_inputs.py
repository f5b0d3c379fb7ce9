import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from deepclust.exceptions import InvalidTextError
from deepclust.reporting import summarize, write_report
from deepclust.reporting._inputs import encode_classes

FRUIT = ["red apple", "green apple", "ripe pear", "fast car", "old car", "odd"]
LABELS = [0, 0, 0, 1, 1, -1]


def test_texts_without_a_class_do_not_count():
    names, codes = encode_classes(["a", -1, None, np.nan, "", pd.NA, "b"])

    assert names == ["a", "b"]
    assert codes.tolist() == [0, -1, -1, -1, -1, -1, 1]
    assert encode_classes([-1, -1]) == (None, None)
    assert encode_classes(None) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"labels": None}, ValueError, "fitted pipeline, or labels"),
        ({"labels": [0, 1]}, ValueError, "labels need one row a text"),
        ({"labels": [0.5] * 6}, ValueError, "whole numbers"),
        (
            {"labels": LABELS, "layers": [[0]] * 6},
            ValueError,
            "must be equal to labels",
        ),
        ({"labels": LABELS, "columns": {"a": [1]}}, ValueError, r"columns\['a'\] need"),
        ({"labels": LABELS, "y": ["a"]}, ValueError, "y need one row a text"),
        ({"labels": LABELS, "dates": [2020]}, ValueError, "dates need one row a text"),
        ({"labels": LABELS, "cleaned": [1] * 6}, InvalidTextError, "cleaned"),
        ({"labels": LABELS, "embeddings": [[np.nan]] * 6}, ValueError, "NaN"),
        ({"labels": LABELS, "embeddings": [[1e300]] * 6}, ValueError, r"by 1e\+300"),
        ({"labels": LABELS, "projection": "som"}, ValueError, "projection must be"),
        ({"labels": LABELS, "format": "pdf"}, ValueError, "format must be"),
        ({"labels": LABELS, "colors": 1}, TypeError, "colors"),
    ],
)
def test_bad_input_is_named(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        write_report(None, FRUIT, tmp_path / "r.html", **arguments)

    assert not (tmp_path / "r.html").exists()


def test_what_is_no_pipeline_or_no_texts():
    with pytest.raises(TypeError, match="fitted Pipeline"):
        summarize(KMeans(2), FRUIT)
    with pytest.raises(ValueError, match="at least one text"):
        summarize(None, [], labels=[])
    with pytest.raises(InvalidTextError):
        summarize(None, "red apple", labels=[0])


def test_names_are_a_mapping_or_a_sequence():
    for names in ({0: "f", 1: "c"}, ["f", "c"], np.array(["f", "c"])):
        summary = summarize(None, FRUIT, labels=LABELS, names=names)

        assert [cluster["name"] for cluster in summary["clusters"]] == [*"fc"]
