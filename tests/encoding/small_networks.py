"""Fixtures of the encoding room: small networks and how to train them."""

import numpy as np

NETWORK = {
    "rnn_units": 4,
    "lstm_units": 5,
    "bidirectional": True,
    "fusion": "concat",
    "pooling": "attention",
    "activation": "tanh",
    "embedding_dim": 4,
    "train_word_vectors": True,
    "kernel_initializer": "glorot_uniform",
    "dtype": "float32",
}
TRAINING = {
    "epochs": 4,
    "batch_size": 128,
    "optimizer": "sgd",
    "learning_rate": 0.3,
    "momentum": 0.9,
    "learning_rate_schedule": "cosine",
    "loss": "cross_entropy",
    "word_dropout": 0.25,
    "validation_fraction": 0.0,
    "early_stopping": False,
    "patience": 3,
    "seed": 0,
    "verbose": 0,
}


def small_network(n_tokens=40, vector_dim=6, seed=0, **options):
    """Return a Keras network with fresh weights, small unless told otherwise."""
    from deepclust.encoding._network import build_network

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n_tokens, vector_dim)).astype(np.float32)
    vectors[0] = 0.0
    return build_network(vectors, seed=seed, **(NETWORK | options))
