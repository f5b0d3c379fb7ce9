"""Token attributions: integrated gradients and occlusion of a text's cluster score.

Integrated gradients with forward passes alone, so that no TensorFlow is needed:

1. The path from the baseline, the average word vector in every place of the text, to
   the text's own vectors is cut into segments.
2. For each segment, token t alone is moved from its start to its end, with the others
   in its middle. The change of the score is the integral of the gradient along t, up
   to the third power of the segment's length.
3. The sum over the tokens is compared with the change of the score along the whole
   segment; a segment where they differ is halved.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.utils.validation import check_is_fitted

from deepclust._text_input import check_texts
from deepclust.cleaning._tokenizer import STEM_MARK
from deepclust.clustering._fitted_labels import names_of
from deepclust.inspection._html import render
from deepclust.inspection._keywords import names_by_label
from deepclust.metrics._pairwise import unit_rows
from deepclust.sequences import STOP_WORD_MARK, UNKNOWN_ID, TokenSequences

__all__ = ["Explanation", "explain"]

METHODS = ("integrated_gradients", "occlusion")
_CORE_POINTS = 10  # of the cluster, nearest to the text
_FIRST_SEGMENTS = 8
_MOST_HALVINGS = 15
_FIRST_ID = UNKNOWN_ID + 1


@dataclass(frozen=True, eq=False)
class Explanation:
    """Attributions of a text; prints as text, and as colored HTML in a notebook.

    Parameters
    ----------
    text : str
        The explained text.

    tokens : tuple of str, length n_tokens
        Its tokens.

    attributions : ndarray of shape (n_tokens,), float64
        Contribution of each token to the score; 0 for tokens that the encoder does not
        know.

    known : ndarray of shape (n_tokens,), bool
        Whether the encoder knows the token.

    label : int
        What the clusterer predicts: a cluster, or −1 for noise.

    cluster : int
        The explained cluster: the parameter `cluster` of `explain`, or else `label`, or
        for noise the cluster of the nearest core point.

    score : float
        Mean cosine of the text and the nearest core points of `cluster`.

    baseline_score : float
        The score of the baseline, average words in place of the tokens; NaN for
        "occlusion", which has none.

    nearest_core : int
        Row, among the texts of `fit`, of the core point nearest to the text.

    distance : float
        Distance from it, in the clusterer's metric.

    eps : float
        The clusterer's radius: a text farther than that from every core point is noise.

    method : str
        "integrated_gradients" or "occlusion".

    name, nearest_text : str, default=""
        Name of `cluster` and text of the nearest core point, if known.
    """

    text: str
    tokens: tuple[str, ...]
    attributions: np.ndarray
    known: np.ndarray
    label: int
    cluster: int
    score: float
    baseline_score: float
    nearest_core: int
    distance: float
    eps: float
    method: str
    name: str = ""
    nearest_text: str = field(default="", repr=False)

    @property
    def is_noise(self) -> bool:
        """Whether the text is farther than eps from every core point."""
        return not self.distance <= self.eps

    @property
    def completeness_gap(self) -> float:
        """Score less baseline score less the sum of the attributions."""
        return float(self.score - self.baseline_score - self.attributions.sum())

    def __repr__(self) -> str:
        width = max(map(len, self.tokens), default=0)
        largest = np.abs(self.attributions).max(initial=1e-12)
        lines = [self._summary()]
        for token, value in zip(self.tokens, self.attributions, strict=True):
            bar = ("+" if value > 0 else "-") * round(20 * abs(value) / largest)
            lines.append(f"  {token:<{width}}  {value:+.3f}  {bar}".rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return render(
            "inspection/explanation.html",
            explanation=self,
            tokens=zip(self.tokens, self.attributions, self.known, strict=True),
            largest=np.abs(self.attributions).max(initial=1e-12),
            summary=self._summary(),
        )

    def _summary(self) -> str:
        name = f" ({self.name})" if self.name else ""
        nearest = f": {self.nearest_text!r}" if self.nearest_text else ""
        place = "Far from every core point" if self.is_noise else "Near a core point"
        return (
            f"{place}: {self.distance:.3g} from row {self.nearest_core}{nearest}; "
            f"eps is {self.eps:.3g}. Score of cluster {self.cluster}{name}: "
            f"{self.score:.3f}."
        )


def explain(
    pipeline: Any,
    text: str,
    *,
    cluster: int | None = None,
    method: str = "integrated_gradients",
    tolerance: float = 0.01,
    names: Mapping[Any, str] | Sequence[str] | None = None,
    texts: Any = None,
) -> Explanation:
    r"""Attribute the similarity of a text with a cluster to its tokens.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted; its last two steps are an `RNNLSTMEncoder` and a `DBSCAN`.

    text : str
        One text, of the corpus or new.

    cluster : int, default=None
        The cluster to explain; when None, the one that is predicted, and for noise
        that of the nearest core point.

    method : {"integrated_gradients", "occlusion"}, default="integrated_gradients"
        "integrated_gradients" [1]_ distributes the score among the tokens.
        "occlusion" [2]_ is the decrease of the score when one token is removed: it
        makes no assumption on the network, but counts an interaction of two tokens
        twice.

    tolerance : float, default=0.01
        Share of the score's change that integrated gradients may leave unexplained.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters, for display; those of the clusterer when None.

    texts : sequence of str, default=None
        The texts of `fit`, to show that of the nearest core point.

    Returns
    -------
    explanation : Explanation

    Raises
    ------
    NotFittedError
        If the pipeline is not fitted.
    InvalidTextError
        If `text` is not a `str`.
    ValueError
        If the pipeline does not end in an encoder and a clusterer, has no such cluster,
        or a parameter is out of range.

    Notes
    -----
    The score f of a text is the mean cosine of its embedding with the ten nearest core
    points of the cluster. With the word vectors :math:`x_t` and the baseline
    :math:`\bar x`, the mean word vector of the corpus, the integrated gradient of token
    t is

    .. math::

       a_t = (x_t - \bar x) \cdot \int_0^1 \nabla_{x_t}
             f(\bar x + \alpha (x - \bar x)) \, d\alpha

    and :math:`\sum_t a_t = f(x) - f(\bar x)` (completeness), up to `tolerance`. It
    takes some 16 to 100 forward passes a token, a few hundredths of a second for a
    title.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks",
       ICML 2017. :doi:`10.48550/arXiv.1703.01365`

    .. [2] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional
       networks", ECCV 2014. :doi:`10.1007/978-3-319-10590-1_53`

    Examples
    --------
    >>> from deepclust import make_text_clusterer
    >>> from deepclust.inspection import explain
    >>> texts = ["sun and rain", "rain and wind", "stock and bond", "bond price"] * 25
    >>> pipeline = make_text_clusterer(random_state=0)
    >>> pipeline = pipeline.set_params(encode__epochs=5, cluster__eps=0.3).fit(texts)
    >>> explanation = explain(pipeline, "the sun, then rain")
    >>> explanation.tokens
    ('sun', 'rain')
    >>> abs(explanation.completeness_gap) < 0.02
    True
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}. Received: {method!r}.")
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive. Received: {tolerance!r}.")
    if not isinstance(text, str):
        check_texts([text] if text is None else text, estimator="explain")
        raise ValueError(
            "explain takes one text. Received: an iterable of texts; call it for each."
        )
    encoder, clusterer = _last_steps(pipeline)
    names = names_by_label(names_of(clusterer, names))
    sequence = pipeline[:-2].transform([text])
    embedding = encoder.transform(sequence)
    core_points, location = _locate(clusterer, embedding, cluster)
    score = _Score(encoder, core_points)
    known = sequence.ids > UNKNOWN_ID
    attributions, baseline_score = np.zeros(len(known)), float("nan")
    if known.any() and method == "occlusion":
        attributions[known] = _occlusion(score, sequence.ids[known])
    elif known.any():
        attributions[known], baseline_score = _integrated_gradients(
            score, sequence.ids[known], tolerance
        )
    return Explanation(
        text=text,
        tokens=_tokens(pipeline, text, sequence),
        attributions=attributions,
        known=known,
        score=float(score.of_embeddings(embedding)[0]),
        baseline_score=baseline_score,
        eps=float(clusterer.eps_),
        method=method,
        name=names.get(location["cluster"], ""),
        nearest_text="" if texts is None else str([*texts][location["nearest_core"]]),
        **location,
    )


def _last_steps(pipeline: Any) -> tuple[Any, Any]:
    """Return the encoder and the clusterer of a fitted pipeline."""
    check_is_fitted(pipeline)
    steps = getattr(pipeline, "steps", [])
    if len(steps) >= 3:
        encoder, clusterer = steps[-2][1], steps[-1][1]
        is_encoder = "words" in getattr(encoder, "weights_", {})
        if is_encoder and hasattr(clusterer, "core_sample_indices_"):
            return encoder, clusterer
    raise ValueError(
        "explain needs a pipeline that ends in an RNNLSTMEncoder and a DBSCAN, such as "
        f"make_text_clusterer gives. Received: {type(pipeline).__name__} with the "
        f"steps {[name for name, _ in steps]}."
    )


def _locate(
    clusterer: Any, embedding: np.ndarray, cluster: int | None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the nearest core points of the cluster, and fields of `Explanation`."""
    core = clusterer.components_
    if not len(core):
        raise ValueError(
            "The clusterer has no core point, so there is no cluster to explain. "
            "Raise eps or lower min_samples."
        )
    labels = clusterer.labels_[clusterer.core_sample_indices_]
    distances = pairwise_distances(embedding, core, metric=clusterer.metric)[0]
    nearest = int(distances.argmin())
    label = int(clusterer.predict(embedding)[0])
    if cluster is None:
        cluster = int(labels[nearest]) if label < 0 else label
    rows = np.flatnonzero(labels == cluster)
    if not len(rows):
        raise ValueError(
            f"There is no cluster {cluster!r}. The clusters are 0 to {labels.max()}."
        )
    rows = rows[np.argsort(distances[rows], kind="stable")[:_CORE_POINTS]]
    return core[rows], {
        "label": label,
        "cluster": cluster,
        "nearest_core": int(clusterer.core_sample_indices_[nearest]),
        "distance": float(distances[nearest]),
    }


def _tokens(pipeline: Any, text: str, sequence: TokenSequences) -> tuple[str, ...]:
    """Return the tokens of the text; rare words as the cleaner returns them."""
    ids = sequence.ids.tolist()
    words = sequence.vocabulary.tokens if sequence.vocabulary else ()
    tokens = [words[i] if i < len(words) else str(i) for i in ids]
    rare = [
        place
        for place, token in enumerate(tokens)
        if ids[place] == UNKNOWN_ID or token.endswith(STEM_MARK)
    ]
    if rare and len(pipeline) > 3:
        cleaned = pipeline[:-3].transform([text])[0].split()
        if len(cleaned) >= len(ids):  # no Chinese pairs among them
            for place in rare:
                tokens[place] = cleaned[place]
    return tuple(token.removesuffix(STOP_WORD_MARK) for token in tokens)


class _Score:
    """Mean cosine of texts with some core points, f in `explain`.

    Parameters
    ----------
    encoder : RNNLSTMEncoder

    core_points : ndarray of shape (n_points, embedding_dim), float32
    """

    def __init__(self, encoder: Any, core_points: np.ndarray) -> None:
        self.encoder = copy.copy(encoder)
        self.encoder.device = "cpu"
        self.words = encoder.weights_["words"]
        self.direction = unit_rows(core_points).mean(axis=0)

    def of_embeddings(self, embeddings: np.ndarray) -> np.ndarray:
        """Return the scores, of shape (n_texts,), float64."""
        return unit_rows(embeddings.astype(np.float64)) @ self.direction

    def of_vectors(self, vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the scores of texts whose words have any vectors.

        Parameters
        ----------
        vectors : ndarray of shape (n_vectors, vector_dim)

        rows : ndarray of shape (n_texts, n_tokens), int
            Places in `vectors`.
        """
        special = np.zeros((_FIRST_ID, vectors.shape[1]), dtype=np.float32)
        table = np.concatenate((special, vectors.astype(np.float32)))
        self.encoder.weights_ = {**self.encoder.weights_, "words": table}
        offsets = rows.shape[1] * np.arange(len(rows) + 1)
        sequences = TokenSequences(_FIRST_ID + rows.ravel(), offsets)
        return self.of_embeddings(self.encoder.transform(sequences))

    def average_word(self) -> np.ndarray:
        """Return the mean word vector, weighted by document frequency."""
        words, vocabulary = self.words[_FIRST_ID:], self.encoder.vocabulary_
        weights = np.ones(len(words))
        if vocabulary is not None and vocabulary.document_frequency[_FIRST_ID:].any():
            weights = vocabulary.document_frequency[_FIRST_ID:]
        return np.average(words.astype(np.float64), axis=0, weights=weights)


def _occlusion(score: _Score, ids: np.ndarray) -> np.ndarray:
    """Return the decrease of the score when each token is removed."""
    texts = [ids, *(np.delete(ids, token) for token in range(len(ids)))]
    sequences = TokenSequences.from_lists([text.tolist() for text in texts])
    scores = score.of_embeddings(score.encoder.transform(sequences))
    return scores[0] - scores[1:]


def _integrated_gradients(
    score: _Score, ids: np.ndarray, tolerance: float
) -> tuple[np.ndarray, float]:
    """Return the integrated gradient of each token, and the score of the baseline."""
    n_tokens = len(ids)
    baseline = np.tile(score.average_word(), (n_tokens, 1))
    path = score.words[ids] - baseline
    first, last = score.of_vectors(
        np.concatenate((baseline, baseline + path)),
        np.arange(2 * n_tokens).reshape(2, n_tokens),
    )
    allowed = tolerance * max(abs(last - first), 0.01)
    ends = np.linspace(0, 1, _FIRST_SEGMENTS + 1)
    segments = np.column_stack((ends[:-1], ends[1:]))
    total = np.zeros(n_tokens)
    for n_halvings in range(_MOST_HALVINGS + 1):
        of_tokens, of_all = _score_changes(score, baseline, path, segments)
        lengths = segments[:, 1] - segments[:, 0]
        is_exact = np.abs(of_tokens.sum(axis=1) - of_all) <= allowed * lengths
        is_exact |= n_halvings == _MOST_HALVINGS
        total += of_tokens[is_exact].sum(axis=0)
        if is_exact.all():
            break
        low, high = segments[~is_exact].T
        middle = (low + high) / 2
        segments = np.column_stack((low, middle, middle, high)).reshape(-1, 2)
    return total, float(first)


def _score_changes(
    score: _Score, baseline: np.ndarray, path: np.ndarray, segments: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the change of the score across each segment.

    Returns
    -------
    of_tokens : ndarray of shape (n_segments, n_tokens), float64
        As one token moves.

    of_all : ndarray of shape (n_segments,), float64
        As all tokens move.
    """
    n_tokens = len(path)
    low, high = segments.T
    alphas = np.stack((low, (low + high) / 2, high))
    vectors = baseline + alphas[:, :, None, None] * path
    places = np.arange(vectors[..., 0].size).reshape(3, len(segments), 1, n_tokens)
    moves = np.vstack((np.eye(n_tokens, dtype=bool), np.ones(n_tokens, dtype=bool)))
    # texts[end, segment, move]: tokens that move at an end, the others in the middle
    texts = np.where(moves, places[[0, 2]], places[1])
    scores = score.of_vectors(
        vectors.reshape(-1, path.shape[1]), texts.reshape(-1, n_tokens)
    ).reshape(texts.shape[:3])
    changes = scores[1] - scores[0]
    return changes[:, :-1], changes[:, -1]
