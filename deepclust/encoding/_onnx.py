"""The fitted network as an ONNX graph: padded token ids → unit vectors.

What the graph does, in the order of `_inference.py`:

1. Ids 0 (padding) and 1 (unknown) are taken out wherever they stand, and the matrix is
   cut to the longest text left.
2. Word vectors go through ONNX's own `RNN` and `LSTM` operators, which know the length
   of each text.
3. Fusion, masked pooling, dense layer, unit norm.
4. A step towards the prototypes of every head. A text without tokens becomes zero.

Written with the package `onnx` alone; nothing here imports TensorFlow or onnxruntime.
"""

from typing import Any

import numpy as np

from deepclust._optional import import_extra
from deepclust.encoding._inference import SCALE
from deepclust.metrics._pairwise import unit_rows

__all__ = ["build_model"]

OPSET = 17
IR_VERSION = 9
_ACTIVATIONS = {
    "tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid", "softsign": "Softsign",
    "linear": "Affine",
}  # fmt: skip


def build_model(
    weights: dict[str, np.ndarray],
    *,
    fusion: str,
    pooling: str,
    activation: str,
    prototype_weight: float = 0.0,
    head_weights: dict[str, float] | None = None,
    weight_type: str = "float32",
) -> Any:
    """Return the network as an ONNX model.

    Parameters
    ----------
    weights, fusion, pooling, activation, prototype_weight, head_weights
        As `ForwardPass` takes them.

    weight_type : {"float32", "int8"}, default="float32"
        How large weights are stored. "int8" keeps one byte a weight and one float32
        scale a word or unit; arithmetic stays float32.

    Returns
    -------
    model : onnx.ModelProto
        Input `token_ids`, int32 (n_docs, max_len); output `embeddings`, float32
        (n_docs, embedding_dim). Both sizes of the input are free.

    Raises
    ------
    MissingExtraError
        If the package `onnx` is not installed.

    Notes
    -----
    ONNX operator set 17. Symmetric quantization, w ≈ s · q with s = max|w| / 127 over
    one row of the word vectors or one column of a kernel.
    """
    onnx = import_extra("onnx", extra="onnx", purpose="Exporting to ONNX")
    graph = _Graph(onnx, quantized=weight_type == "int8")
    texts = _TextsInGraph(graph)
    network = _NetworkInGraph(graph, weights, texts, _ACTIVATIONS[activation])
    embeddings = network.embed(fusion, pooling)
    heads = [(weights[name], w) for name, w in (head_weights or {}).items()]
    if heads and prototype_weight:
        embeddings = _pull_to_prototypes(graph, embeddings, heads, prototype_weight)
    embeddings = graph.add("Mul", embeddings, texts.has_tokens())
    graph.add("Slice", embeddings, [0], [-1], [0], output="embeddings")
    return graph.model(int(weights["dense/kernel"].shape[1]))


class _Graph:
    """Collects nodes and weights; a value is known by its name, a str."""

    def __init__(self, onnx: Any, *, quantized: bool) -> None:
        self.onnx = onnx
        self.quantized = quantized
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, op: str, *inputs: Any, output: str = "", **attributes: Any) -> str:
        """Add a node; inputs are names, or numbers and arrays to store."""
        name = output or f"{op.lower()}_{len(self.nodes)}"
        outputs = [f"{name}/values", name] if op == "TopK" else [name]
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        self.nodes.append(
            self.onnx.helper.make_node(op, names, outputs, name=name, **attributes)
        )
        return name

    def constant(self, value: Any, name: str = "") -> str:
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        name = name or f"constant_{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def weight(self, array: np.ndarray, name: str, axis: int) -> str:
        """Store a weight; as int8, with one scale for each index along `axis`."""
        if not self.quantized or array.ndim < 2:
            return self.constant(array, name)
        stored, scales = _quantize(array, axis)
        self.constant(stored, f"{name}/int8")
        self.constant(scales, f"{name}/scale")
        zeros = np.zeros(len(scales), dtype=np.int8)
        return self.add(
            "DequantizeLinear", f"{name}/int8", f"{name}/scale", zeros, axis=axis
        )

    def model(self, embedding_dim: int) -> Any:
        """Return the ONNX model of the nodes added so far."""
        helper, types = self.onnx.helper, self.onnx.TensorProto
        ids = helper.make_tensor_value_info(
            "token_ids", types.INT32, ["n_docs", "max_len"]
        )
        result = helper.make_tensor_value_info(
            "embeddings", types.FLOAT, ["n_docs", embedding_dim]
        )
        stored = [
            self.onnx.numpy_helper.from_array(array, name)
            for name, array in self.constants.items()
        ]
        graph = helper.make_graph(self.nodes, "encoder", [ids], [result], stored)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(
            graph, opset_imports=opset, producer_name="deepclust", ir_version=IR_VERSION
        )
        self.onnx.checker.check_model(model)
        return model


class _TextsInGraph:
    """The known tokens of each text, time first, and the lengths."""

    def __init__(self, graph: _Graph) -> None:
        self.graph, add = graph, graph.add
        # One more row and column of padding: operators fail where there is none.
        padded = add("Pad", "token_ids", [0, 0, 1, 1])
        known = add("Cast", add("Greater", padded, np.int32(1)), to=6)
        self.lengths = add("ReduceSum", known, [1], keepdims=0)
        # Known tokens first, in their order: by the key known · 2³⁰ - position.
        width = add("Slice", add("Shape", padded), [1], [2])
        steps = add("Range", np.int64(0), add("Squeeze", width), np.int64(1))
        key = add("Mul", known, np.int32(2**30))
        key = add("Sub", key, add("Cast", steps, to=6))
        order = add("TopK", key, width, axis=1)
        moved = add("GatherElements", padded, order, axis=1)
        self.at_least_one = add("Max", self.lengths, np.int32(1))
        longest = add("ReduceMax", self.at_least_one, keepdims=1)
        cut = add("Slice", moved, [0], add("Cast", longest, to=7), [1])
        steps = add("Range", np.int32(0), add("Squeeze", longest), np.int32(1))
        inside = add("Less", add("Unsqueeze", steps, [1]), self.lengths)
        self.real = add("Unsqueeze", inside, [2])  # (time, n_docs, 1)
        by_time = add("Transpose", cut, perm=[1, 0])
        self.ids = add("Where", inside, by_time, np.int32(0))

    def has_tokens(self) -> str:
        """Return float32 (n_docs, 1): 0 for a text without known tokens."""
        some = self.graph.add("Greater", self.lengths, np.int32(0))
        return self.graph.add("Unsqueeze", self.graph.add("Cast", some, to=1), [1])


class _NetworkInGraph:
    def __init__(
        self,
        graph: _Graph,
        weights: dict[str, np.ndarray],
        texts: _TextsInGraph,
        activation: str,
    ) -> None:
        self.graph, self.weights, self.texts = graph, weights, texts
        self.activation = activation

    def embed(self, fusion: str, pooling: str) -> str:
        """Add the network; return the name of its output."""
        add = self.graph.add
        words = self._words()
        rnn = lstm = None
        if "rnn/kernel" in self.weights:
            rnn = self._recurrent("RNN", words, ["rnn"])
        if "lstm/kernel" in self.weights:
            cells = [n for n in ("lstm", "lstm_back") if f"{n}/kernel" in self.weights]
            stacked = rnn is not None and fusion == "stack"
            lstm = self._recurrent("LSTM", rnn if stacked else words, cells)
        features = add("Concat", *self._fuse(rnn, lstm, fusion), words, axis=2)
        embedded = self._dense(self._pool(features, pooling), "dense")
        return _unit(self.graph, embedded)

    def _words(self) -> str:
        add, table = self.graph.add, self.weights["words"]
        if not self.graph.quantized:
            return add("Gather", self.graph.constant(table, "words"), self.texts.ids)
        stored, scales = _quantize(table, 0)  # only the rows in use become floats
        rows = add("Gather", self.graph.constant(stored, "words/int8"), self.texts.ids)
        scale = self.graph.constant(scales[:, None], "words/scale")
        scale = add("Gather", scale, self.texts.ids)
        return add("Mul", add("Cast", rows, to=1), scale)

    def _recurrent(self, op: str, inputs: Any, cells: list[str]) -> str:
        """Return float32 (time, n_docs, units · directions)."""
        graph, parts = self.graph, [self._cell(op, name) for name in cells]
        kernel, recurrent, bias = (np.stack(part) for part in zip(*parts, strict=True))
        units, both = recurrent.shape[2], len(cells) == 2
        gates = [self.activation] if op == "RNN" else [
            "Sigmoid", self.activation, self.activation
        ]  # fmt: skip
        result = graph.add(
            op,
            inputs,
            self._stacked(kernel, f"{cells[0]}/kernel"),
            self._stacked(recurrent, f"{cells[0]}/recurrent_kernel"),
            bias,
            self.texts.at_least_one,
            hidden_size=units,
            direction="bidirectional" if both else "forward",
            activations=gates * len(cells),
            **self._affine(gates * len(cells)),
        )
        turned = graph.add("Transpose", result, perm=[0, 2, 1, 3])
        return graph.add("Reshape", turned, [0, 0, units * len(cells)])

    def _stacked(self, array: np.ndarray, name: str) -> str:
        # A scale has one axis only: both directions are stored as one matrix.
        flat = self.graph.weight(array.reshape(-1, array.shape[2]), name, axis=0)
        shape = np.array(array.shape, dtype=np.int64)
        return self.graph.add("Reshape", flat, shape)

    def _affine(self, gates: list[str]) -> dict[str, Any]:
        if "Affine" not in gates:
            return {}
        alpha = [1.0 for gate in gates if gate == "Affine"]
        return {"activation_alpha": alpha, "activation_beta": [0.0] * len(alpha)}

    def _cell(self, op: str, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ONNX's W, R and B, gates in the order input, output, forget, new."""
        kernel, recurrent, bias = (
            self.weights[f"{name}/{part}"].T
            for part in ("kernel", "recurrent_kernel", "bias")
        )
        if op == "LSTM":
            units = recurrent.shape[1]
            order = np.arange(4 * units).reshape(4, units)[[0, 3, 1, 2]].ravel()
            kernel, recurrent, bias = kernel[order], recurrent[order], bias[order]
        return kernel, recurrent, np.concatenate((bias, np.zeros_like(bias)))

    def _fuse(self, rnn: Any, lstm: Any, fusion: str) -> list[str]:
        if rnn is None or lstm is None or fusion == "concat":
            return [branch for branch in (rnn, lstm) if branch is not None]
        if fusion == "stack":
            return [lstm]
        add = self.graph.add
        aligned = self._dense(rnn, "align")
        if fusion == "sum":
            return [add("Add", aligned, lstm)]
        share = self._dense(add("Concat", rnn, lstm, axis=2), "gate")
        share = add("Sigmoid", share)
        difference = add("Mul", share, add("Sub", aligned, lstm))
        return [add("Add", lstm, difference)]

    def _pool(self, features: str, pooling: str) -> str:
        add, real = self.graph.add, self.texts.real
        if pooling == "max":
            masked = add("Where", real, features, -1e9)
            return add("ReduceMax", masked, axes=[0], keepdims=0)
        scores: Any = 0.0
        if pooling == "attention":
            scores = add("MatMul", features, self.weights["attention/kernel"])
        shares = add("Softmax", add("Where", real, scores, -1e9), axis=0)
        return add("ReduceSum", add("Mul", features, shares), [0], keepdims=0)

    def _dense(self, inputs: str, name: str) -> str:
        kernel = self.graph.weight(self.weights[f"{name}/kernel"], f"{name}/k", axis=1)
        product = self.graph.add("MatMul", inputs, kernel)
        return self.graph.add("Add", product, self.weights[f"{name}/bias"])


def _pull_to_prototypes(
    graph: _Graph,
    embeddings: str,
    heads: list[tuple[np.ndarray, float]],
    prototype_weight: float,
) -> str:
    """See `ForwardPass.pull_to_prototypes`."""
    total = sum(weight for _, weight in heads)
    retrieved = []
    for prototypes, weight in heads:
        directions = unit_rows(prototypes)
        logits = graph.add("MatMul", embeddings, (SCALE * directions).T)
        probabilities = graph.add("Softmax", logits, axis=1)
        pull = directions * np.float32(prototype_weight * weight / total)
        retrieved.append(graph.add("MatMul", probabilities, pull))
    kept = graph.add("Mul", embeddings, np.float32(1.0 - prototype_weight))
    return _unit(graph, graph.add("Sum", kept, *retrieved))


def _unit(graph: _Graph, rows: str) -> str:
    norms = graph.add("ReduceL2", rows, axes=[1], keepdims=1)
    return graph.add("Div", rows, graph.add("Max", norms, 1e-12))


def _quantize(array: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 values, and the float32 scale of each index along `axis`."""
    others = tuple(i for i in range(array.ndim) if i != axis)
    scales = np.abs(array).max(axis=others) / np.float32(127.0)
    scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
    shape = [-1 if i == axis else 1 for i in range(array.ndim)]
    return np.round(array / scales.reshape(shape)).astype(np.int8), scales
