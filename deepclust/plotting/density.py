"""What the radius of a density clustering does: path over eps, noise, dendrogram."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deepclust.plotting.canvas import (
    COLOURS,
    NOISE_COLOUR,
    Names,
    name_of,
    new_axes,
    read_columns,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_dendrogram", "plot_eps_path", "plot_noise"]


def plot_eps_path(
    path: Any, *, eps: float | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw number of clusters, coverage and validity against the radius.

    Parameters
    ----------
    path : DBSCAN, DataFrame or mapping
        A clusterer fitted with `eps="auto"`, or its `eps_path_`: columns "eps",
        "n_clusters", "coverage" and "validity".

    eps : float, default=None
        The radius in use, marked; that of the clusterer when None.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes
        With the shares; numbers of clusters have an axis of their own, on the right.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> from deepclust.plotting import plot_eps_path
    >>> path = {"eps": [0.1, 0.2, 0.4], "n_clusters": [3, 4, 1],
    ...         "coverage": [0.2, 0.7, 1.0], "validity": [0.1, 0.6, 0.0]}
    >>> [line.get_label() for line in plot_eps_path(path, eps=0.2).lines][:2]
    ['coverage', 'validity']
    """
    columns, eps = _path(path, eps, ("eps", "n_clusters", "coverage", "validity"))
    ax = new_axes(ax, (7.0, 4.0))
    radii = columns["eps"]
    ax.plot(radii, columns["coverage"], color=COLOURS[2], label="coverage")
    style: dict[str, Any] = {"color": COLOURS[0], "linestyle": "--"}
    ax.plot(radii, columns["validity"], label="validity", **style)
    ax.set(xlabel="eps", ylabel="coverage, validity", title="What other radii give")
    ax.set_ylim(min(0.0, float(columns["validity"].min(initial=0))) - 0.02, 1.02)
    right = ax.twinx()
    style = {"color": COLOURS[1], "linestyle": ":", "where": "post", "linewidth": 1.8}
    right.step(radii, columns["n_clusters"], label="clusters", **style)
    right.set_ylabel("clusters", color=COLOURS[1])
    right.tick_params(axis="y", colors=COLOURS[1])
    right.set_ylim(0, None)
    _mark(eps, ax)
    lines = [*ax.lines[:2], *right.lines]
    ax.legend(handles=lines, frameon=False, ncols=3, loc="upper center")
    ax.spines["top"].set_visible(False)
    right.spines["top"].set_visible(False)
    return ax


def plot_noise(
    path: Any, *, eps: float | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the share of noise against the radius.

    Parameters
    ----------
    path : DBSCAN, DataFrame or mapping
        As for `plot_eps_path`; columns "eps" and "coverage".

    eps : float, default=None
        The radius in use, marked; that of the clusterer when None.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> from deepclust.plotting import plot_noise
    >>> path = {"eps": [0.1, 0.2, 0.4], "coverage": [0.2, 0.7, 1.0]}
    >>> plot_noise(path, eps=0.2).get_title()
    'At eps 0.2, 30% of the texts are noise'
    """
    columns, eps = _path(path, eps, ("eps", "coverage"))
    ax = new_axes(ax, (7.0, 4.0))
    noise = 1 - columns["coverage"]
    ax.fill_between(columns["eps"], noise, color=NOISE_COLOUR, linewidth=0)
    ax.plot(columns["eps"], noise, color=COLOURS[0])
    ax.set(xlabel="eps", ylabel="share of noise", ylim=(0, 1), title="Noise by radius")
    if eps is not None and len(noise):
        share = float(np.interp(eps, columns["eps"], noise))
        ax.set_title(f"At eps {eps:.3g}, {share:.0%} of the texts are noise")
        ax.plot([eps], [share], color=COLOURS[1], marker="o")
    _mark(eps, ax)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


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
        A clusterer fitted with `eps="auto"`, or a tree of `deepclust.hierarchy`.

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
    smaller groups that join it on the way are not drawn. Thickness is the number of
    points. Time O(n log n).

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.hierarchy import ReachabilityTree
    >>> from deepclust.plotting import plot_dendrogram
    >>> X = np.concatenate((np.arange(9), np.arange(20, 29)))[:, None] / 10
    >>> ax = plot_dendrogram(ReachabilityTree.build(X, min_samples=3), eps=0.5)
    >>> ax.get_title()
    '2 dense regions, 2 clusters at eps 0.5'
    """
    if labels is None and hasattr(tree, "reachability_rows_"):
        labels = tree.labels_[tree.reachability_rows_]
    heights, edges, weights, eps = _tree(tree, eps)
    if labels is not None and len(labels) != len(weights):
        raise ValueError(
            "plot_dendrogram needs one label a point of the tree. Received: "
            f"{len(labels)} labels and {len(weights)} points."
        )
    branches = _condensed(heights, edges, weights, max_leaves)
    _lay_out(branches)
    leaves = sorted((b for b in branches if not b.children), key=lambda b: b.place)
    ax = new_axes(ax, (max(6.0, 1.5 + 0.16 * len(leaves)), 5.0))
    n_clusters = _draw_branches(branches, eps, ax)
    written = [_leaf_name(leaf, labels, names) for leaf in leaves]
    small = 8 if len(leaves) <= 40 else 6
    ax.set_xticks(range(len(leaves)), written, rotation=90, fontsize=small)
    ax.set_xlim(-1, max(len(leaves), 1))
    ax.set_ylabel("eps")
    title = f"{len(leaves)} dense regions"
    if eps is not None:
        title += f", {n_clusters} clusters at eps {eps:.3g}"
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
    points: list[int] = field(default_factory=list)


def _path(
    path: Any, eps: float | None, names: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], float | None]:
    if hasattr(path, "labels_"):
        if not hasattr(path, "eps_path_"):
            raise ValueError('there is no path: fit the clusterer with eps="auto".')
        eps = path.eps_ if eps is None else eps
        path = path.eps_path_
    columns = read_columns(path, names)
    order = np.argsort(columns["eps"], kind="stable")
    return {name: column[order] for name, column in columns.items()}, eps


def _mark(eps: float | None, ax: "Axes") -> None:
    if eps is not None:
        ax.axvline(eps, color="black", linewidth=1, linestyle=":")


def _tree(
    tree: Any, eps: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float | None]:
    """Return the heights in units of the metric, the edges and the points' weights."""
    is_cosine = False
    if hasattr(tree, "labels_"):
        if getattr(tree, "reachability_", None) is None:
            raise ValueError('there is no tree: fit the clusterer with eps="auto".')
        is_cosine = tree.metric == "cosine"
        eps = tree.eps_ if eps is None else eps
        tree = tree.reachability_
    heights = np.asarray(tree.heights, dtype=np.float64)
    return heights**2 / 2 if is_cosine else heights, tree.edges, tree.weights, eps


def _condensed(
    heights: np.ndarray, edges: np.ndarray, weights: np.ndarray, max_leaves: int
) -> list[_Branch]:
    """Return the branches of the tree, with the least size that leaves few enough."""
    least = max(5.0, float(np.sum(weights)) / 1000)
    while True:
        branches = _branches(heights, edges, weights, least)
        if sum(not branch.children for branch in branches) <= max_leaves:
            return branches
        least *= 1.25


def _branches(
    heights: np.ndarray, edges: np.ndarray, weights: np.ndarray, least: float
) -> list[_Branch]:
    """Join points by ascending height; a part of `least` weight starts a branch."""
    parent = list(range(len(weights)))
    size = np.asarray(weights, dtype=np.float64).tolist()
    current: dict[int, _Branch] = {}
    branches: list[_Branch] = []

    def root(point: int) -> int:
        while parent[point] != point:
            parent[point] = point = parent[parent[point]]
        return point

    for height, (row, col) in zip(heights.tolist(), edges.tolist(), strict=True):
        a, b = root(row), root(col)
        if size[a] < size[b]:
            a, b = b, a
        one, other = current.get(a), current.pop(b, None)
        parent[b] = a
        size[a] += size[b]
        if one is not None and other is not None:
            one.merged = other.merged = height
            current[a] = _Branch(height, one.point, size[a], children=[one, other])
            branches.append(current[a])
        elif one is None and size[a] >= least:
            current[a] = _Branch(height, a)
            branches.append(current[a])
        if a in current:
            current[a].size = size[a]
    return branches


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
    ceiling = 1.05 * max([*tops, eps or 0.0], default=1.0)
    for branch in reversed(branches):
        top = min(branch.merged, ceiling)
        if eps is not None and branch.born <= eps and id(branch) not in colour:
            colour[id(branch)] = COLOURS[n_clusters % len(COLOURS)]
            n_clusters += 1
        shade = colour.get(id(branch), "#888888")
        for child in branch.children:
            if id(branch) in colour:
                colour[id(child)] = shade
        width = 0.8 + 3.2 * np.sqrt(branch.size / largest)
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


def _leaf_name(leaf: _Branch, labels: Any, names: Names) -> str:
    if labels is None:
        return f"{leaf.size:,.0f}"
    return shortened(name_of(names, np.asarray(labels)[leaf.point].item()), 28)
