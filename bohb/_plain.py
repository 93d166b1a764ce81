"""Values as plain Python: what a user hands over, in a form that JSON can keep.

Arrays and tensors are recognised by their shape, so this file needs neither numpy nor torch.
"""

import json
import math
import numbers
from collections.abc import Mapping
from typing import Any

from bohb._json import MAX_BITS, MAX_CHARACTERS, MAX_DEPTH
from bohb._text import brief

_SCALARS = (str, int, float, bool, type(None))
_DROPPED = object()


def scalar(value: Any) -> Any:
    """Return the number in a numpy or torch scalar, or in an array of one element; any other value as it is.

    It is nan where it is masked, such as the mean of nothing but masked values.
    """
    if type(value) in _SCALARS or not _has_elements(value, 1) or not hasattr(value, "item"):
        return value
    try:
        found = math.nan if _is_masked(value) else value.item()
    except Exception:  # whatever the value's own conversion raises
        return value
    # The `item` of a long double is a long double again.
    return float(found) if isinstance(found, numbers.Real) and not isinstance(found, float | int) else found


def _is_masked(value: Any) -> bool:
    """Whether the one element of a masked array is masked: there is no number, whatever lies below the mask."""
    return hasattr(value, "filled") and bool(value.mask)


def _has_elements(value: Any, num: int | None = None) -> bool:
    """Whether a value is an array or a tensor, with `num` elements if that is given."""
    try:
        shape = None if isinstance(value, type) else getattr(value, "shape", None)
    except Exception:  # a user's own attribute may raise anything
        return False
    return isinstance(shape, tuple) and num in (None, math.prod(shape))


def entries(source: Any) -> dict[Any, Any] | None:
    """Return what a mapping holds; None if it is no mapping, or its own code raises."""
    if type(source) is dict:
        return source
    try:
        return dict(source) if isinstance(source, Mapping) else None
    except Exception:  # a user's own mapping may raise anything
        return None


class _TooLargeError(ValueError):
    """A member has more parts than can be kept."""


class Keeper:
    """Converts values to what JSON can keep: nan and infinities to None, arrays and tuples to lists.

    The limits are those of `bohb._json`.

    Attributes:
        dropped: What could not be kept, one text each: the place of the value, and its type.
    """

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self._path: list[int] = []
        self._num_values = 0

    def mapping(self, source: Mapping[Any, Any], place: str) -> dict[str, Any]:
        """Return a private copy of a mapping, without the members that cannot be kept.

        Args:
            source: The mapping.
            place: Its name in `dropped`.
        """
        self._path = [id(source)]
        members = entries(source)
        if members is None:
            self.dropped.append(f"{place} of type {type(source).__name__}")
        return self._members(members or {}, place)

    def _members(self, source: Mapping[Any, Any], place: str) -> dict[str, Any]:
        kept = {}
        for name in source:
            key, where = _name(name), f"{place}[{brief(name):.60}]"
            if key is None:
                self.dropped.append(f"{where}, because of its name")
            elif (value := self._keep(source[name], where)) is not _DROPPED:
                kept[key] = value
        return kept

    def _keep(self, value: Any, where: str) -> Any:
        num_before = self._num_values
        try:
            return self._value(value, where)
        except Exception as error:  # whatever the value's own conversion raises
            if isinstance(error, _TooLargeError):
                if len(self._path) > 1:
                    raise
                self._num_values = num_before
            self.dropped.append(f"{where} of type {type(value).__name__}")
            return _DROPPED

    def _value(self, value: Any, where: str) -> Any:
        self._num_values += 1
        if self._num_values > MAX_CHARACTERS:
            raise _TooLargeError
        if not isinstance(value, Mapping | list | tuple):
            is_array = _has_elements(value) and not _has_elements(value, 1) and hasattr(value, "tolist")
            return self._value(value.tolist(), where) if is_array else _leaf(value)
        if len(self._path) >= MAX_DEPTH or id(value) in self._path:
            raise ValueError("nested too deeply")
        self._path.append(id(value))
        try:
            return self._members(value, where) if isinstance(value, Mapping) else self._list(value, where)
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
    if isinstance(plain, int) and plain.bit_length() > MAX_BITS:
        return None
    return json.dumps(plain) if isinstance(plain, int | float | None) else None
