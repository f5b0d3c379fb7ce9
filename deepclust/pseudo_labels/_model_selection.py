"""Select the number of mixture components by stability and mutual information.

1. Two *views* of the documents are each one random half of the vocabulary. A mixture is
   fitted on either view. A component that depends on one phrase is found in one view
   only, and a boundary through the middle of a topic differs between views.
2. Two *document subsamples* are each one half of the documents, with the whole
   vocabulary. Mixtures fitted on them show how much depends on the sample. Where there
   are many documents, each pair of views or subsamples has a sample of its own. Small
   components need more documents and more singular vectors to be told apart: beyond 30
   components both are doubled, and what such pairs say is scaled to what the others say
   of the greatest number up to 30.
3. The score of a number K of components is I · κ · κ', with the mutual information I
   and Cohen's kappa κ of the views, and the kappa κ' of the subsamples. Kappa alone
   favors few components, mutual information alone many.
4. Successive halving: numbers are screened on a coarse grid with few pairs, until the
   mutual information has fallen twice; those up to the greatest information with at
   least half of the best score, and the neighbors of the best, are compared on more
   pairs, and those with 85 % of it on twice as many.
5. The score favors the coarse side of what is supported, mutual information alone the
   fine side: the number beyond which the views share no more. Where the two are within
   two octaves the number is between them, of those with 90 % of the best score; else it
   is the coarse one, or, where the classes of that would be too many documents to look
   through, between them too.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from deepclust._parallel import in_threads
from deepclust.exceptions import ClusteringWarning
from deepclust.metrics._matching import best_match
from deepclust.pseudo_labels._features import (
    FEW_COMPONENTS,
    LSA_DIM,
    half_of_vocabulary,
    lsa_dim,
    lsa_features,
)
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
MAX_DOCS = 6_000  # random documents that few components are compared on
MIN_DOCUMENT_FREQUENCY = 2  # of tokens in the sample; one of one tells no class
MIN_TOKENS = 2  # that documents share, for two views of them; else all tokens count
MIN_DOCS = 100  # for a warning that the views support no topics
MIN_COVERAGE = 0.5  # of the documents, else the kappa of two views is not counted
FALLEN = 0.8  # of the greatest information, then
MAX_LARGEST = 0.6  # of the documents in one component, else the number scores 0
MIN_CONFIDENT = 0.05  # of the documents, else the kappa of two views is 0
SMALL = 9  # numbers up to this are all candidates
STEPS_PER_OCTAVE = 3.5  # of the candidates beyond
MICRO_CLUSTERS_PER_COMPONENT = 1.5  # at least
MIN_SUPPORT = 0.02  # below which the texts support hardly any topics, see `_support`
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
        selected, the least with about the best score, or the least with about the
        greatest mutual information, the finest that the texts support.

    Warns
    -----
    ClusteringWarning
        If the greatest mutual information, as a share of log K, times the kappa of the
        subsamples there is less than 0.02: the views know next to nothing of each
        other, and another sample says something else. The least number with a quarter
        of that information is returned then. Not with fewer than `MIN_DOCS` documents.

    Notes
    -----
    Of documents with the same tokens one is kept, since copies agree whatever the
    topics are. Each pair has at most `MAX_DOCS` random ones of the others, with the
    tokens that two of them have, and twice as many beyond 30 components, where features
    have twice as many singular vectors (`lsa_dim`). The latter agree more about any
    number: kappas and information are multiplied by the ratio of both kinds of pairs at
    the greatest number up to 30. Mutual information is that of all documents, less its
    expectation by chance [3]_. Cohen's kappa [2]_ is that of the labels after the best
    one-to-one match of components; for views, of the documents that both assign with
    p ≥ .9. With means over pairs

        s(K) = I_views · κ_views · κ_subsamples

    A number at which one component has more than three fifths of the documents scores
    0: one class is told apart from the rest, and nothing said of these.
    Where both views are sure of less than half of the documents at the best number of
    the screening, κ_views is left out: a minority says how clear the largest classes
    are, which favors few components where sizes differ.

    Candidates are the numbers from 2 to `SMALL`, and beyond in steps of
    1 / `STEPS_PER_OCTAVE` octave. Successive halving [4]_: the screening leaves out
    every other; those with at least half of the best score, and the neighbors on the
    grid of those with 85 % of it and of the finest, are compared on twice as many
    pairs, and those with 85 % of the best on twice as many again. Those whose score is
    less than half a standard error below the best are as good; of these the least is
    taken that is at least a quarter of the greatest. It is the coarse side of what the
    views support, since each has seen half of a document's words only; the fine side is
    the least number within one standard error [5]_ of the greatest mutual information:
    beyond it the views share no more. If that is at most four times the least, topics
    have one scale, and of the candidates with 90 % of the best score the nearest to the
    geometric mean of the two is selected: it is at most about a factor of two from
    either. Else they have layers, and the least number, the broad one, is selected; but
    where its classes have more than `MAX_DOCS` documents in the mean, of the candidates
    with half of the best score that nearest to the geometric mean.
    Component weights are annealed, so that small components do not die where there are
    many.

    Beyond 24 × `MAX_DOCS` documents, only the search for copies takes more time. The
    result does not depend on the number of threads.

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
    .. [5] Breiman, Friedman, Olshen, Stone, "Classification and regression trees",
       1984. (The one-standard-error rule, section 3.4.3.)

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
    grid = comparison.grid
    results = _screen(comparison, grid[::2])
    finest = _finest(results)
    promising = [k for k in _near_best(results, MIN_SHARES[0]) if k <= finest]
    best = [k for k in _near_best(results, MIN_SHARES[1]) if k <= finest]
    candidates = sorted({*promising, *_with_neighbors([*best, finest], grid)})
    compared = comparison.evaluate(candidates, *ROUNDS[1])
    finalists = _near_best(compared, MIN_SHARES[1])
    compared |= (final := comparison.evaluate(finalists, *ROUNDS[2]))
    results |= compared
    finest = _least_of_most_information(compared)
    information, stability = results[finest].mutual_info, results[finest].stability
    if _support(finest, information, stability) >= MIN_SUPPORT:
        least = _least_of_one_scale(_as_good_as_the_best(final))
        n_components = _between(least, finest, compared, final, comparison.n_distinct)
    else:
        enough = min(information, information * FEW_TOPICS)  # it may be negative
        least = min(k for k in results if results[k].mutual_info >= enough)
        n_components = least
        if comparison.n_distinct >= MIN_DOCS:
            _warn_of_no_topics(finest, information, stability)
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
        None unless it is more than `ONE_SCALE` times the least that is supported, and
        more than the number selected; or where the texts support hardly any topics.

    Examples
    --------
    >>> from deepclust.pseudo_labels._model_selection import finer_number
    >>> row = {"stability": 0.5, "supported": True}
    >>> rows = [{"n_components": k, "mutual_info": k / 15, **row} for k in (4, 18)]
    >>> finer_number(4, rows), finer_number(4, rows[:1]), finer_number(4, [])
    (18, None, None)
    """
    supported = [row for row in results if row["supported"]]
    if not supported:
        return None
    most = max(supported, key=lambda row: float(row["mutual_info"]))
    finest = int(most["n_components"])
    support = _support(finest, most["mutual_info"], most["stability"])
    has_layers = finest > ONE_SCALE * supported[0]["n_components"]
    is_finer = has_layers and finest > n_components and support >= MIN_SUPPORT
    return finest if is_finer else None


def _support(n_components: int, mutual_info: float, stability: float) -> float:
    """Return I / log K · κ', the share of the information that another sample has too.

    >>> round(_support(32, 0.23, 0.22), 3), round(_support(20, 0.5, 0.7), 3)
    (0.015, 0.117)
    """
    return mutual_info / float(np.log(n_components)) * max(stability, 0.0)


def _warn_of_no_topics(n_components: int, mutual_info: float, stability: float) -> None:
    mutual_info = max(mutual_info, 0.0)  # less its expectation it may be negative
    share = mutual_info / np.log(n_components)
    warnings.warn(
        "The texts support hardly any topics: partitions by two halves of the "
        f"vocabulary share {mutual_info:.2f} nats, {share:.0%} of what {n_components} "
        "equal classes have, and partitions of two halves of the texts agree with "
        f"kappa {stability:.2f}, so that clusters may mean little. More texts, labels, "
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

    coverage : float
        Share of the documents that both assign with p ≥ .9.

    largest : float
        Share of the documents in the largest component, mean of both.
    """

    kappa: float
    kappa_of_confident: float
    mutual_info: float
    coverage: float = 1.0
    largest: float = 0.0


class Agreements(NamedTuple):
    """What the pairs say of one number of components.

    Attributes
    ----------
    views : ndarray of shape (n_pairs, 2), float64
        Kappa of the confident documents and mutual information, of each pair of views.

    subsamples : ndarray of shape (n_pairs,), float64
        Kappa of all documents, of each pair of document subsamples.

    coverage : float, default=1.0
        Share of the documents that both views are sure of, mean over the pairs.

    counts_kappa : bool, default=True
        Whether the kappa of the views is part of the score.

    largest : float, default=0.0
        Share of the documents in the largest component, mean over the views.
    """

    views: np.ndarray
    subsamples: np.ndarray
    coverage: float = 1.0
    counts_kappa: bool = True
    largest: float = 0.0

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

    def scaled(self, standard: "Agreements", other: "Agreements") -> "Agreements":
        """Return these times the ratio of the means of two others, each at least 0."""

        def ratio(one: np.ndarray, two: np.ndarray) -> np.ndarray:
            """Return the ratio of two means; 1 where either is not positive."""
            means = one.mean(axis=0), two.mean(axis=0)
            usable = np.minimum(*means) > 0
            return np.where(usable, means[0] / np.where(usable, means[1], 1.0), 1.0)

        return self._replace(
            views=self.views * ratio(standard.views, other.views),
            subsamples=self.subsamples * ratio(standard.subsamples, other.subsamples),
        )

    @property
    def of_views(self) -> np.ndarray:
        """What each pair of views says, float64 (n_pairs,)."""
        return self.views.prod(axis=1) if self.counts_kappa else self.views[:, 1]

    @property
    def score(self) -> float:
        """s(K), the product of the means, each at least 0.

        One class and the rest are told apart well, but nothing is said of the rest.
        """
        if self.largest > MAX_LARGEST:
            return 0.0
        kappa = self.kappa if self.counts_kappa else 1.0
        parts = kappa, self.mutual_info, self.stability
        return float(np.prod(np.maximum(parts, 0.0)))


def _screen(comparison: "_Comparison", grid: list[int]) -> dict[int, Agreements]:
    """Evaluate a grid, ascending, until the information has fallen at two numbers.

    Where the views are sure of few documents it has to fall by a fifth, at one number,
    and the kappa of these few is not counted from here on.
    """
    first = sum(k <= SMALL for k in grid)
    results = comparison.evaluate(grid[:first], *ROUNDS[0])
    for k in grid[first:]:
        results |= comparison.evaluate([k], *ROUNDS[0])
        finest = _finest(results)
        share, enough = (1.0, 2) if _are_sure(results) else (FALLEN, 1)
        least = share * results[finest].mutual_info
        beyond = [results[j].mutual_info for j in results if j > finest]
        if sum(information < least for information in beyond) >= enough:
            break
    comparison.counts_kappa = _are_sure(results)
    return {
        k: row._replace(counts_kappa=comparison.counts_kappa)
        for k, row in results.items()
    }


def _are_sure(results: dict[int, Agreements]) -> bool:
    """Return whether both views are sure of most documents, at the best number.

    Where the texts support hardly any topics, it does not matter: True.
    """
    finest = _finest(results)
    information, stability = results[finest].mutual_info, results[finest].stability
    best = max(results.values(), key=lambda row: row.score)
    has_topics = _support(finest, information, stability) >= MIN_SUPPORT
    return best.coverage >= MIN_COVERAGE or not has_topics


def _finest(results: dict[int, Agreements]) -> int:
    """Return the number at which the views share the most information."""
    return max(results, key=lambda k: results[k].mutual_info)


def _least_of_most_information(results: dict[int, Agreements]) -> int:
    """Return the least number with the greatest information but for its noise.

    Beyond it the views share no more. It is within one standard error of the
    difference, pair by pair, of the greatest.
    """
    finest = _finest(results)
    for k in sorted(results):
        one, other = results[finest].views, results[k].views
        both = min(len(one), len(other))  # the first pairs are the same
        gains = one[:both, 1] - other[:both, 1]
        if gains.mean() <= gains.std(ddof=1) / np.sqrt(both):
            return k
    return finest


def _near_best(results: dict[int, Agreements], min_share: float) -> list[int]:
    """Return the candidates whose score is at least a share of the best."""
    least = min_share * max(row.score for row in results.values())
    return [k for k, row in results.items() if row.score >= least]


def _least_of_one_scale(best: list[int]) -> int:
    """Return the least number of the finest scale of the best.

    Numbers within a factor of `ONE_SCALE` are of one scale.

    >>> _least_of_one_scale([2, 48, 71]), _least_of_one_scale([4, 6])
    (48, 4)
    """
    return min(k for k in best if max(best) <= ONE_SCALE * k)


def _between(
    least: int,
    finest: int,
    compared: dict[int, Agreements],
    finalists: dict[int, Agreements],
    n_docs: int,
) -> int:
    """Return the number selected of those that the texts support.

    With one scale it is in the middle of the finalists. With several it is the least;
    where its classes have more than `MAX_DOCS` documents in the mean, each would be a
    corpus of its own, and the middle of all compared is selected.
    """
    if finest <= ONE_SCALE * least:
        candidates = _near_best(finalists, MIN_SHARES[2])
    elif n_docs <= MAX_DOCS * least:
        return least
    else:
        candidates = _near_best(compared, MIN_SHARES[0])
    middle = np.sqrt(least * finest)
    return min(candidates, key=lambda k: abs(np.log(k / middle)))


def _as_good_as_the_best(results: dict[int, Agreements]) -> list[int]:
    """Return the numbers whose scores are the best but for the noise of the pairs.

    A score is then less than half a standard error below the best; the error is that of
    the difference, pair by pair.
    """
    best = max(results, key=lambda k: results[k].score)

    def error(k: int) -> float:
        """Return the standard error of log s(best) - log s(k)."""
        parts = [
            (results[best].of_views, results[k].of_views),
            (results[best].subsamples, results[k].subsamples),
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
PairMaker = Callable[
    [csr_matrix, np.ndarray | None, int, np.random.Generator, int], Pair
]


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
        float(both.mean()),
        float(np.mean([np.bincount(labels).max() for labels in (one, other)]))
        / len(both),
    )


class _Comparison:
    """Compare mixtures of two views; each comparison once."""

    counts_kappa = True  # see `Agreements`

    def __init__(
        self,
        counts: csr_matrix,
        vectors: np.ndarray | None,
        seed: int,
    ) -> None:
        self._counts, self._vectors, self._seed = counts, vectors, seed
        self._distinct = _first_of_each(counts)
        self.n_distinct = len(self._distinct)
        self._made: dict[tuple[int, int], Pair] = {}
        self._agreement = cache(_agreement)
        self.grid = _candidate_grid(self._n_micro_clusters())

    def _make_pair(self, place: int, dim: int) -> Pair:
        """Make a pair of a sample, with the tokens that two of its documents have.

        A token of one document says nothing of other documents, but is part of the
        prior of all components. Documents grow with singular vectors: both tell small
        components apart. Pairs of views come first, those of subsamples after them.
        """
        n_views, n_subsamples = ROUNDS[-1]
        rng = np.random.default_rng(self._seed).spawn(n_views + n_subsamples)[place]
        size = MAX_DOCS * dim // LSA_DIM
        some = self._counts[np.sort(rng.permutation(self._distinct)[:size])]
        shared = some.getnnz(axis=0) >= MIN_DOCUMENT_FREQUENCY
        tokens = np.flatnonzero(shared | (shared.sum() < MIN_TOKENS))
        vectors = None if self._vectors is None else self._vectors[tokens]
        make: PairMaker = _views if place < n_views else _subsamples
        # two seeds for each pair
        return make(some[:, tokens], vectors, dim, rng, self._seed + 2 * place)

    def _n_micro_clusters(self) -> int:
        """Return the least number of micro-clusters of the views screened with."""
        views = self._pairs(LSA_DIM, ROUNDS[0][0], 0)
        return min(view.tree.n_micro_clusters for pair in views for view in pair)

    def _pairs(self, dim: int, n_views: int, n_subsamples: int) -> list[Pair]:
        """Return some pairs of views, and of subsamples after them."""
        first = ROUNDS[-1][0]
        places = [*range(n_views), *range(first, first + n_subsamples)]
        keys = [(place, dim) for place in places]
        new = [key for key in keys if key not in self._made]
        pairs = in_threads(lambda key: self._make_pair(*key), new, n_jobs=-1)
        self._made.update(zip(new, pairs, strict=True))
        return [self._made[key] for key in keys]

    def evaluate(
        self, candidates: list[int], n_views: int, n_subsamples: int
    ) -> dict[int, Agreements]:
        """Return what pairs of views and of subsamples say of each number.

        Pairs with more documents and singular vectors agree more about any number.
        That of the others is made the standard: beyond `FEW_COMPONENTS` all is divided
        by the ratio of both, at the greatest number up to it.
        """
        many = [k for k in candidates if k > FEW_COMPONENTS]
        both: list[tuple[int, int]] = []
        if many:
            last = max(k for k in self.grid if k <= FEW_COMPONENTS)
            both = [(last, LSA_DIM), (last, lsa_dim(max(many)))]
        settings = sorted({*((k, lsa_dim(k)) for k in candidates), *both})
        found = self._evaluate(settings, n_views, n_subsamples)
        results = {k: found[k, lsa_dim(k)] for k in candidates}
        for k in many:
            results[k] = results[k].scaled(*(found[one] for one in both))
        return results

    def _evaluate(
        self, settings: list[tuple[int, int]], n_views: int, n_subsamples: int
    ) -> dict[tuple[int, int], Agreements]:
        """Return what pairs say of each number of components and singular vectors."""
        pairs = {
            dim: self._pairs(dim, n_views, n_subsamples)
            for dim in sorted({dim for _, dim in settings})
        }
        # the largest first, so that no thread is left with one at the end
        tasks = [(pair, k) for k, dim in settings[::-1] for pair in pairs[dim]]
        agreement = self._agreement
        in_threads(lambda task: agreement(*task), tasks, n_jobs=-1)
        results = {}
        for k, dim in settings:
            some = [agreement(pair, k) for pair in pairs[dim]]
            results[k, dim] = Agreements(
                np.array([one[1:3] for one in some[:n_views]]),
                np.array([one.kappa for one in some[n_views:]]),
                float(np.mean([one.coverage for one in some[:n_views]])),
                self.counts_kappa,
                float(np.mean([one.largest for one in some[:n_views]])),
            )
        return results


def _first_of_each(counts: csr_matrix) -> np.ndarray:
    """Return the first row of each set of tokens."""
    first: dict[bytes, int] = {}
    for row in range(counts.shape[0]):
        tokens = counts.indices[counts.indptr[row] : counts.indptr[row + 1]]
        first.setdefault(tokens.tobytes(), row)
    return np.fromiter(first.values(), dtype=np.intp)


def _views(
    counts: csr_matrix,
    vectors: np.ndarray | None,
    dim: int,
    rng: np.random.Generator,
    seed: int,
) -> Pair:
    """Make two views, one half of the vocabulary each.

    They assign the documents with words in both halves.
    """
    half = half_of_vocabulary(counts, rng)
    features, parts = [], []
    for i, kept in enumerate((half, ~half)):
        tokens = np.flatnonzero(kept)
        own_vectors = None if vectors is None else vectors[tokens]
        parts.append(counts[:, tokens])
        features.append(lsa_features(parts[i], own_vectors, dim=dim, seed=seed + i))
    rows = np.flatnonzero(features[0].any(axis=1) & features[1].any(axis=1))
    if len(rows) == 0:
        rows = np.arange(counts.shape[0])
    one, other = (
        View(PartitionTree(own[rows], part[rows], seed=seed + i), own[rows], part[rows])
        for i, (own, part) in enumerate(zip(features, parts, strict=True))
    )
    return one, other


def _subsamples(
    counts: csr_matrix,
    vectors: np.ndarray | None,
    dim: int,
    rng: np.random.Generator,
    seed: int,
) -> Pair:
    """Make two views, whose trees are built on one half of the documents each.

    They assign all documents.
    """
    features = lsa_features(counts, vectors, dim=dim, seed=seed)
    order = rng.permutation(counts.shape[0])
    middle = (len(order) + 1) // 2
    halves = (np.sort(order[:middle]), np.sort(order[-middle:]))
    one, other = (
        PartitionTree(features[rows], counts[rows], seed=seed + i)
        for i, rows in enumerate(halves)
    )
    return View(one, features, counts), View(other, features, counts)
