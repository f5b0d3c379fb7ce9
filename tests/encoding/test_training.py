"""Training: batches, losses, fit on each backend, early stopping, repeatability."""

import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from sklearn.exceptions import ConvergenceWarning
from small_networks import TRAINING, small_network

from deepclust import TokenSequences
from deepclust.encoding import _training
from deepclust.encoding._devices import on_device
from deepclust.encoding._loss import HeadsLoss, heads_accuracy
from deepclust.encoding._network import PrototypeClassifier, read_weights
from deepclust.encoding._training import (
    LengthBatches,
    TrainingOptions,
    drop_words,
    embed_with_keras,
    length_batches,
    train_heads,
)


def make_problem(n_docs=96, seed=0):
    """Return texts of two topics, 1 to 9 words each, and the topics."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(0, 2, n_docs).astype(np.int32)
    rows = [rng.integers(2, 21, rng.integers(1, 10)) + 19 * t for t in topics]
    return TokenSequences.from_lists(rows), topics


def train(network, texts, targets, **options):
    """Train with small defaults; all heads weigh the same."""
    values = {"head_weights": [1.0] * len(targets)} | TRAINING | options
    return train_heads(network, texts, targets, TrainingOptions(**values))


def loss_of(network, prototypes, texts, targets, **options):
    """Return the loss of all texts, in one batch, none of their words dropped."""
    n_classes = [len(p) for p in prototypes]
    model = PrototypeClassifier(network, n_classes)
    for variable, value in zip(model.heads.prototypes, prototypes, strict=True):
        variable.assign(value)
    settings = {"loss": "cross_entropy", "head_weights": [1.0] * len(targets)} | options
    loss = HeadsLoss(**settings)
    return float(loss(np.stack(targets, axis=1), model(np.asarray(texts))))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=200), st.integers(1, 40))
def test_every_text_is_in_one_batch_of_like_lengths(lengths, batch_size):
    lengths = np.array(lengths)
    batches = length_batches(lengths, batch_size, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size
    spans = sorted((lengths[b].min(), lengths[b].max()) for b in batches)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


@given(st.lists(st.lists(st.integers(2, 9), min_size=1), min_size=1), st.integers(0, 9))
def test_dropped_words_leave_a_subsequence(rows, seed):
    texts = TokenSequences.from_lists(rows)
    short = drop_words(texts, 0.5, np.random.default_rng(seed))
    assert len(short) == len(rows)
    for kept, row in zip(short, rows, strict=True):
        left = iter(row)
        assert len(kept) >= 1
        assert all(token in left for token in kept)


def test_the_rate_of_dropped_words():
    texts = TokenSequences.from_lists([range(2, 102)] * 100)
    short = drop_words(texts, 0.25, np.random.default_rng(0))
    assert len(short.ids) / len(texts.ids) == pytest.approx(0.75, abs=0.02)


def test_every_epoch_has_every_text_with_its_targets():
    texts, topics = make_problem()
    targets = np.stack([topics, np.arange(96, dtype=np.int32)], axis=1)
    batches = LengthBatches(texts, targets, np.arange(96), 20, 0.0, seed=0)
    for epoch in (1, 2):
        seen = list(batches.epoch(epoch))
        assert len(seen) == len(batches) == 5
        for ids, rows in seen:
            for row, (topic, place) in zip(ids, rows, strict=True):
                if place >= 0:  # JAX's batches are filled up
                    assert row[row > 0].tolist() == texts[[place]].ids.tolist()
                    assert topic == topics[place]
        places = np.concatenate([rows[:, 1] for _, rows in seen])
        assert sorted(places[places >= 0].tolist()) == list(range(96))


@pytest.mark.parametrize(
    ("schedule", "middle", "last"),
    [("cosine", 0.5, 0.0), ("linear", 0.5, 0.01), ("constant", 1.0, 1.0)],
)
def test_learning_rate_schedules(schedule, middle, last):
    rate = _training._learning_rate(schedule, 1.0, 100)
    rates = [float(rate(s)) if callable(rate) else rate for s in (2, 51, 99)]
    assert rates == pytest.approx([1.0, middle, last], abs=0.03)


@pytest.mark.parametrize("fusion", ["concat", "stack", "sum", "gate"])
def test_embedding_in_batches_is_the_network(fusion):
    texts, _ = make_problem()
    network = small_network(
        fusion=fusion, bidirectional=fusion != "sum", activation="softsign"
    )
    expected = ops.convert_to_numpy(network(np.asarray(texts)))
    found = embed_with_keras(network, texts, batch_size=60)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_it_learns_by_a_step_that_is_traced_once_for_all_lengths(monkeypatch):
    traces = []
    step = PrototypeClassifier.train_step
    monkeypatch.setattr(
        PrototypeClassifier,
        "train_step",
        lambda model, data: traces.append(data) or step(model, data),
        raising=False,
    )
    texts, topics = make_problem()
    network = small_network()
    prototypes, history = train(network, texts, [topics], epochs=6, batch_size=16)
    if keras.config.backend() == "tensorflow":
        assert len(traces) == 1
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert history[-1]["accuracy"] > 0.8
    assert history[-1]["learning_rate"] == pytest.approx(0.0, abs=1e-6)
    assert prototypes[0].shape == (2, 4)
    assert loss_of(network, prototypes, texts, [topics]) < 0.5 * history[0]["loss"]


@pytest.mark.usefixtures("untraced")
def test_unlabeled_rows_do_not_count():
    texts, topics = make_problem()
    network = small_network()
    prototypes, _ = train(network, texts, [topics], epochs=1)
    some = np.where(np.arange(96) < 48, topics, -1).astype(np.int32)
    known = loss_of(network, prototypes, texts[:48], [topics[:48]])
    assert loss_of(network, prototypes, texts, [some]) == pytest.approx(known, abs=1e-5)
    nothing = np.full(96, -1, dtype=np.int32)
    assert loss_of(network, prototypes, texts, [nothing]) == 0.0


def test_heads_are_weighed():
    logits = np.log([[[0.5, 0.5], [0.1, 0.9]]]).astype(np.float32)
    targets = np.array([[0, 0]])
    loss = HeadsLoss("cross_entropy", [3.0, 1.0])
    expected = -(3 * np.log(0.5) + np.log(0.1)) / 4
    assert float(loss(targets, logits)) == pytest.approx(expected, rel=1e-5)
    assert float(heads_accuracy(targets, logits)) == 0.5


def test_a_text_of_weight_2_counts_as_two():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 2, 4)).astype(np.float32)
    targets = np.array([[0, 1], [2, 3], [1, 0]])
    loss = HeadsLoss("cross_entropy", [3.0, 1.0])
    copies = [0, 0, 1, 2]
    weights = np.array([2.0, 1.0, 1.0]) * 3 / 4  # of mean 1

    weighted = float(loss(targets, logits, weights))

    assert weighted == pytest.approx(float(loss(targets[copies], logits[copies])))
    assert weighted != pytest.approx(float(loss(targets, logits)))
    assert float(loss(targets, logits, np.ones(3))) == float(loss(targets, logits))


@pytest.mark.usefixtures("untraced")
def test_weights_go_with_their_texts_through_the_batches():
    """Texts of nearly no weight, labeled against the others, are not learned."""
    texts, topics = make_problem()
    wrong = np.arange(96) % 3 == 0
    given = np.where(wrong, 1 - topics, topics).astype(np.int32)
    options = {"epochs": 8, "batch_size": 16, "word_dropout": 0.0}
    found = {}
    for name, weights in {
        "none": None, "equal": np.full(96, 5.0), "few": np.where(wrong, 1e-6, 1.0),
    }.items():  # fmt: skip
        values = {"head_weights": [1.0]} | TRAINING | options
        network = small_network(rnn_units=0, lstm_units=0)
        prototypes, history = train_heads(
            network, texts, [given], TrainingOptions(**values), weights
        )
        found[name] = loss_of(network, prototypes, texts, [topics]), history

    assert found["equal"][0] == pytest.approx(found["none"][0], rel=1e-3)
    assert found["few"][0] < 0.5 * found["none"][0]
    assert found["few"][1][-1]["loss"] < 0.5 * found["none"][1][-1]["loss"]


def test_loss_functions_on_one_number():
    p = 0.3
    logits = np.log([[[p, 1 - p]]]).astype(np.float32)
    expected = {
        "cross_entropy": -np.log(p),
        "focal": -((1 - p) ** 2) * np.log(p),
        "generalized_cross_entropy": (1 - p**0.7) / 0.7,
    }
    for name, value in expected.items():
        found = float(HeadsLoss(name, [1.0])(np.array([[0]]), logits))
        assert found == pytest.approx(value, rel=1e-4)


@pytest.mark.usefixtures("untraced")
def test_gradients_are_clipped_weight_by_weight():
    """One step at rate 1 moves no weight by more than the norm."""
    texts, topics = make_problem()
    network = small_network(seed=3)
    before = read_weights(network)
    train(
        network, texts, [topics], epochs=1, learning_rate=1.0, momentum=0.0,
        learning_rate_schedule="constant", batch_size=96, word_dropout=0.0,
    )  # fmt: skip
    after = read_weights(network)
    del after["words"]  # Keras clips its rows before those of one word are added up
    moves = [np.linalg.norm(after[name] - before[name]) for name in after]
    assert max(moves) == pytest.approx(_training.MAX_GRADIENT, abs=1e-5)


def test_early_stopping_restores_the_best_epoch():
    texts, _topics = make_problem()
    random = np.random.default_rng(1).integers(0, 2, 96).astype(np.int32)
    network = small_network(lstm_units=0)
    prototypes, history = train(
        network, texts, [random], epochs=40, learning_rate=1.0, batch_size=16,
        learning_rate_schedule="constant", validation_fraction=0.5,
        early_stopping=True, patience=2,
    )  # fmt: skip
    losses = [row["val_loss"] for row in history]
    assert len(losses) < 40
    assert np.argmin(losses) == len(losses) - 3
    held_out = np.random.default_rng([0, 0]).permutation(96)[:48]
    again = loss_of(network, prototypes, texts[held_out], [random[held_out]])
    assert again == pytest.approx(min(losses), rel=1e-4)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_learns(dtype):
    texts, topics = make_problem()
    network = small_network(dtype=dtype)
    _, history = train(network, texts, [topics], batch_size=16)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert read_weights(network)["dense/kernel"].dtype == np.float32


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_other_optimizers(optimizer):
    texts, topics = make_problem()
    options = {"batch_size": 16, "optimizer": optimizer, "learning_rate": 0.01}
    _, history = train(small_network(lstm_units=0), texts, [topics], **options)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]


def test_untraced_training_gives_the_same_weights():
    """Most tests train encoders so: see `do_not_trace_short_training`."""
    from tiny import untraced

    texts, topics = make_problem()
    traced, stepwise = small_network(), small_network()
    train(traced, texts, [topics], epochs=1, batch_size=48)
    with untraced():
        train(stepwise, texts, [topics], epochs=1, batch_size=48)
    found = read_weights(stepwise)
    for name, weight in read_weights(traced).items():
        np.testing.assert_allclose(found[name], weight, atol=1e-5)


@pytest.mark.usefixtures("untraced")
def test_word_vectors_can_be_frozen():
    texts, topics = make_problem()
    network = small_network(train_word_vectors=False)
    before = read_weights(network)
    train(network, texts, [topics], epochs=1)
    after = read_weights(network)
    np.testing.assert_array_equal(before["words"], after["words"])
    assert not np.array_equal(before["dense/kernel"], after["dense/kernel"])


def digest_of_a_run(optimizer):
    """Return a digest of the weights after training at a size that uses threads."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 12, 400)
    texts = TokenSequences.from_lists([rng.integers(2, 3000, n) for n in lengths])
    targets = [rng.integers(0, 20, 400).astype(np.int32) for _ in range(2)]
    sizes = {"rnn_units": 64, "lstm_units": 96, "embedding_dim": 64}
    rate = 0.3 if optimizer == "sgd" else 0.003
    with on_device("cpu"):
        network = small_network(3000, 50, bidirectional=False, **sizes)
        prototypes, _ = train(
            network, texts, targets, epochs=1, optimizer=optimizer, learning_rate=rate
        )
    arrays = [*read_weights(network).values(), *prototypes]
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


@pytest.fixture(scope="module")
def digests_on_other_threads():
    """Digests of runs by SGD and Adam in one process."""
    # JAX has as many threads as there are cores, here and there
    for_child = os.environ | {
        "TF_NUM_INTRAOP_THREADS": "5",
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    for_child.pop("TF_ENABLE_ONEDNN_OPTS", None)  # as in a process of a user
    code = (
        "import deepclust.encoding, test_training as t; "
        "print(*map(t.digest_of_a_run, ('sgd', 'adam')))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, env=for_child, check=True,
    )  # fmt: skip
    return dict(zip(("sgd", "adam"), child.stdout.split()[-2:], strict=True))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_same_weights_in_another_process_on_other_threads(
    optimizer, digests_on_other_threads
):
    assert digests_on_other_threads[optimizer] == digest_of_a_run(optimizer)


def test_auto_trains_cycle_after_cycle_until_the_loss_is_down():
    texts, topics = make_problem()
    _, history = train(
        small_network(lstm_units=0), texts, [topics], epochs="auto", learning_rate=0.02
    )
    losses = [row["loss"] for row in history]
    cycle = _training.MAX_EPOCHS
    assert len(losses) % cycle == 0
    assert len(losses) > cycle
    by_chance = np.log(topics.max() + 1)
    assert losses[-1] <= _training.LEARNED * by_chance
    assert min(losses[cycle - 1 : -1 : cycle]) > _training.LEARNED * by_chance
    rates = [row["learning_rate"] for row in history]
    assert rates[cycle] > 10 * rates[cycle - 1]


def test_auto_stops_where_the_loss_is_level(recwarn):
    """Targets that are wrong for a tenth of the texts are never learned in full."""
    texts, topics = make_problem(n_docs=600)
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(len(topics)) < 0.2, rng.permutation(topics), topics)
    _, history = train(small_network(lstm_units=0), texts, [noisy], epochs="auto")
    cycle, by_chance = _training.MAX_EPOCHS, np.log(topics.max() + 1)
    last, before = history[-1]["loss"], history[-1 - cycle]["loss"]
    assert len(history) < _training.MAX_CYCLES * cycle
    assert last > _training.LEARNED * by_chance
    assert last > (1.0 - _training.LEVEL) * before
    assert not [w for w in recwarn if w.category is ConvergenceWarning]


def test_a_loss_that_is_level_at_chance_is_not_learned():
    texts, topics = make_problem()
    with pytest.warns(ConvergenceWarning, match="80 epochs"):
        train(
            small_network(lstm_units=0), texts, [topics], epochs="auto",
            learning_rate=1e-9, word_dropout=0.0,
        )  # fmt: skip


def test_few_long_texts_are_learned():
    """With gradients clipped to 1, all embeddings went one way and never came back."""
    rng = np.random.default_rng(0)
    topics = np.arange(100) % 4
    texts = []
    for topic in topics:
        words = 2 + (rng.zipf(1.5, 120) - 1) % 300
        own = rng.random(120) < 0.15
        words[own] = 302 + 15 * topic + rng.integers(0, 15, own.sum())
        texts.append(words.tolist())
    _, history = train(
        small_network(362, 32, rnn_units=32, lstm_units=32, embedding_dim=16),
        TokenSequences.from_lists(texts), [topics], epochs="auto", word_dropout=0.5,
    )  # fmt: skip
    assert history[-1]["accuracy"] > 0.8


def test_training_that_stops_before_it_has_learned_warns(monkeypatch):
    texts, topics = make_problem()
    stalled = {"learning_rate": 1e-9}
    with pytest.warns(ConvergenceWarning, match=r"1 epochs .* \d\.\d+.*\"auto\""):
        train(small_network(lstm_units=0), texts, [topics], epochs=1, **stalled)
    monkeypatch.setattr(_training, "MAX_CYCLES", 1)
    with pytest.warns(ConvergenceWarning, match=r"20 epochs .* another learning_rate"):
        train(small_network(lstm_units=0), texts, [topics], epochs="auto", **stalled)


@pytest.mark.usefixtures("untraced")
def test_a_text_whose_words_have_no_vectors_is_learned_from():
    """Its embedding starts at zero, where a unit vector has no gradient."""
    texts = TokenSequences.from_lists([[2, 3], [4], [3, 2], [4, 4]] * 2)
    network = small_network(vector_dim=6)
    vectors = read_weights(network)["words"]
    vectors[4] = 0.0
    network.words.embeddings.assign(vectors)
    topics = np.array([0, 1, 0, 1] * 2, dtype=np.int32)
    _, history = train(network, texts, [topics], epochs=2, word_dropout=0.0)
    assert np.isfinite([row["loss"] for row in history]).all()
    assert all(np.isfinite(w).all() for w in read_weights(network).values())


def test_each_validation_beside_tensorflow_reads_every_text_once(monkeypatch):
    monkeypatch.setattr("keras.config.backend", lambda: "torch")
    texts, topics = make_problem()
    batches = LengthBatches(texts, topics[:, None], np.arange(40), 16, 0.0, seed=0)
    again = batches.feed_again()
    for _ in range(2):
        rows = [again[i] for i in range(len(again))]
        assert len(rows) == len(batches) == 3
        assert sum(len(ids) for ids, _ in rows) == 40


def test_early_stopping_does_not_warn(recwarn):
    texts, topics = make_problem()
    _, history = train(
        small_network(lstm_units=0), texts, [topics], epochs=30, learning_rate=1e-9,
        early_stopping=True, patience=1,
    )  # fmt: skip
    assert len(history) < 30
    assert not [w for w in recwarn if w.category is ConvergenceWarning]


def test_the_loss_by_chance_is_that_of_equal_logits():
    loss = HeadsLoss("cross_entropy", [3.0, 1.0])
    n_classes = np.array([4, 8])
    expected = 0.75 * np.log(4) + 0.25 * np.log(8)
    assert loss.by_chance(n_classes) == pytest.approx(expected, abs=1e-5)
    one = HeadsLoss("generalized_cross_entropy", [1.0]).by_chance(np.array([4]))
    assert one == pytest.approx((1 - 0.25**0.7) / 0.7, abs=1e-5)
