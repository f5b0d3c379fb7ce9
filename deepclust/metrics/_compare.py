"""Compare two clusterings of the same texts, whichever clusterers they come from."""

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.utils import check_consistent_length, column_or_1d

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare"]

NOISE = -1
_SAME = 0.5  # share of both clusters that two have in common if they are "the same"
_MOST_ROWS = 200


class Comparison:
    """What became of each cluster; see `compare`.

    Parameters
    ----------
    frame : DataFrame
        One row a cluster of the first clustering, noise last.

    ami, ari : float
        Agreement of the two as a whole, noise as one group: 1 for the same groups,
        about 0 for chance.

    moved : float
        Share of the texts that are not in the counterpart of their cluster.

    Examples
    --------
    >>> from deepclust.metrics import compare
    >>> comparison = compare([0, 0, 1, 1], [0, 0, 0, 0])
    >>> comparison.frame["change"].tolist()
    ['merged', 'merged']
    """

    def __init__(
        self, frame: "pd.DataFrame", *, ami: float, ari: float, moved: float
    ) -> None:
        self.frame = frame
        self.ami = ami
        self.ari = ari
        self.moved = moved

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
        names = list(self.frame.columns)
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in names)
        body = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{_written(row[name])}</td>"
                for name in names
            )
            + "</tr>"
            for row in self.frame.head(_MOST_ROWS).to_dict("records")
        )
        rest = len(self.frame) - _MOST_ROWS
        more = f"<p>{rest} more in <code>frame</code></p>" if rest > 0 else ""
        return (
            f"<p>{html.escape(self._summary())}</p><table><thead><tr>{head}</tr>"
            f"</thead><tbody>{body}</tbody></table>{more}"
        )


def compare(
    before: Any,
    after: Any,
    *,
    names_before: Mapping[Any, str] | None = None,
    names_after: Mapping[Any, str] | None = None,
) -> Comparison:
    """Tell what became of each cluster.

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
        of the second one that holds most of its texts, "counterpart_size"; "shared",
        the texts in both; "kept", their share of the cluster; "jaccard", their share of
        either; and "change".

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
    >>> from deepclust.metrics import compare
    >>> before = [0, 0, 0, 0, 1, 1, 2, 2]
    >>> after = [0, 0, 1, 2, 3, 3, 3, 3]
    >>> columns = ["cluster", "counterpart", "shared", "kept", "change"]
    >>> print(compare(before, after).frame[columns].to_string(index=False))
     cluster  counterpart  shared  kept change
           0            0       2   0.5  split
           1            3       2   1.0 merged
           2            3       2   1.0 merged
    """
    import pandas as pd

    before, after = column_or_1d(before), column_or_1d(after)
    check_consistent_length(before, after)
    old, rows = _places(before)
    new, columns = _places(after)
    table = np.zeros((len(old), len(new)), dtype=np.int64)
    np.add.at(table, (rows, columns), 1)
    best = table.argmax(axis=1) if len(new) else np.zeros(len(old), dtype=np.intp)
    sizes, new_sizes = table.sum(axis=1), table.sum(axis=0)[best]
    shared = table[np.arange(len(old)), best]
    frame = pd.DataFrame(
        {
            "cluster": [_named(label, names_before) for label in old],
            "size": sizes,
            "counterpart": [_named(new[place], names_after) for place in best],
            "counterpart_size": new_sizes,
            "shared": shared,
            "kept": shared / np.maximum(sizes, 1),
            "jaccard": shared / np.maximum(sizes + new_sizes - shared, 1),
            "change": [
                _change(old[row], new[place], shared[row] / sizes[row],
                        shared[row] / new_sizes[row])
                for row, place in enumerate(best)
            ],
        }
    )  # fmt: skip
    return Comparison(
        frame,
        ami=float(adjusted_mutual_info_score(before, after)) if len(before) else 1.0,
        ari=float(adjusted_rand_score(before, after)) if len(before) else 1.0,
        moved=float(1 - shared.sum() / len(before)) if len(before) else 0.0,
    )


def _places(labels: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Return the labels in ascending order, noise last, and the place of each row's."""
    values, codes = np.unique(labels, return_inverse=True)
    if len(values) and values[0] == NOISE:
        values, codes = np.roll(values, -1), (codes - 1) % len(values)
    return values.tolist(), codes


def _change(old: Any, new: Any, of_old: float, of_new: float) -> str:
    if old == NOISE:
        return "same" if new == NOISE else "clustered"
    if of_old <= _SAME:
        return "split"
    if new == NOISE:
        return "noise"
    return "merged" if of_new <= _SAME else "same"


def _named(label: Any, names: Mapping[Any, str] | None) -> Any:
    return label if names is None else names.get(label, str(label))


def _written(value: Any) -> str:
    return html.escape(f"{value:.2f}" if isinstance(value, float) else str(value))
