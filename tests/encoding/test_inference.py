"""The numpy forward pass: equal to Keras, and to itself in any company."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_networks import small_network
from threadpoolctl import threadpool_info, threadpool_limits

from deepclust import TokenSequences
from deepclust.encoding._inference import ACTIVATIONS, ForwardPass, rows_per_product
from deepclust.encoding._network import read_weights
from deepclust.encoding._training import embed_with_keras

N_TOKENS = 300


def make_texts(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return TokenSequences.from_lists([rng.integers(2, N_TOKENS, n) for n in lengths])


def make_pair(**options):
    """Return a Keras network with noisy weights and its numpy forward pass."""
    rng = np.random.default_rng(1)
    sizes = {"rnn_units": 5, "lstm_units": 7, "embedding_dim": 6}
    network = small_network(N_TOKENS, 9, **(sizes | options))
    for weight in network.weights[1:]:  # biases too
        noise = rng.normal(size=weight.shape, scale=0.3).astype(np.float32)
        weight.assign_add(noise)
    defaults = {"fusion": "concat", "pooling": "attention", "activation": "tanh"}
    same = {name: options.get(name, value) for name, value in defaults.items()}
    return network, ForwardPass(read_weights(network), **same)


MIXED = [*range(40), 63, 64, 65, 200]


@pytest.mark.parametrize(
    ("fusion", "pooling", "bidirectional"),
    itertools.product(
        ("concat", "stack", "sum", "gate"), ("attention", "mean", "max"), (True, False)
    ),
)
def test_equal_to_keras(fusion, pooling, bidirectional):
    network, embed = make_pair(
        fusion=fusion, pooling=pooling, bidirectional=bidirectional
    )
    texts = make_texts(MIXED)
    np.testing.assert_allclose(
        embed(texts), embed_with_keras(network, texts), atol=1e-5
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_equal_to_keras(activation):
    network, embed = make_pair(activation=activation)
    texts = make_texts(range(1, 20))
    np.testing.assert_allclose(
        embed(texts), embed_with_keras(network, texts), atol=1e-5
    )


@pytest.mark.parametrize(
    "off", [("rnn_units",), ("lstm_units",), ("rnn_units", "lstm_units")]
)
def test_branches_left_out(off):
    network, embed = make_pair(fusion="stack", **dict.fromkeys(off, 0))
    texts = make_texts(range(1, 20))
    np.testing.assert_allclose(
        embed(texts), embed_with_keras(network, texts), atol=1e-5
    )


@pytest.fixture(scope="module")
def full_size():
    sizes = {"rnn_units": 64, "lstm_units": 96, "embedding_dim": 64}
    weights = read_weights(small_network(N_TOKENS, 100, **sizes))
    embed = ForwardPass(
        weights, fusion="concat", pooling="attention", activation="tanh"
    )
    texts = make_texts(np.repeat(MIXED, 5))
    return embed, texts, embed(texts)


def test_a_text_alone_is_the_text_in_a_batch_bit_for_bit(full_size):
    embed, texts, together = full_size
    alone = np.vstack([embed(texts[i : i + 1]) for i in range(len(texts))])
    np.testing.assert_array_equal(alone, together)


def test_order_does_not_matter_bit_for_bit(full_size):
    embed, texts, together = full_size
    order = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_array_equal(embed(texts[order]), together[order])


def test_chunks_and_block_sizes_do_not_matter_bit_for_bit(full_size, monkeypatch):
    embed, texts, together = full_size
    monkeypatch.setattr("deepclust.encoding._inference.CHUNK", 17)
    monkeypatch.setattr("deepclust.encoding._inference.MAX_ROWS", 16)
    np.testing.assert_array_equal(embed(texts), together)


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_threads_do_not_matter_bit_for_bit(full_size, n_threads):
    embed, texts, together = full_size
    with threadpool_limits(limits=n_threads, user_api="blas"):
        np.testing.assert_array_equal(embed(texts), together)


def test_eight_callers_at_once(full_size):
    embed, texts, together = full_size

    def blas_threads():
        return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]

    before = blas_threads()
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(embed, [texts] * 16):
            np.testing.assert_array_equal(result, together)
    assert blas_threads() == before


def test_an_error_gives_the_blas_threads_back(full_size):
    embed, *_ = full_size
    before = threadpool_info()
    with pytest.raises(IndexError):
        embed(TokenSequences.from_lists([[N_TOKENS + 5]]))
    assert threadpool_info() == before


def test_empty_texts_and_no_texts(full_size):
    embed, texts, _ = full_size
    assert embed(texts[:0]).shape == (0, 64)
    result = embed(TokenSequences.from_lists([[], [2], []]))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result[[0, 2]], 0.0)
    assert np.linalg.norm(result[1]) == pytest.approx(1.0, abs=1e-6)


def test_rows_multiplied_together_do_not_change_one_another():
    rng = np.random.default_rng(0)
    for n_in, n_out in ((96, 384), (100, 64), (7, 13), (356, 1)):
        n_rows = rows_per_product(n_in, n_out)
        assert n_rows in (1, 2, 4, 8)
        rows = rng.normal(size=(n_rows, n_in)).astype(np.float32)
        kernel = rng.normal(size=(n_in, n_out)).astype(np.float32)
        swapped = (rows[::-1].copy() @ kernel)[::-1]
        np.testing.assert_array_equal(rows @ kernel, swapped)
