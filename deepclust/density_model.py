"""What DBSCAN does behind its public methods: choose, cluster, remember, grow."""

import warnings
from collections.abc import Callable

import numpy as np
from joblib import effective_n_jobs
from threadpoolctl import threadpool_limits

from deepclust.choice import (
    MIN_SAMPLES_TRIED,
    Choice,
    choose,
    choose_again,
    usual_min_samples,
)
from deepclust.diagnosis import problem_with, suggested_radius
from deepclust.distinct import content_hashes
from deepclust.exceptions import ClusteringWarning
from deepclust.incremental import GrowingClusters
from deepclust.memory_limit import affordable_block
from deepclust.metric_space import MetricSpace
from deepclust.partition import CollapsedRows, Points, renumbered

__all__ = ["OF_EDITING", "OF_THE_TREE", "DensityModel"]

OF_THE_TREE = ("reachability_", "reachability_rows_")
OF_EDITING = ("cluster_names_", "edits_")
_PREDICT_BLOCK = 2**22


class DensityModel:
    """The state of a fitted DBSCAN and how it comes about; see `DBSCAN`.

    The estimator assigns the parameters and validates; nothing here is public.
    """

    eps: float | str
    min_samples: int | str
    metric: str | Callable
    metric_params: dict | None
    n_clusters: int | None
    noise: str
    memory_limit: int | str
    n_jobs: int | None

    @property
    def _space(self) -> MetricSpace:
        return MetricSpace(self.metric, self.metric_params)

    def _collapse(
        self, X: np.ndarray, weights: np.ndarray | None, tree_rows: int = 0
    ) -> CollapsedRows:
        block = self._block_entries(X, tree_rows)
        rows, valid = self._space.rows(X)
        return CollapsedRows.collapse(rows, valid, weights, block, self.n_jobs)

    def _known_rows(self) -> np.ndarray:
        """Return the rows of `fit`, unless they are no longer the same."""
        if _checksum(self._X) != self._checksum:
            raise ValueError(
                "The array given to fit was changed in place afterwards, and DBSCAN "
                "refers to it. Fit again, or fit on a copy: fit(X.copy())."
            )
        return self._X

    def _take_given(self, weights: np.ndarray) -> None:
        """Set `eps_` and `min_samples_` from the parameters."""
        self.eps_ = float(self.eps)
        usual = usual_min_samples(weights.clip(0).sum())
        self.min_samples_ = int(self._min_samples() or usual)

    def _min_samples(self) -> int | None:
        return None if self.min_samples == "auto" else int(self.min_samples)

    def _choose(self, rows: CollapsedRows) -> None:
        """Set `min_samples_`, `eps_`, `eps_path_` and the tree."""
        space = self._space
        chosen = choose(rows.points, self._min_samples(), self.n_clusters, space)
        self.min_samples_ = chosen.min_samples
        self.eps_ = float(space.eps(chosen.radius))
        self._show(chosen, rows)

    def _show(self, chosen: Choice, rows: CollapsedRows) -> None:
        import pandas as pd

        path = pd.DataFrame(chosen.path)
        self.eps_path_ = path.assign(eps=self._space.eps(path["eps"]))
        if chosen.tree is not None:
            self.reachability_ = chosen.tree
            self.reachability_rows_ = rows.first[chosen.places]

    def _forget(self, *names: str) -> None:
        for name in names:
            if hasattr(self, name):
                delattr(self, name)

    def _eps_of(self, points: Points, n_clusters: int) -> float:
        """Return the eps whose number of clusters is nearest to the one asked for."""
        if not hasattr(self, "reachability_"):
            raise ValueError(
                "at(n_clusters=...) needs the hierarchy of the rows: fit with "
                'eps="auto".'
            )
        tree, enough, space = self.reachability_, self.min_samples_, self._space
        radius = choose_again(points, tree, enough, n_clusters, space)
        return float(space.eps(radius))

    def _cut(self, rows: CollapsedRows) -> tuple[np.ndarray, np.ndarray]:
        """Return core points and clusters at `eps_`, from the tree if it has them."""
        points, radius = rows.points, self._space.radius(self.eps_)
        tree = getattr(self, "reachability_", None)
        if (
            tree is not None
            and self._space.name is not None
            and tree.min_samples == self.min_samples_
            and len(tree.weights) == len(points.rows)
            and points.weights.min() >= 1
        ):
            return tree.is_core(radius), tree.cut(radius)
        return self._space.clusters(points, radius, self.min_samples_)

    def _grow(self, X: np.ndarray, weights: np.ndarray | None) -> None:
        """Cluster all of `X`, which begins with the known rows."""
        if self.eps != "auto":
            self._take_given(np.ones(len(X)) if weights is None else weights)
        radius, old = self._space.radius(self.eps_), len(self.labels_)
        growing = self._cache.pop("growing", None)
        if growing is None or not growing.is_for(radius, self.min_samples_):
            rows = self._collapse(X, weights)
            positive = bool((rows.points.weights >= 0).all())
            if self._space.name is None or not positive or not len(rows.first):
                found = self._space.clusters(rows.points, radius, self.min_samples_)
                self._remember(X, weights, rows, *found)
                return
            growing = GrowingClusters(rows, radius, self.min_samples_)
        elif weights is not None and (weights[old:] < 0).any():
            self._grow(X, weights)
            return
        else:
            self._block_entries(X)
            more = np.ones(len(X) - old) if weights is None else weights[old:]
            growing.add(*self._space.rows(X[old:]), more)
        self._remember(X, weights, growing.rows, growing.core, growing.labels())
        self._cache["growing"] = growing

    def _remember(
        self,
        X: np.ndarray,
        weights: np.ndarray | None,
        rows: CollapsedRows,
        core: np.ndarray,
        labels: np.ndarray,
    ) -> None:
        labels = renumbered(rows.spread(labels, -1), weights)
        self._X, self._weights, self._checksum = X, weights, _checksum(X)
        self.core_sample_indices_ = np.flatnonzero(rows.spread(core, False))
        self._core_labels = labels[self.core_sample_indices_]
        self._cache: dict = {}
        self._settle(labels)

    def _settle(self, labels: np.ndarray) -> None:
        """Take the numbered labels, and give noise its cluster if it is to have one."""
        self.n_clusters_ = int(labels.max(initial=-1)) + 1
        self.noise_fraction_ = float(np.mean(labels < 0))
        self.labels_ = labels
        if self.noise == "nearest" and self.n_clusters_:
            noise = np.flatnonzero(labels < 0)
            labels[noise] = self._assign(self._X[noise])

    def _relabel(self, core_labels: np.ndarray) -> dict[int, int]:
        """Give the core points other clusters; all rows follow their nearest one.

        Parameters
        ----------
        core_labels : ndarray of shape (n_core,), intp
            Not negative; numbered anew by decreasing weight.

        Returns
        -------
        became : dict of int to int
            The new number of each label.
        """
        rows, valid = self._space.rows(self._known_rows())
        radius = self._space.radius(self.eps_)
        found = np.full(len(valid), -1, dtype=np.intp)
        found[valid] = self._nearest_core()(rows[valid], radius)
        # Copies of a core point are one point: they go with the first of them.
        core_labels = core_labels[found[self.core_sample_indices_]]
        labels = np.where(found >= 0, core_labels[found], -1)
        numbered = renumbered(labels, self._weights)
        old, first = np.unique(labels, return_index=True)
        became = dict(zip(old.tolist(), numbered[first].tolist(), strict=True))
        self._core_labels = np.array([became[label] for label in core_labels.tolist()])
        self._settle(numbered)
        return {old: new for old, new in became.items() if old >= 0}

    def _refuse_if_edited(self) -> None:
        if getattr(self, "edits_", []):
            raise ValueError(
                "The clusters were edited, and partial_fit computes them anew: fit on "
                "all rows, then edit again."
            )

    def _diagnose(self, points: Points) -> None:
        """Warn of a result that is no clustering, with an eps that may be one."""
        problem = problem_with(self.labels_, self.n_clusters_)
        if problem is None:
            return
        advice = "The rows may hold no groups"
        if self.eps != "auto" and self._space.name is not None:
            radius = suggested_radius(points, self.min_samples_)
            advice = f'Try eps={self._space.eps(radius):.4g}, or eps="auto"'
        warnings.warn(
            f"DBSCAN with eps={self.eps_:.4g} and min_samples={self.min_samples_}: "
            f"{problem}. {advice}.",
            ClusteringWarning,
            stacklevel=3,
        )

    def _assign(self, X: np.ndarray) -> np.ndarray:
        """Return the cluster of the nearest core point of each row, or -1."""
        labels = np.full(len(X), -1, dtype=np.intp)
        if not len(self.core_sample_indices_):
            return labels
        rows, valid = self._space.rows(X)
        limit = np.inf if self.noise == "nearest" else self._space.radius(self.eps_)
        with threadpool_limits(limits=1, user_api="blas"):
            found = self._nearest_core()(rows[valid], limit)
        labels[valid] = np.where(found >= 0, self._core_labels[found], -1)
        return labels

    def _nearest_core(self) -> Callable[[np.ndarray, float], np.ndarray]:
        """Return the search among the core points, built at first use."""
        if "nearest" not in self._cache:
            rows, _ = self._space.rows(self._known_rows()[self.core_sample_indices_])
            radius = self._space.radius(self.eps_)
            self._cache["nearest"] = self._space.nearest_search(
                rows, radius, _PREDICT_BLOCK, self.n_jobs
            )
        return self._cache["nearest"]

    def __getstate__(self) -> dict:
        state: dict = super().__getstate__()  # type: ignore[assignment]
        return {**state, "_cache": {}} if "_cache" in state else state

    def _block_entries(self, X: np.ndarray, tree_rows: int = 0) -> int:
        threads = effective_n_jobs(self.n_jobs)
        n_trees = len(MIN_SAMPLES_TRIED) if self._min_samples() is None else 1
        return affordable_block(
            X.shape, X.itemsize, self.memory_limit, threads, tree_rows, n_trees
        )


def _checksum(X: np.ndarray) -> int:
    return int(content_hashes(X).sum())
