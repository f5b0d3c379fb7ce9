"""Where topics have several scales, the network learns the fine ones as well."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from deepclust import RNNLSTMEncoder, TokenSequences
from deepclust.pseudo_labels import _pseudo_labels

N_BROAD, N_FINE, N_DOCS = 3, 4, 60


def topics_of_two_scales():
    """Return sequences of three broad topics with four vague parts each; the part."""
    rng = np.random.default_rng(0)
    parts = rng.permutation(np.repeat(np.arange(N_BROAD * N_FINE), N_DOCS))
    rows = [
        [2 + 10 * (part // N_FINE) + word for word in rng.integers(0, 10, 5)]
        + [40 + 10 * part + word for word in rng.integers(0, 10, 4)]
        + [40 + 40 * (part // N_FINE) + word for word in rng.integers(0, 40, 2)]
        for part in parts
    ]
    return TokenSequences.from_lists(rows), parts


def agreement(embeddings, classes):
    """Return how well k-means finds the classes: adjusted Rand index."""
    n_classes = len(np.unique(classes))
    found = KMeans(n_classes, n_init=5, random_state=0).fit_predict(embeddings)
    return adjusted_rand_score(classes, found)


def test_parts_are_learned_and_the_broad_topics_stay(monkeypatch):
    texts, parts = topics_of_two_scales()
    found = {}
    for finest in (None, N_BROAD * N_FINE):
        monkeypatch.setattr(_pseudo_labels, "finer_number", lambda *_, n=finest: n)
        encoder = RNNLSTMEncoder(
            8, lstm_units=0, embedding_dim=24, n_pseudo_classes=3, random_state=0
        )
        embeddings = encoder.fit_transform(texts)
        assert encoder.n_pseudo_classes_ == N_BROAD
        assert agreement(embeddings, parts // N_FINE) > 0.95
        found[finest] = agreement(embeddings, parts)
    assert found[12] > found[None] + 0.1


@pytest.mark.parametrize("finest", [None, 12])
def test_the_heads_beyond_those_of_the_number_are_parts(monkeypatch, finest):
    texts, parts = topics_of_two_scales()
    monkeypatch.setattr(_pseudo_labels, "finer_number", lambda *_: finest)
    made = _pseudo_labels.make_pseudo_labels(texts, n_pseudo_classes=3)
    assert made.n_pseudo_classes == 3
    assert len(made.targets) == (6 if finest is None else 8)
    flat = made.targets[1]
    for target in made.targets[6:]:
        assert target.max() == 11
        for part in range(12):
            assert len({*flat[target == part]}) == 1
        kept = target >= 0
        assert kept.mean() > 0.5
        assert adjusted_rand_score(parts[kept], target[kept]) > 0.5
