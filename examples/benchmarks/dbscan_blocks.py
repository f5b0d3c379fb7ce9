"""DBSCAN across blocks, by two workers of Dask, against DBSCAN in one process.

    python examples/benchmarks/dbscan_blocks.py --n-rows 100000 --n-blocks 16 --kill

Rows of unit length, as embeddings have, around 100 centers; a tenth is noise. Memory of
a worker is the peak of its process, less that once the libraries are loaded.
"""

import argparse
import os
import resource
import signal
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from deepclust import DBSCAN
from deepclust.distributed import dbscan

SPREAD, NOISE = 0.05, 0.1


def write_rows(path, n_rows, n_features):
    """Write the rows, some at a time."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((100, n_features), dtype=np.float32)
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    shape = (n_rows, n_features)
    X = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for start in range(0, n_rows, 10_000):
        rows = rng.standard_normal(X[start : start + 10_000].shape, dtype=np.float32)
        some = rng.random(len(rows)) < 1 - NOISE
        rows[some] *= SPREAD
        rows[some] += centers[rng.integers(0, 100, some.sum())]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        X[start : start + len(rows)] = rows


def read_rows(path, start, stop):
    return np.load(path, mmap_mode="r")[start:stop]


def use_of():
    """Return CPU seconds of this process so far, and its peak in MB."""
    import deepclust.distributed  # noqa: F401

    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime, use.ru_maxrss / 1024


def kill_when_counted(folder, n_blocks, pid):
    """Kill a process when a third of the blocks have core points."""
    while 3 * len([*folder.glob("*/*.npy")]) < n_blocks:
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)


def array_of(path, options):
    """Return an array of Dask, each block of which is read where it is needed."""
    shape = -(-options.n_rows // options.n_blocks), options.n_features
    bounds = [*range(0, options.n_rows, shape[0]), options.n_rows]
    read = dask.delayed(read_rows)
    blocks = [
        da.from_delayed(
            read(str(path), start, stop), (stop - start, shape[1]), np.float32
        )
        for start, stop in pairwise(bounds)
    ]
    return da.concatenate(blocks)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-rows", type=int, default=100_000)
    parser.add_argument("--n-features", type=int, default=64)
    parser.add_argument("--n-blocks", type=int, default=16)
    parser.add_argument("--eps", type=float, default=0.45)
    parser.add_argument("--min-samples", type=int, default=10)
    parser.add_argument("--kill", action="store_true", help="kill a worker meanwhile")
    options = parser.parse_args()
    dask.config.set({"distributed.deploy.lost-worker-timeout": "10m"})
    given = {"min_samples": options.min_samples}
    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        TemporaryDirectory() as folder,
    ):
        path = Path(folder) / "rows.npy"
        write_rows(path, options.n_rows, options.n_features)
        X = array_of(path, options)
        before = client.run(use_of)
        if options.kill:
            watch = (Path(folder), options.n_blocks, cluster.workers[0].pid)
            Thread(target=kill_when_counted, args=watch, daemon=True).start()
        start = time.perf_counter()
        found = dbscan(X, options.eps, folder=folder, **given)
        seconds = time.perf_counter() - start
        after = client.run(use_of)
        rows = np.load(path)
    known = [worker for worker in after if worker in before]
    cpu = sum(after[worker][0] - before[worker][0] for worker in known)
    peak = max(after[worker][1] - before[worker][1] for worker in known)
    whole = X.nbytes / 1e6
    print(
        f"blocks: {seconds:.0f} s, {cpu:.0f} CPU s of {len(known)} workers that lived;"
    )
    print(f"a worker took {peak:.0f} MB, the rows {whole:.0f} MB")
    start = use_of()[0]
    model = DBSCAN(options.eps, **given).fit(rows)
    cpu = use_of()[0] - start
    same = np.array_equal(found.labels, model.labels_)
    same &= np.array_equal(found.core_sample_indices, model.core_sample_indices_)
    noise = f"{model.n_clusters_} clusters, {model.noise_fraction_:.0%} noise"
    print(f"one process: {cpu:.0f} CPU s; {noise}; labels are the same: {same}")


if __name__ == "__main__":
    main()
