"""Time saving and loading of model files, and the first prediction of a new process.

    python examples/benchmarks/model_files.py model.dct --rows 2000000

Saves and loads the model in the file, and a DBSCAN of that many rows of 64 numbers (2
million: 0.6 GB). "with a key" and "with a passphrase" are encrypted; the difference of
the two is scrypt, which takes the same time for any file. Peers write or read the same
arrays: joblib, safetensors, the bytes as they are, which is the least there is to do,
and these with the digest that a model file has. What is written is flushed to the disk
by fsync; files are read from the cache of the system. Each of --times rounds has one
turn of every way. Columns: GB/s by the clock, the best and the median, and by the CPU
time of the best, which other processes disturb less; the median of the ratios to the
bytes as they are; seconds of the best.

Then the model predicts one text in a new process. Columns: CPU seconds of importing
scikit-learn; of `from deepclust import load`; of `load`; of `predict`; of the whole
process; and its seconds by the clock.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from hashlib import sha256
from pathlib import Path

import joblib
import numpy as np
from safetensors.numpy import load_file, save_file

from deepclust import DBSCAN, load, save
from deepclust.persistence import RoleKey
from deepclust.persistence._arrays import write_arrays
from deepclust.persistence._objects import objects_to_sections

BLOCK = 1 << 20
KEY, PASSPHRASE = RoleKey.generate("owner"), "correct horse battery staple"
WAYS = {
    "plain": ({}, {}),
    "plain, mmap=True": ({}, {"mmap": True}),
    "with a key": ({"keys": KEY}, {"keys": KEY}),
    "with a passphrase": ({"passphrase": PASSPHRASE}, {"passphrase": PASSPHRASE}),
}
FIRST_PREDICTION = """
import sys, time
start, times = time.perf_counter(), [time.process_time()]
def tick():
    times.append(time.process_time())
import sklearn.pipeline, sklearn.neighbors
tick()
from deepclust import load
tick()
model = load(sys.argv[1])
tick()
model.predict(["how do I sort a list in python"])
tick()
steps = [b - a for a, b in zip(times, times[1:])]
steps += [times[-1], time.perf_counter() - start]
print(" | ".join(f"{step:.2f}" for step in steps))
"""


def timed(work):
    """Call `work`; return its seconds by the clock and of the CPU."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cpu


def write_bytes(pieces, path):
    """Write the pieces to a file."""
    with path.open("wb") as file:
        file.writelines(pieces)


def write_and_hash(pieces, path):
    """Write the pieces to a file, and hash each block beside."""
    digest = sha256()
    with path.open("wb") as file:
        for piece in pieces:
            for start in range(0, len(piece), BLOCK):
                digest.update(piece[start : start + BLOCK])
                file.write(piece[start : start + BLOCK])


def synced(write, content, path):
    """Write a file, and wait until it is on the disk."""
    write(content, path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def read_bytes(path):
    """Return a file, read into memory that was not used before, as `load` does."""
    data = np.empty(path.stat().st_size, dtype=np.uint8)
    with path.open("rb", buffering=0) as file:
        file.readinto(data)
    return data


def works_of(model, folder):
    """Return the ways to save and those to load a model, by name."""
    path, peer = folder / "model.dct", folder / "peer"
    _, sections = objects_to_sections(model, for_all=True)
    arrays = {f"{role}.{n}": a for role, s in sections.items() for n, a in s.items()}
    pieces = [piece for s in sections.values() for piece in write_arrays(s)]
    saving = {
        "the bytes": partial(synced, write_bytes, pieces, peer),
        "the bytes, and SHA-256": partial(synced, write_and_hash, pieces, peer),
        "joblib": partial(synced, joblib.dump, model, peer),
        "safetensors": partial(synced, save_file, arrays, peer),
    }
    loading = {
        "the bytes": partial(read_bytes, folder / "0"),
        "the bytes, and SHA-256": lambda: sha256(read_bytes(folder / "0")),
        "joblib": partial(joblib.load, folder / "joblib"),
        "safetensors": partial(load_file, folder / "safetensors"),
    }
    for number, (name, (options, reading)) in enumerate(WAYS.items()):
        if "mmap" not in reading:  # else as the one above
            saving[name] = partial(save, model, path, **options)
        save(model, folder / str(number), **options)
        loading[name] = partial(load, folder / str(number), **reading)
    joblib.dump(model, folder / "joblib")
    save_file(arrays, folder / "safetensors")
    return {"save": saving, "load": loading}


def compare(model, folder, times):
    """Print a line for each way to save and to load a model."""
    for verb, works in works_of(model, folder).items():
        size, pairs = (folder / "0").stat().st_size / 1e9, {name: [] for name in works}
        for _ in range(times):
            for name, work in works.items():
                pairs[name].append(timed(work))
        base = [clock for clock, _ in pairs["the bytes"]]
        for name, found in pairs.items():
            clock, cpu = zip(*found, strict=True)
            speeds = (min(clock), statistics.median(clock), min(cpu))
            figures = " | ".join(f"{size / seconds:.2f}" for seconds in speeds)
            ratio = statistics.median(b / c for b, c in zip(base, clock, strict=True))
            print(f"| {verb} {name} | {figures} | {ratio:.2f} | {min(clock):.2f} |")


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
            print(f"| {name} | best GB/s | median | CPU | of the bytes | seconds |")
            print("|---|---|---|---|---|---|")
            place = Path(folder, str(len(name)))
            place.mkdir()
            compare(model, place, options.times)
            shutil.rmtree(place)
        predicting = save(
            models[options.model.name], Path(folder, "predict.dct"), profile="predict"
        )
        print("| scikit-learn | import | load | predict | all | by the clock |")
        print("|---|---|---|---|---|---|")
        for _ in range(options.times):
            command = [sys.executable, "-c", FIRST_PREDICTION, str(predicting)]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"| {run.stdout.strip()} |", flush=True)


if __name__ == "__main__":
    main()
