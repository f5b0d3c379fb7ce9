"""The network's forward pass as TensorFlow trains it fastest on a CPU.

The same layers and weights as `Network.call`, with the input projections of all
recurrent layers outside the time loops. Imports TensorFlow.
"""

from typing import Any

import keras
import tensorflow as tf

from deepclust.networks import Network

__all__ = ["forward"]


def forward(network: Network, positions: Any, tokens: Any) -> Any:
    """Repeat `Network.call` with the input projections outside the time loops.

    Parameters
    ----------
    positions : int32 (batch, time)
        Indices into `tokens`; 0 is padding.

    tokens : int32 (n_distinct,)
        `tokens[0]` is 0.
    """
    real = tf.not_equal(positions, 0)
    steps = tf.transpose(real)[..., None]
    rows = tf.gather(network.words.embeddings.value, tokens)
    words = tf.gather(rows, positions)
    by_time = tf.transpose(positions)

    def run(layer: Any, lower: Any = None, backwards: bool = False) -> Any:
        cell = layer.cell
        if lower is None:
            inputs = tf.gather(tf.matmul(rows, cell.kernel) + cell.bias, by_time)
        else:
            inputs = tf.matmul(lower, cell.kernel) + cell.bias
        return recur(cell, inputs, steps, backwards)

    rnn = None if network.rnn is None else run(network.rnn)
    lower = rnn if network.fusion == "stack" else None
    lstm = network.lstm
    if isinstance(lstm, keras.layers.Bidirectional):
        both = [
            run(lstm.forward_layer, lower),
            run(lstm.backward_layer, lower, backwards=True),
        ]
        lstm = tf.concat(both, axis=-1)
    elif lstm is not None:
        lstm = run(lstm, lower)
    rnn, lstm = (
        None if branch is None else tf.transpose(branch, (1, 0, 2))
        for branch in (rnn, lstm)
    )
    return network.join(words, rnn, lstm, real)


def recur(cell: Any, inputs: Any, steps: Any, backwards: bool) -> Any:
    """Run one cell over time.

    Parameters
    ----------
    inputs : float32 (time, batch, width)
        Input times kernel, plus bias.

    steps : bool (time, batch, 1)
        Whether the position is real; elsewhere the state is carried on.

    Returns
    -------
    outputs : float32 (time, batch, units)
    """
    n_steps, n_rows = tf.shape(inputs)[0], tf.shape(inputs)[1]
    is_lstm = isinstance(cell, keras.layers.LSTMCell)
    inputs = tf.TensorArray(tf.float32, n_steps).unstack(inputs)
    steps = tf.TensorArray(tf.bool, n_steps).unstack(steps)
    outputs = tf.TensorArray(tf.float32, n_steps)
    states = (tf.zeros((n_rows, cell.units)),) * (2 if is_lstm else 1)

    def step(i: Any, outputs: Any, *states: Any) -> Any:
        t = n_steps - 1 - i if backwards else i
        sums = inputs.read(t) + tf.matmul(states[0], cell.recurrent_kernel.value)
        if is_lstm:
            enter, forget, new, leave = tf.split(sums, 4, axis=1)
            carry = tf.sigmoid(forget) * states[1]
            carry += tf.sigmoid(enter) * cell.activation(new)
            new_states = [tf.sigmoid(leave) * cell.activation(carry), carry]
        else:
            new_states = [cell.activation(sums)]
        real = steps.read(t)
        kept = [
            tf.where(real, new, old)
            for new, old in zip(new_states, states, strict=True)
        ]
        return i + 1, outputs.write(t, kept[0]), *kept

    _, outputs, *_ = tf.while_loop(
        lambda i, *_: i < n_steps, step, (0, outputs, *states)
    )
    return outputs.stack()
