import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from tiny import tiny_clusterer

from deepclust import DBSCAN
from deepclust.exceptions import InvalidTextError
from deepclust.inspection import explain


@pytest.fixture(scope="module")
def pipeline(corpus):
    return tiny_clusterer(encode__epochs=16).fit(corpus.texts)


@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_attributions_add_up_to_the_score(pipeline, corpus, row):
    explanation = explain(pipeline, corpus.texts[row])

    change = explanation.score - explanation.baseline_score
    assert explanation.attributions.sum() == pytest.approx(change, abs=0.011)
    assert explanation.completeness_gap == pytest.approx(
        change - explanation.attributions.sum()
    )
    finer = explain(pipeline, corpus.texts[row], tolerance=0.001)
    assert abs(finer.completeness_gap) <= 0.0011 * max(abs(change), 0.01) + 1e-5
    np.testing.assert_allclose(
        explanation.attributions, finer.attributions, atol=0.01 * abs(change) + 1e-3
    )


@pytest.mark.parametrize(
    ("options", "tolerated"),
    [
        ({}, 0.002),
        ({"encode__fusion": "gate", "encode__pooling": "mean"}, 0.002),
        # where the largest token changes within a segment, two tokens share the change
        (
            {"encode__fusion": "stack", "encode__pooling": "max", "encode__epochs": 16},
            0.02,
        ),
        ({"encode__rnn_units": 0, "encode__lstm_units": 0}, 0.002),
    ],
)
def test_attributions_are_those_of_the_gradient(
    corpus, monkeypatch, options, tolerated
):
    import tensorflow as tf

    options = {"encode__n_pseudo_classes": 4} | options
    plain = tiny_clusterer(encode__prototype_weight=0.0, **options)
    plain.fit(corpus.texts)
    explanation = explain(plain, corpus.texts[0], cluster=0, tolerance=tolerated / 20)

    encoder, clusterer = plain["encode"], plain["cluster"]
    network = encoder.network_
    sequence = plain[:-2].transform(corpus.texts[:1])
    z = encoder.transform(sequence)
    core = clusterer.components_[clusterer.labels_[clusterer.core_sample_indices_] == 0]
    nearest = core[np.argsort(1 - core @ z[0], kind="stable")[:10]]
    words = encoder.weights_["words"]
    x = words[sequence.ids]
    mean = np.average(
        words[2:], axis=0, weights=encoder.vocabulary_.document_frequency[2:]
    )

    alphas = ((np.arange(4096) + 0.5) / 4096).astype(np.float32)
    path = tf.constant(mean + alphas[:, None, None] * (x - mean), dtype=tf.float32)
    monkeypatch.setattr(network.words, "call", lambda ids: path)
    with tf.GradientTape() as tape:
        tape.watch(path)
        ids = tf.ones(path.shape[:2], dtype=tf.int32)
        score = network(ids) @ nearest.mean(axis=0)[:, None]
        total = tf.reduce_sum(score)
    gradient = tape.gradient(total, path).numpy().mean(axis=0)
    expected = ((x - mean) * gradient).sum(axis=1)

    np.testing.assert_allclose(explanation.attributions, expected, atol=tolerated)


def test_the_word_of_the_topic_counts_most(pipeline, corpus):
    text = "A telescope, and a recipe for soup with garlic, butter and basil."

    explanation = explain(pipeline, text)
    top = explanation.tokens[int(np.argmax(explanation.attributions))]

    soup = explain(pipeline, "Simmer the soup with garlic and butter.").cluster
    stars = explain(pipeline, "The telescope observed a distant galaxy.").cluster
    toward_soup = explain(pipeline, text, cluster=soup)
    toward_stars = explain(pipeline, text, cluster=stars)
    place = explanation.tokens.index("telescope")
    assert toward_stars.attributions[place] > toward_soup.attributions[place]
    assert top != "telescope"


def test_occlusion_is_the_fall_of_the_score(pipeline, corpus):
    text = "soup recipe galaxy"

    explanation = explain(pipeline, text, method="occlusion")

    for i, token in enumerate(explanation.tokens):
        rest = " ".join(t for t in explanation.tokens if t != token)
        clusterer = pipeline["cluster"]
        labels = clusterer.labels_[clusterer.core_sample_indices_]
        core = clusterer.components_[labels == explanation.cluster]
        whole, without = pipeline[:-1].transform([text, rest])
        nearest = core[np.argsort(1 - core @ whole, kind="stable")[:10]]
        fall = (nearest @ whole).mean() - (nearest @ without).mean()
        assert explanation.attributions[i] == pytest.approx(fall, abs=1e-5)


def test_both_methods_agree_on_what_matters(pipeline, corpus):
    correlations = []
    for first, second in zip(corpus.texts[:40], corpus.texts[41:81], strict=True):
        # of two topics, so that a word more or less matters
        first, second = first.split(), second.split()
        text = " ".join(first[: len(first) // 2] + second[len(second) // 2 :])
        one, other = (
            explain(pipeline, text, method=method).attributions
            for method in ("integrated_gradients", "occlusion")
        )
        correlations.append(np.corrcoef(one, other)[0, 1])

    assert np.mean(correlations) > 0.25  # by chance 0, give or take 0.06


def test_noise_is_explained_by_the_nearest_core_point(pipeline, corpus):
    clusterer = pipeline["cluster"]
    strict = clone(clusterer).set_params(eps=1e-4, min_samples=2)
    embeddings = pipeline[:-1].transform(corpus.texts)
    strict.fit(embeddings)
    other = make_pipeline(*(step for _, step in pipeline.steps[:-1]), strict)
    text = "A galaxy scored the soup."

    explanation = explain(other, text, texts=corpus.texts)

    z = other[:-1].transform([text])[0]
    core = strict.core_sample_indices_
    distances = 1 - embeddings[core] @ z
    assert explanation.is_noise
    assert explanation.label == -1
    assert distances.min() > strict.eps_
    assert explanation.distance == pytest.approx(distances.min(), abs=1e-5)
    assert distances[core == explanation.nearest_core] == pytest.approx(
        distances.min(), abs=1e-5
    )
    assert explanation.cluster == strict.labels_[explanation.nearest_core]
    assert "Far from every core point" in repr(explanation)
    assert repr(corpus.texts[explanation.nearest_core]) in repr(explanation)


def test_a_text_of_the_corpus_is_no_noise_where_its_label_is_none(pipeline, corpus):
    labels = pipeline.predict(corpus.texts)
    for row in (*np.flatnonzero(labels >= 0)[:5], *np.flatnonzero(labels < 0)[:2]):
        explanation = explain(pipeline, corpus.texts[row], method="occlusion")
        assert explanation.label == labels[row]
        assert explanation.is_noise == (labels[row] < 0)


def test_unknown_words_are_shown_and_count_nothing(pipeline):
    explanation = explain(pipeline, "quokka soup xylograph recipe")

    assert explanation.tokens == ("quokka", "soup", "xylograph", "recipe")
    assert explanation.known.tolist() == [False, True, False, True]
    assert not explanation.attributions[~explanation.known].any()


@pytest.mark.parametrize("text", ["", "quokka", "this that"])
@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_a_text_without_known_words(pipeline, text, method):
    explanation = explain(pipeline, text, method=method)

    assert explanation.label == -1
    assert explanation.score == 0
    assert not explanation.attributions.any()
    assert explanation._repr_html_()
    assert repr(explanation)


def test_one_token(pipeline):
    for method in ("integrated_gradients", "occlusion"):
        explanation = explain(pipeline, "soup", method=method)
        assert explanation.tokens == ("soup",)
        assert np.isfinite(explanation.attributions).all()


def test_the_same_every_time(pipeline, corpus):
    first, second = (explain(pipeline, corpus.texts[5]) for _ in range(2))

    np.testing.assert_array_equal(first.attributions, second.attributions)


def test_explaining_changes_nothing(pipeline, corpus):
    before = pipeline[:-1].transform(corpus.texts[:20])
    explain(pipeline, corpus.texts[0])

    np.testing.assert_array_equal(pipeline[:-1].transform(corpus.texts[:20]), before)


def test_the_name_is_that_of_the_model(pipeline, corpus):
    explanation = explain(pipeline, corpus.texts[0], method="occlusion")

    assert explanation.name == pipeline[-1].cluster_names_[explanation.cluster] != ""


def test_html_is_escaped(pipeline):
    text = "<script>alert('soup')</script> recipe & \"salt\" <img src=x>"

    shown = explain(
        pipeline,
        text,
        names=dict.fromkeys(range(50), "<b>name</b>"),
        texts=["<i>"] * 300,
    )._repr_html_()

    for tag in ("<script", "<img", "<b>", "<i>"):
        assert tag not in shown
    assert "&lt;script&gt;" in shown
    assert "rgba(" in shown


def test_bad_input_is_refused(pipeline, corpus):
    with pytest.raises(InvalidTextError, match="row 0 is None"):
        explain(pipeline, None)
    with pytest.raises(ValueError, match="one text"):
        explain(pipeline, ["a", "b"])
    with pytest.raises(InvalidTextError, match="expects an iterable of str"):
        explain(pipeline, 3)
    with pytest.raises(ValueError, match="no cluster 999"):
        explain(pipeline, "soup", cluster=999)
    with pytest.raises(ValueError, match="method must be one of"):
        explain(pipeline, "soup", method="shap")
    with pytest.raises(ValueError, match="tolerance must be positive"):
        explain(pipeline, "soup", tolerance=0)
    with pytest.raises(NotFittedError):
        explain(tiny_clusterer(), "soup")
    with pytest.raises(ValueError, match="ends in an RNNLSTMEncoder and a DBSCAN"):
        explain(
            make_pipeline(DBSCAN(eps=1.0, min_samples=1).fit([[0.0], [9.0]])), "soup"
        )


def test_without_core_points_there_is_nothing_to_explain(pipeline, corpus):
    from deepclust.exceptions import ClusteringWarning

    nothing = clone(pipeline["cluster"]).set_params(eps=1e-9, min_samples=10_000)
    with pytest.warns(ClusteringWarning):
        nothing.fit(pipeline[:-1].transform(corpus.texts))
    other = make_pipeline(*(step for _, step in pipeline.steps[:-1]), nothing)

    with pytest.raises(ValueError, match="no core point"):
        explain(other, "soup")


def test_explaining_does_not_load_tensorflow(pipeline, tmp_path):
    import joblib

    joblib.dump(pipeline, tmp_path / "model.joblib")
    code = (
        "import sys, joblib; from deepclust.inspection import explain; "
        f"model = joblib.load({str(tmp_path / 'model.joblib')!r}); "
        "explain(model, 'soup recipe'); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    )
    assert done.stdout.strip() == "False"
