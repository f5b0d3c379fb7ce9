import io
import itertools

import numpy as np
import pytest
from pictures import many_clusters

from deepclust import DBSCAN
from deepclust.plotting import (
    plot_class_table,
    plot_cluster_sizes,
    plot_layers,
    plot_map,
    plot_similarity,
    plot_topics_over_time,
)


@pytest.mark.parametrize("n_clusters", [1, 5, 80])
def test_nothing_that_is_written_overlaps(n_clusters):
    X, labels = many_clusters(n_clusters=n_clusters)
    names = {c: f"keyword{c}, another word of it" for c in range(n_clusters)}
    axes = [
        plot_cluster_sizes(labels, names=names),
        plot_similarity(X, labels, names=names),
        plot_class_table(labels, labels, names=names),
        plot_topics_over_time(labels, np.arange(len(labels)), names=names),
    ]

    for ax in axes:
        figure = ax.figure.get_figure(root=True)
        figure.savefig(io.BytesIO(), format="png")
        boxes = [t.get_window_extent() for t in ax.get_yticklabels() if t.get_text()]
        for one, next_one in itertools.pairwise(sorted(boxes, key=lambda b: b.y0)):
            assert one.y1 <= next_one.y0 + 1
        assert all(box.x0 >= 0 for box in boxes)


@pytest.mark.parametrize(
    ("plot", "arguments", "advice"),
    [
        (plot_map, (DBSCAN(), ["text"]), r"pipeline\[:-1\].transform\(texts\)"),
        (plot_cluster_sizes, (DBSCAN(),), "pipeline.labels_"),
        (plot_layers, (DBSCAN(),), r"pipeline\[-1\].layers_"),
    ],
)
def test_an_estimator_in_place_of_an_array_is_named(plot, arguments, advice):
    with pytest.raises(TypeError, match=f"must be an array, such as {advice}.*DBSCAN"):
        plot(*arguments)
