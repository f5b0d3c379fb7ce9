"""Corpora: one that needs no download, and the texts in a file or folder.

Formats: csv, tsv, json lines, parquet, text files, folders. Public: `load_docstrings`,
`load_texts`, `TextFiles`. Open `_corpora.py` first, then `_readers.py`.
"""

from deepclust.datasets._corpora import load_docstrings, load_texts
from deepclust.datasets._text_files import TextFiles

__all__ = ["TextFiles", "load_docstrings", "load_texts"]
