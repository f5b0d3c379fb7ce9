import tracemalloc

import numpy as np
import pytest

from deepclust.inspection import borderline_texts, representative_texts


def test_representatives_are_nearest_to_the_peak_and_distinct():
    texts = ["edge", "Centre", "centre", "other edge", "noise"]
    embeddings = np.array([[0.0], [1.0], [1.0], [3.0], [9.0]])
    labels = [0, 0, 0, 0, -1]

    chosen = representative_texts(texts, labels, embeddings=embeddings, n_texts=2)

    assert chosen == {0: ["Centre", "edge"], -1: ["noise"]}


def test_representatives_without_embeddings_share_the_keywords():
    texts = ["Zebra by the lake", "The apple, red", "Apple, and a pie", "Car"]
    cleaned = ["zebra lake", "apple red red apple", "apple pie", "car"]

    chosen = representative_texts(texts, [0, 0, 0, 1], cleaned=cleaned)

    assert chosen[0] == ["The apple, red"]


def test_representatives_differ_in_their_words():
    texts = ["apple pie", "apple pie!", "apple juice", "old car"]
    cleaned = ["apple pie", "apple pie", "apple juice", "old car"]

    chosen = representative_texts(
        texts, [0, 0, 0, 1], cleaned=cleaned, embeddings=np.ones((4, 2)), n_texts=2
    )

    assert chosen[0] == ["apple pie", "apple juice"]


def test_the_peak_is_where_texts_are_dense_not_in_the_middle():
    embeddings = [[0.0]] * 6 + [[10.0], [20.0], [30.0]]
    texts = [f"dense {i}" for i in range(6)] + ["far", "farther", "farthest"]

    chosen = representative_texts(texts, [0] * 9, embeddings=embeddings, n_texts=3)

    assert all(text.startswith("dense") for text in chosen[0])


def test_borderline_texts_lie_toward_another_cluster():
    texts = ["far left", "left", "right", "far right", "between", "lost"]
    embeddings = [[-1.0], [0.4], [2.0], [3.0], [1.6], [40.0]]

    chosen = borderline_texts(
        texts, [0, 0, 1, 1, -1, -1], embeddings=embeddings, n_texts=1
    )

    assert chosen == {0: ["left"], 1: ["right"], -1: ["between"]}


def test_borderline_texts_without_embeddings_share_words():
    texts = ["red apple", "apple pie", "apple car", "car wheel", "car engine"]

    assert borderline_texts(texts, [0, 0, 0, 1, 1])[0] == ["apple car"]


def test_texts_without_words_are_shown_in_their_order():
    assert representative_texts(["?", "!"], [0, 0], cleaned=["", ""]) == {0: ["?"]}
    assert borderline_texts(["?", "!"], [0, 1], cleaned=["", ""]) == {
        0: ["?"],
        1: ["!"],
    }


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one row a text"):
        representative_texts(["a", "b"], [0, 1], embeddings=[[0.0]])


def test_memory_is_linear_in_the_texts():
    """Keyword weights of a cluster are not copied to each of its texts."""

    def peak(n_docs):
        rng = np.random.default_rng(0)
        ids = rng.zipf(1.3, size=(n_docs, 8)) % (5 * n_docs)
        texts = [" ".join(f"w{i}" for i in row) for row in ids.tolist()]
        labels = np.arange(n_docs) % 3
        tracemalloc.start()
        representative_texts(texts, labels)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(8_000) < 6 * peak(2_000)
