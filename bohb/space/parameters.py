"""One parameter's values as one float: `Choice`, `Grid`, `LogGrid`, `Real`.

Models work on numbers, users on values. A scale maps a value to its position and back, so that the two ways
compose to nothing: for every position `u`, `decode(place(decode(u))) == decode(u)`, to the last bit. Without that
law a configuration could change by being logged as values and read again.

A scale knows neither distributions, nor conditions, nor where it was declared.
"""
# ruff: noqa: D102  - what the methods do is said once, in `Scale`

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from math import ceil, exp, floor, inf, log, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bohb.errors import SpaceError

MAX_EDGES = 128
"""Ordered grids of more values than this have no `edges`: between so many bins a number is as good as continuous."""

MAX_BINS = 2**50
"""More integers than this have no distinguishable positions in a float64, with room for two roundings."""

MAX_LOG_INTEGER = 10**12
"""Above this, neighbouring integers are too close on a log scale to have bins of their own."""

_EPS = 2.0**-52

_EXACT_POWERS = 22
"""10.0**22 is the last power of ten that a float64 holds exactly; beyond, quotients are no longer true decimals."""


class Scale(ABC):
    """The values of one parameter and their positions."""

    num_values: int | None
    """How many values there are; None if they are continuous."""
    num_choices: int = 0
    """How many values there are if they have no order, else 0."""
    edges: NDArray[np.float64] | None = None
    """The `(num_values + 1,)` ascending edges of the bins in [0, 1], or None."""
    values: tuple[Any, ...] = ()
    """The values, if they were declared one by one; empty for numbers."""
    legal: str
    """What a value may be, for error messages."""

    @abstractmethod
    def decode(self, u: float) -> Any:
        """The value at position `u`; a position out of range counts as the nearest legal one."""

    @abstractmethod
    def place(self, value: Any) -> float:
        """The position of a value that `decode` returned."""

    @abstractmethod
    def locate(self, value: Any) -> float | None:
        """The position of a value that anyone wrote, or None if it is not legal."""

    @abstractmethod
    def points(self) -> NDArray[np.float64]:
        """The `(num_values,)` positions of all values in order."""

    def snap(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """`place(decode(u))` of each of the `(n,)` positions; NaN stays NaN."""
        return np.array([u if u != u else self.place(self.decode(u)) for u in column.tolist()], dtype=float)


class Lookup:
    """Finds the index of a value among given values: by type and value first, for `1 == True == 1.0`.

    Called with any value, it returns the index, or None if no value is equal.
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
        try:
            index = self._exact.get((type(value), value))
            if index is None:
                index = self._equal.get(value)
        except TypeError:
            index = None
        return self._scan(value) if index is None and not self._all_hashable else index

    def _scan(self, value: Any) -> int | None:
        equal = [index for index, one in enumerate(self._values) if one is value or _is_equal(one, value)]
        same_type = [index for index in equal if type(self._values[index]) is type(value)]
        return next(iter(same_type or equal), None)


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # arrays compare element by element
        return type(one) is type(other) and bool(np.array_equal(one, other))


def _describe(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(value) for value in values[:20])
    return f"one of {shown}" + (f", ... ({len(values)} choices)" if len(values) > 20 else "")


class Choice(Scale):
    """Values without order; the position is the index.

    Args:
        values: At least one value, of any type.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)
        self.num_values = self.num_choices = len(self.values)
        self.legal = _describe(self.values)
        self.index_of = Lookup(self.values)

    def decode(self, u: float) -> Any:
        return self.values[round(min(max(u, 0.0), self.num_choices - 1.0))]

    def place(self, value: Any) -> float:
        return float(self.index_of(value) or 0)

    def locate(self, value: Any) -> float | None:
        index = self.index_of(value)
        return None if index is None else float(index)

    def points(self) -> NDArray[np.float64]:
        return np.arange(self.num_choices, dtype=float)

    def snap(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.rint(np.clip(column, 0.0, self.num_choices - 1.0)) + 0.0  # no -0.0


class _Bins(Scale):
    """Values in order, in bins of equal width; the position is the centre of the bin."""

    def __init__(self, num_values: int) -> None:
        self.num_values = num_values
        self._num_bins = min(num_values, MAX_BINS)
        if num_values <= MAX_EDGES:
            self.edges = np.arange(num_values + 1) / num_values

    def _bin(self, u: float) -> int:
        return int(min(max(floor(u * self._num_bins), 0), self._num_bins - 1))

    def _centre(self, index: int) -> float:
        return (index + 0.5) / self._num_bins

    def points(self) -> NDArray[np.float64]:
        return (np.arange(self._num_bins) + 0.5) / self._num_bins

    def snap(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        return (np.clip(np.floor(column * self._num_bins), 0.0, self._num_bins - 1.0) + 0.5) / self._num_bins


class Ordered(_Bins):
    """Values of any type in a declared order; a constant is the case of one value.

    Args:
        values: At least one value.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__(len(values))
        self.values = tuple(values)
        self.legal = _describe(self.values)
        self.index_of = Lookup(self.values)

    def decode(self, u: float) -> Any:
        return self.values[self._bin(u)]

    def place(self, value: Any) -> float:
        return self._centre(self.index_of(value) or 0)

    def locate(self, value: Any) -> float | None:
        index = self.index_of(value)
        return None if index is None else self._centre(index)


def _as_integer(value: Any) -> int | None:
    if isinstance(value, int | np.integer):
        return int(value)
    return int(value) if isinstance(value, float | np.floating) and float(value).is_integer() else None


class Integers(_Bins):
    """The integers from `lower` to `upper`, both included.

    Of more than `MAX_BINS` integers only that many, evenly spread from `lower` to `upper`, have a position of their
    own; any other is moved to the next one above.
    """

    def __init__(self, lower: int, upper: int) -> None:
        super().__init__(upper - lower + 1)
        self.legal = f"an integer from {lower} to {upper}"
        self._lower, self._upper = lower, upper
        self._span = upper - lower

    def decode(self, u: float) -> int:
        index = self._bin(u)
        return self._lower + (index if self._num_bins > self._span else index * self._span // (self._num_bins - 1))

    def place(self, value: int) -> float:
        index = value - self._lower
        if self._num_bins <= self._span:
            index = -(-index * (self._num_bins - 1) // self._span)  # rounded up: undoes the floor of `decode`
        return self._centre(index)

    def locate(self, value: Any) -> float | None:
        integer = _as_integer(value)
        return self.place(integer) if integer is not None and self._lower <= integer <= self._upper else None


class LogIntegers(Scale):
    """The integers from `lower` >= 1 to `upper` <= `MAX_LOG_INTEGER`; integer `v` owns log(v - 1/2) to log(v + 1/2)."""

    def __init__(self, lower: int, upper: int) -> None:
        self.num_values = upper - lower + 1
        self.legal = f"an integer from {lower} to {upper}"
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

    def place(self, value: int) -> float:
        return self._position(0.5 * (log(value - 0.5) + log(value + 0.5)))

    def locate(self, value: Any) -> float | None:
        integer = _as_integer(value)
        return self.place(integer) if integer is not None and self._lower <= integer <= self._upper else None

    def points(self) -> NDArray[np.float64]:
        return np.array([self.place(value) for value in range(self._lower, self._upper + 1)])


class Real(Scale):
    """The floats from `lower` to `upper`, linear or logarithmic; the position is where between the two.

    There are more values than positions in some places, and fewer in others. So values are rounded to decimals
    that both can hold: about 13 digits in ordinary ranges, with a margin over the rounding errors of both ways.
    Each of these decimals then has a position of its own; a value that a person wrote (0.1) comes back as it was
    written; and the last bit of `exp` and `log`, which differs between machines, drops out.

    Args:
        lower: Finite, below `upper`; above 0 if `logarithmic`.
        upper: Finite.
        logarithmic: Whether positions are even in the logarithm of the value.
        finest: The smallest allowed power of ten of the rounding; 0 keeps to integers.

    Raises:
        SpaceError: The range is too narrow, or too wide, for a float64.
    """

    num_values: int | None = None

    def __init__(self, lower: float, upper: float, logarithmic: bool, finest: int = -300) -> None:
        self.legal = f"a number from {lower} to {upper}"
        self._lower, self._upper, self._logarithmic = lower, upper, logarithmic
        self._start = log(lower) if logarithmic else lower
        self._span = log(upper) - self._start if logarithmic else upper - lower
        if not 0.0 < self._span < inf:
            raise SpaceError(f"expected a range that a float64 can divide, got {self.legal}; rescale the parameter.")
        exponents = [max(exponent, finest) for exponent in self._exponents()]
        self._steps = [(10.0 ** max(-e, 0), 10.0 ** max(e, 0), e) for e in exponents]
        self._is_vectorised = max(map(abs, exponents)) <= _EXACT_POWERS
        # What rounds to less than a step from a bound belongs to the bound, which need not be a decimal itself.
        self._low_edge = lower + 0.75 * 10.0 ** exponents[0]
        self._high_edge = upper - 0.75 * 10.0 ** exponents[-1]
        if self._low_edge >= self._high_edge:
            raise SpaceError(f"expected a range wider than the rounding of a float64, got {self.legal}; widen it.")

    def _exponents(self) -> list[int]:
        """The power of ten to round to: one for a linear range, one for each decade of a logarithmic one."""
        if not self._logarithmic:
            self._tops: list[float] = []
            return [ceil(log10(200.0 * _EPS * max(abs(self._lower), abs(self._upper))))]
        # Relative error of exp(start + u * span): the absolute error of the exponent, some units in the last place.
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
        return self._round(exp(value) if self._logarithmic else value)

    def place(self, value: Any) -> float:
        u = ((log(value) if self._logarithmic else value) - self._start) / self._span
        return min(max(u, 0.0), 1.0)

    def locate(self, value: Any) -> float | None:
        if not isinstance(value, int | float | np.integer | np.floating) or not self._lower <= value <= self._upper:
            return None
        return self.place(self._round(float(value)))

    def points(self) -> NDArray[np.float64]:
        raise SpaceError(f"expected a finite set of values, got {self.legal}.")

    def snap(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self._is_vectorised:
            return super().snap(column)
        values = self._start + np.clip(column, 0.0, 1.0) * self._span
        if self._logarithmic:
            # Not numpy's exp and log: on some machines their last bit depends on how many numbers they are given.
            values = np.array([exp(value) for value in values.tolist()])
        up, down, _ = np.array(self._steps)[np.searchsorted(self._tops, values, side="right")].T
        values = np.rint(values * up / down) * down / up
        values[values <= self._low_edge] = self._lower
        values[values >= self._high_edge] = self._upper
        if self._logarithmic:
            values = np.array([log(value) for value in values.tolist()])
        return np.clip((values - self._start) / self._span, 0.0, 1.0)


class WideLogIntegers(Real):
    """The integers from `lower` to `upper` > `MAX_LOG_INTEGER` on a log scale: rounded decimals, as in `Real`."""

    def __init__(self, lower: int, upper: int) -> None:
        super().__init__(float(lower), float(upper), logarithmic=True, finest=0)
        self.num_values = upper - lower + 1
        self.legal = f"an integer from {lower} to {upper}"
        self._bounds = lower, upper

    def decode(self, u: float) -> int:
        return min(max(int(super().decode(u)), self._bounds[0]), self._bounds[1])  # a float64 may exceed the bound

    def place(self, value: Any) -> float:
        return super().place(float(value))

    def locate(self, value: Any) -> float | None:
        integer = _as_integer(value)
        return super().locate(integer) if integer is not None else None


def _decade(value: float) -> int:
    """The power of ten of the first digit."""
    return int(f"{value:.17e}".partition("e")[2])
