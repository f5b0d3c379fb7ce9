"""Texts per second of TextCleaner and Vectorizer, beside spaCy's own `nlp.pipe`.

Run: python examples/benchmarks/cleaning_speed.py [FILE.tsv[.gz] ...]

Each FILE holds one text a line, the last column counts. Without files, the docstrings
of the installed packages are used. Times are CPU seconds of one process, the best of
three. "Cold" starts with an empty cache, as the first call in a process does, once
spaCy is imported; "warm" is the second call. `nlp.pipe` only tokenizes: it strips no
HTML and drops no stop word.
"""

import gzip
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import spacy

from deepclust import TextCleaner, Vectorizer
from deepclust.cleaning._language_rules import tokenizer_for


def corpora(files: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the texts of each corpus."""
    if not files:
        from deepclust.datasets import load_docstrings

        yield "docstrings", list(load_docstrings().data)
    for name in files:
        read = gzip.open if name.endswith(".gz") else open
        with read(name, "rt", encoding="utf-8") as lines:
            texts = [line.rstrip("\n").split("\t")[-1] for line in lines]
        yield Path(name).name.partition(".")[0], texts


def seconds(work: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> float:
    """Return the best CPU time of three runs."""
    times = []
    for _ in range(3):
        before()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def tokenize_with_spacy(texts: list[str]) -> list[list[str]]:
    """Tokenize as spaCy's users do, with a new pipeline."""
    return [[t.text for t in doc] for doc in spacy.blank("en").pipe(texts)]


def main(files: list[str]) -> None:
    """Print one line a corpus."""
    cleaner = TextCleaner()
    heads = ("nlp.pipe", "clean, cold", "clean, warm", "vectorize", "fit, seconds")
    print(f"{'texts per CPU second':24}{'texts':>8}", *(f"{h:>13}" for h in heads))
    for name, texts in corpora(files):
        clean = cleaner.transform(texts)
        vectorizer = Vectorizer().fit(clean)
        work = (
            seconds(lambda texts=texts: tokenize_with_spacy(texts)),
            seconds(
                lambda texts=texts: cleaner.transform(texts), tokenizer_for.cache_clear
            ),
            seconds(lambda texts=texts: cleaner.transform(texts)),
            seconds(lambda v=vectorizer, clean=clean: v.transform(clean)),
        )
        fit = seconds(lambda clean=clean: Vectorizer().fit(clean))
        rates = (f"{len(texts) / s:13,.0f}" for s in work)
        print(f"{name:24}{len(texts):8,}", *rates, f"{fit:13.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
