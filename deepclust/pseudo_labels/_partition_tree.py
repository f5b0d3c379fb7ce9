"""Partitions into any number of components: micro-clusters, a tree and its cuts.

1. Spherical k-means of a sample makes a few hundred micro-clusters.
2. Agglomeration merges them, once by Ward's linkage, which favors equal sizes, and once
   by average linkage, which does not.
3. A cut of either tree is the partition from which EM fits a `Mixture`. The linkage
   whose mixture has the higher likelihood after an EM step is used.
"""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils import gen_batches

from deepclust.metrics._pairwise import unit_rows
from deepclust.pseudo_labels._features import BATCH_SIZE, Features
from deepclust.pseudo_labels._mixture import (
    FREE_WEIGHTS,
    N_STEPS,
    PSEUDO_COUNT,
    Annealing,
    Mixture,
)

__all__ = ["PartitionTree", "agglomerate", "spherical_k_means"]

LINKAGES = ("ward", "average")
MAX_SAMPLE = 8_000  # documents that micro-clusters are made of, at most
SAMPLE_RATIO = 0.8  # of the documents of a small corpus that are sampled
MIN_SAMPLE = 30  # documents that are not sampled: all are used
MAX_MICRO_CLUSTERS = 400
MIN_MICRO_CLUSTERS = 8  # of as many documents
MICRO_CLUSTER_SIZE = 4  # mean number of documents, at least
K_MEANS_STEPS = 5
MIXTURE_SAMPLE = 20_000  # documents that a mixture is fitted to, at most
TRIAL_STEPS = 1  # EM steps after which linkages are compared
MIN_CLASS_RATIO = 0.25  # of the expected labels, for a component to join a class


class PartitionTree:
    """Hierarchical clustering of documents; each cut is refined by EM.

    Parameters
    ----------
    features : ndarray of shape (n_docs, n_features), float32, or Features
        Rows of unit length.

    counts : sparse matrix of shape (n_docs, n_tokens), float32
        Document-term matrix.

    seed : int
        Draws the sample and the initial centers.

    known : ndarray of shape (n_docs,), int, default=None
        Class of labeled documents, from 0; -1 where unlabeled. Class c is component c
        of every mixture.

    Attributes
    ----------
    n_micro_clusters : int
        Leaves of the tree.

    Notes
    -----
    The micro-clusters come from spherical k-means [1]_ of a random sample. Time
    O(`MAX_SAMPLE` × `MAX_MICRO_CLUSTERS` × n_features); it does not grow with the
    corpus.

    References
    ----------
    .. [1] Dhillon, Modha, "Concept decompositions for large sparse text data using
       clustering", Machine Learning 42, 2001, doi:10.1023/A:1007612920971.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._partition_tree import PartitionTree
    >>> counts = np.repeat(np.eye(3, dtype="float32"), 20, axis=0)
    >>> tree = PartitionTree(counts, csr_matrix(counts), seed=0)
    >>> mixture = tree.fit_cut(3)
    >>> np.bincount(mixture.predict(counts, csr_matrix(counts)))
    array([20, 20, 20])
    """

    def __init__(
        self,
        features: np.ndarray | Features,
        counts: csr_matrix,
        *,
        seed: int,
        known: np.ndarray | None = None,
    ) -> None:
        self._seed = seed
        rng = np.random.default_rng(seed)
        n_docs = len(features)
        size = max(round(SAMPLE_RATIO * n_docs), min(n_docs, MIN_SAMPLE))
        size = min(MAX_SAMPLE, size)
        order = rng.permutation(n_docs)
        sample = features[np.sort(order[:size])]
        # all rows are a slice, which copies nothing
        rows = (
            slice(None) if n_docs <= MIXTURE_SAMPLE else np.sort(order[:MIXTURE_SAMPLE])
        )
        self._features, self._counts = features[rows], counts[rows]
        # The sample has the prior of the corpus in its share, else components die: the
        # vocabulary grows with the corpus, and its pseudo-counts with it.
        self._pseudo_count = PSEUDO_COUNT * len(self._features) / n_docs
        self._known = None if known is None else known[rows]
        k = max(size // MICRO_CLUSTER_SIZE, min(size, MIN_MICRO_CLUSTERS))
        k = min(MAX_MICRO_CLUSTERS, k)
        centers = sample[rng.choice(size, k, replace=False)]
        centers = spherical_k_means(sample, centers, K_MEANS_STEPS)
        _, labels = np.unique(_nearest(sample, centers), return_inverse=True)
        self._sizes = np.bincount(labels).astype(np.float64)
        self.n_micro_clusters = len(self._sizes)
        self._means = _sums_by_label(sample, labels, self.n_micro_clusters)
        self._means /= self._sizes[:, None].astype(np.float32)
        self._merges = {
            linkage: agglomerate(self._means, self._sizes, linkage)
            for linkage in LINKAGES
        }
        self._best_linkage: dict[tuple[int, Annealing], str] = {}

    def fit_cut(
        self,
        n_components: int,
        n_steps: int = N_STEPS,
        annealing: Annealing = FREE_WEIGHTS,
    ) -> Mixture:
        """Fit a mixture, starting from the better of both trees' cuts.

        Known classes are the first components. A component of the cut joins the class
        that is most frequent in it, unless that class has less than a quarter of the
        labels to be expected in a component of this size.

        Parameters
        ----------
        n_components : int

        n_steps : int, default=80
            EM steps.

        annealing : Annealing, default=FREE_WEIGHTS

        Returns
        -------
        mixture : Mixture
            With more than `n_components` components where classes are known and some
            of them are not found by the cut.
        """
        key = (n_components, annealing)
        if key not in self._best_linkage:
            trials = {
                linkage: self._fit_cut(linkage, n_components, TRIAL_STEPS, key[1])
                for linkage in LINKAGES
            }
            best = max(LINKAGES, key=lambda linkage: trials[linkage].log_likelihood)
            self._best_linkage[key] = best
        return self._fit_cut(self._best_linkage[key], n_components, n_steps, annealing)

    def fit_random(
        self, n_components: int, annealing: Annealing = FREE_WEIGHTS
    ) -> Mixture:
        """Fit a mixture, starting from a random partition of the micro-clusters.

        Known classes are ignored.
        """
        rng = np.random.default_rng((self._seed, n_components))
        component = rng.permutation(np.arange(self.n_micro_clusters) % n_components)
        labels = component[_nearest(self._features, unit_rows(self._means))]
        return Mixture.fit(
            self._features,
            self._counts,
            labels,
            n_components,
            annealing=annealing,
            pseudo_count=self._pseudo_count,
        )

    def predict(self, mixture: Mixture) -> np.ndarray:
        """Predict the component of the documents that mixtures are fitted to.

        Of known classes it is theirs.
        """
        labels = mixture.predict(self._features, self._counts)
        known = self._known
        return labels if known is None else np.where(known >= 0, known, labels)

    def _fit_cut(
        self, linkage: str, n_components: int, n_steps: int, annealing: Annealing
    ) -> Mixture:
        component = np.arange(self.n_micro_clusters)
        n_merges = max(len(component) - n_components, 0)
        for kept, merged in self._merges[linkage][:n_merges]:
            component[component == merged] = kept
        _, component = np.unique(component, return_inverse=True)
        weighted = self._means * self._sizes[:, None].astype(np.float32)
        centers = unit_rows(_sums_by_label(weighted, component, component.max() + 1))
        labels, n_components = _nearest(self._features, centers), len(centers)
        known = self._known
        if known is not None:
            labels, n_components = _join_classes(labels, n_components, known)
        return Mixture.fit(
            self._features,
            self._counts,
            labels,
            n_components,
            n_steps,
            annealing=annealing,
            known=known,
            pseudo_count=self._pseudo_count,
        )


def _join_classes(
    labels: np.ndarray, n_components: int, known: np.ndarray
) -> tuple[np.ndarray, int]:
    """Renumber a partition so that component c is class c; return it and its size."""
    labeled = known >= 0
    n_classes = int(known.max()) + 1
    table = np.zeros((n_components, n_classes))
    np.add.at(table, (labels[labeled], known[labeled]), 1)
    most = table.max(axis=1)
    expected = labeled.mean() * np.bincount(labels, minlength=n_components)
    joins = (most > 0) & (most >= MIN_CLASS_RATIO * expected)
    number = table.argmax(axis=1)
    number[~joins] = n_classes + np.arange(np.sum(~joins))
    joined = number[labels]
    joined[labeled] = known[labeled]
    return joined, n_classes + int(np.sum(~joins))


def agglomerate(
    means: np.ndarray, sizes: np.ndarray, linkage: str
) -> list[tuple[int, int]]:
    """Merge micro-clusters one pair after the other until one is left.

    Parameters
    ----------
    means : ndarray of shape (n_micro_clusters, n_features), float32 or float64

    sizes : ndarray of shape (n_micro_clusters,), float64
        Number of documents.

    linkage : {"ward", "average"}
        "ward" merges the pair a, b with the least |a| |b| / (|a| + |b|) · ‖ā - b̄‖²,
        "average" the pair with the greatest mean inner product ā·b̄.

    Returns
    -------
    merges : list of (int, int), length n_micro_clusters - 1
        The kept and the merged micro-cluster, in the order of the merges.

    Notes
    -----
    The generic algorithm with nearest neighbors [1]_: time
    O(n_micro_clusters² · n_features), memory O(n_micro_clusters²). SciPy's linkages
    take no sizes.

    References
    ----------
    .. [1] Müllner, "Modern hierarchical, agglomerative clustering algorithms", 2011,
       arXiv:1109.2378.
    """
    means, sizes = means.astype(np.float64), sizes.astype(np.float64)
    squares = (means**2).sum(axis=1)
    every = np.arange(len(means))

    def cost(some: np.ndarray) -> np.ndarray:
        products = means[some] @ means.T
        if linkage == "average":
            return -products
        gaps = np.maximum(squares[some, None] + squares - 2.0 * products, 0.0)
        return gaps * (sizes[some, None] * sizes / (sizes[some, None] + sizes))

    costs = cost(every)
    np.fill_diagonal(costs, np.inf)
    nearest = costs.argmin(axis=1)
    alive = np.ones(len(means), dtype=bool)
    merges = []
    for _ in range(len(means) - 1):
        one = int(costs[every, nearest].argmin())
        kept, merged = sorted((one, int(nearest[one])))
        merges.append((kept, merged))
        alive[merged] = False
        total = sizes[kept] + sizes[merged]
        means[kept] = sizes[kept] * means[kept] + sizes[merged] * means[merged]
        means[kept] /= total
        squares[kept], sizes[kept] = means[kept] @ means[kept], total
        row = np.where(alive, cost(every[kept : kept + 1])[0], np.inf)
        row[kept] = np.inf
        costs[merged, :] = costs[:, merged] = np.inf
        costs[kept, :] = costs[:, kept] = row
        nearest[row < costs[every, nearest]] = kept
        stale = np.flatnonzero((nearest == kept) | (nearest == merged))
        nearest[stale] = costs[stale].argmin(axis=1)
    return merges


def spherical_k_means(
    rows: np.ndarray, centers: np.ndarray, n_steps: int
) -> np.ndarray:
    """Run Lloyd's algorithm with cosine similarity.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32

    centers : ndarray of shape (n_centers, n_features), float32
        Initial centers, of unit length.

    n_steps : int

    Returns
    -------
    centers : ndarray of shape (n_centers, n_features), float32
        A center without rows stays where it is.
    """
    for _ in range(n_steps):
        sums = _sums_by_label(rows, _nearest(rows, centers), len(centers))
        centers = np.where(sums.any(axis=1, keepdims=True), unit_rows(sums), centers)
    return centers


def _nearest(features: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the center of greatest inner product, intp (n_docs,)."""
    nearest = np.empty(len(features), dtype=np.intp)
    for rows in gen_batches(len(features), BATCH_SIZE):
        nearest[rows] = (features[rows] @ centers.T).argmax(axis=1)
    return nearest


def _sums_by_label(rows: np.ndarray, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Return the sum of the rows of each label, (n_labels, n_features)."""
    members = csr_matrix(
        (np.ones(len(labels), dtype=rows.dtype), (labels, np.arange(len(labels)))),
        shape=(n_labels, len(labels)),
    )
    return members @ rows
