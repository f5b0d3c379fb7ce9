r"""Structured identifiers out of texts: addresses, numbers of phones, cards, accounts.

How one text is redacted:

1. Every character is replaced by a plain one: full-width forms and other digits by
   ASCII, kinds of spaces and dashes by " " and "-", characters of scripts that are
   written without spaces by one that is no word. Positions stay the same.
2. Each kind finds its spans in the plain characters. A pattern proposes them, and
   where the identifier carries a check, it decides: the Luhn sum of cards, length and
   remainder of bank accounts, the ranges of IP addresses.
   Characters that are not seen count once as they are, and once as if not there.
3. Where spans of any kind overlap, they are one; each is replaced by a space.

No pattern backtracks over what it has read: repeated parts are possessive, or bounded.
Everything is offline.
"""

import functools
import ipaddress
import itertools
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator

__all__ = ["KINDS", "redact"]

Span = tuple[int, int]

_UNSEEN = "\u200b"  # soft hyphens, joiners, marks of direction
_WORD_WITHOUT_SPACES = "※"
_PUNCTUATION_WITHOUT_SPACES = "、"
_CAN_HOLD_ANY = re.compile(r"[\d@]|://|www\.", re.IGNORECASE)
_URL = re.compile(
    rf"(?<![\w@])(?:[a-z][a-z0-9+.-]{{1,15}}://|www\.)"
    rf"[^\s<>\"{_PUNCTUATION_WITHOUT_SPACES}]++",
    re.IGNORECASE,
)
# Beside a word of Latin letters, characters of Chinese are the text around.
_EMAILS = [
    re.compile(rf"(?<![{local}])[{local}]++@([{host}]++(?:\.[{host}]++)*+)")
    for local, host in (
        (r"\w.+%'-", r"\w-"),
        (rf"\w.+%'{_WORD_WITHOUT_SPACES}-", rf"\w{_WORD_WITHOUT_SPACES}-"),
    )
]
_IBAN = re.compile(r"(?<![^\W_])(?:IBAN)?([A-Z]{2}\d\d)(?=[ .-]?[A-Z0-9])", re.I)
_CARD_RUN = re.compile(r"\d++(?:[ .-]{1,3}+\d++)*+")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w.:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![\w:]|\.\d)",
    re.IGNORECASE,
)
_GAP = "[ ()+./·-]{1,4}+"
_GROUP = r"\d{1,15}+(?!\d)"  # ITU-T E.164: no number is longer
_YEAR = r"(?:19|20)\d\d"
_DATE = rf"(?:{_YEAR}[./-]\d{{1,2}}[./-]\d{{1,2}}|\d{{1,2}}[./-]\d{{1,2}}[./-]{_YEAR})"
_DATES = rf"{_DATE}(?:[/-]{_DATE})?(?!\d|[+./·-]{{1,4}}+\d)"
_DECIMAL = r"(?:(?:0|[1-9]\d?)\.\d++|[1-9]\d*+\.\d{1,3}(?!\d))"  # 555.1234 is none
# What is no phone number comes first: dates, decimals, years, 0,123, 1.234,56, 12%.
_NUMBERS = re.compile(
    rf"""[(]{{0,3}}+(?<!\w)(?: {_DATES}
        | (?: {_DECIMAL}(?:[ ]+{_DECIMAL})*+ | \d{{1,2}}([./-])\d{{1,2}}\1\d\d
            | {_YEAR}[ ]?[/-][ ]?{_YEAR} | (?:0|[1-9]\d{{0,2}}),\d++(?:\.\d{{3}})*+
          )(?!\d|{_GAP}\d)
        | \d++(?:\.\d{{3}})*+(?:,\d{{1,2}}(?!\d)|%))
    | (?P<phone> [+(]{{0,3}}+(?<!\w){_GROUP}
        (?: (?:{_GAP}(?!(?<=[ ]){_DATES}){_GROUP})++ | (?!(?!x\d)[^\W\d])))""",
    re.IGNORECASE | re.VERBOSE,
)
_EXTENSION = re.compile(
    r"(?:;ext=|[ ,]{0,2}+(?:ext|extension|int|x|доб|anexo|#)[ .:]{0,2}+)\d{1,7}+(?!\w)",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d++")
_MIN_PHONE = 7  # digits


def redact(text: str, kinds: Iterable[str]) -> str:
    """Replace identifiers of the given kinds by a space.

    Parameters
    ----------
    text : str
        Visible text, without markup.

    kinds : iterable of str
        Some of `KINDS`: "url", "email", "iban", "credit_card", "ip", "phone".

    Returns
    -------
    redacted : str

    Notes
    -----
    Linear time. A phone number is any group of 7 digits or more in the usual notations,
    with its extension, that is no date, no span of years and no decimal number such as
    3.1415926. So order numbers and the like go as well, and so do the numbers beside
    it: better one number too many than a private one left. (The package
    phonenumbers finds no more, and finds less where it decides: it needs the country,
    and its matcher takes .3 ms a character of some texts.) A single group of more than
    15 digits, or one glued to letters, stays. Names, addresses and identifiers without
    a structure are not found.

    References
    ----------
    .. [1] ISO 13616-1:2020, "International bank account number (IBAN)".
    .. [2] ISO/IEC 7812-1:2017, Annex B, "Luhn formula".
    .. [3] ITU-T E.164 (2010), "The international public telecommunication numbering
       plan".

    Examples
    --------
    >>> from deepclust.cleaning._redaction import redact
    >>> redact("write to a.b@example.org or call +49 30 1234567", ["email", "phone"])
    'write to   or call  '
    """
    chosen = set(kinds)
    plain = text.translate(_ASCII) if chosen else ""
    if not _CAN_HOLD_ANY.search(plain):
        return text
    found = _find(plain, chosen)
    if _UNSEEN in plain:  # between two words, or where one may be broken
        places = array("I", (n for n, c in enumerate(plain) if c != _UNSEEN))
        spans = _find(plain.replace(_UNSEEN, ""), chosen)
        inside = ((places[start], places[stop - 1] + 1) for start, stop in spans)
        found = itertools.chain(found, inside)
    return _without(text, found)


def _find(plain: str, kinds: set[str]) -> Iterator[Span]:
    """Yield the spans of all identifiers of these kinds."""
    for kind in KINDS:
        if kind in kinds:
            yield from _FINDERS[kind](plain)


def _without(text: str, spans: Iterable[Span]) -> str:
    """Return the text with a space for each run of overlapping spans."""
    kept: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if start >= end:
            kept += [text[end:start], " "]
        end = max(end, stop)
    return "".join([*kept, text[end:]])


class _PlainCharacters(dict[int, str]):
    """Table for `str.translate`: one plain character for each character."""

    spaceless = re.compile("[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]")

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = unicodedata.normalize("NFKC", character)
        plain = plain if len(plain) == 1 else character
        category = unicodedata.category(plain)
        if (digit := unicodedata.decimal(plain, None)) is not None:
            plain = str(digit)
        elif category == "Zs":
            plain = " "
        elif category == "Pd" or plain == "\u2212":
            plain = "-"
        elif category == "Cf":
            plain = _UNSEEN
        elif "\u3000" < plain < "\u3040" and category[0] == "P":
            plain = _PUNCTUATION_WITHOUT_SPACES
        elif self.spaceless.match(plain) or "\U00020000" <= plain < "\U00040000":
            plain = _WORD_WITHOUT_SPACES
        elif code == 0xFF0C:  # Chinese full-width comma
            plain = _PUNCTUATION_WITHOUT_SPACES
        self[code] = plain
        return plain


_ASCII = _PlainCharacters({code: chr(code) for code in range(128)})


def _urls(plain: str) -> Iterator[Span]:
    return (match.span() for match in _URL.finditer(plain))


def _emails(plain: str) -> Iterator[Span]:
    seen: set[int] = set()
    for pattern in _EMAILS:
        for match in pattern.finditer(plain):
            if match.start(1) not in seen and _is_host(match[1]):
                seen.add(match.start(1))
                yield match.span()


def _is_host(name: str) -> bool:
    *labels, last = name.split(".")
    is_name = len(last) > 1 and not last[0].isdigit()
    return is_name or (len(labels) == 3 and _is_ipv4(name))


def _ibans(plain: str) -> Iterator[Span]:
    from stdnum import iban

    for match in _IBAN.finditer(plain):
        tail = _iban_tail(match[1][:2].upper())
        found = tail.match(plain, match.end()) if tail else None
        if found and iban.is_valid(match[1] + found[0], check_country=False):
            yield match.start(), found.end()


@functools.cache
def _iban_tail(country: str) -> re.Pattern[str] | None:
    """Return the pattern of what follows the first four characters of an account."""
    from stdnum import numdb

    parts = numdb.get("iban").info(f"{country}00")
    lengths = re.findall(r"(\d+)!", parts[0][1].get("bban", ""))
    if not lengths:
        return None
    length = sum(map(int, lengths))
    return re.compile(rf"(?:[ .-]?[A-Z0-9]){{{length}}}", re.IGNORECASE)


def _cards(plain: str) -> Iterator[Span]:
    """Yield runs of groups that pass the Luhn check; all groups but the last have 3."""
    from stdnum import luhn

    for run in _CARD_RUN.finditer(plain):
        groups = [match.span() for match in _DIGITS.finditer(plain, *run.span())]
        for first, (start, _) in enumerate(groups):
            number = ""
            for low, high in groups[first : first + 7]:
                number += plain[low:high]
                if len(number) > 19:
                    break
                if len(number) >= 12 and luhn.is_valid(number):
                    yield start, high
                if high - low < 3:
                    break


def _ips(plain: str) -> Iterator[Span]:
    for match in _IPV4.finditer(plain):
        if _is_ipv4(match[0]):
            yield match.span()
    for match in _IPV6.finditer(plain):
        try:
            ipaddress.IPv6Address(match[0])
        except ValueError:
            continue
        yield match.span()


def _is_ipv4(numbers: str) -> bool:
    return all(part.isdigit() and int(part) < 256 for part in numbers.split("."))


def _phones(plain: str) -> Iterator[Span]:
    for found in _NUMBERS.finditer(plain):
        if sum(map(str.isdigit, found["phone"] or "")) >= _MIN_PHONE:
            extension = _EXTENSION.match(plain, found.end())
            yield found.start(), (extension or found).end()


_FINDERS: dict[str, Callable[[str], Iterator[Span]]] = {
    "url": _urls,
    "email": _emails,
    "iban": _ibans,
    "credit_card": _cards,
    "ip": _ips,
    "phone": _phones,
}

KINDS = tuple(_FINDERS)
