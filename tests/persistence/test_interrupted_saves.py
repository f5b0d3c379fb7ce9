"""A save that fails or is killed leaves the old file, or the new one."""

import os
import subprocess
import sys

import numpy as np
import pytest

from deepclust import DBSCAN, TextCleaner, load, save
from deepclust.persistence import _container

resource = pytest.importorskip("resource")


def test_a_full_disk_leaves_the_old_file(model_file, tmp_path):
    """10: the system refuses to write at every 6,000th byte."""
    path, model = save(TextCleaner(), tmp_path / "m.dct"), load(model_file)
    old, size = path.read_bytes(), model_file.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, size, 6_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                save(model, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == old
        assert os.listdir(tmp_path) == ["m.dct"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_failure_at_the_end_leaves_the_old_file(step, tmp_path, monkeypatch):
    path = save(TextCleaner(), tmp_path / "m.dct")
    old = path.read_bytes()

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match="disk full"):
        save(TextCleaner(stem=True), path)

    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["m.dct"]


def test_a_large_file_is_flushed_while_it_is_written(tmp_path, monkeypatch):
    path = save(TextCleaner(), tmp_path / "m.dct")
    old, flushed, flush = path.read_bytes(), [], os.fsync
    model = DBSCAN().fit(np.random.default_rng(0).random((500, 8)))
    monkeypatch.setattr(_container, "FLUSHED", 4_000)
    monkeypatch.setattr(_container, "BLOCK", 1_000)

    def fail_at_third(descriptor):
        flushed.append(os.fstat(descriptor).st_size)
        if len(flushed) == 3:
            raise OSError("disk full")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fail_at_third)
    with pytest.raises(OSError, match="disk full"):
        save(model, path)

    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["m.dct"]
    assert flushed[0] < flushed[2] < 20_000
    save(model, path)
    np.testing.assert_array_equal(load(path).labels_, model.labels_)


KILLED = """
import os, random, signal, sys, time
from deepclust import load, save
path, files = sys.argv[1], sys.argv[2:]
models = [load(file) for file in files]
contents = [open(file, "rb").read() for file in files]
random.seed(0)
save(models[0], path)
for n in range(100):
    child = os.fork()
    if not child:
        while True:
            for model in models:
                save(model, path)
    time.sleep(random.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(path, "rb") as file:
        print(contents.index(file.read()))
"""


def test_a_killed_save_leaves_the_old_or_the_new_file(tmp_path):
    """11: SIGKILL, a hundred times; the same model gives the same bytes."""
    rows = np.random.default_rng(0).standard_normal((3_000, 2))
    fitted = [DBSCAN(eps=eps, min_samples=3).fit(rows) for eps in (0.1, 0.2)]
    files = [save(m, tmp_path / f"{n}.dct") for n, m in enumerate(fitted)]

    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "m.dct", *files],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # threads are not forked
    )

    assert len(done.stdout.split()) == 100
    load(tmp_path / "m.dct")


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_is_replaced_and_not_followed(tmp_path):
    target = tmp_path / "real.dct"
    target.write_bytes(b"old")
    (tmp_path / "link.dct").symlink_to(target)

    save(TextCleaner(), tmp_path / "link.dct")

    assert not (tmp_path / "link.dct").is_symlink()
    assert target.read_bytes() == b"old"
