"""Describe clusters: keywords, names, representative texts, table, tree, attributions.

All functions take `(texts, labels)` of any clusterer, except `drift`, `explain` and
`prediction_table`, which take a fitted pipeline. Terms are counted on tokens separated
by white space: pass the output of `TextCleaner`. Public: the names below. Open
`_cluster_table.py` first.
"""

from deepclust.inspection._attributions import Explanation, explain
from deepclust.inspection._cluster_table import ClusterTable, cluster_table
from deepclust.inspection._cluster_tree import ClusterTree, cluster_tree
from deepclust.inspection._drift import Drift, drift
from deepclust.inspection._duplicates import duplicate_groups, repeated_sentences
from deepclust.inspection._find_topics import find_topics
from deepclust.inspection._keywords import cluster_keywords, cluster_names
from deepclust.inspection._layer_names import layer_names
from deepclust.inspection._namer import Namer
from deepclust.inspection._prediction_table import prediction_table
from deepclust.inspection._prompts import export_prompts, naming_prompt
from deepclust.inspection._representatives import borderline_texts, representative_texts

__all__ = [
    "ClusterTable",
    "ClusterTree",
    "Drift",
    "Explanation",
    "Namer",
    "borderline_texts",
    "cluster_keywords",
    "cluster_names",
    "cluster_table",
    "cluster_tree",
    "drift",
    "duplicate_groups",
    "explain",
    "export_prompts",
    "find_topics",
    "layer_names",
    "naming_prompt",
    "prediction_table",
    "repeated_sentences",
    "representative_texts",
]
