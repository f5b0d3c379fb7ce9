"""The texts as points in the plane."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, column_or_1d

from deepclust._optional import import_extra
from deepclust.plotting._canvas import (
    COLOURS,
    NOISE,
    NOISE_COLOUR,
    Names,
    name_of,
    new_axes,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["distant_colours", "even_sample", "plot_map", "project"]

PROJECTIONS = ("pca", "tsne", "umap")


def plot_map(
    embeddings: Any,
    labels: Any,
    *,
    names: Names = None,
    projection: str = "pca",
    max_points: int = 20_000,
    max_names: int = 40,
    random_state: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the texts as points in the plane, one colour a cluster.

    Parameters
    ----------
    embeddings : array-like of shape (n_docs, embedding_dim)
        What the encoder made of the texts. With two columns they are drawn as they are.

    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.

    names : mapping of label to str, or sequence of str, default=None
        What to write at the clusters; their numbers when None.

    projection : {"pca", "tsne", "umap"}, default="pca"
        "pca" keeps large distances and is linear in n_docs. "tsne" and "umap" keep
        neighbours together and show many clusters better, but distances between
        clusters mean little: "tsne" takes some five seconds for 3,000 points, "umap"
        is faster with many points and needs the extra `maps`.

    max_points : int, default=20_000
        Of more texts an even share of each cluster is drawn.

    max_names : int, default=40
        So many of the largest clusters are named, where there is room.

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
    There are nine colours: each cluster takes the one whose other bearers are farthest
    away. A name stands at the medoid of its cluster, or beside it where another is.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust.plotting import plot_map
    >>> X = np.array([[0.0, 0.0, 1.0], [0.0, 0.1, 1.0], [5.0, 5.0, 0.0]])
    >>> ax = plot_map(X, [0, 0, -1], names=["flowers"])
    >>> [text.get_text() for text in ax.texts]
    ['flowers']
    """
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    labels = column_or_1d(labels)
    if len(X) != len(labels):
        raise ValueError(
            f"plot_map needs one label an embedding. Received: {len(X)} embeddings "
            f"and {len(labels)} labels."
        )
    kept = even_sample(labels, max_points)
    points = project(X[kept], projection=projection, random_state=random_state)
    ax = new_axes(ax, (9.0, 7.0))
    ax.set(xticks=[], yticks=[])
    clusters, medoids, radii = _scatter(points, labels[kept], ax)
    sizes = [int(np.sum(labels == cluster)) for cluster in clusters]
    largest = np.argsort(sizes, kind="stable")[::-1][:max_names]
    written = [name_of(names, clusters[i]) for i in largest]
    _write_names(written, medoids[largest], radii[largest], ax)
    n_noise = int(np.sum(labels == NOISE))
    title = f"{len(labels):,} texts, {len(clusters)} clusters"
    title += f", {n_noise:,} noise (grey)" if n_noise else ""
    ax.set_title(title + (f"; {len(kept):,} drawn" if len(kept) < len(X) else ""))
    return ax


def project(
    embeddings: Any, *, projection: str = "pca", random_state: int = 0
) -> np.ndarray:
    """Return points in the plane for embeddings.

    Parameters
    ----------
    embeddings : array-like of shape (n_docs, embedding_dim)
        With two columns they are returned as they are.

    projection : {"pca", "tsne", "umap"}, default="pca"
        See `plot_map`.

    random_state : int, default=0
        Seed of "tsne" and "umap".

    Returns
    -------
    points : ndarray of shape (n_docs, 2)

    Raises
    ------
    ValueError
        If the projection is unknown or the embeddings are not finite.
    MissingExtraError
        If "umap" is not installed.

    Notes
    -----
    "pca" takes time O(n_docs embedding_dim²). The same input gives the same points,
    whatever the number of threads.

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
    X = check_array(embeddings, dtype=np.float64, ensure_min_samples=0)
    if X.shape[1] == 2:
        return X
    if len(X) < 4 or X.shape[1] < 2:
        return np.column_stack((X, np.zeros(len(X))))[:, :2]
    if projection == "pca":
        from sklearn.decomposition import PCA

        return PCA(2, svd_solver="covariance_eigh").fit_transform(X)
    if projection == "umap":
        return _umap(X, random_state)
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(X) - 1) / 3)
    model = TSNE(
        2, perplexity=perplexity, init="pca", max_iter=500, random_state=random_state
    )
    with threadpool_limits(1):  # more threads give another picture, and no speed
        return model.fit_transform(X.astype(np.float32))


def _umap(X: np.ndarray, random_state: int) -> np.ndarray:
    umap = import_extra("umap", extra="maps", purpose='projection="umap"')
    model = umap.UMAP(
        n_neighbors=min(15, len(X) - 1),
        init="pca" if len(X) > 4 else "random",
        random_state=random_state,
        n_jobs=1,
    )
    return np.asarray(model.fit_transform(X.astype(np.float32)), dtype=np.float64)


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
    points: np.ndarray, labels: np.ndarray, ax: "Axes"
) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """Draw the points; return the clusters, their medoids and their radii."""
    clusters = [c for c in np.unique(labels).tolist() if c != NOISE]
    of_cluster = [points[labels == cluster] for cluster in clusters]
    medoids = np.array([_medoid(group) for group in of_cluster]).reshape(-1, 2)
    area = float(np.clip(20_000 / max(len(points), 1), 3, 25))
    style: dict[str, Any] = {"s": area, "linewidths": 0, "rasterized": True}
    noise = points[labels == NOISE]
    ax.scatter(noise[:, 0], noise[:, 1], color=NOISE_COLOUR, **style)
    colours = distant_colours(medoids, [len(group) for group in of_cluster])
    radii = np.zeros(len(clusters))
    for i, (group, colour) in enumerate(zip(of_cluster, colours, strict=True)):
        ax.scatter(group[:, 0], group[:, 1], color=colour, alpha=0.8, **style)
        radii[i] = np.median(np.hypot(*(group - medoids[i]).T))
    return clusters, medoids, radii


def _medoid(points: np.ndarray) -> np.ndarray:
    """Return the point nearest to the coordinate-wise median."""
    centre = np.median(points, axis=0)
    return points[np.argmin(((points - centre) ** 2).sum(axis=1))]


def distant_colours(medoids: np.ndarray, sizes: list[int]) -> list[str]:
    """Return a colour for each medoid, far from others of the same colour.

    The largest cluster chooses first; each takes the colour whose nearest bearer is
    farthest away, an unused one before all.
    """
    chosen = np.full(len(medoids), -1)
    for i in np.argsort(sizes, kind="stable")[::-1]:
        distance = ((medoids - medoids[i]) ** 2).sum(axis=1)
        room = [
            distance[chosen == colour].min(initial=np.inf)
            for colour in range(len(COLOURS))
        ]
        chosen[i] = int(np.argmax(room))
    return [COLOURS[colour] for colour in chosen]


# Where a name may stand, in lines right and up of the medoid.
_ON = [(0, 0), (0, 1), (0, -1), (0, 2), (0, -2)]
_BESIDE = [(0, 1), (0, -1), (3, 1), (-3, 1), (3, -1), (-3, -1), (0, 2), (0, -2)]


def _write_names(
    names: list[str], medoids: np.ndarray, radii: np.ndarray, ax: "Axes"
) -> None:
    """Write names at their clusters, each where no earlier one stands, or not at all.

    A name stands on a cluster that is larger than the letters, and beside a smaller.
    """
    from matplotlib.patheffects import withStroke

    figure = ax.figure.get_figure(root=True)
    figure.canvas.draw()  # fixes the scale and the layout that extents depend on
    frame = ax.get_window_extent()
    scale = frame.height / abs(np.subtract(*ax.get_ylim()))
    line = 11.0  # points
    outline = [withStroke(linewidth=2.5, foreground="white")]
    taken: list[Any] = []
    for name, (x, y), radius in zip(names, medoids, radii, strict=True):
        text = ax.annotate(
            plain(name),
            (x, y),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8,
            path_effects=outline,
        )
        is_wide = radius * scale * 72 / figure.dpi > line
        for right, up in _ON if is_wide else _BESIDE:
            text.set_position((right * line, up * line))
            box = text.get_window_extent()
            inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
        else:
            text.remove()
