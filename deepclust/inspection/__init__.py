"""What the clusters are about: keywords, names, typical texts, table, tree.

Works on `(texts, labels)` from any clusterer. Keywords are counted on tokens separated
by white space: give the output of `TextCleaner`, where stop words are out and `c#` is
whole, and the texts themselves as `originals`, so that `c#` is shown as `C#`.
Open `_cluster_table.py` first.
"""

from deepclust.inspection._attributions import Explanation, explain
from deepclust.inspection._cluster_table import ClusterTable, cluster_table
from deepclust.inspection._cluster_tree import ClusterTree, cluster_tree
from deepclust.inspection._keywords import cluster_keywords, cluster_names
from deepclust.inspection._representatives import borderline_texts, representative_texts

__all__ = [
    "ClusterTable",
    "ClusterTree",
    "Explanation",
    "borderline_texts",
    "cluster_keywords",
    "cluster_names",
    "cluster_table",
    "cluster_tree",
    "explain",
    "representative_texts",
]
