"""What TextCleaner keeps, drops and promises."""

import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from deepclust import TextCleaner
from deepclust.cleaning import _language_rules, _text_cleaner, _tokenizer
from deepclust.cleaning._language_rules import TokenRules, tokenizer_for
from deepclust.exceptions import MissingExtraError

RULES = {
    "strip_html": True,
    "lowercase": True,
    "remove_stop_words": True,
    "lemmatize": False,
    "stem": False,
    "language": "en",
    "tokenizer": None,
    "min_token_length": 1,
    "keep_numbers": True,
}


def clean(text, **parameters):
    return TextCleaner(**parameters).transform([text])[0]


# --- HTML ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<p>red</p><p>blue</p>", "red blue"),
        ("<b>un</b>happy", "unhappy"),
        ("line<br>break", "line break"),
        ("a long<wbr>est <wbr>word", "longest word"),
        ("x <script>var a = '<b>';</script> y", "x y"),
        ("x <style>p {color: red}</style> y", "x y"),
        ("x <!-- hidden <b>words</b> --> y", "x y"),
        ('<a href="http://e.org/?a=1&b=2">link</a>', "link"),
        ("<ul><li>red<li>blue", "red blue"),
        ("<DIV CLASS='x'>Upper", "upper"),
        ("<table><tr><td>cell</td><td>row</td></tr></table>", "cell row"),
        ("fish &amp; chips", "fish chips"),
        ("caf&eacute; &#8364; &#x41;", "café"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("&amp;lt;b&amp;gt;bold&amp;lt;/b&amp;gt;", "bold"),
        ("world #39;s largest", "world largest"),
        ("quot;excellent quot; news", "excellent news"),
        ("costs #36;40", "costs 40"),
        ('Inc. &lt;A HREF="http://x.y"&gt;SPLS.O&lt;/A&gt;, up', "inc spls.o"),
        ("unclosed <script> tag of a page", "unclosed script tag page"),
        ("<p>closed</p> unclosed <!-- comment", "closed unclosed comment"),
        ("<p>closed</p> and <style> open", "closed open"),
    ],
)
def test_markup_is_removed(raw, expected):
    assert clean(raw) == expected


def test_words_in_angle_brackets_survive():
    assert clean("vector<int>") == "vector int"
    assert clean("how to centre a <div> in css") == "centre div css"


def test_html_may_stay():
    assert "div" in clean("<div>text</div>", strip_html=False).split()


# --- tokens -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    ["c#", ".net", "c++", "f#", "node.js", "objective-c", "asp.net", "c++11", "at&t"],
)
@pytest.mark.parametrize("around", ["{}", "({})", "{},", "use {}?", '"{}"', "{}/{}"])
def test_names_of_software_stay_whole(token, around):
    text = around.format(token, token)
    for variant in (text, text.upper(), text.title()):
        tokens = clean(variant).split()
        assert token in tokens
        assert set(tokens) <= {token, "use"}


@pytest.mark.parametrize(
    "text",
    [
        "don't DON'T dont don’t can't cannot won't isn't it's it’s they're I'm we've",
        "ain't shouldn't've",
        "the and of 's n't ' -- ... !!! (!) ?! :-) <3".replace("<3", ""),
        "",
        " \t\n\u00a0\u2028",
    ],
)
def test_stop_words_contractions_and_punctuation_leave_nothing(text):
    assert clean(text) == ""


def test_no_piece_of_a_contraction_is_left():
    # the 'ai' of ain't is a piece, 'ai' by itself a word; spaCy reads id as I'd
    assert clean("can't ain't ai, wed user id") == "ai wed user id"


def test_every_stop_word_is_dropped_in_any_case():
    words = sorted(spacy.blank("en").Defaults.stop_words)
    texts = [*words, *map(str.upper, words), *map(str.title, words)]
    assert TextCleaner().transform(texts) == [""] * len(texts)


def test_possessives_and_apostrophes():
    assert clean("world's O'Neil O’Neil 'quoted'") == "world o'neil o'neil quoted"


def test_parameters_do_what_they_say():
    assert clean("The CATS", lowercase=False) == "CATS"
    assert clean("The cats", remove_stop_words=False) == "the cats"
    assert clean("cats running quickly", stem=True) == "cat run quick"
    assert clean("a1 bb ccc dddd", min_token_length=3) == "ccc dddd"
    assert clean("in 2004 at 3.5 1,000 x2", keep_numbers=False) == "x2"
    assert clean("left-right on", tokenizer=lambda s: s.split("-")) == "left right"
    assert clean("(left) right", tokenizer=spacy.blank("en")) == "left right"


def test_custom_tokens_never_hold_white_space():
    assert clean("x", tokenizer=lambda s: ["new york", "x"][len(s) > 1 :]) != ""
    out = clean("ab", tokenizer=lambda s: [s[:1] + " " + s[1:]])
    assert out == "b"  # a is a stop word


def test_emoji_stay_and_ornaments_go():
    assert clean("great ★ \U0001f600 — • §") == "great ★ \U0001f600"
    assert clean("\u2764\ufe0f") == "\u2764"


def test_other_languages():
    assert clean("Die Katzen schlafen", language="de") == "katzen schlafen"
    assert clean("l'avion et la maison", language="fr") == "avion maison"
    assert clean("le Maisons", language="fr", stem=True) == "maison"
    assert clean("any words", language="xx") == "any words"


def test_language_errors_name_the_parameter():
    with pytest.raises(ValueError, match="'language' parameter"):
        TextCleaner(language="english").fit(["x"])
    with pytest.raises(ValueError, match="'language' parameter"):
        TextCleaner(language="qq").fit(["x"])
    with pytest.raises(ValueError, match="Snowball has no stemmer"):
        TextCleaner(language="ja", stem=True, tokenizer=str.split).fit(["x"])


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "snowballstemmer", None)
    monkeypatch.setitem(sys.modules, "spacy_lookups_data", None)
    tokenizer_for.cache_clear()
    with pytest.raises(MissingExtraError, match=r"deepclust\[stem\]"):
        TextCleaner(stem=True).transform(["x"])
    with pytest.raises(MissingExtraError, match=r"deepclust\[lemmas\]"):
        TextCleaner(lemmatize=True).transform(["x"])


def test_lemmas_of_the_real_tables():
    pytest.importorskip("spacy_lookups_data")
    assert clean("The mice were running", lemmatize=True) == "mouse run"
    assert clean("Die Häuser", lemmatize=True, language="de") == "haus"
    with pytest.raises(ValueError, match="no lemmas for language='zh'"):
        clean("x", lemmatize=True, language="zh")


def test_lemmas_come_from_the_lookup_table(monkeypatch):
    table = {"mice": "mouse", "left": "right", "right": "left"}
    monkeypatch.setattr(
        _language_rules, "_make_lemmatizer", lambda language: lambda t: table.get(t, t)
    )
    tokenizer_for.cache_clear()
    assert clean("mice left right", lemmatize=True) == "mouse left left"
    tokenizer_for.cache_clear()


# --- Chinese ------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_chinese_character_is_a_token(language):
    cleaner = TextCleaner(language=language, remove_stop_words=False)
    assert cleaner.transform(["体验2D巅峰 机器学习"]) == ["体 验 2d 巅 峰 机 器 学 习"]


def test_chinese_characters_that_are_stop_words_are_dropped_only_if_asked_for():
    texts = ["十大创新的概览", "我在学习"]
    assert TextCleaner(language="zh").fit_transform(texts)[0] == "十 大 创 新 的 概 览"
    dropped = TextCleaner(language="zh", remove_stop_words=True).fit_transform(texts)
    assert dropped == ["十 创 新 览", "学 习"]


# --- hostile and odd text -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lone\ud800surrogate", "lone surrogate"),
        ("nul\x00byte bell\x07", "nul byte bell"),
        ("\u202eright to left\u202c", "right left"),
        ("zero\u200dwidth\u200cjoin \ufeffmark", "zerowidthjoin mark"),
        ("zero\u200bspace", "zero space"),
        ("ＦＵＬＬ ﬁne ①", "fine 1"),
        ("e\u0301cole \u00e9cole", "école école"),
        ("e\u200d\u0301cole", "école"),
        ("hid\u3164den", "hidden"),
        ("<p>lone\ud800surrogate</p>", "lone surrogate"),
    ],
)
def test_odd_characters(text, expected):
    assert clean(text) in (expected, expected.replace(" surrogate", "surrogate"))


PIECES = (
    "<b> </b> <p> <div> <script> </script> <!-- --> <br/> &amp; &lt; &gt; &#39; #39; "
    "#35; quot; & < > # ; 's n't don't c# .net ++ - e-mail U.S. http://a.bc/d a b X 1 "
    ". ' ’ / @ _ İ ß ﬁ Σ ς Ǆ é 中文 ， \u0301 \u200b \u200d \u00ad \ufdfa"
)
GLUE = [" ", " #39;", "\n", "\x00", "\ud800", "\u00a0", "<p class=x>"]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.one_of(st.sampled_from(PIECES.split() + GLUE), st.text(max_size=3)),
        max_size=15,
    ).map("".join),
)


@pytest.mark.parametrize(
    "cleaner",
    [  # several settings, since each takes another way through the steps
        TextCleaner(),
        TextCleaner(strip_html=False, lowercase=False, remove_stop_words=False),
        TextCleaner(stem=True, min_token_length=2, keep_numbers=False),
        TextCleaner(language="zh"),
        TextCleaner(language="de"),
    ],
    ids=str,
)
@given(text=TEXTS)
def test_cleaning_twice_is_cleaning_once(cleaner, text):
    once = cleaner.transform([text])
    assert len(once) == 1
    assert once[0] == " ".join(once[0].split())
    assert cleaner.transform(once) == once


@pytest.mark.parametrize("unit", ["x", "((", "a.", "<b>&", "<p>", "&lt;", "中", "=é"])
def test_long_text_without_spaces_takes_linear_time(unit):
    def seconds(n_characters):
        text = unit * (n_characters // len(unit))
        start = time.process_time()
        TextCleaner().transform([text])
        return time.process_time() - start

    seconds(1_000)
    short = min(seconds(50_000) for _ in range(3))
    assert seconds(500_000) < 10 * 4 * max(short, 0.01)


def test_ten_megabytes_without_spaces_in_bounded_memory():
    text = "word" * 2_500_000
    tracemalloc.start()
    out = TextCleaner().transform([text])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert out[0].replace(" ", "") == text
    assert max(map(len, out[0].split())) == 256
    assert peak < 100e6


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(_tokenizer, "_CACHE_SIZE", 100)
    tokenizer_for.cache_clear()
    texts = [f"word{i} other{i}" for i in range(300)]
    assert TextCleaner().transform(texts) == texts
    assert len(tokenizer_for(TokenRules(**RULES)).known) <= 100
    tokenizer_for.cache_clear()


# --- jobs, threads, speed -------------------------------------------------------------


def test_n_jobs_changes_nothing(monkeypatch, corpus):
    monkeypatch.setattr(_text_cleaner, "_TEXTS_PER_JOB", 50)
    alone = TextCleaner().transform(corpus.texts)
    assert TextCleaner(n_jobs=2).transform(corpus.texts) == alone
    assert len(alone) == len(corpus.texts)


def test_threads_agree(corpus):
    expected = TextCleaner().transform(corpus.texts)
    tokenizer_for.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(TextCleaner().transform, corpus.texts) for _ in range(8)]
    assert all(job.result() == expected for job in jobs)


def test_verbose_shows_progress(capfd):
    TextCleaner(verbose=1).transform(["one"])
    assert "clean" in capfd.readouterr().err
    TextCleaner().transform(["one"])
    assert capfd.readouterr().err == ""


def test_twenty_thousand_short_texts_a_second(corpus):
    """Half the goal, on a busy machine; see examples/benchmarks/cleaning_speed.py."""
    words = sorted({w.strip(".") for text in corpus.texts for w in text.split()})
    texts = [
        f"How to {words[i % len(words)]} {i % 7919}x in C# with {words[-i % 97]}?"
        for i in range(20_000)
    ]
    tokenizer_for.cache_clear()
    TextCleaner().transform(["start spaCy"])
    start = time.process_time()
    out = TextCleaner().transform(texts)
    assert len(texts) / (time.process_time() - start) > 10_000
    assert "3x c#" in out[3]


def test_cleaning_english_loads_no_spacy():
    code = (
        "import sys; from deepclust import TextCleaner; TextCleaner().transform(['a'])"
        "; sys.exit('spacy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
