import os
import stat

import pytest

from deepclust import TextCleaner, load, save
from deepclust.exceptions import SignatureError
from deepclust.persistence import RoleKey, generate_keys
from deepclust.persistence._keys import describe_key


def test_a_key_comes_back_from_its_file(tmp_path):
    key = RoleKey.generate("inspect")

    path = key.write(tmp_path / "a.key")

    assert RoleKey.read(path) == key
    assert RoleKey.read(path).id == key.id
    assert RoleKey.generate("inspect").id != key.id
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_only_public_keys_are_for_others(tmp_path):
    generate_keys(tmp_path)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes.pop("signing.pub") & ~0o044 == 0o600
    assert {*modes.values()} == {0o600}


def test_a_key_is_never_overwritten(tmp_path):
    RoleKey.generate("owner").write(tmp_path / "a.key")
    old = (tmp_path / "a.key").read_bytes()

    with pytest.raises(FileExistsError):
        RoleKey.generate("owner").write(tmp_path / "a.key")

    assert (tmp_path / "a.key").read_bytes() == old


def test_a_full_disk_leaves_no_part_of_a_key(tmp_path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            RoleKey.generate("inspect").write(tmp_path / "a.key")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert os.listdir(tmp_path) == []


def test_a_secret_is_not_shown(tmp_path):
    key = RoleKey.generate("owner")
    path = key.write(tmp_path / "a.key")

    for shown in (repr(key), str(key), f"{[key]}", describe_key(path)):
        assert key.secret.hex() not in shown
        assert key.id in shown


@pytest.mark.parametrize(
    ("role", "secret"), [("admin", bytes(32)), ("owner", bytes(31)), ("owner", "a")]
)
def test_what_is_no_key_is_refused(role, secret):
    with pytest.raises(ValueError, match=r"role|secret"):
        RoleKey(role, secret)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"deepclust_role": 1}'])
def test_a_file_without_key_is_refused(tmp_path, content):
    (tmp_path / "a.key").write_text(content)

    with pytest.raises(ValueError, match="holds no role key"):
        save(TextCleaner(), tmp_path / "m.dct", keys=tmp_path / "a.key")
    with pytest.raises(ValueError, match="holds no role key"):
        describe_key(tmp_path / "a.key")


def test_generated_keys_encrypt_and_sign(tmp_path):
    predict, inspect, owner, private, public = generate_keys(tmp_path / "keys")
    path = tmp_path / "m.dct"

    save(TextCleaner(), path, keys=[owner, predict, inspect], sign_with=private)

    for key in (predict, inspect, owner):
        assert load(path, keys=str(key), trusted_keys=public)
    assert describe_key(public).removeprefix("public key ") in describe_key(private)
    assert describe_key(inspect).endswith("for the role inspect")
    with pytest.raises(SignatureError):
        load(path, keys=owner, trusted_keys=generate_keys(tmp_path / "other")[-1])
    with pytest.raises(FileExistsError, match="another folder"):
        generate_keys(tmp_path / "keys")
