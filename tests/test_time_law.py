"""The time law: one hostile text takes time linear in its characters."""

import numpy as np
import pytest
from growth import growth

from deepclust import TextCleaner, Vectorizer
from deepclust.cleaning._redaction import KINDS
from deepclust.cli._output import one_line
from deepclust.inspection import cluster_keywords, cluster_table, representative_texts
from deepclust.inspection._surface_forms import surface_forms
from deepclust.plotting import plot_lengths, plot_word_frequencies
from deepclust.reporting import summarize
from deepclust.reporting._page import render_page

OTHERS = ["green apple", "fast car"] * 2
LABELS = [0, 1, 1, 1, 1]


def clean(text):
    return TextCleaner().transform([text, *OTHERS])


def vectorize(text):
    return Vectorizer(word_vectors=None).fit_transform([text, *OTHERS])


def redact_and_clean(text):
    return TextCleaner(redact=KINDS).transform([text, *OTHERS])


def keywords(text):
    return cluster_keywords([text, *OTHERS], LABELS)


def table(text):
    return cluster_table([text, *OTHERS], LABELS, output="pandas")


def representatives(text):
    return representative_texts([text, *OTHERS], LABELS)


def forms(text):
    return surface_forms(["word", "ul li", "w"], [text, *OTHERS])


def page(text):
    X = np.eye(5)
    return render_page(summarize(None, [text, *OTHERS], labels=LABELS, embeddings=X), 9)


def pictures(text):
    plot_lengths([text, *OTHERS])
    return plot_word_frequencies([text, *OTHERS], cleaned=[text, *OTHERS])


READERS = [clean, redact_and_clean, vectorize, keywords, table, representatives]
READERS += [forms, page, one_line]
UNITS = {
    "nested tags": "<ul><li>",
    "one word": "word ",
    "a word without spaces": "word-",
    "combining marks": "\u0300\u0323\u0300",
    "escaped tags": "&amp;lt;b&gt;",
    "attributes": "<b ='\"> ",
    "digits": "1" * 24 + "a ",
    "emoticons": ":-)(",
    "ligatures": "\ufdfa",
    "Chinese": "中文",
    "spaces": " \n\t",
}


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("reader", READERS)
def test_eight_times_the_text_takes_about_eight_times_as_long(reader, unit):
    small, large = ("x " + unit * (n // len(unit)) for n in (5_000, 40_000))
    reader(small)
    # the quadratic time of any of them would be 64 times
    assert growth(reader, small, large, runs=2) < 28


def test_pictures():
    small, large = (UNITS["attributes"] * (n // 7) for n in (20_000, 160_000))
    assert growth(pictures, small, large, runs=2) < 28


@pytest.mark.parametrize(
    ("reader", "kind"),
    [
        (redact_and_clean, "nested tags"),
        (clean, "combining marks"),
        (forms, "one word"),
    ],
)
def test_ten_megabytes(reader, kind):
    unit = UNITS[kind]
    small, large = (unit * (n // len(unit)) for n in (1_000_000, 10_000_000))
    assert growth(reader, small, large, runs=1) < 35
