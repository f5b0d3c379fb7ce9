"""The rules of a language as plain data, compiled once from spaCy's blank pipeline.

`tokenizer_for` gives the one `Tokenizer` of a process for a set of parameters. Those of
English are kept in `english.json`, since spaCy takes half a second to import. Where the
rules of a language are a program, as in Japanese, spaCy itself splits the pieces.
"""

import functools
import itertools
import json
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from deepclust._optional import import_extra
from deepclust.cleaning._tokenizer import RULES_FORMAT, Pairs, Tokenizer, split_names
from deepclust.exceptions import MissingExtraError

__all__ = ["TokenRules", "rules_as_data", "rules_of_spacy", "tokenizer_for"]

_CALLS_A_PIPELINE = 200_000  # spaCy keeps every string that a pipeline has seen
# spaCy's Chinese rules cut Latin words into letters too; those of Korean and Vietnamese
# are programs beside it, without which white space and stems do.
_WITHOUT_PROGRAM = ("zh", "ko", "vi")
_AMBIGUOUS = ("id", "Id", "wed", "Wed")  # spaCy takes them for I'd and we'd


@dataclass(frozen=True)
class TokenRules:
    """The parameters of `TextCleaner` that decide the tokens; the key of the cache."""

    strip_html: bool
    lowercase: bool
    remove_stop_words: bool | str
    lemmatize: bool
    stem: bool
    language: str
    tokenizer: Any = field(hash=False)
    min_token_length: int
    keep_numbers: bool
    kept_stop_words: tuple[str, ...] = ()
    boilerplate: tuple[str, ...] = ()


@functools.lru_cache(maxsize=4)
def tokenizer_for(rules: TokenRules) -> Tokenizer:
    """Return the tokenizer of these parameters, one a process.

    Raises
    ------
    ValueError
        If spaCy has no such language, or there are no lemmas or stems for it.

    MissingExtraError
        If the language, the lemmas or the stems need a package that is missing.

    Examples
    --------
    >>> from deepclust.cleaning._language_rules import TokenRules, tokenizer_for
    >>> rules = TokenRules(True, True, True, False, False, "en", None, 1, True)
    >>> tokenizer_for(rules).tokens("(Node.JS/C++)")
    ['node.js', 'c++']
    """
    return Tokenizer(
        rules_as_data(rules), split=_make_splitter(rules), reduce=_make_reduction(rules)
    )


def rules_as_data(rules: TokenRules) -> dict[str, Any]:
    """Return the rules as `Tokenizer` takes them: plain data and compiled patterns.

    Raises
    ------
    ValueError
        If spaCy has no such language.

    Notes
    -----
    "splitter" is None if the rules are a program. "options" and "stop_words" hold for
    every tokenizer.
    """
    has_rules = rules.tokenizer is None
    stop_words = _stop_words(rules.language)  # fails where there is no such language
    if not rules.remove_stop_words or _are_parts_of_words(rules):
        stop_words = []
    return {
        "format": RULES_FORMAT,
        "language": rules.language,
        "options": {
            "strip_html": bool(rules.strip_html),
            "lowercase": bool(rules.lowercase),
            "min_token_length": int(rules.min_token_length),
            "keep_numbers": bool(rules.keep_numbers),
        },
        "stop_words": stop_words,
        "kept_stop_words": list(rules.kept_stop_words),
        "boilerplate": list(rules.boilerplate),
        "splitter": _splitting_rules(rules.language) if has_rules else None,
    }


def _are_parts_of_words(rules: TokenRules) -> bool:
    """Return whether a stop word is a character that is a part of other words, too.

    It is in Chinese, where a token is a character. With such characters dropped, pairs
    of characters that are no neighbors would be taken for words.
    """
    return rules.remove_stop_words == "auto" and rules.language == "zh"


@functools.cache
def _english() -> dict[str, Any]:
    path = Path(__file__).with_name("english.json")
    return json.loads(path.read_text("utf-8"))


def _stop_words(language: str) -> list[str]:
    if language == "en":
        return _english()["stop_words"]
    return sorted(_language_class(language).Defaults.stop_words)


def _splitting_rules(language: str) -> dict[str, Any] | None:
    """Return spaCy's rules for a language, or None if they are a program."""
    return _english()["splitter"] if language == "en" else rules_of_spacy(language)


@functools.cache
def rules_of_spacy(language: str) -> dict[str, Any] | None:
    """Return the rules for a language as spaCy has them, or None as above."""
    from spacy.attrs import NORM, ORTH
    from spacy.lang.norm_exceptions import BASE_NORMS
    from spacy.tokenizer import Tokenizer as SpacyTokenizer

    language = "xx" if language in _WITHOUT_PROGRAM else language
    tokenizer = _blank_pipeline(language).tokenizer
    programs = _language_class(language).Defaults.lex_attr_getters
    if type(tokenizer) is not SpacyTokenizer or NORM in programs:
        return None

    def pattern(search: Any) -> re.Pattern[str] | None:
        return search and search.__self__  # compiled by spaCy: 4 s for French

    def pair(token: dict[int, str]) -> tuple[str, str]:
        text = token[ORTH]
        return text, token.get(NORM, BASE_NORMS.get(text, text.lower()))

    english = language == "en"
    return {
        "prefix": pattern(tokenizer.prefix_search),
        "suffix": pattern(tokenizer.suffix_search),
        "infix": pattern(tokenizer.infix_finditer),
        "whole_token": pattern(tokenizer.token_match),
        "url": pattern(tokenizer.url_match),
        "exceptions": {
            text: list(map(pair, tokens))
            for text, tokens in sorted(tokenizer.rules.items())
            if not (english and text in _AMBIGUOUS)
        },
        "norms": dict(BASE_NORMS),
        "plain_words": english,
    }


def _make_splitter(rules: TokenRules) -> Callable[[str], Pairs] | None:
    """Return a function piece → (token, norm) pairs if there are no rules as data."""
    lock = Lock()  # spaCy's tokenizers have caches of their own
    if rules.tokenizer is not None:
        custom = getattr(rules.tokenizer, "tokenizer", rules.tokenizer)

        def split(piece: str) -> Pairs:
            with lock:
                tokens = " ".join(map(str, custom(piece))).split()
            return [(token, token.lower()) for token in tokens]

        return split
    if _splitting_rules(rules.language):
        return None
    nlp: Any = None
    calls = itertools.count()

    def split_part(part: str) -> Pairs:
        nonlocal nlp
        with lock:
            if next(calls) % _CALLS_A_PIPELINE == 0:
                nlp = _blank_pipeline(rules.language)
            return [(token.text, token.norm_) for token in nlp.tokenizer(part)]

    # Japanese rules cut runs of Han characters into words
    return functools.partial(
        split_names, split=split_part, split_han=rules.language != "ja"
    )


def languages() -> list[str]:
    """Return the codes of the languages that spaCy has rules for."""
    import spacy.lang

    modules = pkgutil.iter_modules(spacy.lang.__path__)
    return sorted(module.name for module in modules if module.ispkg)


def _language_class(language: str) -> Any:
    from spacy.util import get_lang_class

    try:
        if not re.fullmatch(r"[a-z]{2,3}", language):  # it names a module to import
            raise ImportError(language)
        return get_lang_class(language)
    except ImportError as error:
        raise ValueError(
            f"The 'language' parameter of TextCleaner must be 'auto', an ISO code that "
            f"spaCy has rules for, or 'xx' for any language. Received: {language!r}. "
            f"There are {', '.join(languages())}."
        ) from error


def _blank_pipeline(language: str) -> Any:
    import spacy

    try:
        return spacy.blank(language)
    except ImportError as error:
        raise MissingExtraError(
            f"TextCleaner(language={language!r}): {error} Or pass tokenizer=."
        ) from error


def _make_reduction(rules: TokenRules) -> Callable[[str], str] | None:
    steps: list[Callable[[str], str]] = []
    if rules.lemmatize:
        steps.append(_make_lemmatizer(rules.language))
    if rules.stem:
        steps.append(_make_stemmer(rules.language))
    if not steps:
        return None
    if rules.lowercase:
        steps.append(str.lower)

    def reduce(token: str) -> str:
        """Apply the steps until they change nothing; of a cycle, take the first."""
        seen: list[str] = []
        while token not in seen:
            seen.append(token)
            for step in steps:
                token = step(token)
        return min(seen[seen.index(token) :])

    return reduce


def _make_lemmatizer(language: str) -> Callable[[str], str]:
    from spacy.lookups import load_lookups

    purpose = "TextCleaner(lemmatize=True)"
    import_extra("spacy_lookups_data", extra="lemmas", purpose=purpose)
    try:
        table = load_lookups(language, ["lemma_lookup"]).get_table("lemma_lookup")
    except ValueError as error:
        raise ValueError(
            f"{purpose}: spacy-lookups-data has no lemmas for language={language!r}. "
            f"Use stem=True instead."
        ) from error

    def lemma(token: str) -> str:  # tables list German nouns with a capital only
        forms = (token, token.lower(), token.title())
        return next((table[form] for form in forms if form in table), token)

    return lemma


def _make_stemmer(language: str) -> Callable[[str], str]:
    purpose = "TextCleaner(stem=True)"
    snowball = import_extra("snowballstemmer", extra="stem", purpose=purpose)
    name = _language_class(language).__name__.lower()
    if name not in snowball.algorithms():
        raise ValueError(
            f"{purpose}: Snowball has no stemmer for language={language!r}. "
            f"There are stemmers for {', '.join(snowball.algorithms())}."
        )
    return snowball.stemmer(name).stemWord
