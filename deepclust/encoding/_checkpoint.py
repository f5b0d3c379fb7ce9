"""Checkpoints of a training run: a fit that was killed goes on where it was.

At the end of an epoch, except the last one of a cycle of the learning rate, all
variables of model and optimizer, the training curve and the state of early stopping are
written to one .npz file, which no code is read from. Every other choice of a run comes
from (seed, epoch), so that the resumed run does what the uninterrupted one does.

Imports Keras.
"""

import hashlib
import importlib.metadata
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepclust._atomic_file import remove_parts, replacing

__all__ = ["Checkpoints", "fingerprint"]

KEPT = 2  # files
_STOPPER = ("wait", "best", "best_epoch")  # state of EarlyStopping, beside the weights


def fingerprint(
    model: keras.Model, arrays: dict[str, np.ndarray], options: list[Any]
) -> dict[str, Any]:
    """Return what makes a training run: digests of its data, options and versions.

    Parameters
    ----------
    model : Model
        With its initial weights.
    arrays : dict of str to ndarray
    options : list of plain values
        Parameters of the training.
    """
    start = dict(enumerate(model.get_weights()))
    versions = [importlib.metadata.version(name) for name in ("numpy", "keras")]
    versions += [keras.config.backend(), _backend_version()]
    digests = {name: _digest({0: array}) for name, array in arrays.items()}
    return {
        **digests,
        "initial weights": _digest(start),
        "parameters": options,
        "versions": " ".join(versions),
    }


def _backend_version() -> str:
    return importlib.metadata.version(keras.config.backend())


def _digest(arrays: dict[int, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class Checkpoints(keras.callbacks.Callback):
    """Write the state of training after each epoch, and read it at the start.

    Parameters
    ----------
    folder : path
        Made if it does not exist. The last two checkpoints are kept in it.

    identity : dict of str to plain value
        Of `fingerprint`. A checkpoint of another run is refused.

    n_epochs : int
        Epochs in a cycle of the learning rate.

    callbacks : list of TrainingCurve and perhaps EarlyStopping
        Called before this one; their state is a part of the checkpoint.
    """

    def __init__(
        self, folder: Any, identity: dict[str, Any], n_epochs: int, callbacks: list[Any]
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.identity, self.n_epochs = identity, n_epochs
        self.curve, *stoppers = callbacks
        self.stopper = stoppers[0] if stoppers else None
        self._resumed: dict[str, Any] = {}  # state of the stopper, until it begins

    def restore(self, model: keras.Model) -> int:
        """Return after how many epochs the run goes on; 0 if there is no checkpoint.

        Raises
        ------
        ValueError
            If a checkpoint in the folder is of another run.

        Warns
        -----
        UserWarning
            If a checkpoint is damaged; the one before it is taken.
        """
        for path in reversed(self._paths()):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as npz:
                    arrays = {name: npz[name] for name in npz.files}
                state = json.loads(arrays.pop("state").tobytes())
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                warnings.warn(f"The checkpoint {path} is damaged.", stacklevel=4)
                continue
            self._refuse_others(path, state["identity"])
            self._assign(model, arrays, state)
            return len(self.curve.rows)
        return 0

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("checkpoint-*.npz"))

    def _refuse_others(self, path: Path, identity: dict[str, Any]) -> None:
        names = {**self.identity, **identity}
        other = [n for n in names if identity.get(n) != self.identity.get(n)]
        if other:
            raise ValueError(
                f"checkpoint_dir: {path} is of a fit with other {', '.join(other)}. "
                "Give another folder, or delete the file to start anew."
            )

    def _assign(
        self, model: keras.Model, arrays: dict[str, np.ndarray], state: dict[str, Any]
    ) -> None:
        for name, variable in self._variables(model).items():
            variable.assign(arrays[name])
        self.curve.rows[:] = state["rows"]
        self.curve.bar.total = len(self.curve.rows) // self.n_epochs * self.n_epochs
        self.curve.bar.update(len(self.curve.rows))
        self._resumed = state["stopper"]
        best = [name for name in arrays if name.startswith("best/")]
        if best:
            self._resumed["best_weights"] = [
                arrays[f"best/{i}"] for i in range(len(best))
            ]

    @staticmethod
    def _variables(model: keras.Model) -> dict[str, Any]:
        named = {f"model/{i}": v for i, v in enumerate(model.weights)}
        of_optimizer = enumerate(model.optimizer.variables)
        return named | {f"optimizer/{i}": v for i, v in of_optimizer}

    def on_train_begin(self, logs: Any = None) -> None:
        """Give early stopping the state that it had."""
        for name, value in self._resumed.items():
            setattr(self.stopper, name, value)
        self._resumed = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a checkpoint, unless training or its cycle ends here."""
        n_done = epoch + 1
        if n_done % self.n_epochs == 0 or self.model.stop_training:
            return
        arrays = {
            name: keras.ops.convert_to_numpy(variable.value)
            for name, variable in self._variables(self.model).items()
        }
        stopper: dict[str, Any] = {}
        if self.stopper is not None:
            stopper = {name: getattr(self.stopper, name) for name in _STOPPER}
            for i, array in enumerate(self.stopper.best_weights or ()):
                arrays[f"best/{i}"] = array
        state = {
            "identity": self.identity,
            "rows": self.curve.rows,
            "stopper": stopper,
        }
        text = json.dumps(state, default=float).encode()
        arrays["state"] = np.frombuffer(text, dtype=np.uint8)
        with (
            replacing(self.folder / f"checkpoint-{n_done:06}.npz") as part,
            part.open("wb") as file,
        ):
            np.savez(file, **arrays)
        for path in self._paths()[:-KEPT]:
            path.unlink()

    def clear(self) -> None:
        """Remove the checkpoints of a run that is complete, also a half-written one."""
        for path in self._paths():
            path.unlink()
        remove_parts(self.folder)
