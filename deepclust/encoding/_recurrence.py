"""The network's forward pass as TensorFlow trains it fastest on a CPU.

The same layers and weights as `Network.call`, with two differences in the work:

1. The input projections of all recurrent layers are done outside the time loops.
2. The gradient of a loop is written out: what can be computed for all steps at once is,
   so that a step has one product and a handful of operations, and the gradient of a
   recurrent kernel is one product in the end.

No state is masked. Where a text has ended, the forward states are not used again, and
the backward ones stay at zero, because input and output gate are closed there.

Imports TensorFlow.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepclust.encoding._network import Network

__all__ = ["forward"]

CLOSED = -1e4  # added to a gate; its sigmoid is 0

# The derivative of each activation, from its value.
_SLOPES: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda y: 1.0 - y * y,
    "sigmoid": lambda y: y * (1.0 - y),
    "relu": lambda y: tf.cast(y > 0.0, y.dtype),
    "softsign": lambda y: (1.0 - tf.abs(y)) ** 2,
    "linear": tf.ones_like,
}


def forward(network: Network, ids: Any) -> Any:
    """Repeat `Network.call`; its gradient is taken as usual.

    Parameters
    ----------
    ids : int32 (batch, time)
        Token ids, right-padded with 0.

    Returns
    -------
    embeddings : float32 (batch, embedding_dim)
    """
    by_time = tf.transpose(ids)
    words = tf.gather(network.words.embeddings.value, by_time)
    ended = tf.cast(tf.equal(by_time, 0), tf.float32)[..., None]
    rnn: Any = None
    branches = []
    if network.rnn is not None:
        cell = network.rnn.cell
        rnn = _rnn(
            cell.activation, _product(words, cell.kernel) + cell.bias,
            tf.convert_to_tensor(cell.recurrent_kernel),
        )  # fmt: skip
    if network.lstm is not None:
        layers = [network.lstm]
        if isinstance(network.lstm, keras.layers.Bidirectional):
            layers = [network.lstm.forward_layer, network.lstm.backward_layer]
        lower = rnn if network.fusion == "stack" and rnn is not None else words
        branches = [
            _one_way(layer.cell, lower, ended, backwards=place == 1)
            for place, layer in enumerate(layers)
        ]
    lstm = tf.concat(branches, axis=-1) if branches else None
    return network.join(words, rnn, lstm, tf.equal(ended[..., 0], 0.0), axis=0)


def _product(rows: Any, kernel: Any) -> Any:
    """Return (time, batch, n) times (n, m) as one product of two matrices."""
    flat = tf.matmul(tf.reshape(rows, (-1, rows.shape[-1])), kernel)
    return tf.reshape(flat, (*tf.unstack(tf.shape(rows)[:2]), flat.shape[-1]))


def _new_last(weight: Any) -> Any:
    """Bring the gates into the order input, forget, output, new."""
    enter, forget, new, leave = tf.split(weight, 4, axis=-1)
    return tf.concat([enter, forget, leave, new], axis=-1)


def _one_way(cell: Any, lower: Any, ended: Any, *, backwards: bool) -> Any:
    """Return what one LSTM makes of `lower`, float32 (time, batch, units)."""
    units = cell.units
    kernel, recurrent, bias = (
        _new_last(weight.value)
        for weight in (cell.kernel, cell.recurrent_kernel, cell.bias)
    )
    inputs = _product(lower, kernel) + bias
    if backwards:
        closed = np.repeat(np.array([CLOSED, 0.0, CLOSED, 0.0], np.float32), units)
        inputs += ended * closed
    return _lstm(cell.activation, inputs, recurrent, backwards)


def _loop(
    step: Callable[..., Any], n_steps: Any, states: Any, n_kept: int, backwards: bool
) -> Any:
    """Run `step(t, *states)` → (states, values); return the values by time."""
    kept = [tf.TensorArray(tf.float32, n_steps) for _ in range(n_kept)]

    def body(i: Any, kept: Any, states: Any) -> Any:
        """Make one step and keep its values at their time."""
        t = n_steps - 1 - i if backwards else i
        states, values = step(t, *states)
        kept = [array.write(t, v) for array, v in zip(kept, values, strict=True)]
        return i + 1, kept, states

    _, kept, _ = tf.while_loop(lambda i, *_: i < n_steps, body, (0, kept, states))
    return [array.stack() for array in kept]


def _found(values: Any, backwards: bool) -> Any:
    """Return what each step found: zeros, then the values of the step before."""
    zeros = tf.zeros_like(values[:1])
    parts = [values[1:], zeros] if backwards else [zeros, values[:-1]]
    return tf.concat(parts, axis=0)


def _kernel_gradient(found: Any, d_sums: Any) -> Any:
    """Return Σ_t found_tᵀ · d_sums_t."""
    flat = (tf.reshape(x, (-1, x.shape[-1])) for x in (found, d_sums))
    return tf.matmul(*flat, transpose_a=True)


def _rnn(activation: Any, inputs: Any, kernel: Any) -> Any:
    """Return the outputs h_t = activation(inputs_t + h_{t-1} · kernel).

    Parameters
    ----------
    inputs : float32 (time, batch, units)
    kernel : float32 (units, units)

    Returns
    -------
    outputs : float32 (time, batch, units)
    """
    slope = _SLOPES[activation.__name__]

    @tf.custom_gradient
    def run(inputs: Any, kernel: Any) -> Any:
        """Return the outputs, and how to take the gradient of them."""
        n_steps, zeros = tf.shape(inputs)[0], tf.zeros_like(inputs[0])

        def step(t: Any, state: Any) -> Any:
            state = activation(tf.gather(inputs, t) + tf.matmul(state, kernel))
            return [state], [state]

        (outputs,) = _loop(step, n_steps, [zeros], 1, False)

        def gradient(upstream: Any) -> Any:
            """Return the gradients of inputs and kernel, given that of the outputs."""
            slopes = slope(outputs)

            def back(t: Any, d_state: Any) -> Any:
                d_sums = (tf.gather(upstream, t) + d_state) * tf.gather(slopes, t)
                return [tf.matmul(d_sums, kernel, transpose_b=True)], [d_sums]

            (d_sums,) = _loop(back, n_steps, [zeros], 1, True)
            return d_sums, _kernel_gradient(_found(outputs, False), d_sums)

        return outputs, gradient

    return run(inputs, kernel)


def _lstm(activation: Any, inputs: Any, kernel: Any, backwards: bool) -> Any:
    """Return the outputs of an LSTM cell.

    Parameters
    ----------
    inputs : float32 (time, batch, 4 units)
        Sums of the gates input, forget, output and new, but for the recurrent part.

    kernel : float32 (units, 4 units)

    backwards : bool
        Whether time runs from the end.

    Returns
    -------
    outputs : float32 (time, batch, units)

    Notes
    -----
    With gates i, f, o, g, carry c_t = f c_{t-1} + i g and output h_t = o a(c_t), the
    gradient of a step's sums, given that of h_t and c_t, is

        dc += dh · o a'(c_t)
        (dc · g i (1-i),  dc · c_{t-1} f (1-f),  dh · a(c_t) o (1-o),  dc · i a'(g))

    and dc · f goes on to the step before. All factors are computed before the loop.
    """
    slope = _SLOPES[activation.__name__]

    @tf.custom_gradient
    def run(inputs: Any, kernel: Any) -> Any:
        """Return the outputs, and how to take the gradient of them."""
        n_steps, units = tf.shape(inputs)[0], kernel.shape[0]
        zeros = tf.zeros_like(inputs[0, :, :units])

        def step(t: Any, state: Any, carry: Any) -> Any:
            sums = tf.gather(inputs, t) + tf.matmul(state, kernel)
            gates = tf.sigmoid(sums[:, : 3 * units])
            new = activation(sums[:, 3 * units :])
            enter, forget, leave = tf.split(gates, 3, axis=1)
            carry = forget * carry + enter * new
            state = leave * activation(carry)
            return [state, carry], [state, carry, gates, new]

        outputs, *rest = _loop(step, n_steps, [zeros, zeros], 4, backwards)

        def gradient(upstream: Any) -> Any:
            """Return the gradients of inputs and kernel, given that of the outputs."""
            carries, gates, new = rest
            enter, forget, leave = tf.split(gates, 3, axis=2)
            ends = activation(carries)
            factors = tf.concat([new, _found(carries, backwards), ends], axis=2)
            factors *= gates * (1.0 - gates)
            factors = tf.concat([factors, enter * slope(new)], axis=2)
            to_carry = leave * slope(ends)

            def back(t: Any, d_state: Any, d_carry: Any) -> Any:
                d_state = d_state + tf.gather(upstream, t)
                d_carry = d_carry + d_state * tf.gather(to_carry, t)
                parts = [d_carry, d_carry, d_state, d_carry]
                d_sums = tf.concat(parts, axis=1) * tf.gather(factors, t)
                d_state = tf.matmul(d_sums, kernel, transpose_b=True)
                return [d_state, d_carry * tf.gather(forget, t)], [d_sums]

            (d_sums,) = _loop(back, n_steps, [zeros, zeros], 1, not backwards)
            return d_sums, _kernel_gradient(_found(outputs, backwards), d_sums)

        return outputs, gradient

    return run(inputs, kernel)
