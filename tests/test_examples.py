"""The examples, the README and the guide run, on small data with a tiny network."""

import doctest
import importlib
import io
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import joblib
import nbformat
import numpy as np
import pandas as pd
import pytest
import typer
from nbclient import NotebookClient
from scripts import EXAMPLES, load_module
from sklearn.utils import Bunch
from tiny import TINIER

import deepclust
from deepclust import datasets
from deepclust.cli._app import app
from deepclust.persistence import generate_keys

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def load_example(name):
    return load_module(EXAMPLES / f"{name}.py")


def code_blocks(path):
    return re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.M | re.S)


def docstrings_of_numpy(n_texts=None):
    corpus = datasets.load_docstrings(packages=("numpy",))
    n_all = len(corpus.data)
    rows = np.linspace(0, n_all - 1, n_texts or n_all).astype(int)
    texts = [corpus.data[row] for row in rows]
    return Bunch(**corpus | {"data": texts, "target": corpus.target[rows]})


@pytest.fixture
def few_docstrings(monkeypatch, request):
    """Let `load_docstrings` read 200 texts, or as many as the parameter says."""
    corpus = docstrings_of_numpy(getattr(request, "param", 200))
    monkeypatch.setattr(datasets, "load_docstrings", lambda **_: Bunch(**corpus))


@pytest.mark.usefixtures("few_docstrings")
def test_first_clusters(tmp_path, capsys):
    picture = tmp_path / "map.png"

    table = load_example("first_clusters").main(
        n_texts=200, picture=str(picture), **TINIER
    )

    assert table["size"].sum() == 200
    assert picture.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "agreement with the sub-packages (AMI): " in printed
    assert re.search(r"new texts: \[ *-?\d+ +-?\d+\]", printed)


@pytest.mark.filterwarnings("ignore::deepclust.exceptions.TextWarning")  # tiny folds
@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
@pytest.mark.usefixtures("few_docstrings")
def test_pipeline_and_grid_search(capsys):
    grid = {
        "clean__remove_stop_words": [True, False],
        "vectorize__min_df": [2],
        "encode__embedding_dim": [8],
        "cluster__min_samples": [5],
    }

    found = load_example("pipeline_and_grid_search").main(
        n_texts=120, grid=grid, n_jobs=1, **TINIER
    )

    for search in found:
        assert set(search.best_params_) == set(grid)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert len(search.predict(["Return the mean of the array."])) == 1
    assert "without labels:" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
def test_on_a_cluster(corpus, tmp_path, capsys):
    db = pytest.importorskip("dask.bag")
    distributed = pytest.importorskip("distributed")
    texts = db.from_sequence(corpus.texts, partition_size=100)
    grid = {"cluster__min_samples": [5]}
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}

    with distributed.Client(processes=False, **options):
        pipeline, search = load_example("on_a_cluster").main(
            texts, tmp_path, n_searched=200, grid=grid, **TINIER
        )

    assert f"3 files in {tmp_path}" in capsys.readouterr().out
    found = pd.read_parquet(tmp_path)["cluster"]
    np.testing.assert_array_equal(found, pipeline.labels_)
    assert np.isfinite(search.best_score_)


def test_grids_of_the_example_touch_every_step():
    grid = load_example("pipeline_and_grid_search").GRID

    steps = {parameter.partition("__")[0] for parameter in grid}
    assert steps == {"clean", "vectorize", "encode", "cluster"}


NOTEBOOKS = {
    "first_clusters": {"image/png": 3, "text/html": 2},
    "number_of_clusters": {"image/png": 3, "text/html": 2},
    "notebook_to_production": {"text/html": 2},
}


def outputs_of(notebook):
    return [out for cell in notebook.cells for out in cell.get("outputs", [])]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs(name, tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND")  # the kernel draws into the notebook
    joblib.dump(docstrings_of_numpy(), tmp_path / "docstrings")
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    parameters = next(c for c in notebook.cells if c.cell_type == "code")
    assert parameters.source.startswith("N_TEXTS = ")
    parameters.source = (
        f"import sys; sys.path.append({str(ROOT / 'tests')!r})\n"
        "import joblib, tiny\n"
        "from deepclust import datasets\n"
        "tiny.do_not_trace_short_training()\n"
        "datasets.load_docstrings = lambda: joblib.load('docstrings')\n"
        f"N_TEXTS = 300\nPARAMETERS = {TINIER!r}"
    )

    NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()

    outputs = outputs_of(notebook)
    kinds = [kind for out in outputs for kind in out.get("data", {})]
    for kind, count in NOTEBOOKS[name].items():
        assert kinds.count(kind) >= count
    if name == "notebook_to_production":
        printed = "".join(out.get("text", "") for out in outputs)
        assert "same labels: True" in printed
        assert "TensorFlow was loaded: False" in printed
        assert "single equals batch: True" in printed
        assert "exit status 0" in printed


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_is_kept_with_its_results(name):
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = outputs_of(notebook)
    assert len(outputs) >= len(code) - 3
    assert not [out.text for out in outputs if out.get("name") == "stderr"]
    assert not [out for out in outputs if out.output_type == "error"]


def test_every_notebook_is_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == set(NOTEBOOKS)


def with_tiny_network(source):
    """Insert the parameters of a tiny network after `make_text_clusterer(...)`.

    It learns for as many epochs as it takes not to leave one cluster.
    """
    parameters = TINIER | {"encode__epochs": 6}
    return re.sub(
        r"make_text_clusterer\(([^)]*)\)$",
        rf"make_text_clusterer(\1).set_params(**{parameters!r})",
        source,
        flags=re.M,
    )


@pytest.mark.usefixtures("few_docstrings")
@pytest.mark.parametrize(
    ("path", "few_docstrings"),
    [(path, {"next_month": 1_100, "walks": 600}.get(path.stem, 200)) for path in PAGES],
    ids=[path.stem for path in PAGES],
    indirect=["few_docstrings"],
)
def test_code_of_the_pages_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = code_blocks(path)
    shown = "\n".join(block for block in blocks if ">>>" in block)
    namespace: dict = {}
    for block in blocks:
        if ">>>" not in block:
            exec(compile(with_tiny_network(block), str(path), "exec"), namespace)

    test = doctest.DocTestParser().get_doctest(shown, {}, path.stem, str(path), 0)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
    assert runner.run(test, out=report.append).failed == 0, "".join(report)


def test_the_guide_has_code_to_run():
    guide = [path for path in PAGES if path.parent.name == "guide"]

    assert len(guide) >= 9
    assert all(code_blocks(path) for path in guide if path.stem != "index")


def test_the_tests_that_the_reliability_page_names_are_there():
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    files = [*(ROOT / "tests").rglob("test_*.py")]
    there = {path.stem for path in files}
    for path in files:
        there |= set(re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M))

    named = set(re.findall(r"\btest_\w+", page))
    assert len(named) > 40
    assert named <= there


def test_every_public_name_is_in_the_reference():
    conf = load_module(ROOT / "docs" / "conf.py")
    listed = {
        conf.API_PAGES[title]: conf.api_page(title, conf.API_PAGES[title])
        for title in conf.API_PAGES
    }
    rooms = [path.parent.name for path in ROOT.glob("deepclust/*/__init__.py")]

    for room in sorted([*rooms, "exceptions", "pipeline", "sequences"]):
        for name in importlib.import_module(f"deepclust.{room}").__all__:
            page = "" if name in deepclust.__all__ else f".{room}"
            text = listed.get(f"deepclust{page}", "")
            assert re.search(rf":: {name}$", text, re.M), f"deepclust.{room}.{name}"
    assert all(f":: {n}" in listed["deepclust"] for n in deepclust.__all__)


def test_broken_links_are_found(tmp_path, capsys):
    check_pages = load_module(ROOT / "docs" / "check_pages.py")
    (tmp_path / "a.html").write_text(
        '<h1 id="top"><a href="b.html#x">b</a><a href="https://else.where/">e</a></h1>'
        '<a href="#top">up</a><img src="gone.png"><a href="b.html#gone">no</a>'
    )
    (tmp_path / "b.html").write_text('<p id="x">')

    assert check_pages.main(str(tmp_path)) == 2
    printed = capsys.readouterr().out
    assert "a.html: gone.png: no file gone.png" in printed
    assert "a.html: b.html#gone: no anchor #gone in b.html" in printed


def test_pages_that_are_hard_to_read_are_found(tmp_path, monkeypatch, capsys):
    check = load_module(ROOT / "docs" / "check_accessibility.py")
    monkeypatch.setattr(check, "PAGES", ("a.html",))
    (tmp_path / "a.html").write_text(
        '<html lang="en"><title>A</title><main><h1>A</h1><img src="x.png">'
        '<p style="width: 900px">wide</p></main></html>'
    )
    browser = check.find_browser()

    n_problems = check.main(tmp_path)

    printed = capsys.readouterr().out
    if browser is None:
        assert n_problems == 0
        assert "passed over" in printed
    else:
        assert n_problems == 3
        assert "a.html, desktop: image-alt" in printed
        assert "a.html, phone: image-alt" in printed
        assert "pixels wider than the window" in printed


GALLERY = sorted(EXAMPLES.glob("gallery/plot_*.py"))


def test_the_gallery_is_in_the_order_of_the_configuration():
    conf = load_module(ROOT / "docs" / "conf.py")

    assert {path.stem for path in GALLERY} == {f"plot_{n}" for n in conf.GALLERY}


# `make docs` runs all of them, as they are
@pytest.mark.usefixtures("few_docstrings")
def test_an_example_of_the_gallery_runs(monkeypatch, capsys):
    make = deepclust.make_text_clusterer
    monkeypatch.setattr(
        deepclust, "make_text_clusterer", lambda **o: make(**o).set_params(**TINIER)
    )

    runpy.run_path(str(EXAMPLES / "gallery" / "plot_production.py"))

    printed = capsys.readouterr().out
    assert "same labels: True" in printed
    assert "one by one: True" in printed


WALKS = load_module(ROOT / "docs" / "run_walks.py")


def blocks_of_the_walks():
    return WALKS.read_blocks(WALKS.PAGE.read_text("utf-8"))


def test_the_walks_are_kept_with_their_output():
    run = [block for block in blocks_of_the_walks() if block.kind in ("sh", "python")]

    assert len(run) > 12
    assert all(block.output for block in run)
    assert not [block.output for block in run if "Traceback" in block.output]


def test_commands_of_the_walks_have_their_options():
    """Each is parsed as on the command line; nothing runs."""
    seen = set()
    for block in blocks_of_the_walks():
        for line in block.code.replace("\\\n", " ").splitlines():
            if block.kind != "sh" or not line.startswith("python -m deepclust "):
                continue
            command, context = typer.main.get_command(app), None
            name, arguments = "deepclust", shlex.split(line)[3:]
            while hasattr(command, "resolve_command"):
                context = command.make_context(
                    name, list(arguments), parent=context, resilient_parsing=True
                )
                name, command, arguments = command.resolve_command(context, arguments)
            command.make_context(name, arguments, parent=context)  # raises
            seen.add(name)

    assert {"cluster", "predict", "report", "drift", "generate"} <= seen


@pytest.mark.usefixtures("few_docstrings")
@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
def test_files_of_the_walks_run(tmp_path, monkeypatch, capsys):
    """On models with a tiny network, in the place of those of the commands."""
    files = {b.file: b.code for b in blocks_of_the_walks() if b.kind == "file"}
    monkeypatch.chdir(tmp_path)
    generate_keys("keys")
    exec(files["tickets.py"], {})
    parameters = TINIER | {"encode__epochs": 20, "cluster__eps": 0.05}
    for name, options in {
        "tickets": {},
        "january": {
            "keys": ["keys/owner.key", "keys/predict.key"],
            "sign_with": "keys/signing.pem",
        },
    }.items():
        texts = datasets.load_texts(f"{name}.csv", column="Text").data
        pipe = deepclust.make_text_clusterer(random_state=0).set_params(**parameters)
        Path(name).mkdir()
        deepclust.save(pipe.fit(texts), f"{name}/model.dct", **options)
    monkeypatch.setattr("sys.stdin", io.StringIO("Solve the equation.\n"))
    for name in ("edit.py", "serve.py", "next_month.py"):
        # there are at least two clusters here
        code = re.sub(r"\b(14|6)(?=: \"|, into| are)", "0", files[name])
        exec(code, {})

    printed = capsys.readouterr().out
    assert "the parts of cluster 0 are" in printed
    assert '{"cluster": ' in printed
    assert Path("february.dct").is_file()


def test_the_readme_on_pypi_has_no_link_to_a_file_of_the_checkout():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    hook = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    (fragment,) = hook["fragments"]
    text = (ROOT / fragment["path"]).read_text("utf-8")
    for rule in hook["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)

    assert "the command line: no Python needed" in text
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert [link for link in links if not link.startswith("https://")] == []
