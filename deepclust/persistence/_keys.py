"""Keys: who may open which sections of a file, and who signed it.

A `RoleKey` is 256 random bits with the role of its holder. Signing keys are Ed25519
keys in PEM files, as other programs write them, too.
"""

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepclust.persistence._registry import ROLES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

__all__ = ["RoleKey", "describe_key", "generate_keys", "role_keys", "signing_key"]

_BYTES = 32
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{64}")  # as `describe_key` shows a public key


@dataclass(frozen=True)
class RoleKey:
    """A key that opens the sections of one role.

    Parameters
    ----------
    role : {"predict", "inspect", "owner"}
        "predict" labels new texts, "inspect" also sees names and counts, "owner" all.

    secret : bytes of length 32
        Never shown by `repr`.

    Raises
    ------
    ValueError
        If the role is unknown, or the secret of another length.

    Examples
    --------
    >>> from deepclust.persistence import RoleKey
    >>> RoleKey("predict", bytes(32))
    RoleKey(role='predict', id='b5940974af0a55b0')
    """

    role: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(
                f"A role is one of {', '.join(ROLES)}. Received: {self.role!r}."
            )
        if not isinstance(self.secret, bytes) or len(self.secret) != _BYTES:
            raise ValueError(f"The secret of a key has {_BYTES} bytes.")

    @classmethod
    def generate(cls, role: str) -> "RoleKey":
        """Return a new random key."""
        return cls(role, secrets.token_bytes(_BYTES))

    @classmethod
    def read(cls, path: Any) -> "RoleKey":
        """Return the key in a file that `write` wrote.

        Raises
        ------
        ValueError
            If it holds none.
        OSError
            If it cannot be read.
        """
        try:
            entry = json.loads(Path(path).read_text("utf-8"))
            return cls(entry["deepclust_role"], bytes.fromhex(entry["secret"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} holds no role key. Make one by: python -m deepclust keys "
                "generate"
            ) from error

    def write(self, path: Any) -> Path:
        """Write the key to a new file that its owner alone may read.

        Raises
        ------
        FileExistsError
            If there is such a file: a key that is lost cannot be made again.
        """
        text = json.dumps({"deepclust_role": self.role, "secret": self.secret.hex()})
        return _write_new(Path(path), text.encode() + b"\n", mode=0o600)

    @property
    def id(self) -> str:
        """Tells keys apart, and nothing about the secret."""
        return hashlib.sha256(b"deepclust key id" + self.secret).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"RoleKey(role={self.role!r}, id={self.id!r})"


def generate_keys(folder: Any) -> list[Path]:
    """Write a new key for every role, and a new pair of signing keys.

    Parameters
    ----------
    folder : path
        Made if it does not exist.

    Returns
    -------
    paths : list of Path
        predict.key, inspect.key, owner.key, signing.pem and signing.pub.

    Raises
    ------
    FileExistsError
        If one of them exists; nothing is written then.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    private = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    contents = {
        "signing.pem": private.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        "signing.pub": private.public_key().public_bytes(
            pem, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    }
    paths = [folder / f"{role}.key" for role in ROLES]
    others = [folder / name for name in contents]
    if existing := [path for path in (*paths, *others) if path.exists()]:
        raise FileExistsError(f"{existing[0]} exists: give another folder")
    for role, path in zip(ROLES, paths, strict=True):
        RoleKey.generate(role).write(path)
    for path in others:
        mode = 0o644 if path.suffix == ".pub" else 0o600
        _write_new(path, contents[path.name], mode=mode)
    return [*paths, *others]


def _write_new(path: Path, content: bytes, *, mode: int) -> Path:
    number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    try:
        with open(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(number)
    except BaseException:
        path.unlink()  # a part of a key opens nothing, and would stand in the way
        raise
    return path


def role_keys(keys: Any) -> list[RoleKey]:
    """Return keys given as one or several `RoleKey` or paths.

    Raises
    ------
    ValueError, OSError
        If a file holds no key, or cannot be read.
    """
    if keys is None:
        return []
    if isinstance(keys, (RoleKey, str, os.PathLike)):
        keys = [keys]
    return [key if isinstance(key, RoleKey) else RoleKey.read(key) for key in keys]


def signing_key(key: Any) -> "Ed25519PrivateKey":
    """Return a private key, which may be given by the path of a PEM file.

    Raises
    ------
    ValueError
        If it is no Ed25519 key, or encrypted.
    OSError
        If the file cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if isinstance(key, Ed25519PrivateKey):
        return key
    try:
        found = load_pem_private_key(Path(key).read_bytes(), password=None)
    except TypeError as error:
        raise ValueError(
            f"{key} is encrypted: load it by cryptography's load_pem_private_key, and "
            "pass the key itself."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{key} holds no private key that signs: give your signing.pem."
        ) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise ValueError(f"{key} is no Ed25519 key; no other kind signs model files.")
    return found


def public_keys(keys: Any) -> list[bytes]:
    """Return 32 bytes of each key: a path of a PEM file, hexadecimal, or the key.

    Raises
    ------
    ValueError
        If it is no Ed25519 public key.
    OSError
        If a file cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    single = isinstance(keys, (str, os.PathLike, Ed25519PublicKey))
    found = [keys] if single else list(keys)
    return [_public_key(key).public_bytes_raw() for key in found]


def _public_key(key: Any) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, str) and _HEXADECIMAL.fullmatch(key):
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    try:
        found = load_pem_public_key(Path(key).read_bytes())
    except ValueError as error:
        raise ValueError(
            f"{key} holds no public key: give the signing.pub of who signed."
        ) from error
    if not isinstance(found, Ed25519PublicKey):
        raise ValueError(f"{key} is no Ed25519 key; no other kind signs model files.")
    return found


def describe_key(path: Any) -> str:
    """Return in one line what a key file is, without its secret.

    Raises
    ------
    ValueError
        If it is no key file.
    OSError
        If it cannot be read.
    """
    content = Path(path).read_bytes()
    if b"PUBLIC KEY" in content:
        return f"public key {_public_key(path).public_bytes_raw().hex()}"
    if b"PRIVATE KEY" in content:
        public = signing_key(path).public_key().public_bytes_raw()
        return f"signing key of the public key {public.hex()}"
    key = RoleKey.read(path)
    return f"role key {key.id} for the role {key.role}"
