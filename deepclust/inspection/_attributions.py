"""Why a text is in its cluster, or in none: what each of its tokens contributes.

How integrated gradients are computed without a gradient:

1. The path leads from average word vectors, in all places of the text, straight to the
   text's own. It is cut into segments.
2. Across a segment, token t alone is moved from the segment's start to its end, while
   the others wait in the middle. The change of the score is, up to the third power of
   the segment's length, the integral of the score's gradient along t.
3. The sum over the tokens is compared with the change of the score along the whole
   segment; a segment where they differ is halved.

That asks for nothing but the encoder's forward pass, which needs no TensorFlow.
"""

import copy
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.utils.validation import check_is_fitted

from deepclust._text_input import check_texts
from deepclust.sequences import UNKNOWN_ID, TokenSequences

__all__ = ["Explanation", "explain"]

METHODS = ("integrated_gradients", "occlusion")
_CORE_POINTS = 10  # of the cluster, nearest to the text
_FIRST_SEGMENTS = 8
_ROUNDS = 12
_FIRST_ID = UNKNOWN_ID + 1


@dataclass(frozen=True, eq=False)
class Explanation:
    """What `explain` found; prints as text, and as coloured HTML in a notebook.

    Parameters
    ----------
    text : str
        The text that was explained.

    tokens : tuple of str, length n_tokens
        What the encoder read of it.

    attributions : ndarray of shape (n_tokens,), float64
        What each token adds to the score; 0 for tokens that the encoder does not know.

    known : ndarray of shape (n_tokens,), bool
        Whether the encoder knows the token.

    label : int
        What the clusterer predicts: a cluster, or −1 for noise.

    cluster : int
        The cluster that the score looks at: `label`, the one asked for, or for noise
        that of the nearest core point.

    score : float
        Mean cosine between the text and the nearest core points of `cluster`.

    baseline_score : float
        The score of the text's absence: of average words in the place of its tokens,
        or of what is left when a token is taken out ("occlusion": NaN).

    nearest_core : int
        Row, among the texts of `fit`, of the core point nearest to the text.

    distance : float
        Distance from it, in units of the clusterer's metric.

    eps : float
        The clusterer's radius: farther than that from every core point is noise.

    method : str
        "integrated_gradients" or "occlusion".

    name, quote : str, default=""
        Name of `cluster`, and the text of the nearest core point, where they are known.
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
    quote: str = field(default="", repr=False)

    @property
    def is_noise(self) -> bool:
        """Return whether the text is farther than eps from every core point."""
        return not self.distance <= self.eps

    @property
    def completeness_gap(self) -> float:
        """Return what the attributions leave unexplained of score − baseline_score."""
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
        largest = np.abs(self.attributions).max(initial=1e-12)
        spans = []
        for token, value, known in zip(
            self.tokens, self.attributions, self.known, strict=True
        ):
            colour = "68,119,170" if value > 0 else "221,170,51"  # blue, yellow
            style = f"background:rgba({colour},{abs(value) / largest:.2f})"
            if not known:
                style = "color:#999;font-style:italic"
            spans.append(
                f"<span style='{style};padding:.1em .2em' title='{value:+.3f}'>"
                f"{html.escape(token)}</span>"
            )
        summary = html.escape(self._summary())
        return (
            f"<div><p>{html.escape(self.text)}</p><p>{' '.join(spans)}</p>"
            f"<p>{summary}<br><small>blue: toward the cluster; yellow: away from it; "
            "grey: not known to the encoder</small></p></div>"
        )

    def _summary(self) -> str:
        called = f" ({self.name})" if self.name else ""
        near = f"row {self.nearest_core}"
        near += f": {self.quote!r}" if self.quote else ""
        if self.is_noise:
            where = (
                f"Far from every core point: {self.distance:.3g} from the nearest "
                f"({near}), and eps is {self.eps:.3g}. Nearest cluster"
            )
        else:
            where = (
                f"{self.distance:.3g} from the nearest core point ({near}), within eps "
                f"{self.eps:.3g}. Cluster"
            )
        return f"{where} {self.cluster}{called}, score {self.score:.3f}."


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
    r"""Tell what each token of a text adds to its likeness with a cluster.

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
        "integrated_gradients" [1]_ shares the whole score out among the tokens.
        "occlusion" takes one token out at a time and reports by how much the score
        falls: it knows nothing of the network, but counts a pair of words that need
        each other twice.

    tolerance : float, default=0.01
        Share of the score's change that integrated gradients may leave unexplained.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters, for display.

    texts : sequence of str, default=None
        The texts of `fit`, to quote the nearest core point.

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
    The score of an embedding z is the mean cosine with the ten core points of the
    cluster that are nearest to the text. For word vectors :math:`x_t` and the mean
    vector :math:`\bar x` of the corpus, token t gets

    .. math::

       a_t = (x_t - \bar x) \cdot \int_0^1 \nabla_{x_t}
             f(\bar x + \alpha (x - \bar x)) \, d\alpha

    and :math:`\sum_t a_t = f(x) - f(\bar x)` (completeness), up to `tolerance`. Time:
    some 16 to 100 forward passes a token, a few hundredths of a second for a title.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks",
       ICML 2017. :doi:`10.48550/arXiv.1703.01365`

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
    if isinstance(text, str):
        text = check_texts([text], estimator="explain")[0]
    else:
        check_texts([text] if text is None else text, estimator="explain")
        raise ValueError(
            "explain takes one text. Received: an iterable of texts; call it for each."
        )
    encoder, clusterer = _last_steps(pipeline)
    sequence = pipeline[:-2].transform([text])
    embedding = encoder.transform(sequence)
    place = _Place.of(clusterer, embedding, cluster)
    tokens, known, ids = _read(pipeline, text, sequence)
    score = _Score(encoder, place.core_points)
    values, start = np.zeros(len(ids)), float("nan")
    if len(ids) and method == "occlusion":
        values = _occlusion(score, ids)
    elif len(ids):
        values, start = _integrated_gradients(score, ids, tolerance)
    attributions = np.zeros(len(tokens))
    attributions[known] = values
    return Explanation(
        text=text,
        tokens=tokens,
        attributions=attributions,
        known=known,
        label=place.label,
        cluster=place.cluster,
        score=float(score.of_embeddings(embedding)[0]),
        baseline_score=start,
        nearest_core=place.nearest_core,
        distance=place.distance,
        eps=float(clusterer.eps_),
        method=method,
        name=_name(names, place.cluster),
        quote="" if texts is None else str(list(texts)[place.nearest_core]),
    )


@dataclass(frozen=True)
class _Place:
    """Where a text lies among the core points."""

    label: int
    cluster: int
    core_points: np.ndarray
    nearest_core: int
    distance: float

    @classmethod
    def of(cls, clusterer: Any, embedding: np.ndarray, cluster: int | None) -> "_Place":
        """Find the place of an embedding, beside `cluster` or the nearest one."""
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
                f"There is no cluster {cluster!r}. The clusters are 0 to "
                f"{labels.max()}."
            )
        rows = rows[np.argsort(distances[rows], kind="stable")[:_CORE_POINTS]]
        return cls(
            label=label,
            cluster=cluster,
            core_points=core[rows],
            nearest_core=int(clusterer.core_sample_indices_[nearest]),
            distance=float(distances[nearest]),
        )


class _Score:
    """Mean cosine of texts with some core points.

    Parameters
    ----------
    encoder : RNNLSTMEncoder

    core_points : ndarray of shape (n_points, embedding_dim)
    """

    def __init__(self, encoder: Any, core_points: np.ndarray) -> None:
        self.encoder = copy.copy(encoder)
        self.encoder.device = "cpu"
        self.words = encoder.weights_["words"]
        norms = np.linalg.norm(core_points, axis=1, keepdims=True)
        self.direction = (core_points / np.maximum(norms, 1e-12)).mean(axis=0)

    def of_embeddings(self, embeddings: np.ndarray) -> np.ndarray:
        norms = np.maximum(np.linalg.norm(embeddings, axis=1), 1e-12)
        return (embeddings.astype(np.float64) @ self.direction) / norms

    def of_vectors(self, vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the scores of texts made of any word vectors.

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
        """Return the mean word vector, each word as often as texts hold it."""
        vocabulary = self.encoder.vocabulary_
        words = self.words[_FIRST_ID:].astype(np.float64)
        if vocabulary is None or not vocabulary.document_frequency[_FIRST_ID:].any():
            return words.mean(axis=0)
        return np.average(
            words, axis=0, weights=vocabulary.document_frequency[_FIRST_ID:]
        )


def _last_steps(pipeline: Any) -> tuple[Any, Any]:
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


def _read(
    pipeline: Any, text: str, sequence: TokenSequences
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return the tokens, which of them are known, and the ids of those."""
    ids = sequence.ids
    known = ids > UNKNOWN_ID
    words = sequence.vocabulary.tokens if sequence.vocabulary else ()
    tokens = [words[i] if i < len(words) else str(i) for i in ids.tolist()]
    if not known.all() and len(pipeline) > 3:
        cleaned = pipeline[:-3].transform([text])[0].split()
        if len(cleaned) >= len(ids):  # no Chinese pairs among them
            tokens = [
                token if is_known else piece
                for token, is_known, piece in zip(tokens, known, cleaned, strict=False)
            ]
    return tuple(tokens), known, ids[known]


def _occlusion(score: _Score, ids: np.ndarray) -> np.ndarray:
    """Return by how much the score falls when each token is taken out."""
    n_tokens = len(ids)
    vectors = score.words[ids]
    whole = score.of_vectors(vectors, np.arange(n_tokens)[None, :])[0]
    if n_tokens == 1:
        return np.array([whole])
    others = np.tile(np.arange(n_tokens), (n_tokens, 1))
    others = others[~np.eye(n_tokens, dtype=bool)].reshape(n_tokens, n_tokens - 1)
    return whole - score.of_vectors(vectors, others)


def _integrated_gradients(
    score: _Score, ids: np.ndarray, tolerance: float
) -> tuple[np.ndarray, float]:
    """Return the attributions, and the score where the path starts."""
    start = np.tile(score.average_word(), (len(ids), 1))
    way = score.words[ids] - start
    ends = np.linspace(0, 1, _FIRST_SEGMENTS + 1)
    todo = np.column_stack((ends[:-1], ends[1:]))
    total = np.zeros(len(ids))
    first = score.of_vectors(start, np.arange(len(ids))[None, :])[0]
    last = score.of_vectors(start + way, np.arange(len(ids))[None, :])[0]
    allowed = tolerance * max(abs(last - first), 0.01)
    for turn in range(_ROUNDS):
        changes, along = _across(score, start, way, todo)
        gaps = np.abs(changes.sum(axis=1) - along)
        done = gaps <= allowed * (todo[:, 1] - todo[:, 0])
        if turn == _ROUNDS - 1:
            done[:] = True
        total += changes[done].sum(axis=0)
        low, high = todo[~done].T
        if not len(low):
            break
        middle = (low + high) / 2
        todo = np.concatenate(
            (np.column_stack((low, middle)), np.column_stack((middle, high)))
        )
    return total, float(first)


def _across(
    score: _Score, start: np.ndarray, way: np.ndarray, segments: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each token's change of the score across each segment, and that of all."""
    n_tokens = len(start)
    low, high = segments.T
    # vectors[p, s, t]: token t at the low end, middle and high end of segment s
    stations = np.stack((low, (low + high) / 2, high))
    vectors = start + stations[:, :, None, None] * way
    place = np.arange(vectors[..., 0].size).reshape(vectors.shape[:3])
    rows = np.repeat(place[1][:, None, :], n_tokens, axis=1)  # (segments, moved, token)
    moved = np.arange(n_tokens)
    back, forth = rows.copy(), rows
    back[:, moved, moved] = place[0]
    forth[:, moved, moved] = place[2]
    texts = np.concatenate(
        (back.reshape(-1, n_tokens), forth.reshape(-1, n_tokens), place[0], place[2])
    )
    scores = score.of_vectors(vectors.reshape(-1, start.shape[1]), texts)
    n_moved, n_segments = len(segments) * n_tokens, len(segments)
    changes = scores[n_moved : 2 * n_moved] - scores[:n_moved]
    along = scores[2 * n_moved + n_segments :] - scores[2 * n_moved :][:n_segments]
    return changes.reshape(n_segments, n_tokens), along


def _name(names: Mapping[Any, str] | Sequence[str] | None, cluster: int) -> str:
    try:
        return "" if names is None else str(names[cluster])
    except (KeyError, IndexError):
        return ""
