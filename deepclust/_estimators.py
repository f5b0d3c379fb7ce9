"""What all estimators have: versions in their pickles, callbacks of scikit-learn.

Callbacks are in scikit-learn 1.9 or newer; with older ones, estimators have no
`set_callbacks`.
"""

import functools
import importlib.metadata
import platform
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from deepclust.exceptions import VersionWarning

try:
    from sklearn.callback import CallbackSupportMixin as CallbackMixin
    from sklearn.callback import with_callbacks
except ImportError:

    class CallbackMixin:  # type: ignore[no-redef]
        """Nothing, without `sklearn.callback`."""

    with_callbacks = None

__all__ = [
    "CallbackMixin",
    "VersionsMixin",
    "fit_task",
    "library_versions",
    "warn_of_other_versions",
]

_LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "spacy",
    "pandas",
    "keras",
    "tensorflow",
)
_KEY = "_library_versions"  # in the state of an estimator


@functools.cache
def _installed() -> dict[str, str]:
    from deepclust import __version__

    versions = {"python": platform.python_version(), "deepclust": __version__}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # such as tensorflow-cpu
            continue
    return versions


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a result depends on.

    Examples
    --------
    >>> from deepclust._estimators import library_versions
    >>> list(library_versions())[:3]
    ['python', 'deepclust', 'numpy']
    """
    return dict(_installed())


def warn_of_other_versions(what: str, then: Any, *, stacklevel: int = 3) -> None:
    """Warn if an object comes from other versions than the ones installed here.

    Parameters
    ----------
    what : str
        Name of the object, for the message.

    then : mapping of str to str
        As `library_versions` returned it. Names that are not known here do not count,
        nor does what is no mapping: a state of before this was kept.

    stacklevel : int, default=3

    Warns
    -----
    VersionWarning
        If the version of deepclust differs, or the first two numbers of another one.
    """
    if not isinstance(then, Mapping):
        return
    changed = [
        f"{name} {then[name]} → {now}"
        for name, now in _installed().items()
        if name in then and _release(name, str(then[name])) != _release(name, now)
    ]
    if changed:
        warnings.warn(
            f"{what} is from other versions ({', '.join(changed)}): it may fail "
            "or give other results. Install the versions of then, or fit again.",
            VersionWarning,
            stacklevel=stacklevel,
        )


def _release(name: str, version: str) -> list[str]:
    parts = version.split(".")
    return parts if name == "deepclust" else parts[:2]


class VersionsMixin:
    """Keep versions in the pickles of an estimator, and compare them at loading.

    As scikit-learn's `InconsistentVersionWarning`, which covers its own estimators. An
    attribute of the state, not of the object.
    """

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {**state, _KEY: library_versions()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        then = state.pop(_KEY, None)
        warn_of_other_versions(type(self).__name__, then)
        super().__setstate__(state)  # type: ignore[misc]


def fit_task(max_subtasks: Callable[[Any], int | None] = lambda _: 0) -> Any:
    """Return a decorator of `fit` that calls the callbacks at its start and end.

    Parameters
    ----------
    max_subtasks : callable, default=lambda _: 0
        Of the estimator: the number of tasks within `fit`, 0 by default; None if it is
        not known.
    """

    def decorated(fit: Any) -> Any:
        """Return `fit` with the callbacks; as it is where scikit-learn has none."""
        if with_callbacks is None:
            return fit

        @functools.wraps(fit)
        def fit_with_callbacks(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
            context = self._init_callback_context(max_subtasks=max_subtasks(self))
            context.call_on_fit_task_begin(estimator=self, X=X)
            result = fit(self, X, *args, **kwargs)
            context.call_on_fit_task_end(
                estimator=self, X=X, reconstruction_attributes=dict
            )
            return result

        return with_callbacks(fit_with_callbacks)

    return decorated
