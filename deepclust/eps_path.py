"""Choose eps without labels, from the density hierarchy."""

import numpy as np

from deepclust._density_validity import density_validity
from deepclust.hierarchy import ReachabilityTree

__all__ = ["choose_eps", "eps_path"]

_STEPS = 60


def eps_path(tree: ReachabilityTree, X: np.ndarray) -> dict[str, np.ndarray]:
    """Tell what every eps makes of the points.

    Parameters
    ----------
    tree : ReachabilityTree
        Of the rows of `X`.

    X : ndarray of shape (n_points, n_features)

    Returns
    -------
    path : dict of ndarray of shape (n_steps,)
        "eps" ascending, "n_clusters", "coverage" and "validity".
    """
    reached = tree.core_distances[np.isfinite(tree.core_distances)]
    if not len(reached):
        eps = np.empty(0)
    else:
        eps = np.unique(np.quantile(reached, np.linspace(0.02, 1, _STEPS)))
    rows = np.repeat(np.arange(len(X)), tree.weights.astype(np.intp))
    validity = [density_validity(X[rows], tree.cut(step)[rows]) for step in eps]
    return {
        "eps": eps,
        "n_clusters": tree.n_clusters(eps),
        "coverage": tree.coverage(eps),
        "validity": np.array(validity),
    }


def choose_eps(path: dict[str, np.ndarray], n_clusters: int | None = None) -> float:
    """Return the eps of the best row of the path.

    Parameters
    ----------
    path : dict of ndarray
        See `eps_path`; at least one row.

    n_clusters : int, default=None
        Ask for this many clusters: the row whose number is nearest, and of those the
        one with the most coverage. When None, the row of the highest validity.

    Returns
    -------
    eps : float
    """
    if n_clusters is None:
        return float(path["eps"][path["validity"].argmax()])
    away = np.abs(path["n_clusters"] - n_clusters)
    best = np.lexsort((-path["coverage"], away))[0]
    return float(path["eps"][best])
