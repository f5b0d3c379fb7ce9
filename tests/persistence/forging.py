"""Changing a model file as an attacker would: every digest is computed again."""

import json

import numpy as np

from deepclust.persistence._arrays import read_arrays, write_arrays
from deepclust.persistence._container import read_manifest, read_section, write_file


def unpack(path):
    """Return the manifest and the arrays of every section."""
    with open(path, "rb") as file:
        model = read_manifest(file, lambda message, signature: None)
        sections = {
            name: read_arrays(bytes(read_section(file, model, name)))
            for name in model.places
        }
    return model.manifest, {
        section: {name: array.copy() for name, array in arrays.items()}
        for section, arrays in sections.items()
    }


def pack(path, manifest, sections):
    """Write a file of these; the manifest keeps its table of arrays."""
    write_file(path, manifest, {k: write_arrays(v) for k, v in sections.items()})
    return path


def forge(source, target, change):
    """Write `source` to `target` with what `change(manifest, sections)` changes."""
    manifest, sections = unpack(source)
    change(manifest, sections)
    manifest["arrays"] = {
        section: {n: [str(a.dtype), list(a.shape)] for n, a in arrays.items()}
        for section, arrays in sections.items()
    }
    return pack(target, manifest, sections)


def change_state(arrays, change):
    """Change the JSON of a section: `change(entries)` gets [[number, attributes]]."""
    entries = json.loads(arrays["state"].tobytes())
    change(entries)
    arrays["state"] = np.frombuffer(json.dumps(entries).encode(), dtype=np.uint8)
