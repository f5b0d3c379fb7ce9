"""Raw text in, space-separated tokens out.

How one text is cleaned:

1. Text level: entities are decoded and, if the text really is markup, an HTML parser
   removes tags, scripts, styles and comments.
2. Whitespace level: the text is cut at white space. Each piece is normalised (Unicode
   NFKC, no control or zero-width characters) and tokenised by a blank spaCy pipeline.
   spaCy itself cuts at white space first, so this gives spaCy's tokens; but a piece
   met before is answered from a cache, and most pieces are.
3. Token level: lower case, stop words, lemma or stem.

Steps 2 and 3 are repeated on the tokens until nothing changes, so that cleaning a clean
text returns it unchanged.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval
from tqdm import tqdm

from deepclust._optional import import_extra
from deepclust._text_input import check_texts
from deepclust.exceptions import MissingExtraError

__all__ = ["TextCleaner"]

_TEXTS_PER_JOB = 5_000
_CACHE_SIZE = 200_000  # pieces; about 40 MB a process
_MAX_PIECE = 256  # characters; spaCy needs quadratic time in one piece


class TextCleaner(  # type: ignore[call-arg]
    TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Clean and tokenise raw texts: one string of space-separated tokens per text.

    Parameters
    ----------
    strip_html : bool, default=True
        Remove tags, scripts, styles and comments, and decode entities, also broken
        ones (`#39;`, `quot;`). Plain text with angle brackets stays text: `a < b`,
        `vector<int>`, and the mention of a tag as in "how to centre a <div>".

    lowercase : bool, default=True
        Lower-case every token.

    remove_stop_words : bool, default=True
        Drop the stop words of `language`, as listed by spaCy, and contractions of them.

    lemmatize : bool, default=False
        Replace each token by its dictionary form. Needs the extra `lemmas`.

    stem : bool, default=False
        Replace each token by its Snowball stem. Needs the extra `stem`.

    language : str, default="en"
        ISO code of a language that spaCy has rules for. Nothing is downloaded. Chinese
        (`"zh"`) is cut into words by jieba if the extra `zh` is installed, and into
        single characters otherwise. Japanese, Korean, Thai and Vietnamese need the
        packages that spaCy names when they are missing.

    tokenizer : callable or spacy.Language, default=None
        Used instead of `spacy.blank(language)`. A callable takes a `str` without white
        space and returns its tokens as an iterable of `str`; it must give the same
        answer each time, since answers are cached.

    min_token_length : int, default=1
        Shorter tokens, in characters, are dropped.

    keep_numbers : bool, default=True
        Keep tokens made of digits only, such as `2004` or `3.5`.

    n_jobs : int, default=None
        Number of processes, as in joblib. The result does not depend on it.

    verbose : int, default=0
        1 shows a progress bar.

    See Also
    --------
    Vectorizer : The next step, which turns clean texts into token sequences.

    Notes
    -----
    Order and number of the texts are kept; a text without tokens becomes `""`. Pure
    punctuation is dropped, words such as `c#`, `.net`, `c++` and `node.js` are kept.
    Linear time and memory in the characters; words are cut at 256 characters.
    Stateless: `fit` learns nothing, and `transform` works without it.

    Examples
    --------
    >>> from deepclust import TextCleaner
    >>> TextCleaner().transform(["<p>Isn't C# &amp; .NET fun?</p>", "", "Dogs bark!"])
    ['c# .net fun', '', 'dogs bark']
    """

    _parameter_constraints: dict = {
        "strip_html": ["boolean"],
        "lowercase": ["boolean"],
        "remove_stop_words": ["boolean"],
        "lemmatize": ["boolean"],
        "stem": ["boolean"],
        "language": [str],
        "tokenizer": [callable, None],
        "min_token_length": [Interval(Integral, 1, None, closed="left")],
        "keep_numbers": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        strip_html: bool = True,
        lowercase: bool = True,
        remove_stop_words: bool = True,
        lemmatize: bool = False,
        stem: bool = False,
        language: str = "en",
        tokenizer: Any = None,
        min_token_length: int = 1,
        keep_numbers: bool = True,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.strip_html = strip_html
        self.lowercase = lowercase
        self.remove_stop_words = remove_stop_words
        self.lemmatize = lemmatize
        self.stem = stem
        self.language = language
        self.tokenizer = tokenizer
        self.min_token_length = min_token_length
        self.keep_numbers = keep_numbers
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Iterable[str], y: Any = None) -> "TextCleaner":
        """Check the parameters and the texts; nothing is learned.

        Parameters
        ----------
        X : iterable of str
            The texts.

        y : None
            Ignored.

        Returns
        -------
        self : TextCleaner

        Raises
        ------
        InvalidTextError
            If a row is not a `str`.
        """
        self._validate_params()
        check_texts(X, estimator="TextCleaner")
        return self

    def fit_transform(self, X: Iterable[str], y: Any = None) -> list[str]:
        """Same as `transform`."""
        return self.transform(X)

    def transform(self, X: Iterable[str]) -> list[str]:
        """Clean each text.

        Parameters
        ----------
        X : iterable of str, length n_docs
            The texts.

        Returns
        -------
        clean : list of str, length n_docs
            Tokens joined by single spaces.

        Raises
        ------
        InvalidTextError
            If a row is not a `str`.

        MissingExtraError
            If the language, `lemmatize` or `stem` needs a package that is missing.
        """
        self._validate_params()
        texts = check_texts(X, estimator="TextCleaner")
        rules = self._rules()
        _tokenizer_for(rules)  # a missing package shows here, not in a worker
        starts = range(0, len(texts), _TEXTS_PER_JOB)
        bar = tqdm(starts, desc="clean", unit="job", disable=not self.verbose)
        jobs = joblib.Parallel(n_jobs=self.n_jobs if len(starts) > 1 else 1)(
            joblib.delayed(_clean)(rules, texts[i : i + _TEXTS_PER_JOB]) for i in bar
        )
        return [text for job in jobs for text in job]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the name of the one output column, `text`."""
        return np.array(["text"], dtype=object)

    def set_output(self, *, transform: str | None = None) -> "TextCleaner":
        """Do nothing: clean texts stay a list, whatever container later steps use."""
        return self

    def _rules(self) -> "_Rules":
        return _Rules(
            strip_html=bool(self.strip_html),
            lowercase=bool(self.lowercase),
            remove_stop_words=bool(self.remove_stop_words),
            lemmatize=bool(self.lemmatize),
            stem=bool(self.stem),
            language=self.language,
            tokenizer=self.tokenizer,
            min_token_length=int(self.min_token_length),
            keep_numbers=bool(self.keep_numbers),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


@dataclass(frozen=True)
class _Rules:
    """The parameters that decide the tokens; the key of the cache."""

    strip_html: bool
    lowercase: bool
    remove_stop_words: bool
    lemmatize: bool
    stem: bool
    language: str
    tokenizer: Any
    min_token_length: int
    keep_numbers: bool


def _clean(rules: _Rules, texts: list[str]) -> list[str]:
    """Pure per-chunk transform."""
    tokens_of = _tokenizer_for(rules)
    if rules.strip_html:
        texts = [_strip_html(text) for text in texts]
    return [
        " ".join(filter(None, map(tokens_of.__getitem__, text.split())))
        for text in texts
    ]


@lru_cache(maxsize=4)
def _tokenizer_for(rules: _Rules) -> "_PieceTokens":
    return _PieceTokens(rules)


# --- text level: HTML ---------------------------------------------------------------

_TAGS = (
    "a abbr acronym address area article aside audio b base bdi bdo big blockquote "
    "body br button canvas caption center cite code col colgroup data datalist dd del "
    "details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer "
    "form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label "
    "legend li link main map mark menu meta meter nav nobr noscript object ol optgroup "
    "option output p param path picture pre progress q rp rt ruby s samp script "
    "section select small source span strike strong style sub summary sup svg table "
    "tbody td template textarea tfoot th thead time title tr track tt u ul var video"
).replace(" ", "|")
_BLOCKS = (
    "address article aside blockquote body br caption center dd div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html li main nav "
    "ol option p pre section select table tbody td textarea tfoot th thead title tr ul"
).replace(" ", "|")
_SILENT = ("script", "style", "template")
_SWALLOWING = ("script", "style", "template", "title", "textarea", "iframe", "noscript")

_ENTITY = re.compile(
    r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]\w{1,31});"
    r"|(?<![&\w])(?:#\d{2,5}|quot|amp|lt|gt|nbsp|apos);",
    re.IGNORECASE,
)
_LOST_APOSTROPHE = re.compile(r"(?<=\w) ?&?#0?39;(?=\w)")
# Markup is told from the mention of a tag by a closing tag, an attribute, a tag that
# stands alone (<br>, <p>), one that starts the text or is glued to the next word.
_MARKUP = re.compile(
    rf"</(?:{_TAGS})\s*>|<(?:{_TAGS})\s+[\w:-]+\s*=|<(?:{_TAGS})>(?=\w)"
    r"|<(?:br|hr|p|li|td|tr|img)(?:\s[^<>]*)?/?>"
    rf"|\A\s*<(?:{_TAGS})\s*/?>|<!--|<!doctype\b|<\?xml\b|<!\[CDATA\[",
    re.IGNORECASE,
)
_NOT_A_TAG = re.compile(
    rf"<(?!/?(?:{_TAGS})(?=[\s/>]|\Z)|!--|!doctype\b|\?xml\b|!\[CDATA\[)", re.IGNORECASE
)
_BLOCK = re.compile(rf"<(?=/?(?:{_BLOCKS})[\s/>])", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _strip_html(text: str) -> str:
    for _ in range(2):  # twice: news feeds carry tags that were escaped once more
        if ";" in text:
            text = _LOST_APOSTROPHE.sub("'", text)
            text = _ENTITY.sub(_decode_entity, text)
        if "<" not in text or not _MARKUP.search(text):
            break
        text = _parse_html(text)
    return text


def _decode_entity(match: re.Match) -> str:
    return html.unescape("&" + match.group().lstrip("&"))


def _parse_html(text: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    text = _NOT_A_TAG.sub("&lt;", text.replace("&", "&amp;"))
    for name in _SWALLOWING:
        text = _drop_unclosed(text, f"<{name}", f"</{name}")
    text = _drop_unclosed(text, "<!--", "-->")
    text = _BLOCK.sub(" <", _SURROGATE.sub("", text))
    root = LexborHTMLParser(text).root
    if root is None:
        return ""
    for node in root.css(",".join(_SILENT)):
        node.decompose()
    return root.text(separator="")


def _drop_unclosed(text: str, start: str, end: str) -> str:
    """Remove opening tags that are never closed, which would swallow the rest."""
    if start not in (lower := text.lower()) or len(lower) != len(text):
        return text
    closed = lower.rfind(end) + 1
    opening = re.compile(re.escape(start) + r"[^<>]*>?", re.IGNORECASE)
    return text[:closed] + opening.sub(" ", text[closed:])


# --- piece level: between white space -----------------------------------------------

_SPECIAL = re.compile(r"[&;<>\x00-\x1f\x7f]|[^\x00-\x7f]")
_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc", "'''")
_SPLITTING = {"Cc", "Cs", "Zl", "Zp", "Zs", "Cn"}
_SEPARATOR = re.compile(r"[<>]+")
_LONG_WORD = re.compile(rf"\w{{1,{_MAX_PIECE}}}")
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

    def __init__(self, rules: _Rules) -> None:
        super().__init__()
        self.rules = rules
        self.stop_words: frozenset[str] = frozenset()
        self.split: Callable[[str], list[tuple[str, str]]]
        self._build()
        self.reduce = _make_reduction(rules)

    def _build(self) -> None:
        self.split, stop_words = _make_splitter(self.rules)
        if self.rules.remove_stop_words:
            self.stop_words = stop_words

    def __missing__(self, piece: str) -> str:
        if len(piece) > _MAX_PIECE:
            parts = self._shorten(piece)
            return " ".join(filter(None, map(self.__getitem__, parts)))
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
        if rules.lowercase:
            token = token.lower()
        if self.reduce is not None:
            token = self.reduce(token)
        if len(token) < rules.min_token_length:
            return ""
        if not rules.keep_numbers and _NUMBER.fullmatch(token):
            return ""
        return token


def _normalise(piece: str, strip_html: bool) -> str:
    if strip_html:
        piece = _SEPARATOR.sub(" ", _ENTITY.sub(_decode_entity, piece))
    piece = unicodedata.normalize("NFKC", piece.translate(_APOSTROPHES))
    return "".join(map(_visible, piece))


def _visible(char: str) -> str:
    """Map format characters to nothing and separators, controls to a space."""
    if " " < char < "\x7f":
        return char
    category = unicodedata.category(char)
    if category == "Cf":
        return " " if char == "\u200b" else ""
    return " " if category in _SPLITTING else char


# --- token level: spaCy, jieba, stems -----------------------------------------------

_AMBIGUOUS = ("id", "Id", "wed", "Wed")  # spaCy reads them as I'd and we'd


def _make_splitter(
    rules: _Rules,
) -> tuple[Callable[[str], list[tuple[str, str]]], frozenset[str]]:
    """Return a function piece → (token, norm) pairs, and the stop words."""
    nlp = _blank_pipeline(rules.language)
    stop_words = frozenset(nlp.Defaults.stop_words)
    if rules.tokenizer is not None:
        custom = getattr(rules.tokenizer, "tokenizer", rules.tokenizer)

        def split_custom(piece: str) -> list[tuple[str, str]]:
            tokens = (str(token) for token in custom(piece))
            return [(token, token.lower()) for token in tokens]

        return split_custom, stop_words
    if rules.language == "zh" and (cut := _jieba_cut()) is not None:
        return lambda piece: [(word, word) for word in cut(piece)], stop_words
    tokenizer = nlp.tokenizer
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

    return split, stop_words


def _blank_pipeline(language: str) -> Any:
    import spacy

    if not re.fullmatch(r"[a-z]{2,3}", language):
        raise ValueError(
            f"The 'language' parameter of TextCleaner must be a code such as 'en' or "
            f"'zh'. Received: {language!r}."
        )
    try:
        return spacy.blank(language)
    except ImportError as error:
        if "E048" in str(error):
            raise ValueError(
                f"The 'language' parameter of TextCleaner: spaCy has no rules for "
                f"{language!r}. Use 'xx' for any language, or pass tokenizer=."
            ) from error
        raise MissingExtraError(f"language={language!r}: {error}") from error


@lru_cache(maxsize=1)
def _jieba_cut() -> Callable[[str], Iterable[str]] | None:
    try:
        import jieba
    except ModuleNotFoundError:
        return None
    words = jieba.Tokenizer()
    # Reads the word list itself: jieba's own start-up unmarshals a file of that name
    # from the shared temporary directory.
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True
    return words.cut


def _make_reduction(rules: _Rules) -> Callable[[str], str] | None:
    steps: list[Callable[[str], str]] = []
    if rules.lemmatize:
        steps.append(_make_lemmatizer(rules.language))
    if rules.stem:
        steps.append(_make_stemmer(rules.language))
    if not steps:
        return None

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
    return lambda token: table.get(token, token)


def _make_stemmer(language: str) -> Callable[[str], str]:
    from spacy.util import get_lang_class

    purpose = "TextCleaner(stem=True)"
    snowball = import_extra("snowballstemmer", extra="stem", purpose=purpose)
    name = get_lang_class(language).__name__.lower()
    if name not in snowball.algorithms():
        raise ValueError(
            f"{purpose}: Snowball has no stemmer for language={language!r}. "
            f"Received a choice of: {', '.join(snowball.algorithms())}."
        )
    return snowball.stemmer(name).stemWord
