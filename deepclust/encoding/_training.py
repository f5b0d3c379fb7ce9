"""Train the network on one or several partitions of the same texts, by Keras' `fit`.

Texts are sorted by length before they are cut into batches, so that nearly every batch
holds one length and no padding; batches are then visited in random order. Dropped
words are taken out of the text altogether [1]_, which also shortens it. Every random
choice is made in numpy from (seed, epoch), so that a run can be repeated bit for bit.

Imports Keras and its backend: import this module only where training starts.

.. [1] Iyyer, Manjunatha, Boyd-Graber, Daumé III, "Deep unordered composition rivals
   syntactic methods for text classification", ACL 2015, doi:10.3115/v1/P15-1162.
"""

import itertools
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from deepclust.encoding._checkpoint import Checkpoints, fingerprint
from deepclust.encoding._devices import refuse_other_backends
from deepclust.encoding._loss import HeadsLoss, heads_accuracy
from deepclust.encoding._network import Network, PrototypeClassifier
from deepclust.sequences import TokenSequences

__all__ = ["LengthBatches", "TrainingOptions", "embed_with_keras", "train_heads"]

refuse_other_backends()

WARM_UP = 0.02  # of the updates, over which the learning rate rises
UPDATES = 600  # of the weights in one cycle of epochs="auto", within
MIN_EPOCHS, MAX_EPOCHS = 4, 20  # passes over the texts
MAX_CYCLES = 4  # of epochs="auto"
LEARNED = 1 / 3  # of the loss of equal class probabilities: a loss that is down
LEVEL = 0.05  # relative fall of the loss over a cycle, below which it is level
CHANCE = 2 / 3  # of the loss of equal probabilities: a level loss above it is stuck
MAX_GRADIENT = 0.1  # norm; more moves all embeddings of long texts to one side
N_AHEAD = 2  # batches that are made while one is learned
MIN_LENGTH = 8  # tokens that JAX pads the shortest batch to


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained.

    Parameters
    ----------
    head_weights : list of float, length n_heads
        Weight of each head in the loss.

    epochs, batch_size, optimizer, ... , checkpoint_dir
        As `RNNLSTMEncoder` has them; `learning_rate` is a number.

    seed : int
    """

    head_weights: list[float]
    epochs: int | str
    batch_size: int
    optimizer: str
    learning_rate: float
    momentum: float
    learning_rate_schedule: str
    loss: str
    word_dropout: float
    validation_fraction: float
    early_stopping: bool
    patience: int
    seed: int
    verbose: int
    checkpoint_dir: Any = None


def train_heads(
    network: Network,
    sequences: TokenSequences,
    targets: list[np.ndarray],
    options: TrainingOptions,
    weights: np.ndarray | None = None,
    tasks: "EpochTasks | None" = None,
) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    """Train the network, in place, to predict every partition in `targets`.

    Parameters
    ----------
    network : Network
        Goes on from the weights it has.

    sequences : TokenSequences
        Texts with at least one token each; ids 0 and 1 do not occur.

    targets : list of ndarray of shape (n_docs,), int32
        Class numbers 0 .. K_h - 1 of each head; -1 is left out of the loss.

    options : TrainingOptions

    weights : ndarray of shape (n_docs,), float, default=None
        Of the texts in the loss, above 0; they are divided by their mean.

    tasks : EpochTasks, default=None
        Told of each epoch, and may stop the training.

    Returns
    -------
    prototypes : list of ndarray of shape (K_h, embedding_dim), float32
        The trained class directions of each head.

    history : list of dict
        A row per epoch: epoch, loss, val_loss, accuracy, learning_rate, seconds.

    Notes
    -----
    Gradients are clipped to norm `MAX_GRADIENT`, weight by weight. With `epochs="auto"`
    the learning rate runs through cycles of `UPDATES` updates [1]_, until at the end of
    one the loss is down, at most a third of that of equal class probabilities, or
    level, less than 5 % below that of the cycle before and at most two thirds of that
    of equal probabilities. Time is linear in tokens × epochs. Memory: a batch, and
    three times the weights.

    Warns
    -----
    ConvergenceWarning
        If the epochs end while the loss is neither down nor level; not where early
        stopping ends them.

    References
    ----------
    .. [1] Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts",
       ICLR 2017, arXiv:1608.03983.
    """
    classes = np.stack(targets, axis=1).astype(np.int32)
    if weights is not None:
        weights = (weights / weights.mean()).astype(np.float32)
    batches, validation = _held_out(sequences, classes, weights, options)
    n_epochs, n_cycles = cycles(options.epochs, len(batches))
    model = PrototypeClassifier(network, classes.max(axis=0) + 1, seed=options.seed)
    _compile(model, options, n_epochs * len(batches))
    by_chance = model.loss.by_chance(model.heads.n_classes)
    curve = TrainingCurve(n_epochs, options.verbose)
    callbacks: list[Any] = [curve]
    if options.early_stopping:
        callbacks.append(_early_stopping(len(validation) > 0, options.patience))
    checkpoints, n_resumed = None, 0
    if options.checkpoint_dir is not None:
        identity = _identity(model, sequences, classes, weights, options)
        folder = options.checkpoint_dir
        checkpoints = Checkpoints(folder, identity, n_epochs, callbacks)
        n_resumed = checkpoints.restore(model)
        callbacks.append(checkpoints)
    if tasks is not None:
        tasks.rows = curve.rows
        callbacks.append(tasks)
    n_complete = n_resumed // n_epochs * n_epochs  # whole cycles
    for n_done in range(n_complete, n_epochs * n_cycles, n_epochs):
        if n_done >= n_resumed:
            model.optimizer.iterations.assign(0)  # the learning rate begins anew
        first = max(n_done, n_resumed)
        _fit_epochs(model, batches, validation, first, n_done + n_epochs, callbacks)
        if model.stop_training or _is_learned(curve.rows, n_epochs, by_chance):
            break
    else:
        is_auto = options.epochs == "auto"
        _warn_not_learned(curve.rows[-1], by_chance, is_auto=is_auto)
    if checkpoints is not None:
        checkpoints.clear()
    curve.bar.close()
    return [as_array(p) for p in model.heads.prototypes], curve.rows


def _held_out(
    sequences: TokenSequences,
    classes: np.ndarray,
    weights: np.ndarray | None,
    options: TrainingOptions,
) -> tuple["LengthBatches", "LengthBatches"]:
    """Return the batches to learn from, and those of the texts that are held out."""
    rows = np.random.default_rng([options.seed, 0]).permutation(len(sequences))
    n_held_out = round(options.validation_fraction * len(rows))

    def batches(rows: np.ndarray, dropout: float) -> LengthBatches:
        """Return the batches of some texts."""
        size, seed = options.batch_size, options.seed
        multiple = size if _compiles() else _n_replicas()
        return LengthBatches(
            sequences, classes, rows, size, dropout, seed, multiple, weights
        )

    kept = np.sort(rows[n_held_out:])
    return batches(kept, options.word_dropout), batches(rows[:n_held_out], 0.0)


def _compile(
    model: PrototypeClassifier, options: TrainingOptions, n_steps: int
) -> None:
    optimizer = make_optimizer(options, n_steps, model.trainable_variables)
    if _n_replicas() > 1:
        _average_first(optimizer, _n_replicas())
    model.compile(
        optimizer=optimizer,
        loss=HeadsLoss(options.loss, options.head_weights),
        metrics=[keras.metrics.MeanMetricWrapper(heads_accuracy, "accuracy")],
        jit_compile=_compiles(),
    )


def _average_first(optimizer: keras.optimizers.Optimizer, n_replicas: int) -> None:
    """Clip the gradient of the whole batch; Keras would clip that of each device.

    Every device clips the average, to 1/n, and Keras adds up n of them.
    """
    import tensorflow as tf

    apply = optimizer.apply
    optimizer.clipnorm /= n_replicas

    def apply_average(grads: Any, variables: Any = None) -> None:
        replica = tf.distribute.get_replica_context()
        apply(replica.all_reduce(tf.distribute.ReduceOp.MEAN, grads), variables)

    optimizer.apply = apply_average


def _identity(
    model: PrototypeClassifier,
    sequences: TokenSequences,
    classes: np.ndarray,
    weights: np.ndarray | None,
    options: TrainingOptions,
) -> dict[str, Any]:
    """Return what makes a training run, for its checkpoints."""
    arrays: dict[str, np.ndarray] = {"targets": classes}
    arrays |= {"texts": sequences.ids, "lengths": sequences.offsets}
    if weights is not None:
        arrays["weights"] = weights
    without = ("verbose", "checkpoint_dir")
    values = [v for name, v in vars(options).items() if name not in without]
    return fingerprint(model, arrays, values)


def cycles(epochs: int | str, n_batches: int) -> tuple[int, int]:
    """Return the number of epochs in a cycle, and of cycles at most."""
    if isinstance(epochs, str):
        n_epochs = np.clip(round(UPDATES / n_batches), MIN_EPOCHS, MAX_EPOCHS)
        return int(n_epochs), MAX_CYCLES
    return epochs, 1


def _fit_epochs(
    model: PrototypeClassifier,
    batches: "LengthBatches",
    validation: "LengthBatches",
    first: int,
    last: int,
    callbacks: list[Any],
) -> None:
    """Train for the epochs after `first`, up to `last`."""
    validates = len(validation) > 0
    model.fit(
        batches.feed(first),
        initial_epoch=first,
        epochs=last,
        steps_per_epoch=len(batches),
        validation_data=validation.feed_again() if validates else None,
        validation_steps=len(validation) if validates else None,
        callbacks=callbacks,
        shuffle=False,  # length_batches has done so
        verbose=0,
    )


def _is_learned(rows: list[dict[str, float]], n_epochs: int, by_chance: float) -> bool:
    """Tell whether the last loss is down, or level since the cycle before.

    One that is level at about what equal probabilities have is neither.
    """
    losses = [row["loss"] for row in rows]
    before = losses[-1 - n_epochs] if len(losses) > n_epochs else np.inf
    is_level = losses[-1] >= (1.0 - LEVEL) * before
    is_down = losses[-1] <= LEARNED * by_chance
    return is_down or (is_level and losses[-1] <= CHANCE * by_chance)


def _warn_not_learned(
    last: dict[str, float], by_chance: float, *, is_auto: bool
) -> None:
    """Warn with the last row of the training curve."""
    warnings.warn(
        f"Training stopped after {last['epoch']} epochs at a loss of "
        f"{last['loss']:.2f}, where equal class probabilities have {by_chance:.2f}, "
        f"and a training accuracy of {last['accuracy']:.2f}: the network has not "
        "learned its classes. "
        + (
            "Set a larger number of epochs, or another learning_rate."
            if is_auto
            else 'Set epochs="auto", or a larger number.'
        ),
        ConvergenceWarning,
        stacklevel=3,
    )


def _early_stopping(validated: bool, patience: int) -> keras.callbacks.Callback:
    return keras.callbacks.EarlyStopping(
        "val_loss" if validated else "loss",
        patience=patience,
        restore_best_weights=True,
    )


def as_array(variable: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(variable.value), dtype=np.float32)


def _compiles() -> bool:
    """Tell whether Keras should compile each shape of a batch: on JAX only."""
    return keras.config.backend() == "jax"


def _n_replicas() -> int:
    """Return how many devices of TensorFlow share a batch; Keras needs equal shares."""
    if keras.config.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


@dataclass
class LengthBatches:
    """Batches of texts of like length, epoch after epoch.

    Parameters
    ----------
    sequences : TokenSequences

    targets : ndarray of shape (n_docs, n_heads), int32

    rows : ndarray of shape (n_rows,), int
        The texts that take part.

    batch_size : int

    word_dropout : float
        Share of the words taken out of each text, anew in every epoch.

    seed : int

    multiple : int, default=1
        The rows of a batch are filled up to a multiple of it, by texts without targets.

    weights : ndarray of shape (n_docs,), float32, default=None
        Of the texts in the loss.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TokenSequences
    >>> from deepclust.encoding._training import LengthBatches
    >>> texts = TokenSequences.from_lists([[2, 3], [4, 5, 6], [7], [8]])
    >>> targets = np.zeros((4, 1), dtype="int32")
    >>> batches = LengthBatches(texts, targets, np.arange(4), 2, 0.0, seed=0)
    >>> sorted(ids.shape for ids, _ in batches.epoch(1))
    [(2, 1), (2, 3)]
    """

    sequences: TokenSequences
    targets: np.ndarray
    rows: np.ndarray
    batch_size: int
    word_dropout: float
    seed: int
    multiple: int = 1
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return math.ceil(len(self.rows) / self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the padded token ids, the targets and any weights of each batch."""
        rng = np.random.default_rng([self.seed, number])
        texts = drop_words(self.sequences[self.rows], self.word_dropout, rng)
        for batch in length_batches(texts.lengths, self.batch_size, rng):
            ids, targets = padded(texts, batch), self.targets[self.rows[batch]]
            n_missing = -len(batch) % self.multiple
            ids = _filled(ids, len(batch) + n_missing)
            unknown = np.full((n_missing, targets.shape[1]), -1, dtype=np.int32)
            targets = np.concatenate([targets, unknown])
            if self.weights is None:
                yield ids, targets
            else:
                weights = self.weights[self.rows[batch]]
                yield ids, targets, np.pad(weights, (0, n_missing))

    def feed(self, n_done: int = 0) -> Any:
        """Return the batches of the epochs after `n_done` in the form that `fit` reads.

        On TensorFlow this is a `tf.data.Dataset`: it says that rows and length vary,
        so that the step is compiled once, and the next batches are made ahead.
        """
        endless = partial(self._endless, n_done)
        if keras.config.backend() != "tensorflow":
            return endless()
        import tensorflow as tf

        signature: tuple[Any, ...] = (
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, self.targets.shape[1]), tf.int32),
        )
        if self.weights is not None:
            signature += (tf.TensorSpec((None,), tf.float32),)
        data = tf.data.Dataset.from_generator(endless, output_signature=signature)
        options = tf.data.Options()
        options.autotune.enabled = False  # its thread holds up the end for seconds
        return data.prefetch(N_AHEAD).with_options(options)

    def feed_again(self) -> Any:
        """Return the batches in the form that `fit` reads for each validation.

        Beside TensorFlow, Keras begins a generator with its first two batches again in
        each validation, and goes on where it was: a `PyDataset` gives all once.
        """
        if keras.config.backend() == "tensorflow":
            return self.feed()
        return Repeated(list(self.epoch(1)))

    def _endless(self, n_done: int) -> Iterator[tuple[np.ndarray, ...]]:
        for number in itertools.count(n_done + 1):
            yield from self.epoch(number)


class Repeated(keras.utils.PyDataset):
    """The same batches in each epoch."""

    def __init__(self, batches: list[tuple[np.ndarray, ...]]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Return one of them."""
        return self.batches[index]


class TrainingCurve(keras.callbacks.Callback):
    """Keep one row per epoch, and show a progress bar."""

    def __init__(self, epochs: int, verbose: int) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self.start = time.perf_counter()
        self.epochs = epochs
        self.bar = tqdm(total=0, desc="training", unit="epoch", disable=not verbose)

    def on_train_begin(self, logs: Any = None) -> None:
        """Add the epochs of this cycle."""
        self.bar.total = (self.bar.total or 0) + self.epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the row of this epoch."""
        row = {
            "epoch": epoch + 1,
            "loss": float(logs["loss"]),
            "val_loss": float(logs.get("val_loss", np.nan)),
            "accuracy": float(logs["accuracy"]),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": time.perf_counter() - self.start,
        }
        self.rows.append(row)
        self.bar.set_postfix(loss=f"{logs.get('val_loss', logs['loss']):.3f}")
        self.bar.update()


class EpochTasks(keras.callbacks.Callback):
    """Tell the callbacks of scikit-learn about each epoch.

    Parameters
    ----------
    estimator : RNNLSTMEncoder

    context : sklearn.callback.CallbackContext
        Of the task of `fit`.

    trained : callable
        Of the class prototypes: `weights_` as they are now.
    """

    def __init__(
        self,
        estimator: Any,
        context: Any,
        trained: Callable[[list[np.ndarray]], dict[str, np.ndarray]],
    ) -> None:
        super().__init__()
        self.estimator, self.context, self.trained = estimator, context, trained
        self.rows: list[dict[str, float]] = []  # of the training curve

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin a task."""
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """End it, with an encoder as it is now for callbacks that ask for one."""
        stops = self.task.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=self._attributes
        )
        self.model.stop_training |= stops

    def _attributes(self) -> dict[str, Any]:
        prototypes = [as_array(p) for p in self.model.heads.prototypes]
        weights = self.trained(prototypes)
        dim = prototypes[0].shape[1]
        return {"weights_": weights, "_history": [*self.rows], "embedding_dim_": dim}


def embed_with_keras(
    network: Network, sequences: TokenSequences, batch_size: int = 1024
) -> np.ndarray:
    """Return the embeddings by `Network.call`; zeros for an empty text.

    Returns
    -------
    embeddings : ndarray of shape (n_docs, embedding_dim), float32
    """
    network.jit_compile = _compiles()
    result = np.zeros((len(sequences), network.dense.units), dtype=np.float32)
    order = np.argsort(sequences.lengths, kind="stable")
    order = order[sequences.lengths[order] > 0]
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        ids = padded(sequences, rows)
        if _compiles():
            ids = _filled(ids, batch_size)
        result[rows] = network.predict_on_batch(ids)[: len(rows)]
    return result


def drop_words(
    sequences: TokenSequences, rate: float, rng: np.random.Generator
) -> TokenSequences:
    """Return the texts with a share `rate` of their words dropped, at random.

    At least one word of every text stays.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TokenSequences
    >>> from deepclust.encoding._training import drop_words
    >>> seqs = TokenSequences.from_lists([[2, 3, 4, 5], [6]])
    >>> drop_words(seqs, 0.5, np.random.default_rng(0)).lengths
    array([1, 1])
    """
    if rate == 0.0 or len(sequences.ids) == 0:
        return sequences
    draws = rng.random(len(sequences.ids))
    starts = sequences.offsets[:-1]
    greatest = np.repeat(np.maximum.reduceat(draws, starts), sequences.lengths)
    kept = (draws >= rate) | (draws == greatest)
    offsets = np.concatenate(([0], np.cumsum(kept)))[sequences.offsets]
    return TokenSequences(sequences.ids[kept], offsets, max_len=sequences.max_len)


def length_batches(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return the row numbers of each batch: like lengths together, order at random.

    Every row is in exactly one batch; batch sizes differ by one at most.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._training import length_batches
    >>> lengths = np.array([3, 9, 3, 9])
    >>> batches = length_batches(lengths, 2, np.random.default_rng(0))
    >>> sorted(lengths[batch].tolist() for batch in batches)
    [[3, 3], [9, 9]]
    """
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = np.array_split(order, math.ceil(len(lengths) / batch_size))
    return [batches[i] for i in rng.permutation(len(batches))]


def padded(sequences: TokenSequences, rows: np.ndarray) -> np.ndarray:
    """Return the token ids of some texts, padded to the longest of them."""
    part = sequences[rows]
    part.max_len = int(part.lengths.max())
    return np.asarray(part)


def _filled(ids: np.ndarray, n_rows: int) -> np.ndarray:
    """Return the ids padded to `n_rows` rows, by repeating them.

    On JAX, which compiles for each shape, also to a length that is a power of two.
    """
    length = ids.shape[1]
    if _compiles():
        length = max(2 ** (length - 1).bit_length(), MIN_LENGTH)
    filled = np.zeros((n_rows, length), dtype=np.int32)
    filled[:, : ids.shape[1]] = ids[np.arange(n_rows) % len(ids)]
    return filled


def _learning_rate(schedule: str, peak: float, n_updates: int) -> Any:
    """Return the learning rate as Keras' optimizers take it.

    "cosine" rises over the first 2 % of the updates and falls to 0; "linear" falls to
    0.
    """
    if schedule == "constant":
        return peak
    if schedule == "linear":
        return keras.optimizers.schedules.PolynomialDecay(peak, n_updates, 0.0)
    warm_up = math.ceil(WARM_UP * n_updates)
    return keras.optimizers.schedules.CosineDecay(
        peak / warm_up,
        max(n_updates - warm_up, 1),
        warmup_target=peak,
        warmup_steps=warm_up,
    )


def make_optimizer(
    options: TrainingOptions,
    n_steps: int,
    variables: list[Any],
    max_gradient: float = MAX_GRADIENT,
) -> keras.optimizers.Optimizer:
    """Return the optimizer of these options for `n_steps` updates."""
    momentum, schedule = options.momentum, options.learning_rate_schedule
    rate = _learning_rate(schedule, options.learning_rate, n_steps)
    config: dict[str, Any] = {"learning_rate": rate, "clipnorm": max_gradient}
    if options.optimizer == "sgd":
        config |= {"momentum": momentum, "nesterov": momentum > 0}
    optimizer = keras.optimizers.get(
        {"class_name": options.optimizer, "config": config}
    )
    optimizer.build(variables)  # before the step is traced, which is then done once
    return optimizer
