"""Structured identifiers out of texts: addresses, numbers of phones, cards, accounts.

Each kind is a pattern that proposes spans and, where the identifier carries a check, a
function that confirms them: the Luhn sum of cards, ISO 13616's length and remainder of
bank accounts, the standard library's parser of IP addresses. Everything is offline.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable

__all__ = ["KINDS", "redact"]

_URL = re.compile(r"(?<![\w@])(?:[a-z][a-z0-9+.-]{1,15}://|www\.)[^\s<>\"]+", re.I)
_EMAIL = re.compile(
    r"(?<![\w.+%'-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}"
)
_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,32}", re.I)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){11,18}(?!\d)")
_IP = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}"
    r"(?:\.\d{1,3}){0,3})(?![\w:]|\.\d)",
    re.I,
)
_PHONE = re.compile(
    r"(?<![\w.,+])(?:\+|\(\+?)?\d{1,5}\)?(?:[ ./-]{0,2}\(?\d{1,5}\)?){1,7}"
    r"(?![\w%]|[.,]\d)"
)
_DATE_OR_DECIMAL = re.compile(
    r"\d+\.\d+|"
    r"(?:19|20)\d\d([./-])\d{1,2}\1\d{1,2}|\d{1,2}([./-])\d{1,2}\2(?:19|20)?\d\d"
)
_IBAN_LENGTHS = dict(
    re.findall(
        r"(\D\D)(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18"
        "DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23"
        "IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27"
        "MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19"
        "SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30",
    )
)


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
    Linear time. A phone number is any group of 7 to 15 digits in the usual notations
    that is not a date, so order numbers and the like go as well: better one number too
    many than a private one left. Names, addresses and identifiers without a structure
    are not found.

    References
    ----------
    .. [1] ISO 13616-1:2020, "International bank account number (IBAN)".
    .. [2] ISO/IEC 7812-1:2017, Annex B, "Luhn formula".

    Examples
    --------
    >>> from deepclust.cleaning._redaction import redact
    >>> redact("write to a.b@example.org or call +49 30 1234567", ["email", "phone"])
    'write to   or call  '
    """
    chosen = set(kinds)
    for kind, (pattern, replace) in _RULES.items():
        if kind in chosen:
            text = pattern.sub(replace, text)
    return text


def _keep_unless_iban(match: re.Match[str]) -> str:
    """Drop the account number that `found` starts with; the pattern takes too much."""
    found = match.group()
    length = int(_IBAN_LENGTHS.get(found[:2].upper(), 0))
    positions = [i for i, character in enumerate(found) if character.isalnum()]
    if not length or len(positions) < length:
        return found
    end = positions[length - 1] + 1
    code = re.sub(r"[ -]", "", found[:end]).upper()
    digits = "".join(str(int(character, 36)) for character in code[4:] + code[:4])
    return " " + found[end:] if int(digits) % 97 == 1 else found


def _keep_unless_card(match: re.Match[str]) -> str:
    found = match.group()
    digits = [int(character) for character in found if character.isdigit()][::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return found if (sum(digits[::2]) + sum(doubled)) % 10 else " "


def _keep_unless_ip(match: re.Match[str]) -> str:
    found = match.group()
    try:
        ipaddress.ip_address(found)
    except ValueError:
        return found
    return " "


def _keep_unless_phone(match: re.Match[str]) -> str:
    found = match.group()
    has_length = 7 <= sum(map(str.isdigit, found)) <= 15
    return " " if has_length and not _DATE_OR_DECIMAL.fullmatch(found) else found


# In this order: what a later pattern could take for its own is gone by then.
_RULES: dict[str, tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = {
    "url": (_URL, " "),
    "email": (_EMAIL, " "),
    "iban": (_IBAN, _keep_unless_iban),
    "credit_card": (_CARD, _keep_unless_card),
    "ip": (_IP, _keep_unless_ip),
    "phone": (_PHONE, _keep_unless_phone),
}

KINDS = tuple(_RULES)
