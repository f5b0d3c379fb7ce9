"""Signed and encrypted models on the command line."""

import io
from pathlib import Path

import pandas as pd
import pytest

from deepclust import load, save
from deepclust.cli import _models, main
from deepclust.cli._models import OLD_PASSPHRASE, PASSPHRASE, protection
from deepclust.cli._output import InputError
from deepclust.persistence import _encryption

STORED = Path(__file__).parents[1] / "persistence" / "model_v1.dct"


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch):
    monkeypatch.setitem(_encryption.SCRYPT, "n", 16)
    monkeypatch.delenv(PASSPHRASE, raising=False)


@pytest.fixture
def keys(tmp_path, capsys):
    assert main(["keys", "generate", str(tmp_path / "keys")]) == 0
    assert len(capsys.readouterr().out.split()) == 5
    return tmp_path / "keys"


@pytest.fixture
def texts(tmp_path, corpus):
    path = tmp_path / "new.txt"
    path.write_text("\n".join(corpus.texts[:40]))
    return path


@pytest.fixture
def protected(tmp_path, keys, monkeypatch):
    """A model that a passphrase and three keys open, and that is signed."""
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    files = [keys / f"{role}.key" for role in ("predict", "inspect", "owner")]
    path, options = tmp_path / "m.dct", protection(True, files, keys / "signing.pem")
    _models.save_model(load(STORED), path, **options)
    monkeypatch.delenv(PASSPHRASE)
    return path


def run(*arguments):
    return main([*map(str, arguments)])


def test_a_signed_and_encrypted_model_predicts(
    protected, keys, texts, capsys, monkeypatch
):
    assert run("predict", STORED, texts, "--quiet") == 0
    expected = capsys.readouterr().out
    trusted = ["--trusted-key", keys / "signing.pub", "--quiet"]

    owner = ["--key", keys / "owner.key"]
    assert run("predict", protected, texts, *owner) == 0
    assert capsys.readouterr().out == expected
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    assert run("predict", protected, texts, *trusted) == 0
    assert capsys.readouterr().out == expected
    for role in ("inspect", "predict"):
        assert run("predict", protected, texts, "--key", keys / f"{role}.key") == 0
        found = capsys.readouterr().out
        pd.testing.assert_frame_equal(unnamed(found), unnamed(expected))
        assert ("first topic" in found) == (role == "inspect")


def test_the_digits_that_inspect_shows_are_a_trusted_key(
    protected, keys, texts, capsys
):
    assert run("keys", "show", keys / "signing.pub") == 0
    digits = capsys.readouterr().out.split()[-1]
    options = ["--key", keys / "predict.key", "--quiet", "--trusted-key"]

    assert run("inspect", protected) == 0
    assert digits in capsys.readouterr().out
    assert run("predict", protected, texts, *options, digits) == 0
    assert run("predict", protected, texts, *options, "ab" * 32) == 2
    assert "none of --trusted-key" in capsys.readouterr().err


def unnamed(table):
    return pd.read_csv(io.StringIO(table)).drop(columns=["name"])


def test_a_passphrase_is_asked_for(protected, texts, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked = []

    def prompt(text, **options):
        asked.append((text, options["hide_input"], options["confirmation_prompt"]))
        return "correct horse"

    monkeypatch.setattr("typer.prompt", prompt)

    assert run("predict", protected, texts, "--quiet") == 0
    assert asked == [(f"Passphrase of {protected}", True, False)]
    assert protection(True, None, None) == {"passphrase": "correct horse"}
    assert asked[1][2]


def test_what_does_not_open_a_model_is_one_line(
    protected, keys, texts, tmp_path, capsys, monkeypatch
):
    other = tmp_path / "other"
    assert run("keys", "generate", other) == 0
    capsys.readouterr()
    cases = [
        ((), f"in the variable {PASSPHRASE}"),
        (("--key", other / "owner.key"), "no passphrase or key that was given"),
        (("--key", keys / "signing.pub"), "holds no role key"),
        (("--trusted-key", keys / "none.pub", "--key", keys / "owner.key"), "none.pub"),
        (
            ("--trusted-key", other / "signing.pub", "--key", keys / "owner.key"),
            "none of --trusted-key",
        ),
    ]
    for options, message in cases:
        assert run("predict", protected, texts, "--quiet", *options) == 2
        error = capsys.readouterr().err
        assert error.startswith("deepclust: error: ")
        assert error.count("\n") == 1
        assert message in error
    monkeypatch.setenv(PASSPHRASE, "wrong horse")
    assert run("predict", protected, texts, "--quiet") == 2
    error = capsys.readouterr().err
    assert "no passphrase or key that was given" in error
    assert "See which keys do by: python -m deepclust inspect" in error


def test_keys_are_rotated(protected, keys, tmp_path, texts, capsys, monkeypatch):
    new = tmp_path / "new"
    assert run("keys", "generate", new) == 0
    command = ["keys", "rotate", protected, "--new-key", new / "owner.key"]
    command += ["--sign-with", new / "signing.pem"]
    monkeypatch.setenv(PASSPHRASE, "correct horse")  # of the new file
    assert run(*command) == 2
    assert OLD_PASSPHRASE in capsys.readouterr().err
    assert run(*command, "--key", keys / "inspect.key") == 2
    assert "Only an owner key" in capsys.readouterr().err

    monkeypatch.setenv(OLD_PASSPHRASE, "correct horse")
    assert run(*command[:-2]) == 2
    assert "pass --sign-with to sign it again" in capsys.readouterr().err
    assert run("keys", "rotate", protected) == 2
    assert "needs --new-key, --encrypt or --sign-with" in capsys.readouterr().err
    assert run(*command, "--trusted-key", new / "signing.pub") == 2
    assert "none of --trusted-key" in capsys.readouterr().err
    assert run(*command) == 0

    monkeypatch.delenv(PASSPHRASE)
    for folder, status in ((new, 0), (keys, 2)):
        options = ["--key", folder / "owner.key"]
        options += ["--trusted-key", new / "signing.pub", "--quiet"]
        assert run("predict", protected, texts, *options) == status


def test_keys_that_protect_nothing_are_refused_before_the_work(keys, capsys):
    arguments = ["cluster", "no-such-file.csv", "--key", keys / "predict.key"]

    assert run(*arguments) == 2
    assert "owner's --key" in capsys.readouterr().err
    assert run(*arguments, "--encrypt") == 2
    assert f"there is none here. Put it into the variable {PASSPHRASE}" in (
        capsys.readouterr().err
    )
    with pytest.raises(InputError, match="no private key"):
        protection(False, None, keys / "signing.pub")
    assert protection(False, None, None) == {}


def test_a_report_has_the_names_that_the_key_shows(protected, keys, texts, tmp_path):
    pages = {}
    for role in ("predict", "inspect"):
        options = ["--key", keys / f"{role}.key", "--quiet"]
        options += ["--out", tmp_path / role, "--format", "json"]
        assert run("report", protected, texts, *options) == 0
        pages[role] = (tmp_path / role).read_text("utf-8")

    assert "first topic" in pages["inspect"]
    assert "first topic" not in pages["predict"]


def test_inspect_shows_readers_and_signer(protected, keys, capsys):
    public = (keys / "signing.pub").name
    assert run("keys", "show", keys / public, keys / "owner.key") == 0
    shown = capsys.readouterr().out.splitlines()
    signer, owner = shown[0].split()[-1], shown[1].split()[3]

    assert run("inspect", protected) == 0
    described = capsys.readouterr().out
    assert f"signed by         {signer}" in described
    assert "compare with: python -m deepclust keys show signing.pub" in described
    assert f"key {owner} (owner), a passphrase (owner)" in described
    assert "TextCleaner, Vectorizer" in described
    assert run("inspect", STORED) == 0
    described = capsys.readouterr().out
    assert "nobody" in described
    assert "everybody: it is not encrypted" in described
    assert "arrays" in described


def test_inspect_refuses_other_files(texts, tmp_path, capsys):
    for path, message in (
        (tmp_path / "no.dct", "no model"),
        (texts, "no model file of deepclust"),
    ):
        assert run("inspect", path) == 2
        error = capsys.readouterr().err
        assert error.startswith("deepclust: error: ")
        assert error.count("\n") == 1
        assert message in error


def test_keys_are_not_overwritten_and_files_without_are_named(keys, tmp_path, capsys):
    assert run("keys", "generate", keys) == 2
    assert "another folder" in capsys.readouterr().err
    (tmp_path / "a.txt").write_text("no key")
    assert run("keys", "show", tmp_path / "a.txt") == 2
    assert "holds no role key" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["inspect"], ["keys", "generate"]])
def test_help_of_the_commands(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "88")

    assert main([*command, "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 88


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        _models.save_model(load(STORED), tmp_path / "none" / "m.dct")
    assert save(load(STORED), tmp_path / "m.dct")
