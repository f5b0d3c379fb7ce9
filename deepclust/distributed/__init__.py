"""Predictions for more texts than memory holds, part by part.

Public: `predict_to_parquet`. Open `_parquet_parts.py`. Learning from such texts is
`TextClusterer.fit`; reading them, `deepclust.datasets.TextFiles`.
"""

from deepclust.distributed._parquet_parts import predict_to_parquet

__all__ = ["predict_to_parquet"]
