import warnings

import pytest

from deepclust import TextCleaner
from deepclust.cleaning import _language_rules
from deepclust.cleaning._language_check import find_language, likely_language
from deepclust.exceptions import MissingExtraError, TextWarning

SENTENCES = {
    "en": "The customer has not been able to log in since the update of the app.",
    "de": "Der Kunde kann sich seit dem Update nicht mehr in der App anmelden.",
    "fr": "Le client ne peut plus se connecter depuis la mise à jour de cette app.",
    "es": "El cliente no puede entrar desde la actualización de la aplicación.",
    "ru": "Клиент не может войти в приложение после обновления, и это не первый раз.",
    "uk": "Клієнт не може увійти до застосунку після оновлення, і це не вперше.",
    "ja": "今日はとても良い天気ですねと彼は言いました。",
    "zh": "客户在更新之后无法登录应用程序，已经不是第一次了。",
    "el": "Ο πελάτης δεν μπορεί να συνδεθεί στην εφαρμογή μετά την ενημέρωση.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_another_language_is_told_and_the_own_one_is_not(language):
    texts = [SENTENCES[language]] * 25

    assert likely_language(texts, language) is None
    told = likely_language(texts, "de" if language == "en" else "en")
    assert told == {"uk": "ru"}.get(language, language)


def test_nothing_is_said_of_titles_code_and_few_words():
    titles = ["Oracle SQL trigger", "Magento cart price", "Bash sed pattern"] * 50

    assert likely_language(titles, "en") is None
    assert likely_language([SENTENCES["de"]] * 2, "en") is None
    assert likely_language([SENTENCES["de"]] * 50, "xx") is None
    assert likely_language(["", "123 !?"] * 100, "en") is None
    few_sentences = [SENTENCES["de"], SENTENCES["en"], *titles[:3]] * 30
    assert likely_language(few_sentences, "en") is None


@pytest.mark.parametrize("others", ["de", "zh", "el"])
def test_several_languages_are_told_from_a_fifth_of_the_texts_on(others):
    """Long texts of one language do not hide short ones of another."""
    mixed = [SENTENCES["en"]] * 80 + [SENTENCES[others] + SENTENCES[others]] * 20
    few = [SENTENCES["en"]] * 90 + [SENTENCES[others]] * 10

    assert likely_language(mixed, "en") == find_language(mixed) == "xx"
    assert likely_language(few, "en") is None
    assert find_language(few) == "en"
    with pytest.warns(TextWarning, match="in several languages, but .*language='xx'"):
        TextCleaner(language="en").fit(mixed)


@pytest.mark.parametrize("language", SENTENCES)
def test_the_language_is_found(language):
    assert find_language([SENTENCES[language]] * 25) == language


def test_no_language_is_found_in_several_or_in_titles():
    assert find_language([SENTENCES["de"], SENTENCES["en"]] * 50) == "xx"
    assert find_language(["Oracle SQL trigger", "Bash sed pattern"] * 50) == "xx"
    assert find_language([SENTENCES["de"]]) == "xx"
    assert find_language([""]) == "xx"


def test_the_cleaner_finds_the_language():
    texts = [f"{SENTENCES['de']} {number}" for number in range(40)]

    cleaner = TextCleaner(language="auto", remove_stop_words=True).fit(texts)

    assert cleaner.language_ == "de"
    expected = TextCleaner(language="de", remove_stop_words=True).transform(texts)
    assert cleaner.transform(texts) == expected
    with pytest.warns(TextWarning, match="in several languages, or hold too few"):
        assert cleaner.fit(["Oracle SQL"]).language_ == "xx"
    assert TextCleaner().fit([SENTENCES["en"]]).language_ == "en"


def test_japanese_is_cut_by_script_where_the_dictionary_is_missing(monkeypatch):
    def without_dictionary(language):
        raise ImportError("Japanese support requires SudachiPy")

    monkeypatch.setattr("spacy.blank", without_dictionary)
    _language_rules.tokenizer_for.cache_clear()
    cleaner = TextCleaner(language="auto")

    with pytest.warns(TextWarning, match=r"install deepclust\[japanese\]"):
        cleaner.fit([SENTENCES["ja"]] * 10)

    assert cleaner.language_ == "xx"
    assert cleaner.transform(["カードを"]) == ["カード を"]
    with pytest.raises(MissingExtraError, match="SudachiPy"):
        TextCleaner(language="ja").fit([SENTENCES["ja"]])


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_the_cleaner_warns_at_fit_and_names_the_parameter(method):
    texts = [SENTENCES["de"]] * 25

    with pytest.warns(
        TextWarning, match=r"'language' parameter .* 'en'.*language='de'"
    ):
        getattr(TextCleaner(), method)(texts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(TextCleaner(language="de"), method)(texts)
        getattr(TextCleaner(tokenizer=str.split), method)(texts)
        TextCleaner().transform(texts)


def test_an_unknown_language_is_an_error_that_lists_all():
    with pytest.raises(ValueError, match=r"'german'. There are .*de, .*zh"):
        TextCleaner(language="german").fit(["text"])
