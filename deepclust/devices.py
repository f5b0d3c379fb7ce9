"""Where TensorFlow runs: CPU or GPU, and never in a forked child.

Importing this module does not import TensorFlow.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["on_device", "refuse_forked_tensorflow", "refuse_other_backends"]

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


def refuse_other_backends() -> None:
    """Raise RuntimeError if Keras is set to run on anything but TensorFlow.

    Notes
    -----
    Does not import Keras: where nobody has and KERAS_BACKEND is not set, the module
    that trains asks again.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if "keras" in sys.modules:
        backend = sys.modules["keras"].config.backend()
    if backend != "tensorflow":
        raise RuntimeError(
            f"Training needs Keras on TensorFlow, but it is set to run on {backend!r}. "
            "Unset KERAS_BACKEND before Python starts. (A fitted encoder transforms "
            "and exports with any backend.)"
        )


@contextmanager
def on_device(device: str, *, together: bool = False) -> Iterator[str]:
    """Place what is built inside on "cpu" or "gpu"; "auto" takes a GPU if there is one.

    Parameters
    ----------
    device : {"auto", "cpu", "gpu"}

    together : bool, default=False
        Whether "gpu" means all GPUs, with `tf.distribute.MirroredStrategy`. A strategy
        that the caller has put in force is left alone in any case.

    Yields
    ------
    device : {"cpu", "gpu", "strategy"}

    Raises
    ------
    RuntimeError
        If `device="gpu"` and TensorFlow sees no GPU.
    """
    import tensorflow as tf

    if tf.distribute.has_strategy():
        yield "strategy"
        return
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise RuntimeError(
            'device="gpu", but TensorFlow sees no GPU. Use device="auto", or install '
            'the GPU build: pip install "deepclust[gpu]".'
        )
    chosen = "gpu" if gpus and device != "cpu" else "cpu"
    if chosen == "gpu":
        _grow_memory(gpus)
    several = together and device == "gpu" and len(gpus) > 1
    place = tf.distribute.MirroredStrategy().scope() if several else None
    with place or tf.device(f"/{chosen.upper()}:0"):
        yield "strategy" if several else chosen


def _grow_memory(gpus: list[Any]) -> None:
    """Take GPU memory as it is needed, unless the user has already set that up."""
    import tensorflow as tf

    if not tf.config.experimental.get_memory_growth(gpus[0]):
        with suppress(RuntimeError):  # the GPU is in use already
            for gpu in gpus:
                tf.config.experimental.set_memory_growth(gpu, True)
