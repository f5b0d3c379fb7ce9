"""Self-taught targets: what the encoder learns from when there are no labels.

How a corpus teaches itself:

1. Every text gets *lexical features*: latent semantic analysis of TF-IDF next to the
   weighted mean of its word vectors (`deepclust.lexical`).
2. A *grouping* can cut the texts into any number of groups: a tree of cells, whose cut
   is refined as a mixture of word distributions (`deepclust.grouping`).
3. The *granularity*, the number of groups, is the one on which two witnesses agree best
   who each see one random half of the vocabulary only (`deepclust.granularity`).
4. At that granularity several groupings are made from other beginnings. The one under
   which the texts are likeliest is kept, and those that agree with it best. Each is one
   classification to learn; texts of which it is not sure are left out, so that the
   network decides about them (`teach`).

No label and no pretrained model takes part. The constants of these rooms serve all
corpora; docs/method.md says on which they were settled and on which they were checked.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score
from threadpoolctl import threadpool_limits

from deepclust.granularity import choose_granularity
from deepclust.grouping import Grouping
from deepclust.lexical import count_matrix, lexical_features
from deepclust.sequences import TokenSequences
from deepclust.threads import in_threads

__all__ = ["Lesson", "teach"]

N_GROUPINGS = 8
N_KEPT = 4
JUDGED = 4_000  # texts that groupings are compared on
SURE = 0.9  # probability of its group from which a text is in a classification


@dataclass
class Lesson:
    """What the texts teach.

    Attributes
    ----------
    targets : list of ndarray of shape (n_docs,), int32
        Classifications of the texts; -1 where one is unsure.

    n_groups : int or None
        Groups that the targets have; None if there are no targets.

    agreement : list of dict
        One row per granularity tried; see `deepclust.granularity.choose_granularity`.
    """

    targets: list[np.ndarray]
    n_groups: int | None
    agreement: list[dict[str, Any]]


def teach(
    sequences: TokenSequences,
    vectors: np.ndarray | None = None,
    *,
    granularity: int | str = "auto",
    known: np.ndarray | None = None,
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
        Number of groups to aim at; "auto" chooses it by agreement.

    known : ndarray of shape (n_docs,), int32, default=None
        Classes of the texts, from 0; -1 where a text has none. They become groups,
        which texts without a class join; what resembles no class forms groups of its
        own.

    seed : int, default=0

    Returns
    -------
    lesson : Lesson

    Notes
    -----
    Time: O(n_docs) for a given granularity. Choosing it works on a sample of texts and
    so does not grow with the corpus; see `deepclust.granularity`. Memory: n_docs × 250
    floats for the features. The result does not depend on the number of threads.

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
        n_groups, table = (
            choose_granularity(counts, vectors, seed=seed)
            if granularity == "auto"
            else (int(granularity), [])
        )

        def group(seed: int) -> tuple[float, np.ndarray, np.ndarray]:
            grouping = Grouping(features, counts, seed=seed, known=known)
            mixture = grouping.cut(min(n_groups, grouping.n_cells))
            labels, lead = mixture.classify(features, counts)
            if known is not None:
                labels = np.where(known >= 0, known, labels)
                lead[known >= 0] = np.inf
            return mixture.likelihood, labels, lead

        seeds = range(seed + 1, seed + 1 + N_GROUPINGS)
        groupings = in_threads(group, seeds, n_jobs=-1)
    targets = [_sure_ones(labels, lead) for labels, lead in _like_the_best(groupings)]
    found = max(int(target.max()) + 1 for target in targets)
    return Lesson(targets, found, table)


def _like_the_best(
    groupings: list[tuple[float, np.ndarray, np.ndarray]],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return labels and lead of the likeliest grouping and of those most like it."""
    best = max(groupings, key=lambda grouping: grouping[0])[1][:JUDGED]
    groupings.sort(
        key=lambda grouping: -adjusted_mutual_info_score(best, grouping[1][:JUDGED])
    )
    return [(labels, lead) for _, labels, lead in groupings[:N_KEPT]]


def _sure_ones(labels: np.ndarray, lead: np.ndarray) -> np.ndarray:
    """Return the classification without texts whose group is not `SURE`.

    Its probability is taken beside the second best group alone, `lead` being the log of
    their odds. The surer half of the texts is kept in any case. Groups that are left
    empty are closed up.
    """
    sure = lead >= min(np.log(SURE / (1.0 - SURE)), np.median(lead))
    target = np.full(len(labels), -1, dtype=np.int32)
    target[sure] = np.unique(labels[sure], return_inverse=True)[1]
    return target
