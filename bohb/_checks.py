"""Checks of settings, with one wording for each."""

import operator
from typing import Any

from bohb._text import brief
from bohb.errors import SettingError

MOST_WORKERS = 100_000
"""How many workers one program may have."""


def integer(value: Any) -> int | None:
    """Return an integer, such as one of numpy, as Python's `int`; return None for booleans and all other values."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except Exception:  # whatever the value's own conversion raises
        return None


def real(value: Any) -> float | None:
    """Return an int or a float, also an infinite one, as Python's `float`.

    Return None for booleans, for integers that exceed every float, and for all other values.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except Exception:  # the integer is too large, or the value's own conversion raises
        return None


def flag(name: str, value: Any) -> bool:
    """Return a setting that is true or false.

    Raises:
        SettingError: If it is neither.
    """
    if type(value) is not bool:
        raise SettingError(f"expected True or False as {name}, got {brief(value)}")
    return value


def has_method(value: Any, name: str) -> bool:
    """Whether an object has a method of this name."""
    try:
        return callable(getattr(value, name, None))
    except Exception:  # a user's own attributes may raise anything
        return False


def positive_integer(name: str, value: Any, *, most: int | None = None) -> int:
    """Return a setting that is a positive integer as Python's `int`; see `integer`.

    Raises:
        SettingError: If it is not an integer from 1, or exceeds `most`.
    """
    number = integer(value)
    if number is None or number < 1:
        raise SettingError(f"expected a positive integer as {name}, got {brief(value)}")
    if most is not None and number > most:
        raise SettingError(f"expected at most {most} as {name}, got {brief(value)}")
    return number


def check_positive(name: str, value: object) -> float:
    """Return a setting that is a positive number as Python's `float`; see `real`.

    Raises:
        SettingError: If it is not a positive number.
    """
    number = real(value)
    if number is None or not number > 0:
        raise SettingError(f"expected a positive number as {name}, got {brief(value)}")
    return number


def check_share(name: str, value: object, *, most: float = 1.0, may_be_zero: bool = False) -> float:
    """Return a setting that is a share as Python's `float`; see `real`.

    Raises:
        SettingError: If it is not a number from 0 to `most`, or is 0 where that is no share.
    """
    number = real(value)
    is_share = number is not None and (0 < number <= most or (number == 0 and may_be_zero))
    if number is None or not is_share:
        raise SettingError(f"expected {name} in {'[' if may_be_zero else '('}0, {most:g}], got {brief(value)}")
    return number
