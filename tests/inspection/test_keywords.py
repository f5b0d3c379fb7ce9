import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust import TextCleaner
from deepclust.inspection import cluster_keywords, cluster_names

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


def test_keywords_are_typical_of_their_cluster():
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


def test_no_token_is_in_two_keywords():
    texts = ["machine learning model", "machine learning loss", "garden tools"]

    keywords = cluster_keywords(texts, [0, 0, 1], ngram_range=(1, 2), n_keywords=5)

    for words in keywords.values():
        seen = set()
        for term in words:
            assert not seen.issuperset(term.split())
            seen.update(term.split())
    assert any(" " in term for term in keywords[1] + keywords[0])


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


def test_names_are_short_and_differ():
    keywords = {0: ["ab", "bc", "cd"], 1: ["ab", "bc", "de"], 2: [], -1: ["xy"]}

    names = cluster_names(keywords, n_words=2)

    assert names == {0: "ab, bc", 1: "ab, bc, de", 2: "cluster 2", -1: "noise"}


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        (["color", "colors", "paint", "brush"], "color, paint, brush"),
        (["logger", "handler", "logging", "message"], "logger, handler, message"),
        (["random variable", "variables", "mean"], "random variable, mean"),
        (["spline", "B-spline", "piecewise", "basis"], "spline, piecewise, basis"),
        (["x", "y", "kernel", "x1 < x2", "y_true", "norm"], "kernel, norm"),
        (["C#", "R", ".NET", "2020", "C++"], "C#, R, .NET"),
        (["x", "_"], "x, _"),
        (["基 金", "的"], "基 金, 的"),
    ],
)
def test_a_name_holds_different_words(keywords, name):
    assert cluster_names({0: keywords}) == {0: name}


def test_identifiers_are_no_keywords():
    texts = [
        "parcel 25455 late help@shop.com 4711",
        "parcel ab-12-345 android 14 float64 2024 1789 3000",
        "see https://a.b/c www.shop.com 10.0.0.255",
    ]
    keywords = cluster_keywords(texts * 4, [0, 1, 2] * 4, n_keywords=20)
    words = {cluster: " ".join(terms).split() for cluster, terms in keywords.items()}
    assert sorted(words[0]) == ["late", "parcel"]
    assert sorted(words[1]) == [
        "14",
        "1789",
        "2024",
        "3000",
        "android",
        "float64",
        "parcel",
    ]
    assert words[2] == ["see"]


def test_no_part_of_an_identifier_is_a_keyword():
    identifiers = "INV-2024-00123", "550e8400-e29b-41d4-a716-446655440000"
    texts = [f"invoice ({identifier}) covid-19" for identifier in identifiers]

    cleaned = TextCleaner().fit_transform(texts)

    assert [text.split()[1] for text in cleaned] == [i.lower() for i in identifiers]
    assert TextCleaner().fit_transform(cleaned) == cleaned
    keywords = cluster_keywords(cleaned * 4, [0] * 8, n_keywords=20)
    assert sorted(" ".join(keywords[0]).split()) == ["covid-19", "invoice"]


def test_no_texts_no_keywords():
    assert cluster_keywords([], []) == {}


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="2 texts and 1 labels"):
        cluster_keywords(["a", "b"], [0])
    with pytest.raises(ValueError, match="originals needs one label a text"):
        cluster_keywords(["a", "b"], [0, 1], originals=["A"])
