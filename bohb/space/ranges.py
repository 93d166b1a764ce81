"""Ranges of numbers in the short form: integers or floats, and grids of steps."""

from collections.abc import Mapping
from fractions import Fraction
from math import isfinite
from typing import Any

from bohb._checks import real
from bohb._plain import scalar
from bohb._text import brief
from bohb.errors import SpaceError

MAX_INTEGER = 2**62
"""The largest bound of an integer range, up or down: ConfigSpace counts the values in 64 bits."""
MAX_GRID = 4096
"""The most values of a grid. Of more, a model would see no single one."""

MAX_FLOAT = 1e150
"""The largest bound of a float range, up or down: ConfigSpace multiplies bounds."""

FOUR_THINGS = (
    'expected a range (low, high) or (low, high, "log"), steps range(start, stop, step), choices [a, b, ...] or one '
    "constant value"
)
"""The four things that may stand for a parameter."""

Number = int | float


def refusal(name: str, value: Any, why: str) -> SpaceError:
    """Return the error for what cannot stand for a parameter."""
    return SpaceError(f"{FOUR_THINGS} for {name!r}, got {brief(value)}; {why}")


def read_range(name: str, kind: str, entry: Mapping[str, Any]) -> tuple[Number, Number, list[Number] | None]:
    """Return the (low, high, grid) of a range; the grid is None without a step.

    Args:
        name: The name of the parameter.
        kind: "int", "float", or "range" to tell by the numbers: integers if all are, floats otherwise.
        entry: The definition, with the two ends under `kind`.

    Raises:
        SpaceError: If it is not a range.
    """
    low, high, step = _numbers(name, kind, entry)
    log = entry.get("log", False)
    why = _objection(low, high, step, log)
    if why is not None:
        raise refusal(name, entry[kind], why)
    if step is None or (step == 1 and isinstance(low, int)):
        return low, high, None
    return low, high, _grid(name, low, high, step)


def _objection(low: Number, high: Number, step: Number | None, log: Any) -> str | None:
    """Return what is wrong with the numbers of a range, or None."""
    if not isinstance(log, bool):
        return f"its log is true or false, not {brief(log)}"
    if low >= high:
        return f"for a constant, write {low!r}" if low == high else "the low end comes first"
    if log and low <= 0:
        return "the low end of a log scale is positive"
    if isinstance(low, int) and not (_is_exact(low) and _is_exact(high)):
        return "integers reach to 2**62, and beyond 2**53 only those that a float holds; use floats"
    if isinstance(low, float) and max(abs(low), abs(high)) > MAX_FLOAT:
        return f"floats reach to {MAX_FLOAT:g}; rescale the parameter"
    if step is not None and log:
        return 'a step has no log scale; list the values instead: {"ordered": [...]}'
    return None if step is None or step > 0 else f"its step is positive, not {step!r}"


def _is_exact(end: Number) -> bool:
    """Whether ConfigSpace keeps the end of an integer range as it is: it turns it into a float on the way."""
    return abs(end) <= MAX_INTEGER and int(float(end)) == end


def _numbers(name: str, kind: str, entry: Mapping[str, Any]) -> tuple[Number, Number, Number | None]:
    """Return the low end, the high end and the step, if there is one: all of one type."""
    ends = entry[kind]
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise refusal(name, ends, f"{kind} has two numbers [low, high]")
    given = [*ends, *([] if entry.get("step") is None else [entry["step"]])]
    numbers = [scalar(value) for value in given]
    if not all(map(is_number, numbers)):
        raise refusal(name, ends, f"{kind} has two numbers [low, high], and the step is a number")
    is_whole = all(isinstance(number, int) for number in numbers)
    if kind == "int" and not is_whole:
        raise refusal(name, ends, "int has whole numbers; use float for others")
    found = numbers if is_whole and kind != "float" else [float(number) for number in numbers]
    return found[0], found[1], found[2] if len(found) == 3 else None


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, and not a truth value."""
    number = real(value)
    return number is not None and isfinite(number)


def _grid(name: str, low: Number, high: Number, step: Number) -> list[Number]:
    """Return the values from `low` to `high`, computed in decimals: 0.1 + 2 * 0.1 is 0.3."""
    start, stop, width = (Fraction(repr(number)) for number in (low, high, step))
    num, rest = divmod(stop - start, width)
    if rest:
        last = type(low)(start + num * width)
        raise refusal(name, (low, high), f"steps of {step!r} from {low!r} do not lead to {high!r}; end at {last!r}")
    if num >= MAX_GRID:
        raise refusal(name, (low, high), f"steps of {step!r} are {num + 1} values, more than {MAX_GRID}; use no step")
    return [type(low)(start + index * width) for index in range(num + 1)]
