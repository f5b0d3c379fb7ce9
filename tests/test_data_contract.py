"""The laws of docs/data_contract.md, for random texts through a fitted pipeline.

Those for random corpora, rows and models are in the tests of each step:
`test_text_contract.py`, `test_sequences.py`, and in `clustering/` `test_dbscan.py`,
`test_layers.py` and `test_membership.py`.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import make_corpus

WORDS = sorted({word for text in make_corpus().texts for word in text.split()})
TEXTS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join),
        st.text(max_size=30),
    ),
    max_size=6,
)
pytestmark = pytest.mark.filterwarnings("ignore::deepclust.exceptions.TextWarning")


@pytest.fixture(scope="module", params=["keep", "nearest"])
def pipeline(request, fitted_clusterer):
    fitted_clusterer.set_params(cluster__noise=request.param)
    yield fitted_clusterer
    fitted_clusterer.set_params(cluster__noise="keep")


@settings(max_examples=25)
@given(texts=TEXTS)
def test_from_texts_to_embeddings(pipeline, texts):
    clean = pipeline["clean"].transform(texts)
    assert [type(text) for text in clean] == [str] * len(texts)

    sequences = pipeline["vectorize"].transform(clean)
    vocabulary = sequences.vocabulary
    assert (sequences.ids.dtype, sequences.offsets.dtype) == (np.int32, np.int64)
    assert len(sequences) == len(texts)
    assert sequences.ids.min(initial=1) >= 1
    assert sequences.ids.max(initial=1) < len(vocabulary)
    matrix = np.asarray(sequences)
    assert (matrix.dtype, matrix.shape) == (np.int32, (len(texts), sequences.max_len))
    assert (np.diff((matrix == 0).astype(int), axis=1) >= 0).all()  # right-padded

    assert vocabulary.vectors.dtype == np.float32
    assert vocabulary.vectors.shape[0] == len(vocabulary)
    assert not vocabulary.vectors[0].any()

    embeddings = pipeline["encode"].transform(sequences)
    assert (embeddings.dtype, embeddings.shape) == (np.float32, (len(texts), 16))
    lengths = np.linalg.norm(embeddings, axis=1)
    known = sequences.known_share > 0
    np.testing.assert_allclose(lengths, known, atol=1e-6)
    np.testing.assert_array_equal(embeddings, pipeline["encode"].transform(matrix))


@settings(max_examples=25)
@given(texts=TEXTS, seed=st.integers(0, 99))
def test_from_embeddings_to_labels_layers_and_membership(pipeline, texts, seed):
    embeddings, clusterer = pipeline[:-1].transform(texts), pipeline["cluster"]
    labels = pipeline.predict(texts)
    assert (labels.dtype, labels.shape) == (np.intp, (len(texts),))
    assert labels.min(initial=-1) == -1 or clusterer.noise == "nearest"
    assert labels.max(initial=-1) < clusterer.n_clusters_
    assert (labels[~embeddings.any(axis=1)] == -1).all()
    if clusterer.noise == "nearest":
        assert (labels[embeddings.any(axis=1)] >= 0).all()

    layers = clusterer.predict_layers(embeddings)
    np.testing.assert_array_equal(pipeline.predict_layers(texts), layers)
    assert (layers.dtype, layers.shape[0]) == (np.intp, len(texts))
    assert any((column == labels).all() for column in layers.T)
    for broad, fine in zip(layers.T[:-1], layers.T[1:], strict=True):
        np.testing.assert_array_equal(broad < 0, fine < 0)
        for cluster in np.unique(fine):
            assert len(np.unique(broad[fine == cluster])) == 1

    membership = pipeline.predict_proba(texts)
    assert membership.dtype == np.float32
    assert membership.shape == (len(texts), clusterer.n_clusters_)
    assert membership.min(initial=0) >= 0
    rest = 1 - membership.sum(axis=1, dtype=np.float64)
    assert rest.min(initial=0) >= -1e-6
    greatest = np.column_stack((rest, membership)).argmax(axis=1) - 1
    np.testing.assert_array_equal(greatest, labels)

    order = np.random.default_rng(seed).permutation(len(texts))
    shuffled = [texts[place] for place in order]
    np.testing.assert_array_equal(pipeline.predict(shuffled), labels[order])
    if texts:
        np.testing.assert_array_equal(pipeline.predict(texts[:1]), labels[:1])
        np.testing.assert_array_equal(
            pipeline.predict_proba(texts[:1])[0], membership[0]
        )


def test_clusters_of_every_layer_are_numbered_by_size(fitted_clusterer):
    layers = fitted_clusterer["cluster"].layers_

    for column in layers.T:
        sizes = np.bincount(column[column >= 0])
        first = [np.flatnonzero(column == cluster)[0] for cluster in range(len(sizes))]
        assert sorted(range(len(sizes)), key=lambda c: (-sizes[c], first[c])) == [
            *range(len(sizes))
        ]
