"""Chinese keywords: characters are counted in pairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust.inspection import cluster_keywords, cluster_names, layer_names
from deepclust.inspection._character_pairs import join_pairs, split_terms

TEXTS = [
    "世 界 杯 决 赛",
    "世 界 杯 的 球 队",
    "大 学 的 考 试",
    "这 是 大 学 不 是 中 学",
]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("红", ["红"]),
        ("red apple", ["red", "apple"]),
        ("买 iphone 5 手 机", ["买", "iphone", "5", "手机"]),
        ("世界杯 决赛", ["世界杯", "决赛"]),  # words of another tokenizer
    ],
)
def test_only_single_characters_are_paired(text, terms):
    assert [join_pairs(term) for term in split_terms(text)] == terms


@given(st.text("世界杯大学", min_size=2, max_size=8))
def test_the_pairs_of_a_run_are_joined_again(run):
    assert join_pairs(" ".join(split_terms(" ".join(run)))) == run


@given(st.lists(st.sampled_from(["red", "世", "c#", "5", "x_"]), max_size=5))
def test_terms_without_pairs_stay(tokens):
    assert join_pairs(" ".join(tokens)) == " ".join(tokens)


def test_phrases_of_words_of_another_tokenizer_keep_their_spaces():
    texts = ["大学 学生", "大学 学生 考试", "世界 足球", "足球 比赛"]
    found = cluster_keywords(texts, [0, 0, 1, 1], n_keywords=1)
    assert found == {0: ["大学 学生"], 1: ["足球"]}


def test_keywords_are_words_and_not_characters():
    found = cluster_keywords(TEXTS, [0, 0, 1, 1], n_keywords=2)
    assert found == {0: ["世界杯", "决赛"], 1: ["大学", "不是"]}


def test_names_hold_words():
    originals = [text.replace(" ", "") for text in TEXTS]
    keywords = cluster_keywords(TEXTS, [0, 0, 1, 1], originals=originals)
    assert cluster_names(keywords, n_words=1) == {0: "世界杯", 1: "大学"}
    layers = [[0, 0], [0, 0], [1, 1], [1, 1]]
    names = layer_names(TEXTS, layers, n_words=1, originals=originals)
    assert [set(layer.values()) for layer in names] == [{"世界杯", "大学"}] * 2
