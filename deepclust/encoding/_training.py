"""Train the network on one or several classifications of the same texts at once.

What makes it several times faster than `keras.Model.fit` on padded texts, on a CPU:

1. Texts are sorted by length before they are cut into batches, so that nearly every
   batch holds one length and no padding; batches are then visited in random order.
2. On TensorFlow, the input projection of all recurrent branches is one product outside
   the time loop, and so are most parts of the gradient (`_recurrence.py`).
3. On TensorFlow, one function, compiled once for any (batch, time).

The loss is `_loss.py`, the same on every backend of Keras. How it becomes a
step is up to the backend: `_tensorflow_step.py`, `torch_step` and `jax_step` each
have a `Step` (`__call__` changes the weights, `measure` does not, `fed` hands out the
batches) and `compiled`, the network as a function.

Dropped words are taken out of the text altogether [1]_, which also shortens it. Every
random choice is made in numpy from (seed, epoch), so that a run can be repeated, and
continued at any epoch, bit for bit.

Imports Keras and its backend: import this module only where training starts.

.. [1] Iyyer, Manjunatha, Boyd-Graber, Daumé III, "Deep unordered composition rivals
   syntactic methods for text classification", ACL 2015, doi:10.3115/v1/P15-1162.
"""

import importlib
import math
import time
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from deepclust.encoding._batches import length_batches, shorten
from deepclust.encoding._devices import refuse_other_backends
from deepclust.encoding._loss import Objective
from deepclust.encoding._network import CosineHeads, Network
from deepclust.sequences import TokenSequences

__all__ = ["Training", "embed_with_keras", "train_heads"]

refuse_other_backends()


@dataclass
class Training:
    """How to train, and what came of it.

    Parameters
    ----------
    epochs : int, default=4
    batch_size : int, default=128
    optimizer : str, default="sgd"
        A Keras optimizer; "sgd" uses Nesterov momentum. Gradients are clipped to
        norm 1 per weight array.
    learning_rate : float, default=0.3
    momentum : float, default=0.9
    schedule : {"cosine", "linear", "constant"}, default="cosine"
    loss : {"cross_entropy", "focal", "generalized"}, default="cross_entropy"
    word_dropout : float, default=0.25
    validation_fraction : float, default=0.0
        Share of the texts held out for `val_loss`.
    early_stopping : bool, default=False
        Stop when the validation loss (the training loss without a validation set)
        has not improved for `patience` epochs; the best epoch's weights are restored.
    patience : int, default=3
    seed : int, default=0
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    history : list of dict
        One row per epoch: epoch, loss, val_loss, accuracy, learning_rate, seconds.
    prototypes : list of ndarray of shape (n_classes[h], embedding_dim), float32
        The trained class directions of each head.
    """

    epochs: int = 4
    batch_size: int = 128
    optimizer: str = "sgd"
    learning_rate: float = 0.3
    momentum: float = 0.9
    schedule: str = "cosine"
    loss: str = "cross_entropy"
    word_dropout: float = 0.25
    validation_fraction: float = 0.0
    early_stopping: bool = False
    patience: int = 3
    seed: int = 0
    verbose: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    prototypes: list[np.ndarray] = field(default_factory=list)


def embed_with_keras(
    network: Network, sequences: TokenSequences, batch_size: int = 1024
) -> np.ndarray:
    """Return the embeddings by `Network.call`; zeros for an empty text.

    Returns
    -------
    embeddings : ndarray of shape (n_docs, embedding_dim), float32
    """
    call = _backend().compiled(network)
    result = np.zeros((len(sequences), network.dense.units), dtype=np.float32)
    order = np.argsort(sequences.lengths, kind="stable")
    order = order[sequences.lengths[order] > 0]
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        part = sequences[rows]
        part.max_len = int(part.lengths.max())
        result[rows] = ops.convert_to_numpy(call(np.asarray(part)))
    return result


def train_heads(
    network: Network,
    sequences: TokenSequences,
    targets: list[np.ndarray],
    training: Training,
    *,
    head_weights: list[float] | None = None,
    prototypes: list[np.ndarray] | None = None,
) -> Training:
    """Train the network, in place, to predict every classification in `targets`.

    Parameters
    ----------
    network : Network
        Goes on from the weights it has.

    sequences : TokenSequences
        Texts with at least one token each; ids 0 and 1 do not occur.

    targets : list of ndarray of shape (n_docs,), int32
        Class numbers 0 .. K_h - 1 of each head; -1 is left out of the loss.

    training : Training
        Options; its `history` grows by one row per epoch.

    head_weights : list of float, default=None
        Weight of each head in the loss; equal when None. They are made to sum to 1.

    prototypes : list of ndarray of shape (K_h, embedding_dim), default=None
        Where the class directions start; random when None.

    Returns
    -------
    training : Training
        The same object, with `history` and `prototypes` filled.

    Notes
    -----
    Time is linear in tokens × epochs. Memory: a batch, and three times the weights.
    """
    stepper = _Stepper(network, targets, training, head_weights, prototypes)
    rng = np.random.default_rng([training.seed, 0])
    order = rng.permutation(len(sequences))
    held_out = order[: round(training.validation_fraction * len(order))]
    kept = np.sort(order[len(held_out) :])
    best, best_state, bad_epochs = np.inf, None, 0
    bar = tqdm(
        total=training.epochs,
        desc="training",
        unit="epoch",
        disable=not training.verbose,
    )
    with bar:
        for epoch in range(1, training.epochs + 1):
            row = stepper.run_epoch(sequences, kept, epoch)
            watched = row["loss"]
            if len(held_out):
                watched = row["val_loss"] = stepper.evaluate(sequences, held_out)
            training.history.append(row)
            bar.set_postfix(loss=f"{watched:.3f}")
            bar.update()
            if not training.early_stopping:
                continue
            bad_epochs += 1
            if watched < best:
                best, best_state, bad_epochs = watched, stepper.state(), 0
            if bad_epochs >= training.patience:
                break
    if best_state is not None:
        stepper.restore(best_state)
    training.prototypes = stepper.read(stepper.heads.prototypes)
    return training


def learning_rate_at(
    step: int, n_steps: int, *, peak: float, schedule: str = "cosine"
) -> float:
    """Return the learning rate of a step: a linear warm-up over 2 %, then `schedule`.

    Examples
    --------
    >>> from deepclust.encoding._training import learning_rate_at
    >>> [round(learning_rate_at(s, 100, peak=1.0), 2) for s in (0, 1, 51, 99)]
    [0.5, 1.0, 0.5, 0.0]
    """
    warmup = math.ceil(0.02 * n_steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(n_steps - warmup, 1)
    if schedule == "cosine":
        return peak * 0.5 * (1.0 + math.cos(math.pi * done))
    return peak * (1.0 - done) if schedule == "linear" else peak


def _backend() -> Any:
    """Return the module that makes the steps on the backend that Keras runs on."""
    return importlib.import_module(f"deepclust.encoding._{keras.config.backend()}_step")


class _Stepper:
    """Heads, optimizer and compiled step, and what an epoch does with them."""

    def __init__(
        self,
        network: Network,
        targets: list[np.ndarray],
        training: Training,
        head_weights: list[float] | None,
        prototypes: list[np.ndarray] | None,
    ) -> None:
        self.training = training
        self.targets = np.stack(targets, axis=1).astype(np.int32)
        shares = np.asarray(head_weights or [1.0] * len(targets), dtype=np.float32)
        n_classes = np.maximum(self.targets.max(axis=0) + 1, 1)
        self.heads = CosineHeads(n_classes, seed=training.seed, dtype="float32")
        self.heads.build((None, network.dense.units))
        for variable, start in zip(
            self.heads.prototypes, prototypes or (), strict=False
        ):
            variable.assign(start)
        self.objective = Objective(
            network, self.heads, shares / shares.sum(), training.loss
        )
        self.variables = self.objective.variables
        self.optimizer = _build_optimizer(training)
        self.optimizer.build(self.variables)
        self.step = _backend().Step(self.objective, self.optimizer, training.batch_size)

    def run_epoch(
        self, sequences: TokenSequences, rows: np.ndarray, epoch: int
    ) -> dict[str, float]:
        """Train on these rows once; return the line of the training curve."""
        start, rng = time.perf_counter(), np.random.default_rng(
            [self.training.seed, epoch]
        )  # fmt: skip
        chosen = shorten(sequences[rows], self.training.word_dropout, rng)
        batches = length_batches(chosen.lengths, self.training.batch_size, rng)
        n_steps = self.training.epochs * len(batches)
        inputs = (self.inputs(chosen, batch, rows[batch]) for batch in batches)
        results = []
        for i, batch in enumerate(self.step.fed(inputs)):
            rate = learning_rate_at(
                (epoch - 1) * len(batches) + i, n_steps,
                peak=self.training.learning_rate, schedule=self.training.schedule,
            )  # fmt: skip
            self.optimizer.learning_rate = rate
            results.append(self.step(*batch))
        loss, accuracy = _mean(results, batches)
        return {
            "epoch": epoch,
            "loss": loss,
            "val_loss": np.nan,
            "accuracy": accuracy,
            "learning_rate": rate,
            "seconds": time.perf_counter() - start,
        }

    def evaluate(self, sequences: TokenSequences, rows: np.ndarray) -> float:
        """Return the mean loss of the rows, no word dropped."""
        chosen = sequences[rows]
        rng = np.random.default_rng(self.training.seed)
        batches = length_batches(chosen.lengths, self.training.batch_size, rng)
        inputs = (self.inputs(chosen, batch, rows[batch]) for batch in batches)
        return _mean([self.step.measure(*batch) for batch in inputs], batches)[0]

    def state(self) -> list[np.ndarray]:
        """Return a copy of all that training changes."""
        return self.read(self.variables)

    @staticmethod
    def read(variables: list[Any]) -> list[np.ndarray]:
        """Return a copy of each variable."""
        return [np.array(ops.convert_to_numpy(v.value)) for v in variables]

    def restore(self, state: list[np.ndarray]) -> None:
        """Go back to what `state` returned."""
        for variable, value in zip(self.variables, state, strict=True):
            variable.assign(value)

    def inputs(
        self, sequences: TokenSequences, batch: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the padded token ids of a batch, and its targets."""
        part = sequences[batch]
        part.max_len = int(part.lengths.max())
        return np.asarray(part), self.targets[rows]


def _mean(results: list[Any], batches: list[np.ndarray]) -> list[float]:
    """Return the means over the texts, given those over each batch.

    Results are read after the last step: reading one makes a GPU wait.
    """
    values = np.array([[float(value) for value in result] for result in results])
    sizes = np.array([len(batch) for batch in batches])
    return (sizes @ values / sizes.sum()).tolist()


def _build_optimizer(training: Training) -> Any:
    config: dict[str, Any] = {"learning_rate": training.learning_rate}
    if training.optimizer == "sgd":
        config |= {"momentum": training.momentum, "nesterov": training.momentum > 0}
    return keras.optimizers.get({"class_name": training.optimizer, "config": config})
