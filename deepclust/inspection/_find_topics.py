"""Find clusters by words or by an example text."""

from typing import Any

import narwhals as nw
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from deepclust.inspection._cluster_table import data_frame_backend
from deepclust.inspection._labeled_texts import LabeledTexts, check_labeled

__all__ = ["find_topics"]

_MAX_WORDS = 5


def find_topics(
    query: str,
    texts: Any,
    labels: Any,
    *,
    cleaner: Any = None,
    names: Any = None,
    n_topics: int = 5,
    output: str | None = None,
) -> Any:
    """Return the clusters whose texts share the words of a query, the best first.

    Parameters
    ----------
    query : str
        Words, or an example text.

    texts : iterable of str, length n_docs
        The texts; already cleaned where `cleaner` is None.

    labels : array-like of shape (n_docs,) or (n_docs, n_layers), int
        Cluster of each text; or of each layer, such as `DBSCAN.layers_`. Noise, −1, is
        not searched.

    cleaner : TextCleaner, default=None
        Cleans query and texts, such as `pipeline["clean"]`.

    names : mapping of label to str, or a sequence of them, default=None
        Names of the clusters; with layers, one mapping a layer.

    n_topics : int, default=5
        At most so many clusters.

    output : {"pandas", "polars"}, default=None
        Kind of data frame; see `cluster_table`.

    Returns
    -------
    topics : DataFrame
        Columns "layer", "cluster", "name", "size", "score" (0 to 1) and "words" (of the
        query, the strongest first). Empty where no cluster has a word of the query.

    Raises
    ------
    InvalidTextError
        If `query` is no str or `texts` no iterable of str.
    ValueError
        If the lengths differ.

    Notes
    -----
    The score is the cosine between the TF-IDF vectors of the query and of the mean text
    of the cluster. Of clusters of the same texts at several layers the broadest is
    first. Time and memory are linear in the number of tokens.

    Examples
    --------
    >>> from deepclust.inspection import find_topics
    >>> texts = ["refund of invoice", "wrong invoice", "parcel late", "late refund"]
    >>> found = find_topics("invoice refund", texts, [0, 0, 1, -1], output="pandas")
    >>> found[["cluster", "size", "words"]].values.tolist()
    [[0, 2, 'invoice, refund']]
    """
    check_labeled([query], [0], "find_topics")
    layers = np.asarray(labels)
    layers = layers[:, None] if layers.ndim == 1 else layers
    texts, _ = check_labeled(texts, layers[:, 0], "find_topics")
    if cleaner is not None:
        query, texts = cleaner.transform([query])[0], cleaner.transform(texts)
    of_layer = [names] if np.ndim(labels) == 1 else names or []
    rows = []
    if any(text.split() for text in texts):
        tfidf = TfidfVectorizer(analyzer=str.split).fit([*texts, query])
        terms = tfidf.get_feature_names_out()
        vectors, asked = tfidf.transform(texts), tfidf.transform([query]).toarray()[0]
        for place, column in enumerate(layers.T):
            known = (of_layer[place] if place < len(of_layer) else None) or {}
            data = LabeledTexts.check(texts, column, "find_topics")
            means = normalize(data.members @ vectors)
            for code, cluster in enumerate(data.clusters):
                shared = means[[code]].toarray().ravel() * asked
                if cluster >= 0 and shared.any():
                    best = np.argsort(-shared, kind="stable")[:_MAX_WORDS]
                    words = ", ".join(terms[best[shared[best] > 0]])
                    size = int(data.sizes[code])
                    name = str(known.get(cluster, cluster))
                    rows.append((place, cluster, name, size, shared.sum(), words))
    rows.sort(key=lambda row: (-round(row[4], 12), row[0], row[1]))
    columns = ("layer", "cluster", "name", "size", "score", "words")
    values = {c: [row[k] for row in rows[:n_topics]] for k, c in enumerate(columns)}
    return nw.from_dict(values, backend=data_frame_backend(output)).to_native()
