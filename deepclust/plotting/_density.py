"""What the radius of a density clustering does: clusters, coverage and noise."""

from typing import TYPE_CHECKING, Any

import numpy as np

from deepclust.plotting._canvas import COLOURS, NOISE_COLOUR, new_axes, read_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_eps_path", "plot_noise"]


def plot_eps_path(
    path: Any, *, eps: float | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw number of clusters, coverage and silhouette against the radius.

    Parameters
    ----------
    path : DBSCAN, DataFrame or mapping
        A clusterer fitted with `eps="auto"`, or its `eps_path_`: columns "eps",
        "n_clusters", "coverage" and "silhouette".

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
    ...         "coverage": [0.2, 0.7, 1.0], "silhouette": [0.1, 0.6, 0.0]}
    >>> [line.get_label() for line in plot_eps_path(path, eps=0.2).lines][:2]
    ['coverage', 'silhouette']
    """
    columns, eps = _path(path, eps, ("eps", "n_clusters", "coverage", "silhouette"))
    ax = new_axes(ax, (7.0, 4.0))
    radii = columns["eps"]
    ax.plot(radii, columns["coverage"], color=COLOURS[2], label="coverage")
    style: dict[str, Any] = {"color": COLOURS[0], "linestyle": "--"}
    ax.plot(radii, columns["silhouette"], label="silhouette", **style)
    ax.set(xlabel="eps", ylabel="coverage, silhouette", title="What other radii give")
    ax.set_ylim(min(0.0, float(columns["silhouette"].min(initial=0))) - 0.02, 1.02)
    right = ax.twinx()
    style = {"color": COLOURS[1], "linestyle": ":", "where": "post", "linewidth": 1.8}
    right.step(radii, columns["n_clusters"], label="clusters", **style)
    right.set_ylabel("clusters", color=COLOURS[1])
    right.tick_params(axis="y", colors=COLOURS[1])
    right.set_ylim(0, None)
    _mark(eps, ax)
    lines = [*ax.lines[:2], *right.lines]
    below = (0.5, -0.14)
    ax.legend(
        handles=lines, frameon=False, ncols=3, loc="upper center", bbox_to_anchor=below
    )
    ax.set_xlim(0, _where_all_is_one(columns))
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


def _where_all_is_one(columns: dict[str, np.ndarray]) -> float:
    """Return a little more than the radius at which no second cluster is left."""
    several = np.flatnonzero(columns["n_clusters"] > 1)
    last = several.max(initial=-1) + 1
    radii = columns["eps"]
    return 1.15 * float(radii[min(last, len(radii) - 1)]) if len(radii) else 1.0


def _mark(eps: float | None, ax: "Axes") -> None:
    if eps is not None:
        ax.axvline(eps, color="black", linewidth=1, linestyle=":")
