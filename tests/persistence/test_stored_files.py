"""A stored file of every format stays here for ever: it is read by all later versions.

Sealed files are encrypted and signed; how the first one was made:

    rows = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0]]
    model = DBSCAN(eps=0.15, min_samples=2).fit(rows)
    rename(model, {0: "near", 1: "far"})
    save(model, "sealed_v1.dct", passphrase=PASSPHRASE, keys=KEYS, sign_with=SIGNER)
"""

from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tiny import make_corpus

from deepclust import load
from deepclust.persistence import RoleKey, inspect
from deepclust.persistence._container import FORMAT

FOLDER = Path(__file__).parent
PASSPHRASE = "caf\u00e9 correct horse"
KEYS = [
    RoleKey(role, role.encode().ljust(32)) for role in ("predict", "inspect", "owner")
]
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))
LABELS = [0, 0, 0, 1, 1, 1, -1]
ROWS = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0]]


@pytest.fixture(params=range(1, FORMAT + 1))
def version(request):
    return request.param


def test_a_pipeline_of_every_format_is_loaded(version):
    path = FOLDER / f"model_v{version}.dct"
    assert path.read_bytes()[16:20] == version.to_bytes(4, "little")

    loaded = load(path)  # its probe texts, too: a ModelDriftWarning is an error

    texts = make_corpus(15).texts
    assert loaded.predict(texts).tolist() == loaded[-1].labels_.tolist()
    assert np.isfinite(loaded.predict_proba(texts)).all()


def test_a_sealed_file_of_every_format_is_opened_by_every_role(version):
    path, public = FOLDER / f"sealed_v{version}.dct", SIGNER.public_key()
    assert path.read_bytes()[16:20] == version.to_bytes(4, "little")

    for given in (*({"keys": key} for key in KEYS), {"passphrase": PASSPHRASE}):
        loaded = load(path, trusted_keys=public, require_signature=True, **given)
        assert loaded.predict(ROWS).tolist() == LABELS
        names = getattr(loaded, "cluster_names_", None)
        is_predict = given.get("keys") == KEYS[0]
        assert names == (None if is_predict else {0: "near", 1: "far"})
        is_owner = given.get("keys", KEYS[2]) == KEYS[2]
        assert len(loaded.labels_) == (7 if is_owner else 6)
    assert inspect(path)["signed_by"] == public.public_bytes_raw().hex()
