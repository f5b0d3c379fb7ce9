"""Which text belongs to which cluster, as a matrix; and words and vectors as such."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import check_array, column_or_1d

from deepclust._text_input import check_texts

__all__ = [
    "NOISE",
    "check_labelled",
    "check_vectors",
    "membership",
    "squared_distances",
    "term_counts",
]

NOISE = -1
_ROWS_AT_A_TIME = 4096


def check_labelled(texts: Any, labels: Any, name: str) -> tuple[list[str], np.ndarray]:
    """Return the texts and as many labels, or raise on behalf of `name`.

    A lone surrogate, which no table can hold, becomes "?".
    """
    texts = [
        text.encode("utf-8", "replace").decode("utf-8")
        for text in check_texts(texts, estimator=name)
    ]
    labels = column_or_1d(labels)
    if len(texts) != len(labels):
        raise ValueError(
            f"{name} needs one label a text. Received: {len(texts)} texts and "
            f"{len(labels)} labels."
        )
    return texts, labels


def check_vectors(embeddings: Any, n_docs: int) -> np.ndarray:
    """Return the embeddings as finite float64, one row a text, or raise ValueError."""
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    if len(X) != n_docs:
        raise ValueError(
            f"embeddings need one row a text. Received: {len(X)} rows and "
            f"{n_docs} texts."
        )
    return X


def membership(labels: np.ndarray) -> tuple[list[Any], sp.csr_array, np.ndarray]:
    """Return what belongs to what.

    Returns
    -------
    clusters : list
        The labels in ascending order, noise last.

    members : sparse array of shape (n_clusters, n_docs), float64
        1 where the text belongs to the cluster.

    codes : ndarray of shape (n_docs,), intp
        Place of each text's label in `clusters`.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.inspection._membership import membership
    >>> clusters, members, codes = membership(np.array([1, -1, 0, 1]))
    >>> clusters, codes.tolist(), members.sum(axis=1).tolist()
    ([0, 1, -1], [1, 2, 0, 1], [1.0, 2.0, 1.0])
    """
    values, codes = np.unique(labels, return_inverse=True)
    if len(values) and values[0] == NOISE:
        values = np.roll(values, -1)
        codes = (codes - 1) % len(values)
    ones = np.ones(len(labels))
    shape = (len(values), len(labels))
    members = sp.csr_array((ones, (codes, np.arange(len(labels)))), shape=shape)
    return values.tolist(), members, codes.astype(np.intp)


def term_counts(
    texts: list[str], ngram_range: tuple[int, int] = (1, 1), *, binary: bool = False
) -> tuple[sp.csr_array, np.ndarray]:
    """Return the texts × terms counts and the terms; without terms, no columns."""
    if not any(len(text.split()) >= ngram_range[0] for text in texts):
        return sp.csr_array((len(texts), 0)), np.array([], dtype=object)
    counter = CountVectorizer(
        tokenizer=str.split,
        token_pattern=None,
        lowercase=False,
        ngram_range=ngram_range,
        binary=binary,
    )
    counts = sp.csr_array(counter.fit_transform(texts), dtype=np.float64)
    return counts, counter.get_feature_names_out()


def squared_distances(
    X: np.ndarray | sp.csr_array, points: np.ndarray | sp.csr_array
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the squared distances of some rows of X at a time to all the points."""
    of_points = _squares(points)
    for start in range(0, X.shape[0], _ROWS_AT_A_TIME):
        rows = slice(start, min(start + _ROWS_AT_A_TIME, X.shape[0]))
        part = X[rows]
        product = part @ points.T
        dense = product.toarray() if sp.issparse(product) else product
        yield rows, np.maximum(_squares(part)[:, None] - 2 * dense + of_points, 0.0)


def _squares(X: Any) -> np.ndarray:
    if sp.issparse(X):
        return np.asarray(X.multiply(X).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", X, X)
