"""How well label-free scores rank the cuts of a density hierarchy.

    python examples/benchmarks/validity_ranking.py tweet=tweet.npz news=news.npz

Each file holds an array `emb` of embeddings and an array `y` of true classes. On 2,500
distinct rows, some 45 cuts (min_samples 5, 12 and 25, radii from 10 to 99.5 % core
points) are scored. Printed, as a Markdown table: Spearman's rank correlation of every
score with the ARI of the labels as they are, noise being a group of its own, with the
ARI after noise has joined the nearest cluster, and their mean.
"""

import argparse

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.metrics.pairwise import euclidean_distances

from deepclust.clustering._mutual_reachability import reachability_trees
from deepclust.clustering._unique_rows import Points, unique_rows
from deepclust.metrics import dbcv_score, noise_aware_silhouette_score

ROWS = 2500


def silhouette_without_noise(X, labels):
    kept = labels >= 0
    if kept.sum() <= labels.max() + 1:
        return 0.0
    return silhouette_score(X[kept], labels[kept])


SCORES = {
    "noise_aware_silhouette_score": noise_aware_silhouette_score,
    "dbcv_score": dbcv_score,
    "silhouette, noise left out": silhouette_without_noise,
    "silhouette, noise one cluster": silhouette_score,
}


def cuts(X):
    for tree in reachability_trees(Points(X, np.ones(len(X))), [5, 12, 25]):
        steps = np.quantile(tree.core_distances, np.linspace(0.1, 0.995, 16))
        for eps in np.unique(steps) * (1 + 1e-12):
            labels = tree.cut(eps)
            if labels.max() >= 1:
                yield labels


def assigned(X, labels):
    means = [X[labels == k].mean(axis=0) for k in range(labels.max() + 1)]
    return np.where(labels < 0, euclidean_distances(X, means).argmin(axis=1), labels)


def correlations(path):
    """Return (n_scores, 2): with the ARI of the labels, and of all rows assigned."""
    data = np.load(path)
    X, y = data["emb"].astype(np.float64), data["y"]
    rows = unique_rows(X)[0]
    rows = rows[np.abs(X[rows]).max(axis=1) > 0]
    rows = np.random.default_rng(0).permutation(rows)[:ROWS]
    X, y = X[rows], y[rows]
    found, truth = [], []
    for labels in cuts(X):
        found.append([score(X, labels) for score in SCORES.values()])
        pair = labels, assigned(X, labels)
        truth.append([adjusted_rand_score(y, some) for some in pair])
    return np.array(
        [
            [spearmanr(column, true)[0] for true in np.transpose(truth)]
            for column in np.transpose(found)
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("embeddings", nargs="+", metavar="NAME=FILE.npz")
    options = parser.parse_args()
    print("| embeddings | score | ARI as it is | ARI assigned | mean |")
    print("|---|---|---:|---:|---:|")
    every = []
    for name, _, path in (text.partition("=") for text in options.embeddings):
        every.append((name, correlations(path)))
    every.append(("**mean**", np.mean([found for _, found in every], axis=0)))
    for name, found in every:
        for score, (raw, whole) in zip(SCORES, found, strict=True):
            mean = (raw + whole) / 2
            print(f"| {name} | {score} | {raw:.2f} | {whole:.2f} | {mean:.2f} |")


if __name__ == "__main__":
    main()
