"""The memory law: O(n) with a small constant, and nothing where texts are streamed."""

import importlib
import inspect
import json
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from scripts import load_benchmark
from tiny import light_clusterer

from deepclust import DBSCAN
from deepclust.distributed import dbscan, predict_to_parquet
from deepclust.pipeline import draw_texts

SMALL, LARGE = 10_000, 40_000
WORDS = [f"word{i}" for i in range(500)]


def texts_of(n):
    """Yield texts of three words, of ten topics; all differ."""
    for row in range(n):
        words = (row * 7 + row // 500) % 50
        topic = row % 10 * 50
        yield f"{WORDS[topic + words]} {WORDS[topic + row // 10 % 50]} row{row % 997}"


def peak(function, *arguments):
    """Return the peak of the memory that a call takes, in MB."""
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(300, 4)) * 9, 5, axis=0)
    return DBSCAN(0.5, min_samples=3).fit(X)


def assign(n, model):
    X = np.repeat(model._X, -(-n // len(model._X)), axis=0)[:n]
    return peak(model.assign, X)


def test_assigned_rows_take_the_memory_of_their_results(model):
    """300 clusters: all memberships at once would be 48 MB at 40,000 rows."""
    model.assign(model._X)  # what the first call keeps
    assert assign(LARGE, model) - assign(SMALL * 2, model) < 5


def test_a_sample_takes_the_memory_of_two():
    small, large = (peak(draw_texts, texts_of(n), 1_000) for n in (SMALL, LARGE))
    assert large < 1.2 * small


def test_texts_predicted_to_files_take_the_memory_of_a_part(tmp_path):
    pytest.importorskip("pyarrow")
    pipeline = light_clusterer().fit([*texts_of(300)])

    options = {"batch_size": 500, "resume": False}

    def predict(n):
        return peak(
            lambda: predict_to_parquet(pipeline, texts_of(n), tmp_path, **options)
        )

    predict(1_000)
    assert predict(4_000) < 1.3 * predict(1_000)


def test_clusters_of_many_blocks_take_the_memory_of_two():
    dask, da = pytest.importorskip("dask"), pytest.importorskip("dask.array")

    def rows_of(number):
        rng = np.random.default_rng(number)
        centers = 9 * np.eye(20, 64)[rng.integers(0, 20, 2000)]
        return (centers + rng.normal(size=centers.shape)).astype(np.float32)

    def cluster(n_blocks):
        parts = [dask.delayed(rows_of)(number) for number in range(n_blocks)]
        blocks = [da.from_delayed(part, (2000, 64), np.float32) for part in parts]
        return peak(lambda: dbscan(da.concatenate(blocks), 11.0, min_samples=5))

    cluster(1)  # what the first call imports
    assert cluster(8) < 1.3 * cluster(2)  # 2,000 rows are 0.5 MB


# Public functions that the script does not measure, and why.
OF_A_RESULT = "takes a table of clusters, a model or a history, no texts"
NOT_MEASURED = {
    **dict.fromkeys(("cluster_names", "naming_prompt"), OF_A_RESULT),
    **dict.fromkeys(("plot_dendrogram", "plot_drift", "plot_eps_path"), OF_A_RESULT),
    **dict.fromkeys(("plot_model_selection", "plot_noise"), OF_A_RESULT),
    "plot_training": OF_A_RESULT,
    "clustering_accuracy_scorer": "predict, then the score",
    "coverage_scorer": "predict, then the score",
    "matched_f1_scorer": "predict, then the score",
    "noise_aware_silhouette_scorer": "predict, then the score",
}
GROWTH = load_benchmark("memory_growth")


@pytest.fixture(scope="module")
def measured():
    """Return the MB that each function takes of 10,000 and 40,000 texts, 2 threads."""
    run = [sys.executable, GROWTH.__file__, "--json"]
    run += ["--n-texts", f"{SMALL}", f"{LARGE}"]
    threads = os.environ | {"LOKY_MAX_CPU_COUNT": "2"}
    done = subprocess.run(
        run, stdout=subprocess.PIPE, text=True, check=True, env=threads
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", GROWTH.FUNCTIONS)
def test_memory_grows_as_the_texts(name, measured):
    small, large = measured[name]
    assert large < 5 * small + 10  # MB, as pages may be taken that were free before
    assert large < 400  # a byte for each pair of texts would be 1,600


def test_every_public_function_is_measured():
    rooms = ("clustering", "inspection", "metrics", "plotting", "reporting")
    modules = [importlib.import_module(f"deepclust.{room}") for room in rooms]
    public = {name for m in modules for name in m.__all__ if _is_function(m, name)}
    assert public - {*GROWTH.FUNCTIONS} == {*NOT_MEASURED}


def _is_function(module, name):
    return inspect.isfunction(inspect.unwrap(getattr(module, name)))
