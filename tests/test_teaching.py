"""Teaching: features, groupings, the choice of a granularity, targets."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from deepclust.sequences import TokenSequences
from deepclust.teaching import (
    Grouping,
    count_matrix,
    lexical_features,
    merge_cells,
    spherical_k_means,
    teach,
)


def topics(n_topics, n_docs, *, words=30, length=8, seed=0):
    """Texts of one topic each: its own words, and a few that all topics share."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n_docs) % n_topics
    rows = []
    for topic in truth:
        own = 2 + 10 + topic * words + rng.integers(0, words, length)
        shared = 2 + rng.integers(0, 10, 2)
        rows.append([*own.tolist(), *shared.tolist()])
    return TokenSequences.from_lists(rows), truth


@pytest.fixture(scope="module", params=[3, 12])
def lesson(request):
    sequences, truth = topics(request.param, 900)
    return teach(sequences, seed=0), truth, request.param


def test_the_granularity_of_separate_topics_is_found(lesson):
    taught, _, n_topics = lesson
    assert n_topics / 1.3 <= taught.n_groups <= 1.3 * n_topics


def test_targets_agree_with_the_topics_where_they_are_sure(lesson):
    taught, truth, _ = lesson
    for target in taught.targets:
        sure = target >= 0
        assert 0.6 < sure.mean() < 0.8
        assert adjusted_rand_score(truth[sure], target[sure]) > 0.8


def test_the_table_names_every_granularity_once(lesson):
    taught, _, _ = lesson
    tried = [(row["linkage"], row["n_groups"]) for row in taught.agreement]
    assert len(tried) == len(set(tried))
    assert (taught.linkage, taught.n_groups) in tried


def test_a_given_granularity_is_taken():
    sequences, _ = topics(4, 200)
    taught = teach(sequences, granularity=7, seed=0)
    assert taught.n_groups == 7
    assert [row["n_groups"] for row in taught.agreement] == [7, 7]
    assert max(target.max() for target in taught.targets) == 6


def test_threads_do_not_change_the_lesson():
    sequences, _ = topics(5, 300)
    with threadpool_limits(1):
        one = teach(sequences, seed=3)
    two = teach(sequences, seed=3)
    assert one.n_groups == two.n_groups
    assert all(map(np.array_equal, one.targets, two.targets))


def test_features_are_unit_rows_and_empty_texts_are_zero():
    sequences = TokenSequences.from_lists([[2, 3], [], [3, 4, 2], [4]])
    features = lexical_features(count_matrix(sequences), np.eye(5, dtype="float32"))
    norms = np.linalg.norm(features, axis=1)
    np.testing.assert_allclose(norms, [1, 0, 1, 1], atol=1e-6)
    assert features.dtype == np.float32


def test_counting_leaves_the_sequences_alone():
    sequences = TokenSequences.from_lists([[4, 2, 2, 3], [3, 2]])
    count_matrix(sequences)
    assert sequences.ids.tolist() == [4, 2, 2, 3, 3, 2]


def test_unknown_and_padding_are_not_counted():
    counts = count_matrix(TokenSequences.from_lists([[1, 2, 2, 1], [1]]))
    assert counts.toarray().tolist() == [[0, 0, 2], [0, 0, 0]]


@pytest.mark.parametrize("linkage", ["ward", "average"])
def test_merges_join_the_nearest_pair_first(linkage):
    means = np.array([[1, 0, 0], [0.98, 0.2, 0], [0, 1, 0], [0, 0, 1]], dtype="float32")
    merges = merge_cells(means, np.ones(4), linkage)
    assert sorted(merges[0]) == [0, 1]
    assert len(merges) == 3


def test_ward_weighs_sizes():
    """A big cell costs more to move: the two small ones merge although farther."""
    means = np.array([[0.0, 0], [1, 0], [2.1, 0]], dtype="float32")
    merges = merge_cells(means, np.array([1000.0, 1000, 1]), "ward")
    assert sorted(merges[0]) == [1, 2]


def test_spherical_k_means_keeps_an_empty_center():
    rows = np.array([[1, 0], [1, 0]], dtype="float32")
    centers = np.array([[1, 0], [0, -1]], dtype="float32")
    np.testing.assert_array_equal(spherical_k_means(rows, centers, 3), centers)


@pytest.mark.parametrize("n_docs", [1, 2, 5, 40])
def test_few_texts_still_teach(n_docs):
    sequences = TokenSequences.from_lists([[2 + i % 3, 3] for i in range(n_docs)])
    taught = teach(sequences)
    assert all(len(target) == n_docs for target in taught.targets)


def test_identical_texts_get_identical_groups():
    sequences = TokenSequences.from_lists([[2, 3, 4]] * 30 + [[5, 6]] * 30)
    features = lexical_features(count_matrix(sequences))
    groups = Grouping(features, seed=0).assign(features, "ward", 2)
    assert len(set(groups[:30])) == len(set(groups[30:])) == 1
