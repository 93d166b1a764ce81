"""Reading ConfigSpace's objects and JSON: parameters, prior distributions, serialised spaces.

The prior distribution of a parameter is the one ConfigSpace samples from, written as a quantile function over
positions. Only distributions that need scipy import it.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb.arrays import Floats
from bohb.errors import SpaceError
from bohb.space.parameters import (
    MAX_LOG_INTEGER,
    Categorical,
    Float,
    Integer,
    LogInteger,
    Ordinal,
    Parameter,
    WideLogInteger,
)

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Quantile = Callable[[Floats], Floats]
"""Maps `(n,)` uniform numbers in [0, 1) to the `(n,)` positions of as many draws. Can be pickled."""


def read_space(space: "ConfigurationSpace | Mapping[str, Any]") -> "ConfigurationSpace":
    """Return the space itself, or the one that a mapping defines.

    Raises:
        SpaceError: If the argument does not define a space, or the space is empty.
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
        raise SpaceError("expected a space with at least one parameter, got an empty one; add what to search.")
    return space


def serialise(space: "ConfigurationSpace") -> Any:
    """Return ConfigSpace's own serialised form, or the exception that explains why there is none."""
    try:
        return space.to_serialized_dict()
    except ValueError as error:
        return error


def deserialise(data: Mapping[str, Any]) -> "ConfigurationSpace":
    """Return the space of which `serialise` returned the data; they may have been through JSON.

    Raises:
        SpaceError: If the data are not a serialised space.
    """
    from ConfigSpace import ConfigurationSpace

    try:
        copied = json.loads(json.dumps(data))  # ConfigSpace modifies its argument
        return ConfigurationSpace.from_serialized_dict(copied)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpaceError(f"expected what to_json() returned, got {data!r}: {error}.") from error


def is_serialised(data: Mapping[Any, Any]) -> bool:
    """Return whether a mapping is ConfigSpace's own serialised form, and not the short form."""
    return isinstance(data.get("hyperparameters"), list)


def parameter_names(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of all parameters of a serialised space, without loading ConfigSpace."""
    return tuple(part["name"] for part in data["hyperparameters"])


def plain(value: Any) -> Any:
    """Return a numpy scalar as a Python value, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def read_parameter(source: Any) -> Parameter:
    """Return the parameter that one of ConfigSpace's hyperparameters defines.

    Raises:
        SpaceError: If the kind of hyperparameter is not known, or a float64 cannot divide its range.
    """
    import ConfigSpace.hyperparameters as kinds

    if isinstance(source, kinds.CategoricalHyperparameter):
        return Categorical([plain(value) for value in source.choices])
    if isinstance(source, kinds.OrdinalHyperparameter):
        return Ordinal([plain(value) for value in source.sequence])
    if isinstance(source, kinds.Constant):
        return Ordinal([plain(source.value)])
    if isinstance(source, kinds.IntegerHyperparameter):
        lower, upper = int(source.lower), int(source.upper)
        if not source.log:
            return Integer(lower, upper)
        return LogInteger(lower, upper) if upper <= MAX_LOG_INTEGER else WideLogInteger(lower, upper)
    if isinstance(source, kinds.FloatHyperparameter):
        return Float(float(source.lower), float(source.upper), bool(source.log))
    raise SpaceError(f"expected a hyperparameter of ConfigSpace, got {source!r}; use one of its classes.")


def read_quantile(source: Any, parameter: Parameter) -> Quantile | None:
    """Return the quantile function of the prior distribution, or None if positions are uniform in [0, 1).

    Args:
        source: ConfigSpace's hyperparameter.
        parameter: What `read_parameter` returned for it.
    """
    import ConfigSpace.hyperparameters as kinds

    if isinstance(source, kinds.CategoricalHyperparameter):
        return _weighted(np.asarray(source.probabilities, dtype=float))
    if isinstance(source, kinds.UniformIntegerHyperparameter) and source.log:
        return partial(_log_uniform_integer, int(source.lower), int(source.upper), parameter)
    if isinstance(source, kinds.NormalFloatHyperparameter | kinds.NormalIntegerHyperparameter):
        continuous = _truncated_normal(*_normal_on_unit(source))
    elif isinstance(source, kinds.BetaFloatHyperparameter | kinds.BetaIntegerHyperparameter):
        continuous = partial(_beta, source.alpha, source.beta)
    else:
        return None
    if isinstance(parameter, LogInteger | WideLogInteger):
        return partial(_log_integer, continuous, int(source.lower), int(source.upper), parameter)
    return continuous


def _weighted(probabilities: Floats) -> Quantile:
    cumulative = np.cumsum(probabilities)
    cumulative /= cumulative[-1]
    return partial(_count_exceeded, cumulative)


def _count_exceeded(cumulative: Floats, q: Floats) -> Floats:
    # side="right" finds the first choice whose cumulative probability exceeds q, so never one of probability 0.
    return np.searchsorted(cumulative, q, side="right").astype(float)


def _normal_on_unit(source: Any) -> tuple[float, float]:
    """Return the mean and standard deviation in positions.

    The formula is ConfigSpace's own, unusual as it is on a log scale.
    """
    lower, upper = float(source.lower), float(source.upper)
    if not source.log:
        return (source.mu - lower) / (upper - lower), source.sigma / (upper - lower)
    span = log(upper) - log(lower)
    return (log(source.mu) - log(lower)) / span, abs(log(lower + source.sigma) / span)


def _truncated_normal(mean: float, deviation: float) -> Quantile:
    """Return the quantile function of a normal distribution truncated to [0, 1].

    It works in logarithms, because [0, 1] may lie far out in either tail.
    """
    from scipy.special import log_ndtr

    low, high = -mean / deviation, (1.0 - mean) / deviation
    is_mirrored = low > 0.0  # the lower tail is the one that floats resolve
    if is_mirrored:
        low, high = -high, -low
    log_low, log_high = float(log_ndtr(low)), float(log_ndtr(high))
    return partial(_cut_normal, mean, -deviation if is_mirrored else deviation, (low, high), (log_low, log_high))


def _cut_normal(
    mean: float, deviation: float, cuts: tuple[float, float], log_cuts: tuple[float, float], q: Floats
) -> Floats:
    """Return quantiles of a normal distribution between two cuts; a negative deviation mirrors it."""
    from scipy.special import ndtri_exp

    share = 1.0 - q if deviation < 0.0 else q
    ratio = exp(log_cuts[0] - log_cuts[1])
    z = ndtri_exp(np.minimum(log_cuts[1] + np.log(ratio + share * (1.0 - ratio)), 0.0))
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
