"""Signed files, and what an attacker without the key can do to them."""

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forging import forge

from deepclust import TextCleaner, load, save
from deepclust.exceptions import IntegrityError, SignatureError
from deepclust.persistence import inspect

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
PUBLIC = KEY.public_key()


@pytest.fixture(scope="module")
def signed(small_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("signed") / "m.dct"
    return save(small_model, path, sign_with=KEY)


def test_a_signed_file_is_loaded(signed, small_model):
    for trusted in (None, [PUBLIC], PUBLIC, PUBLIC.public_bytes_raw().hex()):
        loaded = load(signed, trusted_keys=trusted)

    assert loaded[-1].labels_.tolist() == small_model[-1].labels_.tolist()
    assert load(signed, trusted_keys=[OTHER.public_key(), PUBLIC])
    assert inspect(signed)["signed_by"] == PUBLIC.public_bytes_raw().hex()


def test_the_same_model_and_key_give_the_same_bytes(signed, small_model, tmp_path):
    again = save(small_model, tmp_path / "m.dct", sign_with=KEY)

    assert again.read_bytes() == signed.read_bytes()


def test_a_path_of_as_many_characters_as_a_key_is_a_path(signed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "s" * 60 + ".pub"
    pem, info = serialization.Encoding.PEM, serialization.PublicFormat
    (tmp_path / name).write_bytes(PUBLIC.public_bytes(pem, info.SubjectPublicKeyInfo))

    assert load(signed, trusted_keys=name)


def test_a_key_that_is_not_trusted_is_named(signed):
    name = PUBLIC.public_bytes_raw().hex()

    with pytest.raises(SignatureError, match=f"{name}, which is none"):
        load(signed, trusted_keys=[OTHER.public_key()])
    with pytest.raises(SignatureError, match="none of trusted_keys"):
        load(signed, trusted_keys=[])


def test_a_file_without_signature_is_not_trusted(model_file):
    with pytest.raises(SignatureError, match="not signed"):
        load(model_file, trusted_keys=[PUBLIC])
    with pytest.raises(ValueError, match="needs trusted_keys"):
        load(model_file, require_signature=True)
    assert inspect(model_file)["signed_by"] is None


def test_recomputed_digests_do_not_deceive(signed, tmp_path):
    """3: the attacker changes a weight, and every digest that depends on it."""

    def change(manifest, sections):
        sections["predict"]["encode.weights_.dense/bias"][0] += 1

    forged = forge(signed, tmp_path / "m.dct", change)

    with pytest.raises(SignatureError, match="not signed"):
        load(forged, trusted_keys=[PUBLIC], require_signature=True)

    whole, size = bytearray(forged.read_bytes()), len(forged.read_bytes())
    changed = with_signature(whole, signed.read_bytes()[-96:])
    (tmp_path / "m.dct").write_bytes(changed)
    for trusted in (None, [PUBLIC]):
        with pytest.raises(SignatureError, match="changed after it was signed"):
            load(tmp_path / "m.dct", trusted_keys=trusted)
    with pytest.raises(SignatureError, match="changed"):
        inspect(tmp_path / "m.dct")
    assert len(changed) == size + 96


def with_signature(whole, signature):
    """Return the file with the flag for a signature, its digest and this signature."""
    import hashlib
    import struct

    _, _, length = struct.unpack("<IIQ", whole[16:32])
    whole[20:24] = struct.pack("<I", 1)
    whole[32:64] = hashlib.sha256(whole[16:32] + whole[64 : 64 + length]).digest()
    return whole + signature


def test_a_damaged_signed_file_is_refused(signed, tmp_path):
    whole, path = signed.read_bytes(), tmp_path / "m.dct"
    rng = np.random.default_rng(0)
    signature = range(8 * (len(whole) - 96), 8 * len(whole), 5)
    for place in [*signature, *rng.integers(0, 8 * len(whole), 200).tolist()]:
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(IntegrityError):  # of which SignatureError is one
            load(path)
    for length in (len(whole) - 96, len(whole) - 1, 100, 40):
        path.write_bytes(whole[:length])
        with pytest.raises(IntegrityError):
            load(path)


def test_keys_of_other_kinds_are_refused(tmp_path):
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    pem, raw = serialization.Encoding.PEM, serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    other = tmp_path / "other.pem"
    other.write_bytes(X25519PrivateKey.generate().private_bytes(pem, form, raw))
    locked = tmp_path / "locked.pem"
    protected = serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(KEY.private_bytes(pem, form, protected))
    (tmp_path / "text").write_text("no key")

    for name, message in (
        ("other.pem", "no Ed25519 key"),
        ("locked.pem", "is encrypted: load it"),
        ("text", "no private key"),
    ):
        with pytest.raises(ValueError, match=message):
            save(TextCleaner(), tmp_path / "m.dct", sign_with=tmp_path / name)
        assert not (tmp_path / "m.dct").exists()
    path = save(TextCleaner(), tmp_path / "m.dct", sign_with=KEY)
    with pytest.raises(ValueError, match="no public key"):
        load(path, trusted_keys=[tmp_path / "text"])
