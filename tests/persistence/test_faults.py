"""Damaged, forged and foreign files: refused with one clear error, and nothing runs."""

import hashlib
import json
import os
import pickle
import struct
import sys
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from forging import change_state, forge, unpack

from deepclust import TextCleaner, load, save
from deepclust.exceptions import IntegrityError, ModelFormatError
from deepclust.persistence import _container as container
from deepclust.persistence import inspect

# 1, 2: damage -----------------------------------------------------------------------


def test_every_flipped_bit_is_noticed(model_file, tmp_path):
    whole, path = model_file.read_bytes(), tmp_path / "m.dct"
    rng = np.random.default_rng(0)
    places = [*range(0, 8 * 64, 7), *rng.integers(0, 8 * len(whole), 1000).tolist()]
    for place in places:
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(IntegrityError, match=r"m\.dct: "):
            load(path)


def test_every_cut_is_noticed(model_file, tmp_path):
    whole, path = model_file.read_bytes(), tmp_path / "m.dct"
    with open(model_file, "rb") as file:
        model = container.read_manifest(file, lambda message, signature: None)
    rng = np.random.default_rng(0)
    lengths = {0, 1, 16, 63, 64, len(whole) - 1, *model.places.values()}
    for length in [*lengths, *rng.integers(0, len(whole), 1000).tolist()]:
        path.write_bytes(whole[:length])
        with pytest.raises(IntegrityError):
            load(path)


def test_bytes_behind_the_end_are_noticed(model_file, tmp_path):
    path = tmp_path / "m.dct"
    path.write_bytes(model_file.read_bytes() + b"\0")

    with pytest.raises(IntegrityError, match="bytes instead of"):
        load(path)


# 6: sizes ---------------------------------------------------------------------------


def with_header(path, length, text=b"{}"):
    """Write a file whose header claims a manifest of `length` bytes."""
    numbers = struct.pack("<IIQ", 1, 0, length)
    digest = hashlib.sha256(numbers + text).digest()
    path.write_bytes(container.MAGIC + numbers + digest + text)


@pytest.mark.parametrize("length", [3, 2**20 + 1, 2**31, 2**63, 2**64 - 1])
def test_a_manifest_cannot_claim_more_than_there_is(length, tmp_path):
    with_header(tmp_path / "m.dct", length)

    refused_soon(tmp_path / "m.dct")


@pytest.mark.parametrize("length", [2**40, 2**63, -1, 1.5, True, None])
def test_a_section_cannot_claim_more_than_there_is(length, tmp_path):
    text = {"min_reader": 1, "sections": [{"name": "a", "length": length}]}
    text["sections"][0]["sha256"] = ""
    raw = json.dumps(text).encode()
    with_header(tmp_path / "m.dct", len(raw), raw)

    refused_soon(tmp_path / "m.dct")


def refused_soon(path):
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises((IntegrityError, ModelFormatError)):
        load(path)
    seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 1
    assert peak < 50e6


def test_a_manifest_of_a_million_brackets_is_refused(tmp_path):
    with_header(tmp_path / "m.dct", 2**20, b"[" * 2**20)

    refused_soon(tmp_path / "m.dct")


# 7: foreign and forged content ------------------------------------------------------


class Recorder:
    """Record what Python does beside reading, as an audit hook sees it."""

    def __init__(self):
        self.seen = []
        self.on = False
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        watched = ("exec", "import", "compile", "socket", "subprocess", "os.system")
        if self.on and event.startswith(watched) and "pytest" not in str(arguments):
            self.seen.append((event, str(arguments)[:80]))


RECORDER = Recorder()


def refused_without_a_deed(path, error, message=None):
    with pytest.raises(error, match=message):  # the first time imports what it needs
        load(path)
    RECORDER.seen, RECORDER.on = [], True
    try:
        load(path)
    except error:
        pass
    finally:
        RECORDER.on = False
    assert RECORDER.seen == []


@pytest.mark.parametrize("mmap", [False, True])
def test_a_valid_file_is_read_without_a_deed(model_file, mmap):
    load(model_file, mmap=mmap)  # the first time imports what it needs
    RECORDER.seen, RECORDER.on = [], True
    try:
        load(model_file, mmap=mmap)
    finally:
        RECORDER.on = False
    assert RECORDER.seen == []


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("kind", ["pickle", "zip", "hdf5", "empty", "text"])
def test_other_files_are_refused(kind, tmp_path):
    path, deed = tmp_path / "m.dct", tmp_path / "deed"
    if kind == "zip":  # as Keras saves
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../../config.json", '{"class_name": "Lambda"}')
    else:
        content = {"pickle": pickle.dumps(Bomb(str(deed))), "text": b"a,b\n1,2\n"}
        content |= {"hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100), "empty": b""}
        path.write_bytes(content[kind])

    refused_without_a_deed(path, IntegrityError, "no model file")
    assert not deed.exists()


def add_class(name):
    def change(manifest, sections):
        manifest["classes"][0] = name

    return change


def add_array(manifest, sections):
    sections["owner"]["../../etc/passwd"] = np.zeros(3)


def add_section(manifest, sections):
    sections["../x"] = dict(sections["owner"])


def drop_section(manifest, sections):
    del sections["predict"]


def in_state(section, change):
    return lambda manifest, sections: change_state(sections[section], change)


def value(section, number, name, new):
    def change(entries):
        dict(entries)[number][name] = new

    return in_state(section, change)


FORGED = {
    "another class": (add_class("os.system"), "'os.system' is none"),
    "another class of ours": (add_class("DBSCAN"), None),
    "a class that is no text": (add_class(["DBSCAN"]), None),
    "an extra array": (add_array, "extra '../../etc/passwd'"),
    "an extra section": (add_section, "manifest"),
    "no section": (drop_section, None),
    "an unknown object": (value("predict", 0, "steps", {"object": 99}), "no object 99"),
    "itself": (value("predict", 1, "tokenizer", {"object": 0}), "holds itself"),
    "a method": (value("owner", 4, "predict", 1), "attribute 'predict'"),
    "a class attribute": (value("owner", 4, "__class__", "x"), "'__class__'"),
    "in two sections": (value("owner", 4, "eps_", 1.0), "in two sections"),
    "a wrong parameter": (value("predict", 3, "fusion", "eval"), "fusion"),
    "a path": (value("inspect", 2, "word_vectors", "/etc/passwd"), "word_vectors"),
    "a wrong option": (
        value("predict", 3, "_fitted_options", {"dict": [[], []]}),
        None,
    ),
    "a wrong type": (value("predict", 4, "eps_", "1"), "DBSCAN.eps_ is a str"),
    "a boolean": (value("predict", 4, "eps_", True), "DBSCAN.eps_ is a bool"),
    "no steps": (value("predict", 0, "steps", {"dict": [[], []]}), "no steps"),
    "entries twice": (in_state("predict", lambda e: e.append(e[0])), "section"),
    "no entries": (in_state("predict", list.clear), None),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_file_is_refused(forged, model_file, tmp_path):
    change, message = FORGED[forged]
    path = forge(model_file, tmp_path / "m.dct", change)

    refused_without_a_deed(path, ModelFormatError, message)


def test_a_manifest_that_disagrees_with_a_section_is_refused(model_file, tmp_path):
    manifest, _ = unpack(model_file)
    whole = model_file.read_bytes()
    wrong = whole.replace(b'"float32",[', b'"float64",[', 1)
    length = int.from_bytes(whole[24:32], "little")
    with_header(tmp_path / "m.dct", length, wrong[64 : 64 + length])
    with (tmp_path / "m.dct").open("ab") as file:
        file.write(whole[64 + length :])

    assert inspect(tmp_path / "m.dct") != manifest
    refused_without_a_deed(tmp_path / "m.dct", ModelFormatError, "other arrays")


# 8: numbers -------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.nan, np.inf, "float16", "axes"])
@pytest.mark.parametrize(
    ("array", "named"),
    [
        ("encode.weights_.lstm/kernel", r"weights_, array 'lstm/kernel',"),
        ("cluster._X", r"DBSCAN\._X"),
    ],
)
def test_wrong_numbers_are_refused(model_file, tmp_path, wrong, array, named):
    def change(manifest, sections):
        arrays = sections["predict"]
        if wrong == "axes":
            arrays[array] = arrays[array].reshape(-1)
        elif wrong == "float16":
            arrays[array] = arrays[array].astype(wrong)
        else:
            arrays[array][1, 2] = wrong

    path = forge(model_file, tmp_path / "m.dct", change)

    message = "probe texts" if wrong == "axes" and "lstm" in array else named
    with pytest.raises(ModelFormatError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("section", "array", "new"),
    [
        ("predict", "cluster._core_labels", [99]),
        ("predict", "cluster._core_labels", [-1]),
        ("owner", "cluster.core_sample_indices_", [10**6]),
        ("owner", "cluster.core_sample_indices_", "twice"),
        ("owner", "cluster.core_sample_indices_", [-1]),
        ("inspect", "vectorize.vocabulary_.document_frequency", None),
        ("owner", "cluster.labels_", None),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(
    model_file, tmp_path, section, array, new
):
    def change(manifest, sections):
        changed = sections[section][array]
        if new is None:
            sections[section][array] = changed[1:]
        else:
            changed[:1] = changed[1] if new == "twice" else new

    path = forge(model_file, tmp_path / "m.dct", change)

    with pytest.raises(ModelFormatError):
        load(path)


# 9: other formats -------------------------------------------------------------------


def test_a_newer_format_is_refused_clearly(tmp_path, monkeypatch):
    path = save(TextCleaner(), tmp_path / "m.dct")

    def newer(manifest, sections):
        manifest["min_reader"] = 2

    monkeypatch.setattr(container, "FORMAT", 2)
    forge(path, path, newer)
    monkeypatch.undo()

    with pytest.raises(ModelFormatError, match=r"2, .* up to 1\. Install a newer"):
        load(path)
    with pytest.raises(ModelFormatError, match="format 2"):
        inspect(path)


def test_a_newer_format_that_this_reader_understands_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "FORMAT", 2)
    path = save(TextCleaner(stem=True), tmp_path / "m.dct")
    monkeypatch.undo()

    assert load(path).stem


def test_an_error_is_one_line(model_file, tmp_path):
    path = tmp_path / "m.dct"
    path.write_bytes(model_file.read_bytes()[:-1])

    with pytest.raises(IntegrityError) as caught:
        load(path)

    assert str(caught.value).count(os.linesep) == 0
    assert str(caught.value).startswith(str(path))
