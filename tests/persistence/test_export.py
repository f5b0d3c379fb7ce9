"""What is exported gives, elsewhere, what the pipeline gives here."""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepclust import RNNLSTMEncoder, TextCleaner, TokenSequences, Vectorizer
from deepclust.cleaning import Tokenizer, _tokenizer
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
    weights = {"head_0/prototypes": 0.5, "head_1/prototypes": 1.0}
    usual = {"fusion": "concat", "pooling": "attention", "activation": "tanh"}
    return usual | {"prototype_weight": 0.75, "head_weights": weights} | more


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


def test_without_prototypes():
    weights, same = made_weights(), options(prototype_weight=0.0)
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

    encoder_file, tokenizer_file, engine = export_pipeline(pipeline, tmp_path / "new")
    ids = Tokenizer.from_json(tokenizer_file).padded(texts)

    np.testing.assert_allclose(run(encoder_file.read_bytes(), ids), expected, atol=1e-5)
    assert engine.read_bytes() == Path(_tokenizer.__file__).read_bytes()


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


RUN_ELSEWHERE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from tokenizer import Tokenizer
for case in json.load(sys.stdin):
    tokenizer = Tokenizer.from_json(case["path"])
    tokens = [tokenizer.tokens(text) for text in case["texts"]]
    print(json.dumps([tokens, tokenizer(case["texts"])]))
assert not {"deepclust", "spacy", "numpy"} & set(sys.modules), sys.modules
"""


def test_the_files_give_the_same_ids_with_the_standard_library_alone(tmp_path):
    cases, expected = [], []
    for name, parameters in CLEANERS.items():
        cleaner = TextCleaner(**parameters)
        vectorizer = Vectorizer(min_df=1, word_vectors=None, max_len=60)
        vectorizer.fit(cleaner.transform(TEXTS))
        path = export_tokenizer(cleaner, vectorizer, tmp_path / f"{name}.json")
        texts = [*TEXTS, "unheard-of words, isn't it"]
        cases.append({"path": str(path), "texts": texts})
        clean = cleaner.transform(texts)
        ids = [row.tolist() for row in vectorizer.transform(clean)]
        expected.append([list(map(str.split, clean)), ids])
    shutil.copy(_tokenizer.__file__, tmp_path / "tokenizer.py")

    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN_ELSEWHERE, str(tmp_path)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 0, process.stderr
    assert list(map(json.loads, process.stdout.splitlines())) == expected


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


def test_a_language_whose_rules_are_a_program_is_refused(tmp_path):
    vectorizer = Vectorizer(min_df=1, word_vectors=None).fit(["a b"])

    with pytest.raises(ValueError, match=r"TextCleaner\(language='hi'\)"):
        export_tokenizer(TextCleaner(language="hi"), vectorizer, tmp_path / "t.json")


def test_the_exported_tokenizer_hides_texts_of_unseen_tokens(tmp_path):
    texts = ["time flies", "time passes", "the clock stops", "the clock runs"]
    cleaner = TextCleaner(remove_stop_words=False)
    vectorizer = Vectorizer(word_vectors=None).fit(texts)
    path = export_tokenizer(cleaner, vectorizer, tmp_path / "tokenizer.json")
    new = ["time app crashes", "time flies crashes", *texts]

    exported = Tokenizer.from_json(path)(new)

    assert exported[0] == [1, 1, 1]
    assert exported == [row.tolist() for row in vectorizer.transform(new)]
