import numpy as np
import pytest

from deepclust.inspection import duplicate_groups, repeated_sentences


def sentences(n_texts, seed=0):
    """Return texts of twenty random words."""
    rng = np.random.default_rng(seed)
    return [
        " ".join(f"w{word}" for word in rng.integers(0, 500, 20))
        for _ in range(n_texts)
    ]


def test_equal_and_nearly_equal_texts_are_grouped():
    texts = sentences(200)
    copy = texts[7].upper() + "  "
    near = texts[3] + " and more"

    found = duplicate_groups([*texts, copy, near, "", ""], output="pandas")

    assert found["row"].tolist() == [3, 201, 7, 200]
    assert found["group"].tolist() == [0, 0, 1, 1]
    assert found["exact"].tolist() == [True, False, True, True]


def test_only_texts_above_the_similarity_are_grouped():
    text = sentences(1)[0]
    near = " ".join([*text.split()[:-1], "other"])  # 18 pairs of 20 are shared

    assert len(duplicate_groups([text, near], similarity=0.85, output="pandas")) == 2
    assert len(duplicate_groups([text, near], similarity=0.95, output="pandas")) == 0


def test_the_groups_do_not_depend_on_the_order():
    texts = sentences(60) + [text + " more" for text in sentences(60)]
    order = np.random.default_rng(1).permutation(len(texts))

    def groups(some):
        found = duplicate_groups(some, output="pandas")
        return {frozenset(group) for _, group in found.groupby("group")["text"]}

    assert groups(texts) == groups([texts[row] for row in order])
    assert len(groups(texts)) == 60


def test_no_texts_and_bad_input():
    assert len(duplicate_groups([], output="pandas")) == 0
    assert len(duplicate_groups(["", " "], output="pandas")) == 0
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        duplicate_groups(["a"], similarity=0)


def test_repeated_sentences_are_counted_in_different_texts():
    footer = "This mail is confidential and private."
    texts = [f"Question {k}.\n{footer}" for k in range(4)]
    texts += [texts[0], footer, "No footer here at all. Nor here."]

    found = repeated_sentences(texts, output="pandas")

    assert found.values.tolist() == [[footer, 4, 0]]
