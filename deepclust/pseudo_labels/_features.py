"""What the words alone say about each text."""

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

from deepclust.sequences import UNKNOWN_ID, TokenSequences

__all__ = ["document_term_matrix", "lsa_features"]

N_COMPONENTS = 150  # of the latent semantic analysis


def document_term_matrix(sequences: TokenSequences) -> csr_matrix:
    """Return how often each token occurs, float32 (n_docs, n_tokens).

    Padding and unknown tokens are not counted.
    """
    n_tokens = int(sequences.ids.max(initial=UNKNOWN_ID)) + 1
    if sequences.vocabulary is not None:
        n_tokens = max(n_tokens, len(sequences.vocabulary))
    ones = (sequences.ids > UNKNOWN_ID).astype(np.float32)
    counts = csr_matrix(  # a copy: what follows sorts in place
        (ones, sequences.ids, sequences.offsets),
        shape=(len(sequences), n_tokens),
        copy=True,
    )
    counts.sum_duplicates()
    counts.eliminate_zeros()
    return counts


def lsa_features(
    counts: csr_matrix, vectors: np.ndarray | None = None, *, seed: int = 0
) -> np.ndarray:
    """Return what the words alone say about each text, at unit length.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    vectors : ndarray of shape (n_tokens, vector_dim), default=None
        Word vectors.

    seed : int, default=0

    Returns
    -------
    features : ndarray of shape (n_docs, n_features), float32
        Latent semantic analysis [1]_ of TF-IDF with 1 + log counts, beside the mean
        word vector with weights a / (a + p(word)), a = 0.001 [2]_. A text without
        tokens gets zeros.

    Notes
    -----
    Time O(tokens × n_features), memory O(n_docs × n_features).

    References
    ----------
    .. [1] Deerwester, Dumais, Furnas, Landauer, Harshman, "Indexing by latent semantic
       analysis", JASIS 41(6), 1990.
    .. [2] Arora, Liang, Ma, "A simple but tough-to-beat baseline for sentence
       embeddings", ICLR 2017.
    """
    if counts.nnz == 0:
        return np.zeros((counts.shape[0], 1), dtype=np.float32)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    n_components = min(N_COMPONENTS, min(weighted.shape) - 1)
    parts = []
    if n_components > 0:
        left, values, _ = randomized_svd(
            weighted, n_components, n_iter=4, random_state=seed
        )
        parts.append(normalize(left * values))
    if vectors is not None:
        frequency = np.asarray(counts.sum(axis=0)).ravel()
        frequency = frequency / max(frequency.sum(), 1.0)
        weights = (1e-3 / (1e-3 + frequency)).astype(np.float32)
        parts.append(normalize(counts @ diags(weights) @ vectors[: counts.shape[1]]))
    if not parts:
        parts.append(np.asarray(weighted.sum(axis=1)))
    return normalize(np.hstack(parts)).astype(np.float32)
