"""Carry ids and names of clusters from one clustering to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from deepclust.metrics._compare import MAJORITY
from deepclust.sequences import NOISE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Alignment", "align_clusterings"]

_MAX_SOURCES = 3  # named in a cell
_CHANGES = {  # in the order of the summary, and how they are counted there
    "kept": "kept",
    "largest part": "kept without a part",
    "union": "unions",
    "part": "parts",
    "born": "born",
    "merged": "merged into others",
    "split": "split up",
    "died": "died",
}


@dataclass(frozen=True, eq=False, repr=False)
class Alignment:
    """What became of each cluster; see `align_clusterings`.

    Parameters
    ----------
    frame : DataFrame
        One row a new cluster, then one row an old cluster that ended.

    ids : ndarray of shape (n_clusters,), intp
        Id of each new cluster.

    names : dict of int to str
        Name of each new cluster that has one.

    n_ids_given : int
        Ids given so far: the next one.

    Examples
    --------
    >>> from deepclust.metrics import align_clusterings
    >>> align_clusterings([0, 0, 1, 1], [1, 1, 0, 0], old_names={0: "cats"}).names
    {1: 'cats'}
    """

    frame: "pd.DataFrame"
    ids: np.ndarray
    names: dict[int, str]
    n_ids_given: int

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]

    def __repr__(self) -> str:
        counts = self.frame["change"].value_counts()
        told = [f"{counts[c]} {word}" for c, word in _CHANGES.items() if c in counts]
        return f"Clusters: {', '.join(told)}\n{self.frame.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return self.frame.to_html(index=False, border=0, justify="left")


def align_clusterings(
    old: Any,
    new: Any,
    *,
    old_names: Mapping[int, str] | None = None,
    new_names: Mapping[int, str] | None = None,
    old_ids: Sequence[int] | np.ndarray | None = None,
    n_ids_given: int | None = None,
    n_new_clusters: int | None = None,
) -> Alignment:
    """Give the clusters of a new clustering the ids and names of an old one.

    Parameters
    ----------
    old, new : array-like of shape (n_docs,), int
        Two labels of each text, from 0; −1 for noise.

    old_names, new_names : mapping of int to str, default=None
        Names of the clusters; a new one that carries no old name keeps its own.

    old_ids : sequence of int, default=None
        Id of each old cluster; its number when None.

    n_ids_given : int, default=None
        The first id that was never given; one more than the greatest of `old_ids` when
        None.

    n_new_clusters : int, default=None
        Number of new clusters, where not all have a text here.

    Returns
    -------
    alignment : Alignment
        Columns "cluster", the number of the new cluster, −1 for an old one that ended;
        "id"; "name"; "change"; "size", its number of texts; "kept", the share of the
        old cluster that is still together; "sources", where its texts were before, or
        are now.

    Raises
    ------
    ValueError
        If the lengths differ, or a label is below −1 or no number of a cluster.

    See Also
    --------
    deepclust.clustering.align : The same for two fitted models.
    compare_clusterings : Counterparts and agreement.

    Notes
    -----
    A new cluster carries the id of an old one if more than half of both is shared. The
    changes of new clusters:

    * kept: it carries id and name.
    * largest part: it carries id and name, but another new cluster is a part of the
      same old one.
    * union: more than half of two or more old clusters is in it. Its name holds the
      names of all of them, so that none stands for the union; the id is carried only
      from one that makes more than half of it.
    * part: more than half of it is from one old cluster, less than half of which it is.
    * born: all others.

    Old clusters that no id is carried from were merged (most of the texts are in one
    cluster, of which they are no more than half), split, or died (most are noise, or
    there are none). Ids are never used again. Time O(n_docs).

    Examples
    --------
    >>> from deepclust.metrics import align_clusterings
    >>> old = [0, 0, 0, 0, 1, 1, 1, 2, 2, -1, -1]
    >>> new = [1, 1, 1, 1, 0, 0, 0, 0, 0, 2, 2]
    >>> names = {0: "cats", 1: "dogs", 2: "wolves"}
    >>> alignment = align_clusterings(old, new, old_names=names)
    >>> print(alignment[["cluster", "id", "name", "change"]].to_string(index=False))
     cluster  id          name change
           0   1 dogs + wolves  union
           1   0          cats   kept
           2   3          <NA>   born
          -1   2        wolves merged
    """
    old, new = (column_or_1d(labels).astype(np.intp) for labels in (old, new))
    check_consistent_length(old, new)
    n_old = max([-1, *old, *(old_names or {})]) + 1 if old_ids is None else len(old_ids)
    n_new = max([-1, *new]) + 1 if n_new_clusters is None else n_new_clusters
    pairs = _Pairs.of(old, new, int(n_old), int(n_new))
    ids_before = np.arange(n_old) if old_ids is None else np.asarray(old_ids, np.intp)
    before = {i: str(ids_before[i]) for i in range(n_old)} | dict(old_names or {})
    heirs, absorbed = pairs.heirs(), pairs.absorbed()
    next_id = int(ids_before.max(initial=-1)) + 1
    next_id = next_id if n_ids_given is None else max(int(n_ids_given), next_id)
    ids, names, rows = np.empty(n_new, np.intp), {}, []
    for cluster in range(n_new):
        heir, inside = heirs.get(cluster), absorbed.get(cluster, [])
        ids[cluster] = next_id if heir is None else ids_before[heir]
        next_id += heir is None
        change = pairs.change(cluster, heir, inside)
        name = (new_names or {}).get(cluster)
        if len(inside) > 1:
            name = " + ".join(before[i] for i in inside)
        elif heir is not None:
            name = (old_names or {}).get(heir, name)
        if name is not None:
            names[cluster] = name
        rows.append(pairs.row_of_new(cluster, heir, change, before))
    names = _unique_names(names, ids)
    for row in rows:
        row |= {"id": ids[row["cluster"]], "name": names.get(row["cluster"])}
    ended = [i for i in range(n_old) if i not in heirs.values()]
    after = {c: names.get(c, str(ids[c])) for c in range(n_new)}
    for i in ended:
        known = {"id": ids_before[i], "name": (old_names or {}).get(i)}
        rows.append(pairs.row_of_old(i, after) | known)
    return Alignment(_change_frame(rows), ids, names, next_id)


@dataclass(frozen=True)
class _Pairs:
    """How many texts each pair of an old and a new cluster shares; noise is last."""

    shared: np.ndarray  # (n_old + 1, n_new + 1)

    @classmethod
    def of(cls, old: np.ndarray, new: np.ndarray, n_old: int, n_new: int) -> "_Pairs":
        """Count the pairs of two arrays of labels."""
        from sklearn.metrics.cluster import contingency_matrix

        for labels, n_clusters in ((old, n_old), (new, n_new)):
            if labels.max(initial=NOISE) >= n_clusters or labels.min(initial=0) < NOISE:
                raise ValueError(
                    f"Labels must be from -1 to {n_clusters - 1}, the number of the "
                    f"last cluster. Received: {labels.min()} to {labels.max()}."
                )
        shared = np.zeros((n_old + 1, n_new + 1), dtype=np.intp)
        if len(old):
            rows, columns = np.unique(old), np.unique(new)
            shared[np.ix_(rows, columns)] = contingency_matrix(old, new)
        return cls(shared)

    @property
    def of_old(self) -> np.ndarray:
        """Share of each old cluster that is in each new one."""
        return self.shared / np.maximum(self.shared.sum(axis=1, keepdims=True), 1)

    @property
    def of_new(self) -> np.ndarray:
        """Share of each new cluster that was in each old one."""
        return self.shared / np.maximum(self.shared.sum(axis=0), 1)

    def heirs(self) -> dict[int, int]:
        """Return the old cluster of each new one that shares most of both."""
        both = (self.of_old > MAJORITY) & (self.of_new > MAJORITY)
        found = np.argwhere(both[:-1, :-1])
        return {int(new): int(old) for old, new in found}

    def absorbed(self) -> dict[int, list[int]]:
        """Return the old clusters that are mostly in each new one, largest first."""
        inside: dict[int, list[int]] = {}
        for old in np.argsort(-self.shared[:-1].sum(axis=1), kind="stable").tolist():
            new = int(self.of_old[old].argmax())
            if new < self.shared.shape[1] - 1 and self.of_old[old, new] > MAJORITY:
                inside.setdefault(new, []).append(old)
        return inside

    def change(self, cluster: int, heir: int | None, inside: list[int]) -> str:
        """Return what a new cluster is."""
        if len(inside) > 1:
            return "union"
        parts = self.of_new[:-1, :-1] > MAJORITY
        if heir is None:
            return "part" if parts[:, cluster].any() else "born"
        return "largest part" if parts[heir].sum() > 1 else "kept"

    def row_of_new(
        self, cluster: int, heir: int | None, change: str, names: Mapping[int, str]
    ) -> dict[str, Any]:
        """Return the row of the table for a new cluster."""
        column = self.shared[:, cluster]
        kept = np.nan if heir is None else self.of_old[heir, cluster]
        row = {"cluster": cluster, "change": change, "size": column.sum(), "kept": kept}
        return row | {"sources": _sources(column, names)}

    def row_of_old(self, old: int, names: Mapping[int, str]) -> dict[str, Any]:
        """Return the row of the table for an old cluster that has no heir."""
        shares = self.of_old[old]
        most = int(shares.argmax())
        change = "split" if shares[most] <= MAJORITY else "merged"
        if most == self.shared.shape[1] - 1 or not shares.any():
            change = "died"
        row = self.shared[old]
        fields = {"cluster": NOISE, "change": change, "size": row.sum()}
        return fields | {
            "kept": shares[:-1].max(initial=0),
            "sources": _sources(row, names),
        }


def _sources(counts: np.ndarray, names: Mapping[int, str]) -> str:
    """Name the greatest shares of the counts; the last is noise."""
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    last, total = len(counts) - 1, counts.sum()
    told = [
        f"{'noise' if i == last else names[i]} {counts[i] / total:.0%}"
        for i in order[:_MAX_SOURCES].tolist()
    ]
    more = len(order) - _MAX_SOURCES
    return ", ".join(told) + (f", {more} more" if more > 0 else "")


def _unique_names(names: dict[int, str], ids: np.ndarray) -> dict[int, str]:
    """Append the id to a name that another cluster has already."""
    taken: set[str] = set()
    for cluster, name in names.items():
        names[cluster] = f"{name} ({ids[cluster]})" if name in taken else name
        taken.add(names[cluster])
    return names


def _change_frame(rows: list[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    columns = ["cluster", "id", "name", "change", "size", "kept", "sources"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["kept"] = frame["kept"].astype(float).round(2)
    return frame.astype({"cluster": int, "id": int, "size": int, "name": "string"})
