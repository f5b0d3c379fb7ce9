"""Threads and memory: work divided among threads, BLAS held to one, what fits."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from joblib import cpu_count, effective_n_jobs
from threadpoolctl import ThreadpoolController

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

__all__ = [
    "available_memory",
    "in_threads",
    "limit_blas",
    "least_parts",
    "one_behind",
    "one_blas_thread",
    "refuse_beyond_memory",
]

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
    # within joblib's dask backend, jobs are the cores of all machines
    n_threads = min(effective_n_jobs(n_jobs), cpu_count(), len(parts))
    if n_threads <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(n_threads) as threads:
        return list(threads.map(work, parts))


@contextmanager
def one_behind(work: Callable[..., Any]) -> Iterator[Callable[..., None]]:
    """Give a function that has a thread call `work`, at most one call behind.

    Parameters
    ----------
    work : callable
        Is of use where it runs outside of the interpreter's lock.

    Yields
    ------
    call : callable
        Takes the arguments of `work`, and first waits for the call before. What `work`
        raises is raised by the next call, or at the end of the block.

    Examples
    --------
    >>> from deepclust._parallel import one_behind
    >>> found = []
    >>> with one_behind(found.append) as append:
    ...     for item in "abc":
    ...         append(item)
    >>> found
    ['a', 'b', 'c']
    """
    last: Future | None = None

    def call(*arguments: Any) -> None:
        nonlocal last
        if last is not None:
            last.result()
        last = thread.submit(work, *arguments)

    with ThreadPoolExecutor(1) as thread:
        yield call
        if last is not None:
            last.result()


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


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def limit_blas() -> Any:
    """Return a context that holds BLAS to one thread; the libraries are found once."""
    return _controller().limit(limits=1)


_turn = threading.Lock()


def _fresh_lock() -> None:
    """Forget, in a forked child, that a thread of the parent may hold the lock."""
    global _turn
    _turn = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fresh_lock)


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Hold BLAS to one thread; yield how many threads it would have used.

    The setting belongs to the process, so callers take turns: each spreads its texts
    over all threads anyway.
    """
    with _turn:
        counts = [library["num_threads"] for library in _controller().info()]
        with limit_blas():
            yield max(counts, default=1)


def available_memory() -> int:
    """Return the bytes that this process may use at most.

    The least of the machine's memory, its control group's and the address space's;
    where none can be found out, a number that nothing reaches.
    """
    limits = [_installed_memory()]
    if resource is not None:
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits += [soft] * (soft != resource.RLIM_INFINITY)
    return min(limits)


@lru_cache(maxsize=1)
def _installed_memory() -> int:
    limits = [sys.maxsize]
    if hasattr(os, "sysconf"):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        path = Path("/sys/fs/cgroup", file)
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return min(limits)


def refuse_beyond_memory(n_bytes: float, what: str, advice: str) -> None:
    """Raise a MemoryError before the work if it cannot fit.

    Parameters
    ----------
    n_bytes : float
        What the work takes at least.

    what : str
        The work, with its sizes.

    advice : str
        Which parameter to change.

    Raises
    ------
    MemoryError
        If that is more than `available_memory`.

    Examples
    --------
    >>> from deepclust._parallel import refuse_beyond_memory
    >>> refuse_beyond_memory(1e18, "A table", "Use fewer rows.")
    Traceback (most recent call last):
        ...
    MemoryError: A table needs at least 953,674,316,406 MiB, but this process \
may use ... MiB. Use fewer rows.
    """
    limit = available_memory()
    if n_bytes > limit:
        raise MemoryError(
            f"{what} needs at least {n_bytes / 2**20:,.0f} MiB, but this process may "
            f"use {limit / 2**20:,.0f} MiB. {advice}"
        )
