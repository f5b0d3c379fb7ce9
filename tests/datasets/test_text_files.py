"""Texts of files, row by row: the same as all at once."""

import gzip

import pandas as pd
import pytest

from deepclust.datasets import TextFiles, load_texts

CSV = '\ufeffid;text\r\n007;"Rain; and\nwind"\r\n\r\n8;"a ""quoted"" word"\r\n'
FILES = {
    "a.csv": CSV.encode(),
    "sep.csv": b"sep=|\nid|text\n1|one, two\n",
    "a.tsv": b'id\ttext\n1\t"as it stands\n2\t\n',
    "a.jsonl": b'{"id": 1, "text": "one"}\n\n{"id": 2, "text": null}\n{"id": 3}\n',
    "a.txt": "ein Text\r\nnoch \u2028 einer\n\nder letzte".encode(),
    "wide.txt": "sechzehn\nBit\n".encode("utf-16"),
    "a.txt.gz": gzip.compress(b"gepackt\nzwei\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_they_are_those_of_load_texts(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name])

    whole = load_texts(path, column=None, missing="empty")

    texts = TextFiles(path)
    assert list(texts) == whole.data
    assert list(texts) == whole.data  # again
    if "id" in whole.frame:
        ids = [found for _, found in TextFiles(path, id_column="id").with_ids()]
        assert ids == whole.frame["id"].tolist()


def test_parquet_and_patterns(tmp_path):
    pytest.importorskip("pyarrow")
    for day in (2, 1):
        frame = pd.DataFrame({"body": [f"text {day}", None], "nr": [day, day + 10]})
        frame.to_parquet(tmp_path / f"{day}.parquet")

    texts = TextFiles(tmp_path / "*.parquet", column="body", id_column="nr")

    assert list(texts.with_ids()) == [("text 1", 1), ("", 11), ("text 2", 2), ("", 12)]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"a,b\n1,2\n", {}, "several columns"),
        (b"a,b\n1,2\n", {"column": "c"}, "no column 'c'"),
        (b"a,b\n1,2\n", {"column": "a", "id_column": "c"}, "no column 'c'"),
        (b"text,b\n1,2\n1\n", {}, "line 3: 1 fields"),
        (b"text,b\n\xff,2\n", {}, "is not utf-8"),
    ],
    ids=["several", "column", "id", "fields", "encoding"],
)
def test_what_cannot_be_read_is_named(content, options, message, tmp_path):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(TextFiles(tmp_path / "a.csv", **options))


def test_no_file_a_number_and_half_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or folder '.*x\*'"):
        TextFiles(tmp_path / "x*")
    (tmp_path / "a.jsonl").write_text('{"text": 5}')
    with pytest.raises(ValueError, match="row 0 holds int, not text"):
        list(TextFiles(tmp_path / "a.jsonl"))
    (tmp_path / "a.txt.gz").write_bytes(FILES["a.txt.gz"][:-9])
    with pytest.raises(ValueError, match="not a whole gzip file"):
        list(TextFiles(tmp_path / "a.txt.gz"))
    (tmp_path / "a.txt").write_text("one line")
    with pytest.raises(ValueError, match="plain text: it has no columns"):
        list(TextFiles(tmp_path / "a.txt", column="text"))
