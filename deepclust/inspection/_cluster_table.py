"""One row a cluster: name, size, cohesion, keywords, representative texts."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import narwhals as nw
import numpy as np
from sklearn import get_config
from sklearn.utils.extmath import row_norms

from deepclust._atomic_file import replacing
from deepclust._optional import import_extra
from deepclust.cleaning import TextCleaner
from deepclust.clustering._fitted_labels import names_of
from deepclust.exceptions import TextWarning
from deepclust.inspection._cells import write_sheet
from deepclust.inspection._html import render
from deepclust.inspection._keywords import (
    cluster_names,
    extract_keywords,
    names_by_label,
)
from deepclust.inspection._labeled_texts import LabeledTexts, term_counts
from deepclust.inspection._overview import as_text
from deepclust.inspection._representatives import find_borderline, find_representatives
from deepclust.sequences import content_words

__all__ = ["ClusterTable", "cluster_table"]


@dataclass(eq=False, repr=False)
class ClusterTable:
    """A data frame with one row a cluster, and the lists behind its cells.

    Every other attribute is that of `frame`: `table["size"]`, `len(table)`,
    `table.head(5)`, `table.to_csv("clusters.csv")`.

    Parameters
    ----------
    frame : pandas or polars DataFrame
        Columns "cluster", "name", "size" (texts), "share" (of all texts, 0 to 1),
        "cohesion", "keywords" (joined by ", "), "example" (the most typical text) and
        "borderline" (the text with the smallest margin to another cluster).

    keywords : dict of label to list of str
        The strongest first.

    representatives : dict of label to list of str
        The most typical first.

    borderline : dict of label to list of str
        The smallest margin first.

    margins : dict of label to list of float
        Of the borderline texts; see `borderline_texts`.

    Notes
    -----
    Printed, it shows size, name, keywords and example of 30 clusters in 120 columns.
    Notebooks show it as HTML, with every text escaped. It contains texts of the corpus.

    Examples
    --------
    >>> from deepclust.inspection import cluster_table
    >>> table = cluster_table(["red apple", "fast car"], [0, 1])
    >>> len(table), table["name"].tolist(), table.keywords[0]
    (2, ['apple, red', 'car, fast'], ['apple', 'red'])
    """

    frame: Any
    keywords: dict[Any, list[str]]
    representatives: dict[Any, list[str]]
    borderline: dict[Any, list[str]]
    margins: dict[Any, list[float]]

    @property
    def names(self) -> dict[Any, str]:
        """Return the name of each cluster, for pictures."""
        return dict(zip(self.frame["cluster"], self.frame["name"], strict=True))

    def write(self, path: str | Path) -> Path:
        """Write the data frame to a file, which replaces one there once it is complete.

        Parameters
        ----------
        path : str or Path
            Ends in ".xlsx" (extra `excel`), ".parquet" (extra `parquet`) or ".json".

        Returns
        -------
        path : Path

        Raises
        ------
        ValueError
            If the name ends otherwise.
        MissingExtraError
            If what writes this format is not installed.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from deepclust.inspection import cluster_table
        >>> table = cluster_table(["red apple", "fast car"], [0, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table.write(f"{folder}/clusters.json").read_text("utf-8")[:12]
        '[{"cluster":'
        """
        path = Path(path)
        form = path.suffix.lower()
        if form not in (".xlsx", ".parquet", ".json"):
            raise ValueError(
                f"path must end in .xlsx, .parquet or .json. Received: {str(path)!r}."
            )
        if form == ".xlsx":
            import_extra("openpyxl", extra="excel", purpose="writing Excel files")
        frame = nw.from_native(self.frame, eager_only=True)
        if form == ".parquet":
            import_extra("pyarrow", extra="parquet", purpose="writing parquet files")
        rows = frame.rows(named=True)
        with replacing(path) as part:
            if form == ".json":
                part.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
            elif form == ".parquet":
                frame.write_parquet(part)
            else:
                import pandas as pd

                write_sheet(part, pd.DataFrame(rows, columns=frame.columns))
        return path

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "frame":
            raise AttributeError(name)
        return getattr(self.frame, name)

    def __repr__(self) -> str:
        return as_text(self.frame)

    def _repr_html_(self) -> str:
        rows = nw.from_native(self.frame, eager_only=True).rows(named=True)
        return render("inspection/cluster_table.html", table=self, rows=rows)


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
    r"""Return one row a cluster: name, size, cohesion, keywords, example texts.

    Parameters
    ----------
    texts : iterable of str, length n_docs
        Texts to show.

    labels : array-like of shape (n_docs,), or fitted Pipeline
        Cluster of each text, −1 for noise. A pipeline cleans the texts, predicts the
        clusters, and has names for them.

    cleaned : iterable of str, length n_docs, default=None
        The texts after `TextCleaner`, for the keywords. When None, those of the
        pipeline, or of a `TextCleaner(language="auto")` without one.

    embeddings : array-like of shape (n_docs, embedding_dim), default=None
        What to measure distances by. When None, those of the pipeline, or TF-IDF of the
        tokens without one.

    names : mapping of label to str, or sequence of str, default=None
        Names of clusters; those of `cluster_names` for the others. Those of the
        pipeline when None.

    n_keywords : int, default=8
        At most so many keywords a cluster.

    ngram_range : tuple (min_n, max_n), default=(1, 2)
        See `cluster_keywords`.

    n_texts : int, default=3
        At most so many representative and borderline texts a cluster.

    output : {"pandas", "polars"}, default=None
        Kind of data frame; when None, "polars" after
        `sklearn.set_config(transform_output="polars")`, else "pandas".

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
    texts from their mean, relative to that of all texts from theirs. It is 1 if all
    texts of the cluster coincide, and 0 if they scatter like the whole corpus. Time and
    memory are linear in the number of tokens.

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
    data = LabeledTexts.check(texts, labels, "cluster_table", cleaned, embeddings)
    if not data.is_cleaned:
        data = replace(data, tokens=_cleaned(data.texts))
    counts, terms = counted = term_counts(data.tokens, ngram_range)
    if ngram_range[0] == 1:
        are_single = np.array([" " not in term for term in terms], bool)
        data = replace(data, token_counts=counts[:, are_single])
    keywords = extract_keywords(
        data, n_keywords, ngram_range, data.texts, counted=counted
    )
    representatives = find_representatives(data, max(n_texts, 1))
    borderline = find_borderline(data, max(n_texts, 1))
    given, sizes = names_by_label(names_of(labels, names)), data.sizes.astype(np.int64)
    columns = {
        "cluster": data.clusters,
        "name": [given.get(c, name) for c, name in cluster_names(keywords).items()],
        "size": sizes,
        "share": sizes / max(len(data.texts), 1),
        "cohesion": _cohesion(data),
        "keywords": [", ".join(terms) for terms in keywords.values()],
        "example": [chosen[0] for chosen in representatives.values()],
        "borderline": [next(iter(found)) for found in borderline.values()],
    }
    return ClusterTable(
        nw.from_dict(columns, backend=data_frame_backend(output)).to_native(),
        keywords=keywords,
        representatives=representatives,
        borderline={label: [*found] for label, found in borderline.items()},
        margins={label: [*found.values()] for label, found in borderline.items()},
    )


def _cleaned(texts: list[str]) -> list[str]:
    """Return clean texts without stop words, where the language is clear."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)  # where it is not
        cleaned = TextCleaner(language="auto").fit_transform(texts)
    return [content_words(text) for text in cleaned]


def data_frame_backend(output: str | None) -> Literal["pandas", "polars"]:
    """Return the kind of data frame asked for, or else scikit-learn's setting."""
    if output not in (None, "pandas", "polars"):
        raise ValueError(f"output must be 'pandas' or 'polars'. Received: {output!r}.")
    wanted = output or get_config()["transform_output"]
    return "polars" if wanted == "polars" else "pandas"


def _cohesion(data: LabeledTexts) -> np.ndarray:
    """Return one minus the scatter of each cluster relative to that of all texts."""
    X, sizes = data.vectors, data.sizes
    if not len(sizes):
        return np.empty(0)
    squares = row_norms(X, squared=True)
    scatter = (data.members @ squares) / sizes - row_norms(data.means, squared=True)
    total = squares.mean() - np.square(X.mean(axis=0)).sum()
    if total <= 1e-12:
        return np.ones(len(sizes))
    return 1.0 - np.maximum(scatter, 0.0) / total
