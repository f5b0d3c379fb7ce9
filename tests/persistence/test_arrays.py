import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepclust.exceptions import ModelFormatError
from deepclust.persistence._arrays import parse_json, read_arrays, write_arrays

TYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
ARRAYS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=5).filter("__metadata__".__ne__),
    st.sampled_from(TYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0))
    ),
    max_size=4,
)


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


@given(ARRAYS)
def test_the_safetensors_package_reads_what_is_written(arrays):
    section = b"".join(write_arrays(arrays))

    same(safetensors.numpy.load(section), arrays)
    same(read_arrays(section), arrays)


@given(ARRAYS)
def test_what_the_safetensors_package_writes_is_read(arrays):
    same(read_arrays(safetensors.numpy.save(arrays)), arrays)


@given(ARRAYS, st.data())
def test_a_changed_section_is_refused_or_read_as_the_package_reads_it(arrays, data):
    section = bytearray(b"".join(write_arrays(arrays)))
    place = data.draw(st.integers(0, len(section) - 1))
    section[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = read_arrays(section)
    except ModelFormatError:
        return
    same(safetensors.numpy.load(bytes(section)), found)


def test_arrays_are_views_of_the_section():
    section = bytearray(b"".join(write_arrays({"a": np.zeros(3)})))

    read_arrays(section)["a"][1] = 7.0

    assert read_arrays(section)["a"].tolist() == [0.0, 7.0, 0.0]


def section_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (b"abc", "too short"),
        (struct.pack("<Q", 2**63), "claims"),
        (section_of(b"{"), "JSON"),
        (section_of(b"[" * 100_000), "JSON"),
        (section_of(b'{"a":1,"a":1}'), "twice"),
        (section_of(b'{"a":NaN}'), "NaN"),
        (section_of([]), "object"),
        (section_of({"a": 1}), "'a' has no type"),
        (section_of({"a\ud800": entry()}, bytes(4)), "half a character"),
        (section_of({"a": entry("O")}, bytes(4)), "no type"),
        (section_of({"a": entry(["F32"])}, bytes(4)), "no type"),
        (section_of({"a": entry(shape=[-1])}, bytes(4)), "no valid shape"),
        (section_of({"a": entry(shape=[True])}, bytes(4)), "no valid shape"),
        (section_of({"a": entry(shape=[2**62])}, bytes(4)), "not fit its place"),
        (section_of({"a": entry(shape=[0, 2**70], offsets=[0, 0])}), "shape"),
        (section_of({"a": entry(offsets=[0, 8])}, bytes(8)), "not fit its place"),
        (section_of({"a": entry(offsets=[4, 8])}, bytes(8)), "not fit its place"),
        (section_of({"a": entry(), "b": entry()}, bytes(4)), "'b' does not fit"),
        (section_of({"a": entry()}, bytes(5)), "1 bytes belong to no array"),
    ],
)
def test_a_section_that_nobody_writes_is_refused(section, message):
    with pytest.raises(ModelFormatError, match=message):
        read_arrays(section)


def test_a_header_has_a_bound():
    section = struct.pack("<Q", 2**20 + 1) + b"{}".ljust(2**20 + 1)
    with pytest.raises(ModelFormatError, match="claims 1,048,577 bytes"):
        read_arrays(section)
    assert read_arrays(struct.pack("<Q", 2**20) + b"{}".ljust(2**20)) == {}
    with pytest.raises(ValueError, match="cannot hold 20,000 arrays"):
        write_arrays({str(n): np.zeros(1) for n in range(20_000)})


def test_json_is_utf_8():
    with pytest.raises(ModelFormatError, match="JSON"):
        parse_json(b'"\xff"')
