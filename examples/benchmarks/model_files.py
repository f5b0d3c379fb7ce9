"""Time saving and loading of model files, and the first prediction of a new process.

    python examples/benchmarks/model_files.py model.dct --rows 2000000

Saves and loads the model in the file, and a DBSCAN of that many rows of 64 numbers (2
million: 0.5 GB). "with a key" and "with a passphrase" are encrypted; the difference of
the two is scrypt, which takes the same time for any file. Columns: GB/s by the clock,
the best and the median of --times runs, and by the CPU time of the best, which other
processes disturb less; seconds of the best. Files are read from the cache of the system
and written to --folder with fsync.

Then the model predicts one text in a new process. Columns: seconds of importing what is
not ours, scikit-learn and spaCy; of `from deepclust import load`; of `load`; of
`predict`; their sum.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from deepclust import DBSCAN, load, save
from deepclust.persistence import RoleKey

KEY, PASSPHRASE = RoleKey.generate("owner"), "correct horse battery staple"
WAYS = {
    "plain": ({}, {}),
    "plain, mmap=True": ({}, {"mmap": True}),
    "with a key": ({"keys": KEY}, {"keys": KEY}),
    "with a passphrase": ({"passphrase": PASSPHRASE}, {"passphrase": PASSPHRASE}),
}
FIRST_PREDICTION = """
import sys, time
times = [time.perf_counter()]
def tick():
    times.append(time.perf_counter())
import sklearn.pipeline, sklearn.neighbors, spacy
tick()
from deepclust import load
tick()
model = load(sys.argv[1])
tick()
model.predict(["how do I sort a list in python"])
tick()
steps = [b - a for a, b in zip(times, times[1:])]
print(" | ".join(f"{step:.2f}" for step in [*steps, times[-1] - times[0]]))
"""


def timed(work, times):
    """Call `work`; return its seconds by the clock and of the CPU, a pair a call."""
    pairs = []
    for _ in range(times):
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        pairs.append((time.perf_counter() - clock, time.process_time() - cpu))
    return pairs


def compare(model, folder, times):
    """Print a line for each way to save and to load a model."""
    path = folder / "model.dct"
    for name, (saving, loading) in WAYS.items():
        save(model, path, **saving)
        size = path.stat().st_size / 1e9
        works = {
            "save": lambda options=saving: save(model, path, **options),
            "load": lambda options=loading: load(path, **options),
        }
        if "mmap" in loading:
            del works["save"]  # as above
        for verb, work in works.items():
            clock, cpu = zip(*timed(work, times), strict=True)
            speeds = (min(clock), statistics.median(clock), min(cpu))
            figures = " | ".join(f"{size / seconds:.2f}" for seconds in speeds)
            print(f"| {verb} {name} | {figures} | {min(clock):.2f} |", flush=True)
    path.unlink()


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=tempfile.gettempdir())
    options = parser.parse_args()
    models = {options.model.name: load(options.model)}
    if options.rows:
        clusterer = DBSCAN(0.1, min_samples=2, memory_limit="8GiB")
        distinct = np.random.default_rng(0).random((1000, 64), dtype=np.float32)
        rows = np.resize(distinct, (options.rows, 64))
        models[f"{options.rows:,} rows"] = clusterer.fit(rows)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, model in models.items():
            print(f"| {name} | best GB/s | median | CPU | seconds |")
            print("|---|---|---|---|---|")
            compare(model, Path(folder), options.times)
        predicting = save(
            models[options.model.name], Path(folder, "predict.dct"), profile="predict"
        )
        print(
            "| others' imports | import | load | predict | all |\n|---|---|---|---|---|"
        )
        for _ in range(options.times):
            command = [sys.executable, "-c", FIRST_PREDICTION, str(predicting)]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"| {run.stdout.strip()} |", flush=True)


if __name__ == "__main__":
    main()
