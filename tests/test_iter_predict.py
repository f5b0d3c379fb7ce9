"""Results of batches equal those of one call; a batch is read when it is needed."""

import itertools

import numpy as np
import pandas as pd
import pytest

from deepclust.exceptions import InvalidTextError
from deepclust.pipeline import iter_predict


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_results_of_batches_equal_those_of_one_call(
    fitted_clusterer, corpus, batch_size
):
    texts = corpus.texts[:50]

    labels = list(iter_predict(fitted_clusterer, iter(texts), batch_size=batch_size))
    embeddings = iter_predict(
        fitted_clusterer[:-1], texts, method="transform", batch_size=batch_size
    )

    assert [len(batch) for batch in labels][:-1] == [batch_size] * (len(labels) - 1)
    np.testing.assert_array_equal(
        np.concatenate(labels), fitted_clusterer.predict(texts)
    )
    np.testing.assert_array_equal(
        np.vstack(list(embeddings)), fitted_clusterer[:-1].transform(texts)
    )


def test_a_batch_is_read_when_it_is_needed(fitted_clusterer, corpus):
    read = []

    def endless():
        for text in itertools.cycle(corpus.texts):
            read.append(text)
            yield text

    batches = iter_predict(fitted_clusterer, endless(), batch_size=5)

    assert read == []
    assert len(next(batches)) == 5
    assert len(read) == 5


def test_no_texts_give_no_batches(fitted_clusterer):
    assert list(iter_predict(fitted_clusterer, [])) == []


def test_a_wrong_row_is_named(fitted_clusterer, corpus):
    batches = iter_predict(fitted_clusterer, [*corpus.texts[:5], None], batch_size=4)

    next(batches)
    with pytest.raises(InvalidTextError, match=r"row 1 is None.*Row 0 is text 4"):
        next(batches)


def test_a_bare_string_is_refused(fitted_clusterer):
    with pytest.raises(InvalidTextError, match="single str"):
        next(iter_predict(fitted_clusterer, "a text"))


def test_what_holds_no_texts_in_an_order_is_refused(fitted_clusterer):
    table = pd.DataFrame({"text": ["a text"], "date": ["2020"]})
    for texts, problem in (
        (table, r"shape \(1, 2\)"),
        ({"a text"}, "a set"),
        ({"a text": 1}, "builtins.dict"),
        (None, "NoneType"),
    ):
        with pytest.raises(InvalidTextError, match=problem):
            next(iter_predict(fitted_clusterer, texts))
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        next(iter_predict(fitted_clusterer, ["a text"], batch_size=0))
