"""Clusters as a tree: average linkage of their means."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import linkage
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from deepclust.clustering._fitted_labels import with_names
from deepclust.clustering._layers import cluster_means
from deepclust.sequences import NOISE

__all__ = ["ClusterTree", "cluster_tree"]

_MOST_NAMED = 3
_OPEN_LEVELS = 2


@dataclass(eq=False, repr=False)
class ClusterTree:
    """Nested groups of similar clusters; see `cluster_tree`.

    Parameters
    ----------
    clusters : list, length n_clusters
        Labels of the leaves.

    sizes : ndarray of shape (n_clusters,), int
        Texts of each.

    merges : ndarray of shape (n_clusters - 1, 4), float64
        Linkage matrix of `scipy.cluster.hierarchy.linkage`: nearest pairs first.

    names : dict of label to str
        Names of the leaves.

    Notes
    -----
    Notebooks show a list that unfolds, the largest group first.
    """

    clusters: list[Any]
    sizes: np.ndarray
    merges: np.ndarray
    names: dict[Any, str]

    def groups(self, n_groups: int) -> list[list[Any]]:
        """Cut the tree into groups of clusters, the largest group first.

        Parameters
        ----------
        n_groups : int
            From 1 to the number of clusters.

        Returns
        -------
        groups : list of list
            Labels in ascending order; input for `deepclust.clustering.merge`.

        Raises
        ------
        ValueError
            If `n_groups` is out of range.
        """
        n = len(self.clusters)
        if not 1 <= n_groups <= n:
            raise ValueError(f"n_groups must be 1 to {n}. Received: {n_groups!r}.")
        merged = {*self.merges[: n - n_groups, :2].astype(int).ravel().tolist()}
        nodes = self._leaves()[: 2 * n - n_groups]
        groups = [leaves for node, leaves in enumerate(nodes) if node not in merged]
        groups.sort(key=lambda leaves: (-self.sizes[leaves].sum(), min(leaves)))
        return [[self.clusters[leaf] for leaf in sorted(leaves)] for leaves in groups]

    def nearest(self, n_pairs: int = 10) -> list[tuple[Any, Any, float]]:
        """Return the merges of two single clusters, the nearest first.

        Parameters
        ----------
        n_pairs : int, default=10
            At most so many.

        Returns
        -------
        pairs : list of (label, label, distance)
            Candidates for `deepclust.clustering.merge`.
        """
        n = len(self.clusters)
        pairs = self.merges[(self.merges[:, :2] < n).all(axis=1)]
        return [
            (self.clusters[int(a)], self.clusters[int(b)], distance)
            for a, b, distance, _ in pairs[:n_pairs].tolist()
        ]

    def __len__(self) -> int:
        return len(self.clusters)

    def __repr__(self) -> str:
        return "\n".join(
            f"{'  ' * depth}{self._title(leaves)}" for depth, leaves in self._walk()
        )

    def _repr_html_(self) -> str:
        style = "style='margin-left:1.2em'"
        parts, n_open = ["<div>"], 0
        for depth, leaves in self._walk():
            parts.append("</details>" * (n_open - depth))
            n_open = depth
            title = html.escape(self._title(leaves))
            if len(leaves) == 1:
                parts.append(f"<div {style}>{title}</div>")
                continue
            unfolded = " open" if depth < _OPEN_LEVELS else ""
            parts.append(f"<details {style}{unfolded}><summary>{title}</summary>")
            n_open += 1
        return "".join([*parts, "</details>" * n_open, "</div>"])

    def _leaves(self) -> list[list[int]]:
        """Return the leaves of every node, numbered as in the linkage matrix."""
        leaves = [[leaf] for leaf in range(len(self.clusters))]
        for left, right in self.merges[:, :2].astype(int).tolist():
            leaves.append(leaves[left] + leaves[right])
        return leaves

    def _walk(self) -> Iterator[tuple[int, list[int]]]:
        """Yield depth and leaves of every node, largest leaf first, in preorder."""
        n, leaves = len(self.clusters), self._leaves()
        sizes = [self.sizes[node].sum() for node in leaves]
        stack = [(len(leaves) - 1, 0)] if leaves else []
        while stack:
            node, depth = stack.pop()
            yield depth, sorted(leaves[node], key=lambda leaf: (-sizes[leaf], leaf))
            if node >= n:
                children = self.merges[node - n, :2].astype(int).tolist()
                children.sort(key=lambda child: -sizes[child])
                stack += [(child, depth + 1) for child in reversed(children)]

    def _title(self, leaves: list[int]) -> str:
        clusters = [self.clusters[leaf] for leaf in leaves]
        names = [str(self.names.get(c, c)) for c in clusters[:_MOST_NAMED]]
        n_texts = int(self.sizes[leaves].sum())
        if len(leaves) == 1:
            return f"{clusters[0]}: {names[0]} ({n_texts:,})"
        more = " …" if len(leaves) > _MOST_NAMED else ""
        return f"{' | '.join(names)}{more} ({len(leaves)} clusters, {n_texts:,})"


def cluster_tree(
    embeddings: Any, labels: Any, *, names: Mapping[Any, str] | None = None
) -> ClusterTree:
    """Merge clusters by the distance of their means, up to one group of all.

    Parameters
    ----------
    embeddings : array-like of shape (n_docs, embedding_dim)

    labels : array-like of shape (n_docs,)
        Cluster of each text; noise, −1, is left out. Or a fitted pipeline or clusterer,
        for its `labels_` and names.

    names : mapping of label to str, default=None
        Names of the clusters, such as `ClusterTable.names`; numbers when None.

    Returns
    -------
    tree : ClusterTree

    Raises
    ------
    ValueError
        If the lengths differ or the embeddings are not finite.

    See Also
    --------
    deepclust.plotting.plot_dendrogram : How dense regions merge as eps grows.
    deepclust.clustering.merge : Make one cluster of a group.

    Notes
    -----
    Average linkage [1]_ of the clusters' means in Euclidean distance. Time O(n_docs
    embedding_dim + n_clusters²).

    References
    ----------
    .. [1] R. R. Sokal, C. D. Michener, "A statistical method for evaluating systematic
       relationships", University of Kansas Science Bulletin 38, 1958.

    Examples
    --------
    >>> from deepclust.inspection import cluster_tree
    >>> X = [[0.0], [0.2], [1.0], [1.1], [9.0], [9.1], [5.0]]
    >>> names = {0: "pears", 1: "apples", 2: "cars"}
    >>> tree = cluster_tree(X, [0, 0, 1, 1, 2, 2, -1], names=names)
    >>> tree
    pears | apples | cars (3 clusters, 6)
      pears | apples (2 clusters, 4)
        0: pears (2)
        1: apples (2)
      2: cars (2)
    >>> tree.groups(2)
    [[0, 1], [2]]
    """
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    labels, names = with_names(labels, names)
    labels = column_or_1d(labels)
    check_consistent_length(X, labels)
    clustered = labels != NOISE
    clusters, codes = np.unique(labels[clustered], return_inverse=True)
    sizes = np.bincount(codes, minlength=len(clusters))
    merges = np.empty((0, 4))
    if len(clusters) > 1:
        merges = linkage(cluster_means(X[clustered], codes), "average")
    return ClusterTree(clusters.tolist(), sizes, merges, dict(names or {}))
