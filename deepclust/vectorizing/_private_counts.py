"""Document frequencies with noise: which tokens there are, and in how many texts.

1. Of each text at most `max_tokens` distinct tokens are counted, drawn at random, so
   that one text changes a count by 1 at most, and all counts and the number of texts
   by the norm √(max_tokens + 1) at most.
2. Gaussian noise [1]_ on these makes tokens that occur elsewhere (ε, δ/2)-private.
3. A token of a single text has the count 1. The threshold is so high that with
   probability 1 - δ/2 none of the `max_tokens` that a text may have alone passes it
   [2]_; only tokens above it are returned. What a text may change is then bounded by
   e^ε' / (1 - δ/2) and δ/2 + δ/2, so that the noise is that of ε' = ε + log(1 - δ/2).

.. [1] Balle, Wang, "Improving the Gaussian mechanism for differential privacy:
   analytical calibration and optimal denoising", ICML 2018, arXiv:1805.06530.
.. [2] Gopi, Gulhane, Kulkarni, Shen, Shokouhi, Yekhanin, "Differentially private set
   union", ICML 2020, arXiv:2002.09745, with the weight 1 for every token of a text.
"""

import math
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from random import SystemRandom

import numpy as np
from scipy.special import ndtri
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from deepclust._optional import import_extra

__all__ = ["VocabularyPrivacy", "private_counts"]


@dataclass(frozen=True)
class VocabularyPrivacy:
    """A bound on what a vocabulary and its counts tell about any one text of `fit`.

    With `Vectorizer(privacy=VocabularyPrivacy(...), max_unseen=1.0)` the vocabulary
    consists of tokens whose number of texts, with Gaussian noise, is above a threshold
    (differentially private set union [1]_).

    **What ε covers:** `vocabulary_.tokens`, `document_frequency`, `n_documents` and
    `min_df_` together; one text is added or removed. An author of several texts is
    covered by a multiple of ε.

    **What it does not cover:** word vectors learned from the corpus, `max_len_` of
    "auto", `oov_rate_`, `n_truncated_`, and everything that is made of the texts
    elsewhere: stop words that `TextCleaner` keeps and boilerplate that it drops, the
    counts of `save(profile="share")`, encoder and clusters. The noise is rounded, and
    floating-point attacks on it are not defended.

    Parameters
    ----------
    epsilon : float
        Greater than 0. Up to 1 is a strong, 10 a weak guarantee.

    delta : float
        Between 0 and 1; smaller than one over the number of texts.

    max_tokens : int, default=20
        Distinct tokens of a text that are counted. More of them lose less of long
        texts, but need more noise.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] Gopi et al., "Differentially private set union", ICML 2020,
       arXiv:2002.09745.

    Examples
    --------
    >>> from deepclust.vectorizing import VocabularyPrivacy
    >>> VocabularyPrivacy(4.0, delta=1e-6)
    VocabularyPrivacy(epsilon=4.0, delta=1e-06, max_tokens=20)
    """

    epsilon: float
    delta: float
    max_tokens: int = 20

    def __post_init__(self) -> None:
        rules = {
            "epsilon": [Interval(Real, 0, math.inf, closed="neither")],
            "delta": [Interval(Real, 0, 1, closed="neither")],
            "max_tokens": [Interval(Integral, 1, None, closed="left")],
        }
        validate_parameter_constraints(rules, vars(self), "VocabularyPrivacy")


def private_counts(
    texts: Iterable[list[str]], privacy: VocabularyPrivacy
) -> tuple[Counter[str], int, dict[str, float]]:
    """Return in about how many texts the more frequent tokens occur.

    Parameters
    ----------
    texts : iterable of list of str
        Tokens of each text.

    privacy : VocabularyPrivacy

    Returns
    -------
    document_frequency : Counter of str
        Of the tokens above the threshold.

    n_documents : int
        Number of texts, with noise.

    ledger : dict
        What was spent: epsilon, delta; max_tokens; noise, the standard deviation; and
        threshold.

    Raises
    ------
    MissingExtraError
        If `dp-accounting` is not installed.

    Notes
    -----
    Draws and noise come from the operating system's entropy, not from a seed: who knows
    the seed could subtract the noise. Linear time in the tokens.
    """
    ledger = _ledger(privacy)
    counts, draw, n_texts = Counter[str](), SystemRandom(), 0
    for tokens in texts:
        distinct, n_texts = [*set(tokens)], n_texts + 1
        if len(distinct) > privacy.max_tokens:
            distinct = draw.sample(distinct, privacy.max_tokens)
        counts.update(distinct)
    exact = np.array([n_texts, *counts.values()], dtype=np.float64)
    rng = np.random.default_rng(secrets.randbits(256))
    total, *noisy = exact + rng.normal(0.0, ledger["noise"], len(exact))
    n_documents = max(round(total), 1)
    kept = {
        token: min(max(round(n), 1), n_documents)
        for token, n in zip(counts, noisy, strict=True)
        if n > ledger["threshold"]
    }
    return Counter(kept), n_documents, ledger


def _ledger(privacy: VocabularyPrivacy) -> dict[str, float]:
    """Return the noise and the threshold that keep to epsilon and delta."""
    module, purpose = "dp_accounting.pld", "Vectorizer(privacy=)"
    pld = import_extra(module, extra="privacy", purpose=purpose)
    half, most = privacy.delta / 2, privacy.max_tokens
    epsilon = privacy.epsilon + math.log1p(-half)
    noise = pld.privacy_loss_mechanism.GaussianPrivacyLoss.from_privacy_guarantee(
        pld.common.DifferentialPrivacyParameters(epsilon, half),
        sensitivity=math.sqrt(most + 1),
    ).standard_deviation
    # all of the tokens that a text has alone stay below with probability 1 - half
    threshold = 1.0 - noise * ndtri(-math.expm1(math.log1p(-half) / most))
    return {
        "epsilon": privacy.epsilon,
        "delta": privacy.delta,
        "max_tokens": most,
        "noise": float(noise),
        "threshold": float(threshold),
    }
