"""Consensus of partitions: the nearest to a reference, and the labels they share."""

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from deepclust.metrics._matching import relabel
from deepclust.pseudo_labels._mixture import is_confident

__all__ = ["agreed_targets", "nearest_partitions"]

MAX_COMPARED_DOCS = 4_000  # random documents that partitions are compared on


def nearest_partitions(
    reference: np.ndarray, partitions: list[np.ndarray], *, seed: int = 0
) -> list[int]:
    """Sort partitions by their adjusted mutual information with a reference.

    Parameters
    ----------
    reference : ndarray of shape (n_docs,), int

    partitions : list of ndarray of shape (n_docs,), int

    seed : int, default=0
        Draws the `MAX_COMPARED_DOCS` documents that are compared.

    Returns
    -------
    order : list of int
        Indices of the partitions, the nearest first.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.pseudo_labels._consensus import nearest_partitions
    >>> reference = np.array([0, 0, 1, 1])
    >>> nearest_partitions(reference, [np.array([0, 1, 0, 1]), 1 - reference])
    [1, 0]
    """
    rows = np.random.default_rng(seed).permutation(len(reference))[:MAX_COMPARED_DOCS]
    information = [
        adjusted_mutual_info_score(reference[rows], labels[rows])
        for labels in partitions
    ]
    return sorted(range(len(partitions)), key=lambda i: -information[i])


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
    targets = []
    for labels, own, margin in zip(table, partitions, log_odds_margins, strict=True):
        agreed = np.mean(table == labels, axis=0) > 0.5
        margin = np.where(agreed | np.isinf(margin), margin, 0.0)
        kept = is_confident(margin) | (margin >= np.median(margin))
        target = np.full(len(own), -1, dtype=np.int32)
        target[kept] = np.unique(own[kept], return_inverse=True)[1]
        targets.append(target)
    return targets
