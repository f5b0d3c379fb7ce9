"""The same hostile input for deepclust, scikit-learn, Keras and BERTopic, side by side.

    python examples/benchmarks/reliability.py [case ...]
    python examples/benchmarks/reliability.py --grid-search 100
    python examples/benchmarks/reliability.py --kills 20

Prints a table in Markdown, of all cases or of those that are named; the numbers are the
rows of the page on reliability. Each cell runs in a process of its own, which may take
`TIMEOUT` seconds. BERTopic runs where it is installed, as does beautifulsoup4, beside
scikit-learn, for HTML. The second form searches a grid over a whole tiny pipeline in
two processes, that many times, and says how long the longest took: one that hangs is a
timeout. The third kills the training of a network at that many times, spread over its
epochs, and trains on from the checkpoints.
"""

import multiprocessing
import sys
import time
import warnings
from importlib.util import find_spec
from queue import Empty

import reliability_faults as faults
import reliability_inputs as inputs
from reliability_models import KINDS, corpus

TIMEOUT = 300
US, PLAIN, KERAS, BERTOPIC = KINDS
CASES = {
    faults.flipped_bits: (1, KINDS),
    faults.cut_files: (2, KINDS),
    faults.file_that_grows: (6, KINDS),
    faults.file_with_code: (7, KINDS),
    faults.weights_of_nan: (8, KINDS),
    faults.newer_release: (9, (US, PLAIN, KERAS)),
    faults.full_disk: (10, KINDS),
    faults.killed_saves: (11, KINDS),
    faults.killed_training: (12, (US, KERAS)),
    inputs.rows_that_are_no_text: (13, KINDS),
    inputs.lone_surrogate: (14, (US, PLAIN, KERAS)),
    inputs.long_word: (15, KINDS),
    inputs.only_empty_texts: (16, KINDS),
    inputs.one_text: (17, (US, PLAIN, BERTOPIC)),
    inputs.no_text: (17, KINDS),
    inputs.copies: (18, (US, PLAIN, BERTOPIC)),
    faults.forked_child: (19, KINDS),
    faults.eight_threads: (20, KINDS),
    faults.one_text_and_a_batch: (20, KINDS),
    inputs.equal_rows_on_a_map: (21, (US, PLAIN)),
    inputs.nested_tags: (23, KINDS),
    faults.link_to_another_file: (24, KINDS),
    inputs.nested_json: (25, (US, PLAIN)),
    inputs.gzip_bomb: (25, (US, PLAIN)),
    inputs.huge_float32: (26, (US, PLAIN, BERTOPIC)),
    inputs.tiny_float32: (26, (US, PLAIN, BERTOPIC)),
    inputs.least_numbers: (26, (US, PLAIN, BERTOPIC)),
    inputs.metric_of_nan: (27, (US, PLAIN)),
    inputs.metric_of_nan_at_times: (27, (US, PLAIN)),
    inputs.negative_metric: (27, (US, PLAIN)),
    inputs.cells: (28, (US, PLAIN, BERTOPIC)),
    inputs.other_order: (29, (US, PLAIN, BERTOPIC)),
    inputs.set_of_texts: (29, (US, PLAIN, BERTOPIC)),
    inputs.two_wrong_parameters: (30, (US, PLAIN)),
    inputs.too_many_clusters: (31, (US, PLAIN, BERTOPIC)),
    inputs.beyond_memory: (32, (US, PLAIN, KERAS)),
    inputs.big_list: (33, KINDS),
    inputs.random_texts: (34, KINDS),
    inputs.tests_of_dbscan: (35, (US, PLAIN)),
    inputs.names_that_are_attacks: (37, (US, PLAIN, BERTOPIC)),
}


def _cell(case, kind: str, queue) -> None:
    warnings.simplefilter("ignore")
    corpus()  # also lets the tests' tiny pipelines be imported
    try:
        queue.put(case(kind))
    except BaseException as error:
        queue.put(
            f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:110]}"
        )


def cell(case, kind: str) -> str:
    """Return what a case gives, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_cell, args=(case, kind, queue))
    process.start()
    try:
        for _ in range(TIMEOUT):
            try:
                return queue.get(timeout=1)
            except Empty:
                if process.exitcode is not None:
                    return f"the process is ended, exit status {process.exitcode}"
        return f"no end after {TIMEOUT} s"
    finally:
        process.kill()


def grid_searches(n_times: int) -> None:
    """Search a grid over a tiny pipeline in two processes, again and again."""
    from sklearn.model_selection import GridSearchCV

    texts, longest = corpus()[:80], 0.0
    from tiny import tiny_clusterer

    warnings.simplefilter("ignore")
    small = {"encode__lstm_units": 0, "encode__n_pseudo_classes": 3}
    scores = set()
    for n in range(n_times):
        start = time.perf_counter()
        grid = {"cluster__min_samples": [3, 5]}
        search = GridSearchCV(tiny_clusterer(**small), grid, cv=2, n_jobs=2)
        scores.add(tuple(search.fit(texts).cv_results_["mean_test_score"]))
        longest = max(longest, time.perf_counter() - start)
        print(f"{n + 1} of {n_times}, the longest {longest:.0f} s", flush=True)
    assert len(scores) == 1, scores


def main(names: list[str]) -> None:
    """Print the table."""
    kinds = [kind for kind in KINDS if kind != BERTOPIC or find_spec("bertopic")]
    print(
        "| | case | " + " | ".join(kinds) + " |\n|---|---" + "|---" * len(kinds) + "|"
    )
    for case, (row, those) in CASES.items():
        if not names or case.__name__ in names:
            cells = [cell(case, kind) if kind in those else "" for kind in kinds]
            said = " | ".join([str(row), case.__doc__.rstrip("."), *cells])
            print(f"| {said} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--grid-search"]:
        grid_searches(int(sys.argv[2]))
    elif sys.argv[1:2] == ["--kills"]:
        faults.killed_at_times(int(sys.argv[2]))
    else:
        main(sys.argv[1:])
