"""The log of moves: which configuration entered which rung. The optimizer writes it; schedules read `Brackets`."""

from collections.abc import Callable, Iterable, Sequence

from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.record import IdLog, Record
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.schedules.brackets import Bracket, Brackets, Rung, RungLog
from bohb.schedules.protocol import Schedule

_Check = Callable[[Bracket, Brackets], bool]


class BracketLog:
    """The moves of a search, and the brackets that follow from them.

    Args:
        schedule: Plans the brackets. If it has a method `is_over`, the log closes the brackets that are over. If it has
            a method `is_waiting`, the log leaves out the brackets that wait for results of their own.
        ladder: The ladder.
        record: The pending trials and the results.
        capacity: The number of configurations in the space, or None if the space is infinite.

    Attributes:
        view: The brackets as schedules read them.

    Raises:
        SettingError: If the schedule's cycle is empty, or an item is not a plan over the ladder.
    """

    def __init__(self, schedule: Schedule, ladder: Ladder, record: Record, capacity: int | None = None) -> None:
        self._is_over: _Check | None = getattr(schedule, "is_over", None)
        self._is_waiting: _Check | None = getattr(schedule, "is_waiting", None)
        self._record = record
        self._opened: list[Bracket] = []
        self._unfinished: dict[int, Bracket] = {}  # by their index, oldest first
        self._changed: set[int] = set()  # the brackets with a result since they were last looked at
        self._ready: set[int] = set()  # all brackets but those that were seen over or waiting since their last change
        self._expecting: list[dict[int, list[int]]] = [
            {} for _ in ladder
        ]  # brackets, by a configuration without result
        self._logs: list[list[RungLog]] = []
        self._entered = [IdLog() for _ in ladder]
        cycle = _check_cycle(schedule.cycle(ladder), len(ladder))
        self.view = Brackets(
            ladder, cycle, capacity, record, self._opened, self._still_open, self._still_ready, self._entered
        )

    def has_rung(self, bracket: int | None, rung: int | None, level: int | None = None) -> bool:
        """Whether the bracket is open or the next one, and has this rung, at this level if one is given."""
        if bracket is None or rung is None or not 0 <= bracket <= len(self._opened):
            return False
        levels = self.view.plan(bracket).levels
        return 0 <= rung < len(levels) and (level is None or levels[rung] == level)

    def has_entered(self, level: int, config_id: int) -> bool:
        """Whether the configuration entered a rung of this level."""
        return config_id in self._entered[level]

    def enter(self, bracket: int, rung: int, config_id: int) -> int:
        """Record that a configuration entered a rung, and return its level. Open the bracket if it is the next."""
        if bracket == len(self._opened):
            self._open(bracket)
        logs = self._logs[bracket]
        if rung > 0:
            logs[rung - 1].promoted.add(config_id)
        logs[rung].entered.add(config_id)
        level = self._opened[bracket].rungs[rung].level
        self._entered[level].add(config_id)
        self._ready.add(bracket)
        self._expecting[level].setdefault(config_id, []).append(bracket)
        if config_id in self._record.levels[level].results:
            self.tell(level, config_id)
        return level

    def tell(self, level: int, config_id: int) -> None:
        """Note the brackets in which a configuration has a result now. They may be over, or have a move."""
        brackets = self._expecting[level].pop(config_id, ())
        self._ready.update(brackets)
        self._changed.update(brackets)

    def _open(self, index: int) -> None:
        plan = self.view.plan(index)
        logs = [RungLog() for _ in plan.levels]
        rungs = tuple(
            Rung(level, self._record.levels[level], log) for level, log in zip(plan.levels, logs, strict=True)
        )
        self._logs.append(logs)
        self._opened.append(Bracket(index, plan, rungs))
        self._unfinished[index] = self._opened[-1]

    def _still_open(self) -> Iterable[Bracket]:
        """Close the brackets that are over, and return the others.

        Whether a bracket is over is asked here, when the brackets are read, and never while an event is applied: the
        schedule may be a user's own, and an error in it must not leave half of an event behind.
        """
        while self._changed:
            bracket = self._opened[self._changed.pop()]
            if self._is_over is not None and not bracket.plan.is_endless and self._is_over(bracket, self.view):
                self._unfinished.pop(bracket.index, None)
        return self._unfinished.values()

    def _still_ready(self) -> Iterable[Bracket]:
        """Leave out the brackets that are over or waiting, and return the others.

        Each bracket is left out until its next change. So a search with thousands of open brackets looks at few.
        """
        self._still_open()
        ready = [self._opened[index] for index in sorted(self._ready) if index in self._unfinished]
        if self._is_waiting is not None:
            ready = [bracket for bracket in ready if not self._is_waiting(bracket, self.view)]
        self._ready = {bracket.index for bracket in ready}
        return ready


def _check_cycle(cycle: Sequence[BracketPlan], num_levels: int) -> tuple[BracketPlan, ...]:
    """Return the plans of a schedule, checked, because the schedule may be a user's own."""
    plans = tuple(cycle)
    for plan in plans:
        if not isinstance(plan, BracketPlan) or not plan.levels or len(plan.levels) != len(plan.sizes):
            raise SettingError(f"expected plans with a size for each level from the schedule's cycle, got {plan!r}")
        if list(plan.levels) != sorted(set(plan.levels) & set(range(num_levels))):
            raise SettingError(f"expected ascending levels from 0 to {num_levels - 1} in a plan, got {plan}")
    if not plans:
        raise SettingError("expected at least one plan from the schedule's cycle, got none; return a BracketPlan")
    return plans
