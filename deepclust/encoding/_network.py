"""The Keras network that turns token ids into one unit vector per text.

                    ┌ SimpleRNN ───────────┐
    ids → embedding ┼ Bidirectional(LSTM) ─┼ fusion → masked pooling → dense → unit norm
                    └ (the word itself) ───┘

Keras is the reference for the equations, the way onto a GPU and the owner of the
weights while they are trained; `_inference.py` repeats the forward pass in
numpy. Token ids are right-padded with 0, as the fused GPU kernels require.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from deepclust.encoding._inference import SCALE

__all__ = [
    "MaskedPooling",
    "Network",
    "PrototypeClassifier",
    "PrototypeHeads",
    "build_network",
    "read_weights",
]


class MaskedPooling(keras.layers.Layer):
    """Average a sequence over its real positions.

    Parameters
    ----------
    mode : {"attention", "mean", "max"}
        "attention" weighs position t by softmax_t(features_t · kernel).

    Notes
    -----
    Input float (batch, time, features) and bool mask (batch, time) or None; output
    float (batch, features).

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._network import MaskedPooling
    >>> features = np.array([[[1.0], [3.0], [9.0]]], dtype="float32")
    >>> pooled = MaskedPooling("mean")(features, np.array([[True, True, False]]))
    >>> float(pooled[0, 0])
    2.0
    """

    def __init__(
        self, mode: str = "attention", *, kernel_initializer: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.kernel_initializer = kernel_initializer or "glorot_uniform"

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of that shape."""
        if self.mode == "attention":
            self.kernel = self.add_weight(
                shape=(shape[-1], 1), initializer=self.kernel_initializer, name="kernel"
            )

    def call(self, features: Any, real: Any = None) -> Any:
        """Pool over the positions that are real; None: all are."""
        if self.mode == "max":
            if real is not None:
                features = ops.where(real[..., None], features, self._lowest())
            return ops.max(features, axis=1)
        if self.mode == "attention":
            # Not a product of matrices: the gradient of one with a single column is
            # summed in an order that depends on the number of threads.
            scores = ops.sum(features * self.kernel[:, 0], axis=-1, keepdims=True)
        else:
            scores = ops.zeros_like(features[..., :1])
        if real is not None:
            scores = ops.where(real[..., None], scores, self._lowest())
        scores = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        shares = scores / ops.sum(scores, axis=1, keepdims=True)
        return ops.sum(features * shares, axis=1)

    def _lowest(self) -> float:
        """Return a score that stands for minus infinity in the layer's arithmetic."""
        return -6e4 if self.compute_dtype == "float16" else -1e9


class PrototypeHeads(keras.layers.Layer):
    """One softmax per head: logits = 16 · cos(embedding, prototype).

    Parameters
    ----------
    n_classes : sequence of int
        Number of classes of each head.

    seed : int, default=0
        Of the normal initial prototypes.

    Notes
    -----
    Input float (batch, embedding_dim), unit norm; output float
    (batch, n_heads, max(n_classes)), -1e9 where a head has no such class.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._network import PrototypeHeads
    >>> tuple(PrototypeHeads([3, 5])(np.eye(2, 4, dtype="float32")).shape)
    (2, 2, 5)
    """

    def __init__(
        self, n_classes: Sequence[int], *, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.n_classes = tuple(max(int(n), 1) for n in n_classes)
        self.seed = seed

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of that shape."""
        self.prototypes = [
            self.add_weight(
                shape=(n, shape[-1]),
                initializer=keras.initializers.RandomNormal(seed=self.seed + head),
                name=f"prototypes_{head}",
            )
            for head, n in enumerate(self.n_classes)
        ]

    def call(self, embeddings: Any) -> Any:
        """Return the logits of every head."""
        prototypes = ops.normalize(ops.concatenate(self.prototypes, axis=0), axis=1)
        logits = SCALE * ops.matmul(embeddings, ops.transpose(prototypes))
        ends = [int(n) for n in np.cumsum(self.n_classes)[:-1]]
        most = max(self.n_classes)
        heads = [
            ops.pad(part, [[0, 0], [0, most - n]], constant_values=-1e9)
            for part, n in zip(
                ops.split(logits, ends, axis=1) if ends else [logits],
                self.n_classes,
                strict=True,
            )
        ]
        return ops.stack(heads, axis=1)


class Network(keras.Model):
    """Right-padded int32 ids (batch, time) → unit vectors (batch, embedding_dim).

    Build it with `build_network`. Layers that a configuration does not need are None:
    `rnn`, `lstm`, `align` (brings the RNN to the width of the LSTM) and `gate`.
    """

    def __init__(self, layers: dict[str, Any], fusion: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fusion = fusion
        self.words = layers["words"]
        self.rnn = layers.get("rnn")
        self.lstm = layers.get("lstm")
        self.align: Any = layers.get("align")
        self.gate: Any = layers.get("gate")
        self.pooling = layers["pooling"]
        self.dense = layers["dense"]

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights by one call: Keras would trace one for that."""
        self.call(np.ones((1, 1), dtype=np.int32))

    def call(self, ids: Any) -> Any:
        """Return the embeddings."""
        real = ops.not_equal(ids, 0)
        words = self.words(ids)
        rnn = lstm = None
        if self.rnn is not None:
            rnn = self.rnn(words, mask=real)
        if self.lstm is not None:
            stacked = self.fusion == "stack" and rnn is not None
            lstm = self.lstm(rnn if stacked else words, mask=real)
        features = ops.concatenate([*self._fuse(rnn, lstm), words], axis=-1)
        embeddings = self.dense(self.pooling(features, real))
        return _of_unit_length(ops.cast(embeddings, "float32"))

    def _fuse(self, rnn: Any, lstm: Any) -> list[Any]:
        """Return what stands beside the words, to be concatenated."""
        if rnn is None or lstm is None or self.fusion == "concat":
            return [branch for branch in (rnn, lstm) if branch is not None]
        if self.fusion == "stack":
            return [lstm]
        aligned = self.align(rnn)
        if self.fusion == "sum":
            return [aligned + lstm]
        share = self.gate(ops.concatenate([rnn, lstm], axis=-1))
        return [share * aligned + (1.0 - share) * lstm]


def _of_unit_length(x: Any) -> Any:
    """Return the rows at unit length; a row of zeros as it is.

    As `ops.normalize`, whose gradient at zero is not a number on PyTorch and JAX: the
    start of a text whose words have no vectors.
    """
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, keras.config.epsilon() ** 2))


class PrototypeClassifier(keras.Model):
    """Token ids → logits of every head: what is trained.

    Parameters
    ----------
    network : Network

    n_classes : sequence of int

    seed : int, default=0
        Of the initial prototypes.
    """

    def __init__(
        self, network: Network, n_classes: Sequence[int], *, seed: int = 0
    ) -> None:
        super().__init__()
        self.network = network
        self.heads = PrototypeHeads(n_classes, seed=seed, dtype="float32")
        self.heads.build((None, network.dense.units))
        self.built = True

    def call(self, ids: Any) -> Any:
        """Return the logits of every head."""
        return self.heads(self.network(ids))


def build_network(
    word_vectors: np.ndarray,
    *,
    rnn_units: int,
    lstm_units: int,
    bidirectional: bool,
    fusion: str,
    pooling: str,
    activation: str,
    embedding_dim: int,
    train_word_vectors: bool,
    kernel_initializer: str,
    dtype: str,
    seed: int = 0,
) -> Network:
    """Return a network with fresh weights.

    Parameters
    ----------
    word_vectors : ndarray of shape (n_tokens, vector_dim), float32
        Where the embedding starts; row 0 (padding) is zero.

    rnn_units, lstm_units : int
        Width of each branch (the LSTM has that many per direction); 0 leaves it out.

    bidirectional : bool
        Whether the LSTM also reads from the end.

    fusion : {"concat", "stack", "sum", "gate"}
        "concat": both branches side by side. "stack": the LSTM reads what the RNN
        wrote. "sum" and "gate": the RNN, brought to the LSTM's width, is added to the
        LSTM, or mixed with it by a learned sigmoid gate. The word itself is always
        kept beside them.

    pooling : {"attention", "mean", "max"}

    activation : str
        Of both recurrent branches. Anything but "tanh" rules out the fused GPU kernel.

    embedding_dim : int

    train_word_vectors : bool

    kernel_initializer : str
        A Keras initializer, for input and dense kernels; recurrent kernels start
        orthogonal.

    dtype : str
        A Keras dtype policy, such as "mixed_float16".

    seed : int, default=0
        The same seed gives the same weights.

    Returns
    -------
    network : Network

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.encoding._network import build_network
    >>> vectors = np.random.default_rng(0).normal(size=(10, 5)).astype("float32")
    >>> network = build_network(
    ...     vectors, rnn_units=4, lstm_units=4, bidirectional=True, fusion="concat",
    ...     pooling="mean", activation="tanh", embedding_dim=3, train_word_vectors=True,
    ...     kernel_initializer="glorot_uniform", dtype="float32")
    >>> tuple(network(np.array([[2, 3, 0]])).shape)
    (1, 3)
    """
    seeds = iter(range(seed, seed + 10))

    def fresh(name: str = kernel_initializer) -> Any:
        """Return an initializer with a seed of its own."""
        return _seeded_initializer(name, next(seeds))

    def layer(kind: Any, units: int, name: str, **options: Any) -> Any:
        """Return a dense layer, or a recurrent one with its output at every step."""
        options["kernel_initializer"] = fresh()
        if kind is not keras.layers.Dense:
            options["recurrent_initializer"] = fresh("orthogonal")
            options |= {"activation": activation, "return_sequences": True}
        return kind(units, dtype=dtype, name=name, **options)

    words = keras.layers.Embedding(
        *word_vectors.shape, trainable=train_word_vectors, dtype=dtype, name="words"
    )
    layers: dict[str, Any] = {"words": words}
    width = lstm_units
    if rnn_units:
        layers["rnn"] = layer(keras.layers.SimpleRNN, rnn_units, "rnn")
    if lstm_units:
        lstm = layer(keras.layers.LSTM, lstm_units, "lstm")
        if bidirectional:
            back = layer(keras.layers.LSTM, lstm_units, "lstm_back", go_backwards=True)
            lstm = keras.layers.Bidirectional(lstm, backward_layer=back)
            width = 2 * lstm_units
        layers["lstm"] = lstm
    if rnn_units and lstm_units and fusion in ("sum", "gate"):
        layers["align"] = layer(keras.layers.Dense, width, "align")
        if fusion == "gate":
            layers["gate"] = layer(
                keras.layers.Dense, width, "gate", activation="sigmoid"
            )
    layers["pooling"] = MaskedPooling(pooling, kernel_initializer=fresh(), dtype=dtype)
    layers["dense"] = layer(keras.layers.Dense, embedding_dim, "dense")
    network = Network(layers, fusion, dtype=dtype)
    network.build((None, None))
    network.words.embeddings.assign(word_vectors)
    return network


def _seeded_initializer(name: str, seed: int) -> Any:
    """Return the initializer of that name; one that draws numbers gets the seed."""
    initializer = keras.initializers.get(name)
    config = initializer.get_config()
    if "seed" in config:
        config["seed"] = seed
    return type(initializer).from_config(config)


def variables(network: Network) -> dict[str, Any]:
    """Return the network's Keras variables under the names that `inference` reads."""
    named = {"words": network.words.embeddings}
    cells = {"rnn": network.rnn, "lstm": network.lstm}
    if isinstance(network.lstm, keras.layers.Bidirectional):
        cells["lstm"] = network.lstm.forward_layer
        cells["lstm_back"] = network.lstm.backward_layer
    for name, layer in cells.items():
        if layer is not None:
            named[f"{name}/kernel"] = layer.cell.kernel
            named[f"{name}/recurrent_kernel"] = layer.cell.recurrent_kernel
            named[f"{name}/bias"] = layer.cell.bias
    for name in ("align", "gate", "dense"):
        layer = getattr(network, name)
        if layer is not None:
            named[f"{name}/kernel"], named[f"{name}/bias"] = layer.kernel, layer.bias
    if network.pooling.mode == "attention":
        named["attention/kernel"] = network.pooling.kernel
    return named


def read_weights(network: Network) -> dict[str, np.ndarray]:
    """Return a float32 copy of every weight, by name.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import RNNLSTMEncoder, TokenSequences
    >>> from deepclust.encoding._network import read_weights
    >>> texts = TokenSequences.from_lists([[2, 3, 4], [2, 4], [5, 6], [6, 7, 5]] * 5)
    >>> encoder = RNNLSTMEncoder(4, lstm_units=0, embedding_dim=3, random_state=0)
    >>> sorted(read_weights(encoder.fit(texts).network_))
    ['attention/kernel', 'dense/bias', 'dense/kernel', 'rnn/bias', 'rnn/kernel',
     'rnn/recurrent_kernel', 'words']
    """
    named = variables(network)
    return {
        name: ops.convert_to_numpy(variable.value).astype(np.float32)
        for name, variable in named.items()
    }


def write_weights(network: Network, weights: dict[str, np.ndarray]) -> None:
    """Assign every weight of `read_weights` to a network of the same configuration."""
    for name, variable in variables(network).items():
        variable.assign(weights[name])
