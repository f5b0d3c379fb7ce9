"""Raw text → tokens → token ids, with Python's standard library alone.

The engine of `TextCleaner`. It imports nothing else, so that `export_pipeline` writes
this file as `tokenizer.py` beside `tokenizer.json`. What depends on the language comes
as plain data, compiled once from spaCy's rules:

1. Entities are decoded. A text that holds markup loses its tags, see `strip_html`.
2. Passages that `boilerplate` lists are left out, see `without_passages`.
3. The text is cut at white space. spaCy does the same, so a piece met before is
   answered from a cache. Each piece is cut again and again until every token is its
   own and only token; thus cleaning a clean text returns it unchanged:

   a. Unusual characters are normalized: NFKC, format characters go, control and
      separator characters become spaces. Pieces are cut at 256 characters.
   b. A piece that is a stop word in lower case goes. Those to be kept get a mark, `_`.
   c. Han characters stand alone, and runs of kana. Names such as `c++` stay whole. The
      rest is cut by spaCy's algorithm: exceptions, prefixes, suffixes, infixes.
   d. A token goes if it or its norm is a stop word, or it has no letter or digit;
      punctuation at the edges is taken off the others; they become lower case.

4. Two neighboring Han characters also make a pair. Tokens past `max_len` are cut off.
   An order number that is not in `vocabulary` becomes the token of its kind, see
   `identifier_kind`, a long word that of its stem, see `stem`, or the frequent word
   that it misspells, see `NearWords`; what else is not in it has id 1; 0 is for
   padding.
"""

import html
import itertools
import json
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

__all__ = [
    "N_PASSAGE_WORDS",
    "RULES_FORMAT",
    "NearWords",
    "Tokenizer",
    "decode_entities",
    "folded_words",
    "identifier_kind",
    "stem",
    "strip_html",
    "with_han_pairs",
    "without_affixes",
    "without_passages",
]

RULES_FORMAT = 2
MARK = "_"  # at the end of a stop word that was kept, and of a kind of identifiers
STEM_MARK = "*"  # at the end of a stem
_STEM_LENGTH = 5  # characters
N_PASSAGE_WORDS = 4
_CACHE_SIZE = 200_000  # pieces; about 40 MB a process
_MAX_PIECE = 256  # characters; the patterns need quadratic time in one piece
_MAX_MARKS = 30

Pairs = list[tuple[str, str]]  # of a token and its norm


# --- markup -------------------------------------------------------------------------

_BLOCK_TAGS = (
    "address article aside blockquote body br caption center dd div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html li main nav "
    "ol option p pre section select table tbody td textarea tfoot th thead title tr ul"
).replace(" ", "|")
_INLINE_TAGS = (
    "a abbr acronym area audio b base bdi bdo big button canvas cite code col colgroup "
    "data datalist del details dfn dialog dir em embed font i iframe img input ins kbd "
    "label legend link map mark menu meta meter nobr noscript object optgroup output "
    "param path picture progress q rp rt ruby s samp script small source span strike "
    "strong style sub summary sup svg template time track tt u var video wbr"
).replace(" ", "|")
_TAGS = f"(?:{_BLOCK_TAGS}|{_INLINE_TAGS})"
_DECLARATION = r"<(?:!doctype\b|\?xml\b|!\[CDATA\[)"

_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]\w{1,31});", re.IGNORECASE)
_BROKEN_ENTITY = re.compile(
    r"(?<![&\w])(?:#\d{2,5}|quot|amp|lt|gt|nbsp|apos);", re.IGNORECASE
)
_LOST_APOSTROPHE = re.compile(r"(?<=\w) ?#0?39;(?=\w)")
# Markup is told from the mention of a tag by a closing tag, an attribute, a tag that
# stands alone (<br>, <p>), one that starts the text or is glued to the next word.
_MARKUP = re.compile(
    rf"</{_TAGS}\s*>|<{_TAGS}\s+[\w:-]+\s*=|<{_TAGS}>(?=\w)"
    r"|<(?:br|wbr|hr|img)(?:\s[^<>]*)?/?>|(?<!\w)<(?:p|li|td|tr)(?:\s[^<>]*)?>"
    rf"|\A\s*<{_TAGS}\s*/?>|<!--|{_DECLARATION}",
    re.IGNORECASE,
)
# Every alternative consumes what it scans, so that the time is linear.
_INVISIBLE = re.compile(
    r"<!--(?:-?>|.*?-->)"
    r"|<(?P<silent>script|style|template)(?=[\s/>]).*?</(?P=silent)(?=[\s/>])[^>]*+>?"
    rf"|</?(?:(?P<block>{_BLOCK_TAGS})|{_INLINE_TAGS})(?=[\s/>]|\Z)"
    r"""[^>=]*+(?:=\s*+(?:"[^"]*+"|'[^']*+')?+[^>=]*+)*+>?"""
    rf"|{_DECLARATION}[^>]*+>?",
    re.IGNORECASE | re.DOTALL,
)
# Openings that would hide the rest of the text if nothing closes them.
_HIDING = {"<!--": "-->"} | {
    rf"<{name}(?=[\s/>])[^<>]*>?": rf"</{name}(?=[\s/>])"
    for name in ("script", "style", "template")
}


def strip_html(text: str) -> str:
    """Return the text that a browser would show.

    A title such as "how to center a <div>" or "List<int> in C#" is no markup, and a
    news feed may carry markup that was escaped once too often. Tags are removed only
    if a closing tag, an attribute or a tag that stands alone shows that the text is
    markup. What is no HTML tag stays.

    Parameters
    ----------
    text : str
        Markup or plain text.

    Returns
    -------
    visible : str
        Without tags, comments, scripts and styles, entities decoded. Block elements
        and line breaks separate words, inline elements do not.

    Notes
    -----
    Linear time and memory.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import strip_html
    >>> strip_html("<b>un</b>usual &amp; new").strip()
    'unusual & new'
    >>> strip_html("a vector<int> inside a <div>, a < b")
    'a vector<int> inside a <div>, a < b'
    """
    for _ in range(3):  # news feeds carry tags that were escaped twice
        before = text
        if ";" in text:
            text = decode_entities(text)
        if "<" in text and _MARKUP.search(text):
            for start, end in _HIDING.items():
                ends = [match.end() for match in re.finditer(end, text, re.IGNORECASE)]
                closed = max(ends, default=0)
                rest = re.sub(start, " ", text[closed:], flags=re.IGNORECASE)
                text = text[:closed] + rest
            text = _INVISIBLE.sub(lambda tag: " " if tag["block"] else "", text)
        if text == before:
            break
    return text


def decode_entities(text: str) -> str:
    """Return `text` with HTML entities, also broken ones, as characters.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import decode_entities
    >>> decode_entities("Q&amp;A &#8364; 5 quot;sic quot; #36;10")
    'Q&A € 5 "sic " $10'
    """
    text = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
    text = _LOST_APOSTROPHE.sub("'", text)
    return _BROKEN_ENTITY.sub(lambda rest: html.unescape("&" + rest.group()), text)


# --- characters ---------------------------------------------------------------------

_UNUSUAL = re.compile(r"[&;<>\x00-\x1f\x7f]|[^\x00-\x7f]")
_ANGLE_BRACKETS = re.compile(r"[<>]+")
_LONG_WORD = re.compile(  # between punctuation, as in Chinese prose
    rf"[^!-/:-@\[-^`{{-~\u2000-\u206f\u3001-\u303f]{{1,{_MAX_PIECE}}}"
)
_HAS_CONTENT = re.compile(r"[^\W_]|[\u2600-\u27bf\U0001f000-\U0001faff]")
_NUMBER = re.compile(r"[\d.,:/-]+")
_EDGES = "-_'\"*~^|\\/=+,:;!?()[]{}.#`&%$"
# A Han character, a run of katakana or of hiragana, or of anything else.
_HAN_PARTS = re.compile(
    r"[\u3400-\u9fff\uf900-\ufaff]|[\u30a1-\u30fa\u30fc]+|[\u3041-\u3096\u30fc]+"
    r"|[^\u3400-\u9fff\uf900-\ufaff\u30a1-\u30fa\u3041-\u3096]+"
)
# Names that spaCy's English rules would cut: c++, c#, .net, Node.JS, Objective-C, and
# identifiers of letters and seven digits, such as INV-2024-00123.
_NAME = re.compile(
    r"(?<!\w)[a-z]\w{0,11}\+\+(?:\d\w?)?(?![\w+])"
    r"|(?<!\w)[a-z]{1,2}#(?![a-z_#])"
    r"|(?<![\w.])\w*\.net(?!\w)|(?<![\w.])\w+\.js(?!\w)"
    r"|(?<![\w-])(?:[a-z]{2,}-[a-z]|[a-z]-[a-z]{2,})(?:\+\+|(?![\w-]))"
    r"|(?<![\w-])(?=[0-9-]*[a-z])(?=(?:[a-z-]*[0-9]){7})[a-z0-9]+(?:-[a-z0-9]+)+(?![\w-])",
    re.IGNORECASE,
)


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


# Hebrew and Arabic vowel points, which most texts leave out, and the Arabic kashida.
_VOWEL_POINTS = (
    *(*range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7),
    *(*range(0x610, 0x61B), 0x640, *range(0x64B, 0x660), 0x670),
)
_VISIBLE = _VisibleCharacters(
    {0x200B: " ", 0x2018: "'", 0x2019: "'", 0x2BC: "'"}  # zero-width space, apostrophes
    | dict.fromkeys(_VOWEL_POINTS, "")
)


def _limit_marks(piece: str) -> str:
    """Drop combining marks after the 30th in a row: NFKC sorts a run in O(n²) time.

    Thirty is the limit of the Stream-Safe Text Format, Unicode Standard Annex #15.
    """
    kept: list[str] = []
    n_marks = 0
    for character in piece:
        n_marks = n_marks + 1 if unicodedata.combining(character) else 0
        if n_marks <= _MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def with_han_pairs(tokens: list[str]) -> list[str]:
    """Return the tokens; two neighboring Han characters also make a pair.

    A Chinese word has two characters as a rule, and neither says much alone.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import with_han_pairs
    >>> with_han_pairs(["学", "习", "python"])
    ['学', '学习', '习', 'python']
    """
    result = tokens[:1]
    for token, following in itertools.pairwise(tokens):
        if _is_han(token) and _is_han(following):
            result.append(token + following)
        result.append(following)
    return result


def _is_han(token: str) -> bool:
    return len(token) == 1 and "\u3400" <= token <= "\u9fff"


# --- tokens -------------------------------------------------------------------------

_IDENTIFIERS = {
    "url_": re.compile(r"://|\bwww\."),
    "email_": re.compile(r"\S@\S"),
    # five digits, or four that are neither a year, 1500 to 2099, nor a round number
    "number_": re.compile(
        r"(?:\d[^\d ]*){5}|(?<!\S)(?!1[5-9]|20|[0-9]{2}00)[0-9]{4}(?!\S)"
    ),
}


def identifier_kind(token: str) -> str:
    """Return the token that stands for identifiers of this kind, or "" if it is none.

    A link, an address, a token with five digits or a number of four digits names one
    thing and no topic; but for years from 1500 to 2099, and multiples of 100.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import identifier_kind
    >>> [identifier_kind(token) for token in ("www.shop.com", "a1@b.org", "no-12345")]
    ['url_', 'email_', 'number_']
    >>> [identifier_kind(token) for token in ("order 4711", "4711")]
    ['number_', 'number_']
    >>> [identifier_kind(token) for token in ("2024", "3000", "asp.net", "@home")]
    ['', '', '', '']
    """
    found = (kind for kind, shape in _IDENTIFIERS.items() if shape.search(token))
    return next(found, "")


# Scripts that write other words in one with a noun: Hebrew, Arabic, Korean.
_AFFIXED = re.compile("[\u05d0-\u05ea\u0620-\u064a\u066e-\u06d3\uac00-\ud7a3]")
# Letters that are written alike count as one.
_ARABIC_LETTERS = str.maketrans("أإآىةیک", "ااايهيك")
# At least three letters stay, and two syllables.
_AFFIXES = [
    re.compile(pattern)
    for pattern in (
        r"^[והבלכמש]+(?=.{3})",
        r"^و?(?:[بكف]?ال|لل)(?=.{3})",  # article, with what stands before it
        r"(?<=.{3})(?:ها|هم|كم|نا|ني|[يهك])$",  # pronouns
        r"(?<=.{3})(?:ات|ون|ين|ان|يه|[هتي])$",  # number and gender
        r"(?<=^[\uac00-\ud7a3]{2})[\uac00-\ud7a3]+$",
    )
]


def without_affixes(token: str) -> str:
    """Return a word without other words that its script writes in one with it.

    Of Arabic the article, pronouns and endings of number go [1]_, of Hebrew the letters
    that are an article, a conjunction and prepositions, and of Korean what follows the
    second syllable, such as particles [2]_. Words in other scripts stay.

    References
    ----------
    .. [1] Larkey, Ballesteros, Connell, "Light stemming for Arabic information
       retrieval", in: Arabic Computational Morphology, 2007,
       doi:10.1007/978-1-4020-6046-5_12.
    .. [2] Lee, Ahn, "Using n-grams for Korean text retrieval", SIGIR 1996.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import without_affixes
    >>> words = ("بطاقة", "البطاقة", "بالبطاقة", "بطاقتي", "بطاقات")
    >>> {without_affixes(word) for word in words}
    {'بطاق'}
    >>> {without_affixes(word) for word in ("כרטיס", "הכרטיס", "בכרטיס")}
    {'רטיס'}
    >>> {without_affixes(word) for word in ("카드", "카드를", "카드가")}
    {'카드'}
    >>> without_affixes("cards")
    'cards'
    """
    if _AFFIXED.match(token):
        token = token.translate(_ARABIC_LETTERS)
        for affix in _AFFIXES:
            token = affix.sub("", token)
    return token


def stem(token: str) -> str:
    """Return the first five characters of a word and "*", or "" of what is shorter.

    Truncation needs no rules of a language [1]_. Words that may have affixes lose them
    before, see `without_affixes`, and the short ones have a stem as well. Kept stop
    words and identifiers have none.

    References
    ----------
    .. [1] Can, Kocberber, Balcik, Kaynak, Ocalan, Vursavas, "Information retrieval on
       Turkish texts", JASIST 59(3), 2008, doi:10.1002/asi.20750.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import stem
    >>> [stem(token) for token in ("refund", "refunded", "refun*", "cats")]
    ['refun*', 'refun*', 'refun*', '']
    >>> [stem(token) for token in ("which_", "number_", "www.shop.com", "no-12345")]
    ['', '', '', '']
    >>> [stem(token) for token in ("رقم", "الرقم")]
    ['رقم*', 'رقم*']
    """
    if token.endswith(STEM_MARK):
        return token
    is_short = len(token) < _STEM_LENGTH and not _AFFIXED.match(token)
    if is_short or token.endswith(MARK) or identifier_kind(token):
        return ""
    return without_affixes(token)[:_STEM_LENGTH] + STEM_MARK


def general_form(token: str) -> str:
    """Return the kind of an identifier, the stem of another token, or ""."""
    return identifier_kind(token) or stem(token)


def with_general_forms(
    tokens: list[str],
    index: Mapping[str, int],
    near: Callable[[str], str] = lambda _: "",
) -> list[str]:
    """Return the tokens; unknown ones become their general form where that is known.

    Else `near` may give a known token for one.

    >>> known = {"37777": 2, "number_": 3, "refun*": 4}
    >>> with_general_forms(["25455", "37777", "me@b.org", "refunds", "order"], known)
    ['number_', '37777', 'me@b.org', 'refun*', 'order']
    """
    result = []
    for token in tokens:
        if token not in index:
            form = general_form(token)
            token = form if form and form in index else near(token) or token
        result.append(token)
    return result


def is_word(token: str) -> bool:
    """Return whether a token is long enough to tell misspelling from another word."""
    return len(token) >= _STEM_LENGTH and token.isalpha()


class NearWords:
    """Words that are one edit away: a letter more, less or changed, or two swapped.

    Parameters
    ----------
    words : iterable of str
        The most frequent first. Those of less than five letters are left out, since
        one edit makes other words of them.

    Notes
    -----
    The index holds each word with one letter left out, for all letters [1]_, so that a
    look-up compares a word with few others: it takes O(length²) time. Memory: about 100
    bytes for each letter of the words.

    References
    ----------
    .. [1] Mor, Fraenkel, "A hash code method for detecting and correcting spelling
       errors", Communications of the ACM 25(12), 1982, doi:10.1145/358728.358752.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import NearWords
    >>> near = NearWords(["refund", "order", "card"])
    >>> [near(word) for word in ("refnud", "rfund", "reffund", "refind", "cart")]
    ['refund', 'refund', 'refund', 'refund', '']
    >>> near("refund")
    ''
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = list(filter(is_word, words))
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(self._words):
            for shorter in {word, *_one_less(word)}:
                self._places.setdefault(shorter, []).append(place)
        self._known: dict[str, str] = {}

    def __call__(self, token: str) -> str:
        """Return the most frequent word that is one edit away, or ""."""
        if not is_word(token) or len(token) > _MAX_PIECE:
            return ""
        known = self._known.get(token)  # once: another thread may clear the cache
        if known is None:
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            found = (
                place
                for shorter in (token, *_one_less(token))
                for place in self._places.get(shorter, ())
                if _is_one_edit(token, self._words[place])
            )
            place = min(found, default=None)
            known = "" if place is None else self._words[place]
            self._known[token] = known
        return known


def _one_less(word: str) -> list[str]:
    """Return a word without its first, second, ... letter."""
    return [word[:i] + word[i + 1 :] for i in range(len(word))]


def _is_one_edit(one: str, other: str) -> bool:
    """Return whether one edit makes a word of another.

    >>> pairs = [("cat", "cart"), ("cat", "cut"), ("cat", "act"), ("cat", "cat")]
    >>> [_is_one_edit(*pair) for pair in pairs], _is_one_edit("cat", "tac")
    ([True, True, True, False], False)
    """
    if len(one) > len(other):
        one, other = other, one
    same = next(
        (
            i
            for i, pair in enumerate(zip(one, other, strict=False))
            if pair[0] != pair[1]
        ),
        None,
    )
    if same is None:
        return len(other) == len(one) + 1
    if len(one) < len(other):
        return one[same:] == other[same + 1 :]
    if one[same + 1 :] == other[same + 1 :]:
        return True
    swapped = one[same : same + 2] == other[same : same + 2][::-1]
    return swapped and one[same + 2 :] == other[same + 2 :]


# --- boilerplate ----------------------------------------------------------------------

_DIGIT = re.compile(r"\d")
_WORD_EDGES = re.compile(r"^\W+|\W+$")


def folded_words(pieces: Iterable[str]) -> list[str]:
    """Return pieces as passages are compared: without case, edges, and which digits.

    >>> folded_words(["(Order", "No.", "4711)", "--"])
    ['order', 'no', '0000', '']
    """
    return [
        _DIGIT.sub("0", _WORD_EDGES.sub("", piece).casefold())
        if not (piece.isalpha() and piece.isascii())
        else piece.lower()
        for piece in pieces
    ]


def without_passages(pieces: list[str], passages: Set[str]) -> list[str]:
    """Return the pieces of a text that are in none of the passages.

    Examples
    --------
    >>> from deepclust.cleaning._tokenizer import without_passages
    >>> pieces = "Cats purr. -- Sent from my phone (2)".split()
    >>> without_passages(pieces, {"sent from my phone"})
    ['Cats', 'purr.', '--', '(2)']
    """
    if not passages or len(pieces) < N_PASSAGE_WORDS:
        return pieces
    words = folded_words(pieces)
    places = [place for place, word in enumerate(words) if word]
    dropped: set[int] = set()
    for first in range(len(places) - N_PASSAGE_WORDS + 1):
        run = places[first : first + N_PASSAGE_WORDS]
        if " ".join(words[place] for place in run) in passages:
            dropped.update(run)
    return [piece for place, piece in enumerate(pieces) if place not in dropped]


class Tokenizer:
    """Turn raw texts into tokens and token ids.

    The tokens are those of `TextCleaner`, the ids those of `Vectorizer`. The class
    needs Python's standard library alone: `export_pipeline` writes its file as
    `tokenizer.py`.

    Parameters
    ----------
    rules : dict
        As in `tokenizer.json`: "options", "stop_words", "splitter" (see
        `RuleSplitter`) and, for ids, "vocabulary".

    split : callable, default=None
        str → list of (token, norm), used instead of the rules of "splitter".

    reduce : callable, default=None
        str → str, applied to each token instead of lower-casing.

    See Also
    --------
    deepclust.persistence.export_pipeline : Writes `tokenizer.json`.

    Notes
    -----
    Linear time and memory.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from deepclust import TextCleaner, Vectorizer
    >>> from deepclust.cleaning import Tokenizer
    >>> from deepclust.persistence import export_tokenizer
    >>> cleaner = TextCleaner()
    >>> vectorizer = Vectorizer(word_vectors=None, max_len=8)
    >>> texts = ["Cats purr", "Dogs bark!", "The cats don't bark"] * 2
    >>> _ = vectorizer.fit(cleaner.transform(texts))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "tokenizer.json"
    ...     _ = export_tokenizer(cleaner, vectorizer, path)
    ...     tokenizer = Tokenizer.from_json(path)
    >>> tokenizer.tokens("<b>Dogs</b> don't purr, birds sing.")
    ['dogs', 'purr', 'birds', 'sing']
    >>> tokenizer(["<b>Dogs</b> don't purr, birds sing."])
    [[4, 5, 1, 1]]
    >>> tokenizer.padded(["Cats purr", ""])
    [[3, 5], [0, 0]]
    """

    def __init__(
        self,
        rules: dict[str, Any],
        *,
        split: Callable[[str], Pairs] | None = None,
        reduce: Callable[[str], str] | None = None,
    ) -> None:
        options = rules["options"]
        self.strip_html: bool = options["strip_html"]
        self.min_token_length: int = options["min_token_length"]
        self.keep_numbers: bool = options["keep_numbers"]
        self.max_len: int | None = options.get("max_len")
        self.max_unseen: float = options.get("max_unseen", 1.0)
        self.rare_tokens = frozenset(rules.get("rare_tokens", ()))
        self.kept = frozenset(rules.get("kept_stop_words", ()))
        self.boilerplate = frozenset(rules.get("boilerplate", ()))
        self.stop_words = frozenset(rules["stop_words"]) - self.kept
        vocabulary = rules.get("vocabulary", ())
        self.index = {token: i for i, token in enumerate(vocabulary)}
        self.near = NearWords(vocabulary[: options.get("n_frequent", 0)])
        self.split = split or RuleSplitter(rules["splitter"])
        self.reduce = reduce or (str.lower if options["lowercase"] else str)
        self.known = _KnownPieces(self)

    @classmethod
    def from_json(cls, path: Any) -> "Tokenizer":
        """Read the rules from a file.

        Parameters
        ----------
        path : path
            A file written by `deepclust.persistence.export_pipeline` or
            `export_tokenizer`.

        Returns
        -------
        tokenizer : Tokenizer

        Raises
        ------
        ValueError
            If the file has another format number.
        """
        with open(path, encoding="utf-8") as file:
            rules = json.load(file)
        if rules.get("format") != RULES_FORMAT:
            raise ValueError(
                f"{path} must have format {RULES_FORMAT}. Received: format "
                f"{rules.get('format')!r}. Export it again, or use the tokenizer.py "
                "that was written with it."
            )
        return cls(rules)

    def __call__(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the ids of each text, at most `max_len`; 1 is an unknown token."""
        rows = (with_han_pairs(self.tokens(text))[: self.max_len] for text in texts)
        return [
            self._ids(with_general_forms(tokens, self.index, self.near))
            for tokens in rows
        ]

    def _ids(self, tokens: list[str]) -> list[int]:
        ids = [self.index.get(token, 1) for token in tokens]
        return hide_unseen(tokens, ids, self.max_unseen, self._is_rare)

    def _is_rare(self, token: str) -> bool:
        return token_checksum(token) in self.rare_tokens

    def padded(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the ids of each text, right-padded with 0 to one length."""
        rows = self(texts)
        width = max(map(len, rows), default=0)
        return [row + [0] * (width - len(row)) for row in rows]

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of one text, known or not."""
        text = strip_html(text) if self.strip_html else text
        return self.clean(text).split()

    def clean(self, text: str) -> str:
        """Return the tokens of a text without markup, joined by single spaces."""
        pieces = without_passages(text.split(), self.boilerplate)
        cleaned = " ".join(filter(None, map(self.known.__getitem__, pieces)))
        if not self.boilerplate or pieces == cleaned.split():
            return cleaned
        return self.clean(cleaned)  # words that were apart may make another passage

    def shorten(self, piece: str) -> list[str]:
        """Normalize a piece and cut it into pieces of at most 256 characters."""
        parts: list[str] = []
        if len(piece) > _MAX_PIECE and not piece.isascii():
            piece = _limit_marks(piece)
        for part in self._normalize(piece).split():
            parts += [part] if len(part) <= _MAX_PIECE else _LONG_WORD.findall(part)
        return parts

    def cut(self, piece: str) -> list[str]:
        """Cut a piece without white space until every token is its own and only one."""
        todo, done = [piece], []
        n_left = 100 + 10 * len(piece)  # only a tokenizer of the user's can reach 0
        while todo:
            token = todo.pop()
            tokens = self._cut_once(token)
            n_left -= 1
            if tokens == [token] or n_left < 0:
                done.append(token)
            else:
                todo.extend(reversed(tokens))
        return done

    def _normalize(self, piece: str) -> str:
        if self.strip_html:
            piece = _ANGLE_BRACKETS.sub(" ", decode_entities(piece))
        return unicodedata.normalize("NFKC", piece).translate(_VISIBLE)

    def _cut_once(self, piece: str) -> list[str]:
        if _UNUSUAL.search(piece):
            normal = self._normalize(piece)
            if normal != piece:  # it may now hold spaces, or be too long
                return self.shorten(normal)
        if piece.lower() in self.stop_words:
            return []
        if piece.endswith(MARK) and piece[: -len(MARK)].lower() in self.kept:
            return [piece]
        kept: list[str] = []
        for token, norm in self.split(piece):
            if norm == "not" and token.lower() != "not" and "not" in self.stop_words:
                kept = kept[:-1]  # the verb of a contraction: ai|n't
            elif word := self._finish(token, norm):
                kept.append(word)
        return kept

    def _finish(self, token: str, norm: str) -> str:
        if token.lower() in self.stop_words or norm in self.stop_words:
            return ""
        if not token.isalnum() and not _NAME.fullmatch(token):
            if not _HAS_CONTENT.search(token):
                return ""
            token = token.strip(_EDGES)
        mark = MARK if token.lower() in self.kept else ""
        token = self.reduce(token)
        if len(token) < self.min_token_length:
            return ""
        if not self.keep_numbers and _NUMBER.fullmatch(token):
            return ""
        return token + mark


class _KnownPieces(dict[str, str]):
    """Cache from a piece without white space to its tokens, joined by spaces."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def __missing__(self, piece: str) -> str:
        if len(piece) > _MAX_PIECE:
            return self.tokenizer.clean(" ".join(self.tokenizer.shorten(piece)))
        if len(self) >= _CACHE_SIZE:
            self.clear()
        self[piece] = tokens = " ".join(self.tokenizer.cut(piece))
        return tokens


def split_names(
    piece: str, split: Callable[[str], Pairs], *, split_han: bool = True
) -> Pairs:
    """Keep names whole, let Han characters stand alone, and split the rest."""
    pairs: Pairs = []
    has_han = split_han and not piece.isascii()
    for part in _HAN_PARTS.findall(piece) if has_han else [piece]:
        end = 0
        for name in _NAME.finditer(part):
            pairs += split(part[end : name.start()])
            pairs.append((name.group(), ""))
            end = name.end()
        pairs += split(part[end:])
    return pairs


class RuleSplitter:
    """spaCy's tokenizer: https://spacy.io/usage/linguistic-features#how-tokenizer-works

    Its last step, in which exceptions are looked for among the tokens found, is
    included.

    Parameters
    ----------
    rules : dict
        "prefix", "suffix", "infix", "whole_token" and "url": None, a pattern, or a list
        of its source and flags; "exceptions": text → list of (token, norm); "norms":
        token → norm; "plain_words": whether only exceptions cut a run of ASCII letters.
    """

    def __init__(self, rules: dict[str, Any]) -> None:
        def compiled(name: str) -> re.Pattern[str]:
            pattern = rules[name] or "(?!)"
            return re.compile(*pattern if isinstance(pattern, list) else (pattern,))

        self.prefix, self.suffix = compiled("prefix"), compiled("suffix")
        self.infix, self.url = compiled("infix"), compiled("url")
        self.whole = compiled("whole_token")
        self.norms, self.plain_words = rules["norms"], rules["plain_words"]
        self.exceptions: dict[str, Pairs] = {}
        affixes = (self.prefix, self.suffix, self.infix)
        self.sequences = {  # exceptions as the other rules would cut them
            tuple(token for token, _ in self._cut(text))
            for text in rules["exceptions"]
            if any(pattern.search(text) for pattern in affixes)
        }
        self.exceptions = {
            text: [(token, norm) for token, norm in tokens]
            for text, tokens in rules["exceptions"].items()
        }
        self.longest = max(map(len, self.sequences), default=0)

    def __call__(self, piece: str) -> Pairs:
        """Return the tokens of a piece without white space, each with its norm."""
        is_plain = self.plain_words and piece.isalpha() and piece.isascii()
        if is_plain and piece not in self.exceptions:
            return [(piece, piece.lower())]
        return split_names(piece, self.split)

    def split(self, piece: str) -> Pairs:
        """Return the tokens of a piece as spaCy cuts it, each with its norm.

        Runs of tokens that are exceptions are replaced: the longest first, no overlap.
        """
        pairs = self._cut(piece)
        tokens = [token for token, _ in pairs]
        spans: list[tuple[int, int]] = []
        seen: set[int] = set()
        for length in range(min(self.longest, len(tokens)), 0, -1):
            for start in range(len(tokens) - length + 1):
                stop = start + length
                if tuple(tokens[start:stop]) in self.sequences:
                    if seen.isdisjoint((start, stop - 1)):
                        spans.append((start, stop))
                    seen.update(range(start, stop))
        for start, stop in sorted(spans, reverse=True):
            pairs[start:stop] = self.exceptions["".join(tokens[start:stop])]
        return pairs

    def _cut(self, piece: str) -> Pairs:
        """Take prefixes and suffixes off until an exception is left, or nothing fits.

        What is left is that exception, or it is cut at infixes.
        """
        prefixes: list[str] = []
        suffixes: list[str] = []
        while piece and piece not in self.exceptions and not self.whole.match(piece):
            before, after = self.prefix.search(piece), None
            start, stop = before.end() if before else 0, len(piece)
            if not (start and piece[start:] in self.exceptions):
                after = self.suffix.search(piece[start:])
                stop -= len(after.group()) if after else 0
                if stop < len(piece) and piece[:stop] in self.exceptions:
                    start = 0
            if start == 0 and stop == len(piece):
                break
            if start:
                prefixes.append(piece[:start])
            if stop < len(piece):
                suffixes.append(piece[stop:])
            piece = piece[start:stop]
        middle = self.exceptions.get(piece) or self._with_norms(self._infixes(piece))
        return self._with_norms(prefixes) + middle + self._with_norms(suffixes[::-1])

    def _with_norms(self, tokens: list[str]) -> Pairs:
        return [(token, self.norms.get(token, token.lower())) for token in tokens]

    def _infixes(self, piece: str) -> list[str]:
        parts: list[str] = []
        start = 0
        if piece and not self.whole.match(piece) and not self.url.match(piece):
            for found in self.infix.finditer(piece):
                if found.start() > 0:
                    parts += [piece[start : found.start()], found.group()]
                    start = found.end()
        return [part for part in [*parts, piece[start:]] if part]


def token_checksum(token: str) -> int:
    """Return what is kept of a rare token: it tells it again, but not what it is."""
    return zlib.crc32(token.encode("utf-8", "surrogatepass"))


def unseen_share(
    tokens: list[str], ids: list[int], is_rare: Callable[[str], bool]
) -> float:
    """Return the share of the tokens that are not in the vocabulary and not rare.

    A token whose general form is rare counts as rare. Marked stop words are not
    counted; without other tokens, the share is 0.

    >>> unseen_share(["a", "b", "c", "the_"], [1, 1, 5, 1], {"b"}.__contains__)
    0.3333333333333333
    >>> unseen_share(["refunds", "b"], [1, 1], {"refun*"}.__contains__)
    0.5
    >>> unseen_share(["the_"], [1], set().__contains__)
    0.0
    """
    pairs = zip(tokens, ids, strict=True)
    words = [(token, i) for token, i in pairs if not token.endswith(MARK)]
    forms = [(token, general_form(token)) for token, i in words if i == 1]
    n_unseen = sum(not any(map(is_rare, filter(None, pair))) for pair in forms)
    return n_unseen / max(len(words), 1)


def hide_unseen(
    tokens: list[str],
    ids: list[int],
    max_unseen: float,
    is_rare: Callable[[str], bool],
) -> list[int]:
    """Return the ids; unknown ones alone if too many tokens were never seen.

    >>> hide_unseen(["a", "b", "c"], [1, 1, 5], 0.6, {"b"}.__contains__)
    [1, 1, 5]
    >>> hide_unseen(["a", "b", "c"], [1, 1, 5], 0.6, set().__contains__)
    [1, 1, 1]

    Marked stop words are not counted.

    >>> hide_unseen(["a", "the_", "is_"], [1, 3, 4], 0.6, set().__contains__)
    [1, 1, 1]
    """
    n_words = sum(not token.endswith(MARK) for token in tokens)
    if ids.count(1) <= max_unseen * n_words:  # so in most texts: no need to count
        return ids
    share = unseen_share(tokens, ids, is_rare)
    return [1] * len(ids) if share > max_unseen else ids
