"""Workers in simulated time: an exact queue of events, in which a search of weeks takes only the optimizer's own time.

The unit of time is a full training: an evaluation up to budget b takes b divided by the largest budget, or the time
that the problem measured. All randomness (noise, stragglers, crashes, lost workers) depends on the seed, the
configuration, the budget, and how often it was trained there before, so it is the same for every optimizer.
"""

import hashlib
import heapq
import json
import math
from dataclasses import dataclass, field
from itertools import count
from statistics import NormalDist

import numpy as np

from benchmarks.optimizers.optimizer import Job, Optimizer
from benchmarks.problems.problem import Problem

_NORMAL = NormalDist()
FRACTIONS = (1 / 12, 1 / 6, 1 / 3, 2 / 3, 1.0)
"""When an optimizer is asked for its recommendation, by fraction of the clock."""
_LATEST = 1 + 1e-9  # an evaluation that ends exactly with the clock counts in spite of rounding errors


@dataclass(frozen=True, slots=True)
class Setting:
    """The conditions of a simulated search.

    Attributes:
        workers: The number of evaluations at the same time.
        total: The budget of the whole search, in full trainings; the clock stops at `total / workers`.
        resume: Whether a configuration continues from a smaller budget and pays only for the rest. At the same budget
            it pays in full again, so a search that repeats itself still ends.
        measured: Whether an evaluation takes the time that the problem measured, or that of its budget.
        stragglers: Sigma of the lognormal factor, of mean 1, on the duration of each evaluation.
        crashes: The share of configurations that fail at any budget, after the time of the evaluation.
        losses: The share of evaluations whose worker is lost half-way.
        seconds: The duration of a full training in seconds. The optimizer's own time is added in this unit, one ask or
            tell at a time. None ignores it.
    """

    workers: int = 1
    total: float = 30.0
    resume: bool = True
    measured: bool = False
    stragglers: float = 0.0
    crashes: float = 0.0
    losses: float = 0.0
    seconds: float | None = None


@dataclass(slots=True)
class Trace:
    """The outcome of one search.

    Attributes:
        incumbents: (time, budget, loss, regret) whenever the incumbent changes: the lowest observed loss at the largest
            budget seen so far.
        recommended: (time, regret) of the configuration that the optimizer recommends, at each of `FRACTIONS`; empty if
            it recommends none of its own.
        evaluations: The number of told results.
        failures: The number of failures among them.
        lost: The number of evaluations that were lost with their worker.
        busy: The total time that workers spent on evaluations.
        ended: The time at which the search ended: the end of the clock, or earlier if the optimizer stopped asking.
    """

    incumbents: list[tuple[float, float, float, float]] = field(default_factory=list)
    recommended: list[tuple[float, float]] = field(default_factory=list)
    evaluations: int = 0
    failures: int = 0
    lost: int = 0
    busy: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True, slots=True)
class _Running:
    job: Job
    loss: float
    key: str
    cost: float
    is_lost: bool


class Simulation:
    """One search: an optimizer, a problem, a world, a seed."""

    def __init__(self, optimizer: Optimizer, problem: Problem, setting: Setting, seed: int) -> None:
        self.optimizer, self.problem, self.setting, self.seed = optimizer, problem, setting, seed
        self.deadline = setting.total / setting.workers
        self.trace = Trace()
        self._events: list[tuple[float, int, _Running]] = []
        self._numbers = count()
        self._trained: dict[str, dict[float, float]] = {}  # by configuration and budget: what training up to it costs
        self._attempts: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], int] = {}  # how often by configuration and budget
        self._marks = [fraction * self.deadline for fraction in FRACTIONS]
        self._free_at = 0.0  # when the optimizer has finished thinking

    def run(self) -> Trace:
        """Run to the end of the clock."""
        free, now = self.setting.workers, 0.0
        while True:
            free -= self._start(free, now)
            if not self._events or self._events[0][0] > self.deadline * _LATEST:
                break
            self._recommend(self._events[0][0])
            now, _, running = heapq.heappop(self._events)
            self.trace.ended = min(now, self.deadline)
            free += 1
            self._finish(running, now)
        if self._events:
            self.trace.ended = self.deadline
        self._recommend(math.inf)
        return self.trace

    def _recommend(self, now: float) -> None:
        """Record what the optimizer recommends at the marks before `now`, if it has a recommendation of its own."""
        while self._marks and self._marks[0] * _LATEST < now:
            at, config = self._marks.pop(0), self.optimizer.recommend()
            if config is not None:
                self.trace.recommended.append((at, self.problem.regret(config)))

    def _start(self, free: int, now: float) -> int:
        """Give jobs to free workers. Return their number."""
        for started in range(free):
            if self._free_at > self.deadline:
                return started
            spent = self.optimizer.seconds
            job = self.optimizer.ask()
            at = self._think(now, spent)
            if job is None or at > self.deadline:
                return started
            self._evaluate(job, at)
        return free

    def _think(self, now: float, spent: float) -> float:
        """Return when the optimizer has finished a call made at `now`; it handles one call at a time."""
        if self.setting.seconds is None:
            return now
        self._free_at = max(now, self._free_at) + (self.optimizer.seconds - spent) / self.setting.seconds
        return self._free_at

    def _evaluate(self, job: Job, start: float) -> None:
        key = json.dumps(job.config, sort_keys=True, default=_plain)
        level = format(job.budget, ".9g")  # libraries round budgets differently, and must meet the same randomness
        again = self._told.get((key, level), 0)
        rng = self._rng("noise", key, level, again) if again else self._rng("noise", key, level)
        evaluation = self.problem.evaluate(job.config, job.budget, rng)
        cost = evaluation.cost if self.setting.measured else job.budget / self.problem.ladder[-1]
        factor, is_lost = self._luck(key, level)
        duration = max(cost - self._paid(key, job.budget), 0.0) * factor
        crashed = self._uniform("crash", key) < self.setting.crashes
        end = start + duration * (0.5 if is_lost else 1.0)
        self.trace.busy += max(min(end, self.deadline) - start, 0.0)
        running = _Running(job, math.nan if crashed else evaluation.loss, key, cost, is_lost)
        heapq.heappush(self._events, (end, next(self._numbers), running))

    def _luck(self, key: str, level: str) -> tuple[float, bool]:
        """Return the factor by which this attempt takes longer, and whether its worker is lost."""
        attempt = self._attempts[key, level] = self._attempts.get((key, level), 0) + 1
        factor, sigma = 1.0, self.setting.stragglers
        if sigma:
            deviate = _NORMAL.inv_cdf(self._uniform("straggler", key, level, attempt))
            factor = math.exp(sigma * deviate - sigma**2 / 2)
        return factor, self._uniform("loss", key, level, attempt) < self.setting.losses

    def _paid(self, key: str, budget: float) -> float:
        """Return the cost of the checkpoint at the largest budget below this one."""
        smaller = [(at, cost) for at, cost in self._trained.get(key, {}).items() if at < budget]
        return max(smaller)[1] if smaller else 0.0

    def _finish(self, running: _Running, now: float) -> None:
        spent = self.optimizer.seconds
        if running.is_lost:
            self.trace.lost += 1
            self.optimizer.lose(running.job)
        else:
            if self.setting.resume:
                self._trained.setdefault(running.key, {})[running.job.budget] = running.cost
            self.trace.evaluations += 1
            self.trace.failures += not math.isfinite(running.loss)
            place = running.key, format(running.job.budget, ".9g")
            self._told[place] = self._told.get(place, 0) + 1
            self.optimizer.tell(running.job, running.loss)
            self._note(running, now)
        self._think(now, spent)

    def _note(self, running: _Running, now: float) -> None:
        """Record the incumbent if it changed."""
        if not math.isfinite(running.loss):
            return
        budget = running.job.budget
        _, largest, lowest, _ = self.trace.incumbents[-1] if self.trace.incumbents else (0.0, -math.inf, 0.0, 0.0)
        if budget > largest or (budget == largest and running.loss < lowest):
            self.trace.incumbents.append((now, budget, running.loss, self.problem.regret(running.job.config)))

    def _rng(self, *parts: object) -> np.random.Generator:
        """Return a generator that depends on the seed and the parts alone."""
        return np.random.Generator(np.random.SFC64(self._digest(*parts)))

    def _uniform(self, *parts: object) -> float:
        """Return a number above 0 and below 1 that depends on the seed and the parts alone; faster than `_rng`."""
        return ((self._digest(*parts) >> 76) + 0.5) / 2**52

    def _digest(self, *parts: object) -> int:
        text = "|".join([str(self.seed), *map(str, parts)])
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())


def simulate(optimizer: Optimizer, problem: Problem, setting: Setting, seed: int) -> Trace:
    """Run one search to the end of the clock."""
    return Simulation(optimizer, problem, setting, seed).run()


def _plain(value: object) -> object:
    """Return a numpy scalar as Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"expected a JSON-able value in a configuration, got {value!r}")


def regret_at(incumbents: list[tuple[float, float, float, float]], time: float) -> float:
    """Return the regret of the incumbent at a time, infinite before there is one."""
    before = [regret for at, _, _, regret in incumbents if at <= time]
    return before[-1] if before else math.inf
