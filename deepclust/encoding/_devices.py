"""Where training runs: the back end of Keras, CPU or GPU, never in a forked child.

Importing this module imports neither Keras nor a back end.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["on_device", "refuse_forked_backend", "refuse_other_backends"]

_NAMES = {"tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}
_loaded_before_fork: set[str] = set()

# TensorFlow's own choice is by the CPU. Without oneDNN it sums in an order that depends
# on the number of threads. It reads this once, when it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def _note_fork() -> None:
    _loaded_before_fork.update(_NAMES.keys() & sys.modules.keys())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def _backend() -> str:
    """Return the name of the backend that Keras runs on, without importing it."""
    if "keras" in sys.modules:
        return sys.modules["keras"].config.backend()
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def refuse_forked_backend() -> None:
    """Raise RuntimeError in a forked child of a process that had loaded the backend.

    Notes
    -----
    A fork is noticed if this module was imported before it.
    """
    backend = _backend()
    if backend in _loaded_before_fork:
        raise RuntimeError(
            f"This process was forked from one that had loaded {_NAMES[backend]}, "
            "whose threads do not survive a fork: training would hang. Start workers "
            'with joblib\'s "loky" backend or multiprocessing\'s "spawn" method.'
        )


def refuse_other_backends() -> None:
    """Raise RuntimeError if Keras runs on none of TensorFlow, PyTorch and JAX.

    Notes
    -----
    Does not import Keras: where nobody has and KERAS_BACKEND is not set, the module
    that trains asks again.
    """
    backend = _backend()
    if backend not in _NAMES:
        raise RuntimeError(
            "Training needs Keras on TensorFlow, PyTorch or JAX, but it is set to run "
            f"on {backend!r}. Set KERAS_BACKEND to tensorflow, torch or jax before "
            "Python starts. (A fitted encoder transforms and exports with any backend.)"
        )


@contextmanager
def on_device(device: str, *, together: bool = False) -> Iterator[str]:
    """Place what is built inside on "cpu" or "gpu"; "auto" takes a GPU if there is one.

    Parameters
    ----------
    device : {"auto", "cpu", "gpu"}

    together : bool, default=False
        Whether "gpu" means all GPUs, with `tf.distribute.MirroredStrategy`; on PyTorch
        and JAX it is one. A strategy that the caller has put in force is left alone in
        any case.

    Yields
    ------
    device : {"cpu", "gpu", "strategy"}

    Raises
    ------
    RuntimeError
        If `device="gpu"` and the backend sees no GPU.
    """
    backend = _backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.distribute.has_strategy():
            yield "strategy"
            return
    gpus = _gpus(backend)
    if device == "gpu" and not gpus:
        raise RuntimeError(
            f'device="gpu", but {_NAMES[backend]} sees no GPU. Use device="auto", or '
            "install a GPU build of it; for TensorFlow: pip install "
            '"deepclust[gpu]".'
        )
    chosen = "gpu" if gpus and device != "cpu" else "cpu"
    if backend != "tensorflow":
        import keras

        with keras.device(chosen), _threads_held(backend):
            yield chosen
        return
    if chosen == "gpu":
        _grow_memory(gpus)
    several = together and device == "gpu" and len(gpus) > 1
    place = tf.distribute.MirroredStrategy().scope() if several else None
    with place or tf.device(f"/{chosen.upper()}:0"):
        yield "strategy" if several else chosen


@contextmanager
def _threads_held(backend: str) -> Iterator[None]:
    """Hold PyTorch to one thread: on several it sums in an order of its own."""
    if backend != "torch":
        yield
        return
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _gpus(backend: str) -> list[Any]:
    """Return what the backend calls its GPUs."""
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.config.list_physical_devices("GPU")
    if backend == "torch":
        import torch

        return list(range(torch.cuda.device_count()))
    import jax

    with suppress(RuntimeError):  # raised where there is none
        return jax.devices("gpu")
    return []


def _grow_memory(gpus: list[Any]) -> None:
    """Take GPU memory as it is needed, unless the user has already set that up."""
    import tensorflow as tf

    if not tf.config.experimental.get_memory_growth(gpus[0]):
        with suppress(RuntimeError):  # the GPU is in use already
            for gpu in gpus:
                tf.config.experimental.set_memory_growth(gpu, True)
