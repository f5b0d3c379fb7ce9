"""Where training runs: several devices together, other backends of Keras."""

import importlib.util
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepclust.encoding._devices import on_device, refuse_other_backends

ROOT = Path(__file__).parents[2]


def run_python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
        | environment,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


ON_TWO_DEVICES = """
import numpy as np, tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
from deepclust import DBSCAN, RNNLSTMEncoder, TokenSequences
from deepclust.metrics import clustering_accuracy_score
rng = np.random.default_rng(0)
texts = TokenSequences.from_lists(
    [rng.integers(2, 20, rng.integers(1, 9)) + 20 * (i % 2) for i in range(100)])
labels = np.arange(100) % 2

def fit(batch_size):
    encoder = RNNLSTMEncoder(0, lstm_units=0, embedding_dim=3, epochs=4, random_state=0,
                             batch_size=batch_size, validation_fraction=0.2,
                             objective="supervised", learning_rate=1.0)
    return encoder.fit(texts, labels)

def clusters(encoder):
    return DBSCAN(0.3, min_samples=5).fit_predict(encoder.transform(texts))

alone = fit(20)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    together, uneven = fit(20), fit(7)  # three texts on one device, four on the other
columns = ["loss", "val_loss", "accuracy"]
gap = np.abs(alone.history_[columns] - together.history_[columns]).max().max()
found = clusters(alone)
print(gap, (found == clusters(together)).mean(),
      clustering_accuracy_score(found, clusters(uneven)), found.max() + 1)
"""


def test_two_devices_together_learn_what_one_learns():
    said = run_python(ON_TWO_DEVICES, KERAS_BACKEND="tensorflow")
    gap, same, same_uneven, n_clusters = map(float, said.split())

    assert gap < 1e-4
    assert same == 1
    assert same_uneven > 0.95
    assert n_clusters == 2


@pytest.mark.parametrize(
    ("n_gpus", "device", "together", "where"),
    [
        (2, "gpu", True, "strategy"),
        (2, "gpu", False, "gpu"),
        (2, "auto", True, "gpu"),
        (2, "cpu", True, "cpu"),
        (1, "gpu", True, "gpu"),
        (0, "auto", True, "cpu"),
    ],
)
def test_all_gpus_are_taken_where_gpu_is_asked_for(
    monkeypatch, n_gpus, device, together, where
):
    monkeypatch.setattr("keras.config.backend", lambda: "tensorflow")
    found = {"GPU": [object()] * n_gpus, "CPU": []}
    monkeypatch.setattr(tf.config, "list_physical_devices", found.get)
    monkeypatch.setattr("deepclust.encoding._devices._grow_memory", lambda gpus: None)
    one = tf.distribute.OneDeviceStrategy("CPU:0")
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: one)

    with on_device(device, together=together) as chosen:
        assert chosen == where
        assert tf.distribute.has_strategy() == (where == "strategy")


def test_a_strategy_in_force_is_left_alone(monkeypatch):
    monkeypatch.setattr("keras.config.backend", lambda: "tensorflow")
    with tf.distribute.OneDeviceStrategy("CPU:0").scope(), on_device("auto") as chosen:
        assert chosen == "strategy"


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize(
    ("n_gpus", "device", "where"),
    [(2, "auto", "gpu"), (2, "gpu", "gpu"), (2, "cpu", "cpu"), (0, "auto", "cpu")],
)
def test_other_backends_take_one_gpu(monkeypatch, backend, n_gpus, device, where):
    placed = []

    def place(name):
        placed.append(name)
        return nullcontext()

    monkeypatch.setattr("keras.config.backend", lambda: backend)
    monkeypatch.setattr("keras.device", place)
    monkeypatch.setattr("deepclust.encoding._devices._threads_held", nullcontext)
    monkeypatch.setattr(
        "deepclust.encoding._devices._gpus", lambda name: [name] * n_gpus
    )

    with on_device(device, together=True) as chosen:
        assert [chosen] == placed == [where]


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_a_missing_gpu_is_named_with_the_backend(monkeypatch, backend):
    monkeypatch.setattr("keras.config.backend", lambda: backend)
    monkeypatch.setattr("deepclust.encoding._devices._gpus", lambda name: [])
    with pytest.raises(RuntimeError, match="sees no GPU") as raised, on_device("gpu"):
        pass
    assert backend in str(raised.value).lower()


OTHER_BACKEND = """
import numpy as np
from deepclust import RNNLSTMEncoder, TokenSequences
from deepclust.encoding._inference import ForwardPass
from deepclust.encoding._network import build_network, read_weights, write_weights
rng = np.random.default_rng(0)
texts = TokenSequences.from_lists([rng.integers(2, 9, n) for n in (1, 4, 7)])
vectors = rng.normal(size=(9, 5)).astype("float32")
network = build_network(
    vectors, rnn_units=3, lstm_units=4, bidirectional=True, fusion="concat",
    pooling="attention", activation="tanh", embedding_dim=3, train_word_vectors=True,
    kernel_initializer="glorot_uniform", dtype="float32")
weights = {n: w + np.float32(0.1) for n, w in read_weights(network).items()}
write_weights(network, weights)
embed = ForwardPass(weights, fusion="concat", pooling="attention", activation="tanh")
from keras import ops
by_keras = ops.convert_to_numpy(network(np.asarray(texts)))
np.testing.assert_allclose(by_keras, embed(texts), atol=1e-5)
texts, labels = TokenSequences.from_lists([[2, 3], [4, 5, 6]] * 20), [0, 1] * 20
encoders = [
    RNNLSTMEncoder(3, lstm_units=4, embedding_dim=3, epochs=8, batch_size=10,
                   prototype_weight=0.0, random_state=0, objective="supervised"
    ).fit(texts, labels)
    for _ in range(2)]
one, same = encoders
for name, weight in one.weights_.items():
    np.testing.assert_array_equal(weight, same.weights_[name])
by_keras = ops.convert_to_numpy(one.network_(np.asarray(texts)))
np.testing.assert_allclose(one.transform(texts), by_keras, atol=1e-5)
print((one.predict_proba(texts).argmax(axis=1) == labels).mean())
"""


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_another_backend_trains_and_embeds(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")

    assert float(run_python(OTHER_BACKEND, KERAS_BACKEND=backend)) == 1.0


def test_fit_names_a_backend_that_cannot_train(monkeypatch):
    monkeypatch.setattr("keras.config.backend", lambda: "openvino")
    with pytest.raises(RuntimeError, match="set to run on 'openvino'"):
        refuse_other_backends()
    from deepclust import RNNLSTMEncoder

    with pytest.raises(RuntimeError, match="needs Keras on TensorFlow, PyTorch or"):
        RNNLSTMEncoder().fit(np.array([[2, 3], [3, 4]]))
