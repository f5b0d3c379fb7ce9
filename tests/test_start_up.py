"""A saved pipeline answers soon after Python starts: it loads nothing superfluous."""

import pickle
import pkgutil
import subprocess
import sys

import deepclust
from deepclust import save

IMPORTS = "import sklearn.pipeline, spacy"
FIRST_TEXT = """
import pickle
with open(sys.argv[1], "rb") as file:
    pipeline = pickle.load(file)
pipeline.predict(["Bake the bread in a hot oven"])
"""
FIRST_OF_FILE = """
from deepclust import load
load(sys.argv[1]).predict(["Bake the bread in a hot oven"])
"""
OURS = {"deepclust"}
# a compiled module of scikit-learn, at the top level before 1.8
OF_SCIKIT_LEARN = {"_loss"}
# spaCy loads its plug-ins, one of which tries for a client of Google's
OF_SPACY = {"spacy_legacy", "spacy_loggers", "google"}


def packages_loaded(code, *arguments, depth=1):
    """Return the third-party packages that the code leaves loaded, to a depth."""
    show = f"print(*{{'.'.join(name.split('.')[:{depth}]) for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{show}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.splitlines()[-1].split()) - sys.stdlib_module_names


def test_the_first_text_loads_nothing_but_what_every_pipeline_needs(
    fitted_clusterer, tmp_path
):
    file = tmp_path / "pipeline.pickle"
    file.write_bytes(pickle.dumps(fitted_clusterer))

    loaded = packages_loaded(FIRST_TEXT, file)

    assert "deepclust" in loaded
    assert loaded <= packages_loaded(IMPORTS) | OURS | OF_SCIKIT_LEARN | OF_SPACY


def test_a_model_file_predicts_without_the_rest_of_scikit_learn(
    fitted_clusterer, tmp_path
):
    file = save(fitted_clusterer, tmp_path / "model.dct", profile="predict")
    needed = packages_loaded("import sklearn.pipeline", depth=2)

    loaded = packages_loaded(FIRST_OF_FILE, file, depth=2)

    of_scikit_learn = {name for name in loaded if name.startswith("sklearn.")}
    assert of_scikit_learn
    assert of_scikit_learn <= needed
    assert not loaded & {"keras", "tensorflow", "spacy", "tqdm", "matplotlib"}


def test_all_public_modules_are_found_by_completion():
    modules = {module.name for module in pkgutil.iter_modules(deepclust.__path__)}
    public = {name for name in modules if not name.startswith("_")} - {"cli"}
    assert public == deepclust._MODULES <= {*dir(deepclust)}


def test_packages_are_found_by_completion_and_imported_on_first_use():
    before = packages_loaded("import deepclust; dir(deepclust)")
    assert not before & {"sklearn", "matplotlib"}
    shown = "import deepclust; assert {'inspection', 'plotting'} <= {*dir(deepclust)}"
    assert "sklearn" in packages_loaded(f"{shown}; deepclust.plotting.plot_map")
