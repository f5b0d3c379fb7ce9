"""The same hostile input for deepclust, scikit-learn, Keras and BERTopic, side by side.

    python examples/benchmarks/reliability.py [rows]
    python examples/benchmarks/reliability.py --grid-search 100

Prints a table in Markdown. Each cell runs in a process of its own, which may take
`TIMEOUT` seconds. BERTopic, where it is installed, gets embeddings in place of a model
of sentences, so that it needs no PyTorch. The second form searches a grid over a whole
tiny pipeline in two processes, that many times, and says how long the longest took: one
that hangs is a timeout.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from queue import Empty

import numpy as np

TIMEOUT = 60
N_COPIES = 10_000
N_FLIPS = 100
MODEL = Path(__file__).parents[2] / "tests" / "persistence" / "model_v1.dct"


def bertopic(texts: list[str | None], embeddings: np.ndarray, seed: int | None = None):
    """Return BERTopic fitted on texts and embeddings."""
    from bertopic import BERTopic

    model = BERTopic()
    model.umap_model.random_state = seed
    return model.fit(texts, embeddings)


def small_bertopic():
    """Return BERTopic fitted on 200 texts in two groups."""
    rows = np.random.default_rng(0).normal(size=(200, 16))
    rows[::2] += 10
    return bertopic(["cats and dogs", "stars and moons"] * 100, rows)


def copies(kind: str) -> str:
    """Cluster equal rows."""
    from sklearn.cluster import DBSCAN as PLAIN

    from deepclust import DBSCAN

    n_rows = int(sys.argv[1]) if sys.argv[1:] else N_COPIES
    X, start = np.ones((n_rows, 16), dtype=np.float32), time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if kind == "BERTopic":
        labels = np.array(bertopic(["one two"] * n_rows, X).topics_)
    else:
        model = DBSCAN(0.5) if kind == "deepclust" else PLAIN()
        labels = model.fit(X).labels_
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seconds = time.process_time() - start
    return f"{labels.max() + 1} clusters, {seconds:.1f} s, {grown / 1024:,.0f} MiB more"


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


def set_of_texts(kind: str) -> str:
    """Give a set of texts, whose order differs between runs."""
    from sklearn.feature_extraction.text import CountVectorizer

    from deepclust import TextCleaner

    model = TextCleaner() if kind == "deepclust" else CountVectorizer()
    model.fit_transform({"one two", "three four"})
    return "no error"


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


def text_that_is_none(kind: str) -> str:
    """Give a missing value among texts."""
    from sklearn.feature_extraction.text import CountVectorizer

    from deepclust import TextCleaner

    texts = ["one two", None, "three four"] * 20
    if kind == "BERTopic":
        bertopic(texts, np.random.default_rng(0).normal(size=(60, 16)))
    else:
        model = TextCleaner() if kind == "deepclust" else CountVectorizer()
        model.fit_transform(texts)
    return "no error"


def _saved(kind: str, path: Path):
    """Save a model, and return what reads the file."""
    if kind == "deepclust":
        from deepclust import load, save

        save(load(MODEL), path)
        return load
    if kind == "scikit-learn":
        import joblib
        from sklearn.cluster import KMeans

        rows = np.random.default_rng(0).normal(size=(500, 16))
        joblib.dump(KMeans(4, n_init=1, random_state=0).fit(rows), path)
        return joblib.load
    if kind == "BERTopic":
        from bertopic import BERTopic

        small_bertopic().save(path, serialization="pickle")
        return BERTopic.load
    import keras

    keras.Sequential([keras.Input((16,)), keras.layers.Dense(64)]).save(path)
    return keras.models.load_model


def flipped_bits(kind: str) -> str:
    """Read files in which one bit is another."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("m.keras" if kind == "Keras" else "m")
        read, rng = _saved(kind, path), np.random.default_rng(0)
        whole, found = path.read_bytes(), Counter()
        for place in rng.integers(0, 8 * len(whole), N_FLIPS).tolist():
            changed = bytearray(whole)
            changed[place // 8] ^= 1 << place % 8
            path.write_bytes(changed)
            try:
                read(path)
                found["loaded"] += 1
            except Exception as error:
                found[type(error).__name__] += 1
    return f"of {N_FLIPS}: " + ", ".join(f"{n} {what}" for what, n in found.items())


def full_disk(kind: str) -> str:
    """Save over an old file where the disk is full half-way."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("m.keras" if kind == "Keras" else "m")
        read = _saved(kind, path)
        old = path.read_bytes()
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, hard))
        try:
            _saved(kind, path)
        except Exception as error:
            raised = type(error).__name__
        else:
            raised = "no error"
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        if path.exists() and path.read_bytes() == old:
            return f"{raised}; the old file is there"
        try:
            read(path)
        except Exception as error:
            return f"{raised}; the old file is lost ({type(error).__name__})"
    return f"{raised}; another file is there"


def forked_child(kind: str) -> str:
    """Train in a forked child of a process that has trained."""
    if kind == "Keras":
        import keras

        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        model.compile("sgd", "mse")

        def train():
            model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    elif kind == "BERTopic":
        train = small_bertopic
    else:
        from deepclust import RNNLSTMEncoder

        sizes = {"rnn_units": 2, "lstm_units": 0, "embedding_dim": 2, "epochs": 1}

        def train():
            RNNLSTMEncoder(**sizes, random_state=0).fit([[2, 3], [4, 5]] * 20)

    train()
    start, child = time.perf_counter(), os.fork()
    if not child:
        try:
            train()
        except Exception as error:
            os._exit(3 if isinstance(error, RuntimeError) else 4)
        os._exit(0)
    while time.perf_counter() - start < TIMEOUT / 3:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            seconds = time.perf_counter() - start
            code = os.waitstatus_to_exitcode(status)
            said = {0: "trains", 3: "RuntimeError"}.get(code, f"exit status {code}")
            return f"{said} after {seconds:.1f} s"
        time.sleep(0.1)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return f"hangs, ended after {TIMEOUT / 3:.0f} s"


KINDS = ("deepclust", "scikit-learn", "Keras", "BERTopic")
CASES = {
    copies: ("deepclust", "scikit-learn", "BERTopic"),
    huge_float32: ("deepclust", "scikit-learn", "BERTopic"),
    tiny_float32: ("deepclust", "scikit-learn", "BERTopic"),
    metric_of_nan: ("deepclust", "scikit-learn"),
    metric_of_nan_at_times: ("deepclust", "scikit-learn"),
    negative_metric: ("deepclust", "scikit-learn"),
    equal_rows_on_a_map: ("deepclust", "scikit-learn"),
    set_of_texts: ("deepclust", "scikit-learn"),
    lone_surrogate: ("deepclust", "scikit-learn", "Keras"),
    two_wrong_parameters: ("deepclust", "scikit-learn"),
    other_order: ("deepclust", "scikit-learn", "BERTopic"),
    text_that_is_none: ("deepclust", "scikit-learn", "BERTopic"),
    flipped_bits: KINDS,
    full_disk: KINDS,
    forked_child: ("deepclust", "Keras", "BERTopic"),
}


def _cell(case, kind: str, queue) -> None:
    warnings.simplefilter("ignore")
    try:
        queue.put(case(kind))
    except BaseException as error:
        queue.put(f"{type(error).__name__}: {str(error).splitlines()[0][:110]}")


def cell(case, kind: str) -> str:
    """Return what a case gives, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_cell, args=(case, kind, queue))
    process.start()
    try:
        for _ in range(10 * TIMEOUT):
            try:
                return queue.get(timeout=1)
            except Empty:
                if process.exitcode is not None:
                    return f"the process is ended, exit status {process.exitcode}"
        return f"no end after {10 * TIMEOUT} s"
    finally:
        process.kill()


def grid_searches(n_times: int) -> None:
    """Search a grid over a tiny pipeline in two processes, again and again."""
    from sklearn.model_selection import GridSearchCV

    sys.path.insert(0, str(MODEL.parents[1]))
    from tiny import make_corpus, tiny_clusterer

    warnings.simplefilter("ignore")
    texts, longest = make_corpus().texts[:80], 0.0
    small = {"encode__lstm_units": 0, "encode__n_pseudo_classes": 3}
    scores = set()
    for n in range(n_times):
        start = time.perf_counter()
        grid = {"cluster__min_samples": [3, 5]}
        search = GridSearchCV(tiny_clusterer(**small), grid, cv=2, n_jobs=2)
        scores.add(tuple(search.fit(texts).cv_results_["mean_test_score"]))
        longest = max(longest, time.perf_counter() - start)
        print(f"{n + 1} of {n_times}, the longest {longest:.0f} s", flush=True)
    assert len(scores) == 1, scores


def main() -> None:
    """Print the table."""
    kinds = [kind for kind in KINDS if kind != "BERTopic" or find_spec("bertopic")]
    print("| case | " + " | ".join(kinds) + " |\n|---" + "|---" * len(kinds) + "|")
    for case, those in CASES.items():
        cells = [cell(case, kind) if kind in those else "" for kind in kinds]
        print("| " + " | ".join([case.__doc__.rstrip("."), *cells]) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--grid-search"]:
        grid_searches(int(sys.argv[2]))
    else:
        main()
