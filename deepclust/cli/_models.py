"""Model files on the command line: keys, passphrases, what a file holds."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import typer

from deepclust.cli._output import InputError, one_line
from deepclust.exceptions import DecryptionError

PASSPHRASE = "DEEPCLUST_PASSPHRASE"  # variable of the environment
OLD_PASSPHRASE = "DEEPCLUST_OLD_PASSPHRASE"
_OPTIONS = {
    "new_keys": "--new-key",
    "new_passphrase": "--encrypt",
    "sign_with": "--sign-with",
    "trusted_keys": "--trusted-key",
}


def protection(
    encrypt: bool, keys: list[Path] | None, sign_with: Path | None
) -> dict[str, Any]:
    """Return the options of `save` that encrypt and sign a model.

    Parameters
    ----------
    encrypt : bool
        Whether with a passphrase, out of the environment or typed in twice.

    keys : list of Path, or None
        Of `RoleKey`.

    sign_with : Path or None
        PEM file of an Ed25519 key.

    Raises
    ------
    InputError
        If a file holds no key, or nobody could read all of the model.
    """
    from deepclust.persistence._keys import role_keys, signing_key

    options: dict[str, Any] = {}
    try:
        if keys:
            options["keys"] = role_keys(keys)
        if sign_with is not None:
            options["sign_with"] = signing_key(sign_with)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error
    if encrypt:
        options["passphrase"] = _passphrase("Passphrase for the model", confirm=True)
    elif keys and not any(key.role == "owner" for key in options["keys"]):
        raise InputError("nobody could read all of the model: add an owner's --key")
    return options


def save_model(model: Any, path: Path, **options: Any) -> None:
    """Write a model file, with options of `save`.

    Raises
    ------
    InputError
        If the file cannot be written, or nothing of the model may be shared.
    """
    from deepclust.persistence import save

    try:
        save(model, path, **options)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write to {str(path)!r}: {error}") from error


def load_model(
    path: Path, keys: list[Path] | None = None, trusted: list[str] | None = None
) -> Any:
    """Return the pipeline in a model file.

    Parameters
    ----------
    path : Path

    keys : list of Path, default=None
        Role keys. Without one, an encrypted file asks for its passphrase.

    trusted : list of str, default=None
        Public keys, by path or 64 hexadecimal digits; one must have signed the file.

    Returns
    -------
    model : Pipeline

    Raises
    ------
    InputError
        If there is no such file, it is not intact, nothing opens it, or it holds no
        pipeline that predicts.
    """
    from deepclust.persistence import load

    manifest, passphrase = manifest_of(path), None
    if "encryption" in manifest and not keys:
        passphrase = _passphrase(f"Passphrase of {one_line(path)}", confirm=False)
    try:
        model = load(
            path, passphrase=passphrase, keys=keys or None, trusted_keys=trusted or None
        )
    except (ValueError, OSError) as error:
        raise with_options(error) from error
    if not hasattr(model, "steps") or not hasattr(model, "predict"):
        kind = type(model).__name__
        raise InputError(f"{path} holds a {kind}, not a pipeline that predicts")
    return model


def with_options(error: Exception) -> InputError:
    """Return an error of a model file whose message has options for parameters."""
    names = rf"(?<![\w/.-])({'|'.join(_OPTIONS)})(?![\w/-]|\.\w)"
    message = re.sub(names, lambda found: _OPTIONS[found[0]], str(error))
    if isinstance(error, DecryptionError):
        message += (
            " See which keys do by: python -m deepclust inspect MODEL, and which key a "
            "file holds by: python -m deepclust keys show FILE"
        )
    return InputError(message)


def rotate_model(
    path: Path,
    keys: list[Path] | None,
    new_keys: list[Path] | None,
    encrypt: bool,
    sign_with: Path | None,
    trusted: list[str] | None,
) -> None:
    """Encrypt or sign a model file anew.

    Parameters
    ----------
    path : Path

    keys : list of Path, or None
        Old role keys. Without one, an encrypted file asks for its passphrase.

    new_keys, encrypt, sign_with
        As `protection` has them.

    trusted : list of str, or None
        Public keys, by path or 64 hexadecimal digits; one must have signed the old
        file.

    Raises
    ------
    InputError, ValueError, OSError
        As `deepclust.persistence.rotate`.
    """
    from deepclust.persistence import rotate

    options, passphrase = protection(encrypt, new_keys, sign_with), None
    opens = "encryption" in manifest_of(path) and (encrypt or new_keys)
    if opens and not keys:
        prompt = f"Old passphrase of {one_line(path)}"
        passphrase = _passphrase(prompt, confirm=False, variable=OLD_PASSPHRASE)
    rotate(
        path,
        passphrase=passphrase,
        keys=keys or None,
        new_passphrase=options.get("passphrase"),
        new_keys=options.get("keys"),
        sign_with=options.get("sign_with"),
        trusted_keys=trusted or None,
    )


def manifest_of(path: Path) -> dict[str, Any]:
    """Return the manifest of a model file.

    Raises
    ------
    InputError
        If there is no such file, or it is none.
    """
    from deepclust.persistence import inspect

    if not path.is_file():
        raise InputError(f"no model {str(path)!r}")
    try:
        return inspect(path)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


def _passphrase(prompt: str, *, confirm: bool, variable: str = PASSPHRASE) -> str:
    given = os.environ.get(variable)
    if given:
        return given
    if not sys.stdin.isatty():
        if confirm:
            raise InputError(
                "--encrypt asks for a passphrase on a terminal: there is none here. "
                f"Put it into the variable {variable}"
            )
        raise InputError(f"give --key, or the passphrase in the variable {variable}")
    options: dict[str, Any] = {"hide_input": True, "err": True}
    return typer.prompt(prompt, confirmation_prompt=confirm, **options)


def describe_model(path: Path) -> list[tuple[str, str]]:
    """Return what a model file says of itself, as pairs of a name and a text.

    Raises
    ------
    InputError
        If there is no such file, or it is none.
    """
    manifest = manifest_of(path)
    lines = [("file", f"{path.stat().st_size / 1e6:,.2f} MB, format 1")]
    lines.append(("profile", str(manifest.get("profile"))))
    lines.append(("holds", ", ".join(map(str, manifest.get("classes", [])))))
    libraries = manifest.get("libraries")
    if isinstance(libraries, dict):
        saved_with = (f"{name} {version}" for name, version in libraries.items())
        lines.append(("saved with", ", ".join(saved_with)))
    signer = manifest["signed_by"]
    lines.append(("signed by", signer or "nobody"))
    if signer:
        lines.append(("", "compare with: python -m deepclust keys show signing.pub"))
    lines.append(("opened by", ", ".join(_readers(manifest))))
    for section in manifest["sections"]:
        name, size = section["name"], f"{section['length']:,} bytes"
        tables = manifest.get("arrays")
        count = f", {len(tables[name])} arrays" if tables else ""
        lines.append((f"section {name}", f"{size}{count}"))
    return lines


def _readers(manifest: dict[str, Any]) -> list[str]:
    if "encryption" not in manifest:
        return ["everybody: it is not encrypted"]
    slots = manifest["encryption"].get("slots", [])
    return [
        f"key {slot['key']} ({slot.get('role')})"
        if "key" in slot
        else "a passphrase (owner)"
        for slot in slots
    ]
