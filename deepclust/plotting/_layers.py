"""Icicle of nested clusters: one row a layer, the broadest on top."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_array

from deepclust._text_input import truncate
from deepclust.clustering._fitted_labels import with_names
from deepclust.plotting._axes import (
    COLORS,
    NOISE_COLOR,
    Axes,
    Names,
    cluster_name,
    new_axes,
)
from deepclust.sequences import NOISE

__all__ = ["plot_layers"]

_CHARACTER = 0.085  # inches, of a name


def plot_layers(
    layers: Any,
    *,
    names: Sequence[Names] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw nested clusters as boxes as wide as their texts, parts below the whole.

    Parameters
    ----------
    layers : array-like of shape (n_docs, n_layers), int
        Nested labels, the broadest first, such as `DBSCAN.layers_`; −1 is noise. Or a
        fitted pipeline or DBSCAN, for its layers and names.

    names : sequence of (mapping of label to str), default=None
        Names of the clusters of each layer, such as `layer_names`; their numbers when
        None. A name is cut, or left out, where its box is too narrow.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If `layers` are no whole numbers of shape (n_docs, n_layers), or there are not
        as many names.

    See Also
    --------
    deepclust.inspection.layer_names : Names of the clusters.

    Notes
    -----
    Icicle plot [1]_: the largest cluster of each parent first, noise last. Parts have
    the color of their broadest cluster. Time O(n_docs n_layers log n_docs).

    References
    ----------
    .. [1] J. B. Kruskal, J. M. Landwehr, "Icicle plots: better displays for
       hierarchical clustering", The American Statistician 37(2), 1983.
       :doi:`10.1080/00031305.1983.10482733`

    Examples
    --------
    >>> from deepclust.plotting import plot_layers
    >>> layers = [[0, 0], [0, 0], [0, 1], [1, 2], [-1, -1]]
    >>> ax = plot_layers(layers, names=[["food", "cars"], ["pears", "nuts", "cars"]])
    >>> [int(box.get_width()) for box in ax.patches]
    [3, 1, 1, 2, 1, 1, 1]
    """
    layers, names = with_names(layers, names, layers=True)
    layers = check_array(layers, dtype=np.intp, ensure_min_samples=0)
    n_docs, n_layers = layers.shape
    if names is not None and len(names) != n_layers:
        raise ValueError(f"names need one entry for each of {n_layers} layers.")
    ax = new_axes(ax, (11.0, 1.0 + 0.8 * n_layers))
    order = _nested_order(layers)
    n_characters = ax.bbox.width / ax.figure.dpi / _CHARACTER
    for place, labels in enumerate(layers[order].T):
        starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1])[:n_docs])
        widths = np.diff(np.append(starts, n_docs))
        for start, width in zip(starts.tolist(), widths.tolist(), strict=True):
            label, top = labels[start], layers[order[start], 0]
            color = NOISE_COLOR if label == NOISE else COLORS[top % len(COLORS)]
            box: dict[str, Any] = {"alpha": 0.75, "edgecolor": "white", "linewidth": 1}
            ax.barh(-place, width, left=start, height=0.94, facecolor=color, **box)
            name = cluster_name(names[place] if names else None, label.item())
            room = int(n_characters * width / max(n_docs, 1))
            if room >= min(len(name), 4):
                style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
                ax.text(start + width / 2, -place, truncate(name, room), **style)
    ax.set_yticks(
        [-place for place in range(n_layers)], [str(place) for place in range(n_layers)]
    )
    ax.set(xlabel="texts", ylabel="layer", xlim=(0, max(n_docs, 1)))
    return ax


def _nested_order(layers: np.ndarray) -> np.ndarray:
    """Return the rows in order of the layers: larger clusters first, noise last."""
    keys: list[np.ndarray] = []
    for labels in layers.T:
        _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
        keys += [labels == NOISE, -counts[inverse], inverse]
    order: np.ndarray = np.lexsort(keys[::-1])
    return order
