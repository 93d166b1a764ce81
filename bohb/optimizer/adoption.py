"""Take over the results of another search: what fits into this space and onto this ladder, and why the rest does not.

Everything is checked before anything changes. What fits becomes `Observed` events, which the caller applies.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bohb._text import brief
from bohb.budgets import Ladder
from bohb.errors import BudgetError, ConfigError, OutcomeError, SettingError
from bohb.objectives import Goal
from bohb.optimizer.events import Observed
from bohb.optimizer.foreign import Given
from bohb.optimizer.history import History
from bohb.space import Space
from bohb.trials import ReadOnlyDict, Status

MAX_SHOWN = 10
"""How many of the results that were left out the text of `Adopted` names."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What `adopt` took over. What was read is new, known, or left out.

    Attributes:
        num_read: How many results there were.
        num_failures: How many of them are failures.
        num_new: How many were taken over.
        num_known: How many were here already, with the same outcome.
        lowered: Which of those that are new or known count at a smaller budget than their own, one text a budget.
        left_out: Why the others were left out, one text a result.
    """

    num_read: int
    num_failures: int
    num_new: int
    num_known: int
    lowered: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def counts(self) -> str:
        """The counts for people, as a line."""
        counts = f"{self.num_read} results read ({self.num_failures} of them failures), {self.num_new} of them new"
        return f"{counts}, {self.num_known} known before, {len(self.left_out)} left out"

    def __str__(self) -> str:
        """Return the counts, and the first of what they hide, a line each."""
        more = len(self.left_out) - MAX_SHOWN
        rest = [f"and {more} more in left_out"] if more > 0 else []
        return "\n".join([self.counts, *self.lowered, *self.left_out[:MAX_SHOWN], *rest])


class _Fit(NamedTuple):
    """A result as it counts here. A lower rank is better: budgets of the ladder first, then the loss."""

    given: Given
    config: ReadOnlyDict
    vector: Any
    level: int
    is_lowered: bool

    @property
    def place(self) -> tuple[bytes, int, int]:
        """The configuration, the level and the number of its repetition; here there is one result for each."""
        return self.vector.tobytes(), self.level, self.given.repeat

    @property
    def rank(self) -> tuple[bool, float]:
        """What decides between two results at one place."""
        return self.is_lowered, self.given.loss


def fit(
    given: Sequence[Given], fill: Mapping[str, Any] | None, space: Space, ladder: Ladder, history: History, goal: Goal
) -> tuple[list[Observed], Adopted]:
    """Return the results that are new here as events, and the account of all of them.

    Args:
        given: The results of the other search.
        fill: The values of parameters that are new here, by name.
        space: The search space.
        ladder: The ladder.
        history: What is known here.
        goal: What is optimised here.

    Raises:
        ConfigError: If a name in `fill` is unknown, or a value is not legal.
    """
    values = _check_fill(fill, space)
    left_out: dict[int, str] = {}
    fits = dict(_fitting(given, values, space, ladder, goal, left_out))
    best = _best_of_each(fits, ladder, left_out)
    new: list[_Fit] = []
    known: list[_Fit] = []
    for number, one in best.items():
        before = _before(one, history)
        refusal = _refused_repeat(one, history, new) if one.given.repeat else None
        if refusal is not None:
            left_out[number] = f"{one.given.name}: {refusal}"
        elif before is None:
            new.append(one)
        elif before == (one.given.loss, one.given.status):
            known.append(one)
        else:
            where = f"{brief(ladder[one.level])} here, {goal.text(before[0])}"
            left_out[number] = f"{one.given.name}: its configuration has another result at {where}"
    num_failures = sum(one.is_failure for one in given)
    texts = tuple(left_out[number] for number in sorted(left_out))
    adopted = Adopted(len(given), num_failures, len(new), len(known), _lowered([*new, *known], ladder), texts)
    return [_event(one, ladder) for one in new], adopted


def _check_fill(fill: Mapping[str, Any] | None, space: Space) -> Mapping[str, Any]:
    if fill is None:
        return {}
    if not isinstance(fill, Mapping):
        raise SettingError(f"expected fill as a mapping of names to values, such as {{'wd': 0.0}}, got {brief(fill)}")
    space.check_values(fill)
    return fill


def _fitting(
    given: Sequence[Given], fill: Mapping[str, Any], space: Space, ladder: Ladder, goal: Goal, left_out: dict[int, str]
) -> Iterable[tuple[int, _Fit]]:
    """Yield the results that lie in the space and on the ladder, by number; add why others do not to `left_out`."""
    for number, one in enumerate(given):
        try:
            if one.status is Status.LATE:
                raise ConfigError("it came too late to count")
            config = ReadOnlyDict(space.adapted(one.config, fill))
            level, is_lowered = _level(one, ladder)
            yield number, _Fit(_valued(one, goal), config, space.encode(config), level, is_lowered)
        except (ConfigError, BudgetError, OutcomeError) as error:
            left_out[number] = f"{one.name}: {error}"


def _valued(one: Given, goal: Goal) -> Given:
    """Return a result with the loss and the metrics that it has here.

    Raises:
        OutcomeError: If it lacks the metric that is optimised here.
    """
    if one.is_failure:
        return one
    if goal.is_declared and goal.name in one.metrics:
        value = one.metrics[goal.name]
        return one._replace(loss=goal.loss(value), metrics={goal.name: value, **one.metrics})
    if not _is_comparable(one, goal):
        named = list(one.metrics) or ["loss" if one.goal is None else one.goal.name]
        raise OutcomeError(f"expected a value of {goal.name}, to {goal.direction}, got {', '.join(named)} only")
    return one._replace(metrics={goal.name: goal.value(one.loss), **one.metrics}) if goal.is_declared else one


def _is_comparable(one: Given, goal: Goal) -> bool:
    """Whether the loss of a result without the metric of this search is a loss here: what is minimised here and there.

    A loss that no metric names there may be any metric that is minimised here.
    """
    if goal.is_maximised or math.isnan(one.loss) or (one.goal is not None and one.goal.is_maximised):
        return False
    is_nameless = not one.metrics if one.goal is None else not one.goal.is_declared
    return is_nameless or not goal.is_declared


def _level(one: Given, ladder: Ladder) -> tuple[int, bool]:
    """Return the level at which a result counts, and whether its own budget lies above that.

    Raises:
        BudgetError: If its budget is below all budgets of the ladder or above them, or cannot be compared.
    """
    try:
        return ladder.level(ladder.nearest(one.budget)), False
    except BudgetError:
        is_number = isinstance(one.budget, int | float) and ladder.budgets == ladder.costs
        amount = one.budget if is_number else one.cost
        if amount is None:
            raise
    level = ladder.level_below(amount)
    return level, not ladder.is_cost(level, amount)


def _best_of_each(fits: Mapping[int, _Fit], ladder: Ladder, left_out: dict[int, str]) -> dict[int, _Fit]:
    """Return the best result of each configuration at each level, in the order of telling.

    Two that differ only in a parameter that is gone here, or in budgets between two rungs, fall on one place.
    """
    places: dict[tuple[bytes, int, int], int] = {}
    for number, one in fits.items():
        best = places.setdefault(one.place, number)
        if one.rank < fits[best].rank:
            places[one.place] = number
    for number, one in fits.items():
        best = places[one.place]
        if best != number:
            where, other = brief(ladder[one.level]), fits[best].given.name
            left_out[number] = f"{one.given.name}: {other} is the same configuration at {where} here, and is better"
    return {number: fits[number] for number in sorted(places.values())}


def _before(one: _Fit, history: History) -> tuple[float, Status] | None:
    """Return the outcome that is known here at the place of a result, or None."""
    config_id = history.configs.find(one.vector)
    result = None if config_id is None else history.result(config_id, one.level, one.given.repeat)
    return None if result is None else (result.loss, result.status)


def _refused_repeat(one: _Fit, history: History, new: Sequence[_Fit]) -> str | None:
    """Return why a repetition does not fit here, or None."""
    if not history.repeats:
        return "its configuration was trained again, which counts only in a search with repeats=True"
    config_id = history.configs.find(one.vector)
    is_here = config_id is not None and history.result(config_id, one.level) is not None
    is_here = is_here or (*one.place[:2], 0) in {other.place for other in new}
    return None if is_here else "its configuration was trained again, and its first result is left out"


def _lowered(fits: Iterable[_Fit], ladder: Ladder) -> tuple[str, ...]:
    pairs = Counter((brief(one.given.budget), brief(ladder[one.level])) for one in fits if one.is_lowered)
    return tuple(f"{num} results at {above} count at {below}" for (above, below), num in pairs.items())


def _event(one: _Fit, ladder: Ladder) -> Observed:
    given = one.given
    return Observed(one.config, ladder[one.level], given.loss, given.status, given.info, given.metrics, given.repeat)
