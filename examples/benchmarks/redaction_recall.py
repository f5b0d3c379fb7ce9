"""Measure how many generated identifiers are redacted whole, and what stays.

    pip install faker && python examples/benchmarks/redaction_recall.py --number 5000

Faker makes the identifiers of a country; each stands in a sentence of the language,
with a date or a number beside it. A cell has recall, the share of identifiers of which
no part of two letters or digits is left, and the share of sentences that keep all other
words. The last table has numbers that are no identifiers: the share that stays.
"""

import argparse
import random
import re
import zlib

from faker import Faker

from deepclust.cleaning._redaction import KINDS, redact

LOCALES = {
    "en": ["en_US", "en_GB", "en_AU", "en_IN"],
    "de": ["de_DE", "de_AT", "de_CH"],
    "fr": ["fr_FR", "fr_BE", "fr_CA"],
    "es": ["es_ES", "es_MX", "es_AR", "es_CO"],
    "zh": ["zh_CN", "zh_TW"],
}
# Of countries that issue such accounts; Faker makes others up.
IBAN_LOCALES = {
    "en": ["en_GB", "en_IE"],
    "de": ["de_DE", "de_AT", "de_CH"],
    "fr": ["fr_FR", "fr_CH"],
    "es": ["es_ES"],
    "zh": ["en_GB", "de_DE", "fr_FR", "nl_NL", "it_IT"],
}
SENTENCES = {
    "en": ["{}", "Please note {}.", "On 12/31/2024 ({}) again", "3 boxes, {}; paid"],
    "de": ["{}", "Bitte {} notieren!", "Am 31.12.2024 ({}) wieder", "3 Stück, {}; ja"],
    "fr": ["{}", "Notez {}, svp", "Le 31/12/2024 ({}) encore", "3 pièces : {} ; oui"],
    "es": ["{}", "¿Anota {}?", "El 31/12/2024 ({}) otra vez", "3 cajas, {}; sí"],
    "zh": ["{}", "请记下{}谢谢", "2024-12-31（{}）再说", "三箱，{}；好"],
}
IDENTIFIERS = {
    "email": ["email", "ascii_free_email", "company_email"],
    "phone": ["phone_number"],
    "url": ["url", "uri", "image_url"],
    "ip": ["ipv4", "ipv6"],
    "credit_card": ["credit_card_number"],
    "iban": ["iban"],
}
NEUTRAL = {
    "date": lambda fake: fake.date(
        fake.random_element(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d.%m.%y"])
    ),
    "time": lambda fake: fake.time(fake.random_element(["%H:%M", "%H:%M:%S"])),
    "price": lambda fake: fake.random_element(["{:,.2f}", "{:.2f} €", "{}"]).format(
        fake.pyint(1, 999_999)
    ),
    "decimal": lambda fake: str(fake.pyfloat(left_digits=1, right_digits=8)),
    "percent": lambda fake: f"{fake.pyint(0, 100)}.{fake.pyint(0, 99)} %",
    "version": lambda fake: fake.numerify("v%.#.##"),
    "postal code": lambda fake: fake.numerify("%####"),
    "year": lambda fake: fake.year(),
    "number of 7 digits": lambda fake: fake.numerify("%######"),
}


def generated(kind, language, n):
    """Yield n sentences and the identifier that is in each, by pairs."""
    locales = IBAN_LOCALES if kind == "iban" else LOCALES
    fake = Faker(locales[language], use_weighting=False)
    seed = zlib.crc32(f"{language} {kind}".encode())
    fake.seed_instance(seed)
    rng = random.Random(seed)
    for _ in range(n):
        frame, method = rng.choice(SENTENCES[language]), rng.choice(IDENTIFIERS[kind])
        value = str(getattr(fake, method)())
        yield frame, value


def parts(text):
    """Return the runs of two letters or digits at least."""
    return set(re.findall(r"[^\W_]{2,}", text))


def recall(language, kind, n):
    """Return how many of `n` identifiers are found whole, and of how many sentences.

    Parameters
    ----------
    language : str
        A key of `LOCALES`.
    kind : str
        One of `KINDS`.
    n : int

    Returns
    -------
    found : int
        Identifiers of which nothing is left.

    kept : int
        Sentences of which everything else is left.

    missed : list of str
        The first sentences where part of an identifier is left.
    """
    found, kept, missed = 0, 0, []
    for frame, value in generated(kind, language, n):
        rest, around = parts(redact(frame.format(value), [kind])), parts(frame)
        kept += around <= rest
        if rest.isdisjoint(parts(value) - around):
            found += 1
        elif len(missed) < 5:
            missed.append(frame.format(value))
    return found, kept, missed


def left_alone(name, n):
    """Return how many of `n` neutral numbers stay, with all kinds redacted."""
    fake, count = Faker(), 0
    fake.seed_instance(0)
    for _ in range(n):
        text = f"it says {NEUTRAL[name](fake)} here"
        count += redact(text, KINDS) == text
    return count


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=5_000, help="of each")
    parser.add_argument("--missed", action="store_true", help="show some")
    options = parser.parse_args()
    n, examples = options.number, []
    print("| kind |", *(f"{language} |" for language in LOCALES))
    print("|---|", "---|" * len(LOCALES), sep="")
    for kind in KINDS:
        cells = []
        for language in LOCALES:
            found, kept, missed = recall(language, kind, n)
            cells.append(f"{found / n:.4f} / {kept / n:.2f} |")
            examples += missed
        print(f"| {kind} |", *cells, flush=True)
    print("\n| no identifier | left as it is |\n|---|---|")
    for name in NEUTRAL:
        print(f"| {name} | {left_alone(name, n) / n:.4f} |", flush=True)
    if options.missed:
        print(*examples, sep="\n")


if __name__ == "__main__":
    main()
