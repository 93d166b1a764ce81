"""Ladders: the budgets that a trial may spend, computed in exact rational arithmetic.

Rounding a logarithm down loses the lowest rung of (1, 243, eta=3), (1, 1000, eta=10) and many other ladders. Rational
arithmetic does not.
"""

import copy
import math
import numbers
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, islice, pairwise
from operator import mul
from typing import Any, cast

from bohb._json import keep
from bohb._text import brief, describe_error
from bohb._warning import warn
from bohb.errors import BudgetError

MAX_LEVELS = 1000
"""How many budgets a ladder may have."""
MIN_COST, MAX_COST = 1e-100, 1e100
"""The smallest and the largest cost of a trial. Sums and ratios of costs are then numbers that a float can hold."""
COST_TOLERANCE = 1e-9
"""The relative difference between two costs that is rounding alone: HpBandSter computes 80.99999999999999 for 81."""
BUDGET_TOLERANCE = 1e-12
"""The relative difference between two budgets that is rounding alone, as of a long sum of tenths."""
MAX_REDUCTION = 1000
"""Among at most so many configurations the best one is promoted, however far apart two budgets are."""


@dataclass(frozen=True)
class Ladder(Sequence[Any]):
    """All budgets that a trial may spend, ascending.

    A ladder is the sequence of its budgets: `ladder[0]` is the cheapest, `ladder[-1]` a full training. The level of a
    budget is its index.

    Attributes:
        budgets: The budgets, exactly as the user gave them. Trials carry these.
        costs: The cost of each budget: strictly increasing positive numbers. Schedules and statistics use these.
        eta: The reduction factor between neighbouring levels; None means the ratio of their costs.
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
        """Return the factor by which the number of configurations shrinks from level `start` to level `stop`.

        Between neighbouring levels it is at most `MAX_REDUCTION`.
        """
        return math.prod(self._reductions[start:stop])

    def reductions(self, start: int) -> Sequence[int | Fraction]:
        """Return the factors from level `start` to itself and to each level above."""
        return list(accumulate(self._reductions[start:], mul, initial=1))

    @cached_property
    def _reductions(self) -> tuple[int | Fraction, ...]:
        """The factor from each level to the next. Whole factors are integers, which are ten times faster."""
        if self.eta is not None:
            factors = [_exact(self.eta)] * (len(self) - 1)
        else:
            factors = [_exact(upper) / _exact(lower) for lower, upper in pairwise(self.costs)]
        capped = [min(factor, Fraction(MAX_REDUCTION)) for factor in factors]
        return tuple(factor.numerator if factor.denominator == 1 else factor for factor in capped)

    def level(self, budget: Any) -> int:
        """Return the level of a budget: its index on the ladder.

        Raises:
            BudgetError: If the budget is not on the ladder.
        """
        try:
            return self.budgets.index(_plain(budget))
        except ValueError:
            raise BudgetError(
                f"expected a budget of the ladder {list(self.budgets)}, got {brief(budget)}; pass one of them exactly"
            ) from None

    def plain(self, budget: Any) -> Any:
        """Return a budget as the ladder keeps it: a Python number, or a copy of another JSON value.

        Raises:
            BudgetError: If JSON cannot keep it.
        """
        return _plain(budget)

    def nearest(self, budget: Any) -> Any:
        """Return what `plain` returns; of a float that misses a budget of the ladder by rounding alone, that budget.

        3 * 0.1 is not quite 0.3.

        Raises:
            BudgetError: If JSON cannot keep it.
        """
        plain = self.plain(budget)
        if type(plain) is not float or plain in self.budgets:
            return plain
        on_scale = (each for each in self.budgets if isinstance(each, int | float))
        return next((each for each in on_scale if is_rounded(plain, each)), plain)

    def cost(self, budget: Any) -> int | float:
        """Return the cost of any budget: one of the ladder, or, if these are increasing numbers, a number between them.

        Between two budgets the cost is interpolated; before the first one it starts at 0.

        Raises:
            BudgetError: If the budget is neither.
        """
        plain = self.plain(budget)
        if plain in self.budgets:
            return self.costs[self.budgets.index(plain)]
        if not self._is_scale:
            raise BudgetError(f"expected a budget of the ladder {list(self.budgets)}, got {brief(budget)}")
        number, budgets, costs = _cost(plain, "budget"), (0, *self.budgets), (0, *self.costs)
        lower = min(bisect_right(budgets, number), len(self)) - 1
        slope = (costs[lower + 1] - costs[lower]) / (budgets[lower + 1] - budgets[lower])
        cost: int | float = costs[lower] + (number - budgets[lower]) * slope
        return cost

    @cached_property
    def _is_scale(self) -> bool:
        """Whether the budgets are increasing numbers, so that there is something between two of them."""
        are_numbers = all(isinstance(each, int | float) for each in self.budgets)
        return are_numbers and self.budgets[0] > 0 and all(lower < upper for lower, upper in pairwise(self.budgets))

    def is_cost(self, level: int, cost: int | float) -> bool:
        """Whether a cost is that of a level, up to rounding."""
        return math.isclose(self.costs[level], cost, rel_tol=COST_TOLERANCE)

    def level_below(self, cost: int | float) -> int:
        """Return the highest level that costs at most this, up to rounding.

        Raises:
            BudgetError: If the cost is below all levels, or above the highest one.
        """
        found = [level for level in range(len(self)) if self.costs[level] <= cost or self.is_cost(level, cost)]
        if not found or (found[-1] == len(self) - 1 and not self.is_cost(found[-1], cost)):
            raise BudgetError(
                f"expected a budget from {brief(self.budgets[0])} to {brief(self.budgets[-1])}, got one that is "
                f"{'larger' if found else 'smaller'}, {cost!r}; it says too little about those of the ladder"
            )
        return found[-1]

    def continues(self, other: "Ladder") -> bool:
        """Whether the budgets of another ladder, at the same costs, are the first of this one."""
        num = len(other)
        return self.budgets[:num] == other.budgets and self.costs[:num] == other.costs

    def to_json(self) -> dict[str, Any]:
        """Return the ladder as data that JSON can represent."""
        return {"budgets": copy.deepcopy(list(self.budgets)), "costs": list(self.costs), "eta": self.eta}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Ladder":
        """Return the ladder of which `to_json` returned the data.

        Raises:
            BudgetError: If the data do not describe a ladder.
        """
        checked = ladder(data["budgets"], costs=data["costs"])
        return cls(checked.budgets, checked.costs, None if data["eta"] is None else _number(data["eta"], "eta"))


def geometric(min: int | float, max: int | float, *, eta: int | float = 3) -> Ladder:  # noqa: A002 - Hyperband's words
    """Return the ladder from `min` to `max` whose budgets are a factor of about `eta` apart.

    If `max / min` is a power of `eta`, the budgets are exactly `min * eta**k`. Otherwise the number of steps is rounded
    to the nearest whole number, and the budgets in between are spaced evenly on a log scale, so that both ends stay as
    given. If both ends are integers, all budgets are.

    Args:
        min: The smallest budget, positive.
        max: The largest budget, at least `min`.
        eta: The reduction factor, greater than 1.

    Raises:
        BudgetError: If a budget is not a number from 1e-100 to 1e100, `eta` is not a number above 1, `min` exceeds
            `max`, or there would be more than 1000 budgets.
    """
    low, high, factor = _cost(min, "min"), _cost(max, "max"), _number(eta, "eta")
    if factor <= 1:
        raise BudgetError(f"expected a reduction factor eta > 1, got {brief(eta)}; 3 is the usual choice")
    if high < low:
        raise BudgetError(f"expected min <= max, got min={brief(min)}, max={brief(max)}; swap them")
    if math.log(high / low) > MAX_LEVELS * math.log(factor):
        raise BudgetError(
            f"expected at most {MAX_LEVELS} budgets, but from {brief(min)} to {brief(max)} there are more steps of a "
            f"factor of {brief(eta)}; use a larger eta, 3 is the usual choice"
        )
    steps = _num_steps(_exact(low), _exact(high), _exact(factor))
    budgets = tuple(sorted({low, high, *_between(low, high, factor, steps)}))
    return Ladder(budgets, budgets, factor)


def extended(old: Ladder, max: int | float) -> Ladder:  # noqa: A002 - the word of `geometric`
    """Return the ladder with more budgets above its own, up to `max`, in steps of about its eta or of its last step.

    Args:
        old: A ladder whose budgets are numbers.
        max: The new largest budget.

    Raises:
        BudgetError: If the budgets are no numbers, or the new largest one is not above all of them.
    """
    if old.budgets != old.costs:
        raise BudgetError(f"expected budgets that are numbers, got {brief(list(old))}; give the whole ladder instead")
    if not _cost(max, "max") > old.costs[-1]:
        raise BudgetError(f"expected a budget above the largest one, {old.costs[-1]!r}, got {brief(max)}")
    eta = old.eta or (float(old.costs[-1] / old.costs[-2]) if len(old) > 1 else 3)
    above = geometric(old.costs[-1], max, eta=eta).budgets[1:]
    return Ladder(old.budgets + above, old.costs + above, old.eta)


def ladder(budgets: Iterable[Any], *, costs: Iterable[int | float] | None = None) -> Ladder:
    """Return the ladder with exactly these budgets.

    A tuple of two numbers gets a warning if `geometric` makes more than two budgets of it.

    Args:
        budgets: Strictly increasing positive numbers. With `costs`, any values that JSON can represent, such as dicts.
        costs: The cost of each budget: strictly increasing positive numbers. By default the budgets themselves.

    Raises:
        BudgetError: If there is no budget or more than 1000, a budget is repeated, the number of costs differs from
            that of the budgets, or the costs are not strictly increasing numbers from 1e-100 to 1e100.
    """
    if isinstance(budgets, Ladder):
        if costs is not None:
            raise BudgetError(f"expected no costs with a Ladder, which has its own, got costs={brief(costs)}")
        return budgets
    values = _values(budgets)
    made = Ladder(values, _increasing(values, "budget") if costs is None else _costs(costs, len(values)))
    if isinstance(budgets, tuple) and len(values) == 2 and costs is None:
        _warn_of_pair(*made.costs)
    return made


def _warn_of_pair(low: int | float, high: int | float) -> None:
    """Warn that a pair, which is a range elsewhere, is two rungs here, if a range would have more."""
    num = len(geometric(low, high))
    if num > 2:
        pair = f"({low!r}, {high!r})"
        warn(f"the budgets {pair} are two rungs; did you mean the {num} rungs of geometric{pair}? If not, write a list")


def _values(budgets: Any) -> tuple[Any, ...]:
    """Return budgets as Python values, each once."""
    if not _is_sequence(budgets):
        raise BudgetError(f"expected a sequence of budgets such as [1, 3, 9], got {brief(budgets)}")
    values = tuple(_plain(budget) for budget in _not_too_many(budgets))
    if not values:
        raise BudgetError("expected at least one budget, got an empty ladder")
    if any(budget in values[:i] for i, budget in enumerate(values)):
        raise BudgetError(f"expected every budget once, got {list(values)}; remove the repeated ones")
    return values


def _costs(costs: Any, num: int) -> tuple[int | float, ...]:
    """Return the costs of `num` budgets as Python numbers."""
    if not _is_sequence(costs):
        raise BudgetError(f"expected a sequence of costs, one for each budget, got {brief(costs)}")
    given = tuple(_not_too_many(costs))
    if len(given) != num:
        raise BudgetError(f"expected one cost for each of the {num} budgets, got {len(given)} costs")
    return _increasing(given, "cost")


def _not_too_many(values: Iterable[Any]) -> Sequence[Any]:
    """Return the values, which may have no end.

    Raises:
        BudgetError: If there are more than `MAX_LEVELS`.
    """
    try:
        taken = list(islice(values, MAX_LEVELS + 1))
    except Exception as error:  # whatever the user's own sequence raises
        raise BudgetError(
            f"expected a sequence of budgets or costs, got {brief(values)}: {describe_error(error)}"
        ) from error
    if len(taken) > MAX_LEVELS:
        raise BudgetError(f"expected at most {MAX_LEVELS} budgets, got more; leave some out, or see bohb.geometric")
    return taken


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _increasing(values: Iterable[Any], kind: str) -> tuple[int | float, ...]:
    """Return strictly increasing positive values as Python numbers."""
    amounts = tuple(_cost(value, kind) for value in values)
    for lower, upper in pairwise(amounts):
        if not lower < upper:
            raise BudgetError(f"expected strictly increasing {kind}s, got {upper!r} after {lower!r}; sort them")
    return amounts


def _num_steps(low: Fraction, high: Fraction, eta: Fraction) -> int:
    """Return the whole number nearest to log_eta(high / low), at least 1 if `low` and `high` differ."""
    ratio, steps = high / low, 0
    while ratio >= eta * (1 - Fraction(1, 10**9)):  # a float cannot hold 1 / 27: tolerate the last digits of the ends
        ratio, steps = ratio / eta, steps + 1
    if ratio * ratio >= eta:  # the remaining fraction of a step is at least one half
        steps += 1
    return max(steps, 1) if high > low else 0


def _between(low: int | float, high: int | float, eta: int | float, steps: int) -> Iterator[int | float]:
    """Yield the budgets strictly between the ends of a ladder of `steps` steps."""
    regular = _exact(high) / _exact(eta) ** steps
    is_regular = abs(regular - _exact(low)) <= _exact(low) * Fraction(1, 10**9)
    for k in range(1, steps):
        exact = regular * _exact(eta) ** k if is_regular else Fraction(low * (high / low) ** (k / steps))
        budget = round(exact) if isinstance(low, int) and isinstance(high, int) else float(exact)
        if low < budget < high:
            yield budget


def _exact(value: int | float) -> Fraction:
    """Return the shortest decimal of a number as a fraction: 0.1 is one tenth, not the nearest binary fraction."""
    return Fraction(repr(value))


def _cost(value: Any, what: str) -> int | float:
    cost = _number(value, what)
    if not MIN_COST <= cost <= MAX_COST:
        raise BudgetError(f"expected a {what} from {MIN_COST:g} to {MAX_COST:g}, got {brief(value)}; use another unit")
    return cost


def _number(value: Any, what: str) -> int | float:
    plain: Any = _plain(value)
    is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
    if not is_number or not 0 < plain <= sys.float_info.max:  # some integers exceed every float
        raise BudgetError(f"expected a positive finite number as {what}, got {brief(value)}")
    return cast("int | float", plain)


def is_rounded(number: float, budget: float) -> bool:
    """Whether a float differs from a budget by rounding alone."""
    return type(number) is float and math.isclose(number, budget, rel_tol=BUDGET_TOLERANCE)


def _plain(value: Any) -> Any:
    """Return a numpy number as a Python number, and a private copy of any other value that JSON can represent."""
    if type(value) is int or type(value) is float:  # the fast path: a replay comes here once per event
        return value
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    try:
        kept = keep(value)
        is_same = bool(kept == value)
    except ValueError as error:  # it may be too large to be shown
        raise BudgetError(f"expected a number or a JSON value as budget, but {error}") from None
    except Exception as error:  # it is none, or the value's own code raises
        raise BudgetError(
            f"expected a number or a JSON value as budget, got {brief(value)}: {describe_error(error)}"
        ) from None
    if not is_same or isinstance(value, bool):
        raise BudgetError(
            f"expected a number or a value that JSON keeps as it is, got {brief(value)}, which becomes {brief(kept)}"
        )
    return kept
