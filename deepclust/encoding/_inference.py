"""The trained network's forward pass in numpy: token ids → unit vectors.

Recurrent inference is a chain of small matrix products, where a framework's cost per
step is larger than the products themselves. Here:

1. The distinct tokens of a chunk of texts are projected once (word vectors × input
   kernels + biases); a time step then only looks its rows up.
2. Texts up to 16 tokens are grouped by exact length; longer ones by length rounded up
   to a multiple of 16, and past a text's end its state is carried on unchanged.
3. σ(x) = ½ tanh(x/2) + ½, with the ½ folded into kernels and biases, so one tanh
   serves all four gates.
4. Matrix products are cut into stacks of 8 rows and run on one BLAS thread, and blocks
   of texts are spread over threads. A BLAS rounds a row by its place among the rows it
   multiplies together; in stacks this small it does not (checked at the first use,
   with 4, 2 and 1 to fall back on). So a text's embedding is the same, bit for bit,
   whatever else is in the batch and on any number of threads.

Nothing here imports TensorFlow. `_network.py` is the reference.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np

from deepclust._parallel import one_blas_thread
from deepclust.metrics._pairwise import unit_rows
from deepclust.sequences import TokenSequences

__all__ = ["ACTIVATIONS", "ForwardPass"]

SCALE = 16.0  # of the cosines in the softmax over prototypes
EXACT_LENGTH = 16  # tokens; longer texts share groups of 16 lengths
BLOCK_TOKENS = 16_384  # rows × length of a block stays below this
MAX_ROWS, MIN_ROWS = 128, 8
CHUNK = 16_384  # texts whose distinct tokens are projected together


@lru_cache(maxsize=256)
def rows_per_product(n_in: int, n_out: int) -> int:
    """Return how many rows can be multiplied together without changing one another."""
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((n_in, n_out), dtype=np.float32)
    row = rng.standard_normal(n_in, dtype=np.float32)
    for n_rows in (8, 4, 2):
        others = rng.standard_normal((n_rows, n_rows, n_in), dtype=np.float32)
        others[np.arange(n_rows), np.arange(n_rows)] = row
        places = np.matmul(others, kernel)[np.arange(n_rows), np.arange(n_rows)]
        if (places == places[0]).all():
            return n_rows
    return 1


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0)


def _softsign(x: np.ndarray) -> np.ndarray:
    return x / (1.0 + np.abs(x))


def _linear(x: np.ndarray) -> np.ndarray:
    return x


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "softsign": _softsign,
    "linear": _linear,
}


class ForwardPass:
    """Embed token sequences with given weights.

    Parameters
    ----------
    weights : dict of str to ndarray, float32
        As `read_weights` names them.

    fusion : {"concat", "stack", "sum", "gate"}

    pooling : {"attention", "mean", "max"}

    activation : str
        A key of `ACTIVATIONS`.

    prototype_weight : float, default=0.0
        Weight of the class prototypes in an embedding; see `pull_to_prototypes`.

    head_weights : dict of str to float, default=None
        Names of the prototypes in `weights` to use, and the weight of each head.

    Notes
    -----
    Time is linear in tokens. Memory beyond the result: about
    `BLOCK_TOKENS` × (rnn_units + 2 lstm_units + vector_dim) floats a thread, plus the
    projection of the distinct tokens of 16,384 texts.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TokenSequences
    >>> from deepclust.encoding._inference import ForwardPass
    >>> weights = {"words": np.eye(4, 2, -2, dtype="float32"),
    ...            "dense/kernel": np.eye(2, dtype="float32"),
    ...            "dense/bias": np.zeros(2, "float32")}
    >>> embed = ForwardPass(weights, fusion="concat", pooling="mean", activation="tanh")
    >>> embed(TokenSequences.from_lists([[2], [], [2, 3]])).round(2)
    array([[1.  , 0.  ],
           [0.  , 0.  ],
           [0.71, 0.71]], dtype=float32)
    """

    def __init__(
        self,
        weights: dict[str, np.ndarray],
        *,
        fusion: str,
        pooling: str,
        activation: str,
        prototype_weight: float = 0.0,
        head_weights: dict[str, float] | None = None,
    ) -> None:
        self.weights = weights
        self.prototype_weight = prototype_weight
        head_weights = head_weights or {}
        self.heads = []
        for name, weight in head_weights.items():
            directions = unit_rows(weights[name])
            back = directions * np.float32(weight / sum(head_weights.values()))
            self.heads.append((np.ascontiguousarray(directions.T), back))
        self.fusion = fusion
        self.pooling = pooling
        self.activation = ACTIVATIONS[activation]
        names = ("rnn", "lstm", "lstm_back")
        self.cells = {
            name: _cell_weights(weights, name)
            for name in names
            if f"{name}/kernel" in weights
        }
        shapes = [array.shape for name, array in weights.items() if "kernel" in name]
        shapes += [part.shape for head in self.heads for part in head]
        self.stack = min(rows_per_product(*shape) for shape in shapes)
        stacked = fusion == "stack" and "rnn" in self.cells
        self.over_words = [n for n in self.cells if n == "rnn" or not stacked]

    def __call__(self, sequences: TokenSequences) -> np.ndarray:
        """Return float32 (n_docs, embedding_dim); an empty text gets zeros.

        Parameters
        ----------
        sequences : TokenSequences
            Ids from 1 up to the number of rows of `weights["words"]`.

        Returns
        -------
        embeddings : ndarray of shape (n_docs, embedding_dim), float32
        """
        width = self.weights["dense/kernel"].shape[1]
        result = np.zeros((len(sequences), width), dtype=np.float32)
        with one_blas_thread() as n_threads, ThreadPoolExecutor(n_threads) as pool:
            for start in range(0, len(sequences), CHUNK):
                chunk = sequences[start : start + CHUNK]
                tables, positions = self._project(chunk.ids)

                def run(
                    block: tuple[np.ndarray, int, int],
                    chunk: TokenSequences = chunk,
                    tables: dict[str, np.ndarray] = tables,
                    positions: np.ndarray = positions,
                    start: int = start,
                ) -> None:
                    """Embed one block and put its rows into their places."""
                    rows, length, n_rows = block
                    ids = np.zeros((length, n_rows), dtype=np.intp)
                    lengths = np.zeros(n_rows, dtype=np.intp)
                    lengths[: len(rows)] = chunk.lengths[rows]
                    for t in range(length):
                        alive = np.flatnonzero(lengths > t)
                        ids[t, alive] = positions[chunk.offsets[rows[alive]] + t]
                    block_result = self._run_block(tables, ids, lengths)
                    result[start + rows] = block_result[: len(rows)]

                list(pool.map(run, _blocks(chunk.lengths)))
        return result

    def pull_all_to_prototypes(self, embeddings: np.ndarray) -> np.ndarray:
        """Apply `pull_to_prototypes` to any number of rows; zero rows stay zero."""
        padded = np.zeros(
            (_round_up(len(embeddings)), embeddings.shape[1]), dtype=np.float32
        )
        padded[: len(embeddings)] = embeddings
        with one_blas_thread():
            moved = self.pull_to_prototypes(padded)[: len(embeddings)]
        moved[~embeddings.any(axis=1)] = 0.0
        return moved

    def _project(self, ids: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return input × kernel + bias of the distinct tokens, and where each id is.

        Row 0 of every table stands for padding.
        """
        used = np.zeros(len(self.weights["words"]), dtype=bool)
        used[0] = True
        used[ids] = True
        tokens = np.flatnonzero(used)
        positions = (np.cumsum(used) - 1)[ids]
        words = np.zeros(
            (_round_up(len(tokens)), self.weights["words"].shape[1]), dtype=np.float32
        )
        words[: len(tokens)] = self.weights["words"][tokens]
        tables = {"words": words}
        for name in self.over_words:
            kernel, _, bias = self.cells[name]
            tables[name] = self._product(words, kernel)
            tables[name] += bias
        return tables, positions

    def _run_block(
        self, tables: dict[str, np.ndarray], ids: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray:
        """Embed the texts of one block: ids (length, rows) → (rows, embedding_dim)."""
        ended = None
        if ids.shape[0] > EXACT_LENGTH:
            ended = np.arange(ids.shape[0])[:, None] >= lengths
        outputs: dict[str, np.ndarray] = {}
        for name, (kernel, recurrent, bias) in self.cells.items():
            inputs: Any
            if name in self.over_words:
                inputs = _Lookup(tables[name], ids)
            else:
                inputs = self._product(outputs["rnn"], kernel)
                inputs += bias
            run = self._run_rnn if name == "rnn" else self._run_lstm
            outputs[name] = run(inputs, recurrent, ended, name == "lstm_back")
        words = tables["words"][ids]
        features = [*self._fuse(outputs), words]
        pooled = np.concatenate(self._pool(features, lengths, ended), axis=1)
        embedded = self._product(pooled, self.weights["dense/kernel"])
        embedded += self.weights["dense/bias"]
        return self.pull_to_prototypes(unit_rows(embedded))

    def pull_to_prototypes(self, embeddings: np.ndarray) -> np.ndarray:
        """Move unit vectors towards the prototypes of their likely classes.

        With prototypes P_h of head h, weights w_h that sum to 1, scale s and
        `prototype_weight` a, a vector z becomes the unit vector along
        (1 - a) z + a Σ_h w_h P_hᵀ softmax(s P_h z): one step of retrieval from a modern
        Hopfield network [1]_. Texts on whose class the heads agree move together;
        others stay between the classes, so that density has gaps.

        Parameters
        ----------
        embeddings : ndarray of shape (n, embedding_dim), float32
            n a multiple of 8.

        Returns
        -------
        moved : ndarray of shape (n, embedding_dim), float32

        References
        ----------
        .. [1] Ramsauer et al., "Hopfield networks is all you need", ICLR 2021,
           arXiv:2008.02217.
        """
        if not self.heads or self.prototype_weight == 0.0:
            return embeddings
        retrieved = np.zeros_like(embeddings)
        for directions, back in self.heads:
            probabilities = self._product(embeddings, directions)
            probabilities *= np.float32(SCALE)
            probabilities -= probabilities.max(axis=1, keepdims=True)
            np.exp(probabilities, out=probabilities)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            retrieved += self._product(probabilities, back)
        weight = np.float32(self.prototype_weight)
        return unit_rows((1 - weight) * embeddings + weight * retrieved)

    def _product(
        self, rows: np.ndarray, kernel: np.ndarray, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return rows (..., m) times kernel (m, k), `self.stack` rows at a time."""
        if out is None:
            out = np.empty((*rows.shape[:-1], kernel.shape[1]), dtype=np.float32)
        stacks = rows.reshape(-1, self.stack, rows.shape[-1])
        np.matmul(stacks, kernel, out=out.reshape(-1, self.stack, kernel.shape[1]))
        return out

    def _run_rnn(
        self, inputs: Any, recurrent: np.ndarray, ended: np.ndarray | None, _: bool
    ) -> np.ndarray:
        """Return h_t = activation(inputs_t + h_{t-1} · recurrent), for every step t."""
        n_steps, n_rows = len(inputs), inputs.shape[1]
        outputs = np.empty((n_steps, n_rows, recurrent.shape[0]), dtype=np.float32)
        state = np.zeros((n_rows, recurrent.shape[0]), dtype=np.float32)
        for t in range(n_steps):
            if t == 0:  # the state is zero
                outputs[t] = inputs[t]
            else:
                self._product(state, recurrent, out=outputs[t])
                outputs[t] += inputs[t]
            outputs[t] = self.activation(outputs[t])
            if ended is not None:
                np.copyto(outputs[t], state, where=ended[t][:, None])
            state = outputs[t]
        return outputs

    def _run_lstm(
        self,
        inputs: Any,
        recurrent: np.ndarray,
        ended: np.ndarray | None,
        backwards: bool,
    ) -> np.ndarray:
        """Return the outputs of an LSTM, for every step."""
        n_steps, n_rows, units = len(inputs), inputs.shape[1], recurrent.shape[0]
        outputs = np.empty((n_steps, n_rows, units), dtype=np.float32)
        state = np.zeros((n_rows, units), dtype=np.float32)
        carry = np.zeros((n_rows, units), dtype=np.float32)
        sums = np.empty((n_rows, 4 * units), dtype=np.float32)
        gates, new = sums[:, : 3 * units], sums[:, 3 * units :]
        scale, shift = _gates_of_tanh(units)
        enter, forget, leave = (sums[:, k * units : (k + 1) * units] for k in range(3))
        for step, t in enumerate(range(n_steps)[:: -1 if backwards else 1]):
            if step == 0:  # the state is zero
                sums[...] = inputs[t]
            else:
                self._product(state, recurrent, out=sums)
                sums += inputs[t]
            if self.activation is np.tanh:
                np.tanh(sums, out=sums)
            else:
                np.tanh(gates, out=gates)
                new[...] = self.activation(new)
            sums *= scale
            sums += shift
            enter *= new
            forget *= carry
            forget += enter
            alive = True if ended is None else ~ended[t][:, None]
            np.copyto(carry, forget, where=alive)
            np.multiply(leave, self.activation(forget), out=outputs[t])
            if ended is not None:
                np.copyto(outputs[t], state, where=ended[t][:, None])
            state = outputs[t]
        return outputs

    def _fuse(self, outputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Return what stands beside the words; see `Network`."""
        lstm = [outputs[name] for name in ("lstm", "lstm_back") if name in outputs]
        rnn = [outputs["rnn"]] if "rnn" in outputs else []
        if not rnn or not lstm or self.fusion == "concat":
            return rnn + lstm
        if self.fusion == "stack":
            return lstm
        second = np.concatenate(lstm, axis=-1)
        first = self._product(rnn[0], self.weights["align/kernel"])
        first += self.weights["align/bias"]
        if self.fusion == "sum":
            return [first + second]
        both = np.concatenate([rnn[0], second], axis=-1)
        share = self._product(both, self.weights["gate/kernel"])
        share = _sigmoid(share + self.weights["gate/bias"])
        return [share * first + (1.0 - share) * second]

    def _pool(
        self, features: list[np.ndarray], lengths: np.ndarray, ended: np.ndarray | None
    ) -> list[np.ndarray]:
        """Return each part (time, rows, width) as one (rows, width)."""
        n_steps, n_rows, _ = features[0].shape
        if self.pooling == "max":
            if ended is not None:
                for part in features:
                    part[ended] = -1e9
            return [part.max(axis=0) for part in features]
        if self.pooling == "attention":
            scores = np.zeros((n_steps, n_rows), dtype=np.float32)
            first = 0
            for part in features:
                kernel = self.weights["attention/kernel"][first : first + part.shape[2]]
                scores += self._product(part, kernel)[..., 0]
                first += part.shape[2]
            if ended is not None:
                scores[ended] = -np.inf
                scores[:, lengths == 0] = 0.0
            scores = np.exp(scores - scores.max(axis=0))
            scores /= scores.sum(axis=0)
        elif ended is None:
            scores = np.full((n_steps, n_rows), 1.0 / n_steps, dtype=np.float32)
        else:
            scores = (~ended / np.maximum(lengths, 1)).astype(np.float32)
        pooled = [part[0] * scores[0][:, None] for part in features]
        for t in range(1, n_steps):
            for total, part in zip(pooled, features, strict=True):
                total += part[t] * scores[t][:, None]
        return pooled


def _gates_of_tanh(units: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b of a · x + b: ½ and ½ for the three gates, 1 and 0 for the rest.

    On a whole array, rows in one piece, this is faster than on the gates alone.
    """
    scale = np.repeat(np.array([0.5, 1.0], dtype=np.float32), [3 * units, units])
    return scale, np.float32(1.0) - scale


class _Lookup:
    """Rows of a table by time step, each fetched only when it is asked for."""

    def __init__(self, table: np.ndarray, ids: np.ndarray) -> None:
        self.table, self.ids = table, ids
        self.shape = (*ids.shape, table.shape[1])
        self.buffer = np.empty(self.shape[1:], dtype=np.float32)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, t: int) -> np.ndarray:
        return np.take(self.table, self.ids[t], axis=0, out=self.buffer, mode="clip")


def _round_up(n: Any, multiple: int = MIN_ROWS) -> Any:
    return -(-n // multiple) * multiple


def _cell_weights(
    weights: dict[str, np.ndarray], name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel, recurrent kernel and bias, ready for the loops above.

    An LSTM's gates are brought from Keras' order (input, forget, new, output) into
    (input, forget, output, new), and halved but for the last.
    """
    parts = ("kernel", "recurrent_kernel", "bias")
    arrays = [weights[f"{name}/{part}"] for part in parts]
    if name != "rnn":
        for i, array in enumerate(arrays):
            enter, forget, new, leave = np.split(array, 4, axis=-1)
            arrays[i] = np.concatenate(
                [0.5 * enter, 0.5 * forget, 0.5 * leave, new], axis=-1
            )
    return arrays[0], arrays[1], arrays[2]


def _blocks(lengths: np.ndarray) -> Iterator[tuple[np.ndarray, int, int]]:
    """Yield (row numbers, padded length, number of rows to compute), longest first."""
    padded = np.where(lengths > EXACT_LENGTH, _round_up(lengths, 16), lengths)
    order = np.argsort(-padded, kind="stable")
    groups, starts = np.unique(-padded[order], return_index=True)
    for rows, length in zip(np.split(order, starts[1:]), -groups, strict=True):
        if length == 0:
            continue
        n_rows = MAX_ROWS
        while n_rows > MIN_ROWS and n_rows * length > BLOCK_TOKENS:
            n_rows //= 2
        for start in range(0, len(rows), n_rows):
            some = rows[start : start + n_rows]
            yield some, int(length), _round_up(len(some))
