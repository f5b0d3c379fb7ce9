import copy
import gc
import json
import os
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pandas as pd
import pytest
from forging import change_state, forge
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from deepclust import (
    DBSCAN,
    RNNLSTMEncoder,
    TextCleaner,
    Vectorizer,
    load,
    make_text_clusterer,
    save,
)
from deepclust.clustering import merge, rename
from deepclust.exceptions import ModelDriftWarning, ModelFormatError
from deepclust.persistence import RoleKey, inspect
from deepclust.persistence._model_file import PROFILES


def same_values(first, second, where=""):
    """Assert that two attributes are equal, to the last bit and type."""
    assert type(first) is type(second), where
    if isinstance(first, np.ndarray):
        assert first.dtype == second.dtype, where
        assert first.shape == second.shape, where
        assert first.tobytes() == second.tobytes(), where
    elif isinstance(first, pd.DataFrame):
        pd.testing.assert_frame_equal(first, second)
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), where
        for n, (a, b) in enumerate(zip(first, second, strict=True)):
            same_values(a, b, f"{where}.{n}")
    elif isinstance(first, dict):
        assert list(first) == list(second), where
        for name in first:
            same_values(first[name], second[name], f"{where}.{name}")
    elif hasattr(first, "__dict__"):
        state = getattr(first, "__getstate__", lambda: None)() or vars(first)
        other = getattr(second, "__getstate__", lambda: None)() or vars(second)
        assert state.keys() == other.keys(), where
        for name in state:
            same_values(state[name], other[name], f"{where}.{name}")
    else:
        assert repr(first) == repr(second), where


def test_parameters_of_the_pipeline_come_back(fitted_clusterer, tmp_path):
    pipeline = copy.copy(fitted_clusterer)
    changed = {"max_fit_texts": 500, "n_rehearsed": 7, "warm_start": True}
    pipeline.set_params(**changed)

    loaded = load(save(pipeline, tmp_path / "m.dct"))

    assert {name: getattr(loaded, name) for name in changed} == changed


def test_a_pipeline_comes_back_after_fit(fitted_clusterer, corpus, tmp_path):
    for mmap in (False, True):
        loaded = load(save(fitted_clusterer, tmp_path / "m.dct"), mmap=mmap)

        same_values(loaded.steps, fitted_clusterer.steps)
        embeddings = fitted_clusterer[:-1].transform(corpus.texts)
        again = loaded[:-1].transform(corpus.texts)
        assert again.tobytes() == embeddings.tobytes()
        same_values(loaded.predict(corpus.texts), fitted_clusterer[-1].labels_)


@pytest.mark.parametrize("profile", ["full", "predict"])
@pytest.mark.parametrize("mmap", [False, True])
def test_results_are_equal_bit_for_bit(small_model, corpus, tmp_path, profile, mmap):
    texts = [*corpus.texts, "a text of other words", "", *reversed(corpus.texts)]
    path = save(small_model, tmp_path / "m.dct", profile=profile)

    loaded = load(path, mmap=mmap)

    expected = small_model[:-1].transform(texts)
    assert loaded[:-1].transform(texts).tobytes() == expected.tobytes()
    assert loaded.predict(texts).tolist() == small_model.predict(texts).tolist()
    same_values(loaded.predict_proba(texts), small_model.predict_proba(texts))
    nearest = copy.deepcopy(small_model).set_params(cluster__noise="nearest")
    again = loaded.set_params(cluster__noise="nearest").predict(texts)
    assert again.tolist() == nearest.predict(texts).tolist()


def test_a_loaded_model_can_be_cut_extended_and_edited(small_model, model_file):
    expected, loaded = copy.deepcopy(small_model[-1]), load(model_file)[-1]

    for model in (expected, loaded):
        merge(model, [0, 1], name="both")
    same_values(loaded.labels_, expected.labels_)
    same_values(loaded.cut(0.001).labels_, expected.cut(0.001).labels_)


def test_rows_can_be_added_to_a_loaded_model(tmp_path):
    rows = np.random.default_rng(0).standard_normal((60, 2))
    model = DBSCAN(eps=0.5, min_samples=4).fit(rows[:50])

    loaded = load(save(model, tmp_path / "m.dct"))

    same_values(loaded.partial_fit(rows[50:]), model.partial_fit(rows[50:]))
    same_values(loaded.labels_, DBSCAN(eps=0.5, min_samples=4).fit(rows).labels_)


def test_edits_and_names_are_saved(small_model, tmp_path):
    model = copy.deepcopy(small_model)
    rename(model, {0: "ü\nname"})

    loaded = load(save(model, tmp_path / "m.dct"))

    assert loaded[-1].cluster_names_ == {0: "ü\nname"}
    assert loaded[-1].edits_ == model[-1].edits_


def test_names_are_not_in_a_file_for_prediction(small_model, tmp_path):
    model = copy.deepcopy(small_model)
    rename(model, {0: "a secret"})

    path = save(model, tmp_path / "m.dct", profile="predict")

    assert b"secret" not in path.read_bytes()
    assert not hasattr(load(path)[-1], "cluster_names_")
    assert {e["name"] for e in inspect(path)["sections"]} == {"predict", "probes"}


def test_new_attributes_of_known_types_are_carried(tmp_path):
    model = DBSCAN(eps=0.2, min_samples=2).fit([[0.0], [0.1], [5.0], [5.1]])
    model.extra_ = np.array([[0, 0], [0, 1], [1, 2], [-1, -1]])
    model._layer_eps = [(0.1, "fine"), (0.2, None)]

    loaded = load(save(model, tmp_path / "m.dct"))

    same_values(loaded, model)
    model._layer_eps = print
    with pytest.raises(TypeError, match=r"_layer_eps, a builtins\.builtin"):
        save(model, tmp_path / "m.dct")
    same_values(load(tmp_path / "m.dct").extra_, model.extra_)


@pytest.mark.parametrize("kind", ["sparse", "distances", "graph"])
def test_rows_of_other_kinds_come_back(kind, tmp_path):
    rows = np.random.default_rng(0).integers(0, 4, (40, 3)).astype(float)
    X = rows if kind == "sparse" else pairwise_distances(rows)
    X = X if kind == "distances" else csr_array(X)
    metric = "euclidean" if kind == "sparse" else "precomputed"
    model = DBSCAN(eps=1.1, min_samples=4, metric=metric).fit(X)

    for options in ({}, {"keys": RoleKey("owner", bytes(32))}):
        loaded = load(save(model, tmp_path / "m.dct", **options), **options)
        assert loaded.labels_.tolist() == model.labels_.tolist()
        assert loaded.predict(X).tolist() == model.predict(X).tolist()
        assert (loaded._X != model._X).sum() == 0
        assert type(loaded._X) is type(model._X)
    with pytest.raises(TypeError, match="sparse rows or distances"):
        save(model, tmp_path / "m.dct", profile="predict")


@pytest.mark.parametrize(
    "model",
    [
        TextCleaner(redact=("email",), language="de"),
        TextCleaner(redact={"email", "phone"}),
        Vectorizer(min_df=1, word_vectors=None).fit(["a b", "b c"]),
        Vectorizer(min_df=1, vector_dim=2).fit(["a b", "b c", "a c"]),
        RNNLSTMEncoder(seed_words={"x": ["a", "b"]}),
        DBSCAN(metric="manhattan", eps=1.0, min_samples=1).fit([[0.0], [9.0]]),
        make_pipeline(TextCleaner(), Vectorizer(min_df=1)).fit(["a b", "b c"]),
        make_text_clusterer(n_clusters=3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_single_estimators_and_parts_come_back(model, tmp_path):
    loaded = load(save(model, tmp_path / "m.dct"))

    same_values(loaded, model)
    assert repr(loaded) == repr(model)


def test_labels_of_classes_come_back(corpus, tmp_path, small_model):
    sequences = small_model[:2].transform(corpus.texts)
    encoder = copy.deepcopy(small_model[2])
    encoder.classes_ = np.array(["a", "bc", "ü"])
    encoder.weights_["labels/prototypes"] = np.eye(3, 6, dtype=np.float32)

    loaded = load(save(encoder, tmp_path / "m.dct", profile="predict"))

    expected = encoder.predict_proba(sequences)
    assert loaded.predict_proba(sequences).tobytes() == expected.tobytes()
    same_values(loaded.classes_, encoder.classes_)


def test_what_two_steps_share_is_saved_once(model_file, small_model):
    assert small_model[1].vocabulary_ is small_model[2].vocabulary_

    loaded = load(model_file)

    assert loaded[1].vocabulary_ is loaded[2].vocabulary_


def test_the_same_model_gives_the_same_bytes(small_model, tmp_path):
    first = save(small_model, tmp_path / "a.dct")

    again = save(load(first), tmp_path / "b.dct")

    assert again.read_bytes() == first.read_bytes()


def test_inspect_shows_what_is_in_a_file(small_model, tmp_path):
    manifest = inspect(save(small_model, tmp_path / "model.dct"))

    assert manifest["profile"] == "full"
    assert manifest["classes"][:2] == ["Pipeline", "TextCleaner"]
    assert manifest["libraries"]["numpy"] == np.__version__
    shape = list(small_model[-1]._X.shape)
    assert manifest["arrays"]["predict"]["cluster._X"][1] == shape
    assert json.dumps(manifest)


def test_a_mapped_model_is_not_read_into_memory(model_file):
    loaded = load(model_file, mmap=True)

    assert not loaded[2].weights_["words"].flags.writeable
    assert load(model_file)[2].weights_["words"].flags.writeable


@pytest.mark.parametrize("mmap", [False, True])
def test_a_model_that_is_dropped_leaves_nothing_in_memory(model_file, mmap):
    gc.disable()  # which would free what refers to itself, but only later
    try:
        model = load(model_file, mmap=mmap)
        parts = [
            weakref.ref(part) for part in (model, *model, model[2].weights_["words"])
        ]
        del model
        assert [part() for part in parts] == [None] * 6
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KMeans(), "Received: KMeans"),
        ({"a": 1}, "Received: dict"),
        (GridSearchCV(DBSCAN(), {}), "best_estimator_"),
        (make_pipeline(TextCleaner(), KMeans()), "kmeans, a sklearn.cluster"),
        (TextCleaner(tokenizer=str.split), "tokenizer, a builtins.method_descriptor"),
        (make_pipeline(DBSCAN(metric=max)), "dbscan.metric, a builtins.builtin"),
        (Vectorizer(word_vectors="/home/me/glove.txt"), "word_vectors=None"),
        (Vectorizer(random_state=np.random.RandomState(0)), "random_state"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_a_file_cannot_hold_is_named(model, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save(model, tmp_path / "m.dct")

    assert not list(tmp_path.iterdir())


def test_an_unknown_profile_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'profile' parameter of save"):
        save(TextCleaner(), tmp_path / "m.dct", profile="all")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "no.dct")


def test_probe_texts_notice_other_results(model_file, tmp_path):
    def change(manifest, sections):
        sections["predict"]["encode.weights_.dense/bias"][0] += 0.1
        manifest["libraries"]["spacy"] = "3.0.0"

    path = forge(model_file, tmp_path / "m.dct", change)

    with pytest.warns(ModelDriftWarning, match=r"spacy 3\.0\.0 → "):
        load(path)


@pytest.mark.parametrize("missing", [False, True])
def test_probe_texts_notice_weights_that_do_not_fit(model_file, tmp_path, missing):
    def change(manifest, sections):
        arrays = sections["predict"]
        name = "encode.weights_.dense/kernel"
        arrays[name] = arrays[name][:, : 0 if missing else -1].copy()

    path = forge(model_file, tmp_path / "m.dct", change)

    with pytest.raises(ModelFormatError, match="probe texts"):
        load(path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probe_texts_notice_embeddings_of_another_shape(model_file, tmp_path, dtype):
    def change(manifest, sections):
        probes = sections["probes"]
        probes["embeddings"] = probes["embeddings"][:, :-1].astype(dtype)

    with pytest.raises(ModelFormatError, match="of another shape"):
        load(forge(model_file, tmp_path / "m.dct", change))


def test_a_mebibyte_of_values_outside_of_arrays(tmp_path):
    encoder = RNNLSTMEncoder(seed_words={"class": ["x" * (2**20 - 2_000)]})

    assert load(save(encoder, tmp_path / "m.dct")).seed_words == encoder.seed_words

    encoder.seed_words = {"class": ["x" * 2**20]}
    with pytest.raises(TypeError, match="more than 1 MiB of values"):
        save(encoder, tmp_path / "m.dct")


def test_a_parameter_that_an_older_file_lacks_gets_its_default(tmp_path):
    def change(manifest, sections):
        change_state(sections["predict"], lambda entries: entries[0][1].pop("stem"))

    path = save(TextCleaner(stem=True), tmp_path / "m.dct")

    assert load(forge(path, path, change)).stem is False


FIRST_TEXT = """
import sys, warnings
from deepclust import load
from deepclust.exceptions import VersionWarning
warnings.simplefilter("ignore", VersionWarning)  # of the stored file
for path in sys.argv[1:]:
    print(*load(path).predict(["Bake the bread in a hot oven", "A red dwarf star"]))
heavy = ("tensorflow", "keras", "matplotlib", "cryptography", "deepclust.cli")
print([name for name in heavy if name in sys.modules])
"""


def test_predicting_needs_no_tensorflow(small_model, model_file, tmp_path):
    path = save(small_model, tmp_path / "m.dct", profile="predict")

    done = subprocess.run(
        [sys.executable, "-c", FIRST_TEXT, path, model_file],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "error::UserWarning"},
    )

    texts = ["Bake the bread in a hot oven", "A red dwarf star"]
    expected = " ".join(map(str, small_model.predict(texts)))
    assert done.stdout.splitlines() == [expected, expected, "[]"]


@pytest.mark.parametrize("profile", ["full", "predict"])
@pytest.mark.parametrize("layer", ["auto", "broad"])
@pytest.mark.parametrize("n_weights", [1, 3])
def test_layers_are_kept(tmp_path, profile, layer, n_weights):
    centers = np.repeat([0.0, 1.0, 10.0, 11.0, 90.0, 92.0], 5)
    X = centers[:, None] + np.tile(np.linspace(0, 0.1, 5), 6)[:, None]
    weights = 1.0 + np.arange(30) % n_weights
    model = DBSCAN(eps=0.2, min_samples=3, layer=layer).fit(X, sample_weight=weights)
    save(model, tmp_path / "model.dct", profile=profile)
    loaded = load(tmp_path / "model.dct")
    assert model.predict_layers(X).shape[1] > 1
    same_values(loaded.predict(X), model.labels_)
    same_values(loaded.predict_layers(X), model.layers_)
    loaded.set_params(layer="fine")
    same_values(loaded.predict(X), model.layers_[:, -1])
    same_values(
        loaded.predict_proba(X), model.set_params(layer="fine").predict_proba(X)
    )


def blobs_of_two_scales():
    """Return four groups of three blobs each."""
    rng = np.random.default_rng(0)
    far = rng.normal(size=(4, 1, 6)) * 30
    near = (far + rng.normal(size=(4, 3, 6)) * 2.5).reshape(-1, 6)
    return np.repeat(near, 40, axis=0) + rng.normal(size=(480, 6)) * 0.25


def blobs_that_one_radius_joins():
    """Return two dense blobs, closer than the radius that the ten others need."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(12, 8))
    centers /= np.linalg.norm(centers, axis=1)[:, None]
    centers[1] = centers[0] + 0.22 * (centers[1] - centers[0])
    spread = np.repeat([0.02, 0.13], [120, 600])[:, None]
    return np.repeat(centers, 60, axis=0) + spread * rng.normal(size=(720, 8))


@pytest.mark.parametrize(
    ("rows", "options", "needed"),
    [
        (blobs_of_two_scales, {"n_clusters": 4}, "reachability_"),
        (blobs_of_two_scales, {"n_clusters": 4, "layer": "broad"}, "_chosen_layers"),
        (blobs_that_one_radius_joins, {"min_samples": 5}, "_part_means"),
    ],
)
def test_every_profile_and_role_gives_all_layers(rows, options, needed, tmp_path):
    X = rows()
    model = DBSCAN(**options).fit(X)
    assert needed in vars(model)
    assert len(np.unique(model.layers_[:, -1])) > model.layers_[:, 0].max() + 2
    new = np.concatenate((X, X + 0.2, 9 * X))
    keys = [RoleKey(role, role.encode().ljust(32)) for role in PROFILES["full"]]
    save(model, tmp_path / "keys.dct", keys=keys)
    loaded = [load(tmp_path / "keys.dct", keys=key) for key in keys]
    for profile in ("full", "predict"):
        loaded.append(load(save(model, tmp_path / "m.dct", profile=profile)))
    loaded.append(pickle.loads(pickle.dumps(loaded[0])))
    loaded.append(load(save(loaded[-1], tmp_path / "m.dct", profile="predict")))

    for layer, noise in (("auto", "keep"), ("broad", 0.3), ("fine", "nearest")):
        model.set_params(layer=layer, noise=noise)
        for other in loaded:
            other.set_params(layer=layer, noise=noise)
            same_values(other.predict(new), model.predict(new))
            same_values(other.predict_proba(new), model.predict_proba(new))
            same_values(other.predict_layers(new), model.predict_layers(new))


@pytest.mark.parametrize("name", ["core_layers", "place_of_auto"])
@pytest.mark.parametrize("role", ["predict", "owner"])
def test_layers_that_do_not_fit_are_refused(name, role, tmp_path, monkeypatch):
    model = DBSCAN(n_clusters=4).fit(blobs_of_two_scales())
    find = DBSCAN._core_layers

    def wrong(self):
        layers, place = find(self)
        return (layers[1:], place) if name == "core_layers" else (layers, 99)

    monkeypatch.setattr(DBSCAN, "_core_layers", wrong)
    keys = [RoleKey(other, other.encode().ljust(32)) for other in ("predict", "owner")]
    path = save(model, tmp_path / "m.dct", keys=keys)

    with pytest.raises(ModelFormatError, match="layers do not fit"):
        load(path, keys=[key for key in keys if key.role == role])
