"""A small fitted pipeline, which is stored beside: nothing has to be trained."""

from pathlib import Path

import pytest

from deepclust import load


@pytest.fixture(scope="session")
def model_file():
    """A pipeline fitted on 60 of the corpus' texts, as format 1 saved it."""
    return Path(__file__).with_name("model_v1.dct")


@pytest.fixture(scope="session")
def small_model(model_file):
    """The pipeline in `model_file`; tests must not change it."""
    return load(model_file)
