"""The brackets as they stand: the whole world of a schedule.

Configurations are ids, outcomes are losses, and nothing here knows a parameter, a clock or a worker. A schedule reads
`Brackets` and answers with a move (see `protocol.py`). It cannot change what it reads: the rungs and rankings follow
from the record of what was told and from the log of moves that the optimizer keeps (see `bracket_log.py`).
"""

from bisect import bisect_left
from collections.abc import Sequence
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
    """The configurations that entered a rung, and those that were promoted from it, in order."""

    entered: IdLog = field(default_factory=IdLog)
    promoted: IdLog = field(default_factory=IdLog)


class Rung:
    """One level of one bracket: which configurations entered, finished, and wait for promotion.

    Args:
        level: The index of its budget on the ladder.
        told: What was told at this level.
        log: The moves into and out of the rung.
    """

    def __init__(self, level: int, told: LevelRecord, log: RungLog) -> None:
        self.level = level
        self._told, self._log = told, log
        self._finished: SortedSet[Entry] = SortedSet()
        self._waiting: SortedSet[Entry] = SortedSet()
        self._num_entered = self._num_promoted = 0  # the moves and tells that are taken in
        self._num_told = len(told.order)

    @property
    def entered(self) -> AbstractSet[int]:
        """The ids of the configurations that were started in the rung or promoted into it."""
        return self._log.entered.ids

    @property
    def finished(self) -> Sequence[Entry]:
        """(loss, id) of the configurations that were told, best first; failures come last with an infinite loss."""
        self._catch_up()
        return self._finished.elements

    @property
    def waiting(self) -> Sequence[Entry]:
        """(loss, id) of those that finished without failure and were not promoted, best first."""
        self._catch_up()
        return self._waiting.elements

    @property
    def num_pending(self) -> int:
        """The number of configurations that entered and were not told yet."""
        self._catch_up()
        return len(self._log.entered) - len(self._finished)

    def rank(self, entry: Entry) -> int:
        """Return how many of the finished are better than this (loss, id)."""
        return bisect_left(self.finished, entry)

    def is_waiting(self, entry: Entry) -> bool:
        """Whether this (loss, id) waits for promotion."""
        self._catch_up()
        return entry in self._waiting

    def _catch_up(self) -> None:
        """Take in the moves and tells since the last look."""
        entered, told = self._log.entered, self._told
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
        if entry[0] < float("inf") and entry[1] not in self._log.promoted:
            self._waiting.add(entry)

    def _leave(self, config_id: int) -> None:
        if config_id in self._told.results and self._told.entry(config_id) in self._waiting:
            self._waiting.remove(self._told.entry(config_id))


@dataclass(frozen=True, slots=True)
class Bracket:
    """One successive-halving run as it stands.

    Attributes:
        index: Counts the brackets from 0.
        plan: Its levels and its intended sizes.
        rungs: One a level, cheapest first.
    """

    index: int
    plan: BracketPlan
    rungs: tuple[Rung, ...]

    def is_full(self, rung: int) -> bool:
        """Whether the rung has taken as many configurations as the plan gives it."""
        return not self.plan.is_endless and len(self.rungs[rung].entered) >= self.plan.sizes[rung]


class Outside:
    """The results at one level of configurations that entered no bracket there, best first.

    Args:
        told: What was told at this level.
        entered: The configurations that entered a rung of this level.
    """

    def __init__(self, told: LevelRecord, entered: IdLog) -> None:
        self._told, self._entered = told, entered
        self._num_told = self._num_entered = 0
        self._results: SortedSet[Entry] = SortedSet()

    @property
    def results(self) -> Sequence[Entry]:
        """(loss, id), best first."""
        for config_id in self._entered.since(self._num_entered):
            if config_id in self._told.results and self._told.entry(config_id) in self._results:
                self._results.remove(self._told.entry(config_id))
        for config_id in self._told.since(self._num_told):
            if config_id not in self._entered:
                self._results.add(self._told.entry(config_id))
        self._num_entered, self._num_told = len(self._entered), len(self._told.order)
        return self._results.elements


class Brackets:
    """All brackets of a search, to be read by a schedule.

    Args:
        ladder: The ladder.
        cycle: The plans of one cycle; bracket i follows plan i modulo their number.
        capacity: How many configurations the space holds, or None if they cannot be counted.
        record: What is pending and what was told.
        opened: All brackets that were opened, in order.
        unfinished: Those of them that may still give work.
        entered: The configurations that entered a rung, by level.

    Attributes:
        levels: The levels at which the schedule evaluates anything, ascending.
    """

    def __init__(
        self,
        ladder: Ladder,
        cycle: tuple[BracketPlan, ...],
        capacity: int | None,
        record: Record,
        opened: Sequence[Bracket],
        unfinished: Sequence[Bracket],
        entered: Sequence[IdLog],
    ) -> None:
        self.ladder, self.cycle, self.capacity = ladder, cycle, capacity
        self.levels = tuple(sorted({level for plan in cycle for level in plan.levels}))
        self._record, self._opened, self._unfinished = record, opened, unfinished
        self._outside = [Outside(told, ids) for told, ids in zip(record.levels, entered, strict=True)]

    def __len__(self) -> int:
        """Return how many brackets were opened."""
        return len(self._opened)

    def __getitem__(self, index: int) -> Bracket:
        return self._opened[index]

    @property
    def open(self) -> tuple[Bracket, ...]:
        """The brackets that may still give work, oldest first."""
        return tuple(self._unfinished)

    def plan(self, index: int) -> BracketPlan:
        """Return the plan that the `index`-th bracket follows."""
        return self.cycle[index % len(self.cycle)]

    @property
    def num_at_work(self) -> int:
        """The number of trials that were asked in a bracket, are pending, and do not seem to be lost."""
        return self._record.pending.num_at_work

    def at_work(self, level: int) -> Sequence[int]:
        """Return the configuration ids of these trials at a level, oldest first."""
        return self._record.pending.at_work(level)

    def has_room(self, level: int) -> bool:
        """Whether the space still holds a configuration that is new at this level."""
        return self.capacity is None or self._record.num_taken(level) < self.capacity

    def is_taken(self, level: int, config_id: int) -> bool:
        """Whether the configuration is evaluated or pending at this level."""
        return self._record.is_taken(level, config_id)

    def best_outside(self, level: int) -> int | None:
        """Return the configuration with the lowest loss of those told at this level that are in no bracket there.

        None if there is no such configuration, or if the space is infinite: then there is always a new one to start.
        """
        results = self._outside[level].results if self.capacity is not None else ()
        return results[0][1] if results else None

    def may_start(self, level: int) -> bool:
        """Whether a rung of this level can take one more: a new configuration, or one told there outside brackets."""
        return self.has_room(level) or self.best_outside(level) is not None

    def may_promote(self, level: int, config_id: int, loss: float) -> bool:
        """Whether a configuration that finished at a level with this loss may still be promoted from there."""
        return any(
            rung.level == level and rung.is_waiting((loss, config_id)) and not bracket.is_full(number + 1)
            for bracket in self._unfinished
            for number, rung in enumerate(bracket.rungs[:-1])
        )
