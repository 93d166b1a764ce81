"""The task of a library, and the encoding of configurations in messages. This file knows no library."""

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, Constant, OrdinalHyperparameter
from ConfigSpace.hyperparameters import IntegerHyperparameter
from ConfigSpace.types import NotSet

ROUNDING = 1e-9


@dataclass(frozen=True)
class Task:
    """One search.

    Attributes:
        description: ConfigSpace's own JSON of the space.
        budgets: Ascending; each is `eta` times the one before.
        eta: The reduction factor.
        seed: The seed of all randomness.
        workers: The number of evaluations at the same time.
        total: The budget of the whole search, in full trainings.
    """

    description: dict[str, Any]
    budgets: list[float]
    eta: float
    seed: int
    workers: int
    total: float

    @cached_property
    def space(self) -> ConfigurationSpace:
        """The space as it was given, seeded."""
        return read_space(self.description, self.seed)

    @property
    def evaluations(self) -> int:
        """At least as many evaluations as a search can have: each starts at the smallest budget."""
        return math.ceil(self.total * self.budgets[-1] / self.budgets[0]) + self.workers

    @property
    def smallest(self) -> float:
        """Just below the smallest budget, for libraries that count rungs by a logarithm and lose one by rounding."""
        return self.budgets[0] * (1 - ROUNDING)

    def snap(self, budget: float) -> float:
        """Return the budget of the ladder that is nearest to a number with rounding errors of a library."""
        nearest = min(self.budgets, key=lambda each: abs(each - budget))
        if abs(nearest - budget) > 1e-6 * nearest:
            raise ValueError(f"the library asks for budget {budget!r}, expected one of {self.budgets}")
        return nearest


@dataclass(frozen=True)
class Asked:
    """An evaluation that a library wants.

    Attributes:
        key: Unique in the search.
        values: The values of at least the active parameters by name.
        budget: A number close to one of the ladder.
    """

    key: int
    values: Mapping[str, Any]
    budget: float


class Library(Protocol):
    """One library behind one task. The constructor takes the task.

    A library that recommends a configuration, other than that of the lowest loss, has a method `recommend` besides,
    which returns the values of the parameters by name, or None while there is no recommendation.
    """

    def ask(self) -> Asked | None:
        """Return the next evaluation, or None if a result has to come first."""
        ...

    def tell(self, key: int, loss: float) -> None:
        """Report a loss; NaN is a failure, told in the way that the library documents."""
        ...

    def lose(self, key: int) -> None:
        """Report a lost worker; as a failure if the library does not distinguish them."""
        ...


def read_space(description: Mapping[str, Any], seed: int) -> ConfigurationSpace:
    """Return the space of a description."""
    space = ConfigurationSpace.from_serialized_dict(copy.deepcopy(dict(description)))
    space.seed(seed)
    return space


def ordinals_as_integers(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description in which every ordinal is the integer index of its value."""
    changed: dict[str, Any] = json.loads(json.dumps(description))
    sequences = {each["name"]: each["sequence"] for each in changed["hyperparameters"] if each["type"] == "ordinal"}
    changed["hyperparameters"] = [_as_integer(each) for each in changed["hyperparameters"]]
    _replace_values(changed["conditions"] + changed["forbiddens"], sequences)
    return changed


def _as_integer(parameter: dict[str, Any]) -> dict[str, Any]:
    if parameter["type"] != "ordinal":
        return parameter
    sequence = parameter["sequence"]
    bounds = {"lower": 0, "upper": len(sequence) - 1, "default_value": sequence.index(parameter["default_value"])}
    return {"type": "uniform_int", "name": parameter["name"], "log": False, "meta": None, **bounds}


def _replace_values(clauses: list[dict[str, Any]], sequences: Mapping[str, list[Any]]) -> None:
    """Replace values of ordinals in conditions and forbidden clauses, however they are nested, by their indices."""
    for clause in clauses:
        _replace_values(clause.get("conditions", []) + clause.get("clauses", []), sequences)
        sequence = sequences.get(str(clause.get("parent", clause.get("name"))), [])
        if sequence and "value" in clause:
            clause["value"] = sequence.index(clause["value"])
        if sequence and "values" in clause:
            clause["values"] = [sequence.index(value) for value in clause["values"]]


def encode(space: ConfigurationSpace, values: Mapping[str, Any]) -> dict[str, float | int]:
    """Return the active parameters as plain numbers: choices and ordinals as their indices.

    Raises:
        ValueError: If a value lies outside its parameter by more than rounding.
    """
    active: dict[str, Any] = {}
    for name in space:  # parents come before their children
        if is_active(space, name, active):
            active[name] = values[name]
    return {name: _number(space[name], value) for name, value in active.items()}


def decode(space: ConfigurationSpace, proposed: Any) -> dict[str, Any]:
    """Return the values of all parameters for what a library proposes: choices and ordinals by their indices.

    Args:
        space: The space.
        proposed: The proposal by name, as a mapping or another object with `get`. Constants may be left out.
    """
    return {name: _original(parameter, proposed.get(name)) for name, parameter in space.items()}


def _original(parameter: Any, value: Any) -> Any:
    if isinstance(parameter, Constant):
        return parameter.value
    if isinstance(parameter, CategoricalHyperparameter):
        return parameter.choices[int(value)]
    if isinstance(parameter, OrdinalHyperparameter):
        return parameter.sequence[int(value)]
    return int(value) if isinstance(parameter, IntegerHyperparameter) else float(value)


def is_active(space: ConfigurationSpace, name: str, values: Mapping[str, Any]) -> bool:
    """Return whether a parameter is active, given the values of all its parents that are."""
    conditions = space.parent_conditions_of[name]
    known = dict.fromkeys(space, NotSet) | dict(values) if conditions else {}
    return all(condition.satisfied_by_value(known) for condition in conditions)


def _number(parameter: Any, value: Any) -> float | int:
    if isinstance(parameter, CategoricalHyperparameter):
        return list(parameter.choices).index(value)
    if isinstance(parameter, OrdinalHyperparameter):
        return list(parameter.sequence).index(value)
    if isinstance(parameter, Constant):
        return 0
    slack = ROUNDING * (parameter.upper - parameter.lower)
    if not parameter.lower - slack <= value <= parameter.upper + slack:
        raise ValueError(
            f"the library proposes {parameter.name} = {value!r}, expected {parameter.lower} to {parameter.upper}"
        )
    inside = min(max(value, parameter.lower), parameter.upper)
    return int(inside) if isinstance(parameter, IntegerHyperparameter) else float(inside)
