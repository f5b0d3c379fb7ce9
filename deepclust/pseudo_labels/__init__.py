"""What the encoder learns from where there are no labels; numpy and scipy only.

Features, mixture models, the number of components, and the partitions to learn.
Public to the encoder alone: `make_pseudo_labels` and `PseudoLabels`. Open `_pseudo_labels.py` first, then
`_model_selection.py` and `_mixture.py`.
"""

from deepclust.pseudo_labels._pseudo_labels import PseudoLabels, make_pseudo_labels

__all__ = ["PseudoLabels", "make_pseudo_labels"]
