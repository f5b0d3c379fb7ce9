"""DifferentialPrivacy: how much one text may change the weights of the encoder.

The noise multiplier comes from dp-accounting; `_private_training.py` adds the noise.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from deepclust._optional import import_extra

__all__ = ["DifferentialPrivacy", "privacy_ledger"]


@dataclass(frozen=True)
class DifferentialPrivacy:
    """A bound on what the weights of an encoder tell about any one text of `fit`.

    With `RNNLSTMEncoder(privacy=DifferentialPrivacy(...))` the network is trained by
    DP-SGD [1]_: every text takes part in an update by chance alone (Poisson sampling),
    its gradient is clipped to `max_grad_norm`, and Gaussian noise is added to the sum.

    **What ε covers:** the trained weights of network and class prototypes, as a
    function of the texts, given everything in the next paragraph; one text is added or
    removed. An author of several texts is covered by a multiple of ε.

    **What it does not cover:** the pseudo-labels (targets and number of classes), which
    are made of all texts; the vocabulary and its counts, unless `Vectorizer(privacy=)`
    bounds them as well; the word vectors that training starts from; `history_`; cluster
    names, keywords, core points and labels of a clusterer. These are as private as the
    texts: a saved pipeline is not differentially private, whatever ε is. Floating-point
    attacks on the noise are not defended.

    Parameters
    ----------
    epsilon : float
        Greater than 0. Up to 1 is a strong, 10 a weak guarantee.

    delta : float
        Between 0 and 1; smaller than one over the number of texts.

    max_grad_norm : float, default=1.0
        Norm to which the gradient of each text, over all weights, is clipped.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] Abadi et al., "Deep learning with differential privacy", CCS 2016,
       doi:10.1145/2976749.2978318.

    Examples
    --------
    >>> from deepclust.encoding import DifferentialPrivacy
    >>> DifferentialPrivacy(8.0, delta=1e-5)
    DifferentialPrivacy(epsilon=8.0, delta=1e-05, max_grad_norm=1.0)
    """

    epsilon: float
    delta: float
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        positive = [Interval(Real, 0, math.inf, closed="neither")]
        rules = {
            "epsilon": positive,
            "delta": [Interval(Real, 0, 1, closed="neither")],
            "max_grad_norm": positive,
        }
        validate_parameter_constraints(rules, vars(self), "DifferentialPrivacy")


def privacy_ledger(
    privacy: DifferentialPrivacy, sampling_rate: float, n_steps: int
) -> dict[str, Any]:
    """Return what was spent, with the least noise that keeps to epsilon and delta.

    Parameters
    ----------
    privacy : DifferentialPrivacy

    sampling_rate : float
        Probability of a text to take part in an update.

    n_steps : int
        Number of updates.

    Returns
    -------
    ledger : dict
        epsilon, delta, max_grad_norm, noise_multiplier (the standard deviation of the
        noise over `max_grad_norm`), sampling_rate, n_steps.

    Raises
    ------
    MissingExtraError
        If the package dp-accounting is not installed.

    References
    ----------
    .. [1] Mironov, Talwar, Zhang, "Rényi differential privacy of the sampled Gaussian
       mechanism", arXiv:1908.10530.
    """
    accounting = import_extra(
        "dp_accounting", extra="privacy", purpose="Training with privacy="
    )
    rdp = import_extra("dp_accounting.rdp", extra="privacy", purpose="privacy=")

    def event(noise: float) -> Any:
        step = accounting.PoissonSampledDpEvent(
            sampling_rate, accounting.GaussianDpEvent(noise)
        )
        return accounting.SelfComposedDpEvent(step, n_steps)

    noise = accounting.calibrate_dp_mechanism(
        rdp.RdpAccountant, event, privacy.epsilon, privacy.delta, tol=1e-3
    )
    spent = rdp.RdpAccountant().compose(event(noise)).get_epsilon(privacy.delta)
    return {
        "epsilon": float(spent),
        "delta": privacy.delta,
        "max_grad_norm": privacy.max_grad_norm,
        "noise_multiplier": float(noise),
        "sampling_rate": sampling_rate,
        "n_steps": n_steps,
    }
