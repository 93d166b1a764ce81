"""Ladders of budgets and the brackets climbed on them, in exact arithmetic and without any randomness.

A floor of a logarithm loses the lowest rung of (1, 243, 3), (1, 1000, 10) and many others; here a rung exists because a
product of rationals says so. What the budgets mean, and who is promoted, is decided elsewhere.
"""

import copy
import json
import math
import numbers
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, cast

from bohb.errors import BudgetError


@dataclass(frozen=True)
class Ladder(Sequence[Any]):
    """All budgets that one trial may spend, ascending.

    A ladder is the sequence of its budgets: `ladder[0]` is the cheapest, `ladder[-1]` a full training.

    Attributes:
        budgets: The budgets, exactly as the user gave them; what a trial carries.
        costs: What each budget costs, strictly increasing positive numbers; what schedules and accounts see.
        eta: The reduction factor between neighbouring rungs, or None to take the ratio of their costs.
    """

    budgets: tuple[Any, ...]
    costs: tuple[int | float, ...]
    eta: int | float | None = None

    def __getitem__(self, index: Any) -> Any:
        return self.budgets[index]

    def __len__(self) -> int:
        return len(self.budgets)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.budgets)

    def reduction(self, start: int, stop: int) -> int | Fraction:
        """Returns by which factor the field shrinks from level `start` up to level `stop`."""
        return math.prod(self._reductions[start:stop])

    @cached_property
    def _reductions(self) -> tuple[int | Fraction, ...]:
        """The factor from each level to the next, as an integer where it is one, because those are ten times faster."""
        if self.eta is not None:
            factors = [_exact(self.eta)] * (len(self) - 1)
        else:
            factors = [_exact(upper) / _exact(lower) for lower, upper in pairwise(self.costs)]
        return tuple(factor.numerator if factor.denominator == 1 else factor for factor in factors)

    def level(self, budget: Any) -> int:
        """Returns the index of a budget on the ladder.

        Raises:
            BudgetError: If the budget is not on the ladder.
        """
        try:
            return self.budgets.index(_plain(budget))
        except ValueError:
            raise BudgetError(
                f"expected a budget of the ladder {list(self.budgets)}, got {budget!r}; pass one of them exactly"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Returns the ladder as JSON-able data."""
        return {"budgets": copy.deepcopy(list(self.budgets)), "costs": list(self.costs), "eta": self.eta}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Ladder":
        """Returns the ladder that `to_json` described.

        Raises:
            BudgetError: If it is no ladder.
        """
        checked = ladder(data["budgets"], costs=data["costs"])
        return cls(checked.budgets, checked.costs, None if data["eta"] is None else _number(data["eta"], "eta"))


def geometric(min: int | float, max: int | float, *, eta: int | float = 3) -> Ladder:  # noqa: A002 - Hyperband's words
    """Returns the ladder from `min` to `max` whose rungs are a factor of about `eta` apart.

    Where `max / min` is a power of `eta` the rungs are exactly `min * eta**k`. Otherwise the nearest whole number of
    steps is taken and the rungs in between are spaced evenly on the log scale, so that both ends stay as given. If both
    ends are integers, so is every rung.

    Args:
        min: The smallest budget, positive.
        max: The largest budget, at least `min`.
        eta: The reduction factor, greater than 1.

    Raises:
        BudgetError: If the three do not make a ladder.
    """
    low, high, factor = _number(min, "min"), _number(max, "max"), _number(eta, "eta")
    if factor <= 1:
        raise BudgetError(f"expected a reduction factor eta > 1, got {eta!r}; 3 is the usual choice")
    if high < low:
        raise BudgetError(f"expected min <= max, got min={min!r}, max={max!r}; swap them")
    steps = _num_steps(_exact(low), _exact(high), _exact(factor))
    rungs = sorted({low, high, *_between(low, high, factor, steps)})
    return Ladder(tuple(rungs), tuple(rungs), factor)


def ladder(budgets: Iterable[Any], *, costs: Iterable[int | float] | None = None) -> Ladder:
    """Returns the ladder with exactly these budgets.

    Args:
        budgets: Strictly increasing positive numbers; or, with `costs`, any JSON-able values, such as dicts.
        costs: What each budget costs, strictly increasing positive numbers; by default the budgets themselves.

    Raises:
        BudgetError: If there is no budget, one is no number and has no cost, or they do not increase.
    """
    if isinstance(budgets, Ladder):
        if costs is not None:
            raise BudgetError(f"expected costs with plain budgets, got them with {budgets}, which has its own")
        return budgets
    if isinstance(budgets, str | bytes) or not isinstance(budgets, Iterable):
        raise BudgetError(f"expected a sequence of budgets such as [1, 3, 9], got {budgets!r}")
    values = tuple(_plain(budget) for budget in budgets)
    if not values:
        raise BudgetError("expected at least one budget, got an empty ladder")
    if any(budget in values[:i] for i, budget in enumerate(values)):
        raise BudgetError(f"expected every budget once, got {list(values)}; remove the repeated ones")
    if costs is not None and (isinstance(costs, str | bytes) or not isinstance(costs, Iterable)):
        raise BudgetError(f"expected a sequence of costs, one for each budget, got {costs!r}")
    prices = values if costs is None else tuple(costs)
    if len(prices) != len(values):
        raise BudgetError(f"expected one cost for each of the {len(values)} budgets, got {len(prices)} costs")
    amounts = tuple(_number(price, "cost" if costs is not None else "budget") for price in prices)
    for lower, upper in pairwise(amounts):
        if not lower < upper:
            raise BudgetError(f"expected strictly increasing budgets, got {upper!r} after {lower!r}; sort them")
    return Ladder(values, amounts)


def _num_steps(low: Fraction, high: Fraction, eta: Fraction) -> int:
    """Returns the whole number nearest to log_eta(high / low), at least 1 where they differ."""
    ratio, steps = high / low, 0
    while ratio >= eta * (1 - Fraction(1, 10**9)):  # 1 / 27 is no float: forgive the last digits of the ends
        ratio, steps = ratio / eta, steps + 1
    if ratio * ratio >= eta:  # the remaining fraction of a step is at least one half
        steps += 1
    return max(steps, 1) if high > low else 0


def _between(low: int | float, high: int | float, eta: int | float, steps: int) -> Iterator[int | float]:
    """Yields the rungs strictly between the ends, `steps` steps from `low` to `high`."""
    regular = _exact(high) / _exact(eta) ** steps
    is_regular = abs(regular - _exact(low)) <= _exact(low) * Fraction(1, 10**9)
    for k in range(1, steps):
        exact = regular * _exact(eta) ** k if is_regular else Fraction(low * (high / low) ** (k / steps))
        rung = round(exact) if isinstance(low, int) and isinstance(high, int) else float(exact)
        if low < rung < high:
            yield rung


def _exact(value: int | float) -> Fraction:
    """Returns the number that a person wrote: 0.1 is one tenth, not the nearest binary fraction."""
    return Fraction(repr(value))


def _number(value: Any, what: str) -> int | float:
    plain: Any = _plain(value)
    is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
    if not is_number or not 0 < plain <= sys.float_info.max:  # some integers exceed every float
        raise BudgetError(f"expected a positive finite number as {what}, got {value!r}")
    return cast("int | float", plain)


def _plain(value: Any) -> Any:
    """Returns numpy's numbers as Python's, and a private copy of anything else that JSON can carry."""
    if type(value) is int or type(value) is float:  # replaying a long history asks this for every event
        return value
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    try:
        kept = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BudgetError(f"expected a number or a JSON-able value as budget, got {value!r}: {error}") from None
    if kept != value or isinstance(value, bool):
        raise BudgetError(
            f"expected a number or a value that JSON keeps as it is, got {value!r}, which is {kept!r} there"
        )
    return kept
