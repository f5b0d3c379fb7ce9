"""Scores of a clustering, from any clusterer, on plain arrays.

`_supervised.py` scores labels against true classes, `_unsupervised.py` without them,
`_compare.py` compares two clusterings, `_stable_ids.py` carries ids and names from one
to the next; the callables that end in `_scorer` fit `GridSearchCV(scoring=...)`. Other
rooms use `_matching.py` (Hungarian method), `_pairwise.py`, `_known_labels.py` (which
texts have a label) and `_noise_aware_silhouette.py`. Open `_unsupervised.py` first.
"""

from deepclust.metrics._compare import Comparison, compare_clusterings
from deepclust.metrics._stable_ids import Alignment, align_clusterings
from deepclust.metrics._supervised import (
    clustering_accuracy_score,
    clustering_accuracy_scorer,
    matched_confusion_table,
    matched_f1_scorer,
    matched_precision_recall_f1,
)
from deepclust.metrics._unsupervised import (
    coverage_score,
    coverage_scorer,
    dbcv_score,
    noise_aware_silhouette_score,
    noise_aware_silhouette_scorer,
)

__all__ = [
    "Alignment",
    "Comparison",
    "align_clusterings",
    "clustering_accuracy_score",
    "clustering_accuracy_scorer",
    "compare_clusterings",
    "coverage_score",
    "coverage_scorer",
    "dbcv_score",
    "matched_confusion_table",
    "matched_f1_scorer",
    "matched_precision_recall_f1",
    "noise_aware_silhouette_score",
    "noise_aware_silhouette_scorer",
]
