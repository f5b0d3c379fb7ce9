"""Every writer: the old file or the new one, never a part, whatever fails."""

import os
import resource
import stat
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from deepclust import save
from deepclust._atomic_file import replacing
from deepclust.cli import _run
from deepclust.cli._output import write_table
from deepclust.persistence import export_pipeline, export_tokenizer
from deepclust.reporting import write_report

TABLE = pd.DataFrame({"cluster": range(900), "text": [f"text {i}" for i in range(900)]})


@contextmanager
def full_disk(n_bytes=300):
    """Let no file of this process grow beyond some bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def report(path, pipeline):
    write_report(None, ["red apple", "old car"], path, labels=[0, 1])


def picture(path, pipeline):
    _run._draw_map(path, np.eye(6), np.array([0, 0, 0, 1, 1, -1]), {}, 0)


def network(path, pipeline):
    pipeline["encode"].export_onnx(path)


def tokenizer(path, pipeline):
    export_tokenizer(pipeline["clean"], pipeline["vectorize"], path)


def model(path, pipeline):
    save(pipeline, path)


def csv(path, pipeline):
    write_table(path, TABLE, "csv")


def parquet(path, pipeline):
    write_table(path, TABLE, "parquet")


WRITERS = [report, picture, network, tokenizer, model, csv, parquet]


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_leaves_the_old_file(write, tmp_path, fitted_clusterer):
    path = tmp_path / "result"
    path.write_text("old")
    write(tmp_path / "first", fitted_clusterer)  # imports all that it needs

    with full_disk(), pytest.raises(OSError, match="File too large"):
        write(path, fitted_clusterer)

    assert path.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["first", "result"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_is_replaced_and_not_followed(write, tmp_path, fitted_clusterer):
    target, link = tmp_path / "private", tmp_path / "result"
    target.write_text("old")
    link.symlink_to(target)

    write(link, fitted_clusterer)

    assert target.read_text() == "old"
    assert not link.is_symlink()
    assert link.stat().st_size > 300


def test_an_exported_pipeline_follows_no_link(tmp_path, fitted_clusterer):
    target = tmp_path / "private"
    target.write_text("old")
    folder = tmp_path / "exported"
    folder.mkdir()
    (folder / "tokenizer.py").symlink_to(target)

    export_pipeline(fitted_clusterer, folder)

    assert target.read_text() == "old"
    assert len(os.listdir(folder)) == 3


def test_permissions_are_those_of_the_old_file_or_of_the_umask(tmp_path):
    old = tmp_path / "old"
    old.write_text("old")
    old.chmod(0o640)
    plain = tmp_path / "plain"
    plain.write_text("as the umask has it")

    for path in (old, tmp_path / "new"):
        with replacing(path) as part:
            part.write_text("new")

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (old, tmp_path / "new")]
    assert modes == [0o640, stat.S_IMODE(plain.stat().st_mode)]


def test_an_interrupted_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a") as part:  # noqa: PT012
        part.write_text("half")
        raise KeyboardInterrupt

    assert not os.listdir(tmp_path)


def test_a_folder_and_a_missing_folder_are_refused_before_the_work(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"), replacing(tmp_path):
        pytest.fail("the block ran")
    missing = tmp_path / "no" / "a"
    with pytest.raises(FileNotFoundError), replacing(missing):
        pytest.fail("the block ran")


def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    with replacing(pipe) as part:
        part.write_text("through")

    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with replacing("/dev/null") as part:
        assert str(part) == "/dev/null"
