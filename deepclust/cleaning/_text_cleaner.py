"""Raw text in, space-separated tokens out.

How one text is cleaned:

1. Entities are decoded and, if the text really is markup, tags, scripts, styles and
   comments are removed (`strip_html`).
2. Identifiers of the chosen kinds are removed (`redact`), and boilerplate.
3. The text is cut at white space. Each piece is normalized (Unicode NFKC, no control or
   zero-width characters) and tokenized by spaCy's rules (`Tokenizer`).
4. Tokens are lower-cased, stop words dropped, words replaced by lemma or stem.
"""

import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from numbers import Integral
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions

from deepclust._estimators import CallbackMixin, VersionsMixin, fit_task
from deepclust._parallel import refuse_beyond_memory
from deepclust._text_input import check_texts
from deepclust.cleaning._boilerplate import find_boilerplate
from deepclust.cleaning._language_check import find_language, likely_language
from deepclust.cleaning._language_rules import TokenRules, tokenizer_for
from deepclust.cleaning._person_names import PERSON, name_analyzer, remove_names
from deepclust.cleaning._redaction import KINDS, redact
from deepclust.cleaning._stop_words import hashed_sample, informative_stop_words
from deepclust.cleaning._tokenizer import strip_html
from deepclust.exceptions import MissingExtraError, TextWarning

__all__ = ["TextCleaner"]

_TEXTS_PER_JOB = 5_000


class TextCleaner(  # type: ignore[call-arg]
    CallbackMixin,
    TransformerMixin,
    VersionsMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    """Clean and tokenize raw texts: one string of space-separated tokens per text.

    Parameters
    ----------
    strip_html : bool, default=True
        Remove tags, scripts, styles and comments, and decode entities, also broken
        ones (`#39;`, `quot;`). Plain text with angle brackets stays text: `a < b`,
        `vector<int>`, and the mention of a tag as in "how to center a <div>".

    lowercase : bool, default=True
        Lower-case every token.

    remove_stop_words : bool or "auto", default="auto"
        Drop the stop words of `language`, as listed by spaCy, and contractions of them.
        "auto" keeps those that tell at `fit` what else is in a text, as `how` and `my`
        do in requests to an assistant, if these are most of the stop words that occur,
        and marks them: `how_`. Later steps learn from marked words, but they are no
        keywords, and do not count as words that are known. In titles, news and prose
        all stop words go. In Chinese, where a token is a character, "auto" drops none:
        the characters are parts of other words, too.

    remove_boilerplate : bool, default=True
        Drop passages of four words and more that many texts share, and that tell
        nothing of the rest of their texts, measured at `fit`: "Sent from my phone",
        disclaimers, signatures, "is it possible to". A passage of a topic stays: "book
        a train ticket". Case, punctuation and which digits do not count.

    lemmatize : bool, default=False
        Replace each token by its dictionary form. Needs the extra `lemmas`.

    stem : bool, default=False
        Replace each token by its Snowball stem. Needs the extra `stem`.

    language : str, default="en"
        ISO code of a language that spaCy has rules for. Nothing is downloaded. "auto"
        finds it at `fit` by script and stop words, among Arabic, Chinese, Dutch,
        English, French, German, Greek, Hebrew, Hindi, Indonesian, Italian, Japanese,
        Korean, Polish, Portuguese, Russian, Spanish, Swedish, Thai, Turkish and others
        in their scripts; "xx" is the language where none or several are likely, and
        that of Japanese without the extra `japanese`. Each Chinese character is a
        token, whatever the language. "ja" needs that extra, "th" PyThaiNLP.

    tokenizer : callable or spacy.Language, default=None
        Used instead of `spacy.blank(language)`. A callable takes a `str` without white
        space and returns its tokens as an iterable of `str`; it must give the same
        answer each time, since answers are cached.

    redact : tuple of str, default=()
        Kinds of identifiers to remove before tokenizing: "email", "phone", "url", "ip",
        "credit_card", "iban", found by their structure alone, and "person". Every group
        of 7 digits or more that is no date and no decimal number goes as a phone
        number. Names of people are found by Presidio and the largest model of spaCy
        that is installed for `language`, which miss some and take other words for
        names; it needs the extra `presidio`. Street addresses are not found.

    min_token_length : int, default=1
        Shorter tokens, in characters, are dropped.

    keep_numbers : bool, default=True
        Keep tokens made of digits only, such as `2004` or `3.5`.

    n_jobs : int, default=None
        Number of processes, as in joblib. The result does not depend on it.

    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    language_ : str
        `language`, or the one found.

    kept_stop_words_ : tuple of str
        Stop words that are kept and marked. Empty unless `remove_stop_words="auto"`.

    boilerplate_ : tuple of str
        Runs of four words that are dropped, of a longer passage all of its runs. The
        most frequent first.

    See Also
    --------
    Vectorizer : The next step, which turns clean texts into token sequences.

    Notes
    -----
    Order and number of the texts are kept; a text without tokens becomes `""`. Pure
    punctuation is dropped, words such as `c#`, `.net`, `c++` and `node.js` are kept.
    Linear time and memory in the characters; words are cut at 256 characters. `fit`
    learns `kept_stop_words_` and `boilerplate_` from at most 10,000 texts, drawn by
    their content; `transform` works without it, and then keeps no stop word and drops
    no boilerplate.

    Examples
    --------
    >>> from deepclust import TextCleaner
    >>> TextCleaner().transform(["<p>Isn't C# &amp; .NET fun?</p>", "", "Dogs bark!"])
    ['c# .net fun', '', 'dogs bark']
    """

    _parameter_constraints: dict = {
        "strip_html": ["boolean"],
        "lowercase": ["boolean"],
        "remove_stop_words": ["boolean", StrOptions({"auto"})],
        "remove_boilerplate": ["boolean"],
        "lemmatize": ["boolean"],
        "stem": ["boolean"],
        "language": [str],
        "tokenizer": [callable, None],
        "redact": [tuple, list, set, frozenset],
        "min_token_length": [Interval(Integral, 1, None, closed="left")],
        "keep_numbers": ["boolean"],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        strip_html: bool = True,
        lowercase: bool = True,
        remove_stop_words: bool | str = "auto",
        remove_boilerplate: bool = True,
        lemmatize: bool = False,
        stem: bool = False,
        language: str = "en",
        tokenizer: Any = None,
        redact: Iterable[str] = (),
        min_token_length: int = 1,
        keep_numbers: bool = True,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.strip_html = strip_html
        self.lowercase = lowercase
        self.remove_stop_words = remove_stop_words
        self.remove_boilerplate = remove_boilerplate
        self.lemmatize = lemmatize
        self.stem = stem
        self.language = language
        self.tokenizer = tokenizer
        self.redact = redact
        self.min_token_length = min_token_length
        self.keep_numbers = keep_numbers
        self.n_jobs = n_jobs
        self.verbose = verbose

    @fit_task()
    def fit(self, X: Iterable[str], y: Any = None) -> "TextCleaner":
        """Check the texts and their language; find boilerplate and stop words to keep.

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

        MissingExtraError
            If the language, `lemmatize`, `stem` or `redact` needs a package or a model
            that is missing.

        Warns
        -----
        TextWarning
            If the texts are probably in another language, by their script and stop
            words, or `language="auto"` finds none.
        """
        self._check_parameters()
        self._learn(check_texts(X, estimator="TextCleaner"))
        return self

    @fit_task()
    def fit_transform(self, X: Iterable[str], y: Any = None) -> list[str]:
        """Fit to the texts, and clean each."""
        self._check_parameters()
        texts = check_texts(X, estimator="TextCleaner")
        self._learn(texts)
        return self.transform(texts)

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
            If the language, `lemmatize`, `stem` or `redact` needs a package or a model
            that is missing.
        """
        rules = self._check_parameters()
        texts = check_texts(X, estimator="TextCleaner")
        refuse_beyond_memory(
            2 * sum(map(sys.getsizeof, texts)),
            f"Cleaning {len(texts):,} texts at once",
            "Clean fewer at a time: transform keeps nothing.",
        )
        kinds = tuple(self.redact)
        starts: Any = range(0, len(texts), _TEXTS_PER_JOB)
        n_jobs = self.n_jobs if len(starts) > 1 else 1
        if self.verbose:
            from tqdm import tqdm

            starts = tqdm(starts, desc="clean", unit="job")
        jobs = joblib.Parallel(n_jobs=n_jobs)(
            joblib.delayed(_clean)(rules, kinds, texts[i : i + _TEXTS_PER_JOB])
            for i in starts
        )
        return [text for job in jobs for text in job]

    def redacted(self, X: Any) -> list[str]:
        """Return the texts as a reader sees them, without what `redact` removes.

        Parameters
        ----------
        X : iterable of str, length n_docs
            The texts.

        Returns
        -------
        texts : list of str, length n_docs
            Unchanged where `redact` is empty; else without markup, and with a space for
            each identifier.

        Raises
        ------
        InvalidTextError
            If a row is not a `str`.

        Examples
        --------
        >>> from deepclust import TextCleaner
        >>> TextCleaner(redact=("email",)).redacted(["Write to <b>me@mail.org</b>!"])
        ['Write to !']
        """
        rules = self._check_parameters()
        texts = check_texts(X, estimator="TextCleaner")
        if not self.redact:
            return texts
        visible = map(strip_html, texts) if rules.strip_html else texts
        redacted = (
            _redact(text, tuple(self.redact), rules.language) for text in visible
        )
        return [" ".join(text.split()) for text in redacted]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the name of the one output column, `text`."""
        return np.array(["text"], dtype=object)

    def set_output(self, *, transform: str | None = None) -> "TextCleaner":
        """Do nothing: clean texts stay a list, whatever container later steps use."""
        return self

    def _check_parameters(self) -> TokenRules:
        self._validate_params()
        kinds = (*KINDS, PERSON)
        if unknown := [kind for kind in self.redact if kind not in kinds]:
            raise ValueError(
                f"The 'redact' parameter of TextCleaner must hold names out of {kinds}."
                f" Received: {unknown[0]!r}."
            )
        parameters = self.get_params()
        if self.language == "auto":
            parameters["language"] = getattr(self, "language_", "xx")
        names = {field.name for field in fields(TokenRules)} & parameters.keys()
        boilerplate = getattr(self, "boilerplate_", ())
        rules = TokenRules(
            **{name: parameters[name] for name in names},
            kept_stop_words=getattr(self, "kept_stop_words_", ()),
            boilerplate=boilerplate if self.remove_boilerplate else (),
        )
        tokenizer_for(rules)  # a missing package shows here, not in a worker
        if PERSON in self.redact and rules.language != "xx":  # "auto" before fit
            name_analyzer(rules.language)
        return rules

    def _learn(self, texts: list[str]) -> None:
        """Find or check the language, find boilerplate and stop words that are kept."""
        self.kept_stop_words_: tuple[str, ...] = ()
        self.boilerplate_: tuple[str, ...] = ()
        sample = hashed_sample(texts)
        self.language_ = self.language
        if self.language == "auto":
            self.language_ = find_language(sample)
        if self.language == "auto" and self.language_ == "ja":
            self._use_dictionary_if_installed()
        else:
            self._check_language(texts)
        if self.remove_boilerplate:
            rules = replace(self._check_parameters(), remove_stop_words=True)
            visible = self.redacted(sample)
            self.boilerplate_ = tuple(
                find_boilerplate(
                    map(strip_html, visible) if self.strip_html else visible,
                    tokenizer_for(rules).stop_words,
                )
            )
        if self.remove_stop_words != "auto":
            return
        rules = self._check_parameters()
        whole = replace(rules, remove_stop_words=False, lemmatize=False, stem=False)
        sample = _clean(whole, tuple(self.redact), sample)
        stop_words = frozenset(tokenizer_for(rules).stop_words)
        self.kept_stop_words_ = tuple(informative_stop_words(sample, stop_words))

    def _use_dictionary_if_installed(self) -> None:
        try:
            self._check_parameters()
        except MissingExtraError:
            self.language_ = "xx"
            warnings.warn(
                "The texts are in Japanese: they are cut where the script changes, and "
                "no stop word is dropped. For words of a dictionary, install "
                "deepclust[japanese].",
                TextWarning,
                stacklevel=4,
            )

    def _check_language(self, texts: list[str]) -> None:
        if self.language == "auto" and self.language_ == "xx":
            warnings.warn(
                "The texts are in several languages, or hold too few stop words to "
                "tell which: they are cleaned with language='xx', which drops no stop "
                "words. Pass language= (--language on the command line) if it is one.",
                TextWarning,
                stacklevel=4,
            )
        if self.language == "auto" or self.tokenizer is not None:
            return
        likely = likely_language(texts, self.language_)
        if likely == "xx":
            warnings.warn(
                "The texts are in several languages, but the 'language' parameter of "
                f"TextCleaner is {self.language!r}: the stop words of the others will "
                "look like topics. Pass language='xx' (--language xx on the command "
                "line), or cluster each language alone.",
                TextWarning,
                stacklevel=4,
            )
        elif likely is not None:
            warnings.warn(
                f"The texts look like language={likely!r}, but the 'language' "
                f"parameter of TextCleaner is {self.language!r}: the stop words of the "
                f"texts will look like topics. Pass language={likely!r} (--language "
                f"{likely} on the command line), or 'xx' for several languages.",
                TextWarning,
                stacklevel=3,
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


def _clean(rules: TokenRules, kinds: tuple[str, ...], texts: list[str]) -> list[str]:
    """Pure per-chunk transform."""
    clean = tokenizer_for(rules).clean
    if rules.strip_html:
        texts = [strip_html(text) for text in texts]
    if PERSON in kinds:
        texts = [_redact(text, kinds, rules.language) for text in texts]
        kinds = tuple(kind for kind in kinds if kind != PERSON)
    return [_clean_redacted(clean, text, kinds) for text in texts]


def _redact(text: str, kinds: tuple[str, ...], language: str) -> str:
    """Remove structured identifiers, which can hold names, and then names."""
    text = redact(text, [kind for kind in kinds if kind != PERSON])
    return remove_names(text, language) if PERSON in kinds else text


def _clean_redacted(
    clean: Callable[[str], str], text: str, kinds: tuple[str, ...]
) -> str:
    """Clean until nothing is found: words dropped between digits leave new numbers."""
    cleaned = clean(redact(text, kinds))
    while kinds and cleaned != text:
        text, cleaned = cleaned, clean(redact(cleaned, kinds))
    return cleaned
