import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from deepclust.exceptions import InvalidTextError
from deepclust.inspection import cluster_table

TEXTS = [
    "apple pie recipe",
    "apple tart recipe",
    "apple cider",
    "car engine",
    "car wheel engine",
    "c# .net code",
    "rain",
]
LABELS = [0, 0, 0, 1, 1, 2, -1]


def test_table_adds_up():
    table = cluster_table(TEXTS, LABELS)

    assert list(table.columns) == [
        *("cluster", "name", "size", "share", "cohesion"),
        *("keywords", "example", "borderline"),
    ]
    assert table["cluster"].tolist() == [0, 1, 2, -1]
    assert table["size"].tolist() == [3, 2, 1, 1]
    assert table["share"].sum() == pytest.approx(1.0)
    for _, row in table.iterrows():
        labels = np.array(LABELS)
        assert row["example"] in np.array(TEXTS)[labels == row["cluster"]]


def test_a_pipeline_in_place_of_labels_cleans_predicts_and_names(
    fitted_clusterer, corpus
):
    table = cluster_table(corpus.texts, fitted_clusterer)

    same = cluster_table(
        corpus.texts,
        fitted_clusterer.labels_,
        cleaned=fitted_clusterer["clean"].transform(corpus.texts),
        embeddings=fitted_clusterer[:-1].transform(corpus.texts),
        names=fitted_clusterer[-1].cluster_names_,
    )
    pd.testing.assert_frame_equal(table.frame, same.frame)
    of_last_step = cluster_table(corpus.texts, fitted_clusterer[-1])
    assert of_last_step.names == table.names
    assert cluster_table(corpus.texts[:3], fitted_clusterer)["size"].sum() == 3
    named = cluster_table(corpus.texts, fitted_clusterer, names={0: "ours"})
    assert named.names[0] == "ours"


def test_without_clean_texts_stop_words_are_no_keywords(corpus):
    texts = [f"The {text}" for text in corpus.texts]

    table = cluster_table(texts, corpus.target)

    keywords = {word for words in table.keywords.values() for word in words}
    assert not keywords & {"The", "the", "with", "in"}
    assert {"Milky Way", "Stir pan"} <= keywords  # "Stir the pan."


def test_labels_may_be_strings_and_texts_a_series():
    table = cluster_table(pd.Series(["a b", "c"]), pd.Series(["x", "y"]))

    assert table["cluster"].tolist() == ["x", "y"]


def test_empty_texts_get_no_keywords():
    table = cluster_table(["", "", "word"], [-1, -1, 0])

    assert table["keywords"].tolist() == ["word", ""]
    assert cluster_table(["", ""], [0, -1])["keywords"].tolist() == ["", ""]


def test_no_texts_no_clusters():
    assert len(cluster_table([], [])) == 0


def test_cohesion_tells_tight_clusters_from_loose_ones():
    rng = np.random.default_rng(0)
    tight, loose = rng.normal(5, 0.1, (50, 3)), rng.normal(-5, 4, (50, 3))
    labels = np.repeat([0, 1], 50)

    table = cluster_table(["w"] * 100, labels, embeddings=np.vstack((tight, loose)))

    total = np.vstack((tight, loose)).var(axis=0).sum()
    expected = [1 - part.var(axis=0).sum() / total for part in (tight, loose)]
    assert table["cohesion"].tolist() == pytest.approx(expected)
    assert expected[0] > 0.99 > 0.8 > expected[1]


def test_names_may_be_given():
    by_cluster = cluster_table(TEXTS, LABELS, names={1: "Cars"})["name"].tolist()
    by_place = cluster_table(TEXTS, LABELS, names=["Food"])["name"].tolist()

    assert by_cluster[1] == "Cars"
    assert by_place[0] == "Food"
    assert by_cluster[0] == "apple, recipe, cider"


def test_table_in_polars():
    import polars as pl
    from sklearn import config_context

    table = cluster_table(TEXTS, LABELS, output="polars")
    with config_context(transform_output="polars"):
        same = cluster_table(TEXTS, LABELS)

    assert isinstance(table.frame, pl.DataFrame)
    assert table.frame.equals(same.frame)
    pandas = cluster_table(TEXTS, LABELS)
    assert pandas.frame.to_dict("list") == table.to_dict(as_series=False)
    assert "<table " in table._repr_html_()
    assert table.names == pandas.names
    with pytest.raises(ValueError, match="output must be 'pandas' or 'polars'"):
        cluster_table(TEXTS, LABELS, output="numpy")


def test_nothing_of_the_corpus_becomes_html():
    evil = ["<script>alert(1)</script>", "\"><img src=x onerror='alert(1)'>"]

    shown = cluster_table(evil, ["<b>", "</td>"], names={"<b>": "<i>"})._repr_html_()

    assert "<script" not in shown
    assert "<img" not in shown
    assert "<i>" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<td") == shown.count("</td>") == 14


def test_cells_of_the_corpus_have_the_direction_of_their_script():
    shown = cluster_table(
        ["كرة القدم", "نص آخر"], [0, 0], names={0: "كرة"}
    )._repr_html_()

    assert "<bdi>كرة</bdi>" in shown
    assert '<summary dir="auto">كرة القدم</summary>' in shown
    assert '<li dir="auto">كرة القدم</li>' in shown


def test_a_long_table_and_long_texts_are_cut_in_html():
    texts = [f"word{i} " + "x" * 1000 for i in range(150)]

    shown = cluster_table(texts, range(150))._repr_html_()

    assert shown.count("<tr") == 101
    assert "50 more" in shown
    assert "x" * 300 not in shown


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_a_table_prints_itself_in_120_columns(output):
    texts = ["apple pie recipe with " + "x" * 500, *TEXTS[1:]]

    lines = str(cluster_table(texts, LABELS, output=output)).splitlines()

    assert lines[0].split() == ["cluster", "size", "name", "keywords", "example"]
    assert max(map(len, lines)) <= 120
    assert lines[2].split()[:4] == ["1", "2", "car,", "engine,"]
    assert lines[-1].split()[:2] == ["noise", "1"]
    many = str(cluster_table([f"word{i}" for i in range(40)], range(40)))
    assert len(many.splitlines()) == 32
    assert "10  in 10 more clusters" in many
    assert "example" in str(cluster_table(["a", "b"], ["x", "y"]))


def test_a_table_can_be_copied_and_pickled():
    table = pickle.loads(pickle.dumps(copy.deepcopy(cluster_table(TEXTS, LABELS))))

    assert table["size"].tolist() == [3, 2, 1, 1]
    assert table.head(1).shape == (1, 8)
    with pytest.raises(AttributeError, match="no_such"):
        table.no_such


def test_a_lone_surrogate_is_described_as_a_question_mark():
    texts = ["a lone \ud800 surrogate", "a word about cats"] * 5
    table = cluster_table(texts, np.array([0, 1] * 5))
    assert "?" in table.representatives[0][0]
    assert "\ud800" not in table._repr_html_() + repr(table)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_a_lone_surrogate_in_a_name_becomes_a_question_mark(output):
    table = cluster_table(TEXTS, LABELS, names={1: "Cars \ud800"}, output=output)

    assert table.names[1] == "Cars ?"
    assert "Cars ?" in repr(table)


def test_bad_input_is_refused():
    with pytest.raises(InvalidTextError, match="row 1 is None"):
        cluster_table(["a", None], [0, 0])


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_a_table_is_written_to_files(tmp_path, output):
    import pandas as pd

    texts = ["=1+1 formula", *TEXTS[1:]]
    table = cluster_table(texts, LABELS, output=output, names=["=2+2"])
    readers = {
        "xlsx": pd.read_excel,
        "parquet": pd.read_parquet,
        "json": pd.read_json,
    }

    for form, read in readers.items():
        found = read(table.write(tmp_path / f"clusters.{form}"))
        assert found.columns.tolist() == list(table.columns)
        assert found["name"].tolist()[0] == "=2+2"
        assert found["size"].tolist() == list(table["size"])
    with pytest.raises(ValueError, match=r"\.xlsx, \.parquet or \.json"):
        table.write(tmp_path / "clusters.doc")
