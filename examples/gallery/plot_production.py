"""
Production: save, load, predict
===============================

A model is fitted once, saved to one file, and loaded where new texts arrive.
"""

# %%
# Fit
# ---
# Every third docstring of SciPy stands for your texts. The network is small, for this
# page.

from deepclust import load, make_text_clusterer, save
from deepclust.datasets import load_docstrings

texts = load_docstrings(packages=("scipy",)).data[::3]
pipe = make_text_clusterer(random_state=0)
pipe.set_params(encode__rnn_units=16, encode__lstm_units=16, encode__embedding_dim=16)
labels = pipe.fit_predict(texts)
print(len(texts), "texts,", labels.max() + 1, "clusters")

# %%
# Save and load
# -------------
# ``profile="predict"`` leaves out what new texts do not need. The file holds arrays and
# plain values; opening it runs no code. It can be signed and encrypted:
# :doc:`/security`.

from pathlib import Path
from tempfile import TemporaryDirectory

folder = TemporaryDirectory()
file = save(pipe, Path(folder.name, "topics.dct"), profile="predict")
print(f"{file.stat().st_size / 1e6:.1f} MB")
model = load(file)

# %%
# Predict
# -------
# The labels are those of the fitted model, for one text as for a batch. Prediction runs
# in numpy; TensorFlow is not needed.

print("same labels:", (model.predict(texts) == labels).all())
one_by_one = [int(model.predict([text])[0]) for text in texts[:20]]
print("one by one:", one_by_one == labels[:20].tolist())

# %%
# How long a call takes, here while the other pages are built:

import time

for n_texts in (1, 100, len(texts)):
    start = time.perf_counter()
    model.predict(texts[:n_texts])
    print(f"{n_texts:5d} texts: {1e3 * (time.perf_counter() - start):6.1f} ms")

# %%
# More texts than fit into memory
# -------------------------------
# ``iter_predict`` reads any iterable and keeps one batch at a time.

from deepclust.pipeline import iter_predict

stream = (text for _ in range(5) for text in texts)
counts = [len(batch) for batch in iter_predict(model, stream, batch_size=1_000)]
print(counts)

# %%
# Watch
# -----
# A stream changes. The share of known words and of noise tells when to fit again.

import numpy as np

from deepclust.inspection import prediction_table
from deepclust.plotting import plot_cluster_sizes

recipes = ["Bake the bread until brown.", "Simmer the soup with garlic."] * 10
batches = {"as at fit": texts[:20], "another topic": recipes}
for name, batch in batches.items():
    table = prediction_table(model, batch)
    noise = np.mean(table["cluster"] < 0)
    known = table["known_words"].mean()
    print(f"{name:>13}: {known:.0%} of the words known, {noise:.0%} noise")

# %%
_ = plot_cluster_sizes(labels, names=pipe["cluster"].cluster_names_)
folder.cleanup()

# %%
# For places without Python's scientific packages: :doc:`ONNX export </guide/encoding>`.
