"""Scores of a clustering, from any clusterer, on plain arrays.

`_supervised.py` scores labels against true classes, `_unsupervised.py` without them,
`_compare.py` compares two clusterings, `_stable_ids.py` carries ids and names from one
to the next; the callables that end in `_scorer` fit `GridSearchCV(scoring=...)`. Other
rooms use `_matching.py` (Hungarian method), `_pairwise.py`, `_known_labels.py` (which
texts have a label) and `_noise_aware_silhouette.py`. Open `_unsupervised.py` first.
"""

from typing import TYPE_CHECKING

from deepclust._optional import on_first_use

if TYPE_CHECKING:  # what editors and type checkers read
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

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "Comparison": "_compare",
        "compare_clusterings": "_compare",
        "Alignment": "_stable_ids",
        "align_clusterings": "_stable_ids",
        "clustering_accuracy_score": "_supervised",
        "clustering_accuracy_scorer": "_supervised",
        "matched_confusion_table": "_supervised",
        "matched_f1_scorer": "_supervised",
        "matched_precision_recall_f1": "_supervised",
        "coverage_score": "_unsupervised",
        "coverage_scorer": "_unsupervised",
        "dbcv_score": "_unsupervised",
        "noise_aware_silhouette_score": "_unsupervised",
        "noise_aware_silhouette_scorer": "_unsupervised",
    },
)
