"""Keywords of the same clusters by deepclust and by class-based TF-IDF.

    python examples/benchmarks/keyword_quality.py DIR NAME [NAME ...] [--seed 0]

DIR holds NAME.tsv or NAME.tsv.gz, a line per text: label, tab, text. The labels are not
used. The clusters are those of the default pipeline, at each of its layers; noise is
one more class of texts, and its keywords are left out. Rows:

  c-TF-IDF               BERTopic's formula on BERTopic's default tokens: words of the
                         raw texts, lower-cased, stop words among them
  c-TF-IDF, stop words   the same without scikit-learn's English stop words
  c-TF-IDF, cleaned      the same formula on the tokens of TextCleaner
  deepclust              cluster_keywords, single tokens

Keywords are taken from one half of the texts and judged on the other, and the other way
round. Columns, over ten keywords a cluster: coherence, the mean NPMI of all pairs of
keywords of a cluster, from the texts that hold both (-1 where no text does; -1 to 1);
diversity, the share of different words among the keywords of all clusters.
"""

import argparse
import gzip
import itertools
import math
import pathlib
import warnings

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer

from deepclust import make_text_clusterer
from deepclust.inspection import cluster_keywords

N_KEYWORDS = 10


def read_texts(directory, name):
    path = directory / f"{name}.tsv"
    opener = open if path.exists() else gzip.open
    path = path if path.exists() else directory / f"{name}.tsv.gz"
    with opener(path, "rt", encoding="utf-8", newline="\n") as lines:
        return [line.rstrip("\n").split("\t", 1)[1] for line in lines]


def class_tf_idf(texts, labels, counter):
    """Return BERTopic's keywords: share of the term times log(1 + A / f)."""
    counts = sp.csr_array(counter.fit_transform(texts), dtype=np.float64)
    terms = counter.get_feature_names_out()
    clusters, codes = np.unique(labels, return_inverse=True)
    members = sp.csr_array((np.ones(len(texts)), (codes, np.arange(len(texts)))))
    of_class = (members @ counts).toarray()
    words = of_class.sum(axis=1)
    idf = np.log1p(words.mean() / of_class.sum(axis=0))
    weights = of_class / words[:, None] * idf
    keywords = {}
    for cluster, row in zip(clusters.tolist(), weights, strict=True):
        best = np.lexsort((terms, -row))[:N_KEYWORDS]
        keywords[cluster] = terms[best[row[best] > 0]].tolist()
    return keywords


def coherence(keywords, held):
    """Return the mean NPMI; held[word] is the set of rows whose texts hold it."""
    n_texts = held["n_texts"]
    means = []
    for words in keywords.values():
        values = []
        for one, other in itertools.combinations(words, 2):
            both = len(held[one] & held[other]) / n_texts
            alone = len(held[one]) * len(held[other]) / n_texts**2
            if both in (0, 1):
                values.append(2.0 * both - 1.0)
            else:
                values.append(math.log(both / alone) / -math.log(both))
        means.append(np.mean(values))
    return float(np.mean(means))


def diversity(keywords):
    words = [word for row in keywords.values() for word in row]
    return len(set(words)) / len(words)


def rows_that_hold(texts, cleaned, words):
    """Return the rows whose raw words or cleaned tokens hold each of the words."""
    split = CountVectorizer().build_analyzer()
    held = {word: set() for word in words}
    for row, (text, clean) in enumerate(zip(texts, cleaned, strict=True)):
        for word in held.keys() & {*split(text), *clean.split()}:
            held[word].add(row)
    return held | {"n_texts": len(texts)}


def all_keywords(texts, cleaned, labels):
    tokens = CountVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False)
    found = {
        "c-TF-IDF": class_tf_idf(texts, labels, CountVectorizer()),
        "c-TF-IDF, stop words": class_tf_idf(
            texts, labels, CountVectorizer(stop_words="english")
        ),
        "c-TF-IDF, cleaned": class_tf_idf(cleaned, labels, tokens),
        "deepclust": cluster_keywords(
            cleaned, labels, n_keywords=N_KEYWORDS, ngram_range=(1, 1)
        ),
    }
    return {
        kind: {c: words for c, words in keywords.items() if c >= 0}
        for kind, keywords in found.items()
    }


def judge(texts, cleaned, labels):
    """Return coherence and diversity of each kind of keywords, means of two halves."""
    results = {}
    for seen in (0, 1):
        read = slice(seen, None, 2)
        held_out = slice(1 - seen, None, 2)
        found = all_keywords(texts[read], cleaned[read], labels[read])
        words = {w for rows in found.values() for row in rows.values() for w in row}
        held = rows_that_hold(texts[held_out], cleaned[held_out], words)
        for kind, keywords in found.items():
            pair = coherence(keywords, held), diversity(keywords)
            results.setdefault(kind, []).append(pair)
    return {kind: np.mean(pairs, axis=0) for kind, pairs in results.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    for name in options.names:
        texts = read_texts(options.directory, name)
        pipeline = make_text_clusterer(random_state=options.seed)
        labels = pipeline.fit_predict(texts)
        cleaned = pipeline["clean"].transform(texts)
        for place, layer in enumerate(pipeline["cluster"].layers_.T):
            own = ", the labels" if np.array_equal(layer, labels) else ""
            print(f"{name}, layer {place}{own}: {layer.max() + 1} clusters", flush=True)
            for kind, (coherent, diverse) in judge(texts, cleaned, layer).items():
                print(
                    f"  {kind:22s} coherence {coherent:6.3f}   diversity {diverse:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
