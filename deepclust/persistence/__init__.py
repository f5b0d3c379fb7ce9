"""A fitted pipeline as a file: to load again, to share, or for other places.

Public: `save`, `load` and `inspect` of model files, which run no code; keys to encrypt
and sign them, and `rotate` to replace keys; `export_pipeline` and `export_tokenizer`,
the encoder as ONNX and the tokenizer as JSON, which `deepclust.cleaning.Tokenizer`
reads. Open `_model_file.py` first.
"""

from deepclust.persistence._export import export_pipeline, export_tokenizer
from deepclust.persistence._keys import RoleKey, generate_keys
from deepclust.persistence._model_file import inspect, load, save
from deepclust.persistence._rotation import rotate

__all__ = [
    "RoleKey",
    "export_pipeline",
    "export_tokenizer",
    "generate_keys",
    "inspect",
    "load",
    "rotate",
    "save",
]
