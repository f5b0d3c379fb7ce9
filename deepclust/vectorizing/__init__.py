"""Clean texts → token sequences and word vectors: `Vectorizer`.

Selects a vocabulary, and learns word vectors from the corpus or loads pretrained ones.
Public: `Vectorizer`, `VocabularyPrivacy`. Open `_vectorizer.py` first, then
`_word_vectors.py`.
"""

from deepclust.vectorizing._private_counts import VocabularyPrivacy
from deepclust.vectorizing._vectorizer import Vectorizer

__all__ = ["Vectorizer", "VocabularyPrivacy"]
