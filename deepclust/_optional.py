"""What is not always there: packages of extras, callbacks of scikit-learn.

Callbacks are in scikit-learn 1.9 or newer; with older ones, estimators have no
`set_callbacks`.
"""

import importlib
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from deepclust.exceptions import MissingExtraError

try:
    from sklearn.callback import CallbackSupportMixin as CallbackMixin
    from sklearn.callback import with_callbacks
except ImportError:

    class CallbackMixin:  # type: ignore[no-redef]
        """Nothing, without `sklearn.callback`."""

    with_callbacks = None


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


def fit_task(max_subtasks: Callable[[Any], int | None] = lambda _: 0) -> Any:
    """Return a decorator of `fit` that calls the callbacks at its start and end.

    Parameters
    ----------
    max_subtasks : callable, default=None
        Of the estimator: the number of tasks within `fit`; None if it is not known.
    """

    def decorated(fit: Any) -> Any:
        if with_callbacks is None:
            return fit

        @wraps(fit)
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
