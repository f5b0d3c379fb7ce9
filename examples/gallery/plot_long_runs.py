"""
Long runs: cache, progress, early stopping, samples
===================================================

What to set where a fit takes longer than a coffee break.
"""

# %%
# The texts
# ---------
# Every fifth docstring of SciPy and scikit-learn, so that this page builds in seconds.

from deepclust import make_text_clusterer
from deepclust.datasets import load_docstrings

texts = load_docstrings(packages=("scipy", "sklearn")).data[::5]
print(len(texts), "texts")

# %%
# Train once, cluster often
# -------------------------
# With ``memory``, fitted steps are cached in a folder. A change of the last step does
# not train again, also in another process or after an interruption. ``verbose=1`` would
# show progress bars. The network is small, for this page.

import time
from tempfile import TemporaryDirectory

folder = TemporaryDirectory()
pipe = make_text_clusterer(random_state=0, memory=folder.name)
pipe.set_params(
    encode__rnn_units=16,
    encode__lstm_units=16,
    encode__embedding_dim=16,
    encode__epochs=20,
    encode__validation_fraction=0.1,
    encode__early_stopping=True,
)
for n_clusters in (None, 5, 20):
    start = time.perf_counter()
    labels = pipe.set_params(cluster__n_clusters=n_clusters).fit_predict(texts)
    seconds = time.perf_counter() - start
    print(f"{n_clusters!s:>4}: {labels.max() + 1} clusters in {seconds:.1f} s")

# %%
# Without a new fit at all, ``cut`` takes another number of clusters from the hierarchy
# of the last one: ``pipe["cluster"].cut(n_clusters=12)``.

# %%
# Early stopping
# --------------
# A tenth of the texts was held out. Training stops when their loss no longer falls, and
# the weights of the best epoch are kept.

from deepclust.plotting import plot_training

history = pipe["encode"].history_
print(history[["epoch", "loss", "val_loss"]].tail(3).round(3).to_string(index=False))
_ = plot_training(history)

# %%
# A sample first
# --------------
# Training is linear in the number of texts, the density clustering is not. Of millions
# of texts a sample is fitted, and the clusters of the others are predicted. The sample
# depends on the texts, not on their order.

from deepclust.pipeline import sample_texts

rows = sample_texts(texts, 400)
pipe.set_params(cluster__n_clusters=None).fit([texts[row] for row in rows])
everywhere = pipe.predict(texts)
print(f"{len(rows)} texts fitted, {len(everywhere)} predicted")
folder.cleanup()

# %%
# On the command line this happens by itself, from 200,000 texts:
# :doc:`/guide/command_line`.
