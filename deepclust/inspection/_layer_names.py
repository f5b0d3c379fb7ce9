"""Names for the clusters of every layer, told apart from their siblings."""

from typing import Any

import numpy as np
from sklearn.utils import check_array

from deepclust.inspection._keywords import cluster_names, extract_keywords
from deepclust.inspection._labeled_texts import LabeledTexts, check_labeled
from deepclust.sequences import NOISE

__all__ = ["layer_names"]


def layer_names(
    texts: Any,
    layers: Any,
    *,
    n_words: int = 2,
    n_keywords: int = 8,
    originals: Any = None,
) -> list[dict[int, str]]:
    """Return a name for each cluster of each layer; different topics differ in name.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Cleaned texts: tokens separated by white space.

    layers : array-like of shape (n_docs, n_layers), int
        Nested labels, the broadest first, such as `DBSCAN.layers_`; -1 is noise.

    n_words : int, default=2
        Keywords of a name; more where two clusters would share it.

    n_keywords : int, default=8
        Keywords of a cluster to make names of.

    originals : iterable of str, length n_docs, default=None
        The texts before cleaning, to show keywords as they are written there.

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

    See Also
    --------
    cluster_keywords : The weight of a keyword.
    DBSCAN.predict_layers : Layers of texts.

    Notes
    -----
    A term is weighed as in `cluster_keywords`, but within the texts of the parent: what
    all siblings share does not name one of them. Clusters of the broadest layer are
    compared with each other. Time and memory are linear in the number of tokens of all
    layers.

    Examples
    --------
    >>> from deepclust.inspection import layer_names
    >>> texts = ["card lost", "lost my card", "fee card", "card high fee", "rain sun"]
    >>> layer_names(texts, [[0, 0], [0, 0], [0, 1], [0, 1], [1, 2]], n_words=1)
    [{0: 'card', 1: 'rain'}, {0: 'lost', 1: 'fee', 2: 'rain'}]
    """
    layers = check_array(layers, dtype=np.intp, ensure_min_samples=0)
    texts, _ = check_labeled(texts, layers[:, 0], "layer_names")
    if originals is not None:
        originals, _ = check_labeled(originals, layers[:, 0], "originals")
    above = np.where(layers[:, 0] == NOISE, NOISE, 0)
    same: dict[tuple[int, int], tuple[int, int]] = {}
    keywords: dict[str, list[str]] = {}
    for place, labels in enumerate(layers.T):
        _check_nested(above, labels, place)
        for parent in np.unique(above[above != NOISE]).tolist():
            rows = np.flatnonzero(above == parent)
            clusters = np.unique(labels[rows]).tolist()
            if place and len(clusters) == 1:
                same[place, clusters[0]] = place - 1, parent
                continue
            some = [texts[row] for row in rows]
            shown = None if originals is None else [originals[row] for row in rows]
            data = LabeledTexts.check(some, labels[rows], "layer_names")
            found = extract_keywords(data, n_keywords, (1, 2), shown)
            keywords |= {_key(place, c): words for c, words in found.items()}
        above = labels
    unique = cluster_names(keywords, n_words=n_words)
    names: list[dict[int, str]] = []
    for place, labels in enumerate(layers.T):
        clusters = np.unique(labels[labels != NOISE]).tolist()
        nodes = [(c, same.get((place, c))) for c in clusters]
        names.append(
            {
                c: names[up[0]][up[1]] if up else unique[_key(place, c)]
                for c, up in nodes
            }
        )
    return names


def _key(place: int, cluster: int) -> str:
    """Return what tells one name from another where the keywords do not."""
    return f"{place}.{cluster}"


def _check_nested(above: np.ndarray, labels: np.ndarray, place: int) -> None:
    pairs = np.unique(np.column_stack((labels, above)), axis=0)
    twice = pairs[1:, 0][pairs[1:, 0] == pairs[:-1, 0]]
    if len(twice):
        raise ValueError(
            f"Cluster {twice[0]} of layer {place} has texts of two clusters of the "
            "layer above: layers must be nested, the broadest first."
        )
