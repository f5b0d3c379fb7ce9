"""DBSCAN across blocks, by two workers of Dask, against DBSCAN in one process.

    python examples/benchmarks/dbscan_blocks.py --n-rows 100000 --n-blocks 16 --kill

Rows around 100 centers of unit length, as embeddings are; every tenth is noise. Memory
of a worker is the peak of its process, less that before the first block.
"""

import argparse
import os
import resource
import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from deepclust import DBSCAN
from deepclust.distributed import dbscan

SPREAD = 0.05


def block_of(n_rows, n_features, number):
    """Return the rows of a block; each is made where it is needed."""
    centers = np.random.default_rng(0).standard_normal((100, n_features))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    rng = np.random.default_rng(number + 1)
    rows = centers[rng.integers(0, 100, n_rows)]
    rows += SPREAD * rng.standard_normal(rows.shape)
    noise = rng.random(n_rows) < 0.1
    rows[noise] = rng.standard_normal((noise.sum(), n_features))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def use_of():
    """Return CPU seconds of this process so far, and its peak in MB."""
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime, use.ru_maxrss / 1024


def kill_when_counted(folder, n_blocks, pid):
    """Kill a process when a third of the blocks have core points."""
    while 3 * len([*folder.glob("*/*.npy")]) < n_blocks:
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)


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
    size = -(-options.n_rows // options.n_blocks)
    make = dask.delayed(block_of)
    parts = [make(size, options.n_features, n) for n in range(options.n_blocks)]
    shape = (size, options.n_features)
    X = da.concatenate([da.from_delayed(part, shape, np.float32) for part in parts])
    dask.config.set({"distributed.deploy.lost-worker-timeout": "10m"})
    given = {"min_samples": options.min_samples}
    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        TemporaryDirectory() as folder,
    ):
        before = client.run(use_of)
        if options.kill:
            watch = (Path(folder), options.n_blocks, cluster.workers[0].pid)
            Thread(target=kill_when_counted, args=watch, daemon=True).start()
        start = time.perf_counter()
        core, labels = dbscan(X, options.eps, folder=folder, **given)
        seconds = time.perf_counter() - start
        after = client.run(use_of)
    known = [worker for worker in after if worker in before]
    cpu = sum(after[worker][0] - before[worker][0] for worker in known)
    peak = max(after[worker][1] - before[worker][1] for worker in known)
    whole = X.nbytes / 1e6
    print(
        f"blocks: {seconds:.0f} s, {cpu:.0f} CPU s of {len(known)} workers that lived;"
    )
    print(f"a worker took {peak:.0f} MB, the rows {whole:.0f} MB")
    rows = X.compute(scheduler="synchronous")
    start = use_of()[0]
    model = DBSCAN(options.eps, **given).fit(rows)
    cpu = use_of()[0] - start
    same = np.array_equal(labels, model.labels_)
    same &= np.array_equal(core, model.core_sample_indices_)
    noise = f"{model.n_clusters_} clusters, {model.noise_fraction_:.0%} noise"
    print(f"one process: {cpu:.0f} CPU s; {noise}; labels are the same: {same}")


if __name__ == "__main__":
    main()
