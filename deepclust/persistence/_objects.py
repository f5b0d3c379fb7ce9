"""Estimators as sections: objects by number, attributes in the section of their role.

Objects that two estimators share, such as the vocabulary, are written once. A reader
who cannot open a section gets objects without its attributes.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepclust.exceptions import ModelFormatError
from deepclust.persistence._arrays import parse_json
from deepclust.persistence._registry import (
    CLASSES,
    ROLES,
    build,
    class_name_of,
    parameters_of,
    role_of,
    state_of,
)
from deepclust.persistence._values import ValueReader, ValueWriter

__all__ = ["objects_to_sections", "sections_to_object"]

STATE = "state"  # the array with the JSON of a section
MAX_STATE = 1 << 20  # bytes
MAX_NESTED = 16  # objects in objects


def objects_to_sections(
    root: Any, *, for_all: bool = True
) -> tuple[list[str], dict[str, dict[str, np.ndarray]]]:
    """Return the classes of all objects, and the arrays of each section.

    Parameters
    ----------
    root : estimator

    for_all : bool, default=True
        Whether all readers get all sections.

    Returns
    -------
    class_names : list of str
        Of the objects by number; 0 is `root`.

    sections : dict of str to dict of str to ndarray
        For every role its arrays; one of them is the JSON of all other values.

    Raises
    ------
    TypeError
        If a model file cannot hold an object or a value.
    """
    found: list[tuple[Any, str]] = []  # objects, and the attributes that hold them
    numbers: dict[int, int] = {}

    def number_of(value: Any, where: str) -> int | None:
        """Return the number of an object; None if the value is none."""
        if class_name_of(value) is None:
            return None
        if id(value) not in numbers:
            numbers[id(value)] = len(found)
            found.append((value, where))
        return numbers[id(value)]

    if number_of(root, "") is None:
        raise TypeError(
            "A model file holds a pipeline or an estimator of deepclust. Received: "
            f"{type(root).__name__}. Of a search, save best_estimator_."
        )
    writers = {role: ValueWriter(number_of) for role in ROLES}
    states: dict[str, dict[int, dict]] = {role: {} for role in ROLES}
    for number, (value, where) in enumerate(found):  # grows while it is walked
        class_name, parameters = type(value).__name__, parameters_of(type(value))
        for name, attribute in state_of(value, for_all=for_all).items():
            role = role_of(class_name, name, parameters)
            path = f"{where}.{name}".lstrip(".").replace("steps.", "", 1)
            encoded = writers[role].encode(attribute, path)
            states[role].setdefault(number, {})[name] = encoded
    names = [type(value).__name__ for value, _ in found]
    return names, {
        role: {STATE: _state_as_array(states[role]), **writers[role].arrays}
        for role in ROLES
    }


def sections_to_object(
    class_names: list[str], sections: Mapping[str, dict[str, np.ndarray]]
) -> Any:
    """Return object 0 of these sections.

    Parameters
    ----------
    class_names : list of str
        As `objects_to_sections` returns them.

    sections : dict of str to dict of str to ndarray
        Of the roles that can be read.

    Raises
    ------
    ModelFormatError
        If a class is not one that a model file may hold, or anything is missing, too
        much, or of another type.
    """
    unknown = [
        name for name in class_names if not isinstance(name, str) or name not in CLASSES
    ]
    if unknown or not class_names:
        raise ModelFormatError(
            f"class {unknown[0]!r} is none that a model file may hold"
            if unknown
            else "it holds no object"
        )
    built: dict[int, Any] = {}
    readers = {
        role: ValueReader(arrays, lambda number: object_of(number))
        for role, arrays in sections.items()
    }
    states = {role: _state_of_section(arrays) for role, arrays in sections.items()}

    def object_of(number: int) -> Any:
        """Build an object, and those that it holds, once."""
        if number not in built:
            if not 0 <= number < len(class_names) or len(begun) > MAX_NESTED:
                raise ModelFormatError(f"there is no object {number}")
            if number in begun:
                raise ModelFormatError(f"object {number} holds itself")
            begun.append(number)
            built[number] = build(class_names[number], attributes_of(number))
            begun.pop()
        return built[number]

    def attributes_of(number: int) -> dict[str, Any]:
        """Read an object's attributes from all sections."""
        attributes: dict[str, Any] = {}
        for role, reader in readers.items():
            for name, value in states[role].pop(number, {}).items():
                if name in attributes:
                    raise ModelFormatError(f"{name!r} is in two sections")
                attributes[name] = reader.decode(value)
        return attributes

    begun: list[int] = []
    try:
        root = object_of(0)
        for role, reader in readers.items():
            reader.unused.discard(STATE)
            if reader.unused or states[role]:
                extra = sorted(reader.unused) or [f"object {min(states[role])}"]
                raise ModelFormatError(f"section {role!r} holds an extra {extra[0]!r}")
        return root
    finally:
        readers.clear()  # which refer to themselves: the arrays would stay in memory
        built.clear()


def _state_as_array(state: dict[int, dict]) -> np.ndarray:
    text = json.dumps([*state.items()]).encode()
    if len(text) > MAX_STATE:
        raise TypeError(
            "A model file cannot hold more than 1 MiB of values outside of arrays and "
            f"long lists; here are {len(text):,} bytes."
        )
    return np.frombuffer(text, dtype=np.uint8)


def _state_of_section(arrays: dict[str, np.ndarray]) -> dict[int, dict[str, Any]]:
    """Return the attributes in a section, by the number of the object."""
    text = arrays.get(STATE)
    if text is None or str(text.dtype) != "uint8" or text.nbytes > MAX_STATE:
        raise ModelFormatError("a section does not say what it holds")
    entries = parse_json(text.tobytes())
    valid = isinstance(entries, list) and all(
        isinstance(entry, list) and [type(part) for part in entry] == [int, dict]
        for entry in entries
    )
    if not valid or len({number for number, _ in entries}) < len(entries):
        raise ModelFormatError("a section does not say what it holds")
    return dict(entries)
