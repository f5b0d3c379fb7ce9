"""Carry ids, names and edits of clusters from one fitted model to the next."""

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from deepclust.clustering._dbscan import DBSCAN
from deepclust.clustering._editing import clusterer_of, merge, split_core
from deepclust.metrics import Alignment, align_clusterings

__all__ = ["align"]


def align(old: Any, new: Any, texts: Any = None) -> Alignment:
    """Give the clusters of a new model the ids, names and edits of an old one.

    Parameters
    ----------
    old : fitted Pipeline that ends in DBSCAN, search over one, or DBSCAN
        Not changed. Or, as `new` then, an array of labels.

    new : the same
        Changed in place: `cluster_ids_` and `cluster_names_` of its DBSCAN are set.

    texts : iterable of str, or what both models predict, default=None
        Texts of both times, or of the new one alone; none for two arrays of labels.

    Returns
    -------
    alignment : Alignment
        What was kept, born, merged, split or died; see
        `deepclust.metrics.align_clusterings`.

    Raises
    ------
    TypeError
        If a model has no DBSCAN.
    ValueError
        If models come without texts, or arrays differ in length.

    See Also
    --------
    deepclust.metrics.compare_clusterings : Counterparts and agreement, no ids.

    Notes
    -----
    Both models predict the texts. Clusters that one cluster of the old model, made by
    `merge`, holds most of are merged again; a new cluster that is mostly two or more
    parts of a `split` of the old model is split again, each core point as the nearest
    of the texts. Numbers of clusters are by size in each model; `cluster_ids_[label]`
    is the id that stays, a new one for each cluster that is not an old one, and is
    never used again. No union of clusters has the name of one of them alone. A model
    that was never aligned has its numbers for ids. Time of two `predict`.

    Examples
    --------
    >>> from deepclust import DBSCAN
    >>> from deepclust.clustering import align, rename
    >>> january = [[0.0], [0.1], [0.2], [5.0], [5.1]]
    >>> february = [[5.0], [5.1], [5.2], [0.0], [0.1], [9.0], [9.1]]
    >>> old = DBSCAN(eps=0.2, min_samples=2).fit(january)
    >>> _ = rename(old, {0: "low", 1: "high"})
    >>> new = DBSCAN(eps=0.2, min_samples=2).fit(february)
    >>> alignment = align(old, new, february)
    >>> print(alignment[["cluster", "id", "name", "change"]].to_string(index=False))
     cluster  id name change
           0   1 high   kept
           1   0  low   kept
           2   2 <NA>   born
    >>> new.cluster_ids_
    array([1, 0, 2])
    """
    if texts is None:
        if hasattr(old, "predict") or hasattr(new, "predict"):
            raise ValueError(
                "align of two models needs texts= that both predict; without, it takes "
                "two arrays of labels."
            )
        return align_clusterings(old, new)
    old_clusterer, new_clusterer = clusterer_of(old), clusterer_of(new)
    texts = texts if hasattr(texts, "__len__") else list(texts)
    old_labels, rows = np.asarray(old.predict(texts)), texts
    if isinstance(new, Pipeline):
        rows = new[:-1].transform(texts)
    edited = getattr(old_clusterer, "_edited", {})
    merged = [cluster for cluster, kind in edited.items() if kind == "merge"]
    for cluster in merged:
        labels = new_clusterer.predict(rows)
        parts = _mostly_in([cluster], labels, old_labels)
        if len(parts) > 1:
            merge(new_clusterer, parts)
    parts = [cluster for cluster, kind in edited.items() if kind == "split"]
    _split_again(new_clusterer, rows, old_labels, parts)
    labels = new_clusterer.predict(rows)
    return new_clusterer._carry_over(old_clusterer, old_labels, labels)


def _mostly_in(
    clusters: list[int], labels: np.ndarray, others: np.ndarray
) -> list[int]:
    """Return the clusters of `labels` most of whose texts are in some of the others."""
    inside = np.bincount(labels[np.isin(others, clusters) & (labels >= 0)])
    sizes = np.bincount(labels[labels >= 0])[: len(inside)]
    return np.flatnonzero(2 * inside > sizes).tolist()


def _split_again(
    clusterer: DBSCAN, rows: Any, old_labels: np.ndarray, parts: list[int]
) -> None:
    """Split the new clusters that mostly consist of parts of clusters split before."""
    from sklearn.neighbors import KNeighborsClassifier  # .2 s, which `load` saves

    vectors, _ = clusterer._space.rows(np.asarray(rows, dtype=clusterer._X.dtype))
    for _ in parts:  # a split numbers all clusters anew
        labels = clusterer.predict(rows)
        unions = ((c, labels == c) for c in _mostly_in(parts, labels, old_labels))
        held = {c: _held_by(inside, old_labels, parts) for c, inside in unions}
        union = next((c for c, whole in held.items() if len(whole) > 1), None)
        if union is None:
            return
        inside = (labels == union) & np.isin(old_labels, held[union])
        nearest = KNeighborsClassifier(1).fit(vectors[inside], old_labels[inside])
        core = clusterer._core_labels == union
        core_rows, _ = clusterer._space.rows(clusterer.components_[core])
        found = np.unique(nearest.predict(core_rows), return_inverse=True)[1]
        if found.max(initial=0) == 0:
            return
        split_core(clusterer, union, found)


def _held_by(inside: np.ndarray, labels: np.ndarray, parts: list[int]) -> list[int]:
    """Return the parts that are mostly inside."""
    return [p for p in parts if inside[labels == p].sum() * 2 > (labels == p).sum()]
