"""A fitted pipeline for other places: the encoder as ONNX, the tokenizer as JSON.

Public: `export_pipeline` and `export_tokenizer`; `deepclust.cleaning.Tokenizer` reads
the JSON, here and, as `tokenizer.py`, elsewhere. Open `_export.py` first.
"""

from deepclust.persistence._export import export_pipeline, export_tokenizer

__all__ = ["export_pipeline", "export_tokenizer"]
