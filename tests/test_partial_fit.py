"""Batches that arrive one after the other, and refits that keep ids and names."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from tiny import tiny_clusterer

from deepclust import DBSCAN, TextCleaner
from deepclust.clustering import rename
from deepclust.pipeline import TextClusterer, sample_texts

PARTS = (
    ("The nurse bandaged", "The doctor examined", "The surgeon stitched"),
    ("the feverish patient", "a broken ankle", "the swollen knee", "an infected wound"),
    ("at the clinic.", "during the night shift.", "after the x-ray."),
    ("Antibiotics helped.", "The ward was crowded.", "Bed rest was prescribed."),
)
MEDICINE = [" ".join(parts) for parts in itertools.product(*PARTS)][:75]


def test_a_batch_with_a_new_topic(fitted_clusterer, corpus):
    pipeline = copy.deepcopy(fitted_clusterer).set_params(n_rehearsed=350)
    names = [f"topic {i}" for i in range(pipeline[-1].n_clusters_)]
    rename(pipeline, names)
    before = pipeline.predict(corpus.texts)
    tokens = pipeline["vectorize"].vocabulary_.tokens
    known = before >= 0

    pipeline.partial_fit(MEDICINE, rehearse=corpus.texts)

    after = pipeline["vectorize"].vocabulary_.tokens
    assert after[: len(tokens)] == tokens
    assert {"nurse", "surgeon"} <= {*after[len(tokens) :]}
    words = pipeline["encode"].weights_["words"]
    assert len(words) == len(after) == len(pipeline["vectorize"].embedding_matrix_)
    labels = pipeline.predict(corpus.texts)
    clusterer = pipeline[-1]
    same = [
        clusterer.cluster_names_[new] == names[old]
        for old, new in zip(before[known], labels[known], strict=True)
        if new >= 0
    ]
    assert np.mean(same) > 0.9
    medicine = pipeline.predict(MEDICINE)
    born = np.flatnonzero(clusterer.cluster_ids_ >= len(names))
    assert np.mean(np.isin(medicine, born)) > 0.8
    assert not np.isin(labels[known], born).any()
    assert "born" in pipeline.alignment_["change"].tolist()
    np.testing.assert_array_equal(clusterer.labels_, np.append(labels, medicine))
    texts = corpus.texts + MEDICINE
    kept = [texts[row] for row in sample_texts(texts, 350)]
    assert pipeline.rehearsal_texts_ == kept
    assert pickle.loads(pickle.dumps(pipeline)).rehearsal_texts_ == kept


def test_the_first_batch_is_a_fit_and_warm_start_keeps_names(fitted_clusterer, corpus):
    pipeline = tiny_clusterer().partial_fit(corpus.texts)

    n_clusters = pipeline[-1].n_clusters_
    assert pipeline[-1].cluster_ids_.tolist() == [*range(n_clusters)]
    pipeline.set_params(warm_start=True)
    np.testing.assert_array_equal(pipeline[-1].labels_, fitted_clusterer[-1].labels_)
    assert pipeline.rehearsal_texts_ == corpus.texts
    assert not hasattr(pipeline, "alignment_")
    names = rename(pipeline, [f"topic {i}" for i in range(n_clusters)])
    labels = pipeline.fit_predict(corpus.texts)
    assert pipeline.cluster_names_ == pipeline[-1].cluster_names_ == names
    assert pipeline[-1].cluster_ids_.tolist() == [*names]
    np.testing.assert_array_equal(labels, fitted_clusterer[-1].labels_)
    assert set(pipeline.alignment_["change"]) == {"kept"}


def test_clusters_have_ids_from_the_first_fit_with_warm_start_on():
    rows = np.array([[0.0], [0.1], [5.0], [5.1], [5.2]])
    steps = [("cluster", DBSCAN(eps=0.5, min_samples=2))]
    model = TextClusterer(steps, warm_start=True).fit(rows)

    assert model[-1].cluster_ids_.tolist() == [0, 1]
    assert not hasattr(TextClusterer(steps).fit(rows)[-1], "cluster_ids_")


def test_what_partial_fit_cannot_do(fitted_clusterer, corpus):
    pipeline = copy.deepcopy(fitted_clusterer)
    with pytest.raises(ValueError, match="Pass rehearse="):
        pipeline.partial_fit(MEDICINE)
    pipeline["encode"].classes_ = np.array([0, 1])
    n_tokens = len(pipeline["vectorize"].vocabulary_)
    with pytest.raises(ValueError, match="labels or seed_words"):
        pipeline.partial_fit(MEDICINE, rehearse=corpus.texts)
    assert len(pipeline["vectorize"].vocabulary_) == n_tokens
    other = TextClusterer([("clean", TextCleaner()), ("cluster", DBSCAN())])
    other[-1].labels_ = np.zeros(3, dtype=np.intp)
    with pytest.raises(TypeError, match=r"needs the steps .* Received: TextCleaner"):
        other.partial_fit(MEDICINE)
