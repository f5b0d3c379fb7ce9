"""Components of core points: those of scipy."""

import numpy as np
import pytest
from rows import all_pairs, cell_index, points
from scipy.sparse.csgraph import connected_components

from deepclust.clustering._components import connect
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
