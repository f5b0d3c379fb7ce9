"""The Keras network: real layers, exact masks, weights by name."""

import keras
import numpy as np
import pytest
from keras import ops
from small_networks import small_network

from deepclust.encoding._network import (
    MaskedPooling,
    PrototypeHeads,
    read_weights,
    write_weights,
)


def embed(network, rows):
    return ops.convert_to_numpy(network(np.array(rows)))


FUSIONS = ("concat", "stack", "sum", "gate")


def make_network(**options):
    small = {"rnn_units": 4, "lstm_units": 6, "embedding_dim": 3}
    return small_network(20, 5, **(small | options))


def test_layers_suit_the_fused_gpu_kernel():
    network = make_network()
    assert isinstance(network.rnn, keras.layers.SimpleRNN)
    assert isinstance(network.lstm, keras.layers.Bidirectional)
    assert network.lstm.backward_layer.go_backwards
    for lstm in (network.lstm.forward_layer, network.lstm.backward_layer):
        assert isinstance(lstm, keras.layers.LSTM)
        assert lstm.activation is keras.activations.tanh
        assert lstm.recurrent_activation is keras.activations.sigmoid
        assert lstm.recurrent_dropout == 0
        assert not lstm.unroll
        assert lstm.use_bias


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("pooling", ["attention", "mean", "max"])
def test_padding_changes_nothing(fusion, pooling):
    network = make_network(fusion=fusion, pooling=pooling)
    alone = embed(network, [[2, 3, 7]])
    padded = embed(network, [[2, 3, 7, 0, 0], [4, 5, 6, 8, 9]])
    np.testing.assert_allclose(padded[0], alone[0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(padded, axis=1), 1.0, atol=1e-6)


def test_the_order_of_the_words_counts_in_both_branches():
    for off in ("rnn_units", "lstm_units"):
        network = make_network(**{off: 0})
        one, other = embed(network, [[2, 3, 4], [4, 3, 2]])
        assert np.abs(one - other).max() > 1e-4


def test_without_branches_it_is_a_bag_of_words():
    network = make_network(rnn_units=0, lstm_units=0)
    one, other = embed(network, [[2, 3, 4], [4, 3, 2]])
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_one_step_by_hand():
    network = small_network(
        3,
        1,
        rnn_units=1,
        lstm_units=1,
        bidirectional=False,
        embedding_dim=3,
        pooling="mean",
        kernel_initializer="ones",
    )
    network.words.embeddings.assign([[0.0], [0.0], [0.5]])
    sigmoid = 1 / (1 + np.exp(-0.5))
    carry = sigmoid * np.tanh(0.5)  # nothing is there to be forgotten yet
    features = np.array([np.tanh(0.5), sigmoid * np.tanh(carry), 0.5])
    write_weights(
        network, read_weights(network) | {"dense/kernel": np.eye(3, dtype=np.float32)}
    )
    expected = features / np.linalg.norm(features)
    np.testing.assert_allclose(embed(network, [[2]])[0], expected, atol=1e-6)


def test_weights_by_name_survive_a_round_trip():
    network, other = (
        make_network(seed=1, fusion="gate"),
        make_network(seed=2, fusion="gate"),
    )
    ids = [[2, 3, 4]]
    assert np.abs(embed(network, ids) - embed(other, ids)).max() > 1e-3
    write_weights(other, read_weights(network))
    np.testing.assert_array_equal(embed(network, ids), embed(other, ids))
    assert sum(w.size for w in read_weights(network).values()) == network.count_params()


def test_seed_decides_the_weights():
    one, same, other = (read_weights(make_network(seed=s)) for s in (1, 1, 20))
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert not np.array_equal(one["dense/kernel"], other["dense/kernel"])


def test_pooling_modes():
    features = np.array([[[1.0], [3.0], [9.0]]], dtype=np.float32)
    real = np.array([[True, True, False]])
    for mode, expected in (("mean", 2.0), ("max", 3.0)):
        assert float(MaskedPooling(mode)(features, real)[0, 0]) == expected
    attention = MaskedPooling("attention", kernel_initializer="ones")
    share = np.exp(3) / (np.exp(1) + np.exp(3))
    pooled = ops.convert_to_numpy(attention(features, real))[0, 0]
    assert pooled == pytest.approx((1 - share) * 1 + share * 3, rel=1e-5)


def test_heads_are_scaled_cosines():
    heads = PrototypeHeads([2, 1])
    embedding = np.array([[0.6, 0.8]], dtype=np.float32)
    heads(embedding)
    heads.prototypes[0].assign([[3.0, 0.0], [0.0, -2.0]])
    heads.prototypes[1].assign([[0.0, 5.0]])
    logits = ops.convert_to_numpy(heads(embedding))
    expected = [[[9.6, -12.8], [12.8, -1e9]]]
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
