import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust.describing import (
    cluster_keywords,
    cluster_table,
    representative_texts,
)
from deepclust.exceptions import InvalidTextError

TEXTS = [
    "apple pie recipe",
    "apple tart recipe",
    "apple cider",
    "car engine",
    "car wheel engine",
    "c# .net code",
    "rain",
]
LABELS = [0, 0, 0, 1, 1, 2, -1]


def test_keywords_are_what_sets_the_cluster_apart():
    keywords = cluster_keywords(TEXTS, LABELS, n_keywords=2)

    assert keywords[0] == ["apple", "recipe"]
    assert set(keywords[1]) == {"car", "engine"}
    assert keywords[2] == [".net", "c#"]
    assert list(keywords) == [0, 1, 2, -1]


def test_keyword_order_follows_the_published_formula():
    # "x" 3 of 4 terms in cluster 0 but also in cluster 1; "y" only in cluster 0.
    texts, labels = ["x x x y", "x x x z"], [0, 1]
    mean_terms = 4
    weight_x = 3 / 4 * math.log(1 + mean_terms / 6)
    weight_y = 1 / 4 * math.log(1 + mean_terms / 1)

    expected = ["x", "y"] if weight_x > weight_y else ["y", "x"]
    assert cluster_keywords(texts, labels)[0] == expected == ["y", "x"]


def test_equal_weights_are_ordered_by_term():
    assert cluster_keywords(["b a c"], [0])[0] == ["a", "b", "c"]


def test_pairs_of_tokens_are_not_told_twice():
    texts = ["machine learning model", "machine learning loss", "garden tools"]

    keywords = cluster_keywords(texts, [0, 0, 1], ngram_range=(1, 2), n_keywords=5)

    for words in keywords.values():
        told = set()
        for term in words:
            assert not told.issuperset(term.split())
            told.update(term.split())
    assert any(" " in term for term in keywords[1] + keywords[0])


def test_representatives_are_nearest_to_the_mean_and_distinct():
    texts = ["edge", "Centre", "centre", "other edge", "noise"]
    embeddings = np.array([[0.0], [1.0], [1.0], [2.0], [9.0]])
    labels = [0, 0, 0, 0, -1]

    chosen = representative_texts(texts, labels, embeddings=embeddings, n_texts=2)

    assert chosen == {0: ["Centre", "edge"], -1: ["noise"]}


def test_representatives_without_embeddings_share_the_keywords():
    texts = ["Zebra by the lake", "The apple, red", "Apple, and a pie", "Car"]
    cleaned = ["zebra lake", "apple red red apple", "apple pie", "car"]

    chosen = representative_texts(texts, [0, 0, 0, 1], cleaned=cleaned)

    assert chosen[0] == ["The apple, red"]


def test_table_adds_up():
    table = cluster_table(TEXTS, LABELS)

    assert list(table.columns) == ["cluster", "size", "share", "keywords", "example"]
    assert table["cluster"].tolist() == [0, 1, 2, -1]
    assert table["size"].tolist() == [3, 2, 1, 1]
    assert table["share"].sum() == pytest.approx(1.0)
    for _, row in table.iterrows():
        labels = np.array(LABELS)
        assert row["example"] in np.array(TEXTS)[labels == row["cluster"]]


def test_labels_may_be_strings_and_texts_a_series():
    table = cluster_table(pd.Series(["a b", "c"]), pd.Series(["x", "y"]))

    assert table["cluster"].tolist() == ["x", "y"]


def test_empty_texts_get_no_keywords():
    table = cluster_table(["", "", "word"], [-1, -1, 0])

    assert table["keywords"].tolist() == ["word", ""]
    assert cluster_table(["", ""], [0, -1])["keywords"].tolist() == ["", ""]


def test_no_texts_no_clusters():
    assert cluster_keywords([], []) == {}
    assert len(cluster_table([], [])) == 0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="2 texts and 1 labels"):
        cluster_keywords(["a", "b"], [0])
    with pytest.raises(InvalidTextError, match="row 1 is None"):
        cluster_table(["a", None], [0, 0])
    with pytest.raises(ValueError, match="one row a text"):
        representative_texts(["a", "b"], [0, 1], embeddings=[[0.0]])


@given(
    st.lists(
        st.tuples(st.text("abc ", max_size=8), st.integers(-1, 3)),
        min_size=1,
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_keywords_do_not_depend_on_the_order_of_the_texts(rows, random):
    shuffled = random.sample(rows, len(rows))

    first = cluster_keywords(*zip(*rows, strict=True))
    second = cluster_keywords(*zip(*shuffled, strict=True))

    assert first == second
