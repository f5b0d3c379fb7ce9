"""Other keys, passphrases and signatures; the same content."""

import pytest

from deepclust import TextCleaner, load, save
from deepclust.exceptions import DecryptionError, IntegrityError, SignatureError
from deepclust.persistence import RoleKey, _encryption, generate_keys, inspect, rotate
from deepclust.persistence._container import read_manifest, read_section
from deepclust.persistence._encryption import open_cipher


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch):
    monkeypatch.setitem(_encryption.SCRYPT, "n", 16)


def contents(path, key):
    """Return the decrypted bytes of all sections."""
    with path.open("rb") as file:
        model = read_manifest(file, lambda message, signature: None)
        cipher, _ = open_cipher(model.manifest["encryption"], None, [key])
        return {
            name: bytes(read_section(file, model, name, cipher=cipher))
            for name in cipher.section_keys
        }


def test_new_keys_open_the_same_content(small_model, tmp_path):
    old, new = RoleKey.generate("owner"), RoleKey.generate("owner")
    readers = [RoleKey.generate("predict") for _ in range(2)]
    path = save(small_model, tmp_path / "m.dct", keys=[old, readers[0]])
    before, sealed = contents(path, old), path.read_bytes()

    assert rotate(path, keys=old, new_keys=[new, readers[1]]) == path

    assert contents(path, new) == before
    assert contents(path, readers[1]).keys() == {"predict", "probes"}
    for key in (old, readers[0]):
        with pytest.raises(DecryptionError):
            load(path, keys=key)
    # every section has a new key: no stored kilobyte is as before
    after = path.read_bytes()
    assert all(after.find(sealed[i : i + 64]) < 0 for i in range(8192, 20_000, 1024))


def test_a_plain_file_gets_a_passphrase_and_another_one(small_model, tmp_path):
    path = save(small_model, tmp_path / "m.dct", profile="predict")

    rotate(path, new_passphrase="one")
    assert "arrays" not in inspect(path)  # shapes tell how many texts there are
    rotate(path, passphrase="one", new_passphrase="two")

    texts = ["bake the bread with salt", "the telescope observed a comet"]
    found = load(path, passphrase="two").predict(texts)
    assert found.tolist() == small_model.predict(texts).tolist()
    with pytest.raises(DecryptionError):
        load(path, passphrase="one")


def test_a_file_is_signed_anew_without_the_key_that_opens_it(tmp_path):
    key = RoleKey.generate("owner")
    *_, private, public = generate_keys(tmp_path / "a")
    *_, private_2, public_2 = generate_keys(tmp_path / "b")
    path = save(TextCleaner(), tmp_path / "m.dct", keys=key, sign_with=private)

    rotate(path, sign_with=private_2, trusted_keys=public)

    assert load(path, keys=key, trusted_keys=public_2)
    with pytest.raises(SignatureError):
        load(path, keys=key, trusted_keys=public)
    with pytest.raises(SignatureError):  # what is signed anew is what was signed
        rotate(path, sign_with=private, trusted_keys=public)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "needs new_keys"),
        ({"keys": 0, "new_keys": 0}, ValueError, "pass sign_with"),
        ({"new_keys": 0, "sign_with": 1}, DecryptionError, "give its passphrase"),
        ({"keys": 1, "new_keys": 0, "sign_with": 1}, DecryptionError, "opens it"),
        ({"keys": 2, "new_keys": 0, "sign_with": 1}, ValueError, "Only an owner key"),
        ({"keys": 0, "new_keys": 2, "sign_with": 1}, ValueError, "add an owner key"),
    ],
)
def test_what_cannot_be_rotated_stays(tmp_path, options, error, message):
    owner, other, reader = map(RoleKey.generate, ("owner", "owner", "predict"))
    *_, private, _ = generate_keys(tmp_path / "a")
    path = tmp_path / "m.dct"
    save(TextCleaner(), path, keys=[owner, reader], sign_with=private)
    before, keys = path.read_bytes(), [owner, other, reader]
    given = {
        name: private if name == "sign_with" else keys[number]
        for name, number in options.items()
    }

    with pytest.raises(error, match=message):
        rotate(path, **given)

    assert path.read_bytes() == before


def test_a_file_for_owners_alone_is_not_opened_to_others(small_model, tmp_path):
    owner, reader = RoleKey.generate("owner"), RoleKey.generate("predict")
    for options in ({}, {"keys": owner}):
        path = save(small_model, tmp_path / "m.dct", **options)
        with pytest.raises(ValueError, match="for owners alone"):
            rotate(path, keys=owner, new_keys=[owner, reader])


def test_a_damaged_file_is_not_rotated(tmp_path):
    path = save(TextCleaner(), tmp_path / "m.dct")
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)

    with pytest.raises(IntegrityError, match=r"m\.dct"):
        rotate(path, new_keys=RoleKey.generate("owner"))
    assert path.read_bytes() == content
