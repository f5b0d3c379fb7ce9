"""Ed25519 signatures of model files.

The signature covers the first 64 bytes and the manifest, and by the manifest's digests
all sections. It stands with its public key at the end of the file. That a signature is
right says nothing about who signed: the reader has to name the keys that are trusted.
"""

from typing import Any

from deepclust.exceptions import SignatureError
from deepclust.persistence._keys import public_keys, signing_key

__all__ = ["check_signature", "sign"]

_CONTEXT = b"deepclust model file\0"


def sign(message: bytes, key: Any) -> bytes:
    """Return the public key and the signature of a message.

    Parameters
    ----------
    message : bytes
    key : Ed25519PrivateKey or path of a PEM file
    """
    private = signing_key(key)
    public = private.public_key().public_bytes_raw()
    return public + private.sign(_CONTEXT + message)


def check_signature(message: bytes, signature: bytes | None, trusted: Any) -> None:
    """Check a signature, and that it is of a key that is trusted.

    Parameters
    ----------
    message : bytes

    signature : bytes of length 96, or None
        As of `sign`; None if the file has none.

    trusted : iterable of public keys, or None
        See `public_keys`. With None every key is accepted, and no signature, too.

    Raises
    ------
    SignatureError
        If it is of another message or key, or missing where `trusted` asks for one.
    """
    if signature is None:
        if trusted is not None:
            raise SignatureError("it is not signed, but trusted_keys asks for it")
        return
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw, signed = signature[:32], signature[32:]
    if trusted is not None and raw not in public_keys(trusted):
        raise SignatureError(
            f"it is signed by the key {raw.hex()}, which is none of trusted_keys"
        )
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signed, _CONTEXT + message)
    except (InvalidSignature, ValueError) as error:
        raise SignatureError(
            "it was changed after it was signed: its signature is wrong"
        ) from error
