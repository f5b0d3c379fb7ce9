"""What a model file may hold: classes, their attributes, and who may read which.

A role is a reader: `predict` labels new texts, `inspect` also sees names and counts,
`owner` everything. An attribute that is not listed here is saved for the owner alone,
so a new attribute of an estimator needs no change, and is never shown by mistake.
"""

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.sparse import issparse

from deepclust.exceptions import ModelFormatError

__all__ = [
    "CLASSES",
    "ROLES",
    "build",
    "class_name_of",
    "role_of",
    "section_roles",
    "state_of",
]

_PIPELINES = ("Pipeline", "TextClusterer")
_ONLY_FOR_FIT = {"pretrained", "stems"}  # of a vocabulary
_PLAIN = ("Vocabulary", "ReachabilityTree", "DifferentialPrivacy", "VocabularyPrivacy")
ROLES = ("predict", "inspect", "owner")  # each may read what those before it may


@dataclass(frozen=True)
class Attribute:
    """Who may read an attribute, and what it must be.

    Parameters
    ----------
    role : {"predict", "inspect", "owner"}
    kind : type, default=object
    dtype : str, default=None
        Of an array, or of all arrays in a dict; words separated by spaces.
    ndim : int, default=None
    finite : bool, default=True
        Whether the arrays must be finite.
    """

    role: str
    kind: Any = object
    dtype: str | None = None
    ndim: int | None = None
    finite: bool = True

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        number = self.kind in (Integral, Real)
        if not isinstance(value, self.kind) or (number and isinstance(value, bool)):
            return f"is a {type(value).__name__}"
        arrays = value if isinstance(value, dict) else {None: value}
        if issparse(value):  # two axes, whose entries are one array
            arrays = {None: value.data[:, None]}
        for name, array in arrays.items() if self.dtype is not None else ():
            label = "" if name is None else f", array {name!r},"
            if not isinstance(array, np.ndarray):
                return f"{label} is no array"
            if str(array.dtype) not in str(self.dtype).split():
                return f"{label} is of type {array.dtype}, not {self.dtype}"
            if self.ndim not in (None, array.ndim):
                return f"{label} has {array.ndim} axes, not {self.ndim}"
            if self.finite and array.dtype.kind == "f" and not _is_finite(array):
                return f"{label} holds NaN or infinity"
        return None


def _is_finite(array: np.ndarray) -> bool:
    """Tell whether all numbers are finite, without a mask as large as the array."""
    with np.errstate(invalid="ignore"):
        extremes = array.min(initial=0.0), array.max(initial=0.0)
    return bool(np.isfinite(extremes).all())


@dataclass(frozen=True)
class ModelClass:
    """A class that a model file may hold.

    Parameters
    ----------
    module : str
        Where it is imported from.
    attributes : dict of str to Attribute
    complete : callable, default=None
        Changes the state that was read, before the object is built from it.
    """

    module: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    complete: Callable[[dict[str, Any]], None] | None = None


# What is derived at load ------------------------------------------------------------


def _complete_vocabulary(state: dict[str, Any]) -> None:
    tokens = state["tokens"]
    if set(map(type, tokens)) - {str}:
        raise ModelFormatError("a token of the vocabulary is no text")
    state["pretrained"], state["stems"] = (), None
    if "document_frequency" in state:  # without counts there is no `partial_fit`
        from deepclust.vectorizing._vectorizer import stems_of

        state["stems"] = stems_of(tokens)
    state.setdefault("document_frequency", np.zeros(len(tokens), dtype=np.int64))
    state.setdefault("n_documents", 0)
    state.setdefault("n_frequent", 0)
    for name in ("document_frequency", "vectors"):
        array = state.get(name)
        if array is not None and len(array) != len(tokens):
            raise ModelFormatError(
                f"the vocabulary has {len(tokens)} tokens, but {len(array)} {name}"
            )


def _complete_vectorizer(state: dict[str, Any]) -> None:
    _check_word_vectors(state)
    if "vocabulary_" in state:
        state.setdefault("embedding_matrix_", None)
        if "rare_tokens_" not in state:  # of a version that hid no text
            state["rare_tokens_"] = np.empty(0, dtype=np.uint32)
            state["max_unseen"] = 1.0


def _check_word_vectors(state: dict[str, Any]) -> None:
    """Refuse files of word vectors: a later `fit` would read them."""
    sources = state.get("word_vectors")
    sources = sources if isinstance(sources, list | tuple) else [sources]
    if any(source not in (None, "corpus", "wordllama") for source in sources):
        raise TypeError(
            "A model file cannot hold Vectorizer.word_vectors other than 'corpus', "
            "'wordllama' and None. Call set_params(word_vectors=None) on the "
            "vectorizer; the fitted vectors are saved without it."
        )


def _complete_encoder(state: dict[str, Any]) -> None:
    from deepclust.encoding._rnn_lstm_encoder import _NETWORK_OPTIONS

    state.pop("checkpoint_dir", None)  # a later fit would write to it
    weights, options = state.get("weights_"), state.get("_fitted_options")
    if weights is None:
        return
    if "words" not in weights or weights["words"].ndim != 2:
        raise ModelFormatError("the encoder has no word vectors")
    if not isinstance(options, dict) or set(options) != set(_NETWORK_OPTIONS):
        raise ModelFormatError("the encoder's network has other options")


def _complete_dbscan(state: dict[str, Any]) -> None:
    """Put the rows of `fit` together; the core points alone without the owner's."""
    from deepclust.clustering import DBSCAN
    from deepclust.clustering._dbscan import _checksum

    state.pop("_cache", None)
    core_labels, core_rows = state.get("_core_labels"), state.pop("core_rows", None)
    core_weights = state.pop("core_weights", None)
    core_layers = state.pop("core_layers", None), state.pop("place_of_auto", 0)
    if core_labels is None:
        return
    state["_cache"] = {}
    if core_layers[0] is not None and "other_rows" in state:
        _check_layers(*core_layers, n_core=len(core_labels))
        state["_cache"]["layers"] = core_layers
    elif core_layers[0] is not None:  # to be kept where the model is pickled, too
        state["_chosen_layers"], state["_best_place"] = core_layers
    state.setdefault("_fitted_layer", state.get("layer", DBSCAN().layer))
    n_core, n_clusters = len(core_labels), state["n_clusters_"]
    if ((core_labels < 0) | (core_labels >= n_clusters)).any():
        raise ModelFormatError("the clusters of core points are none")
    if len(state.get("cluster_ids_", range(n_clusters))) != n_clusters:
        raise ModelFormatError("not every cluster has an id")
    layers = state.get("_chosen_layers", core_labels[:, None])
    _check_layers(layers, state.get("_best_place", 0), n_core=n_core)
    if "_X" in state:
        _check_rows(state, state["_X"].shape[0])
        return
    core_weights = np.ones(n_core) if core_weights is None else core_weights
    if not len(core_rows) == len(core_weights) == n_core:
        raise ModelFormatError("the clusters of core points do not fit the core points")
    if "other_rows" not in state:
        state["_X"], state["_weights"] = core_rows, core_weights
        state["core_sample_indices_"] = np.arange(n_core)
        state["labels_"], state["_checksum"] = core_labels.copy(), _checksum(core_rows)
        return
    others, core = state.pop("other_rows"), state["core_sample_indices_"]
    n_rows, width = n_core + len(others), core_rows.shape[1]
    is_core = _check_rows(state, n_rows)
    state["_X"] = np.empty((n_rows, width), dtype=core_rows.dtype)
    state["_X"][core], state["_X"][~is_core] = core_rows, others


def _check_layers(layers: np.ndarray, place: int, *, n_core: int) -> None:
    if len(layers) != n_core or not 0 <= place < layers.shape[1]:
        raise ModelFormatError("the layers do not fit the core points")


def _check_rows(state: dict[str, Any], n_rows: int) -> np.ndarray:
    """Return which rows are core points, if all attributes have as many rows."""
    core, is_core = state["core_sample_indices_"], np.zeros(n_rows, dtype=bool)
    if len(core) and not (core.min() >= 0 and core.max() < n_rows):
        raise ModelFormatError("core_sample_indices_ does not fit the rows")
    is_core[core] = True
    lengths = {len(state["labels_"]), len(state["_weights"]), n_rows}
    if not is_core.sum() == len(core) == len(state["_core_labels"]) or len(lengths) > 1:
        raise ModelFormatError("the rows of fit do not fit each other")
    return is_core


def _complete_pipeline(state: dict[str, Any]) -> None:
    steps = state["steps"]
    if not steps or not all(isinstance(name, str) for name in steps):
        raise ModelFormatError("the pipeline has no steps")


# Classes ----------------------------------------------------------------------------

_LABELS = Attribute("owner", np.ndarray, "int64", 1)
_FLOAT = "float32 float64"

CLASSES: dict[str, ModelClass] = {
    "Pipeline": ModelClass(
        "sklearn.pipeline",
        {"steps": Attribute("predict", dict)},
        _complete_pipeline,
    ),
    "TextClusterer": ModelClass(
        "deepclust.pipeline",
        {
            "steps": Attribute("predict", dict),
            "max_fit_texts": Attribute("predict", Integral),
            "n_rehearsed": Attribute("predict", Integral),
            "warm_start": Attribute("predict", bool),
        },
        _complete_pipeline,
    ),
    "TextCleaner": ModelClass(
        "deepclust.cleaning",
        {
            "language_": Attribute("predict", str),
            "kept_stop_words_": Attribute("predict", tuple),
            "boilerplate_": Attribute("predict", tuple),
        },
    ),
    "Vectorizer": ModelClass(
        "deepclust.vectorizing",
        {
            "word_vectors": Attribute("inspect"),
            "vocabulary_": Attribute("predict"),
            "max_len_": Attribute("predict", Integral),
            "rare_tokens_": Attribute("predict", np.ndarray, "uint32", 1),
            "oov_rate_": Attribute("predict", Real),
            "embedding_matrix_": Attribute("inspect"),
            "vector_coverage_": Attribute("inspect"),
            "min_df_": Attribute("inspect", Integral),
            "n_truncated_": Attribute("inspect", Integral),
            "privacy_ledger_": Attribute("inspect", dict),
        },
        _complete_vectorizer,
    ),
    "VocabularyPrivacy": ModelClass("deepclust.vectorizing"),
    "Vocabulary": ModelClass(
        "deepclust.sequences",
        {
            "tokens": Attribute("predict", tuple),
            "document_frequency": Attribute("inspect", np.ndarray, "int64", 1),
            "n_documents": Attribute("inspect", Integral),
            "vectors": Attribute("inspect"),
            "n_frequent": Attribute("predict", Integral),
        },
        _complete_vocabulary,
    ),
    "RNNLSTMEncoder": ModelClass(
        "deepclust.encoding",
        {
            "seed_words": Attribute("inspect"),
            "weights_": Attribute("predict", dict, "float32"),
            "_fitted_options": Attribute("predict", dict),
            "vocabulary_": Attribute("predict"),
            "embedding_dim_": Attribute("predict", Integral),
            "n_features_in_": Attribute("predict", Integral),
            "classes_": Attribute("predict", np.ndarray),
            "n_unknown_texts_": Attribute("inspect", Integral),
            "n_parameters_": Attribute("inspect", Integral),
            "n_pseudo_classes_": Attribute("inspect"),
            "view_weight_": Attribute("inspect"),
            "_history": Attribute("inspect", list),
            "privacy_ledger_": Attribute("inspect", dict),
            "_selection_results": Attribute("inspect", list),
        },
        _complete_encoder,
    ),
    "DifferentialPrivacy": ModelClass("deepclust.encoding"),
    "DBSCAN": ModelClass(
        "deepclust.clustering",
        {
            "_X": Attribute("predict", object, _FLOAT, 2),
            "_is_sparse": Attribute("predict", bool),
            "_fitted_layer": Attribute("predict"),
            "core_rows": Attribute("predict", np.ndarray, _FLOAT, 2),
            "core_weights": Attribute("predict", np.ndarray, "float64", 1),
            "core_layers": Attribute("predict", np.ndarray, "int64", 2),
            "place_of_auto": Attribute("predict", Integral),
            "_core_labels": Attribute("predict", np.ndarray, "int64", 1),
            "_chosen_layers": Attribute("predict", np.ndarray, "int64", 2),
            "_best_place": Attribute("predict", Integral),
            "eps_": Attribute("predict", Real),
            "min_samples_": Attribute("predict", Integral),
            "n_clusters_": Attribute("predict", Integral),
            "n_features_in_": Attribute("predict", Integral),
            "cluster_names_": Attribute("inspect", dict),
            "layer_names_": Attribute("inspect", list),
            "cluster_ids_": Attribute("inspect", np.ndarray, "int64", 1),
            "noise_fraction_": Attribute("inspect", Real),
            "eps_path_": Attribute("inspect"),
            "_part_means": Attribute("owner", list),
            "other_rows": Attribute("owner", np.ndarray, _FLOAT, 2),
            "core_sample_indices_": _LABELS,
            "labels_": _LABELS,
            "_weights": Attribute("owner", np.ndarray, "float64", 1),
            "_checksum": Attribute("owner", Integral),
        },
        _complete_dbscan,
    ),
    "ReachabilityTree": ModelClass("deepclust.clustering._mutual_reachability"),
}


def class_name_of(value: Any) -> str | None:
    """Return the registered name of an object's class, or None.

    Examples
    --------
    >>> from deepclust import TextCleaner
    >>> from deepclust.persistence._registry import class_name_of
    >>> class_name_of(TextCleaner()), class_name_of(print)
    ('TextCleaner', None)
    """
    kind = type(value)
    known = CLASSES.get(kind.__name__)
    within = known is not None and f"{kind.__module__}.".startswith(f"{known.module}.")
    return kind.__name__ if within else None


def role_of(class_name: str, attribute: str, parameters: Iterable[str]) -> str:
    """Return who may read an attribute; parameters are for everybody."""
    known = CLASSES[class_name].attributes.get(attribute)
    if known is not None:
        return known.role
    return "predict" if attribute in parameters else "owner"


def section_roles(names: Iterable[str]) -> dict[str, str]:
    """Return who may read each section; what is of no role is for everybody."""
    return {name: name if name in ROLES else "predict" for name in names}


def parameters_of(cls: Any) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of an estimator; no attribute of others is one."""
    if not hasattr(cls, "get_params"):
        return {}
    return inspect.signature(cls.__init__).parameters


def state_of(value: Any, *, for_all: bool) -> dict[str, Any]:
    """Return the attributes of an object of a registered class.

    Parameters
    ----------
    value : object

    for_all : bool
        Whether all readers get all attributes. Else the rows of `DBSCAN` are in two
        parts, of which only the owner gets one; this copies them.

    Raises
    ------
    TypeError
        If a model file cannot hold a parameter.
    """
    name = class_name_of(value)
    if name in _PIPELINES:
        saved = CLASSES[name].attributes
        return {k: getattr(value, k) for k in saved} | {"steps": dict(value.steps)}
    if name in _PLAIN:
        fields = [f for f in value.__match_args__ if f not in _ONLY_FOR_FIT]
        return {field: getattr(value, field) for field in fields}
    state = dict(value.__getstate__())
    state.pop("_library_versions", None)  # the manifest has them
    if "_X" in state and not for_all:
        if value._space.is_unmerged:
            raise TypeError(
                "A model file for some readers, or for prediction alone, cannot hold a "
                "DBSCAN of sparse rows or distances. Save it with profile='full', for "
                "owners."
            )
        if "_chosen_layers" not in state:  # they come from all rows and the hierarchy
            state["core_layers"], state["place_of_auto"] = value._core_layers()
        rows, core = state.pop("_X"), state["core_sample_indices_"]
        state["core_rows"] = rows[core]
        state["other_rows"] = np.delete(rows, core, axis=0)
        core_weights = state["_weights"][core]
        if (core_weights != 1).any():  # predict_proba depends on them
            state["core_weights"] = core_weights
    if name == "Vectorizer":
        _check_word_vectors(state)
    if name == "RNNLSTMEncoder":
        state.pop("checkpoint_dir", None)
    state.pop("_cache", None)
    return state


def build(class_name: str, state: dict[str, Any]) -> Any:
    """Return an object of a registered class with the given attributes.

    Parameters
    ----------
    class_name : str
        A key of `CLASSES`.

    state : dict of str to object
        As `state_of` returns it; attributes that the reader may not see are missing.

    Raises
    ------
    ModelFormatError
        If an attribute is missing, is one of the class itself, or not of its type.
    """
    model = CLASSES[class_name]
    cls = getattr(importlib.import_module(model.module), class_name)
    for name, value in state.items():
        rule = model.attributes.get(name)
        problem = None if rule is None else rule.problem(value)
        if problem:
            raise ModelFormatError(f"{class_name}.{name} {problem}".replace(" ,", ","))
    try:
        if model.complete is not None:
            model.complete(state)
        return _construct(cls, class_name, state)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, ModelFormatError):
            raise
        raise ModelFormatError(f"{class_name} is not complete: {error}") from error


def _construct(cls: Any, class_name: str, state: dict[str, Any]) -> Any:
    if class_name in _PIPELINES:
        saved = CLASSES[class_name].attributes.keys() & state.keys()
        settings = {name: state[name] for name in saved - {"steps"}}
        return cls([*state["steps"].items()], **settings)
    parameters = parameters_of(cls)
    if not parameters:
        return cls(**state)
    estimator = cls()  # parameters that are not in the file get their defaults
    for name in state:
        forbidden = hasattr(cls, name) or not name.isidentifier()
        known = name in parameters or name in CLASSES[class_name].attributes
        if forbidden and not known:
            raise ModelFormatError(f"{class_name} cannot have an attribute {name!r}")
    vars(estimator).update(state)
    estimator._validate_params()
    return estimator
