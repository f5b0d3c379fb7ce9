"""Names of metrics, as a constraint of a parameter.

Kept from `_metric_space.py`, which workers import without scikit-learn.
"""

from typing import Any

from sklearn.utils._param_validation import StrOptions

from deepclust.clustering._metric_space import OWN_METRICS

__all__ = ["MetricNames"]


class MetricNames(StrOptions):
    """Constraint of a parameter: the name of a metric that scikit-learn searches by.

    Its list is read only for a metric that is not implemented here, and for messages:
    sklearn.neighbors takes .2 s to import, which `load` saves.

    Examples
    --------
    >>> from deepclust.clustering._metric_names import MetricNames
    >>> [MetricNames().is_satisfied_by(m) for m in ("cosine", "hamming", "pyfunc", 2)]
    [True, True, False, False]
    """

    def __init__(self) -> None:
        super().__init__(options={*OWN_METRICS})

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is such a name."""
        return super().is_satisfied_by(val) or self._all().is_satisfied_by(val)

    def __str__(self) -> str:
        return str(self._all())

    @staticmethod
    def _all() -> StrOptions:
        from sklearn.neighbors import VALID_METRICS

        return StrOptions(set().union(*VALID_METRICS.values()) - {"pyfunc"})
