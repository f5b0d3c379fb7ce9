"""A fitted pipeline for other places: the encoder as ONNX, the tokenizer as JSON.

Two files hold all that turns raw texts into embeddings. `encoder.onnx` runs wherever
there is an ONNX runtime; `tokenizer.json` holds every option, pattern, exception, stop
word and token, and `_exported_tokenizer.py` reads it with the standard library.
"""

import json
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from deepclust.cleaning import _html as markup
from deepclust.cleaning import _tokenizer as tokenizing
from deepclust.cleaning._exported_tokenizer import FORMAT

__all__ = ["export_pipeline", "export_tokenizer"]

_PATTERNS: dict[str, tuple[Any, str]] = {
    "special": (tokenizing, "_SPECIAL"),
    "separator": (tokenizing, "_SEPARATOR"),
    "long_word": (tokenizing, "_LONG_WORD"),
    "has_content": (tokenizing, "_HAS_CONTENT"),
    "number": (tokenizing, "_NUMBER"),
    "protected": (tokenizing, "_PROTECTED"),
    "han_parts": (tokenizing, "_HAN_PARTS"),
    "entity": (markup, "_ENTITY"),
    "broken_entity": (markup, "_BROKEN_ENTITY"),
    "lost_apostrophe": (markup, "_LOST_APOSTROPHE"),
    "markup": (markup, "_MARKUP"),
    "not_a_tag": (markup, "_NOT_A_TAG"),
    "block": (markup, "_BLOCK"),
}
_ORTH, _NORM = 65, 67  # spaCy's numbers for a token's text and its norm


def export_pipeline(
    pipeline: Any, folder: Any, *, weight_type: str = "float32"
) -> list[Path]:
    """Write `encoder.onnx` and `tokenizer.json` into a folder.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; with the steps `clean`, `vectorize` and `encode`.

    folder : path
        Made if it is not there; files of the same names are replaced.

    weight_type : {"float32", "int8"}, default="float32"
        See `RNNLSTMEncoder.export_onnx`.

    Returns
    -------
    paths : list of Path
        The two files.

    Raises
    ------
    MissingExtraError
        If the package `onnx` is not installed.

    ValueError
        If the texts are cleaned in a way that a file cannot hold, see
        `export_tokenizer`.

    Examples
    --------
    >>> import tempfile
    >>> from deepclust import make_text_clusterer
    >>> from deepclust.persistence import export_pipeline
    >>> pipeline = make_text_clusterer(random_state=0).set_params(
    ...     encode__rnn_units=4, encode__lstm_units=4, encode__epochs=1,
    ...     vectorize__vector_dim=8)
    >>> texts = ["cats purr", "dogs bark", "dogs howl", "cats and dogs"] * 5
    >>> _ = pipeline[:-1].fit(texts)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in export_pipeline(pipeline, folder)]
    ['encoder.onnx', 'tokenizer.json']
    """
    steps = pipeline.named_steps
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = export_tokenizer(
        steps["clean"], steps["vectorize"], folder / "tokenizer.json"
    )
    encoder = steps["encode"].export_onnx(
        folder / "encoder.onnx", weight_type=weight_type
    )
    return [encoder, tokenizer]


def export_tokenizer(cleaner: Any, vectorizer: Any, path: Any) -> Path:
    """Write all that turns a raw text into token ids as one JSON file.

    Parameters
    ----------
    cleaner : TextCleaner

    vectorizer : Vectorizer
        Fitted.

    path : path
        Of the file, which is replaced.

    Returns
    -------
    path : Path

    Raises
    ------
    ValueError
        If the cleaner lemmatizes, stems, redacts, has a tokenizer of its own or a
        language whose rules are a program (such as Japanese). Such texts are to be
        cleaned by `TextCleaner`.

    See Also
    --------
    deepclust.cleaning._exported_tokenizer.ExportedTokenizer : Reads the file.

    Notes
    -----
    The patterns are regular expressions as Python writes them, each with its flags;
    none uses more than Perl's syntax knows. About 150 kB for English, and the tokens.
    """
    check_is_fitted(vectorizer)
    rules = cleaner._check_parameters()
    _refuse_programs(cleaner)
    patterns = {n: getattr(module, name) for n, (module, name) in _PATTERNS.items()}
    data = {
        "format": FORMAT,
        "options": {
            "strip_html": rules.strip_html,
            "lowercase": rules.lowercase,
            "min_token_length": rules.min_token_length,
            "keep_numbers": rules.keep_numbers,
            "max_piece": tokenizing._MAX_PIECE,
            "max_len": int(vectorizer.max_len_),
        },
        "language": rules.language,
        "vocabulary": list(vectorizer.vocabulary_.tokens),
        "stop_words": sorted(tokenizing.tokens_for(rules).stop_words),
        "patterns": {name: _source(p) for name, p in patterns.items()},
        "edges": tokenizing._EDGES,
        "visible": {0x200B: " ", 0x2018: "'", 0x2019: "'", 0x2BC: "'"},
        "ignorable": sorted(tokenizing._VISIBLE.ignorable),
        "silent": list(markup._SILENT),
        "swallowing": list(markup._SWALLOWING),
        "splitter": _splitter(rules.language),
    }
    path = Path(path)
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def _refuse_programs(cleaner: Any) -> None:
    names = ("lemmatize", "stem", "redact", "tokenizer")
    if used := [name for name in names if getattr(cleaner, name)]:
        raise ValueError(
            f"TextCleaner({used[0]}=...) cannot be written to a file. Clean the texts "
            "with TextCleaner where they are embedded."
        )


def _splitter(language: str) -> dict[str, Any]:
    """Return spaCy's rules for a language as plain values."""
    from spacy.attrs import NORM
    from spacy.lang.norm_exceptions import BASE_NORMS
    from spacy.tokenizer import Tokenizer

    language = "xx" if language == "zh" else language
    tokenizer = tokenizing._blank_tokenizer(language)
    defaults = tokenizing._language_class(language).Defaults
    if type(tokenizer) is not Tokenizer or NORM in defaults.lex_attr_getters:
        raise ValueError(
            f"spaCy's rules for language={language!r} are a program, which cannot be "
            "written to a file. Clean the texts with TextCleaner where they are "
            "embedded."
        )
    ambiguous = tokenizing._AMBIGUOUS if language == "en" else ()
    exceptions = {
        text: [_token(token, BASE_NORMS) for token in tokens]
        for text, tokens in sorted(tokenizer.rules.items())
        if text not in ambiguous
    }
    return {
        "prefix": _source(tokenizer.prefix_search),
        "suffix": _source(tokenizer.suffix_search),
        "infix": _source(tokenizer.infix_finditer),
        "whole_token": _source(tokenizer.token_match),
        "url": _source(tokenizer.url_match),
        "exceptions": exceptions,
        "norms": dict(BASE_NORMS),
    }


def _token(token: dict[int, str], norms: dict[str, str]) -> tuple[str, str]:
    text = token[_ORTH]
    return text, token.get(_NORM, norms.get(text, text.lower()))


def _source(search: Any) -> tuple[str, int] | None:
    """Return source and flags of a pattern, or of one of its bound methods."""
    pattern = getattr(search, "__self__", search)
    return None if pattern is None else (pattern.pattern, int(pattern.flags))
