"""What each part of the encoder is worth, on labelled corpora of your own.

    python examples/benchmarks/encoder_ablation.py DIR NAME [NAME ...] [--seed 0]

DIR holds NAME.tsv or NAME.tsv.gz, a line per text: label, tab, text. Labels are read
for scoring alone. Rows:

  teacher          k-means / DBSCAN on the lexical features, no network
  default          the encoder as it comes
  ...              one parameter changed
  unseen: ...      fitted on half of the texts, scored on the other half

Columns: ACC and AMI of k-means with the true number of classes on the embeddings, then
of the clusters found without it, every text assigned; k is their number.
"""

import argparse
import gzip
import pathlib
import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score

from deepclust import DBSCAN, RNNLSTMEncoder, TextCleaner, Vectorizer
from deepclust.metrics import clustering_accuracy_score
from deepclust.teaching import Grouping, choose_granularity, count_matrix
from deepclust.teaching import lexical_features as features_of

VARIANTS = {
    "default": {},
    "RNN only": {"lstm_units": 0},
    "LSTM only": {"rnn_units": 0},
    "fusion=stack": {"fusion": "stack"},
    "fusion=sum": {"fusion": "sum"},
    "fusion=gate": {"fusion": "gate"},
    "pooling=mean": {"pooling": "mean"},
    "word_dropout=0": {"word_dropout": 0.0},
    "word_dropout=0.25": {"word_dropout": 0.25},
    "sharpening=0": {"sharpening": 0.0},
    "sharpening=0.5": {"sharpening": 0.5},
}


def read_corpus(directory, name):
    path = directory / f"{name}.tsv"
    opener = open if path.exists() else gzip.open
    path = path if path.exists() else directory / f"{name}.tsv.gz"
    with opener(path, "rt", encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\n").split("\t", 1) for line in lines]
    labels = np.unique([label for label, _ in rows], return_inverse=True)[1]
    return [text for _, text in rows], labels


def pair(truth, labels):
    accuracy = clustering_accuracy_score(truth, labels)
    return f"{accuracy:.3f}/{adjusted_mutual_info_score(truth, labels):.3f}"


def show(name, truth, embeddings, seed):
    n_classes = truth.max() + 1
    known = KMeans(n_classes, n_init=3, random_state=seed).fit_predict(embeddings)
    clusterer = DBSCAN(metric="cosine", noise="nearest").fit(embeddings)
    found = pair(truth, clusterer.labels_)
    print(
        f"  {name:20s} known k {pair(truth, known)}   found {found}"
        f"   k {clusterer.n_clusters_}",
        flush=True,
    )


def show_unseen(sequences, truth, seed):
    """Teacher and encoder learn from one half of the texts and sort the other."""
    order = np.random.default_rng(seed).permutation(len(truth))
    seen, unseen = order[: len(order) // 2], order[len(order) // 2 :]
    vectors = sequences.vocabulary.vectors
    counts = count_matrix(sequences[seen])
    linkage, n_groups, _ = choose_granularity(counts, vectors, seed=seed)
    # Lexical features of both halves together: the teacher is even shown the unseen.
    features = features_of(count_matrix(sequences), vectors, seed=seed)
    groups = Grouping(features[seen], seed=seed)
    teacher = groups.assign(features[unseen], linkage, n_groups)
    encoder = RNNLSTMEncoder(granularity=n_groups, random_state=seed)
    clusterer = DBSCAN(metric="cosine", noise="nearest")
    clusterer.fit(encoder.fit_transform(sequences[seen]))
    learned = clusterer.predict(encoder.transform(sequences[unseen]))
    print(f"  unseen: teacher      {pair(truth[unseen], teacher)}   k {n_groups}")
    print(
        f"  unseen: encoder      {pair(truth[unseen], learned)}"
        f"   k {clusterer.n_clusters_}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    for name in options.names:
        texts, truth = read_corpus(options.directory, name)
        print(f"{name}: {len(texts)} texts, {truth.max() + 1} classes", flush=True)
        sequences = Vectorizer(random_state=options.seed).fit_transform(
            TextCleaner().transform(texts)
        )
        kept = np.flatnonzero(sequences.lengths > 0)
        sequences, truth = sequences[kept], truth[kept]
        show_unseen(sequences, truth, options.seed)
        vectors = sequences.vocabulary.vectors
        counts = count_matrix(sequences)
        show("teacher", truth, features_of(counts, vectors), options.seed)
        granularity = "auto"
        for label, changed in VARIANTS.items():
            encoder = RNNLSTMEncoder(
                granularity=granularity, random_state=options.seed, **changed
            )
            embeddings = encoder.fit_transform(sequences)
            granularity = encoder.granularity_  # the same for all: found once
            show(label, truth, embeddings, options.seed)


if __name__ == "__main__":
    main()
