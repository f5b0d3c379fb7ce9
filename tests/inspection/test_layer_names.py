"""Names of layers: what tells siblings apart, no name for two topics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepclust.exceptions import InvalidTextError
from deepclust.inspection import layer_names

TEXTS = [
    *["account login password"] * 3,
    *["account close delete"] * 3,
    "account open",
    "open account",
    *["parcel late"] * 3,
    "hello",
]
LAYERS = np.column_stack(
    ([0] * 8 + [1] * 3 + [-1], [0] * 3 + [1] * 3 + [3] * 2 + [2] * 3 + [-1])
)


def test_a_word_of_all_siblings_names_the_parent_only():
    broad, fine = layer_names(TEXTS, LAYERS, n_words=1)
    assert set(broad) == {0, 1}
    assert set(fine) == {0, 1, 2, 3}
    assert "account" in broad[0]
    assert fine[3] == "open"
    assert not any(name == "account" for name in fine.values())


def test_an_only_part_has_the_name_of_its_parent():
    broad, fine = layer_names(TEXTS, LAYERS)
    assert fine[2] == broad[1]


def test_words_are_shown_as_they_are_written():
    originals = [text.upper() for text in TEXTS]
    names = layer_names(TEXTS, LAYERS, n_words=1, originals=originals)
    assert names[1][3] == "OPEN"


def test_stop_words_that_the_cleaner_keeps_name_nothing():
    texts = [f"how_ {text} my_ my_" for text in TEXTS]
    assert layer_names(texts, LAYERS) == layer_names(TEXTS, LAYERS)


@st.composite
def nested(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_docs = draw(st.integers(1, 30))
    words = rng.integers(0, 4, (n_docs, 3))
    texts = [" ".join(f"w{word}" for word in row) for row in words]
    fine = rng.integers(-1, 5, n_docs)
    parent_of = np.append(rng.integers(0, 2, 5), -1)  # place -1 is noise
    return texts, np.column_stack((parent_of[fine], fine))


@settings(max_examples=30)
@given(nested())
def test_every_cluster_has_a_name_and_no_two_topics_share_one(problem):
    texts, layers = problem
    names = layer_names(texts, layers)
    topics = {}
    for column, found in zip(layers.T, names, strict=True):
        assert set(found) == set(column[column >= 0].tolist())
        for cluster, name in found.items():
            topics.setdefault(name, set()).add(tuple(np.flatnonzero(column == cluster)))
    assert all(len(rows) == 1 for rows in topics.values())


def test_trouble_is_named():
    with pytest.raises(ValueError, match="Cluster 0 of layer 1"):
        layer_names(["a", "b"], [[0, 0], [1, 0]])
    with pytest.raises(ValueError, match="one label a text"):
        layer_names(["a"], [[0], [1]])
    with pytest.raises(InvalidTextError):
        layer_names("ab", [[0], [1]])


def test_a_word_of_the_whole_corpus_names_no_cluster():
    """ "please" is rare among the siblings of one parent, and common elsewhere."""
    texts = ["lost card"] * 4 + ["fee please card", "please card fee"] * 2
    texts += ["please rain"] * 40
    layers = np.repeat([[0, 0], [0, 1], [1, 2]], [4, 4, 40], axis=0)
    names = layer_names(texts, layers, n_words=1)
    assert names[1][1] == "fee"


def test_noise_at_a_finer_layer_alone_is_no_error():
    names = layer_names(["a cat", "a dog"], [[0, 0], [0, -1]], n_words=1)
    assert set(names[1]) == {0}
