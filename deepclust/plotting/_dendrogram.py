"""Dendrogram of the density hierarchy."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from deepclust.clustering._fitted_labels import is_model, last_step, names_of
from deepclust.plotting._axes import (
    COLORS,
    GRAY,
    Axes,
    Names,
    check_lengths,
    cluster_name,
    new_axes,
)

__all__ = ["plot_dendrogram"]

_LEAST_LENGTH = 1.01  # ratio of the ends of a leaf
_ROUNDED_UP = 1 + 1e-9  # eps may be a distance that was rounded down

# Height, the two regions that join, the region that they become, and its size. Of a
# cluster at eps: the height of its first core point, and three times its region.
Join = tuple[float, int, int, int, float]


def plot_dendrogram(
    tree: Any,
    *,
    eps: float | None = None,
    labels: Any = None,
    names: Names = None,
    max_leaves: int = 80,
    ax: Axes | None = None,
) -> Axes:
    """Draw how dense regions merge as eps grows.

    Parameters
    ----------
    tree : DBSCAN, pipeline that ends in one, or ReachabilityTree
        A clusterer fitted with `eps="auto"`, or a tree of `_mutual_reachability.py`.

    eps : float, default=None
        The eps in use, drawn as a line: regions that are connected below it are one
        cluster, of one color. That of the clusterer when None.

    labels : array-like of shape (n_points,), default=None
        Cluster of each point of the tree, for the names of the leaves; those of the
        clusterer when None.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters in `labels`; those of the clusterer when both are None.

    max_leaves : int, default=80
        The smallest regions are left out until at most so many remain.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If there is no tree, or the lengths differ.

    Notes
    -----
    The tree is condensed [1]_: regions that join a larger one before they have a
    thousandth of the points are left out, and that share is raised until at most
    `max_leaves` remain. Each cluster at eps has a leaf, or each of the largest; the
    largest leaf of a cluster has its name. Lines start at the eps of the first core
    points; their width grows with the number of points. Time O(n log n).

    References
    ----------
    .. [1] R. J. G. B. Campello, D. Moulavi, J. Sander, "Density-based clustering based
       on hierarchical density estimates", PAKDD 2013.
       :doi:`10.1007/978-3-642-37456-2_14`

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import DBSCAN
    >>> from deepclust.plotting import plot_dendrogram
    >>> X = np.concatenate((np.arange(9), np.arange(20, 29)))[:, None] / 10
    >>> tree = DBSCAN(min_samples=3).fit(X).reachability_
    >>> ax = plot_dendrogram(tree, eps=0.5)
    >>> ax.get_title()
    '2 dense regions in 2 clusters at eps 0.5'
    """
    if is_model(tree):
        tree = last_step(tree)
    if labels is None and hasattr(tree, "reachability_rows_"):
        names = names_of(tree, names)
        labels = tree.labels_[tree.reachability_rows_]
    if eps is None:
        eps = getattr(tree, "eps_", None)
    limit = -1.0 if eps is None else eps * _ROUNDED_UP
    tree, heights, core_distances = _read_tree(tree)
    if labels is not None:
        check_lengths("plot_dendrogram", labels=labels, points=tree.weights)
    below, clusters, above = _joins(tree, heights, core_distances, limit)
    n_clusters = len(clusters)
    joins = [*below, *_largest(clusters, max_leaves), *above]
    total = float(np.sum(tree.weights))
    min_size = max(2.0, total / 1000)
    branches = _condense(joins, min_size, limit)
    while sum(not branch.children for branch in branches) > max_leaves:
        min_size = 1.25 * min_size if min_size < total else np.inf
        branches = _condense(joins, min_size, limit)
    roots = [branch for branch in branches if np.isinf(branch.end)]
    leaves = [leaf for root in roots for leaf in root.leaves]
    for place, leaf in enumerate(leaves):
        leaf.place = place
    ax = new_axes(ax, (max(6.0, 1.5 + 0.16 * len(leaves)), 5.0))
    n_drawn = _draw_branches(branches, limit, ax)
    small = 8 if len(leaves) <= 40 else 6
    written = _leaf_names(leaves, labels, names)
    ax.set_xticks(range(len(leaves)), written, rotation=90, fontsize=small)
    ax.set_xlim(-1, max(len(leaves), 1))
    ax.set_ylabel("eps")
    title = _counted(len(leaves), "dense region")
    if eps is not None:
        part = f"{n_drawn} of " if n_drawn < n_clusters else ""
        title += f" in {part}{_counted(n_clusters, 'cluster')} at eps {eps:.3g}"
        ax.axhline(eps, color="black", linewidth=1, linestyle=":")
    ax.set_title(title)
    ax.spines["bottom"].set_visible(False)
    ax.tick_params(axis="x", length=0)
    return ax


@dataclass(eq=False)
class _Branch:
    """A dense region, from the height where it starts to the one where it joins."""

    start: float
    point: int
    children: "list[_Branch]" = field(default_factory=list)
    size: float = 0.0
    end: float = np.inf
    place: float = 0.0
    color: str = GRAY

    def __post_init__(self) -> None:
        leaves = [leaf for child in self.children for leaf in child.leaves]
        self.leaves: list[_Branch] = leaves or [self]


def _read_tree(tree: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the tree, and its heights and core distances in units of the metric."""
    is_cosine = False
    if hasattr(tree, "labels_"):
        if getattr(tree, "reachability_", None) is None:
            raise ValueError('there is no tree: fit the clusterer with eps="auto".')
        is_cosine = tree.metric == "cosine"
        tree = tree.reachability_
    heights = np.asarray(tree.heights, dtype=np.float64)
    core_distances = np.asarray(tree.core_distances, dtype=np.float64)
    if is_cosine:
        return tree, heights**2 / 2, core_distances**2 / 2
    return tree, heights, core_distances


def _largest(clusters: list[Join], n_clusters: int) -> list[Join]:
    """Return at most `n_clusters` of the clusters: those with the most points."""
    if len(clusters) <= n_clusters:
        return clusters
    least = sorted(cluster[-1] for cluster in clusters)[-n_clusters - 1]
    return [cluster for cluster in clusters if cluster[-1] > least]


def _joins(
    tree: Any, heights: np.ndarray, core_distances: np.ndarray, limit: float
) -> tuple[list[Join], list[Join], list[Join]]:
    """Return the joins below the limit, the clusters there, and the joins above."""
    regions = DisjointSet(range(len(tree.weights)))
    sizes = np.asarray(tree.weights, dtype=np.float64).tolist()
    edges = list(zip(heights.tolist(), tree.edges.tolist(), strict=True))
    cut = int(np.searchsorted(heights, limit, side="right"))

    def join(edges: list[tuple[float, list[int]]]) -> list[Join]:
        joins = []
        for height, (row, col) in edges:
            a, b = regions[row], regions[col]
            regions.merge(a, b)
            root = regions[a]
            sizes[root] = sizes[a] + sizes[b]
            joins.append((height, a, b, root, sizes[root]))
        return joins

    below = join(edges[:cut])
    first_core: dict[int, float] = {}
    for point in np.argsort(core_distances, kind="stable").tolist():
        if core_distances[point] <= limit:
            first_core.setdefault(regions[point], float(core_distances[point]))
    clusters = [(start, r, r, r, sizes[r]) for r, start in first_core.items()]
    return below, clusters, join(edges[cut:])


def _condense(joins: list[Join], min_size: float, limit: float) -> list[_Branch]:
    """Start a branch at each cluster, and where a region reaches the least size.

    Two branches that join are the children of a new one, which comes after them.
    """
    current: dict[int, _Branch] = {}
    branches: list[_Branch] = []
    for height, a, b, root, size in joins:
        children = [current.pop(r) for r in dict.fromkeys((a, b)) if r in current]
        children.sort(key=lambda branch: -branch.size)
        for leaf in children[::-1]:
            is_cluster = leaf.start <= limit < height
            is_short = height <= _LEAST_LENGTH * leaf.start and not is_cluster
            if len(children) == 2 and is_short and not leaf.children:
                children.remove(leaf)
                branches.remove(leaf)
        if len(children) == 1:
            current[root] = children[0]
        elif children or size >= min_size or a == b:
            current[root] = _Branch(height, root, children)
            branches.append(current[root])
            for child in children:
                child.end = height
        if root in current:
            current[root].size = size
    return branches


def _draw_branches(branches: list[_Branch], limit: float, ax: Axes) -> int:
    """Draw the branches; return the number of clusters at the limit."""
    n_clusters = 0
    for branch in reversed(branches):
        if branch.color == GRAY and branch.start <= limit:
            branch.color = COLORS[n_clusters % len(COLORS)]
            n_clusters += 1
        for child in branch.children:
            child.color = branch.color
    ends = [b.start if np.isinf(b.end) else b.end for b in branches]
    ceiling = 1.05 * max([limit, 0.0, *ends]) or 1.0
    largest = max((branch.size for branch in branches), default=1.0)
    for branch in branches:
        if branch.children:
            left, right = (child.place for child in branch.children)
            branch.place = (left + right) / 2
            ax.hlines(branch.start, left, right, branch.color, linewidth=1.0)
        width = 1.2 + 3.5 * np.sqrt(branch.size / largest)
        top = min(branch.end, ceiling)
        middle = np.clip(limit, branch.start, top)
        ax.vlines(branch.place, branch.start, middle, branch.color, linewidth=width)
        ax.vlines(branch.place, middle, top, GRAY, linewidth=width)
    ax.set_ylim(0, ceiling)
    return n_clusters


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _leaf_names(leaves: list[_Branch], labels: Any, names: Names) -> list[str]:
    """Return a name for the largest leaf of each cluster, and dots for the others."""
    if labels is None:
        return [f"{leaf.size:,.0f}" for leaf in leaves]
    clusters = np.asarray(labels)[[leaf.point for leaf in leaves]].tolist()
    largest: dict[Any, _Branch] = {}
    for cluster, leaf in zip(clusters, leaves, strict=True):
        if cluster not in largest or leaf.size > largest[cluster].size:
            largest[cluster] = leaf
    return [
        cluster_name(names, cluster) if largest[cluster] is leaf else "·"
        for cluster, leaf in zip(clusters, leaves, strict=True)
    ]
