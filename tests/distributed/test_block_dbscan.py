"""DBSCAN across blocks gives what DBSCAN on all rows gives, bit by bit."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from deepclust import DBSCAN
from deepclust.distributed import dbscan
from deepclust.exceptions import ClusteringWarning

da = pytest.importorskip("dask.array")


def rows_with_copies(n_rows, n_features=8, seed=0, dtype=np.float32):
    """Return clusters that run through all blocks, with noise and copies."""
    rng = np.random.default_rng(seed)
    centers = 2 * rng.standard_normal((12, n_features))
    spread = rng.choice([0.1, 0.2, 1.0], (n_rows, 1))
    X = centers[rng.integers(0, 12, n_rows)]
    X += spread * rng.standard_normal((n_rows, n_features))
    X[rng.integers(0, n_rows, n_rows // 8)] = X[rng.integers(0, n_rows, n_rows // 8)]
    X[rng.integers(0, n_rows, 3)] = 0
    return X.astype(dtype)


def in_blocks(X, n_blocks):
    return da.from_array(X, chunks=(-(-len(X) // n_blocks), -1))


def assert_equals_one_process(X, found, eps, **options):
    expected = DBSCAN(eps, **options).fit(X)
    core, labels, approximate, recall = found
    assert (approximate, recall) == (False, 1.0)
    np.testing.assert_array_equal(labels, expected.labels_)
    np.testing.assert_array_equal(core, expected.core_sample_indices_)
    assert labels.dtype == expected.labels_.dtype
    assert core.dtype == expected.core_sample_indices_.dtype
    return expected


@pytest.mark.parametrize("n_blocks", [1, 2, 5, 8])
@pytest.mark.parametrize(
    ("metric", "eps", "dtype"),
    [("euclidean", 0.5, np.float32), ("cosine", 0.01, np.float64)],
)
def test_labels_are_those_of_one_process(n_blocks, metric, eps, dtype):
    X = rows_with_copies(4000, dtype=dtype)
    X[2000:] = X[2000:][np.argsort(X[2000:, 0])]  # some blocks are far apart, some not
    blocks = in_blocks(X, n_blocks)
    assert blocks.numblocks == (n_blocks, 1)

    found = dbscan(blocks, eps, metric=metric)

    expected = assert_equals_one_process(X, found, eps, metric=metric)
    assert expected.n_clusters_ > 5
    assert 0.05 < expected.noise_fraction_ < 0.6
    assert len(found[0]) < np.sum(found[1] >= 0)  # there are border points


@st.composite
def grids_in_blocks(draw):
    """Return rows with ties and copies, and sizes of blocks, some empty."""
    n_features = draw(st.integers(1, 2))
    values = st.lists(st.integers(0, 6), min_size=n_features, max_size=n_features)
    rows = draw(st.lists(values, min_size=1, max_size=40))
    cuts = draw(st.lists(st.integers(0, len(rows)), max_size=5))
    return np.array(rows), np.diff([0, *sorted(cuts), len(rows)]).tolist()


@pytest.mark.filterwarnings("ignore::deepclust.exceptions.ClusteringWarning")
@given(
    cut=grids_in_blocks(),
    eps=st.sampled_from([0.5, 1, np.sqrt(2), 2]),
    min_samples=st.sampled_from([1, 2, 4, 6, "auto"]),
)
@settings(max_examples=25)
def test_ties_and_empty_blocks(cut, eps, min_samples):
    X, sizes = cut
    blocks = da.concatenate(
        [da.from_array(part) for part in np.split(X, np.cumsum(sizes)[:-1])]
    )

    found = dbscan(blocks, eps, min_samples=min_samples)

    assert_equals_one_process(X, found, eps, min_samples=min_samples)


def test_the_nearest_core_point_decides_across_blocks():
    # 0.9 is no core point; 0.0 and 1.7, of other blocks, are
    X = np.array([[-1.0], [-0.5], [-0.2], [0.0], [0.9], [1.7], [2.0], [2.3], [2.7]])
    for chunk in (2, 3, 4, 5, 9):
        found = dbscan(da.from_array(X, chunks=(chunk, -1)), 1.0, min_samples=4)
        assert_equals_one_process(X, found, 1.0, min_samples=4)
        assert found[1].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_sizes_that_dask_does_not_know():
    X = rows_with_copies(600)
    blocks = in_blocks(X, 4)
    blocks = blocks[blocks[:, 0] < 2.0]

    found = dbscan(blocks, 0.5)

    assert_equals_one_process(X[X[:, 0] < 2.0], found, 0.5)


def test_features_in_several_blocks():
    X = rows_with_copies(600)
    found = dbscan(da.from_array(X, chunks=(200, 3)), 0.5, min_samples=4)
    assert_equals_one_process(X, found, 0.5, min_samples=4)


def test_few_inverted_lists_are_approximate():
    X = rows_with_copies(2000)
    exact = dbscan(in_blocks(X, 4), 0.5)
    all_lists = dbscan(in_blocks(X, 4), 0.5, n_probe=1000)
    assert (all_lists.approximate, all_lists.recall) == (True, 1.0)
    np.testing.assert_array_equal(all_lists.labels, exact.labels)

    some = dbscan(in_blocks(X, 4), 0.5, n_probe=1)
    assert some.approximate
    assert 0.9 < some.recall < 1
    assert adjusted_rand_score(exact.labels, some.labels) > 0.9
    assert np.isin(some.core_sample_indices, exact.core_sample_indices).all()

    no_clusters = np.random.default_rng(0).random((2000, 8), dtype=np.float32)
    with pytest.warns(ClusteringWarning, match=r"n_probe=1 finds \d+%\. Raise it"):
        assert dbscan(in_blocks(no_clusters, 4), 0.45, n_probe=1).recall < 0.7


def test_files_are_removed(tmp_path):
    dbscan(in_blocks(rows_with_copies(600), 3), 0.5, folder=tmp_path)
    assert not [*tmp_path.iterdir()]


def test_noise_alone_is_warned_of():
    X = np.arange(12.0)[:, None]
    with pytest.warns(ClusteringWarning, match="every row is noise"):
        core, labels, *_ = dbscan(in_blocks(X, 3), 0.5)
    assert len(core) == 0
    assert labels.tolist() == [-1] * 12
    with pytest.warns(ClusteringWarning, match="every row is noise"):
        dbscan(in_blocks(np.zeros((4, 2)), 2), 0.5, metric="cosine")


def test_what_is_refused():
    X = np.zeros((4, 2))
    with pytest.raises(TypeError, match=r"needs an array of Dask.*DBSCAN"):
        dbscan(X, 0.5)
    with pytest.raises(TypeError, match="two dimensions"):
        dbscan(da.from_array(X[0]), 0.5)
    with pytest.raises(ValueError, match="'eps'"):
        dbscan(in_blocks(X, 2), "auto")
    with pytest.raises(ValueError, match="'metric'"):
        dbscan(in_blocks(X, 2), 0.5, metric="manhattan")
    X[3] = np.nan
    with pytest.raises(ValueError, match=r"no NaN.* in row 1 of block 1,"):
        dbscan(in_blocks(X, 2), 0.5)
    with pytest.raises(TypeError, match=r"real numbers.*complex128"):
        dbscan(in_blocks(X + 1j, 2), 0.5)
    with pytest.raises(ValueError, match=r"dense blocks.* in block \d"):
        dbscan(in_blocks(np.zeros((4, 2)), 2).map_blocks(csr_array), 0.5)


def test_whole_numbers_cluster_as_floats():
    X = np.array([[0], [1], [2], [9], [10], [11]])
    found = dbscan(in_blocks(X, 4), 1.0, min_samples=2)
    np.testing.assert_array_equal(found.labels, [0, 0, 0, 1, 1, 1])


def test_workers_load_neither_scikit_learn_nor_pandas():
    code = (
        "import sys, deepclust.distributed._block_tasks as tasks;"
        "heavy = {'sklearn', 'pandas', 'tensorflow', 'spacy', 'matplotlib'};"
        "print(heavy & {*sys.modules}, tasks.find_core.__name__)"
    )
    run = [sys.executable, "-c", code]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert shown == "set() find_core\n"


@pytest.mark.slow
def test_a_worker_that_dies_changes_nothing(tmp_path):
    distributed = pytest.importorskip("distributed")
    X = rows_with_copies(3000)
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
    ):
        pid = cluster.workers[0].pid

        def kill():
            while not [*tmp_path.glob("*/*.npy")]:  # core points of a block are known
                time.sleep(0.02)
            os.kill(pid, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        found = dbscan(in_blocks(X, 8), 0.5, folder=tmp_path)
        thread.join()

    assert_equals_one_process(X, found, 0.5)
