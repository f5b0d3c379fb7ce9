"""Prototypes move towards those of related classes, and means of clusters with them."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_clusterer

from deepclust import RNNLSTMEncoder, TokenSequences, load, save
from deepclust.encoding._related import related_prototypes

N_BROAD, N_FINE, N_DOCS = 3, 4, 60


def nested_topics(seed=0):
    """Return sequences of 3 broad topics of 4 each, and the broad topic of each."""
    rng = np.random.default_rng(seed)
    fine = np.repeat(np.arange(N_BROAD * N_FINE), N_DOCS)
    rows = [
        [2 + 10 * (topic // N_FINE) + t for t in rng.integers(0, 10, 4)]
        + [40 + 10 * topic + t for t in rng.integers(0, 10, 5)]
        for topic in fine
    ]
    order = rng.permutation(len(rows))
    texts = TokenSequences.from_lists([rows[i] for i in order])
    return texts, fine[order]


@pytest.fixture(scope="module")
def fitted():
    texts, fine = nested_topics()
    encoder = RNNLSTMEncoder(
        8, lstm_units=0, embedding_dim=24, n_pseudo_classes=12, random_state=0
    )
    return encoder.fit(texts), texts, fine


def class_cosines(embeddings, fine):
    """Return the mean cosines of topics of one broad topic, and of two."""
    means = np.stack([embeddings[fine == topic].mean(0) for topic in np.unique(fine)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosines = means @ means.T
    broad = np.arange(len(means)) // N_FINE
    same = broad[:, None] == broad
    return cosines[same & ~np.eye(len(means), dtype=bool)].mean(), cosines[~same].mean()


def test_topics_of_one_broad_topic_are_nearer_to_each_other(fitted):
    encoder, texts, fine = fitted
    embeddings = encoder.transform(texts)
    within, across = class_cosines(encoder.related_embeddings(embeddings), fine)
    before = np.subtract(*class_cosines(embeddings, fine))
    assert within - across > before + 0.2


def test_related_embeddings_have_unit_length_and_their_embeddings_stay(fitted):
    encoder, texts, _ = fitted
    embeddings = encoder.transform(texts)
    moved = encoder.related_embeddings(embeddings.astype("float64"))
    assert moved.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(encoder.transform(texts), embeddings)
    one = encoder.related_embeddings(embeddings[:1])
    np.testing.assert_allclose(one, moved[:1], atol=1e-6)


def test_layers_of_a_pipeline_join_related_topics(corpus):
    pipeline = tiny_clusterer().fit(corpus.texts)
    clusterer = pipeline[-1]
    again = copy.deepcopy(clusterer).group_layers(pipeline[-2].related_embeddings)
    np.testing.assert_array_equal(again.layers_, clusterer.layers_)
    np.testing.assert_array_equal(again.labels_, clusterer.labels_)
    copied = pickle.loads(pickle.dumps(pipeline))
    layers = copied[-1].predict_layers(copied[:-1].transform(corpus.texts))
    np.testing.assert_array_equal(layers, clusterer.layers_)


def test_what_learned_labels_alone_relates_nothing():
    texts, fine = nested_topics()
    encoder = RNNLSTMEncoder(
        4, lstm_units=0, embedding_dim=6, epochs=1, objective="supervised"
    ).fit(texts, fine)
    rows = np.eye(6, dtype=np.float32)
    np.testing.assert_array_equal(encoder.related_embeddings(rows), rows)


def test_a_file_of_the_owner_keeps_what_is_related_and_others_do_not(tmp_path, fitted):
    encoder, rows = fitted[0], np.eye(24, dtype=np.float32)
    own = load(save(encoder, tmp_path / "full.dct"))
    np.testing.assert_array_equal(
        own.related_embeddings(rows), encoder.related_embeddings(rows)
    )
    other = load(save(encoder, tmp_path / "predict.dct", profile="predict"))
    np.testing.assert_array_equal(other.related_embeddings(rows), rows)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 4), st.integers(0, 2**16))
def test_they_have_unit_length_and_stay_where_no_class_is_related(
    n_classes, n_partitions, seed
):
    rng = np.random.default_rng(seed)
    prototypes = rng.standard_normal((n_classes, 8), dtype=np.float32)
    target = rng.integers(-1, n_classes, 50).astype(np.int32)
    broader = [rng.integers(-1, 3, 50) for _ in range(n_partitions)]

    related = related_prototypes(prototypes, target, broader)

    np.testing.assert_allclose(np.linalg.norm(related, axis=1), 1, atol=1e-6)
    apart = related_prototypes(prototypes, target, [target])
    unit = prototypes / np.linalg.norm(prototypes, axis=1, keepdims=True)
    np.testing.assert_allclose(apart, unit, atol=1e-6)
