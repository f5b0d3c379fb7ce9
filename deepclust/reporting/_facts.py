"""What a report says: clusters, scores, words, curves, parameters, versions."""

import platform
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

import deepclust
from deepclust.inspection import cluster_table
from deepclust.metrics import (
    clustering_accuracy_score,
    coverage_score,
    noise_aware_silhouette_score,
)
from deepclust.plotting._topics_over_time import date_periods
from deepclust.reporting._reading import Material

__all__ = [
    "class_codes",
    "cluster_facts",
    "curves",
    "parameters",
    "scores",
    "versions",
    "word_counts",
]

NOISE = -1
_MOST_CHARACTERS = 500
_MOST_CLASSES = 3
_PACKAGES = (
    *("deepclust", "numpy", "scipy", "scikit-learn", "keras", "tensorflow"),
    *("spacy", "pandas", "umap-learn"),
)


def cluster_facts(
    material: Material, classes: tuple[list[Any], np.ndarray] | None, dates: Any
) -> tuple[list[dict[str, Any]], list[str] | None]:
    """Return what the table says of each cluster, noise last, and the periods.

    Parameters
    ----------
    material : Material

    classes : (names, codes) or None
        From `class_codes`.

    dates : array-like of shape (n_docs,) or None

    Returns
    -------
    clusters : list of dict
    periods : list of str or None
    """
    table = cluster_table(
        material.texts,
        material.labels,
        cleaned=material.cleaned,
        embeddings=material.embeddings if material.embedded else None,
        names=material.names,
        output="pandas",
    )
    periods, courses = _courses(material.labels, dates)
    facts = []
    for row in table.frame.to_dict("records"):
        cluster = row["cluster"]
        fact = {
            "id": cluster,
            "name": row["name"],
            "size": row["size"],
            "share": row["share"],
            "cohesion": float(row["cohesion"]),
            "keywords": table.keywords[cluster],
            "representatives": _cut(table.representatives[cluster]),
            "borderline": _cut(table.borderline[cluster]),
        }
        if classes is not None:
            fact.update(_classes_of(material.labels == cluster, *classes))
        if periods is not None:
            fact.update(courses[cluster])
        facts.append(fact)
    return facts, periods


def class_codes(y: Any, n_docs: int) -> tuple[list[Any], np.ndarray] | None:
    """Return the classes as text and the class of each text, if there are classes.

    A label that is -1, None, NaN or "" is no class: its code is the last one, whose
    name is None.
    """
    if y is None:
        return None
    values = list(y)
    if len(values) != n_docs:
        raise ValueError(
            f"y needs one class a text. Received: {len(values)} classes and "
            f"{n_docs} texts."
        )
    written = [_class_name(value) for value in values]
    names: list[Any] = sorted({name for name in written if name is not None})
    if not names:
        return None
    place = {name: code for code, name in enumerate((*names, None))}
    return [*names, None], np.array([place[name] for name in written])


def scores(
    material: Material, classes: tuple[list[Any], np.ndarray] | None
) -> list[tuple[str, str, str]]:
    """Return (name, value, meaning) of each score."""
    labels = material.labels
    as_numbers = np.where(
        labels == NOISE, NOISE, np.unique(labels, return_inverse=True)[1]
    )
    rows = [("Coverage", coverage_score(as_numbers), "share of the texts in a cluster")]
    if material.embedded:
        validity = noise_aware_silhouette_score(material.embeddings, as_numbers)
        meaning = "how well separated the clusters are, −1 to 1; needs no labels"
        rows.append(("Validity", validity, meaning))
    if classes is not None:
        names, codes = classes
        known = codes < len(names) - 1
        found, truth = as_numbers[known], codes[known]
        against = f"the {len(names) - 1} given classes, noise as one group"
        rows += [
            (
                "AMI",
                adjusted_mutual_info_score(truth, found),
                f"agreement with {against}",
            ),
            ("ARI", adjusted_rand_score(truth, found), f"pairs of texts: {against}"),
            (
                "Accuracy",
                clustering_accuracy_score(truth, found),
                "clusters matched with classes one to one; noise is wrong",
            ),
        ]
    return [(name, f"{value:.3f}", meaning) for name, value, meaning in rows]


def word_counts(material: Material, n_words: int = 25) -> list[tuple[str, list]]:
    """Return titles and (word, occurrences) lists: before and after cleaning."""
    lists = [("Words of the texts", material.texts)]
    if material.cleaned is not None:
        lists.append(("Words after cleaning", material.cleaned))
    counted = []
    for title, texts in lists:
        counts = Counter(token for text in texts for token in text.split())
        top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:n_words]
        counted.append((title, top))
    return counted


def curves(steps: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the line charts that the fitted steps have numbers for."""
    charts = []
    for step in steps.values():
        if hasattr(step, "history_"):
            charts.append(_training(step.history_))
        agreement = getattr(step, "agreement_", None)
        if agreement is not None and len(agreement):
            charts.append(_agreement(agreement, getattr(step, "granularity_", None)))
        if hasattr(step, "eps_path_") and len(step.eps_path_):
            charts.append(_eps_path(step.eps_path_, step.eps_))
    return charts


def parameters(steps: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (step, parameter, value); and what was chosen, as "eps_"."""
    rows = []
    for name, step in steps.items():
        for key, value in sorted(step.get_params(deep=False).items()):
            rows.append((name, key, repr(value)[:_MOST_CHARACTERS]))
        for key in ("granularity_", "n_parameters_", "eps_", "min_samples_", "edits_"):
            if hasattr(step, key):
                rows.append((name, key, repr(getattr(step, key))))
    return rows


def versions() -> list[tuple[str, str]]:
    """Return names and versions of what computes the result."""
    rows = [("Python", platform.python_version())]
    for package in _PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            if package == "deepclust":  # run from a folder, without being installed
                rows.append((package, deepclust.__version__))
    return [*rows, ("system", platform.platform())]


def _cut(texts: list[str]) -> list[str]:
    return [
        text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
        for text in texts
    ]


def _class_name(value: Any) -> str | None:
    missing = value is None or value == "" or value != value  # NaN differs from itself
    return None if missing or str(value) in ("-1", "-1.0", "<NA>") else str(value)


def _classes_of(
    here: np.ndarray, names: list[Any], codes: np.ndarray
) -> dict[str, Any]:
    """Return the most frequent classes of a cluster, as shares of its known texts."""
    counts = np.bincount(codes[here], minlength=len(names))[:-1]
    total = max(int(counts.sum()), 1)
    top = np.argsort(-counts, kind="stable")[:_MOST_CLASSES]
    shares = [(names[c], float(counts[c] / total)) for c in top if counts[c]]
    return {"classes": shares, "purity": shares[0][1] if shares else 0.0}


def _courses(labels: np.ndarray, dates: Any) -> tuple[list[str] | None, dict]:
    """Return the periods, and of each cluster its share in them and its rise."""
    if dates is None:
        return None, {}
    if len(dates) != len(labels):
        raise ValueError(
            f"dates need one value a text. Received: {len(dates)} dates and "
            f"{len(labels)} texts."
        )
    period, written, dated = date_periods(dates, None)
    total = np.maximum(np.bincount(period, minlength=len(written)), 1)
    middle = np.arange(len(written)) - (len(written) - 1) / 2
    courses = {}
    for cluster in np.unique(labels).tolist():
        here = period[labels[dated] == cluster]
        shares = np.bincount(here, minlength=len(written)) / total
        rise = float(middle @ shares) / max(float(shares.sum()), 1e-12)
        courses[cluster] = {"course": shares.round(5).tolist(), "rise": rise}
    return written, courses


def _training(history: Any) -> dict[str, Any]:
    names = (
        ("loss", "training", "#332288", None),
        ("val_loss", "held out", "#cc6677", "6 3"),
    )
    series = [
        {
            "name": name,
            "colour": colour,
            "dash": dash,
            "points": _pairs(history, "epoch", key),
        }
        for key, name, colour, dash in names
        if key in history
    ]
    series = [one for one in series if one["points"]]
    return _chart("Training: loss by epoch", "epoch", series)


def _agreement(agreement: Any, granularity: int | None) -> dict[str, Any]:
    table = agreement.sort_values("n_groups")
    series = [
        {"name": "agreement", "colour": "#332288", "dash": None,
         "points": _pairs(table, "n_groups", "agreement")},
        {"name": "support", "colour": "#44aa99", "dash": "6 3",
         "points": _pairs(table[table["support"].notna()], "n_groups", "support")},
    ]  # fmt: skip
    title = "How well each number of groups is attested"
    if granularity is not None:
        title += f"; {granularity} was taken"
    return _chart(title, "groups", series, at=granularity, log=True)


def _eps_path(path: Any, eps: float) -> dict[str, Any]:
    series = [
        {"name": "silhouette", "colour": "#332288", "dash": None,
         "points": _pairs(path, "eps", "silhouette")},
        {"name": "coverage", "colour": "#44aa99", "dash": "6 3",
         "points": _pairs(path, "eps", "coverage")},
    ]  # fmt: skip
    title = f"What each radius eps would give; {eps:.4g} was taken"
    return _chart(title, "eps", series, at=float(eps))


def _chart(
    title: str, x_title: str, series: list, at: float | None = None, log: bool = False
) -> dict[str, Any]:
    return {
        "title": title,
        "x_title": x_title,
        "series": series,
        "at": at,
        "log": log,
    }


def _pairs(table: Any, x: str, y: str) -> list[tuple[float, float]]:
    columns = (np.asarray(table[name], dtype=np.float64) for name in (x, y))
    return [
        (a, b)
        for a, b in zip(*(column.tolist() for column in columns), strict=True)
        if np.isfinite(a) and np.isfinite(b)
    ]
