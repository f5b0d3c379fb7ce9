"""Vectors counted from a corpus, and vectors read from files and objects."""

import gzip
import struct
import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from deepclust import TokenSequences
from deepclust.exceptions import MissingExtraError
from deepclust.vectorizing import _word_vectors as wordvectors
from deepclust.vectorizing._word_vectors import (
    check_sources,
    corpus_vectors,
    count_cooccurrence,
    load_vectors,
)

TOKENS = ("", "[unk]", "cat", "dog", "naïve", "ice cream")
VECTORS = {"cat": [3.0, 4.0], "dog": [0.0, -2.0], "naïve": [1.0, 0.0]}
EXPECTED = [[0, 0], [0, 0], [3, 4], [0, -2], [1, 0], [0, 0]]


def naive_counts(rows, n_tokens, window):
    counts = np.zeros((n_tokens, n_tokens))
    for row in rows:
        for i, a in enumerate(row):
            for b in row[i + 1 : i + 1 + window]:
                if a > 1 and b > 1 and a != b:
                    counts[a, b] += 1
                    counts[b, a] += 1
    return counts


ROWS = st.lists(st.lists(st.integers(1, 6), max_size=9), max_size=8)


@given(rows=ROWS, window=st.integers(1, 12))
def test_counts_are_those_of_the_definition(rows, window):
    counts = count_cooccurrence(TokenSequences.from_lists(rows), 7, window=window)
    np.testing.assert_array_equal(counts.toarray(), naive_counts(rows, 7, window))


def test_counts_do_not_depend_on_the_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    rows = [rng.integers(1, 30, rng.integers(0, 12)).tolist() for _ in range(200)]
    seqs = TokenSequences.from_lists(rows)
    whole = count_cooccurrence(seqs, 30)
    for block in (1, 7, 50, 10_000):
        monkeypatch.setattr(wordvectors, "_IDS_PER_BLOCK", block)
        assert (count_cooccurrence(seqs, 30) != whole).nnz == 0
    parts = count_cooccurrence(seqs[:70], 30) + count_cooccurrence(seqs[70:], 30)
    assert (parts != whole).nnz == 0


def test_positive_pmi_by_hand():
    # pairs: 2-3 three times, 2-4 once
    seqs = TokenSequences.from_lists([[2, 3], [2, 3], [3, 2], [2, 4]])
    information = wordvectors._positive_pmi(count_cooccurrence(seqs, 5))
    smoothed = np.array([4, 3, 1]) ** 0.75
    context = smoothed / smoothed.sum()
    assert information[2, 3] == pytest.approx(max(0, np.log(3 / (4 * context[1]))))
    assert information[4, 2] == pytest.approx(np.log(1 / (1 * context[0])))
    assert information[3, 4] == 0


def test_words_with_the_same_neighbors_are_similar():
    rng = np.random.default_rng(1)
    groups = [np.arange(2, 12), np.arange(12, 22)]
    rows = [rng.choice(groups[i % 2], 5, replace=False).tolist() for i in range(400)]
    vectors = corpus_vectors(TokenSequences.from_lists(rows), 22, dim=5)
    cosine = cosine_similarity(vectors[2:])
    same = np.equal.outer(np.arange(20) < 10, np.arange(20) < 10)
    assert cosine[same].min() > cosine[~same].max() + 0.3


@pytest.mark.parametrize("dim", [1, 3, 50])
def test_shape_type_and_length(dim):
    rows = [[2, 3, 4], [4, 5], [6], [1, 1]]
    vectors = corpus_vectors(TokenSequences.from_lists(rows), 8, dim=dim)
    assert vectors.shape == (8, dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    lengths = np.linalg.norm(vectors, axis=1)
    alone = [0, 1, 6, 7]  # special, without neighbors, never seen
    assert not lengths[alone].any()
    if dim > 1:
        np.testing.assert_allclose(lengths[2:6], 1, atol=1e-5)
    assert not vectors[:, 6:].any()  # no more dimensions than tokens with neighbors


def test_a_corpus_without_pairs_has_zero_vectors():
    for rows in ([], [[]], [[2], [3]], [[1, 1, 2]]):
        vectors = corpus_vectors(TokenSequences.from_lists(rows), 4, dim=3)
        assert not vectors.any()


def test_the_result_repeats_and_seeds_only_rotate():
    rng = np.random.default_rng(2)
    rows = [(rng.zipf(1.5, 10) % 60 + 1).tolist() for _ in range(300)]
    seqs = TokenSequences.from_lists(rows)
    first = corpus_vectors(seqs, 61, dim=60)
    np.testing.assert_array_equal(first, corpus_vectors(seqs, 61, dim=60))
    other = corpus_vectors(seqs, 61, dim=60, random_state=5)
    np.testing.assert_allclose(first @ first.T, other @ other.T, atol=1e-3)


def test_counting_needs_memory_for_one_block(monkeypatch):
    monkeypatch.setattr(wordvectors, "_IDS_PER_BLOCK", 20_000)
    rng = np.random.default_rng(3)
    seqs = TokenSequences(
        rng.integers(2, 100, 1_000_000), np.arange(0, 1_000_001, 10), max_len=10
    )
    tracemalloc.start()
    count_cooccurrence(seqs, 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6  # one distance of the whole corpus would take 9 million pairs


# --- pretrained ----------------------------------------------------------------------


def glove(path):
    lines = (f"{t} {' '.join(map(str, v))}" for t, v in VECTORS.items())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def word2vec_text(path):
    lines = (f"{t} {' '.join(map(str, v))} " for t, v in VECTORS.items())
    path.write_text("3 2\n" + "\n".join(lines), encoding="utf-8")


def word2vec_binary(path):
    data = b"3 2\n"
    for token, vector in VECTORS.items():
        data += token.encode() + b" " + struct.pack("<2f", *vector) + b"\n"
    path.write_bytes(data)


def check(source):
    vectors, coverage = load_vectors(source, TOKENS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, EXPECTED, atol=1e-6)
    assert coverage == 0.75


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("write", "name"),
    [(glove, "v.txt"), (word2vec_text, "v.vec"), (word2vec_binary, "v.bin")],
)
def test_files(tmp_path, write, name, packed):
    path = tmp_path / name
    write(path)
    if packed:
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    check(path)
    check(str(path))


def test_a_packed_file_that_is_cut_is_named(tmp_path):
    path = tmp_path / "v.txt"
    glove(path)
    packed = tmp_path / "v.txt.gz"
    packed.write_bytes(gzip.compress(path.read_bytes())[:-10])
    with pytest.raises(ValueError, match=r"v\.txt\.gz: Compressed file ended"):
        load_vectors(packed, TOKENS)


def test_objects():
    matrix = np.array(list(VECTORS.values()))
    keyed = SimpleNamespace(
        key_to_index={t: i for i, t in enumerate(VECTORS)}, vectors=matrix
    )
    nlp = spacy.blank("en")
    nlp.vocab.reset_vectors(width=2)
    for token, vector in VECTORS.items():
        nlp.vocab.set_vector(token, np.array(vector, dtype=np.float32))
    for source in (VECTORS, keyed, SimpleNamespace(wv=keyed), nlp, nlp.vocab):
        check(source)


def test_gensim_itself():
    models = pytest.importorskip("gensim.models")
    keyed = models.KeyedVectors(2)
    keyed.add_vectors(list(VECTORS), np.array(list(VECTORS.values())))
    check(keyed)


def test_tokens_with_spaces_and_doubled_tokens(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("cat 3 4\nice cream 0 1\n. . . 1 1\ncat 9 9\n\n")
    vectors, _ = load_vectors(path, TOKENS)
    np.testing.assert_allclose(vectors[[2, 5]], [[3, 4], [0, 1]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cat 1 2\ndog 1\n", "line 2: expected a token and 2 numbers, found 2 fields"),
        ("cat 1 2\ndog 1 2 3\n", "line 2: expected a token and 2 numbers"),
        ("cat 1 2\ndog one 2\n", "line 2: could not convert"),
        ("cat 1 nan\n", "expected 2 finite"),
        ("cat 1 inf\n", "expected 2 finite"),
        ("5 x\ncat 1 2\n", "line 1: 'x' is not a vector length"),
        ("5 99999999999\n", "is not a vector length"),
        ("cow 1 2\n", "knows none of the 4 tokens"),
        ("", "knows none of the 4 tokens"),
    ],
)
def test_malformed_text_files(tmp_path, content, message):
    path = tmp_path / "v.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        load_vectors(path, TOKENS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a word2vec binary"),
        (b"no counts here\n", "not a word2vec binary"),
        (b"2 0\n", "not a vector length"),
        (b"2 2\ncat " + struct.pack("<2f", 1, 2), "record 2 has no token"),
        (b"2 2\ncat " + struct.pack("<f", 1), "ends in record 1 of 2"),
        (b"1 2\n" + b"x" * 20_000, "record 1 has no token"),
    ],
)
def test_malformed_binary_files(tmp_path, content, message):
    path = tmp_path / "v.bin"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_vectors(path, TOKENS)


def test_binary_file_under_a_text_name(tmp_path):
    path = tmp_path / "v.txt"
    word2vec_binary(path)
    with pytest.raises(ValueError, match=r"Binary files must end in \.bin"):
        load_vectors(path, TOKENS)


def test_other_mistakes(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        load_vectors(tmp_path / "missing.txt", TOKENS)
    with pytest.raises(FileNotFoundError):
        load_vectors(tmp_path, TOKENS)
    with pytest.raises(ValueError, match=r"'word_vectors' parameter .* list"):
        load_vectors([1, 2], TOKENS)
    with pytest.raises(ValueError, match="at least one source"):
        check_sources([])
    with pytest.raises(ValueError, match="each once"):
        check_sources(["corpus", "corpus"])
    with pytest.raises(ValueError, match="has 3 numbers, expected 2"):
        load_vectors({"cat": [1, 2], "dog": [1, 2, 3]}, TOKENS)


def test_wordllama_knows_meanings_and_sums_the_parts_of_a_word():
    words = ("ship", "boat", "invoice", "antidisestablishment")
    vectors, coverage = load_vectors("wordllama", ("", "[unk]", *words))
    assert vectors.shape == (6, 256)
    assert coverage == 1.0
    cosines = cosine_similarity(vectors[2:])
    assert cosines[0, 1] > cosines[0, 2] + 0.2
    norms = np.linalg.norm(vectors[2:], axis=1)
    assert norms[3] > norms[:3].max()  # several parts
    alone, _ = load_vectors("wordllama", ("", "[unk]", words[1]))
    np.testing.assert_allclose(alone[2], vectors[3], atol=1e-6)


def test_a_missing_wordllama_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(MissingExtraError, match=r"deepclust\[wordllama\]"):
        check_sources(["corpus", "wordllama"])


def test_the_special_tokens_never_get_a_vector():
    vectors, _ = load_vectors({"": [1, 1], "[unk]": [1, 1], "cat": [1, 0]}, TOKENS)
    assert not vectors[:2].any()


def test_reading_keeps_only_the_wanted_rows(tmp_path):
    path = tmp_path / "v.txt"
    with path.open("w") as file:
        for i in range(20_000):
            file.write(f"word{i} " + "0.125 " * 49 + "1\n")
    tracemalloc.start()
    load_vectors(path, ["", "[unk]", "word7"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6


def test_stems_are_not_looked_up():
    tokens = ["", "[unk]", "cat", "refun*"]
    vectors, coverage = load_vectors({"cat": [1.0], "refun*": [2.0]}, tokens)
    assert vectors.tolist() == [[0], [0], [1], [0]]
    assert coverage == 1
