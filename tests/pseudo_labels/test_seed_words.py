"""Seed words label documents, unless the other words speak for another class."""

import numpy as np
import pytest

from deepclust import TextCleaner, Vectorizer
from deepclust.pseudo_labels import seed_word_labels

SEEDS = {"finance": ["bank", "loan"], "water": ["river"]}
MONEY = ["bank money credit interest", "loan credit money account"] * 10
SHORE = ["river boat shore fish", "river shore water boat"] * 10


def labels_of(texts, seed_words=SEEDS):
    """Return the labels of texts, which are their own corpus."""
    sequences = Vectorizer(min_df=1).fit_transform(TextCleaner().fit_transform(texts))
    return seed_word_labels(sequences, seed_words).tolist()


def test_documents_with_words_of_one_class_are_labeled():
    found = labels_of([*MONEY, *SHORE, "nothing known here", "bank river"])
    assert found == ["finance"] * 20 + ["water"] * 20 + [None] * 2


def test_a_word_of_another_meaning_labels_nothing():
    found = labels_of([*MONEY, *SHORE, "bank shore boat fish", "bank credit money"])
    assert found[-2:] == [None, "finance"]
    assert None not in found[:40]


def test_seed_words_alone_are_a_label():
    assert labels_of([*MONEY, *SHORE, "bank", "loan bank"])[-2:] == ["finance"] * 2


def test_no_class_loses_all_its_documents():
    seeds = SEEDS | {"rare": ["dam"]}
    assert labels_of([*MONEY, *SHORE, "dam shore boat fish"], seeds)[-1] == "rare"


def test_one_class_keeps_all():
    texts = [*MONEY, "bank shore boat fish"]
    assert labels_of(texts, {"finance": ["bank"]})[-1] == "finance"


def test_the_size_of_a_batch_does_not_matter(monkeypatch):
    texts = [*MONEY, *SHORE, "bank shore boat fish", "river credit", "bank money"]
    found = labels_of(texts)
    assert found[40:] == [None, None, "finance"]
    monkeypatch.setattr("deepclust.pseudo_labels._seed_words.BATCH_SIZE", 7)
    assert labels_of(texts) == found


@pytest.mark.parametrize("seed", range(3))
def test_the_order_does_not_matter(seed):
    texts = np.array([*MONEY, *SHORE, "bank shore boat fish", "bank money"])
    order = np.random.default_rng(seed).permutation(len(texts))
    found = np.array(labels_of(texts.tolist()))
    np.testing.assert_array_equal(labels_of(texts[order].tolist()), found[order])
