"""The yardstick of examples/benchmarks/keyword_quality.py, against numbers by hand."""

import math

import numpy as np
import pytest
from scripts import load_benchmark
from sklearn.feature_extraction.text import CountVectorizer


@pytest.fixture(scope="module")
def quality():
    return load_benchmark("keyword_quality")


def test_class_tf_idf_follows_the_published_formula(quality):
    keywords = quality.class_tf_idf(
        ["xx xx xx yy", "xx xx xx zz"], np.array([0, 1]), CountVectorizer()
    )

    mean_terms = 4
    weight_x = 3 / 4 * math.log(1 + mean_terms / 6)
    weight_y = 1 / 4 * math.log(1 + mean_terms / 1)
    assert weight_y > weight_x
    assert keywords == {0: ["yy", "xx"], 1: ["zz", "xx"]}


def test_coherence_is_the_mean_npmi(quality):
    # of 8 texts, "a" is in 4, "b" in 2 of these, "c" in none of them
    held = {"a": {0, 1, 2, 3}, "b": {0, 1}, "c": {7}, "n_texts": 8}

    together = math.log(0.25 / (0.5 * 0.25)) / -math.log(0.25)
    assert quality.coherence({0: ["a", "b"]}, held) == pytest.approx(together)
    assert quality.coherence({0: ["a", "c"]}, held) == -1
    both = quality.coherence({0: ["a", "b", "c"], 1: ["a", "b"]}, held)
    assert both == pytest.approx(((together - 2) / 3 + together) / 2)


def test_diversity_is_the_share_of_different_words(quality):
    assert quality.diversity({0: ["a", "b"], 1: ["a", "c"]}) == 0.75


def test_every_kind_is_judged_on_texts_that_it_did_not_see(quality, corpus):
    results = quality.judge(corpus.texts, corpus.texts, corpus.target)

    assert len(results) == 4
    for coherent, diverse in results.values():
        assert -1 <= coherent <= 1
        assert 0 < diverse <= 1
    assert results["deepclust"][0] > results["c-TF-IDF"][0] - 0.1
