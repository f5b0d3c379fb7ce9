"""What RNNLSTMEncoder does behind its public methods: be taught, train, embed."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from deepclust import teaching
from deepclust.devices import on_device, refuse_forked_backend
from deepclust.exceptions import EmptyVocabularyError
from deepclust.guiding import keyword_labels
from deepclust.inference import SCALE, ForwardPass
from deepclust.sequences import TokenSequences
from deepclust.token_input import (
    check_ids,
    encode_labels,
    known_tokens,
    sequences_of_matrix,
    start_vectors,
)

__all__ = ["EmbeddingModel"]

UPDATES = 600  # of the weights, that epochs="auto" aims at

# Parameters of the encoder that the network and the training take as they are.
_NETWORK_OPTIONS = (
    "rnn_units", "lstm_units", "bidirectional", "fusion", "pooling", "activation",
    "embedding_dim", "train_word_vectors", "initializer",
)  # fmt: skip
_TRAINING_OPTIONS = (
    "optimizer", "momentum", "schedule", "loss", "batch_size", "word_dropout",
    "validation_fraction", "early_stopping", "patience", "verbose",
)  # fmt: skip


class EmbeddingModel:
    """The state of a fitted RNNLSTMEncoder and how it comes about; see there.

    The estimator assigns the parameters and validates; nothing here is public.
    """

    vector_dim: int
    objective: str
    granularity: int | str
    sharpening: float
    guide: dict[str, list[str]] | None
    label_weight: float
    optimizer: str
    learning_rate: float | str
    epochs: int | str
    batch_size: int
    device: str
    precision: str
    random_state: Any
    embedding_dim: int

    def _train(self, sequences: TokenSequences, labels: np.ndarray | None) -> None:
        """Be taught and learn; set everything fitted but `classes_`."""
        known = known_tokens(sequences)
        rows = np.flatnonzero(known.lengths)
        if len(rows) == 0:
            raise EmptyVocabularyError(
                f"None of the {len(known)} texts has a known token, so there is "
                "nothing to learn from. Lower min_df, or check the cleaning."
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 100))
        vectors = start_vectors(sequences, self.vector_dim, seed)
        labels = None if labels is None else labels[rows]
        lesson = self._teach(known[rows], labels, seed)
        weights, history = self._learn(known[rows], vectors, lesson, labels, seed)

        self.vocabulary_ = sequences.vocabulary
        self.embedding_dim_ = self.embedding_dim
        self.n_unknown_texts_ = len(known) - len(rows)
        self.n_parameters_ = sum(array.size for array in weights.values())
        self.weights_ = weights
        self._fitted_options = {n: getattr(self, n) for n in _NETWORK_OPTIONS}
        self._history = history
        self.granularity_ = lesson.n_groups
        self._agreement = lesson.agreement
        self.__dict__.pop("_network", None)

    def _labels(
        self, sequences: TokenSequences, y: Any
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return class numbers (-1: unlabelled) and the classes, or (None, None)."""
        if self.guide is None:
            return encode_labels(y, len(sequences))
        return encode_labels(y, len(sequences), keyword_labels(sequences, self.guide))

    def _teach(
        self, sequences: TokenSequences, labels: np.ndarray | None, seed: int
    ) -> teaching.Lesson:
        if self.objective == "labels":
            return teaching.Lesson([], None, [])
        vocabulary = sequences.vocabulary
        return teaching.teach(
            sequences,
            None if vocabulary is None else vocabulary.vectors,
            granularity=self.granularity,
            known=labels,
            seed=seed,
        )

    def _learn(
        self,
        sequences: TokenSequences,
        vectors: np.ndarray,
        lesson: teaching.Lesson,
        labels: np.ndarray | None,
        seed: int,
    ) -> tuple[dict[str, np.ndarray], list[dict[str, float]]]:
        """Return weights and training curve; every text has a token."""
        from deepclust import training
        from deepclust.networks import read_weights

        targets = {f"head_{i}/prototypes": t for i, t in enumerate(lesson.targets)}
        if labels is not None:
            targets["labels/prototypes"] = labels
        shares = self._shares(targets)
        with on_device(self.device, together=True):
            options = {name: getattr(self, name) for name in _NETWORK_OPTIONS}
            network = self._build_network(vectors, seed, options)
            run = self._training(len(sequences), seed)
            training.train_heads(
                network,
                sequences,
                list(targets.values()),
                run,
                head_weights=list(shares.values()),
            )
        weights = read_weights(network)
        weights |= dict(zip(targets, run.prototypes, strict=True))
        return weights, run.history

    def _shares(self, names: Iterable[str]) -> dict[str, float]:
        """Return the weight of each head: 1 for all self-taught ones together.

        Labels without a self-taught head beside them weigh 1.
        """
        heads = [name for name in names if name.endswith("/prototypes")]
        taught = [name for name in heads if name != "labels/prototypes"]
        shares = {name: 1.0 / len(taught) for name in taught}
        weight = self.label_weight if taught else 1.0
        return shares | {h: weight for h in heads if h not in shares}

    def _training(self, n_texts: int, seed: int) -> Any:
        """Return the training options as `deepclust.training.Training`."""
        from deepclust.training import Training

        rate: Any = self.learning_rate
        epochs: Any = self.epochs
        if rate == "auto":
            rate = 0.3 if self.optimizer == "sgd" else 0.003
        if epochs == "auto":
            per_epoch = math.ceil(n_texts / self.batch_size)
            epochs = int(np.clip(round(UPDATES / per_epoch), 4, 20))
        same = {name: getattr(self, name) for name in _TRAINING_OPTIONS}
        return Training(epochs=epochs, learning_rate=rate, seed=seed, **same)

    def _build_network(
        self, vectors: np.ndarray, seed: int, options: dict[str, Any]
    ) -> Any:
        from deepclust.networks import build_network

        dtype = "float32" if self.precision == "auto" else self.precision
        return build_network(vectors, dtype=dtype, seed=seed, **options)

    def _fitted_network(self) -> Any:
        """Return the Keras network with the fitted weights, built once a process."""
        if "_network" not in self.__dict__:
            from deepclust.networks import write_weights

            network = self._build_network(
                self.weights_["words"], 0, self._fitted_options
            )
            write_weights(network, self.weights_)
            self._network = network
        return self._network

    def _forward_pass(self, *, sharpened: bool = True) -> ForwardPass:
        return ForwardPass(self.weights_, **self._pass_options(sharpened=sharpened))

    def _pass_options(self, *, sharpened: bool = True) -> dict[str, Any]:
        names = ("fusion", "pooling", "activation")
        return {name: self._fitted_options[name] for name in names} | {
            "sharpening": self.sharpening if sharpened else 0.0,
            "scale": SCALE,
            "shares": self._shares(self.weights_),
        }

    def _class_shares(self, sequences: TokenSequences) -> np.ndarray:
        """Return the softmax of the labels' head, float32 (n_docs, n_classes)."""
        prototypes = self.weights_["labels/prototypes"]
        directions = prototypes / np.linalg.norm(prototypes, axis=1, keepdims=True)
        embeddings = self._forward_pass(sharpened=False)(sequences)
        logits = SCALE * np.einsum("nd,kd->nk", embeddings, directions)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=0))
        return odds / odds.sum(axis=1, keepdims=True)

    def _transform_keras(self, sequences: TokenSequences, *, device: str) -> np.ndarray:
        from deepclust.training import embed_with_keras

        refuse_forked_backend()
        with on_device(device):
            plain = embed_with_keras(self._fitted_network(), sequences)
        return self._forward_pass().sharpen_all(plain)

    def _check_sequences(self, X: Any, *, fitting: bool) -> TokenSequences:
        if isinstance(X, TokenSequences):
            if fitting:
                self.n_features_in_ = X.max_len
                self.__dict__.pop("feature_names_in_", None)
            sequences = X
        else:
            X = validate_data(
                self, X, reset=fitting, dtype="numeric", ensure_min_samples=int(fitting)
            )
            sequences = sequences_of_matrix(X)
        if not fitting:
            check_ids(sequences, len(self.weights_["words"]))
        return sequences
