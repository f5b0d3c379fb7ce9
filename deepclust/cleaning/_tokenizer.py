"""Tokens of one piece of text without white space.

spaCy cuts at white space first, so cleaning a text piece by piece gives spaCy's tokens;
but a piece met before is answered from a cache, and most pieces are. A piece is cleaned
again and again until every token is its own and only token: that makes cleaning a clean
text return it unchanged.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

from deepclust._optional import import_extra
from deepclust.cleaning._html import decode_entities
from deepclust.exceptions import MissingExtraError

__all__ = ["TokenRules", "tokens_for"]

_CACHE_SIZE = 200_000  # pieces; about 40 MB a process
_MAX_PIECE = 256  # characters; spaCy needs quadratic time in one piece


@dataclass(frozen=True)
class TokenRules:
    """The parameters that decide the tokens; the key of the cache."""

    strip_html: bool
    lowercase: bool
    remove_stop_words: bool
    lemmatize: bool
    stem: bool
    language: str
    tokenizer: Any = field(hash=False)
    min_token_length: int
    keep_numbers: bool


@lru_cache(maxsize=4)
def tokens_for(rules: TokenRules) -> "_PieceTokens":
    """Return the mapping from a piece to its tokens, one a process and set of rules.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import TokenRules, tokens_for
    >>> rules = TokenRules(True, True, True, False, False, "en", None, 1, True)
    >>> tokens_for(rules)["(Node.JS/C++)"]
    'node.js c++'
    """
    return _PieceTokens(rules)


_SPECIAL = re.compile(r"[&;<>\x00-\x1f\x7f]|[^\x00-\x7f]")
_SEPARATOR = re.compile(r"[<>]+")
_LONG_WORD = re.compile(  # between punctuation, as in Chinese prose
    rf"[^!-/:-@\[-^`{{-~\u2000-\u206f\u3001-\u303f]{{1,{_MAX_PIECE}}}"
)
_HAS_CONTENT = re.compile(r"[^\W_]|[\u2600-\u27bf\U0001f000-\U0001faff]")
_NUMBER = re.compile(r"[\d.,:/-]+")
_EDGES = "-_'\"*~^|\\/=+,:;!?()[]{}.#`&%$"
# Names that spaCy's English rules would cut: c++, c#, .net, Node.JS, Objective-C.
_PROTECTED = re.compile(
    r"(?<!\w)[a-z]\w{0,11}\+\+(?:\d\w?)?(?![\w+])"
    r"|(?<!\w)[a-z]{1,2}#(?![a-z_#])"
    r"|(?<![\w.])\w*\.net(?!\w)|(?<![\w.])\w+\.js(?!\w)"
    r"|(?<![\w-])(?:[a-z]{2,}-[a-z]|[a-z]-[a-z]{2,})(?:\+\+|(?![\w-]))",
    re.IGNORECASE,
)


class _PieceTokens(dict[str, str]):
    """Cache from a piece without white space to its tokens, joined by spaces."""

    def __init__(self, rules: TokenRules) -> None:
        super().__init__()
        self.rules = rules
        self.stop_words: frozenset[str] = frozenset()
        self.split: Callable[[str], list[tuple[str, str]]]
        self._build()
        self.reduce = _make_reduction(rules)
        self.lock = Lock()  # spaCy's tokenizer has a cache of its own

    def _build(self) -> None:
        self.split, stop_words = _make_splitter(self.rules)
        if self.rules.remove_stop_words:
            self.stop_words = stop_words

    def __missing__(self, piece: str) -> str:
        if len(piece) > _MAX_PIECE:
            parts = self._shorten(piece)
            return " ".join(filter(None, map(self.__getitem__, parts)))
        with self.lock:
            if len(self) >= _CACHE_SIZE:
                self.clear()
                self._build()  # spaCy keeps every string it has seen
            self[piece] = tokens = " ".join(self._settle(piece))
        return tokens

    def _shorten(self, piece: str) -> Iterator[str]:
        for part in _normalise(piece, self.rules.strip_html).split():
            if len(part) <= _MAX_PIECE:
                yield part
            else:
                yield from _LONG_WORD.findall(part)

    def _settle(self, piece: str) -> list[str]:
        """Tokenise until every token is its own and only token."""
        todo, done = [piece], []
        patience = 100 + 10 * len(piece)  # only a foreign tokenizer can need it
        while todo:
            token = todo.pop()
            tokens = self._tokens(token)
            patience -= 1
            if tokens == [token] or patience < 0:
                done.append(token)
            else:
                todo.extend(reversed(tokens))
        return done

    def _tokens(self, piece: str) -> list[str]:
        if _SPECIAL.search(piece):
            normal = _normalise(piece, self.rules.strip_html)
            if normal != piece:  # it may now hold spaces, or be too long
                return list(self._shorten(normal))
        if piece.lower() in self.stop_words:
            return []
        kept: list[str] = []
        for token, norm in self.split(piece):
            if norm == "not" and token.lower() != "not" and self.stop_words:
                kept = kept[:-1]  # the verb of a contraction: ai|n't
            elif word := self._finish(token, norm):
                kept.append(word)
        return kept

    def _finish(self, token: str, norm: str) -> str:
        rules, lower = self.rules, token.lower()
        if lower in self.stop_words or norm in self.stop_words:
            return ""
        if not token.isalnum() and not _PROTECTED.fullmatch(token):
            if not _HAS_CONTENT.search(token):
                return ""
            token = token.strip(_EDGES)
        if self.reduce is not None:
            token = self.reduce(token)
        elif rules.lowercase:
            token = token.lower()
        if len(token) < rules.min_token_length:
            return ""
        if not rules.keep_numbers and _NUMBER.fullmatch(token):
            return ""
        return token


def _normalise(piece: str, strip_html: bool) -> str:
    if strip_html:
        piece = _SEPARATOR.sub(" ", decode_entities(piece))
    return unicodedata.normalize("NFKC", piece).translate(_VISIBLE)


class _VisibleCharacters(dict[int, str]):
    """Table for `str.translate`: format characters go, separators become a space."""

    # Invisible, though Unicode files them under letters or marks.
    ignorable = frozenset(
        {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0xFE00, 0xFE10)}
    ).union(range(0xE0100, 0xE01F0))
    separating = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp", "Zs"})

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if code in self.ignorable or category == "Cf":
            character = ""
        elif category in self.separating:
            character = " "
        self[code] = character
        return character


_VISIBLE = _VisibleCharacters(
    {0x200B: " ", 0x2018: "'", 0x2019: "'", 0x2BC: "'"}  # zero-width space, apostrophes
)


# --- token level: spaCy, Han characters, stems --------------------------------------

_AMBIGUOUS = ("id", "Id", "wed", "Wed")  # spaCy reads them as I'd and we'd


def _make_splitter(
    rules: TokenRules,
) -> tuple[Callable[[str], list[tuple[str, str]]], frozenset[str]]:
    """Return a function piece → (token, norm) pairs, and the stop words."""
    stop_words = frozenset(_language_class(rules.language).Defaults.stop_words)
    if rules.tokenizer is not None:
        custom = getattr(rules.tokenizer, "tokenizer", rules.tokenizer)

        def split_custom(piece: str) -> list[tuple[str, str]]:
            tokens = " ".join(map(str, custom(piece))).split()
            return [(token, token.lower()) for token in tokens]

        return split_custom, stop_words
    # spaCy's Chinese rules cut Latin words into letters too
    tokenizer = _blank_tokenizer("xx" if rules.language == "zh" else rules.language)
    english, exceptions = rules.language == "en", {}
    if english:
        exceptions = {k: v for k, v in tokenizer.rules.items() if k not in _AMBIGUOUS}
        tokenizer.rules = exceptions

    def split(piece: str) -> list[tuple[str, str]]:
        # spaCy's English rules cut a run of ASCII letters only by an exception.
        if english and piece.isascii() and piece.isalpha() and piece not in exceptions:
            return [(piece, piece.lower())]
        pairs, end = [], 0
        for name in _PROTECTED.finditer(piece):
            pairs += [(t.text, t.norm_) for t in tokenizer(piece[end : name.start()])]
            pairs.append((name.group(), ""))
            end = name.end()
        return pairs + [(t.text, t.norm_) for t in tokenizer(piece[end:])]

    if rules.language == "ja":
        return split, stop_words
    return lambda piece: _split_han(piece, split), stop_words


def _language_class(language: str) -> Any:
    from spacy.util import get_lang_class

    try:
        if not re.fullmatch(r"[a-z]{2,3}", language):  # it names a module to import
            raise ImportError(language)
        return get_lang_class(language)
    except ImportError as error:
        raise ValueError(
            f"The 'language' parameter of TextCleaner must be an ISO code that spaCy "
            f"has rules for, or 'xx' for any language. Received: {language!r}."
        ) from error


def _blank_tokenizer(language: str) -> Any:
    import spacy

    try:
        return spacy.blank(language).tokenizer
    except ImportError as error:
        raise MissingExtraError(
            f"TextCleaner(language={language!r}): {error} Or pass tokenizer=."
        ) from error


# Runs of Han characters are not words. Each character is a token, in every language but
# Japanese, whose own rules handle them; `Vectorizer` adds the pairs.
_HAN_PARTS = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\u3400-\u9fff\uf900-\ufaff]+")


def _split_han(
    piece: str, split: Callable[[str], list[tuple[str, str]]]
) -> list[tuple[str, str]]:
    if piece.isascii():
        return split(piece)
    parts = _HAN_PARTS.findall(piece)
    return [pair for part in parts for pair in split(part)]


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
        for form in (token, token.lower(), token.title()):
            if form in table:
                return table[form]
        return token

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
