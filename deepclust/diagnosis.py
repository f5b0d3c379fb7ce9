"""Is a result a clustering at all? If not, which radius may give one."""

from dataclasses import replace

import numpy as np

from deepclust.choice import choose
from deepclust.partition import Points

__all__ = ["problem_with", "suggested_radius"]

_GIANT = 0.9
_GIANT_AMONG_SEVERAL = 0.97
_ROWS = 5000
# The sample is small: so that advice takes no more memory than clustering did.
_BLOCK_ENTRIES = 2**16


def problem_with(labels: np.ndarray, n_clusters: int) -> str | None:
    """Say what is wrong with the labels.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,), int
        -1 is noise.

    n_clusters : int

    Returns
    -------
    problem : str or None

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.diagnosis import problem_with
    >>> problem_with(np.zeros(10, dtype=int), 1)
    'one cluster holds 100% of the rows'
    """
    if not n_clusters:
        return "every row is noise: no row has min_samples neighbours within eps"
    share = np.bincount(labels[labels >= 0]).max() / len(labels)
    if share > (_GIANT if n_clusters == 1 else _GIANT_AMONG_SEVERAL):
        return f"one cluster holds {share:.0%} of the rows"
    return None


def suggested_radius(points: Points, min_samples: int) -> float:
    """Return a radius that divides the points, from the hierarchy of a sample.

    Parameters
    ----------
    points : Points

    min_samples : int
        Of all points; it is thinned out like them.

    Returns
    -------
    radius : float
    """
    places = points.sample(_ROWS)
    thinned = max(2, round(min_samples * len(places) / max(len(points.rows), 1)))
    enough = min_samples if len(places) == len(points.rows) else thinned
    sample = points.only(places)
    sample = replace(sample, block_entries=min(sample.block_entries, _BLOCK_ENTRIES))
    return choose(sample, enough, None).radius
