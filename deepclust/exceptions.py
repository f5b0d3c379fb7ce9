"""Errors and warnings that deepclust raises.

Every error derives from the built-in class that scikit-learn users expect
(`ValueError`, `ImportError`), so `except ValueError` keeps working.
"""

__all__ = [
    "ClusteringWarning",
    "EmptyVocabularyError",
    "InvalidTextError",
    "MissingExtraError",
    "TextWarning",
]


class InvalidTextError(ValueError):
    """The input is not an iterable of `str`; the message names the first bad row."""


class EmptyVocabularyError(ValueError):
    """No token is left to learn from, for instance when every text is empty."""


class MissingExtraError(ImportError):
    """An optional package is missing; the message names the extra to install."""


class TextWarning(UserWarning):
    """Something about the texts deserves a look, such as many unknown tokens."""


class ClusteringWarning(UserWarning):
    """The clustering is degenerate: all noise, one giant cluster, no core points."""
