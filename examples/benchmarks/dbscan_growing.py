"""Time of DBSCAN.partial_fit and DBSCAN.cut beside a fit on all rows.

    python examples/benchmarks/dbscan_growing.py --sizes 20000 100000

CPU seconds on one thread, rows as in dbscan_speed.py: a fit on all rows, the last 1,000
of them by partial_fit (after one such call, which makes the state), and, for up to
20,000 rows, the choice of eps and a cut of its hierarchy at another eps.
"""

import argparse
import time

import numpy as np
from dbscan_speed import MIN_SAMPLES, simulated, usual_eps
from threadpoolctl import threadpool_limits

from deepclust import DBSCAN

BATCH = 1000


def seconds(work):
    start = time.process_time()
    answer = work()
    return answer, time.process_time() - start


def measure(n_rows):
    X = simulated(n_rows, 0.0)
    eps = usual_eps(X)
    fitted, fit = seconds(lambda: DBSCAN(eps, min_samples=MIN_SAMPLES).fit(X))
    model = DBSCAN(eps, min_samples=MIN_SAMPLES).fit(X[: -2 * BATCH])
    model.partial_fit(X[-2 * BATCH : -BATCH])
    model, grow = seconds(lambda: model.partial_fit(X[-BATCH:]))
    assert np.array_equal(model.labels_, fitted.labels_)
    auto = cut = np.nan
    if n_rows <= 20_000:
        chosen, auto = seconds(lambda: DBSCAN(min_samples=MIN_SAMPLES).fit(X))
        model, cut = seconds(lambda: chosen.cut(eps))
        assert np.array_equal(model.labels_, fitted.labels_)
    return fit, grow, auto, cut


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000])
    print("| rows | fit | partial_fit of 1,000 | fit, eps auto | cut(eps) |")
    print("|---:|---:|---:|---:|---:|")
    with threadpool_limits(limits=1):
        measure(5000)
        for n_rows in parser.parse_args().sizes:
            cells = " | ".join(f"{found:.3f}" for found in measure(n_rows))
            print(f"| {n_rows:,} | {cells} |".replace("nan", ""), flush=True)


if __name__ == "__main__":
    main()
