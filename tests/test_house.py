"""Packages import only what lies below them; the package loads lightly."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import deepclust

PACKAGE = Path(deepclust.__file__).parent

GROUND = {"exceptions", "sequences", "_text_input", "_optional", "_parallel"}
GROUND |= {"_atomic_file", "_estimators"}

# Package → packages of ours that it may import, beside itself and the ground.
MAY_IMPORT: dict[str, set[str]] = {
    "metrics": set(),
    "cleaning": {"metrics"},
    "vectorizing": {"metrics", "cleaning"},
    "pseudo_labels": {"metrics"},
    "encoding": {"pseudo_labels", "metrics"},
    "clustering": {"metrics"},
}
ROOMS = {"cleaning", "vectorizing", "encoding", "clustering", "metrics"}
MAY_IMPORT |= {"datasets": set(), "persistence": ROOMS}
MAY_IMPORT |= {"inspection": ROOMS, "plotting": ROOMS | {"datasets"}}
MAY_IMPORT["reporting"] = ROOMS | {"inspection", "plotting"}
MAY_IMPORT["distributed"] = ROOMS | {"inspection", "datasets"}
MAY_IMPORT["pipeline"] = ROOMS | {"pseudo_labels", "inspection", "distributed"}
MAY_IMPORT["cli"] = {*MAY_IMPORT}
MAY_IMPORT["__main__"] = {"cli"}

FILES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
)


def imported_packages(source: str, package: str = "deepclust") -> set[str]:
    """Return the first component below `package` of everything imported."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {n.split(".")[1] for n in names if n.startswith(f"{package}.")}
    # `from deepclust import DBSCAN` reaches for the room of DBSCAN
    return {deepclust._ROOMS.get(name, name) for name in found} - {"__version__"}


def forbidden_imports(package: str, source: str) -> set[str]:
    """Return the packages that a file of `package` imports and may not."""
    allowed = GROUND | {package} | MAY_IMPORT.get(package, set())
    return imported_packages(source) - allowed


@pytest.mark.parametrize("file", FILES)
def test_imports_point_down(file):
    package = file.split("/")[0].removesuffix(".py")
    source = (PACKAGE / file).read_text(encoding="utf-8")

    assert package in GROUND | {*MAY_IMPORT}, f"give {package!r} a line in MAY_IMPORT"
    assert forbidden_imports(package, source) == set()


def test_what_a_package_may_import_lies_below_it():
    for package, below in MAY_IMPORT.items():
        assert all(package not in MAY_IMPORT[other] for other in below)


def test_the_house_has_at_most_24_entries():
    entries = [e for e in PACKAGE.iterdir() if e.name != "__pycache__"]

    assert len(entries) <= 24


@pytest.mark.parametrize(
    "line",
    [
        "from deepclust.pipeline import make_text_clusterer",
        "import deepclust.plotting",
        "from deepclust import inspection",
        "from deepclust import DBSCAN",
        "from .encoding import RNNLSTMEncoder",
        "def f():\n    from deepclust.datasets import load_texts",
    ],
)
def test_an_import_that_points_up_is_seen(line):
    assert forbidden_imports("cleaning", line)


def test_the_type_checker_sees_what_is_imported_on_first_use():
    names = {*deepclust._ROOMS, "__version__"}
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")

    assert {*deepclust.__all__} == names
    for name, package in deepclust._ROOMS.items():
        pattern = rf"    from deepclust\.{package} import .*\b{name}\b"
        assert re.search(pattern, source)


def run_python(code: str) -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("tensorflow", "keras", "matplotlib", "spacy", "sklearn", "pandas")
    code = f"import sys, deepclust; print([m for m in {heavy} if m in sys.modules])"

    assert run_python(code) == "[]"


@pytest.mark.parametrize("room", ["clustering", "distributed", "metrics"])
def test_a_room_that_imports_on_first_use_has_its_public_names(room):
    module = importlib.import_module(f"deepclust.{room}")

    assert {*module.__all__} <= {*dir(module)}
    for name in module.__all__:
        assert getattr(module, name).__module__.startswith(f"deepclust.{room}._")
    with pytest.raises(AttributeError, match=f"'deepclust.{room}'.* 'no_name'"):
        module.no_name


def test_importing_the_package_takes_less_than_a_second():
    code = (
        "import time; start = time.perf_counter(); import deepclust; "
        "print(time.perf_counter() - start)"
    )

    assert min(float(run_python(code)) for _ in range(3)) < 1.0


@pytest.mark.parametrize("module", ["inspection", "plotting", "datasets", "metrics"])
def test_readers_load_neither_tensorflow_nor_matplotlib(module):
    heavy = ("tensorflow", "keras", "matplotlib")
    code = (
        f"import sys, deepclust.{module}; "
        f"print([m for m in {heavy} if m in sys.modules])"
    )

    assert run_python(code) == "[]"


def test_every_public_name_can_be_imported():
    for name in deepclust.__all__:
        assert getattr(deepclust, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Clusterer'"):
        deepclust.Clusterer
