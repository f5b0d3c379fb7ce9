"""A pipeline to share: nothing in it belongs to fewer than k sources.

1. Words that fewer than `min_sources` distinct texts (or groups) have are left out of
   the vocabulary, with their vectors. Texts are embedded without these words.
2. The embeddings of core points are replaced by means over at least `min_sources`
   sources: the core points of a cluster are halved along their first principal
   component as long as both halves have enough (microaggregation). Clusters with
   fewer sources are left out.
3. `eps_` is chosen so that as many of the texts of `fit` are in a cluster as before.
4. Names, and stop words that the cleaner keeps, are left out if some, but too few,
   sources have a word or phrase of them.

References
----------
.. [1] J. Domingo-Ferrer, J. M. Mateo-Sanz, "Practical data-oriented microaggregation
   for statistical disclosure control", IEEE TKDE 14(1), 2002.
"""

import copy
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from deepclust._text_input import check_texts
from deepclust.cleaning import TextCleaner
from deepclust.cleaning._tokenizer import N_PASSAGE_WORDS, folded_words, strip_html
from deepclust.clustering import DBSCAN
from deepclust.encoding import RNNLSTMEncoder
from deepclust.exceptions import TextWarning
from deepclust.metrics._pairwise import unit_rows
from deepclust.sequences import UNKNOWN_ID, TokenSequences, Vocabulary
from deepclust.vectorizing import Vectorizer

__all__ = ["shareable"]

_SHARED = (TextCleaner, Vectorizer, RNNLSTMEncoder, DBSCAN)


def shareable(
    pipeline: Any, texts: Any, groups: Any = None, *, min_sources: int = 5
) -> Any:
    """Return a copy of a pipeline without what few sources have.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; of `make_text_clusterer`.

    texts : iterable of str, length n_docs
        The texts of `fit`, in the same order.

    groups : array-like of shape (n_docs,), default=None
        The source of each text, such as its author. When None, every distinct text is a
        source; texts that are the same once they are cleaned are one.

    min_sources : int, default=5

    Returns
    -------
    pipeline : Pipeline
        For prediction. Cluster numbers are those of `pipeline`; layers end with that of
        its labels.

    Raises
    ------
    ValueError
        If the pipeline has other steps, texts are not those of `fit`, or nothing is
        left.

    Notes
    -----
    Predictions differ from those of the pipeline for texts with left-out words, at the
    borders of clusters, and in left-out clusters.
    """
    steps = [step for _, step in getattr(pipeline, "steps", ())]
    if [type(step) for step in steps] != [*_SHARED] or not hasattr(steps[3], "labels_"):
        raise ValueError(
            "profile='share' needs a fitted pipeline of make_text_clusterer: "
            "TextCleaner, Vectorizer, RNNLSTMEncoder, DBSCAN."
        )
    cleaner, vectorizer, encoder, clusterer = steps
    if clusterer.metric not in ("cosine", "euclidean"):
        raise ValueError("profile='share' needs the metric 'cosine' or 'euclidean'.")
    texts = check_texts(texts, estimator="save")
    cleaned = cleaner.transform(texts)
    n_fitted = len(clusterer.labels_)
    if len(cleaned) != n_fitted:
        raise ValueError(
            f"texts= needs the {n_fitted:,} texts of fit. Received: {len(cleaned):,}."
        )
    sources = _source_numbers(cleaned if groups is None else groups, n_fitted)
    counts = _sources_of_tokens(vectorizer.transform(cleaned), sources)
    kept = counts >= min_sources
    kept[: UNKNOWN_ID + 1] = True
    if kept.sum() <= UNKNOWN_ID + 1:
        raise ValueError(f"No word is in the texts of {min_sources} sources.")
    vectorizer = _with_vocabulary(vectorizer, kept, counts, int(sources.max()) + 1)
    encoder = _with_words(encoder, vectorizer.vocabulary_, kept)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)  # of the words that are left out
        embeddings = encoder.transform(vectorizer.transform(cleaned))
    clusterer = _aggregated(clusterer, embeddings, sources, min_sources)
    shared_cleaner = copy.copy(cleaner)
    shared_cleaner.kept_stop_words_ = tuple(
        word
        for word in getattr(cleaner, "kept_stop_words_", ())
        if not _is_rare(word, cleaner, cleaned, sources, min_sources)
    )
    shared_cleaner.boilerplate_ = _shared_boilerplate(
        cleaner, texts, sources, min_sources
    )
    names = getattr(steps[3], "cluster_names_", {})
    clusterer.cluster_names_ = {
        number: name
        for number, name in names.items()
        if number in clusterer.labels_
        and not _is_rare(name, cleaner, cleaned, sources, min_sources)
    }
    parts = (shared_cleaner, vectorizer, encoder, clusterer)
    named = zip(pipeline.steps, parts, strict=True)
    return Pipeline([(name, part) for (name, _), part in named])


def _shared_boilerplate(
    cleaner: TextCleaner, texts: list[str], sources: np.ndarray, min_sources: int
) -> tuple[str, ...]:
    """Return the passages that stand in texts of enough sources."""
    passages = getattr(cleaner, "boilerplate_", ())
    found: dict[str, set[int]] = {passage: set() for passage in passages}
    for source, text in zip(sources.tolist(), cleaner.redacted(texts), strict=True):
        words = [word for word in folded_words(strip_html(text).split()) if word]
        for first in range(len(words) - N_PASSAGE_WORDS + 1):
            run = " ".join(words[first : first + N_PASSAGE_WORDS])
            if run in found:
                found[run].add(source)
    return tuple(p for p in passages if len(found[p]) >= min_sources)


def _source_numbers(values: Any, n_docs: int) -> np.ndarray:
    array = np.asarray(values, dtype=object)
    if array.shape != (n_docs,):
        raise ValueError(f"groups= needs one entry for each of {n_docs:,} texts.")
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in array])


def _sources_of_tokens(sequences: TokenSequences, sources: np.ndarray) -> np.ndarray:
    """Return in how many sources each token occurs, int64 (n_tokens,)."""
    n_sources = int(sources.max(initial=-1)) + 1
    owner = np.repeat(sources, sequences.lengths)
    pairs = np.unique(sequences.ids.astype(np.int64) * n_sources + owner)
    n_tokens = len(sequences.vocabulary or ())
    return np.bincount(pairs // max(n_sources, 1), minlength=n_tokens)


def _with_vocabulary(
    vectorizer: Vectorizer, kept: np.ndarray, counts: np.ndarray, n_sources: int
) -> Vectorizer:
    old, shared = vectorizer.vocabulary_, copy.copy(vectorizer)
    tokens = tuple(t for t, keep in zip(old.tokens, kept, strict=True) if keep)
    frequency = counts[kept].astype(np.int64)
    frequency[: UNKNOWN_ID + 1] = 0
    vectors = None if old.vectors is None else old.vectors[kept]
    n_frequent = int(kept[: old.n_frequent].sum())
    shared.vocabulary_ = Vocabulary(
        tokens, frequency, n_sources, vectors, n_frequent=n_frequent
    )
    shared.embedding_matrix_ = vectors
    # checksums of rare words tell which there were
    shared.rare_tokens_, shared.max_unseen = np.empty(0, dtype=np.uint32), 1.0
    return shared


def _with_words(
    encoder: RNNLSTMEncoder, vocabulary: Vocabulary, kept: np.ndarray
) -> RNNLSTMEncoder:
    shared = copy.copy(encoder)
    shared.weights_ = {**encoder.weights_, "words": encoder.weights_["words"][kept]}
    shared.vocabulary_, shared.seed_words = vocabulary, None
    for name in ("_history", "_selection_results", "_related"):
        shared.__dict__.pop(name, None)
    if hasattr(encoder, "classes_"):  # names of classes may be of few texts
        shared.classes_ = np.arange(len(encoder.classes_))
    return shared


def _aggregated(
    clusterer: DBSCAN, embeddings: np.ndarray, sources: np.ndarray, min_sources: int
) -> DBSCAN:
    """Return a DBSCAN whose core points are means of the core points."""
    core, labels = clusterer.core_sample_indices_, clusterer._core_labels
    rows, _ = clusterer._space.rows(embeddings[core])
    layers, place = clusterer._core_layers()
    layers = layers[:, : clusterer.layer_ + 1]  # at finer ones parts have no one label
    means, clusters, layers_of_parts = [], [], []
    for cluster in np.unique(labels):
        inside = np.flatnonzero(labels == cluster)
        for part in _source_parts(rows[inside], sources[core[inside]], min_sources):
            means.append(rows[inside[part]].mean(axis=0))
            clusters.append(cluster)
            layers_of_parts.append(layers[inside[part[0]]])
    if not means:
        raise ValueError(f"No cluster has texts of {min_sources} sources.")
    centers = np.asarray(means, dtype=clusterer._X.dtype)
    if clusterer.metric == "cosine":
        centers = unit_rows(centers)
    shared = DBSCAN(**clusterer.get_params())
    shared.min_samples_, shared.n_clusters_ = clusterer.min_samples_, max(clusters) + 1
    shared.n_features_in_ = clusterer.n_features_in_
    shared.noise_fraction_ = clusterer.noise_fraction_
    shared._X, shared._core_labels = centers, np.array(clusters, dtype=np.intp)
    shared._fitted_layer = clusterer._layer_of_labels
    shared._chosen_layers = np.array(layers_of_parts, dtype=np.intp)
    shared._best_place = min(place, clusterer.layer_)
    shared._weights, shared._cache = np.ones(len(centers)), {}
    shared.labels_ = shared._core_labels.copy()
    shared.core_sample_indices_ = np.arange(len(centers))
    shared.eps_ = _radius(clusterer, centers, embeddings)
    return shared


def _source_parts(
    rows: np.ndarray, sources: np.ndarray, min_sources: int
) -> Iterator[np.ndarray]:
    """Yield the indices of parts that have at least `min_sources` sources each."""
    waiting = [np.arange(len(rows))]
    while waiting:
        part = waiting.pop()
        centered = rows[part] - rows[part].mean(axis=0)
        axis = np.linalg.eigh(centered.T @ centered)[1][:, -1]
        order = part[np.argsort(centered @ axis, kind="stable")]
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        if all(len(np.unique(sources[half])) >= min_sources for half in halves):
            waiting += halves
        elif len(np.unique(sources[part])) >= min_sources:
            yield part


def _radius(clusterer: DBSCAN, centers: np.ndarray, embeddings: np.ndarray) -> float:
    """Return the eps at which as many texts have a center within it as a core point."""
    rows, _ = clusterer._space.rows(embeddings)
    points, _ = clusterer._space.rows(centers)
    nearest = np.concatenate(
        [
            ((block[:, None] - points) ** 2).sum(axis=2).min(axis=1)
            for block in np.array_split(rows, max(len(rows) * len(points) // 10**6, 1))
        ]
    )
    share = 1.0 - clusterer.noise_fraction_
    return float(clusterer._space.eps(np.sqrt(np.quantile(nearest, share))))


def _is_rare(
    name: str,
    cleaner: TextCleaner,
    cleaned: list[str],
    sources: np.ndarray,
    min_sources: int,
) -> bool:
    """Return whether a word or phrase of a name has some, but too few sources."""
    phrases = cleaner.transform(name.split(","))
    words: Iterable[str] = {
        *phrases,
        *(w for phrase in phrases for w in phrase.split()),
    }
    for words_in_row in filter(None, words):
        wanted = f" {words_in_row} "
        found: set[int] = set()
        for source, text in zip(sources.tolist(), cleaned, strict=True):
            if wanted in f" {text} ":
                found.add(source)
                if len(found) == min_sources:
                    break
        if 0 < len(found) < min_sources:
            return True
    return False
