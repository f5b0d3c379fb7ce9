"""Small fitted models of deepclust, scikit-learn, Keras and BERTopic.

BERTopic gets embeddings, or a pipeline of scikit-learn in place of a model of
sentences, so that it needs no PyTorch.
"""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

KINDS = ("deepclust", "scikit-learn", "Keras", "BERTopic")
TESTS = Path(__file__).parents[2] / "tests"
MODEL = TESTS / "persistence" / "model_v1.dct"


def corpus() -> list[str]:
    """Return 300 sentences of four topics."""
    sys.path.insert(0, str(TESTS))
    from tiny import make_corpus

    return make_corpus().texts


def lsa():
    """Return an unfitted pipeline of scikit-learn that embeds texts."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(), TruncatedSVD(16, random_state=0))


def bertopic(
    texts: Sequence[str | None],
    embeddings: np.ndarray | None = None,
    seed: int | None = None,
    **parameters,
):
    """Return BERTopic fitted on texts and embeddings."""
    from bertopic import BERTopic

    model = BERTopic(**parameters)
    model.umap_model.random_state = seed
    return model.fit(texts, embeddings)


def small_bertopic(**parameters):
    """Return BERTopic fitted on 200 texts in two groups."""
    rows = np.random.default_rng(0).normal(size=(200, 16))
    rows[::2] += 10
    return bertopic(["cats and dogs", "stars and moons"] * 100, rows, **parameters)


def reader(kind: str) -> Callable[[list[str]], np.ndarray]:
    """Return a function of texts to numbers, of a model fitted on the corpus."""
    if kind == "deepclust":
        from deepclust import load

        return load(MODEL)[:-1].transform
    if kind == "scikit-learn":
        return lsa().fit(corpus()).transform
    if kind == "BERTopic":
        model = bertopic(corpus(), seed=0, embedding_model=lsa().fit(corpus()))
        return lambda texts: np.column_stack(model.transform(texts))
    import keras

    words = keras.layers.TextVectorization()
    words.adapt(corpus())
    layers = [keras.layers.Embedding(words.vocabulary_size(), 16, mask_zero=True)]
    network = keras.Sequential([*layers, keras.layers.LSTM(16)])
    return lambda texts: network.predict(words(texts), verbose=0)


def saved(kind: str, path: Path):
    """Save a model, and return what reads the file and what writes it."""
    if kind == "deepclust":
        from deepclust import load, save

        model = load(MODEL)
        read, write = load, lambda: save(model, path)
    elif kind == "scikit-learn":
        import joblib
        from sklearn.cluster import KMeans

        rows = np.random.default_rng(0).normal(size=(500, 16))
        model = KMeans(4, n_init=1, random_state=0).fit(rows)
        read, write = joblib.load, lambda: joblib.dump(model, path)
    elif kind == "BERTopic":
        from bertopic import BERTopic

        model = small_bertopic()
        read, write = BERTopic.load, lambda: model.save(path, serialization="pickle")
    else:
        import keras

        model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(64)])
        read, write = keras.models.load_model, lambda: model.save(path)
    write()
    return read, write


def cost(work: Callable[[], object]) -> str:
    """Return the seconds of the processor and the memory that work takes."""
    start = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        work()
        said = ""
    except Exception as error:
        said = f"{type(error).__name__}, "
    seconds = time.process_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return f"{said}{seconds:.1f} s, {grown / 1024:,.0f} MiB more"
