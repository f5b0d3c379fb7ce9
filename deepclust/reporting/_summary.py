"""Summarize a clustering as one plain dict: all that the report shows."""

import json
import platform
from collections import Counter
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import narwhals as nw
import numpy as np
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.utils import check_array

from deepclust import __version__
from deepclust._text_input import truncate
from deepclust.inspection import ClusterTable, cluster_table
from deepclust.metrics import (
    clustering_accuracy_score,
    coverage_score,
    noise_aware_silhouette_score,
)
from deepclust.plotting._map import PROJECTIONS, distant_colors, even_sample
from deepclust.plotting._topics_over_time import date_periods
from deepclust.reporting._inputs import ReportInputs, read_inputs
from deepclust.reporting._layers import point_columns, summarize_layers
from deepclust.reporting._layout import map_points, on_grid
from deepclust.sequences import NOISE, content_words

__all__ = ["summarize"]

_MAX_CHARACTERS = 500  # of an example or a parameter
_MAX_CLASSES = 3  # of a cluster
_MAX_WORDS = 25  # of the corpus
_PACKAGES = ("numpy", "scipy", "scikit-learn", "keras", "tensorflow", "umap-learn")
_LSA_REMARK = "No embeddings were given: the map shows word counts (LSA)."
_FITTED = ("n_pseudo_classes_", "n_parameters_", "eps_", "min_samples_", "edits_")
# attribute of a step, title of the chart, column x, columns y, attribute selected
_CURVES = (
    ("history_", "Training", "epoch", ("loss", "val_loss"), None),
    (
        *("selection_results_", "Number of pseudo-classes", "n_components"),
        *(("score", "kappa"), "n_pseudo_classes_"),
    ),
    ("eps_path_", "Eps selection", "eps", ("silhouette", "coverage"), "eps_"),
)


def summarize(
    pipeline: Any,
    texts: Any,
    *,
    labels: Any = None,
    y: Any = None,
    dates: Any = None,
    names: Any = None,
    cleaned: Any = None,
    embeddings: Any = None,
    layers: Any = None,
    columns: Any = None,
    table: ClusterTable | None = None,
    title: str | None = None,
    projection: str = "tsne",
    points: Any = None,
    max_points: int = 100_000,
    random_state: int = 0,
) -> dict[str, Any]:
    """Return clusters, scores, map and parameters as a dict that JSON can hold.

    Parameters
    ----------
    pipeline : fitted Pipeline, fitted search over one, or None
        Computes labels, embeddings and cleaned texts where they are not given. Its
        parameters and training curve are included. None for the labels of another
        clusterer.

    texts : iterable of str, length n_docs

    labels : array-like of shape (n_docs,), default=None
        Cluster of each text, −1 for noise; predicted when None.

    y : array-like of shape (n_docs,), default=None
        True classes, for scores and for the classes of each cluster; −1, None, NaN or
        "" where a text has none.

    dates : array-like of shape (n_docs,), default=None
        For the course of each cluster over time; see `plot_topics_over_time`.

    names : mapping of label to str, or sequence of str, default=None
        Names of clusters. Names given by `rename` are included already.

    cleaned : iterable of str, length n_docs, default=None
        The texts after cleaning, for keywords.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        Rows that the map shows. Without pipeline and embeddings, LSA of the words.

    layers : array-like of shape (n_docs, n_layers), int, default=None
        Nested labels, the broadest first, one of them `labels`. When None, those of the
        pipeline where it has some, else `labels` alone.

    columns : mapping of str to array-like of shape (n_docs,), default=None
        What the points can be colored by, such as columns of a data frame. Of more than
        50 values the rarest are one; many numbers become seven ranges.

    table : ClusterTable, default=None
        What `cluster_table` returned for the same texts and labels, where it is there
        already: its names, keywords and texts are shown. Made when None.

    title : str, default=None
        Heading of the page.

    projection : {"tsne", "umap", "pca"}, default="tsne"
        First projection of the map; "pca" is always included. "umap" needs the extra
        `maps`.

    points : array-like of shape (n_docs, 2), default=None
        Coordinates by `projection`; computed when None.

    max_points : int, default=100_000
        With more texts, the map and the search hold the same share of each cluster;
        table and scores use all texts.

    random_state : int, default=0
        Seed of the projection.

    Returns
    -------
    summary : dict
        Holds dicts, lists, str, int, finite float, bool and None only. The keys are
        described by `deepclust/reporting/summary.schema.json`; `summary["format"]` is
        the number of the format, now 1. Lone surrogates in texts become "?".

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If there are no texts or no labels, lengths differ, or `projection` is unknown.
    TypeError
        If `pipeline` is not a Pipeline, or `table` no ClusterTable.
    MissingExtraError
        If `projection` is "umap" and umap-learn is not installed.

    See Also
    --------
    write_report : Write the summary as HTML or JSON.

    Notes
    -----
    Takes about ten seconds for 50,000 short texts, in addition to `transform`: t-SNE
    runs on 3,000 texts, and the others are placed between those.

    Examples
    --------
    >>> from deepclust.reporting import summarize
    >>> texts = ["red apple", "green apple", "fast car", "old car", "odd"]
    >>> summary = summarize(None, texts, labels=[0, 0, 1, 1, -1])
    >>> [(c["id"], c["size"], c["keywords"][0]) for c in summary["clusters"]]
    [(0, 2, 'apple'), (1, 2, 'car')]
    >>> summary["noise"]["representatives"], summary["scores"][0]["value"]
    (['odd'], 0.8)
    """
    if projection not in PROJECTIONS:
        raise ValueError(
            f"projection must be one of {PROJECTIONS}. Received: {projection!r}."
        )
    given = pipeline, texts, labels, y, dates, names, cleaned, embeddings, layers
    inputs = read_inputs(*given, columns)
    clusters, periods = _clusters(inputs, _table(inputs, table))
    map_ = _map(inputs, projection, points, max_points, random_state)
    _add_colors(clusters, map_)
    noise = clusters.pop() if clusters[-1]["id"] == NOISE else None
    summary = {
        "format": 1,  # raised by every change that breaks code that reads it
        "title": title or f"{len(inputs.texts):,} texts in clusters",
        "corpus": _counts(inputs, clusters, noise, map_),
        "clusters": clusters,
        "noise": noise,
        "layers": summarize_layers(inputs, clusters, map_),
        "layer": inputs.layer,
        "classes": inputs.classes,
        "periods": periods,
        "scores": _scores(inputs),
        "words": _words(inputs),
        "curves": _curves(inputs.steps),
        "parameters": _parameters(inputs.steps),
        "versions": _versions(),
        "remarks": [] if inputs.is_embedded else [_LSA_REMARK],
        "map": map_,
    }
    # Through JSON and back: no NaN, numpy numbers or tuples, and valid UTF-8.
    text = json.dumps(summary, ensure_ascii=False, allow_nan=False)
    return json.loads(text.encode("utf-8", "replace"))


def _counts(
    inputs: ReportInputs, clusters: list[Any], noise: Any, map_: dict[str, Any]
) -> dict[str, int]:
    return {
        "n_texts": len(inputs.texts),
        "n_clusters": len(clusters),
        "n_noise": noise["size"] if noise else 0,
        "n_shown": len(map_["rows"]),
    }


def _table(inputs: ReportInputs, table: ClusterTable | None) -> ClusterTable:
    """Return the table, made if there is none; raise if it is of other clusters."""
    if table is None:
        return cluster_table(
            inputs.texts,
            inputs.labels,
            names=inputs.names,
            cleaned=inputs.cleaned,
            embeddings=inputs.embeddings if inputs.is_embedded else None,
            output="pandas",
        )
    if not isinstance(table, ClusterTable):
        raise TypeError(
            "table must be a ClusterTable, as of cluster_table. Received: "
            f"{type(table).__name__}."
        )
    found, sizes = np.unique(inputs.labels, return_counts=True)
    given = dict(zip(table["cluster"], table["size"], strict=True))
    if given != dict(zip(found.tolist(), sizes.tolist(), strict=True)):
        raise ValueError(
            "table must be that of the same labels: "
            f"{len(given)} clusters with {sum(given.values())} texts there, and "
            f"{len(found)} with {len(inputs.labels)} here, noise included."
        )
    return table


def _clusters(
    inputs: ReportInputs, table: ClusterTable
) -> tuple[list[dict[str, Any]], list[str] | None]:
    """Return one dict a cluster, noise last, and the names of the periods."""
    periods, courses = _courses(inputs.labels, inputs.dates)
    clusters = []
    for row in nw.from_native(table.frame, eager_only=True).rows(named=True):
        label = row["cluster"]
        near = zip(table.borderline[label], table.margins[label], strict=True)
        cluster = {
            "id": label,
            **{key: row[key] for key in ("name", "size", "share", "cohesion")},
            "keywords": table.keywords[label],
            "representatives": [
                truncate(text, _MAX_CHARACTERS) for text in table.representatives[label]
            ],
            "borderline": [
                {"text": truncate(text, _MAX_CHARACTERS), "margin": margin}
                for text, margin in near
            ],
            "classes": _classes_of(inputs.labels == label, inputs),
            "course": courses.get(label),
            "color": None,
        }
        clusters.append(cluster)
    return clusters, periods


def _classes_of(rows: np.ndarray, inputs: ReportInputs) -> list[dict[str, Any]] | None:
    """Return the most frequent classes of a cluster, as shares of its known texts."""
    names, codes = inputs.classes, inputs.class_codes
    if names is None or codes is None:
        return None
    counts = np.bincount(codes[rows] + 1, minlength=len(names) + 1)[1:]
    top = np.argsort(-counts, kind="stable")[:_MAX_CLASSES]
    total = counts.sum()
    return [{"name": names[c], "share": counts[c] / total} for c in top if counts[c]]


def _courses(labels: np.ndarray, dates: Any) -> tuple[list[str] | None, dict]:
    """Return the names of the periods, and the share of each cluster in each."""
    if dates is None:
        return None, {}
    period, names, dated = date_periods(dates, None)
    totals = np.maximum(np.bincount(period, minlength=len(names)), 1)
    courses = {}
    for label in np.unique(labels).tolist():
        counts = np.bincount(period[labels[dated] == label], minlength=len(names))
        courses[label] = (counts / totals).round(5).tolist()
    return names, courses


def _scores(inputs: ReportInputs) -> list[dict[str, Any]]:
    labels = np.unique(inputs.labels, return_inverse=True)[1]
    labels = np.where(inputs.labels == NOISE, NOISE, labels)
    scores = [("Coverage", coverage_score(labels), "share of the texts in a cluster")]
    if inputs.is_embedded:
        value = noise_aware_silhouette_score(inputs.embeddings, labels)
        meaning = "separation of the clusters, −1 to 1; needs no classes"
        scores.append(("Noise-aware silhouette", value, meaning))
    codes = inputs.class_codes
    if codes is not None:
        found, true = labels[codes >= 0], codes[codes >= 0]
        against = f"with the {codes.max() + 1} given classes, noise as one cluster"
        ami = adjusted_mutual_info_score(true, found)
        ari = adjusted_rand_score(true, found)
        accuracy = clustering_accuracy_score(true, found)
        scores += [
            ("AMI", ami, f"adjusted mutual information {against}"),
            ("ARI", ari, f"adjusted Rand index {against}"),
            ("Accuracy", accuracy, "clusters matched one to one; noise is wrong"),
        ]
    keys = ("name", "value", "meaning")
    return [dict(zip(keys, score, strict=True)) for score in scores]


def _words(inputs: ReportInputs) -> list[dict[str, Any]]:
    """Return the most frequent words, before and after cleaning: no marked ones."""
    cleaned = None if inputs.cleaned is None else map(content_words, inputs.cleaned)
    lists = {"Words of the texts": inputs.texts, "Words after cleaning": cleaned}
    words = []
    for title, texts in lists.items():
        if texts is not None:
            counts = Counter(token for text in texts for token in text.split())
            top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            words.append({"title": title, "counts": top[:_MAX_WORDS]})
    return words


def _curves(steps: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the line charts of what the fitted steps recorded."""
    curves = []
    for step in steps.values():
        for attribute, title, x, columns, selected in _CURVES:
            table = getattr(step, attribute, None)
            series = [] if table is None else _series(table, x, columns)
            if series:
                value = getattr(step, selected) if selected else None
                head = {"title": title, "x": x, "selected": value}
                curves.append({**head, "series": series})
    return curves


def _series(table: Any, x: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the finite points of some columns by rising `x`."""
    series = []
    for column in [column for column in columns if column in table]:
        points = np.column_stack((table[x], table[column])).astype(np.float64)
        points = points[np.isfinite(points).all(axis=1)]
        if len(points):
            series.append({"name": column, "points": sorted(points.tolist())})
    return series


def _parameters(steps: dict[str, Any]) -> list[dict[str, str]]:
    """Return the parameters of each step, and what fit selected, as "eps_"."""
    rows = []
    for step_name, step in steps.items():
        values = dict(sorted(step.get_params(deep=False).items()))
        values |= {name: getattr(step, name) for name in _FITTED if hasattr(step, name)}
        for name, value in values.items():
            text = truncate(repr(value), _MAX_CHARACTERS)
            rows.append({"step": step_name, "name": name, "value": text})
    return rows


def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version(), "deepclust": __version__}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {**versions, "system": platform.platform()}


def _map(
    inputs: ReportInputs,
    projection: str,
    points: Any,
    max_points: int,
    random_state: int,
) -> dict[str, Any]:
    """Return texts, labels, classes and coordinates of the rows that are shown."""
    shown = even_sample(inputs.labels, max_points)
    placed = {}
    if points is not None:
        points = check_array(points, dtype=np.float64)
        n_docs = len(inputs.texts)
        if points.shape != (n_docs, 2):
            raise ValueError(
                f"points need two columns and {n_docs} rows. Received: {points.shape}."
            )
        placed[projection] = points[shown]
    X = inputs.embeddings[shown]
    for method in (projection, "pca"):
        if method not in placed:
            placed[method] = map_points(X, method, random_state)
    grids = {method: on_grid(points).T.tolist() for method, points in placed.items()}
    codes = inputs.class_codes
    return {
        "rows": shown.tolist(),
        "texts": [inputs.texts[row] for row in shown],
        "labels": inputs.labels[shown].tolist(),
        "classes": None if codes is None else codes[shown].tolist(),
        "layers": [labels[shown].tolist() for labels in inputs.layers],
        "columns": point_columns(inputs, shown),
        "projections": [{"method": m, "x": x, "y": y} for m, (x, y) in grids.items()],
    }


def _add_colors(clusters: list[dict[str, Any]], map_: dict[str, Any]) -> None:
    """Give each cluster a color that none nearby has; noise has none."""
    first = map_["projections"][0]
    points, labels = np.column_stack((first["x"], first["y"])), np.array(map_["labels"])
    colored = [cluster for cluster in clusters if cluster["id"] != NOISE]
    centers = [np.median(points[labels == c["id"]], axis=0) for c in colored]
    sizes = [cluster["size"] for cluster in colored]
    colors = distant_colors(np.array(centers).reshape(-1, 2), sizes)
    for cluster, color in zip(colored, colors, strict=True):
        cluster["color"] = color
