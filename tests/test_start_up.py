"""A saved pipeline answers soon after Python starts."""

import pickle
import subprocess
import sys

IMPORTS = "import sklearn.pipeline, spacy"
FIRST_TEXT = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    pipeline = pickle.load(file)
pipeline.predict(["Bake the bread in a hot oven"])
"""


def cpu_seconds(code, *arguments):
    """Return the least of two runs, Python's own start not counted."""
    code = f"import time\n{code}\nprint(time.process_time())"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    return min(float(run.stdout.split()[-1]) for run in runs)


def test_the_first_text_takes_little_more_than_the_imports(fitted_clusterer, tmp_path):
    # A bound in seconds would test the machine: about one second on an idle core.
    file = tmp_path / "pipeline.pickle"
    file.write_bytes(pickle.dumps(fitted_clusterer))

    assert cpu_seconds(FIRST_TEXT, file) < 1.5 * cpu_seconds(IMPORTS)
