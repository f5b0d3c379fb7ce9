"""RNNLSTMEncoder: scikit-learn's contract, labels, bad input, processes."""

import multiprocessing
import pickle
import subprocess
import sys
import time

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepclust import RNNLSTMEncoder, TokenSequences, Vocabulary
from deepclust.encoding import DifferentialPrivacy, _training
from deepclust.encoding import _devices as devices
from deepclust.exceptions import EmptyVocabularyError
from deepclust.pseudo_labels import make_pseudo_labels

TINY = {"rnn_units": 4, "lstm_units": 4, "embedding_dim": 5, "epochs": 1}


def make_encoder(**options):
    return RNNLSTMEncoder(**(TINY | {"random_state": 0} | options))


def make_texts(n_docs=90, seed=0):
    """Return texts of three topics, 1 to 9 words each, and the topics."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(0, 3, n_docs)
    rows = [rng.integers(2, 12, rng.integers(1, 10)) + 10 * t for t in topics]
    return TokenSequences.from_lists(rows), topics


@pytest.fixture(scope="module")
def fitted():
    texts, _ = make_texts()
    return make_encoder().fit(texts), texts


@pytest.fixture(scope="module")
def trained():
    texts, topics = make_texts()
    y = np.where(np.arange(90) % 2 == 0, topics, -1)
    options = {"epochs": 30, "batch_size": 16, "lstm_units": 0}  # quickly traced
    encoder = make_encoder(label_weight=4.0, **options)
    return encoder.fit(texts, y), texts, topics


# The checks below make data whose whole numbers are 0 and 1 only. These ids are
# padding and the unknown token, and a corpus without any known token is refused.
ONLY_UNKNOWN_TOKENS = dict.fromkeys(
    (
        "check_dtype_object",
        "check_estimators_nan_inf",
        "check_estimators_pickle",
        "check_fit_score_takes_y",
        "check_pipeline_consistency",
        "check_sample_weights_list",
    ),
    "its ids are all padding or unknown tokens",
)
FRACTIONS = {
    "check_sample_weight_equivalence_on_dense_data": "its rows are fractions, and no "
    "ids"
}


@parametrize_with_checks(
    [make_encoder(rnn_units=0, lstm_units=0)],
    expected_failed_checks=lambda _: ONLY_UNKNOWN_TOKENS | FRACTIONS,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_embeddings_are_unit_vectors(fitted):
    encoder, texts = fitted
    embeddings = encoder.transform(texts)
    assert embeddings.shape == (90, 5)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-6)


def test_a_matrix_is_as_good_as_sequences(fitted):
    encoder, texts = fitted
    again = make_encoder().fit(np.asarray(texts))
    np.testing.assert_array_equal(
        again.transform(np.asarray(texts)), encoder.transform(texts)
    )


def test_keras_computes_the_same(fitted):
    encoder, texts = fitted
    plain = clone(encoder).set_params(prototype_weight=0.0).fit(texts)
    expected = ops.convert_to_numpy(plain.network_(np.asarray(texts)))
    np.testing.assert_allclose(plain.transform(texts), expected, atol=1e-5)
    assert plain.network_ is plain.network_


def test_the_gpu_path_computes_the_same(fitted):
    encoder, texts = fitted
    rows = TokenSequences.from_lists([*texts, []])
    by_keras = encoder._transform_keras(rows, device="cpu")
    np.testing.assert_allclose(encoder.transform(rows), by_keras, atol=1e-5)


def test_prototypes_gather_the_texts_of_a_class(trained):
    encoder, texts, topics = trained
    spread = {}
    for prototype_weight in (0.0, 0.9):
        other = pickle.loads(pickle.dumps(encoder)).set_params(
            prototype_weight=prototype_weight
        )
        embeddings = other.transform(texts)
        centers = np.array([embeddings[topics == t].mean(axis=0) for t in range(3)])
        spread[prototype_weight] = np.linalg.norm(
            embeddings - centers[topics], axis=1
        ).mean()
    assert spread[0.9] < 0.8 * spread[0.0]


def test_fitted_attributes(fitted):
    encoder, texts = fitted
    assert encoder.n_features_in_ == texts.max_len
    assert encoder.embedding_dim_ == 5
    assert encoder.vocabulary_ is None
    assert encoder.n_unknown_texts_ == 0
    assert encoder.n_parameters_ == sum(w.size for w in encoder.weights_.values())
    assert isinstance(encoder.history_, pd.DataFrame)
    assert list(encoder.history_["epoch"]) == [1]
    assert not hasattr(encoder, "classes_")
    assert not hasattr(encoder, "predict_proba")


def test_feature_names_and_set_output(fitted):
    encoder, texts = fitted
    frame = clone(encoder).set_output(transform="pandas").fit(texts).transform(texts)
    assert list(frame) == list(encoder.get_feature_names_out())
    assert frame.columns[0] == "embedding0"


def test_parameters_reach_the_network():
    texts, _ = make_texts(30)
    names = {
        "concat": {"rnn/kernel", "lstm/kernel", "lstm_back/kernel"},
        "gate": {"gate/kernel", "align/kernel"},
    }
    for fusion, expected in names.items():
        encoder = make_encoder(fusion=fusion, n_pseudo_classes=2)
        assert expected <= set(encoder.fit(texts).weights_)
    encoder = make_encoder(bidirectional=False, rnn_units=0, n_pseudo_classes=2)
    one_way = encoder.fit(texts).weights_
    assert not {"rnn/kernel", "lstm_back/kernel"} & set(one_way)


def test_word_vectors_of_the_vocabulary_are_the_start():
    texts, _ = make_texts(30)
    vectors = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32)
    vectors[0] = 0.0
    tokens = tuple(f"w{i}" for i in range(40))
    vocabulary = Vocabulary(tokens, np.ones(40, dtype=np.int64), 30, vectors)
    texts = TokenSequences(texts.ids, texts.offsets, vocabulary)
    encoder = make_encoder(train_word_vectors=False).fit(texts)
    assert encoder.vocabulary_ is vocabulary
    np.testing.assert_array_equal(encoder.weights_["words"], vectors)


def test_same_seed_same_weights_other_seed_other_weights(fitted):
    encoder, texts = fitted
    same, other = make_encoder().fit(texts), make_encoder(random_state=1).fit(texts)
    for name, weight in encoder.weights_.items():
        np.testing.assert_array_equal(same.weights_[name], weight)
    assert not np.array_equal(
        other.weights_["dense/kernel"], encoder.weights_["dense/kernel"]
    )


def test_labels_are_learned_and_spread(trained):
    encoder, texts, topics = trained
    probabilities = encoder.predict_proba(texts)
    assert probabilities.shape == (90, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert (encoder.classes_[probabilities.argmax(axis=1)] == topics).mean() > 0.8


def test_labels_can_be_words(trained):
    encoder, texts, topics = trained
    words = np.array(["c", "a", "b"])[topics].astype(object)
    words[::2] = ""
    words[1::4] = None
    worded = clone(encoder).set_params(epochs=1).fit(texts, words)
    assert list(worded.classes_) == ["a", "b", "c"]


@pytest.mark.parametrize("none", [-1, None, "", np.nan, pd.NA], ids=repr)
def test_no_label_at_all_is_as_no_labels(fitted, none):
    encoder, texts = fitted
    again = make_encoder().fit(texts, [none] * 90)
    assert not hasattr(again, "classes_")
    np.testing.assert_array_equal(again.transform(texts), encoder.transform(texts))


def test_batches_are_larger_where_texts_are_many(trained):
    encoder, texts, _ = trained
    auto, fixed = (
        make_encoder(epochs=1, batch_size=size).fit(texts) for size in ("auto", 128)
    )
    np.testing.assert_array_equal(auto.transform(texts), fixed.transform(texts))
    many = _training.UPDATES * 256 // _training.MIN_EPOCHS
    assert auto._texts_per_update(many - 1) == 128
    assert auto._texts_per_update(many) == 256
    assert encoder._texts_per_update(10**6) == encoder.batch_size


def named(texts):
    """Return the texts with a vocabulary: words w2, w3, ... by token id."""
    n_tokens = int(texts.ids.max()) + 1
    words = ("", "[unk]", *(f"w{i}" for i in range(2, n_tokens)))
    counts = np.bincount(texts.ids, minlength=n_tokens)
    vocabulary = Vocabulary(words, counts, len(texts))
    return TokenSequences(texts.ids, texts.offsets, vocabulary)


def test_seed_words_label_texts(trained):
    _, texts, topics = trained
    seed_words = {f"topic {t}": [f"w{i + 10 * t}" for i in (3, 5, 7)] for t in range(3)}
    options = {"epochs": 30, "batch_size": 16, "lstm_units": 0}
    encoder = make_encoder(seed_words=seed_words, **options).fit(named(texts))
    assert list(encoder.classes_) == ["topic 0", "topic 1", "topic 2"]
    found = encoder.predict_proba(texts).argmax(axis=1)
    assert (found == topics).mean() > 0.8


def test_labels_go_before_seed_words(trained):
    _, texts, _ = trained
    y = np.full(90, None, dtype=object)
    y[:2] = "other"
    encoder = make_encoder(seed_words={"topic": ["W3"]}).fit(named(texts), y)
    assert list(encoder.classes_) == ["other", "topic"]


@pytest.mark.parametrize(
    ("seed_words", "error", "message"),
    [
        ({"a": ["w3"], "b": ["w3"]}, ValueError, "both 'a' and 'b'"),
        ({"a": ["nothing"]}, ValueError, "No word of seed_words"),
        ({"a": "w3"}, TypeError, "list of words"),
        ({"a": [3]}, TypeError, "list of words"),
        ([("a", ["w3"])], ValueError, "'seed_words' parameter"),
    ],
)
def test_bad_seed_words_are_named(trained, seed_words, error, message):
    _, texts, _ = trained
    with pytest.raises(error, match=message):
        make_encoder(seed_words=seed_words).fit(named(texts))


def test_unknown_seed_words_are_warned_of(trained):
    _, texts, _ = trained
    with pytest.warns(UserWarning, match="nothing"):
        make_encoder(seed_words={"a": ["w3", "nothing"]}).fit(named(texts))


def test_seed_words_need_a_vocabulary(trained):
    _, texts, _ = trained
    with pytest.raises(ValueError, match="without a vocabulary"):
        make_encoder(seed_words={"a": ["w3"]}).fit(texts)


def test_numbers_and_seed_words_are_not_mixed(trained):
    _, texts, topics = trained
    y = np.where(np.arange(90) < 20, topics, -1)
    with pytest.raises(ValueError, match="two kinds"):
        make_encoder(seed_words={"a": ["w3"]}).fit(named(texts), y)


def test_labels_only(trained):
    _, texts, topics = trained
    encoder = make_encoder(objective="supervised", epochs=2).fit(texts, topics)
    assert encoder.n_pseudo_classes_ is None
    assert [n for n in encoder.weights_ if "prototypes" in n] == ["labels/prototypes"]
    with pytest.raises(ValueError, match="y has none"):
        make_encoder(objective="supervised").fit(texts)


def test_the_number_of_pseudo_classes_is_reported(fitted):
    encoder, texts = fitted
    assert encoder.n_pseudo_classes_ == encoder.weights_["head_1/prototypes"].shape[0]
    assert len(encoder.selection_results_) > 0
    assert make_encoder(n_pseudo_classes=2).fit(texts).n_pseudo_classes_ == 2


def test_the_reported_number_is_what_is_learned_where_components_die():
    texts, _ = make_texts()
    encoder = make_encoder(n_pseudo_classes=12).fit(texts)
    learned = [len(encoder.weights_[f"head_{i}/prototypes"]) for i in range(1, 5)]
    assert encoder.n_pseudo_classes_ == max(learned) <= 12


def test_parameters_set_after_fit_do_not_break_transform(fitted):
    encoder, texts = fitted
    changed = pickle.loads(pickle.dumps(encoder))
    changed.set_params(pooling="max", fusion="sum", activation="relu", rnn_units=9)
    np.testing.assert_array_equal(changed.transform(texts), encoder.transform(texts))
    assert changed.network_.pooling.mode == "attention"


def test_refitting_without_labels_forgets_them(trained):
    encoder, texts, _ = trained
    again = pickle.loads(pickle.dumps(encoder)).set_params(epochs=1).fit(texts)
    assert not hasattr(again, "predict_proba")


def test_texts_of_unknown_tokens():
    texts, _ = make_texts(30)
    rows = [*texts, [1, 1], []]
    encoder = make_encoder().fit(TokenSequences.from_lists(rows))
    assert encoder.n_unknown_texts_ == 2
    embeddings = encoder.transform(TokenSequences.from_lists(rows))
    np.testing.assert_array_equal(embeddings[-2:], 0.0)
    with_unknown = TokenSequences.from_lists([[1, *rows[0], 1]])
    np.testing.assert_array_equal(encoder.transform(with_unknown)[0], embeddings[0])
    with pytest.raises(EmptyVocabularyError, match="None of the 2 texts"):
        make_encoder().fit(TokenSequences.from_lists([[1], []]))


def test_document_vectors_follow_the_texts_with_known_tokens(monkeypatch, fitted):
    """Pseudo-labels get the vectors of these texts only; the model keeps none."""
    seen = []

    def noted(sequences, vectors, *, document_vectors, **options):
        seen.extend(zip(map(tuple, sequences), document_vectors, strict=True))
        return make_pseudo_labels(
            sequences, vectors, document_vectors=document_vectors, **options
        )

    monkeypatch.setattr("deepclust.pseudo_labels.make_pseudo_labels", noted)
    texts = [[2 + i, 2 + i // 2] for i in range(30)]
    rows = TokenSequences.from_lists([[1], *texts, [], [2, 1]])
    vectors = np.random.default_rng(0).normal(size=(33, 7))
    encoder = make_encoder().fit(rows, document_vectors=vectors.tolist())
    expected = zip(
        [*map(tuple, texts), (2,)], vectors[[*range(1, 31), 32]], strict=True
    )
    assert sorted((text, *v.tolist()) for text, v in seen) == sorted(
        (text, *v.tolist()) for text, v in expected
    )
    assert encoder.__dict__.keys() <= fitted[0].__dict__.keys()  # which may have more
    assert encoder.weights_.keys() == fitted[0].weights_.keys()
    np.testing.assert_array_equal(encoder.transform(rows)[[0, 31]], 0.0)


def test_document_vectors_teach_what_words_do_not_tell():
    """Each text has words of its own, so that only the vectors know its topic."""
    rng = np.random.default_rng(0)
    topics = np.arange(90) % 3
    words = 2 + rng.permutation(360).reshape(90, 4)
    texts = TokenSequences.from_lists(words.tolist())
    vectors = np.eye(3)[topics] + 0.1 * rng.normal(size=(90, 3))
    encoder = make_encoder(
        epochs=40, batch_size=16, n_pseudo_classes=3, word_dropout=0.0,
        rnn_units=0, lstm_units=0,
    )  # fmt: skip
    similarities = []
    for document_vectors in (None, vectors):
        embeddings = clone(encoder).fit_transform(
            texts, document_vectors=document_vectors
        )
        same = topics[:, None] == topics
        cosines = embeddings @ embeddings.T
        similarities.append(cosines[same].mean() - cosines[~same].mean())
    assert similarities[0] < 0.1
    assert similarities[1] > 0.5


def test_no_document_vectors_change_nothing(fitted):
    encoder, texts = fitted
    again = make_encoder().fit(texts, document_vectors=None)
    for name, weight in encoder.weights_.items():
        np.testing.assert_array_equal(weight, again.weights_[name])


@pytest.mark.parametrize(
    ("vectors", "error", "message"),
    [
        (
            np.ones((89, 3)),
            ValueError,
            r"one row per text: 90 here\. Received: shape \(89, 3\)",
        ),
        (np.ones(90), ValueError, r"shape \(n_docs, dim\).* Received: shape \(90,\)"),
        (np.ones((90, 0)), ValueError, r"Received: shape \(90, 0\)"),
        (np.ones((90, 2, 2)), ValueError, r"Received: shape \(90, 2, 2\)"),
        (np.diag([0.0] * 4 + [np.nan] * 86), ValueError, "Row 4 holds NaN"),
        (np.diag([0.0] * 6 + [np.inf] * 84), ValueError, "Row 6 holds NaN or infinity"),
        ([["one"]] * 90, ValueError, "could not convert|numeric"),
        (csr_matrix(np.ones((90, 3))), TypeError, "[Ss]parse"),
    ],
)
def test_bad_document_vectors_are_refused_before_any_work(
    monkeypatch, fitted, vectors, error, message
):
    called = "deepclust.pseudo_labels.make_pseudo_labels"
    monkeypatch.setattr(called, None)  # a call would fail
    _, texts = fitted
    with pytest.raises(error, match=message):
        make_encoder().fit(texts, document_vectors=vectors)


def test_a_vocabulary_of_two_words():
    texts = TokenSequences.from_lists([[2, 3], [2], [3], [3, 2]] * 5)
    assert make_encoder().fit(texts).transform(texts).shape == (20, 5)


def test_one_text_and_no_text(fitted):
    encoder, texts = fitted
    assert encoder.transform(texts[:0]).shape == (0, 5)
    assert encoder.transform(np.zeros((0, texts.max_len), int)).shape == (0, 5)
    assert make_encoder().fit(texts[:1]).transform(texts[:1]).shape == (1, 5)


def test_bad_ids_are_named(fitted):
    encoder, texts = fitted
    matrix = np.asarray(texts).astype(float)
    for value, message in (
        (-3, "row 7 holds one"),
        (0.5, "Row 7 holds a fraction"),
        (999, "Row 7 holds token id 999, .* below 32"),
    ):
        bad = matrix.copy()
        bad[7, 0] = value
        with pytest.raises(ValueError, match=message):
            encoder.transform(bad)
    with pytest.raises(ValueError, match="Row 1 holds token id 77"):
        encoder.transform(TokenSequences.from_lists([[2], [3, 77]]))
    with pytest.raises(ValueError, match="90 texts, but y has 3"):
        make_encoder().fit(texts, [0, 1, 2])


def test_no_gpu_is_said():
    if devices._gpus(keras.config.backend()):
        pytest.skip("this machine has one")
    with pytest.raises(RuntimeError, match="sees no GPU"):
        make_encoder(device="gpu").fit(make_texts(30)[0])


def test_a_pickled_encoder_needs_no_tensorflow(fitted, tmp_path):
    encoder, texts = fitted
    encoder.network_  # must not be pickled
    assert b"keras." not in pickle.dumps(encoder)
    joblib.dump((encoder, texts, encoder.transform(texts)), tmp_path / "all")
    code = (
        "import sys, joblib, numpy;"
        "encoder, texts, expected = joblib.load(sys.argv[1]);"
        "numpy.testing.assert_array_equal(encoder.transform(texts), expected);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "all"], check=True)


def _fit_and_report(connection):
    try:
        make_encoder().fit(make_texts(30)[0])
    except RuntimeError as error:
        connection.send(str(error))


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # JAX says so too
@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_training_in_a_forked_child_is_refused(fitted):
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_fit_and_report, args=(sender,))
    start = time.perf_counter()
    child.start()
    try:
        assert receiver.poll(5), "the child hangs"
        assert "forked" in receiver.recv()
    finally:
        child.kill()
        child.join()
    assert time.perf_counter() - start < 5


def test_progress_bar(capsys):
    make_encoder(verbose=1).fit(make_texts(30)[0])
    assert "training" in capsys.readouterr().err


def test_texts_of_weight_0_take_no_part():
    texts, topics = make_texts()
    weights = np.where(topics == 2, 0.0, 3.0)
    vectors = np.eye(3)[topics]
    kept = np.flatnonzero(weights)

    encoder = make_encoder().fit(texts, topics, vectors, sample_weight=weights)

    expected = make_encoder().fit(texts[kept], topics[kept], vectors[kept])
    assert encoder.classes_.tolist() == [0, 1]
    for name, array in expected.weights_.items():
        n_rows = len(array)  # of words: the texts of weight 0 have further ones
        np.testing.assert_allclose(encoder.weights_[name][:n_rows], array, atol=1e-4)


def test_weights_are_checked():
    texts, _ = make_texts()
    for weights, message in {
        (1.0,) * 89: "sample_weight.shape",
        (-1.0,) * 90: "Negative values",
        (0.0,) * 90: "non-zero",
        (np.nan,) * 90: "NaN",
    }.items():
        with pytest.raises(ValueError, match=message):
            make_encoder().fit(texts, sample_weight=weights)
    private = make_encoder(privacy=DifferentialPrivacy(8.0, delta=1e-5))
    with pytest.raises(ValueError, match="privacy= does not go with sample_weight"):
        private.fit(texts, sample_weight=np.ones(90))
