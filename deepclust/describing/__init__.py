"""What the clusters are about: keywords, names, typical texts, a table.

Works on `(texts, labels)` from any clusterer. Keywords are counted on tokens separated
by white space: give the output of `TextCleaner`, where stop words are out and `c#` is
whole, and the texts themselves as `originals`, so that `c#` is shown as `C#`.
"""

from deepclust.describing.keywords import cluster_keywords, cluster_names
from deepclust.describing.quotes import borderline_texts, representative_texts
from deepclust.describing.table import ClusterTable, cluster_table

__all__ = [
    "ClusterTable",
    "borderline_texts",
    "cluster_keywords",
    "cluster_names",
    "cluster_table",
    "representative_texts",
]
