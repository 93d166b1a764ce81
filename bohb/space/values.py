"""The values of choices, ordinals and constants: what can be kept as JSON, and how.

A value is a number, a text, a truth value, None, or a list, tuple or dict of these. JSON has no tuples: a tuple is
written as `{"__tuple__": [...]}`, so that it comes back as one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from math import isfinite
from typing import Any

from bohb._checks import has_method
from bohb._json import DEEPEST, MAX_BITS, MAX_DEPTH, check_limits
from bohb._plain import scalar
from bohb._text import brief
from bohb.errors import SpaceError

TUPLE = "__tuple__"

Change = Callable[[Any], Any]


def own(value: Any) -> Any:
    """Return a private copy in plain Python values. What cannot be kept stays as it is."""
    try:
        check_limits(value)
    except Exception:  # too deep or too large to be kept, or a user's own mapping raises
        return value
    return _rebuilt(value, tuple, scalar)


def of_text(value: Any, values: Sequence[Any]) -> Any:
    """Return the listed value that a text stands for, in the words of Python or JSON; any other value as it is."""
    if not isinstance(value, str) or value in values:
        return value
    others = (one for one in values if not isinstance(one, str))
    return next((one for one in others if value in (repr(one), json.dumps(one))), value)


def check(name: str, value: Any) -> None:
    """Check that a value can be kept as JSON, before any work is spent on it.

    Args:
        name: The name of the parameter.
        value: The value.

    Raises:
        SpaceError: If it cannot, with advice.
    """
    found = _first_refused(value, 0)
    if found is not None:
        raise SpaceError(
            "expected values that JSON can represent exactly (numbers, text, true, false, null, and lists, tuples and "
            f"dicts of these), got {brief(found[0])} for {name!r}; {found[1]}"
        )


def _first_refused(value: Any, depth: int) -> tuple[Any, str] | None:
    """Return the first part of a value that cannot be kept, and what to do about it; or None."""
    if type(value) not in (list, tuple, dict):
        return None if _is_scalar(value) else (value, _advice(value))
    if depth >= MAX_DEPTH:
        return value, f"nest at most {MAX_DEPTH} levels"
    if type(value) is dict and (TUPLE in value or not all(type(key) is str for key in value)):
        return value, f"use texts as the names in a dict, and not {TUPLE!r}"
    parts = value.values() if type(value) is dict else value
    return next((found for part in parts if (found := _first_refused(part, depth + 1)) is not None), None)


def _is_scalar(value: Any) -> bool:
    if type(value) is int:
        return value.bit_length() <= MAX_BITS
    return type(value) in (str, bool, type(None)) or (type(value) is float and isfinite(value))


def _advice(value: Any) -> str:
    if isinstance(value, Enum):
        return f"list the names of its members, and look up {type(value).__name__}[name] in the objective"
    if isinstance(value, type) or callable(value):
        return "list its name, and look up the name in a dict in the objective"
    if has_method(value, "tolist"):
        return "list its values: .tolist()"
    if isinstance(value, float):
        return "list a text or None for it, and replace that in the objective"
    return "list a name for each such value, and look up the name in the objective"


def as_json(value: Any) -> Any:
    """Return a value as JSON writes it: tuples become lists."""
    return _rebuilt(value, list)


def _rebuilt(value: Any, of_tuple: Callable[[list[Any]], Any], of_scalar: Change = lambda one: one) -> Any:
    """Return a copy of a value, with its tuples and its scalars changed."""
    if type(value) is dict:
        return {name: _rebuilt(one, of_tuple, of_scalar) for name, one in value.items()}
    if type(value) not in (list, tuple):
        return of_scalar(value)
    parts = [_rebuilt(one, of_tuple, of_scalar) for one in value]
    return parts if type(value) is list else of_tuple(parts)


def tagged(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a private copy of a serialised space for JSON, with its tuples marked."""
    return _changed(data, lambda value: _rebuilt(value, lambda parts: {TUPLE: parts}, scalar))


def untagged(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a private copy of a serialised space from JSON, with its tuples as they were.

    Raises:
        SpaceError: If the data are not a mapping, or are nested too deeply.
    """
    if not isinstance(data, Mapping):
        raise SpaceError(f"expected what to_json() returned, got {data!r:.200}.")
    try:
        return _changed(data, _untag)
    except RecursionError:
        try:
            check_limits(data, max_depth=DEEPEST)
        except ValueError as error:
            raise SpaceError(f"expected what to_json() returned, but {error}.") from error
        raise  # the caller's stack was nearly full, which says nothing about the data


def _untag(value: Any) -> Any:
    if type(value) is list:
        return [_untag(one) for one in value]
    if type(value) is not dict:
        return value
    if value.keys() == {TUPLE} and type(value[TUPLE]) is list:
        return tuple(map(_untag, value[TUPLE]))
    return {name: _untag(one) for name, one in value.items()}


_VALUE = ("value", "default_value")
_VALUES = ("values", "choices", "sequence")
_NESTED = ("hyperparameters", "conditions", "forbiddens", "clauses")


def _changed(part: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Return a copy of a serialised space, or of a part of it, with the values of its parameters changed."""
    return {name: _field(name, value, change) for name, value in part.items()}


def _field(name: str, value: Any, change: Change) -> Any:
    if name in _VALUE:
        return change(value)
    if name in _VALUES and isinstance(value, list | tuple):
        return [change(one) for one in value]
    if name in _NESTED and isinstance(value, list):
        return [_changed(one, change) if isinstance(one, Mapping) else one for one in value]
    return value
