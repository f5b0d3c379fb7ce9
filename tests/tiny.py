"""A small corpus, and a pipeline whose network trains in seconds."""

import itertools
import math
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partialmethod
from unittest import mock

import numpy as np

# Of every topic: openings, middles and endings that combine to sentences.
TOPICS = {
    "cooking": (
        ("Simmer the soup", "Bake the bread", "Chop the onions", "Whisk the eggs"),
        ("with garlic and butter", "in a hot oven", "with salt and pepper"),
        ("until the sauce is thick.", "before serving dinner.", "for the recipe."),
        ("Use fresh basil.", "Add flour and sugar.", "Stir the pan."),
    ),
    "football": (
        ("The striker scored", "The goalkeeper saved", "Our team won", "They lost"),
        ("a late penalty", "the league match", "the away game", "the cup final"),
        ("after extra time.", "in the second half.", "against the champions."),
        ("The referee whistled.", "The coach praised the defence.", "Fans cheered."),
    ),
    "astronomy": (
        ("The telescope observed", "Astronomers found", "The probe photographed"),
        ("a distant galaxy", "a red dwarf star", "the moons of Jupiter", "a comet"),
        ("near the orbit of Mars.", "in infrared light.", "beyond the Milky Way."),
        ("Its spectrum shows hydrogen.", "The planet has rings.", "Gravity bends it."),
    ),
    "programming": (
        ("The compiler rejects", "A unit test covers", "The debugger stops at"),
        ("the recursive function", "a null pointer", "the Python class", "the loop"),
        ("when the type is wrong.", "before the commit.", "after the refactoring."),
        ("Check the stack trace.", "Read the error message.", "Import the module."),
    ),
}


@dataclass(frozen=True)
class Corpus:
    """Texts and the topic of each."""

    texts: list[str]
    target: np.ndarray
    target_names: list[str]


def make_corpus(n_per_topic: int = 75) -> Corpus:
    """Return `n_per_topic` distinct sentences of each topic, in a fixed mixed order."""
    rng = np.random.default_rng(0)
    rows = []
    for topic, parts in enumerate(TOPICS.values()):
        sentences = [" ".join(choice) for choice in itertools.product(*parts)]
        chosen = rng.permutation(len(sentences))[:n_per_topic]
        rows += [(sentences[i], topic) for i in chosen]
    order = rng.permutation(len(rows))
    texts = [rows[i][0] for i in order]
    target = np.array([rows[i][1] for i in order], dtype=np.intp)
    return Corpus(texts, target, list(TOPICS))


@contextmanager
def untraced():
    """Let networks train step by step; weights differ by 1e-7 from those of a graph."""
    from deepclust.encoding._network import PrototypeClassifier

    compile_ = partialmethod(PrototypeClassifier.compile, run_eagerly=True)
    with mock.patch.object(PrototypeClassifier, "compile", compile_):
        yield


def do_not_trace_short_training(most_steps=12):
    """From now on, train encoders untraced where they take few steps.

    TensorFlow takes 3 s to trace a step, and 0.25 s to run one that it has not traced.
    """
    from deepclust import RNNLSTMEncoder

    train = RNNLSTMEncoder._train

    def _train(encoder, sequences, *arguments):
        n_batches = math.ceil(
            len(sequences) / encoder._texts_per_update(len(sequences))
        )
        is_long = encoder.epochs == "auto" or encoder.epochs * n_batches > most_steps
        if is_long or os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
            return train(encoder, sequences, *arguments)
        with untraced():
            return train(encoder, sequences, *arguments)

    RNNLSTMEncoder._train = _train


# Parameters of a pipeline whose network trains in a second.
TINY = {
    "encode__rnn_units": 8,
    "encode__lstm_units": 8,
    "encode__embedding_dim": 16,
    "encode__epochs": 2,
    "vectorize__vector_dim": 32,
}

# The same without recurrent layers, where what counts is around the network.
TINIER = TINY | {"encode__rnn_units": 0, "encode__lstm_units": 0}


def tiny_clusterer(**parameters):
    """Return an unfitted pipeline with the parameters `TINY`, and others."""
    from deepclust import make_text_clusterer

    return make_text_clusterer(random_state=0).set_params(**(TINY | parameters))


def light_clusterer(**parameters):
    """Return an unfitted pipeline without a network, which fits in milliseconds."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    from deepclust import DBSCAN, TextCleaner
    from deepclust.pipeline import TextClusterer

    steps = [
        ("clean", TextCleaner()),
        ("count", TfidfVectorizer(analyzer=str.split)),
        ("reduce", TruncatedSVD(8, random_state=0)),
        ("cluster", DBSCAN(0.2, min_samples=5, metric="cosine")),
    ]
    return TextClusterer(steps, **parameters)
