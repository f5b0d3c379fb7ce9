import gc
import gzip
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from deepclust.datasets import _corpora, load_docstrings, load_texts
from deepclust.datasets._corpora import _summary
from deepclust.exceptions import MissingExtraError, TextWarning


@pytest.fixture(scope="module")
def numpy_docstrings():
    return load_docstrings(packages=("numpy",))


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_docstrings_are_distinct_short_texts(numpy_docstrings):
    texts = numpy_docstrings.data

    assert len(texts) > 500
    assert len({text.casefold() for text in texts}) == len(texts)
    assert max(map(len, texts)) <= 300
    assert not any("\n" in text or ">>>" in text or "`" in text for text in texts)


def test_docstrings_hold_what_users_know(numpy_docstrings):
    label = numpy_docstrings.target_names.index("numpy.core")
    core = {
        text
        for text, code in zip(
            numpy_docstrings.data, numpy_docstrings.target, strict=True
        )
        if code == label
    }

    # documented by add_newdoc, since the function is written in C
    assert "Return evenly spaced values within a given interval." in core
    # documented in its own source
    assert "Return an array of ones with the same shape and type as a given array." in (
        core
    )


@pytest.mark.parametrize("is_on", [True, False])
def test_the_garbage_collector_is_as_before(is_on, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "sub" / "a.py").write_text('"""Count the birds of a garden."""')
    monkeypatch.setattr(_corpora, "_package_folder", lambda package: tmp_path)
    _corpora._distinct_summaries.cache_clear()
    were_on, was_on = [], gc.isenabled()
    parse = _corpora.ast.parse
    monkeypatch.setattr(
        _corpora.ast,
        "parse",
        lambda code: were_on.append(gc.isenabled()) or parse(code),
    )
    try:
        (gc.enable if is_on else gc.disable)()
        corpus = load_docstrings(packages=("birds",), min_texts=1)
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if was_on else gc.disable)()
        _corpora._distinct_summaries.cache_clear()
    assert corpus.data == ["Count the birds of a garden."]
    assert not any(were_on)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_aliases_are_passed_over(tmp_path, monkeypatch):
    code = '"""Count the birds of a garden."""\ntype Birds = list[str]\n'
    (tmp_path / "a.py").write_text(code)
    monkeypatch.setattr(_corpora, "_package_folder", lambda package: tmp_path)
    _corpora._distinct_summaries.cache_clear()
    corpus = load_docstrings(packages=("birds",), min_texts=1)
    _corpora._distinct_summaries.cache_clear()
    assert corpus.data == ["Count the birds of a garden."]


def test_each_label_has_enough_texts(numpy_docstrings):
    counts = np.bincount(numpy_docstrings.target)

    assert counts.min() >= 40
    assert len(counts) == len(numpy_docstrings.target_names)
    few = load_docstrings(packages=("numpy",), min_texts=200)
    assert np.bincount(few.target).min() >= 200
    assert set(few.target_names) < set(numpy_docstrings.target_names)


def test_docstrings_come_in_the_same_order_in_another_process(numpy_docstrings):
    code = (
        "import json; from deepclust.datasets import load_docstrings; "
        "X, y = load_docstrings(packages=('numpy',), return_X_y=True); "
        "print(json.dumps([X, y.tolist()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == [
        numpy_docstrings.data,
        numpy_docstrings.target.tolist(),
    ]


def test_docstrings_import_no_package():
    code = (
        "import sys; from deepclust.datasets import load_docstrings; "
        "load_docstrings(packages=('keras', 'spacy')); "
        "print([m for m in ('keras', 'tensorflow', 'spacy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_docstrings_of_a_missing_package():
    with pytest.raises(ValueError, match="no installed package 'no_such_package'"):
        load_docstrings(packages=("no_such_package",))


def test_docstrings_with_nothing_left():
    with pytest.raises(ValueError, match="lower min_texts"):
        load_docstrings(packages=("numpy",), min_texts=10**6)


@pytest.mark.parametrize(
    ("docstring", "summary"),
    [
        ("Sum of the array elements.\n\nMore.", "Sum of the array elements."),
        ("f(a, /)\n--\n\nSum of all elements.", "Sum of all elements."),
        ("sum(a, axis=None) -> int\n\nSum of all elements.", "Sum of all elements."),
        ("See :func:`~numpy.sum` for ``axis`` there.", "See numpy.sum for axis there."),
        ("Too short.", ""),
        (">>> f(one, two, three, four)", ""),
        ("", ""),
    ],
)
def test_summary(docstring, summary):
    assert _summary(docstring) == summary


def test_csv_with_quotes_commas_and_line_breaks(tmp_path):
    path = write(
        tmp_path / "a.csv",
        'id,body,topic\n1,"One, ""two""\nthree",x\n2,,\n3,NA,y\n',
    )

    corpus = load_texts(path, column="body", label="topic")

    assert corpus.data == ['One, "two"\nthree', "", "NA"]
    assert corpus.target.tolist() == [0, -1, 1]
    assert corpus.target.dtype == np.intp
    assert corpus.target_names == ["x", "y"]


def test_tsv_keeps_quotation_marks(tmp_path):
    path = write(tmp_path / "a.tsv", 'text\tlabel\n"Open quote\tb\nNext\ta\n')

    corpus = load_texts(path, label="label")

    assert corpus.data == ['"Open quote', "Next"]
    assert corpus.target.tolist() == [1, 0]


def test_columns_without_a_header_have_numbers(tmp_path):
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress(b"sport\tA goal\nweather\tRain\n"))

    corpus = load_texts(path, column="2", label="1", header=False)

    assert corpus.data == ["A goal", "Rain"]
    assert corpus.target_names == ["sport", "weather"]


def test_jsonl(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        '{"text": "caf\\u00e9", "id": 1}\n\n{"id": 2, "text": "b", "label": "x"}\n',
    )

    corpus = load_texts(path, label="label")

    assert corpus.data == ["café", "b"]
    assert corpus.target.tolist() == [-1, 0]


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["a", None], "label": ["x", "y"], "n": [1, 2]})
    parquet.write_table(table, tmp_path / "a.parquet")

    with pytest.raises(ValueError, match="row 1 has no text"):
        load_texts(tmp_path / "a.parquet")
    corpus = load_texts(tmp_path / "a.parquet", label="label", missing="empty")
    assert corpus.data == ["a", ""]
    assert corpus.target_names == ["x", "y"]
    with pytest.raises(ValueError, match="row 0 holds int, not text: 1"):
        load_texts(tmp_path / "a.parquet", column="n")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingExtraError, match=r"deepclust\[parquet\]"):
        load_texts(tmp_path / "a.parquet")


def test_all_columns_are_kept_as_they_stand(tmp_path):
    path = write(tmp_path / "a.csv", "id,text,id,\n007,a,1.50,\n008,b,,x\n")

    corpus = load_texts(path)

    assert corpus.frame.columns.tolist() == ["id", "text", "id (2)", "column 4"]
    assert corpus.frame.values.tolist() == [
        ["007", "a", "1.50", ""],
        ["008", "b", "", "x"],
    ]
    assert corpus.column == "text"
    kept = load_texts(path, column="text", keep=["id (2)", "id"]).frame
    assert kept.columns.tolist() == ["id (2)", "id"]
    with pytest.raises(ValueError, match="no column 'date'"):
        load_texts(path, keep=["date"])


@pytest.mark.parametrize(
    ("content", "read", "said"),
    [
        ("id;text;n\n1;Hi, you;3,5\n2;One, two, three;4,5\n", "Hi, you", "semicolons"),
        ("id\ttext\n1\tHi; you\n2\tb\n", "Hi; you", "tabs"),
        ("id|text\n1|Hi\n2|b\n", "Hi", "bars"),
        ('id;text\n1;"Hi;\nyou"\n2;b\n', "Hi;\nyou", "semicolons"),
        ("sep=;\r\nid;text\r\n1;Hi\r\n", "Hi", "semicolons"),
        ("id,text\n1,Hi; you\n2,b; c\n", "Hi; you", None),
        ("text\nHi; you\nb; c\n", "Hi; you", None),
    ],
)
def test_the_separator_is_recognized_and_said(tmp_path, content, read, said):
    corpus = load_texts(write(tmp_path / "a.csv", content), column="text")

    assert corpus.data[0] == read
    assert corpus.DESCR.endswith(
        "a.csv" if said is None else f"a.csv (fields separated by {said})"
    )


def test_a_separator_can_be_given(tmp_path):
    path = write(tmp_path / "a.csv", "id~text\n1~Hi\n")

    assert load_texts(path, column="text", separator="~").data == ["Hi"]
    with pytest.raises(ValueError, match="one character"):
        load_texts(path, separator="~~")


def test_a_bad_row_of_a_semicolon_file_is_named(tmp_path):
    path = write(tmp_path / "a.csv", "id;text\n1;a\n2;b;c\n")

    with pytest.raises(ValueError, match="line 3: 3 fields where the first row has 2"):
        load_texts(path)


def test_what_a_spreadsheet_saves(tmp_path):
    windows = write(tmp_path / "w.csv", "text;n\r\nGrün;1\r\n", encoding="cp1252")
    wide = write(tmp_path / "u.csv", "text\tn\r\nGrün\t1\r\n", encoding="utf-16")
    packed = tmp_path / "packed.csv"  # without .gz
    packed.write_bytes(gzip.compress(b"text;n\nGr\xc3\xbcn;1\n"))

    with pytest.raises(ValueError, match=r"'cp1252' if a spreadsheet .* --encoding"):
        load_texts(windows)
    assert load_texts(windows, column="text", encoding="cp1252").data == ["Grün"]
    assert load_texts(wide, column="text").data == ["Grün"]
    assert "read as utf-16" in load_texts(wide, column="text").DESCR
    assert load_texts(packed, column="text").data == ["Grün"]


@pytest.fixture
def workbook(tmp_path):
    pytest.importorskip("openpyxl")
    rows = [["Nr", "Text", "Text"], [7, "NA", None], [8, 42, "b"], [9, None, "c"]]
    with pd.ExcelWriter(tmp_path / "a.xlsx") as writer:
        for sheet, part in (("First", rows), ("Second", rows[:2])):
            frame = pd.DataFrame(part)
            frame.to_excel(writer, sheet_name=sheet, index=False, header=False)
    return tmp_path / "a.xlsx"


def test_excel(workbook):
    corpus = load_texts(workbook, column="Text", missing="empty")

    assert corpus.data == ["NA", "42", ""]
    assert corpus.frame.columns.tolist() == ["Nr", "Text", "Text (2)"]
    assert corpus.frame["Nr"].tolist() == [7, 8, 9]
    assert "(sheet 'First' of 2)" in corpus.DESCR
    assert len(load_texts(workbook, column="Text", sheet="Second").data) == 1
    assert load_texts(workbook, column="2", header=False, missing="empty").data == [
        *("Text", "NA", "42", ""),
    ]
    with pytest.raises(ValueError, match=r"no sheet 'x'. Its sheets: 'First', 'Seco"):
        load_texts(workbook, sheet="x")
    with pytest.raises(ValueError, match="row 2 has no text"):
        load_texts(workbook, column="Text")


def test_excel_without_openpyxl(workbook, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)

    with pytest.raises(MissingExtraError, match=r"deepclust\[excel\]"):
        load_texts(workbook)


def test_parquet_keeps_whole_numbers_and_the_index(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"text": ["a", "b"], "n": pd.array([1, None], "Int64")})
    frame.set_axis(pd.Index([5, 6], name="nr")).to_parquet(tmp_path / "a.parquet")

    corpus = load_texts(tmp_path / "a.parquet")

    assert corpus.frame["nr"].tolist() == [5, 6]
    assert corpus.frame["n"].tolist()[0] == 1
    assert str(corpus.frame["n"].dtype).startswith("int64")


def test_plain_text_file(tmp_path):
    path = write(tmp_path / "a.txt", "first\r\n\r\nthird\u2028still third\n")

    assert load_texts(path).data == ["first", "", "third\u2028still third"]
    assert load_texts(path).target is None
    assert load_texts(path).frame["text"].tolist() == load_texts(path).data
    with pytest.raises(ValueError, match="it has no columns"):
        load_texts(path, column="text")


def test_folder_of_text_files(tmp_path):
    for name, text in [("b/2.txt", "two"), ("a/1.txt", "one"), ("0.txt", "none")]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, text)

    corpus = load_texts(tmp_path)

    assert corpus.data == ["none", "one", "two"]
    assert corpus.target.tolist() == [-1, 0, 1]
    assert corpus.target_names == ["a", "b"]
    assert corpus.frame["file"].tolist() == ["0.txt", "a/1.txt", "b/2.txt"]


def test_folder_without_sub_folders_has_no_labels(tmp_path):
    write(tmp_path / "1.txt", "one")

    assert load_texts(tmp_path).target is None


def test_dates_are_in_utc_and_unreadable_ones_are_counted(tmp_path):
    path = write(
        tmp_path / "a.csv",
        "text,year,day\na,1999,2024-05-01\nb,,2024-05-02T01:00+02:00\nc,2001,soon\n",
    )

    with pytest.warns(TextWarning, match=r"1 of 3 cells .* row 2: 'soon'"):
        corpus = load_texts(path, column="text", dates="day")

    utc = np.array(["2024-05-01", "2024-05-01T23:00", "NaT"], dtype=corpus.dates.dtype)
    np.testing.assert_array_equal(corpus.dates, utc)
    assert "dates read as ISO8601" in corpus.DESCR
    assert load_texts(path, column="text").dates is None
    with pytest.raises(ValueError, match=r"a\.csv: 'text' holds no date"):
        load_texts(path, column="text", dates="text")
    years = load_texts(path, dates="year", date_format="number").dates
    np.testing.assert_array_equal(years, [1999, np.nan, 2001])


def test_plain_texts_have_no_columns(tmp_path):
    write(tmp_path / "1.txt", "one")

    for path in (tmp_path, tmp_path / "1.txt"):
        for name in ("column", "label", "dates"):
            with pytest.raises(ValueError, match=r"no columns\. Leave out 'when'"):
                load_texts(path, **{name: "when"})


def test_byte_order_mark_is_no_part_of_the_column_name(tmp_path):
    path = write(tmp_path / "a.csv", "text,n\nhello,1\n", encoding="utf-8-sig")

    assert load_texts(path, column="text").data == ["hello"]


def test_other_encoding(tmp_path):
    path = write(tmp_path / "a.txt", "café\n", encoding="latin-1")

    assert load_texts(path, encoding="latin-1").data == ["café"]
    with pytest.raises(ValueError, match="line 1: byte 0xe9 at offset 3 is not utf-8"):
        load_texts(path)


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        (
            "a.csv",
            "x,y\n1,2\n",
            {"column": "z"},
            "no column 'z'. Its columns: 'x', 'y'",
        ),
        ("a.csv", "text,y\n1,2\n", {"label": "z"}, "no column 'z'"),
        ("a.csv", "x,y\n1,2\n", {}, "several columns: 'x', 'y'"),
        ("a.csv", "x,y\n1,2\n1,2,3\n", {"column": "x"}, "line 3: 3 fields where"),
        ("a.csv", "", {}, "holds no texts"),
        ("a.csv", "text\n", {}, "holds no texts"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', {}, "line 2: not JSON"),
        ("a.jsonl", "[1]\n", {}, "expected an object with named fields"),
        ("a.jsonl", '{"text": 3}\n', {}, "row 0 holds int, not text: 3"),
        ("a.jsonl", '{"text": null}\n', {}, "row 0 has no text"),
        ("a.xyz", "a", {}, "Cannot tell the format of 'a.xyz'"),
        ("a.csv.gz", "not gzip", {}, "not a whole gzip file"),
        ("a.parquet", "not parquet", {}, "cannot be read as parquet"),
        ("a.xlsx", "not excel", {}, "cannot be read as Excel"),
        ("a.jsonl", '{"text": "a"}', {"separator": ";"}, "no separator: leave out"),
        ("a.csv", "text\na\n", {"sheet": "x"}, "is no Excel file"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(
    tmp_path, name, content, arguments, message
):
    path = write(tmp_path / name, content)

    with pytest.raises(ValueError, match=message) as error:
        load_texts(path, **arguments)
    assert name in str(error.value)


def test_missing_file_and_bad_policy(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        load_texts(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="missing must be"):
        load_texts(tmp_path, missing="drop")


def test_links_that_leave_the_folder_are_read_only_if_asked(tmp_path):
    folder, private = tmp_path / "notes", tmp_path / "private.txt"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "one.txt").write_text("one")
    (folder / "inside.txt").symlink_to(folder / "a" / "one.txt")
    private.write_text("secret")
    (folder / "a" / "two.txt").symlink_to(private)

    with pytest.warns(UserWarning, match="1 files of .* links that leave the folder"):
        corpus = load_texts(folder)
    assert corpus.data == ["one", "one"]
    assert load_texts(folder, follow_links=True).data == ["one", "secret", "one"]
