"""The parts of one cluster: found in embeddings or in words, and whether they exist."""

from typing import Any

import numpy as np
from sklearn.base import clone

from deepclust.clustering._dbscan import DBSCAN
from deepclust.metrics._pairwise import unit_rows

__all__ = ["are_apart", "find_parts", "share_astray", "word_features"]

_MAX_DIMENSIONS = 20  # of the words of one cluster
_N_DRAWS = 19  # so that one that is exceeded by none has p = .05
_MIN_ROWS = 20  # of fewer, it cannot be told
_MAX_ROWS = 2_000  # for the silhouette, which takes quadratic time


def find_parts(rows: np.ndarray, into: Any, density: DBSCAN) -> np.ndarray:
    """Return the part of each row, -1 for noise.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)

    into : int, clusterer or None
        A number of parts for k-means, a clusterer with `fit_predict`, or None.

    density : DBSCAN
        What finds the parts with None.
    """
    if into is None:
        return density.fit_predict(rows)
    if isinstance(into, int | np.integer):
        return _k_means(rows, int(into), n_init=5)
    return clone(into).fit_predict(rows)


def _k_means(rows: np.ndarray, n_parts: int, n_init: int) -> np.ndarray:
    from sklearn.cluster import KMeans  # .1 s, which `load` does not need

    return KMeans(n_parts, n_init=n_init, random_state=0).fit_predict(rows)


def word_features(cleaned: list[str]) -> np.ndarray:
    """Return LSA features of the words of these texts alone.

    Parameters
    ----------
    cleaned : list of str
        Tokens separated by white space.

    Returns
    -------
    features : ndarray of shape (n_texts, n_dimensions), float64
        Unit rows, zero for a text without a word that another one has.

    Raises
    ------
    ValueError
        If no two texts share a word.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(analyzer=str.split, sublinear_tf=True, min_df=2)
    counts = weights.fit_transform(cleaned)
    n_dimensions = min(_MAX_DIMENSIONS, counts.shape[1] - 1, counts.shape[0] - 1)
    if n_dimensions < 1:
        return unit_rows(counts.toarray())
    svd = TruncatedSVD(n_dimensions, random_state=0)
    with np.errstate(invalid="ignore"):  # its shares of no variance: of equal texts
        return unit_rows(svd.fit_transform(counts))


def are_apart(rows: np.ndarray, parts: np.ndarray) -> bool:
    """Tell whether parts are further apart than k-means parts of one Gaussian cloud.

    Notes
    -----
    The silhouette of the parts has to exceed that of as many k-means parts of 19
    samples of the Gaussian with the covariance of the rows, p = .05 [1]_. Of more than
    2,000 rows a sample is looked at; fewer than 20 are taken for apart, as it cannot
    be told.

    References
    ----------
    .. [1] Liu, Hayes, Nobel, Marron, "Statistical significance of clustering for
       high-dimension, low-sample-size data", JASA 103, 2008.
       https://doi.org/10.1198/016214508000000454

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._parts import are_apart
    >>> rows = np.random.default_rng(0).normal(size=(60, 2))
    >>> are_apart(rows, (rows[:, 0] > 0).astype(int))
    False
    >>> rows[:30, 0] += 8
    >>> are_apart(rows, (rows[:, 0] > 4).astype(int))
    True
    """
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(0)
    if len(rows) > _MAX_ROWS:
        chosen = rng.permutation(len(rows))[:_MAX_ROWS]
        rows, parts = rows[chosen], parts[chosen]
    n_parts = len(np.unique(parts))
    if len(rows) < _MIN_ROWS or not 2 <= n_parts < len(rows):
        return True
    found = silhouette_score(rows, parts)
    centered = rows - rows.mean(axis=0)
    for _ in range(_N_DRAWS):
        draw = rng.standard_normal((len(rows), len(rows))) @ centered
        cut = _k_means(draw, n_parts, n_init=2)
        if silhouette_score(draw, cut) >= found:
            return False
    return True


def share_astray(rows: np.ndarray, parts: np.ndarray) -> float:
    """Return the share of the rows whose nearest other row is of another part."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=1).fit(rows).kneighbors()[1][:, 0]
    return float(np.mean(parts[nearest] != parts))
