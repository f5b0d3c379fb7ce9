"""The memory limit: sizes as text, and the block that a limit leaves room for."""

import pytest

from deepclust.clustering._memory_limit import affordable_block, bytes_of


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (7.9, 7),
        ("12", 12),
        ("2 B", 2),
        ("3K", 3_000),
        ("1.5mb", 1_500_000),
        ("2GB", 2 * 10**9),
        ("1T", 10**12),
        ("1KiB", 2**10),
        ("0.5 MiB", 2**19),
        ("3gib", 3 * 2**30),
        ("1TiB", 2**40),
    ],
)
def test_sizes(text, size):
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e6", "1PB", "1.MB", "1 MBB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="memory_limit must be a number of bytes"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("trees", "copies_and_tables"),
    [
        ((), 2 * 1000 * 10 * 4 + 40 * 1000),
        ((500, 1), 120_000 + 2**24 + 3000 * 500),
        ((500, 9), 120_000 + 2**24 + 3000 * 500 + 2 * 2 * 500 * 10 * 4),
    ],
)
def test_the_least_block_of_three_threads(trees, copies_and_tables):
    least = copies_and_tables + 3 * 24 * 2**14
    assert affordable_block((1000, 8), 4, least, 3, *trees) == 2**14
    assert affordable_block((1000, 8), 4, least + 3 * 24, 3, *trees) == 2**14 + 1
    assert affordable_block((1000, 8), 4, "9GiB", 3, *trees) == (2**17 + 4000) // 3
    with pytest.raises(MemoryError, match=r"lower n_jobs.* predict the rest"):
        affordable_block((1000, 8), 4, least - 1, 3, *trees)
