"""Map: the texts as points in the plane."""

from typing import Any

import numpy as np
from sklearn.utils import check_array

from deepclust._optional import import_extra
from deepclust.plotting._axes import (
    COLORS,
    NOISE_COLOR,
    Axes,
    at_layer,
    check_lengths,
    cluster_name,
    new_axes,
    rank_clusters,
    refuse_estimators,
)
from deepclust.sequences import NOISE

__all__ = ["distant_colors", "even_sample", "plot_map", "project"]

PROJECTIONS = ("pca", "tsne", "umap")


def plot_map(
    embeddings: Any,
    labels: Any,
    *,
    names: Any = None,
    layer: int | None = None,
    projection: str = "pca",
    max_points: int = 20_000,
    max_names: int = 40,
    random_state: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the texts as points in the plane, one color a cluster.

    Parameters
    ----------
    embeddings : array-like of shape (n_docs, embedding_dim)
        Drawn as they are if there are two columns.

    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.
        Or a fitted pipeline or clusterer, for its `labels_` and names.

    names : mapping of label to str, or sequence of str, default=None
        Names of the clusters; their numbers when None.

    layer : int, default=None
        Column of `labels` of shape (n_docs, n_layers), such as `DBSCAN.layers_`; the
        names are then a sequence with one entry a layer.

    projection : {"pca", "tsne", "umap"}, default="pca"
        "pca" preserves large distances and is linear in n_docs. "tsne" and "umap"
        preserve neighborhoods and show many clusters better, but distances between
        clusters mean little: "tsne" takes some five seconds for 3,000 points, "umap"
        is faster with many points and needs the extra `maps`.

    max_points : int, default=20_000
        Of more texts, the same share of each cluster is drawn.

    max_names : int, default=40
        The largest clusters are named, where there is room.

    random_state : int, default=0
        Seed of the projection.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If the lengths differ, the projection is unknown or the embeddings are not
        finite.
    MissingExtraError
        If "umap" is not installed.

    Notes
    -----
    There are nine colors: each cluster gets the one whose nearest other cluster is
    farthest away. A name is at the medoid of its cluster, or beside it if that place is
    taken.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.plotting import plot_map
    >>> X = np.array([[0.0, 0.0, 1.0], [0.0, 0.1, 1.0], [5.0, 5.0, 0.0]])
    >>> ax = plot_map(X, [0, 0, -1], names=["flowers"])
    >>> [text.get_text() for text in ax.texts]
    ['flowers']
    """
    refuse_estimators(embeddings)
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    labels, names = at_layer(labels, names, layer)
    check_lengths("plot_map", embeddings=X, labels=labels)
    kept = even_sample(labels, max_points)
    points = project(X[kept], projection=projection, random_state=random_state)
    ax = new_axes(ax, (9.0, 7.0))
    ax.spines[:].set_visible(True)
    ax.set(xticks=[], yticks=[])
    ranked = rank_clusters(labels)
    clusters = [cluster for cluster, _ in ranked]
    medoids, radii = _scatter(points, labels[kept], clusters, ax)
    n_noise = len(labels) - sum(n for _, n in ranked)
    title = f"{len(labels):,} texts, {len(clusters)} clusters"
    title += f", {n_noise:,} noise (gray)" if n_noise else ""
    ax.set_title(title + (f"; {len(kept):,} drawn" if len(kept) < len(X) else ""))
    named = [cluster_name(names, cluster) for cluster in clusters[:max_names]]
    _write_names(named, medoids, radii, ax)
    return ax


def project(
    embeddings: Any, *, projection: str = "pca", random_state: int = 0
) -> np.ndarray:
    """Project embeddings to the plane.

    Parameters
    ----------
    embeddings : array-like of shape (n_docs, embedding_dim)
        Returned as they are if there are two columns.

    projection : {"pca", "tsne", "umap"}, default="pca"
        See `plot_map`.

    random_state : int, default=0
        Seed of "tsne" and "umap".

    Returns
    -------
    points : ndarray of shape (n_docs, 2), float64

    Raises
    ------
    ValueError
        If the projection is unknown or the embeddings are not finite.
    MissingExtraError
        If "umap" is not installed.

    Notes
    -----
    "pca" takes time O(n_docs embedding_dim²). The same input gives the same points,
    whatever the number of threads. "tsne" and "umap" place distinct rows, and copies of
    a row share its point; fewer than four distinct rows are placed by "pca".

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.plotting import project
    >>> project(np.eye(5, 3)).shape
    (5, 2)
    """
    if projection not in PROJECTIONS:
        raise ValueError(
            f"projection must be one of {PROJECTIONS}. Received: {projection!r}."
        )
    refuse_estimators(embeddings)
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    if X.shape[1] == 2:
        return X
    if X.shape[1] < 2 or len(X) < 2:
        return np.column_stack((X, np.zeros(len(X))))[:, :2]
    scale = np.abs(X).max() or 1.0
    X = X / scale
    centered = X - X.mean(axis=0)
    spread = np.abs(centered).max()
    if spread == 0:  # no variance: there is nothing to project by
        return np.zeros((len(X), 2))
    if projection != "pca":
        rows = (centered / spread).astype(np.float32)
        rows, copy_of = np.unique(rows, axis=0, return_inverse=True)
        copy_of = copy_of.reshape(-1)  # numpy 2.0.0 has a second axis
        if len(rows) >= 4:
            return _by_neighbors(rows, projection, random_state)[copy_of]
    from sklearn.decomposition import PCA

    return PCA(2, svd_solver="covariance_eigh").fit_transform(X) * scale


def _by_neighbors(X: np.ndarray, projection: str, random_state: int) -> np.ndarray:
    """Project distinct rows, float32 (n, d), by t-SNE or UMAP; float64 (n, 2)."""
    from threadpoolctl import threadpool_limits

    model: Any
    if projection == "umap":
        umap = import_extra("umap", extra="maps", purpose='projection="umap"')
        model = umap.UMAP(
            n_neighbors=min(15, len(X) - 1),
            init="pca" if len(X) > 4 else "random",
            random_state=random_state,
            n_jobs=1,
        )
    else:
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(X) - 1) / 3)
        model = TSNE(2, perplexity=perplexity, max_iter=500, random_state=random_state)
    with threadpool_limits(1):  # the same picture on every machine; t-SNE gains nothing
        points = model.fit_transform(X)
    return np.asarray(points, dtype=np.float64)


def even_sample(labels: np.ndarray, max_points: int) -> np.ndarray:
    """Return sorted rows: all, or of each cluster the same share, at least one."""
    n_docs = len(labels)
    if n_docs <= max_points:
        return np.arange(n_docs)
    kept = []
    for cluster in np.unique(labels):
        rows = np.flatnonzero(labels == cluster)
        n_kept = max(1, int(len(rows) * max_points / n_docs))
        kept.append(rows[np.linspace(0, len(rows) - 1, n_kept).astype(np.intp)])
    return np.sort(np.concatenate(kept))


def _scatter(
    points: np.ndarray, labels: np.ndarray, clusters: list[Any], ax: Axes
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the points; return medoids and median radii of the clusters."""
    groups = [points[labels == cluster] for cluster in clusters]
    medoids, radii = np.zeros((len(groups), 2)), np.zeros(len(groups))
    for i, group in enumerate(groups):
        distances = np.linalg.norm(group - np.median(group, axis=0), axis=1)
        medoids[i] = group[distances.argmin()]
        radii[i] = np.median(np.linalg.norm(group - medoids[i], axis=1))
    area = float(np.clip(20_000 / max(len(points), 1), 3, 25))
    style: dict[str, Any] = {"s": area, "linewidths": 0, "rasterized": True}
    ax.scatter(*points[labels == NOISE].T, color=NOISE_COLOR, **style)
    colors = distant_colors(medoids, [len(group) for group in groups])
    for group, color in zip(groups, colors, strict=True):
        ax.scatter(*group.T, color=color, alpha=0.8, **style)
    return medoids, radii


def distant_colors(medoids: np.ndarray, sizes: list[int]) -> list[str]:
    """Return a color for each medoid, far from others of the same color.

    In order of decreasing size, each cluster gets the color whose nearest medoid is
    farthest away; an unused one first.
    """
    chosen = np.full(len(medoids), -1)
    for i in np.argsort(sizes, kind="stable")[::-1]:
        distances = ((medoids - medoids[i]) ** 2).sum(axis=1)
        nearest = [
            distances[chosen == color].min(initial=np.inf)
            for color in range(len(COLORS))
        ]
        chosen[i] = int(np.argmax(nearest))
    return [COLORS[color] for color in chosen]


# Places of a name, in lines right of the medoid and above.
_ON = [(0, 0), (0, 1), (0, -1), (0, 2), (0, -2)]
_BESIDE = [(0, 1), (0, -1), (3, 1), (-3, 1), (3, -1), (-3, -1), (0, 2), (0, -2)]
_LINE = 11.0  # points


def _write_names(
    names: list[str], medoids: np.ndarray, radii: np.ndarray, ax: Axes
) -> None:
    """Write each name where it overlaps no earlier one and is inside, or not at all.

    A name is written on a cluster that is larger than a line, and beside a smaller one.
    """
    from matplotlib.patheffects import withStroke

    figure = ax.figure.get_figure(root=True)
    figure.canvas.draw()  # fixes the scale and the layout that extents depend on
    frame = ax.get_window_extent()
    points_a_unit = frame.height / abs(np.subtract(*ax.get_ylim())) * 72 / figure.dpi
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
    style["path_effects"] = [withStroke(linewidth=2.5, foreground="white")]
    taken: list[Any] = []
    for name, medoid, radius in zip(names, medoids, radii, strict=False):
        text = ax.annotate(
            name, medoid, xytext=(0, 0), textcoords="offset points", **style
        )
        for right, up in _ON if radius * points_a_unit > _LINE else _BESIDE:
            text.set_position((right * _LINE, up * _LINE))
            box = text.get_window_extent()
            inside = frame.contains(*box.min) and frame.contains(*box.max)
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
        else:
            text.remove()
