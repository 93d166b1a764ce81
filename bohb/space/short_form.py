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
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from bohb._checks import has_method
from bohb._plain import entries, scalar
from bohb._text import brief, describe_error
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

MAX_DEFAULTS = 100_000
"""How many combinations of defaults are tried to find one that is allowed."""

DECIMALS = 13
"""How many decimals of floats ConfigSpace keeps."""

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
    from ConfigSpace.exceptions import ForbiddenValueError

    given = entries(data)
    if given is None:
        raise SpaceError(f"expected a mapping of names to ranges and choices, got {brief(data)}")
    rules = given.get("forbid") if _is_rules(given.get("forbid")) else None
    named = {name: _entry(name, value) for name, value in given.items() if rules is None or name != "forbid"}
    in_words = {name: entry["when"] for name, entry in named.items() if isinstance(entry, Mapping) and "when" in entry}
    conditions = {**in_words, **(when or {})}
    try:
        try:
            return _space(named, conditions, rules or ())
        except ForbiddenValueError:
            return _space(_with_allowed_defaults(named, rules or ()), conditions, rules or ())
    except SpaceError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise SpaceError(f"expected a space that ConfigSpace accepts, got {describe_error(error)}") from error


def _space(named: Mapping[str, Any], conditions: Mapping[str, Any], rules: Iterable[Any]) -> "ConfigurationSpace":
    """Return the space of some definitions, conditions by name, and rules."""
    from ConfigSpace import ConfigurationSpace

    space = ConfigurationSpace()
    space.add(*(_parameter(name, entry) for name, entry in named.items()))
    for name, parents in conditions.items():
        space.add(_condition(space, name, parents))
    for rule in rules:
        space.add(_forbidden(space, rule))
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
    ends = round(low, DECIMALS), round(high, DECIMALS)
    if not (is_near(low, ends[0]) and is_near(high, ends[1])):
        why = f"ConfigSpace rounds to {DECIMALS} decimals, {ends[0]!r} to {ends[1]!r}; rescale it"
        raise refusal(name, entry[kind], why)
    return ConfigSpace.Float(name, (low, high), log=log, default=default)


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


def _with_allowed_defaults(named: Mapping[str, Any], rules: Iterable[Any]) -> dict[str, Any]:
    """Return the definitions with defaults that no rule forbids, where the user gave none.

    ConfigSpace wants its default configuration allowed. It means nothing to a search.

    Raises:
        SpaceError: If there are none.
    """
    parameters = {name: _parameter(name, entry) for name, entry in named.items()}
    clauses = [dict(_pairs(parameters, "forbid", rule)) for rule in rules]
    names = list(dict.fromkeys(name for clause in clauses for name in clause))
    found = product(*(_defaults(named[name], parameters[name]) for name in names))
    for values in islice(found, MAX_DEFAULTS):
        config = dict(zip(names, values, strict=True))
        if not any(all(_is_among(config[name], value) for name, value in clause.items()) for clause in clauses):
            new = {name: value for name, value in config.items() if value != parameters[name].default_value}
            return {**named, **{name: {**named[name], "default": value} for name, value in new.items()}}
    raise SpaceError(
        f"expected rules under forbid that allow some combination of {', '.join(map(repr, names))}, found none; leave "
        "out a rule, or the defaults that they forbid"
    )


def _defaults(entry: Any, parameter: Any) -> list[Any]:
    """Return the values that a parameter may have as its default, its own first."""
    own = parameter.default_value
    if not isinstance(entry, Mapping) or "constant" in entry or entry.get("default") is not None:
        return [own]
    listed = _listed_values(parameter)
    return [own, *((parameter.lower, parameter.upper) if listed is None else listed)]


def _is_among(value: Any, named: Any) -> bool:
    """Whether a value is the one that a rule names, or one of those in the list there."""
    return bool(value in named if isinstance(named, list) else value == named)


def _listed_values(parameter: Any) -> list[Any] | None:
    """Return the values of a parameter that has a list of them; None for a range."""
    for name in ("choices", "sequence"):
        if hasattr(parameter, name):
            return list(getattr(parameter, name))
    return [parameter.value] if hasattr(parameter, "value") else None


def _pairs(space: Mapping[str, Any], where: str, mapping: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(mapping, Mapping) or not mapping:
        raise SpaceError(f"expected a mapping of names to values in {where}, got {brief(mapping)}")
    unknown = [name for name in mapping if name not in space]
    if unknown:
        raise SpaceError(f"expected names of parameters in {where}, got {unknown}; the space has {list(space)}")
    return [(name, _values(space[name], f"{name!r} in {where}", value)) for name, value in mapping.items()]


def _values(parameter: Any, what: str, value: Any) -> Any:
    """Return the value that a condition or a rule names, or the list of values of which it means any.

    Raises:
        SpaceError: If one of them is no value of the parameter, or there is none.
    """
    if isinstance(value, list) and value and all(_is_value(parameter, each) for each in value):
        return value
    if _is_value(parameter, value):
        return [value] if isinstance(value, list) else value
    listed = _listed_values(parameter)
    legal = f"{parameter.lower!r} to {parameter.upper!r}" if listed is None else brief(listed)
    raise SpaceError(f"expected a value of {what}, or a list of some, of {legal}; got {brief(value)}")


def _is_value(parameter: Any, value: Any) -> bool:
    listed = _listed_values(parameter)
    if listed is not None:
        return value in listed
    number = scalar(value)
    return is_number(number) and bool(parameter.legal_value(number))
