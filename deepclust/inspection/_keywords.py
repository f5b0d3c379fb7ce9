"""Keywords and names of clusters."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, islice
from typing import Any

import numpy as np
import scipy.sparse as sp

from deepclust._text_input import replace_surrogates
from deepclust.cleaning._tokenizer import identifier_kind, without_affixes
from deepclust.inspection._character_pairs import join_pairs
from deepclust.inspection._labeled_texts import (
    LabeledTexts,
    check_labeled,
    term_counts,
)
from deepclust.inspection._namer import Topic, as_namer
from deepclust.inspection._surface_forms import surface_forms
from deepclust.sequences import NOISE

__all__ = [
    "cluster_keywords",
    "cluster_names",
    "extract_keywords",
    "names_by_label",
    "sibling_weights",
    "term_weights",
]

# A phrase stands for a word where it makes up so much of the word's occurrences.
_SHARE_OF_PHRASE = 0.6
_LEAST_PHRASES = 2
_TERMS_PER_KEYWORD = 20  # whose phrases are looked at
_ROUNDING = 1e-15
# Characters of a word in a name: "R&B", "C#", "front-end", but no "x1 < x2".
_PLAIN = re.compile(r"[^\W_](?:[^\W_]|[ .&'’+#-])*|\.[^\W_]+")
_STEM = 4  # letters that variants of a word share at least


def cluster_keywords(
    texts: Any,
    labels: Any,
    *,
    n_keywords: int = 8,
    ngram_range: tuple[int, int] = (1, 2),
    originals: Any = None,
) -> dict[Any, list[str]]:
    r"""Return the terms that are typical of each cluster, the strongest first.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Cleaned texts: tokens separated by white space.

    labels : array-like of shape (n_docs,)
        Cluster of each text. Noise (−1) is treated as a cluster.

    n_keywords : int, default=8
        At most so many terms a cluster; fewer where its texts hold fewer.

    ngram_range : tuple (min_n, max_n), default=(1, 2)
        Terms of min_n tokens are ranked. A longer term replaces one of them if it
        stands in at least two texts of the cluster and in 60 % of those with the
        shorter one: "visual studio" for "visual". (1, 1) gives single tokens. A term
        whose tokens all stand in stronger terms of the cluster is left out, and so are
        e-mail addresses, links, and order numbers: tokens with five digits, and numbers
        of four that are neither a year from 1500 to 2099 nor a multiple of 100. Chinese
        characters are counted in overlapping pairs, each a token.

    originals : iterable of str, length n_docs, default=None
        The texts before cleaning. If given, keywords are shown as they are most often
        written there: `C#` for `c#`, `recipes` for the stem `recip`.

    Returns
    -------
    keywords : dict of label to list of str
        In ascending order of the labels, noise last.

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.
    ValueError
        If the lengths differ.

    Notes
    -----
    Texts are counted, not occurrences, so that one text cannot make a keyword. With
    :math:`p(t|c)`, the share of term t among all (text, term) pairs of cluster c, and
    :math:`p(t)`, its share among all, the weight is

    .. math::

       W_{t,c} = p(t|c)^2 \log \frac{p(t|c)}{p(t)}

    the term's part of the Kullback–Leibler divergence of the cluster from the corpus,
    times its frequency in the cluster. Terms that are rarer in the cluster than
    elsewhere are left out; equal weights are ordered by frequency, then by term.

    :doc:`/guide/reading` compares it with class-based TF-IDF [1]_. Time and memory are
    linear in the number of tokens.

    References
    ----------
    .. [1] M. Grootendorst, "BERTopic: Neural topic modeling with a class-based TF-IDF
       procedure", 2022. :doi:`10.48550/arXiv.2203.05794`

    Examples
    --------
    >>> from deepclust.inspection import cluster_keywords
    >>> cluster_keywords(["red apple", "green apple", "fast car"], [0, 0, 1],
    ...                  n_keywords=2)
    {0: ['apple', 'green'], 1: ['car', 'fast']}
    """
    data = LabeledTexts.check(texts, labels, "cluster_keywords")
    if originals is not None:
        originals = check_labeled(originals, labels, "originals")[0]
    return extract_keywords(data, n_keywords, ngram_range, originals)


def extract_keywords(
    data: LabeledTexts,
    n_keywords: int,
    ngram_range: tuple[int, int],
    originals: list[str] | None,
    parents: np.ndarray | None = None,
    counted: tuple[sp.csr_array, np.ndarray] | None = None,
) -> dict[Any, list[str]]:
    """Return the keywords of checked input; see `cluster_keywords`.

    With `parents`, the code of each cluster's parent, they tell siblings apart;
    `counted` is the result of `term_counts`, if it is known.
    """
    counts, terms = counted or term_counts(data.tokens, ngram_range)
    n_texts = data.document_frequencies(counts)
    is_short = np.array([term.count(" ") < ngram_range[0] for term in terms], bool)
    short, short_terms = n_texts[:, is_short], terms[is_short]
    long, phrases = n_texts[:, ~is_short], terms[~is_short]
    weights = (
        term_weights(short) if parents is None else sibling_weights(short, parents)
    )
    keywords = {}
    for code, cluster in enumerate(data.clusters):
        ranked = _heaviest_terms(weights, short, short_terms, code)
        first = dict(islice(ranked, _TERMS_PER_KEYWORD * n_keywords))
        longer = _longer_terms(long, phrases, code, first.keys())
        selected = _select(chain(first.items(), ranked), longer, n_keywords)
        keywords[cluster] = [join_pairs(term) for term in selected]
        if originals is not None:
            written = [originals[row] for row in data.rows(code).tolist()]
            keywords[cluster] = surface_forms(keywords[cluster], written)
    return keywords


def cluster_names(
    keywords: Mapping[Any, list[str]],
    *,
    n_words: int = 3,
    namer: Any = None,
    texts: Mapping[Any, list[str]] | None = None,
) -> dict[Any, str]:
    """Return a short name for each cluster; all names differ.

    Parameters
    ----------
    keywords : mapping of label to list of str
        As from `cluster_keywords`.

    n_words : int, default=3
        A name takes keywords until they hold so many words; more where two clusters
        would share it.

    namer : callable or Namer, default=None
        `namer(keywords, texts, parent)` returns the name of one cluster. Where it
        fails, the keywords are the name, and a warning says so.

    texts : mapping of label to list of str, default=None
        What the namer is sent, such as `representative_texts(..., n_texts=5)`.

    Returns
    -------
    names : dict of label to str
        Keywords joined by ", "; "noise" for −1; the label where there are none.
        Variants of a word, and keywords that are no words, are left out.

    Raises
    ------
    TypeError
        If `namer` cannot be called.

    See Also
    --------
    layer_names : Names of nested clusters.
    Namer : Retries, threads, cache and audit table of a callable.

    Examples
    --------
    >>> from deepclust.inspection import cluster_names
    >>> cluster_names({0: ["C#", "LINQ", "query"], 1: ["C#", "LINQ"], -1: ["how"]})
    {0: 'C#, LINQ, query', 1: 'C#, LINQ', -1: 'noise'}
    >>> cluster_names({0: ["apple"]}, namer=lambda words, texts, parent: "Fruit")
    {0: 'Fruit'}
    """
    names: dict[Any, str] = {}
    taken: set[str] = set()
    for cluster, keywords_here in keywords.items():
        if cluster == NOISE:
            names[cluster] = "noise"
            continue
        words = _parts_of_name(keywords_here) or [f"cluster {cluster}"]
        total = np.cumsum([len(word.split()) for word in words])
        least = int(np.searchsorted(total, n_words)) + 1
        candidates = [", ".join(words[:n]) for n in range(least, len(words) + 1)]
        candidates = candidates or [", ".join(words)]
        free = [name for name in candidates if name.casefold() not in taken]
        names[cluster] = free[0] if free else f"{candidates[0]} ({cluster})"
        taken.add(names[cluster].casefold())
    if (namer := as_namer(namer)) is None:
        return names
    sent = texts or {}
    topics = [
        Topic(0, cluster, names[cluster], words, sent.get(cluster, []), "")
        for cluster, words in keywords.items()
        if cluster != NOISE
    ]
    return {**names, **namer.name(topics, {"noise"})}


def names_by_label(names: Mapping[Any, str] | Sequence[str] | None) -> dict[Any, str]:
    """Return names given by label, or in the order of the labels, as a dict.

    A lone surrogate becomes "?".

    Examples
    --------
    >>> from deepclust.inspection._keywords import names_by_label
    >>> names_by_label(["cars", "trees"]), names_by_label(None)
    ({0: 'cars', 1: 'trees'}, {})
    """
    if names is None:
        return {}
    pairs = dict(names) if hasattr(names, "keys") else dict(enumerate(names))
    return {label: replace_surrogates(str(name)) for label, name in pairs.items()}


def _parts_of_name(keywords: list[str]) -> list[str]:
    """Drop what is no word, and keywords that repeat an earlier one in another form."""
    words = [word for word in keywords if _is_word(word)] or keywords
    kept: list[str] = []
    for word in words:
        parts = _parts_of(word)
        earlier = [part for other in kept for part in _parts_of(other)]
        if not all(any(_are_variants(p, e) for e in earlier) for p in parts):
            kept.append(word)
    return kept


def _is_word(term: str) -> bool:
    """Return whether a term can be part of a name; "x", "7" and "x1 < x2" cannot."""
    letters = [character for character in term if character.isalpha()]
    one_letter = len(letters) == 1 and (not letters[0].islower() or term[-1] in "+#")
    return bool(_PLAIN.fullmatch(term)) and (len(letters) > 1 or one_letter)


def _parts_of(term: str) -> list[str]:
    parts = re.split(r"[ -]", term.casefold())
    return [part for part in parts if len(part) > 1] or [term.casefold()]


def _are_variants(one: str, other: str) -> bool:
    """Return whether two words differ by endings of at most three letters, or affixes.

    >>> _are_variants("refund", "refunded"), _are_variants("رقم", "الرقم")
    (True, True)
    """
    one, other = without_affixes(one), without_affixes(other)
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    endings = max(len(one), len(other)) - shared
    return one == other or (shared >= _STEM and endings <= 3)


def term_weights(n_texts: sp.csr_array) -> sp.csr_array:
    """Weight the terms of each cluster by the formula in `cluster_keywords`.

    Parameters
    ----------
    n_texts : sparse array of shape (n_clusters, n_terms)
        How many texts of the cluster hold the term.

    Returns
    -------
    weights : sparse array of shape (n_clusters, n_terms)
        With the same entries; negative where the term is rarer than elsewhere.
    """
    weights = sp.csr_array(n_texts, copy=True)
    of_cluster = np.asarray(n_texts.sum(axis=1)).ravel()
    of_term = np.asarray(n_texts.sum(axis=0)).ravel()
    share = n_texts.data / np.repeat(of_cluster, np.diff(n_texts.indptr))
    overall = of_term[n_texts.indices] / max(of_term.sum(), 1.0)
    weights.data = share**2 * np.log(share / overall)
    return weights


def sibling_weights(n_texts: sp.csr_array, parents: np.ndarray) -> sp.csr_array:
    r"""Weight terms by what tells a cluster from its siblings and from the corpus.

    Parameters
    ----------
    n_texts : sparse array of shape (n_clusters, n_terms)
        How many texts of the cluster hold the term.

    parents : ndarray of shape (n_clusters,), int

    Returns
    -------
    weights : sparse array of shape (n_clusters, n_terms)
        With the same entries; see `layer_names`.
    """
    weights = sp.csr_array(n_texts, copy=True)
    overall = _shares(n_texts)
    for parent in np.unique(parents).tolist():
        siblings = np.flatnonzero(parents == parent)
        beside = overall if len(siblings) == 1 else _shares(n_texts[siblings])
        for row in siblings.tolist():
            entries = slice(*weights.indptr[row : row + 2])
            terms, n = weights.indices[entries], n_texts.data[entries]
            share = n / max(n.sum(), 1.0)
            gains = np.log(share / np.vstack((beside[terms], overall[terms])))
            least = gains.min(axis=0)
            mean = np.sqrt(np.maximum(gains, 0.0).prod(axis=0))
            weights.data[entries] = share * np.where(least > 0, mean, least)
    return weights


def _shares(n_texts: sp.csr_array) -> np.ndarray:
    """Return the share of each term among all (text, term) pairs."""
    of_term = np.asarray(n_texts.sum(axis=0)).ravel()
    shares: np.ndarray = of_term / max(of_term.sum(), 1.0)
    return shares


def _heaviest_terms(
    weights: sp.csr_array, n_texts: sp.csr_array, terms: np.ndarray, row: int
) -> Iterator[tuple[str, float]]:
    """Yield the terms of a cluster and how many of its texts hold each.

    The heaviest first; no identifiers, and no term that is rarer than elsewhere.
    """
    entries = slice(*weights.indptr[row : row + 2])
    weight, columns, n = (
        values[entries] for values in (weights.data, weights.indices, n_texts.data)
    )
    for place in np.lexsort((columns, -n, -weight)).tolist():  # the terms are sorted
        if weight[place] <= -_ROUNDING:
            return
        if not identifier_kind(term := terms[columns[place]]):
            yield term, float(n[place])


def _select(
    ranked: Iterable[tuple[str, float]],
    longer: dict[str, tuple[float, str]],
    n_keywords: int,
) -> list[str]:
    """Select the first terms, or phrases in their place, that do not repeat others."""
    selected: list[str] = []
    covered: set[str] = set()
    for term, n in ranked:
        if len(selected) == n_keywords:
            break
        if covered.issuperset(term.split()):
            continue
        count, phrase = longer.get(term, (0.0, ""))
        is_frequent = count >= _SHARE_OF_PHRASE * n
        is_free = covered.isdisjoint(phrase.split())
        shown = phrase if is_frequent and is_free else term
        selected.append(shown)
        covered.update(shown.split())
    return selected


def _longer_terms(
    n_texts: sp.csr_array, phrases: np.ndarray, row: int, wanted: Set[str]
) -> dict[str, tuple[float, str]]:
    """Return the most frequent phrase with each of the wanted terms, and its count."""
    entries = slice(*n_texts.indptr[row : row + 2])
    counts, columns = n_texts.data[entries], n_texts.indices[entries]
    are_many = counts >= _LEAST_PHRASES
    best: dict[str, tuple[float, str]] = {}
    for phrase, count in zip(
        phrases[columns[are_many]].tolist(), counts[are_many].tolist(), strict=True
    ):
        tokens = phrase.split()
        found = wanted & {*tokens}
        if found and len({*tokens}) == len(tokens) and not identifier_kind(phrase):
            for term in found:
                best[term] = max(best.get(term, (0.0, "")), (count, phrase))
    return best
