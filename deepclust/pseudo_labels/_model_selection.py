"""Granularity: into how many groups texts fall.

Nobody is asked but the texts. The vocabulary is split in two at random, and the texts
are grouped by either half, at every number of groups. *Witnesses*, who know one half of
the words each, are asked about the texts of which both are sure, and agree on a text if
it is in groups that answer to each other. A group made by one phrase is known to one of
them only; a cut through the middle of a topic lies elsewhere for each. *Readers*, who
know all words and have read one half of the texts each, tell what depends on the texts
that happened to be there.

Few groups are easily agreed upon, and say little. So what counts is not only how far
judges agree, but also how much witnesses know in common. A number that is good by luck
has neighbours that are not, so that these are heard too. On two groups judges agree for
other reasons than topics, such as the length of the texts, so that two are taken only
if they are supported far better than any other number.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from deepclust._parallel import in_threads
from deepclust.pseudo_labels._features import lsa_features
from deepclust.pseudo_labels._mixture import TRIAL_STEPS, Grouping, is_sure

__all__ = ["select_n_components", "half_of_the_words"]

JUDGED = 6_000  # texts that the granularity is chosen on
FEW = 0.05  # of the texts: fewer that both are sure of do not count as agreement
SHORT, LONG = TRIAL_STEPS, 20  # of a mixture: in the first round, after it
# Pairs of witnesses and of readers that were asked, by round, and the share of the best
# support that keeps a number in. The first round's mixtures are short and leave every
# other number out; the smallest stay in after it anyway: they cost little, and it tells
# little about them.
FIRST, SMALLEST = (4, 1, 0.85), 9
RACE = ((6, 2, 0.9), (10, 3, 0.94))
BESIDE = 0.35  # octaves: the bandwidth of the mean around a number
HILL = 0.3  # octaves about the number that is taken, whose best is the answer
TWO = 1.5  # times the best other support, beyond which two groups are taken

Pair = tuple["_Judge", "_Judge"]


@dataclass
class Answer:
    """How far two judges agree, and how much they know in common, in nats."""

    agreement: float
    information: float


Asked = dict[int, list[Answer]]  # by number of groups


def select_n_components(
    counts: csr_matrix,
    vectors: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> tuple[int, list[dict[str, Any]]]:
    """Return the least number of groups that the texts support about as well as any.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    vectors : ndarray of shape (n_tokens, vector_dim), default=None
        Word vectors.

    seed : int, default=0

    Returns
    -------
    n_groups : int
    table : list of dict
        n_groups, agreement and information of the witnesses, stability, which is the
        agreement of the readers, and support (NaN where only the quick first round was
        asked), by rising n_groups.

    Notes
    -----
    Agreement of two groupings is Cohen's kappa [2]_ after the best one-to-one match of
    their groups: the share of texts on which they agree, beyond chance, among those
    whose group both are sure of (`is_sure`). Information is the
    mutual information of both groupings of these texts, in nats, less what is expected
    by chance [3]_. Support is the witnesses' information, times their agreement, times
    that of the readers, of means; but not more than the mean over the numbers around it
    that were asked of as many pairs, weighted by a Gaussian kernel of 0.35 octaves
    [4]_. Of numbers that are supported about as well, within 6 % of the best, the least
    is taken, or one within 0.3 octaves of it that has more support before neighbours
    are heard; two only where its support is half as much again as that of any other.

    It is a race, on at most `JUDGED` texts: the numbers up to `SMALLEST` and every
    other one beyond are asked of a few pairs, whose groups are refined little; those up
    to `SMALLEST` and hopeful ones are refined more, and the fewer are left, the more
    pairs are asked. Those next to hopeful ones are asked with them, left out before or
    not. The table has, of each number, the mean over the pairs that it was asked of
    last. Time does not grow with the corpus beyond `JUDGED` texts.

    References
    ----------
    .. [1] Blum, Mitchell, "Combining labeled and unlabeled data with co-training",
       COLT 1998, doi:10.1145/279943.279962. (Two views of one text as witnesses.)
    .. [2] Cohen, "A coefficient of agreement for nominal scales", Educational and
       Psychological Measurement 20(1), 1960, doi:10.1177/001316446002000104.
    .. [3] Vinh, Epps, Bailey, "Information theoretic measures for clusterings
       comparison", JMLR 11, 2010.
    .. [4] Nadaraya, "On estimating regression", Theory of Probability and Its
       Applications 9(1), 1964, doi:10.1137/1109020.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._model_selection import select_n_components
    >>> counts = np.kron(np.eye(3), np.ones((40, 8)))
    >>> counts = csr_matrix(np.random.default_rng(0).poisson(counts), dtype="f")
    >>> n_groups, table = select_n_components(counts)
    >>> max(row["kappa"] for row in table) > 0.9
    True
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(counts.shape[0])[:JUDGED]
    judged = counts[np.sort(rows)]
    seeds = iter(range(seed, seed + 1000))  # so that no two judges begin alike
    halves = [half_of_the_words(judged, rng) for _ in range(RACE[-1][0])]
    pairs = in_threads(
        lambda given: _witnesses(judged, vectors, *given),
        [(half, (next(seeds), next(seeds))) for half in halves],
        n_jobs=-1,
    )
    features = lsa_features(judged, vectors, seed=seed)
    readers = in_threads(
        lambda given: _readers(features, judged, *given),
        [
            (rng.permutation(len(rows)), (next(seeds), next(seeds)))
            for _ in range(RACE[-1][1])
        ],
        n_jobs=-1,
    )
    grid = _granularities(min(judge.n_cells for pair in pairs for judge in pair))
    first = _every_other(grid)
    asked = _ask(pairs[: FIRST[0]], first, SHORT)
    read = _ask(readers[: FIRST[1]], first, SHORT)
    support = _with_those_around(_support(asked, read, first))
    hopeful = _with_neighbours(_best(support, first, FIRST[2]), grid)
    left = [k for k in grid if k <= SMALLEST or k in hopeful]
    asked |= _ask([], left, LONG)
    read |= _ask([], left, LONG)
    refined, seen = [2, *left], (0, 0)
    for n_witnesses, n_readers, share in RACE:
        for k, given in _ask(pairs[seen[0] : n_witnesses], left, LONG).items():
            asked[k] += given
        for k, given in _ask(readers[seen[1] : n_readers], left, LONG).items():
            read[k] += given
        alone = _support(asked, read, left)
        support |= _with_those_around(alone)
        hopeful, seen = _best(support, left, share), (n_witnesses, n_readers)
        left = _with_neighbours(hopeful, left)
    asked |= _ask(pairs, [2], LONG)
    read |= _ask(readers, [2], LONG)
    support |= _support(asked, read, [2])
    table = [
        {
            "n_components": k,
            "kappa": _mean(asked[k]).agreement,
            "mutual_info": _mean(asked[k]).information,
            "stability": _mean(read[k]).agreement,
            "score": support[k] if k in refined else np.nan,
        }
        for k in sorted(asked)
    ]
    if support[2] > TWO * max(support[k] for k in hopeful):
        return 2, table
    least = min(hopeful)
    hill = [k for k in alone if abs(np.log2(k / least)) <= HILL]
    return max(hill, key=lambda k: alone[k]), table


def _ask(pairs: list[Pair], numbers: list[int], n_steps: int) -> Asked:
    """Return what each pair answers about each number."""

    def answer(question: tuple[Pair, int]) -> Answer:
        """Return that of one pair about one number."""
        pair, n_groups = question
        (one, sure), (other, other_sure) = (
            judge.judge(n_groups, n_steps) for judge in pair
        )
        both = sure & other_sure
        if both.mean() < FEW:
            return Answer(0.0, 0.0)
        return _compare(one[both], other[both])

    # the longest first, so that no thread is left with one at the end
    questions = [(pair, k) for k in sorted(numbers)[::-1] for pair in pairs]
    answers = in_threads(answer, questions, n_jobs=-1)
    asked: Asked = {k: [] for k in numbers}
    for (_, k), given in zip(questions, answers, strict=True):
        asked[k].append(given)
    return asked


def _compare(one: np.ndarray, other: np.ndarray) -> Answer:
    """Return the answer of two groupings of the same texts."""
    table = contingency_matrix(one, other)
    n_docs = len(one)
    rows, columns = linear_sum_assignment(-table)
    alike = int(table[rows, columns].sum()) / n_docs
    by_chance = int(table.sum(axis=1)[rows] @ table.sum(axis=0)[columns]) / n_docs**2
    return Answer(
        (alike - by_chance) / (1.0 - by_chance) if by_chance < 1.0 else 0.0,
        float(
            mutual_info_score(None, None, contingency=table)
            - expected_mutual_information(table, n_docs)
        ),
    )


def _mean(answers: list[Answer]) -> Answer:
    """Return the mean answer."""
    return Answer(
        float(np.mean([answer.agreement for answer in answers])),
        float(np.mean([answer.information for answer in answers])),
    )


def _support(asked: Asked, read: Asked, numbers: list[int]) -> dict[int, float]:
    """Return what speaks for each of these numbers, whatever speaks for others."""
    support = {}
    for k in numbers:
        witnesses, readers = _mean(asked[k]), _mean(read[k])
        factors = (witnesses.information, witnesses.agreement, readers.agreement)
        support[k] = float(np.prod(factors)) if min(factors) > 0.0 else 0.0
    return support


def _with_those_around(support: dict[int, float]) -> dict[int, float]:
    """Return the lesser of each number's support and the mean around it.

    A number that is good by luck has poor neighbours, and one that is poor may have
    good ones, above all where numbers end.
    """
    octaves, alone = np.log2(list(support)), list(support.values())
    weights = np.exp(-0.5 * ((octaves[:, None] - octaves) / BESIDE) ** 2)
    around = weights @ alone / weights.sum(axis=1)
    return dict(zip(support, np.minimum(alone, around).tolist(), strict=True))


def _best(support: dict[int, float], numbers: list[int], share: float) -> list[int]:
    """Return those of these numbers with at least this share of the best support."""
    best = max(support[k] for k in numbers)
    return [k for k in numbers if support[k] >= share * best]


def _with_neighbours(some: list[int], numbers: list[int]) -> list[int]:
    """Return some of these numbers, and those next to them."""
    kept = np.isin(numbers, some)
    kept[1:] |= np.isin(numbers[:-1], some)
    kept[:-1] |= np.isin(numbers[1:], some)
    return [k for k, keep in zip(numbers, kept.tolist(), strict=True) if keep]


@dataclass
class _Judge:
    """A grouping, with what its owner sees of the texts."""

    grouping: Grouping
    features: np.ndarray
    counts: csr_matrix

    @property
    def n_cells(self) -> int:
        return self.grouping.n_cells

    def judge(self, n_groups: int, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return each text's group, and whether that is sure."""
        mixture = self.grouping.cut(n_groups, n_steps)
        labels, lead = mixture.classify(self.features, self.counts)
        return labels, is_sure(lead)


def half_of_the_words(counts: csr_matrix, rng: np.random.Generator) -> np.ndarray:
    """Return which words the one witness knows, bool (n_tokens,).

    Of two words of neighbouring rank in frequency it knows one, so that both witnesses
    know about as much.
    """
    n_tokens = counts.shape[1]
    by_rank = np.argsort(-np.asarray(counts.sum(axis=0)).ravel(), kind="stable")
    first = rng.random((n_tokens + 1) // 2) < 0.5
    known = np.empty(n_tokens, dtype=bool)
    known[by_rank] = np.stack([first, ~first], axis=1).ravel()[:n_tokens]
    return known


def _witnesses(
    counts: csr_matrix,
    vectors: np.ndarray | None,
    half: np.ndarray,
    seeds: tuple[int, int],
) -> Pair:
    """Return two judges, who know one half of the vocabulary each.

    Only texts with words in both halves are asked.
    """
    views, parts = [], []
    for kept, seed in zip((half, ~half), seeds, strict=True):
        tokens = np.flatnonzero(kept)
        part = None if vectors is None else vectors[tokens]
        parts.append(counts[:, tokens])
        views.append(lsa_features(parts[-1], part, seed=seed))
    rows = np.flatnonzero(views[0].any(axis=1) & views[1].any(axis=1))
    if len(rows) == 0:
        rows = np.arange(len(views[0]))
    one, other = (
        _Judge(Grouping(view[rows], part[rows], seed=seed), view[rows], part[rows])
        for view, part, seed in zip(views, parts, seeds, strict=True)
    )
    return one, other


def _readers(
    features: np.ndarray,
    counts: csr_matrix,
    order: np.ndarray,
    seeds: tuple[int, int],
) -> Pair:
    """Return two judges, who have read one half of the texts each."""
    middle = (len(order) + 1) // 2
    halves = (np.sort(order[:middle]), np.sort(order[-middle:]))
    one, other = (
        _Judge(Grouping(features[rows], counts[rows], seed=seed), features, counts)
        for rows, seed in zip(halves, seeds, strict=True)
    )
    return one, other


def _granularities(n_cells: int) -> list[int]:
    """Return the numbers of groups to try: up to `SMALLEST` all, then a fifth apart.

    The last is at most two thirds of the number of cells.
    """
    apart = np.round(2.0 * 2.0 ** (np.arange(64) / 3.5)).astype(int)
    grid = np.union1d(np.arange(3, SMALLEST + 1), apart[apart > SMALLEST])
    return [int(k) for k in grid if k <= max(n_cells / 1.5, 3)]


def _every_other(grid: list[int]) -> list[int]:
    """Return the numbers that the first round asks: beyond `SMALLEST` every other.

    One left out is asked later if a number next to it is hopeful.
    """
    n_smallest = sum(k <= SMALLEST for k in grid)
    return grid[:n_smallest] + grid[n_smallest::2]
