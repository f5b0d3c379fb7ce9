"""Other keys, passphrase or signature for a model file; what it holds stays the same.

Sections are opened with the old keys and encrypted with new section keys. No estimator
is built, so that libraries of other versions change nothing.
"""

from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from deepclust.exceptions import ModelFormatError
from deepclust.persistence._container import (
    ModelFile,
    naming,
    read_manifest,
    read_section,
    write_file,
)
from deepclust.persistence._encryption import new_cipher, open_cipher
from deepclust.persistence._keys import RoleKey, role_keys, signing_key
from deepclust.persistence._registry import section_roles
from deepclust.persistence._signing import check_signature, sign

__all__ = ["rotate"]


def rotate(
    path: Any,
    *,
    passphrase: str | None = None,
    keys: Any = None,
    new_passphrase: str | None = None,
    new_keys: Any = None,
    sign_with: Any = None,
    trusted_keys: Any = None,
) -> Path:
    """Encrypt or sign a model file anew, without a change of what it holds.

    Parameters
    ----------
    path : path
        The file, which is replaced once the new one is complete.

    passphrase : str, default=None
        The old one, of an encrypted file.

    keys : RoleKey, path of a key, or list of these, default=None
        Old keys of an encrypted file; one has to be an owner's, unless there is a
        passphrase.

    new_passphrase : str, default=None
        Opens the new file.

    new_keys : RoleKey, path of a key, or list of these, default=None
        Open the new file. Without these and a new passphrase the file is only signed
        anew, for which no key that opens it is needed.

    sign_with : Ed25519PrivateKey or path of a PEM file, default=None
        Signs the new file.

    trusted_keys : public key or list of these, default=None
        The old file must be signed by one of these keys, as in `load`.

    Returns
    -------
    path : Path

    Raises
    ------
    IntegrityError, SignatureError, ModelFormatError
        (`ValueError`) As `load`.
    DecryptionError
        (a `ValueError`) If what was given opens no part of the file, or not all of it.
    ValueError
        If nothing new is given; if a signed file would lose its signature; if a key is
        none, or nobody could open all of the new file; or if new keys are for other
        roles than the owner, but the file was saved for owners alone.
    OSError
        If the file cannot be read or written. The old one is still there.

    See Also
    --------
    save : Write a file, of which all readers can be changed.

    Notes
    -----
    All sections get new keys. Copies of the old file still open with the old ones.
    Memory: the size of the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from deepclust import TextCleaner, load, save
    >>> from deepclust.persistence import RoleKey, rotate
    >>> old, new = RoleKey.generate("owner"), RoleKey.generate("owner")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(TextCleaner(stem=True), Path(folder, "a.dct"), keys=old)
    ...     load(rotate(path, keys=old, new_keys=new), keys=new)
    TextCleaner(stem=True)
    """
    path, old_keys, readers = Path(path), role_keys(keys), role_keys(new_keys)
    encrypts = new_passphrase is not None or bool(readers)
    if not encrypts and sign_with is None:
        raise ValueError("rotate needs new_keys, new_passphrase or sign_with.")
    signing = None if sign_with is None else partial(sign, key=signing_key(sign_with))
    with naming(path), path.open("rb") as file:
        old = read_manifest(file, partial(check_signature, trusted=trusted_keys))
        if old.signer is not None and signing is None:
            raise ValueError(f"{path} is signed: pass sign_with to sign it again.")
        opener, cipher, manifest = None, None, dict(old.manifest)
        if encrypts:
            _check_readers(manifest, readers)
            if "encryption" in manifest:
                opener = open_cipher(manifest["encryption"], passphrase, old_keys)[0]
            roles = section_roles(old.places)
            cipher, manifest["encryption"] = new_cipher(roles, new_passphrase, readers)
            manifest.pop("arrays", None)  # as in `save`
        sections = _sections(file, old, opener)
    write_file(path, manifest, sections, cipher=cipher, sign=signing)
    return path


def _check_readers(manifest: dict[str, Any], readers: list[RoleKey]) -> None:
    """Refuse roles below the owner's for a file whose sections are not cut for them."""
    try:
        slots = manifest.get("encryption", {"slots": []})["slots"]
        is_cut = manifest.get("profile") != "full"
        is_cut |= any(slot["role"] != "owner" for slot in slots)
    except (KeyError, TypeError) as error:
        raise ModelFormatError("its encryption is not described completely") from error
    if not is_cut and any(key.role != "owner" for key in readers):
        raise ValueError(
            "The file was saved for owners alone: in it, what one role may read is not "
            "apart from the rest. Save it anew: save(load(path, ...), path, keys=...)."
        )


def _sections(file: BinaryIO, old: ModelFile, opener: Any) -> dict[str, list]:
    if opener is not None and set(old.places) - set(opener.section_keys):
        raise ValueError("Only an owner key or the passphrase can rotate all of it.")
    return {name: [read_section(file, old, name, cipher=opener)] for name in old.places}
