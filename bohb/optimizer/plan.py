"""Predict what a search costs: by a simulation of its schedule, and if that would take long, by the planned sizes."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bohb._checks import positive_integer
from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.record import Record
from bohb.schedules import Bracket, BracketPlan, Brackets, Promote, Schedule, Start
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

    def __str__(self) -> str:
        """Return the plan as text, one line for each bracket."""
        lines = [
            f"bracket {i}: " + ", ".join(f"{rung.num_configs} x {rung.budget}" for rung in rungs)
            for i, rungs in enumerate(self.brackets)
        ]
        lines.append(
            f"{self.num_cycles} cycle(s): {self.num_configs} configurations, {self.num_trials} trials; "
            f"cost {self.cost_resumed:g} with checkpoints, {self.cost_afresh:g} without"
        )
        lines.append(
            f"{self.num_workers} worker(s): done after {self.makespan_resumed:g} with checkpoints, "
            f"{self.makespan_afresh:g} without"
        )
        return "\n".join(lines)


def plan(schedule: Schedule, ladder: Ladder, num_workers: int, num_cycles: int, *, capacity: int | None = None) -> Plan:
    """Return what `num_cycles` cycles of a schedule cost on `num_workers` workers.

    Args:
        schedule: The schedule.
        ladder: The ladder.
        num_workers: From 1 to 10^9.
        num_cycles: From 1 to 10^9.
        capacity: The number of configurations in the space, or None if it is infinite. No budget gets more.

    Raises:
        SettingError: If a number is not a positive integer, or is too large.
    """
    num_workers, num_cycles = _count("num_workers", num_workers), _count("cycles", num_cycles)
    plans = BracketLog(schedule, ladder, Record(ladder.costs), capacity).view.cycle
    num_planned = [num_cycles * num for num in _sizes_by_level(plans, len(ladder))]
    if sum(num if capacity is None else min(num, capacity) for num in num_planned) > MAX_SIMULATED:
        return _by_sizes(plans, ladder, num_workers, num_cycles, capacity)
    cycle = _simulate(schedule, ladder, capacity, 1, 1, resumed=False)
    resumed, afresh = (
        _simulate(schedule, ladder, capacity, num_workers, num_cycles, resumed=resumed) for resumed in (True, False)
    )
    return Plan(
        brackets=tuple(_rungs(bracket, ladder) for bracket in cycle.brackets),
        num_cycles=num_cycles,
        num_workers=num_workers,
        num_configs=afresh.num_configs,
        num_trials=sum(len(rung.entered) for bracket in afresh.brackets for rung in bracket.rungs),
        cost_resumed=resumed.cost,
        cost_afresh=afresh.cost,
        makespan_resumed=resumed.makespan,
        makespan_afresh=afresh.makespan,
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


@dataclass(frozen=True, slots=True)
class _Simulation:
    """The outcome of a simulated search."""

    brackets: Sequence[Bracket]
    num_configs: int
    cost: float
    makespan: float


def _price(move: Start | Promote, brackets: Brackets, *, resumed: bool) -> float:
    """Return the cost of a move."""
    levels, costs = brackets.plan(move.bracket).levels, brackets.ladder.costs
    paid = costs[levels[move.rung - 1]] if resumed and isinstance(move, Promote) else 0
    return costs[levels[move.rung]] - paid


def _simulate(
    schedule: Schedule, ladder: Ladder, capacity: int | None, num_workers: int, num_cycles: int, *, resumed: bool
) -> _Simulation:
    """Run the schedule itself on simulated workers.

    The loss of a configuration is its id, so that older ones are promoted. A worker idles if the next move lies beyond
    the planned cycles, or if the space has no new configuration.
    """
    record = Record(ladder.costs)
    log = BracketLog(schedule, ladder, record, capacity)
    brackets = log.view
    running: list[tuple[float, int, int]] = []  # (end, configuration, level)
    now, spent, num_configs, num_trials = 0.0, 0.0, 0, 0
    while True:
        while len(running) < num_workers:
            move = schedule.next(brackets)
            if isinstance(move, Start) and _is_beyond(move, brackets, num_cycles):
                break
            config_id = num_configs if isinstance(move, Start) else move.config_id
            num_configs += isinstance(move, Start)
            price = _price(move, brackets, resumed=resumed)
            level = log.enter(move.bracket, move.rung, config_id)
            record.pending.ask(level, _simulated(num_trials, config_id, ladder[level], move), in_bracket=True)
            num_trials += 1
            heapq.heappush(running, (now + price, config_id, level))
            spent += price
        if not running:
            return _Simulation([brackets[i] for i in range(len(brackets))], num_configs, spent, now)
        now, config_id, level = heapq.heappop(running)
        trial = record.pending.trial(level, config_id)
        record.tell(level, Result(trial, float(config_id), Status.OK, None, {}))
        log.tell(level, config_id)


def _simulated(trial_id: int, config_id: int, budget: object, move: Start | Promote) -> Trial:
    """Return a simulated trial, whose configuration has no values."""
    origin = Origin.PROMOTED if isinstance(move, Promote) else Origin.RANDOM
    return Trial(trial_id, {}, budget, config_id, move.bracket, move.rung, None, None, origin)


def _is_beyond(start: Start, brackets: Brackets, num_cycles: int) -> bool:
    """Whether a start lies beyond the planned cycles, or the space has no new configuration for it."""
    plan = brackets.plan(start.bracket)
    if not brackets.has_room(plan.levels[start.rung]):
        return True
    if not plan.is_endless:
        return start.bracket >= num_cycles * len(brackets.cycle)
    return start.bracket < len(brackets) and len(brackets[start.bracket].rungs[0].entered) >= num_cycles * plan.sizes[0]
