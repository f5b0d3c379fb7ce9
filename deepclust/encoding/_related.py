"""Related classes: prototypes moved towards those of classes like their own.

The classes of a softmax lie in nearly orthogonal directions, so that which of them are
the nearest to each other is chance. Partitions of fewer components tell which are parts
of the same broader topic.
"""

import numpy as np

from deepclust._parallel import one_blas_thread
from deepclust.metrics._pairwise import unit_rows
from deepclust.pseudo_labels import co_association

__all__ = ["related_prototypes"]


def related_prototypes(
    prototypes: np.ndarray, target: np.ndarray, broader: list[np.ndarray]
) -> np.ndarray:
    """Return prototypes, moved towards those of related classes.

    Parameters
    ----------
    prototypes : ndarray of shape (n_classes, embedding_dim), float32

    target : ndarray of shape (n_docs,), int32
        Class of each text; -1 for none.

    broader : list of ndarray of shape (n_docs,), int32
        Partitions into fewer classes; -1 where a text takes no part.

    Returns
    -------
    related : ndarray of shape (n_classes, embedding_dim), float32
        Of unit length.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._related import related_prototypes
    >>> fine, broad = np.array([0, 1, 2]), np.array([0, 0, 1])
    >>> related = related_prototypes(np.eye(3, dtype="float32"), fine, [broad])
    >>> (related @ related.T).round(2)
    array([[1. , 0.8, 0. ],
           [0.8, 1. , 0. ],
           [0. , 0. , 1. ]], dtype=float32)
    """
    directions = unit_rows(prototypes)
    with one_blas_thread():
        shares = co_association(target, broader, len(directions))
        moved = directions + shares.astype(np.float32) @ directions
    return unit_rows(moved)
