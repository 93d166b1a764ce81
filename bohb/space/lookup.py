"""Find a value in a list of any values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bohb._json import check_limits
from bohb.space.values import as_json


class Lookup:
    """A callable that returns the index of a value in a list, or None if no element is equal.

    An element of the same type wins over one that is merely equal, because `1 == True == 1.0`. A tuple may be given as
    a list, because JSON has no tuples.

    Args:
        values: The list; its elements need not be hashable.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values
        self._exact: dict[Any, int] = {}
        self._equal: dict[Any, int] = {}
        self._all_hashable = True
        for index, value in enumerate(values):
            try:
                self._exact[type(value), value] = index
                self._equal.setdefault(value, index)
            except TypeError:
                self._all_hashable = False

    def __call__(self, value: Any) -> int | None:
        """Return the index of a value, or None."""
        try:
            index = self._exact.get((type(value), value))
            if index is None:
                index = self._equal.get(value)
        except Exception:  # a user's own `__hash__` or `__eq__` may raise anything
            index = None
        if index is None and (not self._all_hashable or isinstance(value, list | tuple)):
            return self._scan(value, as_json(value)) if _is_shallow(value) else None
        return index

    def _scan(self, value: Any, written: Any) -> int | None:
        equal = [index for index, one in enumerate(self._values) if one is value or _is_equal(one, value)]
        same_type = [index for index in equal if type(self._values[index]) is type(value)]
        same_json = [index for index, one in enumerate(self._values) if _is_equal(as_json(one), written)]
        return next(iter(same_type or equal or same_json), None)


def _is_shallow(value: Any) -> bool:
    """Whether a value is nested no deeper than one that a space may have."""
    try:
        check_limits(value)
    except Exception:  # it is not, or a user's own mapping raises
        return False
    return True


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # arrays compare element by element
        return isinstance(one, np.ndarray) and type(one) is type(other) and bool(np.array_equal(one, other))
