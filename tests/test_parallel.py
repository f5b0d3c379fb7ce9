"""Memory: every step refuses work that cannot fit before it begins, and says why.

A thread that works beside the caller stays at most one step behind.
"""

import threading

import numpy as np
import pytest

from deepclust import DBSCAN, RNNLSTMEncoder, TextCleaner, TokenSequences, Vectorizer
from deepclust._parallel import available_memory, one_behind, refuse_beyond_memory

STEPS = {
    "clean": (lambda: TextCleaner().transform(["word " * 4_000]), "Clean fewer"),
    "vectorize": (lambda: Vectorizer().fit(["a b c d", "a b c d"]), "max_features"),
    "pad": (lambda: np.asarray(TokenSequences.from_lists([[2] * 30] * 30)), "max_len"),
    "encode": (lambda: RNNLSTMEncoder().fit([[2, 3], [3, 4]] * 20), "batch_size"),
    "cluster": (lambda: DBSCAN(memory_limit=9_999).fit(np.eye(9)), "memory_limit"),
}


@pytest.mark.parametrize("step", STEPS)
def test_every_step_says_what_to_lower(step, monkeypatch):
    monkeypatch.setattr("deepclust._parallel.available_memory", lambda: 9_999)
    work, advice = STEPS[step]

    with pytest.raises(MemoryError, match=rf"\d MiB.*{advice}"):
        work()


@pytest.mark.parametrize("units", ["rnn_units", "lstm_units", "embedding_dim"])
def test_a_network_that_no_machine_holds_is_refused_at_once(units):
    with pytest.raises(MemoryError, match=rf"Training [\d,]+ weights.* {units}"):
        RNNLSTMEncoder(**{units: 10**10}).fit([[2, 3], [3, 4]] * 20)


def test_a_matrix_that_no_machine_holds_is_refused_at_once():
    sequences = TokenSequences.from_lists([[2]] * 1_000, max_len=10**12)

    with pytest.raises(MemoryError, match=r"1,000 texts of 1,000,000,000,000 tokens"):
        np.asarray(sequences)


def test_the_limit_of_the_address_space_counts():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    assert available_memory() > 2**28
    limit = 2**38
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        assert available_memory() <= limit
        with pytest.raises(MemoryError, match=r"may use [\d,]+ MiB\. Wait\."):
            refuse_beyond_memory(limit + 1, "It", "Wait.")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_thread_is_one_call_behind_and_its_error_is_raised():
    done = []

    def work(number):
        assert threading.current_thread() is not threading.main_thread()
        done.append(1 / (5 - number))

    def work_on(*numbers, fail=False):
        done.clear()
        with one_behind(work) as call:
            for n_calls, number in enumerate(numbers):
                call(number)
                assert len(done) >= n_calls
            if fail:
                raise OSError("full")

    work_on(1, 2, 3)
    assert len(done) == 3
    with pytest.raises(ZeroDivisionError):
        work_on(3, 4, 5, 6, 7)
    assert len(done) == 2
    with pytest.raises(ZeroDivisionError):
        work_on(5)
    with pytest.raises(OSError, match="full"):
        work_on(1, fail=True)
    assert len(done) == 1
