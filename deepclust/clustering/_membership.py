"""How much a row belongs to each cluster, and how far it is from all of them.

1. A row's share of a cluster falls with its squared distance from the cluster's mean,
   as for Gaussians of one variance: softmax(-d² / T).
2. T is such that the mean of the greatest shares is the mean simplified silhouette. The
   likelihood would choose a T at which nearly every share is 0 or 1.
3. The cluster that `predict` gives has the greatest share, also where another mean is
   nearer. Rows beside the core points leave a part to noise, which grows with their
   outlier score.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepclust.clustering._layers import cluster_means
from deepclust.clustering._unique_rows import content_hashes, dense
from deepclust.metrics._pairwise import row_blocks, squared_distances

__all__ = ["Membership", "outlier_scores", "share_kept"]

_ROWS_LIMITS = 100, 2000
_SAMPLE_ENTRIES = 2**20
_BISECTIONS = 60
_TEMPERATURES = 1e-4, 1e4  # times the mean squared distance
# exp of it is how much more the predicted cluster has than any other, at least.
_MARGIN = 0.01


@dataclass(frozen=True)
class Membership:
    """Shares of rows in clusters.

    Parameters
    ----------
    means : ndarray of shape (n_clusters, n_features), float64
        Of the core points of each cluster.

    temperature : float
        In units of squared distances.

    Notes
    -----
    Time O(n_rows × n_clusters × n_features). A row has the same shares in any batch, to
    the last bit.

    References
    ----------
    .. [1] P. J. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and
       validation of cluster analysis", Journal of Computational and Applied Mathematics
       20, 1987. https://doi.org/10.1016/0377-0427(87)90125-7

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._membership import Membership
    >>> X = np.array([[0.0], [1.0], [8.0], [9.0]])
    >>> membership = Membership.of(X, np.array([0, 0, 1, 1]))
    >>> membership(X[1:3], np.array([0, 1]), np.array([0.0, 0.5])).round(2)
    array([[0.92, 0.08],
           [0.07, 0.78]], dtype=float32)
    """

    means: np.ndarray
    temperature: float

    @classmethod
    def of(
        cls, rows: Any, labels: np.ndarray, weights: np.ndarray | None = None
    ) -> "Membership":
        """Return the membership of clusters.

        Parameters
        ----------
        rows : ndarray or sparse array of shape (n_core, n_features), float32 or float64
            The core points.

        labels : ndarray of shape (n_core,), intp
            From 0, each number in use.

        weights : ndarray of shape (n_core,), float64, default=None
            Positive; of how many copies a row is.

        Returns
        -------
        membership : Membership
        """
        weights = np.ones(len(labels)) if weights is None else weights
        order = np.argsort(content_hashes(rows), kind="stable")
        means = cluster_means(rows[order], labels[order], weights[order])
        sample = order[: int(np.clip(_SAMPLE_ENTRIES // len(means), *_ROWS_LIMITS))]
        squared = _squared_distances(dense(rows[sample]), means)
        return cls(means, _temperature(squared, labels[sample], weights[sample]))

    def __call__(self, rows: Any, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return the shares of each row; what is missing to 1 is noise.

        Parameters
        ----------
        rows : ndarray or sparse array of shape (n_rows, n_features)

        labels : ndarray of shape (n_rows,), intp
            What `predict` gives; -1 is noise.

        scores : ndarray of shape (n_rows,), float64
            See `outlier_scores`; where it is 1, all is noise.

        Returns
        -------
        shares : ndarray of shape (n_rows, n_clusters), float32
            The greatest of the shares and the noise is that of the label.
        """
        shares = np.empty((len(labels), len(self.means)), dtype=np.float32)
        for part in row_blocks(len(labels), max(self.means.shape)):
            own, places = labels[part], np.arange(len(labels[part]))
            squared = _squared_distances(dense(rows[part]), self.means)
            logits = squared / -self.temperature
            kept = own >= 0
            others = logits.copy()
            others[places, own] = np.where(kept, -np.inf, others[places, own])
            least = np.maximum(logits[places, own], others.max(axis=1) + _MARGIN)
            logits[places[kept], own[kept]] = least[kept]
            found = _softmax(logits)
            # Of thirds: noise has one at most beside a label, and two at least if not.
            noise = np.where(kept, scores[part] * found.max(axis=1), 2 + scores[part])
            shares[part] = found * (1 - noise / 3)[:, None]
        return shares


def outlier_scores(distances: np.ndarray, eps: float) -> np.ndarray:
    """Return d / (d + eps) for the distance d of each row to its nearest core point.

    0 for core points, 1/2 at the radius, beyond which a row is noise, and 1 where there
    is no core point.

    Parameters
    ----------
    distances : ndarray of shape (n_rows,), float64
        May be inf.

    eps : float

    Returns
    -------
    scores : ndarray of shape (n_rows,), float64

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._membership import outlier_scores
    >>> outlier_scores(np.array([0.0, 1.0, 2.0, 6.0, np.inf]), 2.0)
    array([0.        , 0.33333333, 0.5       , 0.75      , 1.        ])
    """
    return 1 - eps / (eps + distances)


def share_kept(
    greatest: np.ndarray, noise: np.ndarray, unseen: np.ndarray
) -> np.ndarray:
    """Return by how much to multiply the shares of texts with words never seen.

    1 where every word was seen, and falling with the part that was not: a text without
    a seen word would be noise as much as it is in its cluster.

    Parameters
    ----------
    greatest, noise : ndarray of shape (n_docs,)
        Share of the greatest cluster, and of noise.

    unseen : ndarray of shape (n_docs,), float64
        Part of each text's words, 0 to 1.

    Returns
    -------
    kept : ndarray of shape (n_docs,), float64
        1 for noise, whatever its words.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._membership import share_kept
    >>> greatest, noise = np.full(3, 0.8), np.full(3, 0.0)
    >>> (greatest * share_kept(greatest, noise, np.array([0.0, 0.5, 1.0]))).round(2)
    array([0.8 , 0.62, 0.44])
    """
    least = 1 / np.maximum(1.0 + greatest - noise, 1.0)
    return 1 - unseen * (1 - least)


def _squared_distances(rows: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return squared distances, (n_rows, n_clusters), that depend on no other row."""
    return np.column_stack([squared_distances(rows, mean) for mean in means])


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _temperature(squared: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Return the temperature at which the mean greatest share is the silhouette."""
    scale = float(
        np.average(squared, weights=np.broadcast_to(weights[:, None], squared.shape))
    )
    if squared.shape[1] < 2 or scale == 0:
        return 1.0
    distances = np.sqrt(squared)
    places = np.arange(len(labels))
    own = distances[places, labels]
    distances[places, labels] = np.inf
    other = distances.min(axis=1)
    larger = np.maximum(own, other)
    silhouettes = (other - own) / np.where(larger > 0, larger, 1)
    silhouette = np.average(silhouettes, weights=weights)
    low, high = np.log(_TEMPERATURES)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        shares = _softmax(squared / (-scale * np.exp(middle)))
        too_sure = np.average(shares.max(axis=1), weights=weights) > silhouette
        low, high = (middle, high) if too_sure else (low, middle)
    return scale * float(np.exp((low + high) / 2))
