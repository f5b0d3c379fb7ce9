"""save, load and inspect: a fitted pipeline in one file that runs no code.

1. The estimators become plain values and arrays (`_objects.py`, `_values.py`); which
   classes and attributes there may be is a closed list (`_registry.py`).
2. Each role's arrays are a section in the safetensors format (`_arrays.py`).
3. Sections are encrypted where that is asked for (`_encryption.py`, `_keys.py`).
4. Sections and a JSON manifest are one file (`_container.py`), signed where that is
   asked for (`_signing.py`), and written as a whole.

Reading goes the other way round, and stops at the first thing that is not as written.
"""

from functools import partial
from pathlib import Path
from typing import Any

from deepclust._estimators import library_versions, warn_of_other_versions
from deepclust.exceptions import ModelFormatError
from deepclust.persistence._arrays import array_table, read_arrays, write_arrays
from deepclust.persistence._container import (
    FORMAT,
    naming,
    read_manifest,
    read_section,
    write_file,
)
from deepclust.persistence._encryption import new_cipher, open_cipher
from deepclust.persistence._keys import role_keys, signing_key
from deepclust.persistence._objects import objects_to_sections, sections_to_object
from deepclust.persistence._probes import (
    check_probes,
    probe_embeddings,
)
from deepclust.persistence._registry import ROLES, section_roles
from deepclust.persistence._sharing import shareable
from deepclust.persistence._signing import check_signature, sign

__all__ = ["inspect", "load", "save"]

PROFILES = {"full": ROLES, "predict": ("predict",), "share": ("predict", "inspect")}


def save(
    model: Any,
    path: Any,
    *,
    passphrase: str | None = None,
    keys: Any = None,
    sign_with: Any = None,
    profile: str = "full",
    texts: Any = None,
    groups: Any = None,
    min_sources: int = 5,
) -> Path:
    """Write a fitted pipeline, or one of its steps, to a file that runs no code.

    Parameters
    ----------
    model : Pipeline, TextCleaner, Vectorizer, RNNLSTMEncoder or DBSCAN
        A pipeline of deepclust's steps, or part of one.

    path : path
        Of the file, by custom `.dct`. A file there is replaced once the new one is
        complete.

    passphrase : str, default=None
        Encrypts the file; who has the passphrase can read all of it.

    keys : RoleKey, path of a key, or list of these, default=None
        Encrypts the file; who has one of the keys can read what its role may. At least
        one is an owner key, unless there is a passphrase.

    sign_with : Ed25519PrivateKey or path of a PEM file, default=None
        Signs the file.

    profile : {"full", "predict", "share"}, default="full"
        "full" keeps all that `fit` found. "predict" keeps what new texts need: the
        vocabulary, the weights of the network and the embeddings of core points, and
        predicts the same. "share" keeps no embedding of a text, no text, and no word or
        cluster of fewer than `min_sources` distinct texts; it predicts nearly the same.

    texts : iterable of str, length n_docs, default=None
        The texts of `fit`, in the same order; needed and used by "share" to count.

    groups : array-like of shape (n_docs,), default=None
        With "share": the source of each text, such as its author, to count instead of
        distinct texts.

    min_sources : int, default=5
        With "share": in how many texts or groups a word or cluster has to be.

    Returns
    -------
    path : Path

    Raises
    ------
    TypeError
        If the model holds what a file cannot hold, such as a function or an estimator
        of another package; the message names it.
    ValueError
        If the profile is unknown, a key is none, or nobody could read all of the file;
        if `texts` are missing or not those of `fit`, or nothing is left to share; if
        the rows of `fit` were changed in place, where not all readers are owners.
    OSError
        If the file cannot be written. The old one is still there.

    See Also
    --------
    load : Read the file.
    inspect : See what is in it.
    export_pipeline : An encoder for other languages and runtimes.

    Notes
    -----
    The same model gives the same bytes, unless it is encrypted. Of a pipeline, `memory`
    is not saved: a cache consists of pickles. Where not all readers are owners, memory
    beyond the model is a copy of the rows of `fit`, and the layers are found at the
    first save, unless they are known: a tenth of the time of `fit`.

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
    if (profile == "share") != (texts is not None):
        raise ValueError(
            "save(profile='share') counts words in the texts of fit: pass texts=. "
            "Other profiles do not take it."
        )
    if profile == "share":
        model = shareable(model, texts, groups, min_sources=min_sources)
    path = Path(path)
    readers = role_keys(keys)
    for_all = profile == "full" and all(key.role == "owner" for key in readers)
    class_names, sections = objects_to_sections(model, for_all=for_all)
    sections = {role: sections[role] for role in PROFILES[profile]}
    embeddings = probe_embeddings(model)
    if embeddings is not None:
        sections["probes"] = {"embeddings": embeddings}
    manifest: dict[str, Any] = {
        "min_reader": FORMAT,
        "profile": profile,
        "classes": class_names,
        "libraries": library_versions(),
    }
    cipher = None
    if passphrase is None and keys is None:
        tables = {name: array_table(arrays) for name, arrays in sections.items()}
        manifest["arrays"] = tables
    else:  # shapes would tell how many texts there are
        cipher, entry = new_cipher(section_roles(sections), passphrase, readers)
        manifest["encryption"] = entry
    pieces = {name: write_arrays(arrays) for name, arrays in sections.items()}
    signing = None if sign_with is None else partial(sign, key=signing_key(sign_with))
    write_file(path, manifest, pieces, cipher=cipher, sign=signing)
    return path


def load(
    path: Any,
    *,
    passphrase: str | None = None,
    keys: Any = None,
    trusted_keys: Any = None,
    require_signature: bool = False,
    mmap: bool = False,
) -> Any:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : path

    passphrase : str, default=None
        Of an encrypted file.

    keys : RoleKey, path of a key, or list of these, default=None
        Of an encrypted file. What the role may not read is missing in the model: a
        predict key gives one that predicts as the whole one does.

    trusted_keys : public key or list of these, default=None
        Each an Ed25519PublicKey, the path of a PEM file, or 64 hexadecimal digits. The
        file must be signed by one of these keys.

    require_signature : bool, default=False
        Fail unless `trusted_keys` is given, too.

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
    SignatureError
        (an `IntegrityError`) If it was changed after it was signed, or it is not signed
        by a trusted key.
    DecryptionError
        If it is encrypted, and nothing that was given opens it.
    ModelFormatError
        If it is of a newer format, or holds what a model may not hold.
    ValueError
        If `require_signature` is set without `trusted_keys`, `mmap` for an encrypted
        file, or a key is none.
    OSError
        If it cannot be read.

    Warns
    -----
    ModelDriftWarning
        If 16 probe texts are embedded otherwise than where the model was saved, as
        happens when another version of spaCy splits texts into other words.
    VersionWarning
        If the version of deepclust differs from that of the file, or the first two
        numbers of that of a library.

    Notes
    -----
    Nothing in the file is run or imported. All digests are checked before anything is
    used. Memory: the size of the file, and where there are keys for other roles a
    copy of the rows of `fit`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from deepclust import TextCleaner, load, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(save(TextCleaner(stem=True), Path(folder, "cleaner.dct")))
    TextCleaner(stem=True)
    """
    if require_signature and trusted_keys is None:
        raise ValueError(
            "require_signature=True needs trusted_keys: anybody can sign a file."
        )
    path, role_key_list = Path(path), role_keys(keys)
    with naming(path), path.open("rb") as file:
        check = partial(check_signature, trusted=trusted_keys)
        model_file = read_manifest(file, check)
        manifest, cipher, names = model_file.manifest, None, [*model_file.places]
        if "encryption" in manifest:
            if mmap:
                raise ValueError(f"{path} is encrypted: mmap=True cannot map it.")
            entry = manifest["encryption"]
            cipher, _ = open_cipher(entry, passphrase, role_key_list)
            names = [name for name in names if name in cipher.section_keys]
        sections = {}
        for name in names:
            section = read_section(file, model_file, name, mmap=mmap, cipher=cipher)
            sections[name] = _read_arrays(name, section, manifest)
        probes = sections.pop("probes", None)
        if set(sections) - set(ROLES) or not isinstance(manifest.get("classes"), list):
            raise ModelFormatError("its manifest is not complete")
        model = sections_to_object(manifest["classes"], sections)
        libraries, warned = manifest.get("libraries"), False
        if probes is not None:
            if "embeddings" not in probes:
                raise ModelFormatError("section 'probes' has no embeddings")
            warned = check_probes(model, probes["embeddings"], libraries)
    if not warned:
        warn_of_other_versions(str(path), libraries)
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
        shape, or "encryption" with the roles that can open it; "signed_by", a public
        key in hexadecimal or None. The signature is right, but compare the key.

    Raises
    ------
    IntegrityError, SignatureError, ModelFormatError, OSError
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
    with naming(path), path.open("rb") as file:
        model_file = read_manifest(file, partial(check_signature, trusted=None))
        signer = model_file.signer
        signed_by = None if signer is None else signer.hex()
        return {**model_file.manifest, "signed_by": signed_by}


def _read_arrays(name: str, section: Any, manifest: dict[str, Any]) -> dict[str, Any]:
    try:
        arrays = read_arrays(section)
    except ModelFormatError as error:
        raise ModelFormatError(f"section {name!r}: {error}") from error
    table = manifest.get("arrays")
    if "encryption" in manifest:
        return arrays
    if not isinstance(table, dict) or table.get(name) != array_table(arrays):
        raise ModelFormatError(f"section {name!r} has other arrays than the manifest")
    return arrays
