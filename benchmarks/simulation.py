"""Workers in simulated time: an exact queue of events, so that a search of weeks takes as long as its optimizer thinks.

Time is counted in full trainings: an evaluation up to budget b takes b divided by the largest budget, or what the
problem measured. Whatever is random (noise, stragglers, crashes, lost workers) is drawn from the seed, the
configuration and the budget alone, so every optimizer meets the same world.
"""

import hashlib
import heapq
import json
import math
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from benchmarks.optimizers.optimizer import Job, Optimizer
from benchmarks.problems.problem import Problem


@dataclass(frozen=True, slots=True)
class Setting:
    """The world that an optimizer works in.

    Attributes:
        workers: How many evaluate at the same time.
        total: The budget of the whole search, in full trainings; the clock stops at `total / workers`.
        resume: Whether a configuration goes on from where a smaller budget left it, and pays only for the rest.
        measured: Whether an evaluation takes what the problem measured, or what its budget says.
        stragglers: Sigma of the lognormal factor, of mean 1, on the duration of each evaluation.
        crashes: The share of configurations that fail at any budget, after the time of the evaluation.
        losses: The share of evaluations whose worker is lost half-way.
        seconds: What one full training takes on the clock, in seconds; the optimizer's own time is added in this unit,
            one ask or tell at a time. None leaves it out.
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
    """What happened in one search.

    Attributes:
        incumbents: (time, budget, loss, regret) whenever the incumbent changes: the lowest observed loss at the largest
            budget seen so far.
        evaluations: How many results were told.
        failures: How many of them were failures.
        lost: How many evaluations were lost with their worker.
        busy: The time that workers spent evaluating.
        ended: When the search ended: at the end of the clock, or earlier if the optimizer stopped asking.
    """

    incumbents: list[tuple[float, float, float, float]] = field(default_factory=list)
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
    is_lost: bool


class Simulation:
    """One search: an optimizer, a problem, a world, a seed."""

    def __init__(self, optimizer: Optimizer, problem: Problem, setting: Setting, seed: int) -> None:
        self.optimizer, self.problem, self.setting, self.seed = optimizer, problem, setting, seed
        self.deadline = setting.total / setting.workers
        self.trace = Trace()
        self._events: list[tuple[float, int, _Running]] = []
        self._numbers = count()
        self._trained: dict[str, float] = {}  # by configuration: what is paid for already
        self._attempts: dict[tuple[str, float], int] = {}
        self._free_at = 0.0  # when the optimizer has finished thinking

    def run(self) -> Trace:
        """Runs to the end of the clock."""
        free, now = self.setting.workers, 0.0
        while True:
            free -= self._start(free, now)
            if not self._events or self._events[0][0] > self.deadline:
                break
            now, _, running = heapq.heappop(self._events)
            free += 1
            self._finish(running, now)
        self.trace.ended = self.deadline if self._events else now
        return self.trace

    def _start(self, free: int, now: float) -> int:
        """Gives jobs to free workers; returns to how many."""
        for started in range(free):
            spent = self.optimizer.seconds
            job = self.optimizer.ask()
            at = self._think(now, spent)
            if job is None or at > self.deadline:
                return started
            self._evaluate(job, at)
        return free

    def _think(self, now: float, spent: float) -> float:
        """Returns when the optimizer is done with what it was asked at `now`; it does one thing at a time."""
        if self.setting.seconds is None:
            return now
        self._free_at = max(now, self._free_at) + (self.optimizer.seconds - spent) / self.setting.seconds
        return self._free_at

    def _evaluate(self, job: Job, start: float) -> None:
        key = json.dumps(job.config, sort_keys=True, default=_plain)
        rng = self._rng(key, job.budget)
        evaluation = self.problem.evaluate(job.config, job.budget, rng)
        attempt = self._attempts[key, job.budget] = self._attempts.get((key, job.budget), -1) + 1
        chance = self._rng(key, job.budget, attempt + 1)
        cost = evaluation.cost if self.setting.measured else job.budget / self.problem.ladder[-1]
        duration = max(cost - self._trained.get(key, 0.0), 0.0) * self._factor(chance)
        is_lost = chance.random() < self.setting.losses
        crashed = self._rng(key).random() < self.setting.crashes
        end = start + duration * (0.5 if is_lost else 1.0)
        self.trace.busy += min(end, self.deadline) - start
        if self.setting.resume and not is_lost:
            self._trained[key] = max(cost, self._trained.get(key, 0.0))
        running = _Running(job, math.nan if crashed else evaluation.loss, key, is_lost)
        heapq.heappush(self._events, (end, next(self._numbers), running))

    def _factor(self, chance: np.random.Generator) -> float:
        sigma = self.setting.stragglers
        return float(chance.lognormal(-(sigma**2) / 2, sigma)) if sigma else 1.0

    def _finish(self, running: _Running, now: float) -> None:
        spent = self.optimizer.seconds
        if running.is_lost:
            self.trace.lost += 1
            self.optimizer.lose(running.job)
        else:
            self.trace.evaluations += 1
            self.trace.failures += not math.isfinite(running.loss)
            self.optimizer.tell(running.job, running.loss)
            self._note(running, now)
        self._think(now, spent)

    def _note(self, running: _Running, now: float) -> None:
        """Records the incumbent if it changed."""
        if not math.isfinite(running.loss):
            return
        budget = running.job.budget
        _, largest, lowest, _ = self.trace.incumbents[-1] if self.trace.incumbents else (0.0, -math.inf, 0.0, 0.0)
        if budget > largest or (budget == largest and running.loss < lowest):
            self.trace.incumbents.append((now, budget, running.loss, self.problem.regret(running.job.config)))

    def _rng(self, key: str, *numbers: float) -> np.random.Generator:
        """Returns a generator that depends on the seed, the configuration and the numbers alone."""
        text = f"{self.seed}|{key}|{'|'.join(format(number, '.9g') for number in numbers)}"
        return np.random.Generator(np.random.SFC64(int.from_bytes(hashlib.blake2b(text.encode()).digest()[:16])))


def simulate(optimizer: Optimizer, problem: Problem, setting: Setting, seed: int) -> Trace:
    """Runs one search to the end of the clock."""
    return Simulation(optimizer, problem, setting, seed).run()


def _plain(value: object) -> object:
    """Returns a numpy scalar as Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"expected a JSON-able value in a configuration, got {value!r}")


def regret_at(incumbents: list[tuple[float, float, float, float]], time: float) -> float:
    """Returns the regret of the incumbent at a time, infinite before there is one."""
    before = [regret for at, _, _, regret in incumbents if at <= time]
    return before[-1] if before else math.inf
