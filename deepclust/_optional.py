"""Import a package that only an extra brings, or say which extra to install."""

import importlib
from types import ModuleType

from deepclust.exceptions import MissingExtraError


def import_extra(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Return the imported `module`.

    Parameters
    ----------
    module : str
        Dotted name of the module.

    extra : str
        Name of the deepclust extra that installs it.

    purpose : str
        What needs it, for the message: "reading parquet files".

    Returns
    -------
    module : ModuleType

    Raises
    ------
    MissingExtraError
        If the package is not installed.

    Examples
    --------
    >>> from deepclust._optional import import_extra
    >>> import_extra("json", extra="none", purpose="nothing").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{purpose} needs the package {module.partition('.')[0]!r}, which is not "
            f'installed. Run: pip install "deepclust[{extra}]"'
        ) from error
