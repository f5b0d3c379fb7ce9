"""Names of people go through Presidio, where it and a model are installed.

No model is: a fake analyzer finds words with a capital letter.
"""

import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
import spacy.util

from deepclust import TextCleaner, load, save
from deepclust.cleaning._person_names import name_analyzer
from deepclust.exceptions import MissingExtraError

MODELS = ["de_core_news_lg", "en_core_web_md", "en_core_web_lg", "en_core_web_sm"]


class FakeAnalyzer:
    def __init__(self, nlp_engine, supported_languages):
        self.model = nlp_engine
        self.languages = supported_languages

    def analyze(self, text, language, entities):
        assert [language] == self.languages
        assert entities == ["PERSON"]
        assert len(text) <= 100_000
        found = re.finditer(r"[A-Z][a-z]+(?: [A-Z][a-z]+)*", text)
        spans = [SimpleNamespace(start=m.start(), end=m.end()) for m in found]
        return spans[::-1] + spans[:1]  # in any order, and overlapping


class FakeProvider:
    def __init__(self, nlp_configuration):
        (model,) = nlp_configuration["models"]
        self.name = model["model_name"]

    def create_engine(self):
        return self.name


@pytest.fixture
def presidio(monkeypatch):
    package, engines = ModuleType("presidio_analyzer"), ModuleType("nlp_engine")
    package.AnalyzerEngine, engines.NlpEngineProvider = FakeAnalyzer, FakeProvider
    monkeypatch.setitem(sys.modules, "presidio_analyzer", package)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.nlp_engine", engines)
    monkeypatch.setattr(spacy.util, "get_installed_models", lambda: MODELS)
    name_analyzer.cache_clear()
    yield
    name_analyzer.cache_clear()


@pytest.mark.usefixtures("presidio")
def test_names_are_removed_before_case_is_lost(tmp_path):
    cleaner = TextCleaner(redact=("email", "person"), remove_stop_words=False)
    texts = ["ask John Smith or <b>Ann</b>, John.Smith@x.org", "", "nobody"]

    assert cleaner.redacted(texts) == ["ask or ,", "", "nobody"]
    assert cleaner.fit_transform(texts) == ["ask or", "", "nobody"]
    again = load(save(cleaner, tmp_path / "cleaner.dct"))
    assert again.transform(texts) == cleaner.transform(texts)


@pytest.mark.usefixtures("presidio")
def test_the_language_may_be_found_at_fit():
    text = "die katze und der hund sind auch mit ihr in dem haus nummer"
    texts = [f"{text} {i}" for i in range(200)]
    cleaner = TextCleaner(language="auto", redact=("person",)).fit(texts)

    assert cleaner.redacted(["ruft Anna an"]) == ["ruft an"]
    assert name_analyzer("de").languages == ["de"]
    with pytest.raises(MissingExtraError, match="xx_ent_wiki_sm"):
        TextCleaner(language="xx", redact=("person",)).transform(["x"])


@pytest.mark.usefixtures("presidio")
def test_long_texts_are_searched_in_pieces():
    cleaner = TextCleaner(redact=["person"])
    texts = ["so " * 50_000 + "says Ann", "x" * 250_000 + " Ann"]

    assert cleaner.redacted(texts) == ["so " * 50_000 + "says", "x" * 250_000]


@pytest.mark.usefixtures("presidio")
def test_the_largest_model_of_the_language_is_taken():
    assert name_analyzer("en").model == "en_core_web_lg"
    assert name_analyzer("de").model == "de_core_news_lg"
    with pytest.raises(MissingExtraError, match="spacy download zh_core_web_sm"):
        TextCleaner(language="zh", redact=("person",)).fit(["x"])


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    name_analyzer.cache_clear()
    with pytest.raises(MissingExtraError, match=r"deepclust\[presidio\]"):
        TextCleaner(redact=("person",)).transform(["x"])
