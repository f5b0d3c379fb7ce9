import numpy as np
import pytest
from pictures import many_clusters

from deepclust.clustering._mutual_reachability import reachability_trees
from deepclust.clustering._unique_rows import Points
from deepclust.plotting import plot_dendrogram


def tree_of(X, min_samples):
    return reachability_trees(Points(X, np.ones(len(X))), [min_samples])[0]


def test_dendrogram_has_a_leaf_for_each_dense_region():
    X, labels = many_clusters(n_clusters=80)
    tree = tree_of(X, min_samples=5)
    names = {c: f"cluster {c}" for c in range(80)}

    ax = plot_dendrogram(tree, eps=1.0, labels=labels, names=names)

    written = [t.get_text() for t in ax.get_xticklabels()]
    assert sorted(written) == sorted(names.values())
    assert ax.get_title() == "80 dense regions in 80 clusters at eps 1"
    assert tree.n_clusters(1.0) == 80


def test_dendrogram_counts_the_clusters_of_the_cut():
    X, _ = many_clusters(n_clusters=9)
    tree = tree_of(X, min_samples=5)

    for eps in np.quantile(tree.heights, [0.5, 0.99, 1.0]):
        title = plot_dendrogram(tree, eps=eps).get_title()
        n_clusters = int(tree.n_clusters(eps))
        assert f" in {n_clusters} cluster{'s'[: n_clusters != 1]} at" in title


def test_every_cluster_has_a_leaf_however_small():
    X = np.concatenate((np.arange(300) / 10, [100.0, 100.05, 200.0, 200.05]))[:, None]
    tree = tree_of(X, min_samples=2)

    title = plot_dendrogram(tree, eps=0.15).get_title()
    crowded = plot_dendrogram(tree, eps=0.15, max_leaves=2).get_title()

    assert title == "3 dense regions in 3 clusters at eps 0.15"
    assert crowded.endswith("in 1 of 3 clusters at eps 0.15")


def test_dendrogram_keeps_to_its_number_of_leaves():
    X, _ = many_clusters(n_clusters=80)
    tree = tree_of(X, min_samples=5)

    sizes = np.repeat(np.arange(80), np.arange(1, 81))
    rng = np.random.default_rng(0)
    unequal = 100.0 * sizes + rng.uniform(size=len(sizes))

    ax = plot_dendrogram(tree, max_leaves=10)
    largest = plot_dendrogram(
        tree_of(unequal[:, None], min_samples=1),
        eps=1.0,
        labels=sizes,
        max_leaves=10,
    )

    assert 1 <= len(ax.get_xticklabels()) <= 10
    named = {int(t.get_text()) for t in largest.get_xticklabels()}
    assert named == set(range(70, 80))
    assert "in 10 of 80 clusters at" in largest.get_title()
    with pytest.raises(ValueError, match="1 labels and 1650 points"):
        plot_dendrogram(tree, labels=[0])


def test_dendrogram_of_very_little():
    tree = tree_of(np.arange(3.0)[:, None], min_samples=2)
    title = "1 dense region in 1 cluster at eps 1"
    assert plot_dendrogram(tree, eps=1.0).get_title() == title

    tree = tree_of(np.zeros((1, 2)), min_samples=2)
    assert plot_dendrogram(tree).get_title() == "0 dense regions"
