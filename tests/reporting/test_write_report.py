import base64
import gzip
import json
import re

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from deepclust.exceptions import InvalidTextError
from deepclust.reporting import _facts as facts
from deepclust.reporting import report
from deepclust.reporting._layout import GRID, map_points, on_grid
from deepclust.reporting._packing import fitting_texts, pack_json

FRUIT = ["red apple", "green apple", "ripe pear", "fast car", "old car", "odd"]
LABELS = [0, 0, 0, 1, 1, -1]


def block(page, name):
    found = re.search(rf'id="{name}">([^<]*)<', page)
    return gzip.decompress(base64.b64decode(found[1]))


def opened(path):
    """Return the facts and the texts that a report holds."""
    page = path.read_text("utf-8")
    return json.loads(block(page, "facts")), json.loads(block(page, "texts"))


def columns_of(path, n_docs):
    numbers = np.frombuffer(block(path.read_text("utf-8"), "points"), dtype="<u2")
    return numbers.reshape(-1, n_docs)


def test_texts_and_labels_of_any_clusterer(tmp_path):
    path = report(None, FRUIT, tmp_path / "r.html", labels=LABELS)

    told, texts = opened(path)
    assert texts == FRUIT
    assert [c["id"] for c in told["clusters"]] == [0, 1, -1]
    assert [c["size"] for c in told["clusters"]] == [3, 2, 1]
    assert "apple" in told["clusters"][0]["keywords"]
    assert columns_of(path, 6)[0].tolist() == [0, 0, 0, 1, 1, 2]
    assert told["summary"].startswith("6 texts; 2 clusters; 1 texts (17%)")
    assert any("word counts" in remark for remark in told["remarks"])


def test_a_fitted_pipeline_shows_all_it_knows(tmp_path, corpus, fitted_clusterer):
    dates = np.datetime64("2024-01-01") + np.arange(len(corpus.texts))
    y = [corpus.target_names[code] for code in corpus.target]

    path = report(fitted_clusterer, corpus.texts, tmp_path / "r.html", y=y, dates=dates)

    told, _ = opened(path)
    labels = fitted_clusterer.predict(corpus.texts)
    found = [told["clusters"][k]["id"] for k in columns_of(path, len(y))[0]]
    assert found == labels.tolist()
    assert {name for name, _, _ in told["scores"]} == {
        *("Coverage", "Validity", "AMI", "ARI", "Accuracy")
    }
    titles = [curve["title"] for curve in told["curves"]]
    assert [title.split(" ")[0] for title in titles] == ["Training:", "How", "What"]
    assert [title for title, _ in told["words"]][1] == "Words after cleaning"
    assert ["cluster", "noise", "'keep'"] in told["parameters"]
    assert any(name == "deepclust" for name, _ in told["versions"])
    assert [view["name"] for view in told["views"]] == ["t-SNE", "PCA"]
    first = told["clusters"][0]
    assert len(first["course"]) == len(told["periods"])
    assert first["classes"][0][0] in corpus.target_names


def test_the_same_input_gives_the_same_bytes(tmp_path):
    once, twice = (
        report(None, FRUIT * 40, tmp_path / name, labels=LABELS * 40).read_bytes()
        for name in ("a.html", "b.html")
    )

    assert once == twice


def test_a_pipeline_of_other_estimators(tmp_path):
    clusterer = KMeans(2, n_init=1, random_state=0)
    pipeline = make_pipeline(TfidfVectorizer(), clusterer).fit(FRUIT)

    told, _ = opened(report(pipeline, FRUIT, tmp_path / "r.html"))

    assert sum(cluster["size"] for cluster in told["clusters"]) == 6
    assert ["kmeans", "n_clusters", "2"] in told["parameters"]


def test_labels_may_be_names(tmp_path):
    labels = ["fruit", "fruit", "fruit", "cars", "cars", "cars"]

    told, _ = opened(report(None, FRUIT, tmp_path / "r.html", labels=labels))

    assert [cluster["id"] for cluster in told["clusters"]] == ["cars", "fruit"]


def test_all_noise_one_text_and_empty_texts(tmp_path):
    told, _ = opened(report(None, FRUIT, tmp_path / "r.html", labels=[-1] * 6))
    assert told["summary"] == "6 texts; 0 clusters; 6 texts (100%) resemble no group."

    told, texts = opened(report(None, ["one"], tmp_path / "r.html", labels=[0]))
    assert texts == ["one"]

    told, texts = opened(report(None, ["", " "], tmp_path / "r.html", labels=[0, -1]))
    assert [cluster["keywords"] for cluster in told["clusters"]] == [[], []]


def test_texts_never_stand_in_the_page(tmp_path):
    hostile = [
        "</script><script>alert(1)</script>",
        "<!--",
        "\u2028{{script}}",
        "\ud800",
    ]

    path = report(
        None,
        hostile,
        tmp_path / "r.html",
        labels=[0, 0, 1, 1],
        names={0: "<b>name"},
        y=["<i>", "<i>", "{{policy}}", "\ud800"],
        title="<script>{{texts}}</script>\ud800",
    )

    page = path.read_text("utf-8")
    assert page.count("<script") == 4
    assert page.count("alert(1)") == 0
    assert "&lt;script&gt;{{texts}}&lt;/script&gt;" in page
    assert "<b>name" not in page
    told, texts = opened(path)
    assert texts == [*hostile[:3], "?"]
    assert told["clusters"][0]["name"] == "<b>name"


def test_the_page_names_nothing_outside_itself(tmp_path):
    page = report(None, FRUIT, tmp_path / "r.html", labels=LABELS).read_text("utf-8")
    outside = page.replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"(?m)^\s*//.*$", "", outside))
    assert not re.search(r"\b(src|href)=|@import|url\(", outside)
    assert "default-src 'none'" in page
    assert "unsafe" not in page


def test_points_that_are_known_are_not_made_again(tmp_path):
    points = np.arange(12.0).reshape(6, 2)

    path = report(None, FRUIT, tmp_path / "r.html", labels=LABELS, points=points)

    x = columns_of(path, 6)[1]
    assert x.tolist() == on_grid(points)[:, 0].tolist()
    with pytest.raises(ValueError, match="two columns and 6 rows"):
        report(None, FRUIT, tmp_path / "r.html", labels=LABELS, points=points.T)


def test_fifty_thousand_texts_stay_below_five_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghij"), 6)) for _ in range(3_000)]
    picked = rng.integers(0, 3_000, (50_000, 7))
    texts = [" ".join(words[word] for word in row) for row in picked]
    labels = rng.integers(-1, 80, len(texts))
    X = rng.normal(size=(len(texts), 4)) + labels[:, None]

    path = report(
        None,
        texts,
        tmp_path / "r.html",
        labels=labels,
        embeddings=X,
        projection="pca",
    )

    assert path.stat().st_size < 5_000_000
    told, shown = opened(path)
    assert shown == texts
    assert not any("cut" in remark for remark in told["remarks"])


def test_texts_are_cut_as_far_as_the_room_asks():
    rng = np.random.default_rng(0)
    letters = np.array([chr(code) for code in range(0x4E00, 0x5E00)])
    texts = ["".join(rng.choice(letters, 300)) for _ in range(300)]

    packed, most, n_cut = fitting_texts(texts, 500, 100_000)

    assert len(packed) <= 100_000
    assert 20 < most < 300
    assert n_cut == 300
    shown = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert {len(text) for text in shown} == {most}
    assert shown[0][:-1] == texts[0][: most - 1]


def test_of_more_texts_an_even_share_is_shown(tmp_path):
    texts, labels = FRUIT * 100, LABELS * 100

    path = report(None, texts, tmp_path / "r.html", labels=labels, max_points=60)

    told, shown = opened(path)
    assert len(shown) == 60
    assert shown == [texts[row] for row in told["rows"]]
    assert sum(cluster["size"] for cluster in told["clusters"]) == 600


def test_many_points_are_put_between_the_landmarks(monkeypatch):
    monkeypatch.setattr("deepclust.reporting._layout._LANDMARKS", 500)
    rng = np.random.default_rng(0)
    labels = np.arange(2_000) % 4
    X = np.eye(4)[labels] * 10 + rng.normal(size=(2_000, 4)) * 0.1

    points = map_points(X, "tsne", 0)

    centres = np.array([points[labels == k].mean(axis=0) for k in range(4)])
    nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.99
    assert len(np.unique(points.round(6), axis=0)) > 1_950


def test_the_grid_holds_every_point():
    points = on_grid(np.random.default_rng(0).normal(size=(100, 2)) * 1e6)

    assert points.min() == 0
    assert points.max() == GRID
    assert on_grid([[3.0, 3.0]]).tolist() == [[32768, 32768]]


def test_unlabelled_texts_do_not_count():
    names, codes = facts.class_codes(["a", -1, None, np.nan, "", "b"], 6)

    assert names == ["a", "b", None]
    assert codes.tolist() == [0, 2, 2, 2, 2, 1]
    assert facts.class_codes([-1, -1], 2) is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"labels": None}, ValueError, "fitted pipeline, or labels"),
        ({"labels": [0, 1]}, ValueError, "labels need one row a text"),
        ({"labels": [0.5] * 6}, ValueError, "whole numbers"),
        ({"labels": LABELS, "y": ["a"]}, ValueError, "one class a text"),
        ({"labels": LABELS, "dates": [2020]}, ValueError, "one value a text"),
        ({"labels": LABELS, "cleaned": [1] * 6}, InvalidTextError, "cleaned"),
        ({"labels": LABELS, "embeddings": [[np.nan]] * 6}, ValueError, "NaN"),
        ({"labels": LABELS, "projection": "som"}, ValueError, "projection must be"),
    ],
)
def test_bad_input_is_named(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        report(None, FRUIT, tmp_path / "r.html", **arguments)

    assert not (tmp_path / "r.html").exists()


def test_what_is_no_pipeline_or_no_texts(tmp_path):
    with pytest.raises(TypeError, match="fitted Pipeline"):
        report(KMeans(2), FRUIT, tmp_path / "r.html")
    with pytest.raises(ValueError, match="at least one text"):
        report(None, [], tmp_path / "r.html", labels=[])
    with pytest.raises(InvalidTextError):
        report(None, "red apple", tmp_path / "r.html", labels=[0])


def test_packing_refuses_what_json_does_not_know():
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack_json({"loss": float("nan")})
