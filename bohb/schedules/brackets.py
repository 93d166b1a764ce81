"""The current state of all brackets: everything that a schedule sees.

Configurations are ids and outcomes are losses. There are no parameters, clocks or workers. A schedule reads `Brackets`
and returns a move (see `protocol.py`). It cannot change what it reads: rungs and rankings derive from the record of
results and from the optimizer's log of moves (see `bracket_log.py`).
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from bohb.budgets import Ladder
from bohb.record import IdLog, LevelRecord, Record
from bohb.record.sorted_set import SortedSet
from bohb.schedules.bracket_sizes import BracketPlan

Entry = tuple[float, int]
"""A loss and the id of its configuration. Failures have an infinite loss, so they rank last."""


@dataclass(frozen=True, slots=True)
class RungLog:
    """The configurations that entered a rung, and those that were promoted from it or replaced, in order."""

    entered: IdLog = field(default_factory=IdLog)
    promoted: IdLog = field(default_factory=IdLog)


class Rung:
    """One level of one bracket: the configurations that entered, finished, and wait for promotion.

    Args:
        level: The index of its budget on the ladder.
        told: The results at this level.
        log: The moves into and out of the rung.
    """

    def __init__(self, level: int, told: LevelRecord, log: RungLog) -> None:
        self.level = level
        self._told, self._log = told, log
        self._reset()

    def _reset(self) -> None:
        """Make the views anew, before any move of the log."""
        self._finished: SortedSet[Entry] = SortedSet()
        self._waiting: SortedSet[Entry] = SortedSet()
        self._num_entered = self._num_promoted = 0  # how much of the log and of the results the views include
        self._num_told, self._num_taken_back = len(self._told.order), self._told.num_taken_back

    @property
    def entered(self) -> AbstractSet[int]:
        """The ids of the configurations that were started in the rung or promoted into it."""
        return self._log.entered.ids

    @property
    def finished(self) -> Sequence[Entry]:
        """The (loss, id) of the configurations with a result, best first; failures come last with an infinite loss."""
        self._catch_up()
        return self._finished.elements

    @property
    def waiting(self) -> Sequence[Entry]:
        """The (loss, id) of the successes that were not promoted, best first."""
        self._catch_up()
        return self._waiting.elements

    @property
    def num_pending(self) -> int:
        """The number of configurations that entered and have no result yet."""
        self._catch_up()
        return len(self._log.entered) - len(self._finished)

    @property
    def num_promoted(self) -> int:
        """How many configurations were promoted, which are the successes that do not wait."""
        return bisect_left(self.finished, (math.inf,)) - len(self.waiting)

    @property
    def left(self) -> AbstractSet[int]:
        """The ids of those that left, because they were promoted or replaced by one that started in the rung above."""
        return self._log.promoted.ids

    @property
    def num_staying(self) -> int:
        """The number of configurations that entered and did not leave, pending ones and failures among them."""
        return len(self._log.entered) - len(self._log.promoted)

    def rank(self, entry: Entry) -> int:
        """Return how many finished configurations are better than this (loss, id)."""
        return bisect_left(self.finished, entry)

    def is_waiting(self, entry: Entry) -> bool:
        """Whether this (loss, id) waits for promotion."""
        self._catch_up()
        return entry in self._waiting

    def catch_up(self) -> None:
        """Sort what was told since the last read."""
        self._catch_up()
        self._finished.elements  # noqa: B018 - a read sorts
        self._waiting.elements  # noqa: B018

    def _catch_up(self) -> None:
        """Update the views with the moves and results since the last read."""
        entered, told = self._log.entered, self._told
        if self._num_taken_back != told.num_taken_back:
            self._reset()
        if self._num_entered < len(entered) or self._num_told < len(told.order):
            arrived = {config_id for config_id in entered.since(self._num_entered) if config_id in told.results}
            arrived.update(config_id for config_id in told.since(self._num_told) if config_id in entered)
            self._num_entered, self._num_told = len(entered), len(told.order)
            for config_id in arrived:
                self._finish(told.entry(config_id))
        if self._num_promoted < len(self._log.promoted):
            for config_id in self._log.promoted.since(self._num_promoted):
                self._leave(config_id)
            self._num_promoted = len(self._log.promoted)

    def _finish(self, entry: Entry) -> None:
        self._finished.add(entry)
        if math.isfinite(entry[0]) and entry[1] not in self._log.promoted:
            self._waiting.add(entry)

    def _leave(self, config_id: int) -> None:
        if config_id in self._told.results and self._told.entry(config_id) in self._waiting:
            self._waiting.remove(self._told.entry(config_id))


@dataclass(frozen=True, slots=True)
class Bracket:
    """The current state of one bracket.

    Attributes:
        index: The number of the bracket, counted from 0.
        plan: Its levels and its planned sizes.
        rungs: One rung for each level, cheapest first.
    """

    index: int
    plan: BracketPlan
    rungs: tuple[Rung, ...]

    def is_full(self, rung: int) -> bool:
        """Whether the planned number of configurations entered the rung; never true in an endless bracket."""
        return not self.plan.is_endless and len(self.rungs[rung].entered) >= self.plan.sizes[rung]


class Outside:
    """The results at one level that belong to no bracket.

    Args:
        told: The results at this level.
        entered: The configurations that entered a rung of this level.
    """

    def __init__(self, told: LevelRecord, entered: IdLog) -> None:
        self._told, self._entered = told, entered
        self._reset()

    def _reset(self) -> None:
        """Make the view anew, before any move or result."""
        self._num_told = self._num_entered = 0
        self._num_taken_back = self._told.num_taken_back
        self._results: SortedSet[Entry] = SortedSet()

    @property
    def results(self) -> Sequence[Entry]:
        """The (loss, id) of these results, best first."""
        if self._num_taken_back != self._told.num_taken_back:
            self._reset()
        for config_id in self._entered.since(self._num_entered):
            if config_id in self._told.results and self._told.entry(config_id) in self._results:
                self._results.remove(self._told.entry(config_id))
        for config_id in self._told.since(self._num_told):
            if config_id not in self._entered:
                self._results.add(self._told.entry(config_id))
        self._num_entered, self._num_told = len(self._entered), len(self._told.order)
        return self._results.elements


class Brackets:
    """All brackets of a search, as a schedule reads them.

    Args:
        ladder: The ladder.
        cycle: The plans of one cycle, in which the brackets open one after the other.
        capacity: The number of configurations in the space, or None if the space is infinite.
        record: The pending trials and the results.
        opened: All opened brackets, in order.
        still_open: Returns the brackets among them that are not over, oldest first.
        still_ready: Returns the brackets among these that may have a move, oldest first.
        entered: The configurations that entered a rung, by level.
        first: The number of the bracket that is the first of a cycle: 0, unless the ladder became longer.

    Attributes:
        levels: The levels at which the schedule evaluates configurations, ascending.
    """

    def __init__(
        self,
        ladder: Ladder,
        cycle: tuple[BracketPlan, ...],
        capacity: int | None,
        record: Record,
        opened: Sequence[Bracket],
        still_open: Callable[[], Iterable[Bracket]],
        still_ready: Callable[[], Iterable[Bracket]],
        entered: Sequence[IdLog],
        first: int = 0,
    ) -> None:
        self._first = first
        self.ladder, self.cycle, self.capacity = ladder, cycle, capacity
        self.levels = tuple(sorted({level for plan in cycle for level in plan.levels}))
        self._record, self._opened = record, opened
        self._still_open, self._still_ready = still_open, still_ready
        self._outside = [Outside(told, ids) for told, ids in zip(record.levels, entered, strict=True)]

    def __len__(self) -> int:
        """Return the number of opened brackets."""
        return len(self._opened)

    def __getitem__(self, index: int) -> Bracket:
        return self._opened[index]

    @property
    def open(self) -> tuple[Bracket, ...]:
        """The brackets that are not over, oldest first."""
        return tuple(self._still_open())

    @property
    def ready(self) -> tuple[Bracket, ...]:
        """The open brackets that may have a move, oldest first. The others wait for results of their own trials."""
        return tuple(self._still_ready())

    def catch_up(self) -> None:
        """Sort what was told since the last read. Every read does so; after thousands of results it takes a while."""
        for bracket in self._opened:
            for rung in bracket.rungs:
                rung.catch_up()

    def plan(self, index: int) -> BracketPlan:
        """Return the plan that the `index`-th bracket follows, opened or not."""
        if index < len(self._opened):
            return self._opened[index].plan
        return self.cycle[(index - self._first) % len(self.cycle)]

    @property
    def num_at_work(self) -> int:
        """The number of trials in brackets that are pending and do not seem to be lost."""
        return self._record.pending.num_at_work

    def at_work(self, level: int) -> Sequence[int]:
        """Return the configuration ids of the trials counted by `num_at_work`, at one level, oldest first."""
        return self._record.pending.at_work(level)

    def num_started_at_work(self, level: int) -> int:
        """Return how many of the trials counted by `num_at_work` were started at a level, and not promoted to it."""
        return self._record.pending.num_started_at_work(level)

    def has_room(self, level: int) -> bool:
        """Whether the space still holds a configuration that is new at this level."""
        return self.capacity is None or self._record.num_taken(level) < self.capacity

    def is_taken(self, level: int, config_id: int) -> bool:
        """Whether the configuration is evaluated or pending at this level."""
        return self._record.is_taken(level, config_id)

    def best_known(self, level: int) -> int | None:
        """Return the configuration with the lowest finite loss at this level that entered no bracket there, or None."""
        results = self._outside[level].results
        return results[0][1] if results and math.isfinite(results[0][0]) else None

    def best_outside(self, level: int) -> int | None:
        """Return the configuration with the lowest loss at this level that entered no bracket there.

        Return None if there is no such configuration, or if the space is infinite. An infinite space always has a new
        configuration to start.
        """
        results = self._outside[level].results if self.capacity is not None else ()
        return results[0][1] if results else None

    def may_start(self, level: int) -> bool:
        """Whether a configuration can enter a rung of this level: a new one, or one evaluated outside the brackets."""
        return self.has_room(level) or self.best_outside(level) is not None

    def may_promote(self, level: int, config_id: int, loss: float) -> bool:
        """Whether a configuration with this loss at a level may still be promoted from there."""
        return any(
            rung.level == level and rung.is_waiting((loss, config_id)) and not bracket.is_full(number + 1)
            for bracket in self._still_open()
            for number, rung in enumerate(bracket.rungs[:-1])
        )
