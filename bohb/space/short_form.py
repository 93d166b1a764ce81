"""A search space as a mapping of names to what each parameter may be: one reading for Python, YAML and JSON.

    {
        "lr": (1e-5, 1e-1, "log"),          # floats, because an end has a point or an exponent
        "units": (16, 512),                 # integers, because both ends are whole numbers
        "batch": range(32, 257, 32),        # 32, 64, ..., 256
        "optimizer": ["sgd", "adam"],       # choices
        "epsilon": 1e-8,                    # a constant
    }

A mapping in the place of such a value says the same in words, and more:

    lr: {range: [1e-5, 1e-1], log: true}
    batch: {int: [32, 256], step: 32}
    dropout: {float: [0, 1]}                # floats, whatever the ends look like
    activation: {choices: [relu, tanh], weights: [3, 1]}
    depth: {ordered: [1, 2, 4, 8]}          # the order of the values matters
    momentum: {range: [0.0, 0.99], when: {optimizer: sgd}}
    forbid:
      - {optimizer: adam, depth: 8}

What is none of these is refused, and so is what reads like a range but is not one. The objects of ConfigSpace may stand
in the place of a value, for other distributions; whole spaces of ConfigSpace have other comparisons.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bohb._checks import has_method
from bohb._plain import entries, scalar
from bohb._text import brief
from bohb.errors import SpaceError
from bohb.space.ranges import is_number, read_range, refusal
from bohb.space.tolerance import is_near
from bohb.space.values import check, own

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

_RANGE = {"log", "step", "default", "when"}
KINDS = {
    "range": _RANGE,
    "int": _RANGE,
    "float": _RANGE,
    "choices": {"weights", "default", "when"},
    "ordered": {"default", "when"},
    "constant": {"when"},
}
"""The key that names the kind of a parameter, and the keys that may stand beside it."""
RANGES = {"range", "int", "float"}

_CALL = re.compile(r"\s*[\w.]*\s*[(\[{].*[)\]}]\s*", re.DOTALL)
"""A text such as loguniform(1e-5, 1e-1), which looks as if it were to be executed."""


def read_short(data: Mapping[Any, Any], when: Mapping[str, Mapping[str, Any]] | None = None) -> "ConfigurationSpace":
    """Return the space that a mapping defines.

    Args:
        data: The mapping.
        when: Conditions by the name of the parameter, for objects of ConfigSpace, which have no place for them.

    Raises:
        SpaceError: If a parameter or a rule is not valid. The message names it.
    """
    from ConfigSpace import ConfigurationSpace

    given = entries(data)
    if given is None:
        raise SpaceError(f"expected a mapping of names to ranges and choices, got {brief(data)}")
    data = given
    rules = data.get("forbid") if _is_rules(data.get("forbid")) else None
    named = {name: _entry(name, value) for name, value in data.items() if rules is None or name != "forbid"}
    in_words = {name: entry["when"] for name, entry in named.items() if isinstance(entry, Mapping) and "when" in entry}
    space = ConfigurationSpace()
    try:
        space.add(*(_parameter(name, entry) for name, entry in named.items()))
        for name, parents in {**in_words, **(when or {})}.items():
            space.add(_condition(space, name, parents))
        for rule in rules or ():
            space.add(_forbidden(space, rule))
    except SpaceError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise SpaceError(f"expected a space that ConfigSpace accepts, got: {error}") from error
    return space


def _is_rules(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(rule, Mapping) for rule in value)


# One parameter.


def _entry(name: Any, value: Any) -> Any:
    """Return the definition of a parameter as a mapping with one of `KINDS`, or as an object of ConfigSpace."""
    from ConfigSpace.hyperparameters import Hyperparameter

    if not isinstance(name, str):
        raise SpaceError(f"expected a string as the name of a parameter, got {brief(name)}; quote it")
    if isinstance(value, Hyperparameter):
        if value.name != name:
            raise refusal(name, value, f"give it the same name: it is called {value.name!r}")
        return value
    if isinstance(value, Mapping):
        return _checked_mapping(name, entries(value) or {})
    if isinstance(value, list):
        return {"choices": _no_log_range(name, value)}
    if isinstance(value, tuple):
        return _pair(name, value)
    return _steps(name, value) if isinstance(value, range) else {"constant": _constant(name, value)}


def _no_log_range(name: str, value: list[Any]) -> list[Any]:
    if _is_log(value) and all(is_number(scalar(end)) for end in value[:2]):
        raise refusal(
            name, value, 'for the range write a tuple, or {"range": [low, high], "log": true}, also in YAML and JSON'
        )
    return value


def _is_log(value: Sequence[Any]) -> bool:
    return len(value) == 3 and isinstance(value[2], str) and value[2] == "log"


def _checked_mapping(name: str, value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    kinds = [kind for kind in KINDS if kind in value]
    if len(kinds) != 1 or not set(value) <= {kinds[0], *KINDS[kinds[0]]}:
        forms = "; ".join(f"{kind} with {', '.join(sorted(more))}" for kind, more in KINDS.items())
        raise refusal(name, dict(value), f"a mapping has one of these kinds: {forms}")
    return value


def _pair(name: str, value: tuple[Any, ...]) -> Mapping[str, Any]:
    is_log = _is_log(value)
    if len(value) == 2 + is_log and all(is_number(scalar(end)) for end in value[:2]):
        return {"range": value[:2], "log": is_log}
    raise refusal(name, value, f"a tuple is a range of two numbers; for choices write the list {brief(list(value))}")


def _steps(name: str, value: range) -> Mapping[str, Any]:
    if len(value) < 2:
        raise refusal(name, value, f"it has {len(value)} values, and the stop is not one of them")
    low, high = sorted((value[0], value[-1]))
    return {"int": (low, high), "step": abs(value.step)}


def _constant(name: str, value: Any) -> Any:
    plain = scalar(value)
    if not isinstance(plain, str | int | float | None):
        is_collection = has_method(value, "__iter__") or has_method(value, "__array__")
        why = "choices are a list" if is_collection else "name it by a text, and look up the text in the objective"
        raise refusal(name, value, why)
    if isinstance(plain, str) and _CALL.fullmatch(plain):
        raise refusal(name, value, f"it is not executed; if the text itself is meant, write the list {[plain]}")
    return plain


def _parameter(name: str, entry: Any) -> Any:
    """Return ConfigSpace's parameter for the definition of one."""
    if not isinstance(entry, Mapping):
        return entry
    try:
        return _ranged(name, entry) if RANGES & entry.keys() else _listed(name, entry)
    except SpaceError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise refusal(name, dict(entry), f"ConfigSpace says: {error}") from error


def _ranged(name: str, entry: Mapping[str, Any]) -> Any:
    import ConfigSpace

    kind = next(kind for kind in RANGES if kind in entry)
    low, high, grid = read_range(name, kind, entry)
    default, log = entry.get("default"), entry.get("log", False)
    if grid is not None:
        return ConfigSpace.OrdinalHyperparameter(name, grid, default_value=_or_first(default, grid))
    if isinstance(low, int) and isinstance(high, int):
        return ConfigSpace.Integer(name, (low, high), log=log, default=default)
    made = ConfigSpace.Float(name, (low, high), log=log, default=default)
    if not (is_near(low, made.lower) and is_near(high, made.upper)):
        raise refusal(name, entry[kind], f"ConfigSpace rounds to 13 decimals, {made.lower} to {made.upper}; rescale it")
    return made


def _listed(name: str, entry: Mapping[str, Any]) -> Any:
    import ConfigSpace

    if "constant" in entry:
        constant = own(entry["constant"])
        check(name, constant)
        return ConfigSpace.Constant(name, constant)
    items = _items(name, entry["choices"] if "choices" in entry else entry["ordered"])
    default = _or_first(entry.get("default"), items)
    if "ordered" in entry:
        return ConfigSpace.OrdinalHyperparameter(name, items, default_value=default)
    return ConfigSpace.Categorical(name, items, weights=entry.get("weights"), default=default)


def _items(name: str, items: Any) -> Sequence[Any]:
    if not isinstance(items, list | tuple) or not items:
        raise refusal(name, items, "choices are a list of at least one value")
    values = list(map(own, items))
    for value in values:
        check(name, value)
    return values


def _or_first(default: Any, items: Sequence[Any]) -> Any:
    return items[0] if default is None else default


# Conditions and rules.


def _condition(space: "ConfigurationSpace", name: str, when: Any) -> Any:
    """Return the condition that every parent has the given value, or one of the given values."""
    from ConfigSpace import AndConjunction, EqualsCondition, InCondition

    conditions = [
        InCondition(space[name], space[parent], value)
        if isinstance(value, list)
        else EqualsCondition(space[name], space[parent], value)
        for parent, value in _pairs(space, f"when of {name!r}", when)
    ]
    return conditions[0] if len(conditions) == 1 else AndConjunction(*conditions)


def _forbidden(space: "ConfigurationSpace", rule: Any) -> Any:
    """Return the clause that forbids the given combination of values."""
    from ConfigSpace import ForbiddenAndConjunction, ForbiddenEqualsClause, ForbiddenInClause

    clauses = [
        ForbiddenInClause(space[name], value) if isinstance(value, list) else ForbiddenEqualsClause(space[name], value)
        for name, value in _pairs(space, "forbid", rule)
    ]
    return clauses[0] if len(clauses) == 1 else ForbiddenAndConjunction(*clauses)


def _pairs(space: "ConfigurationSpace", where: str, mapping: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(mapping, Mapping) or not mapping:
        raise SpaceError(f"expected a mapping of names to values in {where}, got {brief(mapping)}")
    unknown = [name for name in mapping if name not in space]
    if unknown:
        raise SpaceError(f"expected names of parameters in {where}, got {unknown}; the space has {list(space)}")
    return mapping.items()
