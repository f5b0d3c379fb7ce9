"""Mixtures fitted by annealed EM."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.metrics import adjusted_rand_score

from deepclust.pseudo_labels import _mixture
from deepclust.pseudo_labels._mixture import (
    Mixture,
    log_likelihood_ratios,
    word_frequencies,
)


def test_em_corrects_a_wrong_start(four_topics, four_topics_mixed_up):
    """A third of the documents start in a wrong component."""
    features, counts, truth = four_topics
    mixture = Mixture.fit(features, counts, four_topics_mixed_up, 4)
    assert adjusted_rand_score(truth, four_topics_mixed_up) < 0.6
    assert adjusted_rand_score(truth, mixture.predict(features, counts)) > 0.95


def test_log_likelihood_is_higher_for_the_true_topics(four_topics):
    features, counts, truth = four_topics
    found = Mixture.fit(features, counts, truth, 4)
    joined = Mixture.fit(features, counts, truth // 2, 4)
    assert found.log_likelihood > joined.log_likelihood


def test_a_share_of_the_documents_with_that_share_of_the_prior(four_topics):
    """Copies of a corpus with a prior for each have the words of the corpus."""
    _, counts, truth = four_topics
    resp = np.eye(4, dtype=np.float32)[truth]
    frequencies = word_frequencies(counts)
    transposed, copies = counts.T.tocsr(), vstack([counts] * 5).T.tocsr()
    np.testing.assert_allclose(
        log_likelihood_ratios(transposed, resp, frequencies, 0.7, 0.2),
        log_likelihood_ratios(copies, np.tile(resp, (5, 1)), frequencies, 0.7),
        rtol=1e-4,
        atol=1e-5,
    )


def test_tokens_that_no_document_has_change_nothing(four_topics):
    features, counts, truth = four_topics
    n_tokens = counts.shape[1]
    wider = hstack([csr_matrix(counts.shape, dtype="f"), counts]).tocsr()
    narrow = Mixture.fit(features, counts, truth, 4, pseudo_count=2.0)
    wide = Mixture.fit(features, wider, truth, 4, pseudo_count=1.0)
    np.testing.assert_allclose(
        wide.word_log_ratios[n_tokens:], narrow.word_log_ratios, atol=1e-4
    )
    assert np.ptp(wide.word_log_ratios[:n_tokens], axis=0).max() == 0.0


def test_the_first_steps_are_fitted_to_a_part_of_many_documents(
    four_topics, four_topics_mixed_up, monkeypatch
):
    features, counts, truth = four_topics
    n_docs, fitted = len(truth), []
    ratios = _mixture.log_likelihood_ratios

    def counted(transposed, resp, frequencies, beta, pseudo_count):
        fitted.append((transposed.shape[1], pseudo_count))
        return ratios(transposed, resp, frequencies, beta, pseudo_count)

    monkeypatch.setattr(_mixture, "log_likelihood_ratios", counted)
    monkeypatch.setattr(_mixture, "FIRST_DOCS", n_docs // 3)
    known = np.where(np.arange(n_docs) % 10, -1, truth)
    known[0] = (truth[0] + 1) % 4  # a wrong label stays
    mixture = Mixture.fit(features, counts, four_topics_mixed_up, 4, known=known)

    part = len(truth[::3])
    (first, share), (last, whole) = dict.fromkeys(fitted)
    assert (first, last) == (part, n_docs)
    assert share == pytest.approx(whole * part / n_docs)
    assert fitted.count((last, whole)) == 10
    assert adjusted_rand_score(truth, mixture.predict(features, counts)) > 0.95

    fitted.clear()
    Mixture.fit(features, counts, truth, 4, n_steps=3)  # a trial
    assert {n for n, _ in fitted} == {part}


def test_a_long_document_is_as_sure_as_one_of_ten_words(four_topics):
    """Words of a document depend on each other: a hundred tell no more than ten."""
    features, counts, truth = four_topics
    mixture = Mixture.fit(features, counts, truth, 4)
    longer, longest = counts * 20.0, counts * 200.0
    assert longer.sum(axis=1).min() > _mixture.MAX_LENGTH
    labels, margin = mixture.predict_with_margin(features, longer)
    same, same_margin = mixture.predict_with_margin(features, longest)
    np.testing.assert_array_equal(labels, same)
    np.testing.assert_allclose(margin, same_margin, rtol=1e-3, atol=1e-3)


def test_long_documents_are_annealed(four_topics, monkeypatch):
    """Else the first step is sure of every document, whatever EM starts from."""
    features, counts, truth = four_topics
    longer = csr_matrix(counts * 40.0)
    start = np.random.default_rng(0).integers(0, 4, len(truth))
    found = Mixture.fit(features, longer, start, 4)
    assert adjusted_rand_score(truth, found.predict(features, longer)) > 0.95
    monkeypatch.setattr(_mixture, "MAX_LENGTH", np.inf)
    stuck = Mixture.fit(features, longer, start, 4)
    assert adjusted_rand_score(truth, stuck.predict(features, longer)) < 0.9
