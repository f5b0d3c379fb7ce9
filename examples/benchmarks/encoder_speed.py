"""Texts a second through the encoder, beside plain Keras on padded texts.

    python examples/benchmarks/encoder_speed.py [--texts 20000] [--threads 1]

Same network, same weights, same texts, one process; each row is the best of three runs.
"bound" is the time of the matrix products alone, at the speed this machine reaches on
large matrices. Texts are simulated: words drawn from a Zipf law, lengths as of titles
(about 6 words) and of long texts (about 100).
"""

import argparse
import os
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--texts", type=int, default=20_000, help="number of titles")
parser.add_argument("--threads", type=int, default=1, help="for TensorFlow and BLAS")
options = parser.parse_args()
for name in ("OMP", "OPENBLAS", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
    suffix = "_NUM_THREADS" if name in ("OMP", "OPENBLAS") else "_THREADS"
    os.environ[name + suffix] = str(options.threads)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402  (the threads are set first)
import numpy as np  # noqa: E402

from deepclust import TokenSequences  # noqa: E402
from deepclust.inference import ForwardPass  # noqa: E402
from deepclust.networks import CosineHeads, build_network, read_weights  # noqa: E402
from deepclust.training import Training, _Stepper  # noqa: E402

N_TOKENS, N_HEADS, N_CLASSES, BATCH = 10_000, 6, 20, 128
RNN, LSTM, WIDTH, DIM = 64, 96, 100, 64


def simulated(n_texts, mean, seed=0):
    """Return texts of log-normal length, as titles and abstracts have."""
    rng = np.random.default_rng(seed)
    lengths = mean * np.exp(rng.normal(-0.06, 0.35, n_texts))
    lengths = np.maximum(lengths.round(), 1).astype(np.int64)
    frequency = 1.0 / np.arange(10, N_TOKENS + 8)
    frequency /= frequency.sum()
    draw = rng.choice(np.arange(2, N_TOKENS), int(lengths.sum()), p=frequency)
    return TokenSequences(draw, np.concatenate(([0], np.cumsum(lengths))))


def best_of(function, repeats=3):
    """Return the least CPU and wall seconds of `repeats` runs after a first one."""
    function()
    runs = []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        function()
        runs.append((time.process_time() - cpu, time.perf_counter() - wall))
    return np.min(runs, axis=0)


def product_bound(texts):
    """Return the seconds that the matrix products of the forward pass need."""
    recurrent = RNN * RNN + 2 * LSTM * 4 * LSTM
    pooling = RNN + 2 * LSTM + WIDTH
    words = N_TOKENS * WIDTH * (RNN + 2 * 4 * LSTM)  # projected once
    products = len(texts.ids) * (recurrent + pooling) + len(texts) * pooling * DIM
    a = np.ones((1024, 1024), dtype=np.float32)
    seconds = best_of(lambda: a @ a)[0]
    return 2 * (products + words) * seconds / (2 * 1024**3)


def report(title, n_texts, rows):
    """Print a table; the ratio is to the first row."""
    print(f"\n{title}\n{'':34}{'texts/CPU s':>12}{'texts/s':>10}{'ratio':>8}")
    first = next(iter(rows.values()))[0]
    for name, (cpu, wall) in rows.items():
        speed, rate = n_texts / cpu, n_texts / wall
        print(f"{name:34}{speed:>12,.0f}{rate:>10,.0f}{first / cpu:>7.1f}x")


def compare_inference(title, texts):
    """Time `transform`'s forward pass and `keras.Model.predict`."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N_TOKENS, WIDTH), dtype=np.float32)
    network = build_network(vectors)
    embed = ForwardPass(
        read_weights(network), fusion="concat", pooling="attention", activation="tanh"
    )
    matrix = np.asarray(texts)
    rows = {
        f"Keras predict, padded, batch {size}": best_of(
            lambda size=size: network.predict(matrix, batch_size=size, verbose=0), 2
        )
        for size in (256, 1024)
    }
    rows["deepclust, numpy"] = best_of(lambda: embed(texts))
    bound = product_bound(texts)
    rows["bound: products alone"] = (bound, bound)
    report(f"Inference: {title}", len(texts), rows)
    reference = network.predict(matrix[:512], verbose=0)
    print(f"largest difference: {np.abs(embed(texts[:512]) - reference).max():.1e}")


def compare_training(texts):
    """Time an epoch of `keras.Model.fit` on padded texts and one of ours."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N_TOKENS, WIDTH), dtype=np.float32)
    targets = rng.integers(0, N_CLASSES, (len(texts), N_HEADS)).astype(np.int32)
    rows = {}

    network = build_network(vectors)
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, CosineHeads([N_CLASSES] * N_HEADS)(network(ids)))
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=1.0),
        [keras.losses.SparseCategoricalCrossentropy(from_logits=True)] * N_HEADS,
    )
    matrix, columns = np.asarray(texts), list(targets.T)
    rows["Keras fit, padded"] = best_of(
        lambda: model.fit(matrix, columns, batch_size=BATCH, verbose=0), 2
    )
    for dropout in (0.0, 0.5):
        plan = Training(epochs=1, learning_rate=0.1, word_dropout=dropout)
        stepper = _Stepper(build_network(vectors), list(targets.T), plan, None, None)
        rows[f"deepclust, {dropout:.0%} of the words dropped"] = best_of(
            lambda stepper=stepper: stepper.run_epoch(texts, np.arange(len(texts)), 1),
            2,
        )
    report(f"Training: titles, batch {BATCH}", len(texts), rows)


if __name__ == "__main__":
    titles = simulated(options.texts, 6)
    compare_inference("titles", titles)
    compare_inference("long texts", simulated(max(options.texts // 10, 1), 100))
    compare_training(titles)
