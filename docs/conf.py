"""Sphinx configuration. The API reference is generated from every `__all__`."""

import importlib
import inspect
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import deepclust

project = "deepclust"
author = "the deepclust developers"
copyright = "2026, the deepclust developers"
version = release = deepclust.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
]
extlinks = {
    "doi": ("https://doi.org/%s", "doi:%s"),
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
}
exclude_patterns = ["_build"]
default_role = "literal"  # `X` in a docstring is code
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"  # numpydoc's Parameters say it better
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = "deepclust"
html_static_path: list[str] = []

# Modules whose names are not among `deepclust.__all__`: title of the page and module.
API_PAGES = {
    "Estimators": "deepclust",
    "Corpora": "deepclust.datasets",
    "Out of core": "deepclust.distributed",
    "Inspecting clusters": "deepclust.inspection",
    "Plotting": "deepclust.plotting",
    "Report": "deepclust.reporting",
    "Editing clusters": "deepclust.clustering",
    "Scores": "deepclust.metrics",
    "Pipelines": "deepclust.pipeline",
    "Saving and exporting": "deepclust.persistence",
    "Tokenizer": "deepclust.cleaning",
    "Word vectors": "deepclust.vectorizing._word_vectors",
    "Errors and warnings": "deepclust.exceptions",
}


def api_page(title: str, name: str) -> str:
    """Return a page with an autodoc entry for each public name of a module."""
    module = importlib.import_module(name)
    lines = [title, "=" * len(title), "", f".. currentmodule:: {name}", ""]
    if name != "deepclust":
        lines += [f".. automodule:: {name}", "   :no-index:", ""]
    for public in module.__all__:
        if name != "deepclust" and public in deepclust.__all__:
            continue  # on the page of the estimators
        value = getattr(module, public)
        if inspect.isclass(value):
            lines += [f".. autoclass:: {public}", "   :members:", ""]
        elif callable(value):
            lines += [f".. autofunction:: {public}", ""]
    return "\n".join(lines)


def write_api_pages(app) -> None:
    """Write one page a module, and their index, into docs/api."""
    folder = Path(app.srcdir, "api")
    folder.mkdir(exist_ok=True)
    pages = []
    for title, name in API_PAGES.items():
        page = name.rpartition(".")[2]
        (folder / f"{page}.rst").write_text(api_page(title, name), encoding="utf-8")
        pages.append(f"   {page}")
    title = "API reference"
    index = [title, "=" * len(title), "", ".. toctree::", "", *pages, ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")


def skip_generated(app, what, name, obj, skip, options) -> bool | None:
    """Leave out the methods that scikit-learn adds for metadata routing."""
    is_request = name.startswith("set_") and name.endswith("_request")
    return True if is_request else None


def setup(app) -> None:
    """Register the generator of the API pages."""
    app.connect("builder-inited", write_api_pages)
    app.connect("autodoc-skip-member", skip_generated)
