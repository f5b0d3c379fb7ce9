"""Embeddings → clusters and noise: `DBSCAN`, exact and in bounded memory.

Chooses eps from the density hierarchy, predicts new rows, grows by `partial_fit`.
Public: `DBSCAN`, and `merge`, `split`, `rename` of its clusters. Open `_dbscan.py`
first, then `_eps_selection.py` and `_components.py`.
"""

from deepclust.clustering._dbscan import DBSCAN
from deepclust.clustering._editing import merge, rename, split

__all__ = ["DBSCAN", "merge", "rename", "split"]
