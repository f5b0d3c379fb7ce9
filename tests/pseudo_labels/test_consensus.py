"""The nearest partitions, and the targets that most of them agree on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust.pseudo_labels._consensus import (
    agreed_targets,
    co_association,
    medoid,
    nested_target,
)


def agreed(*partitions):
    """Return the targets of partitions that are confident everywhere."""
    partitions = [np.array(labels, dtype="int32") for labels in partitions]
    return agreed_targets(partitions, [np.full(len(p), 9.0) for p in partitions])


def test_documents_on_which_most_partitions_disagree_are_left_out():
    """Whatever the numbering: one against three, and two against two."""
    targets = agreed(
        [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
        [2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2],
        [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 0],
    )
    assert [np.flatnonzero(target < 0).tolist() for target in targets] == [
        [3],
        [3],
        [3],
        [3, 11],
    ]
    assert targets[1].tolist() == [2, 2, 2, -1, 0, 0, 0, 0, 1, 1, 1, 1]


def test_components_that_half_of_the_partitions_find_are_kept():
    """Two find topics 1 and 3, and two topics 2 and 4, of five."""
    topics = np.repeat(np.arange(5), 4)
    one, other = topics.copy(), topics.copy()
    one[topics == 2], one[topics == 4] = [0, 0, 1, 2], [3, 3, 1, 4]
    other[topics == 1], other[topics == 3] = [0, 0, 2, 1], [2, 4, 4, 3]
    for target in agreed(one, one, other, other):
        assert set(target.tolist()) == {-1, *range(5)}


def test_a_component_that_one_partition_finds_keeps_its_confident_documents():
    """Three divide the second topic elsewhere; of the fourth, one text is not sure."""
    topics = np.repeat(np.arange(3), 6)
    others = [topics.copy() for _ in range(3)]
    own = np.append(topics, [3] * 4)
    others = [np.append(other, [0, 1, 2, 0]) for other in others]
    margins = [np.full(22, 9.0) for _ in range(4)]
    margins[3][-1] = 0.0
    target = agreed_targets([*others, own], margins)[3]
    assert target.tolist() == [*topics, 3, 3, 3, -1]


def test_known_documents_are_targets_even_if_the_others_disagree():
    partitions = [np.array([0, 0, 0, 1, 1, 1])] * 3 + [np.array([0, 0, 1, 1, 1, 1])]
    margins = [np.full(6, 9.0) for _ in partitions]
    assert agreed_targets(partitions, margins)[3].tolist() == [0, 0, -1, 1, 1, 1]
    margins[3][2] = np.inf
    assert agreed_targets(partitions, margins)[3].tolist() == [0, 0, 1, 1, 1, 1]


def test_a_single_partition_agrees_with_itself():
    assert agreed([1, 0, 1, 0])[0].tolist() == [1, 0, 1, 0]


def test_the_medoid_is_between_the_others():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 50)
    partitions = []
    for share in (0.5, 0.3, 0.1, 0.4):
        changed = rng.random(200) < share
        partitions.append(np.where(changed, rng.integers(0, 4, 200), (truth + 1) % 4))
    assert medoid(partitions) == 2
    assert medoid([*partitions, rng.permutation(truth)], seed=1) == 2


def test_of_equal_partitions_the_first_is_the_medoid():
    assert medoid([np.array([0, 0, 1])]) == 0
    assert medoid([np.array([0, 0, 1]), np.array([1, 1, 0])]) == 0


def test_co_association_is_the_share_of_pairs_that_partitions_join():
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 3, 40)
    partitions = [rng.integers(-1, 2, 40) for _ in range(3)]

    shares = co_association(labels, partitions, 4)

    def share(one, other):
        """Count the pairs, one by one."""
        found = []
        for partition in partitions:
            pairs = [
                partition[i] == partition[j]
                for i in np.flatnonzero((labels == one) & (partition >= 0))
                for j in np.flatnonzero((labels == other) & (partition >= 0))
            ]
            found.append(np.mean(pairs))
        return np.mean(found)

    for one in range(3):
        for other in range(3):
            assert shares[one, other] == pytest.approx(share(one, other))
    assert not shares[3].any()


def test_co_association_without_partitions_or_documents_is_zero():
    assert not co_association(np.array([0, 1]), [], 2).any()
    assert not co_association(np.array([-1, -1]), [np.array([0, 0])], 2).any()


@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 3)), max_size=40))
def test_each_class_of_a_nested_target_is_a_part_of_one_class(pairs):
    finer, broader = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    target = nested_target(finer, broader)
    kept = target >= 0
    assert target.dtype == np.int32
    assert {*target[kept].tolist()} == {*range(target.max(initial=-1) + 1)}
    both = zip(target[kept], finer[kept], broader[kept], strict=True)
    assert len({*both}) == target.max(initial=-1) + 1  # one class of either
    np.testing.assert_array_equal(nested_target(target, broader), target)
    lost = (finer >= 0) & (broader >= 0) & ~kept
    for part in {*finer[lost].tolist()}:
        here = [np.sum(kept & (finer == part)), np.sum(lost & (finer == part))]
        assert here[0] > 0
