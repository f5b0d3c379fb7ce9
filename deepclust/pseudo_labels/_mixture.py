"""Mixture of multinomial and von Mises-Fisher components, fitted by annealed EM.

The responsibility of component k for document x, with word counts n_w(x) and the unit
feature vector f(x), is

    r_k(x) ∝ exp(log π_k + κ μ_k·f(x) + β Σ_w n_w(x) log(θ_kw / p_w))

where π_k is the weight, μ_k the mean direction and θ_k the word distribution of the
component, κ the concentration, and p the word distribution of the corpus. The inverse
temperature β rises to `BETA_END` (deterministic annealing, see `Annealing`); it scales
the term of the words. Words of a document depend on each other, so that the counts of
one with more than `MAX_LENGTH` tokens are scaled to that sum.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils import gen_batches

from deepclust.metrics._pairwise import unit_rows
from deepclust.pseudo_labels._features import BATCH_SIZE

__all__ = [
    "ANNEALED_WEIGHTS",
    "FREE_WEIGHTS",
    "SMALL_KEPT",
    "Annealing",
    "Mixture",
    "is_confident",
    "limit_length",
    "log_likelihood_ratios",
    "word_frequencies",
]

N_STEPS = 80  # EM steps
FIRST_DOCS = 6_000  # documents, at least, of those that the first steps are fitted to
LAST_STEPS = 10  # that are fitted to all documents
BETA_END = 0.7  # inverse temperature of the word likelihood, in the last step
CONCENTRATION = 10.0  # κ of the von Mises-Fisher distributions, the same for all
CONFIDENCE = 0.9  # least probability, against the second best, of a confident document
DIRECTION_INTERVAL = 2  # EM steps from one update of the mean directions to the next
PSEUDO_COUNT = 1.0  # per token of the vocabulary, distributed as p
MAX_LENGTH = 10.0  # tokens that a longer document counts as


class Annealing(NamedTuple):
    """Annealing of a mixture.

    Attributes
    ----------
    beta_start : float
        Inverse temperature of the first step, from which it rises to `BETA_END`.

    weights : bool
        Whether the weights are annealed as well: π_k ∝ (Σ_x r_k(x))^a with
        a = β / `BETA_END`. While β is low, features and words hardly tell components
        apart, and free weights, a = 1, let the small ones die. Topics of very different
        size are found better with free weights.
    """

    beta_start: float
    weights: bool


FREE_WEIGHTS = Annealing(0.1, weights=False)
ANNEALED_WEIGHTS = Annealing(0.1, weights=True)
SMALL_KEPT = Annealing(0.3, weights=True)  # most components survive, small ones too


@dataclass
class Mixture:
    """Mixture model of word counts and feature vectors.

    Attributes
    ----------
    word_log_ratios : ndarray of shape (n_tokens, n_components), float32
        β log(θ_kw / p_w), see `log_likelihood_ratios`.

    mean_directions : ndarray of shape (n_components, n_features), float32
        Unit vectors μ_k.

    log_weights : ndarray of shape (n_components,), float32
        log π_k.

    log_likelihood : float
        Mean log-likelihood of the training documents, up to a constant.
    """

    word_log_ratios: np.ndarray
    mean_directions: np.ndarray
    log_weights: np.ndarray
    log_likelihood: float = -np.inf

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        counts: csr_matrix,
        labels: np.ndarray,
        n_components: int,
        n_steps: int = N_STEPS,
        *,
        annealing: Annealing = FREE_WEIGHTS,
        known: np.ndarray | None = None,
        pseudo_count: float = PSEUDO_COUNT,
    ) -> "Mixture":
        """Fit a mixture by deterministic annealing EM.

        Parameters
        ----------
        features : ndarray of shape (n_docs, n_features), float32
            Rows of unit length.

        counts : sparse matrix of shape (n_docs, n_tokens), float32
            Document-term matrix.

        labels : ndarray of shape (n_docs,), int
            Partition that EM starts from.

        n_components : int

        n_steps : int, default=80
            EM steps; β rises geometrically.

        annealing : Annealing, default=FREE_WEIGHTS

        known : ndarray of shape (n_docs,), int, default=None
            Component of labeled documents, whose responsibilities stay fixed; -1 where
            unlabeled.

        pseudo_count : float, default=1.0
            Of each token, in the word distribution of each component.

        Returns
        -------
        mixture : Mixture

        Notes
        -----
        Words come from a multinomial [1]_ smoothed by the word frequencies of the
        corpus, features from a von Mises-Fisher distribution of fixed concentration
        [2]_. Words of a document are not independent, as the model assumes, hence
        β < 1 even at the end. β is raised as in deterministic annealing [3]_. The mean
        directions, whose products take most of the time, are updated in every second
        step, the last among them: EM in parts [4]_.

        Of 12,000 documents or more, all steps but the last `LAST_STEPS` are fitted to
        every second, third, ... one, with the prior of the corpus in their share: while
        β is low, they tell components apart as well as all do. Their order should be
        random. Time O(n_steps × n_components × (tokens + n_docs × n_features)) for
        fewer documents, and with `LAST_STEPS` in place of n_steps for many.

        References
        ----------
        .. [1] Nigam, McCallum, Thrun, Mitchell, "Text classification from labeled and
           unlabeled documents using EM", Machine Learning 39, 2000,
           doi:10.1023/A:1007692713085.
        .. [2] Banerjee, Dhillon, Ghosh, Sra, "Clustering on the unit hypersphere using
           von Mises-Fisher distributions", JMLR 6, 2005.
        .. [3] Ueda, Nakano, "Deterministic annealing EM algorithm", Neural Networks
           11(2), 1998, doi:10.1016/S0893-6080(97)00133-0.
        .. [4] Meng, Rubin, "Maximum likelihood estimation via the ECM algorithm: a
           general framework", Biometrika 80(2), 1993, doi:10.1093/biomet/80.2.267.
        """
        one_hot = np.eye(n_components, dtype=np.float32)
        known = np.full(len(labels), -1) if known is None else known
        counts, place = _one_absent_token(counts)
        pseudo_count *= len(place) / counts.shape[1]
        n_tokens = float(counts.sum())
        counts = limit_length(counts)
        pseudo_count *= float(counts.sum()) / n_tokens if n_tokens else 1.0
        frequencies = word_frequencies(counts)
        start, anneals_weights = annealing
        betas = np.geomspace(start, BETA_END, n_steps, dtype=np.float32)
        stages = _stages(len(labels), n_steps)
        mixture: Any = None
        for step, beta in enumerate(betas):
            if step in stages:
                rows = stages[step]
                some = _Documents(features[rows], counts[rows], known[rows])
                prior = pseudo_count * len(some.features) / len(features)
                resp = mixture._expect(some)[1] if mixture else one_hot[labels[rows]]
            exponent = beta / np.float32(BETA_END) if anneals_weights else 1.0
            weights = (resp.mean(axis=0) + np.float32(1e-9)) ** np.float32(exponent)
            if step in stages or (n_steps - 1 - step) % DIRECTION_INTERVAL == 0:
                directions = unit_rows(resp.T @ some.features)
                closeness = _scaled_cosines(some.features, directions)
            mixture = cls(
                log_likelihood_ratios(some.transposed, resp, frequencies, beta, prior),
                directions,
                np.log(weights / weights.sum()),
            )
            mixture.log_likelihood, resp = mixture._expect(some, closeness)
        mixture.word_log_ratios = mixture.word_log_ratios[place]
        return mixture

    def _expect(
        self, documents: "_Documents", closeness: np.ndarray | None = None
    ) -> tuple[float, np.ndarray]:
        """Return the mean log-likelihood and the responsibilities."""
        if closeness is None:
            closeness = _scaled_cosines(documents.features, self.mean_directions)
        log_prob = self._log_prob(closeness, documents.counts)
        log_likelihood, resp = _responsibilities(log_prob)
        labeled = documents.labeled
        resp[labeled] = 0.0
        resp[labeled, documents.known[labeled]] = 1.0
        return log_likelihood, resp

    def _log_prob(self, closeness: np.ndarray, counts: csr_matrix) -> np.ndarray:
        """Compute log joint probabilities, float32 (n_docs, n_components)."""
        log_prob = counts @ self.word_log_ratios
        log_prob += closeness
        log_prob += self.log_weights
        return log_prob

    def predict(self, features: np.ndarray, counts: csr_matrix) -> np.ndarray:
        """Predict the most probable component, int32 (n_docs,)."""
        return self.predict_with_margin(features, counts)[0]

    def predict_with_margin(
        self, features: np.ndarray, counts: csr_matrix
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict the most probable component and its margin over the second.

        Parameters
        ----------
        features : ndarray of shape (n_docs, n_features), float32

        counts : sparse matrix of shape (n_docs, n_tokens), float32

        Returns
        -------
        labels : ndarray of shape (n_docs,), int32

        log_odds_margin : ndarray of shape (n_docs,), float32
            Log of the odds of the two most probable components; infinite if there is
            one component only.
        """
        labels = np.zeros(len(features), dtype=np.int32)
        log_odds_margin = np.full(len(features), np.inf, dtype=np.float32)
        for rows in gen_batches(len(features), BATCH_SIZE):
            closeness = _scaled_cosines(features[rows], self.mean_directions)
            log_prob = self._log_prob(closeness, limit_length(counts[rows]))
            labels[rows] = log_prob.argmax(axis=1)
            if len(self.mean_directions) > 1:
                two = np.partition(log_prob, -2, axis=1)[:, -2:]
                log_odds_margin[rows] = two[:, 1] - two[:, 0]
        return labels, log_odds_margin


class _Documents:
    """The documents that some of the steps are fitted to."""

    def __init__(
        self, features: np.ndarray, counts: csr_matrix, known: np.ndarray
    ) -> None:
        self.features, self.counts, self.known = features, counts, known
        self.transposed = counts.T.tocsr()
        self.labeled = np.flatnonzero(known >= 0)


def _stages(n_docs: int, n_steps: int) -> dict[int, slice]:
    """Return the documents that EM is fitted to from a step on, by the step."""
    stride = max(1, n_docs // FIRST_DOCS)
    stages = {0: slice(None, None, stride)}
    if stride > 1 and n_steps > LAST_STEPS:
        stages[n_steps - LAST_STEPS] = slice(None)
    return stages


def limit_length(counts: csr_matrix) -> csr_matrix:
    """Scale the counts of each document that has over `MAX_LENGTH` tokens to that many.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32
        Document-term matrix.

    Returns
    -------
    limited : sparse matrix of shape (n_docs, n_tokens), float32
        `counts` itself where no document is longer.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._mixture import limit_length
    >>> limit_length(csr_matrix([[2.0, 1.0], [40.0, 10.0]], dtype="f")).toarray()
    array([[2., 1.],
           [8., 2.]], dtype=float32)
    """
    lengths = np.asarray(counts.sum(axis=1), dtype=np.float32).ravel()
    if lengths.max(initial=0.0) <= MAX_LENGTH:
        return counts
    shares = np.minimum(1.0, np.float32(MAX_LENGTH) / np.maximum(lengths, 1e-9))
    limited = counts.copy()
    limited.data *= np.repeat(shares, np.diff(counts.indptr)).astype(counts.dtype)
    return limited


def _one_absent_token(counts: csr_matrix) -> tuple[csr_matrix, np.ndarray]:
    """Keep one of the tokens that no document has, since all have the same ratios.

    Returns
    -------
    counts : sparse matrix of shape (n_docs, n_kept), float32

    place : ndarray of shape (n_tokens,), intp
        Column of each token.
    """
    present = counts.getnnz(axis=0) > 0
    kept = present.copy()
    one = int(present.argmin())
    kept[one] = True
    place = np.cumsum(kept) - 1
    place[~present] = place[one]
    return counts[:, np.flatnonzero(kept)], place


def _scaled_cosines(features: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return κ μ_k·f(x), float32 (n_docs, n_components)."""
    return features @ (np.float32(CONCENTRATION) * directions.T)


def _responsibilities(log_prob: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean log-likelihood and the responsibilities; overwrites log_prob."""
    largest = _row_maxima(log_prob)[:, None]
    resp = np.exp(np.subtract(log_prob, largest, out=log_prob), out=log_prob)
    # OpenBLAS may set the flag of an invalid value in products of finite ones
    # (numpy/numpy#24067)
    with np.errstate(invalid="ignore"):
        total = np.dot(resp, np.ones(resp.shape[1], dtype=np.float32))[:, None]
    resp /= total
    return float(np.mean(largest + np.log(total), dtype=np.float64)), resp


def word_frequencies(counts: csr_matrix) -> np.ndarray:
    """Return the relative frequency p_w of each token, > 0, float32 (n_tokens, 1)."""
    totals = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel() + 1e-9
    return (totals / totals.sum()).astype(np.float32)[:, None]


def log_likelihood_ratios(
    transposed: csr_matrix,
    resp: np.ndarray,
    frequencies: np.ndarray,
    beta: float,
    pseudo_count: float = PSEUDO_COUNT,
) -> np.ndarray:
    """Compute β log(θ_kw / p_w) of each token and component.

    Parameters
    ----------
    transposed : sparse matrix of shape (n_tokens, n_docs), float32
        Document-term matrix, transposed.

    resp : ndarray of shape (n_docs, n_components), float32
        Responsibilities.

    frequencies : ndarray of shape (n_tokens, 1), float32
        p_w, as returned by `word_frequencies`.

    beta : float
        Inverse temperature.

    pseudo_count : float, default=1.0
        Of each token, in the word distribution of each component.

    Returns
    -------
    log_ratios : ndarray of shape (n_tokens, n_components), float32
    """
    prior = np.float32(pseudo_count * len(frequencies)) * frequencies
    theta = transposed @ resp + prior
    theta /= theta.sum(axis=0)
    log_ratios: np.ndarray = np.float32(beta) * np.log(theta / frequencies)
    return log_ratios


def is_confident(log_odds_margin: np.ndarray) -> np.ndarray:
    """Return where p / (p + p₂) ≥ `CONFIDENCE`, bool (n_docs,).

    p and p₂ are the probabilities of the two most probable components.
    """
    return log_odds_margin >= np.log(CONFIDENCE / (1.0 - CONFIDENCE))


def _row_maxima(rows: np.ndarray) -> np.ndarray:
    """Return the maximum of each row; numpy's own is slow on rows of up to some 40."""
    if 0 < rows.shape[1] <= 40:
        return reduce(np.maximum, rows.T)
    return rows.max(axis=1)
