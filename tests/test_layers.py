"""Each module imports only from the floors below its own; the package loads lightly."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import deepclust

PACKAGE = Path(deepclust.__file__).parent

GROUND_FLOOR = {
    "exceptions",
    "sequences",
    "_text_input",
    "_optional",
    "_density_validity",
    "threads",
}

# The rooms in walking order: the estimator, and the back rooms that it is made of.
# They import the ground floor and each other within one room; no back room imports
# its estimator, no room another room.
FIRST_FLOOR = {
    "cleaning": {"markup", "redacting", "tokenizing"},
    "vectorizing": {"wordvectors"},
    "encoding": {
        "batching",
        "blas",
        "completion",
        "devices",
        "embedding_model",
        "granularity",
        "grouping",
        "guiding",
        "inference",
        "jax_step",
        "lexical",
        "networks",
        "objective",
        "onnx_graph",
        "recurrence",
        "teaching",
        "tensorflow_step",
        "token_input",
        "torch_step",
        "training",
    },
    "clustering": {
        "cells",
        "choice",
        "density_model",
        "diagnosis",
        "distinct",
        "eps_path",
        "hierarchy",
        "incremental",
        "leading",
        "memory_limit",
        "metric_space",
        "neighbors",
        "other_hierarchy",
        "other_metrics",
        "pairs",
        "partition",
    },
}

SECOND_FLOOR = {
    "browsing",
    "comparing",
    "describing",
    "explaining",
    "metrics",
    "plotting",
}

ROOF = {
    "__main__",
    "pipeline",
    "persistence",
    "distributed",
    "datasets",
    "exported_tokenizer",
    "editing",
    "exporting",
    "streaming",
    "reporting",
    "_arguments",
    "_commands",
    "_result_files",
    "_terminal",
    "_text_files",
}

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
)


def allowed_imports(module: str) -> set[str]:
    """Return the modules of ours that `module` may import."""
    for estimator, back_rooms in FIRST_FLOOR.items():
        if module == estimator or module in back_rooms:
            return GROUND_FLOOR | back_rooms
    if module in GROUND_FLOOR | SECOND_FLOOR:
        return GROUND_FLOOR
    assert module in ROOF, f"name the floor of {module!r} in tests/test_layers.py"
    known = set().union(FIRST_FLOOR, *FIRST_FLOOR.values())
    return GROUND_FLOOR | known | SECOND_FLOOR | ROOF


def imported_rooms(source: str, package: str = "deepclust") -> set[str]:
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


def climbing_imports(module: str, source: str) -> set[str]:
    """Return the rooms that `module` imports and may not."""
    room = module.partition(".")[0]
    return imported_rooms(source) - allowed_imports(room) - {room}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_upwards(module):
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    source = path.read_text(encoding="utf-8")

    assert climbing_imports(module, source) == set()


@pytest.mark.parametrize(
    "line",
    [
        "from deepclust.pipeline import make_text_clusterer",
        "import deepclust.plotting",
        "from deepclust import metrics",
        "from deepclust import DBSCAN",
        "from .encoding import RNNLSTMEncoder",
        "def f():\n    from deepclust.datasets import load_texts",
    ],
)
def test_a_climbing_import_is_seen(line):
    assert climbing_imports("cleaning", line)


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


def test_importing_the_package_takes_less_than_a_second():
    code = (
        "import time; start = time.perf_counter(); import deepclust; "
        "print(time.perf_counter() - start)"
    )

    assert min(float(run_python(code)) for _ in range(3)) < 1.0


@pytest.mark.parametrize("module", ["describing", "plotting", "datasets", "metrics"])
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
