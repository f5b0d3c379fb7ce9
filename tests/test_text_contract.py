"""What every estimator that takes texts promises, checked on each of them.

scikit-learn's `check_estimator` has one check for text estimators; these are ours.
"""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from deepclust import TextCleaner, TokenSequences, Vectorizer
from deepclust.exceptions import InvalidTextError

TRAINING = [
    "cats purr and cats sleep",
    "dogs bark at cats",
    "dogs sleep",
    "",
    "birds sing, birds fly",
    "birds sleep at night",
]

ESTIMATORS = {
    "TextCleaner": TextCleaner(),
    "TextCleaner-all": TextCleaner(
        strip_html=False, lowercase=False, remove_stop_words=False, stem=True
    ),
    "Vectorizer": Vectorizer(vector_dim=4),
    "Vectorizer-plain": Vectorizer(word_vectors=None, max_len=3, min_df=1),
}
STATELESS = {"TextCleaner", "TextCleaner-all"}


@pytest.fixture(params=ESTIMATORS)
def name(request):
    return request.param


@pytest.fixture
def estimator(name):
    return clone(ESTIMATORS[name])


@pytest.fixture
def fitted(estimator):
    return estimator.fit(TRAINING)


def rows(output):
    """Return the output of any text estimator as a list of comparable rows."""
    if isinstance(output, TokenSequences):
        return [tuple(row.tolist()) for row in output]
    return list(output)


# --- input --------------------------------------------------------------------------

CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "generator": iter,
    "object array": lambda texts: np.array(texts, dtype=object),
    "str array": np.array,
    "pandas": pd.Series,
    "pandas with an index": lambda texts: pd.Series(texts, index=range(9, 9 - 6, -1)),
    "pandas string": lambda texts: pd.Series(texts, dtype="string"),
    "pandas index": pd.Index,
    "polars": pl.Series,
    "arrow": pa.array,
    "arrow chunks": lambda texts: pa.chunked_array([texts[:2], texts[2:]]),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_any_iterable_of_texts_is_taken(fitted, container):
    expected = rows(fitted.transform(TRAINING))
    make = CONTAINERS[container]
    assert rows(fitted.transform(make(TRAINING))) == expected
    assert rows(clone(fitted).fit(make(TRAINING)).transform(TRAINING)) == expected
    assert rows(clone(fitted).fit_transform(make(TRAINING))) == expected


BAD_ROWS = [None, float("nan"), pd.NA, 7, 1.5, b"bytes", ["nested"], np.nan]


@pytest.mark.parametrize("bad", BAD_ROWS, ids=repr)
@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
def test_a_row_that_is_no_text_is_named(fitted, method, bad):
    with pytest.raises(ValueError, match=r"row 2 is .*\(\w+\)\. Drop that row"):
        getattr(fitted, method)(["fine", "fine too", bad, "fine"])


@pytest.mark.parametrize(
    "bad",
    ["a string", b"bytes", 5, None, {"a": 1}, {"a set"}, np.array([["two"], ["d"]])],
    ids=repr,
)
@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
def test_what_is_no_iterable_of_texts_is_refused(fitted, method, bad):
    with pytest.raises(InvalidTextError, match=type(fitted).__name__):
        getattr(fitted, method)(bad)


def test_missing_values_of_data_frames_are_named(fitted):
    for column in (
        pd.Series(["a", None]),
        pd.Series(["a", pd.NA], dtype="string"),
        pl.Series(["a", None]),
        pa.array(["a", None]),
    ):
        with pytest.raises(InvalidTextError, match="row 1"):
            fitted.transform(column)


def test_a_table_is_refused(fitted):
    with pytest.raises(InvalidTextError, match="one column"):
        fitted.transform(pd.DataFrame({"text": TRAINING}))


def test_the_input_is_not_changed(estimator):
    texts = list(TRAINING)
    array = np.array(TRAINING, dtype=object)
    estimator.fit(texts).transform(texts)
    estimator.fit(array).transform(array)
    assert texts == TRAINING
    assert array.tolist() == TRAINING


# --- output -------------------------------------------------------------------------


def test_order_and_length_are_kept(fitted):
    texts = ["cats", "", "zzz unknown", "cats", " \t ", "\ud800", "the", "dogs cats"]
    out = fitted.transform(texts)
    assert len(out) == len(texts)
    alone = [rows(fitted.transform([text]))[0] for text in texts]
    assert rows(out) == alone
    assert rows(out)[0] == rows(out)[3]


def test_no_rows_give_no_rows(fitted):
    assert len(fitted.transform([])) == 0
    assert type(fitted.transform([])) is type(fitted.transform(TRAINING))


def test_transform_may_be_repeated(fitted):
    assert rows(fitted.transform(TRAINING)) == rows(fitted.transform(TRAINING))


def test_fit_transform_is_fit_then_transform(estimator):
    together = rows(clone(estimator).fit_transform(TRAINING))
    assert together == rows(estimator.fit(TRAINING).transform(TRAINING))


def test_y_is_ignored(estimator):
    y = [0, 1, 0, 1, 0, 1]
    expected = rows(estimator.fit(TRAINING).transform(TRAINING))
    assert rows(clone(estimator).fit(TRAINING, y).transform(TRAINING)) == expected
    assert rows(clone(estimator).fit_transform(TRAINING, y)) == expected


WORDS = st.sampled_from([*" ".join(TRAINING).split(), "new", "", "C#", "<b>", "\u00e9"])
CORPORA = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=8)
FITTED = {name: clone(e).fit(TRAINING) for name, e in ESTIMATORS.items()}


@pytest.mark.parametrize("name", FITTED)
@given(texts=CORPORA, seed=st.integers(0, 2**16))
def test_permuted_texts_give_permuted_rows(name, texts, seed):
    fitted = FITTED[name]
    order = np.random.default_rng(seed).permutation(len(texts))
    out = rows(fitted.transform(texts))
    permuted = rows(fitted.transform([texts[i] for i in order]))
    assert permuted == [out[i] for i in order]


@pytest.mark.parametrize("name", FITTED)
@given(texts=CORPORA, cut=st.integers(0, 8))
def test_batches_give_the_rows_of_the_whole(name, texts, cut):
    fitted = FITTED[name]
    whole = rows(fitted.transform(texts))
    parts = rows(fitted.transform(texts[:cut])) + rows(fitted.transform(texts[cut:]))
    assert parts == whole


@given(texts=CORPORA.filter(lambda texts: any(map(str.split, texts))))
def test_a_permuted_training_set_gives_the_same_vocabulary(texts):
    texts = [*texts, *texts]
    first = Vectorizer(word_vectors=None).fit(texts)
    second = Vectorizer(word_vectors=None).fit(texts[::-1])
    assert first.vocabulary_.tokens == second.vocabulary_.tokens
    assert first.max_len_ == second.max_len_


# --- inside scikit-learn --------------------------------------------------------------


def test_fit_returns_self_and_keeps_the_parameters(estimator):
    before = {key: repr(value) for key, value in estimator.get_params().items()}
    assert estimator.fit(TRAINING) is estimator
    assert {k: repr(v) for k, v in estimator.get_params().items()} == before


def test_init_only_assigns(estimator):
    for key, value in estimator.get_params().items():
        assert getattr(estimator, key) is value
    assert set(vars(estimator)) == set(estimator.get_params())


def test_parameters_are_keyword_only_and_can_be_set(estimator):
    with pytest.raises(TypeError):
        type(estimator)(True)
    other = type(estimator)().set_params(**estimator.get_params())
    assert rows(other.fit_transform(TRAINING)) == rows(
        estimator.fit_transform(TRAINING)
    )
    with pytest.raises(ValueError, match="nonsense"):
        estimator.set_params(nonsense=1)


def test_clone_is_equal_and_unfitted(fitted, name):
    twin = clone(fitted)
    assert repr(twin) == repr(fitted)
    if name not in STATELESS:
        assert not [key for key in vars(twin) if key.endswith("_")]


def test_fitting_again_forgets(estimator):
    first = rows(clone(estimator).fit_transform(TRAINING))
    estimator.fit(["something else", "something else entirely", "other words other"])
    assert rows(estimator.fit(TRAINING).transform(TRAINING)) == first


@pytest.mark.parametrize("dump", ["joblib", "pickle"])
def test_a_stored_estimator_gives_the_same(fitted, dump):
    if dump == "pickle":
        twin = pickle.loads(pickle.dumps(fitted))
    else:
        buffer = io.BytesIO()
        joblib.dump(fitted, buffer)
        buffer.seek(0)
        twin = joblib.load(buffer)
    assert rows(twin.transform(TRAINING)) == rows(fitted.transform(TRAINING))


def test_transform_before_fit(estimator, name):
    if name in STATELESS:
        assert len(estimator.transform(TRAINING)) == len(TRAINING)
    else:
        with pytest.raises(NotFittedError, match="not fitted"):
            estimator.transform(TRAINING)
        with pytest.raises(NotFittedError):
            estimator.get_feature_names_out()


@pytest.mark.parametrize(
    ("kind", "parameter", "value"),
    [
        (TextCleaner, "strip_html", "yes"),
        (TextCleaner, "lowercase", None),
        (TextCleaner, "remove_stop_words", ["a"]),
        (TextCleaner, "lemmatize", 3),
        (TextCleaner, "stem", "porter"),
        (TextCleaner, "language", 5),
        (TextCleaner, "tokenizer", "spacy"),
        (TextCleaner, "redact", "email"),
        (TextCleaner, "redact", ("names",)),
        (TextCleaner, "min_token_length", 0),
        (TextCleaner, "keep_numbers", "no"),
        (TextCleaner, "n_jobs", 1.5),
        (TextCleaner, "verbose", -1),
        (Vectorizer, "min_df", 0),
        (Vectorizer, "min_df", -0.1),
        (Vectorizer, "max_df", 1.1),
        (Vectorizer, "max_features", 0),
        (Vectorizer, "max_len", "long"),
        (Vectorizer, "max_len", 0),
        (Vectorizer, "word_vectors", 5),
        (Vectorizer, "vector_dim", 0),
        (Vectorizer, "random_state", "seed"),
    ],
)
def test_a_wrong_parameter_is_named_at_fit(kind, parameter, value):
    estimator = kind(**{parameter: value})
    with pytest.raises(ValueError, match=f"'{parameter}' parameter"):
        estimator.fit(TRAINING)
    with pytest.raises(ValueError, match=f"'{parameter}' parameter"):
        estimator.fit_transform(TRAINING)


def test_notebook_and_console_pictures(fitted):
    assert type(fitted).__name__ in repr(fitted)
    html = fitted._repr_html_()
    assert "<div" in html
    assert type(fitted).__name__ in html


def test_tags_say_that_texts_are_expected(estimator, name):
    tags = estimator.__sklearn_tags__()
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert tags.requires_fit == (name not in STATELESS)


def test_pipelines_pass_settings_and_names_through():
    pipe = make_pipeline(TextCleaner(), Vectorizer(vector_dim=3))
    pipe.set_output(transform="pandas")
    out = pipe.fit_transform(TRAINING)
    assert isinstance(out, TokenSequences)
    assert list(pipe.get_feature_names_out()) == ["sleep", "birds", "cats", "dogs"]
    assert len(pipe.transform([])) == 0
    assert isinstance(pipe[0], BaseEstimator)
