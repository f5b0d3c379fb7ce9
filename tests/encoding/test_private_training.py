"""DP-SGD: clipped gradients of single texts, sampling, noise, and what was spent."""

import sys

import numpy as np
import pytest
from small_networks import small_network

from deepclust import RNNLSTMEncoder, TokenSequences, load, save
from deepclust.encoding import DifferentialPrivacy
from deepclust.encoding import _private_training as private
from deepclust.encoding._loss import HeadsLoss
from deepclust.encoding._network import PrototypeClassifier
from deepclust.encoding._privacy import privacy_ledger
from deepclust.encoding._private_training import ClippedGradients, poisson_sample

TEXTS = TokenSequences.from_lists(
    [[2, 3, 3, 5, 9], [4], [7, 8, 2], [6, 5, 4, 3, 2, 2, 30], [11, 12]]
)
TARGETS = np.array([[0, 1], [1, 2], [-1, 0], [1, -1], [0, 0]], dtype=np.int32)
WEIGHTS = [1.0, 3.0]


def gradients_of_keras(model, rows):
    """Return the gradients of single texts, by the layers and loss of training."""
    import tensorflow as tf

    found, loss = [], HeadsLoss("cross_entropy", WEIGHTS)
    for row in rows:
        with tf.GradientTape() as tape:
            value = loss(TARGETS[[row]], model(np.asarray(TEXTS[[row]])))
        parts = tape.gradient(value, [v.value for v in model.trainable_variables])
        found.append([tf.convert_to_tensor(g).numpy() for g in parts])
    return found


def norm(gradient):
    return np.sqrt(
        sum(float((part.astype(np.float64) ** 2).sum()) for part in gradient)
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fusion": "gate", "pooling": "mean", "activation": "relu"},
        {"fusion": "stack", "pooling": "max", "train_word_vectors": False},
        {"fusion": "sum", "bidirectional": False},
    ],
    ids=["default", "gate", "stack", "sum"],
)
def test_gradients_of_single_texts_are_those_of_keras(options):
    model = PrototypeClassifier(small_network(**options), [2, 3])
    rows = range(len(TEXTS))
    expected = gradients_of_keras(model, rows)
    norms = np.array([norm(gradient) for gradient in expected])
    limit = float(np.median(norms))

    summed = ClippedGradients(model, "cross_entropy", WEIGHTS, limit)
    sums, *_, lengths = summed.of_batch(np.asarray(TEXTS), TARGETS)

    np.testing.assert_allclose(lengths, norms, rtol=1e-4, atol=1e-6)
    scale = np.minimum(1.0, limit / norms)
    for i, found in enumerate(sums):
        wanted = sum(c * g[i] for c, g in zip(scale, expected, strict=True))
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_one_text_more_changes_a_sum_by_the_clipping_norm_at_most():
    model = PrototypeClassifier(small_network(), [2, 3])
    summed = ClippedGradients(model, "cross_entropy", WEIGHTS, 0.01)
    whole, _ = summed(TEXTS, TARGETS)
    for left_out in range(len(TEXTS)):
        rows = np.delete(np.arange(len(TEXTS)), left_out)
        rest, _ = summed(TEXTS[rows], TARGETS[rows])
        gap = norm([a.numpy() - b.numpy() for a, b in zip(whole, rest, strict=True)])
        assert gap <= 0.01 * (1 + 1e-4)


def test_every_text_is_drawn_by_itself():
    rng = np.random.default_rng(0)
    drawn = [poisson_sample(200, 0.1, rng) for _ in range(2_000)]
    sizes = np.array([len(rows) for rows in drawn])
    # binomial: mean 20, variance 18; a batch of fixed size has variance 0
    assert abs(sizes.mean() - 20) < 0.5
    assert 15 < sizes.var() < 21
    counts = np.bincount(np.concatenate(drawn), minlength=200)
    assert counts.min() > 140
    assert counts.max() < 260


def test_the_noise_has_the_deviation_of_the_ledger():
    model = PrototypeClassifier(small_network(n_tokens=400), [2, 3])
    nothing = ClippedGradients(model, "cross_entropy", WEIGHTS, 1.0)
    sums, figures = nothing(TEXTS[[]], TARGETS[:0])
    assert figures.tolist() == [0, 0, 0]

    noisy = private._with_noise(sums, 2.5, model, np.random.default_rng(0))

    words = next(g for g, v in zip(noisy, model.trainable_variables, strict=True)
                 if v is model.network.words.embeddings).numpy()  # fmt: skip
    assert not words[:2].any()
    assert abs(words[2:].std() - 2.5) < 0.15
    assert all(part.numpy().any() for part in noisy)


def test_the_ledger_is_that_of_the_accountant():
    dp_accounting = pytest.importorskip("dp_accounting")
    from dp_accounting.rdp import RdpAccountant

    ledger = privacy_ledger(DifferentialPrivacy(2.0, 1e-5), 0.02, 300)

    step = dp_accounting.PoissonSampledDpEvent(
        0.02, dp_accounting.GaussianDpEvent(ledger["noise_multiplier"])
    )
    accountant = RdpAccountant().compose(step, 300)
    assert accountant.get_epsilon(1e-5) == pytest.approx(ledger["epsilon"])
    assert 1.95 < ledger["epsilon"] <= 2.0
    more = privacy_ledger(DifferentialPrivacy(1.0, 1e-5), 0.02, 300)
    assert more["noise_multiplier"] > ledger["noise_multiplier"]


def test_an_encoder_trains_with_privacy(tmp_path, monkeypatch):
    pytest.importorskip("dp_accounting")
    applied = []
    noise = private._with_noise
    monkeypatch.setattr(
        private, "_with_noise", lambda *a: applied.append(a[1]) or noise(*a)
    )
    texts = TokenSequences.from_lists([[2, 3, 4], [2, 4], [5, 6], [6, 7, 5]] * 10)
    privacy = DifferentialPrivacy(8.0, 1e-3, max_grad_norm=0.5)
    encoder = RNNLSTMEncoder(
        0, lstm_units=0, embedding_dim=3, epochs=2, batch_size=10, privacy=privacy,
        n_pseudo_classes=2, random_state=0,
    )  # fmt: skip

    first = encoder.fit_transform(texts)

    ledger = encoder.privacy_ledger_
    assert ledger["n_steps"] == len(applied) == 2 * 4
    assert ledger["sampling_rate"] == 0.25
    assert set(applied) == {0.5 * ledger["noise_multiplier"]}
    assert len(encoder.history_) == 2
    path = save(encoder, tmp_path / "m.dct")
    assert load(path).privacy == privacy
    np.testing.assert_array_equal(load(path).transform(texts), first)
    # who knows the seed cannot take the noise away
    assert not np.array_equal(encoder.fit_transform(texts), first)
    with pytest.raises(ValueError, match="spend the budget"):
        encoder.partial_fit(texts)
    encoder.set_params(privacy=None).fit(texts)
    assert not hasattr(encoder, "privacy_ledger_")


def test_sums_are_divided_by_the_expected_number_of_texts(monkeypatch):
    """By that of the texts drawn, one text would change the others' weight, too."""
    pytest.importorskip("dp_accounting")
    applied, drawn = [], []

    class Recorder:
        learning_rate = 0.0

        def apply(self, gradients):
            applied.append([np.asarray(gradient) for gradient in gradients])

    def sample(n_docs, share, rng):
        drawn.append(len(drawn) % 3)
        return np.arange(drawn[-1])

    monkeypatch.setattr(private, "make_optimizer", lambda *arguments: Recorder())
    monkeypatch.setattr(private, "poisson_sample", sample)
    monkeypatch.setattr(
        private, "_with_noise", lambda sums, *rest: [0 * part + 1.0 for part in sums]
    )
    texts = TokenSequences.from_lists([[2, 3, 4], [2, 4], [5, 6], [6, 7, 5]] * 10)
    RNNLSTMEncoder(
        0, lstm_units=0, embedding_dim=3, epochs=1, batch_size=10, n_pseudo_classes=2,
        privacy=DifferentialPrivacy(8.0, 1e-3), random_state=0,
    ).fit(texts)  # fmt: skip

    assert drawn == [0, 1, 2, 0]
    parts = np.concatenate([part.ravel() for step in applied for part in step])
    np.testing.assert_allclose(parts, 1 / 10, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"early_stopping": True}, "early_stopping=True"),
        ({"validation_fraction": 0.1}, r"validation_fraction=0\.1"),
        ({"dtype_policy": "mixed_float16"}, "dtype_policy='mixed_float16'"),
        ({"checkpoint_dir": "x", "random_state": 0}, "checkpoint_dir='x'"),
    ],
)
def test_what_privacy_does_not_cover_is_refused(options, message):
    encoder = RNNLSTMEncoder(privacy=DifferentialPrivacy(1.0, 1e-5), **options)
    with pytest.raises(ValueError, match=f"privacy= does not go with {message}"):
        encoder.fit([[2, 3]])


@pytest.mark.parametrize(
    ("values", "name"),
    [((0, 1e-5), "epsilon"), ((1, 1), "delta"), ((1, 1e-5, -1), "max_grad_norm")],
)
def test_numbers_out_of_range_are_named(values, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        DifferentialPrivacy(*values)


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(ImportError, match=r"deepclust\[privacy\]"):
        privacy_ledger(DifferentialPrivacy(1.0, 1e-5), 0.1, 10)
