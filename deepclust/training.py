"""Train the network on one or several classifications of the same texts at once.

What makes it several times faster than `keras.Model.fit` on padded texts, on a CPU:

1. Texts are sorted by length before they are cut into batches, so that nearly every
   batch holds one length and no padding; batches are then visited in random order.
2. The input projection of all recurrent branches is one product outside the time
   loop, and so are most parts of the gradient (`deepclust.recurrence`).
3. One function, compiled once for any (batch, time).

Dropped words are taken out of the text altogether [1]_, which also shortens it. Every
random choice is made in numpy from (seed, epoch), so that a run can be repeated, and
continued at any epoch, bit for bit.

Where a `tf.distribute` strategy is in force, each batch is shared out among its
devices; loss and gradients are those of the whole batch.

Imports TensorFlow: import this module only where training starts.

.. [1] Iyyer, Manjunatha, Boyd-Graber, Daumé III, "Deep unordered composition rivals
   syntactic methods for text classification", ACL 2015, doi:10.3115/v1/P15-1162.
"""

import math
import time
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from deepclust.batching import length_batches, shorten
from deepclust.devices import refuse_other_backends
from deepclust.networks import SCALE, CosineHeads, Network
from deepclust.recurrence import forward
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
    signature = [tf.TensorSpec((None, None), tf.int32)]
    call = tf.function(network, input_signature=signature, autograph=False)
    result = np.zeros((len(sequences), network.dense.units), dtype=np.float32)
    order = np.argsort(sequences.lengths, kind="stable")
    order = order[sequences.lengths[order] > 0]
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        part = sequences[rows]
        part.max_len = int(part.lengths.max())
        result[rows] = call(np.asarray(part)).numpy()
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
    >>> from deepclust.training import learning_rate_at
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


def _compiled(function: Any, signature: list[Any]) -> Any:
    return tf.function(function, input_signature=signature, autograph=False)


class _Stepper:
    """The compiled training step, with the heads and the optimizer it works on."""

    def __init__(
        self,
        network: Network,
        targets: list[np.ndarray],
        training: Training,
        head_weights: list[float] | None,
        prototypes: list[np.ndarray] | None,
    ) -> None:
        self.network = network
        self.training = training
        self.targets = np.stack(targets, axis=1).astype(np.int32)
        shares = np.asarray(head_weights or [1.0] * len(targets), dtype=np.float32)
        self.shares = shares / shares.sum()
        n_classes = np.maximum(self.targets.max(axis=0) + 1, 1)
        self.heads = CosineHeads(n_classes, seed=training.seed, dtype="float32")
        self.heads(np.zeros((1, network.dense.units), dtype=np.float32))
        for variable, start in zip(
            self.heads.prototypes, prototypes or (), strict=False
        ):
            variable.assign(start)
        self.variables = network.trainable_variables + self.heads.trainable_variables
        self.optimizer = _build_optimizer(training)
        self.optimizer.build(self.variables)
        self.strategy = tf.distribute.get_strategy()
        self.n_replicas = self.strategy.num_replicas_in_sync
        self.momenta = getattr(self.optimizer, "momentums", [])
        if self.n_replicas > 1:
            self.momenta = []  # the optimizer keeps its copies alike
        on_gpu = "GPU" in network.dense.kernel.value.device
        half = network.dtype_policy.name == "mixed_float16"
        self.loss_scale = 1024.0 if half else 1.0
        self.by_hand = not on_gpu and network.dtype_policy.name == "float32"
        signature = [
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, len(targets)), tf.int32),
        ]
        self.loss_only = _compiled(self._loss, signature)
        self.step = _compiled(self._step, signature)
        if self.n_replicas > 1:
            for_each = [[spec] * self.n_replicas for spec in signature]
            self.step = _compiled(self._step_together, for_each)

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
        sums = np.zeros(2)
        for i, batch in enumerate(batches):
            rate = learning_rate_at(
                (epoch - 1) * len(batches) + i, n_steps,
                peak=self.training.learning_rate, schedule=self.training.schedule,
            )  # fmt: skip
            self.optimizer.learning_rate = rate
            result = self.step(*self._shared_out(chosen, batch, rows[batch]))
            sums += np.array([float(value) for value in result]) * len(batch)
        loss, accuracy = sums / len(rows)
        return {
            "epoch": epoch,
            "loss": float(loss),
            "val_loss": np.nan,
            "accuracy": float(accuracy),
            "learning_rate": rate,
            "seconds": time.perf_counter() - start,
        }

    def evaluate(self, sequences: TokenSequences, rows: np.ndarray) -> float:
        """Return the mean loss of the rows, no word dropped."""
        chosen = sequences[rows]
        rng = np.random.default_rng(self.training.seed)
        total = 0.0
        for batch in length_batches(chosen.lengths, self.training.batch_size, rng):
            loss, _ = self.loss_only(*self._inputs(chosen, batch, rows[batch]))
            total += float(loss) * len(batch)
        return total / len(rows)

    def state(self) -> list[np.ndarray]:
        return self.read(self.variables)

    @staticmethod
    def read(variables: list[Any]) -> list[np.ndarray]:
        return [variable.value.numpy() for variable in variables]

    def restore(self, state: list[np.ndarray]) -> None:
        for variable, value in zip(self.variables, state, strict=True):
            variable.assign(value)

    def _inputs(
        self, sequences: TokenSequences, batch: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        part = sequences[batch]
        part.max_len = int(part.lengths.max())
        return np.asarray(part), self.targets[rows]

    def _shared_out(
        self, sequences: TokenSequences, batch: np.ndarray, rows: np.ndarray
    ) -> Any:
        """Return the inputs of a step; where devices work together, a list for each."""
        inputs = self._inputs(sequences, batch, rows)
        if self.n_replicas == 1:
            return inputs
        return [np.array_split(array, self.n_replicas) for array in inputs]

    def _step_together(self, ids: list[Any], targets: list[Any]) -> Any:
        """One step of all devices, each with its part of the batch."""
        parts = [
            self.strategy.experimental_distribute_values_from_function(
                lambda context, given=given: given[context.replica_id_in_sync_group]
            )
            for given in (ids, targets)
        ]
        results = self.strategy.run(self._step, args=parts)
        return [self.strategy.reduce("SUM", value, axis=None) for value in results]

    def _all(self, value: Any) -> Any:
        """Return the sum over all devices."""
        context = tf.distribute.get_replica_context()
        if self.n_replicas == 1 or context is None:
            return value
        return context.all_reduce("SUM", tf.convert_to_tensor(value))

    def _step(self, ids: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            loss, accuracy = self._loss(ids, targets)
            scaled = loss * self.loss_scale
        gradients = tape.gradient(scaled, [v.value for v in self.variables])
        if self.n_replicas > 1:  # the optimizer adds up what the devices bring
            gradients = [self._all(gradient) for gradient in gradients]
            clipped = [_clip(g, self.loss_scale) / self.n_replicas for g in gradients]
            self.optimizer.apply(clipped, self.variables)
            return loss, accuracy
        clipped = [_clip(gradient, self.loss_scale) for gradient in gradients]
        if self.momenta:
            self._descend(clipped)
        else:
            self.optimizer.apply(clipped, self.variables)
        return loss, accuracy

    def _descend(self, gradients: list[Any]) -> None:
        """Do what Keras' SGD does, in one pass over each weight instead of five."""
        rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        for variable, momentum, gradient in zip(
            self.variables, self.momenta, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=variable.value.handle,
                accum=momentum.value.handle,
                lr=rate,
                grad=gradient,
                momentum=self.training.momentum,
                use_nesterov=True,
            )

    def _loss(self, ids: Any, targets: Any) -> Any:
        embeddings = forward(self.network, ids) if self.by_hand else self.network(ids)
        logits = self._logits(embeddings)
        known = tf.cast(targets >= 0, tf.float32)
        n_known = tf.maximum(self._all(tf.reduce_sum(known, axis=0)), 1.0)
        each = _LOSSES[self.training.loss](tf.maximum(targets, 0), logits)
        hits = tf.cast(tf.argmax(logits, 2, tf.int32) == targets, tf.float32)
        losses = tf.reduce_sum(each * known, axis=0) / n_known
        accuracy = tf.reduce_mean(tf.reduce_sum(hits, axis=0) / n_known)
        return tf.reduce_sum(losses * self.shares), accuracy

    def _logits(self, embeddings: Any) -> Any:
        """Return the logits of all heads, padded, float32 (batch, heads, classes)."""
        together = tf.concat([p.value for p in self.heads.prototypes], axis=0)
        directions = keras.ops.normalize(together, axis=1)
        logits = SCALE * tf.matmul(embeddings, directions, transpose_b=True)
        sizes = self.heads.n_classes
        heads = [
            tf.pad(part, [[0, 0], [0, max(sizes) - n]], constant_values=-1e9)
            for part, n in zip(tf.split(logits, sizes, axis=1), sizes, strict=True)
        ]
        return tf.stack(heads, axis=1)


def _cross_entropy(target: Any, logits: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits)


def _focal(target: Any, logits: Any) -> Any:
    loss = _cross_entropy(target, logits)
    return (1.0 - tf.exp(-loss)) ** 2 * loss


def _generalized(target: Any, logits: Any) -> Any:
    return (1.0 - tf.exp(-0.7 * _cross_entropy(target, logits))) / 0.7


_LOSSES = {
    "cross_entropy": _cross_entropy,
    "focal": _focal,
    "generalized": _generalized,
}


def _clip(gradient: Any, scale: float) -> Any:
    """Divide the gradient by `scale`, and bring it to norm 1 if it is longer.

    Summed column by column first: a full sum is split among threads, and its rounding
    would depend on their number. Of the word vectors only the rows of the batch's
    words are touched before the result is spread out.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return _shorten_to_one(gradient / scale)
    rows = gradient.indices
    distinct, places = tf.unique(rows)
    summed = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(distinct))
    short = _shorten_to_one(summed / scale)
    return tf.scatter_nd(distinct[:, None], short, gradient.dense_shape)


def _shorten_to_one(gradient: Any) -> Any:
    squares = tf.reshape(gradient * gradient, (-1, gradient.shape[-1]))
    norm = tf.sqrt(tf.reduce_sum(tf.reduce_sum(squares, axis=0)))
    return gradient / tf.maximum(norm, 1.0)


def _build_optimizer(training: Training) -> Any:
    config: dict[str, Any] = {"learning_rate": training.learning_rate}
    if training.optimizer == "sgd":
        config |= {"momentum": training.momentum, "nesterov": training.momentum > 0}
    return keras.optimizers.get({"class_name": training.optimizer, "config": config})
