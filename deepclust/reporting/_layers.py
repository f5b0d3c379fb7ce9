"""Layers of a report, and the columns that its points may be colored by."""

from typing import Any

import numpy as np

from deepclust.inspection import layer_names
from deepclust.plotting._map import distant_colors
from deepclust.plotting._topics_over_time import date_periods
from deepclust.reporting._inputs import ReportInputs
from deepclust.sequences import NOISE

__all__ = ["point_columns", "summarize_layers"]

_MAX_VALUES = 50  # of a column; the rarer ones are "other"
_BINS = 7  # of a column of numbers
_OTHER = "other"


def summarize_layers(
    inputs: ReportInputs, clusters: list[dict[str, Any]], map_: dict[str, Any]
) -> list[list[dict[str, Any]]]:
    """Return the clusters of every layer, the broadest layer first.

    Parameters
    ----------
    inputs : ReportInputs

    clusters : list of dict
        The summarized clusters of the labels, with names and colors.

    map_ : dict
        The summarized map.

    Returns
    -------
    layers : list of list of dict
        One dict a cluster, by ascending label: id, name, size, parent, color.
    """
    own = {c["id"]: c for c in clusters if c["id"] != NOISE}
    names = _names_of_layers(inputs, {label: c["name"] for label, c in own.items()})
    points = np.column_stack([map_["projections"][0][axis] for axis in ("x", "y")])
    layers: list[list[dict[str, Any]]] = []
    above: np.ndarray | None = None
    for place, labels in enumerate(inputs.layers):
        kept = labels != NOISE
        found, first, sizes = np.unique(
            labels[kept], return_index=True, return_counts=True
        )
        rows = np.flatnonzero(kept)[first]
        parents = [None] * len(rows) if above is None else above[rows].tolist()
        shown = labels[map_["rows"]]
        centers = [np.median(points[shown == label], axis=0) for label in found]
        colors = distant_colors(np.reshape(centers, (-1, 2)), sizes.tolist())
        nodes = zip(found.tolist(), sizes.tolist(), parents, colors, strict=True)
        layers.append(
            [
                {
                    "id": label,
                    "name": names[place].get(label, f"cluster {label}"),
                    "size": size,
                    "parent": None if parent == NOISE else parent,
                    "color": own[label]["color"] if place == inputs.layer else color,
                }
                for label, size, parent, color in nodes
            ]
        )
        above = labels
    return layers


def _names_of_layers(inputs: ReportInputs, own: dict[Any, str]) -> list[dict[Any, str]]:
    """Return the names of every layer; a topic has one name at all its layers."""
    if len(inputs.layers) == 1:
        return [own]
    names = inputs.layer_names
    if not _are_all_named(inputs.layers, names):
        texts = inputs.texts if inputs.cleaned is None else inputs.cleaned
        originals = None if inputs.cleaned is None else inputs.texts
        made = layer_names(texts, np.column_stack(inputs.layers), originals=originals)
        given = names or [{} for _ in made]
        names = [one | other for one, other in zip(made, given, strict=True)]
    shared = {name: own[c] for c, name in names[inputs.layer].items() if c in own}
    names = [{c: shared.get(n, n) for c, n in found.items()} for found in names]
    names[inputs.layer] = own
    return names


def _are_all_named(layers: list[np.ndarray], names: list[dict[Any, str]]) -> bool:
    return len(layers) == len(names) and all(
        {*np.unique(labels).tolist()} - {NOISE} <= {*given}
        for labels, given in zip(layers, names, strict=True)
    )


def point_columns(inputs: ReportInputs, shown: np.ndarray) -> list[dict[str, Any]]:
    """Return what the points can be colored by, beside clusters and layers.

    Parameters
    ----------
    inputs : ReportInputs

    shown : ndarray of shape (n_shown,), intp
        Rows on the map.

    Returns
    -------
    columns : list of dict
        name; ordered, whether the values have an order; values, their names; codes,
        the place of each point's value in them, -1 without one.
    """
    columns = []
    if inputs.dates is not None:
        period, names, dated = date_periods(inputs.dates, None)
        codes = np.full(len(inputs.texts), -1)
        codes[dated] = period
        columns.append(_column("date", names, codes[shown], ordered=True))
    for name, values in inputs.columns.items():
        columns.append(_user_column(str(name), values, shown))
    return columns


def _user_column(name: str, values: Any, shown: np.ndarray) -> dict[str, Any]:
    import pandas as pd

    series = pd.Series(list(values)).iloc[shown]
    if pd.api.types.is_numeric_dtype(series) and series.nunique() > _BINS:
        bins = pd.qcut(series, _BINS, duplicates="drop")
        names = [f"{b.left:.4g} to {b.right:.4g}" for b in bins.cat.categories]
        return _column(name, names, bins.cat.codes.to_numpy(), ordered=True)
    ordered = pd.api.types.is_numeric_dtype(series)
    counts = series.value_counts()
    counts = counts[sorted(counts.index, key=lambda v: (-counts[v], str(v)))]
    kept = counts.index[:_MAX_VALUES].tolist()
    kept = sorted(kept) if ordered else kept
    place = {value: k for k, value in enumerate(kept)}
    names = [str(value) for value in kept]
    if len(counts) > _MAX_VALUES:
        names.append(_OTHER)
    missing = series.isna().to_numpy()
    codes = [place.get(value, len(kept)) for value in series]
    return _column(name, names, np.where(missing, -1, codes), ordered=ordered)


def _column(
    name: str, values: list[str], codes: np.ndarray, *, ordered: bool
) -> dict[str, Any]:
    return {"name": name, "ordered": ordered, "values": values, "codes": codes.tolist()}
