import base64
import gzip
import html
import json
import re

import numpy as np

from deepclust.reporting import summarize, write_report
from deepclust.reporting._layout import on_grid
from deepclust.reporting._page import render_page

FRUIT = ["red apple", "green apple", "ripe pear", "fast car", "old car", "odd"]
LABELS = [0, 0, 0, 1, 1, -1]


def block(page, name):
    found = re.search(rf'id="{name}">([^<]*)<', page)
    return gzip.decompress(base64.b64decode(found[1]))


def opened(path):
    """Return the packed data and texts of a page, and the page without its markup."""
    page = path.read_text("utf-8")
    visible = html.unescape(re.sub(r"<[^>]*>", " ", page.split("<main>")[1]))
    return json.loads(block(page, "data")), json.loads(block(page, "texts")), visible


def headline(path):
    page = path.read_text("utf-8")
    return re.search(r'<p id="summary">(.*?)</p>', page, re.DOTALL)[1]


def columns_of(path, n_docs):
    numbers = np.frombuffer(block(path.read_text("utf-8"), "points"), dtype="<u2")
    return numbers.reshape(-1, n_docs)


def test_texts_and_labels_of_any_clusterer(tmp_path):
    path = write_report(None, FRUIT, tmp_path / "r.html", labels=LABELS)

    data, texts, visible = opened(path)
    assert texts == FRUIT
    assert [cluster["id"] for cluster in data["clusters"]] == [0, 1, -1]
    assert [cluster["size"] for cluster in data["clusters"]] == [3, 2, 1]
    assert "apple" in data["clusters"][0]["keywords"]
    assert columns_of(path, 6)[0].tolist() == [0, 0, 0, 1, 1, 2]
    assert headline(path) == "6 texts; 2 clusters; 1 noise (17%)."
    assert "the map shows word counts" in visible


def test_embeddings_that_coincide(tmp_path):
    path = write_report(
        None,
        ["x"] * 6,
        tmp_path / "r.html",
        labels=[0] * 6,
        embeddings=np.zeros((6, 8)),
    )

    assert headline(path).startswith("6 texts; 1 cluster")
    assert len(np.unique(columns_of(path, 6)[1:3])) == 1


def test_a_fitted_pipeline_shows_all_that_it_recorded(
    tmp_path, corpus, fitted_clusterer
):
    dates = np.datetime64("2024-01-01") + np.arange(len(corpus.texts))
    y = [corpus.target_names[code] for code in corpus.target]

    path = write_report(
        fitted_clusterer, corpus.texts, tmp_path / "r.html", y=y, dates=dates
    )

    data, _, visible = opened(path)
    labels = fitted_clusterer.predict(corpus.texts)
    columns = columns_of(path, len(y))
    found = [data["clusters"][k]["id"] for k in columns[0]]
    assert found == labels.tolist()
    assert [data["classes"][k] for k in columns[1]] == y
    for score in ("Coverage", "Noise-aware silhouette", "AMI", "ARI", "Accuracy"):
        assert score in visible
    assert len(data["curves"]) == 3
    assert [words["title"] for words in data["words"]][1] == "Words after cleaning"
    assert re.search(r"cluster\s+noise\s+'keep'", visible)
    assert re.search(r"deepclust\s+\d", visible)
    assert data["projections"] == ["tsne", "pca"]
    first = data["clusters"][0]
    assert len(first["course"]) == len(data["periods"])
    assert first["classes"][0]["name"] in corpus.target_names


def test_the_page_is_made_from_the_summary_alone(tmp_path, corpus, fitted_clusterer):
    page = write_report(fitted_clusterer, corpus.texts, tmp_path / "r.html")

    saved = write_report(
        fitted_clusterer, corpus.texts, tmp_path / "r.json", format="json"
    )

    summary = json.loads(saved.read_text("utf-8"))
    assert summary == summarize(fitted_clusterer, corpus.texts)
    assert render_page(summary, 500) == page.read_text("utf-8")


def test_the_default_path_tells_the_format(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert write_report(None, FRUIT, labels=LABELS).name == "report.html"
    path = write_report(None, FRUIT, labels=LABELS, format="json")
    assert path.name == "report.json"
    assert json.loads(path.read_text("utf-8"))["format"] == 1


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for form in ("html", "json"):
        once, twice = (
            write_report(
                None, FRUIT * 40, tmp_path / name, labels=LABELS * 40, format=form
            ).read_bytes()
            for name in ("a", "b")
        )

        assert once == twice


def test_all_noise_one_text_and_empty_texts(tmp_path):
    path = write_report(None, FRUIT, tmp_path / "r.html", labels=[-1] * 6)
    assert headline(path) == "6 texts; 0 clusters; 6 noise (100%)."

    path = write_report(None, ["one"], tmp_path / "r.html", labels=[0])
    assert opened(path)[1] == ["one"]
    assert headline(path) == "1 texts; 1 clusters."

    path = write_report(None, ["", " "], tmp_path / "r.html", labels=[0, -1])
    data = opened(path)[0]
    assert [cluster["keywords"] for cluster in data["clusters"]] == [[], []]


def test_texts_never_stand_in_the_page(tmp_path):
    hostile = [
        "</script><script>alert(1)</script>",
        "<!--",
        "\u2028{{script}}",
        "\ud800",
    ]

    path = write_report(
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
    data, texts, _ = opened(path)
    assert texts == [*hostile[:3], "?"]
    assert data["clusters"][0]["name"] == "<b>name"
    assert set(data["classes"]) == {"<i>", "{{policy}}", "?"}


def test_parameters_are_shown_as_text(tmp_path, corpus, fitted_clusterer):
    summary = summarize(fitted_clusterer, corpus.texts[:20])
    hostile = "<script>alert(1)</script>{{ title }}"
    summary["parameters"][0] = dict.fromkeys(("step", "name", "value"), hostile)
    summary["versions"] = {hostile: hostile, "deepclust": hostile}
    summary["remarks"] = [hostile]
    summary["scores"][0] |= {"name": hostile, "meaning": hostile}

    page = render_page(summary, 500)

    assert page.count("<script") == 4
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;{{ title }}") == 10


def test_the_page_names_nothing_outside_itself(tmp_path):
    path = write_report(None, FRUIT, tmp_path / "r.html", labels=LABELS)
    page = path.read_text("utf-8")
    outside = page.replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"(?m)^\s*//.*$", "", outside))
    assert not re.search(r"\b(src|href)=|@import|url\(", outside)
    assert "default-src 'none'" in page
    assert "unsafe" not in page


def test_given_points_are_not_computed_again(tmp_path):
    points = np.arange(12.0).reshape(6, 2)

    path = write_report(None, FRUIT, tmp_path / "r.html", labels=LABELS, points=points)

    assert columns_of(path, 6)[1].tolist() == on_grid(points)[:, 0].tolist()


def test_a_text_of_seven_words_takes_eighty_bytes_at_most(tmp_path):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghij"), 6)) for _ in range(3_000)]
    picked = rng.integers(0, 3_000, (20_000, 7))
    texts = [" ".join(words[word] for word in row) for row in picked]
    labels = rng.integers(-1, 80, len(texts))
    X = rng.normal(size=(len(texts), 4)) + labels[:, None]

    path = write_report(
        None,
        texts,
        tmp_path / "r.html",
        labels=labels,
        embeddings=X,
        projection="pca",
    )

    assert path.stat().st_size < 80 * len(texts)
    _, shown, visible = opened(path)
    assert shown == texts
    assert "are cut" not in visible


def test_texts_are_cut_where_the_page_would_be_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("deepclust.reporting._page._MAX_BYTES", 200_000)
    rng = np.random.default_rng(0)
    letters = np.array([chr(code) for code in range(0x4E00, 0x5E00)])
    texts = ["".join(rng.choice(letters, 300)) for _ in range(300)]

    path = write_report(None, texts, tmp_path / "r.html", labels=[0, 1] * 150)

    assert 150_000 < path.stat().st_size < 200_000
    _, shown, visible = opened(path)
    limit = len(shown[0])
    assert f"300 texts are cut after {limit} characters" in visible


def test_of_more_texts_the_same_share_of_each_cluster_is_shown(tmp_path):
    texts, labels = FRUIT * 100, LABELS * 100

    path = write_report(None, texts, tmp_path / "r.html", labels=labels, max_points=60)

    data, shown, _ = opened(path)
    assert len(shown) == 60
    assert shown == [texts[row] for row in data["rows"]]
    assert sum(cluster["size"] for cluster in data["clusters"]) == 600
    assert headline(path).endswith("map and search hold 60 texts.")


def test_layers_and_columns_are_in_the_page(tmp_path):
    layers = np.column_stack(([0, 0, 0, 0, 0, -1], LABELS))
    stars = [5, 4, 5, None, 1, 2]
    path = tmp_path / "r.html"

    write_report(
        None, FRUIT, path, labels=LABELS, layers=layers, columns={"stars": stars}
    )

    data, _, _ = opened(path)
    assert data["layer"] == 1
    assert [[node["size"] for node in nodes] for nodes in data["layers"]] == [
        [5],
        [3, 2],
    ]
    assert [node["parent"] for node in data["layers"][1]] == [0, 0]
    names = [node["name"] for node in data["layers"][1]]
    assert names == [cluster["name"] for cluster in data["clusters"][:2]]
    assert data["columns"] == [
        {
            "name": "stars",
            "ordered": True,
            "values": ["1.0", "2.0", "4.0", "5.0"],
            "codes": None,
        }
    ]
    broad, fine, codes = columns_of(path, 6)[-3:].tolist()
    assert (broad, fine) == ([0] * 5 + [1], [0, 0, 0, 1, 1, 2])
    assert codes == [3, 2, 3, 4, 0, 1]
