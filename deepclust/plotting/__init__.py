"""Pictures of texts, training and clusters, by matplotlib.

Each function draws on `ax`, or on a new figure, and returns the Axes; none shows it.
Colours are told apart by colour-blind readers, noise is light grey.
"""

from deepclust.plotting._clusters import (
    plot_class_table,
    plot_cluster_sizes,
    plot_similarity,
)
from deepclust.plotting._dendrogram import plot_dendrogram
from deepclust.plotting._density import plot_eps_path, plot_noise
from deepclust.plotting._map import plot_map, project
from deepclust.plotting._texts import plot_lengths, plot_word_frequencies
from deepclust.plotting._topics_over_time import plot_topics_over_time
from deepclust.plotting._training import plot_agreement, plot_training

__all__ = [
    "plot_agreement",
    "plot_class_table",
    "plot_cluster_sizes",
    "plot_dendrogram",
    "plot_eps_path",
    "plot_lengths",
    "plot_map",
    "plot_noise",
    "plot_similarity",
    "plot_topics_over_time",
    "plot_training",
    "plot_word_frequencies",
    "project",
]
