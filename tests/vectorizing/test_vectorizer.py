"""Vocabulary, lengths, unknown tokens and vectors of Vectorizer."""

import pickle
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from deepclust import TextCleaner, Vectorizer, load, save
from deepclust.cleaning import Tokenizer
from deepclust.exceptions import EmptyVocabularyError, InvalidTextError, TextWarning
from deepclust.persistence import export_tokenizer
from deepclust.vectorizing import _vectorizer

TEXTS = ["b a", "a b c", "c a a", "d", "", "a"]


def words_of(**parameters):
    parameters = {"min_df": 1, "word_vectors": None} | parameters
    return list(Vectorizer(**parameters).fit(TEXTS).get_feature_names_out())


def test_tokens_stand_by_number_of_texts_then_alphabet():
    fitted = Vectorizer(min_df=1, word_vectors=None).fit(TEXTS)
    assert fitted.vocabulary_.tokens == ("", "[unk]", "a", "b", "c", "d")
    assert fitted.vocabulary_.document_frequency.tolist() == [0, 0, 4, 2, 2, 1]
    assert fitted.vocabulary_.n_documents == 6
    assert fitted.vocabulary_.index["c"] == 4


def test_feature_selection():
    assert words_of(min_df=2) == ["a", "b", "c"]
    assert words_of(min_df=0.34) == ["a"]
    assert words_of(max_df=2) == ["b", "c", "d"]
    assert words_of(max_df=0.5) == ["b", "c", "d"]
    assert words_of(max_features=2) == ["a", "b"]
    assert words_of(max_features=None, min_df=0.0) == ["a", "b", "c", "d"]


def test_ids_and_unknown_tokens():
    fitted = Vectorizer(word_vectors=None).fit(TEXTS)
    out = fitted.transform(["c new a", "", "new"])
    assert [row.tolist() for row in out] == [[4, 1, 2], [], [1]]
    assert out.vocabulary is fitted.vocabulary_
    assert np.asarray(out).dtype == np.int32


def test_the_rate_of_unknown_tokens_is_reported():
    assert Vectorizer(word_vectors=None).fit(TEXTS).oov_rate_ == pytest.approx(1 / 10)
    assert Vectorizer(min_df=1, word_vectors=None).fit(TEXTS).oov_rate_ == 0


def test_many_unknown_tokens_are_warned_of():
    fitted = Vectorizer(word_vectors=None).fit(TEXTS)
    with pytest.warns(TextWarning, match=r"67% of 120 tokens are not in the voc"):
        fitted.transform(["x y a"] * 40)
    fitted.transform(["x y a"])  # three tokens say nothing


def test_tokens_that_were_rare_at_fit_are_no_reason_to_warn():
    texts = [f"bread oven {i}rare {i}word {i}token" for i in range(40)]
    vectorizer = Vectorizer(min_df=2, vector_dim=4)
    sequences = vectorizer.fit_transform(texts)
    assert vectorizer.oov_rate_ == pytest.approx(0.6)
    assert vectorizer.transform(texts).lengths.tolist() == sequences.lengths.tolist()
    with pytest.warns(TextWarning, match="100% of 120 tokens .* 60% were not at fit"):
        vectorizer.transform(["other words again"] * 40)


def test_special_names_among_the_tokens_are_not_confused():
    fitted = Vectorizer(word_vectors=None).fit(["[unk] a", "[unk] a"])
    assert fitted.vocabulary_.tokens == ("", "[unk]", "a")
    assert fitted.transform(["[unk] a"]).ids.tolist() == [1, 2]


# --- lengths ------------------------------------------------------------------------


def test_max_len_cuts_and_counts():
    fitted = Vectorizer(min_df=1, max_len=2, word_vectors=None).fit(TEXTS)
    assert fitted.max_len_ == 2
    assert fitted.n_truncated_ == 2
    assert np.asarray(fitted.transform(["a b c d"])).tolist() == [[2, 3]]
    assert fitted.transform([]).shape == (0, 2)


@given(lengths=st.lists(st.integers(0, 400), min_size=1).filter(any))
def test_automatic_max_len(lengths):
    fitted = Vectorizer(min_df=1, word_vectors=None).fit(["w " * n for n in lengths])
    filled = [n for n in lengths if n > 0]
    assert 1 <= fitted.max_len_ <= min(256, max(lengths))
    assert np.mean([n <= fitted.max_len_ for n in filled]) >= 0.995 or (
        fitted.max_len_ == 256
    )
    assert fitted.n_truncated_ == sum(n > fitted.max_len_ for n in lengths)


def test_one_giant_text_does_not_widen_the_matrix():
    fitted = Vectorizer(word_vectors=None).fit(["a b"] * 999 + ["a " * 10_000])
    assert fitted.max_len_ == 2
    assert fitted.n_truncated_ == 1


# --- small and empty corpora ----------------------------------------------------------


def test_one_text_is_enough():
    with pytest.warns(TextWarning, match="no token occurs in min_df=2 texts"):
        fitted = Vectorizer().fit(["hello world"])
    assert list(fitted.get_feature_names_out()) == ["hello", "world"]
    assert fitted.min_df_ == 1
    assert fitted.embedding_matrix_.shape == (4, 100)


@pytest.mark.parametrize("texts", [[], [""], ["", "  ", "\n"]])
def test_nothing_to_learn_from(texts):
    with pytest.raises(EmptyVocabularyError, match="holds a token"):
        Vectorizer().fit(texts)


def test_nothing_left_by_max_df():
    with pytest.raises(EmptyVocabularyError, match=r"Raise max_df or lower min_df"):
        Vectorizer(max_df=0.5).fit(["a", "a", "a"])


def test_all_stop_words_after_cleaning():
    with pytest.raises(EmptyVocabularyError):
        make_pipeline(TextCleaner(), Vectorizer()).fit(["the", "and of", "?!"])


# --- vectors --------------------------------------------------------------------------


def test_corpus_vectors_travel_on_the_vocabulary(corpus):
    fitted = Vectorizer(vector_dim=20).fit(corpus.texts)
    vectors = fitted.embedding_matrix_
    assert vectors is fitted.vocabulary_.vectors
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(fitted.vocabulary_), 20)
    assert not vectors[:2].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[2:], axis=1), 1, atol=1e-5)
    assert fitted.vector_coverage_ == 1
    assert fitted.transform(corpus.texts).vocabulary.vectors is vectors


def test_corpus_vectors_know_the_topics(corpus):
    cleaned = TextCleaner().transform(corpus.texts)
    fitted = Vectorizer(vector_dim=10).fit(cleaned)
    word = fitted.vocabulary_.index
    vectors = fitted.embedding_matrix_

    def cosine(a, b):
        return vectors[word[a]] @ vectors[word[b]]

    assert cosine("soup", "garlic") > cosine("soup", "galaxy") + 0.2
    assert cosine("compiler", "pointer") > cosine("compiler", "striker") + 0.2


@pytest.mark.parametrize("seed", [None, 0, 7, np.random.RandomState(3)])
def test_vectors_are_the_same_each_time_and_on_any_number_of_threads(corpus, seed):
    def vectors(threads):
        state = np.random.RandomState(3) if not isinstance(seed, int | None) else seed
        with threadpool_limits(threads):
            fitted = Vectorizer(random_state=state).fit(corpus.texts)
        return fitted.embedding_matrix_

    first = vectors(1)
    np.testing.assert_array_equal(first, vectors(1))
    np.testing.assert_array_equal(first, vectors(2))


def test_no_vectors():
    fitted = Vectorizer(word_vectors=None).fit(TEXTS)
    assert fitted.embedding_matrix_ is None
    assert fitted.vocabulary_.vectors is None
    assert fitted.vector_coverage_ is None


def test_vectors_looked_up(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("a 3 4\nb 0 2\nz 1 1\n")
    for source in (path, str(path), {"a": [3, 4], "b": [0, 2], "z": [1, 1]}):
        fitted = Vectorizer(word_vectors=source).fit(TEXTS)
        index = fitted.vocabulary_.index
        assert fitted.embedding_matrix_.shape == (5, 2)
        np.testing.assert_allclose(fitted.embedding_matrix_[index["a"]], [0.6, 0.8])
        np.testing.assert_allclose(fitted.embedding_matrix_[index["b"]], [0, 1])
        assert not fitted.embedding_matrix_[index["c"]].any()
        assert fitted.vector_coverage_ == pytest.approx(2 / 3)


def test_several_sources_are_side_by_side():
    source = {"a": [3.0, 4.0], "b": [0.0, 2.0], "c": [1.0, 0.0]}
    alone = Vectorizer(vector_dim=3).fit(TEXTS)
    fitted = Vectorizer(word_vectors=[source, "corpus"], vector_dim=3).fit(TEXTS)
    vocabulary = fitted.vocabulary_
    expected = np.hstack(
        [alone.embedding_matrix_, [[0, 0], [0, 0], [0.6, 0.8], [0, 1], [1, 0]]]
    )
    np.testing.assert_allclose(
        fitted.embedding_matrix_, expected / np.sqrt(2), atol=1e-6
    )
    assert [v.tolist() for v in vocabulary.pretrained] == [
        [[0, 0], [0, 0], *(source[t] for t in vocabulary.tokens[2:])]
    ]
    np.testing.assert_allclose(
        vocabulary.learned_vectors * np.sqrt(2), alone.embedding_matrix_, atol=1e-6
    )
    assert Vectorizer(word_vectors=source).fit(TEXTS).vocabulary_.pretrained
    assert (
        Vectorizer(word_vectors=source).fit(TEXTS).vocabulary_.learned_vectors is None
    )


def test_tokens_that_join_get_vectors_of_each_source():
    source = {"a": [3.0, 4.0], "b": [0.0, 2.0], "c": [1.0, 0.0]}
    vectorizer = Vectorizer(word_vectors=["corpus", source], vector_dim=3)
    vectorizer.fit(["a b", "a b"])
    old = vectorizer.embedding_matrix_.copy()
    vectorizer.partial_fit(["c a", "c b"])
    new = vectorizer.embedding_matrix_
    np.testing.assert_allclose(new[: len(old)], old, rtol=1e-6)
    np.testing.assert_allclose(new[-1, 3:], [np.sqrt(0.5), 0], rtol=1e-6)
    assert new[-1, :3].any()
    assert vectorizer.vocabulary_.pretrained[0].shape == (5, 2)
    vectorizer.set_params(word_vectors=None).partial_fit(["d a", "d b"])
    assert not vectorizer.embedding_matrix_[-1].any()
    assert len(vectorizer.embedding_matrix_) == len(vectorizer.vocabulary_) == 6


def test_low_coverage_is_warned_of():
    with pytest.warns(TextWarning, match="knows only 33% of 3 tokens"):
        Vectorizer(word_vectors={"a": [1.0, 0.0]}).fit(TEXTS)


def test_a_missing_file_is_an_error_at_fit_before_any_counting(monkeypatch):
    monkeypatch.setattr(_vectorizer, "_count_tokens", None)
    with pytest.raises(FileNotFoundError, match="no such file"):
        Vectorizer(word_vectors="no/such/file.txt").fit(TEXTS)


# --- parts ----------------------------------------------------------------------------


@given(
    texts=st.lists(
        st.lists(st.sampled_from("abcdef")).map(" ".join), min_size=1
    ).filter(any),
    n_parts=st.integers(1, 5),
)
def test_counts_of_parts_add_up_to_those_of_the_whole(texts, n_parts):
    parts = [_vectorizer._count_tokens(texts[i::n_parts]) for i in range(n_parts)]

    whole = _vectorizer._count_tokens(texts)
    assert tuple(sum(counts, Counter()) for counts in zip(*parts, strict=True)) == whole


def test_grid_search_varies_the_vocabulary():
    pipe = make_pipeline(
        Vectorizer(word_vectors=None),
        FunctionTransformer(lambda seqs: seqs.lengths[:, None].astype(float)),
    )

    def n_tokens(estimator, X, y=None):
        return len(estimator[0].vocabulary_)

    search = GridSearchCV(
        pipe, {"vectorizer__max_features": [1, 3]}, scoring=n_tokens, cv=2, refit=False
    )
    search.fit(TEXTS * 4)
    assert search.cv_results_["mean_test_score"].tolist() == [3, 5]


def test_cloning_does_not_share_the_vectors():
    source = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [1.0, 1.0]}
    twin = clone(Vectorizer(word_vectors=source))
    assert twin.word_vectors == source
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin.fit(TEXTS)


@pytest.mark.parametrize("block", [1, 3, 4, 100])
def test_a_text_of_unseen_tokens_is_unknown(monkeypatch, block):
    monkeypatch.setattr(_vectorizer, "_BLOCK", block)
    texts = ["time flies", "time passes", "the clock stops", "the clock runs"]
    vectorizer = Vectorizer(word_vectors=None).fit(texts)
    time = vectorizer.vocabulary_.index["time"]
    new = ["time app crashes", "time flies crashes", "time app", "flies stops app"]

    rows = [row.tolist() for row in vectorizer.transform(new)]

    assert rows[0] == [1, 1, 1]  # two of three tokens were never seen
    assert rows[1] == [time, 1, 1]  # "flies" was, in one text
    assert rows[2] == [time, 1]
    np.testing.assert_allclose(vectorizer.known_share(new), [1 / 3, 1 / 3, 1 / 2, 0])
    np.testing.assert_allclose(
        vectorizer.unseen_share(new), [2 / 3, 1 / 3, 1 / 2, 1 / 3]
    )
    kept = vectorizer.set_params(max_unseen=1.0).transform(new)[0]
    assert np.asarray(kept)[0].tolist()[0] == time
    assert vectorizer.unseen_share(new).tolist() == [0.0] * 4


@pytest.mark.parametrize("method", ["known_share", "unseen_share"])
def test_shares_of_tokens_need_fit_and_a_list(method):
    with pytest.raises(NotFittedError):
        getattr(Vectorizer(), method)(["time"])
    vectorizer = Vectorizer(word_vectors=None).fit(["time flies"] * 2)
    with pytest.raises(InvalidTextError, match="wrap it in a list"):
        getattr(vectorizer, method)("time")
    assert getattr(vectorizer, method)([]).shape == (0,)


def test_texts_of_fit_are_not_affected_by_unseen_tokens():
    texts = ["time flies fast today", "time passes"]
    strict = Vectorizer(word_vectors=None, max_unseen=0.0)

    assert strict.fit_transform(texts).ids.tolist() == [2, 1, 1, 1, 2, 1]
    assert strict.transform(texts).ids.tolist() == [2, 1, 1, 1, 2, 1]
    assert strict.rare_tokens_.dtype == np.uint32


def test_further_texts_add_tokens_behind_the_old_ones():
    vectorizer = Vectorizer(vector_dim=3).fit(["a b", "a b", "c a", "d"])
    assert vectorizer.vocabulary_.tokens[2:] == ("a", "b")
    old = vectorizer.embedding_matrix_.copy()

    vectorizer.partial_fit(["e a f", "e a", "c b", "g"])  # c for the second time

    vocabulary = vectorizer.vocabulary_
    assert vocabulary.tokens[2:] == ("a", "b", "c", "e")
    assert vocabulary.document_frequency.tolist() == [0, 0, 5, 3, 2, 2]
    assert vocabulary.n_documents == 8
    np.testing.assert_array_equal(vectorizer.embedding_matrix_[: len(old)], old)
    np.testing.assert_allclose(vectorizer.embedding_matrix_[5], old[2], rtol=1e-5)
    assert vocabulary.vectors is vectorizer.embedding_matrix_
    assert [vectorizer._is_rare(token) for token in "cdfg"] == [False, True, True, True]
    assert len(pickle.loads(pickle.dumps(vectorizer)).vocabulary_) == 6


def test_the_vocabulary_grows_within_its_limits():
    vectorizer = Vectorizer(max_features=2, word_vectors=None).fit(["a", "a", "b"])
    vectorizer.partial_fit(["c d e", "c d e", "c"])
    assert vectorizer.vocabulary_.tokens[2:] == ("a", "c")
    assert Vectorizer(vector_dim=2).partial_fit(TEXTS).vocabulary_.n_documents == 6
    mapping = {"a": [1.0, 0.0], "z": [0.0, 1.0]}
    vectorizer = Vectorizer(word_vectors=mapping).fit(["a", "a"]).partial_fit(["z"] * 2)
    assert vectorizer.embedding_matrix_[2:].tolist() == [[1.0, 0.0], [0.0, 1.0]]


ORDERS = ["order 25455 late", "order 4711 late", "mail a@b.org", "mail c@d.org"]


def test_identifiers_of_a_kind_share_a_token():
    texts = [*ORDERS, "plan 37777", "plan 37777", "see www.a.org now", "2024 now"]
    vectorizer = Vectorizer(word_vectors=None).fit(texts)
    vocabulary = vectorizer.vocabulary_

    tokens = ("37777", "email_", "late", "mail", "now", "number_", "order", "plan")
    assert vocabulary.tokens[2:] == tokens  # one link alone is rare
    assert vocabulary.document_frequency[2:].tolist() == [2] * 8
    assert vectorizer.oov_rate_ == pytest.approx(3 / 19)
    new = [
        "order ab-12-345 order",
        "order 1234 order",
        "plan 37777",
        "mail e@f.org https://a.b",
        "order x",
    ]
    sequences = vectorizer.transform(new)
    found = [[vocabulary.tokens[i] for i in row] for row in sequences]
    assert found[0] == ["order", "number_", "order"]
    assert found[1] == found[0]
    assert found[2] == ["plan", "37777"]
    assert found[3] == ["mail", "email_", "[unk]"]
    np.testing.assert_allclose(vectorizer.known_share(new), [1, 1, 1, 0.5, 0.5])
    assert not vectorizer._is_rare("25455")
    assert vectorizer._is_rare("2024")


def test_identifiers_of_further_texts_are_counted_by_kind():
    vectorizer = Vectorizer(word_vectors=None).fit(ORDERS)
    new = ["order 47110", "order 12345", "order 12345", "www.a.org", "www.b.org"]
    vectorizer.partial_fit(new)

    vocabulary = vectorizer.vocabulary_
    assert vocabulary.tokens[-2:] == ("12345", "url_")
    assert vocabulary.document_frequency[vocabulary.index["number_"]] == 3
    assert vocabulary.document_frequency[vocabulary.index["url_"]] == 2


def test_an_exported_tokenizer_knows_the_kinds_of_identifiers(tmp_path):
    cleaner, vectorizer = TextCleaner(), Vectorizer(word_vectors=None, max_len=9)
    vectorizer.fit(cleaner.fit_transform(ORDERS))
    path = export_tokenizer(cleaner, vectorizer, tmp_path / "tokenizer.json")
    new = ["The order 99999, late: x@y.org", "12345 qwertz", "www.shop.com"]

    expected = [row.tolist() for row in vectorizer.transform(cleaner.transform(new))]

    assert Tokenizer.from_json(path)(new) == expected
    assert expected[1] == [1, 1]  # all but the number is unseen
    assert expected[0][1] == vectorizer.vocabulary_.index["number_"]


REFUNDS = ["refund late", "refunding late", "order parcels", "order parcel", "odd mail"]


def test_rare_words_of_one_stem_share_a_token():
    vectorizer = Vectorizer(word_vectors=None).fit(REFUNDS)
    vocabulary = vectorizer.vocabulary_

    assert vocabulary.tokens[2:] == ("late", "order", "parce*", "refun*")
    assert vocabulary.document_frequency[2:].tolist() == [2] * 4
    assert vectorizer.oov_rate_ == pytest.approx(2 / 10)
    new = ["refunded parcels", "order refuse", "mail"]
    found = [[vocabulary.tokens[i] for i in ids] for ids in vectorizer.transform(new)]
    assert found == [["refun*", "parce*"], ["order", "[unk]"], ["[unk]"]]
    assert vectorizer._is_rare("mail")
    assert not vectorizer._is_rare("refund")


def test_a_word_of_enough_texts_keeps_its_own_token():
    texts = [*REFUNDS, "refund sent", "refunds sent"]
    vocabulary = Vectorizer(word_vectors=None).fit(texts).vocabulary_

    expected = ("late", "order", "parce*", "refun*", "refund", "sent")
    assert vocabulary.tokens[2:] == expected
    stems = [vocabulary.tokens[i] for i in vocabulary.stems]
    assert stems[2:] == ["late", "order", "parce*", "refun*", "refun*", "sent"]


def test_without_a_common_word_rare_words_are_kept_as_they_are():
    with pytest.warns(TextWarning, match="no token occurs in min_df=2"):
        vectorizer = Vectorizer(word_vectors=None).fit(["refund", "refunds"])
    assert vectorizer.vocabulary_.tokens[2:] == ("refund", "refunds")


def test_words_of_one_stem_have_one_vector():
    texts = ["refund bank money", "refunds bank money", "parcel box late"] * 3
    vectorizer = Vectorizer(vector_dim=2).fit(texts)
    index, vectors = vectorizer.vocabulary_.index, vectorizer.embedding_matrix_
    np.testing.assert_array_equal(vectors[index["refund"]], vectors[index["refunds"]])
    assert vectors[index["refund"]] @ vectors[index["bank"]] > 0.9


def test_stems_of_further_texts_are_counted():
    vectorizer = Vectorizer(word_vectors=None).fit(REFUNDS)
    vectorizer.partial_fit(["refunded", "sends letter", "sends letters", "parcels now"])

    vocabulary = vectorizer.vocabulary_
    assert vocabulary.tokens[6:] == ("lette*", "sends")
    assert vocabulary.document_frequency[vocabulary.index["refun*"]] == 3
    assert vocabulary.document_frequency[vocabulary.index["parce*"]] == 3


def test_an_exported_tokenizer_knows_stems(tmp_path):
    cleaner, vectorizer = TextCleaner(), Vectorizer(word_vectors=None)
    vectorizer.fit(cleaner.fit_transform(REFUNDS))
    path = export_tokenizer(cleaner, vectorizer, tmp_path / "tokenizer.json")
    new = ["Refunded: the parcels?", "An odd refuse"]

    expected = [row.tolist() for row in vectorizer.transform(cleaner.transform(new))]

    assert Tokenizer.from_json(path)(new) == expected
    assert expected[0] == [
        vectorizer.vocabulary_.index[t] for t in ("refun*", "parce*")
    ]


def test_new_words_have_the_vector_of_their_stem():
    bank, post = "refund bank money", "parcel box late"
    vectorizer = Vectorizer(vector_dim=2).fit([bank, post] * 3)
    vectorizer.partial_fit(["refundable box late", "cats box late"] * 2)

    index, vectors = vectorizer.vocabulary_.index, vectorizer.embedding_matrix_
    assert index["refundable"] > index["refund"]
    assert vectors[index["refund"]].any()
    np.testing.assert_array_equal(
        vectors[index["refundable"]], vectors[index["refund"]]
    )
    assert vectors[index["cats"]] @ vectors[index["refund"]] < 0.5


@pytest.mark.parametrize("exported", [False, True])
def test_texts_of_fit_are_seen_though_their_stems_are_too_rare(tmp_path, exported):
    """Neither the stem of the rare words nor the kind of the link is a token."""
    texts = [*["late sent"] * 3, "refund refunding", "refunded", "www.a.org"]
    cleaner = TextCleaner()
    vectorizer = Vectorizer(word_vectors=None, max_features=2, max_len=9)
    vectorizer.fit(cleaner.fit_transform(texts))
    assert vectorizer.vocabulary_.tokens[2:] == ("late", "sent")
    new = ["late refund refunding refunds", "late www.a.org www.b.org", "late odd cat"]
    expected = [[2, 1, 1, 1], [2, 1, 1], [1, 1, 1]]

    if exported:
        path = export_tokenizer(cleaner, vectorizer, tmp_path / "tokenizer.json")
        assert Tokenizer.from_json(path)(new) == expected
        return
    sequences = vectorizer.transform(cleaner.transform(new))
    assert [row.tolist() for row in sequences] == expected
    shares = vectorizer.unseen_share(cleaner.transform(new))
    np.testing.assert_allclose(shares, [0, 0, 2 / 3])


MANY = [f"refund order {letter}{letter}" for letter in "abcdefghijkl"]


def tokens_of(vectorizer, text):
    return [
        vectorizer.vocabulary_.tokens[i]
        for i in next(iter(vectorizer.transform([text])))
    ]


def test_a_misspelled_word_is_taken_for_a_frequent_one():
    vectorizer = Vectorizer(word_vectors=None, max_len=9).fit([*MANY, "rfund order"])
    assert tokens_of(vectorizer, "erfund ordre oredr refxxnd") == [
        *["refund", "order", "order"],
        "[unk]",
    ]
    assert tokens_of(vectorizer, "rfund order") == ["refund", "order"]


def test_a_word_of_few_texts_is_not_what_another_misspells():
    vectorizer = Vectorizer(word_vectors=None, max_len=9).fit(MANY[:9])
    assert tokens_of(vectorizer, "erfund order") == ["[unk]", "order"]


def test_a_known_stem_comes_before_spelling():
    vectorizer = Vectorizer(word_vectors=None, max_len=9).fit(
        [*MANY, "ordering", "orderly", "border"]
    )
    assert tokens_of(vectorizer, "orders border") == ["order*", "order"]


def test_misspelled_words_of_several_texts_are_no_tokens():
    texts = ["refund order"] * 200 + ["refnud late", "refnud mail"]
    few = ["refund order"] * 199 + ["refnud late", "refnud mail"]
    vectorizer = Vectorizer(word_vectors=None, max_len=9).fit(texts)
    assert "refnud" not in vectorizer.vocabulary_.index
    assert vectorizer._is_rare("refnud")
    assert tokens_of(vectorizer, "refnud") == ["refund"]
    assert (
        "refnud" in Vectorizer(word_vectors=None, max_len=9).fit(few).vocabulary_.index
    )


def test_words_can_be_left_as_they_are_spelled():
    texts = ["refund order"] * 200 + ["refnud late", "refnud mail"]
    vectorizer = Vectorizer(word_vectors=None, correct_spelling=False).fit(texts)
    assert tokens_of(vectorizer, "refnud rfund") == ["refnud", "[unk]"]


def test_words_that_max_df_drops_are_not_taken_for_others():
    texts = [*["order late"] * 20, *["border late"] * 10]
    vectorizer = Vectorizer(word_vectors=None, max_df=15).fit(texts)
    assert vectorizer.vocabulary_.tokens[2:] == ("border",)
    assert tokens_of(vectorizer, "order") == ["[unk]"]


def test_spelling_stays_with_further_texts_and_copies():
    vectorizer = Vectorizer(word_vectors=None, max_len=9).fit(MANY)
    vectorizer.partial_fit(["parcels sent", "parcels lost"])
    for copied in (vectorizer, pickle.loads(pickle.dumps(vectorizer))):
        assert tokens_of(copied, "rfund parcels") == ["refund", "parcels"]


def test_an_exported_tokenizer_corrects_spelling(tmp_path):
    cleaner, vectorizer = TextCleaner(), Vectorizer(word_vectors=None, max_len=9)
    vectorizer.fit(cleaner.fit_transform(MANY))
    path = export_tokenizer(cleaner, vectorizer, tmp_path / "tokenizer.json")
    new = ["A refudn of the order", "Oredr now"]
    expected = [row.tolist() for row in vectorizer.transform(cleaner.transform(new))]
    assert Tokenizer.from_json(path)(new) == expected
    assert expected[0] == [vectorizer.vocabulary_.index[t] for t in ("refund", "order")]


@pytest.mark.parametrize("profile", ["full", "predict"])
def test_a_saved_vectorizer_corrects_spelling(tmp_path, profile):
    vectorizer = Vectorizer(word_vectors=None, max_len=9).fit(MANY)
    loaded = load(save(vectorizer, tmp_path / "m.dct", profile=profile))
    assert tokens_of(loaded, "erfund oredr") == ["refund", "order"]
