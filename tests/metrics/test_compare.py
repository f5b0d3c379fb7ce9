import numpy as np
import pytest

from deepclust.metrics import compare_clusterings


def test_each_change_is_told_apart():
    before = [0] * 8 + [1] * 6 + [2] * 2 + [3] * 4 + [-1] * 2
    after = [0, 0, 0, 1, 1, 1, 2, 2] + [3] * 6 + [3] * 2 + [-1] * 4 + [3, 3]

    comparison = compare_clusterings(before, after)

    told = dict(zip(comparison["cluster"], comparison["change"], strict=True))
    assert told == {0: "split", 1: "same", 2: "merged", 3: "noise", -1: "clustered"}
    assert len(comparison) == 5
    assert comparison["size"].tolist() == [8, 6, 2, 4, 2]
    assert comparison["shared"].tolist() == [3, 6, 2, 4, 2]
    assert comparison["jaccard"].tolist()[1] == 0.6
    assert comparison.moved == pytest.approx(5 / 22)


def test_less_than_half_in_the_noise_is_a_split():
    comparison = compare_clusterings([0] * 10, [-1] * 4 + [0] * 3 + [1] * 3)

    assert comparison["counterpart"].tolist() == [-1]
    assert comparison["change"].tolist() == ["split"]


def test_equal_clusterings_and_other_numbers():
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 5, 300)
    other = np.array([4, 0, 3, 1, 2, -1])[labels]

    comparison = compare_clusterings(labels, other)

    assert set(comparison["change"]) == {"same"}
    assert comparison.ami == pytest.approx(1.0)
    assert comparison.moved == 0.0


def test_names_and_labels_of_any_type():
    comparison = compare_clusterings(
        ["a", "a", "b"], [0, 0, 1], names_after={0: "first"}
    )

    assert comparison["counterpart"].tolist() == ["first", "1"]


def test_html_is_escaped():
    markup = compare_clusterings(
        [0, 1], [0, 0], names_before={0: "<script>", 1: "b"}
    )._repr_html_()

    assert "<script>" not in markup
    assert "&lt;script&gt;" in markup
    assert "AMI" in repr(compare_clusterings([0, 1], [0, 0]))


def test_no_rows_and_bad_lengths():
    assert len(compare_clusterings([], [])) == 0
    with pytest.raises(ValueError, match="inconsistent"):
        compare_clusterings([0, 1], [0])
