"""Granularity: into how many groups texts fall.

Nobody is asked but the texts. The vocabulary is split in two at random, and the texts
are grouped by either half, at every number of groups. The granularity on which the two
*witnesses* agree best is taken. A group made by one phrase is known to one half only; a
cut through the middle of a topic lies elsewhere in each half.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_mutual_info_score

from deepclust.grouping import Grouping
from deepclust.lexical import lexical_features

__all__ = ["choose_granularity", "in_parallel"]

JUDGED = 6_000  # texts that the granularity is chosen on
N_WITNESSES = 8  # pairs of half vocabularies
WITNESS_STEPS = 6  # of each witness's mixture
FIRST_ASKED = 3  # pairs that judge every granularity
TIE = 0.01  # share of the best agreement by which a broader number may miss it
HOPE = 0.85  # share of the best agreement below which the other pairs are not asked

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
        n_groups and agreement of every number tried, in increasing order.

    Notes
    -----
    Agreement is the mean adjusted mutual information over `N_WITNESSES` pairs of half
    vocabularies, on at most `JUDGED` texts; numbers far from the best are asked of the
    first pairs only. Of equally well attested numbers the broadest is taken, unless the
    next finer one does better.
    Time does not grow with the corpus beyond `JUDGED` texts.

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
    n_docs = counts.shape[0]
    rows = np.sort(rng.choice(n_docs, min(JUDGED, n_docs), replace=False))
    halves = [rng.random(counts.shape[1]) < 0.5 for _ in range(N_WITNESSES)]
    pairs = in_parallel(
        lambda half: _witnesses(counts[rows], vectors, half, seed), halves
    )
    n_cells = min(witness.n_cells for pair in pairs for witness in pair)
    grid = _granularities(n_cells)
    asked: Asked = {k: [] for k in grid}
    _ask(pairs[:FIRST_ASKED], asked)
    best = max(np.mean(given) for given in asked.values())
    hopeful = {k: given for k, given in asked.items() if np.mean(given) >= HOPE * best}
    _ask(pairs[FIRST_ASKED:], hopeful)
    broadest = _broadest_attested(asked, grid)
    finer = grid[min(grid.index(broadest) + 1, len(grid) - 1)]
    between = round((broadest * finer) ** 0.5)
    if between not in asked:
        asked[between] = []
        _ask(pairs, {between: asked[between]})
    chosen = max([broadest, between, finer], key=lambda k: np.mean(asked[k]))
    table = [
        {"n_groups": k, "agreement": float(np.mean(given))}
        for k, given in sorted(asked.items())
    ]
    return chosen, table


def _ask(pairs: list[tuple["_Witness", "_Witness"]], asked: Asked) -> None:
    """Append to each number's list how well each pair agrees on it."""
    # the longest first, so that no thread is left with one at the end
    questions = [(pair, k) for k in sorted(asked, reverse=True) for pair in pairs]
    answers = in_parallel(lambda question: _agreement(*question), questions)
    for (_, k), answer in zip(questions, answers, strict=True):
        asked[k].append(answer)


def _broadest_attested(asked: Asked, grid: list[int]) -> int:
    """Return the broadest granularity within `TIE` of the best agreement.

    Each is judged by the median of its own agreement and that of its two neighbours on
    the grid, so that a lucky number does not win; a single group, the neighbour of two,
    agrees on nothing.
    """
    raw = [float(np.mean(asked[k])) for k in grid]
    padded = [0.0, *raw, raw[-1]]
    smooth = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    return grid[int(np.argmax(smooth >= (1.0 - TIE) * smooth.max()))]


@dataclass
class _Witness:
    """A grouping by half of the vocabulary, with what it sees of the texts."""

    features: np.ndarray
    counts: csr_matrix
    seed: int

    def __post_init__(self) -> None:
        self.grouping = Grouping(self.features, self.counts, seed=self.seed)

    @property
    def n_cells(self) -> int:
        return self.grouping.n_cells

    def testify(self, n_groups: int) -> np.ndarray:
        mixture = self.grouping.cut(n_groups, WITNESS_STEPS)
        return mixture.assign(self.features, self.counts)


def _witnesses(
    counts: csr_matrix, vectors: np.ndarray | None, half: np.ndarray, seed: int
) -> tuple[_Witness, _Witness]:
    """Return two witnesses, who know one half of the vocabulary each.

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
        _Witness(view[rows], part[rows], seed)
        for view, part in zip(views, parts, strict=True)
    )
    return one, other


def _agreement(pair: tuple[_Witness, _Witness], n_groups: int) -> float:
    one, other = (witness.testify(n_groups) for witness in pair)
    return float(adjusted_mutual_info_score(one, other))


def _granularities(n_cells: int) -> list[int]:
    """Return the numbers of groups to try: about a fifth apart, up to 2/3 n_cells."""
    grid = np.unique(np.round(2.0 * 2.0 ** (np.arange(64) / 3.5)).astype(int))
    return [int(k) for k in grid if k <= max(n_cells / 1.5, 2)]


def in_parallel(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Map over threads: numpy and scikit-learn's metrics let them run side by side."""
    return Parallel(n_jobs=-1, prefer="threads")(delayed(function)(i) for i in items)
