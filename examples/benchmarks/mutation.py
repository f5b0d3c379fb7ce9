"""How many small changes of the code the tests notice.

    pip install cosmic-ray
    python examples/benchmarks/mutation.py clustering persistence

Changes a seeded sample of the places in each file of these packages that cosmic-ray
knows to change (comparisons, numbers, conditions, exceptions, ...), one at a time, and
runs the tests of the file until one fails. Prints what no test noticed as a diff, and a
row of a table in Markdown for each file, at once. No file is changed: a child process
compiles the changed source and runs pytest. What takes `TIMEOUT` seconds of the
processor counts as noticed.
"""

import argparse
import ast
import difflib
import importlib
import importlib.abc
import importlib.util
import multiprocessing
import os
import random
import resource
import sys
from collections import defaultdict
from pathlib import Path

# what the tests import, loaded once before the processes are forked
import hypothesis
import pandas as pd  # noqa: F401
import pytest
import scipy.cluster.hierarchy
import scipy.spatial  # noqa: F401
import sklearn.model_selection
import sklearn.utils.estimator_checks  # noqa: F401
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: F401

ROOT = Path(__file__).parents[2]
TIMEOUT = 120
OPTIONS = ["-x", "-q", "--no-header", "-p", "no:cacheprovider"]
OPTIONS += ["--hypothesis-profile=mutants"]
OPTIONS += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # it is imported before
# of files without tests of their own name, or with more than those
TESTS = {
    "_dbscan": [
        "test_dbscan",
        "test_layers",
        "test_editing",
        "test_incremental",
        "test_any_metric",
    ],
    "_fitted_labels": ["test_fitted_labels", "test_editing"],
    "_memory_limit": ["test_memory_limit", "test_dbscan"],
    "_metric_space": ["test_dbscan", "test_any_metric"],
    "_parts": ["test_editing"],
    "_container": ["test_faults", "test_model_file"],
    "_model_file": ["test_model_file", "test_faults", "test_sharing"],
    "_objects": ["test_model_file", "test_faults"],
    "_probes": ["test_model_file"],
    "_registry": ["test_model_file", "test_faults"],
}
# mutants of these mostly mean the same, or need arguments
LEFT_OUT = ("Is_Eq", "Eq_Is", "IsNot_NotEq", "NotEq_IsNot", "Variable")


def without_annotations(code: str) -> str:
    """Return what a program does, as text; nothing where it is no program."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        for field in {"annotation", "returns"} & {*node._fields}:
            setattr(node, field, None)
    return ast.dump(tree)


def sample(code: str, n_mutants: int, seed: int) -> list[str]:
    """Return mutants of `n_mutants` random places, one each."""
    places = defaultdict(list)
    nodes = list(ast_nodes(get_ast(code)))
    for name in operator_names():
        if any(part in name for part in LEFT_OUT):
            continue
        operator = get_operator(name)()
        found = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, place in enumerate(found):
            places[place].append((operator, occurrence))
    rng, same, mutants = random.Random(seed), without_annotations(code), []
    for place in rng.sample(sorted(places), len(places)):
        if len(mutants) < n_mutants:
            mutant = mutate_code(code, *rng.choice(places[place]))
            mutants += [mutant] * (without_annotations(mutant) not in ("", same))
    return mutants


class Mutant(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports one module from other source."""

    def __init__(self, path: Path, code: str) -> None:
        self.path, self.code = path, code
        self.name = ".".join(path.relative_to(ROOT).with_suffix("").parts)

    def find_spec(self, name, path, target=None):
        """Find the module, and no other."""
        if name == self.name:
            return importlib.util.spec_from_file_location(name, self.path, loader=self)
        return None

    def get_filename(self, name):
        """Return the path of the unchanged file."""
        return str(self.path)

    def get_data(self, path):
        """Return the changed source."""
        return self.code.encode()


def run_tests(path: Path, code: str) -> None:
    """Run the tests with another source of a file; end with pytest's status."""
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT, TIMEOUT))
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    mutant = Mutant(path, code)
    sys.meta_path.insert(0, mutant)
    importlib.import_module(mutant.name)  # pytest would load the file that it is given
    names = TESTS.get(path.stem, [f"test{path.stem}"])
    tests = [f"tests/{path.parent.name}/{name}.py" for name in names]
    os._exit(int(pytest.main([*OPTIONS, str(path), *tests])))


def is_noticed(path: Path, code: str) -> bool:
    """Return whether a test fails."""
    child = multiprocessing.get_context("fork").Process(
        target=run_tests, args=(path, code)
    )
    child.start()
    child.join(20 * TIMEOUT)
    child.kill()
    child.join()
    return child.exitcode != 0


def main(packages: list[str], n_mutants: int, seed: int) -> None:
    """Print the mutants that no test notices, and how many those were."""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    hypothesis.settings.register_profile(  # an example that fails is enough
        "mutants", deadline=None, derandomize=True, phases=[hypothesis.Phase.generate]
    )
    rows = []
    names = [n if n.endswith(".py") else f"{n}/_[a-z]*.py" for n in packages]
    for path in [p for n in names for p in sorted(ROOT.glob(f"deepclust/{n}"))]:
        code = path.read_text("utf-8")
        mutants = sample(code, n_mutants, seed)
        if mutants and is_noticed(path, code):
            raise SystemExit(f"the tests fail without a change of {path}")
        left = 0
        for mutant in mutants:
            noticed = is_noticed(path, mutant)
            left += not noticed
            texts = code.splitlines(), mutant.splitlines()
            if not noticed:
                lines = difflib.unified_diff(*texts, str(path), lineterm="", n=1)
                print(*lines, sep="\n", flush=True)
        name = path.relative_to(ROOT / "deepclust")
        rows.append((str(name), len(mutants), len(mutants) - left))
        print("| {} | {} | {} |".format(*rows[-1]), flush=True)
    total, noticed = (sum(row[i] for row in rows) for i in (1, 2))
    print(f"{noticed} of {total} noticed, {100 * noticed / total:.0f} %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("packages", nargs="+", help="folders or files of deepclust/")
    parser.add_argument("--mutants", type=int, default=5, help="of each file")
    parser.add_argument("--random-state", type=int, default=0)
    arguments = parser.parse_args()
    main(arguments.packages, arguments.mutants, arguments.random_state)
