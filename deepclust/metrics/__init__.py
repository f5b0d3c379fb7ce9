"""Scores of a clustering: against labels, without labels, and beside another one.

Works on plain arrays, from any clusterer. Public: the `*_score` functions, the scorers
for `GridSearchCV`, and `compare`. Open `_scores.py` first.
"""

from deepclust.metrics._compare import Comparison, compare
from deepclust.metrics._scores import (
    agreement_scorer,
    clustering_accuracy_score,
    clustering_accuracy_scorer,
    coverage_score,
    coverage_scorer,
    dbcv_score,
    density_validity_score,
    density_validity_scorer,
    matched_confusion_table,
    matched_f1_scorer,
    matched_precision_recall_f1,
)

__all__ = [
    "Comparison",
    "agreement_scorer",
    "clustering_accuracy_score",
    "clustering_accuracy_scorer",
    "compare",
    "coverage_score",
    "coverage_scorer",
    "dbcv_score",
    "density_validity_score",
    "density_validity_scorer",
    "matched_confusion_table",
    "matched_f1_scorer",
    "matched_precision_recall_f1",
]
