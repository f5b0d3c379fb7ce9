"""Are these texts still like those that a model was fitted on?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from deepclust._text_input import check_texts
from deepclust.clustering import DBSCAN
from deepclust.inspection._keywords import names_by_label
from deepclust.sequences import NOISE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Drift", "drift"]

_CLUSTERS_SHOWN = 10  # clusters, in print


@dataclass(frozen=True, eq=False, repr=False)
class Drift:
    """Differences between texts and those of a reference; see `drift`.

    Parameters
    ----------
    frame : DataFrame
        One row a measure.

    clusters : DataFrame
        One row a cluster, noise last: shares of the texts.

    n_reference, n_texts : int
        Number of texts compared.

    Examples
    --------
    >>> import pandas as pd
    >>> from deepclust.inspection import Drift
    >>> len(Drift(pd.DataFrame({"measure": ["noise"]}), pd.DataFrame(), 100, 90))
    1
    """

    frame: "pd.DataFrame"
    clusters: "pd.DataFrame"
    n_reference: int
    n_texts: int

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]

    def _most_changed(self) -> "pd.DataFrame":
        order = np.argsort(-self.clusters["difference"].abs(), kind="stable")
        return self.clusters.iloc[order[:_CLUSTERS_SHOWN]]

    def __repr__(self) -> str:
        options: dict[str, Any] = {"index": False, "float_format": "{:.3g}".format}
        return (
            f"{self.n_texts:,} texts against {self.n_reference:,}. With many texts, a "
            "difference that does not matter has a small p-value too: see effect.\n"
            f"{self.frame.to_string(**options)}\n\nClusters that changed most\n"
            f"{self._most_changed().to_string(**options)}"
        )

    def _repr_html_(self) -> str:
        options: dict[str, Any] = {
            "index": False,
            "border": 0,
            "float_format": "{:.3g}".format,
        }
        tables = (self.frame, self._most_changed())
        return "".join(table.to_html(**options) for table in tables)


@dataclass(frozen=True)
class _Sample:
    """What a model says of some texts; unknown words are None where no text is kept."""

    labels: np.ndarray
    membership: np.ndarray
    unknown_words: np.ndarray | None


def drift(pipeline: Any, texts: Any, *, reference: Any = None) -> Drift:
    """Compare texts with those of `fit`, or with others, as a model sees them.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, ending in DBSCAN.

    texts : iterable of str, length n_docs
        New texts.

    reference : iterable of str, default=None
        Texts to compare with; those of `fit` when None. Texts that were not fitted,
        such as last month's, make the fairer comparison: a model knows the texts of
        `fit` better than any others of the same kind.

    Returns
    -------
    drift : Drift
        `frame` has a row for unknown words (mean share of a text), noise (share of the
        texts), membership (mean of the greatest one of a text) and clusters (number
        with a text), with the columns "reference", "now", "effect", "effect_size"
        (what the effect is), "test", "statistic" and "p_value". `clusters` has each
        cluster's share of the texts in "reference" and "now", their "difference", its
        standardized residual "z", and "p_value", corrected for the number of clusters.

    Raises
    ------
    NotFittedError
        Before `fit`.
    InvalidTextError
        If `texts` or `reference` is not an iterable of str.
    ValueError
        If `texts` or `reference` is empty, the pipeline does not end in DBSCAN, or
        `reference` is None and the model keeps no texts of `fit`, as one saved for
        prediction alone.

    See Also
    --------
    deepclust.plotting.plot_drift : The shares of the clusters as a picture.

    Notes
    -----
    A p-value is the probability of a difference as large where both samples come from
    one source. It falls with the number of texts: of 10,000 texts, differences that
    change nothing have p < .001. The effect does not depend on the number of texts:

    * noise, clusters: chi-square test of independence [1]_. Cramér's V, 0 to 1; by
      Cohen's convention .1 is small, .3 medium, .5 large [2]_.
    * membership, and unknown words with `reference`: Kolmogorov–Smirnov test of two
      samples. D, the greatest difference of the distributions, 0 to 1.
    * unknown words against those of `fit`: t test of the shares of the texts. The
      difference by the standard deviation, Cohen's d: .2, .5, .8. Expected is the
      share that words of a text of `fit` would have, were it not fitted: unknown words
      and those in exactly `min_df_` texts.

    p-values of clusters are those of z, by the Benjamini–Hochberg procedure. Clusters
    with fewer than 5 texts in both samples together are one class in the test of all.
    Time of `predict` and `predict_proba`.

    References
    ----------
    .. [1] A. Agresti, "Categorical Data Analysis", 3rd edition, Wiley, 2013.

    .. [2] J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd
       edition, Erlbaum, 1988.

    Examples
    --------
    >>> from deepclust import make_text_clusterer
    >>> from deepclust.inspection import drift
    >>> texts = [f"{a} {b}" for a in ("cats purr", "dogs bark", "birds sing")
    ...          for b in ("loudly", "softly", "at night", "at dawn", "all day")] * 8
    >>> pipeline = make_text_clusterer(random_state=0).set_params(
    ...     encode__rnn_units=4, encode__lstm_units=4, encode__epochs=8,
    ...     vectorize__vector_dim=8, cluster__min_samples=2).fit(texts)
    >>> found = drift(pipeline, texts[:40], reference=texts[40:])
    >>> found.frame["measure"].tolist()
    ['unknown words', 'noise', 'membership', 'clusters']
    >>> bool((found.frame["p_value"] > 0.5).all())
    True
    """
    import pandas as pd

    check_is_fitted(pipeline)
    steps = getattr(pipeline, "steps", [("", pipeline)])
    if len(steps) < 2 or not isinstance(steps[-1][1], DBSCAN):
        found = [type(step).__name__ for _, step in steps]
        raise ValueError(
            f"drift needs a pipeline that ends in DBSCAN. Received the steps: {found}."
        )
    now = _seen(pipeline, _some_texts(texts))
    if reference is None:
        before, expected = _fitted(pipeline)
    else:
        before, expected = _seen(pipeline, _some_texts(reference)), None
    n_labels = 2 + max(before.labels.max(), now.labels.max())
    n_labels = max(n_labels, 1 + pipeline[-1].n_clusters_)
    counts = np.array(
        [np.bincount(s.labels + 1, minlength=n_labels) for s in (before, now)]
    )
    counts = np.roll(counts, -1, axis=1)  # noise last
    in_noise = np.stack((counts[:, :-1].sum(axis=1), counts[:, -1]), axis=1)
    rows = [_unknown_words(before.unknown_words, now.unknown_words, expected)]
    shares = in_noise[:, 1] / in_noise.sum(axis=1)
    rows.append({"measure": "noise"} | _both(shares) | _chi_square(in_noise))
    means = np.array([before.membership.mean(), now.membership.mean()])
    tested = _kolmogorov_smirnov(before.membership, now.membership)
    rows.append({"measure": "membership"} | _both(means) | tested)
    used = (counts[:, :-1] > 0).sum(axis=1)
    tested = _chi_square(_without_rare(counts[:, :-1]))
    rows.append({"measure": "clusters"} | _both(used) | tested)
    frame = pd.DataFrame([row for row in rows if row])
    names = names_by_label(getattr(pipeline[-1], "cluster_names_", None))
    clusters = _cluster_shares(counts, names)
    return Drift(frame, clusters, len(before.labels), len(now.labels))


def _some_texts(texts: Any) -> list[str]:
    checked = check_texts(texts, estimator="drift")
    if not checked:
        raise ValueError("drift needs texts. Received: none.")
    return checked


def _seen(pipeline: Any, texts: list[str]) -> _Sample:
    """Return what a pipeline says of texts."""
    rows: Any = texts
    unknown = None
    for _, step in pipeline.steps[:-1]:
        if hasattr(step, "known_share"):
            filled = np.array([bool(text.strip()) for text in rows])
            unknown = 1.0 - step.known_share(rows)[filled]
        rows = step.transform(rows)
    return _sample(pipeline[-1], rows, unknown)


def _sample(clusterer: DBSCAN, rows: Any, unknown: np.ndarray | None) -> _Sample:
    membership = clusterer.predict_proba(rows).max(axis=1, initial=0.0)
    return _Sample(np.asarray(clusterer.predict(rows)), membership, unknown)


def _fitted(pipeline: Any) -> tuple[_Sample, float | None]:
    """Return the same for the rows of `fit`, and the unknown words to expect."""
    clusterer = pipeline[-1]
    rows, core = clusterer._fitted_rows(), clusterer.core_sample_indices_
    noise = getattr(clusterer, "noise_fraction_", 1.0)  # not in `profile="predict"`
    if len(core) == len(rows) and noise > 0:
        raise ValueError(
            "This model keeps core points alone, not all texts of fit: pass "
            "reference= with texts to compare with."
        )
    expected = None
    for _, step in pipeline.steps[:-1]:
        if hasattr(step, "oov_rate_"):
            counts = step.vocabulary_.document_frequency
            rare = counts[counts == step.min_df_].sum() / max(counts.sum(), 1)
            expected = step.oov_rate_ + (1.0 - step.oov_rate_) * rare
    return _sample(clusterer, rows, None), expected


def _both(values: np.ndarray) -> dict[str, float]:
    return {"reference": float(values[0]), "now": float(values[1])}


def _unknown_words(
    before: np.ndarray | None, now: np.ndarray | None, expected: float | None
) -> dict[str, Any]:
    if now is None or not len(now) or (before is None and expected is None):
        return {}
    row: dict[str, Any] = {"measure": "unknown words"}
    if before is not None:
        means = np.array([before.mean() if len(before) else 0.0, now.mean()])
        return row | _both(means) | _kolmogorov_smirnov(before, now)
    row |= _both(np.array([expected, now.mean()]))
    spread = now.std(ddof=1) if len(now) > 1 else 0.0
    if spread == 0.0:  # of texts that differ from what is expected, t is infinite
        effect, p_value = (0.0, 1.0) if now.mean() == expected else (np.nan, np.nan)
        return row | _result(effect, "Cohen's d", "t", effect, p_value)
    found = stats.ttest_1samp(now, expected)
    effect = (now.mean() - expected) / spread
    return row | _result(effect, "Cohen's d", "t", found.statistic, found.pvalue)


def _kolmogorov_smirnov(before: np.ndarray, now: np.ndarray) -> dict[str, Any]:
    found = stats.ks_2samp(before, now, method="asymp")
    return _result(found.statistic, "D", "KS", found.statistic, found.pvalue)


def _chi_square(table: np.ndarray) -> dict[str, Any]:
    """Test the independence of rows and columns; columns of zeros do not count."""
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return _result(0.0, "Cramér's V", "chi-square", 0.0, 1.0)
    found = stats.chi2_contingency(table, correction=False)
    effect = np.sqrt(found.statistic / table.sum())
    return _result(effect, "Cramér's V", "chi-square", found.statistic, found.pvalue)


def _result(
    effect: float, size: str, test: str, statistic: float, p_value: float
) -> dict[str, Any]:
    return {
        "effect": float(effect),
        "effect_size": size,
        "test": test,
        "statistic": float(statistic),
        "p_value": float(p_value),
    }


def _without_rare(counts: np.ndarray) -> np.ndarray:
    """Return the counts with the columns of fewer than 5 texts as one."""
    rare = counts.sum(axis=0) < 5
    return np.column_stack((counts[:, ~rare], counts[:, rare].sum(axis=1)))


def _cluster_shares(counts: np.ndarray, names: dict[Any, str]) -> "pd.DataFrame":
    import pandas as pd

    n_texts = counts.sum(axis=1, keepdims=True)
    before, now = counts / n_texts
    expected = n_texts * counts.sum(axis=0) / n_texts.sum()
    spread = np.sqrt(
        expected
        * (1 - counts.sum(axis=0) / n_texts.sum())
        * (1 - n_texts / n_texts.sum())
    )
    z = np.divide(
        counts - expected, spread, out=np.zeros(counts.shape), where=spread > 0
    )[1]
    labels = [*range(counts.shape[1] - 1), NOISE]
    p_values = stats.false_discovery_control(2 * stats.norm.sf(np.abs(z)))
    return pd.DataFrame(
        {
            "cluster": labels,
            "name": [names.get(c, "noise" if c == NOISE else "") for c in labels],
            "reference": before,
            "now": now,
            "difference": now - before,
            "z": z,
            "p_value": p_values,
        }
    )
