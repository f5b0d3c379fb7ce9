"""A training step on TensorFlow, compiled once for any (batch, time).

On a CPU the forward pass and its gradient are those of `_recurrence.py`. Where a
`tf.distribute` strategy is in force, each batch is shared out among its devices; loss
and gradients are those of the whole batch. On a GPU the next batches are made while it
works on one.

Imports TensorFlow.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from deepclust.encoding._loss import Objective, shorten_to_one
from deepclust.encoding._network import Network
from deepclust.encoding._recurrence import forward

__all__ = ["Step", "compiled"]

_IDS = tf.TensorSpec((None, None), tf.int32)


def compiled(network: Network) -> Any:
    """Return a function of a batch of token ids: their embeddings."""
    return _function(network, [_IDS])


def _function(function: Any, signature: list[Any]) -> Any:
    return tf.function(function, input_signature=signature, autograph=False)


class Step:
    """Change the weights a little, given a batch.

    Parameters
    ----------
    objective : Objective

    optimizer : keras.optimizers.Optimizer
        Built on the objective's variables.

    batch_size : int
        Batches have so many rows at most.

    prefetch : bool or None, default=None
        Whether the next batches are made while a step runs; None: on a GPU.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: Any,
        batch_size: int,
        *,
        prefetch: bool | None = None,
    ) -> None:
        self.objective = objective
        self.variables = objective.variables
        self.optimizer = optimizer
        self.strategy = tf.distribute.get_strategy()
        self.n_replicas = self.strategy.num_replicas_in_sync
        self.momenta = getattr(optimizer, "momentums", [])
        if self.n_replicas > 1:
            self.momenta = []  # the optimizer keeps its copies alike
        network = objective.network
        on_gpu = _is_on_gpu(network)
        self.prefetch = on_gpu if prefetch is None else prefetch
        half = network.dtype_policy.name == "mixed_float16"
        self.loss_scale = 1024.0 if half else 1.0
        if not on_gpu and network.dtype_policy.name == "float32":
            objective.embed = partial(forward, network)
        objective.total = self._total
        objective.argmax = partial(tf.argmax, output_type=tf.int32)
        n_heads = len(objective.heads.n_classes)
        self.signature = [_IDS, tf.TensorSpec((None, n_heads), tf.int32)]
        self.measure = _function(objective, self.signature)
        self.update = _function(self._update, self.signature)
        if self.n_replicas > 1:
            for_each = [[spec] * self.n_replicas for spec in self.signature]
            self.update = _function(self._update_together, for_each)

    def __call__(self, ids: Any, targets: Any) -> tuple[Any, Any]:
        """Change the weights; return loss and accuracy before that."""
        if self.n_replicas == 1:
            return self.update(ids, targets)
        arrays = (np.asarray(ids), np.asarray(targets))
        return self.update(*(np.array_split(a, self.n_replicas) for a in arrays))

    def fed(self, batches: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[Any]:
        """Yield the batches, the next ones made ahead if `prefetch` is set."""
        if not self.prefetch:
            yield from batches
            return
        signature = tuple(self.signature)
        with tf.device("/CPU:0"):
            data = tf.data.Dataset.from_generator(
                lambda: batches, output_signature=signature
            )
            ahead = iter(data.prefetch(tf.data.AUTOTUNE))
        yield from ahead  # outside: what follows each batch runs where it was

    def _update_together(self, ids: list[Any], targets: list[Any]) -> Any:
        """One step of all devices, each with its part of the batch."""
        parts = [
            self.strategy.experimental_distribute_values_from_function(
                lambda context, given=given: given[context.replica_id_in_sync_group]
            )
            for given in (ids, targets)
        ]
        results = self.strategy.run(self._update, args=parts)
        return [self.strategy.reduce("SUM", value, axis=None) for value in results]

    def _total(self, value: Any) -> Any:
        """Return the sum over all devices."""
        context = tf.distribute.get_replica_context()
        if self.n_replicas == 1 or context is None:
            return value
        return context.all_reduce("SUM", tf.convert_to_tensor(value))

    def _update(self, ids: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            loss, accuracy = self.objective(ids, targets)
            scaled = loss * self.loss_scale
        gradients = tape.gradient(scaled, [v.value for v in self.variables])
        if self.n_replicas > 1:  # the optimizer adds up what the devices bring
            gradients = [self._total(gradient) for gradient in gradients]
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
                momentum=self.optimizer.momentum,
                use_nesterov=True,
            )


def _is_on_gpu(network: Network) -> bool:
    return "GPU" in network.dense.kernel.value.device


def _clip(gradient: Any, scale: float) -> Any:
    """Divide the gradient by `scale`, and bring it to norm 1 if it is longer.

    Of the word vectors only the rows of the batch's words are touched before the result
    is spread out.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return shorten_to_one(gradient / scale)
    rows = gradient.indices
    distinct, places = tf.unique(rows)
    summed = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(distinct))
    short = shorten_to_one(summed / scale)
    return tf.scatter_nd(distinct[:, None], short, gradient.dense_shape)
