"""Results by Dask and by one process: partitions, killed workers, grid search.

    python examples/benchmarks/dask_engine.py texts.txt.gz --n-texts 20000

Two workers of one thread each. The first row is one process and a list; every other
one says whether its result is the same, bit by bit. A worker is killed by SIGKILL when
three tasks are done, while the sample is drawn and while the parts are written; every
partition waits for some time there, so that some are left to do.
"""

import argparse
import os
import signal
import time
import warnings
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import dask
import dask.bag as db
import joblib
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from deepclust import make_text_clusterer
from deepclust.datasets import TextFiles
from deepclust.distributed import predict_to_parquet

N_PARTS = 16
GRID = {"encode__lstm_units": [16, 32]}


def timed(function, *arguments):
    start = time.perf_counter()
    found = function(*arguments)
    return found, time.perf_counter() - start


def slowly(partition):
    time.sleep(0.3)
    return partition


def kill_a_worker(client):
    """Kill a worker process when it has begun; return its thread."""

    def kill():
        while len(client.who_has()) < 3:
            time.sleep(0.05)
        killed.append(client.cluster.workers[0].pid)
        os.kill(killed[0], signal.SIGKILL)

    killed = []
    thread = Thread(target=kill)
    thread.start()
    return thread


def while_a_worker_is_killed(client, function, *arguments):
    thread = kill_a_worker(client)
    found = timed(function, *arguments)
    thread.join()
    client.wait_for_workers(2)
    return found


def parts_of(pipeline, bag):
    with TemporaryDirectory() as folder:
        predict_to_parquet(pipeline, bag, folder)
        return pd.read_parquet(folder)["cluster"].to_numpy()


def grid_scores(pipeline, texts, backend):
    search = GridSearchCV(pipeline, GRID, cv=2, refit=False, error_score="raise")
    with joblib.parallel_config(backend):
        return search.fit(texts).cv_results_["mean_test_score"]


def rows(client, pipeline, texts, partitions, n_searched):
    expected, seconds = timed(clone(pipeline).fit_predict, texts)
    yield "a list, one process", seconds, True
    for n_parts in partitions:
        size = -(-len(texts) // n_parts)
        bag = db.from_sequence(texts, partition_size=size)
        labels, seconds = timed(clone(pipeline).fit_predict, bag)
        yield f"{bag.npartitions} partitions", seconds, np.array_equal(labels, expected)
    bag = db.from_sequence(texts, npartitions=N_PARTS).map_partitions(slowly)
    fitted, seconds = while_a_worker_is_killed(client, clone(pipeline).fit, bag)
    labels = fitted.predict(texts)
    same = np.array_equal(labels, expected)
    yield f"{N_PARTS} partitions, fit, a worker killed", seconds, same
    labels, seconds = while_a_worker_is_killed(client, parts_of, fitted, bag)
    same = np.array_equal(labels, expected)
    yield f"{N_PARTS} partitions, files, a worker killed", seconds, same
    some = texts[:n_searched]
    scores, seconds = timed(grid_scores, pipeline, some, "sequential")
    yield "grid search, one process", seconds, True
    found, seconds = timed(grid_scores, pipeline, some, "dask")
    yield "grid search, joblib's dask backend", seconds, np.array_equal(found, scores)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", type=Path)
    parser.add_argument("--n-texts", type=int, default=20_000)
    parser.add_argument("--n-fitted", type=int, default=5_000)
    parser.add_argument("--partitions", type=int, nargs="*", default=[1, 2, 5, 8])
    parser.add_argument("--n-searched", type=int, default=1_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of the sample, and of few epochs
    texts = list(islice(TextFiles(arguments.texts), arguments.n_texts))
    pipeline = make_text_clusterer(random_state=0)
    pipeline.set_params(max_fit_texts=arguments.n_fitted)
    # on a busy machine a worker takes longer than 15 s to start again
    dask.config.set({"distributed.deploy.lost-worker-timeout": "10m"})
    print("| run | seconds | same result |")
    print("|---|---:|---|")
    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        counts = (arguments.partitions, arguments.n_searched)
        found = rows(client, pipeline, texts, *counts)
        for name, seconds, same in found:
            print(f"| {name} | {seconds:.1f} | {'yes' if same else 'NO'} |", flush=True)


if __name__ == "__main__":
    main()
