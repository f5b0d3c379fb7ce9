"""Self-taught targets: what the encoder learns from when there are no labels."""

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

from deepclust.sequences import TokenSequences


def lexical_features(sequences: TokenSequences, random_state: Any) -> np.ndarray:
    """Return latent semantic features, float32 (n_docs, d), of unit length."""
    n_tokens = int(sequences.ids.max(initial=0)) + 1
    counts = csr_matrix(
        (np.ones(len(sequences.ids)), sequences.ids, sequences.offsets),
        shape=(len(sequences), n_tokens),
    )
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    rank = min(100, min(weighted.shape) - 1)
    if rank < 1:
        return np.ones((len(sequences), 1), dtype=np.float32)
    left, values, _ = svds(weighted, k=rank, rng=np.random.default_rng(random_state))
    return normalize(left * values).astype(np.float32)


def teacher_targets(features: np.ndarray, random_state: Any) -> list[np.ndarray]:
    """Return k-means classifications of the features, one int32 array per head."""
    n_distinct = len(np.unique(features, axis=0))
    sizes = [k for k in (8, 16, 32) if k < n_distinct / 4] or [min(2, n_distinct)]
    return [
        KMeans(k, n_init=1, random_state=random_state)
        .fit_predict(features)
        .astype(np.int32)
        for k in sizes
    ]
