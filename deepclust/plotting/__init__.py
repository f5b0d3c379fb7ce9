"""Pictures of texts, clusters, eps and training with matplotlib, one a file.

Each function draws on `ax`, or on a new figure, and returns the Axes; none shows it.
The colors are safe for color-blind people; noise is light gray.
Public: the names below. Open `_map.py` first; `_axes.py` holds what pictures share.
"""

from deepclust.plotting._class_table import plot_class_table
from deepclust.plotting._cluster_sizes import plot_cluster_sizes
from deepclust.plotting._dendrogram import plot_dendrogram
from deepclust.plotting._drift import plot_drift
from deepclust.plotting._eps_path import plot_eps_path
from deepclust.plotting._layers import plot_layers
from deepclust.plotting._map import plot_map, project
from deepclust.plotting._model_selection import plot_model_selection
from deepclust.plotting._noise import plot_noise
from deepclust.plotting._similarity import plot_similarity
from deepclust.plotting._text_lengths import plot_lengths
from deepclust.plotting._topics_over_time import plot_topics_over_time
from deepclust.plotting._training_curve import plot_training
from deepclust.plotting._word_frequencies import plot_word_frequencies

__all__ = [
    "plot_class_table",
    "plot_cluster_sizes",
    "plot_dendrogram",
    "plot_drift",
    "plot_eps_path",
    "plot_layers",
    "plot_lengths",
    "plot_map",
    "plot_model_selection",
    "plot_noise",
    "plot_similarity",
    "plot_topics_over_time",
    "plot_training",
    "plot_word_frequencies",
    "project",
]
