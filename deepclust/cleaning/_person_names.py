"""Names of people out of texts, by Presidio and a model of spaCy that is installed."""

import functools
import re
from typing import Any

from deepclust._optional import import_extra
from deepclust.exceptions import MissingExtraError

__all__ = ["PERSON", "name_analyzer", "remove_names"]

PERSON = "person"
_PURPOSE = 'TextCleaner(redact="person")'
_SIZES = ("sm", "md", "lg", "trf")  # of spaCy's models, the best last
_PIECE = re.compile(r".{1,100000}(?!\S)|.{1,100000}", re.DOTALL)  # spaCy takes 1 MB


def remove_names(text: str, language: str) -> str:
    """Replace what Presidio takes for the name of a person by a space.

    Parameters
    ----------
    text : str
        Visible text, without markup.

    language : str

    Returns
    -------
    redacted : str

    Raises
    ------
    MissingExtraError
        If `presidio-analyzer`, or a model of spaCy for the language, is not installed.
    """
    kept: list[str] = []
    for piece in _PIECE.findall(text):
        found = name_analyzer(language).analyze(
            text=piece, language=language, entities=["PERSON"]
        )
        end = 0
        for start, stop in sorted((name.start, name.end) for name in found):
            kept += [piece[end:start], " "]
            end = max(end, stop)
        kept.append(piece[end:])
    return "".join(kept)


@functools.cache
def name_analyzer(language: str) -> Any:
    """Return Presidio's analyzer with the best installed model of a language.

    Raises
    ------
    MissingExtraError
        If there is none. Nothing is downloaded.
    """
    presidio = import_extra("presidio_analyzer", extra="presidio", purpose=_PURPOSE)
    import spacy
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [
        model
        for model in spacy.util.get_installed_models()
        if model.startswith(f"{language}_")
    ]
    if not models:
        kinds = {"en": "core_web", "zh": "core_web", "xx": "ent_wiki"}
        raise MissingExtraError(
            f"{_PURPOSE} needs a model of spaCy for language={language!r} that finds "
            "names. Install one, as by: python -m spacy download "
            f"{language}_{kinds.get(language, 'core_news')}_sm"
        )
    best = max(models, key=lambda name: (_size(name), name))
    model = {"lang_code": language, "model_name": best}
    engine = NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "spacy", "models": [model]}
    ).create_engine()
    return presidio.AnalyzerEngine(nlp_engine=engine, supported_languages=[language])


def _size(model: str) -> int:
    return max(
        (i for i, size in enumerate(_SIZES) if size in model.split("_")), default=-1
    )
