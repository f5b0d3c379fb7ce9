"""Texts a second of one model in one and in two processes, which share its arrays.

    python examples/benchmarks/shared_model_throughput.py model.dct texts.txt.gz \
        --processes 1 2

Every process opens the model by load(mmap=True) and predicts all of the texts, after a
first call that builds what predictions need. Private memory is what a process does not
share with others (Linux only), before and after.
"""

import argparse
import time
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from deepclust import load
from deepclust.datasets import TextFiles

FIRST = 1000  # texts


def private_mb():
    rollup = Path("/proc/self/smaps_rollup")
    if not rollup.exists():
        return np.nan
    lines = (line.split() for line in rollup.read_text().splitlines()[1:])
    return sum(int(line[1]) for line in lines if line[0].startswith("Private")) / 1e3


def serve(model, texts, barrier, results):
    pipeline = load(model, mmap=True)
    pipeline.predict(texts[:FIRST])
    barrier.wait()
    start = time.perf_counter()
    labels = pipeline.predict(texts)
    seconds = time.perf_counter() - start
    results.put((seconds, private_mb(), labels.tobytes()))


def measure(model, texts, n_processes):
    context = get_context("spawn")  # a fork after TensorFlow was used hangs
    barrier, results = context.Barrier(n_processes), context.Queue()
    arguments = (model, texts, barrier, results)
    workers = [
        context.Process(target=serve, args=arguments) for _ in range(n_processes)
    ]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    assert len({labels for _, _, labels in found}) == 1
    seconds = max(seconds for seconds, _, _ in found)
    return n_processes * len(texts) / seconds, max(mb for _, mb, _ in found)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--n-texts", type=int, default=20_000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    texts = list(islice(TextFiles(arguments.texts), arguments.n_texts))
    print("| processes | texts a second | private MB of each |")
    print("|---:|---:|---:|")
    for n_processes in arguments.processes:
        rate, private = measure(arguments.model, texts, n_processes)
        print(f"| {n_processes} | {rate:,.0f} | {private:.0f} |", flush=True)


if __name__ == "__main__":
    main()
