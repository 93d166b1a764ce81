"""What a user declared with ConfigSpace, read as scales and distributions: the only file that knows ConfigSpace.

Distributions are those that ConfigSpace samples from, expressed as quantile functions over positions. scipy is
imported only for the ones that need it.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bohb.errors import SpaceError
from bohb.space.parameters import MAX_LOG_INTEGER, Choice, Integers, LogIntegers, Ordered, Real, Scale, WideLogIntegers

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Floats = NDArray[np.float64]
Quantile = Callable[[Floats], Floats]
"""From `(n,)` uniform numbers in [0, 1) to the `(n,)` positions of as many draws; made so that it can be pickled."""


def read_space(space: "ConfigurationSpace | Mapping[str, Any]") -> "ConfigurationSpace":
    """The space itself, or what its mapping declares.

    Raises:
        SpaceError: Not a space, or an empty one.
    """
    from ConfigSpace import ConfigurationSpace

    if not isinstance(space, Mapping):
        raise SpaceError(f"expected a ConfigurationSpace, or a mapping of names to ranges and choices, got {space!r}.")
    if not isinstance(space, ConfigurationSpace):
        try:
            space = ConfigurationSpace(space=dict(space))
        except (TypeError, ValueError) as error:
            raise SpaceError(f"expected what ConfigurationSpace(space=...) accepts, got {space!r}: {error}") from error
    if not len(space):
        raise SpaceError("expected a space with at least one parameter, got an empty one; declare what to search.")
    return space


def serialise(space: "ConfigurationSpace") -> Any:
    """ConfigSpace's own serialised form, or the reason why there is none."""
    try:
        return space.to_serialized_dict()
    except ValueError as error:
        return error


def deserialise(data: Mapping[str, Any]) -> "ConfigurationSpace":
    """The inverse of `serialise`, for data that came through JSON.

    Raises:
        SpaceError: The data are not a serialised space.
    """
    from ConfigSpace import ConfigurationSpace

    try:
        copied = json.loads(json.dumps(data))  # ConfigSpace takes its argument apart
        return ConfigurationSpace.from_serialized_dict(copied)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpaceError(f"expected what to_json() returned, got {data!r}: {error}.") from error


def plain(value: Any) -> Any:
    """The Python value of a numpy scalar; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def read_scale(parameter: Any) -> Scale:
    """The scale of one of ConfigSpace's parameters.

    Raises:
        SpaceError: A kind of parameter that is not known, or a range that a float64 cannot divide.
    """
    import ConfigSpace.hyperparameters as kinds

    if isinstance(parameter, kinds.CategoricalHyperparameter):
        return Choice([plain(value) for value in parameter.choices])
    if isinstance(parameter, kinds.OrdinalHyperparameter):
        return Ordered([plain(value) for value in parameter.sequence])
    if isinstance(parameter, kinds.Constant):
        return Ordered([plain(parameter.value)])
    if isinstance(parameter, kinds.IntegerHyperparameter):
        lower, upper = int(parameter.lower), int(parameter.upper)
        if not parameter.log:
            return Integers(lower, upper)
        return LogIntegers(lower, upper) if upper <= MAX_LOG_INTEGER else WideLogIntegers(lower, upper)
    if isinstance(parameter, kinds.FloatHyperparameter):
        return Real(float(parameter.lower), float(parameter.upper), bool(parameter.log))
    raise SpaceError(f"expected a parameter of ConfigSpace, got {parameter!r}; declare it with one of its classes.")


def read_quantile(parameter: Any, scale: Scale) -> Quantile | None:
    """How to draw positions of a parameter, or None if they are uniform in [0, 1)."""
    import ConfigSpace.hyperparameters as kinds

    if isinstance(parameter, kinds.CategoricalHyperparameter):
        return _weighted(np.asarray(parameter.probabilities, dtype=float))
    if isinstance(parameter, kinds.UniformIntegerHyperparameter) and parameter.log:
        return _log_uniform_integers(int(parameter.lower), int(parameter.upper), scale)
    if isinstance(parameter, kinds.NormalFloatHyperparameter | kinds.NormalIntegerHyperparameter):
        continuous = _truncated_normal(*_normal_on_unit(parameter))
    elif isinstance(parameter, kinds.BetaFloatHyperparameter | kinds.BetaIntegerHyperparameter):
        continuous = _beta(parameter.alpha, parameter.beta)
    else:
        return None
    if isinstance(scale, LogIntegers | WideLogIntegers):
        return _log_levels(continuous, int(parameter.lower), int(parameter.upper), scale)
    return continuous


def _weighted(probabilities: Floats) -> Quantile:
    cumulative = np.cumsum(probabilities)
    cumulative /= cumulative[-1]
    # To the right: the first choice whose cumulative probability exceeds q, which has a probability above 0.
    return partial(_count_exceeded, cumulative)


def _count_exceeded(cumulative: Floats, q: Floats) -> Floats:
    return np.searchsorted(cumulative, q, side="right").astype(float)


def _normal_on_unit(parameter: Any) -> tuple[float, float]:
    """Mean and standard deviation in positions, by ConfigSpace's own rule, which on a log scale is a peculiar one."""
    lower, upper = float(parameter.lower), float(parameter.upper)
    if not parameter.log:
        return (parameter.mu - lower) / (upper - lower), parameter.sigma / (upper - lower)
    span = log(upper) - log(lower)
    return (log(parameter.mu) - log(lower)) / span, abs(log(lower + parameter.sigma) / span)


def _truncated_normal(mean: float, deviation: float) -> Quantile:
    """The normal distribution cut to [0, 1], in logarithms: the cut may lie far out in either tail."""
    from scipy.special import log_ndtr

    low, high = -mean / deviation, (1.0 - mean) / deviation
    is_mirrored = low > 0.0  # so that the nearer tail is the one that is resolved
    if is_mirrored:
        low, high = -high, -low
    log_low, log_high = float(log_ndtr(low)), float(log_ndtr(high))
    return partial(_cut_normal, mean, -deviation if is_mirrored else deviation, (low, high), (log_low, log_high))


def _cut_normal(
    mean: float, deviation: float, cuts: tuple[float, float], log_cuts: tuple[float, float], q: Floats
) -> Floats:
    """The quantiles of the normal distribution between two cuts; a negative deviation is a mirrored one."""
    from scipy.special import ndtri_exp

    share = 1.0 - q if deviation < 0.0 else q
    ratio = exp(log_cuts[0] - log_cuts[1])
    z = ndtri_exp(np.minimum(log_cuts[1] + np.log(ratio + share * (1.0 - ratio)), 0.0))
    return np.asarray(np.clip(mean + deviation * np.clip(z, *cuts), 0.0, 1.0))


def _beta(alpha: float, beta: float) -> Quantile:
    return partial(_beta_quantile, alpha, beta)


def _beta_quantile(alpha: float, beta: float, q: Floats) -> Floats:
    from scipy.special import betaincinv

    return np.asarray(betaincinv(alpha, beta, q))


def _log_uniform_integers(lower: int, upper: int, scale: Scale) -> Quantile:
    return partial(_cut_values, lower, upper, scale)


def _cut_values(lower: int, upper: int, scale: Scale, q: Floats) -> Floats:
    """Uniform in the logarithm, then cut into equal intervals of the value, as ConfigSpace does."""
    num, start, span = upper - lower + 1, log(lower), log(upper) - log(lower)
    levels = (int((exp(start + one * span) - lower) / (upper - lower) * num) for one in q.tolist())
    return np.array([scale.place(lower + min(max(level, 0), num - 1)) for level in levels])


def _log_levels(continuous: Quantile, lower: int, upper: int, scale: Scale) -> Quantile:
    return partial(_cut_positions, continuous, lower, upper, scale)


def _cut_positions(continuous: Quantile, lower: int, upper: int, scale: Scale, q: Floats) -> Floats:
    """Cut into equal intervals of the position, whose values are then taken from the log scale, as ConfigSpace does."""
    num, start, span = upper - lower + 1, log(lower), log(upper) - log(lower)
    levels = (min(int(u * num), num - 1) for u in continuous(q).tolist())
    values = (round(exp(start + level / (num - 1) * span)) for level in levels)
    return np.array([scale.place(min(max(value, lower), upper)) for value in values])
