"""Clean and vectorize in the languages of docs/guide/languages.md."""

import importlib.util
import json
from pathlib import Path

import pytest
from spacy.lang.en.stop_words import STOP_WORDS

from deepclust import TextCleaner, Vectorizer
from deepclust.cleaning import _language_rules

# Code → texts, a word that stays, and a stop word ("" where there are none).
LANGUAGES = {
    "de": (
        [
            "Die Katze schläft auf dem Sofa",
            "Der Hund jagt die Katze",
            "Das Sofa und Mäuse",
        ],
        "katze",
        "und",
    ),
    "fr": (
        [
            "Le chat dort sur le canapé",
            "Le chien poursuit le chat",
            "L'ombre d'un chat",
        ],
        "chat",
        "sur",
    ),
    "es": (
        [
            "El gato duerme en el sofá",
            "El perro persigue al gato",
            "¿Un gato y un sofá?",
        ],
        "gato",
        "en",
    ),
    "ru": (
        ["Кошка спит на диване", "Собака и кошка во дворе", "Кошка не ест рыбу"],
        "кошка",
        "на",
    ),
    "ar": (
        ["القطة تنام على الأريكة", "الكلب يطارد القطة في الحديقة", "أين القطة الآن؟"],
        "القطة",
        "على",
    ),
    "he": (
        ["החתול ישן על הספה", "הכלב רודף אחרי החתול", "החתול אוכל דג"],
        "החתול",
        "על",
    ),
    "ko": (
        ["고양이가 소파에서 잔다", "개가 고양이가 있는 곳으로 간다", "고양이가 생선을"],
        "고양이가",
        "",
    ),
    "vi": (
        ["con mèo ngủ trên ghế", "con chó đuổi con mèo", "mèo ăn cá"],
        "mèo",
        "trên",
    ),
    "hi": (
        ["बिल्ली सोफे पर सोती है", "कुत्ता बिल्ली के पीछे है", "बिल्ली दूध पीती है।"],
        "बिल्ली",
        "पर",
    ),
    # a token is a character: stop words are parts of other words, and stay
    "zh": (["猫在沙发上睡觉", "狗追着猫跑", "这只猫很小,也很可爱"], "猫", ""),
    "ja": (
        ["猫がソファで寝ている", "犬が猫を追いかける", "猫は魚を食べる"],
        "猫",
        "が",
    ),
    # no rules of its own: no stop words
    "xx": (
        ["Paka analala kwenye kochi", "Mbwa anamfukuza paka", "Paka anakula samaki"],
        "paka",
        "",
    ),
}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_texts_become_tokens_without_stop_words(language):
    if language == "ja" and importlib.util.find_spec("sudachipy") is None:
        pytest.skip("needs the extra japanese")
    texts, word, stop_word = LANGUAGES[language]

    cleaned = TextCleaner(language=language).fit_transform(texts)
    sequences = Vectorizer(min_df=1, vector_dim=4).fit_transform(cleaned)

    tokens = {*sequences.vocabulary.tokens}
    assert word in tokens
    assert all(word in text.split() for text in cleaned[:2])
    assert stop_word not in tokens - {""}
    assert (sequences.lengths >= 2).all()
    assert (sequences.known_share == 1.0).all()


def test_a_language_without_rules_says_what_to_do():
    with pytest.raises(ValueError, match="'xx' for any language"):
        TextCleaner(language="sw").fit(["Paka analala kwenye kochi"])


def test_the_rules_kept_for_english_are_those_of_spacy():
    """If spaCy's rules have changed, write `text` to english.json."""
    rules = {"splitter": _language_rules.rules_of_spacy("en")}
    rules["stop_words"] = sorted(STOP_WORDS)
    text = json.dumps(
        rules,
        default=lambda pattern: [pattern.pattern, pattern.flags],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    path = Path(_language_rules.__file__).with_name("english.json")
    assert json.loads(path.read_text("utf-8")) == json.loads(text)
