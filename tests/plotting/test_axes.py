import io
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import many_clusters
from sklearn.exceptions import NotFittedError

from deepclust import DBSCAN
from deepclust.plotting import (
    plot_class_table,
    plot_cluster_sizes,
    plot_dendrogram,
    plot_eps_path,
    plot_layers,
    plot_map,
    plot_model_selection,
    plot_noise,
    plot_similarity,
    plot_topics_over_time,
    plot_training,
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


def test_an_estimator_in_place_of_embeddings_is_named():
    advice = r"array, such as pipeline\[:-1\].transform\(texts\) of.*DBSCAN"
    for plot in (plot_map, plot_similarity):
        with pytest.raises(TypeError, match=advice):
            plot(DBSCAN(), ["text"])
    with pytest.raises(NotFittedError):
        plot_cluster_sizes(DBSCAN())


def words_in(ax):
    """Return all that is written in a picture, at its ticks and in its legend."""
    texts = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
    if ax.get_legend() is not None:
        texts += ax.get_legend().get_texts()
    return " ".join(text.get_text() for text in texts)


def test_a_model_in_place_of_labels_brings_its_names(fitted_clusterer, corpus):
    X = fitted_clusterer[:-1].transform(corpus.texts)
    name = fitted_clusterer[-1].cluster_names_[0][:20]

    for model in (fitted_clusterer, fitted_clusterer[-1]):
        for layer in (None, fitted_clusterer[-1].layer_):
            pictures = [
                plot_map(X, model, layer=layer, projection="pca"),
                plot_similarity(X, model, layer=layer),
                plot_cluster_sizes(model, layer=layer),
                plot_class_table(model, corpus.target, layer=layer),
                plot_topics_over_time(model, corpus.target, layer=layer),
            ]
            assert all(name in words_in(ax) for ax in pictures)
            plt.close("all")
        assert name in words_in(plot_layers(model))
        assert name in words_in(plot_dendrogram(model))
    assert "ours" in words_in(plot_cluster_sizes(model, names={0: "ours"}))


def test_a_pipeline_in_place_of_a_step_or_its_table(fitted_clusterer):
    of_steps = {
        plot_eps_path: fitted_clusterer["cluster"],
        plot_noise: fitted_clusterer["cluster"],
        plot_model_selection: fitted_clusterer["encode"],
        plot_training: fitted_clusterer["encode"].history_,
    }
    for plot, step in of_steps.items():
        for line, same in zip(plot(fitted_clusterer).lines, plot(step).lines, strict=1):
            np.testing.assert_array_equal(line.get_xydata(), same.get_xydata())
        with pytest.raises(ValueError, match=r"missing|no path"):
            plot(DBSCAN())
