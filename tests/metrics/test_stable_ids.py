import numpy as np
import pytest

from deepclust.metrics import align_clusterings


def changes(alignment):
    rows = alignment.frame[["cluster", "id", "change"]].itertuples(index=False)
    return [tuple(row) for row in rows]


def test_each_change_is_told_apart():
    old = [0] * 10 + [1] * 8 + [2] * 6 + [3] * 6 + [4] * 9 + [5] * 4 + [-1] * 5
    new = [0] * 10 + [1] * 5 + [2] * 3 + [3] * 12 + [4, 5, 6] * 3 + [-1] * 4 + [7] * 5

    alignment = align_clusterings(old, new)

    assert changes(alignment) == [
        (0, 0, "kept"),
        (1, 1, "largest part"),
        (2, 6, "part"),
        (3, 7, "union"),
        (4, 8, "part"),
        (5, 9, "part"),
        (6, 10, "part"),
        (7, 11, "born"),
        (-1, 2, "merged"),
        (-1, 3, "merged"),
        (-1, 4, "split"),
        (-1, 5, "died"),
    ]
    assert alignment.n_ids_given == 12
    assert "1 kept, 1 kept without a part, 1 unions, 4 parts" in repr(alignment)


def test_no_union_has_the_name_of_one_of_its_clusters():
    old = [0] * 90 + [1] * 10
    alignment = align_clusterings(old, [0] * 100, old_names={0: "big", 1: "small"})

    assert alignment.names == {0: "big + small"}
    assert alignment.ids.tolist() == [0]  # more than half of the union
    assert changes(alignment)[1] == (-1, 1, "merged")


def test_ids_are_never_given_twice():
    first = align_clusterings([0, 0, 1, 1], [0, 0, -1, -1])
    second = align_clusterings(
        [0, 0, -1, -1], [0, 0, 1, 1], old_ids=first.ids, n_ids_given=first.n_ids_given
    )

    assert first.ids.tolist() == [0]
    assert second.ids.tolist() == [0, 2]


def test_names_stay_distinct():
    alignment = align_clusterings(
        [0, 0, -1, -1],
        [1, 1, 0, 0],
        old_names={0: "cats"},
        new_names={0: "cats", 1: "tomcats"},
    )

    assert sorted(alignment.names.items()) == [(0, "cats"), (1, "cats (0)")]


def test_clusters_without_a_text_and_bad_labels():
    alignment = align_clusterings([0, 0], [1, 1], n_new_clusters=3, old_ids=[7, 9])

    assert alignment.ids.tolist() == [10, 7, 11]
    assert changes(alignment)[-1] == (-1, 9, "died")
    assert len(align_clusterings([], [])) == 0
    with pytest.raises(ValueError, match="from -1 to 0"):
        align_clusterings([0, 1], [0, 0], old_ids=[0])
    with pytest.raises(ValueError, match="inconsistent"):
        align_clusterings([0], np.zeros(2))
