"""Vocabularies from counts with noise: what one text can change, and the noise."""

import math
import sys
from collections import Counter

import numpy as np
import pytest
from scipy.stats import norm

from deepclust import Vectorizer, load, save
from deepclust.exceptions import EmptyVocabularyError
from deepclust.vectorizing import VocabularyPrivacy
from deepclust.vectorizing import _private_counts as private
from deepclust.vectorizing._private_counts import private_counts

PRIVACY = VocabularyPrivacy(2.0, 1e-6, max_tokens=3)


class NoNoise:
    def normal(self, mean, deviation, n):
        return np.zeros(n)


def ledger_of(*values):
    pytest.importorskip("dp_accounting")
    return private._ledger(VocabularyPrivacy(*values))


@pytest.mark.parametrize(
    "values", [(0.5, 1e-6, 1), (2.0, 1e-5, 20), (8.0, 1e-8, 5)], ids=str
)
def test_noise_and_threshold_keep_to_epsilon_and_delta(values):
    epsilon, delta, most = values
    ledger = ledger_of(*values)
    ratio = ledger["noise"] / math.sqrt(most + 1)

    # Balle & Wang (2018), theorem 8: delta of a Gaussian mechanism at epsilon
    spent = norm.cdf(0.5 / ratio - epsilon * ratio)
    spent -= math.exp(epsilon) * norm.cdf(-0.5 / ratio - epsilon * ratio)
    stays = norm.cdf((ledger["threshold"] - 1.0) / ledger["noise"]) ** most
    assert spent <= delta / 2
    assert spent > 0.95 * delta / 2
    assert 1.0 - stays == pytest.approx(delta / 2, rel=1e-3)


def test_a_text_counts_few_tokens_drawn_by_chance(monkeypatch):
    pytest.importorskip("dp_accounting")
    monkeypatch.setattr(private.np.random, "default_rng", lambda seed: NoNoise())
    texts = [list("abcdefgh") * 2] * 4_000 + [["z"]] * 1_000

    counts, n_documents, ledger = private_counts(texts, PRIVACY)

    assert n_documents == 5_000
    assert counts["z"] == 1_000
    assert sum(counts[token] for token in "abcdefgh") == 3 * 4_000
    assert all(1_350 < counts[token] < 1_650 for token in "abcdefgh")
    rare = round(ledger["threshold"])
    few, *_ = private_counts([["a"]] * (rare - 1) + [["b"]] * (rare + 1), PRIVACY)
    assert few == {"b": rare + 1}


def test_the_noise_is_that_of_the_ledger():
    pytest.importorskip("dp_accounting")
    texts = [[f"{i}", f"x{i}"] for i in range(500)] * 100

    counts, n_documents, ledger = private_counts(texts, PRIVACY)

    assert len(counts) == 1_000
    found = np.std([n - 100 for n in counts.values()])
    assert found == pytest.approx(ledger["noise"], rel=0.1)
    assert abs(n_documents - 50_000) < 6 * ledger["noise"]
    assert private_counts(texts, PRIVACY)[0] != counts  # no seed repeats it


def test_a_token_of_one_text_never_passes():
    pytest.importorskip("dp_accounting")
    texts = [[f"{i}"] for i in range(20_000)]
    counts, *_ = private_counts(texts, VocabularyPrivacy(8.0, 1e-9))
    assert counts == Counter()


def test_a_vectorizer_with_privacy(tmp_path):
    pytest.importorskip("dp_accounting")
    texts = ["cats purr", "dogs bark"] * 200 + ["secret words"]
    vectorizer = Vectorizer(vector_dim=2, privacy=PRIVACY, max_unseen=1.0)

    sequences = vectorizer.fit_transform(texts)

    tokens = set(vectorizer.get_feature_names_out())
    assert tokens == {"cats", "purr", "dogs", "bark"}
    assert not len(vectorizer.rare_tokens_)
    assert len(sequences) == len(texts)
    again = load(save(vectorizer, tmp_path / "v.dct"))
    assert again.privacy == PRIVACY
    assert again.privacy_ledger_ == vectorizer.privacy_ledger_
    np.testing.assert_array_equal(again.transform(texts), sequences)
    with pytest.raises(ValueError, match="spend the budget"):
        vectorizer.partial_fit(texts)
    with pytest.raises(EmptyVocabularyError, match="enough texts for privacy"):
        vectorizer.fit(["few texts"])
    vectorizer.set_params(privacy=None).fit(texts)
    assert not hasattr(vectorizer, "privacy_ledger_")


def test_checksums_of_rare_words_are_refused():
    with pytest.raises(ValueError, match=r"max_unseen=0\.6"):
        Vectorizer(privacy=PRIVACY).fit(["x"])


@pytest.mark.parametrize(
    ("values", "name"),
    [((0, 1e-5), "epsilon"), ((1, 1), "delta"), ((1, 1e-5, 0.5), "max_tokens")],
)
def test_numbers_out_of_range_are_named(values, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        VocabularyPrivacy(*values)


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dp_accounting.pld", None)
    with pytest.raises(ImportError, match=r"deepclust\[privacy\]"):
        Vectorizer(privacy=PRIVACY, max_unseen=1.0).fit(["x"])
