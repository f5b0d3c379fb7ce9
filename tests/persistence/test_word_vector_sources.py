"""Model files of a pipeline whose word vectors have several sources."""

import copy
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from tiny import TINIER, tiny_clusterer

from deepclust import Vectorizer, load, save
from deepclust.exceptions import MissingExtraError
from deepclust.metrics._pairwise import unit_rows
from deepclust.persistence import RoleKey
from deepclust.vectorizing import _word_vectors

SOURCES = ["corpus", "wordllama"]
K = 12  # least number of texts of what is shared

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped")


def vector_of(word):
    """Return numbers that depend on the word."""
    return np.random.default_rng([*word.encode()]).random(5, dtype=np.float32) + 1


@pytest.fixture(scope="module", autouse=True)
def package():
    """Vectors that need no package, where those of the package would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_word_vectors, "_wordllama", lambda: sys)
        patch.setattr(
            _word_vectors, "_wordllama_rows", lambda w: ((x, vector_of(x)) for x in w)
        )
        yield


@pytest.fixture(scope="module")
def texts(corpus):
    return corpus.texts[:150]


@pytest.fixture(scope="module")
def further(corpus):
    """Texts with words that no text of before has."""
    return [*corpus.texts[150:], *(f"A zebra grazes {i} hours." for i in range(4))]


@pytest.fixture(scope="module")
def model(texts, package):
    return tiny_clusterer(**TINIER, vectorize__word_vectors=SOURCES).fit(texts)


def saved(model, folder, texts, profile):
    how = {"texts": texts, "min_sources": K} if profile == "share" else {}
    return save(model, folder / f"{profile}.dct", profile=profile, **how)


@pytest.mark.parametrize("profile", ["full", "predict"])
@pytest.mark.parametrize("mmap", [False, True])
def test_results_are_equal_bit_for_bit(model, corpus, texts, tmp_path, profile, mmap):
    loaded = load(saved(model, tmp_path, texts, profile), mmap=mmap)

    for call in ("predict", "predict_proba"):
        expected = getattr(model, call)(corpus.texts)
        assert getattr(loaded, call)(corpus.texts).tobytes() == expected.tobytes()
    embeddings = model[:-1].transform(corpus.texts)
    assert loaded[:-1].transform(corpus.texts).tobytes() == embeddings.tobytes()


def test_a_role_predicts_the_same(model, corpus, tmp_path):
    owner, reader = RoleKey.generate("owner"), RoleKey.generate("predict")
    path = save(model, tmp_path / "m.dct", keys=[owner, reader])

    loaded = load(path, keys=reader)

    assert loaded.predict(corpus.texts).tolist() == model.predict(corpus.texts).tolist()
    assert loaded["vectorize"].embedding_matrix_ is None
    assert load(path, keys=owner)["vectorize"].word_vectors == SOURCES


@pytest.mark.parametrize("profile", ["full", "predict", "share"])
def test_vectors_of_the_package_are_where_the_profile_has_them(
    model, texts, tmp_path, profile
):
    content = saved(model, tmp_path, texts, profile).read_bytes()
    vectorizer = model["vectorize"]
    tokens = vectorizer.vocabulary_.tokens[2:]
    raw = vectorizer.vocabulary_.pretrained[0][2:]
    directions = vectorizer.embedding_matrix_[2:, -5:]
    np.testing.assert_allclose(directions * np.sqrt(2), unit_rows(raw), rtol=1e-6)

    def are_in_file(rows):
        return np.array([row.tobytes() in content for row in rows])

    assert not are_in_file(raw).any()
    assert not are_in_file(unit_rows(raw)).any()
    found = are_in_file(directions)
    if profile == "share":
        shared = set(load(tmp_path / "share.dct")["vectorize"].vocabulary_.tokens)
        assert found.tolist() == [token in shared for token in tokens]
        assert 0 < found.sum() < len(found)
    else:
        assert found.all() if profile == "full" else not found.any()


def test_a_shared_file_predicts_nearly_the_same(model, texts, tmp_path):
    loaded = load(saved(model, tmp_path, texts, "share"))

    assert np.mean(loaded.predict(texts) == model.predict(texts)) > 0.9
    assert loaded["vectorize"].word_vectors == SOURCES


def test_a_loaded_model_learns_again(model, texts, tmp_path):
    loaded = load(saved(model, tmp_path, texts, "full"))

    loaded.fit(texts)

    again, first = (m["vectorize"].embedding_matrix_ for m in (loaded, model))
    assert again.tobytes() == first.tobytes()
    assert loaded.labels_.tolist() == model.labels_.tolist()


def test_a_loaded_model_learns_further_texts(model, further, texts, tmp_path):
    loaded = load(saved(model, tmp_path, texts, "full"))
    models = copy.deepcopy(model), loaded

    for each in models:
        each.partial_fit(further, rehearse=texts)

    expected, found = (each[:-1].transform(further) for each in models)
    assert found.tobytes() == expected.tobytes()
    vocabulary = loaded["vectorize"].vocabulary_
    direction = vocabulary.vectors[vocabulary.index["zebra"], -5:] * np.sqrt(2)
    np.testing.assert_allclose(direction, unit_rows(vector_of("zebra")[None])[0], 1e-6)


def test_a_model_for_prediction_says_that_it_cannot_learn_further(
    model, corpus, texts, tmp_path
):
    loaded = load(saved(model, tmp_path, texts, "predict"))

    with pytest.raises(ValueError, match="partial_fit needs the counts of words"):
        loaded.partial_fit(corpus.texts[150:], rehearse=texts)

    assert loaded.predict(texts).tolist() == model.predict(texts).tolist()


def test_predicting_needs_no_package(model, further, texts, tmp_path, monkeypatch):
    path = saved(model, tmp_path, texts, "full")

    def missing():
        raise MissingExtraError("wordllama")

    monkeypatch.setattr(_word_vectors, "_wordllama", missing)

    loaded = load(path)

    assert loaded.predict(texts).tolist() == model.predict(texts).tolist()
    for learn in (loaded.fit, loaded.partial_fit):
        with pytest.raises(MissingExtraError):
            learn(further)
    assert loaded.predict(texts).tolist() == model.predict(texts).tolist()
    loaded.set_params(vectorize__word_vectors=None)
    loaded.partial_fit(further, rehearse=texts)
    assert not loaded["vectorize"].embedding_matrix_[-1].any()


def test_files_and_objects_stay_outside(corpus, texts, tmp_path):
    place = tmp_path / "secret_place.txt"
    words = sorted({word for text in corpus.texts for word in text.lower().split()})
    place.write_text("\n".join(f"{w} {len(w)} {ord(w[0])}" for w in words))
    sources = ["corpus", str(place), {w: vector_of(w) for w in words}]
    model = tiny_clusterer(**TINIER, vectorize__word_vectors=sources).fit(texts)
    with pytest.raises(TypeError, match="word_vectors=None"):
        save(model, tmp_path / "m.dct")

    model.set_params(vectorize__word_vectors=None)
    path = save(model, tmp_path / "m.dct")
    place.unlink()

    loaded = load(path)
    assert b"secret_place" not in path.read_bytes()
    assert loaded["vectorize"].embedding_matrix_.shape[1] == 32 + 2 + 5
    assert loaded.predict(corpus.texts).tolist() == model.predict(corpus.texts).tolist()


def test_other_sources_than_those_of_fit_are_refused(model, corpus, texts):
    changed = copy.deepcopy(model).set_params(vectorize__word_vectors="corpus")
    vectorizer = changed["vectorize"]
    n_tokens, n_rare = len(vectorizer.vocabulary_), len(vectorizer.rare_tokens_)

    with pytest.raises(ValueError, match=r"vectors of 32 numbers.* some of 37"):
        changed.partial_fit(corpus.texts[150:], rehearse=texts)

    assert len(vectorizer.vocabulary_) == n_tokens
    assert len(vectorizer.rare_tokens_) == n_rare
    assert changed.predict(texts).tolist() == model.predict(texts).tolist()


def test_several_sources_are_searched_over(texts, tmp_path):
    pipeline = clone(tiny_clusterer(**TINIER, vectorize__word_vectors=SOURCES))
    assert pipeline["vectorize"].word_vectors == SOURCES
    grid = {"vectorize__word_vectors": ["corpus", SOURCES, None]}

    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(texts)

    assert [*search.cv_results_["param_vectorize__word_vectors"]] == grid[
        "vectorize__word_vectors"
    ]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    loaded = load(save(best, tmp_path / "m.dct"))
    assert loaded.predict(texts).tolist() == best.predict(texts).tolist()


def test_sources_in_a_tuple_come_back(tmp_path):
    vectorizer = Vectorizer(word_vectors=("corpus", "wordllama"), vector_dim=4)

    loaded = load(save(vectorizer.fit(["a b", "a b"]), tmp_path / "m.dct"))

    assert loaded.word_vectors == ("corpus", "wordllama")
