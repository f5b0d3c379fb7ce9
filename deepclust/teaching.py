"""Self-taught targets: what the encoder learns from when there are no labels.

How a corpus teaches itself:

1. Every text gets *lexical features*: latent semantic analysis of TF-IDF next to the
   weighted mean of its word vectors (`lexical_features`).
2. A *grouping* of the features starts from a few hundred tight cells, merges them into
   a tree, and can be cut at any number of groups (`Grouping`). Two linkages are tried:
   "ward", which finds groups of like size, and "average", which lets sizes differ.
3. The *granularity*, that is linkage and number of groups, is the one on which two
   witnesses agree best who each see one random half of the vocabulary only
   (`choose_granularity`).
4. At that granularity, several groupings of redrawn texts are made, and the half that
   agrees best with all others is kept. Each is one classification to learn; its
   uncertain texts are left out, so that the network decides about them
   (`teach`).

No label and no pretrained model takes part. The constants below serve all corpora; they
were settled by comparing scores on a handful of labelled ones (docs/method.md).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from deepclust.sequences import UNKNOWN_ID, TokenSequences

__all__ = ["Grouping", "Lesson", "choose_granularity", "lexical_features", "teach"]

LINKAGES = ("ward", "average")
N_COMPONENTS = 150  # of the latent semantic analysis
N_CELLS = 400
SAMPLE = 8_000  # texts that a grouping is made from
N_GROUPINGS = 10
JUDGED = 6_000  # texts that the granularity is chosen on
N_WITNESSES = 8  # pairs of half vocabularies
TIE = 0.01  # share of the best agreement by which a broader grouping may miss it
UNSURE = 0.3  # share of texts left out of each classification
LLOYD_STEPS = 4


@dataclass
class Lesson:
    """What the texts teach.

    Attributes
    ----------
    targets : list of ndarray of shape (n_docs,), int32
        Classifications of the texts; -1 where one is unsure.

    linkage : {"ward", "average"} or None
    n_groups : int or None
        The granularity of the targets; None if there are no targets.

    agreement : list of dict
        One row per granularity tried: linkage, n_groups, agreement (mean AMI of the
        witnesses).
    """

    targets: list[np.ndarray]
    linkage: str | None
    n_groups: int | None
    agreement: list[dict[str, Any]]


def teach(
    sequences: TokenSequences,
    vectors: np.ndarray | None = None,
    *,
    granularity: int | str = "auto",
    seed: int = 0,
) -> Lesson:
    """Return classifications of the texts that are worth learning.

    Parameters
    ----------
    sequences : TokenSequences of n_docs texts
        Each with at least one known token.

    vectors : ndarray of shape (n_tokens, vector_dim), float32, default=None
        Word vectors.

    granularity : int or "auto", default="auto"
        Number of groups to aim at; "auto" chooses it by agreement. The linkage is
        always chosen.

    seed : int, default=0

    Returns
    -------
    lesson : Lesson

    Notes
    -----
    Time: O(n_docs) for a given granularity. Choosing it works on `SAMPLE` texts and so
    does not grow with the corpus. Memory: n_docs × 250 floats for the features.
    The result does not depend on the number of threads.

    References
    ----------
    .. [1] Blum, Mitchell, "Combining labeled and unlabeled data with co-training",
       COLT 1998, doi:10.1145/279943.279962. (Two views of one text as witnesses.)

    Examples
    --------
    >>> from deepclust import TokenSequences
    >>> from deepclust.teaching import teach
    >>> seqs = TokenSequences.from_lists([[2, 3, 4], [3, 4, 2], [5, 6], [6, 5, 7]] * 9)
    >>> lesson = teach(seqs)
    >>> lesson.n_groups, sorted(set(lesson.targets[0].tolist()) - {-1})
    (2, [0, 1])
    """
    counts = count_matrix(sequences)
    with threadpool_limits(limits=1):
        features = lexical_features(counts, vectors, seed=seed)
        seeds = range(seed + 1, seed + 1 + N_GROUPINGS)
        groupings = _in_parallel(lambda s: Grouping(features, seed=s), seeds)
        given = None if granularity == "auto" else int(granularity)
        linkage, n_groups, table = choose_granularity(
            counts, vectors, n_groups=given, seed=seed
        )
        n_groups = min(n_groups, *(grouping.n_cells for grouping in groupings))
        cuts = _in_parallel(
            lambda grouping: grouping.classify(features, linkage, n_groups), groupings
        )
        targets = _most_agreed(cuts, seed)
    return Lesson(targets, linkage, n_groups, table)


def count_matrix(sequences: TokenSequences) -> csr_matrix:
    """Return how often each token occurs, float32 (n_docs, n_tokens).

    Padding and unknown tokens are not counted.
    """
    n_tokens = int(sequences.ids.max(initial=UNKNOWN_ID)) + 1
    if sequences.vocabulary is not None:
        n_tokens = max(n_tokens, len(sequences.vocabulary))
    ones = (sequences.ids > UNKNOWN_ID).astype(np.float32)
    counts = csr_matrix(  # a copy: what follows sorts in place
        (ones, sequences.ids, sequences.offsets),
        shape=(len(sequences), n_tokens),
        copy=True,
    )
    counts.sum_duplicates()
    counts.eliminate_zeros()
    return counts


def lexical_features(
    counts: csr_matrix, vectors: np.ndarray | None = None, *, seed: int = 0
) -> np.ndarray:
    """Return what the words alone say about each text, at unit length.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    vectors : ndarray of shape (n_tokens, vector_dim), default=None
        Word vectors.

    seed : int, default=0

    Returns
    -------
    features : ndarray of shape (n_docs, n_features), float32
        Latent semantic analysis [1]_ of TF-IDF with 1 + log counts, beside the mean
        word vector with weights a / (a + p(word)), a = 0.001 [2]_. A text without
        tokens gets zeros.

    Notes
    -----
    Time O(tokens × n_features), memory O(n_docs × n_features).

    References
    ----------
    .. [1] Deerwester, Dumais, Furnas, Landauer, Harshman, "Indexing by latent semantic
       analysis", JASIS 41(6), 1990.
    .. [2] Arora, Liang, Ma, "A simple but tough-to-beat baseline for sentence
       embeddings", ICLR 2017.
    """
    if counts.nnz == 0:
        return np.zeros((counts.shape[0], 1), dtype=np.float32)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    n_components = min(N_COMPONENTS, min(weighted.shape) - 1)
    parts = []
    if n_components > 0:
        left, values, _ = randomized_svd(
            weighted, n_components, n_iter=4, random_state=seed
        )
        parts.append(normalize(left * values))
    if vectors is not None:
        frequency = np.asarray(counts.sum(axis=0)).ravel()
        frequency = frequency / max(frequency.sum(), 1.0)
        weights = (1e-3 / (1e-3 + frequency)).astype(np.float32)
        parts.append(normalize(counts @ diags(weights) @ vectors[: counts.shape[1]]))
    if not parts:
        parts.append(np.asarray(weighted.sum(axis=1)))
    return normalize(np.hstack(parts)).astype(np.float32)


class Grouping:
    """A tree of groups of the features, made from a random sample of the texts.

    Parameters
    ----------
    features : ndarray of shape (n_docs, n_features), float32
        Rows of unit length.

    seed : int
        Draws the sample and the first cells.

    Attributes
    ----------
    n_cells : int
        Leaves of the tree.

    Notes
    -----
    The cells come from spherical k-means [1]_. Time O(SAMPLE × N_CELLS × n_features).

    References
    ----------
    .. [1] Dhillon, Modha, "Concept decompositions for large sparse text data using
       clustering", Machine Learning 42, 2001, doi:10.1023/A:1007612920971.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.teaching import Grouping
    >>> features = np.repeat(np.eye(3, dtype="float32"), 20, axis=0)
    >>> grouping = Grouping(features, seed=0)
    >>> np.bincount(grouping.assign(features, "ward", 3))
    array([20, 20, 20])
    """

    def __init__(self, features: np.ndarray, *, seed: int) -> None:
        rng = np.random.default_rng(seed)
        size = min(SAMPLE, max(round(0.8 * len(features)), min(len(features), 30)))
        rows = np.sort(rng.choice(len(features), size, replace=False))
        self.sample = features[rows]
        n_cells = min(N_CELLS, max(size // 4, min(size, 8)))
        centers = self.sample[rng.choice(size, n_cells, replace=False)]
        centers = spherical_k_means(self.sample, centers, 10)
        _, cells = np.unique(_nearest(self.sample, centers), return_inverse=True)
        self.sizes = np.bincount(cells).astype(np.float64)
        self.means = _group_sums(self.sample, cells, len(self.sizes))
        self.means /= self.sizes[:, None].astype(np.float32)
        self.merges = {
            linkage: merge_cells(self.means, self.sizes, linkage)
            for linkage in LINKAGES
        }

    @property
    def n_cells(self) -> int:
        return len(self.sizes)

    def directions(self, linkage: str, n_groups: int) -> np.ndarray:
        """Return the unit centers of a cut, float32 (n_groups, n_features)."""
        group = np.arange(self.n_cells)
        for kept, gone in self.merges[linkage][: self.n_cells - n_groups]:
            group[group == gone] = kept
        _, group = np.unique(group, return_inverse=True)
        weighted = self.means * self.sizes[:, None].astype(np.float32)
        centers = _group_sums(weighted, group, group.max() + 1)
        centers = normalize(centers).astype(np.float32)
        if linkage == "ward":  # k-means' own criterion; "average" would lose its sizes
            centers = spherical_k_means(self.sample, centers, LLOYD_STEPS)
        return centers

    def assign(self, features: np.ndarray, linkage: str, n_groups: int) -> np.ndarray:
        """Return each text's group, int (n_docs,)."""
        return _nearest(features, self.directions(linkage, n_groups))

    def classify(
        self, features: np.ndarray, linkage: str, n_groups: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each text's group and whether it is sure, both of shape (n_docs,).

        The `UNSURE` share of texts whose best group is least ahead of the second best
        is not sure.
        """
        centers = self.directions(linkage, n_groups)
        labels = np.empty(len(features), dtype=np.int32)
        lead = np.empty(len(features), dtype=np.float32)
        for rows, similarity in _similarity_blocks(features, centers):
            labels[rows] = similarity.argmax(axis=1)
            best = np.partition(similarity, -min(2, len(centers)), axis=1)
            lead[rows] = best[:, -1] - best[:, -min(2, len(centers))]
        return labels, lead >= np.quantile(lead, UNSURE)


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
    alive = np.ones(len(means), dtype=bool)

    def cost(i: int) -> np.ndarray:
        if linkage == "average":
            row = -means @ means[i]
        else:
            gaps = ((means - means[i]) ** 2).sum(axis=1)
            row = gaps * sizes * sizes[i] / (sizes + sizes[i])
        row[~alive] = np.inf
        row[i] = np.inf
        return row

    costs = np.stack([cost(i) for i in range(len(means))])
    merges = []
    for _ in range(len(means) - 1):
        best = costs.min(axis=1)
        kept = int(best.argmin())
        gone = int(costs[kept].argmin())
        merges.append((kept, gone))
        total = sizes[kept] + sizes[gone]
        means[kept] = (sizes[kept] * means[kept] + sizes[gone] * means[gone]) / total
        sizes[kept] = total
        alive[gone] = False
        costs[gone, :] = costs[:, gone] = np.inf
        costs[kept, :] = costs[:, kept] = cost(kept)
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


def choose_granularity(
    counts: csr_matrix,
    vectors: np.ndarray | None = None,
    *,
    n_groups: int | None = None,
    seed: int = 0,
) -> tuple[str, int, list[dict[str, Any]]]:
    """Return the linkage and number of groups that the texts attest best.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens)
    vectors : ndarray of shape (n_tokens, vector_dim), default=None
    n_groups : int, default=None
        If given, only the linkage is chosen.
    seed : int, default=0

    Returns
    -------
    linkage : {"ward", "average"}
    n_groups : int
    table : list of dict
        linkage, n_groups and agreement of every granularity tried; at the end those
        between the best and its neighbours on the grid.

    Notes
    -----
    The vocabulary is split in two at random, the texts are grouped by either half, and
    the two groupings are compared by adjusted mutual information. A group made by one
    phrase is known to one half only; a cut through the middle of a topic lies elsewhere
    in each half. Of equally well attested granularities the broadest is taken.
    Time does not grow with the corpus beyond `JUDGED` texts.
    """
    rng = np.random.default_rng(seed)
    n_docs = counts.shape[0]
    rows = np.sort(rng.choice(n_docs, min(JUDGED, n_docs), replace=False))
    halves = [rng.random(counts.shape[1]) < 0.5 for _ in range(N_WITNESSES)]
    pairs = _in_parallel(
        lambda half: _witnesses(counts[rows], vectors, half, seed), halves
    )
    n_cells = min(judge.n_cells for pair in pairs for judge, _ in pair)
    grid = _granularities(n_cells)
    if n_groups is not None:
        grid = [min(n_groups, n_cells)]

    def attest(granularity: tuple[str, int]) -> dict[str, Any]:
        agreement = np.mean([_mean_agreement(pair, *granularity) for pair in pairs])
        row: dict[str, Any] = dict(
            zip(("linkage", "n_groups"), granularity, strict=True)
        )
        return row | {"agreement": float(agreement)}

    table = _in_parallel(attest, [(link, k) for link in LINKAGES for k in grid])
    best = _best_attested(table)
    near = [round((best["n_groups"] * k) ** 0.5) for k in _neighbours(best, grid)]
    finer = [(best["linkage"], k) for k in near if k not in grid]
    finer_rows = _in_parallel(attest, finer)
    best = max([best, *finer_rows], key=lambda row: row["agreement"])
    return best["linkage"], best["n_groups"], [*table, *finer_rows]


def _best_attested(table: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the broadest granularity within `TIE` of the best agreement.

    Each granularity is judged by the median of its own agreement and that of its two
    neighbours on the grid, so that a lucky number does not win; a single group, the
    neighbour of two, agrees on nothing.
    """
    smooth: dict[str, np.ndarray] = {}
    for linkage in LINKAGES:
        raw = [row["agreement"] for row in table if row["linkage"] == linkage]
        padded = np.array([0.0, *raw, raw[-1]])
        three = np.stack([padded[:-2], padded[1:-1], padded[2:]])
        smooth[linkage] = np.median(three, axis=0)
    linkage = max(LINKAGES, key=lambda name: smooth[name].max())
    rows = [row for row in table if row["linkage"] == linkage]
    enough = smooth[linkage] >= (1.0 - TIE) * smooth[linkage].max()
    return rows[int(enough.argmax())]


def _neighbours(best: dict[str, Any], grid: list[int]) -> list[int]:
    place = grid.index(best["n_groups"])
    return grid[max(place - 1, 0) : place] + grid[place + 1 : place + 2]


def _witnesses(
    counts: csr_matrix, vectors: np.ndarray | None, half: np.ndarray, seed: int
) -> list[tuple[Grouping, np.ndarray]]:
    """Return two groupings, by each half of the vocabulary, with what they see.

    Only texts with words in both halves are asked.
    """
    views = []
    for kept in (half, ~half):
        tokens = np.flatnonzero(kept)
        part = None if vectors is None else vectors[tokens]
        views.append(lexical_features(counts[:, tokens], part, seed=seed))
    rows = np.flatnonzero(views[0].any(axis=1) & views[1].any(axis=1))
    if len(rows) == 0:
        rows = np.arange(len(views[0]))
    return [(Grouping(view[rows], seed=seed), view[rows]) for view in views]


def _mean_agreement(
    judges: list[tuple[Grouping, np.ndarray]], linkage: str, n_groups: int
) -> float:
    """Return the mean AMI between the groupings of the same texts."""
    labels = [g.assign(features, linkage, n_groups) for g, features in judges]
    scores = [adjusted_mutual_info_score(a, b) for a, b in combinations(labels, 2)]
    return float(np.mean(scores))


def _granularities(n_cells: int) -> list[int]:
    """Return the numbers of groups to try: about a fifth apart, up to 2/3 n_cells."""
    grid = np.unique(np.round(2.0 * 2.0 ** (np.arange(64) / 3.5)).astype(int))
    return [int(k) for k in grid if k <= max(n_cells / 1.5, 2)]


def _most_agreed(
    cuts: list[tuple[np.ndarray, np.ndarray]], seed: int
) -> list[np.ndarray]:
    """Return the half of the classifications that agrees best with all others.

    Unsure texts are set to -1.
    """
    n_docs = len(cuts[0][0])
    rows = np.random.default_rng(seed).permutation(n_docs)[: SAMPLE // 2]
    agreement = np.zeros(len(cuts))
    for i, j in combinations(range(len(cuts)), 2):
        both = adjusted_mutual_info_score(cuts[i][0][rows], cuts[j][0][rows])
        agreement[[i, j]] += both
    best = np.argsort(-agreement, kind="stable")[: max(len(cuts) // 2, 1)]
    return [np.where(cuts[i][1], cuts[i][0], -1).astype(np.int32) for i in sorted(best)]


def _similarity_blocks(
    features: np.ndarray, centers: np.ndarray, size: int = 4096
) -> Iterable[tuple[slice, np.ndarray]]:
    for start in range(0, len(features), size):
        rows = slice(start, start + size)
        yield rows, features[rows] @ centers.T


def _nearest(features: np.ndarray, centers: np.ndarray) -> np.ndarray:
    blocks = _similarity_blocks(features, centers)
    nearest = [similarity.argmax(axis=1) for _, similarity in blocks]
    return np.concatenate(nearest) if nearest else np.empty(0, dtype=np.intp)


def _group_sums(rows: np.ndarray, groups: np.ndarray, n_groups: int) -> np.ndarray:
    members = csr_matrix(
        (np.ones(len(groups), dtype=rows.dtype), (groups, np.arange(len(groups)))),
        shape=(n_groups, len(groups)),
    )
    return members @ rows


def _in_parallel(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Map over threads: numpy and scikit-learn's metrics let them run side by side."""
    return Parallel(n_jobs=-1, prefer="threads")(delayed(function)(i) for i in items)
