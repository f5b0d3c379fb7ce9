"""report: gather, lay out, pack, and fill the page."""

import base64
import hashlib
import html
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import check_array

from deepclust import __version__
from deepclust.plotting._map import distant_colours, even_sample
from deepclust.reporting import _facts as tell
from deepclust.reporting._layout import map_points, on_grid
from deepclust.reporting._packing import fitting_texts, pack_columns, pack_json
from deepclust.reporting._reading import Material, gather

__all__ = ["report"]

_MOST_BYTES = 5_000_000
_MOST_CLUSTERS = 60_000
_NOTES = {
    "tsne": "t-SNE: neighbours lie together; distances between clusters mean little.",
    "umap": "UMAP: neighbours lie together; distances between clusters mean little.",
    "pca": "PCA: the two directions of most variance; distances keep their order, "
    "clusters overlap.",
}
_TITLES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


def report(
    pipeline: Any,
    texts: Any,
    path: str | Path = "report.html",
    *,
    labels: Any = None,
    y: Any = None,
    dates: Any = None,
    names: Any = None,
    cleaned: Any = None,
    embeddings: Any = None,
    title: str | None = None,
    projection: str = "tsne",
    points: Any = None,
    max_points: int = 50_000,
    max_characters: int = 500,
    random_state: int = 0,
) -> Path:
    """Write one HTML file with a map, a search and all that is known of the clusters.

    The file loads nothing from any network, and nothing in it can: open it, send it or
    archive it. It holds texts of the corpus.

    Parameters
    ----------
    pipeline : fitted Pipeline, fitted search over one, or None
        Makes labels, embeddings and cleaned texts where they are not given; its
        parameters and training curve are shown. None for the result of another
        clusterer.

    texts : iterable of str, length n_docs

    path : str or Path, default="report.html"
        Where to write; replaced if it exists.

    labels : array-like of shape (n_docs,), default=None
        Cluster of each text, −1 for noise. None predicts them.

    y : array-like of shape (n_docs,), default=None
        Known classes, for scores and for what each cluster holds; −1, None, NaN or ""
        where there is none.

    dates : array-like of shape (n_docs,), default=None
        For the course of each cluster; see `plot_topics_over_time`.

    names : mapping of label to str, or sequence of str, default=None
        Names of clusters. Those given by `rename` are known already.

    cleaned : iterable of str, length n_docs, default=None
        The texts after cleaning, for keywords.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        What to draw. Without pipeline and embeddings, latent semantic vectors of the
        words.

    title : str, default=None
        Heading of the page.

    projection : {"tsne", "umap", "pca"}, default="tsne"
        The first map; "pca" can be switched to in any case. "umap" needs the extra
        `maps`.

    points : array-like of shape (n_docs, 2), default=None
        What `projection` gives, where that is known already.

    max_points : int, default=50_000
        Of more texts an even share of each cluster is on the map and in the search;
        all are in the table and the scores.

    max_characters : int, default=500
        Longer texts are cut, and all further, as the file must stay below 5 MB. The
        page says so.

    random_state : int, default=0
        Seed of the projection.

    Returns
    -------
    path : Path
        The file written.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If there are no texts, no labels, or lengths differ.
    TypeError
        If `pipeline` is no Pipeline.
    OSError
        If the file cannot be written.

    Notes
    -----
    Every text is compressed, and put into the page as text and never as markup. Its
    content security policy lets it run its own script and style only, known by their
    SHA-256, so that markup in a text would stay dead even if it were taken for markup.

    The same input gives the same bytes on the same machine. About ten seconds for
    50,000 short texts, beside `transform`; t-SNE lays out 3,000 texts and puts the
    others between them.

    Examples
    --------
    >>> import tempfile
    >>> from deepclust.reporting import report
    >>> texts = ["red apple", "green apple", "fast car", "old car"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = report(None, texts, f"{folder}/r.html", labels=[0, 0, 1, 1])
    ...     path.name, path.stat().st_size < 100_000
    ('r.html', True)
    """
    if projection not in _TITLES:
        raise ValueError(
            f"projection must be one of {tuple(_TITLES)}. Received: {projection!r}."
        )
    given = {"labels": labels, "cleaned": cleaned, "embeddings": embeddings}
    material = gather(pipeline, texts, names=names, **given)
    classes = tell.class_codes(y, len(material.texts))
    clusters, periods = tell.cluster_facts(material, classes, dates)
    if len(clusters) > _MOST_CLUSTERS:
        raise ValueError(f"report can show {_MOST_CLUSTERS:,} clusters at most.")
    shown = even_sample(material.labels, max_points)
    kinds = tuple(dict.fromkeys((projection, "pca")))
    X = material.embeddings[shown]
    first = map_points(X, projection, random_state) if points is None else None
    if first is None:
        first = _check_points(points, len(material.texts))[shown]
    maps = [first, *(map_points(X, kind, random_state) for kind in kinds[1:])]
    columns = _columns(material, clusters, classes, shown, maps)
    content = {
        "summary": _summary(material, clusters, shown),
        "clusters": clusters,
        "periods": periods,
        "classes": None if classes is None else classes[0],
        "views": [{"name": _TITLES[k], "note": _NOTES[k]} for k in kinds],
        "rows": None if len(shown) == len(material.texts) else shown.tolist(),
        "scores": tell.scores(material, classes),
        "words": tell.word_counts(material),
        "curves": tell.curves(material.steps),
        "parameters": tell.parameters(material.steps),
        "versions": tell.versions(),
    }
    visible = [material.texts[row] for row in shown]
    heading = title or f"{len(material.texts):,} texts in clusters"
    page = _page(content, material.remarks, visible, columns, heading, max_characters)
    path = Path(path)
    path.write_text(page, encoding="utf-8", newline="\n")
    return path


def _check_points(points: Any, n_docs: int) -> np.ndarray:
    points = check_array(points, dtype=np.float64)
    if points.shape != (n_docs, 2):
        raise ValueError(
            f"points need two columns and {n_docs} rows. Received: {points.shape}."
        )
    return points


def _columns(
    material: Material,
    clusters: list[dict[str, Any]],
    classes: tuple[list[Any], np.ndarray] | None,
    shown: np.ndarray,
    maps: list[np.ndarray],
) -> list[np.ndarray]:
    """Return clusters, classes and coordinates of the points; colour the clusters."""
    place = {cluster["id"]: k for k, cluster in enumerate(clusters)}
    codes = np.array([place[label] for label in material.labels[shown].tolist()])
    grids = [on_grid(points) for points in maps]
    _give_colours(clusters, codes, grids[0])
    columns = [codes] if classes is None else [codes, classes[1][shown]]
    return columns + [axis for grid in grids for axis in grid.T]


def _give_colours(
    clusters: list[dict[str, Any]], codes: np.ndarray, points: np.ndarray
) -> None:
    """Give each cluster but noise a colour that others nearby do not have."""
    coloured = [k for k, cluster in enumerate(clusters) if cluster["id"] != tell.NOISE]
    if not coloured:
        return
    centres = np.array([np.median(points[codes == k], axis=0) for k in coloured])
    sizes = [clusters[k]["size"] for k in coloured]
    for k, colour in zip(coloured, distant_colours(centres, sizes), strict=True):
        clusters[k]["colour"] = colour


def _summary(
    material: Material, clusters: list[dict[str, Any]], shown: np.ndarray
) -> str:
    n_texts = len(material.texts)
    n_noise = sum(c["size"] for c in clusters if c["id"] == tell.NOISE)
    n_clusters = len(clusters) - (n_noise > 0)
    parts = [f"{n_texts:,} texts", f"{n_clusters:,} clusters"]
    if n_noise:
        parts.append(f"{n_noise:,} texts ({n_noise / n_texts:.0%}) resemble no group")
    if len(shown) < n_texts:
        parts.append(f"{len(shown):,} texts are on the map and in the search")
    return "; ".join(parts) + "."


def _page(
    content: dict[str, Any],
    remarks: list[str],
    texts: list[str],
    columns: list[np.ndarray],
    heading: str,
    max_characters: int,
) -> str:
    """Return the page, with texts as long as it may hold."""
    folder = files("deepclust.reporting")
    template, style, *scripts = (
        folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("page.html", "page.css", "parts.js", "page.js")
    )
    script = "".join(scripts)
    heading = heading.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
    points = pack_columns(columns)
    taken = sum(map(len, (template, style, script, points, pack_json(content))))
    room = _MOST_BYTES - taken - 5_000
    block, most, n_cut = fitting_texts(texts, max_characters, room)
    if n_cut:
        remark = (
            f"{n_cut:,} texts are cut after {most} characters, to keep the file small."
        )
        remarks = [*remarks, remark]
    remarks = [*remarks, "This file holds texts of the corpus: share it accordingly."]
    values = {
        "policy": _policy(style, script),
        "version": __version__,
        "title": html.escape(heading),
        "style": style,
        "facts": pack_json({**content, "remarks": remarks}),
        "points": points,
        "texts": block,
        "script": script,
    }
    # In one pass, so that a title cannot ask for another value.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _policy(style: str, script: str) -> str:
    """Return a policy under which nothing but this style and this script has effect."""

    def source(text: str) -> str:
        digest = hashlib.sha256(text.encode("utf-8")).digest()
        return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"

    return (
        f"default-src 'none'; script-src {source(script)}; style-src {source(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
