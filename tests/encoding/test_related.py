"""Prototypes move towards those of related classes, and embeddings with them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepclust import RNNLSTMEncoder, TokenSequences
from deepclust.encoding import DifferentialPrivacy
from deepclust.encoding._inference import related_name
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
    within, across = class_cosines(encoder.transform(texts), fine)
    assert within > across + 0.2


def test_without_the_related_prototypes_they_are_not(fitted):
    encoder, texts, fine = fitted
    weights = encoder.weights_
    names = [name for name in weights if name.endswith("/related")]
    heads = [name for name in weights if name.endswith("/prototypes")]
    assert names == [related_name(name) for name in heads] != []

    # as of a file that was saved before there were any
    encoder.weights_ = {n: w for n, w in weights.items() if n not in names}
    try:
        without = np.subtract(*class_cosines(encoder.transform(texts), fine))
    finally:
        encoder.weights_ = weights
    assert without < np.subtract(*class_cosines(encoder.transform(texts), fine)) - 0.1


def test_keras_moves_them_as_well(fitted):
    encoder, texts, _ = fitted
    here = encoder.transform(texts)
    encoder.device, before = "cpu", encoder.device
    try:
        np.testing.assert_allclose(encoder.transform(texts), here, atol=1e-4)
    finally:
        encoder.device = before


def test_private_training_does_without_them():
    pytest.importorskip("dp_accounting")
    texts, _ = nested_topics()
    privacy = DifferentialPrivacy(epsilon=8.0, delta=1e-3, max_grad_norm=1.0)
    encoder = RNNLSTMEncoder(
        4, lstm_units=0, embedding_dim=6, n_pseudo_classes=4, epochs=1, privacy=privacy
    ).fit(texts)
    assert any(name.endswith("/prototypes") for name in encoder.weights_)
    assert not any(name.endswith("/related") for name in encoder.weights_)


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
