"""What each part of the encoder is worth, on labeled corpora of your own.

    python examples/benchmarks/encoder_ablation.py DIR NAME [NAME ...] [--seeds 0,1,2]

DIR holds NAME.tsv or NAME.tsv.gz, a line per text: label, tab, text. Labels are read
for scoring alone, but for the rows on labels and keywords. Rows:

  lexical features  k-means / DBSCAN on what the network is taught from, no network
  mixture           the teacher's grouping itself, chosen and mended, no network
  default           the encoder as it comes
  ...               one parameter changed
  5 % labeled      the encoder told the classes of a twentieth of the texts
  seed words        the encoder told three words of each class, those of the highest
                    chi-squared statistic in that twentieth
  unseen: ...       fitted on half of the texts, scored on the other half; k-means is
                    on the lexical features

Columns: ACC / AMI of k-means with the true number of classes on the embeddings (of the
mixture with that number), then of the clusters found without it, every text assigned;
k is their number. Means over the seeds.
"""

import argparse
import gzip
import pathlib
import warnings
from collections import defaultdict

import numpy as np
from sklearn.cluster import KMeans
from sklearn.feature_selection import chi2
from sklearn.metrics import adjusted_mutual_info_score

from deepclust import DBSCAN, RNNLSTMEncoder, TextCleaner, Vectorizer
from deepclust.metrics import clustering_accuracy_score
from deepclust.pseudo_labels._document_completion import document_completion_scores
from deepclust.pseudo_labels._features import document_term_matrix, lsa_features
from deepclust.pseudo_labels._model_selection import select_n_components
from deepclust.pseudo_labels._partition_tree import PartitionTree
from deepclust.pseudo_labels._pseudo_labels import N_TREES

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


def scores(truth, labels):
    return (
        clustering_accuracy_score(truth, labels),
        adjusted_mutual_info_score(truth, labels),
    )


def judged(truth, embeddings, seed):
    """Return ACC and AMI with the number of classes known, then found, and k."""
    n_classes = truth.max() + 1
    known = KMeans(n_classes, n_init=3, random_state=seed).fit_predict(embeddings)
    clusterer = DBSCAN(metric="cosine", noise="nearest").fit(embeddings)
    found = scores(truth, clusterer.labels_)
    return (*scores(truth, known), *found, clusterer.n_clusters_)


def first_mixture(features, counts, n_components, seed):
    """Return the mixture whose partition is the first target."""
    trees = [
        PartitionTree(features, counts, seed=seed + i) for i in range(N_TREES[1.0])
    ]
    mixtures = [
        fit(n_components) for tree in trees for fit in (tree.fit_cut, tree.fit_random)
    ]
    labels = [mixture.predict(features, counts) for mixture in mixtures]
    scores = document_completion_scores(counts, labels, seed=seed)
    return mixtures[int(np.argmax(scores))]


def unseen(sequences, truth, seed):
    """Teacher and encoder learn from one half of the texts and sort the other."""
    order = np.random.default_rng(seed).permutation(len(truth))
    seen, new = order[: len(order) // 2], order[len(order) // 2 :]
    vectors = sequences.vocabulary.vectors
    counts = document_term_matrix(sequences)
    n_groups, _ = select_n_components(counts[seen], vectors, seed=seed)
    # Features of both halves together: the teacher is even shown the unseen.
    features = lsa_features(counts, vectors, seed=seed)
    mixture = first_mixture(features[seen], counts[seen], n_groups, seed)
    taught = mixture.predict(features[new], counts[new])
    means = KMeans(n_groups, n_init=3, random_state=seed).fit(features[seen])
    by_means = means.predict(features[new])
    encoder = RNNLSTMEncoder(n_pseudo_classes=n_groups, random_state=seed)
    clusterer = DBSCAN(metric="cosine", noise="nearest")
    clusterer.fit(encoder.fit_transform(sequences[seen]))
    learned = clusterer.predict(encoder.transform(sequences[new]))
    nothing = (np.nan, np.nan)
    yield "unseen: k-means", (*nothing, *scores(truth[new], by_means), n_groups)
    yield "unseen: mixture", (*nothing, *scores(truth[new], taught), n_groups)
    found = scores(truth[new], learned)
    yield "unseen: encoder", (*nothing, *found, clusterer.n_clusters_)


def rows_of_seed(sequences, truth, seed, variants):
    """Yield name and figures of every row."""
    vectors = sequences.vocabulary.vectors
    counts = document_term_matrix(sequences)
    features = lsa_features(counts, vectors, seed=seed)
    yield "lexical features", judged(truth, features, seed)
    n_groups, _ = select_n_components(counts, vectors, seed=seed)
    by_k = [
        first_mixture(features, counts, k, seed).predict(features, counts)
        for k in (truth.max() + 1, n_groups)
    ]
    yield "mixture", (*scores(truth, by_k[0]), *scores(truth, by_k[1]), n_groups)
    told = np.full(len(truth), -1)
    some = np.random.default_rng(seed).permutation(len(truth))[: len(truth) // 20]
    told[some] = truth[some]
    chi = [chi2(counts[some], truth[some] == c)[0] for c in range(truth.max() + 1)]
    # a word of several classes names the one it speaks for most
    strength = np.nan_to_num(np.array(chi))
    strength[strength.argmax(axis=0), np.arange(strength.shape[1])] += 1e6
    seed_words = {
        f"class {c}": [sequences.vocabulary.tokens[t] for t in best if row[t] > 1e6]
        for c, row in enumerate(strength)
        for best in [np.argsort(-row)[:3]]
    }
    seed_words = {name: words for name, words in seed_words.items() if words}
    runs = [(name, {**change}, None) for name, change in variants.items()]
    runs += [
        ("5 % labeled", {}, told),
        ("seed words", {"seed_words": seed_words}, None),
    ]
    for name, change, y in runs:
        options = {"granularity": n_groups, "random_state": seed} | change
        encoder = RNNLSTMEncoder(**options).fit(sequences, y)
        yield name, judged(truth, encoder.transform(sequences), seed)
    yield from unseen(sequences, truth, seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", help="names of variants, separated by commas")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    kept = options.only.split(",") if options.only else list(VARIANTS)
    variants = {name: VARIANTS[name] for name in kept}
    for name in options.names:
        texts, truth = read_corpus(options.directory, name)
        print(f"{name}: {len(texts)} texts, {truth.max() + 1} classes", flush=True)
        sequences = Vectorizer(random_state=0).fit_transform(
            TextCleaner().transform(texts)
        )
        rows = np.flatnonzero(sequences.lengths > 0)
        sequences, truth = sequences[rows], truth[rows]
        table = defaultdict(list)
        for seed in map(int, options.seeds.split(",")):
            for row, figures in rows_of_seed(sequences, truth, seed, variants):
                table[row].append(figures)
        for row, figures in table.items():
            acc, ami, found_acc, found_ami, k = np.mean(figures, axis=0)
            print(
                f"  {row:17s} known k {acc:.3f} / {ami:.3f}   "
                f"found {found_acc:.3f} / {found_ami:.3f}   k {k:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
