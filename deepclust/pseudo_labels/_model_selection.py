"""Select the number of mixture components by stability and mutual information.

1. Two *views* of the documents are each one random half of the vocabulary. A mixture is
   fitted on either view; both are compared on the documents that both assign with
   p ≥ .9. A component that depends on one phrase is found in one view only, and a
   boundary through the middle of a topic differs between views.
2. Two *document subsamples* are each one half of the documents, with the whole
   vocabulary. Mixtures fitted on them show how much depends on the sample.
3. The score of a number K of components is I · κ · κ', with the mutual information I
   and Cohen's kappa κ of the views, and the kappa κ' of the subsamples. Kappa alone
   favors few components.
4. Successive halving: all numbers are screened with few pairs and few EM steps, and the
   survivors are compared on more pairs and with more steps.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from deepclust._parallel import in_threads
from deepclust.metrics._matching import best_match
from deepclust.pseudo_labels._features import half_of_vocabulary, lsa_features
from deepclust.pseudo_labels._mixture import is_confident
from deepclust.pseudo_labels._partition_tree import TRIAL_STEPS, PartitionTree

__all__ = ["select_n_components"]


class Round(NamedTuple):
    """One round of successive halving.

    Attributes
    ----------
    n_views : int
        Pairs of views that are compared.

    n_subsamples : int
        Pairs of document subsamples that are compared.

    n_steps : int
        EM steps of each mixture.

    min_ratio : float
        Share of the best score that a candidate needs to survive.
    """

    n_views: int
    n_subsamples: int
    n_steps: int
    min_ratio: float


SCREENING = Round(4, 1, TRIAL_STEPS, 0.85)
ROUNDS = (Round(6, 2, 20, 0.9), Round(10, 3, 20, 0.94))
MAX_DOCS = 6_000  # random documents that numbers of components are compared on
MIN_CONFIDENT = 0.05  # of the documents, else the agreement of two mixtures is 0
SMALL = 9  # numbers up to this are all candidates, and all survive the screening
STEPS_PER_OCTAVE = 3.5  # of the candidates beyond
MICRO_CLUSTERS_PER_COMPONENT = 1.5  # at least
BANDWIDTH = 0.35  # octaves: standard deviation of the kernel that smooths scores
SEARCH_WIDTH = 0.3  # octaves around the least survivor, where the best score is taken
MIN_RATIO_FOR_TWO = 1.5  # of the score of 2 to the best other, for 2 to be taken


def select_n_components(
    counts: csr_matrix, vectors: np.ndarray | None = None, *, seed: int = 0
) -> tuple[int, list[dict[str, Any]]]:
    """Select the least number of components with about the best score.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32
        Document-term matrix.

    vectors : ndarray of shape (n_tokens, vector_dim), float32, default=None
        Word vectors.

    seed : int, default=0

    Returns
    -------
    n_components : int

    results : list of dict
        One row per candidate, in ascending order: "n_components", "kappa" and
        "mutual_info" of the views, "stability", which is the kappa of the document
        subsamples, and "score", NaN for candidates that did not survive the screening.
        Means over the pairs of the last round of the candidate.

    Notes
    -----
    Two partitions are compared on the documents that both assign with p ≥ .9
    (`is_confident`). Cohen's kappa [2]_ is that of the labels after the best one-to-one
    match of components; mutual information is in nats, less its expectation by chance
    [3]_. With means over pairs, the score of K components is

        s(K) = I_views · κ_views · κ_subsamples
        s̃(K) = min(s(K), Σ_j g(K, j) s(j) / Σ_j g(K, j))

    where g is a Gaussian kernel on log₂ K, of bandwidth 0.35 [4]_, and j runs over the
    candidates of the same round: the maximum of a noisy score is biased, that of its
    neighbors is not.

    Successive halving [5]_ compares at most `MAX_DOCS` documents. Candidates are the
    numbers from 3 to `SMALL`, and beyond in steps of 1 / `STEPS_PER_OCTAVE` octave. The
    screening leaves out every other of the larger ones; survivors are those within
    15 %, 10 % and 6 % of the best s̃, and their neighbors on the grid. Of the last
    survivors the least is taken, or the K within 0.3 octaves of it with the greatest
    s(K). Two components agree for other reasons than topics, such as document length,
    so that K = 2 is selected only if s(2) exceeds 1.5 times the best other score.

    Time does not grow with the corpus beyond `MAX_DOCS` documents. The result does not
    depend on the number of threads.

    References
    ----------
    .. [1] Blum, Mitchell, "Combining labeled and unlabeled data with co-training",
       COLT 1998, doi:10.1145/279943.279962. (Two views of a document.)
    .. [2] Cohen, "A coefficient of agreement for nominal scales", Educational and
       Psychological Measurement 20(1), 1960, doi:10.1177/001316446002000104.
    .. [3] Vinh, Epps, Bailey, "Information theoretic measures for clusterings
       comparison", JMLR 11, 2010.
    .. [4] Nadaraya, "On estimating regression", Theory of Probability and Its
       Applications 9(1), 1964, doi:10.1137/1109020.
    .. [5] Jamieson, Talwalkar, "Non-stochastic best arm identification and
       hyperparameter optimization", AISTATS 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._model_selection import select_n_components
    >>> counts = np.kron(np.eye(3), np.ones((40, 8)))
    >>> counts = csr_matrix(np.random.default_rng(0).poisson(counts), dtype="f")
    >>> n_components, results = select_n_components(counts)
    >>> n_components, max(row["kappa"] for row in results) > 0.9
    (3, True)
    """
    comparison = _Comparison(counts, vectors, seed)
    grid = _candidate_grid(comparison.min_micro_clusters)
    screened = _every_other(grid)
    results = comparison.evaluate(screened, SCREENING)
    survivors = _near_best(_smooth(_scores(results)), SCREENING.min_ratio)
    survivors = _with_neighbors(survivors, grid)
    candidates = [k for k in grid if k <= SMALL or k in survivors]
    smoothed: dict[int, float] = {}
    for round_ in ROUNDS:
        last = comparison.evaluate(candidates, round_)
        scores = _scores(last)
        results |= last
        smoothed |= (last_smoothed := _smooth(scores))
        survivors = _near_best(last_smoothed, round_.min_ratio)
        candidates = _with_neighbors(survivors, candidates)
    results |= (two := comparison.evaluate([2], ROUNDS[-1]))
    smoothed |= _scores(two)
    table = [
        {"n_components": k, **results[k], "score": smoothed.get(k, np.nan)}
        for k in sorted(results)
    ]
    if smoothed[2] > MIN_RATIO_FOR_TWO * max(smoothed[k] for k in survivors):
        return 2, table
    least = min(survivors)
    near = [k for k in scores if abs(np.log2(k / least)) <= SEARCH_WIDTH]
    return max(near, key=lambda k: scores[k]), table


def _scores(results: dict[int, dict[str, float]]) -> dict[int, float]:
    """Return s(K) of each candidate: the product of its results, 0 if one is ≤ 0."""
    return {
        k: float(np.prod([*row.values()])) if min(row.values()) > 0.0 else 0.0
        for k, row in results.items()
    }


def _smooth(scores: dict[int, float]) -> dict[int, float]:
    """Return s̃(K): the lesser of each score and the kernel mean around it."""
    octaves, raw = np.log2(list(scores)), list(scores.values())
    weights = np.exp(-0.5 * ((octaves[:, None] - octaves) / BANDWIDTH) ** 2)
    means = weights @ raw / weights.sum(axis=1)
    return dict(zip(scores, np.minimum(raw, means).tolist(), strict=True))


def _near_best(scores: dict[int, float], min_ratio: float) -> list[int]:
    """Return the candidates with at least this share of the best score."""
    best = max(scores.values())
    return [k for k, score in scores.items() if score >= min_ratio * best]


def _with_neighbors(some: list[int], grid: list[int]) -> list[int]:
    """Return some candidates of a grid, and those next to them."""
    kept = np.isin(grid, some)
    kept[1:] |= np.isin(grid[:-1], some)
    kept[:-1] |= np.isin(grid[1:], some)
    return [k for k, keep in zip(grid, kept.tolist(), strict=True) if keep]


def _candidate_grid(n_micro_clusters: int) -> list[int]:
    """Return the candidates: all up to `SMALL`, then steps of equal ratio."""
    steps = np.round(2.0 * 2.0 ** (np.arange(64) / STEPS_PER_OCTAVE)).astype(int)
    grid = np.union1d(np.arange(3, SMALL + 1), steps[steps > SMALL])
    largest = max(n_micro_clusters / MICRO_CLUSTERS_PER_COMPONENT, 3)
    return [int(k) for k in grid if k <= largest]


def _every_other(grid: list[int]) -> list[int]:
    """Return the candidates that are screened: beyond `SMALL` every other."""
    n_small = sum(k <= SMALL for k in grid)
    return grid[:n_small] + grid[n_small::2]


class Agreement(NamedTuple):
    """Cohen's kappa of two partitions, and mutual information (nats) beyond chance."""

    kappa: float
    mutual_info: float


def _compare(one: np.ndarray, other: np.ndarray) -> Agreement:
    """Return the agreement of two partitions of the same documents, int (n_docs,)."""
    table = contingency_matrix(one, other)
    n_docs = len(one)
    rows, columns = best_match(table)
    observed = int(table[rows, columns].sum()) / n_docs
    expected = int(table.sum(axis=1)[rows] @ table.sum(axis=0)[columns]) / n_docs**2
    kappa = (observed - expected) / (1.0 - expected) if expected < 1.0 else 0.0
    mutual_info = mutual_info_score(None, None, contingency=table)
    by_chance = expected_mutual_information(table, n_docs)
    return Agreement(kappa, float(mutual_info - by_chance))


@dataclass(eq=False)
class View:
    """A partition tree and what it sees of the documents to assign.

    Attributes
    ----------
    tree : PartitionTree

    features : ndarray of shape (n_docs, n_features), float32

    counts : sparse matrix of shape (n_docs, n_tokens), float32
    """

    tree: PartitionTree
    features: np.ndarray
    counts: csr_matrix

    def predict(self, n_components: int, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels, int32 (n_docs,), and where they are confident, bool."""
        mixture = self.tree.fit_cut(n_components, n_steps)
        labels, margin = mixture.predict_with_margin(self.features, self.counts)
        return labels, is_confident(margin)


Pair = tuple[View, View]


def _agreement(pair: Pair, n_components: int, n_steps: int) -> Agreement:
    """Return the agreement on the documents that both views assign confidently."""
    (one, confident), (other, also_confident) = (
        view.predict(n_components, n_steps) for view in pair
    )
    both = confident & also_confident
    if both.mean() < MIN_CONFIDENT:
        return Agreement(0.0, 0.0)
    return _compare(one[both], other[both])


class _Comparison:
    """Compare mixtures of views and of document subsamples; each comparison once."""

    def __init__(
        self, counts: csr_matrix, vectors: np.ndarray | None, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        counts = counts[np.sort(rng.permutation(counts.shape[0])[:MAX_DOCS])]
        n_views, n_subsamples = ROUNDS[-1][:2]
        seeds = count(seed, 2)  # of the first tree of a pair; the second has the next
        halves = [
            (half_of_vocabulary(counts, rng), next(seeds)) for _ in range(n_views)
        ]
        orders = [
            (rng.permutation(counts.shape[0]), next(seeds)) for _ in range(n_subsamples)
        ]
        self.views = in_threads(
            lambda half: _views(counts, vectors, *half), halves, n_jobs=-1
        )
        features = lsa_features(counts, vectors, seed=seed)
        self.subsamples = in_threads(
            lambda order: _subsamples(features, counts, *order), orders, n_jobs=-1
        )
        self.min_micro_clusters = min(
            view.tree.n_micro_clusters for pair in self.views for view in pair
        )
        self._agreement = cache(_agreement)

    def evaluate(
        self, candidates: Iterable[int], round_: Round
    ) -> dict[int, dict[str, float]]:
        """Return kappa, mutual_info and stability of each number of components."""
        views = self.views[: round_.n_views]
        subsamples = self.subsamples[: round_.n_subsamples]
        # the largest first, so that no thread is left with one at the end
        tasks = [
            (pair, k, round_.n_steps)
            for k in sorted(candidates, reverse=True)
            for pair in views + subsamples
        ]
        agreement = self._agreement
        in_threads(lambda task: agreement(*task), tasks, n_jobs=-1)
        results = {}
        for k in sorted(candidates):
            (kappa, mutual_info), (stability, _) = (
                np.transpose([agreement(pair, k, round_.n_steps) for pair in pairs])
                for pairs in (views, subsamples)
            )
            results[k] = {
                "kappa": float(np.mean(kappa)),
                "mutual_info": float(np.mean(mutual_info)),
                "stability": float(np.mean(stability)),
            }
        return results


def _views(
    counts: csr_matrix, vectors: np.ndarray | None, half: np.ndarray, seed: int
) -> Pair:
    """Make two views, one half of the vocabulary each.

    They assign the documents with words in both halves.
    """
    features, parts = [], []
    for i, kept in enumerate((half, ~half)):
        tokens = np.flatnonzero(kept)
        own_vectors = None if vectors is None else vectors[tokens]
        parts.append(counts[:, tokens])
        features.append(lsa_features(parts[i], own_vectors, seed=seed + i))
    rows = np.flatnonzero(features[0].any(axis=1) & features[1].any(axis=1))
    if len(rows) == 0:
        rows = np.arange(counts.shape[0])
    one, other = (
        View(PartitionTree(own[rows], part[rows], seed=seed + i), own[rows], part[rows])
        for i, (own, part) in enumerate(zip(features, parts, strict=True))
    )
    return one, other


def _subsamples(
    features: np.ndarray, counts: csr_matrix, order: np.ndarray, seed: int
) -> Pair:
    """Make two views, whose trees are built on one half of the documents each.

    They assign all documents.
    """
    middle = (len(order) + 1) // 2
    halves = (np.sort(order[:middle]), np.sort(order[-middle:]))
    one, other = (
        PartitionTree(features[rows], counts[rows], seed=seed + i)
        for i, rows in enumerate(halves)
    )
    return View(one, features, counts), View(other, features, counts)
