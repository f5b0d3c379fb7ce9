"""Attribute values of an estimator as JSON and arrays, and back.

A value is None, bool, int, float, str; a list, tuple, set, frozenset or dict of values;
an array; a numpy scalar; a DataFrame; a csr_array; or an object of a registered class,
which is written as its number. Everything but JSON's own scalars is a JSON object with
a single entry that names the kind. Long lists are arrays: JSON stays small, and is read
fast.

Nothing else can be written or read. In particular, no name of a class or function is
looked up here.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from deepclust.exceptions import ModelFormatError
from deepclust.persistence._arrays import can_hold

__all__ = ["ValueReader", "ValueWriter"]

_FRAMES = ("pandas.DataFrame", "pandas.core.frame.DataFrame")
LONG = 64  # items, from which a list of equal types is an array
MAX_DEPTH = 32
_CONTAINERS = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_DTYPE_OF = {int: "int64", float: "float64", bool: "bool"}
_INT64 = range(-(2**63), 2**63)


class ValueWriter:
    """Turn values into JSON, and collect the arrays they hold.

    Parameters
    ----------
    number_of : callable
        object, attribute → its number, or None if it is of no registered class.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The arrays, under the names of the attributes that hold them.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.persistence._values import ValueReader, ValueWriter
    >>> writer = ValueWriter(lambda value, where: None)
    >>> writer.encode((1, float("inf"), np.arange(2)), "a")
    {'tuple': [1, {'float': 'inf'}, {'array': 'a.2'}]}
    >>> ValueReader(writer.arrays, None).decode(_)
    (1, inf, array([0, 1]))
    """

    def __init__(self, number_of: Callable[[Any, str], int | None]) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._number_of = number_of
        self._names: dict[int, str] = {}  # of arrays, by their identity

    def encode(self, value: Any, where: str) -> Any:
        """Return the JSON of a value.

        Parameters
        ----------
        value : Any
        where : str
            The attribute, for names of arrays and for messages.

        Raises
        ------
        TypeError
            If a model file cannot hold the value.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value), where)}
        if isinstance(value, np.ndarray):
            return self._encode_array(value, where)
        for kind, container in _CONTAINERS.items():
            if type(value) is container:
                items = sorted(value, key=repr) if "set" in kind else value
                return {kind: self._encode_items(items, where)}
        if type(value) is dict:
            keys = self._encode_items([*value], f"{where}.keys")
            return {"dict": [keys, self._encode_items([*value.values()], where, value)]}
        if isinstance(value, csr_array):
            names = ("data", "indices", "indptr")
            parts = [self._array(getattr(value, n), f"{where}.{n}") for n in names]
            return {"csr_array": [*parts, list(value.shape)]}
        if _class_name(value) in _FRAMES:
            return {"frame": self._encode_frame(value, where)}
        number = self._number_of(value, where)
        if number is None:
            raise TypeError(
                f"A model file cannot hold {where}, a {_class_name(value)}: it holds "
                "plain values, arrays and deepclust's own estimators. Set it to such a "
                "value before saving, or use joblib for files that only you will open."
            )
        return {"object": number}

    def _array(self, array: np.ndarray, where: str) -> str:
        """Return the name under which an array is kept."""
        known = self._names.get(id(array))
        if known is not None:
            return known
        name, count = where, 1
        while name in self.arrays:
            count += 1
            name = f"{where} ({count})"
        self.arrays[name] = array  # which also keeps its identity from being used again
        self._names[id(array)] = name
        return name

    def _encode_array(self, array: np.ndarray, where: str) -> Any:
        if type(array) is np.ndarray and array.dtype.kind in "UO":
            items = self._encode_items(array.reshape(-1).tolist(), where)
            kind = "str_array" if array.dtype.kind == "U" else "object_array"
            return {kind: [items, list(array.shape)]}
        if type(array) is not np.ndarray or not can_hold(array.dtype):
            raise TypeError(
                f"A model file cannot hold {where}: {_class_name(array)} of "
                f"{array.dtype}. Use joblib for files that only you will open."
            )
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            # the layout decides the last bit of a matrix product
            return {"fortran_array": self._array(array.T, where)}
        return {"array": self._array(array, where)}

    def _encode_items(
        self, items: Sequence[Any], where: str, names: Iterable[Any] | None = None
    ) -> Any:
        """Return a list, or the arrays of a long list of strings or numbers."""
        kinds: set[type] = set(map(type, items)) if len(items) >= LONG else set()
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is str:
            flat, lengths = _join_strings(items)
            parts: dict[str, np.ndarray] = {
                f"{where}.utf8": flat,
                f"{where}.lengths": lengths,
            }
            return {
                "strings": [self._array(part, name) for name, part in parts.items()]
            }
        if kind in _DTYPE_OF and (kind is not int or all(i in _INT64 for i in items)):
            numbers: np.ndarray = np.array(items, dtype=_DTYPE_OF[kind])
            return {"numbers": self._array(numbers, where)}
        named = zip(range(len(items)) if names is None else names, items, strict=True)
        return [self.encode(item, f"{where}.{name}") for name, item in named]

    def _encode_frame(self, frame: Any, where: str) -> Any:
        if not frame.columns.is_unique or list(frame.index) != list(range(len(frame))):
            raise TypeError(
                f"A model file cannot hold {where}: a DataFrame needs columns of "
                "different names and the default index. Call reset_index(drop=True)."
            )
        columns = {name: frame[name].to_numpy() for name in frame.columns}
        return self.encode(columns, where)


def _class_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


class ValueReader:
    """Turn JSON of `ValueWriter` back into values.

    Parameters
    ----------
    arrays : dict of str to ndarray

    object_of : callable
        number → object.

    Attributes
    ----------
    unused : set of str
        Names of arrays that no value has referred to so far.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], object_of: Callable[[int], Any] | None
    ) -> None:
        self.unused = set(arrays)
        self._arrays = arrays
        self._object_of = object_of

    def decode(self, value: Any, depth: int = 0) -> Any:
        """Return the value of some JSON.

        Raises
        ------
        ModelFormatError
            If it is not as `ValueWriter` writes it.
        """
        if value is None or type(value) in (bool, int, float, str):
            return value
        if depth > MAX_DEPTH:
            raise ModelFormatError("its values are nested too deeply")
        kind, content = _only_entry(value)
        if kind in _CONTAINERS:
            return _hashable(_CONTAINERS[kind], self._items(content, depth))
        read = getattr(self, f"_read_{kind}", None) if kind in _KINDS else None
        if read is None:
            raise ModelFormatError(f"it holds a value of the unknown kind {kind!r}")
        return read(content, depth)

    def _read_float(self, content: Any, depth: int) -> float:
        if content not in ("nan", "inf", "-inf"):
            raise ModelFormatError(f"{content!r} is no number")
        return float(content)

    def _read_scalar(self, content: Any, depth: int) -> Any:
        array = self._read_array(content, depth)
        if array.shape != ():
            raise ModelFormatError(f"array {content!r} is no scalar")
        return array[()]

    def _read_array(self, content: Any, depth: int = 0) -> np.ndarray:
        if not isinstance(content, str) or content not in self._arrays:
            raise ModelFormatError(f"the array {content!r} is missing")
        self.unused.discard(content)
        return self._arrays[content]

    def _read_fortran_array(self, content: Any, depth: int) -> np.ndarray:
        return self._read_array(content, depth).T

    def _read_str_array(self, content: Any, depth: int) -> np.ndarray:
        return self._array_of_items(content, depth, np.str_)

    def _read_object_array(self, content: Any, depth: int) -> np.ndarray:
        return self._array_of_items(content, depth, object)

    def _read_dict(self, content: Any, depth: int) -> dict:
        keys, values = (self._items(part, depth) for part in _pair(content))
        if len(keys) != len(values):
            raise ModelFormatError("a dict has not as many keys as values")
        return _hashable(dict, [*zip(keys, values, strict=True)])

    def _read_csr_array(self, content: Any, depth: int) -> csr_array:
        if not isinstance(content, list) or len(content) != 4:
            raise ModelFormatError("a sparse array is not complete")
        parts = tuple(self._read_array(name) for name in content[:3])
        if any(part.dtype.kind != "i" or part.ndim != 1 for part in parts[1:]):
            raise ModelFormatError("a sparse array has places that are not numbers")
        try:
            sparse = csr_array(parts, shape=content[3])
            sparse.check_format(full_check=True)
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise ModelFormatError(f"a sparse array is not valid: {error}") from error
        return sparse

    def _read_frame(self, content: Any, depth: int) -> Any:
        import pandas as pd

        columns = self.decode(content, depth + 1)
        if not isinstance(columns, dict):
            raise ModelFormatError("a DataFrame has no columns")
        if len({np.shape(column) for column in columns.values()}) > 1 or any(
            np.ndim(column) != 1 for column in columns.values()
        ):
            raise ModelFormatError("the columns of a DataFrame differ in length")
        return pd.DataFrame(columns)

    def _read_object(self, content: Any, depth: int) -> Any:
        if type(content) is not int or self._object_of is None:
            raise ModelFormatError(f"there is no object {content!r}")
        return self._object_of(content)

    def _array_of_items(self, content: Any, depth: int, dtype: Any) -> np.ndarray:
        items, shape = _pair(content)
        items = self._items(items, depth)
        valid = isinstance(shape, list) and all(
            type(n) is int and n >= 0 for n in shape
        )
        if not valid or math.prod(shape) != len(items) or len(shape) > MAX_DEPTH:
            raise ModelFormatError("the shape of an array does not fit its items")
        if dtype is np.str_:
            if not all(isinstance(item, str) for item in items):
                raise ModelFormatError("an array of strings holds something else")
            return np.array(items, dtype=dtype).reshape(shape)
        array = np.empty(len(items), dtype=object)
        array[:] = items
        return array.reshape(shape)

    def _items(self, content: Any, depth: int) -> list[Any]:
        if isinstance(content, list):
            return [self.decode(item, depth + 1) for item in content]
        kind, content = _only_entry(content)
        if kind == "numbers":
            numbers = self._read_array(content)
            if str(numbers.dtype) not in _DTYPE_OF.values() or numbers.ndim != 1:
                raise ModelFormatError(f"array {content!r} is no list of numbers")
            return numbers.tolist()
        if kind != "strings":
            raise ModelFormatError(f"a list is of the unknown kind {kind!r}")
        flat, lengths = (self._read_array(name) for name in _pair(content))
        return _split_strings(flat, lengths)


_KINDS = {
    "float", "scalar", "array", "fortran_array", "str_array", "object_array", "dict",
    "frame", "object", "csr_array",
}  # fmt: skip


def _only_entry(value: Any) -> tuple[str, Any]:
    if not isinstance(value, dict) or len(value) != 1:
        raise ModelFormatError("it holds a value of no known kind")
    return next(iter(value.items()))


def _pair(content: Any) -> list[Any]:
    if not isinstance(content, list) or len(content) != 2:
        raise ModelFormatError("it holds a value that is not complete")
    return content


def _hashable(container: Any, items: list[Any]) -> Any:
    """Return the container of the items, which may have to be hashable."""
    try:
        return container(items)
    except TypeError as error:
        raise ModelFormatError(
            f"a value cannot be in a {container.__name__}"
        ) from error


def _join_strings(items: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return strings as the bytes of all, and the number of bytes of each."""
    text = "".join(items).encode("utf-8", "surrogatepass")
    flat = np.frombuffer(text, dtype=np.uint8)
    starts = np.append(np.flatnonzero(_begins(flat)), len(flat))  # of characters
    ends = starts[np.cumsum([len(item) for item in items])]
    return flat, np.diff(ends, prepend=0)


def _split_strings(flat: np.ndarray, lengths: np.ndarray) -> list[str]:
    types = (str(flat.dtype), flat.ndim, str(lengths.dtype), lengths.ndim)
    if types != ("uint8", 1, "int64", 1) or (lengths < 0).any():
        raise ModelFormatError("a list of strings has arrays of other types")
    if (lengths > len(flat)).any() or int(lengths.sum()) != len(flat):
        raise ModelFormatError("the strings of a list do not fit their lengths")
    begins, ends = np.append(_begins(flat), True), np.cumsum(lengths)
    try:
        text = flat.tobytes().decode("utf-8", "surrogatepass")
        if not begins[ends].all():
            raise ValueError("a string ends within a character")
    except ValueError as error:
        raise ModelFormatError("a string is not UTF-8") from error
    places = np.cumsum(begins)[ends] - 1  # characters before each end
    return [text[i:j] for i, j in pairwise([0, *places.tolist()])]


def _begins(flat: np.ndarray) -> np.ndarray:
    """Return which bytes of UTF-8 begin a character."""
    return (flat & 0xC0) != 0x80
