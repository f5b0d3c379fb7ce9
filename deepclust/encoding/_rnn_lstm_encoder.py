"""RNNLSTMEncoder: token sequences → one unit vector per text, without labels.

1. Pseudo-labels: partitions of the texts, found in their words (`pseudo_labels`);
   labels and seed words, where given, are a further classification (`_encode_labels`).
2. Network: Keras layers, trained to predict all of them (`_network.py`,
   `_training.py`).
3. `transform`: the forward pass in numpy, and a step towards the class prototypes
   (`_inference.py`).
"""

from collections.abc import Iterable
from dataclasses import fields
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import (
    _safe_indexing,
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from deepclust._atomic_file import replacing
from deepclust._estimators import CallbackMixin, VersionsMixin, fit_task
from deepclust._parallel import one_blas_thread, refuse_beyond_memory
from deepclust.encoding._devices import (
    on_device,
    refuse_forked_backend,
    refuse_other_backends,
)
from deepclust.encoding._inference import ACTIVATIONS, SCALE, ForwardPass
from deepclust.encoding._privacy import DifferentialPrivacy
from deepclust.encoding._validation import (
    check_document_vectors,
    check_ids,
    check_training_parameters,
    grown_vectors,
    known_tokens,
    sequences_of_matrix,
    start_vectors,
)
from deepclust.exceptions import EmptyVocabularyError
from deepclust.metrics._known_labels import encode_labels
from deepclust.metrics._pairwise import unit_rows
from deepclust.sequences import TokenSequences

if TYPE_CHECKING:
    from deepclust.pseudo_labels import PseudoLabels

__all__ = ["RNNLSTMEncoder"]

# Parameters of the encoder that the network and the training take as they are.
_NETWORK_OPTIONS = (
    "rnn_units", "lstm_units", "bidirectional", "fusion", "pooling", "activation",
    "embedding_dim", "train_word_vectors", "kernel_initializer",
)  # fmt: skip
_MANY_DOCS = 38_400  # texts, four passes of which are 600 updates of 256
_FINER_WEIGHT = 0.25  # of the head of a finer layer, of that of a flat one
_LSTM_VALUES = 6  # of each unit and step: four gates, cell and output


class RNNLSTMEncoder(CallbackMixin, TransformerMixin, VersionsMixin, BaseEstimator):
    """Encode texts with a recurrent network trained on these texts alone.

    Word vectors pass through a SimpleRNN and a bidirectional LSTM [1]_ side by side.
    Both outputs and the word vectors are pooled over the text by attention and
    projected to `embedding_dim`, at unit length. Without labels the network is trained
    by cross-entropy on pseudo-labels: partitions of the same texts by a mixture model
    of their words, whose number of components is chosen by stability
    (`deepclust.pseudo_labels`). Labels, where there are any, are a further
    classification to learn. In `transform`, each embedding is moved towards the
    prototypes of its likely classes.

    Parameters
    ----------
    rnn_units : int, default=64
        Width of the simple recurrent layer; 0 leaves it out.

    lstm_units : int, default=96
        Width of the LSTM, per direction; 0 leaves it out.

    bidirectional : bool, default=True
        Whether the LSTM also reads from the end.

    fusion : {"concat", "stack", "sum", "gate"}, default="concat"
        How the two layers meet: side by side, the LSTM on top of the RNN, added, or
        mixed by a learned gate.

    pooling : {"attention", "mean", "max"}, default="attention"
        How a text's positions become one vector.

    activation : {"tanh", "relu", "sigmoid", "softsign", "linear"}, default="tanh"
        Of the recurrent layers. A GPU's fused kernel knows "tanh" only.

    embedding_dim : int, default=64
        Width of the result.

    vector_dim : int, default=100
        Width of the word vectors where the sequences bring none.

    word_dropout : float, default=0.5
        Share of the words taken out of each text, anew in every epoch.

    train_word_vectors : bool, default=True
        Whether the word vectors are trained further.

    kernel_initializer : str, default="glorot_uniform"
        Keras initializer of input and dense kernels.

    objective : {"self_supervised", "supervised"}, default="self_supervised"
        "self_supervised" learns pseudo-labels, and labels where there are any;
        "supervised" learns labels only.

    n_pseudo_classes : int or "auto", default="auto"
        Number of classes of the pseudo-labels. One further partition has a fifth fewer,
        and one a quarter more. "auto" chooses the number by stability. The number of
        clusters is found later, by density, and may differ.

    prototype_weight : float, default=0.75
        Weight, from 0 to below 1, of the class prototypes in an embedding: 0 returns
        the output of the network; near 1, the texts of a class coincide.

    seed_words : dict of str to list of str, default=None
        Topics and words of each, such as `{"billing": ["invoice", "refund"]}`. A text
        that has words of exactly one topic is labeled with it, unless `y` gives it a
        label; it is passed over also where its other words are more probable in another
        topic.

    label_weight : float, default=0.3
        Weight of the labels in the loss, against 1 for all pseudo-labels together. The
        labeled classes are classes of the pseudo-labels, too; a large weight makes
        unlabeled texts join them.

    loss : {"cross_entropy", "focal", "generalized_cross_entropy"}, \
            default="cross_entropy"
        "focal" [2]_ gives weight to uncertain texts; "generalized_cross_entropy" [3]_
        takes it from texts whose target is improbable.

    optimizer : str, default="sgd"
        A Keras optimizer, such as "sgd" (with Nesterov momentum), "adam", "rmsprop",
        "adamw". The gradient of each weight is clipped to norm 0.1.

    learning_rate : float or "auto", default="auto"
        Peak of the schedule; "auto" is 0.3 for "sgd" and 0.003 otherwise.

    momentum : float, default=0.9
        Momentum of "sgd".

    learning_rate_schedule : {"cosine", "linear", "constant"}, default="cosine"
        "cosine" rises linearly over the first 2 % of the updates and falls to 0;
        "linear" falls to 0.

    epochs : int or "auto", default="auto"
        Passes over the texts. "auto" takes one to four cycles, each of about 600
        updates in 4 to 20 passes, until the loss is at most a third of that of equal
        class probabilities, or less than 5 % below that of the cycle before.

    batch_size : int or "auto", default="auto"
        Texts per update. "auto" takes 128, and 256 from 38,400 texts on, where the 600
        updates of a cycle are made in 4 passes even so.

    validation_fraction : float, default=0.0
        Share of the texts held out to report `val_loss`.

    early_stopping : bool, default=False
        Stop when the validation loss (the training loss if nothing is held out) no
        longer falls, and restore the weights of the best epoch.

    patience : int, default=3
        Epochs without improvement before early stopping.

    device : {"auto", "cpu", "gpu"}, default="auto"
        Where to train; "auto" takes a GPU if there is one, "gpu" all there are.
        `transform` runs in numpy unless `device="gpu"`.

    dtype_policy : {"auto", "float32", "mixed_float16", "mixed_bfloat16"}, \
            default="auto"
        Keras dtype policy of the training; "auto" is float32. Weights are float32.

    privacy : DifferentialPrivacy, default=None
        Train with a bound on what the weights tell about any one text. It covers the
        weights alone, not vocabulary, pseudo-labels, `history_` or keywords: see
        `deepclust.encoding.DifferentialPrivacy`. Sampling and noise then come from the
        operating system, so that no two fits are alike; `batch_size` is an expected
        value, and `epochs="auto"` one cycle. Needs TensorFlow and float32.

    checkpoint_dir : path, default=None
        Folder for a checkpoint after each epoch, of which two are kept. A fit that was
        killed is called again, with the same texts, parameters, versions and a number
        as `random_state`, and goes on; on a CPU the weights are those of an
        uninterrupted fit, bit for bit. They are removed when training is complete. A
        checkpoint holds weights, but no text.

    random_state : int, RandomState instance or None, default=None
        The same number gives the same embeddings.

    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    weights_ : dict of str to ndarray, float32
        All trained weights, by name.

    history_ : pandas DataFrame
        The training curve: epoch, loss, val_loss, accuracy, learning_rate, seconds.

    classes_ : ndarray of shape (n_classes,)
        The labels. Only after `fit` with labels or seed words.

    vocabulary_ : Vocabulary or None
        Of the sequences given to `fit`.

    embedding_dim_ : int
        Width of the result.

    n_features_in_ : int
        Width of the padded matrix given to `fit`.

    n_parameters_ : int
        Number of weights.

    n_pseudo_classes_ : int or None
        Number of classes of the pseudo-labels; None if there are none.

    selection_results_ : pandas DataFrame
        A row per number of components that was tried: n_components; kappa and
        mutual_info (in nats) of two mixtures, each fitted on half of the vocabulary;
        stability, the kappa of two mixtures, each fitted on half of the texts; score,
        their product, which decides; compared, whether more than the screening tried
        it; and supported, whether it is the number that was selected or the finest that
        the texts support. Empty if `n_pseudo_classes` was given.

    view_weight_ : float or None
        How much the views by pretrained vectors counted, against 1 for either view of
        the words: 2, 1 or 0; None if there were no such vectors.

    privacy_ledger_ : dict
        What was spent: epsilon, delta, max_grad_norm, noise_multiplier, sampling_rate,
        n_steps. Only after `fit` with `privacy`.

    n_unknown_texts_ : int
        Number of texts given to `fit` without a known token; their embedding is zero.

    See Also
    --------
    Vectorizer : Makes the token sequences.
    DBSCAN : Clusters the embeddings.

    Notes
    -----
    Time is linear in the number of tokens. On one CPU core, with the default sizes,
    about 6,000 titles a second and epoch are trained, and 50,000 titles a second
    transformed. Memory: three times the weights, and a batch.

    An embedding does not depend on the other texts of the call or on the number of
    threads, bit for bit. Unknown tokens (id 1) are left out.

    References
    ----------
    .. [1] Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8),
       1997, doi:10.1162/neco.1997.9.8.1735.
    .. [2] Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection",
       ICCV 2017, doi:10.1109/ICCV.2017.324.
    .. [3] Zhang, Sabuncu, "Generalized cross entropy loss for training deep neural
       networks with noisy labels", NeurIPS 2018, doi:10.48550/arXiv.1805.07836.

    Examples
    --------
    >>> from deepclust import RNNLSTMEncoder, TokenSequences
    >>> texts = TokenSequences.from_lists([[2, 3, 4], [2, 4], [5, 6], [6, 7, 5]] * 5)
    >>> encoder = RNNLSTMEncoder(4, lstm_units=4, embedding_dim=3, random_state=0)
    >>> encoder.fit_transform(texts).shape
    (20, 3)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "rnn_units": [Interval(Integral, 0, None, closed="left")],
        "lstm_units": [Interval(Integral, 0, None, closed="left")],
        "bidirectional": ["boolean"],
        "fusion": [StrOptions({"concat", "stack", "sum", "gate"})],
        "pooling": [StrOptions({"attention", "mean", "max"})],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "vector_dim": [Interval(Integral, 1, None, closed="left")],
        "word_dropout": [Interval(Real, 0, 1, closed="left")],
        "train_word_vectors": ["boolean"],
        "kernel_initializer": [str],
        "objective": [StrOptions({"self_supervised", "supervised"})],
        "n_pseudo_classes": [
            StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")
        ],
        "prototype_weight": [Interval(Real, 0, 1, closed="left")],
        "seed_words": [dict, None],
        "label_weight": [Interval(Real, 0, None, closed="neither")],
        "loss": [StrOptions({"cross_entropy", "focal", "generalized_cross_entropy"})],
        "optimizer": [str],
        "learning_rate": [
            StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")
        ],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "learning_rate_schedule": [StrOptions({"cosine", "linear", "constant"})],
        "epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "device": [StrOptions({"auto", "cpu", "gpu"})],
        "dtype_policy": [
            StrOptions({"auto", "float32", "mixed_float16", "mixed_bfloat16"})
        ],
        "privacy": [DifferentialPrivacy, None],
        "checkpoint_dir": [str, PathLike, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }  # fmt: skip

    def __init__(
        self,
        rnn_units: int = 64,
        *,
        lstm_units: int = 96,
        bidirectional: bool = True,
        fusion: str = "concat",
        pooling: str = "attention",
        activation: str = "tanh",
        embedding_dim: int = 64,
        vector_dim: int = 100,
        word_dropout: float = 0.5,
        train_word_vectors: bool = True,
        kernel_initializer: str = "glorot_uniform",
        objective: str = "self_supervised",
        n_pseudo_classes: int | str = "auto",
        prototype_weight: float = 0.75,
        seed_words: dict[str, list[str]] | None = None,
        label_weight: float = 0.3,
        loss: str = "cross_entropy",
        optimizer: str = "sgd",
        learning_rate: float | str = "auto",
        momentum: float = 0.9,
        learning_rate_schedule: str = "cosine",
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        validation_fraction: float = 0.0,
        early_stopping: bool = False,
        patience: int = 3,
        device: str = "auto",
        dtype_policy: str = "auto",
        privacy: DifferentialPrivacy | None = None,
        checkpoint_dir: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.rnn_units = rnn_units
        self.lstm_units = lstm_units
        self.bidirectional = bidirectional
        self.fusion = fusion
        self.pooling = pooling
        self.activation = activation
        self.embedding_dim = embedding_dim
        self.vector_dim = vector_dim
        self.word_dropout = word_dropout
        self.train_word_vectors = train_word_vectors
        self.kernel_initializer = kernel_initializer
        self.objective = objective
        self.n_pseudo_classes = n_pseudo_classes
        self.prototype_weight = prototype_weight
        self.seed_words = seed_words
        self.label_weight = label_weight
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.device = device
        self.dtype_policy = dtype_policy
        self.privacy = privacy
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state
        self.verbose = verbose

    @fit_task(lambda encoder: None if encoder.epochs == "auto" else encoder.epochs)
    def fit(
        self,
        X: Any,
        y: Any = None,
        document_vectors: Any = None,
        sample_weight: Any = None,
    ) -> "RNNLSTMEncoder":
        """Make pseudo-labels and train the network.

        Parameters
        ----------
        X : TokenSequences or array-like of int, shape (n_docs, max_len)
            Token ids, right-padded with 0; 1 is an unknown token.

        y : array-like of shape (n_docs,), default=None
            Labels; -1, None, NaN, NA or "" where a text has none.

        document_vectors : array-like of shape (n_docs, dim), float, default=None
            Embeddings of the texts by another model, such as a sentence transformer.
            The pseudo-labels learn from them as from the words, as far as the words
            bear it (`view_weight_`), and the network learns
            the pseudo-labels from the words alone: neither `transform` nor a later
            step needs them, and none of them is kept. Without effect with
            `objective="supervised"`.

        sample_weight : array-like of shape (n_docs,), float, default=None
            Weights of the texts in the loss of the network, as if a text were there so
            many times. Texts of weight 0 take no part in `fit`. The pseudo-labels are
            made without weights.

        Returns
        -------
        self : RNNLSTMEncoder

        Raises
        ------
        ValueError
            If X holds negative numbers or fractions, or y has another length, or
            `document_vectors` are not finite or not one row per text; if weights are
            negative, all 0, or go with `privacy`; if `checkpoint_dir` has a checkpoint
            of another fit; if `privacy` or `checkpoint_dir` does not go with another
            parameter.
        MissingExtraError
            If `privacy` needs the package dp-accounting.
        EmptyVocabularyError
            (a `ValueError`) If no text has a known token.
        MemoryError
            If a batch or the weights are beyond the machine's memory; names what to
            lower.
        RuntimeError
            In a forked child of a process that uses TensorFlow (or PyTorch or JAX, if
            Keras runs on that), where training would hang; with `device="gpu"` and no
            GPU; where Keras runs on any other backend.
        """
        self._validate_params()
        check_training_parameters(self.get_params(deep=False))
        refuse_forked_backend()
        refuse_other_backends()
        sequences = self._check_sequences(X, fitting=True)
        document_vectors = check_document_vectors(document_vectors, len(sequences))
        weights = self._check_weights(sample_weight, sequences)
        if weights is not None and not weights.all():
            check_consistent_length(sequences, y)
            take = np.flatnonzero(weights)
            sequences, weights = sequences[take], weights[take]
            y = None if y is None else _safe_indexing(y, take)
            if document_vectors is not None:
                document_vectors = document_vectors[take]
        labels, classes = self._encode_labels(sequences, y)
        known = known_tokens(sequences)
        rows = known.content_order()  # samples and batches do not depend on the order
        rows = rows[known.lengths[rows] > 0]
        if len(rows) == 0:
            raise EmptyVocabularyError(
                f"None of the {len(known)} texts has a known token, so there is "
                "nothing to learn from. Lower min_df, or check the cleaning."
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 100))
        vectors = start_vectors(sequences, self.vector_dim, seed)
        self._refuse_beyond_memory(known, vectors)
        texts, labels = known[rows], None if labels is None else labels[rows]
        if document_vectors is not None:
            document_vectors = document_vectors[rows]
        weights = None if weights is None else weights[rows]
        pseudo_labels = self._make_pseudo_labels(texts, labels, document_vectors, seed)
        self._learn(texts, vectors, pseudo_labels, labels, seed, weights=weights)
        self.vocabulary_ = sequences.vocabulary
        self.n_unknown_texts_ = len(known) - len(rows)
        self.__dict__.pop("classes_", None)
        if classes is not None:
            self.classes_ = classes
        return self

    def partial_fit(
        self, X: Any, y: Any = None, *, clusters: Any = None
    ) -> "RNNLSTMEncoder":
        """Go on learning, from texts of before and further ones.

        Parameters
        ----------
        X : TokenSequences or array-like of int, shape (n_docs, max_len)
            Texts of before, so that they are not forgotten, and new ones. Ids of before
            are the same; sequences with a vocabulary may hold further ones.

        y : None
            Ignored.

        clusters : array-like of shape (n_docs,), int, default=None
            Cluster of each text of before; -1 for noise and for new texts. These
            clusters are components of the new pseudo-labels from the start.

        Returns
        -------
        self : RNNLSTMEncoder

        Raises
        ------
        ValueError
            If the encoder learned from labels or seed words, `clusters` has another
            length, X is none, or `privacy` is set.
        EmptyVocabularyError
            (a `ValueError`) If no text has a known token.

        Notes
        -----
        The network starts from its weights. New rows of its word embedding are those of
        the vocabulary, by the linear map that brings old ones nearest to what they have
        become (least squares). Pseudo-labels are made anew. Where nothing was learned
        so far, it is `fit`. Time and memory of a `fit` on these texts.
        """
        if not hasattr(self, "weights_"):
            return self.fit(X)
        if hasattr(self, "classes_"):
            raise ValueError(
                "partial_fit does not go on from labels or seed_words. Fit again on "
                "all texts; with warm_start=True, a TextClusterer keeps ids and names."
            )
        if self.privacy is not None:
            raise ValueError(
                "partial_fit would spend the budget of privacy= again. Call fit on all "
                "texts."
            )
        self._validate_params()
        check_training_parameters(self.get_params(deep=False))
        refuse_forked_backend()
        grows = isinstance(X, TokenSequences) and X.vocabulary is not None
        sequences = X if grows else self._check_sequences(X, fitting=False)
        known = known_tokens(sequences)
        rows = np.flatnonzero(known.lengths)
        if clusters is not None:
            clusters = column_or_1d(clusters).astype(np.int32)
            check_consistent_length(clusters, known)
            clusters = clusters[rows] if (clusters[rows] >= 0).any() else None
        if len(rows) == 0:
            raise EmptyVocabularyError(
                f"None of the {len(known)} texts has a known token."
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 100))
        vectors = self.weights_["words"]
        if grows:
            start = start_vectors(sequences, self.vector_dim, seed)
            vectors = grown_vectors(vectors, start)
        self._refuse_beyond_memory(known, vectors)
        pseudo_labels = self._make_pseudo_labels(known[rows], clusters, None, seed)
        self._learn(known[rows], vectors, pseudo_labels, None, seed, self.weights_)
        self.vocabulary_ = sequences.vocabulary if grows else self.vocabulary_
        self.n_unknown_texts_ = len(known) - len(rows)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return one unit vector per text.

        Parameters
        ----------
        X : TokenSequences or array-like of int, shape (n_docs, max_len)
            May have no rows.

        Returns
        -------
        embeddings : ndarray of shape (n_docs, embedding_dim), float32
            Zero where a text has no known token.

        Raises
        ------
        ValueError
            If a token id is negative, a fraction, or unknown to the fitted encoder.
        """
        check_is_fitted(self, "weights_")
        sequences = known_tokens(self._check_sequences(X, fitting=False))
        if self.device == "gpu":
            return self._transform_keras(sequences, device="gpu")
        return self._forward_pass()(sequences)

    @available_if(lambda self: hasattr(self, "classes_"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each label; only after `fit` with labels.

        Parameters
        ----------
        X : TokenSequences or array-like of int, shape (n_docs, max_len)

        Returns
        -------
        probabilities : ndarray of shape (n_docs, n_classes), float32
            Columns follow `classes_`. Equal where a text has no known token.
        """
        check_is_fitted(self, "weights_")
        sequences = known_tokens(self._check_sequences(X, fitting=False))
        return self._class_probabilities(sequences)

    def related_embeddings(self, embeddings: Any) -> np.ndarray:
        """Move embeddings so that those of related topics are near each other.

        The classes of a softmax lie in nearly orthogonal directions: which of them are
        the nearest to each other is partly chance. Related are classes whose texts
        partitions into fewer classes join. `TextClusterer` groups its broader layers by
        the means of clusters, moved so.

        Parameters
        ----------
        embeddings : array-like of shape (n_rows, embedding_dim), float
            Such as means of the rows of `transform`.

        Returns
        -------
        moved : ndarray of shape (n_rows, embedding_dim), float32
            Of unit length. Where it is not known which classes are related, with
            `objective="supervised"`, with `privacy`, and after `load` of a file for
            predictions, the embeddings as they are.

        Raises
        ------
        ValueError
            If the rows have another length than embeddings, or are not finite.

        Notes
        -----
        O(n_rows × n_classes × embedding_dim) time.

        Examples
        --------
        >>> from deepclust import RNNLSTMEncoder, TokenSequences
        >>> texts = TokenSequences.from_lists([[2, 3, 4], [2, 4], [5, 6], [6, 7]] * 5)
        >>> encoder = RNNLSTMEncoder(4, lstm_units=0, embedding_dim=3, random_state=0)
        >>> embeddings = encoder.fit_transform(texts)
        >>> encoder.related_embeddings(embeddings).shape
        (20, 3)
        """
        check_is_fitted(self)
        embeddings = check_array(embeddings, dtype=np.float32)
        if embeddings.shape[1] != self.embedding_dim_:
            raise ValueError(
                f"related_embeddings takes rows of {self.embedding_dim_} features, as "
                f"of transform. Received: {embeddings.shape}."
            )
        related = getattr(self, "_related", {})
        if not related:
            return embeddings
        moved = np.zeros_like(embeddings)
        with one_blas_thread():
            for name, weight in self._head_weights(related).items():
                cosines = unit_rows(embeddings) @ unit_rows(self.weights_[name]).T
                moved += weight * softmax(SCALE * cosines, axis=1) @ related[name]
        return unit_rows(moved)

    def export_onnx(self, path: Any, *, weight_type: str = "float32") -> Path:
        """Write the encoder as an ONNX file: padded token ids → embeddings.

        Parameters
        ----------
        path : path
            Of the file, which is replaced.

        weight_type : {"float32", "int8"}, default="float32"
            How weights are stored; "int8" takes about a quarter of the space.

        Returns
        -------
        path : Path

        Raises
        ------
        MissingExtraError
            If the package `onnx` is not installed.

        See Also
        --------
        deepclust.persistence._export.export_pipeline : Also writes the tokenizer.

        Notes
        -----
        Input `token_ids`, int32 (n_docs, max_len); output `embeddings`, float32
        (n_docs, embedding_dim), those of `transform` to 1e-5 with float32 weights.
        """
        check_is_fitted(self, "weights_")
        if weight_type not in ("float32", "int8"):
            raise ValueError(
                "The 'weight_type' parameter of export_onnx must be 'float32' or "
                f"'int8'. Received: {weight_type!r}."
            )
        from deepclust.encoding._onnx import build_model

        model = build_model(
            self.weights_, **self._pass_options(), weight_type=weight_type
        )
        path = Path(path)
        with replacing(path) as part:
            part.write_bytes(model.SerializeToString())
        return path

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns: "embedding0", "embedding1", ...

        `input_features`, which a pipeline passes, are the words, not columns of X.
        """
        check_is_fitted(self, "weights_")
        names = [f"embedding{i}" for i in range(self.embedding_dim_)]
        return np.array(names, dtype=object)

    @property
    def history_(self) -> pd.DataFrame:
        check_is_fitted(self, "weights_")
        return pd.DataFrame(self._history)

    @property
    def selection_results_(self) -> pd.DataFrame:
        check_is_fitted(self, "weights_")
        columns = [
            "n_components", "kappa", "mutual_info", "stability", "score", "compared",
            "supported",
        ]  # fmt: skip
        return pd.DataFrame(self._selection_results, columns=columns)

    @property
    def network_(self) -> Any:
        """The Keras network with the fitted weights, built once per process."""
        check_is_fitted(self, "weights_")
        return self._fitted_network()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_network"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

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

    def _check_weights(
        self, sample_weight: Any, sequences: TokenSequences
    ) -> np.ndarray | None:
        """Return weights of the texts, float64 (n_docs,); None if there are none."""
        if sample_weight is None:
            return None
        if self.privacy is not None:
            raise ValueError("privacy= does not go with sample_weight.")
        weights = _check_sample_weight(
            sample_weight, sequences, dtype=np.float64, ensure_non_negative=True
        )
        if not weights.any():
            raise ValueError(
                "Sample weights must contain at least one non-zero number."
            )
        return weights

    def _encode_labels(
        self, sequences: TokenSequences, y: Any
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return class numbers (-1: unlabeled) and the classes, or (None, None)."""
        named = None
        if self.seed_words is not None:
            from deepclust.pseudo_labels import seed_word_labels

            named = seed_word_labels(sequences, self.seed_words)
        labels, classes = encode_labels(y, len(sequences), named)
        if self.objective == "supervised" and labels is None:
            raise ValueError(
                'RNNLSTMEncoder(objective="supervised") learns from labels only, but y '
                'has none. Pass y, or use objective="self_supervised".'
            )
        return labels, classes

    def _make_pseudo_labels(
        self,
        sequences: TokenSequences,
        labels: np.ndarray | None,
        document_vectors: np.ndarray | None,
        seed: int,
    ) -> "PseudoLabels":
        from deepclust.pseudo_labels import PseudoLabels, make_pseudo_labels

        if self.objective == "supervised":
            return PseudoLabels([], None, [])
        vocabulary = sequences.vocabulary
        return make_pseudo_labels(
            sequences,
            None if vocabulary is None else vocabulary.learned_vectors,
            pretrained=() if vocabulary is None else vocabulary.pretrained,
            document_vectors=document_vectors,
            n_pseudo_classes=self.n_pseudo_classes,
            known=labels,
            seed=seed,
        )

    def _learn(
        self,
        texts: TokenSequences,
        vectors: np.ndarray,
        pseudo_labels: "PseudoLabels",
        labels: np.ndarray | None,
        seed: int,
        start: dict[str, np.ndarray] | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        """Train the network, from `start` if that is given, and keep the result."""
        from deepclust.encoding._related import related_prototypes

        n_flat = len(pseudo_labels.targets) - pseudo_labels.n_finer
        targets = {
            f"{'head' if i < n_flat else 'finer'}_{i}/prototypes": target
            for i, target in enumerate(pseudo_labels.targets)
        }
        if labels is not None:
            targets["labels/prototypes"] = labels
        if start is None:
            names = _NETWORK_OPTIONS
            self._fitted_options = {name: getattr(self, name) for name in names}
        self.weights_, self._history = self._train(
            texts, vectors, targets, seed, start, weights
        )
        self.__dict__.pop("_network", None)
        self._related = {
            name: related_prototypes(self.weights_[name], target, pseudo_labels.broader)
            for name, target in targets.items()
            if pseudo_labels.broader and self.privacy is None
        }
        self.embedding_dim_ = self._fitted_options["embedding_dim"]
        self.n_parameters_ = sum(array.size for array in self.weights_.values())
        self.n_pseudo_classes_ = pseudo_labels.n_pseudo_classes
        self.view_weight_ = pseudo_labels.view_weight
        self._selection_results = pseudo_labels.selection_results

    def _train(
        self,
        sequences: TokenSequences,
        vectors: np.ndarray,
        targets: dict[str, np.ndarray],
        seed: int,
        start: dict[str, np.ndarray] | None,
        weights: np.ndarray | None,
    ) -> tuple[dict[str, np.ndarray], list[dict[str, float]]]:
        """Return weights and training curve; every text has a token."""
        from deepclust.encoding._network import read_weights, write_weights
        from deepclust.encoding._training import (
            EpochTasks,
            TrainingOptions,
            train_heads,
        )

        values: dict[str, Any] = vars(self) | {"seed": seed}
        values["head_weights"] = list(self._head_weights(targets).values())
        values["batch_size"] = self._texts_per_update(len(sequences))
        if self.learning_rate == "auto":
            values["learning_rate"] = 0.3 if self.optimizer == "sgd" else 0.003
        names = [field.name for field in fields(TrainingOptions)]
        options = TrainingOptions(**{name: values[name] for name in names})
        classes = list(targets.values())

        def trained(prototypes: list[np.ndarray]) -> dict[str, np.ndarray]:
            """Return all weights of the network as it is now."""
            return read_weights(network) | dict(zip(targets, prototypes, strict=True))

        tasks = None
        if hasattr(self, "_callback_fit_ctx"):
            tasks = EpochTasks(self, self._callback_fit_ctx, trained)
        self.__dict__.pop("privacy_ledger_", None)
        with on_device(self.device, together=True):
            network = self._build_network(vectors, seed, self._fitted_options)
            if start is not None:
                write_weights(network, start | {"words": vectors})
            if self.privacy is None:
                prototypes, history = train_heads(
                    network, sequences, classes, options, weights, tasks
                )
            else:
                from deepclust.encoding._private_training import train_heads_privately

                prototypes, history, self.privacy_ledger_ = train_heads_privately(
                    network, sequences, classes, options, self.privacy
                )
        return trained(prototypes), history

    def _texts_per_update(self, n_docs: int) -> int:
        """Return the batch size of a fit of so many texts."""
        if isinstance(self.batch_size, str):
            return 256 if n_docs >= _MANY_DOCS else 128
        return self.batch_size

    def _refuse_beyond_memory(
        self, sequences: TokenSequences, vectors: np.ndarray
    ) -> None:
        """Count what backpropagation keeps of a batch, and the optimizer of weights."""
        n_rows = min(self._texts_per_update(len(sequences)), len(sequences))
        length = sequences.lengths.max()
        n_words, width = vectors.shape
        cells = self.lstm_units * (2 if self.bidirectional else 1)
        batch = n_rows * int(length) * (width + self.rnn_units + _LSTM_VALUES * cells)
        weights = n_words * width + self.rnn_units * (width + self.rnn_units)
        weights += 4 * cells * (width + self.lstm_units)
        weights += (width + max(self.rnn_units, cells)) * self.embedding_dim
        refuse_beyond_memory(
            4 * (batch + 3 * weights),
            f"Training {weights:,} weights, {n_words:,} word vectors among them, on "
            f"batches of {n_rows:,} texts of up to {length:,} tokens",
            "Lower batch_size, rnn_units, lstm_units or embedding_dim, or the "
            "vectorizer's max_len, max_features or vector_dim.",
        )

    def _head_weights(self, names: Iterable[str]) -> dict[str, float]:
        """Return the weight of each head: 1 for all pseudo-labels together.

        Those of finer layers weigh less. Labels without pseudo-labels beside them
        weigh 1.
        """
        heads = [name for name in names if name.endswith("/prototypes")]
        pseudo = {
            name: _FINER_WEIGHT if name.startswith("finer") else 1.0
            for name in heads
            if name != "labels/prototypes"
        }
        weights = {name: w / sum(pseudo.values()) for name, w in pseudo.items()}
        label_weight = self.label_weight if pseudo else 1.0
        return weights | {head: label_weight for head in heads if head not in weights}

    def _build_network(
        self, vectors: np.ndarray, seed: int, options: dict[str, Any]
    ) -> Any:
        from deepclust.encoding._network import build_network

        dtype = "float32" if self.dtype_policy == "auto" else self.dtype_policy
        return build_network(vectors, dtype=dtype, seed=seed, **options)

    def _fitted_network(self) -> Any:
        """Return the Keras network with the fitted weights, built once a process."""
        if "_network" not in self.__dict__:
            from deepclust.encoding._network import write_weights

            network = self._build_network(
                self.weights_["words"], 0, self._fitted_options
            )
            write_weights(network, self.weights_)
            self._network = network
        return self._network

    def _forward_pass(self, **options: Any) -> ForwardPass:
        return ForwardPass(self.weights_, **(self._pass_options() | options))

    def _pass_options(self) -> dict[str, Any]:
        names = ("fusion", "pooling", "activation")
        return {name: self._fitted_options[name] for name in names} | {
            "prototype_weight": self.prototype_weight,
            "head_weights": self._head_weights(self.weights_),
        }

    def _class_probabilities(self, sequences: TokenSequences) -> np.ndarray:
        """Return the softmax of the labels' head, float32 (n_docs, n_classes)."""
        prototypes = self.weights_["labels/prototypes"]
        embeddings = self._forward_pass(prototype_weight=0.0)(sequences)
        logits = SCALE * np.einsum("nd,kd->nk", embeddings, unit_rows(prototypes))
        return softmax(logits, axis=1)

    def _transform_keras(self, sequences: TokenSequences, *, device: str) -> np.ndarray:
        from deepclust.encoding._training import embed_with_keras

        refuse_forked_backend()
        with on_device(device):
            plain = embed_with_keras(self._fitted_network(), sequences)
        return self._forward_pass().pull_all_to_prototypes(plain)
