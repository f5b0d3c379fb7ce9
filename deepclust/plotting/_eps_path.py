"""Clusters, coverage and silhouette against eps."""

from typing import Any

import numpy as np

from deepclust.clustering._fitted_labels import is_model, step_with
from deepclust.plotting._axes import COLORS, Axes, mark, new_axes, read_columns

__all__ = ["plot_eps_path", "read_eps_path"]


def plot_eps_path(
    path: Any, *, eps: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw number of clusters, coverage and silhouette against eps.

    Parameters
    ----------
    path : DBSCAN, pipeline that ends in one, DataFrame or mapping
        A clusterer fitted with `eps="auto"`, or its `eps_path_`: columns "eps",
        "n_clusters", "coverage" and "silhouette".

    eps : float, default=None
        The eps in use, marked; that of the clusterer when None.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes
        Of coverage and silhouette; the number of clusters has an axis on the right.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> from deepclust.plotting import plot_eps_path
    >>> path = {"eps": [0.1, 0.2, 0.4], "n_clusters": [3, 4, 1],
    ...         "coverage": [0.2, 0.7, 1.0], "silhouette": [0.1, 0.6, 0.0]}
    >>> [line.get_label() for line in plot_eps_path(path, eps=0.2).lines][:2]
    ['coverage', 'silhouette']
    """
    names = ("eps", "n_clusters", "coverage", "silhouette")
    columns, eps = read_eps_path(path, eps, names)
    radii, n_clusters, coverage, silhouette = columns.values()
    ax = new_axes(ax, (7.0, 4.0))
    lines = ax.plot(radii, coverage, color=COLORS[2], label="coverage")
    lines += ax.plot(radii, silhouette, "--", color=COLORS[0], label="silhouette")
    ax.set(xlabel="eps", ylabel="coverage, silhouette", title="Clusterings by eps")
    ax.set_ylim(min(0.0, float(silhouette.min(initial=0))) - 0.02, 1.02)
    right = ax.twinx()
    style: dict[str, Any] = {"color": COLORS[1], "linestyle": ":", "linewidth": 1.8}
    lines += right.step(radii, n_clusters, where="post", label="clusters", **style)
    right.set_ylabel("clusters", color=COLORS[1])
    right.tick_params(axis="y", colors=COLORS[1])
    right.set_ylim(0, None)
    right.spines["top"].set_visible(False)
    mark(eps, ax)
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}
    ax.legend(handles=lines, frameon=False, ncols=3, **place)
    if len(radii):  # up to where a second cluster is no more
        several = np.flatnonzero(n_clusters > 1).max(initial=-1)
        ax.set_xlim(0, 1.15 * float(radii[min(several + 1, len(radii) - 1)]))
    return ax


def read_eps_path(
    path: Any, eps: float | None, names: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], float | None]:
    """Return columns of a clusterer's path or of a table, by ascending eps, and eps."""
    path = step_with(path, "eps_path_")
    if is_model(path):
        if not hasattr(path, "eps_path_"):
            raise ValueError('there is no path: fit the clusterer with eps="auto".')
        eps = path.eps_ if eps is None else eps
        path = path.eps_path_
    columns = read_columns(path, names)
    order = np.argsort(columns["eps"], kind="stable")
    return {name: column[order] for name, column in columns.items()}, eps
