"""Merge, split and rename the clusters of a fitted model, at any layer.

An edit changes the clusters of core points, so that `predict` and pickled models follow
it. `fit` discards edits. Clusters are given by number or by the name that `rename`
gave. After a merge or split, clusters are renumbered by decreasing size, ties by first
document; names stay with their documents. Layers stay nested: finer ones are
intersected with the edited one, and clusters of broader ones that now share a cluster
become one.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from deepclust._text_input import check_texts
from deepclust.clustering._dbscan import DBSCAN
from deepclust.clustering._parts import (
    are_apart,
    find_parts,
    share_astray,
    word_features,
)
from deepclust.exceptions import ClusteringWarning

__all__ = ["merge", "rename", "split"]

_MAX_ASTRAY = 0.25  # of the core points nearest to one of another part


def merge(
    model: Any,
    clusters: Iterable[int | str],
    *,
    name: str | None = None,
    layer: int | str | None = None,
) -> int:
    """Merge clusters into one.

    Parameters
    ----------
    model : fitted Pipeline that ends in DBSCAN, search over one, or DBSCAN
        Changed in place.

    clusters : iterable of int or str
        Two or more, by number or name.

    name : str, default=None
        Name of the merged cluster. When None, that of the first one with a name.

    layer : {"broad", "fine"} or int, default=None
        The layer to edit, 0 for the broadest; that of the labels when None.

    Returns
    -------
    cluster : int
        Number of the merged cluster; the others are renumbered, too.

    Raises
    ------
    TypeError
        If the model has no DBSCAN.
    ValueError
        If a cluster does not exist, or fewer than two are given.

    Notes
    -----
    Time of one `predict` on the documents of `fit`.

    Examples
    --------
    >>> from deepclust import DBSCAN
    >>> from deepclust.clustering import merge
    >>> X = [[0.0], [0.1], [5.0], [5.1], [9.0], [9.1], [9.2]]
    >>> model = DBSCAN(eps=0.2, min_samples=2).fit(X)
    >>> model.labels_
    array([1, 1, 2, 2, 0, 0, 0])
    >>> merge(model, [1, 2], name="low")
    0
    >>> model.predict([[0.05], [5.2], [9.3]])
    array([0, 0, 1])
    """
    clusterer, place = clusterer_of(model), _place(model, layer)
    clusters = [clusters] if isinstance(clusters, str | int) else clusters
    parts = list(dict.fromkeys(_number(clusterer, c, place) for c in clusters))
    if len(parts) < 2:
        raise ValueError(f"merge takes two or more clusters. Received: {parts}.")
    names = dict(_names(clusterer, place))
    kept = [names.pop(part) for part in parts if part in names]
    names[parts[0]] = str(name) if name is not None else "".join(kept[:1])
    _check_names(names.values())
    core_labels = _core_labels(clusterer, place)
    core_labels[np.isin(core_labels, parts)] = parts[0]
    numbers = _relabel(clusterer, core_labels, place)
    merged = numbers[parts[0]]
    if place is None:
        clusterer._edited[merged] = "merge"
    edit = f"merge {', '.join(map(str, parts))}: now {merged}"
    new_names = {numbers[old]: text for old, text in names.items()}
    _record(clusterer, new_names, edit, layer, place)
    return merged


def split(
    model: Any,
    cluster: int | str,
    into: Any = None,
    *,
    names: Iterable[str] = (),
    layer: int | str | None = None,
    texts: Any = None,
) -> list[int]:
    """Split one cluster.

    Parameters
    ----------
    model : fitted Pipeline that ends in DBSCAN, search over one, or DBSCAN
        Changed in place.

    cluster : int or str
        By number or name.

    into : int, clusterer, array-like of shape (n_members,) or None, default=None
        A number of parts for k-means, a clusterer with `fit_predict`, or the part of
        each member; members are the documents of `fit` with this label, in their
        order. None clusters the members by DBSCAN with eps="auto".

    names : iterable of str, default=()
        Names for the parts, the largest first.

    layer : {"broad", "fine"} or int, default=None
        The layer to edit, 0 for the broadest; that of the labels when None.

    texts : iterable of str, length n_docs, default=None
        The texts of `fit`, in their order. With them, the words of the cluster's texts
        alone are clustered, not the embeddings, which show what all texts are about.

    Returns
    -------
    parts : list of int
        Their numbers, the largest first; the other clusters are renumbered, too.

    Raises
    ------
    TypeError
        If the model has no DBSCAN.
    ValueError
        If the cluster does not exist or has no two parts, or `texts` are not as many
        as those of `fit`.

    Warns
    -----
    ClusteringWarning
        If the parts are no further apart than k-means parts of one Gaussian cloud
        (p > .05); or more than a quarter of the core points are nearest to one of
        another part, so that `predict` confuses the parts.

    Notes
    -----
    Words are weighted by TF-IDF and reduced to 20 dimensions (LSA). The core points
    are split; every other document takes the part of its nearest core point, even if
    `into` is an array, as `predict` does. Core points that `into` labels noise take the
    nearest part. Fewer than 20 core points are not tested, nor are given labels.

    Examples
    --------
    >>> from deepclust import DBSCAN
    >>> from deepclust.clustering import split
    >>> X = [[0.0], [0.1], [0.2], [0.7], [0.8], [5.0], [5.1]]
    >>> model = DBSCAN(eps=0.6, min_samples=2).fit(X)
    >>> model.labels_
    array([0, 0, 0, 0, 0, 1, 1])
    >>> split(model, 0, into=2)
    [0, 1]
    >>> model.labels_, model.predict([[0.9]])
    (array([0, 0, 0, 1, 1, 2, 2]), array([1]))
    """
    clusterer, place = clusterer_of(model), _place(model, layer)
    number = _number(clusterer, cluster, place)
    inside = _core_labels(clusterer, place) == number
    if isinstance(into, Iterable) and not isinstance(into, str):
        into = _parts_of_core(clusterer, number, inside, place, into)
    words = None if texts is None else _words_of(model, clusterer, inside, texts)
    found = _split_parts(clusterer, number, inside, into, words)
    return split_core(clusterer, number, found, names, layer=layer)


def split_core(
    clusterer: DBSCAN,
    number: int,
    found: np.ndarray,
    names: Iterable[str] = (),
    *,
    layer: int | str | None = None,
) -> list[int]:
    """Split a cluster into the parts of its core points, given as 0, 1, ..."""
    place = _place(clusterer, layer)
    part_names = [str(name) for name in names]
    kept = dict(_names(clusterer, place))
    kept.pop(number, None)
    _check_names([*kept.values(), *part_names])
    core_labels = _core_labels(clusterer, place)
    first_part = int(core_labels.max()) + 1
    inside = core_labels == number
    core_labels[inside] = first_part + found
    numbers = _relabel(clusterer, core_labels, place)
    now = sorted(new for old, new in numbers.items() if old >= first_part)
    given = dict(zip(now, part_names, strict=False))
    given |= {numbers[old]: name for old, name in kept.items()}
    if place is None:
        clusterer._edited |= dict.fromkeys(now, "split")
    edit = f"split {number}: now {', '.join(map(str, now))}"
    _record(clusterer, given, edit, layer, place)
    return now


def rename(
    model: Any,
    names: Mapping[int | str, str] | Sequence[str] | Callable[[str], str],
    *,
    layer: int | str | None = None,
) -> dict[int, str]:
    """Name clusters, for reports, tables and files.

    Parameters
    ----------
    model : fitted Pipeline that ends in DBSCAN, search over one, or DBSCAN
        Changed in place.

    names : mapping of int or str to str, sequence of str, or callable
        New name of each cluster: by number or earlier name, in the order of the
        numbers, or a function of the earlier name, such as `str.title`. "" removes the
        name. A cluster that is the same topic, of the same name, at another layer
        follows.

    layer : {"broad", "fine"} or int, default=None
        The layer to edit, 0 for the broadest; that of the labels when None.

    Returns
    -------
    names : dict of int to str
        All names of the layer, as in `cluster_names_`.

    Raises
    ------
    TypeError
        If the model has no DBSCAN.
    ValueError
        If a cluster does not exist, two would have one name, or a sequence has another
        length than there are clusters.

    Examples
    --------
    >>> from deepclust import DBSCAN
    >>> from deepclust.clustering import rename
    >>> model = DBSCAN(eps=0.2, min_samples=2).fit([[0.0], [0.1], [5.0], [5.1]])
    >>> rename(model, {0: "low", 1: "high"})
    {0: 'low', 1: 'high'}
    >>> rename(model, {"high": "top"})
    {0: 'low', 1: 'top'}
    >>> rename(model, str.upper)
    {0: 'LOW', 1: 'TOP'}
    >>> rename(model, ["left", "right"])
    {0: 'left', 1: 'right'}
    """
    clusterer, place = clusterer_of(model), _place(model, layer)
    old = _names(clusterer, place)
    pairs = _names_by_cluster(clusterer, names, place)
    given = {_number(clusterer, key, place): str(name) for key, name in pairs.items()}
    all_names = {**old, **given}
    _check_names(all_names.values())
    edit = ", ".join(f"{number} {name!r}" for number, name in given.items())
    new = {old[number]: name for number, name in given.items() if number in old}
    if hasattr(clusterer, "layer_names_"):
        clusterer.layer_names_ = [
            {c: new.get(name, name) for c, name in names.items() if new.get(name, name)}
            for names in clusterer.layer_names_
        ]
    _record(clusterer, all_names, f"rename {edit}", layer, place)
    return dict(_names(clusterer, place))


def _names_by_cluster(
    clusterer: DBSCAN, names: Any, place: int | None
) -> Mapping[int | str, str]:
    """Return names given as a mapping, a sequence or a function as a mapping."""
    if isinstance(names, Mapping):
        return names
    if callable(names):
        old = _names(clusterer, place)
        return {number: names(name) for number, name in old.items()}
    n_clusters = _n_clusters(clusterer, place)
    if isinstance(names, str) or len(names) != n_clusters:
        raise ValueError(
            f"rename takes one name for each of the {n_clusters} clusters, or a "
            f"mapping. Received: {names!r}."
        )
    return dict(enumerate(names))


def _place(model: Any, layer: int | str | None) -> int | None:
    """Return the place of another layer than that of the labels, else None."""
    if layer is None:
        return None
    clusterer = clusterer_of(model)
    n_layers = clusterer._core_layers()[0].shape[1]
    places = {"broad": 0, "fine": n_layers - 1}
    place = places.get(layer) if isinstance(layer, str) else layer
    if place is None or not 0 <= place < n_layers:
        raise ValueError(
            f'layer must be "broad", "fine" or 0 to {n_layers - 1}. '
            f"Received: {layer!r}."
        )
    return None if place == clusterer.layer_ else int(place)


def _core_labels(clusterer: DBSCAN, place: int | None) -> np.ndarray:
    """Return the clusters of the core points at a layer, a copy."""
    labels = clusterer._core_labels
    if place is not None:
        labels = clusterer._core_layers()[0][:, place]
    return labels.copy()


def _n_clusters(clusterer: DBSCAN, place: int | None) -> int:
    return int(_core_labels(clusterer, place).max(initial=-1)) + 1


def _names(clusterer: DBSCAN, place: int | None) -> dict[int, str]:
    """Return the names of the clusters of a layer."""
    if place is None:
        return getattr(clusterer, "cluster_names_", {})
    layers = getattr(clusterer, "layer_names_", [])
    return layers[place] if place < len(layers) else {}


def _relabel(
    clusterer: DBSCAN, core_labels: np.ndarray, place: int | None
) -> dict[int, int]:
    """Change a layer; ids, marks of edits and names of the other layers follow.

    The names of the layer itself are left to `_record`.
    """
    own, old_layers = clusterer.layer_, clusterer._core_layers()[0].copy()
    old_layers[:, own] = clusterer._core_labels
    before = clusterer.labels_.copy()
    numbers = clusterer._relabel(core_labels, own if place is None else place)
    if hasattr(clusterer, "layer_names_"):
        new_layers = clusterer._core_layers()[0]
        clusterer.layer_names_ = [
            {new: names[old] for old, new in _unchanged(*columns) if old in names}
            for *columns, names in zip(
                old_layers.T, new_layers.T, clusterer.layer_names_, strict=True
            )
        ]
    labels_kept = numbers
    if place is not None:
        labels_kept = dict(_unchanged(old_layers[:, own], clusterer._core_labels))
    edited = getattr(clusterer, "_edited", {})
    clusterer._edited = {
        labels_kept[old]: edit for old, edit in edited.items() if old in labels_kept
    }
    if hasattr(clusterer, "cluster_ids_"):
        clusterer._carry_over(clusterer, before, clusterer.labels_)
    elif place is not None and hasattr(clusterer, "cluster_names_"):
        names = clusterer.cluster_names_
        clusterer.cluster_names_ = {
            new: names[old] for old, new in labels_kept.items() if old in names
        }
    return numbers


def _unchanged(before: np.ndarray, after: np.ndarray) -> list[tuple[int, int]]:
    """Return old and new numbers of the clusters with the same core points."""
    pairs = np.unique(np.column_stack((before, after)), axis=0).tolist()
    old, new = Counter(o for o, _ in pairs), Counter(n for _, n in pairs)
    return [(o, n) for o, n in pairs if old[o] == 1 == new[n]]


def clusterer_of(model: Any) -> DBSCAN:
    """Return the DBSCAN of a fitted model."""
    model = getattr(model, "best_estimator_", model)
    clusterer = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if not isinstance(clusterer, DBSCAN):
        raise TypeError(
            "Only a DBSCAN of deepclust, or a pipeline that ends in one, can be "
            f"edited. Received: {type(clusterer).__name__}."
        )
    check_is_fitted(clusterer)
    return clusterer


def _number(clusterer: DBSCAN, cluster: Any, place: int | None) -> int:
    names = _names(clusterer, place)
    if isinstance(cluster, str):
        found = [number for number, name in names.items() if name == cluster]
        if not found:
            raise ValueError(
                f"No cluster is named {cluster!r}. Names: {list(names.values())}."
            )
        return found[0]
    is_whole = isinstance(cluster, int | np.integer) and not isinstance(cluster, bool)
    n_clusters = _n_clusters(clusterer, place)
    if not is_whole or not 0 <= cluster < n_clusters:
        raise ValueError(
            f"There is no cluster {cluster!r}. Clusters: 0 to {n_clusters - 1}; noise "
            "cannot be edited."
        )
    return int(cluster)


def _check_names(names: Iterable[str]) -> None:
    given = [name for name in names if name]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"Two clusters would be named {twice!r}.")


def _record(
    clusterer: DBSCAN,
    names: Mapping[int, str],
    edit: str,
    layer: int | str | None,
    place: int | None,
) -> None:
    """Set the names of the new numbers, "" for none, and log the edit."""
    kept = {number: name for number, name in sorted(names.items()) if name}
    if place is None and (kept or hasattr(clusterer, "cluster_names_")):
        clusterer.cluster_names_ = kept
    if place is not None and not hasattr(clusterer, "layer_names_"):
        n_layers = clusterer._core_layers()[0].shape[1]
        clusterer.layer_names_ = [{} for _ in range(n_layers)]
    if hasattr(clusterer, "layer_names_"):
        own = clusterer.layer_
        if place is not None:
            clusterer.layer_names_[place] = kept
        clusterer.layer_names_[own] = dict(getattr(clusterer, "cluster_names_", {}))
    edit += "" if layer is None else f" (layer {layer})"
    clusterer.edits_ = [*getattr(clusterer, "edits_", []), edit]


def _parts_of_core(
    clusterer: DBSCAN, number: int, mask: np.ndarray, place: int | None, into: Any
) -> np.ndarray:
    """Return the given part of each core point of the cluster."""
    labels = clusterer.labels_ if place is None else clusterer.layers_[:, place]
    members, found = np.flatnonzero(labels == number), np.asarray(into)
    if found.shape != members.shape:
        raise ValueError(
            f"Cluster {number} has {len(members)} texts: into needs as many "
            f"labels. Received: an array of shape {found.shape}."
        )
    return found[np.searchsorted(members, clusterer.core_sample_indices_[mask])]


def _words_of(
    model: Any, clusterer: DBSCAN, mask: np.ndarray, texts: Any
) -> np.ndarray:
    """Return features of the words of the core points' texts alone."""
    checked = check_texts(texts, estimator="split")
    check_consistent_length(checked, clusterer.labels_)
    inside = [checked[row] for row in clusterer.core_sample_indices_[mask]]
    model = getattr(model, "best_estimator_", model)
    cleaned = model[0].transform(inside) if isinstance(model, Pipeline) else inside
    if not isinstance(cleaned, list):  # the first step is no cleaner
        cleaned = inside
    return word_features(cleaned)


def _split_parts(
    clusterer: DBSCAN,
    number: int,
    mask: np.ndarray,
    into: Any,
    words: np.ndarray | None = None,
) -> np.ndarray:
    """Return the part of each core point of the cluster, as 0, 1, ..."""
    indices = clusterer.core_sample_indices_[mask]
    fitted = clusterer._fitted_rows()[indices]
    rows = clusterer._space.rows(fitted)[0]
    if isinstance(into, np.ndarray):
        return _without_noise(rows, into, number)
    space = rows if words is None else words
    if isinstance(into, int | np.integer):
        n_unique = len(np.unique(space, axis=0))
        if not 2 <= into <= n_unique:
            raise ValueError(
                f"Cluster {number} can be split into 2 to {n_unique} parts. "
                f"Received: {into}."
            )
    options = {name: getattr(clusterer, name) for name in ("metric", "metric_params")}
    density = DBSCAN(**options, memory_limit=clusterer.memory_limit)
    if words is not None:
        density.set_params(metric="cosine", metric_params=None)
    elif into is None:
        space = fitted
    found = np.asarray(find_parts(space, into, density))
    found = _without_noise(rows, found, number)
    _warn_if_not_apart(number, space, rows, found)
    return found


def _warn_if_not_apart(
    number: int, space: np.ndarray, rows: np.ndarray, found: np.ndarray
) -> None:
    """Warn if there may be no parts, or embeddings do not tell them apart."""
    problem, astray = "", share_astray(rows, found)
    if not are_apart(space, found):
        problem = "are no further apart than parts of one cloud of points"
    elif astray > _MAX_ASTRAY:
        problem = f"lie among each other: predict confuses them for about {astray:.0%}"
    if problem:
        warnings.warn(
            f"The parts of cluster {number} {problem}. Look at texts of each before "
            "you use them.",
            ClusteringWarning,
            stacklevel=4,
        )


def _without_noise(rows: np.ndarray, found: np.ndarray, number: int) -> np.ndarray:
    """Assign noise to the part of the nearest row, and number parts from 0."""
    from sklearn.neighbors import KNeighborsClassifier  # .2 s, which `load` saves

    noise = found == -1
    if len(np.unique(found[~noise])) < 2:
        raise ValueError(
            f"Cluster {number} does not fall into parts. Give into= a number of "
            "parts, a clusterer, or labels."
        )
    if noise.any():
        nearest = KNeighborsClassifier(n_neighbors=1).fit(rows[~noise], found[~noise])
        found[noise] = nearest.predict(rows[noise])
    return np.unique(found, return_inverse=True)[1]
