"""Micro-clusters, agglomeration, and mixtures from cuts of the tree."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from deepclust.pseudo_labels import _partition_tree
from deepclust.pseudo_labels._features import document_term_matrix, lsa_features
from deepclust.pseudo_labels._mixture import (
    FREE_WEIGHTS,
    SMALL_KEPT,
    Mixture,
)
from deepclust.pseudo_labels._partition_tree import (
    TRIAL_STEPS,
    PartitionTree,
    agglomerate,
    spherical_k_means,
)
from deepclust.sequences import TokenSequences


def test_the_linkage_of_higher_likelihood_is_cut(topic_counts):
    counts, _ = topic_counts(6, 500)
    tree = PartitionTree(lsa_features(counts), counts, seed=0)
    both = [
        tree._fit_cut(linkage, 6, 20, FREE_WEIGHTS).log_likelihood
        for linkage in ("ward", "average")
    ]
    assert tree.fit_cut(6, 20).log_likelihood == max(both)


def test_the_linkage_is_cached_and_does_not_change_the_cut(topic_counts):
    counts, _ = topic_counts(5, 300)
    features = lsa_features(counts)
    one, other = (PartitionTree(features, counts, seed=0) for _ in range(2))
    one.fit_cut(5, TRIAL_STEPS)
    np.testing.assert_array_equal(
        one.fit_cut(5).predict(features, counts),
        other.fit_cut(5).predict(features, counts),
    )


def test_a_cut_has_no_more_components_than_micro_clusters(topic_counts):
    counts, _ = topic_counts(4, 60)
    tree = PartitionTree(lsa_features(counts), counts, seed=0)
    found = [
        len(tree.fit_cut(tree.n_micro_clusters + more, 2).mean_directions)
        for more in (-1, 0, 1, 5)
    ]
    assert np.diff(found).tolist() == [1, 0, 0]


def test_a_random_start_finds_the_topics(four_topics):
    features, counts, truth = four_topics
    tree = PartitionTree(features, counts, seed=0)
    mixture = tree.fit_random(4)
    assert adjusted_rand_score(truth, mixture.predict(features, counts)) > 0.9
    assert tree.fit_random(4).log_likelihood == mixture.log_likelihood


def test_a_sample_has_its_share_of_the_prior(monkeypatch, topic_counts):
    counts, _ = topic_counts(3, 400)
    monkeypatch.setattr(_partition_tree, "MIXTURE_SAMPLE", 100)
    monkeypatch.setattr(_partition_tree, "MAX_SAMPLE", 100)
    fit, shares = Mixture.fit, []

    def record(*args, pseudo_count, **options):
        shares.append(pseudo_count)
        return fit(*args, pseudo_count=pseudo_count, **options)

    monkeypatch.setattr(Mixture, "fit", record)
    tree = PartitionTree(lsa_features(counts), counts, seed=0)
    tree.fit_cut(3, 2)
    tree.fit_random(3)
    assert set(shares) == {100 / counts.shape[0]}


def test_identical_documents_have_identical_labels():
    sequences = TokenSequences.from_lists([[2, 3, 4]] * 30 + [[5, 6]] * 30)
    counts = document_term_matrix(sequences)
    features = lsa_features(counts)
    mixture = PartitionTree(features, counts, seed=0).fit_cut(2)
    labels = mixture.predict(features, counts)
    assert len(set(labels[:30])) == len(set(labels[30:])) == 1


@pytest.mark.parametrize("linkage", ["ward", "average"])
def test_the_nearest_pair_is_merged_first(linkage):
    means = np.array([[1, 0, 0], [0.98, 0.2, 0], [0, 1, 0], [0, 0, 1]], dtype="float32")
    merges = agglomerate(means, np.ones(4), linkage)
    assert sorted(merges[0]) == [0, 1]
    assert len(merges) == 3


def test_ward_weighs_sizes():
    """The two small micro-clusters merge although they are farther apart."""
    means = np.array([[0.0, 0], [1, 0], [2.1, 0]], dtype="float32")
    merges = agglomerate(means, np.array([1000.0, 1000, 1]), "ward")
    assert sorted(merges[0]) == [1, 2]


@pytest.mark.parametrize("linkage", ["ward", "average"])
def test_merges_are_those_of_the_definition(linkage):
    """Each is the best of all pairs, by its cost written out."""
    rng = np.random.default_rng(0)
    means, sizes = rng.normal(size=(40, 5)), 1 + rng.poisson(9, 40)

    def cost(one, other):
        (a, n_a), (b, n_b) = one, other
        if linkage == "average":
            return -(a @ b)
        return n_a * n_b / (n_a + n_b) * np.sum((a - b) ** 2)

    left = dict(enumerate(zip(means, sizes, strict=True)))
    for merge in agglomerate(means, sizes, linkage):
        pairs = [(i, j) for i in left for j in left if i < j]
        best = min(pairs, key=lambda pair: cost(left[pair[0]], left[pair[1]]))
        assert sorted(merge) == list(best)
        (a, n_a), (b, n_b) = left[merge[0]], left.pop(merge[1])
        left[merge[0]] = ((n_a * a + n_b * b) / (n_a + n_b), n_a + n_b)
    assert len(left) == 1


def test_spherical_k_means_keeps_an_empty_center():
    rows = np.array([[1, 0], [1, 0]], dtype="float32")
    centers = np.array([[1, 0], [0, -1]], dtype="float32")
    np.testing.assert_array_equal(spherical_k_means(rows, centers, 3), centers)


def test_annealing_of_the_weights_keeps_small_components(topic_counts):
    counts, _ = topic_counts(24, 600)
    features = lsa_features(counts)
    trees = [PartitionTree(features, counts, seed=seed) for seed in range(3)]

    def n_alive(annealing):
        """Return the number of components with documents, in the mean of the trees."""
        mixtures = [tree.fit_random(48, annealing=annealing) for tree in trees]
        return np.mean([len(set(m.predict(features, counts))) for m in mixtures])

    assert n_alive(FREE_WEIGHTS) < n_alive(SMALL_KEPT)
