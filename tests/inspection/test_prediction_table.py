import copy

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from deepclust.exceptions import InvalidTextError
from deepclust.inspection import prediction_table
from deepclust.inspection._prediction_table import prediction_columns
from deepclust.pipeline import TextClusterer


def test_one_row_a_text(fitted_clusterer, corpus):
    texts = [*corpus.texts[:30], "Simmer the qwertz with garlic and zxcvb.", ""]

    table = prediction_table(fitted_clusterer, texts)

    labels = fitted_clusterer.predict(texts)
    np.testing.assert_array_equal(table["cluster"], labels)
    assert table["known_words"].tolist()[-2:] == [0.5, 0.0]
    clustered = labels >= 0
    np.testing.assert_array_equal(table["nearest"][clustered], labels[clustered])
    assert table["nearest"].tolist()[-1] == -1
    assert fitted_clusterer["cluster"].noise == "keep"


def test_the_known_words_of_a_text_that_is_taken_for_unknown(fitted_clusterer):
    table = prediction_table(fitted_clusterer, ["Simmer qwertz zxcvb xyzzy"])

    row = table.iloc[0]
    assert (row["cluster"], row["nearest"], row["known_words"]) == (-1, -1, 0.25)


def test_words_never_seen_leave_more_to_noise(fitted_clusterer):
    words = ["qwertz", "zxcvb"]
    texts = [" ".join(["Simmer the garlic soup", *words[:n]]) for n in (0, 1, 2)]
    pipeline = copy.deepcopy(fitted_clusterer).set_params(cluster__noise="nearest")

    table = prediction_table(pipeline, texts)

    membership = table["membership"].tolist()
    assert table["cluster"].nunique() == 1
    assert membership[0] > membership[1] > membership[2] > 0
    shares = pipeline.predict_proba(texts)
    np.testing.assert_allclose(shares.max(axis=1), membership, atol=6e-4)
    assert (shares.argmax(axis=1) == table["cluster"]).all()
    assert (shares.max(axis=1) > 1 - shares.sum(axis=1)).all()
    plain = Pipeline(pipeline.steps)
    assert (plain.predict_proba(texts)[1:].max(axis=1) > membership[1:]).all()
    again = TextClusterer(plain.steps).predict_proba(texts)
    np.testing.assert_array_equal(again, shares)
    assert not pipeline["vectorize"].unseen_share(["simmer garlic"]).any()
    pipeline.set_params(vectorize__max_unseen=1.0)
    assert prediction_table(pipeline, texts)["membership"].nunique() == 1


def test_one_text_alone_equals_the_batch(fitted_clusterer, corpus):
    batch = prediction_table(fitted_clusterer, corpus.texts[:5])
    alone = prediction_table(fitted_clusterer, [corpus.texts[3]])

    assert alone.iloc[0].tolist() == batch.iloc[3].tolist()
    with pytest.raises(InvalidTextError, match="wrap it in a list"):
        prediction_table(fitted_clusterer, "one text")


def test_polars(fitted_clusterer):
    pytest.importorskip("polars")
    table = prediction_table(fitted_clusterer, ["Bake the bread"], output="polars")

    assert table.columns[:3] == ["cluster", "name", "known_words"]


def test_membership_layers_and_names_where_the_clusterer_has_them():
    class Clusterer:
        cluster_names_ = {0: "low", 1: "high"}

        def get_params(self):
            return {}

        def predict(self, X):
            return np.array([1, -1])

        def predict_proba(self, X):
            return np.array([[0.1, 0.7], [0.2, 0.3]], dtype=np.float32)

        def predict_layers(self, X):
            return np.array([[0, 3], [0, -1]])

    columns = prediction_columns(Clusterer(), np.zeros((2, 3)), None)

    assert columns["name"].tolist() == ["high", ""]
    assert columns["membership"].tolist() == [0.7, 0.5]
    assert columns["layer_0"].tolist() == [0, 0]
    assert columns["layer_1"].tolist() == [3, -1]
