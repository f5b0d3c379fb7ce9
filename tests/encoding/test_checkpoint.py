"""Training that was killed goes on, and ends with the same weights."""

import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from small_networks import TRAINING, small_network

from deepclust import RNNLSTMEncoder, TokenSequences
from deepclust.encoding._checkpoint import Checkpoints
from deepclust.encoding._network import read_weights
from deepclust.encoding._training import TrainingOptions, train_heads

OPTIONS = TRAINING | {"epochs": 5, "batch_size": 32, "head_weights": [1.0]}
STOPPING = {"early_stopping": True, "validation_fraction": 0.25, "patience": 2}


def make_problem():
    rng = np.random.default_rng(0)
    topics = rng.integers(0, 2, 96).astype(np.int32)
    rows = [rng.integers(2, 21, rng.integers(1, 10)) + 19 * t for t in topics]
    return TokenSequences.from_lists(rows), [topics]


def train(**options):
    """Return all weights and the training curve without times."""
    network = small_network(rnn_units=0, lstm_units=0)  # traced in little time
    chosen = TrainingOptions(**(OPTIONS | options))
    prototypes, rows = train_heads(network, *make_problem(), chosen)
    curve = [[v for k, v in row.items() if k != "seconds"] for row in rows]
    return [*read_weights(network).values(), *prototypes], curve


@lru_cache
def uninterrupted():
    return train()


def assert_same(found, expected):
    for a, b in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found[1], expected[1])


class Interrupted(Exception):
    pass


def interrupt(monkeypatch, after):
    """Raise within the batch `after`, counted from the start of training."""
    batches = iter(range(after))

    def on_train_batch_begin(self, batch, logs=None):
        if next(batches, None) is None:
            raise Interrupted

    monkeypatch.setattr(
        Checkpoints, "on_train_batch_begin", on_train_batch_begin, raising=False
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("after", "options"), [(2, {}), (7, {}), (8, STOPPING)], ids=["1", "3", "stop"]
)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    tmp_path, monkeypatch, after, options
):
    expected = train(**options) if options else uninterrupted()
    with monkeypatch.context() as patched:
        interrupt(patched, after)
        with pytest.raises(Interrupted):
            train(checkpoint_dir=tmp_path, **options)
    assert len(names(tmp_path)) == min(after // 3, 2)
    (tmp_path / f".{'0a' * 8}.part").touch()  # of a process killed while it wrote

    assert_same(train(checkpoint_dir=tmp_path, **options), expected)

    assert names(tmp_path) == []


CHILD = """
import os, signal, sys
sys.path[:0] = {path!r}
import test_checkpoint as t

def kill(self, epoch, logs=None):
    if epoch == 3:
        os.kill(os.getpid(), signal.SIGKILL)

t.Checkpoints.on_epoch_begin = kill
t.train(checkpoint_dir=sys.argv[1])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_training_survives_sigkill(tmp_path):
    here = Path(__file__).parent
    script = CHILD.format(path=[str(here), str(here.parents[1])])
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert names(tmp_path) == ["checkpoint-000002.npz", "checkpoint-000003.npz"]

    found = train(checkpoint_dir=tmp_path)

    assert found[1][2][0] == 3
    assert_same(found, uninterrupted())


def test_a_foreign_checkpoint_is_refused_and_a_damaged_one_passed_over(
    tmp_path, monkeypatch
):
    with monkeypatch.context() as patched:
        interrupt(patched, 7)
        with pytest.raises(Interrupted):
            train(checkpoint_dir=tmp_path)
    before = names(tmp_path)

    with pytest.raises(ValueError, match=r"000002\.npz is of a fit with other param"):
        train(checkpoint_dir=tmp_path, momentum=0.8)
    assert names(tmp_path) == before

    newest = tmp_path / before[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"000002\.npz is damaged"):
        found = train(checkpoint_dir=tmp_path)
    assert_same(found, uninterrupted())


def test_a_checkpoint_needs_a_run_that_repeats(tmp_path):
    with pytest.raises(ValueError, match="checkpoint_dir needs a number"):
        RNNLSTMEncoder(checkpoint_dir=tmp_path).fit([[2, 3]])
