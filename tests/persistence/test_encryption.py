"""Encrypted files: who can read what, and what a change does."""

import json
import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust import TextCleaner, load, save
from deepclust.exceptions import DecryptionError, IntegrityError, ModelFormatError
from deepclust.persistence import RoleKey, _encryption, inspect
from deepclust.persistence import _container as container
from deepclust.persistence._encryption import CHUNK, TAG, Cipher

KEYS = [RoleKey(role, role.encode().ljust(32)) for role in _encryption.ROLES]
PREDICT, INSPECT, OWNER = KEYS


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch):
    monkeypatch.setitem(_encryption.SCRYPT, "n", 16)


@pytest.fixture
def encrypted(small_model, tmp_path):
    return save(small_model, tmp_path / "e.dct", passphrase="correct horse", keys=KEYS)


@pytest.mark.parametrize("given", [{"passphrase": "correct horse"}, {"keys": OWNER}])
def test_owners_get_all(encrypted, small_model, corpus, given):
    loaded = load(encrypted, **given)

    assert vars(loaded[-1]).keys() == vars(small_model[-1]).keys()
    expected = small_model[:-1].transform(corpus.texts)
    assert loaded[:-1].transform(corpus.texts).tobytes() == expected.tobytes()
    assert loaded[-1].labels_.tolist() == small_model[-1].labels_.tolist()


def test_a_role_gets_what_it_may_read(encrypted, small_model, corpus):
    expected = small_model.predict(corpus.texts).tolist()
    predicting = load(encrypted, keys=[PREDICT])
    inspecting = load(encrypted, keys=[PREDICT, INSPECT])

    assert predicting.predict(corpus.texts).tolist() == expected
    assert inspecting.predict(corpus.texts).tolist() == expected
    assert not hasattr(predicting[-1], "cluster_names_")
    assert inspecting[-1].cluster_names_ == small_model[-1].cluster_names_
    assert not predicting["vectorize"].vocabulary_.document_frequency.any()
    assert inspecting["vectorize"].vocabulary_.document_frequency.any()
    n_core = len(small_model[-1].core_sample_indices_)
    for model in (predicting, inspecting):
        assert len(model[-1]._X) == n_core < len(small_model[-1]._X)
        assert not hasattr(model[-1], "edits_")
        assert not hasattr(model[-1], "reachability_")


def test_nothing_can_be_read_without_a_key(encrypted, small_model):
    content = encrypted.read_bytes()

    assert b"first topic" not in content
    assert b"telescope" not in content
    assert small_model[-1]._X[3].tobytes() not in content
    assert small_model[2].weights_["dense/bias"].tobytes() not in content
    assert "arrays" not in inspect(encrypted)


def test_a_wrong_secret_is_one_generic_error(encrypted):
    """4: nothing says whether a passphrase or a key was wrong."""
    other = RoleKey.generate("owner")
    messages = set()
    for wrong in ({"passphrase": "wrong horse"}, {"keys": other}):
        with pytest.raises(DecryptionError) as caught:
            load(encrypted, **wrong)
        messages.add(str(caught.value))

    assert len(messages) == 1
    with pytest.raises(DecryptionError, match="give its passphrase or a key"):
        load(encrypted)
    assert load(encrypted, passphrase="wrong horse", keys=OWNER)


def test_the_same_letters_are_the_same_passphrase(tmp_path):
    path = save(TextCleaner(), tmp_path / "m.dct", passphrase="caf\u00e9")

    assert load(path, passphrase="cafe\u0301")


def test_an_encrypted_and_signed_file(small_model, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, path = Ed25519PrivateKey.generate(), tmp_path / "m.dct"
    save(small_model, path, keys=OWNER, sign_with=key)

    assert load(path, keys=OWNER, trusted_keys=[key.public_key()])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keys": []}, "Nobody could open"),
        ({"keys": [PREDICT, INSPECT]}, "add an owner key"),
        ({"passphrase": ""}, "empty"),
    ],
)
def test_what_nobody_could_open_is_not_written(given, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save(TextCleaner(), tmp_path / "m.dct", **given)

    assert not list(tmp_path.iterdir())


def test_an_encrypted_file_cannot_be_mapped(encrypted):
    with pytest.raises(ValueError, match="mmap"):
        load(encrypted, keys=OWNER, mmap=True)


# Changes ----------------------------------------------------------------------------


def change_sections(path, change):
    """Change the stored bytes of sections, and compute the digests again."""
    with path.open("rb") as file:
        model = container.read_manifest(file, lambda message, signature: None)
        stored = {
            name: bytearray(container.read_section(file, model, name))
            for name in model.places
        }
    change(model.manifest, stored)
    pieces = {name: [memoryview(bytes(raw))] for name, raw in stored.items()}
    container.write_file(path, model.manifest, pieces)


def test_a_changed_bit_is_noticed(encrypted):
    whole = encrypted.read_bytes()
    for place in np.random.default_rng(0).integers(0, 8 * len(whole), 300).tolist():
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        encrypted.write_bytes(changed)
        with pytest.raises(IntegrityError):
            load(encrypted, keys=OWNER)


def test_a_changed_bit_with_recomputed_digests_is_noticed(encrypted):
    def change(manifest, stored):
        stored["predict"][100] ^= 1

    change_sections(encrypted, change)

    with pytest.raises(DecryptionError):
        load(encrypted, keys=OWNER)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["libraries"].update(numpy="9.9"),
        lambda manifest: manifest["classes"].append("TextCleaner"),
        lambda manifest: manifest.update(profile="predict"),
        lambda manifest: manifest.update(note="new"),
        lambda manifest: manifest["encryption"]["slots"][0].update(key="other"),
        lambda manifest: manifest["encryption"]["slots"].pop(0),
    ],
)
def test_a_section_is_bound_to_the_manifest(encrypted, change):
    change_sections(encrypted, lambda manifest, stored: change(manifest))

    with pytest.raises(DecryptionError):
        load(encrypted, keys=OWNER)


def test_sections_cannot_be_exchanged(encrypted):
    def change(manifest, stored):
        stored["predict"], stored["owner"] = stored["owner"], stored["predict"]

    change_sections(encrypted, change)

    with pytest.raises(DecryptionError):
        load(encrypted, keys=OWNER)


LARGE = os.urandom(2 * CHUNK + 1000)
PLACE = CHUNK + TAG


def reader(stored):
    position = 0

    def read(length):
        nonlocal position
        position += length
        return bytes(stored[position - length : position])

    return read


def sealed(plain):
    cipher = Cipher({"a": bytes(32), "b": bytes(32)}, {"a": bytes(7), "b": bytes(7)})
    pieces = [memoryview(plain[:7]), memoryview(plain[7:])]
    return cipher, b"".join(cipher.seal("a", pieces, b"x"))


@given(st.integers(1, 3 * CHUNK) | st.sampled_from([1, CHUNK, CHUNK + 1, 2 * CHUNK]))
def test_any_length_is_decrypted(length):
    plain = (LARGE * 2)[:length]
    cipher, stored = sealed(plain)

    assert len(stored) == cipher.stored_length(length)
    assert cipher.open("a", reader(stored), len(stored), b"x") == plain


CHUNKS = {
    "swapped": lambda s: s[PLACE : 2 * PLACE] + s[:PLACE] + s[2 * PLACE :],
    "first dropped": lambda s: s[PLACE:],
    "last dropped": lambda s: s[: 2 * PLACE],
    "doubled": lambda s: s[:PLACE] + s[:PLACE] + s[PLACE:],
    "last doubled": lambda s: s + s[2 * PLACE :],
    "cut": lambda s: s[:-1],
    "no bytes": lambda s: b"",
}


@pytest.mark.parametrize("how", CHUNKS)
def test_chunks_cannot_be_moved(how):
    """5: swapped, dropped, doubled."""
    cipher, stored = sealed(LARGE)
    changed = CHUNKS[how](stored)

    with pytest.raises(DecryptionError):
        cipher.open("a", reader(changed), len(changed), b"x")


def test_chunks_belong_to_their_section_and_file():
    cipher, stored = sealed(LARGE)

    for name, binding in (("b", b"x"), ("a", b"y")):
        with pytest.raises(DecryptionError):
            cipher.open(name, reader(stored), len(stored), binding)


def slots(change):
    def apply(manifest, stored):
        change(manifest["encryption"])

    return apply


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e["slots"][3]["scrypt"].update(n=2**30),
        lambda e: e["slots"][3]["scrypt"].update(r=2**20),
        lambda e: e["slots"][3]["scrypt"].update(p=2**20),
        lambda e: e["slots"][3]["scrypt"].update(n=17),
        lambda e: e["slots"][3]["scrypt"].update(n=True),
        lambda e: e["slots"][3]["scrypt"].update(salt="00"),
        lambda e: e["slots"][3].pop("commitment"),
        lambda e: e["slots"][3].update(role="root"),
        lambda e: e["slots"][3].update(role=["owner"]),
        lambda e: e["slots"][3].update(hkdf_salt="zz"),
        lambda e: e["slots"][3]["sections"].update(predict="00"),
        lambda e: e["slots"][3].update(sections=[]),
        lambda e: e["slots"].extend(e["slots"] * 5),
        lambda e: e["slots"].clear(),
        lambda e: e.update(slots=None),
        lambda e: e["prefixes"].update(predict="00"),
    ],
)
def test_a_forged_description_is_refused_soon(encrypted, change):
    """6: among others, a scrypt of N = 2³⁰, which would take 1 TiB."""
    change_sections(encrypted, slots(change))
    start = time.perf_counter()

    with pytest.raises(ModelFormatError, match="encryption"):
        load(encrypted, passphrase="correct horse")

    assert time.perf_counter() - start < 1


def test_forged_section_keys_are_refused(encrypted):
    def change(entry):
        wrapped = entry["slots"][2]["sections"]["predict"]
        entry["slots"][2]["sections"]["predict"] = "00" + wrapped[2:]

    change_sections(encrypted, slots(change))

    with pytest.raises(DecryptionError):
        load(encrypted, keys=OWNER)


def test_default_costs_are_those_that_are_recommended(tmp_path, monkeypatch):
    """N = 2¹⁷, r = 8, p = 1: 128 MiB."""
    monkeypatch.undo()

    path = save(TextCleaner(), tmp_path / "m.dct", passphrase="a")

    costs = inspect(path)["encryption"]["slots"][0]["scrypt"]
    assert (costs["n"], costs["r"], costs["p"]) == (2**17, 8, 1)
    assert json.dumps(inspect(path))
    assert load(path, passphrase="a")
