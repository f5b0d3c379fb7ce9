import base64
import gzip
import json

import numpy as np
import pytest

from deepclust.reporting._packing import pack_columns, pack_json, pack_texts


def test_texts_are_cut_as_far_as_the_maximal_size_requires():
    rng = np.random.default_rng(0)
    letters = np.array([chr(code) for code in range(0x4E00, 0x5E00)])
    texts = ["".join(rng.choice(letters, 300)) for _ in range(300)]

    packed, limit, n_cut = pack_texts(texts, 500, 100_000)

    assert len(packed) <= 100_000
    assert 20 < limit < 300
    assert n_cut == 300
    shown = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert {len(text) for text in shown} == {limit}
    assert shown[0][:-1] == texts[0][: limit - 1]


def test_packing_refuses_what_json_does_not_know():
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack_json({"loss": float("nan")})


def test_packing_refuses_numbers_beyond_two_bytes():
    assert gzip.decompress(base64.b64decode(pack_columns([[0xFFFF, 1]]))) == (
        b"\xff\xff\x01\x00"
    )
    for number in (-1, 0x10000):
        with pytest.raises(ValueError, match=r"at most 65,535 clusters"):
            pack_columns([[0, number]])
