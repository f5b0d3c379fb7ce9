"""Work shared out among threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from joblib import effective_n_jobs

__all__ = ["in_threads", "least_parts"]

_PARTS_A_THREAD = 6


def in_threads(
    work: Callable[[Any], Any], parts: Iterable[Any], n_jobs: int | None
) -> list[Any]:
    """Call `work` on every part; the caller holds BLAS to one thread.

    Parameters
    ----------
    work : callable
        Takes a part.

    parts : iterable

    n_jobs : int or None
        Threads, as in joblib, whose own take longer to start than a small index takes
        to build.

    Returns
    -------
    results : list
        In the order of the parts.

    Examples
    --------
    >>> from deepclust._parallel import in_threads
    >>> in_threads(lambda part: part**2, range(4), 2)
    [0, 1, 4, 9]
    """
    parts = list(parts)
    n_threads = min(effective_n_jobs(n_jobs), len(parts))
    if n_threads <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(n_threads) as threads:
        return list(threads.map(work, parts))


def least_parts(n_jobs: int | None) -> int:
    """Return how many parts keep all threads busy to the end.

    Examples
    --------
    >>> from deepclust._parallel import least_parts
    >>> least_parts(None), least_parts(2)
    (1, 12)
    """
    n_threads = effective_n_jobs(n_jobs)
    return n_threads * _PARTS_A_THREAD if n_threads > 1 else 1
