import warnings

import pytest

from deepclust.exceptions import TextWarning
from deepclust.plotting import plot_cluster_sizes


@pytest.mark.parametrize("name", ["plain", "Käse, œuf, señor", "кошка", "μ → ∞"])
def test_names_that_the_default_font_has(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_cluster_sizes([0, 0, 1], names=[name, "b"])


@pytest.mark.parametrize("name", ["猫と犬", "बिल्ली"])
def test_names_of_boxes_are_told(name):
    with pytest.warns(TextWarning, match=f"has the characters '{name[0]}"):
        plot_cluster_sizes([0, 0, 1], names=[name, "b"])
