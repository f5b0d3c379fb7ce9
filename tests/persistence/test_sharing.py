"""A file to share: nothing in it belongs to fewer than `min_sources` sources."""

import copy

import numpy as np
import pytest
from forging import unpack
from sklearn.base import clone
from tiny import make_corpus

from deepclust import DBSCAN, load, save
from deepclust.cleaning._tokenizer import token_checksum
from deepclust.clustering import rename
from deepclust.persistence import inspect
from deepclust.persistence._sharing import _aggregated, _source_parts

K = 4
TEXTS = make_corpus(15).texts  # of which `small_model` was fitted


@pytest.fixture(scope="module")
def model(small_model):
    """A model with a name of frequent words, a rare one, and one of other words."""
    model = copy.deepcopy(small_model)
    rename(
        model, {0: "telescope, spectrum", 1: "Soup", 2: "Mrs Example", 3: "infrared"}
    )
    return model


@pytest.fixture(scope="module")
def shared(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "s.dct"
    return save(model, path, profile="share", texts=TEXTS, min_sources=K)


def words_by_source(model, texts, groups=None):
    """Return the distinct clean texts, or the groups, in which each word is."""
    found, cleaned = {}, model["clean"].transform(texts)
    for text, source in zip(cleaned, groups or cleaned, strict=True):
        for word in text.split():
            found.setdefault(word, set()).add(source)
    return found


@pytest.mark.parametrize("n_groups", [None, 5])
def test_a_word_of_few_sources_is_not_in_the_file(model, n_groups, tmp_path):
    groups = n_groups and [i % n_groups for i in range(len(TEXTS))]
    options = {"texts": TEXTS, "groups": groups, "min_sources": K}
    shared = save(model, tmp_path / "s.dct", profile="share", **options)
    sources = words_by_source(model, TEXTS, groups)
    content = shared.read_bytes()
    rare = {word for word, found in sources.items() if len(found) < K}
    common = set(sources) - rare
    # what is in a file of no text, such as "class"
    other = save(clone(model), tmp_path / "m.dct").read_bytes()
    other += " ".join([*common, "probes"]).encode()

    tokens = load(shared)["vectorize"].vocabulary_.tokens[2:]

    assert set(tokens) == common & set(model["vectorize"].vocabulary_.tokens)
    searched = [word for word in rare if len(word) > 4 and word.encode() not in other]
    assert len(searched) > 10
    assert [word for word in searched if word.encode() in content] == []
    checksums = [token_checksum(word).to_bytes(4, "little") for word in rare]
    assert not any(checksum in content for checksum in checksums)
    if groups:  # some words are in enough texts, of too few groups
        assert common < {
            w for w, found in words_by_source(model, TEXTS).items() if len(found) >= K
        }


def test_no_training_vector_is_in_the_file(model, shared):
    """No row of any array is the embedding of a text, and no bytes are."""
    loaded, content = load(shared), shared.read_bytes()
    _, sections = unpack(shared)
    again = loaded[:-1].transform(TEXTS)
    rows, counts = np.unique(again, axis=0, return_counts=True)
    vectors = [*model[-1]._X, *rows[counts < K]]
    width = model[-1]._X.shape[1]
    arrays = [a for part in sections.values() for a in part.values() if a.ndim == 2]
    saved = np.concatenate([a for a in arrays if a.shape[1] == width])

    assert len(vectors) > 40
    for vector in vectors:
        assert vector.tobytes() not in content
        assert np.abs(saved - vector).max(axis=1).min() > 0


def test_no_text_and_no_label_is_in_the_file(shared):
    content = shared.read_bytes()

    assert {e["name"] for e in inspect(shared)["sections"]} == {
        "predict",
        "inspect",
        "probes",
    }
    assert not any(text.encode() in content for text in TEXTS)
    assert len(load(shared)[-1].labels_) < len(TEXTS) // K + 1


def test_names_of_few_texts_are_not_in_the_file(model, shared):
    sources = words_by_source(model, TEXTS)
    assert 0 < len(sources["infrared"]) < K <= len(sources["soup"])
    names = load(shared)[-1].cluster_names_

    assert "infrared" not in names.values()
    assert b"infrared" not in shared.read_bytes()
    assert set(names.values()) <= {"telescope, spectrum", "Soup", "Mrs Example"}
    assert names


def test_kept_stop_words_of_few_texts_are_not_in_the_file(model, tmp_path):
    texts = [f"{text} how" for text in TEXTS]
    texts[:2] = [f"{text} why" for text in texts[:2]]
    model = copy.deepcopy(model)
    model["clean"].kept_stop_words_ = ("how", "why")

    options = {"texts": texts, "min_sources": 3}
    shared = save(model, tmp_path / "s.dct", profile="share", **options)

    assert load(shared)["clean"].kept_stop_words_ == ("how",)
    assert model["clean"].kept_stop_words_ == ("how", "why")


def test_boilerplate_of_few_texts_is_not_in_the_file(model, tmp_path):
    texts = [f"{text} Sent from my <b>phone</b>." for text in TEXTS]
    texts[:2] = [f"{text} Jane Doe of Nowhere" for text in texts[:2]]
    model = copy.deepcopy(model)
    model["clean"].boilerplate_ = ("jane doe of nowhere", "sent from my phone")

    options = {"texts": texts, "min_sources": 3}
    shared = save(model, tmp_path / "s.dct", profile="share", **options)

    assert load(shared)["clean"].boilerplate_ == ("sent from my phone",)
    assert b"nowhere" not in shared.read_bytes()


def test_predictions_are_nearly_those_of_the_model(model, shared):
    from sklearn.metrics import adjusted_mutual_info_score

    expected, found = model.predict(TEXTS), load(shared).predict(TEXTS)

    both = (expected >= 0) & (found >= 0)
    assert both.mean() > 0.5
    assert adjusted_mutual_info_score(expected[both], found[both]) > 0.8


@pytest.mark.parametrize("layer", ["auto", "broad", "fine"])
def test_layers_have_the_numbers_of_the_model(layer, tmp_path):
    """The first cluster is left out: the others keep their numbers."""
    rng = np.random.default_rng(0)
    far = rng.normal(size=(3, 1, 6)) * 30
    near = (far + rng.normal(size=(3, 3, 6)) * 2.5).reshape(-1, 6)
    rows = np.repeat(near, 40, axis=0) + rng.normal(size=(360, 6)) * 0.25
    fitted = DBSCAN(n_clusters=3, layer=layer).fit(rows)
    sources = np.where(fitted.labels_ == 0, -1, np.arange(360))

    shared = _aggregated(fitted, rows, sources, K)
    shared = load(save(shared, tmp_path / "s.dct", profile="predict"))

    kept = fitted.labels_ != 0
    layers, expected = shared.predict_layers(rows[kept]), fitted.layers_[kept]
    own = fitted.layer_
    assert layers.shape[1] == own + 1
    np.testing.assert_array_equal(layers, expected[:, : own + 1])
    assert shared.predict(rows[kept]).tolist() == fitted.labels_[kept].tolist()


def test_every_center_stands_for_enough_sources(model):
    rng = np.random.default_rng(0)
    rows, sources = rng.standard_normal((200, 3)), rng.integers(0, 40, 200)

    parts = [*_source_parts(rows, sources, 6)]

    assert len(parts) > 5
    assert sorted(np.concatenate(parts)) == [*range(200)]
    assert min(len(np.unique(sources[part])) for part in parts) >= 6


def test_five_sources_are_the_default(model, shared, tmp_path):
    options = {"profile": "share", "texts": TEXTS}
    by_default = save(model, tmp_path / "a", **options).read_bytes()
    of_five = save(model, tmp_path / "b", min_sources=5, **options).read_bytes()
    assert by_default == of_five != shared.read_bytes()


def test_copies_of_a_text_are_one_source(model, tmp_path):
    """Each text five times: as many texts, but no word in more distinct ones."""
    texts = [TEXTS[0]] * len(TEXTS)

    with pytest.raises(ValueError, match="No word is in the texts of 2 sources"):
        save(model, tmp_path / "s", profile="share", texts=texts, min_sources=2)


def test_groups_are_counted_instead_of_texts(model, tmp_path):
    options = {"profile": "share", "texts": TEXTS, "min_sources": 2}

    with pytest.raises(ValueError, match="2 sources"):
        save(model, tmp_path / "s", groups=["one author"] * len(TEXTS), **options)
    with pytest.raises(ValueError, match="one entry for each of 60"):
        save(model, tmp_path / "s", groups=["a"], **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("texts", [TEXTS[:-1], [*TEXTS, "one more"]])
def test_texts_have_to_be_those_of_fit(model, tmp_path, texts):
    with pytest.raises(ValueError, match="the 60 texts of fit"):
        save(model, tmp_path / "s", profile="share", texts=texts)


def test_what_cannot_be_shared_is_named(model, tmp_path):
    with pytest.raises(ValueError, match="pass texts="):
        save(model, tmp_path / "s", profile="share")
    with pytest.raises(ValueError, match="pass texts="):
        save(model, tmp_path / "s", texts=TEXTS)
    with pytest.raises(ValueError, match="fitted pipeline of make_text_clusterer"):
        save(DBSCAN(), tmp_path / "s", profile="share", texts=TEXTS)


def test_the_model_is_not_changed(model, shared, small_model):
    assert len(model["vectorize"].vocabulary_) == len(small_model[1].vocabulary_)
    assert model[-1].labels_.tolist() == small_model[-1].labels_.tolist()
    assert model[2].weights_["words"].shape == small_model[2].weights_["words"].shape
