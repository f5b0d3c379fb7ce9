"""Select the number of mixture components by stability and mutual information.

1. Two *views* of the documents are each one random half of the vocabulary. A mixture is
   fitted on either view. A component that depends on one phrase is found in one view
   only, and a boundary through the middle of a topic differs between views.
2. Two *document subsamples* are each one half of the documents, with the whole
   vocabulary. Mixtures fitted on them show how much depends on the sample.
3. The score of a number K of components is I · κ · κ', with the mutual information I
   and Cohen's kappa κ of the views, and the kappa κ' of the subsamples. Kappa alone
   favors few components, mutual information alone many.
4. Successive halving: numbers are screened on a coarse grid with few pairs, until the
   mutual information has fallen twice; those up to the greatest information with at
   least half of the best score, and their neighbors, are compared on more pairs, and
   those with 85 % of it on twice as many.
5. The score favors the coarse side of what is supported, mutual information alone the
   fine side. Where the two are within two octaves the number is between them, of those
   with 90 % of the best score.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from deepclust._parallel import in_threads
from deepclust.exceptions import ClusteringWarning
from deepclust.metrics._matching import best_match
from deepclust.pseudo_labels._features import half_of_vocabulary, lsa_features
from deepclust.pseudo_labels._mixture import ANNEALED_WEIGHTS, is_confident
from deepclust.pseudo_labels._partition_tree import PartitionTree

__all__ = ["MAX_DOCS", "View", "finer_number", "select_n_components"]

# Pairs of views and of document subsamples in each round, and the share of the best
# score that a number needs for the next one, or to be selected.
ROUNDS = ((2, 1), (4, 2), (8, 4))
MIN_SHARES = (0.5, 0.85, 0.9)
ONE_SCALE = 4.0  # ratio of the finest to the least number, up to which topics have one
MAX_ERRORS = 0.5  # standard errors below the best score, of the number selected
COMPARISON_STEPS = 10  # EM steps of each mixture
MAX_DOCS = 6_000  # random documents that numbers of components are compared on
MIN_DOCS = 100  # for a warning that the views support no topics
MIN_CONFIDENT = 0.05  # of the documents, else the kappa of two views is 0
SMALL = 9  # numbers up to this are all candidates
STEPS_PER_OCTAVE = 3.5  # of the candidates beyond
MICRO_CLUSTERS_PER_COMPONENT = 1.5  # at least
MIN_INFORMATION = 0.065  # share of log K, below which the views support no topics
FEW_TOPICS = 0.25  # of the greatest information, which the number needs then


def select_n_components(
    counts: csr_matrix,
    vectors: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> tuple[int, list[dict[str, Any]]]:
    """Select the number of components by what two views know of each other.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32
        Document-term matrix.

    vectors : ndarray of shape (n_tokens, vector_dim), float32, default=None
        Word vectors learned from the corpus. Pretrained ones have no part, since
        either view would know all words by them.

    seed : int, default=0

    Returns
    -------
    n_components : int

    results : list of dict
        One row per candidate tried, in ascending order: "n_components", "kappa" and
        "mutual_info" (nats) of the views, "stability", which is the kappa of the
        document subsamples, means over the pairs; "score"; "compared", whether the
        candidate survived the screening; and "supported", whether it is the number
        selected, the least with about the best score, or that of the greatest mutual
        information, the finest that the texts support.

    Warns
    -----
    ClusteringWarning
        If the greatest mutual information is less than 6.5 % of log K: the views know
        next to nothing of each other. The least number with a quarter of that
        information is returned then. Not with fewer than `MIN_DOCS` documents.

    Notes
    -----
    Of documents with the same tokens one is kept, since copies agree whatever the
    topics are, and of the others at most `MAX_DOCS` at random. Mutual information is
    that of all documents, less its expectation by chance [3]_. Cohen's kappa [2]_ is
    that of the labels after the best one-to-one match of components; for views, of the
    documents that both assign with p ≥ .9. With means over pairs

        s(K) = I_views · κ_views · κ_subsamples

    Candidates are the numbers from 2 to `SMALL`, and beyond in steps of
    1 / `STEPS_PER_OCTAVE` octave. Successive halving [4]_: the screening leaves out
    every other; those with at least half of the best score, and their neighbors on the
    grid, are compared on twice as many pairs, and those with 85 % of it on twice
    as many again. Those whose score is less than half a standard error below the best
    are as good; of these the least is taken that is at least a quarter of the greatest.
    It is the coarse side of what the views support, since each
    has seen half of a document's words only; the number of the greatest mutual
    information is the fine side. If that is at most four times the least, topics have
    one scale, and of the candidates with 90 % of the best score the nearest to the
    geometric mean of the two is selected: it is at most about a factor of two from
    either. Else they have layers, and the least number, the broad one, is
    selected. Component weights are annealed, so that small components do
    not die where there are many.

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
    .. [4] Jamieson, Talwalkar, "Non-stochastic best arm identification and
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
    results = _screen(comparison, grid[::2])
    finest = _finest(results)
    promising = [k for k in _near_best(results, MIN_SHARES[0]) if k <= finest]
    candidates = _with_neighbors([*promising, finest], grid)
    results |= (compared := comparison.evaluate(candidates, *ROUNDS[1]))
    finalists = _near_best(compared, MIN_SHARES[1])
    results |= (final := comparison.evaluate(finalists, *ROUNDS[2]))
    finest = _finest({k: results[k] for k in candidates})
    information = results[finest].mutual_info
    share = information / np.log(finest)
    if share >= MIN_INFORMATION:
        least, middle = _of_one_scale(_as_good_as_the_best(final), finest)
        near_best = _near_best(final, MIN_SHARES[2])
        n_components = min(near_best, key=lambda k: abs(np.log(k / middle)))
    else:
        enough = min(information, information * FEW_TOPICS)  # it may be negative
        least = min(k for k in results if results[k].mutual_info >= enough)
        n_components = least
        if comparison.n_docs >= MIN_DOCS:
            _warn_of_no_topics(information, share, finest)
    results |= compared | final
    table = [
        {
            "n_components": k,
            "kappa": results[k].kappa,
            "mutual_info": results[k].mutual_info,
            "stability": results[k].stability,
            "score": results[k].score,
            "compared": k in compared,
            "supported": k in (least, n_components, finest),
        }
        for k in sorted(results)
    ]
    return n_components, table


def finer_number(n_components: int, results: list[dict[str, Any]]) -> int | None:
    """Return the finest number that the texts support, if topics have several scales.

    Parameters
    ----------
    n_components : int
        The number selected.

    results : list of dict
        Of `select_n_components`.

    Returns
    -------
    finest : int or None
        None unless it is more than `ONE_SCALE` times the number selected, or where the
        views support no topics.

    Examples
    --------
    >>> from deepclust.pseudo_labels._model_selection import finer_number
    >>> rows = [{"n_components": k, "mutual_info": 1.2, "supported": True}
    ...         for k in (4, 18)]
    >>> finer_number(4, rows), finer_number(5, rows), finer_number(4, [])
    (18, None, None)
    """
    for row in sorted(results, key=lambda row: -row["n_components"]):
        finest = row["n_components"]
        if row["supported"]:
            has_topics = row["mutual_info"] >= MIN_INFORMATION * np.log(finest)
            return finest if has_topics and finest > ONE_SCALE * n_components else None
    return None


def _warn_of_no_topics(mutual_info: float, share: float, n_components: int) -> None:
    warnings.warn(
        "The texts support hardly any topics: partitions by two halves of the "
        f"vocabulary share {mutual_info:.2f} nats, {share:.0%} of what {n_components} "
        "equal classes have, so that clusters may mean little. More texts, labels, "
        "seed words or word vectors would help.",
        ClusteringWarning,
        stacklevel=3,
    )


class Agreement(NamedTuple):
    """Agreement of two partitions.

    Attributes
    ----------
    kappa, kappa_of_confident : float
        Cohen's kappa of all documents, and of those that both assign with p ≥ .9.

    mutual_info : float
        Of all documents, in nats, less its expectation by chance.
    """

    kappa: float
    kappa_of_confident: float
    mutual_info: float


class Agreements(NamedTuple):
    """What the pairs say of one number of components.

    Attributes
    ----------
    views : ndarray of shape (n_pairs, 2), float64
        Kappa of the confident documents and mutual information, of each pair of views.

    subsamples : ndarray of shape (n_pairs,), float64
        Kappa of all documents, of each pair of document subsamples.
    """

    views: np.ndarray
    subsamples: np.ndarray

    @property
    def kappa(self) -> float:
        """Mean kappa of the views."""
        return float(self.views[:, 0].mean())

    @property
    def mutual_info(self) -> float:
        """Mean mutual information of the views, nats."""
        return float(self.views[:, 1].mean())

    @property
    def stability(self) -> float:
        """Mean kappa of the document subsamples."""
        return float(self.subsamples.mean())

    @property
    def score(self) -> float:
        """s(K), the product of the three, each at least 0."""
        parts = self.kappa, self.mutual_info, self.stability
        return float(np.prod(np.maximum(parts, 0.0)))


def _screen(comparison: "_Comparison", grid: list[int]) -> dict[int, Agreements]:
    """Evaluate a grid, ascending, until the information has fallen at two numbers."""
    first = sum(k <= SMALL for k in grid)
    results = comparison.evaluate(grid[:first], *ROUNDS[0])
    for k in grid[first:]:
        results |= comparison.evaluate([k], *ROUNDS[0])
        if grid.index(k) >= grid.index(_finest(results)) + 2:
            break
    return results


def _finest(results: dict[int, Agreements]) -> int:
    """Return the number at which the views share the most information."""
    return max(results, key=lambda k: results[k].mutual_info)


def _near_best(results: dict[int, Agreements], min_share: float) -> list[int]:
    """Return the candidates whose score is at least a share of the best."""
    least = min_share * max(row.score for row in results.values())
    return [k for k, row in results.items() if row.score >= least]


def _of_one_scale(best: list[int], finest: int) -> tuple[int, float]:
    """Return the least number of the finest scale of the best, and the middle of it.

    Numbers within a factor of `ONE_SCALE` are of one scale, and the middle is the
    geometric mean; else it is the least.

    >>> _of_one_scale([2, 48, 71], finest=75), _of_one_scale([4, 6], finest=58)
    ((48, 60.0), (4, 4.0))
    """
    least = min(k for k in best if max(best) <= ONE_SCALE * k)
    has_one_scale = finest <= ONE_SCALE * least
    return least, float(np.sqrt(least * finest) if has_one_scale else least)


def _as_good_as_the_best(results: dict[int, Agreements]) -> list[int]:
    """Return the numbers whose scores are the best but for the noise of the pairs.

    A score is then less than half a standard error below the best; the error is that of
    the difference, pair by pair.
    """
    best = max(results, key=lambda k: results[k].score)

    def error(k: int) -> float:
        """Return the standard error of log s(best) - log s(k)."""
        parts = [
            (one.prod(axis=-1), other.prod(axis=-1))
            for one, other in (
                (results[best].views, results[k].views),
                (results[best].subsamples[:, None], results[k].subsamples[:, None]),
            )
        ]
        variances = [
            np.var((one - other) / other.mean(), ddof=1) / len(one)
            for one, other in parts
        ]
        return float(np.sqrt(np.sum(variances)))

    return [
        k
        for k in results
        if k == best
        or (
            results[k].score > 0
            and np.log(results[best].score / results[k].score) <= MAX_ERRORS * error(k)
        )
    ]


def _with_neighbors(some: list[int], grid: list[int]) -> list[int]:
    """Return some candidates of a grid, and those next to them."""
    kept = np.isin(grid, some)
    kept[1:] |= np.isin(grid[:-1], some)
    kept[:-1] |= np.isin(grid[1:], some)
    return [k for k, keep in zip(grid, kept.tolist(), strict=True) if keep]


def _candidate_grid(n_micro_clusters: int) -> list[int]:
    """Return the candidates: all up to `SMALL`, then steps of equal ratio."""
    steps = np.round(2.0 * 2.0 ** (np.arange(64) / STEPS_PER_OCTAVE)).astype(int)
    grid = np.union1d(np.arange(2, SMALL + 1), steps[steps > SMALL])
    largest = max(n_micro_clusters / MICRO_CLUSTERS_PER_COMPONENT, 2)
    return [int(k) for k in grid if k <= largest]


def _kappa(one: np.ndarray, other: np.ndarray) -> float:
    """Return Cohen's kappa of two partitions of the same documents, int (n_docs,)."""
    table = contingency_matrix(one, other)
    n_docs = len(one)
    rows, columns = best_match(table)
    observed = int(table[rows, columns].sum()) / n_docs
    expected = int(table.sum(axis=1)[rows] @ table.sum(axis=0)[columns]) / n_docs**2
    return float((observed - expected) / (1.0 - expected)) if expected < 1.0 else 0.0


def _mutual_info(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mutual information (nats) of two partitions, beyond chance."""
    table = contingency_matrix(one, other)
    mutual_info = mutual_info_score(None, None, contingency=table)
    return float(mutual_info - expected_mutual_information(table, len(one)))


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

    def predict(self, n_components: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels, int32 (n_docs,), and where they are confident, bool."""
        mixture = self.tree.fit_cut(n_components, COMPARISON_STEPS, ANNEALED_WEIGHTS)
        labels, margin = mixture.predict_with_margin(self.features, self.counts)
        return labels, is_confident(margin)


Pair = tuple[View, View]


def _agreement(pair: Pair, n_components: int) -> Agreement:
    """Return the agreement of both partitions."""
    (one, confident), (other, also_confident) = (
        view.predict(n_components) for view in pair
    )
    both = confident & also_confident
    enough = both.mean() >= MIN_CONFIDENT
    return Agreement(
        _kappa(one, other),
        _kappa(one[both], other[both]) if enough else 0.0,
        _mutual_info(one, other),
    )


class _Comparison:
    """Compare mixtures of two views; each comparison once."""

    def __init__(
        self,
        counts: csr_matrix,
        vectors: np.ndarray | None,
        seed: int,
    ) -> None:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.permutation(_first_of_each(counts))[:MAX_DOCS])
        counts = counts[rows]
        self.n_docs = len(rows)
        n_views, n_subsamples = ROUNDS[-1]
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
        self, candidates: list[int], n_views: int, n_subsamples: int
    ) -> dict[int, Agreements]:
        """Return what pairs of views and of subsamples say of each number."""
        views, subsamples = self.views[:n_views], self.subsamples[:n_subsamples]
        # the largest first, so that no thread is left with one at the end
        tasks = [
            (pair, k)
            for k in sorted(candidates, reverse=True)
            for pair in views + subsamples
        ]
        agreement = self._agreement
        in_threads(lambda task: agreement(*task), tasks, n_jobs=-1)
        return {
            k: Agreements(
                np.array([agreement(pair, k)[1:] for pair in views]),
                np.array([agreement(pair, k).kappa for pair in subsamples]),
            )
            for k in sorted(candidates)
        }


def _first_of_each(counts: csr_matrix) -> np.ndarray:
    """Return the first row of each set of tokens."""
    first: dict[bytes, int] = {}
    for row in range(counts.shape[0]):
        tokens = counts.indices[counts.indptr[row] : counts.indptr[row + 1]]
        first.setdefault(tokens.tobytes(), row)
    return np.fromiter(first.values(), dtype=np.intp)


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
