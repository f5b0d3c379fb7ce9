import pytest
from pictures import many_clusters

from deepclust import DBSCAN
from deepclust.plotting import plot_eps_path

PATH = {
    "eps": [0.4, 0.1, 0.2],
    "n_clusters": [1, 3, 4],
    "coverage": [1.0, 0.2, 0.7],
    "silhouette": [0.0, 0.1, 0.6],
}


def test_eps_path_is_drawn_in_order():
    ax = plot_eps_path(PATH, eps=0.2)

    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert drawn["coverage"] == [0.2, 0.7, 1.0]
    assert drawn["silhouette"] == [0.1, 0.6, 0.0]
    right = next(axes for axes in ax.figure.axes if axes is not ax)
    assert list(right.lines[0].get_ydata()) == [3, 4, 1]
    with pytest.raises(ValueError, match="no column 'silhouette'"):
        plot_eps_path({"eps": [1], "n_clusters": [1], "coverage": [1]})


def test_the_path_of_a_fitted_clusterer():
    X, _ = many_clusters(n_clusters=5)
    clusterer = DBSCAN(metric="cosine").fit(X)

    radius = plot_eps_path(clusterer).lines[-1].get_xdata()[0]

    assert radius == pytest.approx(clusterer.eps_)
    with pytest.raises(ValueError, match='eps="auto"'):
        plot_eps_path(DBSCAN(eps=0.5).fit(X))
