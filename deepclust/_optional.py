"""Imports that can wait: of packages that an extra brings, and of a room's modules."""

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

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


def on_first_use(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package that imports names when asked.

    A worker that needs one module of a room imports no more than that (PEP 562).

    Parameters
    ----------
    package : str
        `__name__` of the package.

    modules : dict of str to str
        Module below the package, of each public name; of a module itself, its own name.

    Returns
    -------
    getattr, dir : callable

    Examples
    --------
    >>> from deepclust._optional import on_first_use
    >>> on_first_use("json", {"JSONDecoder": "decoder"})[0]("JSONDecoder").__name__
    'JSONDecoder'
    """

    def import_name(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{modules[name]}")
        value = module if modules[name] == name else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return import_name, names
