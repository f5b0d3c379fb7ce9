"""Predictions in parts: those of one call, also after a run that was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import create_autospec

import joblib
import numpy as np
import pandas as pd
import pytest
from scripts import load_benchmark
from tiny import light_clusterer

from deepclust import make_text_clusterer
from deepclust.clustering import rename
from deepclust.datasets import TextFiles
from deepclust.distributed import predict_to_parquet
from deepclust.distributed._parquet_parts import iter_parts
from deepclust.exceptions import InvalidTextError, TextWarning
from deepclust.inspection import prediction_table

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def model(corpus):
    return light_clusterer().fit(corpus.texts)


def kept(parts):
    return [was_there for _, _, was_there in parts]


def test_the_parts_hold_what_one_call_finds(model, corpus, tmp_path):
    parts = predict_to_parquet(model, iter(corpus.texts), tmp_path, batch_size=70)

    assert [path.name for path in parts] == [f"part-00000{i}.parquet" for i in range(5)]
    found = pd.read_parquet(tmp_path)
    expected = prediction_table(model, corpus.texts, output="pandas")
    assert found.pop("row").tolist() == list(range(len(corpus.texts)))
    assert (found["cluster"] >= 0).any()
    found["name"] = found["name"].astype(object)
    left_out = ["nearest", "nearest_name"]
    pd.testing.assert_frame_equal(
        found, expected.drop(columns=left_out), check_dtype=False
    )


def test_only_what_changed_is_written_again(model, corpus, tmp_path):
    texts = corpus.texts[:250]
    options = {"folder": tmp_path, "batch_size": 100}
    assert kept(iter_parts(model, texts, **options)) == [False] * 3
    assert kept(iter_parts(model, texts, **options)) == [True] * 3
    assert kept(iter_parts(model, texts, **options, resume=False)) == [False] * 3

    changed = [*texts[:120], "another text", *texts[121:]]
    assert kept(iter_parts(model, changed, **options)) == [True, False, True]
    assert kept(iter_parts(model, texts[1:200], **options)) == [False, False]
    assert len(list(tmp_path.iterdir())) == 2  # the third is of no text any more
    model = joblib.load(dump(model, tmp_path.parent / "model"))
    assert kept(iter_parts(model, texts[1:200], **options)) == [True, True]
    model.set_params(cluster__noise="nearest")
    assert kept(iter_parts(model, texts[1:200], **options)) == [False, False]
    rename(model, {0: "the first"})
    assert kept(iter_parts(model, texts[1:200], **options)) == [False, False]
    (tmp_path / "part-000000.parquet").write_bytes(b"no parquet")
    assert kept(iter_parts(model, texts[1:200], **options)) == [False, True]


def test_a_model_that_gives_the_first_texts_the_same_labels(model, corpus, tmp_path):
    model = joblib.load(dump(model, tmp_path.parent / "model"))
    texts, folder = corpus.texts[:150], tmp_path / "parts"
    predict_to_parquet(model, texts, folder)
    model.set_params(clean__n_jobs=2, cluster__n_jobs=2)
    assert kept(iter_parts(model, texts, folder)) == [True]
    model[-1]._core_labels[-1] = 0 if model[-1]._core_labels[-1] else 1
    assert kept(iter_parts(model, texts, folder)) == [False]
    model["count"].idf_ *= 1.1
    assert kept(iter_parts(model, texts, folder)) == [False]
    assert kept(iter_parts(model, texts, folder)) == [True]
    model["count"].analyzer = lambda text: text.split()
    assert kept(iter_parts(model, texts, folder)) == [False]
    assert kept(iter_parts(model, texts, folder)) == [False]


def dump(model, path):
    joblib.dump(model, path)
    return path


def test_files_and_ids(model, corpus, tmp_path):
    rows = enumerate(corpus.texts[:30])
    frame = pd.DataFrame([(f"id {row}", text) for row, text in rows])
    frame.columns = ["key", "body"]
    frame[:20].to_csv(tmp_path / "1.csv", index=False)
    frame[20:].to_csv(tmp_path / "2.csv", index=False)
    columns = {"column": "body", "id_column": "key"}
    pattern, out = str(tmp_path / "*.csv"), tmp_path / "labels"

    predict_to_parquet(model, pattern, out, batch_size=8, **columns)

    found = pd.read_parquet(out)
    assert found["key"].tolist() == frame["key"].tolist()
    np.testing.assert_array_equal(found["cluster"], model.predict(frame["body"]))
    assert kept(iter_parts(model, TextFiles(pattern, **columns), out, batch_size=8))[0]


def test_what_is_no_text_is_refused(model, tmp_path):
    with pytest.raises(InvalidTextError, match="row 1 is None"):
        predict_to_parquet(model, ["a", None], tmp_path)
    with pytest.raises(ValueError, match="Give them to TextFiles"):
        predict_to_parquet(model, ["a"], tmp_path, column="text")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        predict_to_parquet(model, "no such file", tmp_path)
    with pytest.raises(InvalidTextError, match="pass one column"):
        predict_to_parquet(model, pd.DataFrame({"text": ["a"]}), tmp_path)
    with pytest.raises(ValueError, match="batch_size must be"):
        predict_to_parquet(model, ["a"], tmp_path, batch_size=0)
    assert predict_to_parquet(model, [], tmp_path) == []


KILLED = """
import sys, time
import joblib
from deepclust.distributed._parquet_parts import iter_parts
model, texts, folder = sys.argv[1:]
for part in iter_parts(joblib.load(model), joblib.load(texts), folder, batch_size=10):
    print("part", flush=True)
    time.sleep(0.2)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_that_was_killed_goes_on_where_it_stopped(model, corpus, tmp_path):
    files = [dump(x, tmp_path / n) for x, n in ((model, "m"), (corpus.texts, "t"))]
    folder = tmp_path / "parts"
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, *map(str, files), str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    for _ in range(3):
        child.stdout.readline()
    time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    there = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}

    was_there = kept(iter_parts(model, corpus.texts, folder, batch_size=10))

    assert 3 <= sum(was_there) == len(there) < len(was_there) == 30
    assert was_there == sorted(was_there, reverse=True)
    for name, written in there.items():
        assert (folder / name).stat().st_mtime_ns == written
    labels = pd.read_parquet(folder)["cluster"]
    np.testing.assert_array_equal(labels, model.predict(corpus.texts))


def test_the_benchmark_fits_a_model_where_none_is_given(
    corpus, tmp_path, monkeypatch, capsys
):
    script = load_benchmark("out_of_core")
    light = create_autospec(make_text_clusterer, return_value=light_clusterer())
    monkeypatch.setattr(script, "make_text_clusterer", light)
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(corpus.texts), "utf-8")
    given = [str(path), "--n-texts", "500", "--n-sample", "200", "--batch-size", "200"]
    monkeypatch.setattr(sys, "argv", ["out_of_core.py", *given])

    with pytest.warns(TextWarning, match="fitted on 200"):
        script.main()

    said = capsys.readouterr().out
    assert "500 texts in 3 parts" in said
    steps = ["draw a sample", "fit", "predict to files", "again, all parts kept"]
    assert [line.split(" | ")[0][2:] for line in said.splitlines()[2:-1]] == steps
