"""The metric, and the implementation that clusters by it.

Euclidean and cosine distances are computed by `_cell_index.py`; cosine is Euclidean
between rows of unit length. Any other metric is left to scikit-learn.
"""

import inspect
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import SparseEfficiencyWarning, issparse

from deepclust._text_input import one_line
from deepclust.clustering._any_metric import GraphSearch, NeighborSearch
from deepclust.clustering._components import density_clusters
from deepclust.clustering._mutual_reachability import (
    ReachabilityTree,
    reachability_trees,
)
from deepclust.clustering._neighbors import NearestSearch
from deepclust.clustering._unique_rows import Points, UniqueRows
from deepclust.metrics._pairwise import row_blocks, squared_distances

__all__ = ["MOST_VALUE", "OWN_METRICS", "MetricSpace"]

MOST_VALUE = 1e150
_N_TRIED = 20  # rows to try a metric on: as many as scikit-learn makes a tree of
_LEAST_RADIUS = 1e-150
_MOST_RADIUS = 1e154  # farther than any two rows in range; its square is finite
OWN_METRICS = {"euclidean": "euclidean", "l2": "euclidean", "cosine": "cosine"}


@dataclass(frozen=True)
class MetricSpace:
    """A metric, and how to cluster by it.

    Parameters
    ----------
    metric : str or callable

    metric_params : dict or None

    sparse : bool, default=False
        Whether rows are sparse; scikit-learn searches those by any metric.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.clustering._metric_space import MetricSpace
    >>> space = MetricSpace("cosine", None)
    >>> space.rows(np.array([[0.0, 3.0], [0.0, 0.0]]))
    (array([[0., 1.],
           [0., 0.]]), array([ True, False]))
    >>> space.radius(0.5), space.eps(1.0)
    (1.0, 0.5)
    """

    metric: str | Callable
    metric_params: dict | None
    sparse: bool = False

    @property
    def name(self) -> str | None:
        """The metric if it is implemented here, "euclidean" or "cosine"; else None."""
        if self.sparse or not isinstance(self.metric, str):
            return None
        return OWN_METRICS.get(self.metric)

    @property
    def is_graph(self) -> bool:
        """Whether rows are distances to the rows of fit."""
        return self.metric == "precomputed"

    def rows(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rows whose distances count, and which rows take part."""
        if self.sparse and self.metric == "cosine":
            return X, np.asarray(abs(X).max(axis=1).todense()).ravel() > 0
        if self.name != "cosine":
            return X, np.ones(X.shape[0], dtype=bool)
        rows, valid = np.empty(X.shape, dtype=X.dtype), np.empty(len(X), dtype=bool)
        for part in row_blocks(*X.shape):
            rows[part], valid[part] = _unit_rows(X[part])
        return rows, valid

    def features(self, X: Any) -> Any:
        """Return rows between which Euclidean distances count, and means are taken."""
        if self.sparse and self.metric == "cosine":
            from sklearn.preprocessing import normalize

            return normalize(X)
        return self.rows(X)[0]

    @property
    def is_unmerged(self) -> bool:
        """Whether equal rows stay points of their own: those of no dense matrix."""
        return self.sparse or self.is_graph

    def need_dense_rows(self, what: str) -> None:
        """Raise a ValueError if rows are sparse, or distances."""
        if self.is_unmerged:
            rows = 'metric="precomputed"' if self.is_graph else "sparse rows"
            raise ValueError(
                f"{what} needs dense rows of features, and cannot be had with {rows}. "
                "Give a number for eps and fit on all rows, or reduce the rows, as by "
                "TruncatedSVD."
            )

    def need_features(self, what: str) -> None:
        """Raise a ValueError if rows are distances."""
        if self.is_graph:
            self.need_dense_rows(what)

    def check_params(self, n_features: int | None, *, needs_tree: bool) -> None:
        """Raise a ValueError, before the rows are there, if `metric_params` are wrong.

        A metric of scikit-learn is tried on a few random rows, of a function the
        signature is read. Those of "euclidean", "cosine" and "precomputed" have no
        effect.

        Parameters
        ----------
        n_features : int or None
            Length of the rows; when None, only a function is checked.

        needs_tree : bool
            Whether the density hierarchy is needed, which takes other functions.
        """
        if self.name is not None or self.is_graph:
            return
        try:
            if callable(self.metric):
                self._bind_params(self.metric)
            elif n_features is not None:
                self._try_params(n_features, needs_tree)
        except Exception as error:  # of many kinds; it is named
            name = getattr(self.metric, "__name__", self.metric)
            given = ", ".join(map(str, self.metric_params or ())) or None
            rows = f" and rows of {n_features} features" if n_features else ""
            raise ValueError(
                f"The 'metric_params' parameter of DBSCAN must go with metric={name!r}"
                f"{rows}. Received: {given}, and an error: {one_line(error)}"
            ) from error

    def _bind_params(self, metric: Callable) -> None:
        with suppress(ValueError):  # what is written in C may have no signature
            inspect.signature(metric).bind(None, None, **(self.metric_params or {}))

    def _try_params(self, n_features: int, needs_tree: bool) -> None:
        rows = np.random.default_rng(0).random((_N_TRIED, n_features))
        points = Points(rows, np.ones(len(rows)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rows that are made up
            self.clusters(points, 1.0, 2)
            if needs_tree:
                self.trees(points, [2])

    def as_graph(self, X: Any) -> Any:
        """Return distances between the rows of fit; each row is its own neighbor."""
        least = X.min() if X.shape[0] else 0
        if least < 0:
            raise ValueError(
                f'With metric="precomputed", X must hold distances. Received: {least}.'
            )
        if X.shape[0] != X.shape[1]:
            raise ValueError(
                'With metric="precomputed", X needs the distances of all pairs of '
                f"rows, of shape (n_rows, n_rows). Received: {X.shape}."
            )
        if not issparse(X):
            return X
        graph = X.copy()
        with warnings.catch_warnings():  # a change of the structure costs a copy
            warnings.simplefilter("ignore", SparseEfficiencyWarning)
            graph.setdiag(graph.diagonal())  # zeros are stored as well
        return graph

    def check_range(self, X: np.ndarray) -> None:
        """Raise a ValueError if squares of Euclidean distances do not fit float64."""
        largest = float(np.abs(X).max(initial=0)) if self.name == "euclidean" else 0.0
        if largest > MOST_VALUE:
            raise ValueError(
                f"X has the value {largest:.3g}, and squares of distances beyond "
                f"{MOST_VALUE:g} do not fit float64. "
                f"Divide X, and eps, by {largest:.0e}."
            )

    def check_eps(self, radius: float) -> None:
        """Raise a ValueError if the square of a radius is lost in float64."""
        if self.name == "euclidean" and radius < _LEAST_RADIUS:
            raise ValueError(
                f"eps={radius:.3g} is below {_LEAST_RADIUS:g}, and its square does not "
                f"fit float64. Multiply X, and eps, by {1 / _LEAST_RADIUS:g}."
            )

    def radius(self, eps: float) -> float:
        """Return the distance of `rows` that is `eps` in the metric."""
        if self.name == "cosine":
            return float(np.sqrt(2 * eps))
        return min(float(eps), _MOST_RADIUS) if self.name else float(eps)

    def eps(self, radius: Any) -> Any:
        """Return what a distance of `rows` is in the metric."""
        return radius**2 / 2 if self.name == "cosine" else radius

    def distances(
        self, rows: np.ndarray, points: np.ndarray, nearest: np.ndarray
    ) -> np.ndarray:
        """Return the distance of each row to its nearest point, in the metric.

        `nearest` is the place of that point in `points`.
        """
        if self.name is not None:
            return self.eps(np.sqrt(squared_distances(rows, points[nearest])))
        search = self.search(Points(points, np.ones(points.shape[0])))
        return search.k_nearest(rows, 1)[1][:, 0]

    def search(self, points: Points) -> NeighborSearch:
        """Return the search for a metric not implemented here."""
        if self.is_graph:
            return GraphSearch(points)
        return NeighborSearch(points, self.metric, self.metric_params)

    def clusters(
        self, points: Points, radius: float, min_samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return core points and clusters; see `_components.density_clusters`."""
        if self.name is not None or not points.rows.shape[0]:
            return density_clusters(points, radius, min_samples)
        return self.search(points).density_clusters(radius, min_samples)

    def trees(
        self, points: Points, min_samples: Sequence[int]
    ) -> list[ReachabilityTree]:
        """Return one density hierarchy of the points for each value."""
        if self.name is None:
            return self.search(points).reachability_trees(min_samples)
        return reachability_trees(points, min_samples)

    def nearest_search(
        self, unique: UniqueRows, radius: float, rows_of_fit: np.ndarray
    ) -> Callable[[np.ndarray, float], np.ndarray]:
        """Return a function of queries and a radius: their nearest row, or -1.

        `rows_of_fit` says which rows of fit the points are.
        """
        first = np.append(unique.first, -1)  # place -1 is the last
        if self.name is None:
            search = self.search(unique.points)
            if self.is_graph:  # the columns of a query are all rows of fit
                search = search.among(rows_of_fit[unique.first])
            return lambda queries, limit: first[search.nearest(queries, limit)]
        near = NearestSearch(unique.points, radius)
        return lambda queries, limit: first[near(queries, limit)]


def _unit_rows(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of unit length, and which are not zero, whose length stays zero."""
    largest = np.abs(X).max(axis=1, initial=0)
    valid = largest > 0
    largest[~valid] = 1
    rows = X / largest[:, None]  # the squares of a row may not fit its type
    norms = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1))
    norms[~valid] = 1
    rows /= norms[:, None].astype(X.dtype)
    return rows, valid
