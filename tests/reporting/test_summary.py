import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from deepclust.inspection import cluster_table
from deepclust.reporting import _layers, _summary, summarize
from deepclust.reporting._layout import on_grid

FRUIT = ["red apple", "green apple", "ripe pear", "fast car", "old car", "odd"]
LABELS = [0, 0, 0, 1, 1, -1]


@pytest.fixture(scope="module")
def schema():
    path = files("deepclust.reporting").joinpath("summary.schema.json")
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def dated_summary(corpus, fitted_clusterer):
    """The summary of a fitted pipeline with classes and dates."""
    dates = np.datetime64("2024-01-01") + np.arange(len(corpus.texts))
    y = [corpus.target_names[code] for code in corpus.target]
    return summarize(fitted_clusterer, corpus.texts, y=y, dates=dates)


def objects_in(schema):
    """Yield every object schema below a schema."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects_in(value)


def test_the_schema_names_every_key_and_admits_no_other(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    for part in objects_in(schema):
        assert part["additionalProperties"] is False
        assert set(part["required"]) == set(part["properties"])
        assert all("description" in one for one in part["properties"].values())


def test_the_summary_of_a_fitted_pipeline_follows_the_schema(schema, dated_summary):
    jsonschema.validate(dated_summary, schema)
    assert dated_summary["format"] == 1
    text = json.dumps(dated_summary, allow_nan=False)
    assert json.loads(text) == dated_summary


@pytest.mark.parametrize(
    ("texts", "parameters"),
    [
        (FRUIT, {"labels": LABELS}),
        (FRUIT, {"labels": [-1] * 6}),
        (FRUIT, {"labels": ["a", "a", "b", "b", "b", "b"], "y": [0, 0, 1, 1, -1, -1]}),
        (["one"], {"labels": [0], "dates": [2020]}),
        (["", " "], {"labels": [0, -1]}),
        (["\ud800"] * 2, {"labels": [0, 1], "y": ["\ud800", "b"]}),
    ],
)
def test_every_summary_follows_the_schema(schema, texts, parameters):
    summary = summarize(None, texts, **parameters)

    jsonschema.validate(summary, schema)
    json.dumps(summary, ensure_ascii=False).encode("utf-8")


def test_a_summary_that_breaks_the_schema_is_seen(schema):
    summary = summarize(None, FRUIT, labels=LABELS)
    for change in ({"format": 2}, {"clusters": None}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(summary | change, schema)


def test_texts_and_labels_of_any_clusterer():
    summary = summarize(None, FRUIT, labels=LABELS)

    counts = {"n_texts": 6, "n_clusters": 2, "n_noise": 1, "n_shown": 6}
    assert summary["corpus"] == counts
    assert [cluster["id"] for cluster in summary["clusters"]] == [0, 1]
    assert [cluster["size"] for cluster in summary["clusters"]] == [3, 2]
    assert "apple" in summary["clusters"][0]["keywords"]
    assert (summary["noise"]["id"], summary["noise"]["size"]) == (-1, 1)
    assert summary["noise"]["color"] is None
    assert summary["map"]["labels"] == LABELS
    assert summary["map"]["texts"] == FRUIT
    assert any("word counts" in remark for remark in summary["remarks"])


def test_a_fitted_pipeline_gives_all_that_it_recorded(
    corpus, fitted_clusterer, dated_summary
):
    assert (
        dated_summary["map"]["labels"]
        == fitted_clusterer.predict(corpus.texts).tolist()
    )
    assert [score["name"] for score in dated_summary["scores"]] == [
        *("Coverage", "Noise-aware silhouette", "AMI", "ARI", "Accuracy")
    ]
    assert [curve["title"] for curve in dated_summary["curves"]] == [
        *("Training", "Number of pseudo-classes", "Eps selection")
    ]
    _, selection, eps = dated_summary["curves"]
    assert selection["selected"] == fitted_clusterer["encode"].n_pseudo_classes_
    assert eps["selected"] == pytest.approx(fitted_clusterer["cluster"].eps_)
    assert [series["name"] for series in eps["series"]] == ["silhouette", "coverage"]
    for curve in dated_summary["curves"]:
        for series in curve["series"]:
            assert series["points"] == sorted(series["points"])
    titles = [words["title"] for words in dated_summary["words"]]
    assert titles == ["Words of the texts", "Words after cleaning"]
    noise = {"step": "cluster", "name": "noise", "value": "'keep'"}
    assert noise in dated_summary["parameters"]
    assert "deepclust" in dated_summary["versions"]
    methods = [one["method"] for one in dated_summary["map"]["projections"]]
    assert methods == ["tsne", "pca"]
    assert dated_summary["remarks"] == []
    first = dated_summary["clusters"][0]
    assert len(first["course"]) == len(dated_summary["periods"])
    assert first["classes"][0]["name"] in corpus.target_names


def test_the_shares_of_all_clusters_in_a_period_add_up_to_one(dated_summary):
    clusters = [*dated_summary["clusters"]]
    if dated_summary["noise"]:
        clusters.append(dated_summary["noise"])

    totals = np.sum([cluster["course"] for cluster in clusters], axis=0)

    assert totals == pytest.approx(1, abs=1e-3)


def test_margins_are_distances_from_the_means():
    X = [[0.0, 0], [1, 0], [2.5, 0], [4, 0], [2, 0]]
    texts = ["a", "b", "c", "d", "e"]

    summary = summarize(None, texts, labels=[0, 0, 1, 1, -1], embeddings=X)

    first, second = (cluster["borderline"][0] for cluster in summary["clusters"])
    assert first == {"text": "b", "margin": pytest.approx(2.25**2 - 0.5**2)}
    assert second == {"text": "c", "margin": pytest.approx(2.0**2 - 0.75**2)}
    noise = summary["noise"]["borderline"]
    assert noise == [{"text": "e", "margin": pytest.approx(1.25**2)}]
    margins = [one["margin"] for one in summary["clusters"][0]["borderline"]]
    assert margins == sorted(margins)


def test_a_table_that_is_there_is_not_made_again(monkeypatch):
    labels = [0, 0, 1, 1, -1, -1]
    table = cluster_table(FRUIT, labels, names={0: "Own name"}, output="polars")
    expected = summarize(None, FRUIT, labels=labels, names={0: "Own name"})
    monkeypatch.setattr(_summary, "cluster_table", None)

    assert summarize(None, FRUIT, labels=labels, table=table) == expected


def test_layers_that_have_names_are_not_named_again(
    monkeypatch, corpus, fitted_clusterer
):
    clusterer = fitted_clusterer[-1]
    assert clusterer.layers_.shape[1] > 1
    monkeypatch.setattr(_layers, "layer_names", None)

    summary = summarize(fitted_clusterer, corpus.texts)

    names = [
        {node["id"]: node["name"] for node in nodes} for nodes in summary["layers"]
    ]
    assert names == clusterer.layer_names_


def test_layers_of_another_clusterer_do_not_get_the_names_of_the_pipeline(
    monkeypatch, corpus, fitted_clusterer
):
    clusterer, own = fitted_clusterer[-1], fitted_clusterer[-1].layers_
    names = [
        {c: f"own {place}.{c}" for c in range(column.max() + 1)}
        for place, column in enumerate(own.T)
    ]
    monkeypatch.setattr(clusterer, "layer_names_", names)
    others = np.where(own < 0, own, own.max(axis=0) - own)

    for layers, is_own in ((own, True), (others, False)):
        labels = layers[:, clusterer.layer_]
        how = {"labels": labels, "layers": layers}
        nodes = summarize(fitted_clusterer, corpus.texts, **how)["layers"][0]
        assert all(node["name"].startswith("own") == is_own for node in nodes)


def test_labels_and_layers_are_found_by_one_search(
    monkeypatch, corpus, fitted_clusterer
):
    cluster, searches = type(fitted_clusterer[-1]), []
    expected = fitted_clusterer[-1].predict_layers(
        fitted_clusterer[:-1].transform(corpus.texts)
    )
    search = cluster._nearest_core

    def counted(self, X, radius):
        searches.append(len(X))
        return search(self, X, radius)

    monkeypatch.setattr(cluster, "_nearest_core", counted)

    summary = summarize(fitted_clusterer, corpus.texts)

    assert searches.count(len(corpus.texts)) == 1
    assert summary["map"]["layers"] == expected.T.tolist()


def test_labels_that_are_given_are_not_predicted(monkeypatch, corpus, fitted_clusterer):
    labels = fitted_clusterer.predict(corpus.texts)
    expected = summarize(fitted_clusterer, corpus.texts)
    monkeypatch.setattr(type(fitted_clusterer[-1]), "predict", None)

    assert summarize(fitted_clusterer, corpus.texts, labels=labels) == expected


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 1, 1, 1, -1], "3 clusters with 6 texts there, and 3 with 6 here"),
        ([0, 0, 1, 1, 2, -1], "3 clusters with 6 texts there, and 4 with 6 here"),
    ],
)
def test_a_table_of_other_labels_is_refused(labels, message):
    table = cluster_table(FRUIT, [0, 0, 1, 1, -1, -1])
    with pytest.raises(ValueError, match=message):
        summarize(None, FRUIT, labels=labels, table=table)
    with pytest.raises(TypeError, match=r"must be a ClusterTable.*DataFrame"):
        summarize(None, FRUIT, labels=labels, table=table.frame)


def test_a_pipeline_of_other_estimators():
    clusterer = KMeans(2, n_init=1, random_state=0)
    pipeline = make_pipeline(TfidfVectorizer(), clusterer).fit(FRUIT)

    summary = summarize(pipeline, FRUIT)

    assert sum(cluster["size"] for cluster in summary["clusters"]) == 6
    row = {"step": "kmeans", "name": "n_clusters", "value": "2"}
    assert row in summary["parameters"]


def test_labels_may_be_names():
    labels = ["fruit", "fruit", "fruit", "cars", "cars", "cars"]

    summary = summarize(None, FRUIT, labels=labels)

    assert [cluster["id"] for cluster in summary["clusters"]] == ["cars", "fruit"]
    assert summary["map"]["labels"] == labels


def test_all_noise_one_text_and_empty_texts():
    summary = summarize(None, FRUIT, labels=[-1] * 6)
    assert summary["clusters"] == []
    assert summary["noise"]["size"] == 6

    assert summarize(None, ["one"], labels=[0])["map"]["texts"] == ["one"]

    summary = summarize(None, ["", " "], labels=[0, -1])
    assert summary["clusters"][0]["keywords"] == []
    assert summary["noise"]["keywords"] == []


def test_of_more_texts_the_same_share_of_each_cluster_is_on_the_map():
    texts, labels = FRUIT * 100, LABELS * 100

    summary = summarize(None, texts, labels=labels, max_points=60)

    shown = summary["map"]
    assert len(shown["texts"]) == summary["corpus"]["n_shown"] == 60
    assert shown["texts"] == [texts[row] for row in shown["rows"]]
    assert sum(cluster["size"] for cluster in summary["clusters"]) == 500
    assert summary["noise"]["size"] == 100


def test_given_points_are_not_computed_again():
    points = np.arange(12.0).reshape(6, 2)

    summary = summarize(None, FRUIT, labels=LABELS, points=points)

    first = summary["map"]["projections"][0]
    assert first["method"] == "tsne"
    assert first["x"] == on_grid(points)[:, 0].tolist()
    with pytest.raises(ValueError, match="two columns and 6 rows"):
        summarize(None, FRUIT, labels=LABELS, points=points.T)


def test_marked_stop_words_are_not_among_the_words_after_cleaning():
    cleaned = ["my_ apple", "my_ pear"]

    summary = summarize(None, ["my apple", "my pear"], labels=[0, 1], cleaned=cleaned)

    assert summary["words"][1]["counts"] == [["apple", 1], ["pear", 1]]
