"""make_text_clusterer: the four steps as a plain scikit-learn pipeline.

`in_parts` passes any number of texts through a fitted one.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from deepclust._text_input import check_texts
from deepclust.cleaning import TextCleaner
from deepclust.clustering import DBSCAN
from deepclust.encoding import RNNLSTMEncoder
from deepclust.exceptions import InvalidTextError
from deepclust.vectorizing import Vectorizer

__all__ = ["in_parts", "make_text_clusterer"]


def make_text_clusterer(
    *,
    language: str = "en",
    noise: str = "keep",
    n_clusters: int | None = None,
    guide: dict[str, list[str]] | None = None,
    random_state: Any = None,
    n_jobs: int | None = None,
    memory: Any = None,
    verbose: int = 0,
) -> Pipeline:
    """Return a pipeline that turns texts into clusters.

    Parameters
    ----------
    language : str, default="en"
        Of the texts, as an ISO code; see `TextCleaner`.

    noise : {"keep", "nearest"}, default="keep"
        What becomes of texts in no dense region: -1, or the nearest cluster.

    n_clusters : int, default=None
        A wish for the number of clusters; None lets the texts decide.

    guide : dict of str to list of str, default=None
        Topics and words that name them; texts with these words draw others to them. See
        `RNNLSTMEncoder`.

    random_state : int, RandomState instance or None, default=None
        The same number gives the same labels.

    n_jobs : int, default=None
        Processes for cleaning and threads for clustering, as in joblib; None is one
        process, and all threads. Labels don't depend on it.

    memory : str or joblib.Memory, default=None
        Where fitted steps are kept, so that a search over the last step's parameters
        trains once.

    verbose : int, default=0
        1 shows progress bars.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        Steps `clean`, `vectorize`, `encode`, `cluster`, to be used for parameters:
        `pipeline.set_params(encode__lstm_units=64)`.

    See Also
    --------
    TextCleaner, Vectorizer, RNNLSTMEncoder, DBSCAN : The steps.

    Notes
    -----
    `fit_predict(texts)` gives int labels (n_docs,), clusters numbered from 0 by
    decreasing size, -1 for noise; `predict` gives the same labels for the same texts,
    and new texts one by one or together. Linear in the number of texts, but for the
    density clustering; 20,000 titles take less than a minute on two cores.

    Examples
    --------
    >>> from deepclust import make_text_clusterer
    >>> pipeline = make_text_clusterer(random_state=0)
    >>> [name for name, _ in pipeline.steps]
    ['clean', 'vectorize', 'encode', 'cluster']
    """
    granularity = "auto" if n_clusters is None else max(int(n_clusters), 2)
    return Pipeline(
        [
            ("clean", TextCleaner(language=language, n_jobs=n_jobs, verbose=verbose)),
            ("vectorize", Vectorizer(random_state=random_state)),
            (
                "encode",
                RNNLSTMEncoder(
                    granularity=granularity,
                    guide=guide,
                    random_state=random_state,
                    verbose=verbose,
                ),
            ),
            (
                "cluster",
                DBSCAN(
                    metric="cosine",
                    n_clusters=n_clusters,
                    noise=noise,
                    n_jobs=-1 if n_jobs is None else n_jobs,
                ),
            ),
        ],
        memory=memory,
    )


def in_parts(
    pipeline: Any,
    texts: Iterable[str],
    *,
    method: str = "predict",
    size: int = 20_000,
) -> Iterator[np.ndarray]:
    """Yield the results of a fitted pipeline, one array for every `size` texts.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; or a part of one, such as `pipeline[:-1]`.

    texts : iterable of str
        List, generator, open file, ...; it is read as the results are asked for.

    method : str, default="predict"
        What to call, such as "predict" or "transform".

    size : int, default=20_000
        Texts a part.

    Yields
    ------
    results : ndarray of shape (n_part, ...)
        Of the next `size` texts; the last part may be shorter.

    Raises
    ------
    InvalidTextError
        If `texts` is a bare string, or an item is not a `str`; the message names the
        first row of the part.

    Notes
    -----
    The results are those of one call with all texts: nothing here depends on the
    company a text is in. Memory: one part at a time, about 50 MB for 20,000 titles.

    Examples
    --------
    >>> import numpy as np
    >>> from deepclust import TextCleaner, Vectorizer
    >>> from deepclust.pipeline import in_parts
    >>> cleaner = TextCleaner()
    >>> endless = (f"text number {n}" for n in iter(int, 1))
    >>> next(in_parts(cleaner, endless, method="transform", size=2))
    ['text number 0', 'text number 0']
    """
    if isinstance(texts, (str, bytes)):
        check_texts(texts, estimator="in_parts")
    call = getattr(pipeline, method)
    rows, start = iter(texts), 0
    while part := list(islice(rows, size)):
        try:
            checked = check_texts(part, estimator="in_parts")
        except InvalidTextError as error:
            raise InvalidTextError(f"{error} Row 0 is text {start} here.") from error
        yield call(checked)
        start += len(part)
