"""A short run of the fuzzing script: mutated files give documented errors only."""

import contextlib
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import load_benchmark

from deepclust import load
from deepclust.exceptions import ModelDriftWarning, ModelFileError, VersionWarning

WHOLE = Path(__file__).with_name("model_v1.dct").read_bytes()


@pytest.fixture(scope="module")
def script():
    return load_benchmark("fuzz_model_files")


@settings(max_examples=100)
@given(seed=st.integers(0, 2**40))
def test_a_mutated_file_is_refused_or_loaded(script, tmp_path_factory, seed):
    path = tmp_path_factory.getbasetemp() / "mutated.dct"
    path.write_bytes(script.mutated(WHOLE, seed))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelDriftWarning)
        warnings.simplefilter("ignore", VersionWarning)  # of the stored file
        with contextlib.suppress(ModelFileError):  # any other error fails
            load(path)


def test_half_of_the_mutations_reach_what_is_behind_the_digests(script, tmp_path):
    outcomes = set()
    for seed in range(1, 80, 2):
        (tmp_path / "m.dct").write_bytes(script.mutated(WHOLE, seed))
        outcomes.add(script.outcome(tmp_path / "m.dct"))

    assert {"ModelFormatError", "loaded"} <= outcomes


def test_a_mutation_is_the_same_for_the_same_seed(script):
    assert script.mutated(WHOLE, 7) == script.mutated(WHOLE, 7) != WHOLE
