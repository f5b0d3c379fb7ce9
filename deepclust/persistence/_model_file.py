"""save, load and inspect: a fitted pipeline in one file that runs no code.

1. The estimators become plain values and arrays (`_objects.py`, `_values.py`); which
   classes and attributes there may be is a closed list (`_registry.py`).
2. Each role's arrays are a section in the safetensors format (`_arrays.py`).
3. Sections and a JSON manifest are one file (`_container.py`), written as a whole.

Reading goes the other way round, and stops at the first thing that is not as written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepclust.exceptions import ModelFileError, ModelFormatError
from deepclust.persistence._arrays import array_table, read_arrays, write_arrays
from deepclust.persistence._container import (
    FORMAT,
    read_manifest,
    read_section,
    write_file,
)
from deepclust.persistence._objects import objects_to_sections, sections_to_object
from deepclust.persistence._probes import (
    check_probes,
    library_versions,
    probe_embeddings,
)
from deepclust.persistence._registry import ROLES

__all__ = ["inspect", "load", "save"]

PROFILES = {"full": ROLES, "predict": ("predict",)}


def save(model: Any, path: Any, *, profile: str = "full") -> Path:
    """Write a fitted pipeline, or one of its steps, to a file that runs no code.

    Parameters
    ----------
    model : Pipeline, TextCleaner, Vectorizer, RNNLSTMEncoder or DBSCAN
        A pipeline of deepclust's steps, or part of one.

    path : path
        Of the file, by custom `.dct`. A file there is replaced once the new one is
        complete.

    profile : {"full", "predict"}, default="full"
        "full" keeps all that `fit` found. "predict" keeps what new texts need: the
        vocabulary, the weights of the network and the embeddings of core points.

    Returns
    -------
    path : Path

    Raises
    ------
    TypeError
        If the model holds what a file cannot hold, such as a function or an estimator
        of another package; the message names it.
    ValueError
        If the profile is unknown.
    OSError
        If the file cannot be written. The old one is still there.

    See Also
    --------
    load : Read the file.
    inspect : See what is in it.
    export_pipeline : An encoder for other languages and runtimes.

    Notes
    -----
    The same model gives the same bytes. Of a pipeline, `memory` is not saved: a cache
    consists of pickles. About 0.5 GB/s; memory beyond the model: a copy of the rows of
    `fit`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from deepclust import DBSCAN, load, save
    >>> model = DBSCAN(eps=0.2, min_samples=2).fit([[0.0], [0.1], [5.0], [5.1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(save(model, Path(folder, "model.dct"))).predict([[0.05], [9.0]])
    array([ 0, -1])
    """
    if profile not in PROFILES:
        raise ValueError(
            f"The 'profile' parameter of save must be one of {', '.join(PROFILES)}. "
            f"Received: {profile!r}."
        )
    path = Path(path)
    class_names, sections = objects_to_sections(model)
    sections = {role: sections[role] for role in PROFILES[profile]}
    embeddings = probe_embeddings(model)
    if embeddings is not None:
        sections["probes"] = {"embeddings": embeddings}
    manifest = {
        "min_reader": FORMAT,
        "profile": profile,
        "classes": class_names,
        "libraries": library_versions(),
        "arrays": {name: array_table(arrays) for name, arrays in sections.items()},
    }
    write_file(path, manifest, {k: write_arrays(v) for k, v in sections.items()})
    return path


def load(path: Any, *, mmap: bool = False) -> Any:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : path

    mmap : bool, default=False
        Map the file into memory: processes on one machine then share the arrays, which
        cannot be written to. The file must not be changed in place meanwhile; `save`
        never does that.

    Returns
    -------
    model : Pipeline or estimator

    Raises
    ------
    IntegrityError
        (a `ValueError`, as all these) If it is no model file, or was cut or changed.
    ModelFormatError
        If it is of a newer format, or holds what a model may not hold.
    OSError
        If it cannot be read.

    Warns
    -----
    ModelDriftWarning
        If 16 probe texts are embedded otherwise than where the model was saved, as
        happens when another version of spaCy splits texts into other words.

    Notes
    -----
    Nothing in the file is run or imported. All digests are checked before anything is
    used, and no result depends on what is not checked. Memory: the file, and a copy of
    the rows of `fit`. Time: about 0.5 GB/s.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from deepclust import TextCleaner, load, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(save(TextCleaner(stem=True), Path(folder, "cleaner.dct")))
    TextCleaner(stem=True)
    """
    path = Path(path)
    with _naming(path), path.open("rb") as file:
        model_file = read_manifest(file)
        manifest = model_file.manifest
        sections = {}
        for name in model_file.places:
            section = read_section(file, model_file, name, mmap=mmap)
            sections[name] = _read_arrays(name, section, manifest)
        probes = sections.pop("probes", None)
        if set(sections) - set(ROLES) or not isinstance(manifest.get("classes"), list):
            raise ModelFormatError("its manifest is not complete")
        model = sections_to_object(manifest["classes"], sections)
        if probes is not None:
            if "embeddings" not in probes:
                raise ModelFormatError("section 'probes' has no embeddings")
            check_probes(model, probes["embeddings"], manifest.get("libraries"))
    return model


def inspect(path: Any) -> dict[str, Any]:
    """Return the manifest of a model file; nothing else of it is read.

    Parameters
    ----------
    path : path

    Returns
    -------
    manifest : dict
        "profile"; "classes" of all objects; "libraries" it was saved with; "sections"
        with their length in bytes and SHA-256; "arrays" of each section with type and
        shape.

    Raises
    ------
    IntegrityError, ModelFormatError, OSError
        As `load`; of the sections only the length is checked.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from deepclust import TextCleaner
    >>> from deepclust.persistence import inspect, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     inspect(save(TextCleaner(), Path(folder, "cleaner.dct")))["classes"]
    ['TextCleaner']
    """
    path = Path(path)
    with _naming(path), path.open("rb") as file:
        return read_manifest(file).manifest


def _read_arrays(name: str, section: Any, manifest: dict[str, Any]) -> dict[str, Any]:
    try:
        arrays = read_arrays(section)
    except ModelFormatError as error:
        raise ModelFormatError(f"section {name!r}: {error}") from error
    table = manifest.get("arrays")
    if not isinstance(table, dict) or table.get(name) != array_table(arrays):
        raise ModelFormatError(f"section {name!r} has other arrays than the manifest")
    return arrays


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the name of the file before what is wrong with it."""
    try:
        yield
    except ModelFileError as error:
        raise type(error)(f"{path}: {error}.") from error
