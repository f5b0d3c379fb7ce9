import copy
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust.exceptions import InvalidTextError
from deepclust.inspection import (
    borderline_texts,
    cluster_keywords,
    cluster_names,
    cluster_table,
    representative_texts,
)
from deepclust.inspection._surface_forms import original_forms

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


def test_keyword_order_follows_the_formula():
    texts, labels = ["x y z", "x y", "x", "x w", "x v"], [0, 0, 0, 1, 1]
    pairs = {"x": (3, 5), "y": (2, 2), "z": (1, 1)}  # texts of cluster 0, of all
    weights = {
        term: (inside / 6) ** 2 * math.log(inside / 6 / (overall / 10))
        for term, (inside, overall) in pairs.items()
    }

    keywords = cluster_keywords(texts, labels, ngram_range=(1, 1))

    assert weights["y"] > weights["z"] > weights["x"] == 0
    assert keywords[0] == ["y", "z", "x"]


def test_a_word_repeated_in_one_text_is_no_keyword():
    texts = ["spam " * 50 + "red", "red apple", "red pear", "blue car", "blue bus"]

    assert cluster_keywords(texts, [0, 0, 0, 1, 1])[0][0] == "red"


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


def test_representatives_are_nearest_to_the_peak_and_distinct():
    texts = ["edge", "Centre", "centre", "other edge", "noise"]
    embeddings = np.array([[0.0], [1.0], [1.0], [3.0], [9.0]])
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

    assert list(table.columns) == [
        *("cluster", "name", "size", "share", "cohesion"),
        *("keywords", "example", "borderline"),
    ]
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


def test_a_phrase_takes_the_place_of_its_words():
    texts = ["visual studio addin", "visual studio", "studio visual studio", "c# code"]

    keywords = cluster_keywords(texts, [0, 0, 0, 1], n_keywords=3)

    assert keywords[0] == ["visual studio", "addin"]
    assert cluster_keywords(texts, [0, 0, 0, 1], ngram_range=(1, 1))[0] == [
        *("studio", "visual", "addin"),
    ]


@pytest.mark.parametrize(
    ("term", "texts", "form"),
    [
        ("c#", ["Using C# now", "the c# way", "C# and C++"], "C#"),
        ("c", ["C and C++ and C#", "a c compiler"], "c"),
        (".net", ["ASP.NET", "in .NET", "on .NET 2.0"], ".NET"),
        ("visual studio", ["in Visual  Studio", "my Visual-Studio"], "Visual Studio"),
        ("recip", ["two Recipes here", "ten Recipes"], "Recipes"),
        ("state art", ["the State of the Art"], "State Art"),
        ("best", ["Best way", "what is best"], "best"),
        ("基 金", ["买基金吗", "基金"], "基金"),
        ("absent", ["nothing"], "absent"),
        ("a.b", ["axb", "(A.B)"], "A.B"),
    ],
)
def test_keywords_are_shown_as_they_are_written(term, texts, form):
    assert original_forms([term], texts) == [form]


def test_words_written_alike_stay_apart():
    assert original_forms(["recip", "recipe"], ["Recipe", "the Recipe"]) == [
        *("recip", "recipe"),
    ]


def test_names_are_short_and_differ():
    names = cluster_names({0: ["a", "b", "c"], 1: ["a", "b", "d"], 2: [], -1: ["x"]})

    assert names == {0: "a, b", 1: "a, b, d", 2: "cluster 2", -1: "noise"}


def test_representatives_differ_in_their_words():
    texts = ["apple pie", "apple pie!", "apple juice", "old car"]
    cleaned = ["apple pie", "apple pie", "apple juice", "old car"]

    chosen = representative_texts(
        texts, [0, 0, 0, 1], cleaned=cleaned, embeddings=np.ones((4, 2)), n_texts=2
    )

    assert chosen[0] == ["apple pie", "apple juice"]


def test_the_peak_is_where_texts_are_dense_not_in_the_middle():
    embeddings = [[0.0]] * 6 + [[10.0], [20.0], [30.0]]
    texts = [f"dense {i}" for i in range(6)] + ["far", "farther", "farthest"]

    chosen = representative_texts(texts, [0] * 9, embeddings=embeddings, n_texts=3)

    assert all(text.startswith("dense") for text in chosen[0])


def test_borderline_texts_lie_toward_another_cluster():
    texts = ["far left", "left", "right", "far right", "between", "lost"]
    embeddings = [[-1.0], [0.4], [2.0], [3.0], [1.6], [40.0]]

    chosen = borderline_texts(
        texts, [0, 0, 1, 1, -1, -1], embeddings=embeddings, n_texts=1
    )

    assert chosen == {0: ["left"], 1: ["right"], -1: ["between"]}


def test_borderline_texts_without_embeddings_share_words():
    texts = ["red apple", "apple pie", "apple car", "car wheel", "car engine"]

    assert borderline_texts(texts, [0, 0, 0, 1, 1])[0] == ["apple car"]


def test_cohesion_tells_tight_clusters_from_loose_ones():
    rng = np.random.default_rng(0)
    tight, loose = rng.normal(5, 0.1, (50, 3)), rng.normal(-5, 4, (50, 3))
    labels = np.repeat([0, 1], 50)

    table = cluster_table(["w"] * 100, labels, embeddings=np.vstack((tight, loose)))

    total = np.vstack((tight, loose)).var(axis=0).sum()
    expected = [1 - part.var(axis=0).sum() / total for part in (tight, loose)]
    assert table["cohesion"].tolist() == pytest.approx(expected)
    assert expected[0] > 0.99 > 0.8 > expected[1]


def test_names_may_be_given():
    by_cluster = cluster_table(TEXTS, LABELS, names={1: "Cars"})["name"].tolist()
    by_place = cluster_table(TEXTS, LABELS, names=["Food"])["name"].tolist()

    assert by_cluster[1] == "Cars"
    assert by_place[0] == "Food"
    assert by_cluster[0] == "apple, recipe"


def test_table_in_polars():
    import polars as pl
    from sklearn import config_context

    table = cluster_table(TEXTS, LABELS, output="polars")
    with config_context(transform_output="polars"):
        same = cluster_table(TEXTS, LABELS)

    assert isinstance(table.frame, pl.DataFrame)
    assert table.frame.equals(same.frame)
    pandas = cluster_table(TEXTS, LABELS)
    assert pandas.frame.to_dict("list") == table.to_dict(as_series=False)
    assert "<table " in table._repr_html_()
    assert table.names == pandas.names
    with pytest.raises(ValueError, match="output must be 'pandas' or 'polars'"):
        cluster_table(TEXTS, LABELS, output="numpy")


def test_nothing_of_the_corpus_becomes_html():
    evil = ["<script>alert(1)</script>", "\"><img src=x onerror='alert(1)'>"]

    shown = cluster_table(evil, ["<b>", "</td>"], names={"<b>": "<i>"})._repr_html_()

    assert "<script" not in shown
    assert "<img" not in shown
    assert "<i>" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<td") == shown.count("</td>") == 14


def test_a_long_table_and_long_texts_are_cut_in_html():
    texts = [f"word{i} " + "x" * 1000 for i in range(150)]

    shown = cluster_table(texts, range(150))._repr_html_()

    assert shown.count("<tr") == 101
    assert "50 more" in shown
    assert "x" * 300 not in shown


def test_a_table_can_be_copied_and_pickled():
    table = pickle.loads(pickle.dumps(copy.deepcopy(cluster_table(TEXTS, LABELS))))

    assert table["size"].tolist() == [3, 2, 1, 1]
    assert table.head(1).shape == (1, 8)
    with pytest.raises(AttributeError, match="no_such"):
        table.no_such


def test_a_lone_surrogate_is_described_as_a_question_mark():
    texts = ["a lone \ud800 surrogate", "a word about cats"] * 5
    table = cluster_table(texts, np.array([0, 1] * 5))
    assert "?" in table.representatives[0][0]
    assert "\ud800" not in table._repr_html_() + repr(table)
