"""Cluster texts on several machines with Dask: learn, predict to files, search.

    python examples/on_a_cluster.py                                 two processes here
    python examples/on_a_cluster.py --scheduler tcp://10.0.0.1:8786
    python examples/on_a_cluster.py --scheduler tcp://10.0.0.1:8786 "/data/*.txt"

Without files, it clusters the docstrings of the installed packages. On a cluster, all
machines must reach files and `--out` by the same names.
"""

import argparse

import dask.bag as db
import joblib
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV

from deepclust import make_text_clusterer
from deepclust.datasets import load_docstrings
from deepclust.distributed import predict_to_parquet

GRID = {"encode__lstm_units": [32, 64], "cluster__min_samples": [5, 15]}


def main(texts, out="labels", n_searched=1_000, grid=GRID, **parameters):
    """Fit, write one file of labels for each partition, and search a grid."""
    pipeline = make_text_clusterer(random_state=0).set_params(**parameters)
    pipeline.fit(texts)  # workers draw the sample, the fit runs here
    parts = predict_to_parquet(pipeline, texts, out)
    print(f"{len(pipeline[-1].cluster_names_)} clusters; {len(parts)} files in {out}")

    some = texts.take(n_searched, npartitions=-1, warn=False)
    print(f"grid search on {len(some):,} texts: this takes a while", flush=True)
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    with joblib.parallel_config("dask"):  # every fit is a task of a worker
        search.fit([*some])
    print(f"best parameters: {search.best_params_}, score {search.best_score_:.3f}")
    return pipeline, search


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", help="one text a line")
    parser.add_argument("--scheduler", help="address; without, two workers here")
    parser.add_argument("--out", default="labels")
    arguments = parser.parse_args()
    here = None if arguments.scheduler else LocalCluster(2, threads_per_worker=1)
    with Client(arguments.scheduler or here):
        if arguments.files:
            bag = db.read_text(arguments.files).map(str.rstrip, "\n")
        else:
            bag = db.from_sequence(load_docstrings().data, npartitions=8)
        main(bag, arguments.out)
