"""DBSCAN: scikit-learn's labels, one rule for fit and predict, clear trouble."""

import pickle
import re
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.cluster import DBSCAN as ReferenceDBSCAN
from sklearn.exceptions import NotFittedError
from sklearn.metrics import pairwise_distances
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepclust import DBSCAN
from deepclust.exceptions import ClusteringWarning

pytestmark = pytest.mark.filterwarnings(
    "ignore::deepclust.exceptions.ClusteringWarning"
)


@parametrize_with_checks(
    [
        DBSCAN(),
        DBSCAN(eps=0.5, min_samples=5),
        DBSCAN(metric="cosine", noise="nearest"),
    ]
)
def test_estimator_contract(estimator, check):
    check(estimator)


def blobs(n_rows, n_features, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    centers = rng.normal(0, 3, (6, n_features))
    X = centers[rng.integers(0, 6, n_rows)] + rng.normal(0, 0.6, (n_rows, n_features))
    noise = rng.random(n_rows) < 0.2
    X[noise] = rng.uniform(-8, 8, (noise.sum(), n_features))
    return X.astype(dtype)


def a_middling_eps(X, min_samples, share=0.8):
    distances = cdist(X[:300].astype(np.float64), X.astype(np.float64))
    core = np.sort(distances, axis=1)[:, min(min_samples, len(X)) - 1]
    return float(np.quantile(core, share)) + 1e-7


def reference(eps, min_samples):
    # The trees compute each distance by itself; the brute search rounds products.
    return ReferenceDBSCAN(eps=eps, min_samples=min_samples, algorithm="ball_tree")


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("given", [{}, {"n_clusters": 4}, {"layer": "broad"}])
def test_auto_takes_weights_for_copies(metric, given):
    """Weight 0 is a row left out, 2 a row and its copy, to the bit."""
    X = blobs(240, 3, seed=8)
    X[20:40] = X[:20]
    weights = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
    repeated = DBSCAN(metric=metric, **given).fit(X.repeat(weights.astype(int), axis=0))

    model = DBSCAN(metric=metric, **given).fit(X, sample_weight=weights)

    assert model.n_clusters_ > 1
    assert (model.eps_, model.min_samples_) == (repeated.eps_, repeated.min_samples_)
    for method in ("predict", "predict_layers", "predict_proba"):
        expected = getattr(repeated, method)(X)
        np.testing.assert_array_equal(getattr(model, method)(X), expected)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    np.testing.assert_array_equal(model.layers_, model.predict_layers(X))
    assert weights[model.core_sample_indices_].all()
    cut = model.cut(model.eps_ / 2)
    given = {**given, "n_clusters": None, "metric": metric}
    fitted = DBSCAN(cut.eps_, min_samples=cut.min_samples_, **given)
    fitted.fit(X, sample_weight=weights)
    if "layer" not in given:  # those of cut have the tree
        np.testing.assert_array_equal(cut.labels_, fitted.labels_)


def test_rows_without_weight_in_later_batches():
    X = blobs(300, 2, seed=3)
    weights = np.random.default_rng(1).integers(0, 3, 300).astype(float)
    weights[:150] = 1
    model = DBSCAN(min_samples=6).partial_fit(X[:150])
    kept = DBSCAN(min_samples=6).partial_fit(X[:150])
    model.partial_fit(X[150:], sample_weight=weights[150:])
    later = weights[150:] > 0
    kept.partial_fit(X[150:][later], sample_weight=weights[150:][later])

    np.testing.assert_array_equal(model.predict(X), kept.predict(X))
    np.testing.assert_array_equal(model.labels_, model.predict(X))


def test_zero_weight_does_not_decide_a_number():
    """Of two clusters that weigh the same, the first row with a weight decides."""
    X = np.array([[0.5], [10.0], [10.1], [0.0], [0.1]])
    weights = np.array([0.0, 3, 3, 3, 3])
    model = DBSCAN(1.0, min_samples=6).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(model.labels_, [1, 0, 0, 1, 1])


def assert_same_clusters(model, expected):
    """Equal core points, equal partition of them, equal noise."""
    core = expected.core_sample_indices_
    np.testing.assert_array_equal(model.core_sample_indices_, core)
    np.testing.assert_array_equal(model.labels_ == -1, expected.labels_ == -1)
    pairs = set(zip(model.labels_[core], expected.labels_[core], strict=True))
    assert len(pairs) == len(set(expected.labels_[core])) == model.n_clusters_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [1, 2, 3, 16, 64, 256])
@pytest.mark.parametrize("n_rows", [1, 40, 900])
def test_labels_equal_scikit_learn(n_rows, n_features, dtype):
    X = blobs(n_rows, n_features, seed=n_rows + n_features, dtype=dtype)
    for min_samples in (1, 2, 10):
        for share in (0.3, 0.8):
            eps = a_middling_eps(X, min_samples, share)
            model = DBSCAN(eps, min_samples=min_samples).fit(X)
            assert_same_clusters(model, reference(eps, min_samples).fit(X))
            np.testing.assert_array_equal(model.predict(X), model.labels_)


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("step", [1.0, 0.25])
def test_ties_at_exactly_eps(n_features, step):
    X = np.random.default_rng(3).integers(0, 11, (1500, n_features)) * step + 64.0
    for min_samples in (2, 9, 30):
        model = DBSCAN(step, min_samples=min_samples).fit(X)
        assert_same_clusters(model, reference(step, min_samples).fit(X))
        np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_cosine_equals_scikit_learn():
    X = blobs(1200, 12, seed=5)
    for eps in (0.02, 0.05, 0.2):
        model = DBSCAN(eps, min_samples=6, metric="cosine").fit(X)
        expected = ReferenceDBSCAN(eps=eps, min_samples=6, metric="cosine").fit(X)
        assert_same_clusters(model, expected)
        np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_rows_without_direction_are_noise():
    X = blobs(300, 4, seed=6)
    X[::10] = 0
    for noise in ("keep", "nearest"):
        model = DBSCAN("auto", metric="cosine", noise=noise).fit(X)
        assert (model.labels_[::10] == -1).all()
        assert (model.predict(np.zeros((3, 4))) == -1).all()
    assert (np.delete(model.labels_, np.s_[::10]) >= 0).all()


@pytest.mark.parametrize("eps", ["auto", 2.0])
def test_nearest_leaves_no_noise_and_may_be_set_later(eps):
    X = blobs(600, 8, seed=7)
    kept = DBSCAN(eps, min_samples=8).fit(X)
    assigned = clone(kept).set_params(noise="nearest").fit(X)
    assert (kept.labels_ == -1).any()
    assert (assigned.labels_ >= 0).all()
    clustered = kept.labels_ >= 0
    np.testing.assert_array_equal(kept.labels_[clustered], assigned.labels_[clustered])
    np.testing.assert_array_equal(assigned.predict(X), assigned.labels_)
    np.testing.assert_array_equal(
        kept.set_params(noise="nearest").predict(X), assigned.labels_
    )


def test_one_by_one_equals_batch():
    X = blobs(500, 16, seed=8, dtype=np.float32)
    new = blobs(200, 16, seed=9, dtype=np.float32)
    for noise in ("keep", "nearest"):
        model = DBSCAN(2.5, min_samples=5, noise=noise).fit(X)
        batch = model.predict(new)
        single = [model.predict(row[None])[0] for row in new]
        np.testing.assert_array_equal(batch, single)


def test_threads_and_block_size_change_nothing():
    X = blobs(3000, 8, seed=10, dtype=np.float32)
    one = DBSCAN().fit(X)
    two = DBSCAN(n_jobs=2, memory_limit="26MiB").fit(X)
    assert one.eps_ == two.eps_
    np.testing.assert_array_equal(one.labels_, two.labels_)
    for name, column in one.eps_path_.items():
        np.testing.assert_array_equal(column, two.eps_path_[name])


def test_zero_rows_at_predict():
    model = DBSCAN(1.0, min_samples=2).fit([[0.0], [0.5], [9.0]])
    assert model.predict(np.empty((0, 1))).shape == (0,)


def test_one_row_is_noise():
    with pytest.warns(ClusteringWarning, match="noise"):
        model = DBSCAN().fit([[1.0, 2.0]])
    assert model.labels_.tolist() == [-1]
    assert model.score([[1.0, 2.0]]) == 0.0


def test_predict_before_fit():
    with pytest.raises(NotFittedError):
        DBSCAN().predict([[1.0]])


def test_a_given_eps_needs_no_memory_for_trees():
    model = DBSCAN(1.0, min_samples=5, memory_limit="2MiB", n_jobs=1)
    for _ in range(3):  # the third goes on from the clusters of the second
        model.partial_fit(np.zeros((50, 2)))
    assert model.labels_.tolist() == [0] * 150


def test_memory_limit_names_the_estimate():
    with pytest.raises(MemoryError, match=r"needs about .* MiB"):
        DBSCAN(1.0, memory_limit="10kB").fit(np.zeros((1000, 50)))
    with pytest.raises(MemoryError, match=r"needs about 7\d MiB"):
        DBSCAN(memory_limit="40MiB").fit(np.zeros((19_000, 2)))
    with pytest.raises(MemoryError, match="Raise memory_limit, lower n_jobs, or"):
        DBSCAN(memory_limit="90MiB", n_jobs=3).fit(np.zeros((19_000, 50)))
    DBSCAN(memory_limit="90MiB", n_jobs=1).fit(np.zeros((19_000, 50)))
    DBSCAN(memory_limit="90MiB", n_jobs=3, min_samples=5).fit(np.zeros((19_000, 50)))
    with pytest.raises(ValueError, match="memory_limit must be"):
        DBSCAN(1.0, memory_limit="plenty").fit([[0.0], [1.0]])


@pytest.mark.parametrize("arguments", [{"eps": 2.6}, {}, {"metric": "cosine"}])
def test_memory_stays_below_the_limit(arguments):
    X = blobs(6000, 16, seed=14, dtype=np.float32)
    DBSCAN(**arguments).fit(X[:500])  # what is imported on the way
    model = DBSCAN(**arguments, min_samples=8, memory_limit="36MiB")
    tracemalloc.start()
    model.fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 36 * 2**20


# Properties ---------------------------------------------------------------------------


@st.composite
def problems(draw):
    """Rows with many ties and copies, or without; an eps that occurs as a distance."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows, n_features = draw(st.integers(2, 80)), draw(st.integers(1, 4))
    if draw(st.booleans()):
        X = rng.integers(0, 6, (n_rows, n_features)).astype(np.float64)
    else:
        X = rng.standard_normal((n_rows, n_features))
    one, other = X[rng.integers(0, n_rows, 2)]
    eps = float(np.sqrt(np.square(one - other).sum())) or 1.0
    return X, eps, draw(st.integers(1, 6)), rng


def as_sets(labels):
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in set(labels) - {-1}}


@settings(max_examples=60, deadline=None)
@given(problems())
def test_order_of_the_rows_does_not_matter(problem):
    X, eps, min_samples, rng = problem
    order = rng.permutation(len(X))
    model = DBSCAN(eps, min_samples=min_samples).fit(X)
    shuffled = DBSCAN(eps, min_samples=min_samples).fit(X[order])
    core = np.zeros(len(X), dtype=bool)
    core[model.core_sample_indices_] = True
    assert set(order[shuffled.core_sample_indices_]) == set(np.flatnonzero(core))
    back = np.empty(len(X), dtype=int)
    back[order] = shuffled.labels_
    np.testing.assert_array_equal(back == -1, model.labels_ == -1)
    core_only = np.where(core, model.labels_, -1), np.where(core, back, -1)
    assert as_sets(core_only[0]) == as_sets(core_only[1])


@settings(max_examples=60, deadline=None)
@given(problems())
def test_copies_count_and_share_their_label(problem):
    X, eps, min_samples, rng = problem
    copies = rng.integers(1, 4, len(X))
    rows = np.repeat(np.arange(len(X)), copies)
    model = DBSCAN(eps, min_samples=min_samples).fit(X[rows])
    expected = reference(eps, min_samples).fit(X[rows])
    assert_same_clusters(model, expected)
    for row in range(len(X)):
        assert len(set(model.labels_[rows == row])) == 1
    weighted = DBSCAN(eps, min_samples=min_samples).fit(X, sample_weight=copies)
    np.testing.assert_array_equal(weighted.labels_[rows], model.labels_)


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(-60, 60), st.booleans())
def test_scale_and_dtype(problem, power, single):
    X, eps, min_samples, _ = problem
    if single:
        X = X.astype(np.float32)
    scale = 2.0**power  # exact
    model = DBSCAN(eps, min_samples=min_samples).fit(X)
    scaled = DBSCAN(eps * scale, min_samples=min_samples).fit(X * X.dtype.type(scale))
    np.testing.assert_array_equal(scaled.labels_, model.labels_)


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from(["keep", "nearest"]))
def test_fit_equals_predict_in_any_batches(problem, noise):
    X, eps, min_samples, rng = problem
    model = DBSCAN(eps, min_samples=min_samples, noise=noise).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    cut = rng.integers(0, len(X) + 1)
    parts = model.predict(X[:cut]), model.predict(X[cut:])
    np.testing.assert_array_equal(np.concatenate(parts), model.labels_)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(X[::-1]), model.labels_[::-1])


@settings(max_examples=60, deadline=None)
@given(problems())
def test_clusters_are_numbered_by_size_then_first_row(problem):
    X, eps, min_samples, _ = problem
    labels = DBSCAN(eps, min_samples=min_samples).fit(X).labels_
    groups = [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    keys = [(-len(group), group[0]) for group in groups]
    assert keys == sorted(keys)


# Trouble ------------------------------------------------------------------------------


@pytest.mark.parametrize(("eps", "words"), [(1e-3, "every row is noise"), (50, "one")])
def test_diagnosis_suggests_an_eps_that_works(eps, words):
    X = blobs(400, 3, seed=11)
    with pytest.warns(ClusteringWarning, match=words) as caught:
        DBSCAN(eps, min_samples=5).fit(X)
    suggested = float(re.search(r"Try eps=([\d.e+-]+),", str(caught[0].message))[1])
    model = DBSCAN(suggested, min_samples=5).fit(X)
    assert model.n_clusters_ > 1


def test_rows_without_groups_do_not_fail():
    X = np.random.default_rng(12).uniform(size=(300, 2))
    for noise in ("keep", "nearest"):
        model = DBSCAN(noise=noise).fit(X)
        assert np.isfinite(model.score(X))
        np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_many_copies_are_one_point():
    X = np.repeat([[0.0, 1.0], [5.0, 5.0], [9.0, 0.0]], [150_000, 49_999, 1], axis=0)
    labels = DBSCAN(0.5, min_samples=10).fit(X).labels_
    assert np.unique(labels, return_counts=True)[1].tolist() == [1, 150_000, 49_999]
    chosen = DBSCAN().fit(X)
    assert chosen.eps_ > 0
    np.testing.assert_array_equal(chosen.labels_, labels)


def test_a_million_copies_take_a_minute_and_two_gigabytes_at_most():
    """18: the labels are those of a few copies of each row."""
    places = np.random.default_rng(3).permutation(100)[:40]
    rows = np.column_stack((places // 10, places % 10)).astype(np.float32)
    X, start = np.repeat(rows, 25_000, axis=0), time.process_time()
    tracemalloc.start()
    many = DBSCAN(1.0, min_samples=2).fit(X)
    predicted = many.predict(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - start < 60
    assert peak < 2e9
    few = DBSCAN(1.0, min_samples=2).fit(np.repeat(rows, 3, axis=0))
    assert few.n_clusters_ > 3
    np.testing.assert_array_equal(many.labels_[::25_000], few.labels_[::3])
    np.testing.assert_array_equal(predicted, few.labels_[::3])


def test_score_with_classes_is_their_agreement():
    X = blobs(300, 3, seed=13)
    model = DBSCAN(1.5, min_samples=5).fit(X)
    assert model.score(X, model.labels_) == pytest.approx(1)
    assert -0.1 < model.score(X, np.arange(300) % 3) < 0.2
    assert -1 <= model.score(X) <= 1


def test_score_leaves_out_rows_of_unknown_class():
    X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    clusterer = DBSCAN(eps=0.15, min_samples=2).fit(X)
    assert clusterer.score(X, [0, 0, -1, 1, -1, 1]) == pytest.approx(1.0)
    assert clusterer.score(X, [-1] * 6) == clusterer.score(X)


# Cuts of a fitted model ---------------------------------------------------------------


def assert_same_model(cut, fitted):
    np.testing.assert_array_equal(cut.labels_, fitted.labels_)
    core = fitted.core_sample_indices_
    np.testing.assert_array_equal(cut.core_sample_indices_, core)
    np.testing.assert_array_equal(cut.components_, fitted.components_)
    assert cut.get_params() == fitted.get_params()
    assert (cut.eps_, cut.n_clusters_) == (fitted.eps_, fitted.n_clusters_)
    assert cut.noise_fraction_ == fitted.noise_fraction_


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.sampled_from(["euclidean", "cosine"]),
    st.sampled_from(["keep", "nearest"]),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
def test_cut_equals_a_fit_with_that_eps(seed, min_samples, metric, noise, weighted):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, (60, 3)) * 0.1
    weights = rng.integers(1, 4, 60).astype(float) if weighted else None
    model = DBSCAN(min_samples=min_samples, metric=metric, noise=noise)
    model.fit(X, sample_weight=weights)
    steps = rng.choice(pairwise_distances(X, metric=metric).ravel(), 4)
    for eps in steps[steps > 1e-9]:  # each of them a distance: all ties are there
        cut = model.cut(eps)
        fitted = clone(model).set_params(eps=eps)
        assert_same_model(cut, fitted.fit(X, sample_weight=weights))
        np.testing.assert_array_equal(cut.predict(X), fitted.predict(X))
    again, fitted = cut.cut(model.eps_), clone(model).set_params(eps=model.eps_)
    fitted.fit(X, sample_weight=weights)
    np.testing.assert_array_equal(again.labels_, fitted.labels_)


def test_cut_takes_the_tree_and_computes_no_distance(monkeypatch):
    X = blobs(900, 8, seed=7)
    model = DBSCAN().fit(X)
    expected = DBSCAN(1.3 * model.eps_, min_samples=model.min_samples_).fit(X)
    for name in ("density_clusters", "NearestSearch"):
        monkeypatch.setattr(f"deepclust.clustering._metric_space.{name}", None)
    assert_same_model(model.cut(1.3 * model.eps_), expected)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("rows", [5000, 500])
def test_cut_at_a_number_of_clusters_is_what_fit_chooses(k, rows, monkeypatch):
    monkeypatch.setattr("deepclust.clustering._eps_selection.TREE_ROWS", rows)
    X = blobs(1000, 4, seed=8)
    model = DBSCAN(min_samples=12).fit(X)
    asked = DBSCAN(min_samples=12, n_clusters=k).fit(X)
    assert model.cut(n_clusters=k).eps_ == asked.eps_
    np.testing.assert_array_equal(model.cut(n_clusters=k).labels_, asked.labels_)


def test_cut_where_the_tree_is_of_a_sample_or_weights_are_small(monkeypatch):
    X = blobs(1000, 4, seed=9)
    weights = np.full(1000, 0.5)
    for limit, given_weights in ((400, None), (5000, weights)):
        monkeypatch.setattr("deepclust.clustering._eps_selection.TREE_ROWS", limit)
        model = DBSCAN(min_samples=10).fit(X, sample_weight=given_weights)
        eps = 1.2 * model.eps_
        fitted = DBSCAN(eps, min_samples=10).fit(X, sample_weight=given_weights)
        assert_same_model(model.cut(eps), fitted)


def test_cut_after_loading_and_after_partial_fit():
    X = blobs(400, 3, seed=10)
    model = pickle.loads(pickle.dumps(DBSCAN(min_samples=6).fit(X)))
    assert_same_model(model.cut(0.7), DBSCAN(0.7, min_samples=6).fit(X))
    model.partial_fit(X[:50] + 0.5)
    both = np.concatenate((X, X[:50] + 0.5))
    assert_same_model(model.cut(0.7), DBSCAN(0.7, min_samples=6).fit(both))
    with pytest.raises(ValueError, match="needs the hierarchy"):
        model.cut(n_clusters=3)


def test_cut_takes_one_of_two():
    model = DBSCAN(min_samples=3).fit(blobs(50, 2, seed=0))
    for arguments in ({}, {"eps": 0.5, "n_clusters": 3}):
        with pytest.raises(ValueError, match="either eps or n_clusters"):
            model.cut(**arguments)
    with pytest.raises(ValueError, match="'eps' parameter"):
        model.cut(-1.0)


def test_tree_of_a_fitted_model_names_its_rows():
    X = blobs(300, 3, seed=11)
    X[100:150] = X[:50]
    model = DBSCAN(min_samples=5).fit(X)
    tree, rows = model.reachability_, model.reachability_rows_
    assert len(rows) == len(tree.weights) == 250
    assert tree.weights.sum() == 300
    ends = X[rows[tree.edges]]
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    assert (tree.heights >= lengths * (1 - 1e-12)).all()
    model.set_params(eps=1.0).fit(X)
    for name in ("reachability_", "reachability_rows_", "eps_path_"):
        assert not hasattr(model, name)


BLOBS = np.repeat([[0.0] * 4, [3.0] * 4, [6.0] * 4], 50, axis=0)
BLOBS += np.random.default_rng(0).normal(0, 0.1, BLOBS.shape)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [(np.float32, 2.0**e) for e in (-133, -83, 0, 66, 122)]
    + [(np.float64, 2.0**e) for e in (-480, 480)],
)
@pytest.mark.parametrize("most", [20_000, 100])
def test_auto_does_not_depend_on_the_scale(dtype, scale, most, monkeypatch):
    monkeypatch.setattr("deepclust.clustering._eps_selection.TREE_ROWS", most)
    model = DBSCAN().fit((BLOBS * scale).astype(dtype))

    assert model.n_clusters_ == 3
    assert model.noise_fraction_ == 0
    expected = DBSCAN().fit(BLOBS.astype(dtype)).eps_
    assert model.eps_ / scale == pytest.approx(expected, rel=1e-3)


@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
@pytest.mark.parametrize("eps", [1e100, 1e155, 1e200, 1e308])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-30, 1.0])
@pytest.mark.parametrize("n_copies", [1, 3])  # one cell of the index, and more
def test_an_eps_beyond_every_distance(eps, dtype, scale, n_copies):
    X = np.concatenate([BLOBS + 0.01 * copy for copy in range(n_copies)])
    X = (X * scale).astype(dtype)
    model = DBSCAN(eps).fit(X)

    assert (model.labels_ == 0).all()
    assert (model.predict(X * dtype(7)) == 0).all()


def test_what_float64_cannot_square_is_refused_by_name():
    with pytest.raises(ValueError, match=r"X has the value .*e.160.*Divide X, and eps"):
        DBSCAN(1e155).fit(BLOBS * 1e160)
    model = DBSCAN(1.0).fit(BLOBS)
    with pytest.raises(ValueError, match="X has the value"):
        model.predict(BLOBS * 1e160)
    with pytest.raises(ValueError, match=r"eps=1e-160 is below 1e-150.*by 1e\+150"):
        DBSCAN(1e-160).fit(BLOBS)
    with pytest.raises(ValueError, match="is below 1e-150"):
        DBSCAN().fit(BLOBS * 1e-160)
    with pytest.raises(ValueError, match="eps=0 is below 1e-150"):  # squares are lost
        DBSCAN().fit(BLOBS * 1e-300)


def test_labels_follow_noise_set_after_fit():
    X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [6.5], [40.0]])
    model = DBSCAN(eps=0.2, min_samples=2).fit(X)
    kept = model.labels_.copy()
    assert kept.tolist() == [0, 0, 0, 1, 1, -1, -1]

    assert model.set_params(noise="nearest").labels_.tolist() == [0, 0, 0, 1, 1, 1, 1]
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.set_params(noise=0.9).labels_.tolist() == [0, 0, 0, 1, 1, 1, -1]
    np.testing.assert_array_equal(model.set_params(noise="keep").labels_, kept)
    model = DBSCAN(eps=0.2, min_samples=2, noise="nearest").fit(X)
    again = pickle.loads(pickle.dumps(model.set_params(noise="keep")))
    np.testing.assert_array_equal(again.labels_, kept)
    assert not hasattr(DBSCAN(), "labels_")
