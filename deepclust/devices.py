"""Where TensorFlow runs: CPU or GPU, and never in a forked child.

Importing this module does not import TensorFlow.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["on_device", "refuse_forked_tensorflow"]

_fork: dict[str, bool] = {"after_tensorflow": False}


def _note_fork() -> None:
    _fork["after_tensorflow"] |= "tensorflow" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def refuse_forked_tensorflow() -> None:
    """Raise RuntimeError in a forked child of a process that had loaded TensorFlow.

    Notes
    -----
    A fork is noticed if this module was imported before it.
    """
    if _fork["after_tensorflow"]:
        raise RuntimeError(
            "This process was forked from one that had loaded TensorFlow, whose "
            "threads do not survive a fork: training would hang. Start workers with "
            'joblib\'s "loky" backend or multiprocessing\'s "spawn" method.'
        )


@contextmanager
def on_device(device: str) -> Iterator[str]:
    """Place what is built inside on "cpu" or "gpu"; "auto" takes a GPU if there is one.

    Yields
    ------
    device : {"cpu", "gpu"}

    Raises
    ------
    RuntimeError
        If `device="gpu"` and TensorFlow sees no GPU.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise RuntimeError(
            'device="gpu", but TensorFlow sees no GPU. Use device="auto", or install '
            'the GPU build: pip install "deepclust[gpu]".'
        )
    chosen = "gpu" if gpus and device != "cpu" else "cpu"
    if chosen == "gpu":
        _grow_memory(gpus)
    with tf.device(f"/{chosen.upper()}:0"):
        yield chosen


def _grow_memory(gpus: list[Any]) -> None:
    """Take GPU memory as it is needed, unless the user has already set that up."""
    import tensorflow as tf

    if not tf.config.experimental.get_memory_growth(gpus[0]):
        with suppress(RuntimeError):  # the GPU is in use already
            for gpu in gpus:
                tf.config.experimental.set_memory_growth(gpu, True)
