"""Fixtures of the pseudo-label tests: documents with known topics."""

import numpy as np
import pytest

from deepclust.pseudo_labels._features import document_term_matrix, lsa_features
from deepclust.sequences import TokenSequences


def make_topics(n_topics, n_docs, *, words=30, length=8, seed=0):
    """Return documents of one topic each, with a few words of all topics; topics."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n_docs) % n_topics
    rows = []
    for topic in truth:
        own = 2 + 10 + topic * words + rng.integers(0, words, length)
        shared = 2 + rng.integers(0, 10, 2)
        rows.append([*own.tolist(), *shared.tolist()])
    return TokenSequences.from_lists(rows), truth


@pytest.fixture(scope="session")
def topics():
    """Return a function: number of topics and documents -> sequences, topics."""
    return make_topics


@pytest.fixture(scope="session")
def topic_counts():
    """Return a function: number of topics and documents -> counts, topics."""

    def make(n_topics, n_docs):
        sequences, truth = make_topics(n_topics, n_docs)
        return document_term_matrix(sequences), truth

    return make


@pytest.fixture(scope="session")
def four_topics(topic_counts):
    """Return features, counts and topics of 400 documents."""
    counts, truth = topic_counts(4, 400)
    return lsa_features(counts), counts, truth


@pytest.fixture(scope="session")
def four_topics_mixed_up():
    """Return the topics of `four_topics`, a third of them wrong."""
    truth = np.arange(400) % 4
    return np.where(np.arange(400) % 3 == 0, np.roll(truth, 7), truth)
