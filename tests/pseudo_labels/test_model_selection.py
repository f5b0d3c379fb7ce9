"""Selection of the number of components by stability and mutual information."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

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


def test_two_topics_are_two_components(topic_counts):
    n_components, _ = select_n_components(topic_counts(2, 400)[0])
    assert n_components == 2


@pytest.mark.parametrize("n_topics", [5, 12])
def test_the_best_score_near_the_least_survivor_is_selected(topic_counts, n_topics):
    n_components, table = select_n_components(topic_counts(n_topics, 600)[0])
    score = {row["n_components"]: row["score"] for row in table}
    refined = [k for k, value in score.items() if k > 2 and not np.isnan(value)]
    assert len(refined) > 1
    best = max(score[k] for k in refined)
    least = min(k for k in refined if score[k] >= 0.94 * best)
    assert abs(np.log2(n_components / least)) <= selection.SEARCH_WIDTH
    raw = {
        row["n_components"]: row["mutual_info"] * row["kappa"] * row["stability"]
        for row in table
    }
    assert raw[n_components] == max(raw[k] for k in refined)
    assert n_components == n_topics


def test_two_components_need_a_far_better_score(monkeypatch, topic_counts):
    """From the same table, 2 is selected or not, depending on the ratio required."""
    counts, _ = topic_counts(2, 400)
    n_components, table = select_n_components(counts)
    score = {row["n_components"]: row["score"] for row in table}
    ratio = score[2] / np.nanmax([value for k, value in score.items() if k > 2])
    assert n_components == 2
    assert ratio > selection.MIN_RATIO_FOR_TWO
    monkeypatch.setattr(selection, "MIN_RATIO_FOR_TWO", 1.01 * ratio)
    assert select_n_components(counts)[0] > 2


def test_mutual_info_is_at_most_the_entropy(topic_counts):
    _, table = select_n_components(topic_counts(5, 400)[0])
    refined = [row for row in table if not np.isnan(row["score"])]
    assert 5 in [row["n_components"] for row in refined]
    for row in refined:
        assert row["mutual_info"] < np.log(row["n_components"]) + 1e-9


class Pair:
    """A pair of views with a given agreement."""

    def __init__(self, *agreement):
        self.agreement = Agreement(*agreement)


def comparison(views, subsamples):
    """Return a comparison of pairs with a given agreement."""
    made = object.__new__(selection._Comparison)
    made.views, made.subsamples = views, subsamples
    made._agreement = lambda pair, n_components, n_steps: pair.agreement
    return made


def test_the_score_is_the_product_of_means_over_pairs():
    views = [Pair(0.5, 1.0), Pair(0.7, 1.4), Pair(0.0, 0.0)]
    subsamples = [Pair(0.8, 9.0), Pair(1.0, 9.0), Pair(0.0, 0.0)]
    round_ = selection.Round(2, 2, 1, 0.9)
    results = comparison(views, subsamples).evaluate([5], round_)
    assert results == {
        5: pytest.approx({"kappa": 0.6, "mutual_info": 1.2, "stability": 0.9})
    }
    assert selection._scores(results) == {5: pytest.approx(1.2 * 0.6 * 0.9)}
    below_chance = comparison([Pair(-0.1, 1.0)] * 2, subsamples).evaluate([5], round_)
    assert selection._scores(below_chance) == {5: 0.0}


def test_a_smoothed_score_is_at_most_the_score_and_the_mean_around_it():
    level = dict.fromkeys([3, 30, 33, 36, 300], 1.0)
    assert selection._smooth(level) == pytest.approx(level)
    high = selection._smooth(level | {33: 2.0})
    assert 1.0 < high.pop(33) < 2.0
    assert high == pytest.approx(dict.fromkeys([3, 30, 36, 300], 1.0))
    low = selection._smooth(level | {33: 0.5})
    assert low[33] == 0.5
    assert low[30] < 1.0


def test_neighbors_of_survivors_are_kept():
    grid = [3, 4, 5, 6, 8, 10, 12]
    assert selection._with_neighbors([3, 8], grid) == [3, 4, 6, 8, 10]
    assert selection._with_neighbors([12], grid) == [10, 12]
    assert selection._with_neighbors([], grid) == []


def test_the_screening_leaves_out_no_small_number_and_no_two_in_a_row():
    grid = selection._candidate_grid(400)
    screened = selection._every_other(grid)
    assert [k for k in grid if k <= selection.SMALL] == screened[:7]
    assert selection._with_neighbors(screened, grid) == grid
    assert len(screened) < 0.75 * len(grid)


def test_kappa_does_not_depend_on_numbering_and_is_zero_by_chance():
    one, other = np.random.default_rng(0).integers(0, 5, (2, 20_000))
    renumbered = selection._compare(one, (one + 2) % 5)
    assert renumbered.kappa == 1.0
    assert renumbered.mutual_info == pytest.approx(np.log(5), abs=0.01)
    by_chance = selection._compare(one, other)
    assert abs(by_chance.kappa) < 0.02
    assert abs(by_chance.mutual_info) < 0.001
    half = np.where(np.arange(20_000) % 2, one, other)
    assert selection._compare(one, half).kappa == pytest.approx(0.5, abs=0.02)
    nothing = selection._compare(one * 0, one * 0)
    assert nothing == Agreement(0.0, pytest.approx(0.0))


def test_mutual_info_is_corrected_for_chance():
    one, other = np.random.default_rng(0).integers(0, 150, (2, 600))
    assert abs(selection._compare(one, other).mutual_info) < 0.05


def test_views_with_few_confident_documents_do_not_agree():
    class View:
        """Right about every document, confident of some."""

        def __init__(self, n_confident):
            self.n_confident = n_confident

        def predict(self, n_components, n_steps):
            documents = np.arange(1000)
            return documents % n_components, documents < self.n_confident

    few, enough, every = (View(n_confident) for n_confident in (49, 50, 1000))
    assert selection._agreement((few, every), 3, 1) == Agreement(0.0, 0.0)
    assert selection._agreement((enough, every), 3, 1).kappa == 1.0
