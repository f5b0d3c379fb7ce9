"""make_text_clusterer: the four steps as a scikit-learn pipeline, `TextClusterer`.

`iter_predict` passes any number of texts through a fitted one, batch by batch.
"""

import copy
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    InvalidParameterError,
    validate_parameter_constraints,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_method_params

from deepclust._text_input import (
    check_texts,
    in_partitions,
    refuse_containers_without_rows,
)
from deepclust.cleaning import TextCleaner
from deepclust.clustering import DBSCAN, align, split_by_labels
from deepclust.clustering._membership import share_kept
from deepclust.clustering._metric_space import MetricSpace
from deepclust.encoding import RNNLSTMEncoder
from deepclust.encoding._validation import check_training_parameters
from deepclust.exceptions import ClusteringWarning, InvalidTextError, TextWarning
from deepclust.sequences import NOISE
from deepclust.vectorizing import Vectorizer
from deepclust.vectorizing._word_vectors import check_sources

__all__ = ["TextClusterer", "iter_predict", "make_text_clusterer", "sample_texts"]

MAX_FIT_TEXTS = 200_000
_FEW_TEXTS = 100
_LEARNING_STEPS = [TextCleaner, Vectorizer, RNNLSTMEncoder, DBSCAN]
_TOLERANCE = 0.2  # of n_clusters, which is approximate
_MAX_FLAT_RATIO = 4 / 3  # of the numbers of flat clusters and of pseudo-classes


class TextClusterer(Pipeline):
    """A scikit-learn pipeline that checks its parameters first, and learns in batches.

    Attributes and methods are those of `sklearn.pipeline.Pipeline`, and those below;
    `make_text_clusterer` makes one.

    Parameters
    ----------
    steps, transform_input, memory, verbose
        Those of `Pipeline`.

    max_fit_texts : int, default=200_000
        Of more texts, `fit` and `fit_predict` learn from a sample of this size, drawn
        by content (`sample_texts`), and predict the others in parts.

    warm_start : bool, default=False
        Whether `fit` of a fitted pipeline gives the new clusters the ids, names and
        edits of the old ones; see `deepclust.clustering.align`.

    n_rehearsed : int, default=20_000
        Texts that `partial_fit` keeps, to learn them again with later ones.

    Attributes
    ----------
    labels_ : ndarray of shape (n_docs,), intp
        Labels of the texts of `fit`; after `partial_fit`, of the last batch. Those of
        the last step, which follow its parameters and edits; but as they were at `fit`
        where it learned from a sample. Not after `fit` on a stream, see there, nor
        after `load`.

    cluster_names_ : dict of int to str
        Name of each cluster, those of the last step.

    rehearsal_texts_ : list of str
        Sample of all texts that `partial_fit` had, by content; see `sample_texts`. They
        are in pickles, but not in model files.

    alignment_ : Alignment
        What became of the clusters of before; after `partial_fit` of a fitted pipeline,
        or `fit` with `warm_start=True`.

    See Also
    --------
    make_text_clusterer : The pipeline with the four steps.

    Notes
    -----
    A wrong parameter of the last step is an error at once, not after the training.
    After `fit`, `cluster_names_` of the last step names each cluster, and
    `layer_names_` those of every layer: by keywords, by a `namer`, or by the topic of
    `seed_words`. `deepclust.clustering.rename` changes names; reports and
    `prediction_table` show them.
    """

    _labels: Any = None  # or the rows of those of the last step, a slice

    def __init__(
        self,
        steps: Any,
        *,
        max_fit_texts: int = MAX_FIT_TEXTS,
        transform_input: Any = None,
        memory: Any = None,
        verbose: bool = False,
        warm_start: bool = False,
        n_rehearsed: int = 20_000,
    ) -> None:
        super().__init__(
            steps, transform_input=transform_input, memory=memory, verbose=verbose
        )
        self.max_fit_texts = max_fit_texts
        self.warm_start = warm_start
        self.n_rehearsed = n_rehearsed

    def fit(
        self, X: Any, y: Any = None, *, namer: Any = None, **params: Any
    ) -> "TextClusterer":
        """Check all parameters, then fit one step after the other.

        Parameters
        ----------
        X : iterable of str, length n_docs
            Texts; or what the first step takes. Of a stream, an iterable without length
            that can be read again, no more than two samples are held in memory; its
            texts get no `labels_`. Nor do those of a Bag or Series of Dask, whose
            workers draw the sample, and predict in `fit_predict`.

        y : array-like of shape (n_docs,), default=None
            Labels; see `RNNLSTMEncoder`. Where DBSCAN selects eps, and no `n_clusters`
            or `layer` is given, clusters in which they show several classes are split;
            see `deepclust.clustering.split_by_labels`.

        namer : callable or Namer, default=None
            Names clusters, see `deepclust.inspection.layer_names`. It is sent texts, in
            which the identifiers are missing that `TextCleaner(redact=)` removes.

        **params : dict
            Passed to the steps, as in scikit-learn.

        Returns
        -------
        self : TextClusterer

        Raises
        ------
        InvalidTextError
            If a row is not a `str`.
        InvalidParameterError
            (a `ValueError`) If a parameter of any step is wrong.
        MissingExtraError, FileNotFoundError
            If a package or a file of word vectors is missing.

        Warns
        -----
        TextWarning
            If there are fewer than 100 texts, or more than `max_fit_texts`.
        ClusteringWarning
            If the number of clusters is far from `n_clusters`.
        """
        self._learn(super().fit, X, y, params, namer)
        return self

    @available_if(lambda self: hasattr(self._final_estimator, "fit_predict"))
    def fit_predict(
        self, X: Any, y: Any = None, *, namer: Any = None, **params: Any
    ) -> Any:
        """Check all parameters, fit and return the labels; see `fit`."""
        labels = self._learn(super().fit_predict, X, y, params, namer)
        return self._predict_in_parts(X) if labels is None else labels

    @available_if(lambda self: hasattr(self._final_estimator, "predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        """Return the labels of texts; workers predict those of a Dask collection."""
        if in_partitions(X):
            return self._predict_in_parts(X)
        return super().predict(X, **params)

    @available_if(lambda self: hasattr(self._final_estimator, "predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> np.ndarray:
        """Return how much texts belong to each cluster, (n_docs, n_clusters), float32.

        The rest belongs to noise. As that of the last step, but less where words were
        never seen at `fit`; see `Vectorizer.unseen_share`. A plain `Pipeline` gives
        that of the last step, since embeddings do not carry the words: make it a
        `TextClusterer(pipeline.steps)`, which needs no other fit.
        """
        unseen = None
        for _, _, step in self._iter(with_final=False):
            if hasattr(step, "unseen_share"):
                unseen = step.unseen_share(X)
            X = step.transform(X)
        shares = self._final_estimator.predict_proba(X, **params)
        if unseen is None:
            return shares
        greatest = shares.max(axis=1, initial=0)
        kept = share_kept(greatest, 1 - shares.sum(axis=1), unseen)
        return shares * kept[:, None].astype(shares.dtype)

    @available_if(lambda self: hasattr(self._final_estimator, "predict_layers"))
    def predict_layers(self, X: Any) -> np.ndarray:
        """Return the labels of texts at each layer, broadest first; -1 is noise.

        Parameters
        ----------
        X : iterable of str, length n_docs

        Returns
        -------
        layers : ndarray of shape (n_docs, n_layers), intp
            The same as `DBSCAN.layers_` for the texts of `fit`.
        """
        layers: np.ndarray = self[-1].predict_layers(self[:-1].transform(X))
        return layers

    @available_if(lambda self: hasattr(self._final_estimator, "score"))
    def score(
        self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any
    ) -> float:
        """Return the score of the last step for the transformed texts."""
        if sample_weight is None and not params:
            # with metadata routing, scikit-learn's routes a weight that nobody gave
            return self[-1].score(self[:-1].transform(X), y)
        return super().score(X, y, sample_weight=sample_weight, **params)

    def partial_fit(
        self, X: Any, y: Any = None, *, rehearse: Any = None
    ) -> "TextClusterer":
        """Learn from further texts, and keep ids, names and edits of the clusters.

        Parameters
        ----------
        X : iterable of str
            Texts that no call had before. The first call is `fit`.

        y : None
            Ignored.

        rehearse : iterable of str, default=None
            Texts of before, `rehearsal_texts_` when None. After `fit`, which keeps no
            texts, and after `load`, they have to be given.

        Returns
        -------
        self : TextClusterer

        Raises
        ------
        InvalidTextError
            If a row is not a `str`.
        TypeError
            If the steps are not the four of `make_text_clusterer`.
        ValueError
            If there are no texts of before, the encoder learned from labels or seed
            words, or a parameter of any step is wrong.

        Notes
        -----
        1. New words join the vocabulary, the old ones keep their ids.
        2. Pseudo-labels are made for the texts of before and the new ones, and the
           network goes on learning from its weights.
        3. `DBSCAN` clusters the embeddings of these texts, which are the rows of
           `labels_`: texts of before first.
        4. `align` carries ids, names and edits over; `alignment_` says what was born,
           merged, split or died.
        5. The texts with the least hashes are kept for the next batch, so that they are
           a sample of all texts, whatever the batches.

        Time and memory of a `fit` on `n_rehearsed` texts and a batch. With more texts
        than these, clusters are those of the sample.
        """
        self.check_parameters()
        X = check_texts(X, estimator="TextClusterer")
        if not hasattr(self[-1], "labels_"):
            self.fit(X)
            self._give_first_ids()
            self._keep_rehearsal(X)
            return self
        clean, vectorize, encode, cluster = self._learning_steps()
        before = getattr(self, "rehearsal_texts_", []) if rehearse is None else rehearse
        before = check_texts(before, estimator="TextClusterer.partial_fit")
        if not before:
            raise ValueError(
                "partial_fit learns texts of before again, and none were kept: fit "
                "keeps none. Pass rehearse= with them, or begin with partial_fit."
            )
        old, texts = self._copy(), [*before, *X]
        clusters = np.append(self.predict(before), np.full(len(X), NOISE))
        vectorize.partial_fit(clean.transform(X))
        sequences = vectorize.transform(clean.transform(texts))
        encode.partial_fit(sequences, clusters=clusters)
        cluster.fit(encode.transform(sequences))
        relate_layers_of_fit(self)
        self._finish(texts, None, old, before)
        self._labels = slice(len(before), None)
        self._keep_rehearsal(texts)
        return self

    @property
    def labels_(self) -> Any:
        """Labels of the texts of `fit`, or of the last batch of `partial_fit`."""
        if self._labels is None:
            raise AttributeError(
                "TextClusterer has labels_ only after fit, and not after load: "
                "pipeline[-1].labels_ are those of the last step."
            )
        if isinstance(self._labels, slice):
            return self[-1].labels_[self._labels]
        return self._labels

    @property
    def cluster_names_(self) -> dict[int, str]:
        """Name of each cluster, those of the last step; see `rename`."""
        names: dict[int, str] = self[-1].cluster_names_
        return names

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that reach a last step without `transform`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of the input; texts have none.

        Returns
        -------
        names : ndarray of shape (n_columns,), object
            Those of `pipeline[:-1].transform(texts)`, `embedding0`, `embedding1`, ...,
            as after `set_output`; of `transform`, where the last step has it.
        """
        if hasattr(self._final_estimator, "transform"):
            return super().get_feature_names_out(input_features)
        return self[:-1].get_feature_names_out(input_features)

    def check_parameters(self) -> None:
        """Raise InvalidParameterError that names every wrong parameter of all steps.

        And what a step raises of parameters that do not go together, or of
        `word_vectors` that are not there.
        """
        steps = [step for _, step in self.steps]
        pairs = zip(steps, [None, *steps], strict=False)
        errors = [error for pair in pairs for error in _wrong_parameters(*pair)]
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise InvalidParameterError(" ".join(map(str, errors)))

    def _learn(
        self, method: Any, X: Any, y: Any, params: dict[str, Any], namer: Any
    ) -> Any:
        """Fit on all texts or on a sample; return `labels_`, None of a stream."""
        self.check_parameters()
        old = self._before()
        self._labels = None
        if isinstance(self[0], TextCleaner) and not _has_no_length(X):
            X = check_texts(X, estimator="TextCleaner")
        texts, rows, n_docs = self._to_learn_from(X)
        if rows is not None:
            y = None if y is None else _safe_indexing(y, rows)
            params = _check_method_params(range(n_docs), params, rows)
        labels = method(texts, y, **params)
        recut_of_fit(self)
        relate_layers_of_fit(self)
        split_by_labels_of_fit(self, texts, y)
        self._finish(texts, namer, old)
        if rows is None and hasattr(self[-1], "labels_"):
            self._labels = slice(None)
        elif rows is None:
            self._labels = None if labels is self else labels
        elif not _has_no_length(X) and hasattr(self[-1], "predict"):
            self._labels = self._labels_of_all(X, rows)
        return getattr(self, "labels_", None)

    def _to_learn_from(self, X: Any) -> tuple[Any, np.ndarray | None, int]:
        """Return the texts to fit on, their rows if they are a sample, and n_docs."""
        if not (isinstance(self[0], TextCleaner) or in_partitions(X)):
            return X, None, 0
        if not _has_no_length(X) and len(X) <= self.max_fit_texts:
            texts, rows, n_docs = X, None, len(X)
        else:
            texts, rows, n_docs = draw_texts(X, self.max_fit_texts)
        warn_of_few_texts(n_docs)
        if n_docs <= self.max_fit_texts:
            return texts, None, n_docs
        warnings.warn(
            f"The pipeline is fitted on {self.max_fit_texts:,} of the {n_docs:,} texts "
            "(max_fit_texts); the clusters of the others are predicted.",
            TextWarning,
            stacklevel=4,
        )
        return texts, rows, n_docs

    def _labels_of_all(self, X: Any, rows: np.ndarray) -> np.ndarray:
        """Return the labels of all texts; those of the rows of `fit` are there."""
        if not isinstance(self[-1], DBSCAN):
            return self._predict_in_parts(X)
        labels = np.empty(len(X), dtype=np.intp)
        labels[rows] = self[-1].labels_
        others = np.delete(np.arange(len(X)), rows)
        labels[others] = self._predict_in_parts([X[row] for row in others])
        return labels

    def _predict_in_parts(self, X: Any) -> np.ndarray:
        return np.concatenate([*iter_predict(self, X), np.empty(0, dtype=np.intp)])

    def _learning_steps(self) -> list[Any]:
        steps, kinds = [step for _, step in self.steps], _LEARNING_STEPS
        if [type(step) for step in steps] != kinds:
            raise TypeError(
                "partial_fit needs the steps of make_text_clusterer: "
                f"{', '.join(kind.__name__ for kind in kinds)}. Received: "
                f"{', '.join(type(step).__name__ for step in steps)}."
            )
        if hasattr(steps[2], "classes_"):
            steps[2].partial_fit(np.empty((0, 1)))  # says why it does not
        return steps

    def _copy(self) -> "TextClusterer":
        """Return the pipeline as it is fitted; another fit does not change it."""
        return TextClusterer([(name, copy.copy(step)) for name, step in self.steps])

    def _before(self) -> "TextClusterer | None":
        """Return a copy whose ids and names are carried over, if they are."""
        is_fitted = self.warm_start and hasattr(self[-1], "labels_")
        return self._copy() if is_fitted else None

    def _keep_rehearsal(self, texts: list[str]) -> None:
        rows = sample_texts(texts, self.n_rehearsed)
        self.rehearsal_texts_ = [texts[row] for row in rows]

    def _finish(self, X: Any, namer: Any, old: Any = None, common: Any = None) -> None:
        """Name the clusters of X; carry over ids and names of a pipeline of before."""
        clusterer = self[-1]
        warn_of_another_number(clusterer)
        if isinstance(self[0], TextCleaner) and isinstance(clusterer, DBSCAN):
            name_clusters(self, X, self[0].transform(X), namer=namer)
        if old is not None and isinstance(clusterer, DBSCAN):
            self.alignment_ = align(old, self, X if common is None else common)
        elif self.warm_start:
            self._give_first_ids()

    def _give_first_ids(self) -> None:
        if isinstance(self[-1], DBSCAN):
            self[-1].cluster_ids_ = np.arange(self[-1].n_clusters_)


def name_clusters(
    pipeline: Pipeline, texts: list[str], cleaned: list[str], *, namer: Any = None
) -> None:
    """Name the clusters of the texts of `fit`, at every layer.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; begins with TextCleaner and ends in DBSCAN, whose `cluster_names_` and
        `layer_names_` are set. A topic of `seed_words` is the name of the cluster with
        most texts that hold its words, if they are most of those there.

    texts, cleaned : list of str, length n_docs
        Before and after the cleaner.

    namer : callable or Namer, default=None
        See `deepclust.inspection.layer_names`.
    """
    from deepclust.inspection import layer_names

    clusterer = pipeline[-1]
    shown = pipeline[0].redacted(texts)
    layers = layer_names(cleaned, clusterer.layers_, originals=shown, namer=namer)
    topics = _topics_of_clusters(pipeline, cleaned, clusterer.labels_)
    own = layers[clusterer.layer_]
    given = {own[cluster]: topic for cluster, topic in topics.items()}
    taken = {*given.values()} - {*given}
    clusterer.layer_names_ = [
        {c: given.get(n, f"{n} ({c})" if n in taken else n) for c, n in names.items()}
        for names in layers
    ]
    clusterer.cluster_names_ = dict(clusterer.layer_names_[clusterer.layer_])


def recut_of_fit(pipeline: Pipeline) -> None:
    """Let the flat clusters be about as many as the flat pseudo-classes.

    Where the encoder has learned a finer layer as well, the best cut of DBSCAN may be
    that. If its clusters are over a third more, the cut is taken whose number is the
    nearest. Only where the number of clusters is free. See `DBSCAN.recut`.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; changed in place.
    """
    encoder, clusterer = (step for _, step in [(None, None), *pipeline.steps][-2:])
    if not (isinstance(encoder, RNNLSTMEncoder) and isinstance(clusterer, DBSCAN)):
        return
    is_free = (clusterer.eps, clusterer.n_clusters) == ("auto", None)
    learned = getattr(encoder, "n_pseudo_classes_", None)
    if is_free and learned and any("finer" in name for name in encoder.weights_):
        clusterer.recut(learned, more_than=_MAX_FLAT_RATIO * learned)


def relate_layers_of_fit(pipeline: Pipeline) -> None:
    """Merge clusters into broader layers by which topics the encoder found related.

    Only where DBSCAN follows the encoder; else nothing changes. See
    `RNNLSTMEncoder.related_embeddings`.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; changed in place.
    """
    encoder, clusterer = (step for _, step in [(None, None), *pipeline.steps][-2:])
    if isinstance(encoder, RNNLSTMEncoder) and isinstance(clusterer, DBSCAN):
        clusterer.group_layers(encoder.related_embeddings)


def split_by_labels_of_fit(pipeline: Pipeline, texts: Any, y: Any) -> None:
    """Split clusters in which the labels of `fit` show several classes.

    Only where the number of clusters is free; else, and without an encoder that learns
    labels, nothing changes. See `deepclust.clustering.split_by_labels`.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted on the texts; changed in place.

    texts : array-like of length n_docs

    y : array-like of shape (n_docs,) or None
        Labels; see `RNNLSTMEncoder`.
    """
    learns = any(isinstance(step, RNNLSTMEncoder) for _, step in pipeline.steps)
    if y is not None and learns and _selects_clusters(pipeline[-1]):
        split_by_labels(pipeline, texts, y)


def _selects_clusters(clusterer: Any) -> bool:
    """Return whether DBSCAN is free in the number of clusters."""
    return isinstance(clusterer, DBSCAN) and (
        (clusterer.eps, clusterer.n_clusters, clusterer.layer) == ("auto", None, "auto")
    )


def _topics_of_clusters(
    pipeline: Pipeline, cleaned: list[str], labels: np.ndarray
) -> dict[int, str]:
    """Return the clusters whose seeded texts are mostly of one topic of seed_words."""
    from deepclust.pseudo_labels import seed_word_labels

    steps = {type(step): step for _, step in pipeline.steps}
    encoder, vectorizer = steps.get(RNNLSTMEncoder), steps.get(Vectorizer)
    if encoder is None or vectorizer is None or encoder.seed_words is None:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of words not in the vocabulary: fit did
        seeded = seed_word_labels(vectorizer.transform(cleaned), encoder.seed_words)
    pairs = zip(labels.tolist(), seeded.tolist(), strict=True)
    counts = Counter((c, topic) for c, topic in pairs if c != NOISE and topic)
    topics: dict[int, str] = {}
    for (cluster, topic), n in counts.most_common():
        here = max(m for (other, _), m in counts.items() if other == cluster)
        if n == here and cluster not in topics and topic not in topics.values():
            topics[cluster] = topic
    return topics


def warn_of_few_texts(n_texts: int) -> None:
    """Warn if clusters of so few texts are hardly more than chance."""
    if n_texts < _FEW_TEXTS:
        warnings.warn(
            f"Only {n_texts} texts: the corpus is the only source of what words mean, "
            "and some hundred texts are the least it takes. Do not rely on these "
            "clusters.",
            TextWarning,
            stacklevel=5,
        )


def warn_of_another_number(clusterer: Any) -> None:
    """Warn if the number of clusters is far from the one asked for."""
    wanted, found = (
        getattr(clusterer, name, None) for name in ("n_clusters", "n_clusters_")
    )
    if wanted is None or found is None:
        return
    if abs(found - wanted) > max(1, _TOLERANCE * wanted):
        warnings.warn(
            f"n_clusters={wanted}, but the nearest possible number of clusters of "
            f"these {len(clusterer.labels_):,} texts is {found}.",
            ClusteringWarning,
            stacklevel=3,
        )


def _wrong_parameters(step: Any, before: Any) -> Iterator[Exception]:
    """Yield an error for each wrong parameter of a step, as its `fit` would raise.

    The step `before` gives the length of the rows, if it is an encoder.
    """
    is_right = True
    if hasattr(step, "_validate_params"):
        for name, value in step.get_params(deep=False).items():
            try:
                validate_parameter_constraints(
                    step._parameter_constraints, {name: value}, type(step).__name__
                )
            except InvalidParameterError as error:
                is_right = False
                yield error
    try:
        if is_right and isinstance(step, TextCleaner):
            step._check_parameters()
        elif is_right and isinstance(step, RNNLSTMEncoder):
            check_training_parameters(step.get_params(deep=False))
        elif isinstance(step, Vectorizer):
            check_sources(step.word_vectors)
        elif is_right and isinstance(step, DBSCAN):
            _check_metric(step, before)
    except (ValueError, OSError, ImportError) as error:
        yield error


def _check_metric(step: DBSCAN, before: Any) -> None:
    """Raise a ValueError if a metric does not go with eps or its parameters."""
    space, selects = MetricSpace(step.metric, step.metric_params), step.eps == "auto"
    if selects:
        space.need_dense_rows('eps="auto"')
    width = before.embedding_dim if isinstance(before, RNNLSTMEncoder) else None
    is_width = isinstance(width, Integral) and width > 0  # else it is told of before
    space.check_params(width if is_width else None, needs_tree=selects)


def make_text_clusterer(
    *,
    language: str = "en",
    noise: str | float = "keep",
    layer: str | int = "auto",
    n_clusters: int | None = None,
    seed_words: dict[str, list[str]] | None = None,
    word_vectors: Any = "corpus",
    random_state: Any = None,
    n_jobs: int | None = None,
    memory: Any = None,
    verbose: int = 0,
) -> TextClusterer:
    """Return a pipeline that turns texts into clusters.

    Parameters
    ----------
    language : str, default="en"
        Of the texts, as an ISO code, or "auto" to find it; see `TextCleaner`.

    noise : {"keep", "nearest"} or float, default="keep"
        Label of texts in no dense region: -1, or the nearest cluster, for all of them
        or up to this outlier score; see `DBSCAN`. Texts that are empty, or hold hardly
        a known word, are -1 in any case.

    layer : {"auto", "broad", "fine"} or int, default="auto"
        Which of the nested layers the labels are from; see `DBSCAN`.

    n_clusters : int, default=None
        Approximate number of clusters; chosen by stability when None. A warning tells
        the number where the nearest possible one is far off.

    seed_words : dict of str to list of str, default=None
        Words of topics that are known; see `RNNLSTMEncoder`.

    word_vectors : source, list of sources or None, default="corpus"
        Learned from the texts, or pretrained: `["corpus", "wordllama"]` takes both, for
        English texts, with `pip install "deepclust[wordllama]"`. Also the path of a
        GloVe or word2vec file, or an object with vectors; see `Vectorizer`.

    random_state : int, RandomState instance or None, default=None
        The same number gives the same labels.

    n_jobs : int, default=None
        Processes for cleaning and threads for clustering, as in joblib; None is one
        process, and all threads. Labels don't depend on it.

    memory : str or joblib.Memory, default=None
        Cache of fitted steps, so that a search over the parameters of the last step
        trains once.

    verbose : int, default=0
        1 shows progress bars.

    Returns
    -------
    pipeline : TextClusterer
        An `sklearn.pipeline.Pipeline` of the steps `clean`, `vectorize`, `encode`,
        `cluster`; their parameters are set as in
        `pipeline.set_params(encode__lstm_units=64)`. All are checked before any work.

    See Also
    --------
    TextCleaner, Vectorizer, RNNLSTMEncoder, DBSCAN : The steps.

    Notes
    -----
    `fit_predict(texts)` gives int labels (n_docs,), clusters numbered from 0 by
    decreasing size, -1 for noise; `predict` gives the same labels for the same texts,
    and does not depend on which texts are predicted together. Embeddings by another
    model, one row per text, go to `fit` as `encode__document_vectors`. All steps are
    linear in the number of texts except the density clustering; 20,000 titles take
    about a minute on two cores.

    Examples
    --------
    >>> from deepclust import make_text_clusterer
    >>> pipeline = make_text_clusterer(random_state=0)
    >>> [name for name, _ in pipeline.steps]
    ['clean', 'vectorize', 'encode', 'cluster']
    >>> pipeline = make_text_clusterer(word_vectors=["corpus", {"cat": [0.0, 1.0]}])
    >>> pipeline["vectorize"].word_vectors
    ['corpus', {'cat': [0.0, 1.0]}]
    """
    n_pseudo_classes = "auto" if n_clusters is None else max(int(n_clusters), 2)
    return TextClusterer(
        [
            ("clean", TextCleaner(language=language, n_jobs=n_jobs, verbose=verbose)),
            (
                "vectorize",
                Vectorizer(word_vectors=word_vectors, random_state=random_state),
            ),
            (
                "encode",
                RNNLSTMEncoder(
                    n_pseudo_classes=n_pseudo_classes,
                    seed_words=seed_words,
                    random_state=random_state,
                    verbose=verbose,
                ),
            ),
            (
                "cluster",
                DBSCAN(
                    metric="cosine",
                    n_clusters=n_clusters,
                    noise=noise,
                    layer=layer,
                    n_jobs=-1 if n_jobs is None else n_jobs,
                ),
            ),
        ],
        max_fit_texts=MAX_FIT_TEXTS,
        memory=memory,
    )


def sample_texts(texts: Iterable[str], n_texts: int) -> np.ndarray:
    """Return the rows of a sample that depends on the texts, not on their order.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Or a Bag or Series of Dask.

    n_texts : int
        Size of the sample.

    Returns
    -------
    rows : ndarray of shape (min(n_texts, n_docs),), intp
        In ascending order: the rows with the least hash values (BLAKE2b), all rows if
        there are no more than `n_texts`.

    Notes
    -----
    Time O(n_docs), memory that of two samples, for each worker of Dask too.

    Examples
    --------
    >>> from deepclust.pipeline import sample_texts
    >>> texts = ["a cat", "a dog", "a horse", "a cow"]
    >>> rows = sample_texts(texts, 2)
    >>> other = sample_texts(texts[::-1], 2)
    >>> {texts[row] for row in rows} == {texts[::-1][row] for row in other}
    True
    """
    if isinstance(texts, Sequence) and len(texts) <= n_texts:
        return np.arange(len(texts))
    return draw_texts(texts, n_texts)[1]


def draw_texts(texts: Iterable[str], n_texts: int) -> tuple[list[str], np.ndarray, int]:
    """Return the texts of the sample of `sample_texts`, their rows, and n_docs."""
    if in_partitions(texts):
        from deepclust.distributed._partitions import reduce_partitions

        found = reduce_partitions(_Sample.of_partition, _Sample.merge, texts, n_texts)
    else:
        found = _Sample.of([])
        for batch in _batches(texts, max(n_texts, 1_000), "sample_texts"):
            found = _Sample.merge(found, _Sample.of(batch), n_texts)
    return found.texts, found.rows, found.n_docs


class _Sample(NamedTuple):
    """The texts with the least hashes of `n_docs` texts, in their order."""

    texts: list[str]
    rows: np.ndarray
    hashes: np.ndarray
    n_docs: int

    @classmethod
    def of(cls, texts: list[str]) -> "_Sample":
        """Return all of the texts."""
        return cls(texts, np.arange(len(texts)), _content_hashes(texts), len(texts))

    @classmethod
    def of_partition(cls, partition: Any, n_texts: int) -> "_Sample":
        from deepclust.distributed._partitions import partition_texts

        return cls.of(partition_texts(partition)).least(n_texts)

    def merge(self, later: "_Sample", n_texts: int) -> "_Sample":
        """Return the sample of these texts and those that follow them."""
        return _Sample(
            self.texts + later.texts,
            np.append(self.rows, self.n_docs + later.rows),
            np.append(self.hashes, later.hashes),
            self.n_docs + later.n_docs,
        ).least(n_texts)

    def least(self, n_texts: int) -> "_Sample":
        if len(self.texts) <= n_texts:
            return self
        least = np.sort(np.argsort(self.hashes, kind="stable")[:n_texts])
        texts = [self.texts[place] for place in least]
        return _Sample(texts, self.rows[least], self.hashes[least], self.n_docs)


def _content_hashes(texts: list[str]) -> np.ndarray:
    digests = (
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in texts
    )
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def _has_no_length(X: Any) -> bool:
    """Return whether the texts can be read again and again, but not counted."""
    if in_partitions(X):
        return True
    readable = isinstance(X, Iterable) and not isinstance(X, (str, bytes))
    return readable and not hasattr(X, "__len__") and iter(X) is not X


def iter_predict(
    pipeline: Any,
    texts: Iterable[str],
    *,
    method: str = "predict",
    batch_size: int = 20_000,
) -> Iterator[np.ndarray]:
    """Yield the results of a fitted pipeline, one array for each batch of texts.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; or a part of one, such as `pipeline[:-1]`.

    texts : iterable of str
        List, generator, open file, ...; a batch is read when its result is needed. Of a
        Bag or Series of Dask, every partition is a batch, and workers do the work.

    method : str, default="predict"
        Method to call, such as "predict" or "transform".

    batch_size : int, default=20_000
        Texts in a batch, where there are no partitions.

    Yields
    ------
    results : ndarray of shape (n_batch, ...)
        Of the next `batch_size` texts; the last batch may be shorter.

    Raises
    ------
    InvalidTextError
        If `texts` is a bare string, a table or a set, or an item is not a `str`; the
        message names the first row of the batch.
    ValueError
        If `batch_size` is less than 1.

    Notes
    -----
    The results are those of one call with all texts: no result depends on the other
    texts. Memory: one batch at a time, about 50 MB for 20,000 titles; the results of
    all partitions of Dask.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TextCleaner, Vectorizer
    >>> from deepclust.pipeline import iter_predict
    >>> cleaner = TextCleaner()
    >>> endless = (f"text number {n}" for n in iter(int, 1))
    >>> next(iter_predict(cleaner, endless, method="transform", batch_size=2))
    ['text number 0', 'text number 0']
    """
    if in_partitions(texts):
        from deepclust.distributed._partitions import map_partitions

        yield from map_partitions(_call_on_partition, texts, pipeline, method)
        return
    call = getattr(pipeline, method)
    for batch in _batches(texts, batch_size, "iter_predict"):
        yield call(batch)


def _call_on_partition(partition: Any, pipeline: Any, method: str) -> Any:
    from deepclust.distributed._partitions import partition_texts

    return getattr(pipeline, method)(partition_texts(partition))


def _batches(texts: Iterable[str], size: int, name: str) -> Iterator[list[str]]:
    """Yield the next `size` texts, checked on behalf of the function `name`."""
    refuse_containers_without_rows(texts, name)
    if size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {size!r}.")
    rows, start = iter(texts), 0
    while batch := list(islice(rows, size)):
        try:
            checked = check_texts(batch, estimator=name)
        except InvalidTextError as error:
            raise InvalidTextError(f"{error} Row 0 is text {start} here.") from error
        yield checked
        start += len(batch)
