"""The short form of a search space: one line per parameter.

    lr: {range: [1e-5, 1e-1], log: true}       # a float: at least one bound has a point or an exponent
    units: {range: [16, 512], log: true}       # an integer: both bounds are whole numbers
    optimizer: [sgd, adam]                     # a categorical
    depth: {ordered: [1, 2, 4, 8]}             # an ordinal: the order of the values matters
    batch: 128                                 # a constant
    momentum: {range: [0.0, 0.99], when: {optimizer: sgd}}
    forbid:
      - {optimizer: adam, depth: 8}

For other distributions and other comparisons, define the space in Python.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bohb.errors import SpaceError

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

KINDS = {
    "range": {"range", "log", "default", "when"},
    "choices": {"choices", "weights", "default", "when"},
    "ordered": {"ordered", "default", "when"},
    "constant": {"constant", "when"},
}
"""The key that names the kind of a parameter, and all keys that this kind allows."""


def read_short(data: Mapping[Any, Any]) -> "ConfigurationSpace":
    """Return the space that a mapping in the short form defines.

    Raises:
        SpaceError: If a parameter or a rule is not valid. The message names it.
    """
    from ConfigSpace import ConfigurationSpace

    rules = data.get("forbid") if _is_rules(data.get("forbid")) else None
    entries = {name: _entry(name, value) for name, value in data.items() if rules is None or name != "forbid"}
    space = ConfigurationSpace()
    try:
        space.add(*(_parameter(name, entry) for name, entry in entries.items()))
        for name, entry in entries.items():
            if "when" in entry:
                space.add(_condition(space, name, entry["when"]))
        for rule in rules or ():
            space.add(_forbidden(space, rule))
    except SpaceError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise SpaceError(f"expected a space that ConfigSpace accepts, got: {error}") from error
    return space


def _is_rules(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(rule, Mapping) for rule in value)


def _entry(name: Any, value: Any) -> Mapping[str, Any]:
    """Return the definition of one parameter as a mapping with one of `KINDS`."""
    if not isinstance(name, str):
        raise SpaceError(f"expected a string as the name of a parameter, got {name!r}; quote it")
    entry = value if isinstance(value, Mapping) else {"choices" if isinstance(value, list) else "constant": value}
    kinds = [kind for kind in KINDS if kind in entry]
    if len(kinds) != 1 or not set(entry) <= KINDS[kinds[0]]:
        forms = "; ".join(f"{kind} with {', '.join(sorted(keys - {kind}))}" for kind, keys in KINDS.items())
        raise SpaceError(f"expected one kind of parameter ({forms}) for {name!r}, got {dict(entry)!r}")
    return entry


def _parameter(name: str, entry: Mapping[str, Any]) -> Any:
    import ConfigSpace

    default = entry.get("default")
    if "range" in entry:
        low, high, log = *_bounds(name, entry["range"]), _flag(name, entry.get("log", False))
        if isinstance(low, int) and isinstance(high, int):
            return ConfigSpace.Integer(name, (low, high), log=log, default=default)
        return ConfigSpace.Float(name, (low, high), log=log, default=default)
    if "choices" in entry:
        items = _items(name, entry["choices"])
        return ConfigSpace.Categorical(name, items, weights=entry.get("weights"), default=_or_first(default, items))
    if "ordered" in entry:
        items = _items(name, entry["ordered"])
        return ConfigSpace.OrdinalHyperparameter(name, items, default_value=_or_first(default, items))
    return ConfigSpace.Constant(name, entry["constant"])


def _bounds(name: str, bounds: Any) -> tuple[int | float, int | float]:
    if not isinstance(bounds, list) or len(bounds) != 2 or not all(type(end) in (int, float) for end in bounds):
        raise SpaceError(f"expected two numbers as the range of {name!r}, got {bounds!r}")
    return bounds[0], bounds[1]


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SpaceError(f"expected true or false as log of {name!r}, got {value!r}")
    return value


def _items(name: str, items: Any) -> Sequence[Any]:
    if not isinstance(items, list) or not items or any(isinstance(item, list | Mapping) for item in items):
        raise SpaceError(f"expected a list of plain values for {name!r}, got {items!r}")
    return items


def _or_first(default: Any, items: Sequence[Any]) -> Any:
    return items[0] if default is None else default


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
        raise SpaceError(f"expected a mapping of names to values in {where}, got {mapping!r}")
    unknown = [name for name in mapping if name not in space]
    if unknown:
        raise SpaceError(f"expected names of parameters in {where}, got {unknown}; the space has {list(space)}")
    return mapping.items()
