"""Fixtures shared by test files: a small corpus and a pipeline fitted on it."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import pytest
from tiny import (
    Corpus,
    do_not_trace_short_training,
    make_corpus,
    tiny_clusterer,
    untraced,
)

hypothesis.settings.register_profile(
    "deepclust", deadline=None, derandomize=True, max_examples=50
)
hypothesis.settings.load_profile("deepclust")
do_not_trace_short_training()  # in doctests too, which get no fixture from here


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """Three hundred sentences on four topics."""
    return make_corpus()


@pytest.fixture(scope="session")
def fitted_clusterer(corpus):
    """A tiny pipeline fitted on `corpus`; tests must not change it (clone it)."""
    return tiny_clusterer().fit(corpus.texts)


@pytest.fixture(name="untraced")
def _untraced():
    with untraced():
        yield


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test drew, if it drew."""
    yield
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
