"""A training step on PyTorch, through Keras' layers, one operation after the other.

Imports PyTorch where it is used, since it is optional.
"""

from collections.abc import Iterator
from typing import Any

from keras import ops

from deepclust.encoding._loss import Objective, shorten_to_one
from deepclust.encoding._network import Network

__all__ = ["Step", "compiled"]


def compiled(network: Network) -> Any:
    """Return a function of a batch of token ids: their embeddings."""
    import torch

    return torch.no_grad()(network)


class Step:
    """Change the weights a little, given a batch; as `_tensorflow_step.py`."""

    def __init__(self, objective: Objective, optimizer: Any, batch_size: int) -> None:
        self.objective = objective
        self.optimizer = optimizer
        half = objective.network.dtype_policy.name == "mixed_float16"
        self.loss_scale = 1024.0 if half else 1.0

    def __call__(self, ids: Any, targets: Any) -> tuple[Any, Any]:
        """Change the weights; return loss and accuracy before that."""
        import torch

        variables = self.objective.variables
        loss, accuracy = self.objective(*map(ops.convert_to_tensor, (ids, targets)))
        gradients = torch.autograd.grad(
            loss * self.loss_scale, [v.value for v in variables]
        )
        with torch.no_grad():
            clipped = [shorten_to_one(g / self.loss_scale) for g in gradients]
            self.optimizer.apply(clipped, variables)
        return loss.detach(), accuracy

    def measure(self, ids: Any, targets: Any) -> tuple[Any, Any]:
        """Return loss and accuracy of the weights as they are."""
        import torch

        with torch.no_grad():
            return self.objective(*map(ops.convert_to_tensor, (ids, targets)))

    def fed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Return the batches as they are."""
        return batches
