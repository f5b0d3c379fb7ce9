"""Pseudo-labels from end to end."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from threadpoolctl import threadpool_limits

from deepclust.pseudo_labels import _pseudo_labels, make_pseudo_labels
from deepclust.pseudo_labels._mixture import FREE_WEIGHTS, SMALL_KEPT, Mixture
from deepclust.pseudo_labels._partition_tree import PartitionTree
from deepclust.pseudo_labels._pseudo_labels import (
    N_TARGETS,
    _n_components_at,
)
from deepclust.sequences import TokenSequences
from deepclust.vectorizing import Vectorizer


@pytest.fixture(scope="module", params=[3, 12])
def made(request, topics):
    sequences, truth = topics(request.param, 900)
    return make_pseudo_labels(sequences, seed=0), truth, request.param


def test_the_number_of_separate_topics_is_found(made):
    pseudo_labels, _, n_topics = made
    assert n_topics / 1.3 <= pseudo_labels.n_pseudo_classes <= 1.3 * n_topics


def test_pseudo_labels_agree_with_the_topics(made):
    pseudo_labels, truth, _ = made
    for target in pseudo_labels.targets[1:-1]:
        kept = target >= 0
        assert kept.mean() > 0.6
        assert adjusted_rand_score(truth[kept], target[kept]) > 0.8


def test_the_selection_results_have_one_row_per_candidate(made):
    pseudo_labels, _, _ = made
    candidates = [row["n_components"] for row in pseudo_labels.selection_results]
    assert candidates == sorted(set(candidates))
    assert all(-1 <= row["kappa"] <= 1 for row in pseudo_labels.selection_results)


def test_a_given_number_of_pseudo_classes_needs_no_selection(topics):
    sequences, _ = topics(4, 200)
    pseudo_labels = make_pseudo_labels(sequences, n_pseudo_classes=3, seed=0)
    assert pseudo_labels.n_pseudo_classes == 3
    assert pseudo_labels.selection_results == []
    n_classes = [target.max() + 1 for target in pseudo_labels.targets]
    assert n_classes == [2, 3, 3, 3, 3, 4]


def test_inflected_words_tell_the_same_topic():
    """Three topics of six stems each, with so many endings that most words are rare."""
    rng, letters = np.random.default_rng(0), [*"bcdfghjklm"]
    stems, endings = (
        ["".join(rng.choice(letters, length)) for _ in range(n)]
        for length, n in ((5, 18), (3, 200))
    )
    truth = np.arange(240) % 3
    texts = [
        " ".join(
            stems[6 * topic + i] + rng.choice(endings) for i in rng.integers(6, size=5)
        )
        for topic in truth
    ]
    sequences = Vectorizer(min_df=1, word_vectors=None).fit_transform(texts)

    def agreement(sequences):
        target = make_pseudo_labels(sequences, n_pseudo_classes=3).targets[1]
        return adjusted_mutual_info_score(truth, target)

    assert agreement(sequences) > 0.9
    words = TokenSequences(sequences.ids, sequences.offsets)
    assert agreement(words) < 0.5


@pytest.mark.parametrize("start", ["fit_random", "fit_cut"])
def test_bad_partitions_are_no_targets(monkeypatch, topics, start):
    """The mixtures of one kind of start are spoilt: none of them is a target."""
    sequences, truth = topics(4, 400)

    def spoilt(self, n_components, n_steps=1, annealing=FREE_WEIGHTS):
        labels = np.random.default_rng(self._seed).integers(0, n_components, 400)
        return Mixture.fit(
            self._features, self._counts, labels, n_components, n_steps=1
        )

    monkeypatch.setattr(PartitionTree, start, spoilt)
    for target in make_pseudo_labels(sequences, n_pseudo_classes=4).targets[1:-1]:
        kept = target >= 0
        assert adjusted_rand_score(truth[kept], target[kept]) > 0.9


@pytest.mark.parametrize("dies", [False, True])
def test_mixtures_that_lose_components_are_fitted_again(monkeypatch, topics, dies):
    sequences, _ = topics(6, 400)
    fit = Mixture.fit.__func__
    kinds = []

    def dying(cls, features, counts, labels, n_components, *args, **options):
        kinds.append(options["annealing"])
        if dies and options["annealing"] == FREE_WEIGHTS:
            labels = np.minimum(labels, n_components // 2)
        return fit(cls, features, counts, labels, n_components, *args, **options)

    monkeypatch.setattr(Mixture, "fit", classmethod(dying))
    monkeypatch.setattr(_pseudo_labels, "N_TREES", {1.0: 2})
    monkeypatch.setattr(_pseudo_labels, "N_TARGETS", {1.0: 2})
    made = make_pseudo_labels(sequences, n_pseudo_classes=6)
    assert (SMALL_KEPT in kinds) == dies
    assert made.n_pseudo_classes == 6


def test_a_partition_with_far_fewer_components_is_no_target(monkeypatch, topics):
    sequences, _ = topics(6, 400)

    def two_components(self, n_components, annealing=FREE_WEIGHTS):
        labels = np.arange(400) % 2
        return Mixture.fit(self._features, self._counts, labels, n_components, 1)

    monkeypatch.setattr(PartitionTree, "fit_random", two_components)
    targets = make_pseudo_labels(sequences, n_pseudo_classes=6).targets
    assert [int(target.max()) + 1 for target in targets[:-1]] == [5, 6, 6, 6, 6]


def test_known_classes_are_components_and_others_are_still_found(topics):
    sequences, truth = topics(5, 600)
    known = np.where((truth < 2) & (np.arange(600) % 8 == 0), truth, -1)
    pseudo_labels = make_pseudo_labels(
        sequences, known=known, n_pseudo_classes=5, seed=0
    )
    for target in pseudo_labels.targets:
        assert set(target[(known >= 0) & (truth == 0)]) == {0}
        assert set(target[(known >= 0) & (truth == 1)]) == {1}
    for target in pseudo_labels.targets[1:-1]:
        kept = target >= 0
        assert adjusted_rand_score(truth[kept], target[kept]) > 0.9


def test_a_class_may_have_no_document(topics):
    """Its documents had no known token, say; the other classes keep their numbers."""
    sequences, truth = topics(3, 60)
    known = np.where(np.arange(60) % 4 == 0, truth + 2, -1)
    pseudo_labels = make_pseudo_labels(
        sequences, known=known, n_pseudo_classes=3, seed=0
    )
    for target in pseudo_labels.targets:
        assert np.all(target[known >= 0] >= 0)
        assert adjusted_rand_score(known[known >= 0], target[known >= 0]) == 1.0


@pytest.mark.parametrize(
    ("n_pseudo_classes", "sizes"),
    [(1, [1, 1, 2]), (2, [2, 2, 3]), (3, [2, 3, 4]), (20, [16, 20, 25])],
)
def test_one_partition_has_fewer_and_one_more_components(n_pseudo_classes, sizes):
    found = [_n_components_at(ratio, n_pseudo_classes) for ratio in N_TARGETS]
    assert found == sizes


def test_threads_do_not_change_the_pseudo_labels(topics):
    sequences, _ = topics(5, 300)
    with threadpool_limits(1):
        one = make_pseudo_labels(sequences, seed=3)
    two = make_pseudo_labels(sequences, seed=3)
    assert one.n_pseudo_classes == two.n_pseudo_classes
    assert all(map(np.array_equal, one.targets, two.targets))


@pytest.mark.parametrize("n_docs", [1, 2, 5, 40])
def test_few_documents_have_pseudo_labels(n_docs):
    sequences = TokenSequences.from_lists([[2 + i % 3, 3] for i in range(n_docs)])
    pseudo_labels = make_pseudo_labels(sequences)
    assert all(len(target) == n_docs for target in pseudo_labels.targets)


def test_partitions_are_compared_on_random_documents(monkeypatch, topics):
    """Documents sorted by topic: the first of them are all of one topic."""
    monkeypatch.setattr("deepclust.pseudo_labels._consensus.MAX_COMPARED_DOCS", 100)
    # no partition is left out, whatever it has lost
    monkeypatch.setattr("deepclust.pseudo_labels._pseudo_labels.MIN_ALIVE", 0.0)
    sequences, truth = topics(4, 800)
    seen = []

    def noted(reference, labels):
        seen.append((len(reference), len(set(reference))))
        return adjusted_mutual_info_score(reference, labels)

    monkeypatch.setattr(
        "deepclust.pseudo_labels._consensus.adjusted_mutual_info_score", noted
    )
    order = np.argsort(truth, kind="stable")
    make_pseudo_labels(sequences[order], n_pseudo_classes=4)
    # pairs of twelve for the medoid, twelve with each of two references, and four each
    # of those with fewer and with more components
    assert len(seen) == 12 * 11 / 2 + 2 * 12 + 4 + 4
    # one partition may have lost a component; the first 100 would all be of one
    assert set(seen) <= {(100, 3), (100, 4)}


def test_half_of_the_documents_are_targets_even_if_none_is_confident(
    monkeypatch, topics
):
    monkeypatch.setattr("deepclust.pseudo_labels._mixture.CONFIDENCE", 1 - 1e-12)
    sequences, _ = topics(3, 120, length=2)
    for target in make_pseudo_labels(sequences, n_pseudo_classes=3).targets:
        assert 0.5 <= np.mean(target >= 0) < 0.7


def test_documents_without_a_topic_are_rarely_targets(topics):
    sequences, _ = topics(3, 300)
    rows = [sequences[[i]].ids.tolist() for i in range(300)]
    words = np.random.default_rng(1).integers(2, 12, (30, 2)).tolist()  # of all topics
    sequences = TokenSequences.from_lists(rows + words)
    pseudo_labels = make_pseudo_labels(sequences, n_pseudo_classes=3)
    kept = np.mean([target >= 0 for target in pseudo_labels.targets], axis=0)
    assert kept[:300].mean() > 0.9
    assert kept[300:].mean() < 0.7


def test_the_first_targets_are_the_best_by_words_and_the_medoid(topics, monkeypatch):
    sequences, _ = topics(3, 120)
    found = []

    def second_is_best(counts, partitions, *, seed):
        found.extend(partitions)
        return np.arange(len(partitions)) == 1

    where = "deepclust.pseudo_labels._pseudo_labels."
    monkeypatch.setattr(where + "document_completion_scores", second_is_best)
    monkeypatch.setattr(where + "medoid", lambda partitions, *, seed: 6)
    # more components than topics, so that the partitions differ
    targets = make_pseudo_labels(sequences, n_pseudo_classes=7).targets
    assert len(found) == 12
    for target, place in zip(targets[1:3], (1, 6), strict=True):
        kept = target >= 0
        scores = [adjusted_rand_score(labels[kept], target[kept]) for labels in found]
        assert scores[place] == 1.0 > np.median(scores)


def test_document_vectors_are_learned_where_words_tell_nothing():
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 3
    sequences = TokenSequences.from_lists(rng.integers(2, 60, (300, 6)).tolist())
    vectors = np.eye(3)[truth] + 0.1 * rng.normal(size=(300, 3))
    agreements = []
    for document_vectors in (None, vectors):
        made = make_pseudo_labels(
            sequences, document_vectors=document_vectors, n_pseudo_classes=3
        )
        kept = made.targets[1] >= 0
        agreements.append(adjusted_rand_score(truth[kept], made.targets[1][kept]))
    assert agreements[0] < 0.1
    assert agreements[1] > 0.9
    assert made.view_weight == 2.0


def test_vectors_that_contradict_the_words_do_not_count():
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 3
    rows = (2 + 20 * truth)[:, None] + rng.integers(0, 20, (300, 8))
    sequences = TokenSequences.from_lists(rows.tolist())
    pretrained = 9 * np.eye(20)[np.arange(62) % 20].astype("f")  # across the topics
    right = np.eye(3)[truth]
    wrong = np.eye(3)[rng.integers(0, 3, 300)]
    weights = [
        make_pseudo_labels(sequences, n_pseudo_classes=3, **vectors).view_weight
        for vectors in (
            {},
            {"document_vectors": right},
            {"document_vectors": wrong},
            {"pretrained": [pretrained]},
        )
    ]
    assert weights[:2] == [None, 2.0]
    assert weights[2] < 2.0
