"""Values as plain Python: what a user hands over, in a form that JSON can keep.

Arrays and tensors are recognised by their shape, so this file needs neither numpy nor torch.
"""

import json
import math
import numbers
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 32
"""How deeply kept values may be nested, far below what exhausts a reader."""
MAX_BITS = 1_992
"""The bits of the largest kept integer, about 600 digits. No process can be told to read fewer than 640."""

_SCALARS = (str, int, float, bool, type(None))
_DROPPED = object()


def scalar(value: Any) -> Any:
    """Return the number in a numpy or torch scalar, or in an array of one element; any other value as it is."""
    if type(value) in _SCALARS or not _has_elements(value, 1) or not hasattr(value, "item"):
        return value
    found = value.item()
    # The `item` of a long double is a long double again.
    return float(found) if isinstance(found, numbers.Real) and not isinstance(found, float | int) else found


def _has_elements(value: Any, num: int | None = None) -> bool:
    """Whether a value is an array or a tensor, with `num` elements if that is given."""
    shape = None if isinstance(value, type) else getattr(value, "shape", None)
    return isinstance(shape, tuple) and num in (None, math.prod(shape))


class Keeper:
    """Converts values to what JSON can keep: nan and infinities to None, arrays and tuples to lists.

    Attributes:
        dropped: What could not be kept, one text each: the place of the value, and its type.
    """

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self._path: list[int] = []

    def mapping(self, source: Mapping[Any, Any], place: str) -> dict[str, Any]:
        """Return a private copy of a mapping, without the members that cannot be kept.

        Args:
            source: The mapping.
            place: Its name in `dropped`.
        """
        kept = {}
        for name in source:
            key, where = _name(name), f"{place}[{name!r:.60}]"
            if key is None:
                self.dropped.append(f"{where}, because of its name")
            elif (value := self._keep(source[name], where)) is not _DROPPED:
                kept[key] = value
        return kept

    def _keep(self, value: Any, where: str) -> Any:
        try:
            return self._value(value, where)
        except Exception:  # whatever the value's own conversion raises
            self.dropped.append(f"{where} of type {type(value).__name__}")
            return _DROPPED

    def _value(self, value: Any, where: str) -> Any:
        if not isinstance(value, Mapping | list | tuple):
            is_array = _has_elements(value) and not _has_elements(value, 1) and hasattr(value, "tolist")
            return self._value(value.tolist(), where) if is_array else _leaf(value)
        if len(self._path) >= MAX_DEPTH or id(value) in self._path:
            raise ValueError("nested too deeply")
        self._path.append(id(value))
        try:
            return self.mapping(value, where) if isinstance(value, Mapping) else self._list(value, where)
        finally:
            self._path.pop()

    def _list(self, values: list[Any] | tuple[Any, ...], where: str) -> list[Any]:
        """Return a list, with None in the place of what cannot be kept."""
        kept = (self._keep(value, f"{where}[{index}]") for index, value in enumerate(values))
        return [None if value is _DROPPED else value for value in kept]


def _leaf(value: Any) -> Any:
    value = scalar(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return _checked(int(value))
    if isinstance(value, numbers.Number):  # not a complex number, which has no float
        number = float(value)  # type: ignore[arg-type]
        return number if math.isfinite(number) else None
    path = value.__fspath__()
    return path if isinstance(path, str) else path.decode()


def _checked(number: int) -> int:
    if number.bit_length() > MAX_BITS:
        raise ValueError("an integer of too many digits")
    return number


def _name(name: Any) -> str | None:
    """Return the name of a member as JSON spells it, or None if JSON has no such name."""
    plain = scalar(name)
    if isinstance(plain, str):
        return str.__str__(plain)
    return json.dumps(plain) if isinstance(plain, int | float | None) else None
