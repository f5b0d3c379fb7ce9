"""Consensus of partitions: the medoid, the nearest to it, the labels they share.

And co-association: how often other partitions join the documents of two classes.
"""

from itertools import combinations

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from deepclust.metrics._matching import relabel
from deepclust.pseudo_labels._mixture import is_confident

__all__ = [
    "MIN_ALIVE",
    "agreed_targets",
    "co_association",
    "medoid",
    "nearest_partitions",
    "nested_target",
]

MIN_ALIVE = 0.9  # of the components, that a mixture should keep
MAX_COMPARED_DOCS = 4_000  # random documents that partitions are compared on


def medoid(partitions: list[np.ndarray], *, seed: int = 0) -> int:
    """Find the partition that agrees best with the others.

    Parameters
    ----------
    partitions : list of ndarray of shape (n_docs,), int

    seed : int, default=0
        Draws the `MAX_COMPARED_DOCS` documents that are compared.

    Returns
    -------
    place : int
        Of the partition with the greatest mean of the adjusted mutual information with
        the others; of equal ones the first.

    References
    ----------
    .. [1] Strehl, Ghosh, "Cluster ensembles: a knowledge reuse framework for combining
       multiple partitions", JMLR 3, 2002. (Average mutual information.)

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.pseudo_labels._consensus import medoid
    >>> medoid([np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])])
    1
    """
    rows = _compared(len(partitions[0]), seed)
    total = np.zeros(len(partitions))
    for pair in combinations(range(len(partitions)), 2):
        one, other = (partitions[i][rows] for i in pair)
        total[list(pair)] += adjusted_mutual_info_score(one, other)
    return int(total.argmax())


def nearest_partitions(
    references: list[np.ndarray], partitions: list[np.ndarray], *, seed: int = 0
) -> list[int]:
    """Sort partitions by their adjusted mutual information with references, in turn.

    Parameters
    ----------
    references : list of ndarray of shape (n_docs,), int

    partitions : list of ndarray of shape (n_docs,), int

    seed : int, default=0
        Draws the `MAX_COMPARED_DOCS` documents that are compared.

    Returns
    -------
    order : list of int
        Indices of the partitions: the nearest to each of the references, then the
        second to each, and so on, each index once.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.pseudo_labels._consensus import nearest_partitions
    >>> one, other = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> nearest_partitions([one], [other, 1 - one, one])
    [1, 2, 0]
    >>> nearest_partitions([one, other], [other, 1 - one, one])
    [1, 0, 2]
    """
    rows = _compared(len(references[0]), seed)
    orders = []
    for reference in references:
        information = [
            adjusted_mutual_info_score(reference[rows], labels[rows])
            for labels in partitions
        ]
        orders.append(sorted(range(len(partitions)), key=lambda i: -information[i]))
    turns = zip(*orders, strict=True)
    return list(dict.fromkeys(i for nearest in turns for i in nearest))


def _compared(n_docs: int, seed: int) -> np.ndarray:
    """Draw the documents that partitions are compared on."""
    return np.random.default_rng(seed).permutation(n_docs)[:MAX_COMPARED_DOCS]


def agreed_targets(
    partitions: list[np.ndarray], log_odds_margins: list[np.ndarray]
) -> list[np.ndarray]:
    """Keep the labels that are confident and that most of the partitions share.

    Parameters
    ----------
    partitions : list of ndarray of shape (n_docs,), int
        Component of each document, from 0.

    log_odds_margins : list of ndarray of shape (n_docs,), float32
        Margin of each label, as returned by `Mixture.predict_with_margin`; infinite
        where the label is known, which always stays.

    Returns
    -------
    targets : list of ndarray of shape (n_docs,), int32
        The labels; -1 where more than half of the partitions, after one-to-one matching
        with the first, have another label or the margin is not confident. Of all
        documents the half with the greater margins keeps its labels even so. Components
        are renumbered without the empty ones.

    Notes
    -----
    Of a component that would lose all of its documents, those stay on which half of
    the partitions agree, or else all that are confident: of many fine topics, some are
    found by one partition only.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.pseudo_labels._consensus import agreed_targets
    >>> one, other = np.array([0, 0, 1, 1, 1]), np.array([1, 0, 0, 0, 0])
    >>> np.stack(agreed_targets([one, other, one], [np.full(5, 9.0)] * 3))
    array([[ 0,  0,  1,  1,  1],
           [ 1, -1,  0,  0,  0],
           [ 0,  0,  1,  1,  1]], dtype=int32)
    """
    table = np.stack([relabel(labels, like=partitions[0]) for labels in partitions])
    found = []
    for own, matched, margin in zip(partitions, table, log_odds_margins, strict=True):
        n_agreeing = (table == matched).sum(axis=0)
        n_agreeing[np.isinf(margin)] = len(table)
        kept = np.zeros(len(own), dtype=bool)
        # fewer partitions are enough for the components that have no document yet
        for enough in (len(table) // 2 + 1, (len(table) + 1) // 2, 1):
            agreed = n_agreeing >= enough
            least = np.median(np.where(agreed, margin, 0.0))
            sure = agreed & (is_confident(margin) | (margin >= least))
            kept |= sure & ~np.isin(own, own[kept])
        target = np.full(len(own), -1, dtype=np.int32)
        target[kept] = np.unique(own[kept], return_inverse=True)[1]
        found.append(target)
    return found


def nested_target(finer: np.ndarray, broader: np.ndarray) -> np.ndarray:
    """Let each class of a target be a part of one class of a broader target.

    Parameters
    ----------
    finer, broader : ndarray of shape (n_docs,), int
        Class of each document, from 0; -1 for none.

    Returns
    -------
    target : ndarray of shape (n_docs,), int32
        The finer classes; -1 also where a document is not in that class of `broader`
        which holds most of its finer class. Classes are renumbered without the empty
        ones.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.pseudo_labels._consensus import nested_target
    >>> finer, broader = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, -1, -1])
    >>> nested_target(finer, broader)
    array([ 0,  0, -1,  1, -1, -1], dtype=int32)
    """
    target = np.full(len(finer), -1, dtype=np.int32)
    both = (finer >= 0) & (broader >= 0)
    if both.any():
        counts = np.zeros((finer.max() + 1, broader.max() + 1))
        np.add.at(counts, (finer[both], broader[both]), 1.0)
        kept = both & (broader == counts.argmax(axis=1)[finer])
        target[kept] = np.unique(finer[kept], return_inverse=True)[1]
    return target


def co_association(
    labels: np.ndarray, partitions: list[np.ndarray], n_classes: int
) -> np.ndarray:
    """Return how often partitions have a document of one class beside one of another.

    Parameters
    ----------
    labels : ndarray of shape (n_docs,), int
        Class of each document, from 0; -1 for none.

    partitions : list of ndarray of shape (n_docs,), int
        Component of each document, from 0; -1 where it takes no part.

    n_classes : int
        Classes beyond those in `labels` are beside no other.

    Returns
    -------
    shares : ndarray of shape (n_classes, n_classes), float64
        Probability that a random document of the one class and one of the other are in
        the same component, mean over the partitions.

    References
    ----------
    .. [1] Fred, Jain, "Combining multiple clusterings using evidence accumulation",
       IEEE TPAMI 27(6), 2005, doi:10.1109/TPAMI.2005.113.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.pseudo_labels._consensus import co_association
    >>> fine, broad = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 1])
    >>> co_association(fine, [broad], 3)
    array([[1. , 0.5, 0. ],
           [0.5, 0.5, 0.5],
           [0. , 0.5, 1. ]])
    """
    shares = np.zeros((n_classes, n_classes))
    for partition in partitions:
        both = (labels >= 0) & (partition >= 0)
        if not both.any():
            continue
        counts = np.zeros((n_classes, partition.max() + 1))
        np.add.at(counts, (labels[both], partition[both]), 1.0)
        counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
        shares += counts @ counts.T / len(partitions)
    return shares
