"""Embeddings → clusters and noise: `DBSCAN`, exact and in bounded memory.

It selects eps from the density hierarchy, predicts new rows, and learns in batches.
`merge`, `split`, `split_by_labels` and `rename` edit its clusters, and `align` carries
ids, names and edits over to the next model. Open `_dbscan.py` first, then
`_components.py` (clusters at one eps), `_mutual_reachability.py` (the hierarchy, all
eps), `_eps_selection.py`, `_layers.py` and `_membership.py`; all search by
`_neighbors.py` and `_cell_index.py`.
"""

from typing import TYPE_CHECKING

from deepclust._optional import on_first_use

if TYPE_CHECKING:  # what editors and type checkers read
    from deepclust.clustering._align import align
    from deepclust.clustering._dbscan import DBSCAN
    from deepclust.clustering._editing import merge, rename, split
    from deepclust.clustering._label_splits import split_by_labels

__all__ = ["DBSCAN", "align", "merge", "rename", "split", "split_by_labels"]

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "align": "_align",
        "DBSCAN": "_dbscan",
        "merge": "_editing",
        "rename": "_editing",
        "split": "_editing",
        "split_by_labels": "_label_splits",
    },
)
