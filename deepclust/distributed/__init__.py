"""More texts than memory holds: predicted part by part, here or by workers of Dask.

Public: `predict_to_parquet`, and `dbscan`, across the blocks of a Dask array.
Open `_parquet_parts.py` or `_block_dbscan.py`, whose workers run `_block_tasks.py`;
`_partitions.py` is all that knows Dask.
Learning from such texts is `TextClusterer.fit`; reading them,
`deepclust.datasets.TextFiles`.
"""

from typing import TYPE_CHECKING

from deepclust._optional import on_first_use

if TYPE_CHECKING:  # what editors and type checkers read
    from deepclust.distributed._block_dbscan import BlockClusters, dbscan
    from deepclust.distributed._parquet_parts import predict_to_parquet

__all__ = ["BlockClusters", "dbscan", "predict_to_parquet"]

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "BlockClusters": "_block_dbscan",
        "dbscan": "_block_dbscan",
        "predict_to_parquet": "_parquet_parts",
    },
)
