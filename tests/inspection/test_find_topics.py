import numpy as np
import pytest

from deepclust import TextCleaner
from deepclust.exceptions import InvalidTextError
from deepclust.inspection import find_topics

TEXTS = ["refund invoice", "wrong invoice", "late parcel", "lost parcel", "parcel"]
LAYERS = np.array([[0, 0], [0, 1], [1, 2], [1, 2], [-1, -1]])


def test_the_clusters_with_the_words_come_first():
    found = find_topics("parcel refund", TEXTS, LAYERS[:, 0], output="pandas")

    assert found["cluster"].tolist() == [1, 0]
    assert found["words"].tolist() == ["parcel", "refund"]
    assert found["score"].between(0, 1).all()
    assert found["size"].tolist() == [2, 2]


def test_layers_are_searched_together_and_named():
    names = [{0: "bills", 1: "post"}, {0: "refunds", 1: "wrong bills", 2: "post"}]

    found = find_topics("refund", TEXTS, LAYERS, names=names, output="polars")

    assert found["name"].to_list() == ["refunds", "bills"]
    assert found["layer"].to_list() == [1, 0]


def test_an_example_text_is_cleaned_as_the_texts_are():
    found = find_topics(
        *("My INVOICE is wrong!", TEXTS, LAYERS[:, 1]),
        cleaner=TextCleaner(),
        n_topics=1,
        output="pandas",
    )

    assert found["cluster"].tolist() == [1]


def test_names_may_be_sequences_and_labels_strings():
    bills = ["bills", "post"]
    flat = find_topics("refund", TEXTS, LAYERS[:, 0], names=bills, output="pandas")
    nested = find_topics(
        *("refund", TEXTS, LAYERS), names=[bills, ["a", "b", "c"]], output="pandas"
    )
    labels = ["x", "x", "y", "y", "y"]
    found = find_topics("refund", TEXTS, labels, output="pandas")

    assert flat["name"].tolist() == ["bills"]
    assert nested["name"].tolist() == ["a", "bills"]
    assert found[["cluster", "name"]].values.tolist() == [["x", "x"]]


def test_marked_stop_words_are_not_searched():
    texts = ["how_ refund", "how_ parcel"]

    found = find_topics("how_ refund", texts, [0, 1], output="pandas")

    assert found[["cluster", "words"]].values.tolist() == [[0, "refund"]]


def test_nothing_is_found_where_no_word_is_known():
    assert len(find_topics("zebra", TEXTS, LAYERS, output="pandas")) == 0
    assert len(find_topics("", TEXTS, LAYERS, output="pandas")) == 0
    assert len(find_topics("a", [], [], output="pandas")) == 0
    with pytest.raises(InvalidTextError):
        find_topics(7, TEXTS, LAYERS)


def test_a_pipeline_in_place_of_labels_cleans_and_names(fitted_clusterer, corpus):
    found = find_topics("The Soups", corpus.texts, fitted_clusterer, output="pandas")

    clusterer = fitted_clusterer[-1]
    same = find_topics(
        *("The Soups", corpus.texts, clusterer.layers_),
        cleaner=fitted_clusterer["clean"],
        names=clusterer.layer_names_,
        output="pandas",
    )
    assert found.equals(same)
    if len(found):
        layer, cluster, name = found.loc[0, ["layer", "cluster", "name"]]
        assert name == clusterer.layer_names_[layer][cluster]
