"""What is exported gives, elsewhere, what the pipeline gives here."""

import ast
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust import RNNLSTMEncoder, TextCleaner, TokenSequences, Vectorizer
from deepclust.cleaning import _exported_tokenizer as reader_module
from deepclust.cleaning._exported_tokenizer import ExportedTokenizer
from deepclust.encoding._inference import ACTIVATIONS, ForwardPass
from deepclust.encoding._onnx import build_model
from deepclust.exceptions import MissingExtraError
from deepclust.persistence import export_pipeline, export_tokenizer

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the extra 'onnx'")

N_TOKENS, DIM = 40, 6


def made_weights(*, rnn=5, lstm=7, fusion="concat", bidirectional=True, seed=0):
    """Return weights as a fitted network of this configuration has them."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(size=shape, scale=0.5).astype(np.float32)

    def cell(name, n_in, units, width):
        return {
            f"{name}/kernel": draw(n_in, width),
            f"{name}/recurrent_kernel": draw(units, width),
            f"{name}/bias": draw(width),
        }

    weights = {"words": draw(N_TOKENS, 9)}
    n_lstm = lstm * (1 + bidirectional)
    if rnn:
        weights |= cell("rnn", 9, rnn, rnn)
    if lstm:
        n_in = rnn if rnn and fusion == "stack" else 9
        weights |= cell("lstm", n_in, lstm, 4 * lstm)
        if bidirectional:
            weights |= cell("lstm_back", n_in, lstm, 4 * lstm)
    mixed = rnn + n_lstm
    if rnn and lstm and fusion != "concat":
        mixed = n_lstm
        weights |= {"align/kernel": draw(rnn, n_lstm), "align/bias": draw(n_lstm)}
        weights |= {"gate/kernel": draw(rnn + n_lstm, n_lstm)}
        weights |= {"gate/bias": draw(n_lstm)}
    weights |= {"attention/kernel": draw(mixed + 9, 1)}
    weights |= {"dense/kernel": draw(mixed + 9, DIM), "dense/bias": draw(DIM)}
    return weights | {
        "head_0/prototypes": draw(4, DIM),
        "head_1/prototypes": draw(3, DIM),
    }


def options(**more):
    shares = {"head_0/prototypes": 0.5, "head_1/prototypes": 1.0}
    usual = {"fusion": "concat", "pooling": "attention", "activation": "tanh"}
    return usual | {"sharpening": 0.75, "shares": shares} | more


def run(model, ids):
    content = model if isinstance(model, bytes) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"token_ids": np.asarray(ids, dtype=np.int32)})
    return result


def ragged(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return TokenSequences.from_lists([rng.integers(2, N_TOKENS, n) for n in lengths])


MIXED = [0, *range(12), 17, 40, 0]


@pytest.mark.parametrize(
    ("fusion", "pooling", "bidirectional"),
    itertools.product(
        ("concat", "stack", "sum", "gate"), ("attention", "mean", "max"), (True, False)
    ),
)
def test_equal_to_numpy(fusion, pooling, bidirectional):
    weights = made_weights(fusion=fusion, bidirectional=bidirectional)
    same = options(fusion=fusion, pooling=pooling)
    texts = ragged(MIXED)

    exported = run(build_model(weights, **same), texts)

    np.testing.assert_allclose(exported, ForwardPass(weights, **same)(texts), atol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_equal_to_numpy(activation):
    weights = made_weights()
    same = options(activation=activation)
    texts = ragged(range(1, 9))

    exported = run(build_model(weights, **same), texts)

    np.testing.assert_allclose(exported, ForwardPass(weights, **same)(texts), atol=1e-5)


@pytest.mark.parametrize(("rnn", "lstm"), [(0, 7), (5, 0), (0, 0)])
def test_branches_left_out(rnn, lstm):
    weights = made_weights(rnn=rnn, lstm=lstm)
    texts = ragged(range(1, 9))

    exported = run(build_model(weights, **options()), texts)

    expected = ForwardPass(weights, **options())(texts)
    np.testing.assert_allclose(exported, expected, atol=1e-5)


def test_without_sharpening():
    weights, same = made_weights(), options(sharpening=0.0)
    texts = ragged(range(1, 9))

    exported = run(build_model(weights, **same), texts)

    assert np.abs(exported - ForwardPass(weights, **same)(texts)).max() < 1e-5
    assert np.abs(exported - ForwardPass(weights, **options())(texts)).max() > 1e-2


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0), (3, 4)])
def test_nothing_to_embed_gives_zeros(shape):
    result = run(build_model(made_weights(), **options()), np.zeros(shape))

    np.testing.assert_array_equal(result, np.zeros((shape[0], DIM)))


def test_padding_and_unknown_ids_are_passed_over_wherever_they_stand():
    model = build_model(made_weights(), **options())

    plain = run(model, [[5, 6, 7]])
    strewn = run(model, [[1, 5, 0, 6, 1, 1, 7, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0, 0]])

    np.testing.assert_allclose(strewn[:1], plain, atol=1e-6)
    np.testing.assert_array_equal(strewn[1], 0.0)


def test_int8_is_close_and_small():
    weights = made_weights(rnn=32, lstm=48)
    weights = {name: 0.3 * array for name, array in weights.items()}  # not chaotic
    texts = ragged(range(1, 30))
    full = build_model(weights, **options()).SerializeToString()
    small = build_model(weights, **options(), weight_type="int8").SerializeToString()

    cosine = (run(full, texts) * run(small, texts)).sum(axis=1)

    assert len(small) < 0.4 * len(full)
    assert cosine.min() > 0.99
    assert np.abs(run(full, texts) - run(small, texts)).max() > 1e-5


@pytest.mark.parametrize("language", ["en", "zh"])
def test_exported_pipeline_embeds_raw_texts(
    fitted_clusterer, corpus, tmp_path, language
):
    texts = [*corpus.texts[:50], "", "<b>Quantum</b> &amp; nothing known", "the"]
    pipeline = fitted_clusterer
    if language == "zh":
        texts = [
            "学习 深度网络",
            "我们学习python。",
            "足球比赛结束",
            "足球 队 学习",
        ] * 4
        clean = TextCleaner(language="zh")
        vectorizer = Vectorizer(vector_dim=8)
        sequences = vectorizer.fit_transform(clean.transform(texts))
        encoder = RNNLSTMEncoder(4, lstm_units=4, embedding_dim=3, epochs=1)
        steps = [("clean", clean), ("vectorize", vectorizer)]
        pipeline = type(pipeline)([*steps, ("encode", encoder.fit(sequences))])
        expected = encoder.transform(sequences)
    else:
        expected = pipeline[:-1].transform(texts)

    encoder_file, tokenizer_file = export_pipeline(pipeline, tmp_path / "new")
    ids = ExportedTokenizer(tokenizer_file).padded(texts)

    np.testing.assert_allclose(run(encoder_file.read_bytes(), ids), expected, atol=1e-5)


def test_refusals(fitted_clusterer, tmp_path, monkeypatch):
    encoder = fitted_clusterer["encode"]
    with pytest.raises(ValueError, match=r"weight_type.*'int4'"):
        encoder.export_onnx(tmp_path / "x.onnx", weight_type="int4")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"deepclust\[onnx\]"):
        encoder.export_onnx(tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


# --- the tokenizer ----------------------------------------------------------------

TEXTS = [
    "Isn't C# & .NET fun? It's node.js/C++ (v2.0), e.g. don't gimme can't-do's",
    "<p>Un<b>usual</b> &amp; new</p><script>var x;</script> quot;sic quot; #39;",
    "a vector<int> inside a <div>, a < b && c > d; https://a.example.org/x?y=1#z",
    "10am U.S.A. Mr. Smith's Ph.D. 3.5km 1,000 $5 20°C. :-) (*_*) rock'n'roll",
    "ＦＵＬＬ width, soft\u00adhyphen, zero\u200bwidth, ﬁne “quotes” — dash…",
    "Naïve café Straße ÆON 東京 深度学习很有趣，我们用python学习。 中国人民银行",
    "x" * 700 + " " + "深度学习" * 80 + " ,,, !!! ... \x00 \ud800",
    "",
]
CLEANERS = {
    "plain": {},
    "zh": {"language": "zh"},
    "de": {"language": "de"},
    "xx": {"language": "xx"},
    "kept": {"lowercase": False, "remove_stop_words": False, "strip_html": False},
    "short": {"min_token_length": 3, "keep_numbers": False},
}


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("tokenizers"), {}
    for name, parameters in CLEANERS.items():
        cleaner = TextCleaner(**parameters)
        vectorizer = Vectorizer(min_df=1, word_vectors=None, max_len=60)
        vectorizer.fit(cleaner.transform(TEXTS))
        path = export_tokenizer(cleaner, vectorizer, folder / f"{name}.json")
        made[name] = (cleaner, vectorizer, ExportedTokenizer(path))
    return made


def expected_ids(cleaner, vectorizer, texts):
    return [row.tolist() for row in vectorizer.transform(cleaner.transform(texts))]


@pytest.mark.parametrize("name", CLEANERS)
def test_the_json_gives_the_same_ids(readers, name):
    cleaner, vectorizer, tokenizer = readers[name]
    texts = [*TEXTS, "unheard-of words, isn't it"]

    assert tokenizer(texts) == expected_ids(cleaner, vectorizer, texts)


PIECES = (
    "can't won't isn't I'm it's o'clock e.g. U.S. a.m. 10am c++ c# .net node.js - -- "
    "' \" ( ) [ ] , . ... : ; ! ? / & # $5 5% a b I the not cannot gonna :) <b> </b> "
    "&amp; 学习 学 東京 naïve x-ray www.a.org a@b.org 3.5 1/2 °C. ’s n’t"
)


@given(
    st.lists(st.sampled_from(PIECES.split()), max_size=6).map("".join),
    st.sampled_from(("plain", "zh")),
)
def test_pieces_put_together_at_random_give_the_same_tokens(readers, text, name):
    cleaner, _, tokenizer = readers[name]

    assert tokenizer.tokens(text) == cleaner.transform([text])[0].split()


@given(st.text(max_size=20))
def test_any_characters_give_the_same_tokens(readers, text):
    cleaner, _, tokenizer = readers["kept"]

    assert tokenizer.tokens(text) == cleaner.transform([text])[0].split()


def test_the_reader_needs_the_standard_library_only():
    tree = ast.parse(Path(reader_module.__file__).read_text(encoding="utf-8"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }

    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_another_format_is_refused(readers, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"format": 99}), encoding="utf-8")

    with pytest.raises(ValueError, match="format 99; this reader knows format 1"):
        ExportedTokenizer(path)


@pytest.mark.parametrize(
    "parameters",
    [{"redact": ("email",)}, {"tokenizer": str.split}, {"stem": True}],
)
def test_what_a_file_cannot_hold_is_refused(tmp_path, parameters):
    if "stem" in parameters:
        pytest.importorskip("snowballstemmer", reason="needs the extra 'stem'")
    vectorizer = Vectorizer(min_df=1, word_vectors=None).fit(["a b"])

    with pytest.raises(ValueError, match=f"TextCleaner\\({next(iter(parameters))}="):
        export_tokenizer(TextCleaner(**parameters), vectorizer, tmp_path / "t.json")
