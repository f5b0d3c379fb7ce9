"""Peak memory of public functions beyond their input, at two numbers of texts.

    python examples/benchmarks/memory_growth.py --only cluster_table find_topics

Synthetic texts of three words, embeddings of 64 dimensions, 100 clusters; the pipeline
is the model file of the tests, which knows none of the words. MB of resident memory, as
Linux counts them, elsewhere by `tracemalloc`, without what a first call imports; the
last column is the growth, 4 where it is linear.
"""

import argparse
import copy
import ctypes
import gc
import json
import tracemalloc
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import matplotlib as mpl
import numpy as np

from deepclust import (
    DBSCAN,
    RNNLSTMEncoder,
    TextCleaner,
    Vectorizer,
    load,
)
from deepclust import clustering as c
from deepclust import inspection as i
from deepclust import metrics as m
from deepclust import plotting as p
from deepclust.datasets import load_texts
from deepclust.reporting import summarize, write_report

ROOT = Path(__file__).parents[2]
CLEAR = Path("/proc/self/clear_refs")  # of Linux
N_CLUSTERS, N_FEATURES = 100, 64
WORDS = [f"word{number}" for number in range(500)]


class Data(NamedTuple):
    texts: list
    labels: np.ndarray
    X: np.ndarray
    dates: np.ndarray
    model: DBSCAN  # of X
    pipeline: object


def data(n_texts):
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, N_CLUSTERS, n_texts)
    X = rng.normal(size=(N_CLUSTERS + 1, N_FEATURES))[labels]
    X += 0.1 * rng.normal(size=X.shape)
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    words = rng.integers(0, 500, (n_texts, 3))
    texts = [f"{WORDS[a]} {WORDS[b]} {WORDS[d]} row{a * d}" for a, b, d in words]
    dates = np.datetime64("2024-01-01") + np.arange(n_texts) % 400
    model = DBSCAN(0.05, min_samples=5, metric="cosine").fit(X)
    pipeline = load(ROOT / "tests" / "persistence" / "model_v1.dct")
    return Data(texts, labels, X, dates, model, pipeline)


def clusterer():
    return DBSCAN(0.05, min_samples=5, metric="cosine")


class Edit(NamedTuple):
    """An edit of a copy of the model, which is made before memory is counted."""

    function: object
    arguments: tuple

    def prepared(self, d):
        model = copy.deepcopy(d.model)
        return lambda _: self.function(model, *self.arguments)


def train(d):
    """Make pseudo-labels of a given number, and train a small network."""
    ids = np.unique(" ".join(d.texts).split(), return_inverse=True)[1] + 2
    sizes = {"embedding_dim": 16, "rnn_units": 16, "lstm_units": 16}
    encoder = RNNLSTMEncoder(n_pseudo_classes=4, epochs=1, **sizes)
    encoder.fit(ids.reshape(len(d.texts), -1))


def report(d):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        options = {"labels": d.labels, "embeddings": d.X, "projection": "pca"}
        write_report(None, d.texts, path, **options)


def prompts(d):
    with TemporaryDirectory() as folder:
        i.export_prompts(Path(folder) / "prompts.json", d.texts, layers(d))


def read(d):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.txt"
        path.write_text("\n".join(d.texts), "utf-8")
        load_texts(path)


def layers(d):
    return np.stack([np.where(d.labels < 0, -1, d.labels // 10), d.labels], axis=1)


FUNCTIONS = {
    "TextCleaner.transform": lambda d: TextCleaner().fit(["a"]).transform(d.texts),
    "Vectorizer.fit_transform": lambda d: Vectorizer(word_vectors=None).fit_transform(
        d.texts
    ),
    "Vectorizer.partial_fit": lambda d: Vectorizer(word_vectors=None).partial_fit(
        d.texts
    ),
    "Pipeline.predict": lambda d: d.pipeline.predict(d.texts),
    "Pipeline.predict_proba": lambda d: d.pipeline.predict_proba(d.texts),
    "Pipeline[:-1].transform": lambda d: d.pipeline[:-1].transform(d.texts),
    "RNNLSTMEncoder.fit": train,
    "load_texts": read,
    "DBSCAN.fit": lambda d: clusterer().fit(d.X),
    "DBSCAN.partial_fit": lambda d: clusterer().partial_fit(d.X),
    "DBSCAN.predict": lambda d: d.model.predict(d.X),
    "DBSCAN.predict_proba": lambda d: d.model.predict_proba(d.X),
    "DBSCAN.predict_layers": lambda d: d.model.predict_layers(d.X),
    "DBSCAN.score": lambda d: d.model.score(d.X),
    "merge": Edit(c.merge, ([0, 1],)),
    "split": Edit(c.split, (0, 2)),
    "rename": Edit(c.rename, ({0: "first"},)),
    "split_by_labels": lambda d: c.split_by_labels(
        copy.deepcopy(d.model), d.X, d.X[:, 0] > 0
    ),
    "align": lambda d: c.align(d.labels, np.roll(d.labels, 1)),
    "cluster_keywords": lambda d: i.cluster_keywords(d.texts, d.labels),
    "representative_texts": lambda d: i.representative_texts(
        d.texts, d.labels, embeddings=d.X
    ),
    "borderline_texts": lambda d: i.borderline_texts(d.texts, d.labels, embeddings=d.X),
    "cluster_table": lambda d: i.cluster_table(d.texts, d.labels, embeddings=d.X),
    "cluster_tree": lambda d: i.cluster_tree(d.X, d.labels),
    "export_prompts": prompts,
    "layer_names": lambda d: i.layer_names(d.texts, layers(d)),
    "find_topics": lambda d: i.find_topics("word7 word8", d.texts, d.labels),
    "duplicate_groups": lambda d: i.duplicate_groups(d.texts),
    "repeated_sentences": lambda d: i.repeated_sentences(d.texts),
    "prediction_table": lambda d: i.prediction_table(d.pipeline, d.texts),
    "drift": lambda d: i.drift(d.pipeline, d.texts, reference=d.texts),
    "explain": lambda d: i.explain(d.pipeline, d.texts[0]),
    "noise_aware_silhouette_score": lambda d: m.noise_aware_silhouette_score(
        d.X, d.labels
    ),
    "dbcv_score": lambda d: m.dbcv_score(d.X, d.labels),
    "clustering_accuracy_score": lambda d: m.clustering_accuracy_score(
        d.labels // 2, d.labels
    ),
    "coverage_score": lambda d: m.coverage_score(d.labels),
    "matched_precision_recall_f1": lambda d: m.matched_precision_recall_f1(
        d.labels // 2, d.labels
    ),
    "matched_confusion_table": lambda d: m.matched_confusion_table(
        d.labels // 2, d.labels
    ),
    "align_clusterings": lambda d: m.align_clusterings(d.labels, np.roll(d.labels, 1)),
    "compare_clusterings": lambda d: m.compare_clusterings(
        d.labels, np.roll(d.labels, 1)
    ),
    "plot_map": lambda d: p.plot_map(d.X, d.labels),
    "project": lambda d: p.project(d.X),
    "plot_cluster_sizes": lambda d: p.plot_cluster_sizes(d.labels),
    "plot_class_table": lambda d: p.plot_class_table(d.labels, d.labels // 2),
    "plot_layers": lambda d: p.plot_layers(layers(d)),
    "plot_similarity": lambda d: p.plot_similarity(d.X, d.labels),
    "plot_topics_over_time": lambda d: p.plot_topics_over_time(d.labels, d.dates),
    "plot_lengths": lambda d: p.plot_lengths(d.texts),
    "plot_word_frequencies": lambda d: p.plot_word_frequencies(d.texts),
    "summarize": lambda d: summarize(
        None, d.texts, labels=d.labels, embeddings=d.X, projection="pca"
    ),
    "write_report": report,
}


def peak(name, given):
    """Return the peak of the memory that a call takes, in MB."""
    function = FUNCTIONS[name]
    if isinstance(function, Edit):
        function = function.prepared(given)
    gc.collect()
    if not CLEAR.exists():
        tracemalloc.start()
        try:
            function(given)
            return tracemalloc.get_traced_memory()[1] / 1e6
        finally:
            tracemalloc.stop()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory would be taken again, unseen
    CLEAR.write_text("5")  # the peak is now what is resident
    before = status("VmRSS")
    function(given)
    return max(status("VmHWM") - before, 0)


def status(name):
    """Return a size of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(name + ":"))
    return int(kilobytes) * 1024 / 1e6


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-texts", type=int, nargs=2, default=[10_000, 40_000])
    parser.add_argument("--only", nargs="+", choices=FUNCTIONS, default=[*FUNCTIONS])
    parser.add_argument("--json", action="store_true", help="not as a table")
    options = parser.parse_args()
    mpl.use("Agg")
    warnings.simplefilter("ignore")
    first, *inputs = [data(n) for n in (1000, *options.n_texts)]
    found = {}
    for name in options.only:
        peak(name, first)  # what the first call imports and keeps
        found[name] = [peak(name, given) for given in inputs]
    if options.json:
        print(json.dumps(found))
        return
    few, many = options.n_texts
    print(f"| function | {few:,} | {many:,} | growth |\n|---|---:|---:|---:|")
    for name, (small, large) in found.items():
        growth = large / small if small else 1.0
        print(f"| `{name}` | {small:.1f} | {large:.1f} | {growth:.1f} |")


if __name__ == "__main__":
    main()
