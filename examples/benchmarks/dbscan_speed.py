"""Time and memory of DBSCAN beside scikit-learn's and, where installed, HDBSCAN's.

    python examples/benchmarks/dbscan_speed.py --sizes 10000 20000 --most hdbscan=10000

Each run is a process of its own, with one thread unless --threads says otherwise. It
prints a Markdown table: CPU and wall seconds (of two runs the faster), peak memory
beyond the process that holds the input, the ratio of each to deepclust's, and the power
of the number of rows by which CPU time grows. scikit-learn and deepclust get the same
eps, and must find the same core points and noise. The others compute something else and
stand here as what one might use instead.

The rows are float32 unit vectors in 64 dimensions: groups of different size and spread
and, between them, 20 % of rows that belong to none. `--embeddings FILE.npz` takes the
array `emb` of a file instead, and interpolates between neighbors where it has too few
rows.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

MIN_SAMPLES = 10
METHODS = ["deepclust", "sklearn-brute", "sklearn-ball_tree", "hdbscan", "fast_hdbscan"]


def simulated(n_rows, overlap, seed=0):
    """Return unit rows around 40 directions; `overlap` widens the groups."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, 64))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    group = rng.choice(40, n_rows, p=rng.dirichlet(np.full(40, 2.0)))
    spread = rng.uniform(0.25 + overlap, 0.6 + overlap, 40)[group]
    spread = (spread * np.exp(rng.normal(0, 0.35, n_rows)))[:, None]
    X = centres[group] + spread * rng.standard_normal((n_rows, 64)) / 8
    between = rng.random(n_rows) < 0.2
    other = centres[rng.integers(0, 40, n_rows)]
    share = rng.uniform(0.3, 0.7, (n_rows, 1))
    halo = share * centres[group] + (1 - share) * other
    halo += 0.35 * rng.standard_normal((n_rows, 64)) / 8
    X[between] = halo[between]
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def interpolated(path, n_rows, seed=0):
    """Return `n_rows` rows of a file, or points between its near neighbors."""
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(seed)
    rows = np.load(path)["emb"].astype(np.float32)
    rows = rows[np.linalg.norm(rows, axis=1) > 0]
    if n_rows <= len(rows):
        return rows[rng.choice(len(rows), n_rows, replace=False)]
    near = NearestNeighbors(n_neighbors=8).fit(rows).kneighbors(return_distance=False)
    first = rng.integers(0, len(rows), n_rows)
    second = near[first, rng.integers(0, 8, n_rows)]
    share = rng.random((n_rows, 1), dtype=np.float32)
    X = share * rows[first] + (1 - share) * rows[second]
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def usual_eps(X, noise=0.2):
    """Return the radius that leaves about 20 % of the rows no core points."""
    some = X[np.random.default_rng(1).choice(len(X), 500, replace=False)]
    squared = np.partition(2 - 2 * some @ X.T, MIN_SAMPLES - 1, axis=1)
    return float(np.quantile(np.sqrt(squared[:, MIN_SAMPLES - 1].clip(0)), 1 - noise))


def estimator(method, eps, threads):
    if method == "deepclust":
        from deepclust import DBSCAN

        return DBSCAN(eps, min_samples=MIN_SAMPLES, n_jobs=threads)
    if method.startswith("sklearn-"):
        from sklearn.cluster import DBSCAN

        algorithm = method.removeprefix("sklearn-")
        return DBSCAN(
            eps=eps, min_samples=MIN_SAMPLES, algorithm=algorithm, n_jobs=threads
        )
    if method == "hdbscan":
        from hdbscan import HDBSCAN

        return HDBSCAN(min_samples=MIN_SAMPLES, core_dist_n_jobs=threads)
    from fast_hdbscan import HDBSCAN

    # Its first call compiles.
    HDBSCAN(min_samples=MIN_SAMPLES).fit(simulated(2000, 0.0))
    return HDBSCAN(min_samples=MIN_SAMPLES)


def peak_kib():
    """Return this process's peak; Linux's ru_maxrss begins at its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run_one(options):
    """Fit once in this process and print the figures as JSON."""
    from threadpoolctl import threadpool_limits

    X = np.load(options.rows)
    model = estimator(options.method, options.eps, options.threads)
    with threadpool_limits(limits=options.threads):
        model.fit(X[:1000])
        before = peak_kib()
        seconds = []
        for _ in range(options.repeats):
            wall, cpu = time.perf_counter(), time.process_time()
            model.fit(X)
            seconds.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = min(seconds)
    after = peak_kib()
    core = getattr(model, "core_sample_indices_", np.empty(0, int))
    print(
        json.dumps(
            {
                "cpu": cpu,
                "wall": wall,
                "mib": (after - before) / 1024,
                "noise": float(np.mean(model.labels_ < 0)),
                "clusters": int(model.labels_.max() + 1),
                "core": int(core.sum()) % 2**31,
            }
        )
    )


def rows_of(options, size):
    if options.embeddings:
        return interpolated(options.embeddings, size)
    return simulated(size, options.overlap)


def measure(options, method, rows, eps, size):
    command = [sys.executable, __file__, "--method", method, "--rows", rows]
    command += ["--eps", repr(eps), "--threads", str(options.threads)]
    command += ["--repeats", str(options.repeats if size <= 50_000 else 1)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        return {"error": answer.stderr.strip().splitlines()[-1][:60]}
    return json.loads(answer.stdout.splitlines()[-1])


def available(method):
    package = method.partition("-")[0]
    return importlib.util.find_spec(package) is not None


COLUMNS = ["rows", "method", "CPU s", "wall s", "MiB"]
COLUMNS += ["× CPU", "× wall", "× MiB", "noise", "clusters"]


def print_row(size, method, found, ours):
    cells = [f"{size:,}", method]
    if "error" in found:
        cells += [found["error"], *[""] * 7]
    else:
        for name, form in (("cpu", ".2f"), ("wall", ".2f"), ("mib", ".0f")):
            cells.append(format(found[name], form))
        least = {"cpu": 1e-3, "wall": 1e-3, "mib": 1}
        for name in least if ours else ():
            cells.append(f"{found[name] / max(ours[name], least[name]):.1f}")
        cells += [] if ours else ["", "", ""]
        cells += [f"{found['noise']:.2f}", str(found["clusters"])]
        same = not ours or found["core"] == ours["core"] or "hdbscan" in method
        cells[1] += "" if same else " (DIFFERENT CORE POINTS)"
    print("| " + " | ".join(cells) + " |", flush=True)


def print_growth(found):
    """Print by which power of the number of rows each method's CPU time grows."""
    for method in dict.fromkeys(method for method, _ in found):
        sizes = sorted(size for name, size in found if name == method)
        if len(sizes) > 1:
            low, high = (found[method, size]["cpu"] for size in (sizes[0], sizes[-1]))
            growth = np.log(high / low) / np.log(sizes[-1] / sizes[0])
            print(f"- {method}: n^{growth:.2f} from {sizes[0]:,} to {sizes[-1]:,} rows")


def compare(options):
    most = {
        name: int(rows) for name, _, rows in (m.partition("=") for m in options.most)
    }
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---:|---|" + "---:|" * (len(COLUMNS) - 2))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            X = rows_of(options, size)
            rows = str(Path(folder, "rows.npy"))
            np.save(rows, X)
            eps = usual_eps(X)
            del X
            for method in filter(available, options.methods):
                if size > most.get(method, size):
                    continue
                answer = measure(options, method, rows, eps, size)
                print_row(size, method, answer, found.get(("deepclust", size), answer))
                if "error" not in answer:
                    found[method, size] = answer
    print()
    print_growth(found)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[5000, 10_000, 20_000])
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument(
        "--most", nargs="*", default=[], help="METHOD=ROWS: no larger size for it"
    )
    parser.add_argument("--overlap", type=float, default=0.0, help="0.25 is hard")
    parser.add_argument("--embeddings", help="npz file with an array emb")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--method", help=argparse.SUPPRESS)
    parser.add_argument("--rows", help=argparse.SUPPRESS)
    parser.add_argument("--eps", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.method:
        run_one(options)
    else:
        compare(options)


if __name__ == "__main__":
    main()
