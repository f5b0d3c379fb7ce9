import pytest
from pictures import many_clusters

from deepclust import DBSCAN
from deepclust.plotting import plot_noise

PATH = {"eps": [0.4, 0.1, 0.2], "coverage": [1.0, 0.2, 0.7]}


def test_noise_is_what_is_not_covered():
    ax = plot_noise(PATH, eps=0.15)

    assert ax.lines[0].get_ydata() == pytest.approx([0.8, 0.3, 0.0])
    assert ax.get_title() == "At eps 0.15, 55% of the texts are noise"


def test_the_noise_of_a_fitted_clusterer():
    X, _ = many_clusters(n_clusters=5)
    clusterer = DBSCAN(metric="cosine").fit(X)

    radius = plot_noise(clusterer).lines[-1].get_xdata()[0]

    assert radius == pytest.approx(clusterer.eps_)
