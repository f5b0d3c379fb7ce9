"""What `RNNLSTMEncoder` takes: token ids, vectors of texts, parameters."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_array
from threadpoolctl import threadpool_limits

from deepclust.sequences import UNKNOWN_ID, TokenSequences

__all__ = [
    "check_document_vectors",
    "check_ids",
    "check_training_parameters",
    "grown_vectors",
    "known_tokens",
    "sequences_of_matrix",
    "start_vectors",
]


def sequences_of_matrix(matrix: np.ndarray) -> TokenSequences:
    """Return the rows of a right-padded matrix of shape (n_docs, max_len).

    Raises
    ------
    ValueError
        If it holds a negative number or a fraction; the message names the row.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._validation import sequences_of_matrix
    >>> sequences_of_matrix(np.array([[4.0, 2.0], [3.0, 0.0]])).lengths
    array([2, 1])
    """
    fraction = (matrix != np.floor(matrix)).any(axis=1)
    if fraction.any():
        raise ValueError(
            "RNNLSTMEncoder expects token ids, which are whole numbers. "
            f"Row {np.argmax(fraction)} holds a fraction."
        )
    negative = (matrix < 0).any(axis=1)
    if negative.any():
        raise ValueError(
            "Negative values in data passed to RNNLSTMEncoder: row "
            f"{np.argmax(negative)} holds one. Token ids are 0 (padding), 1 (unknown), "
            "2, 3, ..."
        )
    return TokenSequences.from_matrix(matrix.astype(np.int32))


def check_ids(sequences: TokenSequences, n_tokens: int) -> None:
    """Raise ValueError, naming the row, if an id is not below `n_tokens`."""
    if sequences.ids.max(initial=0) >= n_tokens:
        place = int(np.argmax(sequences.ids >= n_tokens))
        row = int(np.searchsorted(sequences.offsets, place, side="right")) - 1
        raise ValueError(
            f"Row {row} holds token id {sequences.ids[place]}, but the encoder was "
            f"fitted with ids below {n_tokens}. Use the Vectorizer it was fitted with."
        )


def check_document_vectors(document_vectors: Any, n_docs: int) -> np.ndarray | None:
    """Return document vectors as an array of shape (n_docs, dim); None stays None.

    Raises
    ------
    ValueError
        If they are not numbers in two dimensions, one row per text, or not finite; the
        message names the first row that is not.
    TypeError
        If they are sparse.

    Examples
    --------
    >>> from deepclust.encoding._validation import check_document_vectors
    >>> check_document_vectors([[1, 2], [3, 4], [5, 6]], 3).shape
    (3, 2)
    """
    if document_vectors is None:
        return None
    vectors = check_array(
        document_vectors, ensure_all_finite=False, ensure_2d=False, allow_nd=True,
        ensure_min_samples=0, ensure_min_features=0, input_name="document_vectors",
    )  # fmt: skip
    if vectors.ndim != 2 or len(vectors) != n_docs or vectors.shape[1] == 0:
        raise ValueError(
            "document_vectors must have the shape (n_docs, dim), one row per text: "
            f"{n_docs} here. Received: shape {vectors.shape}."
        )
    infinite = ~np.isfinite(vectors).all(axis=1)
    if infinite.any():
        raise ValueError(
            "document_vectors must be finite. "
            f"Row {np.argmax(infinite)} holds NaN or infinity."
        )
    return vectors


def known_tokens(sequences: TokenSequences) -> TokenSequences:
    """Return the sequences without padding and unknown tokens."""
    kept = sequences.ids > UNKNOWN_ID
    if kept.all():
        return sequences
    offsets = np.concatenate(([0], np.cumsum(kept)))[sequences.offsets]
    return TokenSequences(
        sequences.ids[kept], offsets, sequences.vocabulary, max_len=sequences.max_len
    )


def start_vectors(sequences: TokenSequences, vector_dim: int, seed: int) -> np.ndarray:
    """Return the word vectors that the sequences bring, or random ones of length 1.

    Returns
    -------
    vectors : ndarray of shape (n_tokens, vector_dim), float32
        Row 0, the padding, is zero.
    """
    vocabulary = sequences.vocabulary
    if vocabulary is not None and vocabulary.vectors is not None:
        return np.asarray(vocabulary.vectors, dtype=np.float32)
    n_tokens = int(sequences.ids.max(initial=UNKNOWN_ID)) + 1
    if vocabulary is not None:
        n_tokens = max(n_tokens, len(vocabulary))
    shape = (n_tokens, vector_dim)
    vectors = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] = 0.0
    return vectors


def grown_vectors(trained: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the trained word vectors, and rows for words that have none yet.

    Parameters
    ----------
    trained : ndarray of shape (n_old, dim), float32

    vectors : ndarray of shape (n_tokens, dim), float32
        What they started from, and the vectors of the words that came later.

    Returns
    -------
    grown : ndarray of shape (n_tokens, dim), float32
        New rows are mapped as the old ones were moved, by least squares.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._validation import grown_vectors
    >>> grown_vectors(2 * np.eye(2), np.array([[1, 0], [0, 1], [1, 1]])).round(6)
    array([[2., 0.],
           [0., 2.],
           [2., 2.]])
    """
    n_old = len(trained)
    with threadpool_limits(limits=1, user_api="blas"):  # the same sums on any machine
        moved = np.linalg.lstsq(vectors[:n_old], trained, rcond=None)[0]
        new = (vectors[n_old:] @ moved).astype(trained.dtype)
    return np.concatenate((trained, new))


def check_training_parameters(parameters: dict[str, Any]) -> None:
    """Refuse parameters of the encoder that do not go together.

    Raises
    ------
    ValueError
        If `checkpoint_dir` has no repeatable run, or `privacy` a parameter that it
        does not cover.
    """
    state, folder = parameters["random_state"], parameters["checkpoint_dir"]
    if folder is not None and not isinstance(state, Integral):
        raise ValueError(
            "checkpoint_dir needs a number as random_state: a run that is repeated "
            "with other random numbers cannot go on."
        )
    if parameters["privacy"] is None:
        return
    needed = {
        "checkpoint_dir": (None,),
        "early_stopping": (False,),
        "validation_fraction": (0.0,),
        "dtype_policy": ("auto", "float32"),
    }
    for name, allowed in needed.items():
        if parameters[name] not in allowed:
            raise ValueError(
                f"privacy= does not go with {name}={parameters[name]!r}. "
                f"Set it to {allowed[0]!r}."
            )
    import keras

    if keras.config.backend() != "tensorflow":
        raise ValueError("privacy= needs TensorFlow: set KERAS_BACKEND=tensorflow.")
