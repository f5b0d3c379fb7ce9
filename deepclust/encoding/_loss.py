"""The loss of training: the cross-entropy of every head, on any backend of Keras.

Imports Keras.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

__all__ = ["LOSSES", "HeadsLoss", "heads_accuracy"]


def _cross_entropy(target: Any, logits: Any) -> Any:
    return ops.sparse_categorical_crossentropy(target, logits, from_logits=True)


def _focal(target: Any, logits: Any) -> Any:
    loss = _cross_entropy(target, logits)
    return (1.0 - ops.exp(-loss)) ** 2 * loss


def _generalized_cross_entropy(target: Any, logits: Any) -> Any:
    return (1.0 - ops.exp(-0.7 * _cross_entropy(target, logits))) / 0.7


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "cross_entropy": _cross_entropy,
    "focal": _focal,
    "generalized_cross_entropy": _generalized_cross_entropy,
}


class HeadsLoss(keras.losses.Loss):
    """Weighted sum over heads of the mean loss of the texts with a known class.

    Parameters
    ----------
    loss : {"cross_entropy", "focal", "generalized_cross_entropy"}
        With p the probability of the target: -log p, -(1 - p)² log p [1]_, or
        (1 - p^0.7) / 0.7 [2]_.

    head_weights : sequence of float, length n_heads
        They are made to sum to 1.

    Notes
    -----
    `y_true` is int (batch, n_heads), -1 where no class is known; `y_pred` float
    (batch, n_heads, n_classes), logits; `sample_weight` float (batch,). With weights of
    mean 1, a text of weight 2 counts as two.

    References
    ----------
    .. [1] Lin et al., "Focal loss for dense object detection", ICCV 2017,
       doi:10.1109/ICCV.2017.324.
    .. [2] Zhang, Sabuncu, "Generalized cross entropy loss for training deep neural
       networks with noisy labels", NeurIPS 2018, doi:10.48550/arXiv.1805.07836.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._loss import HeadsLoss
    >>> logits = np.log([[[0.5, 0.5]], [[0.1, 0.9]]]).astype("float32")
    >>> loss = HeadsLoss("cross_entropy", [1.0])
    >>> round(float(loss(np.array([[0], [-1]]), logits)), 3)
    0.693
    """

    def __init__(self, loss: str, head_weights: Sequence[float]) -> None:
        super().__init__(name="loss")
        self.loss = LOSSES[loss]
        self.head_weights = np.asarray(head_weights, dtype=np.float32)
        self.head_weights /= self.head_weights.sum()

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch; weights become a column of the targets."""
        if sample_weight is not None:
            column = ops.cast(ops.reshape(sample_weight, (-1, 1)), "float32")
            y_true = ops.concatenate([ops.cast(y_true, "float32"), column], axis=1)
        return super().__call__(y_true, y_pred)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of a batch, float (1,); Keras takes the mean."""
        n_heads = len(self.head_weights)
        target, known = _known_targets(y_true[:, :n_heads])
        losses = self.loss(target, y_pred) * known
        if y_true.shape[1] > n_heads:
            losses *= y_true[:, n_heads:]
        n_known = ops.maximum(ops.sum(known, axis=0), 1.0)
        head_weights = ops.convert_to_tensor(self.head_weights)
        total = ops.sum(ops.sum(losses, axis=0) / n_known * head_weights)
        return ops.reshape(total, (1,))

    def by_chance(self, n_classes: np.ndarray) -> float:
        """Return the loss of equal probabilities, int (n_heads,) classes a head."""
        losses = [self.loss([0], np.zeros((1, n), dtype="f")) for n in n_classes]
        return float(np.ravel(ops.convert_to_numpy(losses)) @ self.head_weights)


def heads_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return the share of the known targets that are predicted, a mean over heads."""
    target, known = _known_targets(y_true)
    found = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
    hits = ops.cast(ops.equal(found, target), "float32") * known
    n_known = ops.maximum(ops.sum(known, axis=0), 1.0)
    return ops.mean(ops.sum(hits, axis=0) / n_known)


def _known_targets(y_true: Any) -> tuple[Any, Any]:
    """Return int32 targets from 0, and where they are known as float32 0 or 1."""
    known = ops.cast(y_true >= 0, "float32")
    return ops.cast(ops.maximum(y_true, 0), "int32"), known
