"""DBSCAN across blocks, by two workers of Dask, against DBSCAN in one process.

    python examples/benchmarks/dbscan_blocks.py --n-rows 1000000 --n-blocks 20 --kill

Rows of unit length, as embeddings have: a thousand clusters of unequal size and spread,
in a hundred groups, and a tenth of noise; `--spread 3 --eps 0.85` makes clusters that
touch. With `--n-probe`, approximate: how alike the labels are, and the share of the
neighbors that was found, are shown. Memory is the peak of a process, its rows
included, in all and beyond what it has once the libraries are loaded; the one process
has not loaded Dask. Linux alone says so.
"""

import argparse
import os
import resource
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import numpy as np

N_CLUSTERS, N_GROUPS, NOISE = 1000, 100, 0.1


def write_rows(path, n_rows, n_features, factor=1.0):
    """Write the rows, some at a time."""
    rng = np.random.default_rng(0)
    groups = unit(rng.standard_normal((N_GROUPS, n_features), dtype=np.float32))
    apart = rng.standard_normal((N_CLUSTERS, n_features), dtype=np.float32)
    centers = groups[np.arange(N_CLUSTERS) % N_GROUPS] + 0.06 * apart
    spread = factor * rng.uniform(0.02, 0.05, N_CLUSTERS).astype(np.float32)
    share = rng.lognormal(size=N_CLUSTERS)
    share /= share.sum()
    shape = (n_rows, n_features)
    X = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for start in range(0, n_rows, 10_000):
        rows = rng.standard_normal(X[start : start + 10_000].shape, dtype=np.float32)
        some = np.flatnonzero(rng.random(len(rows)) < 1 - NOISE)
        cluster = rng.choice(N_CLUSTERS, len(some), p=share)
        rows[some] = centers[cluster] + spread[cluster, None] * rows[some]
        X[start : start + len(rows)] = unit(rows)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def read_rows(path, start, stop):
    return np.load(path, mmap_mode="r")[start:stop]


def use_of():
    """Return CPU seconds of this process so far, and its peak in MB.

    The peak of `getrusage` would begin with that of the process that started this one.
    """
    use = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return use.ru_utime + use.ru_stime, int(peak) / 1024


def use_with_libraries():
    """Return the same of a worker, once all that a task needs is loaded."""
    import deepclust.distributed._block_tasks  # noqa: F401

    return use_of()


def in_one_process(path, eps, min_samples):
    """Return labels and core points of all rows, CPU seconds, and memory in MB."""
    from deepclust import DBSCAN  # not loaded by workers, which read this script

    seconds, libraries = use_of()
    model = DBSCAN(eps, min_samples=min_samples).fit(np.load(path))
    after, peak = use_of()
    core = model.core_sample_indices_
    return model.labels_, core, after - seconds, peak, libraries


def apart(function, *arguments):
    """Return what a function returns in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def kill_when_counted(folder, n_blocks, pid):
    """Kill a process when a third of the blocks have core points."""
    while 3 * len([*folder.glob("*/*.npy")]) < n_blocks:
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)


def array_of(path, options):
    """Return an array of Dask, each block of which is read where it is needed."""
    import dask
    import dask.array as da

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
    parser.add_argument("--spread", type=float, default=1.0)
    parser.add_argument("--n-probe", type=int)
    parser.add_argument("--kill", action="store_true", help="kill a worker meanwhile")
    options = parser.parse_args()

    import dask
    from distributed import Client, LocalCluster
    from sklearn.metrics import adjusted_rand_score

    from deepclust.distributed import dbscan

    dask.config.set({"distributed.deploy.lost-worker-timeout": "10m"})
    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        TemporaryDirectory() as folder,
    ):
        path = Path(folder) / "rows.npy"
        shape = options.n_rows, options.n_features
        apart(write_rows, path, *shape, options.spread)
        X = array_of(path, options)
        before = client.run(use_with_libraries)
        if options.kill:
            watch = (Path(folder), options.n_blocks, cluster.workers[0].pid)
            Thread(target=kill_when_counted, args=watch, daemon=True).start()
        start = time.perf_counter()
        eps, min_samples = options.eps, options.min_samples
        given = {"min_samples": min_samples, "n_probe": options.n_probe}
        found = dbscan(X, eps, **given, folder=folder)
        seconds = time.perf_counter() - start
        after = client.run(use_of)
        alone = apart(in_one_process, path, eps, min_samples)
    labels, core, cpu_alone, peak_alone, libraries_alone = alone
    known = [worker for worker in after if worker in before]
    cpu = sum(after[worker][0] - before[worker][0] for worker in known)
    peak = max(peak for _, peak in after.values())
    libraries = min(peak for _, peak in before.values())
    print(
        f"blocks: {seconds:.0f} s, {cpu:.0f} CPU s of {len(known)} workers that lived; "
        f"a worker had {peak:.0f} MB, {peak - libraries:.0f} beyond its libraries; "
        f"this process with Dask's scheduler {use_of()[1]:.0f} MB"
    )
    print(
        f"one process: {cpu_alone:.0f} CPU s; it had {peak_alone:.0f} MB, "
        f"{peak_alone - libraries_alone:.0f} beyond its libraries"
    )
    same = np.array_equal(found.labels, labels)
    same &= np.array_equal(found.core_sample_indices, core)
    print(
        f"{len(labels)} rows of {X.nbytes / 1e6:.0f} MB, {labels.max() + 1} clusters, "
        f"{np.mean(labels < 0):.0%} noise; labels are the same: {same}"
    )
    if found.approximate:
        agreement = adjusted_rand_score(labels, found.labels)
        print(f"ARI with them {agreement:.3f}; recall {found.recall:.3f}")


if __name__ == "__main__":
    main()
