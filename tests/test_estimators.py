"""Fitted objects know the versions they come from."""

import copy
import json
import pickle
import warnings

import pytest

from deepclust import (
    DBSCAN,
    RNNLSTMEncoder,
    TextCleaner,
    Vectorizer,
    _estimators,
    load,
    save,
)
from deepclust.exceptions import VersionWarning
from deepclust.persistence import inspect


def at(monkeypatch, **versions):
    now = _estimators._installed()
    monkeypatch.setattr(_estimators, "_installed", lambda: now | versions)


@pytest.mark.parametrize("kind", [DBSCAN, RNNLSTMEncoder, TextCleaner, Vectorizer])
def test_a_pickle_of_other_versions_warns(kind, monkeypatch):
    pickled = pickle.dumps(kind())
    assert "_library_versions" not in vars(pickle.loads(pickled))
    at(monkeypatch, numpy="99.1.0", deepclust="0.0.7")

    with pytest.warns(VersionWarning, match=kind.__name__) as caught:
        pickle.loads(pickled)

    message = str(caught[0].message)
    assert "numpy" in message
    assert "99.1.0" in message
    assert "0.0.7" in message


def test_a_patch_of_a_library_and_a_copy_do_not(monkeypatch):
    pickled = pickle.dumps(DBSCAN())
    numpy = _estimators.library_versions()["numpy"].split(".")
    at(monkeypatch, numpy=".".join([*numpy[:2], "999"]))

    pickle.loads(pickled)
    copy.deepcopy(DBSCAN())


def test_a_model_file_of_other_versions_warns(tmp_path, monkeypatch):
    path = save(TextCleaner(), tmp_path / "cleaner.dct")
    assert inspect(path)["libraries"] == _estimators.library_versions()
    at(monkeypatch, spacy="99.0.1")

    with pytest.warns(VersionWarning, match=r"cleaner.dct .*spacy .* → 99.0.1"):
        load(path)


def test_states_of_before_have_no_versions():
    state = json.loads(json.dumps(DBSCAN().get_params()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = DBSCAN()
        model.__setstate__(state)
    assert model.get_params() == DBSCAN().get_params()
