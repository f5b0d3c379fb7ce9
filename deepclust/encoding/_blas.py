"""What the host's BLAS must be held to, so that a product's rows do not depend on it.

Imports nothing of ours.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread", "rows_per_product"]


@lru_cache(maxsize=256)
def rows_per_product(n_in: int, n_out: int) -> int:
    """Return how many rows can be multiplied together without changing one another."""
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((n_in, n_out), dtype=np.float32)
    row = rng.standard_normal(n_in, dtype=np.float32)
    for n_rows in (8, 4, 2):
        others = rng.standard_normal((n_rows, n_rows, n_in), dtype=np.float32)
        others[np.arange(n_rows), np.arange(n_rows)] = row
        places = np.matmul(others, kernel)[np.arange(n_rows), np.arange(n_rows)]
        if (places == places[0]).all():
            return n_rows
    return 1


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


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
        with _controller().limit(limits=1):
            yield max(counts, default=1)
