"""One row a cluster: its name, size, cohesion, keywords and texts to quote."""

import html
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import narwhals as nw
import numpy as np
import scipy.sparse as sp
from sklearn import get_config

from deepclust.inspection._keywords import cluster_keywords, cluster_names
from deepclust.inspection._membership import (
    check_labelled,
    check_vectors,
    membership,
    term_counts,
)
from deepclust.inspection._representatives import (
    borderline_texts,
    representative_texts,
    word_vectors,
)

__all__ = ["ClusterTable", "cluster_table"]

_MOST_ROWS = 100
_MOST_CHARACTERS = 200
_CELL = "text-align:left;vertical-align:top;padding:.2em .6em"


class ClusterTable:
    """A data frame with one row a cluster, and the lists behind its cells.

    Everything that is not listed here is asked of `frame`: `table["size"]`,
    `len(table)`, `table.head(5)`, `table.to_csv("clusters.csv")`.

    Parameters
    ----------
    frame : pandas or polars DataFrame
        Columns "cluster", "name", "size" (texts), "share" (of all texts, 0 to 1),
        "cohesion", "keywords" (joined by ", "), "example" (the most typical text) and
        "borderline" (the text nearest to another cluster).

    keywords : dict of label to list of str
        The strongest first.

    representatives : dict of label to list of str
        The most typical first.

    borderline : dict of label to list of str
        The most doubtful first.

    Notes
    -----
    Notebooks show it as HTML, with every text escaped. It holds texts of the corpus: do
    not publish it where they are private.

    Examples
    --------
    >>> from deepclust.inspection import cluster_table
    >>> table = cluster_table(["red apple", "fast car"], [0, 1])
    >>> len(table), table["name"].tolist(), table.keywords[0]
    (2, ['apple, red', 'car, fast'], ['apple', 'red'])
    """

    def __init__(
        self,
        frame: Any,
        *,
        keywords: dict[Any, list[str]],
        representatives: dict[Any, list[str]],
        borderline: dict[Any, list[str]],
    ) -> None:
        self.frame = frame
        self.keywords = keywords
        self.representatives = representatives
        self.borderline = borderline

    @property
    def names(self) -> dict[Any, str]:
        """Return the name of each cluster, for pictures."""
        return dict(zip(self.frame["cluster"], self.frame["name"], strict=True))

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "frame":
            raise AttributeError(name)
        return getattr(self.frame, name)

    def __repr__(self) -> str:
        return repr(self.frame)

    def _repr_html_(self) -> str:
        rows = nw.from_native(self.frame, eager_only=True).rows(named=True)
        titles = ("", "name", "texts", "share", "cohesion", "keywords", "typical text")
        head = "".join(f"<th style='{_CELL}'>{title}</th>" for title in titles)
        body = "".join(self._html_row(row) for row in rows[:_MOST_ROWS])
        rest = len(rows) - _MOST_ROWS
        more = f"<p>{rest} more in <code>frame</code></p>" if rest > 0 else ""
        return (
            "<table style='border-collapse:collapse'>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
        )

    def _html_row(self, row: dict[str, Any]) -> str:
        cluster = row["cluster"]
        bar = (
            "<div style='background:#4477aa;height:.5em;"
            f"width:{max(60 * row['share'], 1):.0f}px'></div>"
        )
        lists = [
            "<ul>" + "".join(f"<li>{_escaped(text)}</li>" for text in texts) + "</ul>"
            for texts in (self.representatives[cluster], self.borderline[cluster])
        ]
        texts = (
            f"<details><summary>{_escaped(row['example'])}</summary>"
            f"typical:{lists[0]}on the border:{lists[1]}</details>"
        )
        cells = (
            _escaped(cluster),
            f"<b>{_escaped(row['name'])}</b>",
            f"{row['size']:,}",
            f"{row['share']:.1%}{bar}",
            f"{row['cohesion']:.2f}",
            _escaped(", ".join(self.keywords[cluster])),
            texts,
        )
        tags = "".join(f"<td style='{_CELL}'>{cell}</td>" for cell in cells)
        return f"<tr style='border-top:1px solid #ddd'>{tags}</tr>"


def cluster_table(
    texts: Any,
    labels: Any,
    *,
    cleaned: Any = None,
    embeddings: Any = None,
    names: Mapping[Any, str] | Sequence[str] | None = None,
    n_keywords: int = 8,
    ngram_range: tuple[int, int] = (1, 2),
    n_texts: int = 3,
    output: str | None = None,
) -> ClusterTable:
    r"""Return one row a cluster: name, size, cohesion, keywords, texts to quote.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Texts as a reader should see them.

    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.

    cleaned : iterable of str, length n_docs, default=None
        The texts after `TextCleaner`, for the keywords; `texts` when None.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        What to measure distances by; TF-IDF of the tokens when None.

    names : mapping of label to str, or sequence of str, default=None
        Names of clusters; where there is none, `cluster_names` makes one.

    n_keywords : int, default=8
        At most so many keywords a cluster.

    ngram_range : tuple (min_n, max_n), default=(1, 2)
        See `cluster_keywords`.

    n_texts : int, default=3
        At most so many representative and borderline texts a cluster.

    output : {"pandas", "polars"}, default=None
        Kind of data frame; when None, "polars" if scikit-learn was told so by
        `set_config(transform_output="polars")`, else "pandas".

    Returns
    -------
    table : ClusterTable
        In ascending order of the labels, noise last.

    Raises
    ------
    InvalidTextError
        If `texts` or `cleaned` is not an iterable of str.
    ValueError
        If the lengths differ, `embeddings` are not finite, or `output` is unknown.

    See Also
    --------
    cluster_keywords : The keywords alone.
    representative_texts, borderline_texts : The texts alone.

    Notes
    -----
    The cohesion of a cluster is :math:`1 - v_c / v`: the mean squared distance of its
    texts from their mean, against that of all texts from theirs. 1: all in one place;
    0: as far apart as texts are in general.

    Examples
    --------
    >>> from deepclust.inspection import cluster_table
    >>> texts = ["red apple", "green apple", "fast car", "odd"]
    >>> table = cluster_table(texts, [0, 0, 1, -1], n_keywords=1)
    >>> columns = ["cluster", "name", "size", "share", "example"]
    >>> print(table[columns].to_string(index=False))
     cluster  name  size  share   example
           0 apple     2   0.50 red apple
           1   car     1   0.25  fast car
          -1 noise     1   0.25       odd
    """
    texts, labels = check_labelled(texts, labels, "cluster_table")
    tokens = texts
    if cleaned is not None:
        tokens = check_labelled(cleaned, labels, "cleaned")[0]
    keywords = cluster_keywords(
        tokens,
        labels,
        n_keywords=n_keywords,
        ngram_range=ngram_range,
        originals=None if cleaned is None else texts,
    )
    how = {"cleaned": tokens, "embeddings": embeddings, "n_texts": max(n_texts, 1)}
    lists = {
        "keywords": keywords,
        "representatives": representative_texts(texts, labels, **how),
        "borderline": borderline_texts(texts, labels, **how),
    }
    clusters, members, _ = membership(labels)
    X: Any = word_vectors(term_counts(tokens)[0])
    if embeddings is not None:
        X = check_vectors(embeddings, len(texts))
    sizes = members.sum(axis=1).astype(np.int64)
    columns = {
        "cluster": clusters,
        "name": _names(names, keywords),
        "size": sizes,
        "share": sizes / max(len(texts), 1),
        "cohesion": _cohesion(X, members),
        "keywords": [", ".join(keywords[cluster]) for cluster in clusters],
        "example": [lists["representatives"][cluster][0] for cluster in clusters],
        "borderline": [lists["borderline"][cluster][0] for cluster in clusters],
    }
    frame = nw.from_dict(columns, backend=_backend(output)).to_native()
    return ClusterTable(frame, **lists)


def _names(
    given: Mapping[Any, str] | Sequence[str] | None, keywords: dict[Any, list[str]]
) -> list[str]:
    made = cluster_names(keywords)
    if given is None:
        return list(made.values())
    if not isinstance(given, Mapping):
        given = dict(enumerate(given))
    return [str(given.get(cluster, name)) for cluster, name in made.items()]


def _backend(output: str | None) -> Literal["pandas", "polars"]:
    if output not in (None, "pandas", "polars"):
        raise ValueError(f"output must be 'pandas' or 'polars'. Received: {output!r}.")
    wanted = output or get_config()["transform_output"]
    return "polars" if wanted == "polars" else "pandas"


def _cohesion(X: Any, members: sp.csr_array) -> np.ndarray:
    """Return one minus the scatter of each cluster against that of all texts."""
    n_docs = members.shape[1]
    if not n_docs:
        return np.empty(0)
    squares = X.multiply(X).sum(axis=1) if sp.issparse(X) else (X * X).sum(axis=1)
    sizes = members.sum(axis=1)
    means = sp.diags_array(1 / sizes) @ (members @ X)
    of_means = means.multiply(means) if sp.issparse(means) else means * means
    scatter = (members @ squares) / sizes - of_means.sum(axis=1)
    mean = np.asarray(X.mean(axis=0))
    total = squares.mean() - (mean * mean).sum()
    if total <= 1e-12:
        return np.ones(len(sizes))
    return 1.0 - np.maximum(scatter, 0.0) / total


def _escaped(value: Any) -> str:
    text = str(value)
    if len(text) > _MOST_CHARACTERS:
        text = text[: _MOST_CHARACTERS - 1] + "…"
    return html.escape(text, quote=True)
