"""Deep text clustering in scikit-learn style.

Texts walk one way: `TextCleaner` → `Vectorizer` → `RNNLSTMEncoder` → `DBSCAN`.
`make_text_clusterer` chains the four. Importing this package loads neither TensorFlow
nor matplotlib: every name below, and every module such as `deepclust.inspection`, is
imported on first use.
"""

from typing import TYPE_CHECKING

from deepclust._optional import on_first_use

if TYPE_CHECKING:  # what editors and type checkers read; the same names as _ROOMS
    from deepclust.cleaning import TextCleaner
    from deepclust.clustering import DBSCAN
    from deepclust.encoding import RNNLSTMEncoder
    from deepclust.persistence import load, save
    from deepclust.pipeline import make_text_clusterer
    from deepclust.sequences import TokenSequences, Vocabulary
    from deepclust.vectorizing import Vectorizer

__version__ = "0.1.0"

_ROOMS = {
    "TextCleaner": "cleaning",
    "Vectorizer": "vectorizing",
    "TokenSequences": "sequences",
    "Vocabulary": "sequences",
    "RNNLSTMEncoder": "encoding",
    "DBSCAN": "clustering",
    "load": "persistence",
    "make_text_clusterer": "pipeline",
    "save": "persistence",
}
_MODULES = {
    *("cleaning", "clustering", "datasets", "distributed", "encoding", "exceptions"),
    *("inspection", "metrics", "persistence", "pipeline", "plotting"),
    *("pseudo_labels", "reporting", "sequences", "vectorizing"),
}

__all__ = [
    "DBSCAN",
    "RNNLSTMEncoder",
    "TextCleaner",
    "TokenSequences",
    "Vectorizer",
    "Vocabulary",
    "__version__",
    "load",
    "make_text_clusterer",
    "save",
]

__getattr__, __dir__ = on_first_use(
    __name__, _ROOMS | {name: name for name in _MODULES}
)
