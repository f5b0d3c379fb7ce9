"""Encrypted sections, and who can open them.

1. Every section has a random key of 256 bits. It is encrypted in chunks of 1 MiB by
   AES-256-GCM. The nonce of a chunk is a random prefix of 7 bytes, its number and
   whether it is the last (STREAM): chunks cannot be swapped, dropped or doubled. The
   chunks are bound to the name of the section and to the whole manifest.
2. For every key or passphrase the manifest has a slot with the keys of the sections
   that its role may read, encrypted by AES-256-GCM. Passphrases go through scrypt
   first.
3. A slot has a commitment, 256 bits derived by HKDF: a passphrase that is not the right
   one is found out before anything is decrypted with it.

References
----------
.. [1] V. T. Hoang, R. Reyhanitabar, P. Rogaway, D. Vizár, "Online authenticated-
   encryption and its nonce-reuse misuse-resistance", CRYPTO 2015.
.. [2] J. Len, P. Grubbs, T. Ristenpart, "Partitioning oracle attacks", USENIX Security
   2021.
"""

import hmac
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from deepclust._parallel import one_behind
from deepclust.exceptions import DecryptionError, ModelFormatError
from deepclust.persistence._keys import RoleKey
from deepclust.persistence._registry import ROLES

__all__ = ["Cipher", "new_cipher", "open_cipher"]

CHUNK = 1 << 20  # bytes
TAG = 16
SCRYPT = {"n": 1 << 17, "r": 8, "p": 1}
MAX_SCRYPT_N, MAX_SLOTS = 1 << 18, 16
_NOT_OPENED = (
    "it is encrypted, and no passphrase or key that was given opens it (or it was "
    "changed)"
)


class Cipher:
    """Encrypts and decrypts the sections whose keys are known.

    Parameters
    ----------
    section_keys : dict of str to bytes
        Keys of 32 bytes.

    prefixes : dict of str to bytes
        Of 7 bytes; the start of all nonces of a section.
    """

    def __init__(
        self, section_keys: dict[str, bytes], prefixes: dict[str, bytes]
    ) -> None:
        self.section_keys = section_keys
        self.prefixes = prefixes

    @staticmethod
    def stored_length(length: int) -> int:
        """Return how many bytes a section takes once it is encrypted."""
        return length + TAG * max(-(-length // CHUNK), 1)

    def seal(
        self, name: str, pieces: Sequence[memoryview], binding: bytes
    ) -> Iterator[bytes]:
        """Yield the encrypted chunks of a section.

        Parameters
        ----------
        name : str
        pieces : sequence of memoryview
            The section, of at least one byte.
        binding : bytes
            What it belongs to; has to be the same when it is opened.
        """
        aead, data = _aead(self.section_keys[name]), binding + name.encode()
        length = sum(map(len, pieces))
        last = max(-(-length // CHUNK), 1) - 1
        for number, chunk in enumerate(_chunks(pieces)):
            nonce = self._nonce(name, number, number == last)
            yield aead.encrypt(nonce, chunk, data)

    def open(
        self, name: str, read: Callable[[int], bytes], length: int, binding: bytes
    ) -> memoryview:
        """Return the decrypted section.

        Parameters
        ----------
        name : str
        read : callable
            Returns the next so many bytes of the encrypted section.
        length : int
            Of the encrypted section, in bytes.
        binding : bytes

        Raises
        ------
        DecryptionError
            If a chunk is not one that was encrypted at this place.
        """
        from cryptography.exceptions import InvalidTag

        aead, data = _aead(self.section_keys[name]), binding + name.encode()
        n_chunks = max(-(-length // (CHUNK + TAG)), 1)
        plain = np.empty(max(length - TAG * n_chunks, 0), dtype=np.uint8).data

        def decrypt(number: int, stored: bytes) -> None:
            nonce = self._nonce(name, number, number == n_chunks - 1)
            chunk = aead.decrypt(nonce, stored, data)
            plain[number * CHUNK : number * CHUNK + len(chunk)] = chunk

        try:
            with one_behind(decrypt) as decrypt_next:
                for number in range(n_chunks):
                    size = min(CHUNK + TAG, length - number * (CHUNK + TAG))
                    decrypt_next(number, read(size))
        except InvalidTag as error:
            raise DecryptionError(_NOT_OPENED) from error
        return plain

    def _nonce(self, name: str, number: int, last: bool) -> bytes:
        return self.prefixes[name] + number.to_bytes(4, "big") + bytes([last])


def _aead(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _chunks(pieces: Iterable[memoryview]) -> Iterator[memoryview | bytearray]:
    """Yield the bytes of the pieces in chunks of 1 MiB, as views where they fit."""
    rest = bytearray()
    for piece in pieces:
        start = min(-len(rest) % CHUNK, len(piece))
        rest += piece[:start]
        if len(rest) == CHUNK:
            yield rest
            rest = bytearray()
        end = len(piece) - (len(piece) - start) % CHUNK
        for place in range(start, end, CHUNK):
            yield piece[place : place + CHUNK]
        rest += piece[end:]
    if rest:
        yield rest


# Slots ------------------------------------------------------------------------------


def new_cipher(
    roles: dict[str, str], passphrase: str | None, keys: list[RoleKey]
) -> tuple[Cipher, dict[str, Any]]:
    """Return a cipher with new keys, and its entry of the manifest.

    Parameters
    ----------
    roles : dict of str to str
        For every section who may read it.

    passphrase : str or None
        Opens all sections.

    keys : list of RoleKey
        Each opens the sections of its role.

    Raises
    ------
    ValueError
        If the passphrase is empty, or nobody could open all sections.
    """
    if passphrase is None and not any(key.role == "owner" for key in keys):
        raise ValueError(
            "Nobody could open all of the file: add an owner key or a passphrase."
        )
    cipher = Cipher(
        {name: os.urandom(32) for name in roles},
        {name: os.urandom(7) for name in roles},
    )
    slots = [
        {"key": key.id, **_slot(key.secret, key.role, roles, cipher)} for key in keys
    ]
    if passphrase is not None:
        kdf = {"salt": os.urandom(16).hex(), **SCRYPT}
        secret = _secret_of(passphrase, kdf)
        slots.append({"scrypt": kdf, **_slot(secret, "owner", roles, cipher)})
    prefixes = {name: prefix.hex() for name, prefix in cipher.prefixes.items()}
    return cipher, {"prefixes": prefixes, "slots": slots}


def _slot(
    secret: bytes, role: str, roles: dict[str, str], cipher: Cipher
) -> dict[str, Any]:
    salt = os.urandom(16)
    wrapping, commitment = _derived(secret, salt)
    wrapped = {}
    for name, least in roles.items():
        if ROLES.index(role) >= ROLES.index(least):
            nonce, key = os.urandom(12), cipher.section_keys[name]
            sealed = _aead(wrapping).encrypt(nonce, key, name.encode())
            wrapped[name] = (nonce + sealed).hex()
    return {
        "role": role,
        "hkdf_salt": salt.hex(),
        "commitment": commitment.hex(),
        "sections": wrapped,
    }


def _derived(secret: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return the key that wraps other keys, and the commitment to it."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), 64, salt, b"deepclust model file 1").derive(secret)
    return derived[:32], derived[32:]


def _secret_of(passphrase: str, kdf: dict[str, Any]) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    text = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
    if not text:
        raise ValueError("The passphrase is empty.")
    costs = {name: kdf[name] for name in SCRYPT}
    return Scrypt(bytes.fromhex(kdf["salt"]), 32, **costs).derive(text)


def open_cipher(
    entry: Any, passphrase: str | None, keys: list[RoleKey]
) -> tuple[Cipher, str]:
    """Return a cipher for the sections that can be read, and the role.

    Parameters
    ----------
    entry : object
        The entry of a manifest, of `new_cipher`.

    passphrase : str or None

    keys : list of RoleKey

    Raises
    ------
    DecryptionError
        If nothing that was given opens a slot. Which was wrong is not said.
    ModelFormatError
        If the entry is not as `new_cipher` writes it, or asks for more memory than
        256 MB.
    """
    slots = _checked_slots(entry)
    if passphrase is None and not keys:
        raise DecryptionError("it is encrypted: give its passphrase or a key")
    by_id = {key.id: key.secret for key in keys}
    opened = []
    for slot in slots:
        secret = by_id.get(slot.get("key", ""))
        if "scrypt" in slot and passphrase is not None:
            secret = _secret_of(passphrase, slot["scrypt"])
        section_keys = None if secret is None else _opened_slot(slot, secret)
        if section_keys:
            opened.append((ROLES.index(slot["role"]), section_keys))
    if not opened:
        raise DecryptionError(_NOT_OPENED)
    role, section_keys = max(opened, key=lambda found: found[0])
    prefixes = {name: bytes.fromhex(p) for name, p in entry["prefixes"].items()}
    return Cipher(section_keys, prefixes), ROLES[role]


def _opened_slot(slot: dict[str, Any], secret: bytes) -> dict[str, bytes] | None:
    """Return the keys in a slot, or None if it is of another secret."""
    from cryptography.exceptions import InvalidTag

    wrapping, commitment = _derived(secret, bytes.fromhex(slot["hkdf_salt"]))
    if not hmac.compare_digest(commitment, bytes.fromhex(slot["commitment"])):
        return None
    keys = {}
    for name, wrapped in slot["sections"].items():
        raw = bytes.fromhex(wrapped)
        try:
            keys[name] = _aead(wrapping).decrypt(raw[:12], raw[12:], name.encode())
        except InvalidTag as error:
            raise DecryptionError(_NOT_OPENED) from error
    return keys


def _checked_slots(entry: Any) -> list[dict[str, Any]]:
    try:
        slots, prefixes = entry["slots"], entry["prefixes"]
        valid = 0 < len(slots) <= MAX_SLOTS
        for slot in slots:
            valid &= (
                slot["role"] in ROLES and len(bytes.fromhex(slot["hkdf_salt"])) == 16
            )
            valid &= len(bytes.fromhex(slot["commitment"])) == 32
            lengths = {len(bytes.fromhex(w)) for w in slot["sections"].values()}
            valid &= lengths == {12 + 32 + TAG} and set(slot["sections"]) <= set(
                prefixes
            )
            valid &= "scrypt" not in slot or _affordable(slot["scrypt"])
        valid &= all(len(bytes.fromhex(prefix)) == 7 for prefix in prefixes.values())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFormatError("its encryption is not described completely") from error
    if not valid:
        raise ModelFormatError("its encryption is not of a kind that is read")
    return slots


def _affordable(kdf: dict[str, Any]) -> bool:
    n, r, p = (kdf[name] for name in ("n", "r", "p"))
    whole = {type(n), type(r), type(p)} == {int} and len(
        bytes.fromhex(kdf["salt"])
    ) == 16
    return whole and 2 <= n <= MAX_SCRYPT_N and n & (n - 1) == 0 and (r, p) == (8, 1)
