"""Functions of the partitions of a Dask collection, run by Dask's workers.

Nothing else in the package knows Dask. A model travels as a task of the graph, not
scattered: what a worker that died held of it is sent again.
"""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from deepclust._text_input import check_texts
from deepclust.exceptions import InvalidTextError

__all__ = ["map_partitions", "partition_texts", "reduce_partitions"]

# Networks, and the filters of warnings, are not for several threads of a worker.
_ONE_AT_A_TIME = Lock()


def map_partitions(
    function: Callable[..., Any],
    collection: Any,
    *arguments: Any,
    each: Iterable[tuple[Any, ...]] | None = None,
) -> list[Any]:
    """Return the results of a function of every partition, in order.

    Parameters
    ----------
    function : callable
        Takes the partition, `arguments`, and one of `each`.

    collection : Bag, Series or DataFrame of Dask, or sequence
        Of delayed or other objects, each a partition.

    *arguments : object
        The same for all, such as a pipeline.

    each : iterable of tuple, length n_partitions, default=None
        Further arguments, of each partition.

    Returns
    -------
    results : list, length n_partitions
    """
    return [*_compute(*_tasks(function, collection, *arguments, each=each))]


def reduce_partitions(
    function: Callable[..., Any], merge: Callable[..., Any], collection: Any, *more: Any
) -> Any:
    """Return the results of all partitions, merged two by two, neighbors first.

    `function` takes a partition and `more`, `merge` two results and `more`.
    """
    from dask import delayed

    found = _tasks(function, collection, *more)
    while len(found) > 1:
        pairs = zip(found[::2], found[1::2], strict=False)
        odd = found[len(found) // 2 * 2 :]
        found = [delayed(merge)(a, b, *more) for a, b in pairs] + odd
    return _compute(*found)[0]


def partition_texts(partition: Any) -> list[str]:
    """Return the texts of a partition, a list, iterator or pandas Series, checked."""
    try:
        return check_texts(partition, estimator="deepclust")
    except InvalidTextError as error:
        message = f"{error} Rows are counted from 0 in every partition of Dask."
        raise InvalidTextError(message) from error


def _tasks(
    function: Callable[..., Any],
    collection: Any,
    *arguments: Any,
    each: Iterable[tuple[Any, ...]] | None = None,
) -> list[Any]:
    from dask import delayed

    in_dask = hasattr(collection, "to_delayed")
    parts = [*(collection.to_delayed() if in_dask else collection)]
    call = delayed(_call)
    own = [()] * len(parts) if each is None else each
    shared = [delayed(argument) for argument in arguments]
    pairs = zip(parts, own, strict=True)
    return [call(function, part, *shared, *further) for part, further in pairs]


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    with _ONE_AT_A_TIME:
        return function(*arguments)


def _compute(*tasks: Any) -> Any:
    """Run tasks on the scheduler that is set or has a client, else one by one here."""
    import dask
    from dask.base import get_scheduler

    scheduler = None if get_scheduler() else "synchronous"
    # A model beyond the limit is no reason to scatter it, as the warning says.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
        return dask.compute(*tasks, scheduler=scheduler)
