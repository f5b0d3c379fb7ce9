"""Surface forms: how the texts write a cleaned term."""

import re
from collections import Counter
from collections.abc import Sequence

from deepclust.inspection._character_pairs import HAN

__all__ = ["surface_forms"]

_MOST_TEXTS = 2_000
_ENDING = 5  # letters that stemming or lemmatizing may have cut off
# A term stands between characters that are no part of a word. Chinese has no spaces.
_BEFORE, _AFTER = r"(?<![^\W_])", r"(?![^\W_]|[+#](?![^\W_]))"


def surface_forms(terms: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return each term as the texts write it most often.

    Parameters
    ----------
    terms : sequence of str
        Cleaned terms: lower-cased, perhaps stemmed tokens, separated by spaces.

    texts : sequence of str
        The texts before cleaning. Of more than 2,000, an even share is searched.

    Returns
    -------
    forms : list of str
        A term that no text holds, such as a lemma, stays as it is. So do two terms
        with the same surface form.

    Notes
    -----
    O(n_terms n_characters) time. Occurrences inside a text count before those at its
    start, where a capital says little: there "Best" counts for "best". Of equally
    frequent forms the one with fewer capitals is taken.

    Examples
    --------
    >>> from deepclust.inspection._surface_forms import surface_forms
    >>> surface_forms(["c#", "linq queri"], ["LINQ queries in C#", "A LINQ query"])
    ['C#', 'LINQ queries']
    """
    step = -(-len(texts) // _MOST_TEXTS) or 1
    read = [(text, text.lower()) for text in texts[::step]]
    forms = [_form(term, read) for term in terms]
    shared = {form for form, n in Counter(map(str.casefold, forms)).items() if n > 1}
    return [
        term if form.casefold() in shared else form
        for term, form in zip(terms, forms, strict=True)
    ]


def _form(term: str, pairs: list[tuple[str, str]]) -> str:
    """Return the most frequent form of one term, or its tokens' forms put together.

    `pairs` are texts as they are and in lower case.
    """
    tokens = term.split()
    texts = [text for text, lowered in pairs if tokens[0] in lowered]
    gap = r"\W{0,3}" if HAN.search(term) else r"\W{1,3}"
    found = _most_frequent(gap.join(map(re.escape, tokens)), texts)
    if found is None and len(tokens) > 1:
        return " ".join(_form(token, pairs) for token in tokens)
    if found is None and len(term) > 3 and term.isalpha():
        found = _most_frequent(rf"{re.escape(term)}[^\W\d_]{{1,{_ENDING}}}", texts)
    return term if found is None else " ".join(found.split())


def _most_frequent(pattern: str, texts: list[str]) -> str | None:
    if not HAN.search(pattern):
        pattern = _BEFORE + pattern + _AFTER
    find = re.compile(pattern, re.IGNORECASE).finditer
    inside: Counter[str] = Counter()
    opening: Counter[str] = Counter()
    for text in texts:
        indent = len(text) - len(text.lstrip())
        for match in find(text):
            form = match[0]
            if match.start() > indent:
                inside[form] += 1
            else:
                opening[form.lower() if form[1:].islower() else form] += 1
    forms = inside.keys() | opening.keys()

    def order(form: str) -> tuple[int, int, int, str]:
        capitals = sum(character.isupper() for character in form)
        return -inside[form], -opening[form], capitals, form

    return min(forms, key=order, default=None)
