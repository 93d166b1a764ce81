"""Checks of settings, with one wording for each."""

import math
import operator
from typing import Any

from bohb._text import brief
from bohb.errors import SettingError


def positive_integer(name: str, value: Any) -> int:
    """Return a setting as Python's `int`; numpy's integers count, booleans do not.

    Raises:
        SettingError: If it is not an integer from 1.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < 1:
        raise SettingError(f"expected a positive integer as {name}, got {brief(value)}")
    return operator.index(value)


def check_positive(name: str, value: object) -> None:
    """Check that a setting is a positive number.

    Raises:
        SettingError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0 or math.isnan(value):
        raise SettingError(f"expected a positive number as {name}, got {brief(value)}")
