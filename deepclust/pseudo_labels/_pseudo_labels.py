"""Make pseudo-labels: partitions of unlabeled documents, for the encoder to learn.

1. Count the stems of the words. Compute LSA features and SIF-weighted word vectors of
   them, and views by pretrained vectors, where there are any (`_features.py`).
2. Select the number of pseudo-classes by stability (`_model_selection.py`).
3. Fit several mixtures by annealed EM (`_mixture.py`), one half from cuts of partition
   trees (`_partition_tree.py`), one half from random partitions of micro-clusters;
   where components die, in a way that keeps them.
4. Take the partition that best predicts held-out words (`_document_completion.py`), and
   the medoid, which agrees best with the others (`_consensus.py`).
5. Return both, the nearest to either with as many components, and one with fewer and
   one with more. Documents without a confident label, or on which most of the
   partitions disagree, have no pseudo-label.
6. Where the finest number that the texts support is more than four times the broadest,
   add two partitions by it, whose classes are parts of those of the first: layers to
   learn.

No label and no pretrained model takes part, unless the caller brings labels or document
vectors. The constants of these files serve all corpora; docs/method.md says on which
they were chosen and on which they were tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from deepclust._parallel import in_threads
from deepclust.pseudo_labels._consensus import (
    MIN_ALIVE,
    agreed_targets,
    medoid,
    nearest_partitions,
    nested_target,
)
from deepclust.pseudo_labels._document_completion import document_completion_scores
from deepclust.pseudo_labels._features import (
    BATCH_SIZE,
    Features,
    document_term_matrix,
    lsa_dim,
    stem_matrix,
    vector_views,
    with_stems,
)
from deepclust.pseudo_labels._mixture import SMALL_KEPT, Mixture
from deepclust.pseudo_labels._model_selection import (
    MAX_DOCS,
    View,
    finer_number,
    select_n_components,
)
from deepclust.pseudo_labels._partition_tree import PartitionTree
from deepclust.sequences import TokenSequences

__all__ = ["PseudoLabels", "make_pseudo_labels"]

# By the ratio of the number of components to that of pseudo-classes: trees, each of
# which has one mixture from a cut and one from a random partition, and targets.
N_TREES = {0.8: 2, 1.0: 6, 1.25: 2}
N_TARGETS = {0.8: 1, 1.0: 4, 1.25: 1}
BROADER = (0.5, 0.25, 0.125)  # ratios of partitions that tell which are related
N_BROADER_TREES = 4
N_FINER_TREES = 2  # of the finest number that the texts support, where it is far
N_FINER_TARGETS = 2
N_WEIGHT_TREES = {1.0: 2}  # trees for the choice of the weight of views

VIEW_WEIGHTS = (2.0, 1.0)  # tried in turn, against 1 for either other block; else none
MAX_DEVIATIONS = 2.0  # of the scores by words alone, that a weight may cost


@dataclass
class PseudoLabels:
    """Pseudo-labels of a corpus.

    Attributes
    ----------
    targets : list of ndarray of shape (n_docs,), int32
        Partitions to learn; -1 where a document has no pseudo-label. The first has
        fewer components than the others and the sixth more. Two further ones, where
        topics have several scales, divide those of the second.

    n_pseudo_classes : int or None
        Components that most targets have; None if there are no targets.

    selection_results : list of dict
        One row per number of components tried; see `select_n_components`.

    view_weight : float or None
        Of the views by pretrained vectors, against 1 for either other block of the
        features; None if there are none.

    broader : list of ndarray of shape (n_docs,), int32
        Partitions by a half, a quarter and an eighth of the components, of at most
        6,000 documents; -1 for others. They tell which classes are related.

    n_finer : int
        How many of the targets, the last ones, are layers below the flat one.
    """

    targets: list[np.ndarray]
    n_pseudo_classes: int | None
    selection_results: list[dict[str, Any]]
    view_weight: float | None = None
    broader: list[np.ndarray] = field(default_factory=list)
    n_finer: int = 0


class _Partition(NamedTuple):
    """Labels by one mixture, and their margins."""

    labels: np.ndarray
    log_odds_margin: np.ndarray

    @property
    def n_classes(self) -> int:
        """Number of components that some document belongs to."""
        return len(np.unique(self.labels))


def make_pseudo_labels(
    sequences: TokenSequences,
    vectors: np.ndarray | None = None,
    *,
    pretrained: Sequence[np.ndarray] = (),
    document_vectors: np.ndarray | None = None,
    n_pseudo_classes: int | str = "auto",
    known: np.ndarray | None = None,
    seed: int = 0,
) -> PseudoLabels:
    """Make pseudo-labels from the words of the documents, and from their vectors.

    Parameters
    ----------
    sequences : TokenSequences of n_docs documents
        Each with at least one known token. Words that have the same of the `stems` of
        their vocabulary count as partly the same.
        Of 12,000 or more every second, third, ... is fitted first: their order should
        say nothing of their topics, as that of `TokenSequences.content_order` does not.

    vectors : ndarray of shape (n_tokens, vector_dim), float32, default=None
        Word vectors learned from the corpus.

    pretrained : sequence of ndarray of shape (n_tokens, dim), float32
        Word vectors of other sources, each a further view of the documents.

    document_vectors : ndarray of shape (n_docs, dim), float, default=None
        Finite embeddings of the documents, a further view.

    n_pseudo_classes : int or "auto", default="auto"
        Number of components to aim at; "auto" selects it by stability.

    known : ndarray of shape (n_docs,), int32, default=None
        Class of labeled documents, from 0; -1 where unlabeled. Classes are components
        of every mixture, which unlabeled documents may join or not.

    seed : int, default=0

    Returns
    -------
    pseudo_labels : PseudoLabels

    Notes
    -----
    Time O(n_docs) for a given number of pseudo-classes; its selection works on a sample
    of the documents. Memory: 2 × n_docs numbers for each of some twenty mixtures,
    n_docs × dim floats for document vectors, and the features of 20,000 documents for
    each of six trees. The result does not depend on the number of threads.

    References
    ----------
    .. [1] Lee, "Pseudo-label: the simple and efficient semi-supervised learning method
       for deep neural networks", ICML workshop on challenges in representation
       learning, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TokenSequences
    >>> from deepclust.pseudo_labels import make_pseudo_labels
    >>> words = np.random.default_rng(0).integers(0, 20, (90, 6))
    >>> words += 2 + 20 * (np.arange(90) % 3)[:, None]
    >>> pseudo_labels = make_pseudo_labels(TokenSequences.from_lists(words.tolist()))
    >>> pseudo_labels.n_pseudo_classes
    3
    >>> sorted(set(pseudo_labels.targets[1].tolist()) - {-1})
    [0, 1, 2]
    """
    word_counts, stem_counts, counts, vectors = _counts(sequences, vectors)
    with threadpool_limits(limits=1):
        results: list[dict[str, Any]] = []
        if n_pseudo_classes == "auto":
            n_components, results = select_n_components(stem_counts, vectors, seed=seed)
        else:
            n_components = int(n_pseudo_classes)
        weight = None
        views = vector_views(word_counts, pretrained, document_vectors)
        if views is not None:
            weight = _view_weight(
                stem_counts, vectors, views, n_components, known, seed
            )
            views *= weight

        @cache
        def features(dim: int) -> Features:
            """Return the features with that many singular vectors."""
            return Features(stem_counts, vectors, views, dim=dim, seed=seed)

        own = features(lsa_dim(n_components))
        partitions = _fit_partitions(own, counts, N_TREES, n_components, known, seed)
        references = _best_and_central(stem_counts, partitions[1.0], seed)
        targets = {
            ratio: _targets(partitions[ratio], references[:n], n, seed)
            for ratio, n in N_TARGETS.items()
        }
        flat = targets[1.0]
        finest = finer_number(n_components, results)
        finer = []
        if finest is not None:
            own = features(lsa_dim(finest))
            given = (finest, flat[0], known, seed)
            finer = _finer_targets(own, stem_counts, counts, *given)
        broader = _broader_partitions(features, counts, n_components, seed)
    return PseudoLabels(
        [*chain(*targets.values(), finer)],
        max(int(target.max()) + 1 for target in flat),
        results,
        weight,
        broader,
        len(finer),
    )


def _counts(
    sequences: TokenSequences, vectors: np.ndarray | None
) -> tuple[csr_matrix, csr_matrix, csr_matrix, np.ndarray | None]:
    """Return counts of words, of stems, and of both, and the vectors of the stems.

    Without `stems` of a vocabulary all counts are those of the words.
    """
    words = document_term_matrix(sequences)
    stems = getattr(sequences.vocabulary, "stems", None)
    if stems is None:
        return words, words, words, vectors
    stem_counts, vectors = stem_matrix(words, vectors, stems)
    return words, stem_counts, with_stems(words, stem_counts, stems), vectors


def _finer_targets(
    features: Features,
    stem_counts: csr_matrix,
    counts: csr_matrix,
    n_components: int,
    flat: np.ndarray,
    known: np.ndarray | None,
    seed: int,
) -> list[np.ndarray]:
    """Return targets whose classes are parts of those of `flat`.

    Classes that reach over a boundary of `flat` would blur it.
    """
    found = _fit_partitions(
        features, counts, {1.0: N_FINER_TREES}, n_components, known, seed
    )
    references = _best_and_central(stem_counts, found[1.0], seed)
    targets = _targets(found[1.0], references, N_FINER_TARGETS, seed)
    return [nested_target(target, flat) for target in targets]


def _best_and_central(
    counts: csr_matrix, partitions: list[_Partition], seed: int
) -> list[np.ndarray]:
    """Return the partition that best predicts held-out words, and the medoid."""
    labels = [partition.labels for partition in partitions]
    scores = document_completion_scores(counts, labels, seed=seed)
    return [labels[int(np.argmax(scores))], labels[medoid(labels, seed=seed)]]


def _targets(
    partitions: list[_Partition],
    references: list[np.ndarray],
    n_targets: int,
    seed: int,
) -> list[np.ndarray]:
    """Return the partitions nearest to the references, as far as they agree."""
    labels = [partition.labels for partition in partitions]
    nearest = nearest_partitions(references, labels, seed=seed)
    chosen = [partitions[i] for i in nearest[:n_targets]]
    return agreed_targets(
        [partition.labels for partition in chosen],
        [partition.log_odds_margin for partition in chosen],
    )


def _view_weight(
    counts: csr_matrix,
    vectors: np.ndarray | None,
    views: np.ndarray,
    n_components: int,
    known: np.ndarray | None,
    seed: int,
) -> float:
    """Return the greatest weight of the views that the words of the documents bear.

    Of the partitions with the weight, the best predicts held-out words no worse than
    those by words alone do in the mean, but for `MAX_DEVIATIONS` standard deviations of
    these. Vectors of another language fail that.
    """

    def scores(weight: float) -> np.ndarray:
        """Return the document completion score of each partition."""
        dim = lsa_dim(n_components)
        features = Features(counts, vectors, weight * views, dim=dim, seed=seed)
        partitions = _fit_partitions(
            features, counts, N_WEIGHT_TREES, n_components, known, seed
        )
        labels = [partition.labels for partition in partitions[1.0]]
        return document_completion_scores(counts, labels, seed=seed)

    by_words = scores(0.0)
    least = by_words.mean() - MAX_DEVIATIONS * by_words.std()
    borne = (weight for weight in VIEW_WEIGHTS if scores(weight).max() >= least)
    return next(borne, 0.0)


def _broader_partitions(
    features: Callable[[int], Features],
    counts: csr_matrix,
    n_components: int,
    seed: int,
) -> list[np.ndarray]:
    """Return partitions of a sample of the documents by fewer components.

    Each number has the features that tell so many components apart.
    """
    n_docs = counts.shape[0]
    rows = np.random.default_rng(seed).permutation(n_docs)[:MAX_DOCS]
    counts = counts[rows]
    numbers = sorted({max(2, round(ratio * n_components)) for ratio in BROADER})
    samples = {dim: features(dim)[rows] for dim in map(lsa_dim, numbers)}

    def partitions(task: tuple[int, int]) -> list[np.ndarray]:
        """Return the partitions of one tree; -1 for documents not in the sample."""
        dim, seed = task
        tree = PartitionTree(samples[dim], counts, seed=seed)
        view = View(tree, samples[dim], counts)
        found = []
        for n in numbers:
            if lsa_dim(n) == dim:
                found.append(np.full(n_docs, -1, dtype=np.int32))
                found[-1][rows] = view.predict(min(n, tree.n_micro_clusters))[0]
        return found

    seeds = range(seed + 1, seed + 1 + N_BROADER_TREES)
    tasks = [(dim, one) for dim in samples for one in seeds]
    return list(chain.from_iterable(in_threads(partitions, tasks, n_jobs=-1)))


def _fit_partitions(
    features: Features,
    counts: csr_matrix,
    n_trees: dict[float, int],
    n_pseudo_classes: int,
    known: np.ndarray | None,
    seed: int,
) -> dict[float, list[_Partition]]:
    """Return partitions of all documents by mixtures, by the ratio of `n_trees`.

    A mixture that loses components is fitted again in the way that keeps small ones.
    Partitions with far fewer components than others are left out. Known classes are
    components of cuts only, so that where there are some no mixture starts at random.
    """
    trees = in_threads(
        lambda seed: PartitionTree(features, counts, seed=seed, known=known),
        range(seed + 1, seed + 1 + max(n_trees.values())),
        n_jobs=-1,
    )
    fits = [PartitionTree.fit_cut, PartitionTree.fit_random]
    tasks = [
        (fit, tree, ratio)
        for ratio, n in n_trees.items()
        for tree in trees[:n]
        for fit in fits[: 2 if known is None else 1]
    ]

    def mixture(task: tuple[Any, PartitionTree, float]) -> Mixture:
        """Fit one mixture."""
        fit, tree, ratio = task
        n_components = _n_components_at(ratio, n_pseudo_classes)
        n_components = min(n_components, tree.n_micro_clusters)
        found: Mixture = fit(tree, n_components)
        n_alive = len(np.unique(tree.predict(found)))
        if n_alive >= MIN_ALIVE * n_components:
            return found
        kept: Mixture = fit(tree, n_components, annealing=SMALL_KEPT)
        return kept if len(np.unique(tree.predict(kept))) > n_alive else found

    mixtures = in_threads(mixture, tasks, n_jobs=-1)
    partitions: dict[float, list[_Partition]] = {ratio: [] for ratio in n_trees}
    found = _predict(mixtures, features, counts, known)
    for task, partition in zip(tasks, found, strict=True):
        partitions[task[2]].append(partition)
    for ratio, some in partitions.items():
        most = max(partition.n_classes for partition in some)
        partitions[ratio] = [p for p in some if p.n_classes >= MIN_ALIVE * most]
    return partitions


def _predict(
    mixtures: list[Mixture],
    features: Features,
    counts: csr_matrix,
    known: np.ndarray | None,
) -> list[_Partition]:
    """Return labels and margins by each mixture; known labels have an infinite margin.

    The features of all documents together would take the most memory of all.
    """
    n_docs = counts.shape[0]
    found = [
        _Partition(np.empty(n_docs, dtype=np.int32), np.empty(n_docs, dtype=np.float32))
        for _ in mixtures
    ]

    def predict(rows: slice) -> None:
        """Fill in some documents."""
        some, own_counts = features[rows], counts[rows]
        for mixture, (labels, margin) in zip(mixtures, found, strict=True):
            labels[rows], margin[rows] = mixture.predict_with_margin(some, own_counts)

    in_threads(predict, gen_batches(n_docs, BATCH_SIZE), n_jobs=-1)
    if known is not None:
        labeled = np.flatnonzero(known >= 0)
        for labels, margin in found:
            labels[labeled], margin[labeled] = known[labeled], np.inf
    return found


def _n_components_at(ratio: float, n_pseudo_classes: int) -> int:
    """Return the number of components at a ratio; it differs by at least 1, from 2."""
    n_components = round(ratio * n_pseudo_classes)
    if ratio < 1.0:
        return max(min(n_components, n_pseudo_classes - 1), min(n_pseudo_classes, 2))
    if ratio > 1.0:
        return max(n_components, n_pseudo_classes + 1)
    return n_pseudo_classes
