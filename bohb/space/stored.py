"""Spaces from JSON, as studies and states keep them: what is known to be sound is read without ConfigSpace."""

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from bohb._text import brief
from bohb.errors import SpaceError
from bohb.space.configspace import rewrite
from bohb.space.serialised import Part, comparisons, components, plain
from bohb.space.values import tagged, untagged

_KNOWN_FORMAT = 0.4
"""ConfigSpace's number of the form that is known here."""


def read_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a private copy of a serialised space that may have been through JSON.

    Data in exactly the form that is known here are taken as they are. For any other, ConfigSpace is loaded and reads
    them, which takes a while: so other versions of the form are read as well, and ConfigSpace says what is damaged.

    Raises:
        SpaceError: If the data are not a serialised space.
    """
    copied = untagged(_copied(data))
    return copied if is_known(copied) else rewrite(copied)


def renewed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a serialised space as the installed version of ConfigSpace writes it, to compare it with another.

    Raises:
        SpaceError: If the data are not a serialised space.
    """
    return _copied(tagged(rewrite(untagged(_copied(data)))))


def _copied(data: Mapping[str, Any]) -> dict[str, Any]:
    try:
        copied: dict[str, Any] = json.loads(json.dumps(data, default=plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise SpaceError(f"expected what to_json() returned, got {brief(data)}: {error}.") from error
    return copied


# What the fields of each type hold.


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_integer(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_number(value: Any) -> bool:
    return type(value) is float and isfinite(value)


def _is_scalar(value: Any) -> bool:
    return value is None or any(is_kind(value) for is_kind in (_is_text, _is_flag, _is_integer, _is_number))


def _are_scalars(value: Any) -> bool:
    return type(value) is list and bool(value) and all(map(_is_scalar, value))


def _are_distinct(value: Any) -> bool:
    return _are_scalars(value) and len(set(value)) == len(value)


def _are_weights(value: Any) -> bool:
    return value is None or (_are_scalars(value) and all(type(one) in (int, float) and one >= 0 for one in value))


def _are_several(value: Any) -> bool:
    return type(value) is list and len(value) > 1


def _is_anything(_: Any) -> bool:
    return True


_Fields = dict[str, Callable[[Any], bool]]

_NAMED: _Fields = {"name": _is_text, "meta": _is_anything}
_OF_RANGE = ("lower", "upper", "default_value")
_FLOAT: _Fields = {**_NAMED, **dict.fromkeys(_OF_RANGE, _is_number), "log": _is_flag}
_INTEGER: _Fields = {**_NAMED, **dict.fromkeys(_OF_RANGE, _is_integer), "log": _is_flag}
_NORMAL: _Fields = {"mu": _is_number, "sigma": _is_number}
_BETA: _Fields = {"alpha": _is_number, "beta": _is_number}
_PARAMETERS: dict[str, _Fields] = {
    "uniform_float": _FLOAT,
    "uniform_int": _INTEGER,
    "normal_float": _FLOAT | _NORMAL,
    "normal_int": _INTEGER | _NORMAL,
    "beta_float": _FLOAT | _BETA,
    "beta_int": _INTEGER | _BETA,
    "categorical": {**_NAMED, "choices": _are_distinct, "weights": _are_weights, "default_value": _is_scalar},
    "ordinal": {**_NAMED, "sequence": _are_distinct, "default_value": _is_scalar},
    "constant": {**_NAMED, "value": _is_scalar},
}

_LINK: _Fields = {"child": _is_text, "parent": _is_text}
_LINK_VALUE: _Fields = {**_LINK, "value": _is_scalar}
_LINKS: _Fields = {"child": _is_text, "conditions": _are_several}
_CONDITIONS: dict[str, _Fields] = {
    "EQ": _LINK_VALUE,
    "NEQ": _LINK_VALUE,
    "LT": _LINK_VALUE,
    "GT": _LINK_VALUE,
    "IN": {**_LINK, "values": _are_scalars},
    "AND": _LINKS,
    "OR": _LINKS,
}

_CLAUSE: _Fields = {"name": _is_text, "value": _is_scalar}
_RELATION: _Fields = {"left": _is_text, "right": _is_text}
_FORBIDDENS: dict[str, _Fields] = {
    "EQUALS": _CLAUSE,
    "IN": {"name": _is_text, "values": _are_scalars},
    "AND": {"clauses": _are_several},
    "OR": {"clauses": _are_several},
    **{f"CLAUSE_{order}": _CLAUSE for order in ("LT", "LE", "GT", "GE")},
    **{f"RELATION_{order}": _RELATION for order in ("EQ", "LT", "LE", "GT", "GE")},
}

_LISTS = {"hyperparameters": _PARAMETERS, "conditions": _CONDITIONS, "forbiddens": _FORBIDDENS}


def is_known(data: Any) -> bool:
    """Return whether data from JSON are a sound space in exactly the form that is known here."""
    if type(data) is not dict or data.keys() != {"name", "python_module_version", "format_version", *_LISTS}:
        return False
    has_form = all(_has_form(data[name], known) for name, known in _LISTS.items())
    if not has_form or data["format_version"] != _KNOWN_FORMAT:
        return False
    parameters, conditions, forbiddens = (data[name] for name in _LISTS)
    kinds = {part["name"]: part["type"] for part in parameters}
    children = {part["child"] for part in conditions}
    has_name = data["name"] is None or _is_text(data["name"])
    is_distinct = len(kinds) == len(parameters) > 0 and len(children) == len(conditions)
    compared = [one for part in [*conditions, *forbiddens] for one in comparisons(part)]
    return (
        has_name
        and is_distinct
        and all(map(_is_sound, parameters))
        and all(one["child"] == part["child"] for part in conditions for one in comparisons(part))
        and all(_can_compare(one, kinds) for one in compared)
    )


def _has_form(parts: Any, known: Mapping[str, _Fields]) -> bool:
    """Return whether this is a list of parts that have exactly the fields of their types."""
    return type(parts) is list and all(type(part) is dict and _has_fields(part, known) for part in parts)


def _has_fields(part: Part, known: Mapping[str, _Fields]) -> bool:
    kind = part.get("type")
    fields = known.get(kind) if type(kind) is str else None
    if fields is None or part.keys() != {"type", *fields}:
        return False
    is_valid = all(may_hold(part[name]) for name, may_hold in fields.items())
    return is_valid and _has_form(list(components(part) or ()), known)


def _is_sound(part: Part) -> bool:
    """Return whether the fields of a parameter fit together."""
    if part["type"] == "constant":
        return True
    if part["type"] == "ordinal":
        return part["default_value"] in part["sequence"]
    if part["type"] == "categorical":
        weights = part["weights"]
        is_weighted = weights is None or (len(weights) == len(part["choices"]) and any(weights))
        return is_weighted and part["default_value"] in part["choices"]
    return _is_sound_range(part)


def _is_sound_range(part: Part) -> bool:
    lower, upper, default = part["lower"], part["upper"], part["default_value"]
    is_positive = not part["log"] or min(lower, part.get("mu", 1.0)) > 0.0
    has_prior = part.get("sigma", 1.0) > 0.0 and min(part.get("alpha", 1.0), part.get("beta", 1.0)) >= 1.0
    return bool(lower < upper and lower <= default <= upper and is_positive and has_prior)


def _can_compare(one: Part, kinds: Mapping[str, str]) -> bool:
    """Return whether a comparison is between known parameters, and an order is asked only of those that have one."""
    names = [one[field] for field in ("child", "parent", "name", "left", "right") if field in one]
    has_order = kinds.get(names[-1]) not in ("categorical", "constant")
    needs_order = one["type"] in ("LT", "GT") or one["type"].startswith("CLAUSE_")
    return all(name in kinds for name in names) and (has_order or not needs_order)
