import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from deepclust import DBSCAN
from deepclust.clustering import _parts, merge, rename, split
from deepclust.clustering._editing import _unchanged
from deepclust.clustering._parts import are_apart, word_features
from deepclust.exceptions import ClusteringWarning

pytestmark = pytest.mark.filterwarnings("ignore:The parts of cluster")  # of few rows


def blobs(seed=0, n_blobs=5, size=12):
    """Return rows in round groups, copies among them, and some noise."""
    rng = np.random.default_rng(seed)
    centers = 6.0 * rng.permutation(np.arange(2 * n_blobs).reshape(n_blobs, 2))
    sizes = rng.integers(size // 2, size * 2, n_blobs)
    X = np.vstack([c + rng.normal(size=(n, 2)) for c, n in zip(centers, sizes)])  # noqa: B905
    return np.vstack((X, X[::7], rng.uniform(-80, 160, (6, 2))))


def fitted(X, **parameters):
    return DBSCAN(eps=1.5, min_samples=3, **parameters).fit(X)


def assert_consistent(model, X):
    """The labels are what predict says, alone or together, and are numbered by size."""
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    for row in range(0, len(X), 17):
        assert model.predict(X[[row]]) == model.labels_[[row]]
    core = model.core_sample_indices_
    clustered = model.labels_[core]
    assert set(clustered.tolist()) == set(range(model.n_clusters_))
    if model.noise == "keep":
        sizes = np.bincount(model.labels_[model.labels_ >= 0])
        assert (np.diff(sizes) <= 0).all()


@settings(max_examples=20)
@given(
    seed=st.integers(0, 100),
    edits=st.lists(
        st.tuples(st.sampled_from(["merge", "split", "rename"]), st.integers(0, 10**6)),
        min_size=1,
        max_size=4,
    ),
    noise=st.sampled_from(["keep", "nearest"]),
    metric=st.sampled_from(["euclidean", "cosine"]),
)
def test_predict_equals_the_edited_labels(seed, edits, noise, metric):
    X = blobs(seed)
    model = fitted(X, noise=noise)
    if metric == "cosine":
        model = DBSCAN(eps=0.002, min_samples=3, metric=metric, noise=noise).fit(X)
    for step, (kind, choice) in enumerate(edits):
        n = model.n_clusters_
        if kind == "merge" and n >= 2:
            first = choice % n
            merge(model, [first, (first + 1) % n])
        elif kind == "split" and n:
            cluster = choice % n
            core = model.core_sample_indices_[model._core_labels == cluster]
            if len(np.unique(model._space.rows(X[core])[0], axis=0)) >= 2:
                assert len(split(model, cluster, into=2)) == 2
        elif n:
            rename(model, {choice % n: f"name {step}"})
        assert_consistent(model, X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.labels_)


def test_merge_joins_exactly_the_named_clusters():
    X = blobs()
    model = fitted(X)
    before = model.labels_.copy()

    whole = merge(model, [1, 3])

    joined = np.isin(before, [1, 3])
    np.testing.assert_array_equal(model.labels_ == whole, joined)
    np.testing.assert_array_equal(model.labels_ == -1, before == -1)
    for old in (0, 2, 4):
        assert len(np.unique(model.labels_[before == old])) == 1
    assert model.n_clusters_ == 4
    assert model.edits_ == [f"merge 1, 3: now {whole}"]


def test_split_divides_one_cluster_only():
    X = blobs()
    model = fitted(X)
    merge(model, [0, 4])
    before = model.labels_.copy()

    parts = split(model, 0)  # by density: the two blobs again

    np.testing.assert_array_equal(np.isin(model.labels_, parts), before == 0)
    original = fitted(X).labels_
    for part in parts:
        assert len(np.unique(original[model.labels_ == part])) == 1


@pytest.mark.parametrize(
    "into", [3, KMeans(3, n_init=1, random_state=0), AgglomerativeClustering(3)]
)
def test_split_into_a_number_or_by_a_clusterer(into):
    model = fitted(blobs())
    sizes = np.bincount(model.labels_[model.labels_ >= 0])

    parts = split(model, 0, into)

    assert len(parts) == 3
    found = np.bincount(model.labels_[model.labels_ >= 0])
    assert found[parts].sum() == sizes[0]
    assert parts == sorted(parts)


def test_split_by_labels_of_the_members():
    X = blobs()
    model = fitted(X)
    members = np.flatnonzero(model.labels_ == 1)
    left = X[members, 0] < np.median(X[members, 0])

    first, second = split(model, 1, np.where(left, "left", "right"))

    core = model.core_sample_indices_
    core = core[np.isin(core, members)]
    sides = X[core, 0] < np.median(X[members, 0])
    labels = model.labels_[core]
    assert {(bool(s), int(v)) for s, v in zip(sides, labels, strict=True)} in (
        {(True, first), (False, second)},
        {(True, second), (False, first)},
    )


def test_core_points_that_are_noise_of_a_split_go_with_the_nearest():
    X = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2], [0.55], [9.0], [9.1]])
    model = DBSCAN(eps=0.6, min_samples=2).fit(X)
    assert model.n_clusters_ == 2

    split(model, 0, [0, 0, 0, 1, 1, 1, -1])

    assert model.labels_.tolist() == [0, 0, 0, 1, 1, 1, 0, 2, 2]


def test_names_follow_their_texts():
    X = blobs()
    model = fitted(X)
    before = model.labels_.copy()
    rename(model, {0: "zero", 1: "one", 2: "two", 4: "four"})

    merge(model, ["two", "four"])
    split(model, "zero", into=2, names=["big", "small"])

    for name, old in {"one": [1], "two": [2, 4]}.items():
        number = next(k for k, v in model.cluster_names_.items() if v == name)
        assert set(before[model.labels_ == number].tolist()) == set(old)
    assert set(model.cluster_names_.values()) == {"one", "two", "big", "small"}
    assert merge(model, ["big", "small"], name="whole") == 0
    assert model.cluster_names_[0] == "whole"


def test_a_pipeline_and_its_pickle_keep_the_edit():
    X = blobs()
    pipeline = make_pipeline(FunctionTransformer(), DBSCAN(eps=1.5, min_samples=3))
    labels = pipeline.fit_predict(X)
    merge(pipeline, [0, 1], name="both")

    again = pickle.loads(pickle.dumps(pipeline))

    assert len(np.unique(again.predict(X[np.isin(labels, [0, 1])]))) == 1
    assert again[-1].cluster_names_ == {0: "both"}
    assert not hasattr(clone(pipeline)[-1], "cluster_names_")


def test_fit_and_at_start_from_scratch_and_partial_fit_refuses():
    X = blobs()
    model = DBSCAN(min_samples=3).fit(X)
    plain = model.labels_.copy()
    merge(model, [0, 1])
    rename(model, {0: "x"})

    with pytest.raises(ValueError, match="were merged"):
        model.partial_fit(X[:1])
    cut = model.cut(model.eps_)
    np.testing.assert_array_equal(cut.labels_, plain)
    assert not hasattr(cut, "cluster_names_")
    model.fit(X)
    np.testing.assert_array_equal(model.labels_, plain)
    assert not hasattr(model, "edits_")


def test_noise_nearest_set_later_follows_the_edit():
    X = blobs()
    model = fitted(X)
    merge(model, [0, 1, 2])

    everywhere = model.set_params(noise="nearest").predict(X)

    assert everywhere.min() == 0
    np.testing.assert_array_equal(
        everywhere[model.labels_ >= 0], model.labels_[model.labels_ >= 0]
    )


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: merge(m, [0]), "two or more"),
        (lambda m: merge(m, [0, 0]), "two or more"),
        (lambda m: merge(m, 0), "two or more"),
        (lambda m: merge(m, [0, 99]), "no cluster 99. Clusters: 0 to 4;"),
        (lambda m: merge(m, [0, -1]), "noise cannot be edited"),
        (lambda m: merge(m, [0, "pears"]), "named 'pears'"),
        (lambda m: split(m, True), "no cluster True"),
        (lambda m: split(m, 0, 1), "2 to"),
        (lambda m: split(m, 0, [1, 2]), "as many labels"),
        (lambda m: split(m, 0, KMeans(1)), "does not fall into parts"),
        (lambda m: rename(m, {0: "a", 1: "a"}), "Two clusters"),
        (lambda m: split(m, 0, 2, names=["a", "a"]), "Two clusters"),
    ],
)
def test_bad_edits_are_named_and_change_nothing(edit, message):
    model = fitted(blobs())
    before = model.labels_.copy()

    with pytest.raises(ValueError, match=message):
        edit(model)

    np.testing.assert_array_equal(model.labels_, before)
    assert not hasattr(model, "edits_")


def test_only_our_dbscan_can_be_edited():
    with pytest.raises(TypeError, match="KMeans"):
        merge(KMeans(2), [0, 1])


def test_rename_takes_lists_and_functions():
    model = DBSCAN(eps=0.2, min_samples=2).fit([[0.0], [0.1], [5.0], [5.1]])

    assert rename(model, ["low", "high"]) == {0: "low", 1: "high"}
    assert rename(model, lambda name: f"{name}!") == {0: "low!", 1: "high!"}
    with pytest.raises(ValueError, match=r"each of the 2 clusters.*'x'"):
        rename(model, ["x"])
    with pytest.raises(ValueError, match="each of the 2 clusters"):
        rename(model, "xy")


def layered():
    """Seven points in four clusters, two by two."""
    X = [[0.0], [0.1], [1.0], [1.1], [9.0], [9.1], [10.2], [10.3], [10.3]]
    model = DBSCAN(eps=0.2, min_samples=2).fit(np.array(X))
    assert [len(np.unique(layer)) for layer in model.layers_.T] == [2, 4]
    return model


def test_clusters_are_renamed_at_another_layer():
    model = layered()

    assert rename(model, ["high", "low"], layer="broad") == {0: "high", 1: "low"}

    assert not hasattr(model, "cluster_names_")
    assert model.layer_names_ == [{0: "high", 1: "low"}, {}]
    rename(model, {"low": "near zero"}, layer=0)
    assert model.layer_names_[0][1] == "near zero"
    assert rename(model, {0: "top"}) == {0: "top"} == model.layer_names_[1]
    with pytest.raises(ValueError, match=r"0 to 1\. Received: 2"):
        rename(model, {0: "x"}, layer=2)


def test_a_topic_of_two_layers_has_one_name():
    model = layered()
    model.layer_names_ = [{0: "a", 1: "b"}, {0: "a", 1: "c"}]
    model.cluster_names_ = {0: "a", 1: "c"}

    rename(model, {"a": "new"})

    assert model.layer_names_ == [{0: "new", 1: "b"}, {0: "new", 1: "c"}]


def test_a_merge_of_broad_clusters_leaves_the_fine_ones():
    model = layered()
    rename(model, ["a", "b", "c", "d"])
    before = model.labels_.copy()

    assert merge(model, [0, 1], layer="broad", name="all") == 0

    assert np.array_equal(model.labels_, before)
    assert [len(np.unique(layer)) for layer in model.layers_.T] == [1, 4]
    assert model.layer_names_[0] == {0: "all"}
    assert model.cluster_names_ == {0: "a", 1: "b", 2: "c", 3: "d"}
    assert "(layer broad)" in model.edits_[-1]


def test_a_merge_of_fine_clusters_merges_their_parents():
    model = layered()
    low, high = model.labels_[0], model.labels_[5]

    merge(model, [low, high])

    assert [len(np.unique(layer)) for layer in model.layers_.T] == [1, 3]
    assert np.array_equal(model.predict_layers(model._X), model.layers_)


def test_a_split_of_a_broad_cluster_cuts_its_parts():
    model = layered()
    rename(model, ["high", "low"], layer=0)
    members = np.flatnonzero(model.layers_[:, 0] == 0)

    parts = split(model, "high", into=[0, 0, 1, 1, 1], layer=0)

    assert len(members) == 5
    assert parts == [1, 2]
    assert model.layer_names_[0] == {0: "low"}
    assert [len(np.unique(layer)) for layer in model.layers_.T] == [3, 4]


# --- parts of one cluster -------------------------------------------------------------


def cluster_of_two_topics():
    """Forty rows of one cluster, in which two topics of words alternate."""
    rng = np.random.default_rng(0)
    X = np.concatenate((rng.normal(size=(40, 2)), rng.normal(9, 0.1, (10, 2))))
    topics = ["fee charge bank card", "parcel courier late lost"]
    texts = [f"{topics[i % 2]} word{i % 7}" for i in range(40)] + ["other"] * 10
    return DBSCAN(eps=2, min_samples=2).fit(X), X, texts


def test_words_of_the_cluster_alone_tell_its_parts():
    model, _, texts = cluster_of_two_topics()
    model.predict([[0.0, 0.0]])
    cluster = int(model.labels_[0])

    with pytest.warns(ClusteringWarning, match="lie among each other: predict"):
        parts = split(model, cluster, into=2, texts=texts, names=["money", "post"])

    labels = model.labels_[:40]
    assert len({*labels[::2]}) == len({*labels[1::2]}) == 1
    assert {*labels} == {*parts}
    with pytest.raises(ValueError, match="inconsistent"):
        split(model, parts[0], texts=texts[1:])


def test_word_features_have_fewer_dimensions_than_texts_and_words():
    assert word_features(["a b c d e"] * 2).shape == (2, 1)
    assert word_features(["a b c"] * 9).shape == (9, 2)
    one_word = word_features(["a", "b a", "c"])  # all that two texts share
    np.testing.assert_array_equal(one_word, [[1], [1], [0]])


def test_parts_that_are_none_warn():
    model, X, _ = cluster_of_two_topics()
    with pytest.warns(ClusteringWarning, match="no further apart than parts of one"):
        split(model, int(model.predict(X[:1])[0]), into=2)


def test_of_fewer_than_twenty_rows_parts_are_taken_for_apart():
    rows = np.random.default_rng(0).normal(size=(20, 2))
    assert not are_apart(rows, rows[:, 0] > 0)
    assert are_apart(rows[:19], rows[:19, 0] > 0)


def test_parts_are_compared_on_a_sample(monkeypatch):
    sizes = []
    monkeypatch.setattr(_parts, "_MAX_ROWS", 50)
    monkeypatch.setattr(
        "sklearn.metrics.silhouette_score",
        lambda rows, _: sizes.append(len(rows)) or 0.0,
    )
    rows = np.random.default_rng(0).normal(size=(90, 2))
    are_apart(rows, rows[:, 0] > 0)
    assert set(sizes) == {50}


def test_parts_that_are_apart_do_not_warn():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(x, 0.2, (20, 2)) for x in (0, 2, 9)])
    model = DBSCAN(eps=2.5, min_samples=2).fit(X)
    assert model.n_clusters_ == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(split(model, 0, into=2)) == 2


def test_only_clusters_with_the_same_core_points_are_unchanged():
    before, after = np.array([0, 0, 1, 2, 3, 3]), np.array([5, 5, 6, 6, 7, 8])
    assert _unchanged(before, after) == [(0, 5)]
