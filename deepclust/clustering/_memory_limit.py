"""The memory limit, and the block size that keeps to it."""

import re

__all__ = ["affordable_block", "bytes_of"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_LEAST_BLOCK = 2**14
_BYTES_AN_ENTRY = 24
_BYTES_A_ROW = 40
_BYTES_A_TREE_ROW = 3000
_BYTES_A_TREE = 2**24


def bytes_of(limit: int | str) -> int:
    """Read a size such as "512MiB".

    Parameters
    ----------
    limit : int or str

    Returns
    -------
    n_bytes : int

    Raises
    ------
    ValueError
        If the text is no size.

    Examples
    --------
    >>> from deepclust.clustering._memory_limit import bytes_of
    >>> bytes_of("1.5 kB"), bytes_of("1GiB")
    (1500, 1073741824)
    """
    if not isinstance(limit, str):
        return int(limit)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", limit.lower())
    if match is None:
        raise ValueError(
            'memory_limit must be a number of bytes or a text such as "512MiB" or '
            f'"2GB". Received: {limit!r}.'
        )
    return int(float(match[1]) * _UNITS[match[2] or ""])


def affordable_block(
    shape: tuple[int, int],
    itemsize: int,
    limit: int | str,
    n_threads: int,
    tree_rows: int = 0,
    n_trees: int = 1,
) -> int:
    """Return how many entries a block of distances may have within the limit.

    Parameters
    ----------
    shape : tuple of two ints
        Rows and features.

    itemsize : int
        Bytes of a feature.

    limit : int or str
        See `bytes_of`.

    n_threads : int
        Each has a block of its own.

    tree_rows : int, default=0
        Points that a hierarchy is to be built of.

    n_trees : int, default=1
        Hierarchies, of which each thread builds one at a time.

    Returns
    -------
    block_entries : int

    Raises
    ------
    MemoryError
        If the rows' working copies leave no room for a block.

    Examples
    --------
    >>> from deepclust.clustering._memory_limit import affordable_block
    >>> affordable_block((1000, 64), 4, "1GiB", 1)
    135072
    """
    n_rows, n_features = shape
    copies = 2 * n_rows * (n_features + 2) * itemsize
    tables = _BYTES_A_ROW * n_rows
    if tree_rows:
        tables += _BYTES_A_TREE + _BYTES_A_TREE_ROW * tree_rows
        more_trees = min(n_threads, n_trees) - 1
        copies += 2 * more_trees * tree_rows * (n_features + 2) * itemsize
    left = (bytes_of(limit) - copies - tables) / (_BYTES_AN_ENTRY * n_threads)
    if left < _LEAST_BLOCK:
        needed = copies + tables + 4 * _BYTES_AN_ENTRY * n_threads * _LEAST_BLOCK
        raise MemoryError(
            f"Clustering {n_rows:,} rows of {n_features} features needs about "
            f"{needed / 2**20:,.0f} MiB beyond the input, but memory_limit={limit!r}. "
            f"Raise memory_limit{', lower n_jobs' if n_threads > 1 else ''}, or fit on "
            "a sample and predict the rest."
        )
    return int(min(left, (2**17 + 4 * n_rows) / n_threads))
