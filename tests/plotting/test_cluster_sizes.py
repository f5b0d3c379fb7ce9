from deepclust.plotting import plot_cluster_sizes


def test_cluster_sizes_rank_clusters_and_sum_up_the_rest():
    labels = [0] * 3 + [1] * 5 + [2] + [3] + [-1] * 2

    ax = plot_cluster_sizes(labels, names={0: "trees"}, max_clusters=2)

    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "1",
        "trees",
        "2 smaller clusters",
        "noise",
    ]
    assert [bar.get_width() for bar in ax.patches] == [5, 3, 2, 2]
