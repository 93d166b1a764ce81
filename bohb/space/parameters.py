"""Parameters: the values of one parameter, and their positions on a numeric axis.

A model works on numbers, a user on values. A `Parameter` converts between the two: `decode` maps a position to a value,
`encode` maps the value back. They are inverse to the last bit: `decode(encode(decode(u))) == decode(u)` for every
position `u`. Without that, a configuration could change when it is logged as values and read again.

There are `Categorical`, `Ordinal`, `Integer`, `LogInteger`, `WideLogInteger` and `Float`. A parameter knows neither its
prior distribution, nor its conditions, nor ConfigSpace.
"""
# ruff: noqa: D102  - the methods are documented once, in `Parameter`

import copy
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from math import ceil, exp, floor, inf, log, log10
from typing import Any, NamedTuple

import numpy as np

from bohb._text import brief
from bohb.arrays import Floats
from bohb.errors import SpaceError
from bohb.space.lookup import Lookup
from bohb.space.tolerance import is_near, nearest
from bohb.space.values import own

MAX_EDGES = 128
"""Above this many values an ordered parameter has no `edges`: models treat it as continuous."""

MAX_BINS = 2**50
"""A float64 can tell this many positions in [0, 1] apart, with room for two rounding errors."""

MAX_LOG_INTEGER = 10**12
"""Above this, neighbouring integers are too close on a log scale to have a bin each."""

_EPS = 2.0**-52

_EXACT_POWERS = 22
"""10.0**22 is the largest power of ten that a float64 holds exactly. Beyond it, quotients are not true decimals."""


class Range(NamedTuple):
    """The range of a numeric parameter.

    Attributes:
        lower: The smallest value; an int for an integer parameter, a float otherwise.
        upper: The largest value, of the same type.
        is_log: Whether the parameter is on a log scale.
    """

    lower: int | float
    upper: int | float
    is_log: bool


class Parameter(ABC):
    """The values of one parameter and their positions.

    Exactly one of `range` and `values` describes the values.

    Attributes:
        num_values: The number of values; None if they are continuous.
        num_choices: The number of values if they have no order, 0 otherwise.
        edges: `(num_values + 1,)` ascending edges of the bins in [0, 1]; None if there are no bins.
        values: The values of a categorical, an ordinal or a constant, as the user listed them; empty for a number.
        range: The range of a number; None if the values are listed.
        legal: What a value may be, for error messages.
    """

    num_values: int | None
    num_choices: int = 0
    edges: Floats | None = None
    values: tuple[Any, ...] = ()
    range: Range | None = None
    legal: str

    @abstractmethod
    def decode(self, u: float) -> Any:
        """Return the value at position `u`. A position out of range counts as the nearest legal one."""

    @abstractmethod
    def encode(self, value: Any) -> float:
        """Return the position of a value that `decode` returned."""

    @abstractmethod
    def locate(self, value: Any) -> float | None:
        """Return the position of any value, or None if the value is not legal."""

    @abstractmethod
    def positions(self) -> Floats:
        """Return the `(num_values,)` positions of all values in order.

        Raises:
            SpaceError: If the values are continuous.
        """

    def snap(self, column: Floats) -> Floats:
        """Return `encode(decode(u))` of each of the `(n,)` positions; NaN stays NaN."""
        return np.array([u if u != u else self.encode(self.decode(u)) for u in column.tolist()], dtype=float)


def _given(value: Any) -> Any:
    """Return a value to hand out: of one that can be changed, a copy."""
    return copy.deepcopy(value) if type(value) in (list, dict, tuple) else value


def _describe(values: Sequence[Any]) -> str:
    shown = ", ".join(brief(value) for value in values[:20])
    return f"one of {shown}" + (f", ... ({len(values)} choices)" if len(values) > 20 else "")


class Categorical(Parameter):
    """Values without order; the position of a value is its index.

    Args:
        values: At least one value, of any type.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(map(own, values))
        self.num_values = self.num_choices = len(self.values)
        self.legal = _describe(self.values)
        self.index_of = Lookup(self.values)

    def decode(self, u: float) -> Any:
        return _given(self.values[round(min(max(u, 0.0), self.num_choices - 1.0))])

    def encode(self, value: Any) -> float:
        return float(self.index_of(value) or 0)

    def locate(self, value: Any) -> float | None:
        index = self.index_of(value)
        return None if index is None else float(index)

    def positions(self) -> Floats:
        return np.arange(self.num_choices, dtype=float)

    def snap(self, column: Floats) -> Floats:
        return np.rint(np.clip(column, 0.0, self.num_choices - 1.0)) + 0.0  # no -0.0


class _Binned(Parameter):
    """Ordered values in bins of equal width; the position of a value is the centre of its bin."""

    def __init__(self, num_values: int) -> None:
        self.num_values = num_values
        self._num_bins = min(num_values, MAX_BINS)
        if num_values <= MAX_EDGES:
            self.edges = np.arange(num_values + 1) / num_values

    def _bin(self, u: float) -> int:
        return int(min(max(floor(u * self._num_bins), 0), self._num_bins - 1))

    def _centre(self, index: int) -> float:
        return (index + 0.5) / self._num_bins

    def positions(self) -> Floats:
        return (np.arange(self._num_bins) + 0.5) / self._num_bins

    def snap(self, column: Floats) -> Floats:
        return (np.clip(np.floor(column * self._num_bins), 0.0, self._num_bins - 1.0) + 0.5) / self._num_bins


class Ordinal(_Binned):
    """Values of any type in a given order. A constant is an ordinal of one value.

    Args:
        values: At least one value.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__(len(values))
        self.values = tuple(map(own, values))
        self.legal = _describe(self.values)
        self.index_of = Lookup(self.values)

    def decode(self, u: float) -> Any:
        return _given(self.values[self._bin(u)])

    def encode(self, value: Any) -> float:
        return self._centre(self.index_of(value) or 0)

    def locate(self, value: Any) -> float | None:
        index = self.index_of(value)
        if index is None:
            index = nearest(value, self.values)
        return None if index is None else self._centre(index)


def _as_integer(value: Any) -> int | None:
    if isinstance(value, int | np.integer):
        return int(value)
    return int(value) if isinstance(value, float | np.floating) and float(value).is_integer() else None


class Integer(_Binned):
    """The integers from `lower` to `upper`, both included.

    Of more than `MAX_BINS` integers only `MAX_BINS`, evenly spaced from `lower` to `upper`, have a position of their
    own. Any other is rounded up to the next one that has.
    """

    def __init__(self, lower: int, upper: int) -> None:
        super().__init__(upper - lower + 1)
        self.legal = f"an integer from {lower} to {upper}"
        self.range = Range(lower, upper, is_log=False)
        self._lower, self._upper = lower, upper
        self._span = upper - lower

    def decode(self, u: float) -> int:
        index = self._bin(u)
        return self._lower + (index if self._num_bins > self._span else index * self._span // (self._num_bins - 1))

    def encode(self, value: int) -> float:
        index = value - self._lower
        if self._num_bins <= self._span:
            index = -(-index * (self._num_bins - 1) // self._span)  # rounded up: undoes the floor of `decode`
        return self._centre(index)

    def locate(self, value: Any) -> float | None:
        integer = _as_integer(value)
        return self.encode(integer) if integer is not None and self._lower <= integer <= self._upper else None


class LogInteger(Parameter):
    """The integers from `lower` >= 1 to `upper` <= `MAX_LOG_INTEGER` on a log scale.

    The bin of the integer v reaches from log(v - 1/2) to log(v + 1/2).
    """

    def __init__(self, lower: int, upper: int) -> None:
        self.num_values = upper - lower + 1
        self.legal = f"an integer from {lower} to {upper}"
        self.range = Range(lower, upper, is_log=True)
        self._lower, self._upper = lower, upper
        self._start = log(lower - 0.5)
        self._span = log(upper + 0.5) - self._start
        if self.num_values <= MAX_EDGES:
            self.edges = np.array([self._position(log(v - 0.5)) for v in range(lower, upper + 2)])

    def _position(self, logarithm: float) -> float:
        return min(max((logarithm - self._start) / self._span, 0.0), 1.0)

    def decode(self, u: float) -> int:
        value = floor(exp(self._start + min(max(u, 0.0), 1.0) * self._span) + 0.5)
        return min(max(value, self._lower), self._upper)

    def encode(self, value: int) -> float:
        return self._position(0.5 * (log(value - 0.5) + log(value + 0.5)))

    def locate(self, value: Any) -> float | None:
        integer = _as_integer(value)
        return self.encode(integer) if integer is not None and self._lower <= integer <= self._upper else None

    def positions(self) -> Floats:
        return np.array([self.encode(value) for value in range(self._lower, self._upper + 1)])


class Float(Parameter):
    """The floats from `lower` to `upper` on a linear or a log scale; the position is linear in the value or its log.

    A range may hold more floats than [0, 1] has positions, or fewer. So values are rounded to decimals that both can
    hold: about 13 significant digits in ordinary ranges, with a margin for the rounding errors of both conversions.
    Then every such decimal has a position of its own, a value that a user wrote (0.1) comes back as written, and the
    last bit of `exp` and `log`, which differs between machines, has no effect.

    Args:
        lower: Finite, below `upper`; positive if `is_log`.
        upper: Finite.
        is_log: Whether positions are linear in the logarithm of the value.
        finest: The smallest exponent of ten to round to; 0 rounds to integers.

    Raises:
        SpaceError: If the range is too narrow or too wide for a float64.
    """

    num_values: int | None = None

    def __init__(self, lower: float, upper: float, is_log: bool, finest: int = -300) -> None:
        self.legal = f"a number from {lower} to {upper}"
        self.range = Range(lower, upper, is_log)
        self._lower, self._upper, self._is_log = lower, upper, is_log
        self._start = log(lower) if is_log else lower
        self._span = log(upper) - self._start if is_log else upper - lower
        if not 0.0 < self._span < inf:
            raise SpaceError(f"expected a range that a float64 can divide, got {self.legal}; rescale the parameter.")
        exponents = [max(exponent, finest) for exponent in self._exponents()]
        self._steps = [(10.0 ** max(-e, 0), 10.0 ** max(e, 0), e) for e in exponents]
        self._is_vectorised = max(map(abs, exponents)) <= _EXACT_POWERS
        # A bound need not be a decimal itself, so what rounds to less than a step from it becomes the bound.
        self._low_edge = lower + 0.75 * 10.0 ** exponents[0]
        self._high_edge = upper - 0.75 * 10.0 ** exponents[-1]
        if self._low_edge >= self._high_edge:
            raise SpaceError(f"expected a range wider than the rounding of a float64, got {self.legal}; widen it.")

    def _exponents(self) -> list[int]:
        """Return the exponents of ten to round to: one for a linear scale, one per decade for a log scale."""
        if not self._is_log:
            self._tops: list[float] = []
            return [ceil(log10(200.0 * _EPS * max(abs(self._lower), abs(self._upper))))]
        # The relative error of exp(start + u * span) is the absolute error of its argument: a few units in the last
        # place of the larger logarithm.
        error = _EPS * (2.0 * max(abs(log(self._lower)), abs(log(self._upper))) + 3.0)
        digits = floor(-log10(8.0 * error))
        first, last = _decade(self._lower), _decade(self._upper)
        self._tops = [float(f"1e{decade}") for decade in range(first + 1, last + 1)]
        return [decade - digits + 1 for decade in range(first, last + 1)]

    def _round(self, value: float) -> float:
        up, down, exponent = self._steps[bisect_right(self._tops, value)]
        rounded = round(value * up / down) * down / up
        if not -_EXACT_POWERS <= exponent <= _EXACT_POWERS:
            rounded = float(f"{round(value * up / down)}e{exponent}")
        if rounded <= self._low_edge:
            return self._lower
        return self._upper if rounded >= self._high_edge else rounded

    def decode(self, u: float) -> float:
        value = self._start + min(max(u, 0.0), 1.0) * self._span
        return self._round(exp(value) if self._is_log else value)

    def encode(self, value: Any) -> float:
        u = ((log(value) if self._is_log else value) - self._start) / self._span
        return min(max(u, 0.0), 1.0)

    def locate(self, value: Any) -> float | None:
        if not isinstance(value, int | float | np.integer | np.floating):
            return None
        if type(value) is not float and type(value) is not int and not isinstance(value, np.generic):
            value = float.__float__(value) if isinstance(value, float) else int.__int__(value)
        bounded = min(max(value, self._lower), self._upper)
        # On a linear scale, what should be 0 is off by a unit of the largest number in the range.
        scale = 0.0 if self._is_log else max(abs(self._lower), abs(self._upper))
        if bounded != value and not is_near(value, bounded, scale):
            return None
        return self.encode(self._round(float(bounded)))

    def positions(self) -> Floats:
        raise SpaceError(f"expected a finite set of values, got {self.legal}.")

    def snap(self, column: Floats) -> Floats:
        if not self._is_vectorised:
            return super().snap(column)
        values = self._start + np.clip(column, 0.0, 1.0) * self._span
        if self._is_log:
            # Not numpy's exp and log: on some machines their last bit depends on the length of the array.
            values = np.array([exp(value) for value in values.tolist()])
        up, down, _ = np.array(self._steps)[np.searchsorted(self._tops, values, side="right")].T
        values = np.rint(values * up / down) * down / up
        values[values <= self._low_edge] = self._lower
        values[values >= self._high_edge] = self._upper
        if self._is_log:
            values = np.array([log(value) for value in values.tolist()])
        return np.clip((values - self._start) / self._span, 0.0, 1.0)


class WideLogInteger(Float):
    """The integers from `lower` to `upper` > `MAX_LOG_INTEGER` on a log scale, rounded to decimals as in `Float`."""

    def __init__(self, lower: int, upper: int) -> None:
        super().__init__(float(lower), float(upper), is_log=True, finest=0)
        self.num_values = upper - lower + 1
        self.legal = f"an integer from {lower} to {upper}"
        self.range = Range(lower, upper, is_log=True)
        self._bounds = lower, upper

    def decode(self, u: float) -> int:
        return min(max(int(super().decode(u)), self._bounds[0]), self._bounds[1])  # a float64 may exceed the bound

    def encode(self, value: Any) -> float:
        return super().encode(float(value))

    def locate(self, value: Any) -> float | None:
        integer = _as_integer(value)
        return super().locate(integer) if integer is not None else None


def _decade(value: float) -> int:
    """Return the decimal exponent of the first digit."""
    return int(f"{value:.17e}".partition("e")[2])
