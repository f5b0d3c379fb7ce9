"""Clean texts in, sequences of token ids with a vocabulary and word vectors out."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import replace
from itertools import compress
from numbers import Integral, Real
from typing import Any
from warnings import warn
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted

from deepclust._estimators import CallbackMixin, VersionsMixin, fit_task
from deepclust._parallel import refuse_beyond_memory
from deepclust._text_input import check_texts
from deepclust.cleaning._tokenizer import (
    STEM_MARK,
    NearWords,
    general_form,
    hide_unseen,
    identifier_kind,
    stem,
    token_checksum,
    unseen_share,
    with_general_forms,
    with_han_pairs,
)
from deepclust.exceptions import EmptyVocabularyError, TextWarning
from deepclust.metrics._pairwise import unit_rows
from deepclust.sequences import UNKNOWN_ID, TokenSequences, Vocabulary
from deepclust.vectorizing._private_counts import VocabularyPrivacy, private_counts
from deepclust.vectorizing._word_vectors import (
    check_sources,
    corpus_vectors,
    fold_in,
    load_vectors,
)

__all__ = ["Vectorizer", "stems_of"]

_SPECIAL_TOKENS = ("", "[unk]")
_COUNT_OR_PROPORTION = [
    Interval(Integral, 1, None, closed="left"),
    Interval(RealNotInt, 0, 1, closed="both"),
]
_BYTES_A_WEIGHT = 20  # of a word vector, twice in float64 and once in float32
_AUTO_QUANTILE = 0.995  # of the lengths, for max_len="auto"
_AUTO_MAX_LEN = 256
_LOW_KNOWN_SHARE = 0.5  # of the tokens, in units of the share at fit
_LOW_COVERAGE = 0.5
_BLOCK = 10_000  # texts whose tokens are kept at a time
_FREQUENT = 10  # texts that hold a word which unknown ones may misspell
_MISSPELLED = 100  # times as many texts, where more than one text has the misspelled
_MIN_TOKENS = 100  # with fewer, the rate of unknown tokens is not checked


class Vectorizer(  # type: ignore[call-arg]
    CallbackMixin,
    TransformerMixin,
    VersionsMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    """Select a vocabulary and turn clean texts into sequences of token ids.

    Parameters
    ----------
    min_df : int or float, default=2
        Drop tokens that occur in fewer texts: a count, or a proportion in [0, 1]. If
        no token reaches it, all are kept with a `TextWarning`.

    max_df : int or float, default=1.0
        Drop tokens that occur in more texts: a count, or a proportion in [0, 1].

    max_features : int, default=50_000
        Keep at most so many tokens, those with the highest document frequency; all
        when None.

    max_len : int or "auto", default="auto"
        Number of tokens after which a text is cut. "auto" takes the 99.5 % quantile
        of the lengths of the training texts, at most 256.

    max_unseen : float, default=0.6
        A text of which a greater share of the tokens was never seen by `fit`, not even
        in a single text, nor a rare word of the same stem, is taken for unknown: all
        its tokens become the unknown token, so that a later step has nothing to guess
        from, and its label is noise. 1.0 keeps every text. Texts of `fit` are not
        affected.

    correct_spelling : bool, default=True
        Whether a word that is not in the vocabulary, nor its stem, is taken for another
        that is one edit away and in ten texts of `fit`: a letter more, less or changed,
        or two neighbors swapped, in five letters or more. A word of several texts is
        left out of the vocabulary if it is one edit from another of a hundred times as
        many. Nothing is corrected where `max_df` drops tokens.

    word_vectors : "corpus", "wordllama", path, object, list or None, default="corpus"
        "corpus" learns vectors from the training texts; None uses none. The others are
        pretrained, and looked up: GloVe text, word2vec text or binary, gensim
        `KeyedVectors`, spaCy `Language` or `Vocab`, a mapping from token to vector, or
        the English vectors inside of the package of the extra `wordllama`; nothing is
        downloaded. A list gives several views of the texts, as in
        `["corpus", "wordllama"]`: the network begins with all of them side by side,
        and `RNNLSTMEncoder` chooses from the texts how much the pretrained ones count.

    vector_dim : int, default=100
        Length of the vectors learned from the corpus.

    privacy : VocabularyPrivacy, default=None
        Select the vocabulary from counts with noise: differential privacy of tokens and
        counts, not of the word vectors; see there what epsilon covers. Needs the extra
        `privacy`, and `max_unseen=1.0`, since checksums of rare tokens are not kept.
        The noise does not depend on `random_state`.

    random_state : int, RandomState or None, default=None
        Seed of the singular value decomposition of the corpus vectors. None means 0,
        so that two runs give the same vectors.

    Attributes
    ----------
    vocabulary_ : Vocabulary
        Tokens by decreasing number of texts, then alphabetically, after the padding
        (id 0) and the unknown token (id 1).

    embedding_matrix_ : ndarray of shape (n_tokens, n_dims), float32, or None
        Word vectors; rows 0 and 1 are zero. Those of one source have unit norm; of
        several sources they are side by side, divided by the root of their number.

    vector_coverage_ : float or None
        Proportion of the vocabulary that has a word vector of any source.

    max_len_ : int
        Number of tokens after which a text is cut.

    min_df_ : int
        Least number of texts in which a kept token occurs.

    oov_rate_ : float
        Proportion of the training tokens that are not in the vocabulary.

    n_truncated_ : int
        Number of training texts longer than `max_len_`.

    privacy_ledger_ : dict
        With `privacy` alone: epsilon, delta, max_tokens, the standard deviation of the
        noise, and the threshold for the number of texts.

    rare_tokens_ : ndarray of uint32
        Sorted checksums of the training tokens that are not in the vocabulary; the
        tokens themselves, which may be names, are not kept.

    See Also
    --------
    TextCleaner : The step before, which cleans the texts.
    RNNLSTMEncoder : The next step, which embeds the sequences.

    Notes
    -----
    Linear time in the tokens, plus the decomposition of the co-occurrence matrix, about
    two seconds for 10,000 tokens. Tokens outside the vocabulary become the
    unknown id 1 and keep their position; links, e-mail addresses and order numbers
    (tokens with five digits, or numbers of four but years from 1500 on and multiples of
    100) become `url_`, `email_` and `number_`, one token for all of a kind, if `min_df`
    texts of `fit` hold such. Other words of five and more characters become their stem,
    the first five and `*`, such as `refun*`, if `min_df` texts hold rare words that
    begin so; so the first characters of rare words, which may be names, are kept. Words
    of one stem share the vector that is learned from the corpus. Checksums of rare
    tokens take 4 bytes each; one in 40,000 unseen words passes for one of 100,000
    rare ones.

    Examples
    --------
    >>> from deepclust import Vectorizer
    >>> texts = ["cats purr", "dogs bark", "cats purr loudly", "dogs bark"]
    >>> vectorizer = Vectorizer(vector_dim=2).fit(texts)
    >>> list(vectorizer.get_feature_names_out())
    ['bark', 'cats', 'dogs', 'purr']
    >>> import numpy as np
    >>> np.asarray(vectorizer.transform(["cats bark loudly"]))
    array([[3, 2, 1]], dtype=int32)
    """

    _parameter_constraints: dict = {
        "min_df": _COUNT_OR_PROPORTION,
        "max_df": _COUNT_OR_PROPORTION,
        "max_features": [Interval(Integral, 1, None, closed="left"), None],
        "max_unseen": [Interval(Real, 0, 1, closed="both")],
        "correct_spelling": ["boolean"],
        "max_len": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "word_vectors": "no_validation",  # by check_sources, which knows the kinds
        "vector_dim": [Interval(Integral, 1, None, closed="left")],
        "privacy": [VocabularyPrivacy, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        min_df: int | float = 2,
        max_df: int | float = 1.0,
        max_features: int | None = 50_000,
        max_len: int | str = "auto",
        max_unseen: float = 0.6,
        correct_spelling: bool = True,
        word_vectors: Any = "corpus",
        vector_dim: int = 100,
        privacy: VocabularyPrivacy | None = None,
        random_state: Any = None,
    ) -> None:
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.max_len = max_len
        self.max_unseen = max_unseen
        self.correct_spelling = correct_spelling
        self.word_vectors = word_vectors
        self.vector_dim = vector_dim
        self.privacy = privacy
        self.random_state = random_state

    @fit_task()
    def fit(self, X: Iterable[str], y: Any = None) -> "Vectorizer":
        """Select the vocabulary and learn or look up its word vectors.

        Parameters
        ----------
        X : iterable of str
            Clean texts: tokens separated by white space.

        y : None
            Ignored.

        Returns
        -------
        self : Vectorizer

        Raises
        ------
        InvalidTextError
            If a row is not a `str`.

        EmptyVocabularyError
            If no token is left.

        FileNotFoundError, ValueError
            If `word_vectors` cannot be read, see `load_vectors`; if `privacy` does not
            go with another parameter.

        MissingExtraError
            If `privacy` or `word_vectors` needs a package that is missing.
        """
        self._validate_params()
        if self.privacy is not None and self.max_unseen < 1.0:
            raise ValueError(
                f"Vectorizer: privacy= does not go with max_unseen={self.max_unseen}, "
                "which keeps checksums of rare tokens. Set max_unseen=1.0."
            )
        learns, sources = check_sources(self.word_vectors)
        texts = check_texts(X, estimator="Vectorizer")
        self.vocabulary_ = self._select_vocabulary(texts)
        learned = self._learn_vectors(texts) if learns else None
        pretrained = self._look_up(sources, self.vocabulary_.tokens)
        self._set_vectors(learned, pretrained)
        return self

    def partial_fit(self, X: Iterable[str], y: Any = None) -> "Vectorizer":
        """Add tokens of further texts to the vocabulary; no id of before changes.

        Parameters
        ----------
        X : iterable of str
            Clean texts that no call had before.

        y : None
            Ignored.

        Returns
        -------
        self : Vectorizer

        Raises
        ------
        InvalidTextError
            If a row is not a `str`.

        ValueError
            If `word_vectors` are of other lengths than those of `fit`, `privacy` is
            set, or it was loaded from a file for prediction, which has no counts.

        MissingExtraError
            If `word_vectors` needs a package that is missing.

        Notes
        -----
        A token joins if it occurs in `min_df_` of the new texts, where a text of before
        that held it counts as one, and if it is within `max_df` and `max_features`. New
        tokens follow the old ones. Their vectors are looked up again, or, with
        "corpus", those of tokens with the same stem, else computed from the known
        tokens around them; with None they are zero.
        Old vectors, `max_len_` and `oov_rate_` stay. Where there is nothing to add to,
        it is `fit`. Linear time in the tokens of the new texts.

        Examples
        --------
        >>> from deepclust import Vectorizer
        >>> vectorizer = Vectorizer(vector_dim=2).fit(["cats purr", "cats purr"])
        >>> more = ["cats hiss", "cats hiss", "dogs"]
        >>> list(vectorizer.partial_fit(more).get_feature_names_out())
        ['cats', 'purr', 'hiss']
        """
        texts = check_texts(X, estimator="Vectorizer")
        if not hasattr(self, "vocabulary_"):
            return self.fit(texts)
        self._validate_params()
        if self.privacy is not None:
            raise ValueError(
                "Vectorizer: partial_fit would spend the budget of privacy= again. "
                "Call fit with all texts."
            )
        if not hasattr(self, "min_df_"):
            raise ValueError(
                "Vectorizer: partial_fit needs the counts of words, which were not in "
                "the file, or not for this key. Save with profile='full', and load "
                "with the key of an owner or an inspector."
            )
        old, (found, terms, lengths) = self.vocabulary_, _count_tokens(texts)
        del found[_SPECIAL_TOKENS[UNKNOWN_ID]]
        _count_general_forms(texts, self.min_df_, found, terms, old.index)
        n_documents = old.n_documents + len(texts)
        more = {t: n + self._is_rare(t) for t, n in found.items() if t not in old.index}
        most = _as_count(self.max_df, n_documents)
        joined = [t for t, n in more.items() if self.min_df_ <= n <= most]
        joined.sort(key=lambda token: (-more[token], token))
        if self.max_features is not None:
            room = self.max_features + len(_SPECIAL_TOKENS) - len(old)
            joined = joined[: max(room, 0)]
        tokens = (*old.tokens, *joined)
        frequencies = [
            n + found[t]
            for t, n in zip(old.tokens, old.document_frequency, strict=True)
        ]
        frequencies += [more[token] for token in joined]
        pretrained = self._look_up_again(tokens)
        self._set_rare_tokens(more.keys() - set(joined), set(joined))
        self.n_truncated_ += sum(n > self.max_len_ for n in lengths.elements())
        self.vocabulary_ = Vocabulary(
            tokens,
            np.array(frequencies),
            n_documents,
            stems=stems_of(tokens),
            n_frequent=old.n_frequent,
        )
        if self.embedding_matrix_ is not None:
            self._add_vectors(texts, self.embedding_matrix_, pretrained)
        return self

    def fit_transform(self, X: Iterable[str], y: Any = None) -> TokenSequences:
        """Fit to the texts and return their sequences; X may be a generator."""
        texts = check_texts(X, estimator="Vectorizer")
        return self.fit(texts)._sequences(texts)

    def transform(self, X: Iterable[str]) -> TokenSequences:
        """Return the token ids of each text.

        Parameters
        ----------
        X : iterable of str, length n_docs
            Clean texts.

        Returns
        -------
        sequences : TokenSequences of n_docs texts
            Carries `vocabulary_`. An empty text is an empty sequence.

        Raises
        ------
        NotFittedError
            Before `fit`.

        InvalidTextError
            If a row is not a `str`.

        Warns
        -----
        TextWarning
            If the share of known tokens is less than half of that at fit.
        """
        check_is_fitted(self)
        texts = check_texts(X, estimator="Vectorizer")
        sequences, n_unknown = self._sequences_and_unknown(texts)
        n_ids = len(sequences.ids)
        least_known = _LOW_KNOWN_SHARE * (1 - self.oov_rate_) * n_ids
        if n_ids >= _MIN_TOKENS and n_ids - n_unknown < least_known:
            warn(
                f"{n_unknown / n_ids:.0%} of {n_ids:,} tokens are not in the "
                f"vocabulary; {self.oov_rate_:.0%} were not at fit. Are these texts "
                "cleaned in the same way, and of the same language and subject?",
                TextWarning,
                stacklevel=2,
            )
        return sequences

    def known_share(self, X: Iterable[str]) -> np.ndarray:
        """Return the share of each text's tokens that are in the vocabulary.

        Parameters
        ----------
        X : iterable of str, length n_docs
            Clean texts.

        Returns
        -------
        known_share : ndarray of shape (n_docs,), float64
            Marked stop words are not counted; words whose stem is a token, and those
            that misspell one, are in it. 0 for a text without other tokens. Not
            affected by `max_unseen`.
        """
        ids = [ids for _, ids in self._tokens_and_ids(X)]
        return TokenSequences.from_lists(ids, self.vocabulary_).known_share

    def unseen_share(self, X: Iterable[str]) -> np.ndarray:
        """Return the share of each text's tokens that `fit` never saw.

        Parameters
        ----------
        X : iterable of str, length n_docs
            Clean texts.

        Returns
        -------
        unseen_share : ndarray of shape (n_docs,), float64
            Marked stop words are not counted. 0 for the texts of `fit`, and for all
            with `max_unseen=1.0`, which compares none.
        """
        check_is_fitted(self)
        texts = check_texts(X, estimator="Vectorizer")
        shares = np.zeros(len(texts))
        for start in range(0, len(texts) if self.max_unseen < 1.0 else 0, _BLOCK):
            rows = [self._ids(text) for text in texts[start : start + _BLOCK]]
            pairs = (pair for row in rows for pair in zip(*row, strict=True))
            unknown = {token for token, i in pairs if i == UNKNOWN_ID}
            rare = self._rare_ones(unknown | {*map(general_form, unknown)})
            found = [unseen_share(*row, rare.__contains__) for row in rows]
            shares[start : start + _BLOCK] = found
        return shares

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the tokens of the vocabulary in the order of their ids, from id 2."""
        check_is_fitted(self)
        return np.array(self.vocabulary_.tokens[len(_SPECIAL_TOKENS) :], dtype=object)

    def set_output(self, *, transform: str | None = None) -> "Vectorizer":
        """Do nothing: sequences are ragged and fit into no data frame."""
        return self

    def _select_vocabulary(self, texts: list[str]) -> Vocabulary:
        """Return the vocabulary; set the attributes that follow from the counts."""
        document_frequency, term_frequency, lengths = _count_tokens(texts)
        n_documents = len(texts)
        del document_frequency[_SPECIAL_TOKENS[UNKNOWN_ID]]  # as a word, it is unknown
        if not document_frequency:
            raise EmptyVocabularyError(
                f"none of the {n_documents:,} texts holds a token. Check that they are "
                "not empty; TextCleaner drops stop words and punctuation."
            )
        self.__dict__.pop("privacy_ledger_", None)
        if self.privacy is not None:
            document_frequency, n_documents, self.privacy_ledger_ = private_counts(
                map(_tokens_of, texts), self.privacy
            )
            del document_frequency[_SPECIAL_TOKENS[UNKNOWN_ID]]
        else:
            min_df = _as_count(self.min_df, n_documents)
            _count_general_forms(texts, min_df, document_frequency, term_frequency)
        if not document_frequency:
            raise EmptyVocabularyError(
                "no token is in enough texts for privacy=: with noise, in more than "
                f"{self.privacy_ledger_['threshold']:.0f}. Fit on more texts, or raise "
                "epsilon."
            )
        chosen, self.min_df_ = self._select(document_frequency, n_documents)
        n_frequent = 0
        if self.correct_spelling and max(document_frequency.values()) <= _as_count(
            self.max_df, n_documents
        ):
            chosen = _without_misspelled(chosen, document_frequency)
            n_frequent = sum(document_frequency[t] >= _FREQUENT for t in chosen)
            n_frequent += len(_SPECIAL_TOKENS)
        self.rare_tokens_ = np.empty(0, dtype=np.uint32)
        self._set_rare_tokens(document_frequency.keys() - set(chosen), ())
        known = sum(term_frequency[token] for token in chosen)
        self.oov_rate_ = 1.0 - known / term_frequency.total()
        self.max_len_ = self._choose_max_len(lengths)
        self.n_truncated_ = sum(n > self.max_len_ for n in lengths.elements())
        tokens = (*_SPECIAL_TOKENS, *chosen)
        frequencies = np.array([document_frequency[t] for t in tokens], dtype=np.int64)
        stems = stems_of(tokens)
        return Vocabulary(
            tokens, frequencies, n_documents, stems=stems, n_frequent=n_frequent
        )

    def _select(
        self, document_frequency: Counter[str], n_documents: int
    ) -> tuple[list[str], int]:
        """Return the chosen tokens in the order of their ids, and the minimum count."""
        min_df = _as_count(self.min_df, n_documents)
        max_df = _as_count(self.max_df, n_documents)
        if max(document_frequency.values()) < min_df:
            warn(
                f"no token occurs in min_df={self.min_df} texts or more; keeping all "
                f"{len(document_frequency):,} tokens of {n_documents:,} texts.",
                TextWarning,
                stacklevel=4,
            )
            min_df = 1
        kept = [t for t, n in document_frequency.items() if min_df <= n <= max_df]
        if not kept:
            raise EmptyVocabularyError(
                f"no token is left of {len(document_frequency):,}: each occurs in "
                f"fewer than min_df={self.min_df} or more than max_df={self.max_df} "
                f"of {n_documents:,} texts. Raise max_df or lower min_df."
            )
        kept.sort(key=lambda token: (-document_frequency[token], token))
        return kept[: self.max_features], max(int(np.ceil(min_df)), 1)

    def _choose_max_len(self, lengths: Counter[int]) -> int:
        if self.max_len != "auto":
            return int(self.max_len)
        filled = [n for n in lengths.elements() if n > 0]
        quantile = np.quantile(filled, _AUTO_QUANTILE, method="inverted_cdf")
        return int(min(quantile, _AUTO_MAX_LEN))

    def _sequences(self, texts: list[str]) -> TokenSequences:
        return self._sequences_and_unknown(texts)[0]

    def _sequences_and_unknown(self, texts: list[str]) -> tuple[TokenSequences, int]:
        """Pure per-chunk transform, and the number of tokens not in the vocabulary."""
        rows, n_unknown = [], 0
        for text in texts:
            tokens, ids = self._ids(text)
            n_unknown += ids.count(UNKNOWN_ID)
            rows.append(hide_unseen(tokens, ids, self.max_unseen, self._is_rare))
        width = self.max_len_
        sequences = TokenSequences.from_lists(rows, self.vocabulary_, max_len=width)
        return sequences, n_unknown

    def _tokens_and_ids(self, X: Iterable[str]) -> list[tuple[list[str], list[int]]]:
        """Check the texts, and return the tokens and the ids of each."""
        check_is_fitted(self)
        return [self._ids(text) for text in check_texts(X, estimator="Vectorizer")]

    def _ids(self, text: str) -> tuple[list[str], list[int]]:
        index = self.vocabulary_.index
        near = _near_words(self.vocabulary_)
        tokens = with_general_forms(_tokens_of(text)[: self.max_len_], index, near)
        return tokens, [index.get(token, UNKNOWN_ID) for token in tokens]

    def _set_rare_tokens(self, more: Iterable[str], joined: Iterable[str]) -> None:
        """Add tokens to those that are not in the vocabulary, and remove others."""
        add, drop = (
            np.fromiter(map(token_checksum, tokens), np.uint32)
            for tokens in (more, joined)
        )
        kept = np.setdiff1d(self.rare_tokens_, drop)
        self.rare_tokens_ = np.union1d(kept, add)

    def _learn_vectors(self, texts: list[str]) -> np.ndarray:
        """Return a vector of each token, learned from the texts."""
        n_tokens = len(self.vocabulary_)
        refuse_beyond_memory(
            _BYTES_A_WEIGHT * n_tokens * self.vector_dim,
            f"Learning {self.vector_dim:,} numbers for each of {n_tokens:,} tokens",
            "Lower vector_dim or max_features, or raise min_df.",
        )
        seed = self.random_state if self.random_state is not None else 0
        stems = stems_of(self.vocabulary_.tokens)
        sequences = self._sequences(texts)
        vectors = corpus_vectors(
            TokenSequences(stems[sequences.ids], sequences.offsets),
            n_tokens,
            dim=self.vector_dim,
            random_state=check_random_state(seed).randint(2**31 - 1),
        )
        return vectors[stems]

    def _set_vectors(
        self, learned: np.ndarray | None, pretrained: tuple[np.ndarray, ...]
    ) -> None:
        """Set the vectors of all tokens: the learned ones, and those of the sources."""
        blocks = [] if learned is None else [learned]
        blocks += [unit_rows(vectors) for vectors in pretrained]
        vectors = blocks[0] if blocks else None
        if len(blocks) > 1:
            vectors = np.hstack(blocks) / np.float32(np.sqrt(len(blocks)))
        self.embedding_matrix_ = vectors
        self.vector_coverage_: float | None = None
        if vectors is not None:
            known = vectors[len(_SPECIAL_TOKENS) :].any(axis=1)
            self.vector_coverage_ = float(known.mean())
        self.vocabulary_ = replace(
            self.vocabulary_, vectors=vectors, pretrained=pretrained
        )

    def _look_up(
        self, sources: list[Any], tokens: tuple[str, ...]
    ) -> tuple[np.ndarray, ...]:
        """Return the vectors that each source has; warn if these are few."""
        found = []
        for source in sources:
            vectors, coverage = load_vectors(source, tokens)
            found.append(vectors)
            if coverage < _LOW_COVERAGE:
                warn(
                    f"word_vectors knows only {coverage:.0%} of {len(tokens) - 2:,} "
                    "tokens; the others get the zero vector. Do its words match the "
                    "cleaning, such as lower case or stems?",
                    TextWarning,
                    stacklevel=3,
                )
        return tuple(found)

    def _look_up_again(self, tokens: tuple[str, ...]) -> tuple[np.ndarray, ...]:
        """Return the vectors of each source, which have the lengths that fit found."""
        learns, sources = check_sources(self.word_vectors)
        old = self.embedding_matrix_
        if old is None or not (learns or sources):
            return ()
        pretrained = self._look_up(sources, tokens)
        length = learns * self.vector_dim + sum(v.shape[1] for v in pretrained)
        if length != old.shape[1]:
            raise ValueError(
                f"Vectorizer: word_vectors={self.word_vectors!r} gives vectors of "
                f"{length} numbers, and fit made some of {old.shape[1]}. Set it to the "
                "sources of fit, or to None: new tokens then get the zero vector."
            )
        return pretrained

    def _add_vectors(
        self, texts: list[str], old: np.ndarray, pretrained: tuple[np.ndarray, ...]
    ) -> None:
        """Give the tokens that joined the vocabulary their vectors."""
        n_tokens = len(self.vocabulary_)
        if self.word_vectors is None:  # as set to save a fitted vectorizer
            zeros = np.zeros((n_tokens - len(old), old.shape[1]), np.float32)
            self.embedding_matrix_ = np.concatenate((old, zeros))
            self.vocabulary_ = replace(self.vocabulary_, vectors=self.embedding_matrix_)
            return
        learned = None
        if check_sources(self.word_vectors)[0]:
            scale = np.float32(np.sqrt(1 + len(pretrained)))
            learned = old[:, : self.vector_dim] * scale
            new = fold_in(self._sequences(texts), learned, n_tokens)
            learned = np.concatenate((learned, new))
            learned[len(old) :] = learned[stems_of(self.vocabulary_.tokens)[len(old) :]]
        self._set_vectors(learned, pretrained)

    def _is_rare(self, token: str) -> bool:
        """Return whether `fit` saw a token that is not in the vocabulary."""
        return bool(self._rare_ones([token]))

    def _rare_ones(self, tokens: Collection[str]) -> set[str]:
        """Return the tokens, of some that the vocabulary lacks, that `fit` saw."""
        checksums = np.fromiter(map(token_checksum, tokens), np.uint32, len(tokens))
        if not len(self.rare_tokens_):
            return set()
        places = np.searchsorted(self.rare_tokens_, checksums)
        were_seen = self.rare_tokens_.take(places, mode="clip") == checksums
        return {*compress(tokens, were_seen.tolist())}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


def _count_tokens(texts: list[str]) -> tuple[Counter[str], Counter[str], Counter[int]]:
    """Count the tokens of clean texts; the counts of parts of a corpus add up.

    Returns
    -------
    document_frequency : Counter of str
        Number of texts that contain the token.

    term_frequency : Counter of str
        Number of times the token occurs.

    lengths : Counter of int
        Number of tokens → number of texts of this length.
    """
    document_frequency: Counter[str] = Counter()
    term_frequency: Counter[str] = Counter()
    lengths: Counter[int] = Counter()
    for text in texts:
        tokens = _tokens_of(text)
        document_frequency.update(set(tokens))
        term_frequency.update(tokens)
        lengths[len(tokens)] += 1
    return document_frequency, term_frequency, lengths


def _count_general_forms(
    texts: list[str],
    min_df: float,
    document_frequency: Counter[str],
    term_frequency: Counter[str],
    known: Container[str] = (),
) -> None:
    """Count tokens of too few texts as their general form, in place.

    Words whose stem is in too few texts stay as they are, and all words if each is in
    too few texts, since all are kept then.
    """
    none = not known and max(document_frequency.values(), default=0) < min_df
    form_of = identifier_kind if none else general_form
    forms = {
        token: form
        for token, n in document_frequency.items()
        if n < min_df and token not in known and (form := form_of(token))
    }
    counts: Counter[str] = Counter()
    for text in texts if forms else ():
        counts.update({forms[t] for t in _tokens_of(text) if t in forms})
    for token, form in forms.items():
        if form.endswith(STEM_MARK) and counts[form] < min_df and form not in known:
            counts.pop(form, None)
            continue
        del document_frequency[token]
        term_frequency[form] += term_frequency.pop(token)
    document_frequency.update(counts)


def _without_misspelled(
    chosen: list[str], document_frequency: Counter[str]
) -> list[str]:
    """Drop tokens that are one edit from a word of a hundred times as many texts.

    Words of one stem stay.

    >>> counts = Counter({"refund": 300, "order": 40, "refnud": 3, "refunt": 3})
    >>> _without_misspelled(list(counts), counts)
    ['refund', 'order', 'refunt']
    """
    least = _MISSPELLED * min(document_frequency[token] for token in chosen)
    near = NearWords(token for token in chosen if document_frequency[token] >= least)

    def is_misspelled(token: str) -> bool:
        """Return whether another word is meant."""
        word = near(token)
        is_rare = _MISSPELLED * document_frequency[token] <= document_frequency[word]
        return bool(word) and is_rare and stem(token) != stem(word)

    return [token for token in chosen if not is_misspelled(token)]


# each lives as long as its vocabulary
_NEAR_WORDS: WeakKeyDictionary[Vocabulary, NearWords] = WeakKeyDictionary()


def _near_words(vocabulary: Vocabulary) -> NearWords:
    """Return the words that unknown ones may misspell."""
    if vocabulary not in _NEAR_WORDS:
        frequent = vocabulary.tokens[: vocabulary.n_frequent]
        _NEAR_WORDS[vocabulary] = NearWords(frequent)
    return _NEAR_WORDS[vocabulary]


def stems_of(tokens: Sequence[str]) -> np.ndarray:
    """For each token return the first that has the same stem, intp (n_tokens,).

    >>> stems_of(["", "[unk]", "cat", "refund", "refun*"])
    array([0, 1, 2, 3, 3])
    """
    first: dict[str, int] = {}
    forms = (stem(token) or token for token in tokens)
    return np.array([first.setdefault(f, i) for i, f in enumerate(forms)], np.intp)


def _tokens_of(text: str) -> list[str]:
    """Return the tokens of a clean text and the pairs of Han characters."""
    tokens = text.split()
    return tokens if text.isascii() else with_han_pairs(tokens)


def _as_count(df: int | float, n_documents: int) -> float:
    """Return as a count a document frequency given as a count or a proportion."""
    return float(df) if isinstance(df, Integral) else df * n_documents
