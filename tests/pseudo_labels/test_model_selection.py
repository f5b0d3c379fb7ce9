"""Selection of the number of components by stability and mutual information."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack
from threadpoolctl import threadpool_limits

from deepclust.exceptions import ClusteringWarning
from deepclust.pseudo_labels import _model_selection as selection
from deepclust.pseudo_labels._model_selection import Agreement, select_n_components


@pytest.fixture(autouse=True)
def _one_thread_of_blas():
    """Limit BLAS as `make_pseudo_labels` does; more threads are slower here."""
    with threadpool_limits(limits=1):
        yield


def test_the_selected_number_has_a_high_kappa(topic_counts):
    n_components, table = select_n_components(topic_counts(5, 600)[0])
    best = max(row["kappa"] for row in table)
    selected = next(row for row in table if row["n_components"] == n_components)
    assert selected["kappa"] > 0.9 * best


def test_the_screening_ends_two_numbers_after_the_greatest_information():
    class Comparison:
        def evaluate(self, candidates, n_views, n_subsamples):
            seen.extend(candidates)
            information = {10: 1.5, 20: 2.0, 30: 1.9, 80: 9.0}
            return {
                k: selection.Agreements(
                    np.array([[0.5, information.get(k, 1.0)]]), np.array([0.5])
                )
                for k in candidates
            }

    seen: list[int] = []
    results = selection._screen(Comparison(), [2, 4, 6, 8, 10, 20, 30, 50, 80])
    assert list(results) == seen == [2, 4, 6, 8, 10, 20, 30, 50]


@pytest.mark.parametrize(
    ("coverage", "seen"), [(0.6, [2, 4, 8, 10, 20]), (0.4, [2, 4, 8, 10, 20, 30, 50])]
)
def test_views_that_are_sure_of_few_documents_are_compared_longer(coverage, seen):
    """The kappa of these few is not counted; 2 is the best by it, and 30 without."""

    class Comparison:
        def evaluate(self, candidates, n_views, n_subsamples):
            information = {2: 0.5, 8: 1.0, 30: 1.1}
            return {
                k: selection.Agreements(
                    np.array([[2 / k, information.get(k, 0.85)]] * 2),
                    np.array([0.5] * 2),
                    coverage,
                )
                for k in candidates
            }

    grid = [2, 4, 8, 10, 20, 30, 50, 80]
    comparison = Comparison()
    results = selection._screen(comparison, grid)

    assert list(results) == seen
    assert comparison.counts_kappa == (coverage > 0.5)
    best = max(results, key=lambda k: results[k].score)
    assert best == (2 if coverage > 0.5 else 30)
    assert selection._as_good_as_the_best(results) == [best]


def one_class_and_many(rng):
    """Return counts: 200 documents of a class, 600 of twelve that share most words."""
    topic = np.repeat(np.arange(13), [200, *[50] * 12])
    rates = np.full((13, 240), 0.01)
    rates[0, :40], rates[1:, 40:120] = 0.2, 0.06
    for one in range(1, 13):
        rates[one, 110 + 10 * one : 120 + 10 * one] = 0.3
    return csr_matrix(rng.poisson(rates[topic]).astype(np.float32))


def test_one_class_and_the_rest_are_not_two_components(monkeypatch):
    counts = one_class_and_many(np.random.default_rng(0))
    assert 12 <= select_n_components(counts)[0] <= 16
    monkeypatch.setattr(selection, "MAX_LARGEST", 1.0)
    assert select_n_components(counts)[0] == 2


def test_a_number_whose_largest_component_has_most_documents_scores_nothing():
    views, subsamples = np.full((4, 2), 0.9), np.full(4, 0.9)
    half = selection.Agreements(views, subsamples, largest=0.55)
    assert half.score > 0.7
    assert half._replace(largest=0.65).score == 0.0


def test_small_classes_beside_large_ones_are_components():
    """Twelve classes, the k-th with a k-th of the texts of the first, in few words."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, 7)  # of each of the six words of a class
    parts = []
    for topic in range(12):
        n_texts = 600 // (topic + 1)
        words = 6 * topic + rng.choice(6, (n_texts, 2), p=share / share.sum())
        noise = rng.integers(72, 272, (n_texts, 3))
        counts = np.zeros((n_texts, 272), dtype=np.float32)
        np.add.at(counts, (np.arange(n_texts)[:, None], words), 1)
        np.add.at(counts, (np.arange(n_texts)[:, None], noise), 1)
        parts.append(counts)
    n_components, _ = select_n_components(csr_matrix(np.vstack(parts)))
    assert 10 <= n_components <= 14


def test_two_topics_are_two_components(topic_counts):
    n_components, _ = select_n_components(topic_counts(2, 400)[0])
    assert n_components == 2


@pytest.mark.parametrize("n_topics", [5, 12])
def test_the_number_of_separate_topics_is_selected(topic_counts, n_topics):
    n_components, table = select_n_components(topic_counts(n_topics, 600)[0])
    assert n_topics / 1.3 <= n_components <= 1.3 * n_topics
    supported = [row["n_components"] for row in table if row["supported"]]
    finest = max(table, key=lambda row: (row["compared"], row["mutual_info"]))
    assert {n_components, finest["n_components"]} == set(supported)


def test_mutual_info_is_at_most_the_entropy(topic_counts):
    _, table = select_n_components(topic_counts(5, 400)[0])
    assert 5 in [row["n_components"] for row in table]
    for row in table:
        assert row["mutual_info"] < np.log(row["n_components"]) + 1e-9


def test_texts_without_topics_get_a_warning_and_few_components():
    words = np.random.default_rng(0).poisson(0.05, (400, 200))
    counts = csr_matrix(words[words.any(axis=1)], dtype="f")
    with pytest.warns(ClusteringWarning, match=r"share 0\.\d+ nats, \d%"):
        n_components, table = select_n_components(counts)
    assert n_components < max(row["n_components"] for row in table)


@pytest.mark.filterwarnings("ignore:The texts support hardly any topics")
def test_information_below_chance_still_gives_a_number():
    counts = csr_matrix(np.eye(12, 24, dtype="f") + np.eye(12, 24, 12, dtype="f"))
    for seed in range(5):
        n_components, table = select_n_components(counts, seed=seed)
        assert n_components in [row["n_components"] for row in table]


def test_pairs_have_more_documents_for_more_singular_vectors(monkeypatch, topic_counts):
    monkeypatch.setattr(selection, "MAX_DOCS", 100)
    comparison = selection._Comparison(topic_counts(4, 300)[0], None, 0)
    subsamples = selection.ROUNDS[-1][0]  # which assign all documents of the sample
    for dim, n_docs in ((150, 100), (300, 200)):
        assert comparison._make_pair(subsamples, dim)[0].counts.shape[0] == n_docs


def test_small_corpora_are_compared_with_as_many_components_as_views_have(topic_counts):
    """Subsamples, of half of the documents, have fewer micro-clusters."""
    comparison = selection._Comparison(topic_counts(4, 160)[0], None, 0)
    assert 17 <= max(comparison.grid) <= 21


def test_numbers_compared_by_more_documents_have_the_scale_of_the_others(
    monkeypatch, topic_counts
):
    monkeypatch.setattr(selection, "MAX_DOCS", 400)
    comparison = selection._Comparison(topic_counts(4, 900)[0], None, 0)
    few, last, many = 24, 26, 32
    together = comparison.evaluate([few, many], 2, 1)
    alone = comparison.evaluate([few], 2, 1)
    np.testing.assert_array_equal(together[few].views, alone[few].views)
    dims = selection.lsa_dim(few), selection.lsa_dim(many)
    found = comparison._evaluate(
        [(last, dims[0]), (last, dims[1]), (many, dims[1])], 2, 1
    )
    ratio = found[last, dims[0]].mutual_info / found[last, dims[1]].mutual_info
    raw = found[many, dims[1]].mutual_info
    assert together[many].mutual_info == pytest.approx(ratio * raw)
    assert ratio != pytest.approx(1.0)


def test_scaling_gives_the_standard_its_own_means():
    rng = np.random.default_rng(0)
    one, other = (
        selection.Agreements(rng.uniform(0.1, 1, (3, 2)), rng.uniform(0.1, 1, 2))
        for _ in range(2)
    )
    scaled = other.scaled(one, other)
    assert scaled.mutual_info == pytest.approx(one.mutual_info)
    assert scaled.score == pytest.approx(one.score)
    nothing = selection.Agreements(np.zeros((3, 2)), np.zeros(2))
    for standard, divisor in ((one, nothing), (nothing, one)):
        same = other.scaled(standard, divisor)
        np.testing.assert_array_equal(same.views, other.views)
        np.testing.assert_array_equal(same.subsamples, other.subsamples)


def test_copies_of_a_document_do_not_count(topic_counts):
    counts, _ = topic_counts(4, 300)
    copies = vstack([counts, *[counts[:20]] * 30]).tocsr()
    assert select_n_components(copies) == select_n_components(counts)


class Pair:
    """A pair of views with a given agreement."""

    def __init__(self, *agreement):
        self.agreement = Agreement(*agreement)


def test_the_score_is_the_product_of_means_over_pairs():
    made = object.__new__(selection._Comparison)
    views = [Pair(0.1, 0.5, 1.0), Pair(0.2, 0.7, 1.4), Pair(0.0, 0.0, 0.0)]
    subsamples = [Pair(0.8, 0.1, 9.0), Pair(1.0, 0.1, 9.0), Pair(0.0, 0.0, 0.0)]
    made._pairs = lambda dim, n, m: [*views[:n], *subsamples[:m]]
    made._agreement = lambda pair, n_components: pair.agreement
    result = made.evaluate([5], 2, 2)[5]
    parts = result.kappa, result.mutual_info, result.stability
    assert parts == pytest.approx((0.6, 1.2, 0.9))
    assert result.score == pytest.approx(1.2 * 0.6 * 0.9)
    assert result._replace(subsamples=-result.subsamples).score == 0.0


@pytest.mark.parametrize(("noise", "best"), [(0.0, [9]), (0.2, [4, 9, 20])])
def test_numbers_within_the_noise_of_the_pairs_are_as_good(noise, best):
    """4 and 9 score alike but for one percent; 3 is worse, beyond the noise too."""
    signs = np.array([1.0, -1.0, 1.0, -1.0])
    results = {
        k: selection.Agreements(
            np.stack([np.full(4, 0.8), height * (1 + noise * sign * signs)], axis=1),
            np.full(4, 0.9),
        )
        for k, height, sign in [(3, 0.7, 1), (4, 0.99, 1), (9, 1.0, -1), (20, 0.9, 1)]
    }
    assert selection._as_good_as_the_best(results) == best


@pytest.mark.parametrize(("noise", "least"), [(0.001, 20), (0.1, 10)])
def test_the_finest_number_is_the_least_with_the_greatest_information(noise, least):
    """From 10 on it grows by one percent only; 40 has four pairs of eight compared."""
    signs = np.array([1.0, -1.0] * 4)
    rows = [(4, 0.5, 1, 8), (10, 0.99, 1, 8), (20, 1.0, -1, 8), (40, 0.98, 1, 4)]
    results = {
        k: selection.Agreements(
            np.stack([signs, height + noise * sign * signs], axis=1)[:n], np.ones(n)
        )
        for k, height, sign, n in rows
    }
    assert selection._least_of_most_information(results) == least


@pytest.mark.filterwarnings("error")
def test_views_that_never_agree_select_a_number_without_a_warning_of_numpy():
    nothing = selection.Agreements(np.zeros((4, 2)), np.zeros(4))
    some = selection.Agreements(np.full((4, 2), 0.5), np.full(4, 0.5))
    assert selection._as_good_as_the_best({3: nothing, 4: nothing}) == [3]
    assert selection._as_good_as_the_best({3: nothing, 4: some}) == [4]


@pytest.mark.parametrize(
    ("best", "least"),
    [
        ([22], 22),
        ([18, 22], 18),
        ([2, 48, 71], 48),  # as good as 2, and says more
    ],
)
def test_the_least_number_of_the_finest_scale(best, least):
    assert selection._least_of_one_scale(best) == least


@pytest.mark.parametrize(
    ("least", "finest", "n_docs", "expected"),
    [
        (18, 32, 10_000, 24),  # one scale: between the two
        (18, 32, 1_000_000, 24),
        (16, 4, 10_000, 12),
        (4, 64, 24_000, 4),  # layers: the broad one
        (4, 64, 24_001, 16),  # too many documents to a class
    ],
)
def test_the_number_is_between_the_least_and_the_finest(
    least, finest, n_docs, expected
):
    scores = {3: 0.1, 4: 0.8, 12: 0.9, 16: 0.6, 24: 1.0, 32: 0.7, 64: 0.5}
    results = {
        k: selection.Agreements(np.array([[score, 1.0]] * 2), np.ones(2))
        for k, score in scores.items()
    }
    finalists = {k: results[k] for k in (12, 24)}
    selected = selection._between(least, finest, results, finalists, n_docs)
    assert selected == expected


def test_pairs_have_samples_of_their_own_where_documents_are_many(monkeypatch):
    """Tokens of a single document of the sample are no part of it."""
    monkeypatch.setattr(selection, "MAX_DOCS", 200)
    counts = np.random.default_rng(0).poisson(0.2, (1000, 300))
    counts = csr_matrix(np.hstack([counts, np.eye(1000)]), dtype="f")
    comparison = selection._Comparison(counts, None, 0)
    assert comparison.n_distinct == 1000
    samples = [pair[0].counts for pair in comparison._pairs(150, 0, 4)]
    assert {sample.shape for sample in samples} == {(200, 300)}
    assert len({sample.sum() for sample in samples}) > 1


@pytest.mark.parametrize(
    ("supported", "selected", "stability", "finer"),
    [
        ([4, 64], 4, 0.5, 64),
        ([4, 20, 64], 20, 0.5, 64),
        ([4, 64], 64, 0.5, None),
        ([20, 64], 20, 0.5, None),  # one scale
        ([4, 64], 4, 0.1, None),  # the information is 12 % of log 64
    ],
)
def test_a_finer_number_is_one_of_another_scale(supported, selected, stability, finer):
    row = {"stability": stability}
    rows = [
        {"n_components": k, "mutual_info": k / 128, "supported": k in supported, **row}
        for k in (4, 20, 64)
    ]
    assert selection.finer_number(selected, rows) == finer


def test_a_number_of_a_greater_score_with_less_information_is_not_finer():
    row = {"stability": 0.5, "supported": True}
    rows = [{"n_components": k, "mutual_info": 1 / k, **row} for k in (4, 8, 20)]
    assert selection.finer_number(8, rows) is None


def test_neighbors_of_survivors_are_kept():
    grid = [3, 4, 5, 6, 8, 10, 12]
    assert selection._with_neighbors([3, 8], grid) == [3, 4, 6, 8, 10]
    assert selection._with_neighbors([12], grid) == [10, 12]
    assert selection._with_neighbors([], grid) == []


def test_all_small_numbers_are_candidates():
    grid = selection._candidate_grid(400)
    assert grid[:8] == list(range(2, selection.SMALL + 1))
    assert selection._with_neighbors(grid[::2], grid) == grid
    assert grid[-1] <= 400 / selection.MICRO_CLUSTERS_PER_COMPONENT


def test_kappa_does_not_depend_on_numbering_and_is_zero_by_chance():
    one, other = np.random.default_rng(0).integers(0, 5, (2, 20_000))
    assert selection._kappa(one, (one + 2) % 5) == 1.0
    assert selection._mutual_info(one, (one + 2) % 5) == pytest.approx(
        np.log(5), abs=0.01
    )
    assert abs(selection._kappa(one, other)) < 0.02
    assert abs(selection._mutual_info(one, other)) < 0.001
    half = np.where(np.arange(20_000) % 2, one, other)
    assert selection._kappa(one, half) == pytest.approx(0.5, abs=0.02)
    assert selection._kappa(one * 0, one * 0) == 0.0


def test_mutual_info_is_corrected_for_chance():
    one, other = np.random.default_rng(0).integers(0, 150, (2, 600))
    assert abs(selection._mutual_info(one, other)) < 0.05


def test_views_with_few_confident_documents_do_not_agree():
    class View:
        """Right about every document, confident of some."""

        def __init__(self, n_confident):
            self.n_confident = n_confident

        def predict(self, n_components):
            documents = np.arange(1000)
            return documents % n_components, documents < self.n_confident

    few, enough, every = (View(n_confident) for n_confident in (49, 50, 1000))
    assert selection._agreement((few, every), 3).kappa_of_confident == 0.0
    assert selection._agreement((enough, every), 3).kappa_of_confident == 1.0
    assert selection._agreement((few, every), 3).kappa == 1.0
