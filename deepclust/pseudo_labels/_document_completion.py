"""Document completion: how well groups of texts foretell words that are not read.

Groups are learned, as distributions over words, from one half of the texts. Of every
other text half of the words are read, which tell its group, and the group foretells the
rest. Groups that are made by one phrase foretell nothing, and those that hold of the
texts at hand only do not come true, though either may make these texts likely.
"""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import logsumexp

from deepclust._parallel import in_threads
from deepclust.pseudo_labels._mixture import LAST_HEAT, word_evidence, word_frequencies
from deepclust.pseudo_labels._model_selection import half_of_the_words

__all__ = ["document_completion_scores"]

ROUNDS = 8  # of halving texts and words
ASKED = 12_000  # texts


def document_completion_scores(
    counts: csr_matrix, groupings: list[np.ndarray], *, seed: int = 0
) -> np.ndarray:
    """Return how likely each grouping makes the words of which it is not told.

    Parameters
    ----------
    counts : sparse matrix of shape (n_docs, n_tokens), float32

    groupings : list of ndarray of shape (n_docs,), int
        Group of each text, from 0.

    seed : int, default=0
        Draws the halves.

    Returns
    -------
    likelihoods : ndarray of shape (n_groupings,), float64
        Mean over texts of the log of the likelihood of one half of its words given the
        other, in nats, less that by the words' frequencies alone; words count as in
        `Mixture`. Greater is better; 0 of fewer than two texts.

    Notes
    -----
    The document completion of topic models [1]_, of which groupings are those with one
    topic a text. All groupings are asked about the same halves. Time
    O(tokens × n_groups × n_groupings), on at most `ASKED` texts; memory
    O(n_docs × n_groups). The result does not depend on the number of threads.

    References
    ----------
    .. [1] Wallach, Murray, Salakhutdinov, Mimno, "Evaluation methods for topic models",
       ICML 2009, doi:10.1145/1553374.1553515.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from deepclust.pseudo_labels._document_completion import document_completion_scores
    >>> topics = np.arange(120) % 3
    >>> rates = np.kron(np.eye(3), np.ones(8))[topics]
    >>> counts = csr_matrix(np.random.default_rng(0).poisson(rates), dtype="f")
    >>> likelihoods = document_completion_scores(counts, [topics, topics // 2, topics * 0])
    >>> bool(likelihoods[0] > likelihoods[1] > likelihoods[2])
    True
    """
    if counts.shape[0] < 2:
        return np.zeros(len(groupings))
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(counts.shape[0])[:ASKED])
    asked = counts[rows]
    halves = [
        (rng.permutation(len(rows)) < len(rows) // 2, half_of_the_words(asked, rng))
        for _ in range(ROUNDS)
    ]

    def complete(half: tuple[np.ndarray, np.ndarray]) -> list[float]:
        """Return the likelihood by each grouping, of what is halved this way."""
        learned, words = half
        views = [asked[:, np.flatnonzero(kept)] for kept in (words, ~words)]
        parts = [
            (view[learned].T.tocsr(), view[~learned], word_frequencies(view))
            for view in views
        ]
        likelihoods = []
        for labels in groupings:
            member = np.eye(labels.max() + 1, dtype=np.float32)[labels[rows][learned]]
            one, other = (
                read @ word_evidence(taught, member, background, LAST_HEAT)
                for taught, read, background in parts
            )
            prior = np.log(member.mean(axis=0) + np.float32(1e-9))
            likelihoods.append(
                _foretold(one, other, prior) + _foretold(other, one, prior)
            )
        return likelihoods

    return np.mean(in_threads(complete, halves, n_jobs=-1), axis=0) / 2


def _foretold(read: np.ndarray, rest: np.ndarray, prior: np.ndarray) -> float:
    """Return the mean log-likelihood of the rest, by the groups that were read."""
    group = read + prior
    group -= logsumexp(group, axis=1, keepdims=True)
    return float(np.mean(logsumexp(group + rest, axis=1), dtype=np.float64))
