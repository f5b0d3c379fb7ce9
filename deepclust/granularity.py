"""Granularity: into how many groups texts fall.

Nobody is asked but the texts. The vocabulary is split in two at random, and the texts
are grouped by either half, at every number of groups. The granularity on which the two
*witnesses* agree best is taken. A group made by one phrase is known to one half only; a
cut through the middle of a topic lies elsewhere in each half. Of numbers that are
attested equally well, the one is taken on which *readers* agree best, who know all
words and have read half of the texts each.

On two groups witnesses agree for other reasons than topics too, such as the length of
the texts, so that two are taken only if they agree far better on them than on any other
number.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_mutual_info_score

from deepclust.grouping import TRIAL_STEPS, Grouping
from deepclust.lexical import lexical_features
from deepclust.threads import in_threads

__all__ = ["choose_granularity", "half_of_the_words"]

JUDGED = 6_000  # texts that the granularity is chosen on
N_WITNESSES = 12  # pairs of half vocabularies
FIRST_ASKED = 3  # of them that judge more than the most hopeful numbers
N_READERS = 4  # pairs of halves of the texts
TWO = 1.25  # times the best other agreement, beyond which two groups are taken,
NEARLY_ALL = 0.85  # as they are beyond this agreement
SHORT, LONG = TRIAL_STEPS, 20  # of a mixture: for all numbers, for the hopeful ones
HOPE = 0.9  # share of the best agreement, after few steps, that more steps are for
GREAT_HOPE = 0.95  # share that, after more steps, the other pairs are asked for
TIE = 0.99  # share at which the readers are asked

Pair = tuple["_Judge", "_Judge"]
Asked = dict[int, list[float]]


def choose_granularity(
    counts: csr_matrix,
    vectors: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of groups that the texts attest best.

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
        n_groups, agreement of the witnesses, and stability, the agreement of the
        readers (NaN where they were not asked), in increasing order of n_groups.

    Notes
    -----
    Agreement is the mean adjusted mutual information over `N_WITNESSES` pairs of half
    vocabularies, on at most `JUDGED` texts. All numbers are asked of a few pairs, whose
    groups are refined little; hopeful ones are refined more, and at last asked of all
    pairs. Time does not grow with the corpus beyond `JUDGED` texts.

    References
    ----------
    .. [1] Blum, Mitchell, "Combining labeled and unlabeled data with co-training",
       COLT 1998, doi:10.1145/279943.279962. (Two views of one text as witnesses.)

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.granularity import choose_granularity
    >>> counts = np.kron(np.eye(3), np.ones((40, 8)))
    >>> counts = csr_matrix(np.random.default_rng(0).poisson(counts), dtype="f")
    >>> n_groups, table = choose_granularity(counts)
    >>> max(row["agreement"] for row in table) > 0.9
    True
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(counts.shape[0])[:JUDGED]
    judged = counts[np.sort(rows)]
    halves = [half_of_the_words(judged, rng) for _ in range(N_WITNESSES)]
    pairs = in_threads(lambda half: _witnesses(judged, vectors, half, seed), halves, -1)
    grid = _granularities(min(judge.n_cells for pair in pairs for judge in pair))
    asked = _ask(pairs[:FIRST_ASKED], grid, SHORT)
    asked |= _ask(pairs[:FIRST_ASKED], _hopeful(asked, HOPE), LONG)
    great = _hopeful(asked, GREAT_HOPE)
    for k, given in _ask(pairs[FIRST_ASKED:], great, LONG).items():
        asked[k] += given
    attested = _hopeful({k: asked[k] for k in great}, TIE)
    asked |= _ask(pairs[:FIRST_ASKED], [2], LONG)
    best = max(float(np.mean(asked[k])) for k in attested)
    if np.mean(asked[2]) > min(TWO * best, NEARLY_ALL):
        attested = [2]
    read: Asked = {}
    if len(attested) > 1:
        features = lexical_features(judged, vectors, seed=seed)
        orders = [rng.permutation(len(rows)) for _ in range(N_READERS)]
        readers = in_threads(
            lambda order: _readers(features, judged, order, seed), orders, -1
        )
        read = _ask(readers, attested, LONG)
    table = [
        {
            "n_groups": k,
            "agreement": float(np.mean(asked[k])),
            "stability": float(np.mean(read.get(k, [np.nan]))),
        }
        for k in sorted(asked)
    ]
    return max(attested, key=lambda k: np.mean(read.get(k, [0.0]))), table


def _ask(pairs: list[Pair], numbers: list[int], n_steps: int) -> Asked:
    """Return how well each pair agrees on each number."""

    def agreement(question: tuple[Pair, int]) -> float:
        """Return that of one pair on one number."""
        pair, n_groups = question
        one, other = (judge.judge(n_groups, n_steps) for judge in pair)
        return float(adjusted_mutual_info_score(one, other))

    # the longest first, so that no thread is left with one at the end
    questions = [(pair, k) for k in sorted(numbers)[::-1] for pair in pairs]
    answers = in_threads(agreement, questions, n_jobs=-1)
    asked: Asked = {k: [] for k in numbers}
    for (_, k), answer in zip(questions, answers, strict=True):
        asked[k].append(answer)
    return asked


def _hopeful(asked: Asked, share: float) -> list[int]:
    """Return the numbers whose agreement is at least this share of the best."""
    best = max(np.mean(given) for given in asked.values())
    least = min(share * best, best)
    return [k for k, given in asked.items() if np.mean(given) >= least]


@dataclass
class _Judge:
    """A grouping, with what its owner sees of the texts."""

    grouping: Grouping
    features: np.ndarray
    counts: csr_matrix

    @property
    def n_cells(self) -> int:
        return self.grouping.n_cells

    def judge(self, n_groups: int, n_steps: int) -> np.ndarray:
        mixture = self.grouping.cut(n_groups, n_steps)
        return mixture.assign(self.features, self.counts)


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
    counts: csr_matrix, vectors: np.ndarray | None, half: np.ndarray, seed: int
) -> Pair:
    """Return two judges, who know one half of the vocabulary each.

    Only texts with words in both halves are asked.
    """
    views, parts = [], []
    for kept in (half, ~half):
        tokens = np.flatnonzero(kept)
        part = None if vectors is None else vectors[tokens]
        parts.append(counts[:, tokens])
        views.append(lexical_features(parts[-1], part, seed=seed))
    rows = np.flatnonzero(views[0].any(axis=1) & views[1].any(axis=1))
    if len(rows) == 0:
        rows = np.arange(len(views[0]))
    one, other = (
        _Judge(Grouping(view[rows], part[rows], seed=seed), view[rows], part[rows])
        for view, part in zip(views, parts, strict=True)
    )
    return one, other


def _readers(
    features: np.ndarray, counts: csr_matrix, order: np.ndarray, seed: int
) -> Pair:
    """Return two judges, who have read one half of the texts each."""
    middle = (len(order) + 1) // 2
    one, other = (
        _Judge(Grouping(features[rows], counts[rows], seed=seed), features, counts)
        for rows in (np.sort(order[:middle]), np.sort(order[-middle:]))
    )
    return one, other


def _granularities(n_cells: int) -> list[int]:
    """Return the numbers of groups to try: about a fifth apart, 3 to 2/3 n_cells."""
    grid = np.unique(np.round(2.0 * 2.0 ** (np.arange(64) / 3.5)).astype(int))
    return [int(k) for k in grid if 3 <= k <= max(n_cells / 1.5, 3)]
