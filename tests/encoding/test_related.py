"""Prototypes move towards those of related classes, and means of clusters with them."""

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
    """Return sequences of 3 broad topics of 4 each, and the topic of each, from 0."""
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


@pytest.mark.parametrize("layer", ["auto", "broad"])
def test_layers_of_a_pipeline_join_what_the_encoder_relates(monkeypatch, corpus, layer):
    """Whichever two of the four topics are joined, at fit and at partial_fit.

    What goes on learning from broad clusters learns those.
    """
    pipeline = tiny_clusterer().set_params(cluster__layer=layer)
    for joined in ([0, 1], [0, 2]) if layer == "auto" else ([0, 2],):

        def relate(encoder, means, joined=joined):
            """Return 0 for clusters of the two topics, 1 for the others, or nearly."""
            embeddings = encoder.transform(pipeline[:2].transform(corpus.texts))
            topics = np.stack(
                [embeddings[corpus.target == t].mean(0) for t in range(4)]
            )
            nearest = ((means[:, None] - topics) ** 2).sum(axis=2).argmin(axis=1)
            return ~np.isin(nearest, joined)[:, None] + 0.01 * nearest[:, None]

        monkeypatch.setattr(RNNLSTMEncoder, "related_embeddings", relate)
        pipeline.partial_fit(corpus.texts)  # the first is a fit

        clusterer, layers = pipeline[-1], pipeline[-1].layers_[-len(corpus.texts) :]
        broad, known = layers[:, 0], layers[:, 0] >= 0
        is_joined = np.isin(corpus.target, joined)
        assert (
            len({*broad[known & is_joined]}) == len({*broad[known & ~is_joined]}) == 1
        )
        assert broad[known].max() == 1
        if layer == "broad":
            np.testing.assert_array_equal(clusterer.labels_, clusterer.layers_[:, 0])
        copied = pickle.loads(pickle.dumps(pipeline))
        embeddings = copied[:-1].transform(corpus.texts)
        np.testing.assert_array_equal(copied[-1].predict_layers(embeddings), layers)


def test_rows_of_another_length_are_refused(fitted):
    with pytest.raises(ValueError, match=r"24 features.* Received: \(2, 3\)"):
        fitted[0].related_embeddings(np.ones((2, 3)))


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
