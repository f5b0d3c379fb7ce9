"""partial_fit: the labels of a fit on all rows so far, however they arrive."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepclust import DBSCAN
from deepclust.clustering._cell_index import CellIndex

pytestmark = pytest.mark.filterwarnings(
    "ignore::deepclust.exceptions.ClusteringWarning"
)


def assert_equal_models(model, expected):
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    core = expected.core_sample_indices_
    np.testing.assert_array_equal(model.core_sample_indices_, core)
    np.testing.assert_array_equal(model.components_, expected.components_)
    assert model.n_clusters_ == expected.n_clusters_
    assert model.noise_fraction_ == expected.noise_fraction_
    assert model.min_samples_ == expected.min_samples_


@st.composite
def arrivals(draw):
    """Rows with copies and ties, or without, an eps that occurs, and batches."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows, n_features = draw(st.integers(2, 120)), draw(st.integers(1, 4))
    if draw(st.booleans()):
        X = rng.integers(0, 6, (n_rows, n_features)).astype(np.float64)
    else:
        X = rng.standard_normal((n_rows, n_features))
        X[rng.random(n_rows) < 0.3] = X[0]
    if draw(st.booleans()):
        X = X.astype(np.float32)
    one, other = X[rng.integers(0, n_rows, 2)].astype(np.float64)
    eps = float(np.sqrt(np.square(one - other).sum())) or 1.0
    cuts = np.unique(draw(st.lists(st.integers(1, n_rows - 1), max_size=6)))
    return X, eps, np.split(X, cuts.astype(int))


@settings(max_examples=120)
@given(
    arrivals(),
    st.integers(1, 6),
    st.sampled_from(["euclidean", "cosine"]),
    st.sampled_from(["keep", "nearest"]),
)
def test_batches_give_the_labels_of_one_fit(arrival, min_samples, metric, noise):
    X, eps, batches = arrival
    model = DBSCAN(eps, min_samples=min_samples, metric=metric, noise=noise)
    seen = 0
    for batch in batches:
        model.partial_fit(batch)
        seen += len(batch)
        expected = DBSCAN(eps, min_samples=min_samples, metric=metric, noise=noise)
        assert_equal_models(model, expected.fit(X[:seen]))
    np.testing.assert_array_equal(model.predict(X), model.labels_)


@settings(max_examples=60)
@given(arrivals(), st.integers(1, 9), st.integers(0, 99))
def test_weighted_batches(arrival, min_samples, seed):
    X, eps, batches = arrival
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 4, len(X)).astype(np.float64)
    weighs = rng.random(len(batches)) < 0.7
    model, start = DBSCAN(eps, min_samples=min_samples), 0
    for batch, has_weights in zip(batches, weighs, strict=True):
        part = slice(start, start + len(batch))
        start = part.stop
        if not has_weights or not weights[part].any():
            weights[part] = 1
        given_weights = weights[part] if has_weights else None
        model.partial_fit(batch, sample_weight=given_weights)
    expected = DBSCAN(eps, min_samples=min_samples).fit(X, sample_weight=weights)
    assert_equal_models(model, expected)


def blobs(n_rows, n_features, seed=0, n_groups=8):
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 3, (n_groups, n_features))[rng.integers(0, n_groups, n_rows)]
    X += rng.choice([0.3, 1.0], (n_rows, 1)) * rng.standard_normal(X.shape)
    return X.astype(np.float32)


SIDE = np.array([[1, 0], [2, 0], [2, 0]])
HOURGLASS = np.array([[1, 1], [1, 2], [1, 2], [1, 0], [1, -1], [1, -2], [1, -2]])
ROW = np.array([[1, 0], [2, 0], [3, 0], [4, 0]])
LEFT = np.array([-1, 1])
# what incdbscan's tests name: min_samples, the rows before the origin is added, and the
# groups without it and with it; "?" is at the border of two
ARRIVALS_AT_THE_ORIGIN = {
    "alone": (4, np.array([[9, 9]]), "-", "--"),
    "far from a cluster": (4, ROW[[0, 0, 0, 0]] + 5, "0000", "0000-"),
    "at the border": (4, ROW[[0, 0, 0, 0]], "0000", "00000"),
    "a cluster is born": (4, ROW[[0, 0, 0]], "---", "0000"),
    "two are born": (4, [*SIDE, *SIDE * LEFT], "------", "000111?"),
    "noise is absorbed": (3, [*ROW[:3], [0, 1]], "000-", "00000"),
    "two merge": (3, [*ROW, *ROW * LEFT], "00001111", "000000000"),
    "two merge, one is born": (
        *(4, [*HOURGLASS, *SIDE * LEFT]),
        *("000?111---", "0000000111?"),
    ),
    "two mergers": (
        *(4, [*HOURGLASS, *HOURGLASS * LEFT]),
        *("000?111222?333", "00000001111111?"),
    ),
    "more neighbors than needed": (3, [*ROW[[0, 0]], *ROW[[0]] * LEFT], "---", "0000"),
}


@pytest.mark.parametrize("case", ARRIVALS_AT_THE_ORIGIN)
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_what_a_row_between_changes(case, metric):
    min_samples, rows, *expected = ARRIVALS_AT_THE_ORIGIN[case]
    model = DBSCAN(1.0, min_samples=min_samples, metric=metric)
    for batch, groups in zip((rows, [[0, 0]]), expected, strict=True):
        model.partial_fit(np.array(batch, dtype=np.float64))
        found = zip(groups, model.labels_.tolist(), strict=True)
        pairs = {(group, label) for group, label in found if group != "?"}
        assert len(pairs) == len({*groups} - {"?"}) == len({b for _, b in pairs})
        assert all((group == "-") == (label == -1) for group, label in pairs)


@pytest.mark.parametrize("order", ["mixed", "sorted"])
def test_many_cells_grow_and_are_made_anew(order):
    X = blobs(4000, 8)
    if order == "sorted":  # every batch lies beyond all the earlier ones
        X = X[np.argsort(X[:, 0])]
    model = DBSCAN(1.6, min_samples=8)
    for batch in np.split(X, [1500, 1501, 1700, 2000, 3900]):
        model.partial_fit(batch)
    expected = DBSCAN(1.6, min_samples=8).fit(X)
    assert expected.n_clusters_ > 1
    assert 0.02 < expected.noise_fraction_ < 0.5
    assert_equal_models(model, expected)


def test_only_what_is_near_is_compared(monkeypatch):
    X = blobs(6000, 8)
    model = DBSCAN(1.0, min_samples=8).fit(X[:5000]).partial_fit(X[5000:5900])
    compared = []
    products = CellIndex.products

    def counted(index, left, cell):
        found = products(index, left, cell)
        compared.append(found.size)
        return found

    monkeypatch.setattr(CellIndex, "products", counted)
    model.partial_fit(X[5900:])
    assert 0 < sum(compared) < 0.5 * 100 * 6000
    monkeypatch.undo()
    assert_equal_models(model, DBSCAN(1.0, min_samples=8).fit(X))


def test_auto_is_chosen_once_and_stays():
    X = blobs(900, 6)
    model = DBSCAN().fit(X[:600])
    eps, min_samples = model.eps_, model.min_samples_
    model.partial_fit(X[600:])
    assert (model.eps_, model.min_samples_) == (eps, min_samples)
    assert_equal_models(model, DBSCAN(eps, min_samples=min_samples).fit(X))
    assert not hasattr(model, "reachability_")
    assert len(model.eps_path_)


def test_min_samples_auto_follows_the_number_of_rows():
    X = blobs(600, 4)
    model = DBSCAN(1.0)
    for batch in np.split(X, [20, 60, 300]):
        model.partial_fit(batch)
    assert model.min_samples_ == 9
    assert_equal_models(model, DBSCAN(1.0).fit(X))


def test_changed_parameters_are_followed():
    X = blobs(600, 4)
    model = DBSCAN(1.0, min_samples=5).partial_fit(X[:200]).partial_fit(X[200:300])
    model.set_params(eps=0.7, min_samples=7).partial_fit(X[300:])
    assert_equal_models(model, DBSCAN(0.7, min_samples=7).fit(X))


@pytest.mark.parametrize("when", ["first", "later"])
def test_negative_weights(when):
    X = blobs(300, 3)
    weights = np.ones(300)
    weights[: 20 if when == "first" else 300] = 2
    weights[10 if when == "first" else 250] = -5
    model = DBSCAN(1.0, min_samples=8)
    for part in (slice(0, 100), slice(100, 200), slice(200, 300)):
        model.partial_fit(X[part], sample_weight=weights[part])
    expected = DBSCAN(1.0, min_samples=8).fit(X, sample_weight=weights)
    assert_equal_models(model, expected)


def test_goes_on_after_loading_and_leaves_the_copy_alone():
    X = blobs(500, 4)
    model = DBSCAN(0.9, min_samples=5).partial_fit(X[:200]).partial_fit(X[200:300])
    restored = pickle.loads(pickle.dumps(model))
    before = model.labels_.copy()
    restored.partial_fit(X[300:])
    assert_equal_models(restored, DBSCAN(0.9, min_samples=5).fit(X))
    np.testing.assert_array_equal(model.labels_, before)
    np.testing.assert_array_equal(model.predict(X[:300]), before)


def test_rows_without_direction_in_any_batch():
    X = blobs(90, 3)
    X[:30] = 0
    X[::7] = 0
    model = DBSCAN(0.02, min_samples=4, metric="cosine")
    for batch in np.split(X, [30, 31, 60]):
        model.partial_fit(batch)
    assert_equal_models(model, DBSCAN(0.02, min_samples=4, metric="cosine").fit(X))
    assert (model.labels_[:30] == -1).all()


def test_wrong_width_changes_nothing():
    X = blobs(100, 3)
    model = DBSCAN(1.0, min_samples=4).fit(X)
    with pytest.raises(ValueError, match="expecting 3 features"):
        model.partial_fit(X[:, :2])
    assert len(model.labels_) == 100


def test_no_room_changes_nothing():
    X = blobs(4000, 20)
    model = DBSCAN(1.0, min_samples=4, memory_limit="700kB").fit(X[:1000])
    with pytest.raises(MemoryError, match="needs about"):
        model.partial_fit(X[1000:])
    assert len(model.labels_) == 1000
    assert len(model.predict(X[:10])) == 10


@pytest.mark.parametrize("method", ["predict", "partial_fit", "cut"])
def test_rows_changed_in_place_are_noticed(method):
    X = blobs(100, 3)
    model = DBSCAN(1.0, min_samples=4).fit(X)
    X += 1
    with pytest.raises(ValueError, match="changed in place"):
        getattr(model, method)(0.5 if method == "cut" else X)


def test_a_first_batch_of_rows_that_take_no_part():
    model = DBSCAN(0.5, min_samples=2, metric="cosine").partial_fit(np.zeros((1, 2)))
    assert model.partial_fit([[1.0, 0.0]]).labels_.tolist() == [-1, -1]
    assert model.partial_fit([[1.0, 0.1]]).labels_.tolist() == [-1, 0, 0]
