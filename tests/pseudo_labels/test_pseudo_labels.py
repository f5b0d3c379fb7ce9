"""Teaching: features, groupings, the choice of a granularity, targets."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from deepclust.pseudo_labels import _model_selection as granularity
from deepclust.pseudo_labels._document_completion import document_completion_scores
from deepclust.pseudo_labels._features import document_term_matrix, lsa_features
from deepclust.pseudo_labels._mixture import (
    TRIAL_STEPS,
    Grouping,
    Mixture,
    merge_cells,
    spherical_k_means,
)
from deepclust.pseudo_labels._model_selection import (
    select_n_components,
    half_of_the_words,
)
from deepclust.pseudo_labels._pseudo_labels import (
    KEPT,
    _agreed,
    _Mixed,
    _number_of_kind,
    make_pseudo_labels,
    majority_vote,
)
from deepclust.sequences import TokenSequences


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
    return make_pseudo_labels(sequences, seed=0), truth, request.param


def test_the_granularity_of_separate_topics_is_found(lesson):
    taught, _, n_topics = lesson
    assert n_topics / 1.3 <= taught.n_pseudo_classes <= 1.3 * n_topics


def test_targets_agree_with_the_topics_where_they_are_sure(lesson):
    taught, truth, _ = lesson
    for target in taught.targets[1:-1]:
        sure = target >= 0
        assert sure.mean() > 0.6
        assert adjusted_rand_score(truth[sure], target[sure]) > 0.8


def test_the_table_names_every_granularity_once(lesson):
    taught, _, _ = lesson
    tried = [row["n_components"] for row in taught.selection_results]
    assert tried == sorted(set(tried))
    assert all(-1 <= row["kappa"] <= 1 for row in taught.selection_results)


def test_the_granularity_is_the_one_attested_best():
    counts = document_term_matrix(topics(5, 600)[0])
    n_groups, table = select_n_components(counts)
    best = max(row["kappa"] for row in table)
    chosen = next(row for row in table if row["n_components"] == n_groups)
    assert chosen["kappa"] > 0.9 * best


def test_a_given_granularity_is_taken_unasked():
    sequences, _ = topics(4, 200)
    taught = make_pseudo_labels(sequences, n_pseudo_classes=3, seed=0)
    assert taught.n_pseudo_classes == 3
    assert taught.selection_results == []
    assert [target.max() + 1 for target in taught.targets] == [2, 3, 3, 3, 3, 4]


def test_a_mixture_mends_the_groups_it_starts_from():
    """A third of the texts begin in a wrong group; their words take them back."""
    sequences, truth = topics(4, 400)
    counts = document_term_matrix(sequences)
    features = lsa_features(counts)
    start = np.where(np.arange(400) % 3 == 0, np.roll(truth, 7), truth)
    mixture = Mixture.fit(features, counts, start, 4)
    assert adjusted_rand_score(truth, start) < 0.6
    assert adjusted_rand_score(truth, mixture.assign(features, counts)) > 0.95


def test_the_likelier_tree_is_cut():
    sequences, _ = topics(6, 500)
    counts = document_term_matrix(sequences)
    grouping = Grouping(lsa_features(counts), counts, seed=0)
    both = [grouping._cut(linkage, 6, 20).likelihood for linkage in ("ward", "average")]
    assert grouping.cut(6, 20).likelihood == max(both)


def test_scattered_cells_find_back_to_topics():
    sequences, truth = topics(4, 400)
    counts = document_term_matrix(sequences)
    features = lsa_features(counts)
    grouping = Grouping(features, counts, seed=0)
    mixture = grouping.scatter(4)
    assert adjusted_rand_score(truth, mixture.assign(features, counts)) > 0.9
    assert grouping.scatter(4).likelihood == mixture.likelihood


@pytest.mark.parametrize("beginning", ["scatter", "cut"])
def test_of_both_beginnings_the_better_is_learned(monkeypatch, beginning):
    """The mixtures of one beginning are spoilt: none of them is a target."""
    sequences, truth = topics(4, 400)

    def spoilt(self, n_groups):
        start = np.random.default_rng(0).integers(0, n_groups, 400)
        return Mixture.fit(self._features, self._counts, start, n_groups, n_steps=1)

    monkeypatch.setattr(Grouping, beginning, spoilt)
    for target in make_pseudo_labels(sequences, n_pseudo_classes=4).targets[1:-1]:
        sure = target >= 0
        assert adjusted_rand_score(truth[sure], target[sure]) > 0.9


def test_a_grouping_resumes_from_groups_of_all_texts():
    sequences, truth = topics(4, 400)
    counts = document_term_matrix(sequences)
    features = lsa_features(counts)
    start = np.where(np.arange(400) % 3 == 0, np.roll(truth, 7), truth)
    found = Grouping(features, counts, seed=0).resume(start).assign(features, counts)
    assert adjusted_rand_score(truth, found) > 0.95
    gaps = Grouping(features, counts, seed=0).resume(3 * start)
    assert gaps.directions.shape[0] == 4
    known = np.where(np.arange(400) % 10 == 0, truth, -1)
    grouping = Grouping(features, counts, seed=0, known=known)
    found = grouping.resume(np.where(known >= 0, known, start)).assign(features, counts)
    assert np.mean(found == truth) > 0.95


def test_likelihood_rises_with_the_truth():
    sequences, truth = topics(4, 400)
    counts = document_term_matrix(sequences)
    features = lsa_features(counts)
    found = Mixture.fit(features, counts, truth, 4)
    halves = Mixture.fit(features, counts, truth // 2, 4)
    assert found.likelihood > halves.likelihood


def test_known_classes_become_groups_and_others_are_still_found():
    sequences, truth = topics(5, 600)
    known = np.where((truth < 2) & (np.arange(600) % 8 == 0), truth, -1)
    taught = make_pseudo_labels(sequences, known=known, n_pseudo_classes=5, seed=0)
    for target in taught.targets:
        assert set(target[(known >= 0) & (truth == 0)]) == {0}
        assert set(target[(known >= 0) & (truth == 1)]) == {1}
    for target in taught.targets[1:-1]:
        sure = target >= 0
        assert adjusted_rand_score(truth[sure], target[sure]) > 0.9


def test_a_class_may_have_no_text_left():
    """Its texts had no known token, say; the others keep their numbers."""
    sequences, truth = topics(3, 60)
    known = np.where(np.arange(60) % 4 == 0, truth + 2, -1)
    for target in make_pseudo_labels(
        sequences, known=known, n_pseudo_classes=3, seed=0
    ).targets:
        assert np.all(target[known >= 0] >= 0)
        assert adjusted_rand_score(known[known >= 0], target[known >= 0]) == 1.0


@pytest.mark.parametrize(
    ("n_groups", "sizes"), [(1, [1, 1, 2]), (2, [2, 2, 3]), (3, [2, 3, 4]), (20, None)]
)
def test_one_grouping_is_broader_and_one_finer(n_groups, sizes):
    found = [_number_of_kind(kind, n_groups) for kind in KEPT]
    assert found == (sizes or [16, 20, 25])


def test_threads_do_not_change_the_lesson():
    sequences, _ = topics(5, 300)
    with threadpool_limits(1):
        one = make_pseudo_labels(sequences, seed=3)
    two = make_pseudo_labels(sequences, seed=3)
    assert one.n_pseudo_classes == two.n_pseudo_classes
    assert all(map(np.array_equal, one.targets, two.targets))


def test_features_are_unit_rows_and_empty_texts_are_zero():
    sequences = TokenSequences.from_lists([[2, 3], [], [3, 4, 2], [4]])
    features = lsa_features(document_term_matrix(sequences), np.eye(5, dtype="float32"))
    norms = np.linalg.norm(features, axis=1)
    np.testing.assert_allclose(norms, [1, 0, 1, 1], atol=1e-6)
    assert features.dtype == np.float32


def test_counting_leaves_the_sequences_alone():
    sequences = TokenSequences.from_lists([[4, 2, 2, 3], [3, 2]])
    document_term_matrix(sequences)
    assert sequences.ids.tolist() == [4, 2, 2, 3, 3, 2]


def test_unknown_and_padding_are_not_counted():
    counts = document_term_matrix(TokenSequences.from_lists([[1, 2, 2, 1], [1]]))
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
    for merge in merge_cells(means, sizes, linkage):
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


@pytest.mark.parametrize("n_docs", [1, 2, 5, 40])
def test_few_texts_still_teach(n_docs):
    sequences = TokenSequences.from_lists([[2 + i % 3, 3] for i in range(n_docs)])
    taught = make_pseudo_labels(sequences)
    assert all(len(target) == n_docs for target in taught.targets)


def test_identical_texts_get_identical_groups():
    sequences = TokenSequences.from_lists([[2, 3, 4]] * 30 + [[5, 6]] * 30)
    counts = document_term_matrix(sequences)
    features = lsa_features(counts)
    groups = Grouping(features, counts, seed=0).cut(2).assign(features, counts)
    assert len(set(groups[:30])) == len(set(groups[30:])) == 1


def test_witnesses_know_about_as_much_and_nothing_in_common():
    counts = document_term_matrix(topics(5, 300)[0])
    known = half_of_the_words(counts, np.random.default_rng(0))
    frequency = np.asarray(counts.sum(axis=0)).ravel()
    share = frequency[known].sum() / frequency.sum()
    assert abs(share - 0.5) < 0.05
    by_rank = np.argsort(-frequency, kind="stable")
    pairs = known[by_rank[: len(known) // 2 * 2]].reshape(-1, 2)
    assert np.all(pairs[:, 0] != pairs[:, 1])


def test_two_topics_are_two_groups():
    n_groups, _ = select_n_components(document_term_matrix(topics(2, 400)[0]))
    assert n_groups == 2


@pytest.mark.parametrize("n_topics", [5, 12])
def test_the_least_number_with_about_the_best_support_leads_to_the_answer(n_topics):
    n_groups, table = select_n_components(
        document_term_matrix(topics(n_topics, 600)[0])
    )
    support = {row["n_components"]: row["score"] for row in table}
    asked = [k for k, value in support.items() if k > 2 and not np.isnan(value)]
    assert len(asked) > 1
    least = min(k for k in asked if support[k] >= 0.94 * max(support[j] for j in asked))
    assert abs(np.log2(n_groups / least)) <= granularity.HILL
    alone = {
        row["n_components"]: row["mutual_info"] * row["kappa"] * row["stability"]
        for row in table
    }
    assert alone[n_groups] == max(alone[k] for k in asked)
    assert n_groups == n_topics


def test_two_groups_are_taken_only_where_their_support_is_far_better(monkeypatch):
    """Of the same table, 2 is the answer or not by how much better it has to be."""
    counts = document_term_matrix(topics(2, 400)[0])
    n_groups, table = select_n_components(counts)
    support = {row["n_components"]: row["score"] for row in table}
    ratio = support[2] / np.nanmax([value for k, value in support.items() if k > 2])
    assert n_groups == 2
    assert ratio > granularity.TWO
    monkeypatch.setattr(granularity, "TWO", 1.01 * ratio)
    assert select_n_components(counts)[0] > 2


def test_support_of_one_number_is_information_times_agreement_times_stability():
    answer = granularity.Answer
    asked = {5: [answer(0.5, 1.0), answer(0.7, 1.4)]}
    read = {5: [answer(0.8, 9.0), answer(1.0, 9.0)]}
    support = granularity._support(asked, read, [5])
    assert support == {5: pytest.approx(1.2 * 0.6 * 0.9)}
    below_chance = {5: [answer(-0.1, 1.0)]}
    assert granularity._support(below_chance, read, [5]) == {5: 0.0}


def test_a_number_is_supported_no_more_than_it_and_those_around_it_are():
    level = dict.fromkeys([3, 30, 33, 36, 300], 1.0)
    assert granularity._with_those_around(level) == pytest.approx(level)
    lucky = granularity._with_those_around(level | {33: 2.0})
    assert 1.0 < lucky.pop(33) < 2.0
    assert lucky == pytest.approx(dict.fromkeys([3, 30, 36, 300], 1.0))
    poor = granularity._with_those_around(level | {33: 0.5})
    assert poor[33] == 0.5
    assert poor[30] < 1.0


def test_groupings_are_compared_on_texts_from_everywhere(monkeypatch):
    """Texts sorted by topic: the first of them are all of one group."""
    monkeypatch.setattr("deepclust.pseudo_labels._pseudo_labels.JUDGED", 100)
    sequences, truth = topics(4, 800)
    order = np.argsort(truth, kind="stable")
    seen = []

    def noted(one, others, judged):
        seen.append(set(truth[order][judged]))
        return list(range(len(others)))

    monkeypatch.setattr("deepclust.pseudo_labels._pseudo_labels._most_like", noted)
    make_pseudo_labels(sequences[order], n_pseudo_classes=4)
    assert seen == [{0, 1, 2, 3}] * 4


def test_numbers_next_to_hopeful_ones_are_asked_with_them():
    numbers = [3, 4, 5, 6, 8, 10, 12]
    assert granularity._with_neighbours([3, 8], numbers) == [3, 4, 6, 8, 10]
    assert granularity._with_neighbours([12], numbers) == [10, 12]
    assert granularity._with_neighbours([], numbers) == []


def test_the_first_round_leaves_out_no_small_number_and_no_two_in_a_row():
    grid = granularity._granularities(400)
    first = granularity._every_other(grid)
    assert [k for k in grid if k <= granularity.SMALLEST] == first[:7]
    assert granularity._with_neighbours(first, grid) == grid
    assert len(first) < 0.75 * len(grid)


def test_information_is_no_more_than_the_groups_can_tell():
    _, table = select_n_components(document_term_matrix(topics(5, 400)[0]))
    asked = [row for row in table if not np.isnan(row["score"])]
    assert 5 in [row["n_components"] for row in asked]
    for row in asked:
        assert row["mutual_info"] < np.log(row["n_components"]) + 1e-9


def test_agreement_does_not_depend_on_names_and_is_zero_by_chance():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 5, (2, 20_000))
    renamed = granularity._compare(one, (one + 2) % 5)
    assert renamed.agreement == 1.0
    assert renamed.information == pytest.approx(np.log(5), abs=0.01)
    by_chance = granularity._compare(one, other)
    assert abs(by_chance.agreement) < 0.02
    assert abs(by_chance.information) < 0.001
    half = np.where(np.arange(20_000) % 2, one, other)
    assert granularity._compare(one, half).agreement == pytest.approx(0.5, abs=0.02)
    nothing = granularity._compare(one * 0, one * 0)
    assert nothing == granularity.Answer(0.0, pytest.approx(0.0))


def test_information_is_free_of_what_chance_makes_of_many_small_groups():
    one, other = np.random.default_rng(0).integers(0, 150, (2, 600))
    assert abs(granularity._compare(one, other).information) < 0.05


def test_judges_who_are_sure_of_few_texts_do_not_agree():
    class Judge:
        """Right about every text, sure of some."""

        def __init__(self, n_sure):
            self.n_sure = n_sure

        def judge(self, n_groups, n_steps):
            texts = np.arange(1000)
            return texts % n_groups, texts < self.n_sure

    few, enough, all_texts = (Judge(n_sure) for n_sure in (49, 50, 1000))
    asked = granularity._ask([(few, all_texts), (enough, all_texts)], [3], 1)
    assert [answer.agreement for answer in asked[3]] == [0.0, 1.0]
    assert asked[3][0].information == 0.0


def test_half_of_the_texts_are_targets_even_if_none_is_sure(monkeypatch):
    monkeypatch.setattr("deepclust.pseudo_labels._mixture.SURE", 1 - 1e-12)
    sequences, _ = topics(3, 120, length=2)
    for target in make_pseudo_labels(sequences, n_pseudo_classes=3).targets:
        assert 0.5 <= np.mean(target >= 0) < 0.7


def test_texts_of_no_topic_are_rarely_targets():
    sequences, _ = topics(3, 300)
    rows = [sequences[[i]].ids.tolist() for i in range(300)]
    words = np.random.default_rng(1).integers(2, 12, (30, 2)).tolist()  # of all topics
    lesson = make_pseudo_labels(
        TokenSequences.from_lists(rows + words), n_pseudo_classes=3
    )
    sure = np.mean([target >= 0 for target in lesson.targets], axis=0)
    assert sure[:300].mean() > 0.9
    assert sure[300:].mean() < 0.7


def test_the_linkage_is_remembered_and_does_not_change_the_cut():
    sequences, _ = topics(5, 300)
    counts = document_term_matrix(sequences)
    features = lsa_features(counts)
    one, other = (Grouping(features, counts, seed=0) for _ in range(2))
    one.cut(5, TRIAL_STEPS)
    np.testing.assert_array_equal(
        one.cut(5).assign(features, counts), other.cut(5).assign(features, counts)
    )


def mixed(*labels, lead=9.0):
    lead = np.full(len(labels), lead, dtype="float32")
    return _Mixed(1.0, np.array(labels, dtype="int32"), lead)


def test_texts_that_most_others_group_otherwise_are_left_out():
    """Whatever the groups' numbers: one against three, and two against two."""
    targets = _agreed(
        [
            mixed(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2),
            mixed(2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1),
            mixed(0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2),
            mixed(0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 0),
        ]
    )
    assert [np.flatnonzero(target < 0).tolist() for target in targets] == [
        [3],
        [3],
        [3],
        [3, 11],
    ]
    assert targets[1].tolist() == [2, 2, 2, -1, 0, 0, 0, 0, 1, 1, 1, 1]


def test_known_texts_are_targets_whatever_others_say():
    three = [mixed(0, 0, 0, 1, 1, 1) for _ in range(3)]
    told = mixed(0, 0, 1, 1, 1, 1)
    told.lead[2] = np.inf
    assert _agreed([*three, told])[3].tolist() == [0, 0, 1, 1, 1, 1]
    assert _agreed([*three, mixed(0, 0, 1, 1, 1, 1)])[3].tolist() == [0, 0, -1, 1, 1, 1]


def test_a_classification_alone_agrees_with_itself():
    assert _agreed([mixed(1, 0, 1, 0)])[0].tolist() == [1, 0, 1, 0]


def test_a_vote_is_by_the_names_of_the_best(monkeypatch):
    """The first is the best; ties go to the group of the lesser number."""
    groupings = [
        np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]),
        np.array([2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1]),
        np.array([0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2]),
        np.array([0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 0, 3]),
        np.array([3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2]),  # unlike them: it has no vote
    ]
    monkeypatch.setattr(
        "deepclust.pseudo_labels._pseudo_labels.document_completion_scores",
        lambda *_, seed: [2, 1, 1, 1, 1],
    )
    voted = majority_vote(csr_matrix(np.ones((12, 2))), groupings)
    assert voted.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]


def test_groups_that_foretell_words_are_topics():
    """Neither halves of topics, nor two in one, nor groups by a word of all topics."""
    sequences, truth = topics(4, 600)
    counts = document_term_matrix(sequences)
    halves = truth + 4 * (np.arange(600) // 4 % 2)
    joined = np.maximum(truth, 1) - 1
    shared = np.asarray(counts[:, 2:12].argmax(axis=1)).ravel()
    found = document_completion_scores(counts, [truth, halves, joined, shared])
    assert found.argmax() == 0
    assert found[0] - found[2] > 0.1
    assert found[3] == found.min()


def test_foretelling_heeds_no_names_no_rivals_and_no_threads(monkeypatch):
    sequences, truth = topics(4, 300)
    counts = document_term_matrix(sequences)
    together = document_completion_scores(counts, [truth, (truth + 1) % 4, truth // 2])
    assert together[1] == pytest.approx(together[0], abs=1e-5)
    monkeypatch.setattr(
        "deepclust.pseudo_labels._document_completion.in_threads",
        lambda work, parts, n_jobs: [work(part) for part in parts],
    )
    (alone,) = document_completion_scores(counts, [truth // 2])
    assert alone == together[2]


@pytest.mark.parametrize("n_docs", [1, 2, 3])
def test_foretelling_takes_few_texts_and_few_words(n_docs):
    counts = csr_matrix(np.ones((n_docs, 1), dtype="float32"))
    labels = np.arange(n_docs) // 2
    assert document_completion_scores(counts, [labels]) == pytest.approx(0.0, abs=1.5)
