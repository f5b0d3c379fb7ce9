"""Labels that are known for a part of the texts: which texts have one, and its code.

One rule for the encoder, for splits of clusters by labels and for reports.
"""

from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

__all__ = ["encode_labels", "is_unlabeled"]

_WITHOUT_LABEL = frozenset({"", "-1", "-1.0", "<NA>"})  # as texts; the NA of pandas


def is_unlabeled(value: Any) -> bool:
    """Return whether a value says that a text has no label.

    Parameters
    ----------
    value : object
        -1, None, NaN, NaT, the NA of pandas and "" stand for no label, and so do -1 and
        NA written as texts.

    Returns
    -------
    is_unlabeled : bool

    Examples
    --------
    >>> from deepclust.metrics._known_labels import is_unlabeled
    >>> [is_unlabeled(value) for value in (-1, None, float("nan"), "", "sports", 0)]
    [True, True, True, True, False, False]
    """
    if value is None or str(value) in _WITHOUT_LABEL:
        return True  # NA first: it has no truth value, nor has a comparison with it
    return bool(value != value)  # NaN differs from itself


def encode_labels(
    y: Any, n_docs: int, otherwise: np.ndarray | None = None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the code of the label of each text, and the classes.

    Parameters
    ----------
    y : array-like of shape (n_docs,) or None
        Labels, texts alone or numbers alone; see `is_unlabeled` for texts without one.

    n_docs : int

    otherwise : ndarray of shape (n_docs,), object, default=None
        Labels of texts that have none in `y`.

    Returns
    -------
    labels : ndarray of shape (n_docs,), int32, or None
        Place of the label in `classes`; -1 without one. None if no text has a label.

    classes : ndarray of shape (n_classes,), or None
        The labels, sorted.

    Raises
    ------
    ValueError
        If `y` has another length or two dimensions, or holds texts and numbers, or
        fractions.

    Examples
    --------
    >>> from deepclust.metrics._known_labels import encode_labels
    >>> encode_labels(["b", None, "a", "b"], 4)
    (array([ 1, -1,  0,  1], dtype=int32), array(['a', 'b'], dtype='<U1'))
    >>> encode_labels([-1, -1], 2)
    (None, None)
    """
    if y is None:
        y = [None] * n_docs
    # Objects: numpy would write a NaN among texts as the text "nan".
    values = column_or_1d(np.asarray(y, dtype=object)).tolist()
    if len(values) != n_docs:
        raise ValueError(f"X has {n_docs} texts, but y has {len(values)} labels.")
    if otherwise is not None:
        pairs = zip(values, otherwise.tolist(), strict=True)
        values = [other if is_unlabeled(value) else value for value, other in pairs]
    labeled = ~np.array([is_unlabeled(value) for value in values], dtype=bool)
    if not labeled.any():
        return None, None
    known = [value for value, has in zip(values, labeled, strict=True) if has]
    if len({isinstance(value, str) for value in known}) > 1:
        raise ValueError(
            "Labels are of two kinds, texts and numbers. Give texts alone, or numbers "
            "alone; the topics of seed_words have names, so with them y must hold "
            "texts."
        )
    check_classification_targets(known)
    classes, codes = np.unique(known, return_inverse=True)
    labels = np.full(n_docs, -1, dtype=np.int32)
    labels[labeled] = codes
    return labels, classes
