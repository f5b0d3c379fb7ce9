"""The partitions of Dask give what a list gives, however many there are."""

import os
import signal
import subprocess
import sys
import threading
import time

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from tiny import light_clusterer

from deepclust.distributed import predict_to_parquet
from deepclust.distributed._partitions import map_partitions
from deepclust.exceptions import InvalidTextError, TextWarning
from deepclust.pipeline import TextClusterer, draw_texts, iter_predict, sample_texts

dask = pytest.importorskip("dask")
db = pytest.importorskip("dask.bag")
dd = pytest.importorskip("dask.dataframe")

SAMPLED = "ignore:The pipeline is fitted on:deepclust.exceptions.TextWarning"


def bag_of(texts, n_parts):
    return db.from_sequence(texts, partition_size=-(-len(texts) // n_parts))


def series_of(texts, n_parts):
    return dd.from_pandas(pd.Series(texts), npartitions=n_parts)


@pytest.fixture(scope="module")
def expected(corpus):
    """Return a pipeline fitted on a sample of the corpus, and the labels."""
    pipeline = light_clusterer(max_fit_texts=200)
    with pytest.warns(TextWarning, match="fitted on 200"):
        labels = pipeline.fit_predict(corpus.texts)
    assert len(np.unique(labels)) > 2
    return pipeline, labels


@pytest.mark.filterwarnings(SAMPLED)
@pytest.mark.parametrize("n_parts", [1, 2, 5, 8])
@pytest.mark.parametrize("collect", [bag_of, series_of])
def test_labels_are_those_of_a_list(corpus, expected, collect, n_parts):
    pipeline, labels = expected
    texts = collect(corpus.texts, n_parts)
    assert texts.npartitions == n_parts

    again = clone(pipeline)
    np.testing.assert_array_equal(again.fit_predict(texts), labels)
    assert not hasattr(clone(pipeline).fit(texts), "labels_")
    np.testing.assert_array_equal(again.predict(texts), labels)
    reduced = np.concatenate([*iter_predict(again[:-1], texts, method="transform")])
    np.testing.assert_array_equal(reduced, pipeline[:-1].transform(corpus.texts))


@pytest.mark.parametrize("n_parts", [1, 3, 8])
def test_the_sample_is_that_of_a_list(n_parts):
    texts = [f"text {row % 40}" for row in range(90)] + ["\ud800", ""]
    for n_texts in (1, 30, 91, 92, 500):
        drawn, rows, n_docs = draw_texts(bag_of(texts, n_parts), n_texts)
        np.testing.assert_array_equal(rows, sample_texts(texts, n_texts))
        assert drawn == [texts[row] for row in rows]
        assert n_docs == 92


def test_all_are_learned_from_where_they_are_few(corpus):
    pipeline = light_clusterer(max_fit_texts=300).fit(bag_of(corpus.texts, 3))
    np.testing.assert_array_equal(pipeline.labels_, pipeline.predict(corpus.texts))


@pytest.mark.filterwarnings(SAMPLED)
def test_targets_are_sampled_with_the_texts(corpus):
    class Counts(TfidfVectorizer):
        def fit_transform(self, texts, y):
            self.y_ = y
            return super().fit_transform(texts)

    steps = light_clusterer().steps
    pipeline = TextClusterer([steps[0], ("count", Counts()), *steps[2:]])
    pipeline.set_params(max_fit_texts=200)
    weights, rows = np.arange(300.0) % 2 * 5, sample_texts(corpus.texts, 200)
    for texts in (bag_of(corpus.texts, 5), series_of(corpus.texts, 2)):
        pipeline.fit(texts, corpus.target, cluster__sample_weight=weights)
        np.testing.assert_array_equal(pipeline["count"].y_, corpus.target[rows])
        np.testing.assert_array_equal(pipeline[-1]._weights, weights[rows])


@pytest.mark.filterwarnings(SAMPLED)
def test_threads_take_turns(corpus, expected):
    pipeline, labels = expected
    at_work = []

    def number_at_work(_):
        at_work.append(1)
        time.sleep(0.02)
        return len(at_work), at_work.pop()

    with dask.config.set(scheduler="threads", num_workers=4):
        again = clone(pipeline).fit_predict(bag_of(corpus.texts, 8))
        seen = map_partitions(number_at_work, bag_of(corpus.texts, 8))
    np.testing.assert_array_equal(again, labels)
    assert seen == [(1, 1)] * 8


def test_without_a_scheduler_it_runs_here(corpus):
    ids = map_partitions(lambda _: threading.get_ident(), bag_of(corpus.texts, 3))
    assert ids == [threading.get_ident()] * 3


def test_parts_are_the_partitions(corpus, expected, tmp_path):
    pytest.importorskip("pyarrow")
    pipeline, labels = expected
    texts = bag_of(corpus.texts, 5)

    paths = predict_to_parquet(pipeline, texts, tmp_path)

    assert [path.name for path in paths] == [f"part-00000{i}.parquet" for i in range(5)]
    found = pd.read_parquet(tmp_path)
    assert found["row"].tolist() == list(range(300))
    np.testing.assert_array_equal(found["cluster"], labels)
    local = predict_to_parquet(pipeline, corpus.texts, tmp_path / "local")
    pd.testing.assert_frame_equal(found, pd.read_parquet(local[0]))

    written = [path.stat().st_mtime_ns for path in paths]
    paths[2].unlink()  # as if the run had been stopped before
    assert predict_to_parquet(pipeline, texts, tmp_path) == paths
    again = [path.stat().st_mtime_ns for path in paths]
    changed = [now != then for now, then in zip(again, written, strict=True)]
    assert changed == [False, False, True, False, False]
    assert len(predict_to_parquet(pipeline, bag_of(corpus.texts, 2), tmp_path)) == 2
    assert len([*tmp_path.glob("*.parquet")]) == 2


def test_a_partition_without_texts_has_no_part(corpus, expected, tmp_path):
    pytest.importorskip("pyarrow")
    pipeline, labels = expected
    texts = bag_of([*corpus.texts[:60], *[""] * 60, *corpus.texts[60:120]], 3)

    paths = predict_to_parquet(pipeline, texts.filter(bool), tmp_path)

    names = ["part-000000.parquet", "part-000002.parquet"]
    assert [path.name for path in paths] == names
    found = pd.read_parquet(tmp_path)
    assert found["row"].tolist() == list(range(120))
    np.testing.assert_array_equal(found["cluster"], labels[:120])


def test_a_table_gives_texts_and_ids(corpus, expected, tmp_path):
    pytest.importorskip("pyarrow")
    pipeline, labels = expected
    columns = {"key": [f"id {row}" for row in range(300)], "body": corpus.texts}
    table = dd.from_pandas(pd.DataFrame({**columns, "more": 1}), npartitions=4)

    options = {"column": "body", "id_column": "key"}
    assert len(predict_to_parquet(pipeline, table, tmp_path, **options)) == 4

    found = pd.read_parquet(tmp_path)
    assert found["key"].tolist() == columns["key"]
    np.testing.assert_array_equal(found["cluster"], labels)
    with pytest.raises(ValueError, match="has several columns: 'key', 'body', 'more'"):
        predict_to_parquet(pipeline, table, tmp_path)
    with pytest.raises(ValueError, match="has no column 'text'"):
        predict_to_parquet(pipeline, table, tmp_path, column="text")
    with pytest.raises(ValueError, match=r"no columns\. Leave out 'body'"):
        predict_to_parquet(pipeline, table["body"], tmp_path, column="body")
    with pytest.raises(InvalidTextError, match="pass one column"):
        light_clusterer().fit(table)


def test_what_is_no_text_is_refused(expected):
    texts = bag_of(["a", "b", "c", None], 2)
    for call in (light_clusterer().fit, expected[0].predict):
        with pytest.raises(InvalidTextError, match=r"row 1 is None.*every partition"):
            call(texts)


def test_any_first_step_takes_partitions(corpus):
    model = make_pipeline(TfidfVectorizer(), light_clusterer()[-1]).fit(corpus.texts)
    found = [*iter_predict(model, bag_of(corpus.texts, 3))]
    np.testing.assert_array_equal(np.concatenate(found), model.predict(corpus.texts))


def test_dask_is_loaded_by_who_passes_it():
    code = (
        "import sys, deepclust.distributed, deepclust.pipeline;"
        "print([m for m in ('dask', 'distributed') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"


@pytest.fixture(scope="module")
def client():
    """Return a client of two worker processes of one thread each."""
    distributed = pytest.importorskip("distributed")
    options = {"threads_per_worker": 1, "dashboard_address": ":0"}
    # on a busy machine a worker takes longer than 15 s to start again
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "10m"}),
        distributed.LocalCluster(2, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def slowly(partition):
    time.sleep(0.2)
    return partition


@pytest.fixture
def one_worker_dies(client):
    """Kill a worker when two tasks are done; tell that it was killed."""

    def kill():
        while len(client.who_has()) < 2:
            time.sleep(0.02)
        os.kill(client.cluster.workers[0].pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    yield
    thread.join(timeout=0)
    assert not thread.is_alive()
    client.wait_for_workers(2)


@pytest.mark.slow
@pytest.mark.filterwarnings(SAMPLED)
@pytest.mark.parametrize("n_parts", [1, 2, 5, 8])
def test_two_workers_find_what_a_list_gives(corpus, expected, client, n_parts):
    pipeline, labels = expected
    again = clone(pipeline)
    np.testing.assert_array_equal(
        again.fit_predict(bag_of(corpus.texts, n_parts)), labels
    )
    np.testing.assert_array_equal(again["count"].idf_, pipeline["count"].idf_)
    assert again["count"].vocabulary_ == pipeline["count"].vocabulary_


@pytest.mark.slow
@pytest.mark.filterwarnings(SAMPLED)
@pytest.mark.usefixtures("one_worker_dies")
def test_a_worker_that_dies_while_the_sample_is_drawn(corpus, expected):
    pipeline, labels = expected
    again = clone(pipeline).fit(bag_of(corpus.texts, 12).map_partitions(slowly))
    np.testing.assert_array_equal(again.predict(corpus.texts), labels)


@pytest.mark.slow
@pytest.mark.usefixtures("one_worker_dies")
def test_a_worker_that_dies_while_parts_are_written(corpus, expected, tmp_path):
    pytest.importorskip("pyarrow")
    pipeline, labels = expected
    texts = bag_of(corpus.texts, 12).map_partitions(slowly)
    assert len(predict_to_parquet(pipeline, texts, tmp_path)) == 12
    found = pd.read_parquet(tmp_path)
    assert found["row"].tolist() == list(range(300))
    np.testing.assert_array_equal(found["cluster"], labels)


@pytest.mark.slow
@pytest.mark.usefixtures("client")
def test_a_grid_search_of_workers_has_the_scores_of_one_process(corpus):
    grid = {"reduce__n_components": [2, 4, 8]}
    search = GridSearchCV(light_clusterer(), grid, cv=2, error_score="raise")
    alone = clone(search).fit(corpus.texts)
    with joblib.parallel_config("dask"):
        search.fit(corpus.texts)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) > 1
    np.testing.assert_array_equal(scores, alone.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(
        search.predict(corpus.texts), alone.predict(corpus.texts)
    )
