"""Inside scikit-learn: numbers beside texts, data frames, weights, metadata routing."""

import copy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scripts import load_module
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from tiny import TINIER

from deepclust import DBSCAN, RNNLSTMEncoder, _estimators, make_text_clusterer
from deepclust.pipeline import TextClusterer


@pytest.fixture
def encoder(fitted_clusterer):
    return FrozenEstimator(copy.deepcopy(fitted_clusterer[:-1]))


def test_numbers_of_a_data_frame_stand_beside_the_embeddings(encoder, corpus):
    frame = pd.DataFrame({"body": corpus.texts, "price": corpus.target * 100.0})
    columns = ColumnTransformer(
        [("text", encoder, "body"), ("number", StandardScaler(), ["price"])]
    )
    model = make_pipeline(columns, DBSCAN(eps=0.5, min_samples=3))

    labels = model.fit_predict(frame)

    rows = columns.fit_transform(frame)
    assert rows.shape == (len(frame), 17)
    names = columns.get_feature_names_out()
    assert [names[0], names[-1]] == ["text__embedding0", "number__price"]
    shared = labels[:, None] == labels
    shared &= (labels >= 0)[:, None]
    assert (frame["price"].to_numpy()[:, None] == frame["price"].to_numpy())[
        shared
    ].all()


def test_a_feature_union_of_texts(encoder, corpus):
    lengths = FunctionTransformer(lambda texts: np.array([[len(t)] for t in texts]))
    union = FeatureUnion([("text", encoder), ("length", lengths)])

    rows = union.fit_transform(corpus.texts[:20])

    assert rows[:, -1].tolist() == [len(text) for text in corpus.texts[:20]]


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_series_in_and_data_frames_out(fitted_clusterer, corpus, kind):
    encoder = copy.deepcopy(fitted_clusterer[:-1]).set_output(transform=kind)
    series = {"pandas": pd.Series, "polars": pl.Series}[kind](corpus.texts[:30])

    frame = encoder.transform(series)

    assert list(frame.columns)[:2] == ["embedding0", "embedding1"]
    assert type(frame).__module__.startswith(kind)
    expected = fitted_clusterer.predict(corpus.texts[:30])
    np.testing.assert_array_equal(fitted_clusterer.predict(series), expected)


ROWS = np.array([[0.0], [0.1], [5.0], [5.1]])
WEIGHTS = [2.0, 2.0, 0.5, 0.5]


def clusterer(**requests):
    dbscan = DBSCAN(eps=0.2, min_samples=2)
    if requests:
        dbscan.set_fit_request(**requests)
    return TextClusterer([("same", FunctionTransformer()), ("cluster", dbscan)])


def test_layers_of_a_model_that_was_fitted_on_a_data_frame_do_not_warn():
    frame = pd.DataFrame(ROWS, columns=["x"])
    model = DBSCAN(eps=0.2, min_samples=2).fit(frame)
    np.testing.assert_array_equal(model.layers_, model.predict_layers(frame))


def test_weights_reach_the_clusterer():
    labels = clusterer().fit(ROWS, cluster__sample_weight=WEIGHTS)[-1].labels_
    assert labels.tolist() == [0, 0, -1, -1]


def test_weights_are_routed_as_metadata():
    with sklearn.config_context(enable_metadata_routing=True):
        model = clusterer(sample_weight=True)
        assert model.fit(ROWS, sample_weight=WEIGHTS)[-1].labels_.tolist() == [
            *(0, 0, -1, -1)
        ]
        with pytest.raises(TypeError, match="groups"):
            clusterer(sample_weight=True).fit(ROWS, groups=[0, 0, 1, 1])


@pytest.mark.filterwarnings("ignore::deepclust.exceptions.TextWarning")  # few texts
def test_weights_and_groups_reach_encoder_and_folds(corpus, monkeypatch):
    """By a parameter of the step, and as metadata of a search over the pipeline."""
    seen = []

    def noted(encoder, X, y=None, document_vectors=None, sample_weight=None):
        seen.append(None if sample_weight is None else np.asarray(sample_weight))
        return fit(encoder, X, y, document_vectors, sample_weight)

    fit = RNNLSTMEncoder.fit
    monkeypatch.setattr(RNNLSTMEncoder, "fit", noted)
    texts, groups = corpus.texts[:120], np.arange(120) % 2
    weights = 1.0 + np.arange(120) / 120
    pipe = make_text_clusterer(random_state=0).set_params(**TINIER)
    pipe.fit(texts, encode__sample_weight=weights)
    np.testing.assert_array_equal(seen.pop(), weights)

    grid = {"cluster__min_samples": [4]}
    with sklearn.config_context(enable_metadata_routing=True):
        pipe["encode"].set_fit_request(sample_weight=True)
        pipe["cluster"].set_fit_request(sample_weight=False)
        pipe.set_score_request(sample_weight=False)  # scikit-learn 1.7 asks for it
        search = GridSearchCV(pipe, grid, cv=GroupKFold(2), refit=False)
        search.fit(texts, sample_weight=weights, groups=groups)

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(seen) == 2  # a fold is a group
    for found, group in zip(seen, (0, 1), strict=True):
        np.testing.assert_array_equal(found, weights[groups == group])


class Tasks:
    """Note each task of `fit`, and stop the training after an epoch."""

    max_propagation_depth = None

    def __init__(self, last_epoch=99):
        self.seen, self.last_epoch = [], last_epoch

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.seen.append(f"{context.estimator_name} {context.task_name}")
        if context.task_name == "epoch":
            self.last = fitted_estimator
            return context.task_id == self.last_epoch
        return False


def test_callbacks_of_scikit_learn_follow_the_steps(corpus):
    """A progress bar that goes down to the steps needs no warning."""
    callback = pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    tasks = Tasks()
    pipe = make_text_clusterer(random_state=0).set_params(**TINIER)

    pipe.set_callbacks(callback.ProgressBar(), tasks).fit(corpus.texts)

    steps = ["TextCleaner", "Vectorizer", "RNNLSTMEncoder", "DBSCAN"]
    fits = [task for task in tasks.seen if task.endswith(" fit")]
    assert fits == [f"{name} fit" for name in [*steps, "TextClusterer"]]
    assert tasks.seen.count("RNNLSTMEncoder epoch") == len(pipe["encode"].history_) == 2
    assert [tasks.seen[0], tasks.seen[-1]] == ["setup", "teardown"]
    sequences = pipe[:-2].transform(corpus.texts)
    np.testing.assert_array_equal(
        tasks.last.transform(sequences), pipe["encode"].transform(sequences)
    )
    assert tasks.last.history_.equals(pipe["encode"].history_)


def test_a_callback_stops_the_training(corpus):
    pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    pipe = make_text_clusterer(random_state=0)
    pipe.set_params(**TINIER | {"encode__epochs": 9})

    pipe.set_callbacks(Tasks(last_epoch=1)).fit(corpus.texts)

    assert len(pipe["encode"].history_) == 2


def test_an_older_scikit_learn_has_no_callbacks(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)  # cannot be imported
    older = load_module(Path(_estimators.__file__))

    assert not hasattr(older.CallbackMixin(), "set_callbacks")
    assert older.fit_task()(print) is print
