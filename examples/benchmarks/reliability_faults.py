"""Damaged and forged files, full disks, killed and forked processes, threads.

Each function is a case of `reliability.py`: it takes what is asked, and says what
happened.
"""

import multiprocessing
import os
import pickle
import resource
import signal
import sys
import tempfile
import threading
import time
import warnings
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from reliability_models import MODEL, TESTS, corpus, cost, reader, saved, small_bertopic

N_FILES = 100
PATIENCE = 20  # seconds


@contextmanager
def file_for(kind: str):
    """Give the path of a file to be, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / ("m.keras" if kind == "Keras" else "m")


def read_changed(kind: str, change) -> str:
    """Read a hundred files that differ from the saved one; say what happened."""
    with file_for(kind) as path:
        (read, _), rng, found = saved(kind, path), np.random.default_rng(0), Counter()
        whole = path.read_bytes()
        for _ in range(N_FILES):
            path.write_bytes(change(whole, rng))
            try:
                read(path)
                found["loaded"] += 1
            except Exception as error:
                found[type(error).__name__] += 1
    return f"of {N_FILES}: " + ", ".join(f"{n} {what}" for what, n in found.items())


def flipped_bits(kind: str) -> str:
    """Read 100 files in which one bit is another."""

    def flip(whole: bytes, rng: np.random.Generator) -> bytes:
        changed, place = bytearray(whole), int(rng.integers(8 * len(whole)))
        changed[place // 8] ^= 1 << place % 8
        return bytes(changed)

    return read_changed(kind, flip)


def cut_files(kind: str) -> str:
    """Read 100 files that are cut somewhere."""
    return read_changed(kind, lambda whole, rng: whole[: rng.integers(len(whole))])


def file_that_grows(kind: str) -> str:
    """Read a file of 2 MB or less that says that it holds 2 GiB."""
    import joblib

    with file_for(kind) as path:
        read, _ = saved(kind, path)
        if kind == "deepclust":
            sys.path.insert(0, str(TESTS / "persistence"))
            from test_faults import with_header

            text = f'{{"min_reader": 1, "sections": [{{"length": {2**31}}}]}}'
            with_header(path, len(text), text.encode())
        elif kind == "Keras":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("metadata.json", '{"keras_version": "3.0.0"}')
                with archive.open("config.json", "w", force_zip64=True) as file:
                    for _ in range(2**11):
                        file.write(b" " * 2**20)
        else:  # its zeros are counted where they are read
            joblib.dump(np.zeros(2**28), path, compress=9)
        return cost(lambda: np.count_nonzero(read(path)))


class Deed:
    """Writes a file when it is read from a pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def _keras_files(folder: Path, deed: Path) -> list[Path]:
    import keras

    name = str(deed)
    layer = keras.layers.Lambda(lambda x: (open(name, "w").close(), x)[1])
    model = keras.Sequential([keras.Input((2,)), layer])
    paths = [folder / "code.keras", folder / "code.h5"]
    for path in paths:
        model.save(path)
    deed.unlink()
    return paths


def file_with_code(kind: str) -> str:
    """Read a pickle, a `.keras` and a `.h5` file that hold code."""
    found = []
    with file_for(kind) as path:
        folder, deed = path.parent, path.parent / "deed"
        read, _ = saved(kind, path)
        paths = [folder / "code.pickle"]
        paths[0].write_bytes(pickle.dumps(Deed(deed)))
        if kind == "Keras":
            paths.pop()
        if kind in ("Keras", "deepclust"):
            paths += _keras_files(folder, deed)
        for path in paths:
            try:
                read(path)
                said = "loaded"
            except Exception as error:
                said = type(error).__name__
            ran = ", the code ran" if deed.exists() else ""
            deed.unlink(missing_ok=True)
            found.append(f"{path.suffix} {said}{ran}")
    return "; ".join(found)


def weights_of_nan(kind: str) -> str:
    """Read a model one of whose weights is NaN."""
    with file_for(kind) as path:
        if kind == "deepclust":
            sys.path.insert(0, str(TESTS / "persistence"))
            from forging import forge

            from deepclust import load

            def change(manifest, sections):
                sections["predict"]["encode.weights_.lstm/kernel"][1, 2] = np.nan

            forge(MODEL, path, change)
            load(path)
        elif kind == "Keras":
            import keras

            read, _ = saved(kind, path)
            model = read(path)
            model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
            model.save(path)
            keras.models.load_model(path)
        else:
            import joblib

            read, _ = saved(kind, path)
            model = joblib.load(path)
            name = "topic_embeddings_" if kind == "BERTopic" else "cluster_centers_"
            getattr(model, name)[0] = np.nan
            joblib.dump(model, path)
            read(path)
    return "loaded"


def newer_release(kind: str) -> str:
    """Read a file of a later release."""
    with file_for(kind) as path:
        read, _ = saved(kind, path)
        whole = path.read_bytes()
        if kind == "deepclust":
            sys.path.insert(0, str(TESTS / "persistence"))
            from forging import forge

            from deepclust.persistence import _container

            now, _container.FORMAT = _container.FORMAT, 99
            forge(path, path, lambda manifest, _: manifest.update(min_reader=99))
            _container.FORMAT = now
        elif kind == "Keras":
            with zipfile.ZipFile(path) as archive:
                parts = {name: archive.read(name) for name in archive.namelist()}
            parts["metadata.json"] = b'{"keras_version": "99.0.0"}'
            with zipfile.ZipFile(path, "w") as archive:
                for name, part in parts.items():
                    archive.writestr(name, part)
        else:
            import sklearn

            version = sklearn.__version__.encode()
            path.write_bytes(whole.replace(version, b"9" + version[1:]))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read(path)
    said = Counter(warning.category.__name__ for warning in caught)
    return f"loaded, {', '.join(said) or 'no warning'}"


def full_disk(kind: str) -> str:
    """Save over an old file where the disk is full half-way."""
    with file_for(kind) as path:
        read, write = saved(kind, path)
        old = path.read_bytes()
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, hard))
        try:
            write()
        except Exception as error:
            raised = type(error).__name__
        else:
            raised = "no error"
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        if path.exists() and path.read_bytes() == old:
            return f"{raised}; the old file is there"
        try:
            read(path)
        except Exception as error:
            return f"{raised}; the old file is lost ({type(error).__name__})"
    return f"{raised}; another file is there"


def link_to_another_file(kind: str) -> str:
    """Save where a link to another file stands."""
    with file_for(kind) as path:
        _, write = saved(kind, path)
        other = path.with_name("other")
        other.write_bytes(b"of another program")
        path.unlink()
        path.symlink_to(other)
        write()
        kept = other.read_bytes() == b"of another program"
    return "the link is replaced" if kept else "the other file is overwritten"


def killed_saves(kind: str) -> str:
    """Kill a process that saves, 100 times; then read the file."""
    with file_for(kind) as path:
        (read, write), rng, found = (
            saved(kind, path),
            np.random.default_rng(0),
            Counter(),
        )
        for _ in range(N_FILES):
            child = os.fork()
            if not child:
                while True:
                    write()
            time.sleep(rng.uniform(0.005, 0.1))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            try:
                read(path)
                found["loaded"] += 1
            except Exception as error:
                found[type(error).__name__] += 1
            write()
    return f"of {N_FILES}: " + ", ".join(f"{n} {what}" for what, n in found.items())


def _train(kind: str, folder: str, killed: bool, queue) -> None:
    rng = np.random.default_rng(0)

    def kill(epoch: int) -> None:
        if killed and epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    if kind == "deepclust":
        from deepclust import RNNLSTMEncoder
        from deepclust.encoding._checkpoint import Checkpoints

        sizes = {"rnn_units": 0, "lstm_units": 8, "embedding_dim": 8, "epochs": 6}
        Checkpoints.on_epoch_begin = lambda self, epoch, logs=None: kill(epoch)
        model = RNNLSTMEncoder(
            **sizes, n_pseudo_classes=3, random_state=0, checkpoint_dir=folder
        )
        model.fit([rng.integers(2, 40, 8).tolist() for _ in range(400)])
        queue.put([*model.weights_.values()])
    else:
        import keras

        keras.utils.set_random_seed(0)
        layers = [keras.Input((8,)), keras.layers.Embedding(40, 8)]
        layers.append(keras.layers.LSTM(8))
        model = keras.Sequential([*layers, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        calls = [keras.callbacks.BackupAndRestore(folder)]
        calls.append(
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: kill(e))
        )
        rows = rng.integers(0, 40, (400, 8))
        model.fit(rows, rows[:, :1] / 40, epochs=6, callbacks=calls, verbose=0)
        queue.put(model.get_weights())


def killed_training(kind: str) -> str:
    """Kill the training in the fourth of six epochs, and start it again."""
    context, weights = multiprocessing.get_context("spawn"), []
    with tempfile.TemporaryDirectory() as folder:
        for place, killed in (("a", False), ("b", True), ("b", False)):
            queue, there = context.Queue(), f"{folder}/{place}"
            process = context.Process(target=_train, args=(kind, there, killed, queue))
            process.start()
            if not killed:
                weights.append(queue.get(timeout=300))
            process.join()
    away = max(np.abs(a - b).max() for a, b in zip(*weights, strict=True))
    largest = max(np.abs(a).max() for a in weights[0])
    return "the same bits" if not away else f"weights differ by {away / largest:.1%}"


def _train_until(folder: str, seconds: float, queue) -> None:
    """Train, and kill the process so many seconds after the first epoch began."""
    from deepclust import RNNLSTMEncoder
    from deepclust.encoding._checkpoint import Checkpoints

    begun = []

    def begin(self, epoch, logs=None):
        if not begun:
            begun.append(time.perf_counter())
            if seconds < np.inf:
                kill = (os.getpid(), signal.SIGKILL)
                threading.Timer(seconds, os.kill, kill).start()

    warnings.simplefilter("ignore")  # the network need not learn here
    Checkpoints.on_epoch_begin = begin
    rng = np.random.default_rng(0)
    sizes = {"rnn_units": 4, "lstm_units": 8, "embedding_dim": 8, "epochs": 40}
    model = RNNLSTMEncoder(
        **sizes, n_pseudo_classes=3, random_state=0, checkpoint_dir=folder
    )
    model.fit([rng.integers(2, 40, 8).tolist() for _ in range(400)])
    queue.put(([*model.weights_.values()], time.perf_counter() - begun[0]))


def killed_at_times(n_times: int) -> None:
    """Kill the training at times spread over its epochs, and start it again each time.

    Prints when each was killed, and raises if the weights are not those of a training
    that nothing interrupted.
    """
    context = multiprocessing.get_context("spawn")

    def trained(folder: str, seconds: float = np.inf):
        queue = context.Queue()
        process = context.Process(target=_train_until, args=(folder, seconds, queue))
        process.start()
        found = queue.get(timeout=300) if seconds == np.inf else None
        process.join()
        assert process.exitcode == (0 if found else -signal.SIGKILL), process.exitcode
        return found

    with tempfile.TemporaryDirectory() as folder:
        expected, duration = trained(f"{folder}/whole")
        for n in range(n_times):
            seconds = duration * (n + 0.5) / (n_times + 1)
            trained(f"{folder}/{n}", seconds)
            left = len(os.listdir(f"{folder}/{n}"))
            found, _ = trained(f"{folder}/{n}")
            assert all(map(np.array_equal, found, expected)), n
            print(
                f"killed after {seconds:.2f} of {duration:.2f} s, {left} files left: "
                "the same bits",
                flush=True,
            )


def forked_child(kind: str) -> str:
    """Train in a forked child of a process that has trained."""
    if kind == "Keras":
        import keras

        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        model.compile("sgd", "mse")

        def train():
            model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    elif kind == "BERTopic":
        train = small_bertopic
    elif kind == "scikit-learn":
        from sklearn.cluster import KMeans

        rows = np.random.default_rng(0).normal(size=(5_000, 16))

        def train():
            KMeans(8, n_init=1).fit(rows)
    else:
        from deepclust import RNNLSTMEncoder

        sizes = {"rnn_units": 2, "lstm_units": 0, "embedding_dim": 2, "epochs": 1}

        def train():
            RNNLSTMEncoder(**sizes, random_state=0).fit([[2, 3], [4, 5]] * 20)

    train()
    start, child = time.perf_counter(), os.fork()
    if not child:
        try:
            train()
        except Exception as error:
            os._exit(3 if isinstance(error, RuntimeError) else 4)
        os._exit(0)
    while time.perf_counter() - start < PATIENCE:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            seconds = time.perf_counter() - start
            code = os.waitstatus_to_exitcode(status)
            said = {0: "trains", 3: "RuntimeError"}.get(code, f"exit status {code}")
            return f"{said} after {seconds:.1f} s"
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return f"hangs, ended after {PATIENCE} s"


def eight_threads(kind: str) -> str:
    """Read 300 texts in eight threads at once, five times each."""
    read, texts = reader(kind), corpus()
    expected = read(texts)
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(lambda _: read(texts), range(40))]
    same = sum(np.array_equal(rows, expected) for rows in found)
    away = max(np.abs(rows - expected).max() for rows in found)
    return f"{same} of 40 the same bits" + (f", up to {away:.1e} away" if away else "")


def one_text_and_a_batch(kind: str) -> str:
    """Read 100 texts alone, and in one batch."""
    read, texts = reader(kind), corpus()[:100]
    batch, alone = read(texts), np.concatenate([read([text]) for text in texts])
    same, away = (batch == alone).all(axis=1).sum(), np.abs(batch - alone).max()
    return f"{same} of 100 the same bits" + (f", up to {away:.1e} away" if away else "")
