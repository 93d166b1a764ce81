"""The log of moves: which configuration entered which rung. The optimizer writes it; schedules read `Brackets`."""

from collections.abc import Callable, Iterable, Sequence

from bohb._text import brief
from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.record import IdLog, Record
from bohb.schedules.bracket_sizes import BracketPlan, continuing_bracket, longer_bracket
from bohb.schedules.brackets import Bracket, Brackets, Entry, Rung, RungLog
from bohb.schedules.protocol import Schedule

_Check = Callable[[Bracket, Brackets], bool]


class BracketLog:
    """The moves of a search, and the brackets that follow from them.

    Args:
        schedule: Plans the brackets. If it has a method `is_over`, the log closes the brackets that are over. If it has
            a method `is_waiting`, the log leaves out the brackets that wait for results of their own. If it has a
            method `may_inherit`, the log knows which checkpoints other configurations may take over. If it has a method
            `longer`, that plans the rungs which an open bracket gets above its highest one.
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
        self._may_inherit: Callable[[Bracket, int, Entry], bool] | None = getattr(schedule, "may_inherit", None)
        self._longer: Callable[[BracketPlan, Ladder], BracketPlan] = getattr(schedule, "longer", longer_bracket)
        self._schedule, self._capacity = schedule, capacity
        self._record = record
        self._opened: list[Bracket] = []
        self._unfinished: dict[int, Bracket] = {}  # by their index, oldest first
        self._changed: set[int] = set()  # the brackets with another result since they were last looked at
        self._ready: set[int] = set()  # all brackets but those that were seen over or waiting since their last change
        self._expecting: list[dict[int, list[int]]] = [
            {} for _ in ladder
        ]  # brackets, by a configuration without result
        self._logs: list[list[RungLog]] = []
        self._entered = [IdLog() for _ in ladder]
        self.view = self._view_of(ladder, self.plans(ladder))

    def plans(self, ladder: Ladder) -> tuple[BracketPlan, ...]:
        """Return the plans of one cycle over a ladder.

        Raises:
            SettingError: If the schedule's cycle is empty, or an item is not a plan over the ladder.
        """
        return _check_cycle(self._schedule.cycle(ladder), len(ladder))

    def _view_of(self, ladder: Ladder, cycle: tuple[BracketPlan, ...]) -> Brackets:
        """Return the brackets as schedules read them; the next bracket to open is the first of a cycle."""
        return Brackets(
            ladder,
            cycle,
            self._capacity,
            self._record,
            self._opened,
            self._still_open,
            self._still_ready,
            self._entered,
            len(self._opened),
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

    def may_inherit(self, level: int, entry: Entry) -> bool:
        """Whether another configuration may still start from the checkpoint of this (loss, id) at a level."""
        return self._may_inherit is not None and any(
            rung.level == level and entry[1] in rung.entered and self._may_inherit(bracket, number, entry)
            for bracket in self._still_open()
            for number, rung in enumerate(bracket.rungs[:-1])
        )

    def enter(self, bracket: int, rung: int, config_id: int, replaces: int | None = None) -> int:
        """Record that a configuration entered a rung, and return its level. Open the bracket if it is the next.

        Args:
            bracket: The number of the bracket.
            rung: The number of the rung.
            config_id: The configuration.
            replaces: The configuration that leaves the rung below; None for the same one.
        """
        if bracket == len(self._opened):
            self._open(self.view.plan(bracket))
        logs = self._logs[bracket]
        if rung > 0:
            logs[rung - 1].promoted.add(config_id if replaces is None else replaces)
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

    def take_back(self, level: int, config_id: int) -> None:
        """Note that a configuration has no result any more. The brackets that it entered are open, unless still over.

        Whether a bracket is over follows from its own rungs, so the others stay as they are.
        """
        for bracket in self._opened:
            if any(rung.level == level and config_id in rung.entered for rung in bracket.rungs):
                self._expecting[level].setdefault(config_id, []).append(bracket.index)
                self._unfinished[bracket.index] = bracket
                self._ready.add(bracket.index)
                self._changed.add(bracket.index)
        self._unfinished = dict(sorted(self._unfinished.items()))

    def extend(self, ladder: Ladder, cycle: tuple[BracketPlan, ...]) -> None:
        """Go on with a longer ladder, of which `plans` returned the cycle. The record has its levels already.

        A bracket that is open and reaches the old top gets rungs above it. The configurations that reached the old top
        in brackets that are over go on together, in a bracket of their own. After it, a new cycle begins.
        """
        top, reached = len(self.view.ladder) - 1, IdLog()
        num_new = len(ladder) - len(self._entered)
        self._entered += [IdLog() for _ in range(num_new)]
        self._expecting += [{} for _ in range(num_new)]
        for bracket in list(self._opened):
            if bracket.plan.levels[-1] != top:
                continue
            if bracket.index in self._unfinished:
                self._lengthen(bracket, self._longer_plan(bracket, ladder, cycle))
            else:
                for config_id in bracket.rungs[-1].entered:
                    reached.add(config_id)
        if len(reached):
            self._open(continuing_bracket(ladder, top, len(reached)))
        self.view = self._view_of(ladder, cycle)
        for config_id in reached.ids:
            self.enter(len(self._opened) - 1, 0, config_id)

    def _longer_plan(self, bracket: Bracket, ladder: Ladder, cycle: Sequence[BracketPlan]) -> BracketPlan:
        """Return the plan of an open bracket on a longer ladder: of an endless one the schedule's own, if it fits."""
        longer = self._longer(bracket.plan, ladder)
        own = cycle[bracket.index % len(cycle)]
        return own if own.is_endless and bracket.plan.is_endless and own.levels == longer.levels else longer

    def _lengthen(self, bracket: Bracket, plan: BracketPlan) -> None:
        index, levels = bracket.index, plan.levels[len(bracket.rungs) :]
        logs = [RungLog() for _ in levels]
        self._logs[index] += logs
        self._opened[index] = Bracket(index, plan, bracket.rungs + self._rungs(levels, logs))
        self._unfinished[index] = self._opened[index]
        self._ready.add(index)

    def _rungs(self, levels: Sequence[int], logs: Sequence[RungLog]) -> tuple[Rung, ...]:
        return tuple(Rung(level, self._record.levels[level], log) for level, log in zip(levels, logs, strict=True))

    def _open(self, plan: BracketPlan) -> None:
        """Open the next bracket."""
        index, logs = len(self._opened), [RungLog() for _ in plan.levels]
        self._logs.append(logs)
        self._opened.append(Bracket(index, plan, self._rungs(plan.levels, logs)))
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
            raise SettingError(
                f"expected plans with a size for each level from the schedule's cycle, got {brief(plan)}"
            )
        if list(plan.levels) != sorted(set(plan.levels) & set(range(num_levels))):
            raise SettingError(f"expected ascending levels from 0 to {num_levels - 1} in a plan, got {plan}")
    if not plans:
        raise SettingError("expected at least one plan from the schedule's cycle, got none; return a BracketPlan")
    return plans
