"""The tokenizer's engine: markup, spaCy's algorithm, token ids."""

import ast
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from deepclust.cleaning import Tokenizer, _language_rules, _tokenizer
from deepclust.cleaning._language_rules import (
    TokenRules,
    rules_as_data,
    tokenizer_for,
)
from deepclust.cleaning._tokenizer import (
    NearWords,
    RuleSplitter,
    decode_entities,
    stem,
    strip_html,
    with_han_pairs,
    without_affixes,
)

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


@pytest.fixture(scope="module")
def english():
    return tokenizer_for(TokenRules(**RULES))


# --- markup ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "vector<int> of Map<Key,List<Value>>",
        "how to centre a <div> in css",
        "Spring <prop> tag",
        "http://<server>:8080",
        "0.0<min<max<1.0",
        "AT&T; R&D &unknown;",
        "ends with <",
    ],
)
def test_plain_text_is_not_taken_for_markup(text):
    assert strip_html(text) == text


def test_entities_without_a_meaning_stay():
    assert decode_entities("&nosuchthing; &amp;lt;") == "&nosuchthing; &lt;"


WORDS = st.sampled_from(
    ["one", " two ", "3 > 2", "it's", "'so'", "\n", "<br/>", "<hr>"]
)
ELEMENTS = st.sampled_from(
    [
        "<b>{}</b>",
        "<p>{}</p>",
        "<a href='x>y'>{}</a>",
        "<DIV ID=x>{}</DIV>",
        "<ul><li>{}</ul>",
        "<!-- {} -->",
        "<script>{}</script>",
        '{} <img src=">">',
    ]
)
MARKUP = st.recursive(
    WORDS,
    lambda inner: st.builds(
        str.format, ELEMENTS, st.lists(inner, max_size=3).map("".join)
    ),
    max_leaves=12,
)


class _Visible(HTMLParser):
    """The standard library's parser, with a space before and after each block."""

    def __init__(self, text):
        super().__init__()
        self.parts, self.hidden = [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.hidden += tag == "script"
        self.parts += [" "] * (tag in {"p", "div", "ul", "li", "br", "hr"})

    def handle_endtag(self, tag):
        self.hidden -= tag == "script" and self.hidden > 0
        self.parts += [" "] * (tag in {"p", "div", "ul", "li"})

    def handle_data(self, data):
        self.parts += [data] * (not self.hidden)


@given(MARKUP)
def test_the_visible_words_are_those_of_an_html_parser(text):
    text = f"<p>{text}</p>"
    assert strip_html(text).split() == "".join(_Visible(text).parts).split()


HOSTILE = [
    "<ul><li>",
    "<a ",
    "<a href='",
    "<a b=\"'",
    "<!--",
    "<!-->",
    "<script>",
    "</",
    "<script></script",
    "<p =",
    "<b>&",
    "<p><template>",
    "<![CDATA[",
    "<!doctype ",
    "&amp;lt;p&amp;gt;",
    "<script <p>",
    "<style></script>",
    "<div a='",
    "<p>< ",
    "<table><tr><td>x",
    "<!-- -- ",
    "<img/",
    "<svg><style>",
    "<p a=b c=",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_markup_takes_linear_time(unit):
    start = time.process_time()
    strip_html(unit * 40_000)
    assert time.process_time() - start < 1  # about five times what it takes


# --- the same tokens as spaCy ---------------------------------------------------------


def test_pieces_give_the_tokens_of_the_whole_text(corpus, english):
    """Cutting at white space first and skipping plain words changes no token."""
    nlp = spacy.blank("en")
    split = english.split
    extra = [
        'He said: "I can\'t, e.g. at 5pm (U.S.) ..." and left; $5.50/kg, 10km!',
        "See https://example.org/a?b=c or mail a.b@example.org, e.g. v1.2.3-rc1.",
        "Mr. O'Brien's co-operation -- well-known, isn't it? Dont gimme gonna cannot",
    ]
    for text in [*corpus.texts, *extra]:
        text = text.replace("e-", "co-")  # one-letter prefixes are kept whole by us
        whole = [t.text for t in nlp.tokenizer(text) if not t.is_space]
        pieces = [token for piece in text.split() for token, _ in split(piece)]
        assert pieces == whole


def test_plain_words_skip_spacy_only_where_it_would_not_cut_them(corpus, english):
    nlp = spacy.blank("en")
    split = english.split
    words = {w for text in corpus.texts for w in text.split() if w.isalpha()}
    words |= {key for key in nlp.tokenizer.rules if key.isalpha()}
    words |= {"camelCase", "McDonald", "iPhone", "USA", "UsD", "kg", "AM", "pm"}
    for word in words - {"id", "Id", "wed", "Wed"}:
        assert [t for t, _ in split(word)] == [t.text for t in nlp.tokenizer(word)]


# Italian, Russian and others differ from English in their affixes and exceptions.
LANGUAGES = ("en", "de", "fr", "es", "it", "ru", "sv", "hu", "tr", "el", "fa", "xx")
PIECES = (
    "can't won't isn't I'm it's o'clock e.g. U.S. a.m. 10am c++ c# .net node.js - -- "
    "' \" ( ) [ ] , . ... : ; ! ? / & # $5 5% a b I the not cannot gonna :) <b> </b> "
    "&amp; 学习 学 東京 naïve x-ray www.a.org a@b.org 3.5 1/2 °C. ’s n’t « » слово l'"
)
SPLITTERS: dict = {}


def splitters(language):
    """Return the engine's splitter, spaCy's tokenizer and its exceptions."""
    if language not in SPLITTERS:
        rules = rules_as_data(TokenRules(**RULES | {"language": language}))["splitter"]
        exceptions = [
            text for text in rules["exceptions"] if not any(map(str.isspace, text))
        ]
        spacy_tokenizer = spacy.blank(language).tokenizer
        spacy_tokenizer.rules = {
            text: tokens
            for text, tokens in spacy_tokenizer.rules.items()
            if text in rules["exceptions"]  # without the ambiguous ones
        }
        SPLITTERS[language] = RuleSplitter(rules), spacy_tokenizer, exceptions
    return SPLITTERS[language]


@pytest.mark.parametrize("language", LANGUAGES)
@given(data=st.data())
def test_pieces_put_together_at_random_are_split_as_by_spacy(language, data):
    ours, spacys, exceptions = splitters(language)
    parts = st.one_of(st.sampled_from(PIECES.split()), st.sampled_from(exceptions))
    piece = "".join(data.draw(st.lists(parts, max_size=5)))

    expected = [(token.text, token.norm_) for token in spacys(piece)]

    assert ours.split(piece) == expected


@pytest.mark.parametrize("language", ["en", "de", "xx"])
@given(text=st.text(max_size=20))
def test_any_characters_are_split_as_by_spacy(language, text):
    ours, spacys, _ = splitters(language)
    for piece in text.split():
        expected = [(token.text, token.norm_) for token in spacys(piece)]
        assert ours.split(piece) == expected


@pytest.mark.parametrize("language", ["hi", "ne"])
def test_rules_that_are_programs_are_run_by_spacy(language):
    rules = TokenRules(**RULES | {"language": language})
    tokens = tokenizer_for(rules).tokens("यह (अच्छा) c++ किताब,है।")

    assert rules_as_data(rules)["splitter"] is None
    assert "c++" in tokens
    assert {"(", ")", ","}.isdisjoint("".join(tokens))


def test_pipelines_that_keep_every_string_are_replaced(monkeypatch):
    made = []
    build = _language_rules._blank_pipeline
    monkeypatch.setattr(_language_rules, "_CALLS_A_PIPELINE", 20)
    monkeypatch.setattr(
        _language_rules,
        "_blank_pipeline",
        lambda name: made.append(1) or build(name),
    )
    tokenizer_for.cache_clear()

    tokenizer = tokenizer_for(TokenRules(**RULES | {"language": "hi"}))

    words = [f"word{i}" for i in range(100)]
    assert tokenizer.tokens(" ".join(words)) == words
    assert 5 <= len(made) <= 20


# --- the file, ids --------------------------------------------------------------------


def test_the_engine_needs_the_standard_library_only():
    tree = ast.parse(Path(_tokenizer.__file__).read_text(encoding="utf-8"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }

    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text('{"format": 99}', encoding="utf-8")

    with pytest.raises(ValueError, match=r"must have format 2\. Received: format 99"):
        Tokenizer.from_json(path)


def test_han_pairs():
    assert with_han_pairs(list("学习a学")) == ["学", "学习", "习", "a", "学"]


# --- other scripts --------------------------------------------------------------------

ARABIC_LETTERS = st.text("بثجحخدذرزسشصضطظعغقم", min_size=3, max_size=6)


@pytest.mark.parametrize("prefix", ["ال", "وال", "بال", "كال", "فال", "لل", "ولل"])
@pytest.mark.parametrize("ending", ["", "ي", "ه", "ها", "نا", "ات", "ة"])
@given(word=ARABIC_LETTERS)
def test_arabic_words_have_the_stem_of_their_noun(prefix, ending, word):
    assert stem(prefix + word + ending) == stem(word)


@given(word=st.text("אגדזחטינסעפצקרת", min_size=3, max_size=6))
def test_hebrew_words_have_the_stem_of_their_noun(word):
    for prefix in ("ה", "ב", "ול", "שה", "מה", "כש"):
        assert stem(prefix + word) == stem(word)


def test_korean_words_have_the_stem_of_their_first_syllables():
    words = ("카드", "카드를", "카드에서", "카드입니다")
    assert {without_affixes(word) for word in words} == {"카드"}
    assert without_affixes("돈") == "돈"


@given(text=st.text())
def test_a_stem_is_its_own_stem(text):
    for token in text.split():
        if found := stem(token):
            assert stem(found) == found


def test_vowel_points_and_kashida_go(english):
    assert english.tokens("أُغَيِّر البطــاقة") == ["أغير", "البطاقة"]
    assert english.tokens("שָׁלוֹם") == ["שלום"]


def test_kana_are_cut_from_each_other_and_from_other_words(english):
    tokens = english.tokens("iPhoneのカードがまだ届きません。ラーメン")
    assert tokens == ["iphone", "の", "カード", "がまだ", "届", "きません", "ラーメン"]


# --- misspelled words -----------------------------------------------------------------

LETTERS = st.sampled_from("abcdeä")
WORDS = st.text(LETTERS, min_size=4, max_size=8)


def distance(one, other):
    """Return the least number of edits, by the recurrence of Damerau's distance."""
    table = {(i, 0): i for i in range(len(one) + 1)}
    table |= {(0, j): j for j in range(len(other) + 1)}
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            before = (table[i - 1, j] + 1, table[i, j - 1] + 1)
            table[i, j] = min(*before, table[i - 1, j - 1] + (a != b))
            if one[i - 2 : i] == other[j - 2 : j][::-1] and i > 1 and j > 1:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one), len(other)]


@given(words=st.lists(WORDS, max_size=30, unique=True), token=WORDS)
def test_the_first_word_at_one_edit_is_found(words, token):
    long = [word for word in words if len(word) >= 5 <= len(token)]
    expected = next((word for word in long if distance(word, token) == 1), "")
    assert NearWords(words)(token) == expected


@given(word=st.text(LETTERS, min_size=6, max_size=9), data=st.data())
def test_each_edit_is_undone(word, data):
    place = data.draw(st.integers(0, len(word) - 2))
    before, at, after = word[:place], word[place], word[place + 1 :]
    edited = (
        before + after,
        before + "x" + at + after,
        before + "x" + after,
        before + after[0] + at + after[1:],
    )
    near = NearWords([word])
    for token in edited:
        assert near(token) == (word if token != word else "")


@pytest.mark.parametrize("token", ["ordre", "order-1", "cart", "4711a", "refun*", ""])
def test_what_is_no_long_word_is_not_corrected(token):
    near = NearWords(["order", "card", "refund", "47110"])
    assert near(token) == ("order" if token == "ordre" else "")


def test_known_misspelled_words_do_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(_tokenizer, "_CACHE_SIZE", 3)
    near = NearWords(["order"])
    assert [near(f"order{letter}") for letter in "abcdefg"] == ["order"] * 7
    assert len(near._known) <= 3
