"""Synthetic texts whose embeddings are saved with a model, to notice other versions.

A newer tokenizer or numerical library can change what a model does with a text. At
`load` the probe texts are embedded again and compared. Half of them are fixed; the
others are words of the vocabulary in random order, so none is a text of `fit`.
"""

import copy
import warnings
from typing import Any

import numpy as np

from deepclust._estimators import library_versions
from deepclust.exceptions import ModelDriftWarning, ModelFormatError, TextWarning

__all__ = ["check_probes", "probe_embeddings"]

N_PROBES = 16
TOLERANCE = 1e-4  # of a coordinate of a unit vector; processors differ by 1e-6
_FIXED = (
    "The quick brown fox doesn't jump over the lazy dog.",
    "<p>Caf&eacute; &amp; cr&egrave;me br&ucirc;l&eacute;e, $4.50 each!</p>",
    "Write to someone@example.org or see https://example.org/a?b=c#d",
    "C++ and node.js: version 3.11.2, released 2024-05-06 at 10:30",
    "don't / can't / we've — “quoted” text… e.g. U.S. e-mail, state-of-the-art",
    "自然语言处理 и машинное обучение",
    "UPPER lower CamelCase snake_case #hashtag @name :-)",
    "",
)


def probe_embeddings(model: Any) -> np.ndarray | None:
    """Return the embeddings of the probe texts.

    Parameters
    ----------
    model : estimator or Pipeline
        Fitted.

    Returns
    -------
    embeddings : ndarray of shape (16, embedding_dim), float32, or None
        None if the model has no fitted encoder.
    """
    steps = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    encoder = next((step for step in steps if hasattr(step, "weights_")), None)
    if encoder is None:
        return None
    before = steps[: steps.index(encoder)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)  # of unknown words
        warnings.simplefilter("ignore", RuntimeWarning)  # weights too large: not finite
        batch: Any = _token_ids(encoder)
        if before:
            batch = _probe_texts(encoder)
        for step in before:
            silent = copy.copy(step)
            options = {"verbose": 0, "n_jobs": None}
            silent.set_params(**{k: v for k, v in options.items() if hasattr(step, k)})
            batch = silent.transform(batch)
        return copy.copy(encoder).set_params(device="auto").transform(batch)


def _token_ids(encoder: Any) -> np.ndarray:
    n_tokens = len(encoder.weights_["words"])
    shape = (N_PROBES, encoder.n_features_in_)
    return np.random.default_rng(0).integers(0, n_tokens, shape)


def _probe_texts(encoder: Any) -> list[str]:
    tokens = encoder.vocabulary_.tokens[2:] or ("word",)
    n_random = N_PROBES - len(_FIXED)
    chosen = np.random.default_rng(0).integers(0, len(tokens), (n_random, 8))
    return [*_FIXED, *(" ".join(tokens[i] for i in row) for row in chosen.tolist())]


def check_probes(model: Any, expected: np.ndarray, saved_with: Any) -> bool:
    """Warn if the model embeds the probe texts otherwise than where it was saved.

    Parameters
    ----------
    model : estimator or Pipeline

    expected : ndarray of shape (16, embedding_dim), float32

    saved_with : dict of str to str
        Versions of the libraries, as of `library_versions`.

    Returns
    -------
    warned : bool

    Raises
    ------
    ModelFormatError
        If they cannot be embedded.

    Warns
    -----
    ModelDriftWarning
        If a coordinate differs by more than 1e-4.
    """
    try:
        found = probe_embeddings(model)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ModelFormatError(
            f"its probe texts cannot be embedded: {error}"
        ) from error
    if found is None or expected.dtype != found.dtype or found.shape != expected.shape:
        raise ModelFormatError("its probe texts have embeddings of another shape")
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        raise ModelFormatError("its probe texts have embeddings that are not finite")
    gap = float(np.abs(found - expected).max())
    if gap <= TOLERANCE:
        return False
    now = library_versions()
    then = saved_with if isinstance(saved_with, dict) else {}
    changed = [
        f"{k} {then.get(k)} → {v}" for k, v in now.items() if v != then.get(k, v)
    ]
    warnings.warn(
        f"The model embeds its probe texts otherwise than where it was saved (by up to "
        f"{gap:.1g}). Changed since: {', '.join(changed) or 'no version'}. Install the "
        "versions it was saved with, or fit again.",
        ModelDriftWarning,
        stacklevel=3,
    )
    return True
