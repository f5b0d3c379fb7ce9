import copy

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from deepclust.exceptions import InvalidTextError
from deepclust.inspection import drift
from deepclust.inspection._drift import (
    _chi_square,
    _cluster_shares,
    _unknown_words,
)


@pytest.fixture(scope="module")
def halves(corpus):
    return corpus.texts[::2], corpus.texts[1::2]


def test_texts_of_the_same_kind_do_not_differ(fitted_clusterer, halves):
    found = drift(fitted_clusterer, halves[0], reference=halves[1])

    rows = found.frame.set_index("measure")
    assert [*rows.index] == ["unknown words", "noise", "membership", "clusters"]
    assert (rows["p_value"] > 0.001).all()
    assert (found.clusters["p_value"] > 0.001).all()
    assert (rows["effect"].abs() < 0.3).all()
    assert found.clusters["now"].sum() == pytest.approx(1.0)
    assert (found.n_texts, found.n_reference) == (150, 150)


def test_other_topics_and_words_are_seen(fitted_clusterer, corpus):
    cooking = [t for t, y in zip(corpus.texts, corpus.target, strict=True) if y == 0]
    unknown = ["Simmer the soup near quixotic zephyrs", "Bake jabberwocky bread"] * 10

    found = drift(fitted_clusterer, cooking + unknown)

    rows = found.frame.set_index("measure")
    assert rows.loc["clusters", "p_value"] < 1e-6
    assert rows.loc["clusters", "effect"] > 0.3
    assert rows.loc["unknown words", "p_value"] < 0.01
    assert rows.loc["unknown words", "now"] > rows.loc["unknown words", "reference"]
    most = found.clusters["difference"].idxmax()
    labels = fitted_clusterer.predict(cooking)
    assert found.clusters["cluster"][most] == np.bincount(labels[labels >= 0]).argmax()
    assert "see effect" in repr(found)
    assert "<table" in found._repr_html_()


def test_the_reference_of_fit_is_what_fit_found(fitted_clusterer, corpus):
    found = drift(fitted_clusterer, corpus.texts[:50])

    noise = found.frame.set_index("measure").loc["noise", "reference"]
    assert noise == pytest.approx(fitted_clusterer[-1].noise_fraction_)
    assert found.n_reference == len(corpus.texts)


def test_texts_without_unknown_words_where_none_were_expected_do_not_differ():
    same = _unknown_words(None, np.zeros(9), 0.0)
    assert (same["effect"], same["statistic"], same["p_value"]) == (0.0, 0.0, 1.0)
    assert np.isnan(_unknown_words(None, np.ones(9), 0.0)["p_value"])


def test_cramers_v_and_residuals_by_hand():
    row = _chi_square(np.array([[30, 10], [10, 30]]))
    assert row["effect"] == pytest.approx(0.5)  # sqrt(20 / 80)
    assert row["statistic"] == pytest.approx(20.0)

    clusters = _cluster_shares(np.array([[30, 10], [10, 30]]), {0: "cats"})
    assert clusters["name"].tolist() == ["cats", "noise"]
    assert clusters["z"].tolist() == pytest.approx([-np.sqrt(20), np.sqrt(20)])


def test_a_model_of_core_points_needs_a_reference(fitted_clusterer, halves):
    pipeline = copy.deepcopy(fitted_clusterer)
    clusterer = pipeline[-1]
    clusterer.noise_fraction_ = 0.1
    clusterer.core_sample_indices_ = np.arange(len(clusterer.labels_))

    with pytest.raises(ValueError, match="reference="):
        drift(pipeline, halves[0])
    with pytest.raises(ValueError, match="needs texts"):
        drift(fitted_clusterer, [])
    with pytest.raises(InvalidTextError):
        drift(fitted_clusterer, "a text")


def test_another_clusterer_is_refused(halves):
    other = make_pipeline(TfidfVectorizer(), KMeans(2, n_init=1)).fit(halves[0])

    with pytest.raises(ValueError, match=r"ends in DBSCAN.*KMeans"):
        drift(other, halves[1])
