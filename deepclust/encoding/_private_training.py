"""Train the network by DP-SGD: clipped gradients of every text, and noise.

1. The forward pass of `_network.py` once more, with the sum that enters each activation
   as a tensor of its own. Its gradient δ and the inputs x of the layer give the
   gradient of a kernel for text i, Σ_t x_it ⊗ δ_it.
2. The squared norm of that is Σ_st ⟨x_is, x_it⟩⟨δ_is, δ_it⟩ [1]_, so that no gradient
   of a single text is ever formed. Texts with a larger norm than `max_grad_norm`, over
   all weights, are scaled down to it, and one product sums up.
3. Poisson sampling and noise draw from the operating system's entropy, not from
   `random_state`: who knows the seed could subtract the noise.

Imports Keras and TensorFlow.

.. [1] Goodfellow, "Efficient per-example gradient computations", arXiv:1510.01799; Lee,
   Kifer, "Scaling up differentially private deep learning with fast per-example
   gradient clipping", PoPETs 2021, doi:10.2478/popets-2021-0008.
"""

import math
import secrets
import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tqdm import tqdm

from deepclust.encoding._inference import SCALE
from deepclust.encoding._loss import LOSSES
from deepclust.encoding._network import Network, PrototypeClassifier
from deepclust.encoding._privacy import DifferentialPrivacy, privacy_ledger
from deepclust.encoding._training import (
    TrainingOptions,
    as_array,
    cycles,
    drop_words,
    make_optimizer,
    padded,
)
from deepclust.sequences import UNKNOWN_ID, TokenSequences

__all__ = ["ClippedGradients", "poisson_sample", "train_heads_privately"]

MAX_NOISY_GRADIENT = 1.0  # norm of the gradient of a weight with its noise


def train_heads_privately(
    network: Network,
    sequences: TokenSequences,
    targets: list[np.ndarray],
    options: TrainingOptions,
    privacy: DifferentialPrivacy,
) -> tuple[list[np.ndarray], list[dict[str, float]], dict[str, Any]]:
    """Train the network, in place, as `train_heads` does, but with privacy.

    Parameters
    ----------
    network, sequences, targets
        As of `train_heads`.

    options : TrainingOptions
        `batch_size` is the expected number of texts in an update; `epochs="auto"` is a
        single cycle, whatever the loss is; `seed` is that of the initial prototypes
        alone. Nothing is held out, and there is no early stopping and no checkpoint.

    privacy : DifferentialPrivacy

    Returns
    -------
    prototypes : list of ndarray of shape (K_h, embedding_dim), float32

    history : list of dict
        As of `train_heads`; losses are means over the texts that were drawn.

    ledger : dict
        Of `privacy_ledger`.
    """
    classes = np.stack(targets, axis=1).astype(np.int32)
    n_docs, n_batches = len(sequences), math.ceil(len(sequences) / options.batch_size)
    n_epochs, _ = cycles(options.epochs, n_batches)
    share = min(options.batch_size / n_docs, 1.0)
    ledger = privacy_ledger(privacy, share, n_epochs * n_batches)
    model = PrototypeClassifier(network, classes.max(axis=0) + 1, seed=options.seed)
    variables, norm = model.trainable_variables, privacy.max_grad_norm
    optimizer = make_optimizer(
        options, n_epochs * n_batches, variables, MAX_NOISY_GRADIENT
    )
    gradients = ClippedGradients(model, options.loss, options.head_weights, norm)
    rng = np.random.default_rng(secrets.randbits(256))
    deviation = ledger["noise_multiplier"] * norm
    history = []
    for epoch in tqdm(range(n_epochs), desc="training", disable=not options.verbose):
        start, total = time.perf_counter(), np.zeros(3)
        for _ in range(n_batches):
            rows = poisson_sample(n_docs, share, rng)
            texts = drop_words(sequences[rows], options.word_dropout, rng)
            sums, figures = gradients(texts, classes[rows])
            total += figures
            noisy = _with_noise(sums, deviation, model, rng)
            optimizer.apply([g / (share * n_docs) for g in noisy])
        loss, hits, n_drawn = total
        history.append(
            {
                "epoch": epoch + 1,
                "loss": loss / max(n_drawn, 1.0),
                "val_loss": np.nan,
                "accuracy": hits / max(n_drawn, 1.0),
                "learning_rate": float(optimizer.learning_rate),
                "seconds": time.perf_counter() - start,
            }
        )
    return [as_array(p) for p in model.heads.prototypes], history, ledger


def poisson_sample(n_docs: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return row numbers, each of which is in by itself with probability `share`.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._private_training import poisson_sample
    >>> poisson_sample(4, 1.0, np.random.default_rng(0))
    array([0, 1, 2, 3])
    """
    return np.flatnonzero(rng.random(n_docs) < share)


def _with_noise(
    sums: list[Any], deviation: float, model: PrototypeClassifier, rng: Any
) -> list[Any]:
    """Return the sums with Gaussian noise; none for words that are in no text."""
    noisy = []
    for total, variable in zip(sums, model.trainable_variables, strict=True):
        noise = rng.normal(0.0, deviation, total.shape)
        if variable is model.network.words.embeddings:
            noise[: UNKNOWN_ID + 1] = 0.0
        noisy.append(tf.convert_to_tensor(total.numpy() + noise, tf.float32))
    return noisy


@dataclass
class Term:
    """A weight that takes part in a text's loss by x · kernel, or as a bias.

    Parameters
    ----------
    variable : keras.Variable
    inputs : tensor of shape (batch, time, inputs), or None for a bias
    product : tensor of shape (batch, time, outputs)
        What x · kernel is part of.
    """

    variable: Any
    inputs: Any
    product: Any

    def squared_norms(self, delta: Any) -> Any:
        """Return the squared norm of each text's gradient, (batch,)."""
        if self.inputs is None:
            return tf.reduce_sum(tf.reduce_sum(delta, axis=1) ** 2, axis=-1)
        of_inputs = tf.matmul(self.inputs, self.inputs, transpose_b=True)
        of_deltas = tf.matmul(delta, delta, transpose_b=True)
        return tf.reduce_sum(of_inputs * of_deltas, axis=[1, 2])

    def weighted_sum(self, delta: Any, scale: Any) -> Any:
        """Return Σ_i scale_i · gradient_i."""
        delta = delta * scale[:, None, None]
        if self.inputs is None:
            return tf.reduce_sum(delta, axis=[0, 1])
        return tf.einsum("bti,bto->io", self.inputs, delta)


class ClippedGradients:
    """Sums of the gradients of single texts, each clipped to a norm.

    Parameters
    ----------
    model : PrototypeClassifier

    loss : str
        A key of `LOSSES`.

    head_weights : list of float, length n_heads
        They are made to sum to 1.

    max_norm : float
        Over all trainable weights.
    """

    def __init__(
        self,
        model: PrototypeClassifier,
        loss: str,
        head_weights: list[float],
        max_norm: float,
    ) -> None:
        self.model = model
        self.loss = LOSSES[loss]
        self.head_weights = np.asarray(head_weights, dtype=np.float32)
        self.head_weights /= self.head_weights.sum()
        self.max_norm = max_norm
        signature = [
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, len(head_weights)), tf.int32),
        ]
        self.of_batch = tf.function(self._of_batch, input_signature=signature)

    def __call__(
        self, texts: TokenSequences, targets: np.ndarray
    ) -> tuple[list[Any], np.ndarray]:
        """Return the sum for every trainable weight; sums of loss, hits, and texts."""
        if len(texts) == 0:
            zeros = [tf.zeros(v.shape) for v in self.model.trainable_variables]
            return zeros, np.zeros(3)
        ids = padded(texts, np.arange(len(texts)))
        sums, losses, hits, _ = self.of_batch(ids, targets)
        return sums, np.array([losses.numpy().sum(), hits.numpy().sum(), len(texts)])

    def _of_batch(self, ids: Any, targets: Any) -> tuple[Any, ...]:
        """Return clipped sums; loss, accuracy and norm of each text."""
        network, heads = self.model.network, self.model.heads
        prototypes = tf.concat([p.value for p in heads.prototypes], axis=0)
        norms = tf.norm(prototypes, axis=1)
        terms: list[Term] = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            words = tf.gather(network.words.embeddings.value, ids)
            tape.watch(words)
            plain = _forward(network, words, tf.not_equal(ids, 0), terms, tape)
            cosines = tf.matmul(plain, prototypes / norms[:, None], transpose_b=True)
            tape.watch(cosines)
            losses, hits = self._losses(cosines, targets)
        watched = [words, cosines, *(term.product for term in terms)]
        of_words, of_cosines, *deltas = tape.gradient(losses, watched)
        # of P_k: (e - cos_k P_k / |P_k|) · dL/dcos_k / |P_k|
        slopes = of_cosines / norms
        squares = tf.reduce_sum(slopes**2 * (1.0 - cosines**2), axis=1)
        for term, delta in zip(terms, deltas, strict=True):
            squares += term.squared_norms(delta)
        if network.words.trainable:
            same = tf.cast(ids[:, :, None] == ids[:, None, :], tf.float32)
            products = tf.matmul(of_words, of_words, transpose_b=True)
            squares += tf.reduce_sum(same * products, axis=[1, 2])
        lengths = tf.sqrt(tf.maximum(squares, 0.0))
        scale = tf.minimum(1.0, self.max_norm / tf.maximum(lengths, 1e-12))
        sums = {
            id(term.variable): term.weighted_sum(delta, scale)
            for term, delta in zip(terms, deltas, strict=True)
        }
        if network.words.trainable:
            sums[id(network.words.embeddings)] = tf.math.unsorted_segment_sum(
                of_words * scale[:, None, None], ids, network.words.input_dim
            )
        slopes *= scale[:, None]
        along = tf.reduce_sum(slopes * cosines, axis=0) / norms
        whole = tf.matmul(slopes, plain, transpose_a=True) - along[:, None] * prototypes
        parts = tf.split(whole, heads.n_classes, axis=0)
        for prototype, part in zip(heads.prototypes, parts, strict=True):
            sums[id(prototype)] = part
        ordered = [sums[id(v)] for v in self.model.trainable_variables]
        return ordered, losses, hits, lengths

    def _losses(self, cosines: Any, targets: Any) -> tuple[Any, Any]:
        """Return loss and accuracy of each text, means over heads by their weight."""
        losses, hits, start = [], [], 0
        for head, n in enumerate(self.model.heads.n_classes):
            logits, target = SCALE * cosines[:, start : start + n], targets[:, head]
            known = tf.cast(target >= 0, tf.float32) * self.head_weights[head]
            losses.append(known * self.loss(tf.maximum(target, 0), logits))
            found = tf.argmax(logits, axis=1, output_type=tf.int32)
            hits.append(known * tf.cast(found == target, tf.float32))
            start += n
        return tf.add_n(losses), tf.add_n(hits)


def _forward(
    network: Network, words: Any, real: Any, terms: list[Term], tape: Any
) -> Any:
    """Return the embeddings as `Network.call` does; add a term for every weight."""

    def linear(layer: Any, inputs: Any) -> Any:
        """Return x · kernel + bias, and keep their terms."""
        product = inputs @ layer.kernel.value
        bias = getattr(layer, "bias", None)
        if bias is not None:
            product += bias.value
            tape.watch(product)
            terms.append(Term(bias, None, product))
        else:
            tape.watch(product)
        terms.append(Term(layer.kernel, inputs, product))
        return product

    def recurrent(layer: Any, inputs: Any) -> Any:
        """Return the hidden states of a SimpleRNN or LSTM."""
        product = linear(layer.cell, inputs)
        before, after = _states(layer, product, real)
        terms.append(Term(layer.cell.recurrent_kernel, before, product))
        return after

    def dense(layer: Any, inputs: Any) -> Any:
        """Return what a dense layer gives."""
        return layer.activation(linear(layer, inputs))

    rnn = lstm = None
    if network.rnn is not None:
        rnn = recurrent(network.rnn, words)
    if network.lstm is not None:
        below = rnn if network.fusion == "stack" and rnn is not None else words
        layer = network.lstm
        if isinstance(layer, keras.layers.Bidirectional):
            both = (layer.forward_layer, layer.backward_layer)
            lstm = tf.concat([recurrent(part, below) for part in both], axis=-1)
        else:
            lstm = recurrent(layer, below)
    fused = [branch for branch in (rnn, lstm) if branch is not None]
    if len(fused) == 2 and network.fusion == "stack":
        fused = [lstm]
    elif len(fused) == 2 and network.fusion != "concat":
        aligned, gate = dense(network.align, rnn), None
        if network.fusion == "gate":
            gate = dense(network.gate, tf.concat([rnn, lstm], axis=-1))
        mixed = gate * aligned + (1.0 - gate) * lstm if gate is not None else None
        fused = [aligned + lstm if mixed is None else mixed]
    features = tf.concat([*fused, words], axis=-1)
    pooled = _pooled(network.pooling, features, real, linear)
    return ops.normalize(dense(network.dense, pooled[:, None])[:, 0], axis=-1)


def _pooled(pooling: Any, features: Any, real: Any, linear: Any) -> Any:
    if pooling.mode != "attention":
        return pooling(features, real)
    scores = tf.where(real[..., None], linear(pooling, features), -1e9)
    return tf.reduce_sum(features * tf.nn.softmax(scores, axis=1), axis=1)


def _states(layer: Any, product: Any, real: Any) -> tuple[Any, Any]:
    """Return the hidden state before and after each position, (batch, time, units).

    Parameters
    ----------
    layer : keras.layers.SimpleRNN or LSTM
    product : tensor of shape (batch, time, units), or 4 × units of an LSTM
        Inputs times kernel, and the bias.
    real : bool tensor of shape (batch, time)
        The state does not change where it is False.
    """
    cell, kernel = layer.cell, layer.cell.recurrent_kernel.value
    empty = tf.zeros((tf.shape(product)[0], cell.units))

    def simple(state: Any, position: Any) -> Any:
        """Take a step of a SimpleRNN."""
        inputs, is_real = position
        new = cell.activation(inputs + state[0] @ kernel)
        return (tf.where(is_real[:, None], new, state[0]),)

    def gated(state: Any, position: Any) -> Any:
        """Take a step of an LSTM."""
        (hidden, memory), (inputs, is_real) = state, position
        parts = tf.split(inputs + hidden @ kernel, 4, axis=-1)
        enter, keep, leave = (
            cell.recurrent_activation(parts[gate]) for gate in (0, 1, 3)
        )
        new_memory = keep * memory + enter * cell.activation(parts[2])
        new = (leave * cell.activation(new_memory), new_memory)
        return tuple(
            tf.where(is_real[:, None], n, old)
            for n, old in zip(new, state, strict=True)
        )

    has_memory = isinstance(layer, keras.layers.LSTM)
    after, *_ = tf.scan(
        gated if has_memory else simple,
        (tf.transpose(product, (1, 0, 2)), tf.transpose(real)),
        (empty, empty) if has_memory else (empty,),
        reverse=layer.go_backwards,
    )
    if layer.go_backwards:
        before = tf.concat([after[1:], empty[None]], axis=0)
    else:
        before = tf.concat([empty[None], after[:-1]], axis=0)
    return tf.transpose(before, (1, 0, 2)), tf.transpose(after, (1, 0, 2))
