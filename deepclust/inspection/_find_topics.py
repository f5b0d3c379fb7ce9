"""Find clusters by words or by an example text."""

from typing import Any

import narwhals as nw
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from deepclust.clustering._fitted_labels import is_model, names_of
from deepclust.exceptions import InvalidTextError
from deepclust.inspection._cluster_table import data_frame_backend
from deepclust.inspection._keywords import names_by_label
from deepclust.inspection._labeled_texts import LabeledTexts, check_labeled
from deepclust.sequences import NOISE, content_words

__all__ = ["find_topics"]

_WORDS_SHOWN = 5


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

    labels : array-like of shape (n_docs,) or (n_docs, n_layers), or fitted Pipeline
        Cluster of each text; or of each layer, such as `DBSCAN.layers_`. Noise, −1, is
        not searched. A pipeline begins with a cleaner and ends in DBSCAN; it predicts
        the layers.

    cleaner : TextCleaner, default=None
        Cleans query and texts, such as `pipeline["clean"]`; that of the pipeline when
        None.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters; with layers, a sequence of these, one a layer. Those of
        the pipeline when None.

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
    if not isinstance(query, str):
        raise InvalidTextError(f"query must be a str. Received: {query!r}.")
    if is_model(labels):
        names = names_of(labels, names, layers=True)
        pipeline, texts = getattr(labels, "best_estimator_", labels), [*texts]
        cleaner = pipeline[0] if cleaner is None else cleaner
        labels = pipeline[-1].predict_layers(pipeline[:-1].transform(texts))
    layers = np.asarray(labels)
    of_layer = [] if names is None else names
    if layers.ndim < 2:
        layers, of_layer = layers.reshape(-1, 1), [names]
    texts, _ = check_labeled(texts, layers[:, 0], "find_topics")
    if cleaner is not None:
        query, texts = cleaner.transform([query])[0], cleaner.transform(texts)
    query, *texts = map(content_words, [query, *texts])
    rows = []
    if any(text.split() for text in texts):
        tfidf = TfidfVectorizer(analyzer=str.split).fit([*texts, query])
        vectors, asked = tfidf.transform(texts), tfidf.transform([query])
        terms = tfidf.get_feature_names_out()[asked.indices]
        for place, column in enumerate(layers.T):
            known = names_by_label(of_layer[place] if place < len(of_layer) else None)
            data = LabeledTexts.check(texts, column, "find_topics")
            means = normalize(data.members @ vectors)[:, asked.indices].toarray()
            shares = zip(data.clusters, data.sizes, means * asked.data, strict=True)
            for cluster, size, shared in shares:
                if cluster != NOISE and shared.any():
                    best = np.argsort(-shared, kind="stable")[:_WORDS_SHOWN]
                    words = ", ".join(terms[best[shared[best] > 0]])
                    name, score = known.get(cluster, str(cluster)), shared.sum()
                    rows.append((place, cluster, name, int(size), score, words))
    rows.sort(key=lambda row: (-round(row[4], 12), row[0], row[1]))
    columns = ("layer", "cluster", "name", "size", "score", "words")
    values = {c: [row[k] for row in rows[:n_topics]] for k, c in enumerate(columns)}
    return nw.from_dict(values, backend=data_frame_backend(output)).to_native()
