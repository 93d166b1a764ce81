"""Predict what a search costs: by a simulation of its schedule, and if that would take long, by the planned sizes."""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from bohb._checks import positive_integer
from bohb._html import grid, lines
from bohb._text import aligned, significant
from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.record import Record
from bohb.schedules import Bracket, BracketPlan, Brackets, Exploit, Promote, Schedule, Start
from bohb.schedules.bracket_log import BracketLog
from bohb.trials import Origin, Result, Status, Trial

MAX_SIMULATED = 10_000
"""A search of more trials is not simulated."""
MAX_NUMBER = 10**9
"""The largest number of workers and of cycles."""


@dataclass(frozen=True, slots=True)
class PlannedRung:
    """A budget and the number of configurations that are evaluated there."""

    budget: object
    num_configs: int


@dataclass(frozen=True, slots=True)
class FirstFull:
    """When a search without failures has its first result at the largest budget.

    With a schedule that promotes by loss it may come earlier, but not later.

    Attributes:
        trial_even: Which trial has it, counted from 1 in the order of asking, if all trials take equally long.
        trial_resumed: The same if trials take as long as they cost, with checkpoints.
        trial_afresh: The same without checkpoints.
        time_resumed: When it comes, in the time of the makespan, with checkpoints.
        time_afresh: The same without checkpoints.
    """

    trial_even: int
    trial_resumed: int
    trial_afresh: int
    time_resumed: float
    time_afresh: float

    @property
    def max_trials(self) -> int:
        """The number of trials that suffices for it in each of these cases."""
        return max(self.trial_even, self.trial_resumed, self.trial_afresh)

    def __str__(self) -> str:
        """Return a sentence."""
        trials = sorted({self.trial_even, self.trial_resumed, self.trial_afresh})
        if len(trials) == 1:
            how_many = f"{trials[0]} trials"
        else:
            how_many = f"{trials[0]} to {trials[-1]} trials, depending on how long each takes"
        times = f"{significant(self.time_resumed)} with checkpoints, {significant(self.time_afresh)} without"
        return f"the first full result takes {how_many}; it comes after {times}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a number of cycles over all brackets cost.

    An endless bracket counts up to one full training per cycle. Costs are in units of the ladder's costs, which are the
    budgets themselves unless the ladder says otherwise. "Resumed" means that a promotion resumes from its checkpoint
    and costs only the difference. "Afresh" means that it starts again.

    A search of up to `MAX_SIMULATED` trials is simulated. Beyond, everything follows from the planned sizes of the
    rungs, and the makespan is a lower bound: an even share of the cost, or one way to the top.

    Attributes:
        brackets: For each bracket of one cycle, its rungs, cheapest first.
        num_cycles: The number of cycles.
        num_workers: The number of workers.
        num_configs: The number of configurations in all cycles.
        num_trials: The number of trials in all cycles.
        cost_resumed: The cost of all trials with checkpoints.
        cost_afresh: The cost of all trials without checkpoints.
        makespan_resumed: When the last trial ends with checkpoints, if each worker spends one unit of cost per unit of
            time.
        makespan_afresh: The same without checkpoints.
        first_full: When the first result at the largest budget comes; None if the search is too large
            to be simulated, or never gets there.
        repeats: Whether configurations may be trained in full again. How many are depends on their results, so no
            figure counts them.
    """

    brackets: tuple[tuple[PlannedRung, ...], ...]
    num_cycles: int
    num_workers: int
    num_configs: int
    num_trials: int
    cost_resumed: float
    cost_afresh: float
    makespan_resumed: float
    makespan_afresh: float
    first_full: FirstFull | None = None
    repeats: bool = False

    def __str__(self) -> str:
        """Return the plan as text: a table of the brackets, and a line for each other figure."""
        headers, rows = self.table()
        return "\n".join([*aligned(headers, rows, right=range(1, len(headers))), *self.sentences()])

    def _repr_html_(self) -> str:
        """Return the plan as a table for notebooks."""
        headers, rows = self.table()
        return grid("plan", headers, rows) + lines("in all", self.sentences())

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return the budgets, and how many configurations each bracket evaluates at them."""
        budgets = list(dict.fromkeys(str(rung.budget) for rungs in self.brackets for rung in rungs))
        return ["budget", *budgets], [self._row(number, budgets) for number in range(len(self.brackets))]

    def sentences(self) -> list[str]:
        """Return the figures, each on a line."""
        found = [
            f"{self.num_cycles} cycle(s): {self.num_configs} configurations, {self.num_trials} trials; "
            f"cost {significant(self.cost_resumed)} with checkpoints, {significant(self.cost_afresh)} without",
            f"{self.num_workers} worker(s): done after {significant(self.makespan_resumed)} with checkpoints, "
            f"{significant(self.makespan_afresh)} without",
        ]
        found += [] if self.first_full is None else [str(self.first_full)]
        return [*found, _REPETITIONS_TEXT] if self.repeats else found

    def _row(self, number: int, budgets: Sequence[str]) -> list[str]:
        """Return how many configurations a bracket evaluates at each budget."""
        sizes = {str(rung.budget): str(rung.num_configs) for rung in self.brackets[number]}
        return [f"bracket {number}", *(sizes.get(budget, "") for budget in budgets)]


_REPETITIONS_TEXT = "repetitions come on top: each costs a full training, and how many there are depends on the results"


def plan(
    schedule: Schedule,
    ladder: Ladder,
    num_workers: int,
    num_cycles: int,
    *,
    capacity: int | None = None,
    repeats: bool = False,
) -> Plan:
    """Return what `num_cycles` cycles of a schedule cost on `num_workers` workers.

    Args:
        schedule: The schedule.
        ladder: The ladder.
        num_workers: From 1 to 10^9.
        num_cycles: From 1 to 10^9.
        capacity: The number of configurations in the space, or None if it is infinite. No budget gets more.
        repeats: Whether configurations may be trained in full again.

    Raises:
        SettingError: If a number is not a positive integer, or is too large.
    """
    num_workers, num_cycles = _count("num_workers", num_workers), _count("cycles", num_cycles)
    plans = BracketLog(schedule, ladder, Record(ladder.costs), capacity).view.cycle
    num_planned = [num_cycles * num for num in _sizes_by_level(plans, len(ladder))]
    if sum(num if capacity is None else min(num, capacity) for num in num_planned) > MAX_SIMULATED:
        return replace(_by_sizes(plans, ladder, num_workers, num_cycles, capacity), repeats=repeats)
    cycle = _simulate(schedule, ladder, capacity, 1, 1, _afresh)
    resumed, afresh = (
        _simulate(schedule, ladder, capacity, num_workers, num_cycles, prices) for prices in (_resumed, _afresh)
    )
    return Plan(
        brackets=tuple(_rungs(bracket, ladder) for bracket in cycle.listed),
        num_cycles=num_cycles,
        num_workers=num_workers,
        num_configs=afresh.num_configs,
        num_trials=sum(len(rung.entered) for bracket in afresh.listed for rung in bracket.rungs),
        cost_resumed=resumed.cost,
        cost_afresh=afresh.cost,
        makespan_resumed=resumed.now,
        makespan_afresh=afresh.now,
        first_full=_first_full(schedule, ladder, capacity, num_workers),
        repeats=repeats,
    )


def _rungs(bracket: Bracket, ladder: Ladder) -> tuple[PlannedRung, ...]:
    return tuple(PlannedRung(ladder[rung.level], len(rung.entered)) for rung in bracket.rungs)


def _count(name: str, value: int) -> int:
    number = positive_integer(name, value)
    if number > MAX_NUMBER:
        raise SettingError(f"expected at most {MAX_NUMBER} as {name}, got more")
    return number


def _sizes_by_level(plans: Sequence[BracketPlan], num_levels: int) -> list[int]:
    """Return how many configurations one cycle plans at each level."""
    sizes = [0] * num_levels
    for plan in plans:
        for level, size in zip(plan.levels, plan.sizes, strict=True):
            sizes[level] += size
    return sizes


def _by_sizes(
    plans: Sequence[BracketPlan], ladder: Ladder, num_workers: int, num_cycles: int, capacity: int | None
) -> Plan:
    """Return what the planned sizes of the rungs say. The cycles end when a finite space is exhausted at one level."""
    per_cycle = _sizes_by_level(plans, len(ladder))
    cycles = Fraction(num_cycles)
    if capacity is not None:
        cycles = min(cycles, Fraction(capacity, max(per_cycle)))
    resumed, afresh = (
        float(cycles) * math.fsum(_cost_of(plan, ladder, resumed=resumed) for plan in plans)
        for resumed in (True, False)
    )
    way_resumed = max(ladder.costs[plan.levels[-1]] for plan in plans)
    way_afresh = max(math.fsum(ladder.costs[level] for level in plan.levels) for plan in plans)
    return Plan(
        brackets=tuple(
            tuple(
                PlannedRung(ladder[level], size if capacity is None else min(size, capacity))
                for level, size in zip(plan.levels, plan.sizes, strict=True)
            )
            for plan in plans
        ),
        num_cycles=num_cycles,
        num_workers=num_workers,
        num_configs=math.floor(cycles * sum(plan.sizes[0] for plan in plans)),
        num_trials=math.floor(cycles * sum(per_cycle)),
        cost_resumed=resumed,
        cost_afresh=afresh,
        makespan_resumed=max(resumed / num_workers, way_resumed),
        makespan_afresh=max(afresh / num_workers, way_afresh),
    )


def _cost_of(plan: BracketPlan, ladder: Ladder, *, resumed: bool) -> float:
    """Return the cost of one bracket."""
    costs = [ladder.costs[level] for level in plan.levels]
    paid = [0, *costs[:-1]] if resumed else [0] * len(costs)
    return math.fsum(size * (cost - less) for size, cost, less in zip(plan.sizes, costs, paid, strict=True))


_Prices = Callable[[Start | Promote, Brackets], float]


class _Workers:
    """A search on simulated workers, each of which spends one unit of cost per unit of time.

    The loss of a configuration is its id, so that older ones are promoted.
    """

    def __init__(self, schedule: Schedule, ladder: Ladder, capacity: int | None, prices: _Prices) -> None:
        self.schedule, self.ladder, self.prices = schedule, ladder, prices
        self.record = Record(ladder.costs)
        self.log = BracketLog(schedule, ladder, self.record, capacity)
        self.running: list[tuple[float, int, int, int]] = []  # (end, trial, configuration, level)
        self.now, self.cost, self.num_configs, self.num_trials = 0.0, 0.0, 0, 0

    @property
    def brackets(self) -> Brackets:
        """The brackets so far."""
        return self.log.view

    @property
    def listed(self) -> list[Bracket]:
        """The brackets as a list."""
        return [self.brackets[i] for i in range(len(self.brackets))]

    def next(self) -> Start | Promote:
        """Return the next move."""
        return self.schedule.next(self.brackets)

    def start(self, move: Start | Promote) -> None:
        """Start a trial."""
        config_id = self.num_configs if isinstance(move, Start) else move.config_id
        self.num_configs += isinstance(move, Start)
        price = self.prices(move, self.brackets)
        replaces = move.replaces if isinstance(move, Exploit) else None
        level = self.log.enter(move.bracket, move.rung, config_id, replaces)
        trial = _simulated(self.num_trials, config_id, self.ladder[level], move)
        self.record.ask(level, trial, in_bracket=True)
        self.num_trials += 1
        heapq.heappush(self.running, (self.now + price, self.num_trials, config_id, level))
        self.cost += price

    def finish(self) -> tuple[int, int]:
        """Let the next trial end; return its number, from 1 in the order of asking, and its level."""
        self.now, number, config_id, level = heapq.heappop(self.running)
        trial = self.record.pending.trial(level, config_id)
        self.record.tell(level, Result(trial, float(config_id), Status.OK, None, {}))
        self.log.tell(level, config_id)
        return number, level


def _resumed(move: Start | Promote, brackets: Brackets) -> float:
    """Return the cost of a move with checkpoints."""
    levels, costs = brackets.plan(move.bracket).levels, brackets.ladder.costs
    paid = costs[levels[move.rung - 1]] if isinstance(move, Promote | Exploit) else 0
    return costs[levels[move.rung]] - paid


def _afresh(move: Start | Promote, brackets: Brackets) -> float:
    """Return the cost of a move without checkpoints."""
    return brackets.ladder.costs[brackets.plan(move.bracket).levels[move.rung]]


def _even(move: Start | Promote, brackets: Brackets) -> float:  # noqa: ARG001 - every move costs the same
    """Return 1, for any move."""
    return 1.0


def _simulate(
    schedule: Schedule, ladder: Ladder, capacity: int | None, num_workers: int, num_cycles: int, prices: _Prices
) -> _Workers:
    """Run the schedule itself to the end of the planned cycles.

    A worker idles if the next move lies beyond the planned cycles, or if the space has no new configuration.
    """
    workers = _Workers(schedule, ladder, capacity, prices)
    while True:
        while len(workers.running) < num_workers:
            move = workers.next()
            if isinstance(move, Start) and _is_beyond(move, workers.brackets, num_cycles):
                break
            workers.start(move)
        if not workers.running:
            return workers
        workers.finish()


def _first_full(schedule: Schedule, ladder: Ladder, capacity: int | None, num_workers: int) -> FirstFull | None:
    """Return when the first configuration is evaluated at the largest budget, or None if that is far or never."""
    resumed = _until_full(schedule, ladder, capacity, num_workers, _resumed)
    afresh = _until_full(schedule, ladder, capacity, num_workers, _afresh) if resumed else None
    even = _until_full(schedule, ladder, capacity, num_workers, _even) if afresh else None
    if even is None or resumed is None or afresh is None:
        return None
    return FirstFull(even[0], resumed[0], afresh[0], resumed[1], afresh[1])


def _until_full(
    schedule: Schedule, ladder: Ladder, capacity: int | None, num_workers: int, prices: _Prices
) -> tuple[int, float] | None:
    """Return the number of the first trial to end at the largest budget, and when it does. No worker idles."""
    workers = _Workers(schedule, ladder, capacity, prices)
    while workers.num_trials < MAX_SIMULATED:
        while len(workers.running) < num_workers and workers.num_trials < MAX_SIMULATED:
            move = workers.next()
            if isinstance(move, Start) and not _has_room(move, workers.brackets):
                break
            workers.start(move)
        if not workers.running:
            return None
        number, level = workers.finish()
        if level == len(ladder) - 1:
            return number, workers.now
    return None


def _simulated(trial_id: int, config_id: int, budget: object, move: Start | Promote) -> Trial:
    """Return a simulated trial, whose configuration has no values."""
    origin = Origin.PROMOTED if isinstance(move, Promote) else Origin.RANDOM
    return Trial(trial_id, {}, budget, config_id, move.bracket, move.rung, None, None, origin)


def _is_beyond(start: Start, brackets: Brackets, num_cycles: int) -> bool:
    """Whether a start lies beyond the planned cycles, or the space has no new configuration for it."""
    plan = brackets.plan(start.bracket)
    if not _has_room(start, brackets):
        return True
    if not plan.is_endless:
        return start.bracket >= num_cycles * len(brackets.cycle)
    return start.bracket < len(brackets) and len(brackets[start.bracket].rungs[0].entered) >= num_cycles * plan.sizes[0]


def _has_room(start: Start, brackets: Brackets) -> bool:
    """Whether the space has a new configuration for a start."""
    return brackets.has_room(brackets.plan(start.bracket).levels[start.rung])
