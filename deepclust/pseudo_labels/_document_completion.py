"""Document completion: how well a partition predicts held-out words.

Word distributions of the components are estimated on one half of the documents. Of each
other document one half of the words is observed, which gives the probability of each
component, and the other half is predicted. This tells topics from components that one
phrase defines, and from those that hold for the training documents only.
"""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import logsumexp

from deepclust._parallel import in_threads
from deepclust.pseudo_labels._features import half_of_vocabulary
from deepclust.pseudo_labels._mixture import (
    BETA_END,
    limit_length,
    log_likelihood_ratios,
    word_frequencies,
)

__all__ = ["document_completion_scores"]

N_SPLITS = 8  # of documents and vocabulary
MAX_SCORED_DOCS = 12_000  # random documents that scores are computed on


def document_completion_scores(
    counts: csr_matrix, partitions: list[np.ndarray], *, seed: int = 0
) -> np.ndarray:
    """Compute the document completion score of each partition.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32
        Document-term matrix.

    partitions : list of ndarray of shape (n_docs,), int
        Component of each document, from 0.

    seed : int, default=0
        Draws the splits.

    Returns
    -------
    scores : ndarray of shape (n_partitions,), float64
        Greater is better; 0 where there are fewer than two documents.

    Notes
    -----
    The score is the document completion of topic models [1]_, for models with one topic
    per document. For the observed half a(x) and the held-out half b(x) of the words of
    a test document x, it is the mean over documents and splits of

        log Σ_k p(k | a(x)) exp(β Σ_{w ∈ b(x)} n_w(x) log(θ_kw / p_w))

    in nats, with β = `BETA_END`; either half is observed in turn, and counts as
    `MAX_LENGTH` tokens of a mixture if it has more. All partitions are
    scored on the same splits. Time O(tokens × n_components × n_partitions), on at most
    `MAX_SCORED_DOCS` documents; memory O(n_docs × n_components). The result does not
    depend on the number of threads.

    References
    ----------
    .. [1] Wallach, Murray, Salakhutdinov, Mimno, "Evaluation methods for topic models",
       ICML 2009, doi:10.1145/1553374.1553515.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels import _document_completion
    >>> topics = np.arange(120) % 3
    >>> rates = np.kron(np.eye(3), np.ones(8))[topics]
    >>> counts = csr_matrix(np.random.default_rng(0).poisson(rates), dtype="f")
    >>> scores = _document_completion.document_completion_scores(
    ...     counts, [topics, topics // 2, topics * 0]
    ... )
    >>> bool(scores[0] > scores[1] > scores[2])
    True
    """
    if counts.shape[0] < 2:
        return np.zeros(len(partitions))
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(counts.shape[0])[:MAX_SCORED_DOCS])
    counts = counts[rows]
    splits = [
        (rng.permutation(len(rows)) < len(rows) // 2, half_of_vocabulary(counts, rng))
        for _ in range(N_SPLITS)
    ]

    def score(split: tuple[np.ndarray, np.ndarray]) -> list[float]:
        """Return the score of each partition on one split."""
        train, half = split
        views = [counts[:, np.flatnonzero(tokens)] for tokens in (half, ~half)]
        parts = [
            (view[train].T.tocsr(), limit_length(view[~train]), word_frequencies(view))
            for view in views
        ]
        scores = []
        for labels in partitions:
            resp = np.eye(labels.max() + 1, dtype=np.float32)[labels[rows][train]]
            one, other = (
                test @ log_likelihood_ratios(transposed, resp, frequencies, BETA_END)
                for transposed, test, frequencies in parts
            )
            log_weights = np.log(resp.mean(axis=0) + np.float32(1e-9))
            scores.append(
                _log_predictive(one, other, log_weights)
                + _log_predictive(other, one, log_weights)
            )
        return scores

    return np.mean(in_threads(score, splits, n_jobs=-1), axis=0) / 2


def _log_predictive(
    observed: np.ndarray, held_out: np.ndarray, log_weights: np.ndarray
) -> float:
    """Return the mean log probability of the held-out words given the observed."""
    log_posterior = observed + log_weights
    log_posterior -= logsumexp(log_posterior, axis=1, keepdims=True)
    return float(np.mean(logsumexp(log_posterior + held_out, axis=1), dtype=np.float64))
