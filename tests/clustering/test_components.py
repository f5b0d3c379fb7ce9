"""Components of core points: those of scipy."""

import numpy as np
import pytest
from rows import all_pairs, cell_index, points
from scipy.sparse.csgraph import connected_components

from deepclust.clustering._components import Forest, _join, connect, renumbered
from deepclust.clustering._neighbors import count_within


@pytest.mark.parametrize("with_links", [False, True])
@pytest.mark.parametrize("share", [0.002, 0.01, 0.1])
def test_components_equal_scipy(share, with_links):
    X = points(1500, 6)
    squared = all_pairs(X, X)
    radius = float(np.sqrt(np.quantile(squared, share)))
    index = cell_index(X, radius=radius)
    enough = 12 if with_links else np.inf
    links = count_within(index, radius, np.ones(len(X)), enough).links
    assert with_links or not len(links[0])
    component = np.empty(len(X), dtype=int)
    component[index.order] = connect(index, radius, links)
    n_parts, expected = connected_components(squared <= radius**2, directed=False)
    pairs = set(zip(component, expected, strict=True))
    assert len(pairs) == n_parts == len(set(component))


@pytest.mark.parametrize("place", [0, 70, 130, 199])
def test_components_meet_in_any_block_of_rows(place, monkeypatch):
    monkeypatch.setattr("deepclust.clustering._components._JOIN_ENTRIES", 1)
    X = np.zeros((201, 1))
    X[[place, 200]] = [[1.0], [2.0]]  # the only pair between the components
    index = cell_index(X, radius=1.0)
    assert index.n_cells == 1
    component = np.repeat([0, 1], [200, 1])
    forest = Forest(2)
    _join(index, np.arange(200), 0, 1.0, component, forest)
    assert forest.roots(component).tolist() == [0] * 201


def test_the_first_row_with_a_weight_decides_between_equal_clusters():
    labels = np.array([5, 2, 5])
    assert renumbered(labels, np.array([0.0, 1.0, 1.0])).tolist() == [1, 0, 1]
    assert renumbered(labels, np.array([-1.0, 1.0, 2.0])).tolist() == [0, 1, 0]
