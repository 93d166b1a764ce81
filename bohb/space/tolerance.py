"""How far a number may be from a bound and still mean it: a few units in its last place."""

from collections.abc import Sequence
from math import inf, isfinite, ulp
from typing import Any

import numpy as np

from bohb._checks import real

UNITS = 4
"""The units in the last place that a few operations may cost: `np.logspace(-5, -1, 5)[0]` lies below 1e-5."""
ROUNDING = 5.1e-14
"""ConfigSpace rounds bounds to 13 decimals, so a declared bound may lie this far from the one that is kept."""


def is_near(value: Any, bound: Any, scale: float = 0.0) -> bool:
    """Whether a number differs from a bound by rounding alone.

    Args:
        value: The number. One of few bits, such as a float32, has large units.
        bound: The bound.
        scale: The size of the numbers that the value was computed from, if that is more than the bound.
    """
    size = max(abs(bound), scale)
    unit = max(ulp(size), float(np.finfo(type(value)).eps) * size if isinstance(value, np.floating) else 0.0)
    number = real(value)
    if number is None:  # an integer beyond all floats, or one of numpy's own numbers
        number = float(value) if isinstance(value, np.number) else inf
    return bool(abs(number - bound) <= max(UNITS * unit, min(ROUNDING, 1e-6 * abs(bound))))


def nearest(value: Any, values: Sequence[Any]) -> int | None:
    """Return the index of the float in a list that a float differs from by rounding alone, or None."""
    if not isinstance(value, float | np.floating) or not isfinite(value):
        return None
    return next((i for i, one in enumerate(values) if type(one) is float and is_near(value, one)), None)
