"""Which language are the texts in, and is it the one that the cleaner was told?

1. Scripts: most letters belong to a script that the language is not written in.
2. Stop words: another language's cover the texts at least twice as well. Stop words are
   a third of ordinary sentences, and languages share few of them. To choose a language,
   they have to cover the texts half as well again as those of any other.
3. Several languages: each text votes for its script, or in Latin letters for the
   language with most of its stop words, and a second one has a fifth of the votes. In
   corpora of one language it had 1.4 % at most. Where less than half of the texts
   vote, nothing is said.
"""

import re
import runpy
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

__all__ = ["find_language", "likely_language"]

COMPARED = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "tr", "id", "ru")
_MAX_TEXTS = 400
_MIN_LETTERS, _MIN_WORDS = 200, 100  # with fewer, nothing is said
_MIN_SHARE, _MIN_RATIO = 0.15, 2.0  # of stop words
_LEAST_SHARE, _LEAST_RATIO = 0.05, 1.5  # to choose a language; titles have few
_MIN_KANA = 0.1  # of the letters of Japanese, at least
_MIN_SECOND, _MIN_VOTING = 0.2, 0.5  # of the votes, and of the texts
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
        "xx" for several languages, None if nothing speaks against `language`.

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
    if _in_several_languages(sample, {*COMPARED, language}):
        return "xx"
    return _by_script(words, language) or _by_stop_words(words, language)


def find_language(texts: list[str]) -> str:
    """Return the code of the language of the texts, "xx" for several or none.

    Parameters
    ----------
    texts : list of str
        All of them are read.

    Returns
    -------
    language : str
        One of `COMPARED` and `SCRIPTS`, or "xx".

    Examples
    --------
    >>> from deepclust.cleaning._language_check import find_language
    >>> texts = ["Der Hund ist in der Hütte und die Katze auf dem Dach."] * 20
    >>> find_language(texts), find_language(["a b", "1"])
    ('de', 'xx')
    """
    if _in_several_languages(texts, {*COMPARED}):
        return "xx"
    words = [word for text in texts for word in _WORD.findall(text.lower())]
    letters = _letters_by_script(words)
    if letters["HIRAGANA"] + letters["KATAKANA"] > _MIN_KANA * letters.total():
        return "ja"
    compared = {code for codes in SCRIPTS.values() for code in codes}
    script = _by_script(words, "")
    if script is None:
        compared = {*COMPARED} - compared
    elif len(words) < _MIN_WORDS or script in ("zh", "ko"):
        return script
    else:
        compared = {*next(codes for codes in SCRIPTS.values() if script in codes)}
    share = _shares_of_stop_words(words, compared)
    best, *others = sorted(share, key=lambda code: (-share[code], code))
    least = max(_LEAST_SHARE, _LEAST_RATIO * share[others[0]] if others else 0.0)
    is_clear = len(words) >= _MIN_WORDS and share[best] >= least
    return best if is_clear else script or "xx"


def _in_several_languages(texts: list[str], languages: set[str]) -> bool:
    """Return whether the second most frequent language of the texts has its share."""
    by_word: dict[str, list[str]] = {}
    for code in languages:
        for word in _stop_words(code):
            by_word.setdefault(word, []).append(code)
    votes, n_words = Counter[str](), 0
    for text in texts:
        words = _WORD.findall(text.lower())
        n_words += len(words)
        if script := _script_of(words):
            votes[script] += 1
            continue
        counts = Counter(code for word in words for code in by_word.get(word, ()))
        match counts.most_common(2):
            case [(code, _)]:
                votes[code] += 1
            case [(code, most), (_, second)] if most > second:
                votes[code] += 1
    if n_words < _MIN_WORDS or votes.total() < _MIN_VOTING * len(texts):
        return False
    _, *others = [n for _, n in votes.most_common(2)]
    return bool(others) and others[0] >= _MIN_SECOND * votes.total()


def _script_of(words: list[str]) -> str | None:
    """Return the first language of the script of most letters, None of Latin ones."""
    letters = _letters_by_script(words)
    script = max(letters, key=letters.__getitem__, default="")
    if script in ("HIRAGANA", "KATAKANA"):
        return SCRIPTS["CJK"][0]  # texts of one Japanese corpus are in all three
    return SCRIPTS[script][0] if script in SCRIPTS else None


def _letters_by_script(words: list[str]) -> Counter[str]:
    """Return the number of letters by the first word of their Unicode name."""
    scripts: Counter[str] = Counter()
    for char, n in Counter("".join(words)).items():
        scripts[unicodedata.name(char, "").partition(" ")[0]] += n
    return scripts


def _by_script(words: list[str], language: str) -> str | None:
    scripts = _letters_by_script(words)
    script, n_letters = max(scripts.items(), key=lambda item: item[1], default=("", 0))
    known = SCRIPTS.get(script, ())
    enough = scripts.total() >= _MIN_LETTERS and n_letters > scripts.total() / 2
    return known[0] if enough and known and language not in known else None


def _by_stop_words(words: list[str], language: str) -> str | None:
    if len(words) < _MIN_WORDS:
        return None
    share = _shares_of_stop_words(words, {*COMPARED, language})
    best = max(COMPARED, key=share.__getitem__)
    is_other = share[best] >= max(_MIN_SHARE, _MIN_RATIO * share[language])
    return best if best != language and is_other else None


def _shares_of_stop_words(words: list[str], languages: set[str]) -> dict[str, float]:
    counts = Counter(words)
    return {
        code: sum(counts[word] for word in _stop_words(code)) / max(len(words), 1)
        for code in languages
    }


@cache
def _stop_words(language: str) -> frozenset[str]:
    """Return spaCy's stop words without its rules, which take 3 s to load in French."""
    import spacy.lang

    path = Path(spacy.lang.__path__[0], language, "stop_words.py")
    return frozenset(runpy.run_path(str(path))["STOP_WORDS"] if path.exists() else ())
