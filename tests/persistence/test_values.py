import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust import RNNLSTMEncoder, load, save
from deepclust.exceptions import ModelFormatError
from deepclust.persistence._arrays import read_arrays, write_arrays
from deepclust.persistence._registry import build
from deepclust.persistence._values import LONG, ValueReader, ValueWriter

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters()),  # lone surrogates, too
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(PLAIN, inner, max_size=3)
        | st.frozensets(st.integers(), max_size=3)
    ),
    max_leaves=10,
)


def again(value):
    writer = ValueWriter(lambda value, where: None)
    written = json.loads(json.dumps(writer.encode(value, "a")))
    section = b"".join(write_arrays(writer.arrays))
    reader = ValueReader(read_arrays(section), None)
    read = reader.decode(written)
    assert not reader.unused
    return read


def with_sorted_sets(value):
    """Return what tells values apart: types and order, but for that of sets."""
    if isinstance(value, dict):
        return dict, [(key, with_sorted_sets(part)) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [with_sorted_sets(part) for part in value]
    return (frozenset, sorted(value)) if isinstance(value, frozenset) else value


@given(VALUES)
def test_values_come_back(value):
    read = again(value)

    assert repr(with_sorted_sets(read)) == repr(with_sorted_sets(value))


@pytest.mark.parametrize(
    "value",
    [
        ["a", "", "ü\ud800"] * LONG,
        tuple(range(LONG)),
        [2**70] * LONG,
        [True, False] * LONG,
        [0.1, math.inf] * LONG,
        [1, True] * LONG,
        {n: f"name {n}" for n in range(LONG)},
        {"a": {"b": [None]}},
        {3, 1, 2},
        2**70,
        -0.0,
    ],
)
def test_long_lists_and_nested_values_come_back(value):
    assert repr(again(value)) == repr(value)


def test_long_lists_are_no_json():
    writer = ValueWriter(lambda value, where: None)

    assert len(json.dumps(writer.encode(["word"] * 100_000, "a"))) < 100


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12)[::3],
        np.arange(3, dtype=">i4"),
        np.zeros((0, 3)),
        np.array(7),
        np.array(["a", "bcd"]),
        np.array([["a", None], [1, "b"]], dtype=object),
        np.array([math.nan, -math.inf]),
    ],
)
def test_arrays_come_back(array):
    read = again(array)

    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.shape == array.shape
    assert read.tolist() == array.tolist() or np.isnan(array).any()
    assert read.flags.f_contiguous == array.flags.f_contiguous or array.ndim != 2


def test_numpy_scalars_keep_their_type():
    read = again([np.float32(0.1), np.bool_(True), np.int16(-3)])

    assert [type(value) for value in read] == [np.float32, np.bool_, np.int16]
    assert read == [np.float32(0.1), True, -3]


def test_a_data_frame_comes_back():
    frame = pd.DataFrame({"eps": [0.1, math.nan], "n": [1, 2], "kind": ["a", "b"]})

    pd.testing.assert_frame_equal(again(frame), frame)


def test_one_array_in_two_places_is_written_once():
    array = np.arange(3)

    first, second = again([array, array])

    assert first is second


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"tokenizer": print}, "here.tokenizer, a builtins.builtin_function"),
        ([1, 2 + 3j], "here.1, a builtins.complex"),
        (np.zeros(2, dtype=complex), "complex128"),
        (np.ma.zeros(2), "MaskedArray"),
        (pd.DataFrame({"a": [1]}, index=["x"]), "default index"),
        (type("Int", (int,), {})(3), "Int"),
    ],
)
def test_what_cannot_be_written_is_named(value, name):
    with pytest.raises(TypeError, match=name):
        ValueWriter(lambda value, where: None).encode(value, "here")


@pytest.mark.parametrize(
    "written",
    [
        [1],
        {},
        {"list": [], "tuple": []},
        {"__class__": []},
        {"decode": []},
        {"float": "1"},
        {"float": []},
        {"array": "no"},
        {"array": ["a"]},
        {"scalar": "a"},
        {"list": {"array": "a"}},
        {"list": {"strings": ["a", "a"]}},
        {"list": {"strings": "a"}},
        {"list": {"numbers": "matrix"}},
        {"list": 3},
        {"set": [{"list": []}]},
        {"dict": [[1], []]},
        {"dict": [[{"list": []}], [1]]},
        {"dict": [1]},
        {"frame": 3},
        {"frame": {"dict": [["a", "b"], [{"array": "a"}, {"array": "matrix"}]]}},
        {"str_array": [[1], [1]]},
        {"csr_array": ["a", "a"]},
        {"csr_array": ["a", "a", "a", [2, 2]]},
        {"csr_array": ["a", "a", "ends", [1, 3]]},
        {"csr_array": ["a", "matrix", "matrix", ["x"]]},
        {"csr_array": ["a", "columns", "ends", [1, 3], 0]},
        {"csr_array": 4},
        {"str_array": [["a"], [2]]},
        {"object_array": [["a"], [-1]]},
        {"object": 1},
        {"object": "os.system"},
    ],
)
def test_what_nobody_writes_is_refused(written):
    arrays = {"a": np.arange(3.0), "matrix": np.zeros((2, 2), dtype=np.int64)}
    arrays |= {"columns": np.arange(3), "ends": np.array([0, 3])}

    with pytest.raises(ModelFormatError):
        ValueReader(arrays, None).decode(written)


def test_values_are_not_nested_without_bound():
    written = 1
    for _ in range(100):
        written = {"list": [written]}

    with pytest.raises(ModelFormatError, match="deeply"):
        ValueReader({}, None).decode(written)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        (b"ab", [1, 2]),
        (b"ab", [-1, 3]),
        (b"ab", [2**62, 2**62]),
        (b"\xff", [1]),
        ("é".encode(), [1, 1]),
    ],
)
def test_strings_fit_their_lengths(text, lengths):
    flat, counts = np.frombuffer(text, dtype=np.uint8), np.array(lengths)

    with pytest.raises(ModelFormatError, match="string"):
        ValueReader({"t": flat, "n": counts}, None).decode(
            {"list": {"strings": ["t", "n"]}}
        )


def test_a_folder_of_checkpoints_is_neither_saved_nor_read(tmp_path):
    path = save(RNNLSTMEncoder(checkpoint_dir="folder-of-mine"), tmp_path / "m.dct")

    assert b"folder-of-mine" not in path.read_bytes()
    assert load(path).checkpoint_dir is None
    forged = build("RNNLSTMEncoder", {"checkpoint_dir": "/elsewhere"})
    assert forged.checkpoint_dir is None
