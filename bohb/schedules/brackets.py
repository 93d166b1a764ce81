"""The brackets as they stand, and what a schedule can say about them.

This is the whole world of a schedule: configurations are ids, outcomes are losses, and nothing here knows a parameter,
a clock or a worker. The optimizer keeps the record; a schedule reads it and answers `Start` or `Promote`, or lets the
model choose among several (`MoveOffer`). The one thing that it may do is to `close` a bracket that can never give work
again, which only saves looking at it.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from bohb._sorted_set import SortedSet
from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.schedules.in_flight import Pending


@dataclass(slots=True)
class Rung:
    """One level of one bracket: who entered, who finished, who waits for promotion.

    Attributes:
        level: The index of its budget on the ladder.
        entered: The ids of the configurations that were started or promoted into it.
        losses: The loss by configuration id of those that were told, infinite for failures.
    """

    level: int
    entered: set[int] = field(default_factory=set)
    losses: dict[int, float] = field(default_factory=dict)
    _finished: SortedSet[tuple[float, int]] = field(default_factory=SortedSet)
    _waiting: SortedSet[tuple[float, int]] = field(default_factory=SortedSet)

    @property
    def finished(self) -> list[tuple[float, int]]:
        """(loss, id) of those that were told, best first; failures come last with an infinite loss."""
        return self._finished.elements

    @property
    def waiting(self) -> list[tuple[float, int]]:
        """(loss, id) of those that finished without failure and were not promoted, best first."""
        return self._waiting.elements

    @property
    def num_pending(self) -> int:
        """How many entered and are not told yet."""
        return len(self.entered) - len(self.losses)

    def rank(self, entry: tuple[float, int]) -> int:
        """Returns how many of the finished are better than this (loss, id)."""
        return bisect_left(self.finished, entry)

    def is_waiting(self, entry: tuple[float, int]) -> bool:
        """Whether this (loss, id) waits for promotion."""
        return entry in self._waiting

    def finish(self, config_id: int, loss: float) -> None:
        """Records the loss of one that entered."""
        entry = (loss, config_id)
        self.losses[config_id] = loss
        self._finished.add(entry)
        if math.isfinite(loss):
            self._waiting.add(entry)

    def release(self, config_id: int) -> None:
        """Takes a promoted configuration off those that wait."""
        entry = (self.losses.get(config_id, math.inf), config_id)
        if entry in self._waiting:
            self._waiting.remove(entry)

    def sort(self) -> None:
        """Sorts what is not sorted yet, so that the next look need not."""
        self._finished.sort()
        self._waiting.sort()


@dataclass(slots=True)
class Bracket:
    """One successive-halving run as it stands.

    Attributes:
        index: Counts the brackets from 0.
        plan: Its levels and its intended sizes.
        rungs: One a level, cheapest first.
        is_closed: Whether it will never give work again.
    """

    index: int
    plan: BracketPlan
    rungs: list[Rung]
    is_closed: bool = False

    def is_full(self, rung: int) -> bool:
        """Whether the rung has taken as many configurations as the plan gives it."""
        return not self.plan.is_endless and len(self.rungs[rung].entered) >= self.plan.sizes[rung]


class Brackets:
    """All brackets of a search, as a schedule sees them.

    Args:
        ladder: The ladder.
        cycle: The plans of one cycle; bracket i follows plan i modulo their number.
        capacity: How many configurations the space holds, or None if they cannot be counted.

    Attributes:
        levels: The levels at which the schedule evaluates anything, ascending.
        pending: What was asked in a bracket and is not told yet, and which of it seems to be lost.

    Raises:
        SettingError: If the cycle is empty, or holds something else than plans over the ladder.
    """

    def __init__(self, ladder: Ladder, cycle: Sequence[BracketPlan], capacity: int | None = None) -> None:
        self.ladder = ladder
        self.cycle = _check_cycle(cycle, len(ladder))
        self.levels = tuple(sorted({level for plan in self.cycle for level in plan.levels}))
        self.capacity = capacity
        self.pending = Pending(ladder.costs)
        self._brackets: list[Bracket] = []
        self._open: list[Bracket] = []
        self._taken: list[set[int]] = [set() for _ in ladder]
        self._losses_outside: list[dict[int, float]] = [{} for _ in ladder]
        self._outside: list[SortedSet[tuple[float, int]]] = [SortedSet() for _ in ladder]
        self._entries: defaultdict[tuple[int, int], list[Rung]] = defaultdict(list)

    def __len__(self) -> int:
        """Returns how many brackets were opened."""
        return len(self._brackets)

    def __getitem__(self, index: int) -> Bracket:
        return self._brackets[index]

    @property
    def open(self) -> tuple[Bracket, ...]:
        """The brackets that may still give work, oldest first."""
        return tuple(self._open)

    def plan(self, index: int) -> BracketPlan:
        """Returns the plan that the `index`-th bracket follows."""
        return self.cycle[index % len(self.cycle)]

    def has_room(self, level: int) -> bool:
        """Whether the space still holds a configuration that is new at this level."""
        return self.capacity is None or len(self._taken[level]) < self.capacity

    def best_outside(self, level: int) -> int | None:
        """Returns who has the lowest loss of those that were told at this level and are there in no bracket, if any.

        Of a space without end nobody is needed, and nobody kept.
        """
        outside = self._outside[level].elements
        return outside[0][1] if outside else None

    def may_start(self, level: int) -> bool:
        """Whether somebody may start in a rung of this level: new there, or told there outside of the brackets."""
        return self.has_room(level) or bool(self._losses_outside[level])

    def is_taken(self, level: int, config_id: int) -> bool:
        """Whether the configuration is evaluated or pending at this level."""
        return config_id in self._taken[level]

    def take(self, level: int, config_id: int) -> None:
        """Records that a configuration is evaluated or pending at this level, in a bracket or outside."""
        self._taken[level].add(config_id)

    def has_place(self, bracket: int | None, rung: int | None, level: int | None = None) -> bool:
        """Whether there is such a rung in a bracket that is open or the next, at this level if one is given."""
        if (
            bracket is None
            or rung is None
            or not 0 <= bracket <= len(self._brackets)
            or not 0 <= rung < len(self.plan(bracket).levels)
        ):
            return False
        return level is None or self.plan(bracket).levels[rung] == level

    def enter(self, bracket: int, rung: int, config_id: int) -> Rung:
        """Records a start in a rung, or a promotion into it; opens the bracket if it is the next."""
        if bracket == len(self._brackets):
            plan = self.plan(bracket)
            self._brackets.append(Bracket(bracket, plan, [Rung(level) for level in plan.levels]))
            self._open.append(self._brackets[-1])
        rungs = self._brackets[bracket].rungs
        if rung > 0:
            rungs[rung - 1].release(config_id)
        level = rungs[rung].level
        if not self.is_taken(level, config_id):
            self.pending.enter(level, config_id)
        if config_id in self._losses_outside[level]:
            self._outside[level].remove((self._losses_outside[level].pop(config_id), config_id))
        rungs[rung].entered.add(config_id)
        self.take(level, config_id)
        self._entries[level, config_id].append(rungs[rung])
        return rungs[rung]

    def forget(self, level: int, config_id: int) -> None:
        """Records that nobody evaluates a configuration at a level any more, until it is asked again."""
        self.pending.leave(level, config_id)

    def repeat(self, level: int, config_id: int) -> None:
        """Records that an evaluation in a bracket begins anew."""
        if (level, config_id) in self._entries:
            self.pending.enter(level, config_id)

    def finish(self, level: int, config_id: int, loss: float) -> None:
        """Records a loss (infinite for a failure) at a level, in every bracket where the configuration is pending."""
        self.take(level, config_id)
        self.pending.finish(level, config_id)
        rungs = self._entries.pop((level, config_id), [])
        for rung in rungs:
            rung.finish(config_id, loss)
        if not rungs and self.capacity is not None:
            self._losses_outside[level][config_id] = loss
            self._outside[level].add((loss, config_id))

    def may_promote(self, level: int, config_id: int, loss: float) -> bool:
        """Whether a configuration that finished at a level with this loss may still be promoted from there."""
        return any(
            rung.level == level and rung.is_waiting((loss, config_id)) and not bracket.is_full(number + 1)
            for bracket in self._open
            for number, rung in enumerate(bracket.rungs[:-1])
        )

    def sort(self) -> None:
        """Sorts what is not sorted yet, so that the next look need not."""
        for bracket in self._open:
            for rung in bracket.rungs:
                rung.sort()

    def close(self, bracket: Bracket) -> None:
        """Takes a bracket that can never give work again off the open ones, so that nobody looks at it in vain."""
        bracket.is_closed = True
        self._open.remove(bracket)


def _check_cycle(cycle: Sequence[BracketPlan], num_levels: int) -> tuple[BracketPlan, ...]:
    """Returns the plans of a schedule, which may be a user's own."""
    plans = tuple(cycle)
    for plan in plans:
        if not isinstance(plan, BracketPlan) or not plan.levels or len(plan.levels) != len(plan.sizes):
            raise SettingError(f"expected plans with a size for each level from the schedule's cycle, got {plan!r}")
        if list(plan.levels) != sorted(set(plan.levels) & set(range(num_levels))):
            raise SettingError(f"expected ascending levels from 0 to {num_levels - 1} in a plan, got {plan}")
    if not plans:
        raise SettingError("expected at least one plan from the schedule's cycle, got none; return a BracketPlan")
    return plans
