"""The lists and distributions that searches of scikit-learn take, as a space of ours.

Distributions are recognised by their methods, so this file needs neither scipy nor scikit-learn.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from math import isfinite
from typing import Any

from bohb._plain import scalar
from bohb._text import brief
from bohb.space.ranges import MAX_FLOAT, MAX_GRID, is_number
from bohb.space.short_form import read_short

Decode = Callable[[Any], Any]
"""Turns the value of a parameter in our space into the value that the estimator gets."""
Read = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Turns a configuration of our space into parameters of the estimator."""

TAIL = 0.001
"""How much of a distribution is left out at each end, where its values may be infinite."""
SMALLEST = 1e-9
"""Even distributions of smaller numbers are searched by their quantiles, too: ConfigSpace rounds to 13 decimals."""
WHICH = "which"
"""The parameter that chooses one of several dicts."""


def read_space(space: Any) -> tuple[Mapping[str, Any], Read]:
    """Return a space of ours, and what turns its configurations into parameters of an estimator.

    Args:
        space: A dict of names to lists, scipy distributions or entries of our own; a list of such dicts, of which each
            configuration follows one; or a `ConfigurationSpace`.

    Raises:
        ValueError: If an entry is none of these.
    """
    if _is_whole(space):
        return space, dict
    dicts = [space] if isinstance(space, Mapping) else list(space)
    if not dicts or not all(isinstance(each, Mapping) and each and not _is_whole(each) for each in dicts):
        raise ValueError(
            f"space is a dict of parameters, or a list of such dicts that are not empty; got {brief(space)}"
        )
    entries, readers, rules = {}, {}, []
    conditions: dict[str, Any] = {}
    for number, each in enumerate(dicts):
        prefix, when = (f"{number}.", {WHICH: number}) if len(dicts) > 1 else ("", {})
        for name, value in each.items():
            if name == "forbid" and _is_rules(value):
                rules += [_renamed(rule, prefix) for rule in value]
                continue
            key, (entry, decode) = f"{prefix}{name}", _entry(name, value)
            readers[key] = name, decode
            if when and _is_hyperparameter(value):
                conditions[key] = when
            entries[key] = _named(entry, key, prefix, when)
    chosen = {WHICH: list(range(len(dicts)))} if len(dicts) > 1 else {}
    forbidden = {"forbid": rules} if rules else {}

    def decoded(config: Mapping[str, Any]) -> dict[str, Any]:
        pairs = ((*readers[key], value) for key, value in config.items() if key in readers)
        return {name: decode(value) for name, decode, value in pairs}

    made = {**chosen, **entries, **forbidden}
    return (read_short(made, conditions) if conditions else made), decoded


def _is_whole(space: Any) -> bool:
    """Whether a space is a `ConfigurationSpace`."""
    return isinstance(space, Mapping) and hasattr(space, "sample_configuration")


def _is_hyperparameter(value: Any) -> bool:
    return hasattr(value, "legal_value") and hasattr(value, "default_value")


def _named(entry: Any, key: str, prefix: str, when: Mapping[str, Any]) -> Any:
    """Return an entry under the name that it has in the space, and in words if it is active only for its dict."""
    if not _is_hyperparameter(entry):
        return _conditioned(entry, prefix, when) if when else entry
    renamed = copy(entry)
    renamed.name = key
    return renamed


def _is_rules(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(rule, Mapping) for rule in value)


def _renamed(names: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in names.items()}


def _conditioned(entry: Any, prefix: str, when: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry, in words, that is active only if its dict is chosen."""
    if isinstance(entry, Mapping):
        own = entry.get("when", {})
        return {**entry, "when": {**when, **_renamed(own, prefix)} if isinstance(own, Mapping) else own}
    if isinstance(entry, range):
        return {"int": [entry[0], entry[-1]], "step": entry.step, "when": when}
    if isinstance(entry, tuple):
        return {"range": list(entry[:2]), "log": len(entry) == 3, "when": when}
    return {"constant": entry, "when": when}


# One parameter.


def _same(value: Any) -> Any:
    return value


def _entry(name: str, value: Any) -> tuple[Any, Decode]:
    """Return the definition of a parameter in our words, and how to read its values."""
    if isinstance(value, Mapping) and (kind := next((key for key in ("choices", "ordered") if key in value), None)):
        plain, decode = _coded(value[kind]) if isinstance(value[kind], list | tuple) else (value[kind], _same)
        return {**value, kind: plain}, decode
    if _is_own(value):
        return value, _same
    if hasattr(value, "rvs"):
        return _distribution(name, value)
    if isinstance(value, Iterable):
        return _choices(value if isinstance(value, range) else list(value))
    raise ValueError(
        f"Parameter {name!r} needs a list, a distribution of scipy.stats, a range (low, high) or a mapping in words of "
        f"bohb's spaces; got {brief(value)}; write [value] for a single value"
    )


def _is_own(value: Any) -> bool:
    """Whether a value means the same in our spaces: words, a range, steps, an object of ConfigSpace or a constant."""
    if isinstance(value, tuple):
        ends = value[:2] if len(value) == 2 or (len(value) == 3 and str(value[2]) == "log") else ()
        return bool(ends) and all(is_number(scalar(end)) for end in ends)
    if isinstance(value, range):
        return 1 < len(value) <= MAX_GRID and value.step > 0
    return (
        _is_hyperparameter(value) or isinstance(value, Mapping | str | int | float | None) or is_number(scalar(value))
    )


def _choices(values: Sequence[Any]) -> tuple[Any, Decode]:
    """Return a list of any objects as choices. Numbers that ascend or descend keep their order for the model.

    Of a long list, the places are searched: no model sees so many choices.
    """
    if len(values) > MAX_GRID:
        return {"int": [0, len(values) - 1]}, values.__getitem__
    plain, decode = _coded(values)
    is_sorted = {type(value) for value in plain} <= {int, float} and len(plain) > 1
    is_sorted = is_sorted and plain in (sorted(plain), sorted(plain, reverse=True))
    return {"ordered" if is_sorted else "choices": plain}, decode


def _coded(values: Sequence[Any]) -> tuple[list[Any], Decode]:
    """Return any objects as choices of our spaces, and how to get them back."""
    plain = [_plain(index, value) for index, value in enumerate(values)]
    if len(set(plain)) < len(plain):
        plain = [_text(index, value) for index, value in enumerate(values)]
    return plain, dict(zip(plain, values, strict=True)).__getitem__


def _plain(index: int, value: Any) -> Any:
    """Return a choice itself, as conditions name it, or a text for what has no place in our spaces."""
    found = scalar(value)
    is_plain = type(found) in (str, int, float, bool, type(None)) and (not isinstance(found, float) or isfinite(found))
    return found if is_plain else _text(index, value)


def _text(index: int, value: Any) -> str:
    return f"{index}: {brief(value)}"


def _distribution(name: str, law: Any) -> tuple[Any, Decode]:
    """Return an even distribution, on a log scale or not, as a range; of any other the range of its quantiles."""
    if not (hasattr(law, "ppf") and hasattr(law, "support")):
        raise ValueError(
            f"Parameter {name!r} needs a distribution with the methods ppf and support, as those of scipy.stats have; "
            f"got {brief(law)}; draw values from it, and give their list"
        )
    kind = getattr(getattr(law, "dist", None), "name", None)
    try:
        low, high = (scalar(end) for end in law.support())
    except TypeError as error:
        raise ValueError(f"Parameter {name!r} needs a distribution with its arguments: {error}") from error
    if not low <= high:
        raise ValueError(
            f"Parameter {name!r} needs a distribution with valid arguments; got {kind} with {law.args}, {law.kwds}"
        )
    if kind == "randint":
        return ({"int": [int(low), int(high)]} if low < high else {"constant": int(low)}), _same
    is_even = kind in ("uniform", "loguniform", "reciprocal")
    if is_even and high - low >= SMALLEST and (kind == "uniform" or low >= SMALLEST) and max(-low, high) <= MAX_FLOAT:
        return {"float": [low, high], "log": kind != "uniform"}, _same
    tail, type_ = 0 if is_even else TAIL, int if hasattr(law, "pmf") else float
    return {"float": [tail, 1 - tail]}, lambda quantile: type_(law.ppf(quantile))
