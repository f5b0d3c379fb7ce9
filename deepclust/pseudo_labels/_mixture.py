"""Groupings: a corpus in any number of groups, by its words and its lexical features.

1. A few hundred tight *cells* of the features, by spherical k-means on a sample.
2. A *tree*: the cells merged one by one, by Ward's linkage, which makes groups of like
   size, or by average linkage, which lets sizes differ (`merge_cells`).
3. At any cut of the tree, a *mixture*: each group is a distribution over words and a
   direction of the features; expectation and maximisation refine it, with the evidence
   of the words heated at first, so that the cut's mistakes can be undone (`Mixture`).
   Of the two linkages, the one whose mixture makes the texts more likely, after a few
   steps, is taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.sparse import csr_matrix

__all__ = [
    "Grouping",
    "LINKAGES",
    "Mixture",
    "is_sure",
    "merge_cells",
    "spherical_k_means",
    "word_evidence",
    "word_frequencies",
]

LINKAGES = ("ward", "average")
N_CELLS = 400
CELL_SAMPLE = 8_000  # texts that the cells are made from
MIXTURE_SAMPLE = 20_000  # texts that a mixture is fitted to
STEPS = 80  # of expectation and maximisation
TRIAL_STEPS = 6  # that tell which linkage is the likelier
FIRST_HEAT, LAST_HEAT = 0.1, 0.7  # weight of a word's evidence
CONCENTRATION = 10.0  # of a group's features around its direction
SURE = 0.9  # probability of its group, beside the second best, of a sure text
PSEUDO_COUNT = 1.0  # per token of the vocabulary, shared out by frequency


class Grouping:
    """A tree of groups of texts, made from a random sample of them.

    Parameters
    ----------
    features : ndarray of shape (n_docs, n_features), float32
        Rows of unit length.

    counts : sparse matrix of shape (n_docs, n_tokens), float32
        How often each token occurs.

    seed : int
        Draws the sample and the first cells.

    known : ndarray of shape (n_docs,), int, default=None
        Classes of the texts, from 0; -1 where one is not known. They become groups.

    Attributes
    ----------
    n_cells : int
        Leaves of the tree.

    Notes
    -----
    The cells come from spherical k-means [1]_. Time
    O(`CELL_SAMPLE` × `N_CELLS` × n_features); it does not grow with the corpus.

    References
    ----------
    .. [1] Dhillon, Modha, "Concept decompositions for large sparse text data using
       clustering", Machine Learning 42, 2001, doi:10.1023/A:1007612920971.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._mixture import Grouping
    >>> counts = np.repeat(np.eye(3, dtype="float32"), 20, axis=0)
    >>> grouping = Grouping(counts, csr_matrix(counts), seed=0)
    >>> mixture = grouping.cut(3)
    >>> np.bincount(mixture.assign(counts, csr_matrix(counts)))
    array([20, 20, 20])
    """

    def __init__(
        self,
        features: np.ndarray,
        counts: csr_matrix,
        *,
        seed: int,
        known: np.ndarray | None = None,
    ) -> None:
        self._seed = seed
        rng = np.random.default_rng(seed)
        n_docs = len(features)
        size = min(CELL_SAMPLE, max(round(0.8 * n_docs), min(n_docs, 30)))
        order = rng.permutation(n_docs)
        sample = features[np.sort(order[:size])]
        rows = np.sort(order[: max(size, MIXTURE_SAMPLE)])
        self._rows, self._features, self._counts = rows, features[rows], counts[rows]
        self._known = None if known is None else known[rows]
        n_cells = min(N_CELLS, max(size // 4, min(size, 8)))
        centers = sample[rng.choice(size, n_cells, replace=False)]
        centers = spherical_k_means(sample, centers, 10)
        _, cells = np.unique(_nearest(sample, centers), return_inverse=True)
        self._sizes = np.bincount(cells).astype(np.float64)
        self._means = _group_sums(sample, cells, len(self._sizes))
        self._means /= self._sizes[:, None].astype(np.float32)
        self._merges = {
            linkage: merge_cells(self._means, self._sizes, linkage)
            for linkage in LINKAGES
        }
        self._likelier: dict[int, str] = {}  # linkage by number of groups

    @property
    def n_cells(self) -> int:
        return len(self._sizes)

    def cut(self, n_groups: int, n_steps: int = STEPS) -> "Mixture":
        """Return the likelier of both trees' cuts into `n_groups`, as a mixture.

        Where classes are known, they are the first groups. A group joins the class that
        is most frequent in it; it stays a group of its own if that class has less than
        a quarter of the labels that are to be expected in a group of this size.
        """
        if n_groups not in self._likelier:
            trials = {each: self._cut(each, n_groups, TRIAL_STEPS) for each in LINKAGES}
            best = max(LINKAGES, key=lambda each: trials[each].likelihood)
            self._likelier[n_groups] = best
            if n_steps == TRIAL_STEPS:
                return trials[best]
        return self._cut(self._likelier[n_groups], n_groups, n_steps)

    def scatter(self, n_groups: int) -> "Mixture":
        """Return the mixture that begins with the cells shared out at random.

        Known classes are not heeded.
        """
        rng = np.random.default_rng((self._seed, n_groups))
        group = rng.permutation(np.arange(self.n_cells) % n_groups)
        labels = group[_nearest(self._features, _unit_rows(self._means))]
        return Mixture.fit(self._features, self._counts, labels, n_groups)

    def resume(self, labels: np.ndarray) -> "Mixture":
        """Return the mixture that begins with these groups of all texts.

        Parameters
        ----------
        labels : ndarray of shape (n_docs,), int
            Group of each text, from 0. Where classes are known, their texts are in the
            groups of these numbers; else groups left empty are closed up.
        """
        if self._known is None:
            labels = np.unique(labels, return_inverse=True)[1]
        return Mixture.fit(
            self._features,
            self._counts,
            labels[self._rows],
            int(labels.max()) + 1,
            known=self._known,
        )

    def _cut(self, linkage: str, n_groups: int, n_steps: int) -> "Mixture":
        directions = self._directions(linkage, n_groups)
        labels = _nearest(self._features, directions)
        n_groups = len(directions)
        if self._known is not None:
            labels, n_groups = _join_classes(labels, n_groups, self._known)
        return Mixture.fit(
            self._features, self._counts, labels, n_groups, n_steps, self._known
        )

    def _directions(self, linkage: str, n_groups: int) -> np.ndarray:
        group = np.arange(self.n_cells)
        for kept, gone in self._merges[linkage][: self.n_cells - n_groups]:
            group[group == gone] = kept
        _, group = np.unique(group, return_inverse=True)
        weighted = self._means * self._sizes[:, None].astype(np.float32)
        centers = _group_sums(weighted, group, group.max() + 1)
        return _unit_rows(centers)


@dataclass
class Mixture:
    """Groups as distributions over words and directions of the features.

    Attributes
    ----------
    words : ndarray of shape (n_tokens, n_groups), float32
        Evidence of one occurrence: log of the word's probability in the group against
        that in all texts, times `LAST_HEAT`.

    directions : ndarray of shape (n_groups, n_features), float32
        Mean direction of the group's features.

    log_shares : ndarray of shape (n_groups,), float32
        Log of the group's share of the texts.

    likelihood : float
        Mean over the texts of the log of their likelihood, up to a constant.
    """

    words: np.ndarray
    directions: np.ndarray
    log_shares: np.ndarray
    likelihood: float = -np.inf

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        counts: csr_matrix,
        labels: np.ndarray,
        n_groups: int,
        n_steps: int = STEPS,
        known: np.ndarray | None = None,
    ) -> "Mixture":
        """Return the mixture that annealed expectation-maximisation reaches.

        Parameters
        ----------
        features : ndarray of shape (n_docs, n_features), float32
        counts : sparse matrix of shape (n_docs, n_tokens), float32
        labels : ndarray of shape (n_docs,), int
            Groups to start from.
        n_groups : int
        n_steps : int
        known : ndarray of shape (n_docs,), int, default=None
            Groups that are certain; -1 where a group is to be found.

        Returns
        -------
        mixture : Mixture

        Notes
        -----
        A group draws words from a multinomial distribution [1]_, smoothed by the
        corpus, and features from a von Mises-Fisher distribution of fixed
        concentration [2]_. Words of a text are not independent, as the model has it, so
        that their evidence counts by less than one, by a tenth at first: deterministic
        annealing [3]_. Time O(n_steps × n_groups × (tokens + n_docs × n_features)).

        References
        ----------
        .. [1] Nigam, McCallum, Thrun, Mitchell, "Text classification from labeled and
           unlabeled documents using EM", Machine Learning 39, 2000,
           doi:10.1023/A:1007692713085.
        .. [2] Banerjee, Dhillon, Ghosh, Sra, "Clustering on the unit hypersphere using
           von Mises-Fisher distributions", JMLR 6, 2005.
        .. [3] Ueda, Nakano, "Deterministic annealing EM algorithm", Neural Networks
           11(2), 1998, doi:10.1016/S0893-6080(97)00133-0.
        """
        one_hot = np.eye(n_groups, dtype=np.float32)
        ones = np.ones((n_groups, 1), dtype=np.float32)
        member = one_hot[labels]
        known = np.full(len(labels), -1) if known is None else known
        certain = np.flatnonzero(known >= 0)
        background = word_frequencies(counts)
        transposed = counts.T.tocsr()
        for heat in np.geomspace(FIRST_HEAT, LAST_HEAT, n_steps, dtype=np.float32):
            mixture = cls(
                words=word_evidence(transposed, member, background, heat),
                directions=_unit_rows(member.T @ features),
                log_shares=np.log(member.mean(axis=0) + np.float32(1e-9)),
            )
            evidence = mixture._evidence(features, counts)
            most = _row_maxima(evidence)[:, None]
            member = np.exp(np.subtract(evidence, most, out=evidence), out=evidence)
            total = member @ ones
            member /= total
            member[certain] = one_hot[known[certain]]
        mixture.likelihood = float(np.mean(most + np.log(total), dtype=np.float64))
        return mixture

    def assign(self, features: np.ndarray, counts: csr_matrix) -> np.ndarray:
        """Return each text's group, int32 (n_docs,)."""
        return self.classify(features, counts)[0]

    def classify(
        self, features: np.ndarray, counts: csr_matrix
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each text's group and its lead over the second, both (n_docs,)."""
        labels = np.zeros(len(features), dtype=np.int32)
        lead = np.full(len(features), np.inf, dtype=np.float32)
        for rows in _blocks(len(features)):
            evidence = self._evidence(features[rows], counts[rows])
            labels[rows] = evidence.argmax(axis=1)
            if len(self.directions) > 1:
                two = np.partition(evidence, -2, axis=1)[:, -2:]
                lead[rows] = two[:, 1] - two[:, 0]
        return labels, lead

    def _evidence(self, features: np.ndarray, counts: csr_matrix) -> np.ndarray:
        """Return the log odds of each group, float32 (n_docs, n_groups)."""
        evidence = counts @ self.words
        evidence += features @ (np.float32(CONCENTRATION) * self.directions.T)
        evidence += self.log_shares
        return evidence


def word_frequencies(counts: csr_matrix) -> np.ndarray:
    """Return the share of each token in all, none of them 0, float32 (n_tokens, 1)."""
    seen = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel() + 1e-9
    return (seen / seen.sum()).astype(np.float32)[:, None]


def word_evidence(
    transposed: csr_matrix, member: np.ndarray, background: np.ndarray, heat: float
) -> np.ndarray:
    """Return the evidence of one occurrence of each token for each group.

    Parameters
    ----------
    transposed : sparse matrix of shape (n_tokens, n_docs), float32
        How often each token occurs.

    member : ndarray of shape (n_docs, n_groups), float32
        Share that each group has in each text.

    background : ndarray of shape (n_tokens, 1), float32
        As `word_frequencies` returns it.

    heat : float
        Weight of the evidence.

    Returns
    -------
    evidence : ndarray of shape (n_tokens, n_groups), float32
        Log of the token's probability in the group against that in all texts, times
        the heat.
    """
    prior = np.float32(PSEUDO_COUNT * len(background)) * background
    used = transposed @ member + prior
    used /= used.sum(axis=0)
    evidence: np.ndarray = np.float32(heat) * np.log(used / background)
    return evidence


def is_sure(lead: np.ndarray) -> np.ndarray:
    """Return where a text's best group is at least `SURE` probable, bool (n_docs,).

    The second best is the only other one counted, `lead` being the log of their odds.
    """
    return lead >= np.log(SURE / (1.0 - SURE))


def _join_classes(
    labels: np.ndarray, n_groups: int, known: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return groups of which the first are the known classes, and their number."""
    certain = known >= 0
    n_classes = int(known.max()) + 1
    table = np.zeros((n_groups, n_classes))
    np.add.at(table, (labels[certain], known[certain]), 1)
    expected = certain.mean() * np.bincount(labels, minlength=n_groups)
    joins = (table.max(axis=1) > 0) & (table.max(axis=1) >= expected / 4)
    renamed = table.argmax(axis=1)
    renamed[~joins] = n_classes + np.arange(np.sum(~joins))
    joined = renamed[labels]
    joined[certain] = known[certain]
    return joined, n_classes + int(np.sum(~joins))


def merge_cells(
    means: np.ndarray, sizes: np.ndarray, linkage: str
) -> list[tuple[int, int]]:
    """Return the merges (kept cell, merged cell), best first, until one is left.

    Parameters
    ----------
    means : ndarray of shape (n_cells, n_features)
    sizes : ndarray of shape (n_cells,)
    linkage : {"ward", "average"}
        "ward" merges the pair a, b with the least |a| |b| / (|a| + |b|) · ‖ā - b̄‖²,
        "average" the pair with the greatest mean inner product of their texts.

    Returns
    -------
    merges : list of (int, int), length n_cells - 1

    Notes
    -----
    Time O(n_cells² · n_features), memory O(n_cells²).

    References
    ----------
    .. [1] Müllner, "Modern hierarchical, agglomerative clustering algorithms", 2011,
       arXiv:1109.2378.
    """
    means, sizes = means.astype(np.float64), sizes.astype(np.float64)
    squares = (means**2).sum(axis=1)
    cells = np.arange(len(means))

    def cost(some: np.ndarray) -> np.ndarray:
        products = means[some] @ means.T
        if linkage == "average":
            return -products
        gaps = np.maximum(squares[some, None] + squares - 2.0 * products, 0.0)
        return gaps * (sizes[some, None] * sizes / (sizes[some, None] + sizes))

    costs = cost(cells)
    np.fill_diagonal(costs, np.inf)
    nearest = costs.argmin(axis=1)
    alive = np.ones(len(means), dtype=bool)
    merges = []
    for _ in range(len(means) - 1):
        one = int(costs[cells, nearest].argmin())
        kept, gone = sorted((one, int(nearest[one])))
        merges.append((kept, gone))
        alive[gone] = False
        total = sizes[kept] + sizes[gone]
        means[kept] = (sizes[kept] * means[kept] + sizes[gone] * means[gone]) / total
        squares[kept], sizes[kept] = means[kept] @ means[kept], total
        row = np.where(alive, cost(cells[kept : kept + 1])[0], np.inf)
        row[kept] = np.inf
        costs[gone, :] = costs[:, gone] = np.inf
        costs[kept, :] = costs[:, kept] = row
        nearest[row < costs[cells, nearest]] = kept
        astray = np.flatnonzero((nearest == kept) | (nearest == gone))
        nearest[astray] = costs[astray].argmin(axis=1)
    return merges


def spherical_k_means(
    rows: np.ndarray, centers: np.ndarray, n_steps: int
) -> np.ndarray:
    """Return the centers after `n_steps` of Lloyd's algorithm with cosine similarity.

    A center that no row chooses stays where it is.
    """
    for _ in range(n_steps):
        sums = _group_sums(rows, _nearest(rows, centers), len(centers))
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centers = np.where(norms > 0, sums / np.maximum(norms, 1e-12), centers)
        centers = centers.astype(np.float32)
    return centers


def _blocks(n_rows: int, size: int = 4096) -> Iterable[slice]:
    for start in range(0, n_rows, size):
        yield slice(start, start + size)


def _nearest(features: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the center of greatest cosine similarity, int (n_docs,)."""
    nearest = [
        (features[rows] @ centers.T).argmax(axis=1) for rows in _blocks(len(features))
    ]
    return np.concatenate(nearest) if nearest else np.empty(0, dtype=np.intp)


def _row_maxima(rows: np.ndarray) -> np.ndarray:
    """Return the maximum of each row; numpy's own is slow on rows of up to some 40."""
    if 0 < rows.shape[1] <= 40:
        return reduce(np.maximum, rows.T)
    return rows.max(axis=1)


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(norms, np.float32(1e-12))


def _group_sums(rows: np.ndarray, groups: np.ndarray, n_groups: int) -> np.ndarray:
    members = csr_matrix(
        (np.ones(len(groups), dtype=rows.dtype), (groups, np.arange(len(groups)))),
        shape=(n_groups, len(groups)),
    )
    return members @ rows
