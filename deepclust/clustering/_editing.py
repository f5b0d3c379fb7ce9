"""Merge, split and rename the clusters of a fitted model.

An edit changes the clusters of core points, so that `predict` and pickled models follow
it. `fit` discards edits. Clusters are given by number or by the name that `rename`
gave. After a merge or split, clusters are renumbered by decreasing size, ties by first
document; names stay with their documents.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from deepclust.clustering._dbscan import DBSCAN

__all__ = ["merge", "rename", "split"]


def merge(model: Any, clusters: Iterable[int | str], *, name: str | None = None) -> int:
    """Merge clusters into one.

    Parameters
    ----------
    model : fitted Pipeline that ends in DBSCAN, search over one, or DBSCAN
        Changed in place.

    clusters : iterable of int or str
        Two or more, by number or name.

    name : str, default=None
        Name of the merged cluster. When None, that of the first one with a name.

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
    clusterer = clusterer_of(model)
    clusters = [clusters] if isinstance(clusters, str | int) else clusters
    parts = list(dict.fromkeys(_number(clusterer, c) for c in clusters))
    if len(parts) < 2:
        raise ValueError(f"merge takes two or more clusters. Received: {parts}.")
    names = dict(getattr(clusterer, "cluster_names_", {}))
    kept = [names.pop(part) for part in parts if part in names]
    names[parts[0]] = str(name) if name is not None else "".join(kept[:1])
    _check_names(names.values())
    core_labels = clusterer._core_labels.copy()
    core_labels[np.isin(core_labels, parts)] = parts[0]
    numbers = _relabel(clusterer, core_labels)
    merged = numbers[parts[0]]
    clusterer._edited[merged] = "merge"
    edit = f"merge {', '.join(map(str, parts))}: now {merged}"
    _record(clusterer, {numbers[old]: text for old, text in names.items()}, edit)
    return merged


def split(
    model: Any, cluster: int | str, into: Any = None, *, names: Iterable[str] = ()
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

    Returns
    -------
    parts : list of int
        Their numbers, the largest first; the other clusters are renumbered, too.

    Raises
    ------
    TypeError
        If the model has no DBSCAN.
    ValueError
        If the cluster does not exist or has no two parts.

    Notes
    -----
    The core points are split; every other document takes the part of its nearest core
    point, even if `into` is an array, as `predict` does. Core points that `into` labels
    noise take the nearest part.

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
    clusterer = clusterer_of(model)
    number = _number(clusterer, cluster)
    inside = clusterer._core_labels == number
    found = _parts(clusterer, number, inside, into)
    return split_core(clusterer, number, found, names)


def split_core(
    clusterer: DBSCAN,
    number: int,
    found: np.ndarray,
    names: Iterable[str] = (),
) -> list[int]:
    """Split a cluster into the parts of its core points, given as 0, 1, ..."""
    part_names = [str(name) for name in names]
    kept = dict(getattr(clusterer, "cluster_names_", {}))
    kept.pop(number, None)
    _check_names([*kept.values(), *part_names])
    first_part = clusterer.n_clusters_
    core_labels = clusterer._core_labels.copy()
    inside = core_labels == number
    core_labels[inside] = first_part + found
    numbers = _relabel(clusterer, core_labels)
    now = sorted(new for old, new in numbers.items() if old >= first_part)
    given = dict(zip(now, part_names, strict=False))
    given |= {numbers[old]: name for old, name in kept.items()}
    clusterer._edited |= dict.fromkeys(now, "split")
    _record(clusterer, given, f"split {number}: now {', '.join(map(str, now))}")
    return now


def rename(
    model: Any,
    names: Mapping[int | str, str] | Sequence[str] | Callable[[str], str],
) -> dict[int, str]:
    """Name clusters, for reports, tables and files.

    Parameters
    ----------
    model : fitted Pipeline that ends in DBSCAN, search over one, or DBSCAN
        Changed in place.

    names : mapping of int or str to str, sequence of str, or callable
        New name of each cluster: by number or earlier name, in the order of the
        numbers, or a function of the earlier name, such as `str.title`. "" removes the
        name.

    Returns
    -------
    names : dict of int to str
        All names, as in `cluster_names_`.

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
    clusterer = clusterer_of(model)
    pairs = _names_by_cluster(clusterer, names)
    given = {_number(clusterer, key): str(name) for key, name in pairs.items()}
    all_names = {**getattr(clusterer, "cluster_names_", {}), **given}
    _check_names(all_names.values())
    edit = ", ".join(f"{number} {name!r}" for number, name in given.items())
    _record(clusterer, all_names, f"rename {edit}")
    return dict(getattr(clusterer, "cluster_names_", {}))


def _names_by_cluster(clusterer: DBSCAN, names: Any) -> Mapping[int | str, str]:
    """Return names given as a mapping, a sequence or a function as a mapping."""
    if isinstance(names, Mapping):
        return names
    if callable(names):
        old = getattr(clusterer, "cluster_names_", {})
        return {number: names(name) for number, name in old.items()}
    if isinstance(names, str) or len(names) != clusterer.n_clusters_:
        raise ValueError(
            f"rename takes one name for each of the {clusterer.n_clusters_} clusters, "
            f"or a mapping. Received: {names!r}."
        )
    return dict(enumerate(names))


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


def _number(clusterer: DBSCAN, cluster: Any) -> int:
    names = getattr(clusterer, "cluster_names_", {})
    if isinstance(cluster, str):
        found = [number for number, name in names.items() if name == cluster]
        if not found:
            raise ValueError(
                f"No cluster is named {cluster!r}. Names: {list(names.values())}."
            )
        return found[0]
    is_whole = isinstance(cluster, int | np.integer) and not isinstance(cluster, bool)
    if not is_whole or not 0 <= cluster < clusterer.n_clusters_:
        raise ValueError(
            f"There is no cluster {cluster!r}. Clusters: 0 to "
            f"{clusterer.n_clusters_ - 1}; noise cannot be edited."
        )
    return int(cluster)


def _check_names(names: Iterable[str]) -> None:
    given = [name for name in names if name]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"Two clusters would be named {twice!r}.")


def _relabel(clusterer: DBSCAN, core_labels: np.ndarray) -> dict[int, int]:
    """Change the clusters of the core points; ids and marks of edits follow them."""
    before, edited = clusterer.labels_.copy(), getattr(clusterer, "_edited", {})
    numbers = clusterer._relabel(core_labels)
    clusterer._edited = {numbers[k]: v for k, v in edited.items() if k in numbers}
    if hasattr(clusterer, "cluster_ids_"):
        clusterer._carry_over(clusterer, before, clusterer.labels_)
    return numbers


def _record(clusterer: DBSCAN, names: Mapping[int, str], edit: str) -> None:
    """Set the names of the new numbers, "" for none, and log the edit."""
    kept = {number: name for number, name in sorted(names.items()) if name}
    if kept or hasattr(clusterer, "cluster_names_"):
        clusterer.cluster_names_ = kept
    clusterer.edits_ = [*getattr(clusterer, "edits_", []), edit]


def _parts(clusterer: DBSCAN, number: int, mask: np.ndarray, into: Any) -> np.ndarray:
    """Return the part of each core point of the cluster, as 0, 1, ..."""
    X = clusterer._fitted_rows()
    indices = clusterer.core_sample_indices_[mask]
    rows = clusterer._space.rows(X[indices])[0]
    if into is None:
        into = DBSCAN(
            metric=clusterer.metric,
            metric_params=clusterer.metric_params,
            memory_limit=clusterer.memory_limit,
        )
        found = into.fit_predict(X[indices])
    elif isinstance(into, int | np.integer):
        n_unique = len(np.unique(rows, axis=0))
        if not 2 <= into <= n_unique:
            raise ValueError(
                f"Cluster {number} can be split into 2 to {n_unique} parts. "
                f"Received: {into}."
            )
        found = KMeans(int(into), n_init=5, random_state=0).fit_predict(rows)
    elif hasattr(into, "fit_predict"):
        found = clone(into).fit_predict(rows)
    else:
        members = np.flatnonzero(clusterer.labels_ == number)
        found = np.asarray(into)
        if found.shape != members.shape:
            raise ValueError(
                f"Cluster {number} has {len(members)} texts: into needs as many "
                f"labels. Received: an array of shape {found.shape}."
            )
        found = found[np.searchsorted(members, indices)]
    return _without_noise(rows, np.asarray(found), number)


def _without_noise(rows: np.ndarray, found: np.ndarray, number: int) -> np.ndarray:
    """Assign noise to the part of the nearest row, and number parts from 0."""
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
