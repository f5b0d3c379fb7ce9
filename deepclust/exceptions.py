"""Errors and warnings that deepclust raises.

Every error derives from the built-in class that scikit-learn users expect
(`ValueError`, `ImportError`), so `except ValueError` keeps working.
"""

__all__ = [
    "ClusteringWarning",
    "DecryptionError",
    "EmptyVocabularyError",
    "IntegrityError",
    "InvalidTextError",
    "MissingExtraError",
    "ModelDriftWarning",
    "ModelFileError",
    "ModelFormatError",
    "SignatureError",
    "TextWarning",
    "VersionWarning",
]


class InvalidTextError(ValueError):
    """The input is not an iterable of `str`; the message names the first bad row."""


class EmptyVocabularyError(ValueError):
    """No token is left to learn from, for instance when every text is empty."""


class MissingExtraError(ImportError):
    """An optional package is missing; the message names the extra to install."""


class ModelFileError(ValueError):
    """A model file is not loaded; the message names the file and what to do."""


class IntegrityError(ModelFileError):
    """The file is no model file, or not the one that `save` wrote: cut or changed."""


class SignatureError(IntegrityError):
    """The file is not signed by a key that is trusted, or was changed since."""


class DecryptionError(ModelFileError):
    """No passphrase or key that was given opens the file, or it was changed."""


class ModelFormatError(ModelFileError):
    """The file is intact, but of a newer format, or holds what no model may hold."""


class TextWarning(UserWarning):
    """Something about the texts deserves a look, such as many unknown tokens."""


class ClusteringWarning(UserWarning):
    """The clustering is degenerate: all noise, one giant cluster, no core points."""


class ModelDriftWarning(UserWarning):
    """A loaded model embeds its probe texts otherwise than where it was saved."""


class VersionWarning(UserWarning):
    """A pickle or model file is from other versions of deepclust or its libraries."""
