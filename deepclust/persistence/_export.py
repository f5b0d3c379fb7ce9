"""A fitted pipeline for other places: the encoder as ONNX, the tokenizer as JSON.

Three files hold all that turns raw texts into embeddings. `encoder.onnx` runs wherever
there is an ONNX runtime; `tokenizer.json` holds the options, the rules of the language,
stop words and tokens; `tokenizer.py` runs it with Python's standard library alone.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from deepclust._atomic_file import replacing
from deepclust.cleaning import _tokenizer
from deepclust.cleaning._language_rules import rules_as_data

__all__ = ["export_pipeline", "export_tokenizer"]


def export_pipeline(
    pipeline: Any, folder: Any, *, weight_type: str = "float32"
) -> list[Path]:
    """Write `encoder.onnx`, `tokenizer.json` and `tokenizer.py` into a folder.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; with the steps `clean`, `vectorize` and `encode`.

    folder : path
        Created if it does not exist; files of the same names are replaced.

    weight_type : {"float32", "int8"}, default="float32"
        See `RNNLSTMEncoder.export_onnx`.

    Returns
    -------
    paths : list of Path
        The three files, in this order.

    Raises
    ------
    MissingExtraError
        If the package `onnx` is not installed.

    ValueError
        If the texts are cleaned in a way that a file cannot hold, see
        `export_tokenizer`.

    See Also
    --------
    deepclust.cleaning.Tokenizer : The class of `tokenizer.py`.

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
    ['encoder.onnx', 'tokenizer.json', 'tokenizer.py']
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
    engine = folder / "tokenizer.py"
    with replacing(engine) as part:
        shutil.copyfile(_tokenizer.__file__, part)
    return [encoder, tokenizer, engine]


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
    NotFittedError
        Before the vectorizer is fitted.

    ValueError
        If the cleaner lemmatizes, stems, redacts, has a custom tokenizer or a language
        whose rules are a program (such as Japanese). Such texts are to be cleaned by
        `TextCleaner`.

    See Also
    --------
    deepclust.cleaning.Tokenizer : `Tokenizer.from_json` reads the file.

    Notes
    -----
    The patterns are regular expressions as Python writes them, each with its flags.
    About 150 kB for English, and the tokens.
    """
    check_is_fitted(vectorizer)
    rules = rules_as_data(cleaner._check_parameters())
    programs = ("lemmatize", "stem", "redact", "tokenizer")
    used = [f"{name}=..." for name in programs if getattr(cleaner, name)]
    if rules["splitter"] is None:
        used.append(f"language={rules['language']!r}")
    if used:
        raise ValueError(
            f"TextCleaner({used[0]}) cannot be written to a file. Clean the texts with "
            "TextCleaner where they are embedded."
        )

    def source_and_flags(pattern: re.Pattern[str]) -> tuple[str, int]:
        return pattern.pattern, pattern.flags

    rules["options"]["max_len"] = int(vectorizer.max_len_)
    rules["options"]["max_unseen"] = float(vectorizer.max_unseen)
    rules["options"]["n_frequent"] = vectorizer.vocabulary_.n_frequent
    rules["vocabulary"] = vectorizer.vocabulary_.tokens
    rules["rare_tokens"] = vectorizer.rare_tokens_.tolist()
    path = Path(path)
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        json.dump(rules, file, ensure_ascii=False, indent=1, default=source_and_flags)
    return path
