"""The density hierarchy as a dendrogram."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deepclust.plotting._canvas import COLOURS, Names, name_of, new_axes, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_dendrogram"]

_LEAST_LENGTH = 1.01
_BUMP = 1 + 1e-9  # a distance that eps was made of may round up


def plot_dendrogram(
    tree: Any,
    *,
    eps: float | None = None,
    labels: Any = None,
    names: Names = None,
    max_leaves: int = 80,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how the dense regions merge as the radius grows.

    Parameters
    ----------
    tree : DBSCAN or ReachabilityTree
        A clusterer fitted with `eps="auto"`, or a tree of `_mutual_reachability.py`.

    eps : float, default=None
        The radius in use, drawn as a line: what is connected below it is one cluster,
        and has one colour. That of the clusterer when None.

    labels : array-like of shape (n_points,), default=None
        Cluster of each point of the tree, to name the leaves by; those of the clusterer
        when None.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters in `labels`.

    max_leaves : int, default=80
        The smallest regions are left out until so many remain.

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
    A leaf is born at the radius at which it has enough core points, and grows upwards;
    smaller groups that join it on the way are not drawn. Each cluster at eps has a
    leaf, of more than `max_leaves` the largest; where it has several, one is named.
    Thickness is the number of points. Time O(n log n).

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._mutual_reachability import ReachabilityTree
    >>> from deepclust.plotting import plot_dendrogram
    >>> X = np.concatenate((np.arange(9), np.arange(20, 29)))[:, None] / 10
    >>> ax = plot_dendrogram(ReachabilityTree.build(X, min_samples=3), eps=0.5)
    >>> ax.get_title()
    '2 dense regions in 2 clusters at eps 0.5'
    """
    if labels is None and hasattr(tree, "reachability_rows_"):
        labels = tree.labels_[tree.reachability_rows_]
    if eps is None:
        eps = getattr(tree, "eps_", None)
    spanning = _Tree.of(tree)
    if labels is not None and len(labels) != len(spanning.weights):
        raise ValueError(
            "plot_dendrogram needs one label a point of the tree. Received: "
            f"{len(labels)} labels and {len(spanning.weights)} points."
        )
    branches = spanning.condensed(eps, max_leaves)
    _lay_out(branches)
    leaves = sorted((b for b in branches if not b.children), key=lambda b: b.place)
    ax = new_axes(ax, (max(6.0, 1.5 + 0.16 * len(leaves)), 5.0))
    n_clusters = _draw_branches(branches, eps, ax)
    written = _leaf_names(leaves, labels, names)
    small = 8 if len(leaves) <= 40 else 6
    ax.set_xticks(range(len(leaves)), written, rotation=90, fontsize=small)
    ax.set_xlim(-1, max(len(leaves), 1))
    ax.set_ylabel("eps")
    title = _counted(len(leaves), "dense region")
    if eps is not None:
        found = spanning.n_clusters(eps)
        part = f"{n_clusters} of " if n_clusters < found else ""
        title += f" in {part}{_counted(found, 'cluster')} at eps {eps:.3g}"
        ax.axhline(eps, color="black", linewidth=1, linestyle=":")
    ax.set_title(title)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.tick_params(axis="x", length=0)
    return ax


@dataclass(eq=False)
class _Branch:
    """A dense region: born at one radius, merged at another."""

    born: float
    point: int
    size: float = 0.0
    merged: float = np.inf
    children: "list[_Branch]" = field(default_factory=list)
    place: float = 0.0


@dataclass(frozen=True)
class _Tree:
    """A minimum spanning tree, in units of the metric."""

    heights: np.ndarray
    edges: np.ndarray
    weights: np.ndarray
    core_distances: np.ndarray

    @classmethod
    def of(cls, tree: Any) -> "_Tree":
        """Read the tree of a clusterer, or its `reachability_`."""
        is_cosine = False
        if hasattr(tree, "labels_"):
            if getattr(tree, "reachability_", None) is None:
                raise ValueError('there is no tree: fit the clusterer with eps="auto".')
            is_cosine = tree.metric == "cosine"
            tree = tree.reachability_
        heights = np.asarray(tree.heights, dtype=np.float64)
        core = np.asarray(tree.core_distances, dtype=np.float64)
        if is_cosine:
            heights, core = heights**2 / 2, core**2 / 2
        return cls(heights, tree.edges, tree.weights, core)

    def n_clusters(self, eps: float) -> int:
        n_core = np.count_nonzero(self.core_distances <= eps * _BUMP)
        return int(n_core - np.count_nonzero(self.heights <= eps * _BUMP))

    def condensed(self, eps: float | None, max_leaves: int) -> "list[_Branch]":
        """Return the branches, with the least size that leaves few enough of them."""
        total = float(np.sum(self.weights))
        least = max(2.0, total / 1000)
        smallest = 0.0
        if eps is not None and self.n_clusters(eps) > max_leaves:
            clusters = self.branches(np.inf, eps, 0.0, until_eps=True)
            sizes = sorted(cluster.size for cluster in clusters)
            smallest = sizes[-max_leaves - 1] + 0.5
        while True:
            branches = self.branches(least, eps, smallest)
            if sum(not branch.children for branch in branches) <= max_leaves:
                return branches
            least = 1.25 * least if least < total else np.inf

    def branches(
        self,
        least: float,
        eps: float | None,
        smallest: float,
        *,
        until_eps: bool = False,
    ) -> "list[_Branch]":
        """Join points by ascending height; a part of `least` weight starts a branch.

        So does, at eps, every cluster of weight `smallest` that has none.
        """
        eps = -1.0 if eps is None else eps * _BUMP
        parts = _Parts(self.weights, least, eps)
        cut = int(np.searchsorted(self.heights, eps, side="right"))
        edges = list(zip(self.heights.tolist(), self.edges.tolist(), strict=True))
        for height, (row, col) in edges[:cut]:
            parts.join(height, row, col)
        for point in np.flatnonzero(self.core_distances <= eps).tolist():
            root = parts.root(point)
            if parts.size[root] >= smallest:
                parts.start(root, self.core_distances[point])
        if not until_eps:
            for height, (row, col) in edges[cut:]:
                parts.join(height, row, col)
        return parts.branches


class _Parts:
    """Parts of the points, joined one edge at a time, and their branches."""

    def __init__(self, weights: np.ndarray, least: float, eps: float) -> None:
        self.least, self.eps = least, eps
        self.parent = list(range(len(weights)))
        self.size = np.asarray(weights, dtype=np.float64).tolist()
        self.current: dict[int, _Branch] = {}
        self.branches: list[_Branch] = []

    def root(self, point: int) -> int:
        parent = self.parent
        while parent[point] != point:
            parent[point] = point = parent[parent[point]]
        return point

    def start(self, root: int, born: float) -> None:
        if root not in self.current:
            self.current[root] = _Branch(born, root, self.size[root])
            self.branches.append(self.current[root])

    def _is_short(self, branch: _Branch, height: float) -> bool:
        """Return whether a leaf would have hardly any length; none at eps has."""
        at_eps = branch.born <= self.eps < height
        return not (branch.children or at_eps or height > _LEAST_LENGTH * branch.born)

    def join(self, height: float, row: int, col: int) -> None:
        """Join the parts of two rows at a height."""
        a, b = self.root(row), self.root(col)
        if self.size[a] < self.size[b]:
            a, b = b, a
        self.parent[b] = a
        self.size[a] += self.size[b]
        found = [self.current.pop(part, None) for part in (a, b)]
        grown = [branch for branch in found if branch is not None]
        for branch in grown[::-1]:
            if len(grown) == 2 and self._is_short(branch, height):
                self.branches.remove(branch)
                grown.remove(branch)
        if len(grown) == 2:
            for branch in grown:
                branch.merged = height
            self.branches.append(_Branch(height, grown[0].point, children=grown))
            self.current[a] = self.branches[-1]
        elif grown:
            self.current[a] = grown[0]
        elif self.size[a] >= self.least:
            self.start(a, height)
        if a in self.current:
            self.current[a].size = self.size[a]


def _lay_out(branches: list[_Branch]) -> None:
    """Give each leaf a place from the left, and each other branch its children's mean.

    Later branches are made of earlier ones.
    """
    is_child = {id(child) for branch in branches for child in branch.children}
    stack = [branch for branch in branches if id(branch) not in is_child]
    place = 0
    while stack:
        branch = stack.pop()
        if not branch.children:
            branch.place = place
            place += 1
        stack.extend(branch.children[::-1])
    for branch in branches:
        if branch.children:
            branch.place = float(np.mean([child.place for child in branch.children]))


def _draw_branches(branches: list[_Branch], eps: float | None, ax: "Axes") -> int:
    """Draw them; return the number of clusters at eps."""
    colour: dict[int, str] = {}
    n_clusters = 0
    largest = max((branch.size for branch in branches), default=1.0)
    tops = [b.born if np.isinf(b.merged) else b.merged for b in branches]
    ceiling = 1.05 * max([*tops, eps or 0.0], default=0.0) or 1.0
    for branch in reversed(branches):
        top = min(branch.merged, ceiling)
        if eps is not None and branch.born <= eps and id(branch) not in colour:
            colour[id(branch)] = COLOURS[n_clusters % len(COLOURS)]
            n_clusters += 1
        shade = colour.get(id(branch), "#888888")
        for child in branch.children:
            if id(branch) in colour:
                colour[id(child)] = shade
        width = 1.2 + 3.5 * np.sqrt(branch.size / largest)
        style: dict[str, Any] = {"color": shade, "solid_capstyle": "butt"}
        below = top if eps is None or id(branch) not in colour else min(top, eps)
        x = branch.place
        ax.plot([x, x], [branch.born, below], linewidth=width, **style)
        if below < top:
            ax.plot([x, x], [below, top], linewidth=width, color="#888888")
        if branch.children:
            ends = [child.place for child in branch.children]
            ax.plot(ends, [branch.born] * 2, linewidth=1.0, **style)
    ax.set_ylim(0, ceiling)
    return n_clusters


def _counted(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


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
        shortened(name_of(names, cluster), 28) if largest[cluster] is leaf else "·"
        for cluster, leaf in zip(clusters, leaves, strict=True)
    ]
