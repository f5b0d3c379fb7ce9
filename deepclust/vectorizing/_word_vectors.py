"""Word vectors: learned from the corpus itself, or read from a file or an object.

Corpus vectors factorize positive pointwise mutual information, in three steps:

1. `count_cooccurrence` counts the pairs of tokens at most `window` positions apart. The
   counts of two parts of a corpus may be added, on one machine or on many.
2. The counts become positive pointwise mutual information with smoothed contexts.
3. `factorize` keeps the largest singular vectors, times the root of the singular value.
"""

import gzip
import itertools
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, cast

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from deepclust._optional import import_extra
from deepclust.cleaning._tokenizer import STEM_MARK
from deepclust.metrics._pairwise import unit_rows
from deepclust.sequences import STOP_WORD_MARK, UNKNOWN_ID, TokenSequences

__all__ = [
    "check_sources",
    "corpus_vectors",
    "count_cooccurrence",
    "factorize",
    "fold_in",
    "load_vectors",
]

_IDS_PER_BLOCK = 500_000
_WORDS_PER_BATCH = 1_000
_SMOOTHING = 0.75
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)


def corpus_vectors(
    sequences: TokenSequences, n_tokens: int, *, dim: int = 100, random_state: int = 0
) -> np.ndarray:
    """Learn one vector a token from the tokens around it, at most ten positions away.

    Parameters
    ----------
    sequences : TokenSequences
        The corpus.

    n_tokens : int
        Size of the vocabulary, the two special tokens included.

    dim : int, default=100
        Length of a vector.

    random_state : int, default=0
        Seed of the factorization.

    Returns
    -------
    vectors : ndarray of shape (n_tokens, dim), float32
        Unit length; zero for the special tokens and for tokens without neighbors.

    See Also
    --------
    count_cooccurrence, factorize : The two halves, for a corpus that comes in parts.

    Examples
    --------
    >>> from deepclust import TokenSequences
    >>> from deepclust.vectorizing._word_vectors import corpus_vectors
    >>> seqs = TokenSequences.from_lists([[2, 3], [2, 3], [4, 5], [4, 5]])
    >>> corpus_vectors(seqs, 6, dim=4).shape
    (6, 4)
    """
    counts = count_cooccurrence(sequences, n_tokens)
    return factorize(counts, dim=dim, random_state=random_state)


def count_cooccurrence(
    sequences: TokenSequences, n_tokens: int, *, window: int = 10
) -> sparse.csr_array:
    """Count how often two tokens stand within `window` positions of each other.

    Parameters
    ----------
    sequences : TokenSequences
        A corpus or a part of one.

    n_tokens : int
        Size of the vocabulary, the two special tokens included.

    window : int, default=10
        Greatest distance, in tokens, of two tokens that count as neighbors. Short
        texts are thus one window.

    Returns
    -------
    counts : csr_array of shape (n_tokens, n_tokens), float64
        Symmetric. Pairs with padding or an unknown token are not counted, nor is a
        token with itself. Counts of parts add up to the counts of the whole.

    Notes
    -----
    O(n_ids * window) time. Memory: the counts of one block of 500,000 ids at one
    distance, and the distinct pairs of the whole, 12 bytes each.
    """
    offsets = sequences.offsets
    total = sparse.csr_array((n_tokens, n_tokens), dtype=np.float64)
    cuts = np.searchsorted(offsets, np.arange(0, offsets[-1], _IDS_PER_BLOCK))
    for first, last in itertools.pairwise(np.unique([*cuts, len(sequences)])):
        total = total + _count_block(sequences[first:last], n_tokens, window)
    return total + total.T


def _count_block(
    sequences: TokenSequences, n_tokens: int, window: int
) -> sparse.csr_array:
    ids, lengths = sequences.ids, sequences.lengths
    document = np.repeat(np.arange(len(lengths)), lengths)
    counts = sparse.csr_array((n_tokens, n_tokens), dtype=np.float64)
    for distance in range(1, min(window, lengths.max(initial=1) - 1) + 1):
        left, right = ids[:-distance], ids[distance:]
        kept = document[:-distance] == document[distance:]
        kept &= (left > UNKNOWN_ID) & (right > UNKNOWN_ID) & (left != right)
        pairs = left[kept], right[kept]  # equal pairs are summed
        counts += sparse.csr_array((np.ones(len(pairs[0])), pairs), counts.shape)
    return counts


def factorize(
    counts: sparse.csr_array, *, dim: int = 100, random_state: int = 0
) -> np.ndarray:
    """Turn co-occurrence counts into word vectors.

    Parameters
    ----------
    counts : csr_array of shape (n_tokens, n_tokens)
        From `count_cooccurrence`.

    dim : int, default=100
        Length of a vector. A small vocabulary has fewer dimensions to offer; the
        columns left are zero.

    random_state : int, default=0
        Seed of the random projection that starts the decomposition.

    Returns
    -------
    vectors : ndarray of shape (n_tokens, dim), float32
        Rows of unit length, or zero where a token has no neighbors.

    Notes
    -----
    The matrix is max(0, log(p(i, j) / (p(i) p'(j)))) with p'(j) proportional to the
    count of j to the power 0.75; with its decomposition U S V', the vectors are the
    rows of U sqrt(S) [1]_. O(nnz * dim) time, O(n_tokens * dim) memory. One BLAS
    thread is used, so that the result does not depend on their number.

    References
    ----------
    .. [1] Levy, Goldberg, Dagan (2015), "Improving distributional similarity with
       lessons learned from word embeddings", TACL 3, 211-225.
       https://doi.org/10.1162/tacl_a_00134
    """
    pmi = _positive_pmi(counts)
    used = np.flatnonzero(np.diff(pmi.indptr))
    vectors = np.zeros((counts.shape[0], dim), dtype=np.float32)
    rank = min(dim, len(used))
    if rank == 0:
        return vectors
    pmi = pmi[used][:, used]
    with threadpool_limits(1):
        left, scale, _ = randomized_svd(pmi, rank, n_iter=5, random_state=random_state)
        vectors[used, :rank] = left * np.sqrt(scale)
    vectors[np.linalg.norm(vectors, axis=1) <= 1e-6] = 0.0  # noise of the decomposition
    return unit_rows(vectors)


def fold_in(
    sequences: TokenSequences, vectors: np.ndarray, n_tokens: int
) -> np.ndarray:
    """Return vectors for tokens that came later, from the known tokens around them.

    Parameters
    ----------
    sequences : TokenSequences
        Texts that hold the new tokens.

    vectors : ndarray of shape (n_known, dim), float32
        Of the tokens with the ids below `n_known`.

    n_tokens : int
        Size of the vocabulary now.

    Returns
    -------
    new : ndarray of shape (n_tokens - n_known, dim), float32
        Unit length; zero for tokens without known neighbors.

    Notes
    -----
    The rows of the PMI matrix of `factorize`, counted in these texts, are projected on
    the vectors, as documents are folded into an LSA space [1]_.

    References
    ----------
    .. [1] Deerwester, Dumais, Furnas, Landauer, Harshman (1990), "Indexing by latent
       semantic analysis", JASIS 41, 391-407.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TokenSequences
    >>> from deepclust.vectorizing._word_vectors import fold_in
    >>> vectors = np.array([[0, 0], [0, 0], [1, 0], [0, 1]], dtype="float32")
    >>> fold_in(TokenSequences.from_lists([[2, 4], [3, 5]]), vectors, 6)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    pmi = _positive_pmi(count_cooccurrence(sequences, n_tokens))
    n_known = len(vectors)
    new = np.asarray(pmi[n_known:, :n_known] @ vectors, dtype=np.float32)
    return unit_rows(new)


def _positive_pmi(counts: sparse.csr_array) -> sparse.csr_array:
    pmi = sparse.csr_array(counts, dtype=np.float64, copy=True)
    if pmi.nnz == 0:
        return pmi
    row_sum = np.asarray(pmi.sum(axis=1)).ravel()
    context = row_sum**_SMOOTHING  # the counts are symmetric
    context /= context.sum()
    rows = np.repeat(np.arange(len(row_sum)), np.diff(pmi.indptr))
    expected = row_sum[rows] * context[pmi.indices]
    pmi.data = np.maximum(np.log(pmi.data / expected), 0.0)
    pmi.eliminate_zeros()
    return pmi


def load_vectors(source: Any, tokens: Sequence[str]) -> tuple[np.ndarray, float]:
    """Look the tokens up in pretrained word vectors.

    Parameters
    ----------
    source : path, mapping or object
        One of

        * path of a text file with one token a line and its numbers after it, separated
          by spaces: GloVe, or word2vec text with its line of counts;
        * path of a word2vec binary file, told by the ending `.bin`;
        * one of these files packed by gzip, told by a further ending `.gz`;
        * mapping from token to vector;
        * gensim `KeyedVectors`, or any object with `key_to_index` and `vectors`, or a
          model that has one as `wv`;
        * spaCy `Language` or `Vocab` with vectors.

    tokens : sequence of str, length n_tokens
        The vocabulary; the first two are the padding and the unknown token.

    Returns
    -------
    vectors : ndarray of shape (n_tokens, dim), float32
        As long as in the source; zero for the special tokens, for stems and for tokens
        that `source` lacks, so that a text's mean vector is that of its known words.

    coverage : float
        Share of the tokens, special ones and stems left out, that `source` knows.

    Raises
    ------
    FileNotFoundError
        If the path does not exist.

    ValueError
        If a line or record is malformed (the message gives its number), a vector has
        another length or is not finite, no token is known, or `source` is none of
        the above.

    Notes
    -----
    Files are read once, from the start, and only the rows of known tokens are kept:
    memory is that of the result. Where a token is listed twice, the first row counts.

    Examples
    --------
    >>> from deepclust.vectorizing._word_vectors import load_vectors
    >>> vectors, coverage = load_vectors({"cat": [3.0, 4.0]}, ["", "[unk]", "cat", "x"])
    >>> vectors[2], coverage
    (array([3., 4.], dtype=float32), 0.5)
    """
    row_of = {
        token.removesuffix(STOP_WORD_MARK): row
        for row, token in enumerate(tokens)
        if row > UNKNOWN_ID and not token.endswith(STEM_MARK)
    }
    vectors: np.ndarray | None = None
    found: set[str] = set()
    for token, values in _rows_of(source, row_of):
        if token in found:
            continue
        if vectors is None:
            vectors = np.zeros((len(tokens), len(values)), dtype=np.float32)
        if len(values) != vectors.shape[1] or not np.isfinite(values).all():
            raise ValueError(
                f"the vector of {token!r} in {_name(source)} has {len(values)} "
                f"numbers, expected {vectors.shape[1]} finite ones."
            )
        vectors[row_of[token]] = values
        found.add(token)
    if vectors is None:
        raise ValueError(
            f"{_name(source)} knows none of the {len(row_of):,} tokens of the "
            "vocabulary. Check its language and whether its words are lower-cased."
        )
    return vectors, len(found) / max(len(row_of), 1)


def check_sources(word_vectors: Any) -> tuple[bool, list[Any]]:
    """Return the sources of word vectors; raise if one is nothing that can be read.

    Parameters
    ----------
    word_vectors : source, list of sources or None
        A source is "corpus" or what `load_vectors` reads.

    Returns
    -------
    learns : bool
        Whether "corpus" is one of them.

    pretrained : list of sources
        The others.

    Raises
    ------
    FileNotFoundError
        If one is a path and there is no such file.

    MissingExtraError
        If one is "wordllama" and the package is not installed.

    ValueError
        If one is no path, mapping, gensim or spaCy object, or is there twice, or if the
        list is empty.

    Examples
    --------
    >>> from deepclust.vectorizing._word_vectors import check_sources
    >>> check_sources([{"cat": [0.0, 1.0]}, "corpus"])
    (True, [{'cat': [0.0, 1.0]}])
    >>> check_sources(None)
    (False, [])
    """
    if word_vectors is None:
        return False, []
    is_list = isinstance(word_vectors, list | tuple)
    sources = list(word_vectors) if is_list else [word_vectors]
    names = [source for source in sources if isinstance(source, str)]
    if not sources or len(set(names)) < len(names):
        raise ValueError(
            f"word_vectors={word_vectors!r} must name at least one source, and each "
            "once. Pass None for no word vectors."
        )
    pretrained = [s for s in sources if not (isinstance(s, str) and s == "corpus")]
    for source in pretrained:
        _check_source(source)
    return "corpus" in names, pretrained


def _check_source(source: Any) -> None:
    if _is_wordllama(source):
        _wordllama()
    elif isinstance(source, str | os.PathLike):
        if not Path(source).is_file():
            raise FileNotFoundError(
                f"word_vectors={str(source)!r}: there is no such file. Give the path "
                'of a GloVe or word2vec file, a vectors object, "corpus", "wordllama" '
                "or None."
            )
    elif _lookup(source) is None:
        raise ValueError(
            'The \'word_vectors\' parameter must be "corpus", "wordllama", a path, a '
            "mapping from token to vector, gensim KeyedVectors, a spaCy vocabulary, a "
            "list of these or None. "
            f"Received: {type(source).__name__}."
        )


def _lookup(source: Any) -> tuple[Callable, Callable] | None:
    """Return has(token) and get(token) of an object with word vectors, or None."""
    keyed = getattr(source, "wv", source)
    vocab = getattr(source, "vocab", source)
    if isinstance(source, Mapping):
        return source.__contains__, source.__getitem__
    if hasattr(keyed, "key_to_index") and hasattr(keyed, "vectors"):
        index, matrix = keyed.key_to_index, keyed.vectors
        return index.__contains__, lambda token: matrix[index[token]]
    if hasattr(vocab, "has_vector"):
        return vocab.has_vector, vocab.get_vector
    return None


def _name(source: Any) -> str:
    is_path = isinstance(source, str | os.PathLike)
    return str(source) if is_path else type(source).__name__


def _rows_of(
    source: Any, wanted: Mapping[str, int]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (token, vector) of the wanted tokens."""
    _check_source(source)
    if _is_wordllama(source):
        yield from _wordllama_rows(list(wanted))
        return
    if lookup := _lookup(source):
        has, get = lookup
        for token in filter(has, wanted):
            yield token, np.asarray(get(token), dtype=np.float32).ravel()
        return
    path = Path(source)
    packed = path.suffix == ".gz"
    is_binary = path.name.removesuffix(".gz").endswith(".bin")
    with gzip.open(path) if packed else path.open("rb") as stream:
        read = _read_binary if is_binary else _read_lines
        try:
            yield from read(cast(BinaryIO, stream), path, wanted)
        except (EOFError, zlib.error) as error:  # of gzip
            raise ValueError(f"{path}: {error}.") from error


def _is_wordllama(source: Any) -> bool:
    return isinstance(source, str) and source == "wordllama"


def _wordllama() -> ModuleType:
    return import_extra(
        "wordllama", extra="wordllama", purpose='word_vectors="wordllama"'
    )


def _wordllama_rows(words: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each word and the sum of the vectors of its parts.

    A sum, since the vector of a text is the mean over the parts of its words.
    """
    package = _wordllama()
    folder = Path(str(package.__file__)).parent  # it holds the vectors: no download
    model = package.WordLlama.load(cache_dir=folder, disable_download=True)
    for rows in gen_batches(len(words), _WORDS_PER_BATCH):
        batch = words[rows]
        n_parts = [sum(part.attention_mask) for part in model.tokenize(batch)]
        vectors = model.embed(batch) * np.array(n_parts, dtype=np.float32)[:, None]
        yield from zip(batch, vectors, strict=True)


def _read_lines(
    stream: BinaryIO, path: Path, wanted: Mapping[str, int]
) -> Iterator[tuple[str, np.ndarray]]:
    dim = None
    for number, line in enumerate(stream, start=1):
        fields = line.decode("utf-8", errors="replace").rstrip("\r\n ").split(" ")
        if number == 1 and len(fields) == 2:  # word2vec's line of counts
            dim = _count_of(fields[1], path)
            continue
        if fields == [""]:
            continue
        dim = dim or len(fields) - 1
        extra = fields[1:-dim] if dim else []
        # GloVe has a few tokens with spaces inside, but not with numbers after those.
        if not 0 < dim < len(fields) or (extra and all(map(_NUMBER.fullmatch, extra))):
            raise ValueError(
                f"{path}, line {number}: expected a token and {dim} numbers, found "
                f"{len(fields)} fields. (Binary files must end in .bin or .bin.gz.)"
            )
        token = " ".join(fields[:-dim])
        if token in wanted:
            try:
                yield token, np.array(fields[-dim:], dtype=np.float32)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}.") from error


def _count_of(field: str, path: Path) -> int:
    if not field.isdecimal() or not 0 < int(field) <= 100_000:
        raise ValueError(f"{path}, line 1: {field!r} is not a vector length.")
    return int(field)


def _read_binary(
    stream: BinaryIO, path: Path, wanted: Mapping[str, int]
) -> Iterator[tuple[str, np.ndarray]]:
    header = stream.readline(100).split()
    if len(header) != 2 or not header[0].isdigit():
        raise ValueError(f"{path}: not a word2vec binary file (no line of counts).")
    count, dim = int(header[0]), _count_of(header[1].decode("latin-1"), path)
    for record in range(1, count + 1):
        token = _read_token(stream, path, record)
        data = stream.read(4 * dim)
        if len(data) < 4 * dim:
            raise ValueError(f"{path}: the file ends in record {record} of {count}.")
        if token in wanted:
            yield token, np.frombuffer(data, dtype="<f4")


def _read_token(stream: BinaryIO, path: Path, record: int) -> str:
    token = bytearray()
    while (byte := stream.read(1)) != b" ":
        if not byte or len(token) > 10_000:
            raise ValueError(f"{path}: record {record} has no token.")
        token += byte
    return token.lstrip(b"\n").decode("utf-8", errors="replace")
