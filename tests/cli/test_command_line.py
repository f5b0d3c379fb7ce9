import csv
import gzip
import io
import json
import os
import pickle
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.utils import Bunch
from tiny import TINIER, light_clusterer, tiny_clusterer

import deepclust
from deepclust import load
from deepclust.cli import _run, main
from deepclust.cli._models import load_model, save_model
from deepclust.cli._output import (
    InputError,
    Progress,
    one_line,
    terminal,
    write_table,
)
from deepclust.datasets import load_texts
from deepclust.encoding import RNNLSTMEncoder
from deepclust.inspection import prediction_table
from deepclust.inspection._overview import cluster_overview
from deepclust.persistence import inspect
from deepclust.plotting._map import even_sample


def columns(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.fixture
def tiny_network(monkeypatch):
    """Let the command train a network that needs a second."""
    real = deepclust.make_text_clusterer
    monkeypatch.setattr(
        "deepclust.pipeline.make_text_clusterer",
        lambda **parameters: real(**parameters).set_params(**TINIER),
    )


@pytest.fixture
def corpus_file(tmp_path, corpus):
    path = tmp_path / "corpus.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "body", "topic"))
        for row, (text, code) in enumerate(
            zip(corpus.texts, corpus.target, strict=True)
        ):
            writer.writerow((row, text, corpus.target_names[code]))
    return path


@pytest.mark.usefixtures("tiny_network")
def test_cluster_predict_report(tmp_path, corpus, corpus_file, capsys, monkeypatch):
    """One model for three commands: fitting is what takes the time."""
    monkeypatch.setenv("COLUMNS", "90")
    clustered = tmp_path / "out"
    arguments = ["--column", "body", "--label", "topic", "--out", str(clustered)]

    dates = ["--dates", "id", "--date-format", "number"]
    assert main(["cluster", str(corpus_file), *arguments, *dates]) == 0

    printed = capsys.readouterr()
    labels = pd.read_csv(clustered / "labels.csv", keep_default_na=False)
    columns = ["row", "cluster", "name", "known_words"]
    assert [*labels][:4] == columns
    assert [*labels][-3:] == ["id", "body", "topic"]  # those of the file
    assert labels["body"].tolist() == corpus.texts
    assert labels["row"].tolist() == list(range(len(corpus.texts)))
    assert labels["known_words"].between(0.5, 1).all()
    table = pd.read_csv(clustered / "clusters.csv")
    assert table["size"].sum() == len(corpus.texts)
    assert (table[["share", "cohesion"]].round(4) == table[["share", "cohesion"]]).all(
        axis=None
    )
    assert set(table["cluster"]) == set(labels["cluster"])
    assert (clustered / "map.png").read_bytes().startswith(b"\x89PNG")
    assert "deepclust" in (clustered / "report.html").read_text("utf-8")
    assert "every text assigned" in printed.out
    lines = [line for line in printed.out.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 90
    assert "encoding" in printed.err
    assert "encoding" not in printed.out
    assert not [path for path in clustered.iterdir() if path.name.startswith(".")]
    saved = load_model(clustered / "model.dct")
    assert (saved["clean"].verbose, saved["encode"].verbose) == (0, 0)

    model, source = str(clustered / "model.dct"), [str(corpus_file)]
    source += ["--column", "body"]

    assert main(["predict", model, *source]) == 0
    printed = capsys.readouterr()
    assert printed.out == (clustered / "labels.csv").read_text("utf-8")
    assert "in a cluster" in printed.err

    new = tmp_path / "new.jsonl"
    chosen = ["--noise", "nearest", "--quiet", "--out", str(new)]
    chosen += ["--id", "topic", "--keep", "body"]
    assert main(["predict", model, *source, *chosen]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
    records = [json.loads(line) for line in new.read_text("utf-8").splitlines()]
    assert min(record["cluster"] for record in records) >= 0
    assert [record["body"] for record in records] == corpus.texts
    assert next(iter(records[0])) == "topic"
    assert "id" not in records[0]

    page = tmp_path / "r.html"
    options = ["--label", "topic", "--out", str(page), "--title", "Four <topics>"]
    assert main(["report", model, *source, *options]) == 0
    assert '<h1 dir="auto">Four &lt;topics&gt;</h1>' in page.read_text("utf-8")
    assert str(page) in capsys.readouterr().out

    data = tmp_path / "r.json"
    assert main(["report", model, *source, "--format", "json", "--out", str(data)]) == 0
    summary = json.loads(data.read_text("utf-8"))
    assert summary["corpus"]["n_texts"] == len(corpus.texts)


@pytest.mark.usefixtures("tiny_network")
def test_the_model_is_that_of_python(tmp_path, corpus, corpus_file, monkeypatch):
    """Broader layers included, whatever the encoder relates."""
    monkeypatch.setattr(
        RNNLSTMEncoder,
        "related_embeddings",
        lambda encoder, means: np.arange(len(means))[:, None] % 2.0,
    )
    options = ["--column", "body", "--quiet", "--out", str(tmp_path / "out")]
    assert main(["cluster", str(corpus_file), *options]) == 0

    model = load(tmp_path / "out" / "model.dct")[-1]
    expected = tiny_clusterer(**TINIER).fit(corpus.texts)[-1]

    np.testing.assert_array_equal(model.layers_, expected.layers_)
    assert model.layers_.shape[1] > 1
    assert model.layer_names_ == expected.layer_names_
    assert model.cluster_names_ == expected.cluster_names_


@pytest.mark.usefixtures("tiny_network")
def test_noise_nearest_limit_quiet_and_format(tmp_path, corpus_file, capsys):
    arguments = [str(corpus_file), "--column", "body", "--out", str(tmp_path / "out")]
    chosen = ["--noise", "nearest", "--limit", "200", "--quiet", "--format", "parquet"]
    chosen += ["--layer", "broad", "--profile", "share"]

    assert main(["cluster", *arguments, *chosen]) == 0

    labels = pd.read_parquet(tmp_path / "out" / "labels.parquet")
    assert len(labels) == 200
    assert labels["cluster"].min() >= 0
    model = load(tmp_path / "out" / "model.dct")
    assert inspect(tmp_path / "out" / "model.dct")["profile"] == "share"
    assert len(model["cluster"].labels_) < 200  # means stand for several texts
    assert model["cluster"].layer == "broad"
    assert "s  encoding" not in capsys.readouterr().err


@pytest.mark.usefixtures("tiny_network")
def test_word_vectors_of_a_file_stand_beside_those_of_the_texts(
    tmp_path, corpus, corpus_file
):
    vectors, out = tmp_path / "secret_place.txt", tmp_path / "out"
    words = sorted({word for text in corpus.texts for word in text.lower().split()})
    vectors.write_text("\n".join(f"{w} {len(w)} {ord(w[0])} 1" for w in words))
    options = ["--word-vectors", str(vectors), "--limit", "150", "--quiet"]
    options += ["--column", "body", "--out", str(out)]

    assert main(["cluster", str(corpus_file), *options]) == 0

    model, labels = load(out / "model.dct"), pd.read_csv(out / "labels.csv")
    assert model["vectorize"].embedding_matrix_.shape[1] == 32 + 3
    assert model["vectorize"].word_vectors is None
    assert b"secret_place" not in (out / "model.dct").read_bytes()
    assert model.predict(labels["body"]).tolist() == labels["cluster"].tolist()


def test_word_vectors_are_checked_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "wordllama", None)
    monkeypatch.setattr(_run, "read_corpus", lambda *a, **k: pytest.fail("has begun"))
    for source, message in (
        ("wordllama", 'pip install "deepclust[wordllama]"'),
        ("no/glove.txt", "--word-vectors no/glove.txt: no such file"),
    ):
        for command in (["cluster", "texts.csv"], ["demo"]):
            assert main([*command, "--word-vectors", source]) == 2
            error = capsys.readouterr().err
            assert error.count("\n") == 1
            assert message in error


def test_word_vectors_of_the_option_come_after_those_of_the_texts(monkeypatch):
    monkeypatch.setitem(sys.modules, "wordllama", sys)  # installed
    assert _run.check_word_vectors(["wordllama"]) == ["corpus", "wordllama"]
    assert _run.check_word_vectors(["wordllama", "corpus"]) == ["corpus", "wordllama"]
    assert (
        _run.check_word_vectors(["corpus"]) == _run.check_word_vectors([]) == "corpus"
    )


def test_a_malformed_file_of_word_vectors_is_one_line(tmp_path, corpus_file, capsys):
    vectors = tmp_path / "glove.txt"
    vectors.write_text("soup 1 2\nbread 1\n")
    options = ["--column", "body", "--out", str(tmp_path / "out"), "--quiet"]
    options += ["--word-vectors", str(vectors)]

    assert main(["cluster", str(corpus_file), *options]) == 2

    error = capsys.readouterr().err
    assert error.startswith(f"deepclust: error: {vectors}, line 2")
    assert error.count("\n") == 1


@pytest.mark.usefixtures("tiny_network")
def test_of_many_texts_a_sample_is_learned_from(
    tmp_path, corpus, corpus_file, capsys, monkeypatch
):
    monkeypatch.setattr(deepclust.pipeline, "MAX_FIT_TEXTS", 200)

    options = ["--column", "body", "--out", str(tmp_path / "out")]
    assert main(["cluster", str(corpus_file), *options, "--profile", "share"]) == 2
    assert "takes up to 200 texts" in capsys.readouterr().err
    assert main(["cluster", str(corpus_file), *options]) == 0

    n_texts = len(corpus.texts)
    assert f"fitted on 200 of the {n_texts} texts" in capsys.readouterr().err
    model = load(tmp_path / "out" / "model.dct")
    assert len(model[-1].labels_) == 200
    found = pd.read_csv(tmp_path / "out" / "labels.csv")
    again = prediction_table(model, corpus.texts)
    for column in ("cluster", "known_words", "membership"):
        assert found[column].tolist() == again[column].tolist()


@pytest.mark.usefixtures("tiny_network")
@pytest.mark.parametrize("keeps", [False, True])
def test_boilerplate_is_named_or_kept(tmp_path, corpus_file, capsys, keeps):
    frame = pd.read_csv(corpus_file)
    frame["body"] += " Please do not reply to this message"
    frame.to_csv(corpus_file, index=False)
    options = ["--column", "body", "--out", str(tmp_path / "out")]

    assert (
        main(["cluster", str(corpus_file), *options, *keeps * ["--keep-boilerplate"]])
        == 0
    )

    assert ("are left out, such as" in capsys.readouterr().err) is not keeps
    cleaner = load(tmp_path / "out" / "model.dct")["clean"]
    assert ("please do not reply" in cleaner.boilerplate_) is not keeps


@pytest.mark.usefixtures("tiny_network")
def test_labels_of_some_rows_are_learned(tmp_path, corpus, corpus_file, capsys):
    frame = pd.read_csv(corpus_file)
    frame.loc[frame.index % 4 > 0, "topic"] = None
    frame.to_csv(corpus_file, index=False)
    options = ["--column", "body", "--label", "topic", "--out", str(tmp_path / "out")]

    assert main(["cluster", str(corpus_file), *options, "--learn-labels"]) == 0

    assert "which were used\nto find the clusters" in capsys.readouterr().out
    model = load(tmp_path / "out" / "model.dct")
    assert model["encode"].classes_.tolist() == sorted(corpus.target_names)
    found = pd.read_csv(tmp_path / "out" / "labels.csv")
    assert found["cluster"].tolist() == model.predict(corpus.texts).tolist()
    assert len(found) == len(corpus.texts)
    frame["topic"] = None
    frame.to_csv(corpus_file, index=False)
    capsys.readouterr()
    assert main(["cluster", str(corpus_file), *options, "--learn-labels"]) == 2
    assert "no text has a label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["cluster", "{corpus}", "--column", "body", "--learn-labels"],
            "needs --label",
        ),
        (["cluster", "no-such-file.csv"], "no file or folder 'no-such-file.csv'"),
        (["cluster", "{corpus}"], "several columns: 'id', 'body', 'topic'"),
        (["cluster", "{corpus}", "--column", "text"], "no column 'text'"),
        (["cluster", "{corpus}", "--column", "body", "--id", "nr"], "no column 'nr'"),
        (["cluster", "{corpus}", "--column", "body", "--keep", "x"], "no column 'x'"),
        (["cluster", "{corpus}", "--separator", ";;"], "must be one character"),
        (["cluster", "{corpus}", "--sheet", "one"], "no Excel file"),
        (["predict", "no.dct", "{corpus}", "--format", "xlsx"], "--out"),
        (["cluster", "{corpus}", "--column", "body", "--encoding", "nix"], "nix"),
        (["cluster", "{corpus}", "--column", "body", "--out", "{corpus}"], "cannot"),
        (["cluster", "{corpus}", "--column", "body", "--language", "xx-no"], "xx-no"),
        (["cluster", "{corpus}", "--column", "body", "--dates", "topic"], "no date"),
        (["cluster", "{corpus}", "--column", "body", "--dates", "id"], "--date-format"),
        (["predict", "no.dct", "{corpus}"], "no model 'no.dct'"),
        (["predict", "{corpus}", "{corpus}"], "no model file of deepclust"),
        (["predict", "no.dct", "{corpus}", "--out", "a.doc"], "give --format"),
        (["predict", "no.dct", "{corpus}", "--format", "parquet"], "--out"),
        (
            ["predict", "no.dct", "{corpus}", "--parts", "p", "--out", "a.csv"],
            "--parts",
        ),
        (["report", "{corpus}", "{corpus}"], "no model file of deepclust"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments, message, corpus_file, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    arguments = [argument.format(corpus=corpus_file) for argument in arguments]

    assert main([*arguments, "--quiet"]) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("deepclust: error: ")
    assert message in error


GZIP = gzip.compress(b"a\nb\n" * 99, mtime=0)  # the same in every process


def bomb(path):
    with gzip.open(path, "wb") as file:
        for _ in range(120):
            file.write(b"a" * 1_000_000)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("deep.jsonl", "[" * 100_000, "line 1: not JSON"),
        ("deep.jsonl", '{"text": ' * 100_000, "line 1: not JSON"),
        ("number.jsonl", f'{{"text": {"1" * 5_000}}}', "line 1: not JSON"),
        ("bomb.txt.gz", bomb, "more than 100 times its size"),
        ("cut.txt.gz", GZIP[:20], "not a whole gzip file"),
        ("bad.txt.gz", GZIP[:10] + b"\xff" * 9, "not a whole gzip file"),
    ],
)
def test_hostile_files_are_one_line_and_status_2(
    name, content, message, tmp_path, capsys
):
    path = tmp_path / name
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content)

    assert main(["cluster", str(path), "--quiet"]) == 2

    error = capsys.readouterr().err
    assert (error.count("\n"), message in error) == (1, True)


@pytest.mark.parametrize(
    ("code", "environment", "target", "message"),
    [
        ("print('x' * 9999)", {}, "/dev/full", "No space left on device"),
        ("print('\\ud800')", {}, os.devnull, "standard output cannot show"),
        ("print('é')", {"PYTHONIOENCODING": "ascii"}, os.devnull, "(ascii)"),
        ("raise MemoryError('9 GB')", {}, os.devnull, "not enough memory (9 GB)"),
    ],
)
def test_faults_of_the_system_are_one_line_and_status_2(
    code, environment, target, message
):
    code = (
        "import sys; from deepclust.cli import _run, main\n"
        f"def run(*arguments, **_): {code}\n"
        "_run.read_corpus = lambda *arguments: None; _run.run_cluster = run\n"
        "sys.exit(main(['demo', '--quiet']))"
    )
    with open(target, "w") as output:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | environment,
        )

    assert done.returncode == 2
    assert (done.stderr.count("\n"), message in done.stderr) == (1, True), done.stderr


def test_closed_standard_output_is_one_line_and_status_2(monkeypatch, capsys):
    corpus = Bunch(data=["a"])

    def fail_to_write(*_, **__):
        raise OSError("full")

    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(InputError, match="standard output is closed"):
        _run.run_predict(None, corpus, Progress(quiet=True), None, "csv")
    monkeypatch.setattr(_run, "run_cluster", fail_to_write)
    monkeypatch.setattr(_run, "read_corpus", lambda *_, **__: corpus)
    assert main(["demo", "--quiet"]) == 2

    assert capsys.readouterr().err == "deepclust: error: cannot read or write: full\n"


def test_a_limit_spreads_over_texts_labels_and_dates(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"text {n},{'ab'[n % 2]},{1990 + n}\n" for n in range(9)]
    path.write_text("text,kind,year\n" + "".join(rows))

    columns = {"column": "text", "label": "kind", "dates": "year"}
    columns["date_format"] = "number"
    corpus = _run.read_corpus(path, Progress(quiet=True), 3, **columns)

    assert corpus.data == ["text 0", "text 4", "text 8"]
    assert corpus.frame.index.tolist() == [0, 4, 8]
    assert corpus.frame["kind"].tolist() == ["a", "a", "a"]
    assert corpus.target.tolist() == [0, 0, 0]
    assert corpus.dates.tolist() == [1990, 1994, 1998]


def test_csv_is_written_with_the_separator_of_the_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("nr;Text\n1;a, b\n2;c\n")

    corpus = _run.read_corpus(path, Progress(quiet=True))
    write_table(tmp_path / "b.csv", corpus.frame, "csv", corpus.separator)

    assert (tmp_path / "b.csv").read_text() == path.read_text()
    assert "texts in the column 'Text'" in corpus.DESCR


def test_what_utf_8_cannot_encode_is_replaced(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "half \\ud800"}\n')

    corpus = _run.read_corpus(path, Progress(quiet=True))

    assert corpus.data == ["half ?"]
    assert corpus.frame["text"].tolist() == ["half ?"]


@pytest.mark.parametrize("noise", ["nearest", "keep"])
def test_what_nearest_cannot_assign_is_said(noise, capsys):
    model = [deepclust.DBSCAN(noise=noise)]

    _run._say_what_stays_noise(model, np.array([0, -1, -1]), Progress(quiet=True))
    _run._say_what_stays_noise(model, np.array([0, 1]), Progress(quiet=True))

    said = capsys.readouterr().err
    assert ("2 texts are empty" in said) == (noise == "nearest")
    assert said.count("\n") == (noise == "nearest")


def test_a_column_of_the_file_keeps_its_name(capsys):
    frame = pd.DataFrame({"name": ["Ann", "Bob"], "text": ["a", "b"]})
    found = {"cluster": [0, -1], "name": ["x", ""], "nearest": [0, 0]}
    arguments = Bunch(frame=frame), found

    table = _run._label_table(*arguments, None, Progress(quiet=True))

    assert table.columns.tolist() == [
        *("row", "cluster", "deepclust_name", "name", "text"),
    ]
    assert table["name"].tolist() == ["Ann", "Bob"]
    assert "ours is 'deepclust_name'" in capsys.readouterr().err
    table = _run._label_table(*arguments, "text", Progress(quiet=True))
    assert table.columns.tolist() == ["text", "cluster", "deepclust_name", "name"]


def test_a_pickle_is_not_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "exploded"), "w")

    path = tmp_path / "model.joblib"
    path.write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(InputError, match="no model file"):
        load_model(path)

    assert not (tmp_path / "exploded").exists()


def test_a_report_of_texts_of_which_no_word_is_known(tmp_path, fitted_clusterer):
    save_model(fitted_clusterer, tmp_path / "model.dct")
    (tmp_path / "new.txt").write_text("qqqq zzzz\n" * 6)
    files = [str(tmp_path / "model.dct"), str(tmp_path / "new.txt")]

    out = tmp_path / "r.html"
    assert main(["report", *files, "--out", str(out)]) == 0
    assert "6 texts" in out.read_text("utf-8")


def test_a_model_that_is_no_pipeline(tmp_path):
    save_model(deepclust.TextCleaner(), tmp_path / "m.dct")

    with pytest.raises(InputError, match="a TextCleaner, not a pipeline"):
        load_model(tmp_path / "m.dct")


def test_texts_without_words_are_bad_input(tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("...\n!!!\n")

    assert main(["cluster", str(path), "--quiet", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("deepclust: error: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["cluster", "a", "--limit", "0"],
        ["cluster", "a", "--noise", "drop"],
        ["cluster", "a", "--layer", "middle"],
        ["cluster", "a", "--layer", "6"],
        ["cluster"],
        ["predict", "model"],
        ["--bogus"],
        ["reviews.csv"],
    ],
)
def test_bad_usage_is_status_2(arguments, capsys):
    assert main(arguments) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Usage: ")
    assert lines[1].startswith("deepclust: error: ")


@pytest.mark.filterwarnings("default:.*links that leave:UserWarning")
def test_links_that_leave_a_folder_are_read_if_asked(
    tmp_path, fitted_clusterer, capsys
):
    model, folder = str(tmp_path / "model.dct"), tmp_path / "notes"
    save_model(fitted_clusterer, model)
    folder.mkdir()
    (folder / "one.txt").write_text("Simmer the garlic soup")
    (tmp_path / "private.txt").write_text("Bake the bread")
    (folder / "two.txt").symlink_to(tmp_path / "private.txt")

    assert main(["predict", model, str(folder)]) == 0
    printed = capsys.readouterr()
    assert "--follow-links" in printed.err
    assert len(printed.out.splitlines()) == 2
    assert main(["predict", model, str(folder), "--follow-links"]) == 0
    printed = capsys.readouterr()
    assert "--follow-links" not in printed.err
    assert len(printed.out.splitlines()) == 3


def test_a_file_without_a_command_gets_a_hint(capsys):
    assert main(["reviews.csv"]) == 2

    assert "cluster reviews.csv" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["cluster", "predict", "report", "demo"])
def test_every_command_has_help_that_fits_the_terminal(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "88")
    assert main([command, "--help"]) == 0

    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 88
    assert "--out" in shown


def test_no_arguments_print_help(capsys):
    assert main([]) == 0
    assert "cluster reviews.csv" in capsys.readouterr().out


def test_options_without_a_command_belong_to_the_demo(monkeypatch):
    corpora, folders = [], []
    monkeypatch.setattr(_run, "read_corpus", lambda *a, **k: corpora.append(a))
    monkeypatch.setattr(_run, "run_cluster", lambda *a, **k: folders.append(a[2]))

    assert main(["--out", "x", "--limit", "7"]) == 0

    assert (corpora[0][0], corpora[0][2]) == (None, 7)
    assert [str(folder) for folder in folders] == ["x"]
    assert main(["demo"]) == 0
    assert corpora[1][2] == 3_000  # all of them take longer than a demo should


HOSTILE = ["=1+1", "+1", "-1", "@a", "\tx", "＝1", "plain - text", 'say "a, b"', "a\nb"]


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_cells_that_are_formulas_are_guarded(tmp_path, form):
    path = tmp_path / f"a.{form}"

    write_table(path, pd.DataFrame({"cluster": [-1] * 9, "text": HOSTILE}), form)

    read = load_texts(path, column="text").data
    assert read[:4] == ["'=1+1", "'+1", "'-1", "'@a"]
    assert read[5:8] == ["'＝1", "plain - text", 'say "a, b"']
    if form == "csv":
        assert (read[4], read[8]) == ("'\tx", "a\nb")
    numbers = load_texts(path, column="cluster").data
    assert set(numbers) == {"-1"}


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_names_of_columns_that_are_formulas_are_guarded(tmp_path, form):
    write_table(
        tmp_path / "a", pd.DataFrame({"=1+1": [1], "@a": [2], "b\tc": [3]}), form
    )

    names = (tmp_path / "a").read_text().splitlines()[0]
    assert names == {"csv": "'=1+1,'@a,b\tc", "tsv": "'=1+1\t'@a\tb c"}[form]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\n=1+1", "'\n=1+1"),
        ("\r\n@a", "'\r\n@a"),
        ("  =1", "'  =1"),
        ("\xa0=1", "'\xa0=1"),
        ("a;=1", "a;'=1"),
        ("a; =1|+2", "a;' =1|'+2"),
        ("a\t-1", "a\t'-1"),
        ("a, - b; c\n- item", "a, - b; c\n- item"),
    ],
)
def test_formulas_behind_line_breaks_and_other_separators(tmp_path, text, written):
    path = tmp_path / "a.csv"

    write_table(path, pd.DataFrame({"text": [text], "n": [-1]}), "csv")

    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["text", "n"], [written, "-1"]]


@pytest.mark.parametrize(
    "name", ["\x1b[31mred\x07", "a\u202etxt.exe", "a\rb\nc", "\udcff"]
)
@pytest.mark.parametrize("command", ["cluster", "predict", "report", "unknown"])
def test_control_characters_of_file_names_do_not_reach_the_terminal(
    name, command, tmp_path, capsys
):
    path = tmp_path / f"{name}.doc"
    path.write_text("a")
    arguments = [command, str(path)] + [str(path)] * (command in ("predict", "report"))
    if command == "unknown":
        arguments = [str(path)]

    assert main(arguments) == 2

    printed = capsys.readouterr()
    text = (printed.out + printed.err).replace("\n", "")
    assert text
    assert text.isprintable()


@pytest.mark.parametrize("command", ["predict", "report"])
@pytest.mark.parametrize(
    ("out", "message"), [("none/a.csv", "there is no folder"), (".", "it is a folder")]
)
def test_where_nothing_can_be_written_shows_before_the_work(
    command, out, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "deepclust.cli._app.load_model", lambda *_: pytest.fail("too late")
    )
    arguments = [command, "m.dct", "new.csv", "--out", out]
    arguments += ["--format", "csv"] * (command == "predict")

    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_other_formats_keep_every_text(tmp_path, form):
    path = tmp_path / f"a.{form}"

    write_table(path, pd.DataFrame({"cluster": [-1] * 9, "text": HOSTILE}), form)

    assert load_texts(path, column="text").data == HOSTILE


def test_an_excel_sheet_holds_formulas_as_text(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "a.xlsx"
    texts = [*HOSTILE, "bell \x07", "x"]

    write_table(path, pd.DataFrame({"cluster": range(11), "text": texts}), "xlsx")

    assert load_texts(path, column="text").data == [*HOSTILE, "bell  ", "x"]
    assert load_texts(path, column="text").frame["cluster"].tolist() == [*range(11)]


def test_columns_of_json_lines_fit_into_every_format(tmp_path):
    pytest.importorskip("openpyxl")
    mixed = [1, "two", None]
    nested = [{"a": [1]}, None, {"a": []}]
    when = pd.to_datetime(["2024-03-07T10:00Z"] * 3)
    table = pd.DataFrame({"text": ["a", "b", "c"], "mixed": mixed, "nested": nested})
    table = table.assign(when=when)

    for form in ("csv", "tsv", "jsonl", "parquet", "xlsx"):
        path = tmp_path / f"a.{form}"
        write_table(path, table, form)
        frame = load_texts(path, column="text").frame
        assert frame.columns.tolist() == table.columns.tolist()
        assert "two" in frame["mixed"].tolist()
    sheet = load_texts(tmp_path / "a.xlsx", column="text").frame
    assert sheet["nested"].tolist() == ['{"a": [1]}', None, '{"a": []}']
    assert sheet["when"][0].startswith("2024-03-07T10:00")


def test_more_texts_than_an_excel_sheet_has_rows():
    with pytest.raises(InputError, match="1,048,575 rows"):
        _run._check_form("xlsx", 2**20)


@pytest.mark.parametrize("form", ["parquet", "xlsx"])
def test_a_missing_writer_shows_before_the_work(form, monkeypatch, tmp_path):
    for package in ("pyarrow", "openpyxl"):
        monkeypatch.setitem(sys.modules, package, None)
    corpus = Bunch(data=["a"])

    with pytest.raises(InputError, match=r"pip install \"deepclust\[(parquet|excel)\]"):
        _run.run_cluster(corpus, Progress(quiet=True), tmp_path, form, 1, 0, {})


def test_a_failed_write_leaves_the_old_file(tmp_path):
    table, model = tmp_path / "a.parquet", tmp_path / "model.dct"
    for path in (table, model):
        path.write_text("old")

    with pytest.raises(ValueError, match="Could not convert"):
        write_table(table, pd.DataFrame({"a": [object()]}), "parquet")
    with pytest.raises(TypeError, match="tokenizer"):
        save_model(deepclust.TextCleaner(tokenizer=str.split), model)

    assert [path.read_text() for path in (table, model)] == ["old", "old"]
    assert sorted(os.listdir(tmp_path)) == ["a.parquet", "model.dct"]


def test_help_and_version_start_at_once():
    command = [sys.executable, "-X", "importtime", "-m", "deepclust", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.startswith("deepclust ")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"tensorflow", "keras", "sklearn", "pandas", "spacy"}


def test_a_closed_pipe_is_no_error(tmp_path, corpus_file):
    """As in `python -m deepclust ... | head -n 0`."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from deepclust.cli import _run, main; import deepclust.cli._output as o; "
        "_run.read_corpus = lambda *arguments: None; "
        "_run.run_cluster = lambda *arguments, **_: o.terminal().print('x' * 100_000); "
        "sys.exit(main(['demo']))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_is_status_130(monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_run, "read_corpus", interrupted)

    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "deepclust: interrupted\n"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_table_fits_the_terminal(width):
    table = pd.DataFrame(
        {
            "cluster": [*range(5), -1],
            "size": [50_000, 400, 30, 20, 10, 7],
            "share": [0.9, 0.05, 0.03, 0.01, 0.005, 0.005],
            "name": ["alpha, beta", "b", "数据库 " * 9, "", "e", "noise"],
            "keywords": ["alpha, beta, gamma " * 4, "b", "数据库 " * 30, "d", "e", ""],
            "example": ["x" * 500, "\x1b[31mred\nline", "聚类" * 200, "", "y", "z"],
        }
    )

    file = io.StringIO()
    Console(file=file, width=width).print(cluster_overview(table, 3))
    lines = file.getvalue().splitlines()

    assert max(map(columns, lines)) <= width
    assert "\x1b" not in "".join(lines)
    assert len(lines) == 1 + 3 + 1 + 1
    assert "30  in 2 more clusters" in lines[4]
    assert "noise      7" in lines[5]
    assert "…" in lines[1]


def test_texts_are_no_markup_and_hold_no_control_characters(capsys, tmp_path):
    table = pd.DataFrame(
        {"cluster": [0], "size": [9], "share": [1.0]}
        | {
            "name": ["[red]n"],
            "keywords": ["[bold]a[/bold] :smile:"],
            "example": ["\x1b[31mred\x07[/]"],
        }
    )
    file = io.StringIO()
    Console(file=file, width=120, force_terminal=True).print(cluster_overview(table, 3))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())

    assert "[bold]a[/bold] :smile:" in shown
    assert "[31mred [/]" in shown
    assert "\x1b[31m" not in file.getvalue()
    assert "\x07" not in file.getvalue()

    assert main(["cluster", str(tmp_path / "[red]\x1b[2J.csv"), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert "[red]" in error
    assert "\x1b" not in error
    assert main(["\x1b[2J[red]x"]) == 2
    assert main(["demo", "--\x1b[2J"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_file_gets_120_columns(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)

    assert terminal().width == 120
    monkeypatch.setenv("COLUMNS", "60")
    assert terminal().width == 60


def test_one_line_has_no_line_breaks_and_control_characters():
    assert one_line("a\n b\t\x00c\u2028d\u202ee") == "a b c d e"


def test_a_table_for_a_terminal_has_no_control_characters():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    table = pd.DataFrame({"text": ["\x1b[31mred"]})
    shown, piped = Terminal(), io.StringIO()
    write_table(shown, table, "csv")
    write_table(piped, table, "csv")

    assert "\x1b" not in shown.getvalue()
    assert "\x1b[31mred" in piped.getvalue()


@pytest.mark.parametrize(
    ("variable", "colored"), [("FORCE_COLOR", True), ("NO_COLOR", False)]
)
def test_colors_appear_on_terminals_without_no_color(variable, colored, monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "1")
    table = pd.DataFrame({"cluster": [0], "size": [9], "share": [1.0]})
    console = terminal()

    with console.capture() as capture:
        console.print(
            cluster_overview(table.assign(name="n", keywords="k", example="e"), 1)
        )

    assert ("\x1b[" in capture.get()) == colored


def test_bars_are_for_terminals_only(monkeypatch, capsys):
    progress = Progress()

    progress("reading")

    assert list(progress.track(iter("abc"), 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == "   0.0 s  reading\n"


def test_completion_names_commands(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["deepclust"])
    monkeypatch.setenv("_DEEPCLUST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "deepclust ")
    monkeypatch.setenv("COMP_CWORD", "1")

    with pytest.raises(SystemExit) as stopped:
        main()

    assert stopped.value.code == 0
    names = ["cluster", "predict", "report", "drift", "demo", "inspect", "keys"]
    assert capsys.readouterr().out.split() == names


def test_agreement_counts_labeled_texts_only():
    corpus = Bunch(target=np.array([0, 0, 1, 1, -1]))
    labels = np.array([0, 0, 1, -1, 1])

    assigned = np.array([0, 0, 1, 1, 1])
    text = _run._agreement_lines(corpus, labels, assigned, learned=False)

    assert "2 clusters, 2 labels" in text
    assert "which were not used" in text
    assert "every text assigned   AMI 1.000   ARI 1.000" in text
    assert "noise as one cluster  AMI 1.000" not in text


def test_parts_of_any_number_of_files(tmp_path, corpus, capsys):
    pytest.importorskip("pyarrow")
    for n in range(2):
        lines = "\n".join(corpus.texts[n * 30 : n * 30 + 30])
        (tmp_path / f"{n}.txt").write_text(lines, "utf-8")
    arguments = light_clusterer().fit(corpus.texts), tmp_path / "*.txt"

    for was_there in ("written", "was there already"):
        _run.run_parts(*arguments, Progress(), tmp_path / "parts")
        shown = capsys.readouterr()
        assert f"60 texts; part-000000.parquet {was_there}" in shown.err
        assert shown.out.endswith("60 texts in 1 files\n")

    assert len(pd.read_parquet(tmp_path / "parts")) == 60
    with pytest.raises(InputError, match="plain text: it has no columns"):
        _run.run_parts(*arguments, Progress(), tmp_path / "parts", column="text")


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_a_table_written_in_parts_is_that_written_at_once(form, tmp_path, monkeypatch):
    table = pd.DataFrame({"cluster": range(9), "text": HOSTILE})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    write_table(whole, table, form)
    monkeypatch.setattr("deepclust.cli._output.ROWS_WRITTEN", 2)
    write_table(parts, table, form)
    assert parts.read_bytes() == whole.read_bytes()


def test_points_are_computed_of_texts_that_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(_run, "MAX_POINTS_REPORTED", 30)
    monkeypatch.setattr(_run, "MAX_POINTS_DRAWN", 20)
    X, labels = np.random.default_rng(0).normal(size=(100, 3)), np.arange(100) % 4
    points = _run._draw_map(tmp_path / "map.png", X, labels, {}, 0)
    placed = points.any(axis=1)
    assert placed[even_sample(labels, 30)].all()
    assert placed[even_sample(labels, 20)].all()
    assert placed.sum() <= 50


def test_characters_that_no_font_has_are_told_once(tmp_path):
    X, labels = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 2
    with pytest.warns() as told:
        _run._draw_map(tmp_path / "map.png", X, labels, {0: "猫, 犬", 1: "b"}, 0)
    assert [str(one.message)[:15] for one in told] == ["No font in use "]
