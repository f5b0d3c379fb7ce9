"""Long texts: whole docstrings of installed packages, clustered with the defaults.

    python examples/benchmarks/long_texts.py [--packages numpy scipy ...] [--most 200]
        [--seed 0] [--tsv OUT]

A text is a docstring of 100 words or more, cut after 400; its labels are the package
and the sub-package, of which the first --most in random order take part, if there are
ten. Labels are read for scoring alone. Rows: k-means with the true number on the latent
semantic analysis of TF-IDF, and deepclust, every text assigned. Columns: clusters,
accuracy of the best one-to-one match, adjusted mutual information. Then the pseudo-
classes, the training accuracy and the share of noise.

The packages differ between machines, and so do the figures: compare rows, not runs.
"""

import argparse
import ast
import importlib.util
import pathlib
import random
from collections import Counter

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.preprocessing import normalize

from deepclust import make_text_clusterer
from deepclust.metrics import clustering_accuracy_score

PACKAGES = ("keras", "matplotlib", "numpy", "pandas", "scipy", "sklearn", "tensorflow")
LEAST_WORDS, MOST_WORDS = 100, 400
LEAST_TEXTS = 10


def docstrings(package):
    """Yield the sub-package and the words of each docstring, in no special order."""
    folder = pathlib.Path(importlib.util.find_spec(package).origin).parent
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).parts
        if "tests" in parts:
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        part = next((p for p in parts if p not in ("src", "python")), parts[-1])
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                text = ast.get_docstring(node) or ""
                yield f"{package}/{part.removesuffix('.py')}", text.split()


def long_texts(packages, most):
    """Return labels and texts."""
    rows = {
        " ".join(words[:MOST_WORDS]): label
        for package in packages
        for label, words in docstrings(package)
        if len(words) >= LEAST_WORDS
    }
    pairs = sorted((label, text) for text, label in rows.items())
    random.Random(0).shuffle(pairs)
    sizes, seen, kept = Counter(label for label, _ in pairs), Counter(), []
    for label, text in pairs:
        seen[label] += 1
        if sizes[label] >= LEAST_TEXTS and seen[label] <= most:
            kept.append((label, text))
    labels, texts = zip(*kept, strict=True)
    return list(labels), list(texts)


def show(name, levels, labels):
    for level, truth in levels.items():
        print(
            f"{name:16s} {level:12s} {len(set(labels)):4d}  "
            f"{clustering_accuracy_score(truth, labels):.3f}  "
            f"{adjusted_mutual_info_score(truth, labels):.3f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", nargs="+", default=PACKAGES)
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tsv", type=pathlib.Path, help="write label, tab, text here")
    options = parser.parse_args()
    labels, texts = long_texts(options.packages, options.most)
    if options.tsv:
        lines = [
            f"{label}\t{text}\n" for label, text in zip(labels, texts, strict=True)
        ]
        options.tsv.write_text("".join(lines), encoding="utf-8")
    levels = {
        "package": np.array([label.split("/")[0] for label in labels]),
        "sub-package": np.array(labels),
    }
    print(
        f"{len(texts):,} texts of {np.mean([len(t.split()) for t in texts]):.0f} words"
    )
    counts = TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=2)
    topics = TruncatedSVD(100, random_state=0).fit_transform(
        counts.fit_transform(texts)
    )
    for level, truth in levels.items():
        k_means = KMeans(len(set(truth)), n_init=3, random_state=0)
        show("LSA, k-means", {level: truth}, k_means.fit_predict(normalize(topics)))
    pipeline = make_text_clusterer(random_state=options.seed)
    noise = np.mean(pipeline.fit_predict(texts) == -1)
    found = pipeline.set_params(cluster__noise="nearest").predict(texts)
    show("deepclust", levels, found)
    encoder = pipeline["encode"]
    print(
        f"{encoder.n_pseudo_classes_} pseudo-classes, training accuracy "
        f"{encoder.history_['accuracy'].iloc[-1]:.2f}, {noise:.0%} noise"
    )


if __name__ == "__main__":
    main()
