"""The loss of training: every head's cross-entropy, on any back end of Keras.

Imports Keras.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from deepclust.encoding._network import SCALE, CosineHeads, Network

__all__ = ["Objective", "shorten_to_one"]


def _same(value: Any) -> Any:
    return value


class Objective:
    """Token ids and the class each head should see in them → loss and accuracy.

    Parameters
    ----------
    network : Network

    heads : CosineHeads
        Built, one for each column of the targets.

    shares : ndarray of shape (n_heads,), float32
        Weight of each head in the loss.

    loss : {"cross_entropy", "focal", "generalized"}, default="cross_entropy"
        With p the probability of the target, -log p, -(1 - p)² log p, or
        (1 - p^0.7) / 0.7.

    Attributes
    ----------
    variables : list of keras.Variable
        What training changes.

    embed : callable
        Token ids → embeddings: the network, or what does the same faster.

    total : callable
        Brings a sum over this device's rows to the sum over those of all devices.

    argmax : callable
        That of Keras, or one without its care for the sign of zeros.
    """

    def __init__(
        self,
        network: Network,
        heads: CosineHeads,
        shares: np.ndarray,
        loss: str = "cross_entropy",
    ) -> None:
        self.network = network
        self.heads = heads
        self.shares = shares
        self.loss = LOSSES[loss]
        self.embed: Callable[[Any], Any] = network
        self.total: Callable[[Any], Any] = _same
        self.argmax: Callable[[Any, int], Any] = ops.argmax
        self.variables = network.trainable_variables + heads.trainable_variables

    def __call__(self, ids: Any, targets: Any) -> tuple[Any, Any]:
        """Return the loss, and the share of the targets that the heads find.

        Parameters
        ----------
        ids : int32 (batch, time)
            Token ids, right-padded with 0.

        targets : int32 (batch, n_heads)
            Class numbers; -1 does not count.
        """
        logits = self._logits(self.embed(ids))
        known = ops.cast(targets >= 0, "float32")
        n_known = ops.maximum(self.total(ops.sum(known, axis=0)), 1.0)
        each = self.loss(ops.maximum(targets, 0), logits)
        found = self.argmax(logits, 2)
        hits = ops.cast(ops.equal(found, ops.cast(targets, found.dtype)), "float32")
        losses = ops.sum(each * known, axis=0) / n_known
        accuracy = ops.mean(ops.sum(hits, axis=0) / n_known)
        return ops.sum(losses * ops.convert_to_tensor(self.shares)), accuracy

    def _logits(self, embeddings: Any) -> Any:
        """Return the logits of all heads, padded, float32 (batch, heads, classes)."""
        together = ops.concatenate([p.value for p in self.heads.prototypes], axis=0)
        directions = ops.normalize(together, axis=1)
        logits = SCALE * ops.matmul(embeddings, ops.transpose(directions))
        sizes = self.heads.n_classes
        ends = [int(n) for n in np.cumsum(sizes)[:-1]]
        parts = ops.split(logits, ends, axis=1) if ends else [logits]
        heads = [
            ops.pad(part, [[0, 0], [0, max(sizes) - n]], constant_values=-1e9)
            for part, n in zip(parts, sizes, strict=True)
        ]
        return ops.stack(heads, axis=1)


def shorten_to_one(gradient: Any) -> Any:
    """Bring the gradient of a weight to norm 1 if it is longer.

    Summed column by column first: a full sum is split among threads, and its rounding
    would depend on their number.
    """
    squares = ops.reshape(gradient * gradient, (-1, gradient.shape[-1]))
    norm = ops.sqrt(ops.sum(ops.sum(squares, axis=0)))
    return gradient / ops.maximum(norm, 1.0)


def _cross_entropy(target: Any, logits: Any) -> Any:
    return ops.sparse_categorical_crossentropy(target, logits, from_logits=True)


def _focal(target: Any, logits: Any) -> Any:
    loss = _cross_entropy(target, logits)
    return (1.0 - ops.exp(-loss)) ** 2 * loss


def _generalized(target: Any, logits: Any) -> Any:
    return (1.0 - ops.exp(-0.7 * _cross_entropy(target, logits))) / 0.7


LOSSES = {
    "cross_entropy": _cross_entropy,
    "focal": _focal,
    "generalized": _generalized,
}
