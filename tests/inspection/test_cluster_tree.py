import numpy as np
import pytest

from deepclust import DBSCAN
from deepclust.clustering import merge
from deepclust.inspection import cluster_tree


def nested():
    """Return rows in six clusters, which form three pairs, and noise."""
    centers = np.array([[0, 0], [0, 2], [20, 0], [20, 3], [50, 50], [50, 54]])
    labels = np.repeat(np.arange(6), [9, 8, 7, 6, 5, 4])
    X = centers[labels] + 0.1 * np.random.default_rng(0).normal(size=(len(labels), 2))
    return np.vstack((X, [[900.0, 900.0]])), np.append(labels, -1)


def test_groups_from_fine_to_broad():
    tree = cluster_tree(*nested())

    assert tree.groups(6) == [[0], [1], [2], [3], [4], [5]]
    assert tree.groups(3) == [[0, 1], [2, 3], [4, 5]]
    assert tree.groups(2) == [[0, 1, 2, 3], [4, 5]]
    assert tree.groups(1) == [[0, 1, 2, 3, 4, 5]]
    with pytest.raises(ValueError, match="1 to 6"):
        tree.groups(7)


def test_nearest_pairs_come_in_order():
    pairs = cluster_tree(*nested()).nearest(2)

    assert [pair[:2] for pair in pairs] == [(0, 1), (2, 3)]
    assert pairs[0][2] == pytest.approx(2.0, abs=0.2)


def test_text_and_html_show_every_cluster_once():
    X, labels = nested()
    names = {cluster: f"<b>{cluster}" for cluster in range(6)}

    tree = cluster_tree(X, labels, names=names)

    leaves = [line for line in repr(tree).splitlines() if ": " in line]
    assert len(leaves) == 6
    markup = tree._repr_html_()
    assert "<b>" not in markup
    assert markup.count("<details") == markup.count("</details>") == 5
    assert markup.count("<div") == markup.count("</div>") == 7
    assert markup.index("&lt;b&gt;0") < markup.index("&lt;b&gt;5")


def test_a_group_can_be_merged():
    X = nested()[0]
    model = DBSCAN(eps=0.6, min_samples=3).fit(X)
    tree = cluster_tree(X, model.labels_)

    merge(model, tree.groups(3)[0])

    assert model.n_clusters_ == 5


def test_a_chain_of_many_clusters_is_no_problem():
    n = 3_000
    tree = cluster_tree(1.5 ** np.linspace(0, 200, n)[:, None], np.arange(n))

    assert len(repr(tree).splitlines()) == 2 * n - 1
    assert tree._repr_html_().count("<div") == n + 1


@pytest.mark.parametrize("labels", [[-1, -1], [0, -1]])
def test_one_cluster_or_none(labels):
    tree = cluster_tree([[0.0], [1.0]], labels)

    assert len(tree) == labels.count(0)
    assert len(repr(tree).splitlines()) == labels.count(0)
    assert tree._repr_html_().startswith("<div")


def test_a_model_in_place_of_labels_brings_its_names(fitted_clusterer, corpus):
    X = fitted_clusterer[:-1].transform(corpus.texts)

    tree = cluster_tree(X, fitted_clusterer)

    names = fitted_clusterer[-1].cluster_names_
    assert tree.names == names
    assert repr(tree) == repr(cluster_tree(X, fitted_clusterer.labels_, names=names))
