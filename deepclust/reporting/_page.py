"""Render the summary as one self-contained HTML page, or write it as JSON."""

import base64
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from deepclust._atomic_file import replacing
from deepclust.inspection._html import render
from deepclust.reporting._packing import pack_columns, pack_json, pack_texts
from deepclust.reporting._summary import summarize

__all__ = ["render_page", "write_report"]

_FORMATS = ("html", "json")
_TEMPLATE = "reporting/page.html"
_MAX_BYTES = 8_000_000
_REMARK_BYTES = 1_000  # for what the page says of texts that were cut


def write_report(
    pipeline: Any,
    texts: Any,
    path: str | Path | None = None,
    *,
    format: str = "html",
    max_characters: int = 500,
    **parameters: Any,
) -> Path:
    """Write a page with map, search and table of the clusters, or its data as JSON.

    The page is one file that loads nothing from any network. It holds texts of the
    corpus.

    Parameters
    ----------
    pipeline : fitted Pipeline, fitted search over one, or None
        See `summarize`.

    texts : iterable of str, length n_docs

    path : str or Path, default=None
        File to write, "report.html" or "report.json" when None. A file or link there is
        replaced once the new one is complete.

    format : {"html", "json"}, default="html"
        "json" writes the dict that `summarize` returns.

    max_characters : int, default=500
        The page cuts longer texts, and cuts further where the file would exceed 8 MB;
        it says so. JSON holds the whole texts.

    **parameters
        Keywords of `summarize`: `labels`, `y`, `dates`, `names`, `cleaned`,
        `embeddings`, `layers`, `columns`, `table`, `title`, `projection`,
        `points`, `max_points`, `random_state`.

    Returns
    -------
    path : Path
        The file written.

    Raises
    ------
    ValueError
        If `format` is unknown, or `summarize` raises it.
    OSError
        If the file cannot be written.

    See Also
    --------
    summarize : The dict alone, with all parameters.

    Notes
    -----
    Texts are compressed, and inserted into the page as text, never as markup. The
    content security policy allows the page's own script and style only, by their
    SHA-256; markup in a text could not run even if it were inserted as markup.

    The same input gives the same bytes on the same machine.

    Examples
    --------
    >>> import tempfile
    >>> from deepclust.reporting import write_report
    >>> texts = ["red apple", "green apple", "fast car", "old car"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_report(None, texts, f"{folder}/r.html", labels=[0, 0, 1, 1])
    ...     path.name, path.stat().st_size < 100_000
    ('r.html', True)
    """
    if format not in _FORMATS:
        raise ValueError(f"format must be one of {_FORMATS}. Received: {format!r}.")
    summary = summarize(pipeline, texts, **parameters)
    if format == "html":
        content = render_page(summary, max_characters)
    else:
        content = json.dumps(summary, ensure_ascii=False)
    path = Path(path or f"report.{format}")
    with replacing(path) as part:
        part.write_text(content, encoding="utf-8", newline="\n")
    return path


def render_page(summary: dict[str, Any], max_characters: int) -> str:
    """Return the page of a summary, its texts cut so that it stays below 8 MB.

    Parameters
    ----------
    summary : dict
        From `summarize`, or read from its JSON.

    max_characters : int

    Returns
    -------
    page : str
    """
    folder = files("deepclust.reporting")
    style, *scripts = (
        folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("page.css", "parts.js", "page.js")
    )
    script = "".join(scripts)
    values = {
        **summary,
        "style": Markup(style),
        "script": Markup(script),
        "style_hash": _sha256(style),
        "script_hash": _sha256(script),
        **_pack_data(summary),
    }
    size = len(render(_TEMPLATE, **values).encode()) + _REMARK_BYTES
    packed, limit, n_cut = pack_texts(
        summary["map"]["texts"], max_characters, _MAX_BYTES - size
    )
    return render(_TEMPLATE, **values, packed_texts=packed, limit=limit, n_cut=n_cut)


def _pack_data(summary: dict[str, Any]) -> dict[str, str]:
    """Return what the script of the page reads: the points, and the other data."""
    map_ = summary["map"]
    clusters = summary["clusters"] + ([summary["noise"]] if summary["noise"] else [])
    columns = [_places(map_["labels"], [cluster["id"] for cluster in clusters])]
    if summary["classes"] is not None:
        columns.append(_known(map_["classes"], summary["classes"]))
    for projection in map_["projections"]:
        columns += [projection["x"], projection["y"]]
    for nodes, labels in zip(summary["layers"], map_["layers"], strict=True):
        columns.append(_places(labels, [node["id"] for node in nodes]))
    columns += [_known(one["codes"], one["values"]) for one in map_["columns"]]
    all_shown = len(map_["rows"]) == summary["corpus"]["n_texts"]
    keys = ("classes", "periods", "words", "curves", "layers", "layer")
    data = {
        "clusters": clusters,
        **{key: summary[key] for key in keys},
        "columns": [{**column, "codes": None} for column in map_["columns"]],
        "rows": None if all_shown else map_["rows"],
        "projections": [projection["method"] for projection in map_["projections"]],
    }
    return {"packed_data": pack_json(data), "packed_points": pack_columns(columns)}


def _places(labels: list[Any], ids: list[Any]) -> list[int]:
    """Return the place of each label among the ids; that after the last for noise."""
    place = {label: k for k, label in enumerate(ids)}
    return [place.get(label, len(ids)) for label in labels]


def _known(codes: list[int], values: list[str]) -> list[int]:
    """Return the codes, with the number of values in place of -1."""
    return [len(values) if code < 0 else code for code in codes]


def _sha256(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return base64.b64encode(digest).decode("ascii")
