"""The whole pipeline: the promises that hold from raw text to label."""

import copy
import math
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from tiny import TINIER, light_clusterer, tiny_clusterer

from deepclust import DBSCAN, RNNLSTMEncoder, TextCleaner, make_text_clusterer
from deepclust.clustering import merge
from deepclust.exceptions import ClusteringWarning, InvalidTextError, TextWarning
from deepclust.pipeline import (
    TextClusterer,
    name_clusters,
    recut_of_fit,
    sample_texts,
)

HERE = Path(__file__).parent


def test_it_is_a_pipeline_of_four_steps():
    pipeline = make_text_clusterer(
        language="de", noise="nearest", layer="broad", n_clusters=7
    )
    assert isinstance(pipeline, Pipeline)
    assert [name for name, _ in pipeline.steps] == [
        "clean",
        "vectorize",
        "encode",
        "cluster",
    ]
    parameters = pipeline.get_params(deep=True)
    assert parameters["clean__language"] == "de"
    assert parameters["cluster__noise"] == "nearest"
    assert parameters["cluster__layer"] == "broad"
    assert parameters["cluster__n_clusters"] == 7
    assert parameters["encode__n_pseudo_classes"] == 7
    assert parameters["clean__n_jobs"] is None  # one process, and all threads
    assert parameters["cluster__n_jobs"] == -1
    assert make_text_clusterer(n_jobs=3)["cluster"].n_jobs == 3


def test_topics_are_found(fitted_clusterer, corpus):
    everyone = copy.deepcopy(fitted_clusterer).set_params(cluster__noise="nearest")
    labels = everyone.predict(corpus.texts)
    assert adjusted_rand_score(corpus.target, labels) > 0.7


def test_predict_gives_the_labels_of_fit(fitted_clusterer, corpus):
    labels = fitted_clusterer["cluster"].labels_
    np.testing.assert_array_equal(fitted_clusterer.predict(corpus.texts), labels)
    assert labels.dtype == np.intp


def test_document_vectors_are_learned_and_not_needed_to_predict(
    fitted_clusterer, corpus
):
    """Vectors of another classification than the words'."""
    texts = corpus.texts
    vectors = np.eye(2)[np.arange(len(texts)) % 2]
    pipeline = clone(fitted_clusterer)
    labels = pipeline.fit_predict(texts, encode__document_vectors=vectors)
    np.testing.assert_array_equal(pipeline.predict(texts), labels)
    embeddings = pipeline[:-1].transform(texts)
    assert not np.array_equal(embeddings, fitted_clusterer[:-1].transform(texts))
    with pytest.raises(ValueError, match=f"one row per text: {len(texts)} here"):
        clone(pipeline).fit(texts, encode__document_vectors=vectors[1:])


def test_one_by_one_equals_the_batch(fitted_clusterer, corpus):
    texts = corpus.texts[:40]
    batch = fitted_clusterer.predict(texts)
    single = [fitted_clusterer.predict([text])[0] for text in texts]
    assert batch.tolist() == single
    encoder = fitted_clusterer[:-1]
    np.testing.assert_array_equal(
        encoder.transform(texts)[7:8], encoder.transform(texts[7:8])
    )


def test_order_does_not_matter_to_predict(fitted_clusterer, corpus):
    order = np.random.default_rng(0).permutation(len(corpus.texts))
    shuffled = [corpus.texts[i] for i in order]
    np.testing.assert_array_equal(
        fitted_clusterer.predict(shuffled), fitted_clusterer["cluster"].labels_[order]
    )


def test_order_does_not_matter_to_fit(fitted_clusterer, corpus):
    order = np.random.default_rng(5).permutation(len(corpus.texts))

    shuffled = clone(fitted_clusterer).fit([corpus.texts[row] for row in order])

    labels = fitted_clusterer[-1].labels_[order]
    assert adjusted_rand_score(shuffled[-1].labels_, labels) == 1
    assert shuffled[-1].eps_ == fitted_clusterer[-1].eps_
    np.testing.assert_array_equal(
        *(p[:-1].transform(corpus.texts) for p in (shuffled, fitted_clusterer))
    )


def test_a_second_process_finds_the_same_labels(fitted_clusterer):
    """On another number of threads, and by a traced step of training."""
    n_threads = "2" if os.environ.get("OMP_NUM_THREADS") == "1" else "1"
    code = (
        "import tiny\n"
        "corpus = tiny.make_corpus()\n"
        "labels = tiny.tiny_clusterer().fit_predict(corpus.texts)\n"
        "print(','.join(map(str, labels)))\n"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    environment = os.environ | dict.fromkeys(names, n_threads)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HERE,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    labels = [int(label) for label in done.stdout.split()[-1].split(",")]
    assert labels == fitted_clusterer["cluster"].labels_.tolist()


def test_a_saved_pipeline_predicts_without_tensorflow(
    fitted_clusterer, corpus, tmp_path
):
    joblib.dump(fitted_clusterer, tmp_path / "pipeline.joblib")
    joblib.dump(corpus.texts[:50], tmp_path / "texts.joblib")
    code = (
        "import joblib, sys\n"
        "pipeline = joblib.load('pipeline.joblib')\n"
        "print(*pipeline.predict(joblib.load('texts.joblib')))\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = fitted_clusterer["cluster"].labels_[:50].tolist()
    assert [int(label) for label in done.stdout.split()] == expected


def test_noise_policy_is_honoured_after_fit(fitted_clusterer, corpus):
    keep = fitted_clusterer.predict(corpus.texts)
    try:
        fitted_clusterer.set_params(cluster__noise="nearest")
        nearest = fitted_clusterer.predict(corpus.texts)
    finally:
        fitted_clusterer.set_params(cluster__noise="keep")
    assert (nearest >= 0).all()
    np.testing.assert_array_equal(nearest[keep >= 0], keep[keep >= 0])


def test_score_is_finite_and_higher_with_agreement(fitted_clusterer, corpus):
    assert np.isfinite(fitted_clusterer.score(corpus.texts))
    own = fitted_clusterer.predict(corpus.texts)
    assert fitted_clusterer.score(corpus.texts, own) == pytest.approx(1.0)
    shuffled = np.random.default_rng(0).permutation(corpus.target)
    right = fitted_clusterer.score(corpus.texts, corpus.target)
    assert right > fitted_clusterer.score(corpus.texts, shuffled)


@pytest.mark.filterwarnings("ignore::deepclust.exceptions.TextWarning")  # small folds
@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
@pytest.mark.parametrize("with_labels", [False, True])
def test_grid_search_over_every_step(corpus, with_labels):
    grid = {
        "clean__lowercase": [True],
        "vectorize__max_df": [0.5],
        "encode__n_pseudo_classes": [3, 4] if with_labels else [4],
        "cluster__min_samples": [5],
    }
    search = GridSearchCV(tiny_clusterer(**TINIER), grid, cv=2)
    search.fit(corpus.texts, corpus.target if with_labels else None)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.predict(corpus.texts[:5])) == 5


@pytest.mark.filterwarnings("ignore::deepclust.exceptions.TextWarning")
@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
def test_grid_search_in_processes_does_not_hang(corpus):
    """19: five times; examples/benchmarks/reliability.py does it a hundred times."""
    small = TINIER | {"encode__n_pseudo_classes": 3}
    grid, scores = {"cluster__min_samples": [5]}, set()
    for _ in range(5):
        search = GridSearchCV(
            tiny_clusterer(**small), grid, cv=2, n_jobs=2, refit=False
        )
        search.fit(corpus.texts[:60])
        scores.add(tuple(search.cv_results_["mean_test_score"]))
    assert len(scores) == 1
    assert np.isfinite([*scores]).all()


def test_some_labels_help_and_bring_probabilities(corpus):
    partial = np.where(np.arange(len(corpus.target)) % 4, -1, corpus.target)
    pipeline = tiny_clusterer(encode__epochs=4, cluster__noise="nearest")
    labels = pipeline.fit(corpus.texts, partial).predict(corpus.texts)
    assert adjusted_rand_score(corpus.target, labels) > 0.7
    odds = pipeline["encode"].predict_proba(pipeline[:-2].transform(corpus.texts[:9]))
    np.testing.assert_allclose(odds.sum(axis=1), 1.0, rtol=1e-5)


def test_clusters_have_names_after_fit(fitted_clusterer, corpus):
    clusterer = fitted_clusterer["cluster"]
    names = clusterer.cluster_names_

    assert sorted(names) == list(range(clusterer.n_clusters_))
    assert len({*names.values()}) == len(names)
    counted = [clusterer.labels_[corpus.target == topic] for topic in range(4)]
    soup = np.bincount(counted[0][counted[0] >= 0]).argmax()
    assert any(
        w in names[soup]
        for w in (
            "soup",
            "bread",
            "onions",
            "eggs",
            "garlic",
            "salt",
            "oven",
            "sauce",
            "dinner",
            "recipe",
            "basil",
            "flour",
            "Stir",
        )
    )


def test_topics_of_seed_words_are_names(fitted_clusterer, corpus):
    pipeline = copy.deepcopy(fitted_clusterer)
    seeds = {"Food": ["soup", "bread"], "Code": ["compiler", "debugger"]}
    pipeline.set_params(encode__seed_words=seeds)
    cleaned = pipeline["clean"].transform(corpus.texts)

    name_clusters(pipeline, corpus.texts, cleaned)

    names, labels = pipeline["cluster"].cluster_names_, pipeline["cluster"].labels_
    assert pipeline["cluster"].layer_names_[pipeline["cluster"].layer_] == names
    for topic, code in (("Food", 0), ("Code", 3)):
        mine = labels[corpus.target == code]
        assert names[np.bincount(mine[mine >= 0]).argmax()] == topic


class RowsAsTheyAre(RNNLSTMEncoder):
    """An encoder whose texts are rows already."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.asarray(X)


@pytest.mark.parametrize(
    ("options", "n_clusters"),
    [({}, 3), ({"n_clusters": 2}, 2), ({"layer": "broad"}, 2), ({"eps": 0.5}, 2)],
)
def test_labels_split_clusters_where_their_number_is_free(options, n_clusters):
    rows = np.linspace(0.0, 9.0, 200)[:, None]
    X = np.append(rows, rows[:60] + 30.0, axis=0)
    y = np.full(260, None, dtype=object)
    y[:100:10], y[100:200:10] = "left", "right"
    pipeline = TextClusterer([("e", RowsAsTheyAre()), ("c", DBSCAN(**options))])

    assert pipeline.fit(X)[-1].n_clusters_ == 2
    labels = pipeline.fit_predict(X, y)

    assert labels.max() + 1 == pipeline[-1].n_clusters_ == n_clusters
    np.testing.assert_array_equal(labels, pipeline.labels_)


def test_a_namer_is_sent_texts_without_what_the_cleaner_removes():
    texts = ["red apple by a@b.org", "green apple by c@d.org", "fast car", "old car"]
    clusterer = DBSCAN(eps=0.5, min_samples=2).fit([[0.0], [0.1], [5.0], [5.1]])
    cleaner = TextCleaner(redact=("email",))
    pipeline = Pipeline([("clean", cleaner), ("cluster", clusterer)])
    sent = []

    name_clusters(
        *(pipeline, texts, cleaner.transform(texts)),
        namer=lambda keywords, texts, parent: sent.extend(texts) or keywords[0].title(),
    )

    assert clusterer.cluster_names_ == {0: "Apple", 1: "Car"}
    assert clusterer.layer_names_ == [clusterer.cluster_names_]
    assert set(sent) == {"red apple by", "green apple by", "fast car", "old car"}


def test_feature_names_pass_through_the_pipeline(fitted_clusterer):
    names = fitted_clusterer.get_feature_names_out()

    assert names.tolist() == [f"embedding{i}" for i in range(16)]
    assert fitted_clusterer[:-1].get_feature_names_out().tolist() == names.tolist()
    to_frame = copy.deepcopy(fitted_clusterer[:-1]).set_output(transform="pandas")
    assert to_frame.transform(["soup"]).columns.tolist() == names.tolist()


def test_feature_names_are_those_of_a_last_step_that_transforms():
    steps = [("clean", TextCleaner()), ("count", CountVectorizer())]
    pipeline = TextClusterer([*steps, ("cluster", KMeans(2, random_state=0))])
    pipeline.fit(["red apple", "fast wheel"] * 60)

    assert pipeline.get_feature_names_out().tolist() == ["kmeans0", "kmeans1"]
    assert pipeline.transform(["red"]).shape == (1, 2)


# --- parameters and their warnings ----------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "fit_predict"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"cluster__noise": "drop"},
        {"encode__epochs": "many"},
        {"cluster__eps": -1.0},
        {"vectorize__word_vectors": 5},
    ],
)
def test_parameters_of_all_steps_are_checked_before_any_work(
    corpus, monkeypatch, method, wrong
):
    pipeline = tiny_clusterer(**wrong)
    name = next(iter(wrong)).split("__")[1]
    monkeypatch.setattr(TextCleaner, "transform", lambda *a: pytest.fail("has begun"))

    with pytest.raises(ValueError, match=f"The '{name}' param"):
        getattr(pipeline, method)(corpus.texts)


def test_all_wrong_parameters_are_named_in_one_message(corpus, monkeypatch):
    pipeline = tiny_clusterer(
        clean__redact=["names"],
        vectorize__min_df="x",
        vectorize__word_vectors="no such file",
        encode__epochs=-1,
        encode__batch_size=0,
        cluster__eps=-3.0,
        cluster__n_jobs=0,
    )
    monkeypatch.setattr(TextCleaner, "transform", lambda *a: pytest.fail("has begun"))

    with pytest.raises(InvalidParameterError) as raised:
        pipeline.fit(corpus.texts)

    named = re.findall(r"The '(\w+)' param|(word_vectors)=", str(raised.value))
    wrong = ["redact", "min_df", "word_vectors", "epochs", "batch_size", "eps"]
    assert {a or b for a, b in named} == {*wrong, "n_jobs"}
    assert "\n" not in str(raised.value)


def test_parameters_that_do_not_go_together_are_refused_before_any_work(
    corpus, monkeypatch, tmp_path
):
    wrong = {"encode__checkpoint_dir": tmp_path, "encode__random_state": None}
    monkeypatch.setattr(TextCleaner, "transform", lambda *a: pytest.fail("has begun"))

    with pytest.raises(ValueError, match="checkpoint_dir needs a number"):
        tiny_clusterer(**wrong).fit(corpus.texts)
    with pytest.raises(ValueError, match='eps="auto" needs dense rows'):
        tiny_clusterer(cluster__metric="precomputed", cluster__eps="auto").fit(["a"])


@pytest.mark.parametrize(
    ("metric", "params", "eps", "message"),
    [
        ("manhattan", {"q": 2}, 0.5, "'manhattan' and rows of 4 feat.*Received: q,"),
        ("correlation", {"z": 2}, "auto", "'correlation'"),
        ("seuclidean", {"V": [1.0, 2.0]}, 0.5, "'seuclidean'.* size of V"),
        ("seuclidean", None, "auto", "'seuclidean'.*Received: None"),
        ("mahalanobis", {"V": np.eye(4)}, "auto", "Received: V,.* 'VI'"),
        ("minkowski", {"p": -1}, "auto", "Received: p,.* in the range"),
        ("haversine", None, 0.5, "only valid in 2 dimensions"),
        (lambda a, b: 0.0, {"scale": 2}, "auto", "<lambda>'.* argument 'scale'"),
    ],
)
def test_params_of_the_metric_are_tried_before_any_work(
    corpus, monkeypatch, metric, params, eps, message
):
    monkeypatch.setattr(TextCleaner, "transform", lambda *a: pytest.fail("has begun"))
    wrong = {"cluster__metric": metric, "cluster__metric_params": params}
    wrong |= {"cluster__eps": eps, "encode__embedding_dim": 4}

    with pytest.raises(ValueError, match="The 'metric_params' param.*" + message):
        tiny_clusterer(**wrong).fit(corpus.texts)


@pytest.mark.parametrize(
    ("metric", "params", "eps"),
    [
        ("manhattan", None, "auto"),
        ("minkowski", {"p": 3, "w": [1.0, 2.0, 3.0, 4.0]}, "auto"),
        ("seuclidean", {"V": [1.0, 2.0, 3.0, 4.0]}, "auto"),
        ("mahalanobis", {"V": np.eye(4)}, 0.5),  # without a tree, V is enough
        ("jaccard", None, "auto"),
        (math.dist, None, 0.5),
        (lambda a, b, scale: scale * abs(a - b).sum(), {"scale": 2}, "auto"),
        ("cosine", {"q": 2}, "auto"),  # without effect
        ("precomputed", {"q": 2}, 0.5),
    ],
)
def test_params_that_go_with_the_metric_are_accepted(metric, params, eps):
    right = {"cluster__metric": metric, "cluster__metric_params": params}
    right |= {"cluster__eps": eps, "encode__embedding_dim": 4}
    tiny_clusterer(**right).check_parameters()


def test_a_metric_is_not_tried_where_the_length_of_the_rows_is_not_known():
    metric = {"metric": "seuclidean", "metric_params": {"V": [1.0, 2.0]}}
    steps = [("scale", StandardScaler()), ("cluster", DBSCAN(**metric))]
    TextClusterer(steps).check_parameters()
    pipeline = tiny_clusterer(encode__embedding_dim=-1).set_params(
        cluster__metric="seuclidean", cluster__metric_params={"V": [1.0, 2.0]}
    )
    with pytest.raises(InvalidParameterError, match="The 'embedding_dim' param"):
        pipeline.check_parameters()


def test_word_vectors_are_those_of_the_vectorizer():
    sources = ["corpus", {"soup": [1.0, 0.0]}]
    for given in ("corpus", None, sources):
        pipeline = make_text_clusterer(word_vectors=given)
        assert pipeline["vectorize"].word_vectors is given
    assert make_text_clusterer()["vectorize"].word_vectors == "corpus"


def test_few_texts_warn(corpus):
    with pytest.warns(TextWarning, match="Only 10 texts"):
        tiny_clusterer(**TINIER).fit(corpus.texts[:10])


def test_another_number_of_clusters_than_asked_for_is_said(corpus):
    pipeline = tiny_clusterer(**TINIER, cluster__n_clusters=500)

    with pytest.warns(ClusteringWarning, match=r"n_clusters=500, .* 300 texts is \d+"):
        pipeline.fit(corpus.texts)


def test_a_part_of_the_pipeline_has_no_fit_predict(fitted_clusterer):
    assert hasattr(fitted_clusterer, "fit_predict")
    assert not hasattr(fitted_clusterer[:-1], "fit_predict")


def test_any_iterable_of_texts_is_fitted(corpus):
    labels = tiny_clusterer(**TINIER).fit_predict(iter(corpus.texts[:120]))
    assert labels.shape == (120,)


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [None, float("nan"), 3, b"bytes"])
def test_a_row_that_is_no_text_is_named(bad):
    with pytest.raises(InvalidTextError, match="row 2 "):
        make_text_clusterer().fit(["one", "two", bad])


def test_odd_characters_do_not_crash(fitted_clusterer):
    odd = ["lone \ud800 surrogate", "nul \x00 byte", "\u202eright to left", "a\u200db"]
    assert fitted_clusterer.predict(odd).shape == (4,)


def test_empty_texts_are_noise_and_counted(corpus):
    texts = [*corpus.texts[:120], "", "the a you", "   "]
    pipeline = tiny_clusterer(**TINIER, cluster__noise="nearest").fit(texts)
    labels = pipeline.predict(texts)
    assert labels[-3:].tolist() == [-1, -1, -1]
    assert (labels[:-3] >= 0).all()
    assert pipeline["encode"].n_unknown_texts_ == 3


@pytest.mark.parametrize("noise", ["keep", "nearest"])
def test_a_text_of_unknown_words_is_noise(fitted_clusterer, noise):
    known, unknown = "Simmer the soup", "Simmer qwertz zxcvb plugh xyzzy"
    pipeline = copy.deepcopy(fitted_clusterer).set_params(cluster__noise=noise)
    kept = copy.deepcopy(pipeline).set_params(vectorize__max_unseen=1.0)

    assert pipeline.predict([unknown]).tolist() == [-1]
    if noise == "nearest":
        assert kept.predict([unknown]).tolist() != [-1]
        assert pipeline.predict([known]).tolist() != [-1]


def test_only_empty_texts_are_refused():
    with pytest.raises(ValueError, match="holds a token"):
        make_text_clusterer().fit(["", "the", "of and"])


@pytest.mark.filterwarnings("ignore::deepclust.exceptions.TextWarning")
@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
def test_one_text_is_noise_and_no_text_is_no_label(fitted_clusterer):
    alone = tiny_clusterer(**TINIER)
    assert alone.fit_predict(["a single text about nothing"]).tolist() == [-1]
    assert fitted_clusterer.predict([]).shape == (0,)


def test_a_sample_of_texts_does_not_depend_on_their_order():
    texts = [f"text {i % 40}" for i in range(90)] + ["\ud800"]
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = [texts[row] for row in order]
    for n_texts in (1, 30, len(texts) - 1, len(texts), 500):
        rows, others = sample_texts(texts, n_texts), sample_texts(shuffled, n_texts)
        assert len(rows) == min(n_texts, len(texts))
        assert np.all(np.diff(rows) > 0)
        kept, also = (
            [x[row] for row in r] for x, r in ((texts, rows), (shuffled, others))
        )
        assert sorted(kept) == sorted(also)


class Stream:
    """Texts that can be read again and again, but not counted."""

    def __init__(self, texts):
        self.texts = texts

    def __iter__(self):
        return iter(self.texts)


def test_of_many_texts_a_sample_is_learned_from(corpus):
    texts, order = corpus.texts, np.random.default_rng(0).permutation(300)
    learned = [texts[row] for row in sample_texts(texts, 200)]
    expected = light_clusterer().fit(learned).predict(texts)
    assert len(np.unique(expected)) > 2

    pipeline = light_clusterer(max_fit_texts=200)
    with pytest.warns(TextWarning, match="fitted on 200 of the 300 texts"):
        pipeline.fit(texts)
    assert len(pipeline[-1].labels_) == 200
    np.testing.assert_array_equal(pipeline.labels_, expected)
    for source in (iter(texts), Stream(texts)):
        with pytest.warns(TextWarning, match="fitted on 200"):
            labels = clone(pipeline).fit_predict(source)
        np.testing.assert_array_equal(labels, expected)
    with pytest.warns(TextWarning, match="fitted on 200"):
        shuffled = clone(pipeline).fit_predict([texts[row] for row in order])
    assert adjusted_rand_score(shuffled, expected[order]) == 1
    with pytest.warns(TextWarning, match="fitted on 200"):
        assert not hasattr(pipeline.fit(Stream(texts)), "labels_")


def test_the_sample_is_not_predicted_again(corpus, monkeypatch):
    predicted, predict = [], DBSCAN.predict

    def counted(self, X):
        predicted.append(len(X))
        return predict(self, X)

    monkeypatch.setattr(DBSCAN, "predict", counted)
    with pytest.warns(TextWarning, match="fitted on 200"):
        light_clusterer(max_fit_texts=200).fit(corpus.texts)
    assert sum(predicted) == 100


def test_labels_follow_the_last_step(corpus):
    rng = np.random.default_rng(0)
    words = " ".join(corpus.texts).split()
    texts = [*corpus.texts, *(" ".join(rng.choice(words, 6)) for _ in range(40))]
    pipeline = light_clusterer().set_params(cluster__eps=0.1).fit(texts)
    assert (pipeline.labels_ < 0).any()

    pipeline.set_params(cluster__noise="nearest")

    np.testing.assert_array_equal(pipeline.labels_, pipeline.predict(texts))
    assert (pipeline.labels_ >= 0).all()
    merge(pipeline, [0, 1])
    np.testing.assert_array_equal(pipeline.labels_, pipeline.predict(texts))
    assert not hasattr(clone(pipeline), "labels_")
    same = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(same.labels_, pipeline.labels_)


def test_what_belongs_to_the_texts_is_sampled_with_them(corpus):
    rows = sample_texts(corpus.texts, 200)
    pipeline = light_clusterer(max_fit_texts=200)
    weights = np.arange(300.0) % 2 * 5
    with pytest.warns(TextWarning, match="fitted on 200"):
        pipeline.fit(corpus.texts, cluster__sample_weight=weights)
    np.testing.assert_array_equal(pipeline[-1]._weights, weights[rows])


def test_of_few_texts_all_are_learned_from(corpus):
    for source in (corpus.texts, iter(corpus.texts), Stream(corpus.texts)):
        pipeline = light_clusterer(max_fit_texts=300).fit(source)
        np.testing.assert_array_equal(pipeline.labels_, pipeline[-1].labels_)


@pytest.mark.parametrize(
    ("head", "learned", "options", "found"),
    [
        ("finer_6", 3, {}, 3),
        ("finer_6", 10, {}, 12),  # a fifth more
        ("finer_6", 30, {}, 12),  # more would be parts of clusters, and noise
        ("head_5", 3, {}, 12),
        ("finer_6", 3, {"eps": 2.0}, 12),
        ("finer_6", 3, {"n_clusters": 12}, 12),
        ("finer_6", 3, {"layer": "fine"}, 3),
        ("finer_6", 12, {"layer": "broad"}, 12),
    ],
)
def test_with_a_finer_layer_clusters_are_about_as_many_as_flat_pseudo_classes(
    head, learned, options, found
):
    rng = np.random.default_rng(0)
    centers = np.array([[g * 60.0, s * 6.0] for g in range(3) for s in range(4)])
    X = (centers[:, None] + rng.normal(scale=0.4, size=(12, 20, 2))).reshape(-1, 2)
    clusterer = DBSCAN(min_samples=3, **options).fit(X)
    if "eps" not in options:
        clusterer.recut(12)
    encoder = RNNLSTMEncoder()
    encoder.n_pseudo_classes_, encoder.weights_ = learned, {f"{head}/prototypes": None}
    recut_of_fit(TextClusterer([("encode", encoder), ("cluster", clusterer)]))
    flat = clusterer.set_params(layer="auto").predict(X)
    assert len({*flat}) == found
