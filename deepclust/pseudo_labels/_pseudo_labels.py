"""Self-taught targets: what the encoder learns from when there are no labels.

How a corpus teaches itself:

1. Every text gets *lexical features*: latent semantic analysis of TF-IDF next to the
   weighted mean of its word vectors (`_features.py`).
2. A *grouping* can cut the texts into any number of groups: a tree of cells, whose cut
   is refined as a mixture of word distributions (`_mixture.py`).
3. The *granularity*, the number of groups, is asked of witnesses who each see one
   random half of the vocabulary only (`_model_selection.py`).
4. At that granularity several mixtures are made, half of them from cuts of trees and
   half from cells shared out at random. The one that best foretells words that it was
   not told is chosen (`_document_completion.py`), and mended: it begins anew with the
   vote of those most like it. That, and those most like it of this number of groups,
   of a smaller and of a greater one, which tell the network what lies near and what
   divides a group, are the classifications to learn; texts of which one is not sure, or which
   most of the others put elsewhere, are left out, so that the network decides about
   them (`make_pseudo_labels`).

No label and no pretrained model takes part. The constants of these rooms serve all
corpora; docs/method.md says on which they were settled and on which they were checked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_mutual_info_score
from threadpoolctl import threadpool_limits

from deepclust._parallel import in_threads
from deepclust.pseudo_labels._document_completion import document_completion_scores
from deepclust.pseudo_labels._features import document_term_matrix, lsa_features
from deepclust.pseudo_labels._mixture import Grouping, Mixture, is_sure
from deepclust.pseudo_labels._model_selection import select_n_components
from deepclust.sequences import TokenSequences

__all__ = ["PseudoLabels", "make_pseudo_labels", "majority_vote"]

# Groupings that are made, by their number of groups against the granularity, and
# mixtures that are kept. Each grouping has one mixture from its tree and, where no
# class is known, one from scattered cells.
MADE = {0.8: 2, 1.0: 6, 1.25: 2}
KEPT = {0.8: 1, 1.0: 4, 1.25: 1}
JUDGED = 4_000  # texts that groupings are compared on


@dataclass
class PseudoLabels:
    """What the texts teach.

    Attributes
    ----------
    targets : list of ndarray of shape (n_docs,), int32
        Classifications of the texts; -1 where one is unsure, or most of the others of
        its number of groups differ. One is broader and one finer than the others.

    n_pseudo_classes : int or None
        Groups that most targets have; None if there are no targets.

    selection_results : list of dict
        One row per granularity tried; see `select_n_components`.
    """

    targets: list[np.ndarray]
    n_pseudo_classes: int | None
    selection_results: list[dict[str, Any]]


def make_pseudo_labels(
    sequences: TokenSequences,
    vectors: np.ndarray | None = None,
    *,
    n_pseudo_classes: int | str = "auto",
    known: np.ndarray | None = None,
    seed: int = 0,
) -> PseudoLabels:
    """Return classifications of the texts that are worth learning.

    Parameters
    ----------
    sequences : TokenSequences of n_docs texts
        Each with at least one known token.

    vectors : ndarray of shape (n_tokens, vector_dim), float32, default=None
        Word vectors.

    n_pseudo_classes : int or "auto", default="auto"
        Number of groups to aim at; "auto" chooses it by agreement.

    known : ndarray of shape (n_docs,), int32, default=None
        Classes of the texts, from 0; -1 where a text has none. They become groups,
        which texts without a class join; what resembles no class forms groups of its
        own.

    seed : int, default=0

    Returns
    -------
    pseudo_labels : PseudoLabels

    Notes
    -----
    Time: O(n_docs) for a given granularity. Choosing it works on a sample of texts and
    so does not grow with the corpus; see `_model_selection.py`. Memory: n_docs × 250
    floats for the features. The result does not depend on the number of threads.

    References
    ----------
    .. [1] Blum, Mitchell, "Combining labeled and unlabeled data with co-training",
       COLT 1998, doi:10.1145/279943.279962. (Two views of one text as witnesses.)

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TokenSequences
    >>> from deepclust.pseudo_labels._pseudo_labels import make_pseudo_labels
    >>> words = np.random.default_rng(0).integers(0, 20, (90, 6))
    >>> words += 2 + 20 * (np.arange(90) % 3)[:, None]
    >>> labels = make_pseudo_labels(TokenSequences.from_lists(words.tolist()))
    >>> labels.n_pseudo_classes, sorted(set(labels.targets[1].tolist()) - {-1})
    (3, [0, 1, 2])
    """
    counts = document_term_matrix(sequences)
    with threadpool_limits(limits=1):
        features = lsa_features(counts, vectors, seed=seed)
        n_groups, table = (
            select_n_components(counts, vectors, seed=seed)
            if n_pseudo_classes == "auto"
            else (int(n_pseudo_classes), [])
        )

        groupings = in_threads(
            lambda seed: Grouping(features, counts, seed=seed, known=known),
            range(seed + 1, seed + 1 + max(MADE.values())),
            n_jobs=-1,
        )
        beginnings = [Grouping.cut, Grouping.scatter][: 2 if known is None else 1]

        def read(mixture: Mixture, kind: float) -> _Mixed:
            """Return the texts by this mixture."""
            labels, lead = mixture.classify(features, counts)
            if known is not None:
                labels = np.where(known >= 0, known, labels)
                lead[known >= 0] = np.inf
            return _Mixed(kind, labels, lead)

        def mix(task: tuple[float, Grouping, Callable[..., Mixture]]) -> _Mixed:
            """Return the texts by a mixture of this kind."""
            kind, grouping, begin = task
            number = min(_number_of_kind(kind, n_groups), grouping.n_cells)
            return read(begin(grouping, number), kind)

        tasks = [
            (kind, grouping, begin)
            for kind, made in MADE.items()
            for grouping in groupings[:made]
            for begin in beginnings
        ]
        mixed = in_threads(mix, tasks, n_jobs=-1)
        rivals = [each.labels for each in mixed if each.kind == 1.0]
        start = majority_vote(counts, rivals, seed=seed)
        if known is not None:
            start = np.where(known >= 0, known, start)
        mended = read(groupings[0].resume(start), 1.0)
    judged = _judged(len(features), seed)
    targets, sizes = [], []
    for kind, kept in KEPT.items():
        others = [each for each in mixed if each.kind == kind]
        order = _most_like(mended.labels, [each.labels for each in others], judged)
        learned = [others[i] for i in order]
        if kind == 1.0:
            learned.insert(0, mended)
        agreed = _agreed(learned[:kept])
        targets += agreed
        sizes += [int(target.max()) + 1 for target in agreed if kind == 1.0]
    return PseudoLabels(targets, max(sizes), table)


@dataclass
class _Mixed:
    """The texts by one mixture: their groups, and the lead over the second best."""

    kind: float
    labels: np.ndarray
    lead: np.ndarray


def _number_of_kind(kind: float, n_groups: int) -> int:
    """Return a number of groups that is broader or finer by at least one, from 2."""
    number = round(kind * n_groups)
    if kind < 1.0:
        return max(min(number, n_groups - 1), min(n_groups, 2))
    return max(number, n_groups + 1) if kind > 1.0 else n_groups


def majority_vote(
    counts: csr_matrix, groupings: list[np.ndarray], *, seed: int = 0
) -> np.ndarray:
    """Return the vote of the grouping that best foretells words, and of its likes.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    groupings : list of ndarray of shape (n_docs,), int
        Group of each text, from 0.

    seed : int, default=0

    Returns
    -------
    voted : ndarray of shape (n_docs,), int
        Group that most of four put a text into: the best by
        `document_completion_scores`, and the three of the greatest
        adjusted mutual information with it. Groups have the best one's numbers, and
        answer to each other by the best one-to-one match; of those with as many votes
        the first is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._pseudo_labels import majority_vote
    >>> topics = np.repeat([0, 1, 2], 40)
    >>> rates = np.kron(np.eye(3), np.ones(8))[topics]
    >>> counts = csr_matrix(np.random.default_rng(0).poisson(rates), dtype="f")
    >>> shuffled = np.random.default_rng(1).permutation(topics)
    >>> majority_vote(counts, [shuffled, topics, (topics + 1) % 3, topics])[::40]
    array([0, 1, 2])
    """
    foretold = document_completion_scores(counts, groupings, seed=seed)
    best = groupings[int(np.argmax(foretold))]
    order = _most_like(best, groupings, _judged(len(best), seed))[: KEPT[1.0]]
    table = np.stack([_renamed(groupings[i], like=best) for i in order])
    votes = np.stack([np.sum(table == name, axis=0) for name in range(table.max() + 1)])
    voted: np.ndarray = votes.argmax(axis=0)
    return voted


def _judged(n_docs: int, seed: int) -> np.ndarray:
    """Return the texts that groupings are compared on."""
    return np.random.default_rng(seed).permutation(n_docs)[:JUDGED]


def _most_like(
    one: np.ndarray, others: list[np.ndarray], judged: np.ndarray
) -> list[int]:
    """Return the order of the others, those most like this one first."""
    likeness = [
        adjusted_mutual_info_score(one[judged], other[judged]) for other in others
    ]
    return sorted(range(len(others)), key=lambda i: -likeness[i])


def _agreed(groupings: list[_Mixed]) -> list[np.ndarray]:
    """Return each classification, without texts that most others group otherwise.

    Groups of two classifications answer to each other by the best one-to-one match.
    """
    table = np.stack(
        [_renamed(each.labels, like=groupings[0].labels) for each in groupings]
    )
    targets = []
    for each, labels in zip(groupings, table, strict=True):
        agreed = np.mean(table == labels, axis=0) > 0.5
        lead = np.where(agreed | np.isinf(each.lead), each.lead, 0.0)
        targets.append(_sure_ones(each.labels, lead))
    return targets


def _renamed(labels: np.ndarray, *, like: np.ndarray) -> np.ndarray:
    """Return the labels by the names of others; groups left over get new ones."""
    n_groups = int(labels.max()) + 1
    table = np.zeros((n_groups, max(n_groups, int(like.max()) + 1)))
    np.add.at(table, (labels, like), 1)
    renamed: np.ndarray = linear_sum_assignment(table, maximize=True)[1][labels]
    return renamed


def _sure_ones(labels: np.ndarray, lead: np.ndarray) -> np.ndarray:
    """Return the classification without texts whose group is not sure.

    The surer half of the texts is kept in any case. Groups that are left empty are
    closed up.
    """
    sure = is_sure(lead) | (lead >= np.median(lead))
    target = np.full(len(labels), -1, dtype=np.int32)
    target[sure] = np.unique(labels[sure], return_inverse=True)[1]
    return target
