"""Pseudo-labels: partitions that the encoder learns where there are no labels.

LSA features, mixtures fitted by annealed EM, the number of components and consensus.
Public: `make_pseudo_labels`, `PseudoLabels`, `co_association`, `seed_word_labels`;
numpy, scipy and scikit-learn only. Open `_pseudo_labels.py` first, then
`_model_selection.py`.
"""

from deepclust.pseudo_labels._consensus import co_association
from deepclust.pseudo_labels._pseudo_labels import PseudoLabels, make_pseudo_labels
from deepclust.pseudo_labels._seed_words import seed_word_labels

__all__ = [
    "PseudoLabels",
    "co_association",
    "make_pseudo_labels",
    "seed_word_labels",
]
