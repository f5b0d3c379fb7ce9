"""A training step on JAX, compiled for few shapes.

JAX compiles anew for every shape. So batches are filled up to one number of rows, by
rows that stand there already and do not count, and to a length that is a power of two.

Imports JAX where it is used, since it is optional.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from deepclust.encoding._loss import Objective, shorten_to_one
from deepclust.encoding._network import Network

__all__ = ["Step", "compiled"]

MIN_LENGTH = 8  # tokens that the shortest batch is padded to


def compiled(network: Network) -> Any:
    """Return a function of a batch of token ids: their embeddings."""
    import jax

    variables = network.variables

    @jax.jit
    def run(weights: list[Any], ids: Any) -> Any:
        """Return the embeddings as the given weights make them."""
        with keras.StatelessScope(list(zip(variables, weights, strict=True))):
            return network(ids)

    def call(ids: np.ndarray) -> Any:
        """Return the embeddings of the ids alone."""
        weights = [variable.value for variable in variables]
        n_rows = 2 ** (len(ids) - 1).bit_length()
        return run(weights, _filled(ids, n_rows))[: len(ids)]

    return call


def _filled(ids: np.ndarray, n_rows: int) -> np.ndarray:
    """Return the ids, padded, and their rows again as far as there is room."""
    length = max(2 ** (ids.shape[1] - 1).bit_length(), MIN_LENGTH)
    padded = np.zeros((n_rows, length), dtype=np.int32)
    padded[:, : ids.shape[1]] = ids[np.arange(n_rows) % len(ids)]
    return padded


class Step:
    """Change the weights a little, given a batch; as `_tensorflow_step.py`."""

    def __init__(self, objective: Objective, optimizer: Any, batch_size: int) -> None:
        import jax

        self.objective = objective
        self.optimizer = optimizer
        self.batch_size = batch_size
        half = objective.network.dtype_policy.name == "mixed_float16"
        self.loss_scale = 1024.0 if half else 1.0
        self.run_measure = jax.jit(self._losses)
        self.run_gradients = jax.jit(jax.grad(self._scaled, has_aux=True))
        self.run_update = jax.jit(self._updated)  # compiled for one shape only

    def __call__(self, ids: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        """Change the weights; return loss and accuracy before that."""
        changing = [*self.objective.variables, *self.optimizer.variables]
        values = [variable.value for variable in changing]
        weights = values[: len(self.objective.variables)]
        gradients, losses = self.run_gradients(weights, *self._filled(ids, targets))
        values = self.run_update(gradients, weights, values[len(weights) :])
        for variable, value in zip(changing, values, strict=True):
            variable.assign(value)
        return losses

    def measure(self, ids: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        """Return loss and accuracy of the weights as they are."""
        weights = [variable.value for variable in self.objective.variables]
        return self.run_measure(weights, *self._filled(ids, targets))

    def fed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Return the batches as they are."""
        return batches

    def _filled(self, ids: np.ndarray, targets: np.ndarray) -> Any:
        n_rows = max(self.batch_size, len(ids))
        more = np.full((n_rows, targets.shape[1]), -1, dtype=np.int32)
        more[: len(targets)] = targets
        return _filled(ids, n_rows), more

    def _losses(self, weights: list[Any], ids: Any, targets: Any) -> Any:
        given = zip(self.objective.variables, weights, strict=True)
        with keras.StatelessScope(list(given)):
            return self.objective(ids, targets)

    def _scaled(self, weights: list[Any], ids: Any, targets: Any) -> Any:
        """Return the loss to take the gradient of, and what to report."""
        loss, accuracy = self._losses(weights, ids, targets)
        return loss * self.loss_scale, (loss, accuracy)

    def _updated(
        self, gradients: list[Any], weights: list[Any], states: list[Any]
    ) -> list[Any]:
        """Return the new weights and the new states of the optimizer."""
        clipped = [shorten_to_one(g / self.loss_scale) for g in gradients]
        weights, states = self.optimizer.stateless_apply(states, clipped, weights)
        return [*weights, *states]
