"""Spaces in Syne Tune's terms, which are the same in all its releases."""

from typing import Any

from ConfigSpace import CategoricalHyperparameter, Constant, OrdinalHyperparameter
from ConfigSpace import UniformFloatHyperparameter as UniformFloat
from ConfigSpace import UniformIntegerHyperparameter as UniformInteger
from syne_tune.config_space import choice, lograndint, loguniform, ordinal, randint, uniform


def domain(parameter: Any) -> Any:
    """Return Syne Tune's definition of a parameter."""
    if isinstance(parameter, CategoricalHyperparameter):
        return choice(list(parameter.choices))
    if isinstance(parameter, OrdinalHyperparameter):
        return ordinal(list(parameter.sequence))
    if isinstance(parameter, Constant):
        return parameter.value
    if isinstance(parameter, UniformInteger):
        return (lograndint if parameter.log else randint)(parameter.lower, parameter.upper)
    if isinstance(parameter, UniformFloat):
        return (loguniform if parameter.log else uniform)(parameter.lower, parameter.upper)
    raise TypeError(f"expected a parameter that Syne Tune knows, got {parameter!r}")
