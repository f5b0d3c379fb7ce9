"""Guess which texts a network was trained on, with and without private training.

    python examples/benchmarks/membership_inference.py TEXTS.tsv[.gz] --members 4000

A line per text: label, tab, text; labels are read for the accuracy alone. Half of
the texts drawn are members, which the encoder is fitted on; the others are not. The
attacker [1]_ holds the model and a text, takes the greatest class probability, a mean
over the heads, and says "member" if it is above a threshold. The vocabulary is here
that of all texts, so that the figures are about the network; with --whole it is that of
the members, private where the network is. A second attack is on a vocabulary of the
members alone, by the share of a text's words that it knows.

Columns: epsilon, of the network and of the vocabulary each; accuracy of the clusters of
the members, noise given to the nearest one; area under the ROC curve of the attack on
the network, .5 by chance; members found at 1 % of the others, .01 by chance; area of
the attack on the vocabulary; seconds of the fit.

.. [1] Yeom, Giacomelli, Fredrikson, Jha, "Privacy risk in machine learning: analyzing
   the connection to overfitting", CSF 2018, arXiv:1709.01604; Carlini et al.,
   "Membership inference attacks from first principles", S&P 2022, arXiv:2112.03570.
"""

import argparse
import gzip
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.metrics import roc_auc_score, roc_curve

from deepclust import DBSCAN, RNNLSTMEncoder, TextCleaner, Vectorizer
from deepclust.encoding import DifferentialPrivacy
from deepclust.metrics import clustering_accuracy_score
from deepclust.vectorizing import VocabularyPrivacy

SCALE = 16.0  # of the network's logits
DELTA = 1e-5


def draw(path, n):
    """Return n texts and their labels, in random order."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t", 1) for line in file]
    chosen = np.random.default_rng(0).permutation(len(rows))[:n]
    labels, texts = zip(*(rows[i] for i in chosen), strict=True)
    return list(texts), np.array(labels)


def confidence(encoder, sequences):
    """Return the greatest class probability of each text, a mean over the heads."""
    plain = encoder.get_params()["prototype_weight"]
    embeddings = encoder.set_params(prototype_weight=0.0).transform(sequences)
    encoder.set_params(prototype_weight=plain)
    heads = [w for name, w in encoder.weights_.items() if name.endswith("/prototypes")]
    units = [w / np.linalg.norm(w, axis=1, keepdims=True) for w in heads]
    greatest = [softmax(SCALE * embeddings @ u.T, axis=1).max(axis=1) for u in units]
    return np.mean(greatest, axis=0)


def vectorizer_of(clean, epsilon, **options):
    """Return a vectorizer that is fitted on these texts."""
    privacy = None if epsilon is None else VocabularyPrivacy(epsilon, DELTA)
    vectorizer = Vectorizer(max_unseen=1.0, privacy=privacy, random_state=0)
    return vectorizer.set_params(**options).fit(clean)


def attack(scores, is_member):
    """Return the area under the ROC curve, and the members found at 1 % of others."""
    wrong, right, _ = roc_curve(is_member, scores)
    return roc_auc_score(is_member, scores), right[wrong <= 0.01].max()


def main():
    """Print the table of one corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path)
    parser.add_argument("--members", type=int, default=4_000)
    parser.add_argument("--epsilon", type=float, nargs="*", default=[8.0, 2.0])
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    texts, labels = draw(options.texts, 2 * options.members)
    n = options.members
    is_member = np.arange(len(texts)) < n
    clean = TextCleaner().fit_transform(texts)
    sequences = vectorizer_of(clean, None).transform(clean)
    print(f"{options.texts.name}: {n:,} members, {n:,} others")
    print("| ε | ACC | AUC | TPR at 1 % FPR | AUC of words | seconds |")
    print("|---|---|---|---|---|---|")
    for epsilon in [None, *options.epsilon]:
        privacy = None if epsilon is None else DifferentialPrivacy(epsilon, DELTA)
        if options.whole:
            sequences = vectorizer_of(clean[:n], epsilon).transform(clean)
        encoder = RNNLSTMEncoder(privacy=privacy, random_state=0)
        start = time.perf_counter()
        embeddings = encoder.fit_transform(sequences[:n])
        seconds = time.perf_counter() - start
        clusters = DBSCAN(noise="nearest").fit(embeddings).predict(embeddings)
        accuracy = clustering_accuracy_score(labels[:n], clusters)
        area, found = attack(confidence(encoder, sequences), is_member)
        vectorizer = vectorizer_of(clean[:n], epsilon, word_vectors=None)
        words, _ = attack(vectorizer.known_share(clean), is_member)
        name = "∞" if epsilon is None else f"{epsilon:g}"
        figures = f"{accuracy:.3f} | {area:.3f} | {found:.3f} | {words:.3f}"
        print(f"| {name} | {figures} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
