"""Share of noise against eps."""

from typing import Any

import numpy as np

from deepclust.plotting._axes import COLORS, NOISE_COLOR, Axes, mark, new_axes
from deepclust.plotting._eps_path import read_eps_path

__all__ = ["plot_noise"]


def plot_noise(path: Any, *, eps: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw the share of noise against eps.

    Parameters
    ----------
    path : DBSCAN, DataFrame or mapping
        As for `plot_eps_path`; columns "eps" and "coverage".

    eps : float, default=None
        The eps in use, marked; that of the clusterer when None.

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
    columns, eps = read_eps_path(path, eps, ("eps", "coverage"))
    radii, noise = columns["eps"], 1 - columns["coverage"]
    ax = new_axes(ax, (7.0, 4.0))
    ax.fill_between(radii, noise, color=NOISE_COLOR, linewidth=0)
    ax.plot(radii, noise, color=COLORS[0])
    ax.set(xlabel="eps", ylabel="share of noise", ylim=(0, 1), title="Noise by eps")
    if eps is not None and len(noise):
        share = float(np.interp(eps, radii, noise))
        ax.set_title(f"At eps {eps:.3g}, {share:.0%} of the texts are noise")
        ax.plot([eps], [share], color=COLORS[1], marker="o")
    mark(eps, ax)
    return ax
