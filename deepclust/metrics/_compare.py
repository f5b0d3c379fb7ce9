"""Compare two clusterings of the same documents, of any clusterers."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from deepclust.sequences import NOISE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare_clusterings"]

MAJORITY = 0.5  # clusters are "the same" if more than this share of both is shared
_MAX_ROWS = 200


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The counterpart of each cluster in another clustering; see `compare_clusterings`.

    Parameters
    ----------
    frame : DataFrame
        One row a cluster of the first clustering, noise last.

    ami, ari : float
        Adjusted mutual information and adjusted Rand index of the two, with noise as
        one cluster: 1 for equal clusterings, about 0 by chance.

    moved : float
        Share of the documents that are not in the counterpart of their cluster.

    Examples
    --------
    >>> from deepclust.metrics import compare_clusterings
    >>> comparison = compare_clusterings([0, 0, 1, 1], [0, 0, 0, 0])
    >>> comparison.frame["change"].tolist()
    ['merged', 'merged']
    """

    frame: "pd.DataFrame"
    ami: float
    ari: float
    moved: float

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]

    def __repr__(self) -> str:
        return f"{self._summary()}\n{self.frame.to_string(index=False)}"

    def _summary(self) -> str:
        return (
            f"AMI {self.ami:.3f}, ARI {self.ari:.3f}; {self.moved:.0%} of the texts "
            "left their cluster's counterpart"
        )

    def _repr_html_(self) -> str:
        shown = self.frame.head(_MAX_ROWS).to_html(
            index=False, border=0, justify="left", float_format="{:.2f}".format
        )
        rest = len(self.frame) - _MAX_ROWS
        more = f"<p>{rest} more in <code>frame</code></p>" if rest > 0 else ""
        return f"<p>{html.escape(self._summary())}</p>{shown}{more}"


def compare_clusterings(
    before: Any,
    after: Any,
    *,
    names_before: Mapping[Any, str] | None = None,
    names_after: Mapping[Any, str] | None = None,
) -> Comparison:
    """Match every cluster to its counterpart in another clustering.

    Parameters
    ----------
    before, after : array-like of shape (n_docs,)
        Two labels of each text, −1 for noise.

    names_before, names_after : mapping of label to str, default=None
        Names of the clusters; their numbers when None.

    Returns
    -------
    comparison : Comparison
        Columns "cluster" and "size" of the first clustering; "counterpart", the cluster
        of the second one with most of its documents, "counterpart_size"; "shared", the
        number of documents in both; "kept", their share of the cluster; "jaccard",
        their share of the union; and "change".

    Raises
    ------
    ValueError
        If the lengths differ.

    Notes
    -----
    The change is "same" if more than half of the cluster and of its counterpart are
    shared, "split" if nothing holds more than half of the cluster, "merged" if the
    cluster makes no more than half of its counterpart, and "noise" if more than half of
    it is noise now. Noise itself is "same" or "clustered". Equal counts fall to the
    lower label.

    References
    ----------
    .. [1] L. Hubert, P. Arabie, "Comparing partitions", Journal of Classification 2,
       1985. https://doi.org/10.1007/BF01908075

    Examples
    --------
    >>> from deepclust.metrics import compare_clusterings
    >>> before = [0, 0, 0, 0, 1, 1, 2, 2]
    >>> after = [0, 0, 1, 2, 3, 3, 3, 3]
    >>> columns = ["cluster", "counterpart", "shared", "kept", "change"]
    >>> frame = compare_clusterings(before, after).frame
    >>> print(frame[columns].to_string(index=False))
     cluster  counterpart  shared  kept change
           0            0       2   0.5  split
           1            3       2   1.0 merged
           2            3       2   1.0 merged
    """
    import pandas as pd
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
    from sklearn.metrics.cluster import contingency_matrix

    before, after = column_or_1d(before), column_or_1d(after)
    check_consistent_length(before, after)
    rows, old = _noise_last(before)
    columns, new = _noise_last(after)
    table = contingency_matrix(before, after)[np.ix_(rows, columns)]
    best = table.argmax(axis=1) if len(before) else rows
    sizes, new_sizes = table.sum(axis=1), table.sum(axis=0)[best]
    shared = table[np.arange(len(old)), best]
    counterparts = [new[column] for column in best]
    kept, of_new = shared / sizes, shared / new_sizes
    frame = pd.DataFrame(
        {
            "cluster": [_name_of(label, names_before) for label in old],
            "size": sizes,
            "counterpart": [_name_of(label, names_after) for label in counterparts],
            "counterpart_size": new_sizes,
            "shared": shared,
            "kept": kept,
            "jaccard": shared / (sizes + new_sizes - shared),
            "change": list(map(_change, old, counterparts, kept, of_new)),
        }
    )
    return Comparison(
        frame,
        ami=float(adjusted_mutual_info_score(before, after)),
        ari=float(adjusted_rand_score(before, after)),
        moved=float((len(before) - shared.sum()) / max(len(before), 1)),
    )


def _noise_last(labels: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    """Return an order of the sorted distinct labels, and these labels in this order."""
    values = np.unique(labels).tolist()
    order = np.argsort([value == NOISE for value in values], kind="stable")
    return order, [values[place] for place in order]


def _change(old: Any, new: Any, of_old: float, of_new: float) -> str:
    if old == NOISE:
        return "same" if new == NOISE else "clustered"
    if of_old <= MAJORITY:
        return "split"
    if new == NOISE:
        return "noise"
    return "merged" if of_new <= MAJORITY else "same"


def _name_of(label: Any, names: Mapping[Any, str] | None) -> Any:
    return label if names is None else names.get(label, str(label))
