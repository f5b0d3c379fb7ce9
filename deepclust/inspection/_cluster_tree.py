"""Clusters as a tree, from broad groups down: for looking through many of them.

Works on `(embeddings, labels)` from any clusterer.
"""

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import linkage
from sklearn.utils import check_array, check_consistent_length, column_or_1d

__all__ = ["ClusterTree", "cluster_tree"]

NOISE = -1
_MOST_NAMED = 3
_OPEN_LEVELS = 2


class ClusterTree:
    """Which clusters are alike, as nested groups; see `cluster_tree`.

    Parameters
    ----------
    clusters : list, length n_clusters
        Labels of the leaves.

    sizes : ndarray of shape (n_clusters,), int
        Texts of each.

    merges : ndarray of shape (n_clusters - 1, 4)
        As `scipy.cluster.hierarchy.linkage` returns them: nearest pairs first.

    names : dict of label to str
        What to call the leaves.

    Notes
    -----
    In a notebook it is a list that unfolds, the largest group first.
    """

    def __init__(
        self,
        clusters: list[Any],
        sizes: np.ndarray,
        merges: np.ndarray,
        names: Mapping[Any, str],
    ) -> None:
        self.clusters = clusters
        self.sizes = sizes
        self.merges = merges
        self.names = dict(names)

    def groups(self, n_groups: int) -> list[list[Any]]:
        """Return the clusters in so many groups, the largest group first.

        Parameters
        ----------
        n_groups : int
            From 1 to the number of clusters.

        Returns
        -------
        groups : list of list
            Labels in ascending order. A group can go into `deepclust.clustering.merge`.

        Raises
        ------
        ValueError
            If there cannot be so many groups.
        """
        n = len(self.clusters)
        if not 1 <= n_groups <= n:
            raise ValueError(f"n_groups must be 1 to {n}. Received: {n_groups!r}.")
        nodes = {i: [i] for i in range(n)}
        for step in range(n - n_groups):
            left, right = self.merges[step, :2].astype(int).tolist()
            nodes[n + step] = nodes.pop(left) + nodes.pop(right)
        order = sorted(nodes.values(), key=lambda m: (-self.sizes[m].sum(), min(m)))
        return [[self.clusters[i] for i in sorted(members)] for members in order]

    def nearest(self, n_pairs: int = 10) -> list[tuple[Any, Any, float]]:
        """Return the merges of two single clusters, the most alike first.

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
        pairs = self.merges[(self.merges[:, 0] < n) & (self.merges[:, 1] < n)]
        return [
            (self.clusters[int(a)], self.clusters[int(b)], float(distance))
            for a, b, distance, _ in pairs[:n_pairs].tolist()
        ]

    def __len__(self) -> int:
        return len(self.clusters)

    def __repr__(self) -> str:
        return "\n".join(
            f"{'  ' * depth}{self._title(members)}"
            for depth, members in self._walk(self._root(), 0)
        )

    def _repr_html_(self) -> str:
        return (
            f"<div>{self._html(self._root(), 0)}</div>" if len(self) else "<div></div>"
        )

    def _root(self) -> int:
        return max(2 * len(self.clusters) - 2, 0)

    def _parts(self, node: int) -> list[int]:
        """Return the two parts of a group, the larger first; none of a leaf."""
        n = len(self.clusters)
        if node < n:
            return []
        parts = self.merges[node - n, :2].astype(int).tolist()
        return sorted(parts, key=lambda part: -self.sizes[self._members(part)].sum())

    def _members(self, node: int) -> list[int]:
        """Return the leaves of a group, the largest first."""
        n, waiting, found = len(self.clusters), [node], []
        while waiting:
            one = waiting.pop()
            if one < n:
                found.append(one)
            else:
                waiting += self.merges[one - n, :2].astype(int).tolist()
        return sorted(found, key=lambda leaf: (-self.sizes[leaf], leaf))

    def _walk(self, root: int, depth: int) -> list[tuple[int, list[int]]]:
        """Return depth and members of every group, each before its parts."""
        if not len(self):
            return []
        waiting, found = [(root, depth)], []
        while waiting:
            node, depth = waiting.pop()
            found.append((depth, self._members(node)))
            waiting += [(part, depth + 1) for part in reversed(self._parts(node))]
        return found

    def _title(self, members: list[int]) -> str:
        called = [self._name(leaf) for leaf in members[:_MOST_NAMED]]
        n_texts = int(self.sizes[members].sum())
        if len(members) == 1:
            return f"{self.clusters[members[0]]}: {called[0]} ({n_texts:,})"
        more = " …" if len(members) > _MOST_NAMED else ""
        return f"{' | '.join(called)}{more} ({len(members)} clusters, {n_texts:,})"

    def _name(self, leaf: int) -> str:
        cluster = self.clusters[leaf]
        return str(self.names.get(cluster, cluster))

    def _html(self, root: int, depth: int) -> str:
        """Return nested lists, built from the leaves up without recursion."""
        made: dict[int, str] = {}
        waiting = [(root, depth)]
        while waiting:
            node, level = waiting[-1]
            parts = self._parts(node)
            missing = [(part, level + 1) for part in parts if part not in made]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            title = html.escape(self._title(self._members(node)))
            inside = "".join(made.pop(part) for part in parts)
            unfolded = " open" if level < _OPEN_LEVELS else ""
            style = "style='margin-left:1.2em'"
            if parts:
                made[node] = (
                    f"<details {style}{unfolded}><summary>{title}</summary>{inside}"
                    "</details>"
                )
            else:
                made[node] = f"<div {style}>{title}</div>"
        return made[root]


def cluster_tree(
    embeddings: Any, labels: Any, *, names: Mapping[Any, str] | None = None
) -> ClusterTree:
    """Arrange clusters by their likeness, from single ones to one group of all.

    Parameters
    ----------
    embeddings : array-like of shape (n_docs, embedding_dim)

    labels : array-like of shape (n_docs,)
        Cluster of each text; noise, −1, is left out.

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
    deepclust.clustering._editing.merge : Make one cluster of a group.

    Notes
    -----
    Average linkage [1]_ of the clusters' means, of Euclidean distances. Time
    O(n_docs embedding_dim + n_clusters²).

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
    labels = column_or_1d(labels)
    check_consistent_length(X, labels)
    clustered = labels != NOISE
    clusters, codes = np.unique(labels[clustered], return_inverse=True)
    sizes = np.bincount(codes, minlength=len(clusters))
    means = np.zeros((len(clusters), X.shape[1]))
    np.add.at(means, codes, X[clustered])
    means /= sizes[:, None]
    merges = np.empty((0, 4))
    if len(clusters) > 1:
        merges = linkage(means, method="average")
    return ClusterTree(clusters.tolist(), sizes, merges, names or {})
