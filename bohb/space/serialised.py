"""ConfigSpace's serialised form of a space, read without ConfigSpace.

A space in this form is a mapping with lists of `hyperparameters`, `conditions` and `forbiddens`. Each of them is a
mapping whose `type` says which other fields it has. Studies keep their space in this form, as JSON.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any

import numpy as np

from bohb._plain import entries
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

Part = Mapping[str, Any]
"""A serialised parameter, condition or forbidden clause."""


def is_serialised(data: Mapping[Any, Any]) -> bool:
    """Return whether a mapping is ConfigSpace's own serialised form, and not the short form."""
    return isinstance((entries(data) or {}).get("hyperparameters"), list)


def plain(value: Any) -> Any:
    """Return a numpy scalar as a Python value, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def read_parameter(part: Part) -> Parameter:
    """Return the parameter that a serialised one defines.

    Raises:
        SpaceError: If a float64 cannot divide its range.
    """
    kind = part["type"]
    if kind == "categorical":
        return Categorical([plain(value) for value in part["choices"]])
    if kind == "ordinal":
        return Ordinal([plain(value) for value in part["sequence"]])
    if kind == "constant":
        return Ordinal([plain(part["value"])])
    lower, upper, is_log = part["lower"], part["upper"], bool(part["log"])
    if kind.endswith("_float"):
        return Float(float(lower), float(upper), is_log)
    if not is_log:
        return Integer(lower, upper)
    return LogInteger(lower, upper) if upper <= MAX_LOG_INTEGER else WideLogInteger(lower, upper)


def in_order(data: Mapping[str, Any]) -> list[Part]:
    """Return the parameters by the depth of their conditions, then by name, as ConfigSpace orders them.

    Raises:
        SpaceError: If the conditions form a cycle.
    """
    parents = {part["name"]: set[str]() for part in data["hyperparameters"]}
    for condition in data["conditions"]:
        parents[condition["child"]] |= {one["parent"] for one in comparisons(condition)}
    try:
        order = list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        raise SpaceError(f"expected conditions without a cycle, got one through {error.args[1]}.") from error
    depths: dict[str, int] = {}
    for name in order:
        depths[name] = 1 + max((depths[parent] for parent in parents[name]), default=0)
    return sorted(data["hyperparameters"], key=lambda part: (depths[part["name"]], part["name"]))


def components(constraint: Part) -> Sequence[Part] | None:
    """Return what a serialised conjunction or disjunction consists of; None for any other constraint."""
    found: Sequence[Part] | None = constraint.get("conditions", constraint.get("clauses"))
    return found


def comparisons(constraint: Part) -> list[Part]:
    """Return the comparisons and relations that a serialised constraint consists of."""
    parts = components(constraint)
    return [constraint] if parts is None else list(chain.from_iterable(map(comparisons, parts)))
