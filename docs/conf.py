"""Sphinx configuration. The API reference is generated from every `__all__`."""

import importlib
import inspect
import os
from pathlib import Path
from typing import Any

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
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
extlinks = {
    "doi": ("https://doi.org/%s", "doi:%s"),
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
}
exclude_patterns = ["_build", "sg_execution_times.rst"]
default_role = "literal"  # `X` in a docstring is code
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"  # numpydoc's Parameters say it better
suppress_warnings = ["config.cache"]

html_theme = "pydata_sphinx_theme"
html_title = f"deepclust {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["accessible.css"]
html_sidebars = {"index": [], "migrating": []}
html_theme_options = {
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

GALLERY = (
    "first_clusters",
    "support_tickets",
    "survey_answers",
    "news_stream",
    "german_titles",
    "own_embeddings",
    "production",
    "long_runs",
    "classic_path",
)


class GalleryOrder:
    """Sort the examples of a folder as in GALLERY."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, filename: str) -> int:
        return GALLERY.index(filename.removeprefix("plot_").removesuffix(".py"))


sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "reset_modules": ("matplotlib",),
    "within_subsection_order": GalleryOrder,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "copyfile_regex": r".*\.css",
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
}

# Title of the page and module. Names of `deepclust.__all__` are on the first page only.
API_PAGES = {
    "Estimators": "deepclust",
    "Cleaning": "deepclust.cleaning",
    "Clustering and editing clusters": "deepclust.clustering",
    "Corpora": "deepclust.datasets",
    "Inspecting clusters": "deepclust.inspection",
    "Plotting": "deepclust.plotting",
    "Report": "deepclust.reporting",
    "Scores": "deepclust.metrics",
    "Pipelines": "deepclust.pipeline",
    "Private training": "deepclust.encoding",
    "Private vocabulary": "deepclust.vectorizing",
    "Saving and exporting": "deepclust.persistence",
    "Out of core": "deepclust.distributed",
    "Pseudo-labels": "deepclust.pseudo_labels",
    "Word vectors": "deepclust.vectorizing._word_vectors",
    "Token sequences": "deepclust.sequences",
    "Errors and warnings": "deepclust.exceptions",
    "Command line": "deepclust.cli",
}


def public_names(name: str) -> dict[str, Any]:
    """Return the names that the page of a module documents, and their values."""
    module = importlib.import_module(name)
    listed = () if name == "deepclust" else deepclust.__all__
    names = [public for public in module.__all__ if public not in listed]
    return {public: getattr(module, public) for public in names}


def api_page(title: str, name: str) -> str:
    """Return a page with an autodoc entry for each public name of a module."""
    lines = [title, "=" * len(title), "", f".. currentmodule:: {name}", ""]
    if name != "deepclust":
        lines += [f".. automodule:: {name}", "   :no-index:", ""]
    for public, value in public_names(name).items():
        if inspect.isclass(value):
            lines += [f".. autoclass:: {public}", "   :members:", ""]
        elif callable(value):
            lines += [f".. autofunction:: {public}", ""]
        else:
            lines += [f".. py:data:: {public}", f"   :value: {value!r}", ""]
    return "\n".join(lines)


def api_index() -> str:
    """Return the page that lists every public name with its first sentence."""
    title = "API reference"
    lines = [title, "=" * len(title), "", "Every public name, by module.", ""]
    for title, name in API_PAGES.items():
        page = name.rpartition(".")[2]
        lines += [f":doc:`{title} <{page}>`", "-" * (len(title) + len(page) + 10), ""]
        for public, value in public_names(name).items():
            first = (inspect.getdoc(value) or "").partition("\n")[0]
            about = f": {first}" if callable(value) else ""
            lines += [f"* :py:obj:`{public} <{name}.{public}>`{about}"]
        lines += [""]
    pages = [f"   {name.rpartition('.')[2]}" for name in API_PAGES.values()]
    return "\n".join([*lines, ".. toctree::", "   :hidden:", "", *pages, ""])


def write_api_pages(app) -> None:
    """Write one page a module, and their index, into docs/api."""
    folder = Path(app.srcdir, "api")
    folder.mkdir(exist_ok=True)
    for title, name in API_PAGES.items():
        page = name.rpartition(".")[2]
        (folder / f"{page}.rst").write_text(api_page(title, name), encoding="utf-8")
    (folder / "index.rst").write_text(api_index(), encoding="utf-8")


def skip_generated(app, what, name, obj, skip, options) -> bool | None:
    """Leave out the methods that scikit-learn adds for metadata routing."""
    is_request = name.startswith("set_") and name.endswith("_request")
    return True if is_request else None


def use_valid_roles(app, pagename, templatename, context, doctree) -> None:
    """Make references the items of their list: docutils' role for them is outdated."""
    if "body" in context:
        context["body"] = context["body"].replace("doc-biblioentry", "listitem")


def setup(app) -> None:
    """Register the generator of the API pages, and what changes pages."""
    app.connect("builder-inited", write_api_pages)
    app.connect("autodoc-skip-member", skip_generated)
    app.connect("html-page-context", use_valid_roles)
