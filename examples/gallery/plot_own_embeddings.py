"""
Own embeddings: vectors of another model
========================================

You have vectors of your texts, as of a sentence transformer. They can teach the
network, or be clustered as they are.
"""

# %%
# The texts, and a stand-in for the vectors
# -----------------------------------------
# Every fifth docstring of SciPy and scikit-learn. The sub-package is known, and is used
# for scoring only. Any array with one row a text will do in place of these vectors of
# letter sequences: with the package ``sentence_transformers`` it would be ``vectors =
# SentenceTransformer("all-MiniLM-L6-v2").encode(texts)``.

from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from deepclust.datasets import load_docstrings

corpus = load_docstrings(packages=("scipy", "sklearn"))
texts, classes = corpus.data[::5], corpus.target[::5]
letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
embed = make_pipeline(letters, TruncatedSVD(64, random_state=0), Normalizer())
vectors = embed.fit_transform(texts)
print(len(texts), "texts; vectors", vectors.shape)

# %%
# Three ways
# ----------
# First, words only. Second, with the vectors as one more view of the texts:
# pseudo-labels come from both, and the network learns them from the words, so that
# ``predict`` needs no vectors. Third, the vectors are clustered as they are, without a
# network. The network is small, for this page.

from deepclust import DBSCAN, make_text_clusterer

small = {f"encode__{n}": 16 for n in ("rnn_units", "lstm_units", "embedding_dim")}
pipe = make_text_clusterer(random_state=0).set_params(**small)
found = {"words": pipe.fit_predict(texts)}
found["words and vectors"] = pipe.fit_predict(texts, encode__document_vectors=vectors)
found["vectors"] = DBSCAN(metric="cosine").fit_predict(vectors)

# %%
# AMI is the agreement with the sub-packages, 1 if equal and 0 by chance; noise counts
# as a cluster of its own. The numbers belong to these vectors and these few texts.
# Measure on your own.

import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score

pd.DataFrame(
    {
        name: {
            "clusters": labels.max() + 1,
            "noise": (labels < 0).mean(),
            "AMI": adjusted_mutual_info_score(classes, labels),
        }
        for name, labels in found.items()
    }
).T.round(2)

# %%
# The model that learned from both predicts from words alone.

print(pipe.predict(["Compute the eigenvalues of a sparse matrix."]))

# %%
from deepclust.plotting import plot_map

names = pipe["cluster"].cluster_names_
_ = plot_map(pipe[:-1].transform(texts), found["words and vectors"], names=names)

# %%
# See also: :doc:`/guide/encoding`.
