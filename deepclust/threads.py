"""Work shared out among threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from joblib import effective_n_jobs

__all__ = ["in_threads", "least_parts"]

_PARTS_A_THREAD = 6


def in_threads(work: Callable, parts: Iterable, n_jobs: int | None) -> None:
    """Call `work` on every part; the caller holds BLAS to one thread.

    Parameters
    ----------
    work : callable
        Takes a part.

    parts : iterable

    n_jobs : int or None
        Threads, as in joblib, whose own take longer to start than a small index takes
        to build.

    Examples
    --------
    >>> from deepclust.threads import in_threads
    >>> seen = []
    >>> in_threads(seen.append, range(4), 2)
    >>> sorted(seen)
    [0, 1, 2, 3]
    """
    parts = list(parts)
    n_threads = min(effective_n_jobs(n_jobs), len(parts))
    if n_threads <= 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(n_threads) as threads:
        for done in [threads.submit(work, part) for part in parts]:
            done.result()


def least_parts(n_jobs: int | None) -> int:
    """Return how many parts keep all threads busy to the end.

    Examples
    --------
    >>> from deepclust.threads import least_parts
    >>> least_parts(None), least_parts(2)
    (1, 12)
    """
    n_threads = effective_n_jobs(n_jobs)
    return n_threads * _PARTS_A_THREAD if n_threads > 1 else 1
