"""Search spaces: built from the descriptions that come with the data, and sampled for the reference values."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    InCondition,
    Integer,
    OrdinalHyperparameter,
)

from benchmarks.problems.problem import Config


def parameter(entry: Mapping[str, Any]) -> Any:
    """Return the hyperparameter of one entry: name, type, and choices or lower, upper, log.

    The types are those of the tables (float, int, ordinal, categorical) and of YAHPO (uniform_float, uniform_int,
    categorical).
    """
    name, kind = entry["name"], entry["type"].removeprefix("uniform_")
    match kind:
        case "categorical":
            return Categorical(name, entry["choices"])
        case "ordinal":
            return OrdinalHyperparameter(name, entry["choices"])
        case "float":
            return Float(name, (float(entry["lower"]), float(entry["upper"])), log=entry["log"])
        case "int":
            return Integer(name, (int(entry["lower"]), int(entry["upper"])), log=entry["log"])
    raise ValueError(f"expected the type float, int, ordinal or categorical of {name}, got {kind!r}; correct the file")


def build(
    entries: Iterable[Mapping[str, Any]], conditions: Iterable[tuple[str, str, Sequence[Any]]] = ()
) -> ConfigurationSpace:
    """Return the space of some entries.

    Args:
        entries: The parameters, as `parameter` takes them.
        conditions: (child, parent, the values of the parent that activate the child), parents before their children.
    """
    space = ConfigurationSpace()
    space.add([parameter(entry) for entry in entries])
    for child, parent, values in conditions:
        if len(values) == 1:
            space.add(EqualsCondition(space[child], space[parent], values[0]))
        else:
            space.add(InCondition(space[child], space[parent], list(values)))
    return space


def unit_cube(prefix: str, num_dims: int) -> list[dict[str, Any]]:
    """Return entries for `num_dims` numbers in [0, 1]."""
    return [{"name": f"{prefix}{i}", "type": "float", "lower": 0, "upper": 1, "log": False} for i in range(num_dims)]


def sample(space: ConfigurationSpace, size: int, *, seed: int = 0) -> list[Config]:
    """Return uniform random configurations, without using the space's own generator."""
    fresh = copy.deepcopy(space)
    fresh.seed(seed)
    vectors = np.array([configuration.get_array() for configuration in fresh.sample_configuration(size)])  # (n, d)
    configs: list[dict[str, Any]] = [{} for _ in range(size)]
    for parameter, column in zip(fresh.values(), vectors.T, strict=True):
        active = np.flatnonzero(~np.isnan(column))
        for row, value in zip(
            active, parameter.to_value(column[active]), strict=True
        ):  # ten times as fast as dict(...)
            configs[row][parameter.name] = value.item() if isinstance(value, np.generic) else value
    return list(configs)
