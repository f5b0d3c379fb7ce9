"""One process that predicts, clusters, saves and loads in 8 threads: is memory flat?

    python examples/benchmarks/soak.py model.dct [seconds]

Every result is compared with the first one. Prints the rounds of each kind of work and
the resident memory after a quarter of the time and at the end; the exit status is 1 if
a result differed or memory grew by more than a tenth.
"""

import gc
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

from deepclust import DBSCAN, load, save

N_THREADS = 8
N_BATCHES = 20  # of partial_fit, until it begins again
LARGEST_GROWTH = 1.1


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def texts_of(model, n_texts: int = 200) -> list[str]:
    """Return texts of random words of the vocabulary."""
    tokens = model["vectorize"].vocabulary_.tokens[2:]
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(tokens, 12)) for _ in range(n_texts)]


class Soak:
    """What the threads share: the model, the first results, and what was counted."""

    def __init__(self, path: str) -> None:
        self.model = load(path)
        self.texts = texts_of(self.model)
        self.labels = self.model.predict(self.texts)
        self.membership = self.model.predict_proba(self.texts)
        rows = self.model[:-1].transform(self.texts)
        self.batches = np.array_split(np.repeat(rows, 3, axis=0), N_BATCHES)
        self.grown = DBSCAN(0.3, min_samples=3).fit(np.concatenate(self.batches))
        self.rounds: Counter = Counter()
        self.errors: list[BaseException] = []
        self.stop = threading.Event()

    def predict(self, _folder: Path) -> None:
        """Predict labels and membership of all texts, and of one alone."""
        np.testing.assert_array_equal(self.model.predict(self.texts), self.labels)
        np.testing.assert_array_equal(
            self.model.predict_proba(self.texts[:9]), self.membership[:9]
        )
        assert self.model.predict(self.texts[7:8]) == self.labels[7:8]

    def partial_fit(self, _folder: Path) -> None:
        """Give a clusterer the rows batch by batch."""
        clusterer = DBSCAN(0.3, min_samples=3)
        for batch in self.batches:
            clusterer.partial_fit(batch)
        np.testing.assert_array_equal(clusterer.labels_, self.grown.labels_)

    def save_and_load(self, folder: Path) -> None:
        """Replace a file, read it, and predict with what was read."""
        loaded = load(save(self.model, folder / "m.dct"))
        np.testing.assert_array_equal(loaded.predict(self.texts), self.labels)

    def work(self, name: str) -> None:
        """Do one kind of work again and again."""
        with tempfile.TemporaryDirectory() as folder:
            while not self.stop.is_set():
                try:
                    getattr(self, name)(Path(folder))
                except BaseException as error:
                    self.errors.append(error)
                    self.stop.set()
                    raise
                self.rounds[name] += 1


def main(path: str, seconds: str = "600") -> int:
    """Run the threads for so many seconds."""
    soak, kinds = Soak(path), ("predict", "partial_fit", "save_and_load")
    threads = [
        threading.Thread(target=soak.work, args=(kinds[n % 3],))
        for n in range(N_THREADS)
    ]
    for thread in threads:
        thread.start()
    soak.stop.wait(float(seconds) / 4)
    quarter = resident()
    soak.stop.wait(float(seconds) * 3 / 4)
    soak.stop.set()
    for thread in threads:
        thread.join()
    end = resident()
    print(
        f"{float(seconds):.0f} s, {N_THREADS} threads, {time.process_time():.0f} s of "
        f"the processor: {dict(soak.rounds)}; {quarter:.0f} MiB after a quarter, "
        f"{end:.0f} MiB at the end; {len(soak.errors)} errors"
    )
    return int(bool(soak.errors) or end > LARGEST_GROWTH * quarter)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
