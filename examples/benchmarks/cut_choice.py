"""What is gained and lost where many clusters have to be more valid than few.

    python examples/benchmarks/cut_choice.py [tweet=tweet.npz news=news.npz ...]

Each file holds an array `emb` of embeddings and an array `y` of true classes; without
files, 42 simulated mixtures of normal distributions among uniform noise are made, three
each of 14 kinds, from 2 to 300 groups. `DBSCAN` chooses eps and min_samples by the
validity divided by the number of clusters to the power of 0 (the most valid cut), 0.02,
0.04, 0.06 (the default), 0.08 and 0.1. Printed, as a Markdown table: the number of
clusters, the share that is not noise, the adjusted mutual information of the labels as
they are and of all rows assigned, and the accuracy after the best match of these. For
mixtures, noise is a class, and means are printed.
"""

import argparse

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

import deepclust.eps_path
from deepclust import DBSCAN
from deepclust.metrics import clustering_accuracy_score

POWERS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)
KINDS = [  # groups, dimensions, share of noise, width of a group
    (2, 2, 0.05, 1.0),
    (5, 2, 0.1, 1.0),
    (5, 2, 0.3, 1.5),
    (8, 2, 0.0, 1.0),
    (10, 8, 0.1, 1.0),
    (10, 8, 0.5, 1.0),
    (15, 4, 0.2, 1.5),
    (20, 16, 0.2, 2.0),
    (30, 8, 0.1, 1.5),
    (50, 16, 0.1, 2.0),
    (100, 16, 0.2, 1.5),
    (100, 32, 0.0, 2.0),
    (300, 16, 0.1, 1.0),
    (300, 32, 0.05, 2.0),
]
ROWS = 3000


def mixture(n_groups, n_dims, noise, width, seed):
    rng = np.random.default_rng(seed)
    n_noise = int(ROWS * noise)
    truth = rng.choice(
        n_groups, ROWS - n_noise, p=rng.dirichlet(np.full(n_groups, 2.0))
    )
    centers = rng.uniform(-10, 10, (n_groups, n_dims))
    widths = width * rng.uniform(0.5, 1.5, n_groups)
    X = centers[truth] + rng.normal(size=(len(truth), n_dims)) * widths[truth, None]
    X = np.concatenate([X, rng.uniform(-13, 13, (n_noise, n_dims))])
    return X, np.concatenate([truth, np.full(n_noise, n_groups)])


def figures(X, truth, metric):
    """Return clusters, coverage, AMI as it is, AMI and accuracy of all rows."""
    model = DBSCAN(metric=metric).fit(X)
    labels = model.labels_
    everyone = model.set_params(noise="nearest").predict(X)
    return (
        model.n_clusters_,
        1.0 - model.noise_fraction_,
        adjusted_mutual_info_score(truth, labels),
        adjusted_mutual_info_score(truth, everyone),
        clustering_accuracy_score(truth, everyone),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="name=path.npz")
    options = parser.parse_args()
    data = {}
    for name, path in (file.split("=", 1) for file in options.files):
        arrays = np.load(path)
        data[name] = [(arrays["emb"], arrays["y"], "cosine")]
    if not data:
        data["mixtures"] = [
            (*mixture(*kind, seed), "euclidean") for kind in KINDS for seed in range(3)
        ]
    print("| data | power | clusters | coverage | AMI | AMI, all | ACC, all |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, sets in data.items():
        for power in POWERS:
            deepclust.eps_path._PARSIMONY = power
            means = np.mean([figures(*each) for each in sets], axis=0)
            cells = " | ".join(f"{value:.3f}" for value in means[1:])
            print(f"| {name} | {power} | {means[0]:.1f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
