"""Document-term counts, LSA features, document vectors, halves of the vocabulary."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from deepclust.pseudo_labels._features import (
    LSA_DIM,
    Features,
    centered_directions,
    document_term_matrix,
    half_of_vocabulary,
    lsa_dim,
    lsa_features,
    stem_matrix,
    truncated_svd,
    vector_views,
    with_stems,
)
from deepclust.sequences import TokenSequences


def test_features_are_unit_rows_and_empty_documents_are_zero():
    sequences = TokenSequences.from_lists([[2, 3], [], [3, 4, 2], [4]])
    features = lsa_features(document_term_matrix(sequences), np.eye(5, dtype="float32"))
    norms = np.linalg.norm(features, axis=1)
    np.testing.assert_allclose(norms, [1, 0, 1, 1], atol=1e-6)
    assert features.dtype == np.float32


def test_document_vectors_are_a_block_of_the_unit_rows():
    counts = document_term_matrix(TokenSequences.from_lists([[2, 3], [], [3, 4, 2]]))
    vectors = np.array([[3.0, 1.0], [1.0, 1.0], [2.0, 1.0]])  # the last is the mean
    directions = centered_directions(vectors)
    np.testing.assert_array_equal(directions, [[1, 0], [-1, 0], [0, 0]])
    features = Features(counts, None, 2 * directions)[:]
    norms = np.linalg.norm(features, axis=1)
    np.testing.assert_allclose(norms, [1, 1, 1], atol=1e-6)
    assert features.dtype == np.float32
    plain = lsa_features(counts)
    np.testing.assert_array_equal(features[1], [*plain[1], -1, 0])
    np.testing.assert_allclose(features[2], [*plain[2], 0, 0], atol=1e-6)
    expected = np.array([*plain[0], 2, 0])
    np.testing.assert_allclose(
        features[0], expected / np.linalg.norm(expected), atol=1e-6
    )


def test_views_are_centered_sums_of_vectors_side_by_side():
    sequences = TokenSequences.from_lists([[2, 2, 3], [3], [4]])
    counts = document_term_matrix(sequences)
    assert vector_views(counts) is None
    one = np.array([[0, 0], [0, 0], [1, 0], [3, 0], [0, 0]], dtype="f")  # 4 has none
    views = vector_views(counts, [one])
    np.testing.assert_allclose(views, [[-1, 0], [1, 0], [0, 0]])
    own = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0]])
    both = vector_views(counts, [one], own)
    expected = np.array([[0, -1, -1, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(both, expected / np.sqrt(2), atol=1e-6)
    assert both.dtype == np.float32


def test_a_shift_of_all_document_vectors_changes_nothing(monkeypatch):
    monkeypatch.setattr("deepclust.pseudo_labels._features.BATCH_SIZE", 7)
    vectors = np.random.default_rng(0).normal(size=(20, 5))
    directions = centered_directions(vectors)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(centered_directions(vectors + 90), directions, atol=1e-6)
    np.testing.assert_allclose(centered_directions(vectors * 9), directions, atol=1e-6)


def test_counting_does_not_change_the_sequences():
    sequences = TokenSequences.from_lists([[4, 2, 2, 3], [3, 2]])
    document_term_matrix(sequences)
    assert sequences.ids.tolist() == [4, 2, 2, 3, 3, 2]


def test_unknown_and_padding_are_not_counted():
    counts = document_term_matrix(TokenSequences.from_lists([[1, 2, 2, 1], [1]]))
    assert counts.toarray().tolist() == [[0, 0, 2], [0, 0, 0]]


def test_halves_of_the_vocabulary_are_disjoint_and_of_equal_frequency(topic_counts):
    counts, _ = topic_counts(5, 300)
    half = half_of_vocabulary(counts, np.random.default_rng(0))
    frequency = np.asarray(counts.sum(axis=0)).ravel()
    share = frequency[half].sum() / frequency.sum()
    assert abs(share - 0.5) < 0.05
    by_rank = np.argsort(-frequency, kind="stable")
    pairs = half[by_rank[: len(half) // 2 * 2]].reshape(-1, 2)
    assert np.all(pairs[:, 0] != pairs[:, 1])


def test_a_shared_stem_takes_half_of_the_count_of_its_tokens():
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 9, 7).tolist() for _ in range(20)]
    counts = document_term_matrix(TokenSequences.from_lists(rows))
    stems = np.array([0, 1, 2, 2, 4, 5, 5, 5, 8])
    stem_counts, vectors = stem_matrix(counts, np.eye(9, dtype="float32"), stems)
    both = with_stems(counts, stem_counts, stems)

    assert both.shape == (20, 9 + 2)
    assert both.dtype == stem_counts.dtype == vectors.dtype == np.float32
    totals = counts.sum(axis=1)
    np.testing.assert_allclose(stem_counts.sum(axis=1), totals, rtol=1e-6)
    np.testing.assert_allclose(both.sum(axis=1), totals, rtol=1e-6)
    np.testing.assert_array_equal(
        both[:, [4, 8]].toarray(), counts[:, [4, 8]].toarray()
    )
    np.testing.assert_allclose(vectors[2], [0, 0, 0.5, 0.5, 0, 0, 0, 0, 0])


def test_more_singular_vectors_for_more_components():
    assert [lsa_dim(k) for k in (2, 30, 31, 1000)] == [LSA_DIM, LSA_DIM, 300, 300]
    rng = np.random.default_rng(0)
    counts = csr_matrix(rng.poisson(0.1, (400, 350)), dtype="f")
    assert lsa_features(counts).shape == (400, LSA_DIM)
    assert lsa_features(counts, dim=300).shape == (400, 300)
    assert lsa_features(counts, dim=600).shape == (400, 349)


def test_singular_vectors_of_a_sample_are_about_those_of_all(monkeypatch, topic_counts):
    counts, _ = topic_counts(4, 900)
    full = lsa_features(counts, dim=4)
    monkeypatch.setattr("deepclust.pseudo_labels._features.MAX_SVD_DOCS", 600)
    sampled = lsa_features(counts, dim=4)
    np.testing.assert_allclose(np.linalg.norm(sampled, axis=1), 1, atol=1e-6)
    close = np.abs(sampled @ sampled.T - full @ full.T)
    assert close.mean() < 0.05


def test_features_of_some_rows_are_those_of_all(topic_counts):
    counts, _ = topic_counts(4, 200)
    vectors = np.random.default_rng(0).normal(size=(counts.shape[1], 6)).astype("f")
    whole = lsa_features(counts, vectors, dim=5)
    features = Features(counts, vectors, dim=5)
    assert len(features) == len(whole)
    for rows in (slice(30, 71), np.array([190, 3, 4])):
        np.testing.assert_allclose(features[rows], whole[rows], atol=1e-6)


@pytest.mark.parametrize("shape", [(300, 80), (80, 300)])
def test_truncated_svd_finds_the_singular_vectors_of_a_decaying_spectrum(shape):
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(n, 60)))[0] for n in shape)
    values = 0.8 ** np.arange(60)
    matrix = csr_matrix((left * values) @ right.T, dtype="f")
    found = truncated_svd(matrix, 12, seed=0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.abs(found.T @ right[:, :12]), np.eye(12), atol=0.02)


@pytest.mark.parametrize("shape", [(300, 80), (80, 300)])
def test_truncated_svd_beyond_the_rank_adds_no_direction(shape):
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(shape[0], 5)) @ rng.normal(size=(5, shape[1]))
    found = truncated_svd(csr_matrix(matrix, dtype="f"), 20, seed=0)
    assert found.shape == (shape[1], 20)
    projected = matrix @ found
    np.testing.assert_allclose(projected[:, 5:], 0, atol=1e-3 * np.abs(projected).max())
    kept = np.linalg.norm(projected)
    np.testing.assert_allclose(kept, np.linalg.norm(matrix), rtol=1e-4)
