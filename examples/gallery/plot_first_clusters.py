"""
First clusters
==============

Texts in; a table, a map and the cluster of a new text out. This is the example of the
start page, with all defaults.
"""

# %%
# The texts are every third docstring of SciPy as installed: real, short, and there
# without a download. Yours are any list of str; ``load_texts("reviews.csv",
# column="body").data`` reads a file.

from deepclust import make_text_clusterer
from deepclust.datasets import load_docstrings
from deepclust.inspection import cluster_table

texts = load_docstrings(packages=("scipy",)).data[::3]
pipe = make_text_clusterer(random_state=0)
labels = pipe.fit_predict(texts)
print(cluster_table(texts, pipe))

# %%
# -1 is noise: texts in no dense region. The map has one point a text; noise is gray.

from deepclust.plotting import plot_map

embeddings = pipe[:-1].transform(texts)
_ = plot_map(embeddings, pipe, projection="tsne")

# %%
# A new text gets the cluster of its nearest core point.

cluster = pipe.predict(["Compute the eigenvalues of a matrix."])[0]
print(cluster, pipe["cluster"].cluster_names_.get(cluster, "noise"))

# %%
# With ``noise="nearest"`` each text gets a cluster.

everywhere = pipe.set_params(cluster__noise="nearest").predict(texts)
print(f"noise: {(labels < 0).mean():.0%} before, {(everywhere < 0).mean():.0%} after")

# %%
# Next: a task like yours, in :ref:`guide_by_task`.
