"""What notebooks show: every estimator and every result has an HTML form, escaped."""

import re

import pytest

from deepclust import DBSCAN, RNNLSTMEncoder, TextCleaner, Vectorizer
from deepclust.inspection import cluster_table, cluster_tree, explain
from deepclust.metrics import compare_clusterings

HOSTILE = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "estimator", [TextCleaner(), Vectorizer(), RNNLSTMEncoder(), DBSCAN()]
)
def test_estimators_show_themselves(estimator):
    markup = estimator._repr_mimebundle_()["text/html"]

    assert type(estimator).__name__ in markup
    assert "Parameters" in markup


def test_a_fitted_pipeline_shows_its_steps(fitted_clusterer):
    markup = fitted_clusterer._repr_mimebundle_()["text/html"]

    for step in ("TextCleaner", "Vectorizer", "RNNLSTMEncoder", "DBSCAN"):
        assert step in markup
    assert re.search(r"[Ff]itted", markup)


def results(pipeline):
    texts, labels = [HOSTILE, "red apple", "fast car"], [0, 0, 1]
    names = {0: HOSTILE}
    yield cluster_table(texts, labels, names=names)
    yield compare_clusterings(labels, labels, names_before=names)
    yield cluster_tree([[0.0], [1.0], [9.0]], labels, names=names)
    yield explain(pipeline, f"Bake the bread with garlic {HOSTILE}")


def test_results_show_themselves_and_run_nothing(fitted_clusterer):
    for result in results(fitted_clusterer):
        markup = result._repr_html_()

        assert "<script" not in markup, type(result)
        assert re.search(r"<(table|div|p|span)", markup)
