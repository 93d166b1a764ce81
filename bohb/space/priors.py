"""Prior distributions, as quantile functions over positions.

The prior distribution of a parameter is the one that ConfigSpace samples from. Only drawing from a normal or a beta
distribution loads scipy.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import exp, log
from typing import Any

import numpy as np

from bohb.arrays import Floats
from bohb.space.parameters import LogInteger, Parameter, WideLogInteger

Quantile = Callable[[Floats], Floats]
"""Maps `(n,)` uniform numbers in [0, 1) to the `(n,)` positions of as many draws. Can be pickled."""


def read_quantile(part: Mapping[str, Any], parameter: Parameter) -> Quantile | None:
    """Return the quantile function of the prior distribution, or None if positions are uniform in [0, 1).

    Args:
        part: The serialised parameter.
        parameter: What `read_parameter` returned for it.
    """
    kind, _, number = part["type"].partition("_")
    if kind == "categorical":
        return _weighted(part["weights"], len(part["choices"]))
    if kind == "uniform" and number == "int" and part["log"]:
        return partial(_log_uniform_integer, part["lower"], part["upper"], parameter)
    if kind == "normal":
        continuous = _truncated_normal(*_normal_on_unit(part))
    elif kind == "beta":
        continuous = partial(_beta, part["alpha"], part["beta"])
    else:
        return None
    if isinstance(parameter, LogInteger | WideLogInteger):
        return partial(_log_integer, continuous, part["lower"], part["upper"], parameter)
    return continuous


def _weighted(weights: Any, num: int) -> Quantile:
    if weights is None:
        probabilities = np.full(num, 1 / num)
    else:
        relative = np.asarray(weights, dtype=float)
        probabilities = relative / np.sum(relative)
    cumulative = np.cumsum(probabilities)
    cumulative /= cumulative[-1]
    return partial(_count_exceeded, cumulative)


def _count_exceeded(cumulative: Floats, q: Floats) -> Floats:
    # side="right" finds the first choice whose cumulative probability exceeds q, so never one of probability 0.
    return np.searchsorted(cumulative, q, side="right").astype(float)


def _normal_on_unit(part: Mapping[str, Any]) -> tuple[float, float]:
    """Return the mean and standard deviation in positions.

    The formula is ConfigSpace's own, unusual as it is on a log scale.
    """
    lower, upper, mu, sigma = float(part["lower"]), float(part["upper"]), part["mu"], part["sigma"]
    if not part["log"]:
        return (mu - lower) / (upper - lower), sigma / (upper - lower)
    span = log(upper) - log(lower)
    return (log(mu) - log(lower)) / span, abs(log(lower + sigma) / span)


def _truncated_normal(mean: float, deviation: float) -> Quantile:
    """Return the quantile function of a normal distribution truncated to [0, 1]."""
    low, high = -mean / deviation, (1.0 - mean) / deviation
    if low > 0.0:  # mirror it: the lower tail is the one that floats resolve
        return partial(_cut_normal, mean, -deviation, (-high, -low))
    return partial(_cut_normal, mean, deviation, (low, high))


def _cut_normal(mean: float, deviation: float, cuts: tuple[float, float], q: Floats) -> Floats:
    """Return quantiles of a normal distribution between two cuts; a negative deviation mirrors it.

    It works in logarithms, because [0, 1] may lie far out in either tail.
    """
    from scipy.special import log_ndtr, ndtri_exp

    log_low, log_high = (float(log_ndtr(cut)) for cut in cuts)
    share = 1.0 - q if deviation < 0.0 else q
    ratio = exp(log_low - log_high)
    z = ndtri_exp(np.minimum(log_high + np.log(ratio + share * (1.0 - ratio)), 0.0))
    return np.asarray(np.clip(mean + deviation * np.clip(z, *cuts), 0.0, 1.0))


def _beta(alpha: float, beta: float, q: Floats) -> Floats:
    from scipy.special import betaincinv

    return np.asarray(betaincinv(alpha, beta, q))


def _log_uniform_integer(lower: int, upper: int, parameter: Parameter, q: Floats) -> Floats:
    """Draw uniformly in the logarithm, then cut into equal intervals of the value, as ConfigSpace does."""
    num, start, span = upper - lower + 1, log(lower), log(upper) - log(lower)
    steps = (int((exp(start + one * span) - lower) / (upper - lower) * num) for one in q.tolist())
    return np.array([parameter.encode(lower + min(max(step, 0), num - 1)) for step in steps])


def _log_integer(continuous: Quantile, lower: int, upper: int, parameter: Parameter, q: Floats) -> Floats:
    """Cut draws into equal intervals of the position, then map those to the log scale, as ConfigSpace does."""
    num, start, span = upper - lower + 1, log(lower), log(upper) - log(lower)
    steps = (min(int(u * num), num - 1) for u in continuous(q).tolist())
    values = (round(exp(start + step / (num - 1) * span)) for step in steps)
    return np.array([parameter.encode(min(max(value, lower), upper)) for value in values])
