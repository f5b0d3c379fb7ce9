"""Document completion scores of partitions."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from deepclust.pseudo_labels._document_completion import document_completion_scores


def test_the_true_topics_have_the_best_score(topic_counts):
    """Not halves of topics, two topics in one, or a partition by a shared word."""
    counts, truth = topic_counts(4, 600)
    halves = truth + 4 * (np.arange(600) // 4 % 2)
    joined = np.maximum(truth, 1) - 1
    shared = np.asarray(counts[:, 2:12].argmax(axis=1)).ravel()
    found = document_completion_scores(counts, [truth, halves, joined, shared])
    assert found.argmax() == 0
    assert found[0] - found[2] > 0.1
    assert found[3] == found.min()


def test_a_score_does_not_depend_on_numbering_other_partitions_or_threads(
    monkeypatch, topic_counts
):
    counts, truth = topic_counts(4, 300)
    together = document_completion_scores(counts, [truth, (truth + 1) % 4, truth // 2])
    assert together[1] == pytest.approx(together[0], abs=1e-5)
    monkeypatch.setattr(
        "deepclust.pseudo_labels._document_completion.in_threads",
        lambda work, parts, n_jobs: [work(part) for part in parts],
    )
    (alone,) = document_completion_scores(counts, [truth // 2])
    assert alone == together[2]


@pytest.mark.parametrize("n_docs", [1, 2, 3])
def test_few_documents_and_few_words_have_a_score(n_docs):
    counts = csr_matrix(np.ones((n_docs, 1), dtype="float32"))
    labels = np.arange(n_docs) // 2
    assert document_completion_scores(counts, [labels]) == pytest.approx(0.0, abs=1.5)
