import csv
import os
import subprocess
import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest
from conftest import TINY
from sklearn.utils import Bunch

import deepclust
from deepclust import __main__ as command_line
from deepclust.__main__ import main


def columns(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.fixture
def tiny_network(monkeypatch):
    """Let the command train a network that needs a second."""
    real = deepclust.make_text_clusterer
    monkeypatch.setattr(
        "deepclust.pipeline.make_text_clusterer",
        lambda **parameters: real(**parameters).set_params(**TINY),
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
def test_a_file_becomes_labels_a_table_and_a_map(
    tmp_path, corpus, corpus_file, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "90")
    out = tmp_path / "out"

    status = main(
        [str(corpus_file), "--column", "body", "--label", "topic", "--out", str(out)]
    )

    printed = capsys.readouterr()
    assert status == 0
    labels = pd.read_csv(out / "labels.csv")
    assert labels["text"].tolist() == corpus.texts
    assert labels["row"].tolist() == list(range(len(corpus.texts)))
    table = pd.read_csv(out / "clusters.csv")
    assert table["size"].sum() == len(corpus.texts)
    assert set(table["cluster"]) == set(labels["cluster"])
    assert (out / "map.png").read_bytes().startswith(b"\x89PNG")
    assert "every text assigned" in printed.out
    lines = [line for line in printed.out.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 90
    assert "encoding" in printed.err
    assert "encoding" not in printed.out


@pytest.mark.usefixtures("tiny_network")
def test_noise_nearest_limit_and_quiet(tmp_path, corpus_file, capsys):
    arguments = [str(corpus_file), "--column", "body", "--out", str(tmp_path / "out")]

    main([*arguments, "--noise", "nearest", "--limit", "200", "--quiet"])

    labels = pd.read_csv(tmp_path / "out" / "labels.csv")
    assert len(labels) == 200
    assert labels["cluster"].min() >= 0
    assert "s  encoding" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-file.csv"], "no file or folder 'no-such-file.csv'"),
        (["{corpus}"], "several columns: 'id', 'body', 'topic'"),
        (["{corpus}", "--column", "text"], "no column 'text'"),
        (["{corpus}", "--column", "body", "--encoding", "no-such"], "no-such"),
        (["{corpus}", "--column", "body", "--out", "{corpus}"], "cannot write"),
        (["{corpus}", "--column", "body", "--language", "xx-none"], "xx-none"),
        (["--column", "body"], "need a FILE"),
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


def test_texts_without_words_are_bad_input(tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("...\n!!!\n")

    assert main([str(path), "--quiet", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("deepclust: error: ")


@pytest.mark.parametrize(
    "arguments", [["--limit", "0"], ["--noise", "drop"], ["--bogus"], ["a", "b"]]
)
def test_bad_usage_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_and_version_start_at_once():
    command = [sys.executable, "-X", "importtime", "-m", "deepclust", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.startswith("deepclust ")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"tensorflow", "keras", "sklearn", "pandas", "spacy"}


def test_a_reader_that_leaves_is_no_error(tmp_path, corpus_file):
    """As in `python -m deepclust ... | head -n 0`."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "import deepclust.__main__ as m; "
        "m._run = lambda arguments: print('x' * 100_000, flush=True); "
        "sys.exit(m.main([]))"
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
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "_run", interrupted)

    assert main([]) == 130
    assert capsys.readouterr().err == "deepclust: interrupted\n"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_table_fits_the_terminal(width):
    table = pd.DataFrame(
        {
            "cluster": [*range(5), -1],
            "size": [50_000, 400, 30, 20, 10, 7],
            "share": [0.9, 0.05, 0.03, 0.01, 0.005, 0.005],
            "keywords": ["alpha, beta, gamma " * 4, "b", "数据库 " * 30, "d", "e", ""],
            "example": ["x" * 500, "\x1b[31mred\nline", "聚类" * 200, "", "y", "z"],
        }
    )

    lines = command_line._format_table(table, 3, width).splitlines()

    assert max(map(columns, lines)) <= width
    assert "\x1b" not in "".join(lines)
    assert len(lines) == 1 + 3 + 1 + 1
    assert "30 in 2 smaller clusters" in lines[4]
    assert "noise     7" in lines[5]


def test_fit_pads_and_cuts_to_the_column():
    assert command_line._fit("ab", 4) == "ab  "
    assert command_line._fit("abcdef", 4) == "abc…"
    assert command_line._fit("数据库表", 5) == "数据…"
    assert columns(command_line._fit("a数据库表", 5)) == 5


def test_agreement_counts_labelled_texts_only():
    corpus = Bunch(target=np.array([0, 0, 1, 1, -1]))
    labels = np.array([0, 0, 1, -1, 1])

    text = command_line._agreement(corpus, labels, np.array([0, 0, 1, 1, 1]))

    assert "2 clusters, 2 labels" in text
    assert "every text assigned   AMI 1.000   ARI 1.000" in text
    assert "noise as one group    AMI 1.000" not in text
