import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from deepclust import DBSCAN
from deepclust.clustering import align, merge, rename, split
from deepclust.clustering._align import _mostly_in


def rows(*places):
    """Twenty points around each place."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal((place, 0.0), 0.1, (20, 2)) for place in places])


def fitted(X, eps=0.5):
    return DBSCAN(eps=eps, min_samples=3).fit(X)


def test_names_and_ids_follow_the_texts_and_not_the_numbers():
    old, X = fitted(rows(0, 3, 6)), rows(6, 6, 3, 9)
    rename(old, ["zero", "three", "six"])
    new = fitted(X)

    alignment = align(old, new, X)

    assert new.cluster_names_ == {0: "six", 1: "three"}
    assert new.cluster_ids_.tolist() == [2, 1, 3]
    assert alignment["change"].tolist() == ["kept", "kept", "born", "died"]
    assert not hasattr(old, "cluster_ids_")


def test_edits_are_made_again():
    X = rows(0, 3, 6, 6.8)
    old = fitted(X, eps=1.0)
    assert old.n_clusters_ == 3
    merge(old, [old.predict([[0.0, 0]])[0], old.predict([[3.0, 0]])[0]], name="low")
    split(old, int(old.predict([[6.0, 0]])[0]), into=2, names=["left", "right"])
    pipeline = make_pipeline(FunctionTransformer(), DBSCAN(eps=1.0, min_samples=3))
    new = pipeline.fit(np.concatenate((X, rows(9))))

    alignment = align(old, new, X)

    names = [new[-1].cluster_names_[c] for c in new.predict([[0, 0], [3, 0], [6.8, 0]])]
    assert names[:2] == ["low", "low"]
    assert {names[2], new[-1].cluster_names_[new.predict([[6.0, 0]])[0]]} == {
        "left",
        "right",
    }
    assert [edit.split()[0] for edit in new[-1].edits_] == ["merge", "split"]
    assert set(alignment["change"]) == {"kept", "born"}


def test_noise_is_in_no_cluster_that_holds_most():
    labels = np.array([-1, 0, 0, 1, 1, 1])
    assert _mostly_in([2], labels, np.array([2, 2, 2, 2, 3, 3])) == [0]
    assert _mostly_in([2], labels, np.array([2, 2, 3, 3, 3, 3])) == []  # a half


def test_partial_fit_keeps_ids_and_names():
    X = rows(0, 3)
    model = fitted(X)
    rename(model, ["zero", "three"])

    model.partial_fit(rows(3, 6))

    assert model.cluster_names_ == {0: "three", 1: "zero"}
    assert model.cluster_ids_.tolist() == [1, 0, 2]
    merge(model, [1, 2])
    assert model.cluster_ids_.tolist() == [3, 1]  # by half each: a new one
    model.fit(X)
    assert not hasattr(model, "cluster_ids_")


def test_two_arrays_and_what_is_missing():
    assert align([0, 0, 1], [1, 1, 0]).ids.tolist() == [1, 0]
    with pytest.raises(ValueError, match="needs texts="):
        align(fitted(rows(0, 3)), fitted(rows(0, 3)))
