"""Training: batches, steps on each backend, early stopping, repeatability."""

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

from deepclust import TokenSequences
from deepclust.encoding._batches import length_batches, shorten
from deepclust.encoding._devices import on_device
from deepclust.encoding._inference import ACTIVATIONS
from deepclust.encoding._network import build_network, read_weights
from deepclust.encoding._training import (
    Training,
    _Stepper,
    embed_with_keras,
    learning_rate_at,
    train_heads,
)

N_TOKENS = 40

on_tensorflow = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="TensorFlow's own fast path"
)


def make_problem(n_docs=96, seed=0):
    """Return texts of two topics, 1 to 9 words each, and the topics."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(0, 2, n_docs).astype(np.int32)
    rows = [rng.integers(2, 21, rng.integers(1, 10)) + 19 * t for t in topics]
    return TokenSequences.from_lists(rows), topics


def make_network(**options):
    vectors = np.random.default_rng(0).normal(size=(N_TOKENS, 6)).astype(np.float32)
    vectors[0] = 0.0
    small = {"rnn_units": 4, "lstm_units": 5, "embedding_dim": 4}
    return build_network(vectors, **(small | options))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=200), st.integers(1, 40))
def test_every_text_is_in_one_batch_with_its_like(lengths, batch_size):
    lengths = np.array(lengths)
    batches = length_batches(lengths, batch_size, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size
    spans = sorted((lengths[b].min(), lengths[b].max()) for b in batches)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


@given(st.lists(st.lists(st.integers(2, 9), min_size=1), min_size=1), st.integers(0, 9))
def test_dropped_words_leave_a_subsequence(rows, seed):
    short = shorten(TokenSequences.from_lists(rows), 0.5, np.random.default_rng(seed))
    assert len(short) == len(rows)
    for kept, row in zip(short, rows, strict=True):
        left = iter(row)
        assert len(kept) >= 1
        assert all(token in left for token in kept)


def test_the_rate_of_dropped_words():
    texts = TokenSequences.from_lists([range(2, 102)] * 100)
    short = shorten(texts, 0.25, np.random.default_rng(0))
    assert len(short.ids) / len(texts.ids) == pytest.approx(0.75, abs=0.02)


def test_schedules():
    for schedule, middle, last in (
        ("cosine", 0.5, 0.0),
        ("linear", 0.5, 0.01),
        ("constant", 1.0, 1.0),
    ):
        rates = [
            learning_rate_at(s, 100, peak=1.0, schedule=schedule) for s in range(100)
        ]
        assert rates[:2] == [0.5, 1.0]
        assert rates[51] == pytest.approx(middle, abs=0.01)
        assert rates[99] == pytest.approx(last, abs=0.01)


@pytest.mark.parametrize("fusion", ["concat", "stack", "sum", "gate"])
def test_the_compiled_forward_pass_is_the_network(fusion):
    texts, topics = make_problem()
    network = make_network(
        fusion=fusion, bidirectional=fusion != "sum", activation="softsign"
    )
    expected = ops.convert_to_numpy(network(np.asarray(texts)))
    found = embed_with_keras(network, texts, batch_size=60)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    stepper = _Stepper(network, [topics], Training(), None, None)
    batch = np.arange(len(texts))
    ids, _ = stepper.inputs(texts, batch, batch)
    fast = ops.convert_to_numpy(stepper.objective.embed(ids))
    np.testing.assert_allclose(fast, expected, atol=1e-6)


@on_tensorflow
@pytest.mark.parametrize(
    "options",
    [
        *({"fusion": fusion} for fusion in ("concat", "stack", "sum", "gate")),
        *({"pooling": pooling} for pooling in ("mean", "max")),
        *({"activation": name} for name in ACTIVATIONS),
        {"bidirectional": False},
        {"rnn_units": 0},
        {"lstm_units": 0},
    ],
)
def test_the_written_out_gradient_is_the_networks(options):
    texts, topics = make_problem(24)
    network = make_network(**options)
    rng = np.random.default_rng(1)
    for weight in network.weights[1:]:
        noise = rng.normal(size=weight.shape, scale=0.3).astype(np.float32)
        weight.assign_add(noise)
    some = np.where(np.arange(24) % 3, topics, -1)
    more = np.arange(24, dtype=np.int32) % 5
    targets = [topics, some.astype(np.int32), more]
    stepper = _Stepper(network, targets, Training(), None, None)
    batch = np.arange(len(texts))  # of all lengths, so that there is padding

    import tensorflow as tf

    by_hand = stepper.objective.embed
    assert by_hand is not network

    def gradients(embed):
        stepper.objective.embed = embed
        with tf.GradientTape() as tape:
            loss, _ = stepper.objective(*stepper.inputs(texts, batch, batch))
        found = tape.gradient(loss, [v.value for v in stepper.variables])
        return [np.asarray(tf.convert_to_tensor(gradient)) for gradient in found]

    for ours, reference in zip(gradients(by_hand), gradients(network), strict=True):
        np.testing.assert_allclose(ours, reference, atol=1e-5)
        assert np.abs(reference).max() > 0


@on_tensorflow
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_descent_in_one_pass_is_that_of_keras(momentum):
    texts, topics = make_problem()
    found = []
    for one_pass in (True, False):
        network, options = make_network(), Training(momentum=momentum)
        stepper = _Stepper(network, [topics], options, None, None)
        assert bool(stepper.step.momenta) == (momentum > 0)
        stepper.step.momenta = stepper.step.momenta if one_pass else []
        for epoch in (1, 2, 3):
            stepper.run_epoch(texts, np.arange(96), epoch)
        found.append(read_weights(network))
    for name, ours in found[0].items():
        np.testing.assert_allclose(ours, found[1][name], atol=1e-6)


def test_it_learns_and_is_compiled_once():
    texts, topics = make_problem()
    network = make_network()
    training = Training(epochs=6, batch_size=16)
    stepper = _Stepper(network, [topics], training, None, None)
    rows = [stepper.run_epoch(texts, np.arange(96), e) for e in range(1, 7)]
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    assert rows[-1]["accuracy"] > 0.9
    if keras.config.backend() == "tensorflow":
        assert stepper.step.update.experimental_get_tracing_count() == 1
    if keras.config.backend() == "jax":
        assert stepper.step.run_gradients._cache_size() <= 2  # 8 and 16 tokens
        assert stepper.step.run_update._cache_size() == 1


@pytest.mark.parametrize("fusion", ["concat", "gate"])
def test_a_step_goes_down_the_gradient(fusion):
    """Descent at rate 1 moves by the gradient, by which the loss falls."""
    texts, topics = make_problem(24)
    some = np.where(np.arange(24) % 3, topics, -1).astype(np.int32)
    plan = Training(momentum=0.0, batch_size=24)
    stepper = _Stepper(make_network(fusion=fusion), [topics, some], plan, None, None)
    stepper.optimizer.learning_rate = 1.0
    stepper.objective.shares *= 0.01  # so that no gradient is brought to norm 1
    batch = np.arange(24)  # of all lengths, so that there is padding
    before = stepper.state()
    loss, _ = stepper.step(*stepper.inputs(texts, batch, batch))
    moves = [a - b for a, b in zip(before, stepper.state(), strict=True)]
    assert 0 < max(np.linalg.norm(move) for move in moves) < 0.9

    slope = sum((move.astype(float) ** 2).sum() for move in moves)
    losses = []
    for step in np.array([-0.01, 0.01]) / np.sqrt(slope):
        stepper.restore([a - step * m for a, m in zip(before, moves, strict=True)])
        losses.append(stepper.evaluate(texts, batch))
    assert min(losses) < float(loss) < max(losses)
    assert losses[0] - losses[1] == pytest.approx(2 * step * slope, rel=0.02)


@on_tensorflow
def test_batches_made_ahead_give_the_same_weights():
    from deepclust.encoding._tensorflow_step import Step

    texts, topics = make_problem()
    found = []
    for ahead in (False, True):
        network = make_network()
        stepper = _Stepper(network, [topics], Training(epochs=2), None, None)
        stepper.step = Step(stepper.objective, stepper.optimizer, 128, prefetch=ahead)
        rows = [stepper.run_epoch(texts, np.arange(96), e) for e in (1, 2)]
        losses = [[row["loss"], row["accuracy"]] for row in rows]
        found.append([np.array(losses), *stepper.state()])
    for plain, ahead in zip(*found, strict=True):
        np.testing.assert_array_equal(plain, ahead)


@on_tensorflow
def test_batches_are_made_ahead_on_a_gpu_only(monkeypatch):
    from deepclust.encoding import _tensorflow_step as tensorflow_step

    _, topics = make_problem()
    stepper = _Stepper(make_network(), [topics], Training(), None, None)
    assert not stepper.step.prefetch
    monkeypatch.setattr(tensorflow_step, "_is_on_gpu", lambda network: True)
    stepper = _Stepper(make_network(), [topics], Training(), None, None)
    assert stepper.step.prefetch
    assert stepper.objective.embed is stepper.objective.network  # Keras' layers


def test_unlabelled_rows_do_not_count():
    texts, topics = make_problem()
    targets = np.where(np.arange(96) < 48, topics, -1)
    stepper = _Stepper(make_network(), [targets], Training(), None, None)
    known = stepper.evaluate(texts, np.arange(48))
    batch = np.arange(96)
    loss, _ = stepper.step.measure(*stepper.inputs(texts, batch, batch))
    assert float(loss) == pytest.approx(known, abs=1e-5)


def test_loss_functions_on_one_number():
    texts, topics = make_problem(1)
    losses = {}
    for name in ("cross_entropy", "focal", "generalized"):
        stepper = _Stepper(
            make_network(), [topics, topics * 0 + 1], Training(loss=name), [0, 1], None
        )
        losses[name] = stepper.evaluate(texts, np.array([0]))
    p = np.exp(-losses["cross_entropy"])
    assert losses["focal"] == pytest.approx(-((1 - p) ** 2) * np.log(p), rel=1e-4)
    expected = pytest.approx((1 - p**0.7) / 0.7, rel=1e-4, abs=1e-7)
    assert losses["generalized"] == expected


def test_early_stopping_goes_back_to_the_best_epoch():
    texts, _topics = make_problem()
    random = np.random.default_rng(1).integers(0, 2, 96).astype(np.int32)
    network = make_network()
    training = Training(
        epochs=40,
        learning_rate=1.0,
        schedule="constant",
        validation_fraction=0.5,
        early_stopping=True,
        patience=2,
        batch_size=16,
    )
    train_heads(network, texts, [random], training)
    losses = [row["val_loss"] for row in training.history]
    assert len(losses) < 40
    assert np.argmin(losses) == len(losses) - 3
    stepper = _Stepper(network, [random], training, None, training.prototypes)
    order = np.random.default_rng([0, 0]).permutation(96)
    again = stepper.evaluate(texts, order[:48])
    assert again == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_learns(precision):
    texts, topics = make_problem()
    network = make_network(dtype=precision)
    training = train_heads(network, texts, [topics], Training(epochs=4, batch_size=16))
    losses = [row["loss"] for row in training.history]
    assert losses[-1] < 0.7 * losses[0]
    assert read_weights(network)["dense/kernel"].dtype == np.float32


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_other_optimizers(optimizer):
    texts, topics = make_problem()
    training = Training(
        epochs=4, batch_size=16, optimizer=optimizer, learning_rate=0.01
    )
    train_heads(make_network(), texts, [topics], training)
    assert training.history[-1]["loss"] < 0.7 * training.history[0]["loss"]


def test_word_vectors_can_be_frozen():
    texts, topics = make_problem()
    network = make_network(train_word_vectors=False)
    before = read_weights(network)
    train_heads(network, texts, [topics], Training(epochs=1))
    after = read_weights(network)
    np.testing.assert_array_equal(before["words"], after["words"])
    assert not np.array_equal(before["dense/kernel"], after["dense/kernel"])


def digest_of_a_run():
    """Return a digest of the weights after training at a size that uses threads."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3000, 50)).astype(np.float32)
    lengths = rng.integers(1, 12, 400)
    texts = TokenSequences.from_lists([rng.integers(2, 3000, n) for n in lengths])
    targets = [rng.integers(0, 20, 400).astype(np.int32) for _ in range(2)]
    options = Training(epochs=1, optimizer="adam", learning_rate=0.003)
    with on_device("cpu"):
        network = build_network(vectors)
        training = train_heads(network, texts, targets, options)
    arrays = [*read_weights(network).values(), *training.prototypes]
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


def test_same_weights_in_another_process_on_other_threads():
    # JAX has as many threads as there are cores, here and there
    for_child = os.environ | {
        "TF_NUM_INTRAOP_THREADS": "5",
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    code = "import test_training; print(test_training.digest_of_a_run())"
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, env=for_child, check=True,
    )  # fmt: skip
    assert child.stdout.split()[-1] == digest_of_a_run()
