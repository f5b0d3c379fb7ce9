"""Are the texts in the language that the cleaner was told?

1. Scripts: most letters belong to a script that the language is not written in.
2. Stop words: another language's cover the texts at least twice as well. Stop words are
   a third of ordinary sentences, and languages share few of them.
"""

import re
import runpy
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

__all__ = ["likely_language"]

COMPARED = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "tr", "id", "ru")
_MAX_TEXTS = 400
_MIN_LETTERS, _MIN_WORDS = 200, 100  # with fewer, nothing is said
_MIN_SHARE, _MIN_RATIO = 0.15, 2.0  # of stop words
_WORD = re.compile(r"[^\W\d_]+")

# First word of a character's Unicode name → languages written so, the likeliest first.
SCRIPTS = {
    "ARABIC": ("ar", "fa", "ur"),
    "CJK": ("zh", "ja", "ko"),
    "CYRILLIC": ("ru", "uk", "bg", "mk", "sr", "ky", "tt"),
    "DEVANAGARI": ("hi", "mr", "ne", "sa"),
    "GREEK": ("el", "grc"),
    "HANGUL": ("ko",),
    "HEBREW": ("he",),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "THAI": ("th",),
}


def likely_language(texts: list[str], language: str) -> str | None:
    """Return the code of the language that the texts are probably in.

    Parameters
    ----------
    texts : list of str
        At most 400, evenly spaced, are looked at.

    language : str
        What they are said to be in.

    Returns
    -------
    likely : str or None
        None if nothing speaks against `language`.

    Examples
    --------
    >>> from deepclust.cleaning._language_check import likely_language
    >>> texts = ["Der Hund ist in der Hütte und die Katze auf dem Dach."] * 20
    >>> likely_language(texts, "en"), likely_language(texts, "de")
    ('de', None)
    """
    if language == "xx":
        return None
    sample = texts[:: max(len(texts) // _MAX_TEXTS, 1)]
    words = [word for text in sample for word in _WORD.findall(text.lower())]
    return _by_script(words, language) or _by_stop_words(words, language)


def _by_script(words: list[str], language: str) -> str | None:
    scripts: Counter[str] = Counter()
    for char, n in Counter("".join(words)).items():
        scripts[unicodedata.name(char, "").partition(" ")[0]] += n
    script, n_letters = max(scripts.items(), key=lambda item: item[1], default=("", 0))
    known = SCRIPTS.get(script, ())
    enough = scripts.total() >= _MIN_LETTERS and n_letters > scripts.total() / 2
    return known[0] if enough and known and language not in known else None


def _by_stop_words(words: list[str], language: str) -> str | None:
    if len(words) < _MIN_WORDS:
        return None
    counts = Counter(words)
    share = {
        code: sum(counts[word] for word in _stop_words(code)) / len(words)
        for code in {*COMPARED, language}
    }
    best = max(COMPARED, key=share.__getitem__)
    is_other = share[best] >= max(_MIN_SHARE, _MIN_RATIO * share[language])
    return best if best != language and is_other else None


@cache
def _stop_words(language: str) -> frozenset[str]:
    """Return spaCy's stop words without its rules, which take 3 s to load in French."""
    import spacy.lang

    path = Path(spacy.lang.__path__[0], language, "stop_words.py")
    return frozenset(runpy.run_path(str(path))["STOP_WORDS"] if path.exists() else ())
