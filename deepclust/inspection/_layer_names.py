"""Names for the clusters of every layer, told apart from their siblings."""

from typing import Any

import numpy as np
from sklearn.utils import check_array

from deepclust.inspection._keywords import cluster_names, extract_keywords
from deepclust.inspection._labeled_texts import (
    LabeledTexts,
    check_labeled,
    term_counts,
)
from deepclust.inspection._namer import Namer, Topic, as_namer
from deepclust.inspection._representatives import find_representatives
from deepclust.sequences import NOISE, content_words

__all__ = ["layer_names"]


def layer_names(
    texts: Any,
    layers: Any,
    *,
    n_words: int = 3,
    n_keywords: int = 8,
    originals: Any = None,
    embeddings: Any = None,
    namer: Any = None,
) -> list[dict[int, str]]:
    r"""Return a name for each cluster of each layer; different topics differ in name.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Cleaned texts: tokens separated by white space.

    layers : array-like of shape (n_docs, n_layers), int
        Nested labels, the broadest first, such as `DBSCAN.layers_`; -1 is noise.

    n_words : int, default=3
        See `cluster_names`.

    n_keywords : int, default=8
        Keywords of a cluster to make names of.

    originals : iterable of str, length n_docs, default=None
        The texts before cleaning, to show keywords as they are written there, and to
        send to the namer.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        To choose representative texts for the namer; see `representative_texts`.

    namer : callable or Namer, default=None
        `namer(keywords, texts, parent)` returns the name of one cluster; `parent` is
        the name of the cluster that holds it, "" at the broadest layer. Where it fails,
        the keywords are the name, and a warning says so.

    Returns
    -------
    names : list of dict of int to str
        One dict a layer. A cluster that is the only part of its parent is the same
        topic, and has its name.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If the lengths differ, or the layers are not nested.
    TypeError
        If `namer` cannot be called.

    See Also
    --------
    cluster_keywords : The weight of a keyword among all clusters.
    Namer : Retries, threads, cache and audit table of a callable.
    export_prompts : A file with the requests, to be answered elsewhere.
    DBSCAN.predict_layers : Layers of texts.

    Notes
    -----
    With the shares :math:`p(t|\cdot)` of term t among all (text, term) pairs of cluster
    c, of its parent q and of the corpus, the weight is

    .. math::

       p(t|c) \sqrt{\log \frac{p(t|c)}{p(t|q)} \; \log \frac{p(t|c)}{p(t)}}

    so that a word of all siblings does not name one of them, nor does a word that is
    rare among them and common elsewhere. Time and memory are linear in the number of
    tokens, times the number of layers.

    Examples
    --------
    >>> from deepclust.inspection import layer_names
    >>> texts = ["card lost", "lost my card", "fee card", "card high fee", "rain sun"]
    >>> layer_names(texts, [[0, 0], [0, 0], [0, 1], [0, 1], [1, 2]], n_words=1)
    [{0: 'card', 1: 'rain'}, {0: 'lost', 1: 'fee', 2: 'rain'}]
    """
    layers = check_array(layers, dtype=np.intp, ensure_min_samples=0)
    texts, _ = check_labeled(texts, layers[:, 0], "layer_names")
    shown = texts
    if originals is not None:
        shown, _ = check_labeled(originals, layers[:, 0], "originals")
    counted = term_counts([content_words(text) for text in texts], (1, 2))
    root = np.zeros(len(texts), dtype=np.intp)
    above = [root, *layers.T]
    sets: list[tuple[LabeledTexts, dict[int, tuple[int, bool]]]] = []
    keywords: dict[str, list[str]] = {}
    for place, (parents, labels) in enumerate(zip(above, layers.T, strict=False)):
        _check_nested(parents, labels, place)
        data = LabeledTexts.check(shown, labels, "layer_names", texts, embeddings)
        parent_of = np.array(
            [parents[data.rows(c)[0]] for c in range(len(data.clusters))]
        )
        found = extract_keywords(
            *(data, n_keywords, (1, 2), None if originals is None else shown),
            *(parent_of, counted),
        )
        only = np.bincount(parent_of[parent_of >= 0])
        topics = {
            cluster: (parent, place > 0 <= parent and only[parent] == 1)
            for cluster, parent in zip(data.clusters, parent_of.tolist(), strict=True)
            if cluster != NOISE
        }
        own = (c for c, (_, same) in topics.items() if not same)
        keywords |= {f"{place}.{c}": found[c] for c in own}
        sets.append((data, topics))
    unique = cluster_names(keywords, n_words=n_words)
    return _named(sets, unique, keywords, as_namer(namer))


def _named(
    layers: list[tuple[LabeledTexts, dict[int, tuple[int, bool]]]],
    unique: dict[str, str],
    keywords: dict[str, list[str]],
    namer: Namer | None,
) -> list[dict[int, str]]:
    """Return the names layer by layer, those of only parts from the parent."""
    names: list[dict[int, str]] = [{0: ""}]
    taken: set[str] = set()
    for place, (data, topics) in enumerate(layers):
        above = names[-1]
        own = {c: unique[f"{place}.{c}"] for c, (_, same) in topics.items() if not same}
        if namer is not None:
            shown = find_representatives(data, namer.n_texts) if namer.n_texts else {}
            asked = [
                Topic(
                    *(place, c, name, keywords[f"{place}.{c}"]),
                    *(shown.get(c, []), above.get(topics[c][0], "")),
                )
                for c, name in own.items()
            ]
            own = namer.name(asked, taken)
        names.append(
            {c: above[up] if same else own[c] for c, (up, same) in topics.items()}
        )
    return names[1:]


def _check_nested(above: np.ndarray, labels: np.ndarray, place: int) -> None:
    pairs = np.unique(np.column_stack((labels, above))[labels != NOISE], axis=0)
    twice = pairs[1:, 0][pairs[1:, 0] == pairs[:-1, 0]]
    if len(twice):
        raise ValueError(
            f"Cluster {twice[0]} of layer {place} has texts of two clusters of the "
            "layer above: layers must be nested, the broadest first."
        )
