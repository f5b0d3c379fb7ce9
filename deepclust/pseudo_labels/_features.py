"""Counts of tokens and stems, LSA features, vector views, halves of a vocabulary."""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import qr
from scipy.sparse import csr_matrix, diags, hstack
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches

from deepclust.metrics._pairwise import unit_rows
from deepclust.sequences import UNKNOWN_ID, TokenSequences

__all__ = [
    "FEW_COMPONENTS",
    "LSA_DIM",
    "Features",
    "centered_directions",
    "document_term_matrix",
    "half_of_vocabulary",
    "lsa_dim",
    "lsa_features",
    "stem_matrix",
    "truncated_svd",
    "vector_views",
    "with_stems",
]

LSA_DIM = 150  # singular vectors that are kept
FEW_COMPONENTS = 30  # for which these are enough; for more, twice as many are kept
SVD_ITERATIONS = 5  # of the subspace, from a random one
NULL_SHARE = 1e-6  # of the largest squared singular value, below which one is 0
OVERSAMPLES = 10  # dimensions of the subspace beyond those that are kept
MAX_SVD_DOCS = 20_000  # random documents that it is of, at most
SIF_A = 1e-3  # a of the word weights a / (a + p(w))
BATCH_SIZE = 4_096  # documents at a time


def document_term_matrix(sequences: TokenSequences) -> csr_matrix:
    """Count the tokens of each document.

    Parameters
    ----------
    sequences : TokenSequences of n_docs documents

    Returns
    -------
    counts : sparse matrix of shape (n_docs, n_tokens), float32
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


def stem_matrix(
    counts: csr_matrix, vectors: np.ndarray | None, stems: np.ndarray
) -> tuple[csr_matrix, np.ndarray | None]:
    """Count the stems of the tokens of each document, and average their vectors.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    vectors : ndarray of shape (n_tokens, vector_dim), float32, or None

    stems : ndarray of shape (n_tokens,), intp
        A token of the same stem for each token, see `Vocabulary.stems`.

    Returns
    -------
    stem_counts : sparse matrix of shape (n_docs, n_stems), float32
        In the order of the first tokens.

    stem_vectors : ndarray of shape (n_stems, vector_dim), float32, or None

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._features import stem_matrix
    >>> counts = csr_matrix(np.array([[1.0, 2.0, 1.0]], dtype="float32"))
    >>> stem_matrix(counts, None, np.array([0, 1, 0]))[0].toarray()
    array([[2., 2.]], dtype=float32)
    """
    stem = np.unique(stems, return_inverse=True)[1]
    members = _indicator(stem)
    stem_counts = csr_matrix(counts @ members)
    if vectors is None:
        return stem_counts, None
    sizes = np.bincount(stem).astype(np.float32)
    return stem_counts, (members.T @ vectors[: len(stem)]) / sizes[:, None]


def with_stems(
    counts: csr_matrix, stem_counts: csr_matrix, stems: np.ndarray
) -> csr_matrix:
    """Return counts in which a token of a shared stem counts a half, the stem the rest.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    stem_counts : sparse matrix of shape (n_docs, n_stems), float32
        As of `stem_matrix`.

    stems : ndarray of shape (n_tokens,), intp

    Returns
    -------
    counts : sparse matrix of shape (n_docs, n_tokens + n_shared), float32
        The tokens, and the stems of several tokens.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._features import stem_matrix, with_stems
    >>> counts = csr_matrix(np.array([[1.0, 2.0, 1.0]], dtype="float32"))
    >>> stems = np.array([0, 1, 0])
    >>> with_stems(counts, stem_matrix(counts, None, stems)[0], stems).toarray()
    array([[0.5, 2. , 0.5, 1. ]], dtype=float32)
    """
    stem, sizes = np.unique(stems, return_inverse=True, return_counts=True)[1:]
    half = np.float32(0.5)
    weights = np.where(sizes[stem] > 1, half, np.float32(1))
    shared = half * stem_counts[:, np.flatnonzero(sizes > 1)]
    return csr_matrix(hstack((counts @ diags(weights), shared), dtype=np.float32))


def _indicator(stem: np.ndarray) -> csr_matrix:
    ones = np.ones(len(stem), dtype=np.float32)
    return csr_matrix((ones, stem, np.arange(len(stem) + 1)))


def lsa_dim(n_components: int) -> int:
    """Return how many singular vectors tell that many components apart.

    Parameters
    ----------
    n_components : int
        Of the mixture.

    Returns
    -------
    dim : int
        `LSA_DIM`, or twice as many for more than `FEW_COMPONENTS`: fine topics lie in
        more directions than broad ones, to which further directions are noise.

    Examples
    --------
    >>> from deepclust.pseudo_labels._features import lsa_dim
    >>> lsa_dim(4), lsa_dim(30), lsa_dim(31), lsa_dim(300)
    (150, 150, 300, 300)
    """
    return LSA_DIM if n_components <= FEW_COMPONENTS else 2 * LSA_DIM


class Features:
    """Features of documents, which are computed where rows of them are taken.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32
        Document-term matrix.

    vectors : ndarray of shape (n_tokens, vector_dim), float32, default=None
        Word vectors learned from the corpus.

    views : ndarray of shape (n_docs, dim), float32, default=None
        What `vector_views` returns, times its weight against 1 for either other block.

    dim : int, default=150
        Singular vectors that are kept, see `lsa_dim`.

    seed : int, default=0
        Seed of the randomized SVD.

    Notes
    -----
    Rows have unit length: latent semantic analysis [1]_ of TF-IDF with 1 + log counts,
    beside the mean word vector with weights a / (a + p(w)), a = 0.001 [2]_, beside the
    views. A document with neither tokens nor a vector gets zeros.

    The singular vectors are those of `MAX_SVD_DOCS` random documents, on which all are
    projected. Time O(tokens × n_features) for the rows taken; memory
    O(tokens + n_tokens × n_features) beside them.

    References
    ----------
    .. [1] Deerwester, Dumais, Furnas, Landauer, Harshman, "Indexing by latent semantic
       analysis", JASIS 41(6), 1990.
    .. [2] Arora, Liang, Ma, "A simple but tough-to-beat baseline for sentence
       embeddings", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._features import Features
    >>> features = Features(csr_matrix(np.eye(4, 5, dtype="float32")), dim=2)
    >>> len(features), features[1:3].shape, features[[0, 3, 1]].shape
    (4, (2, 2), (3, 2))
    """

    def __init__(
        self,
        counts: csr_matrix,
        vectors: np.ndarray | None = None,
        views: np.ndarray | None = None,
        *,
        dim: int = LSA_DIM,
        seed: int = 0,
    ) -> None:
        self._counts, self._views = counts, views
        self._tfidf = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
        self._singular_vectors = _singular_vectors(self._tfidf, dim, seed)
        self._vectors = vectors
        if vectors is not None:
            frequency = np.asarray(counts.sum(axis=0)).ravel()
            frequency = frequency / max(frequency.sum(), 1.0)
            weights = (SIF_A / (SIF_A + frequency)).astype(np.float32)
            self._vectors = weights[:, None] * vectors[: counts.shape[1]]

    def __len__(self) -> int:
        return int(self._counts.shape[0])

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Compute the features of some documents, float32 (n_rows, n_features)."""
        blocks = []
        if self._singular_vectors is not None:
            blocks.append(normalize(self._tfidf[rows] @ self._singular_vectors))
        if self._vectors is not None:
            blocks.append(normalize(self._counts[rows] @ self._vectors))
        if self._views is not None:
            blocks.append(self._views[rows])
        if not blocks:
            blocks.append(np.asarray(self._tfidf[rows].sum(axis=1)))
        return normalize(np.hstack(blocks)).astype(np.float32)


def lsa_features(
    counts: csr_matrix,
    vectors: np.ndarray | None = None,
    *,
    dim: int = LSA_DIM,
    seed: int = 0,
) -> np.ndarray:
    """Compute the `Features` of all documents, float32 (n_docs, n_features)."""
    return Features(counts, vectors, dim=dim, seed=seed)[:]


def _singular_vectors(tfidf: csr_matrix, dim: int, seed: int) -> np.ndarray | None:
    """Return right singular vectors, float32 (n_tokens, dim), or None."""
    n_docs = tfidf.shape[0]
    if n_docs > MAX_SVD_DOCS:
        order = np.random.default_rng(seed).permutation(n_docs)
        tfidf = tfidf[np.sort(order[:MAX_SVD_DOCS])]
    rank = min(dim, min(tfidf.shape) - 1)
    if rank <= 0 or tfidf.nnz == 0:
        return None
    return truncated_svd(tfidf, rank, seed)


def truncated_svd(matrix: csr_matrix, rank: int, seed: int) -> np.ndarray:
    """Return right singular vectors of a sparse matrix, those of the largest values.

    Parameters
    ----------
    matrix : sparse matrix of shape (n_rows, n_columns), float32

    rank : int
        Number of vectors, at most min(n_rows, n_columns).

    seed : int
        Draws the subspace to start from.

    Returns
    -------
    vectors : ndarray of shape (n_columns, rank), float32
        Approximately orthonormal, largest singular value first; zero where a matrix of
        few rows has a lower rank.

    Notes
    -----
    Randomized subspace iteration [1]_ on the shorter side of the matrix, so that only
    vectors of that length are orthogonalized: it takes a fifth of the time of
    iterations on both sides where texts are many and short. Time O(`SVD_ITERATIONS` ×
    rank × (nonzeros + rank × shorter side)).

    References
    ----------
    .. [1] Halko, Martinsson, Tropp, "Finding structure with randomness: probabilistic
       algorithms for constructing approximate matrix decompositions", SIAM Review
       53(2), 2011, doi:10.1137/090771806. (Algorithm 4.4.)

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._features import truncated_svd
    >>> matrix = csr_matrix([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0]], dtype="float32")
    >>> np.abs(truncated_svd(matrix, 2, seed=0)).round(3)
    array([[1., 0.],
           [0., 1.],
           [0., 0.]], dtype=float32)
    """
    is_wide = matrix.shape[1] > matrix.shape[0]
    tall, transposed = matrix, matrix.T.tocsr()
    if is_wide:
        tall, transposed = transposed, tall
    size = min(rank + OVERSAMPLES, tall.shape[1])
    shape = (tall.shape[1], size)
    basis = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    for _ in range(SVD_ITERATIONS):
        basis = qr(transposed @ (tall @ basis), mode="economic", check_finite=False)[0]
    projected = tall @ basis
    squares, rotation = np.linalg.eigh(projected.T @ projected)
    largest = np.argsort(-squares, kind="stable")[:rank]
    rotation = rotation[:, largest]
    if not is_wide:
        return np.ascontiguousarray(basis @ rotation)
    is_null = squares[largest] <= NULL_SHARE * squares.max()
    vectors = normalize(projected @ rotation, axis=0)
    vectors[:, is_null] = 0.0
    return vectors


def vector_views(
    counts: csr_matrix,
    pretrained: Sequence[np.ndarray] = (),
    document_vectors: np.ndarray | None = None,
) -> np.ndarray | None:
    """Return the directions of the documents by pretrained vectors.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    pretrained : sequence of ndarray of shape (n_tokens, dim), float32
        Word vectors with the lengths that their source gives them; zero where it has
        none. Lengths tell words of content from others.

    document_vectors : ndarray of shape (n_docs, dim), float, default=None
        Finite embeddings of the documents.

    Returns
    -------
    views : ndarray of shape (n_docs, n_dims), float32, or None
        The sums of the word vectors of each source, and the document vectors, each as
        `centered_directions`, side by side, in rows of unit length; zero for a document
        without any vector. None if there are no vectors.
    """
    views = [] if document_vectors is None else [centered_directions(document_vectors)]
    for vectors in pretrained:
        means = counts @ vectors[: counts.shape[1]]
        known = np.flatnonzero(means.any(axis=1))
        means /= np.maximum(np.asarray(counts.sum(axis=1)), 1.0)
        means[known] = centered_directions(means[known])
        views.append(means)
    return normalize(np.hstack(views)) if views else None


def centered_directions(document_vectors: np.ndarray) -> np.ndarray:
    """Return the directions of document vectors from their mean.

    Parameters
    ----------
    document_vectors : ndarray of shape (n_docs, dim), float32 or float64

    Returns
    -------
    directions : ndarray of shape (n_docs, dim), float32
        Rows of unit length; zero where a vector is the mean.

    Notes
    -----
    Vectors of most encoders share one large component, which tells nothing of a
    document; without it their cosines differ more.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.pseudo_labels._features import centered_directions
    >>> centered_directions(np.array([[101.0, 0.0], [103.0, 0.0]]))
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    """
    mean = document_vectors.mean(axis=0, dtype=np.float64)
    directions = np.empty(document_vectors.shape, dtype=np.float32)
    for rows in gen_batches(len(directions), BATCH_SIZE):
        directions[rows] = unit_rows(document_vectors[rows] - mean)
    return directions


def half_of_vocabulary(counts: csr_matrix, rng: np.random.Generator) -> np.ndarray:
    """Draw one half of the vocabulary, stratified by frequency.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    rng : numpy.random.Generator

    Returns
    -------
    half : ndarray of shape (n_tokens,), bool
        One of each two tokens of neighboring frequency rank, so that both halves
        contain about as many occurrences.
    """
    n_tokens = counts.shape[1]
    by_rank = np.argsort(-np.asarray(counts.sum(axis=0)).ravel(), kind="stable")
    first = rng.random((n_tokens + 1) // 2) < 0.5
    half = np.empty(n_tokens, dtype=bool)
    half[by_rank] = np.stack([first, ~first], axis=1).ravel()[:n_tokens]
    return half
