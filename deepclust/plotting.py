"""Pictures of texts, training and clusters, by matplotlib.

Each function draws on `ax`, or on a new figure, and returns the Axes; none shows it.
Colours are told apart by colour-blind readers, noise is light grey.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, column_or_1d

from deepclust._text_input import check_texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "plot_cluster_sizes",
    "plot_lengths",
    "plot_map",
    "plot_training",
    "plot_word_frequencies",
]

NOISE = -1
NOISE_COLOUR = "#d0d0d0"
BAR_COLOUR = "#4477aa"
# P. Tol, "Colour schemes", technical note SRON/EPS/TN/09-002, scheme "muted".
COLOURS = (
    *("#332288", "#cc6677", "#44aa99", "#ddaa33", "#882255"),
    *("#88ccee", "#117733", "#aa4499", "#999933"),
)


def plot_map(
    embeddings: Any,
    labels: Any,
    *,
    names: Mapping[Any, str] | Sequence[str] | None = None,
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

    projection : {"pca", "tsne"}, default="pca"
        "pca" keeps large distances and is linear in n_docs. "tsne" keeps neighbours
        together and shows many clusters better, but distances between clusters mean
        little; some five seconds for 3,000 points.

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
    if projection not in ("pca", "tsne"):
        raise ValueError(
            f"projection must be 'pca' or 'tsne'. Received: {projection!r}."
        )
    kept = _even_sample(labels, max_points)
    points = _project(X[kept], projection, random_state)
    ax = _axes(ax, (9.0, 7.0))
    ax.set(xticks=[], yticks=[])
    clusters, medoids, radii = _scatter(points, labels[kept], ax)
    sizes = [int(np.sum(labels == cluster)) for cluster in clusters]
    largest = np.argsort(sizes, kind="stable")[::-1][:max_names]
    written = [_name(names, clusters[i]) for i in largest]
    _write_names(written, medoids[largest], radii[largest], ax)
    n_noise = int(np.sum(labels == NOISE))
    title = f"{len(labels):,} texts, {len(clusters)} clusters"
    title += f", {n_noise:,} noise (grey)" if n_noise else ""
    ax.set_title(title + (f"; {len(kept):,} drawn" if len(kept) < len(X) else ""))
    return ax


def plot_training(history: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the training curve: loss by epoch, and validation loss if there is one.

    Parameters
    ----------
    history : DataFrame or mapping
        `RNNLSTMEncoder.history_`, or anything with a column "loss" and, perhaps,
        "val_loss" and "epoch".

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If there is no column "loss".

    Examples
    --------
    >>> from deepclust.plotting import plot_training
    >>> ax = plot_training({"loss": [3.0, 1.5, 1.2], "val_loss": [3.1, 2.0, 1.9]})
    >>> len(ax.lines)
    2
    """
    from matplotlib.ticker import MaxNLocator

    columns = list(history.keys())
    if "loss" not in columns:
        raise ValueError(f"history has no column 'loss'. Its columns: {columns}.")
    loss = np.asarray(history["loss"], dtype=np.float64)
    epochs = np.arange(1, len(loss) + 1)
    ax = _axes(ax, (7.0, 4.0))
    ax.plot(epochs, loss, color=COLOURS[0], marker="o", label="training")
    if "val_loss" in columns:
        values = np.asarray(history["val_loss"], dtype=np.float64)
        if np.isfinite(values).any():
            style: dict[str, Any] = {
                "color": COLOURS[1],
                "marker": "s",
                "linestyle": "--",
            }
            ax.plot(epochs, values, label="validation", **style)
            ax.legend(frameon=False)
    ax.set(xlabel="epoch", ylabel="loss", title="Training")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_cluster_sizes(
    labels: Any,
    *,
    names: Mapping[Any, str] | Sequence[str] | None = None,
    max_clusters: int = 80,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the number of texts of each cluster, the largest on top, noise last.

    Parameters
    ----------
    labels : array-like of shape (n_docs,)
        Cluster of each text, −1 for noise.

    names : mapping of label to str, or sequence of str, default=None
        What to write at the clusters; their numbers when None.

    max_clusters : int, default=80
        Smaller clusters are summed up in one bar.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Examples
    --------
    >>> from deepclust.plotting import plot_cluster_sizes
    >>> ax = plot_cluster_sizes([0, 0, 1, -1], names=["flowers", "trees"])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['flowers', 'trees', 'noise']
    """
    counts = Counter(column_or_1d(labels).tolist())
    n_noise = counts.pop(NOISE, 0)
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    bars = [(_name(names, c), n, BAR_COLOUR) for c, n in ranked[:max_clusters]]
    rest = ranked[max_clusters:]
    if rest:
        n_rest = sum(n for _, n in rest)
        bars.append((f"{len(rest)} smaller clusters", n_rest, BAR_COLOUR))
    if n_noise:
        bars.append(("noise", n_noise, NOISE_COLOUR))
    ax = _bars(bars, ax)
    ax.set(xlabel="texts", title=f"{len(counts)} clusters")
    return ax


def plot_lengths(texts: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how long the texts are, in tokens.

    Parameters
    ----------
    texts : iterable of str, or TokenSequences
        Tokens of a text are separated by white space. Of `TokenSequences` the known
        and unknown tokens are counted.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.

    Notes
    -----
    The axis ends at the 99.5th percentile; longer texts are counted in the last bar.

    Examples
    --------
    >>> from deepclust.plotting import plot_lengths
    >>> ax = plot_lengths(["a b c", "a b", ""])
    >>> ax.get_title()
    '3 texts, median length 2 tokens'
    """
    lengths = getattr(texts, "lengths", None)
    if lengths is None:
        texts = check_texts(texts, estimator="plot_lengths")
        lengths = np.array([len(text.split()) for text in texts], dtype=np.int64)
    longest = int(np.ceil(np.percentile(lengths, 99.5))) if len(lengths) else 1
    step = max(1, -(-longest // 60))
    edges = np.arange(0, longest + step + 1, step) - 0.5
    ax = _axes(ax, (7.0, 4.0))
    ax.hist(np.minimum(lengths, longest), bins=edges.tolist(), color=BAR_COLOUR)
    median = f"{np.median(lengths):g}" if len(lengths) else "0"
    ax.set(
        xlabel="tokens a text",
        ylabel="texts",
        title=f"{len(lengths):,} texts, median length {median} tokens",
    )
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_word_frequencies(
    texts: Any, *, n_words: int = 30, ax: "Axes | None" = None
) -> "Axes":
    """Draw the most frequent tokens; call it before and after cleaning to compare.

    Parameters
    ----------
    texts : iterable of str
        Tokens are separated by white space.

    n_words : int, default=30
        How many tokens to draw.

    ax : matplotlib Axes, default=None
        Where to draw; a new figure when None.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    InvalidTextError
        If `texts` is not an iterable of str.

    Examples
    --------
    >>> from deepclust.plotting import plot_word_frequencies
    >>> ax = plot_word_frequencies(["a b", "b c", "b"], n_words=1)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['b']
    """
    texts = check_texts(texts, estimator="plot_word_frequencies")
    counts = Counter(token for text in texts for token in text.split())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ax = _bars([(word, n, BAR_COLOUR) for word, n in ranked[:n_words]], ax)
    n_tokens = sum(counts.values())
    title = f"{n_tokens:,} tokens, {len(counts):,} of them different"
    ax.set(xlabel="occurrences", title=title)
    return ax


def _axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _name(names: Any, cluster: Any) -> str:
    """Return the name of a cluster, or its number where none was given."""
    try:
        return str(cluster if names is None else names[cluster])
    except (KeyError, IndexError):
        return str(cluster)


def _plain(text: str) -> str:
    """Return `text` so that matplotlib does not read it as a formula."""
    return text.replace("$", r"\$")


def _bars(bars: list[tuple[str, int, str]], ax: "Axes | None") -> "Axes":
    """Draw horizontal bars (name, length, colour), the first on top."""
    ax = _axes(ax, (7.0, max(2.0, 1.2 + 0.19 * len(bars))))
    rows = np.arange(len(bars))
    colours = [colour for _, _, colour in bars]
    ax.barh(rows, [count for _, count, _ in bars], color=colours)
    ax.set_yticks(rows, [_plain(name) for name, _, _ in bars], fontsize=8)
    ax.set_ylim(max(len(bars), 1) - 0.5, -0.5)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _even_sample(labels: np.ndarray, max_points: int) -> np.ndarray:
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


def _project(X: np.ndarray, projection: str, random_state: int) -> np.ndarray:
    """Return the rows of X as points of shape (n_docs, 2)."""
    if X.shape[1] == 2:
        return X
    if len(X) < 4 or X.shape[1] < 2:
        return np.column_stack((X, np.zeros(len(X))))[:, :2]
    if projection == "pca":
        from sklearn.decomposition import PCA

        return PCA(2, svd_solver="covariance_eigh").fit_transform(X)
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(X) - 1) / 3)
    model = TSNE(
        2, perplexity=perplexity, init="pca", max_iter=500, random_state=random_state
    )
    with threadpool_limits(1):  # more threads give another picture, and no speed
        return model.fit_transform(X.astype(np.float32))


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
    colours = _distant_colours(medoids, [len(group) for group in of_cluster])
    radii = np.zeros(len(clusters))
    for i, (group, colour) in enumerate(zip(of_cluster, colours, strict=True)):
        ax.scatter(group[:, 0], group[:, 1], color=colour, alpha=0.8, **style)
        radii[i] = np.median(np.hypot(*(group - medoids[i]).T))
    return clusters, medoids, radii


def _medoid(points: np.ndarray) -> np.ndarray:
    """Return the point nearest to the coordinate-wise median."""
    centre = np.median(points, axis=0)
    return points[np.argmin(((points - centre) ** 2).sum(axis=1))]


def _distant_colours(medoids: np.ndarray, sizes: list[int]) -> list[str]:
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
            _plain(name),
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
