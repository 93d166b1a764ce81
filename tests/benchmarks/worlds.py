"""A problem and an optimizer that take no time, and records with random incumbents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ConfigSpace import ConfigurationSpace
from numpy.random import Generator, default_rng

import bohb
from benchmarks.optimizers.optimizer import Job
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.results import Record
from benchmarks.settings import setting_of


class Line:
    """The loss is the parameter; a training costs its share of the largest budget, or a multiple of that."""

    name, family = "line", "lines"

    def __init__(self, *, price: float = 1.0, noise: float = 0.0) -> None:
        self.space = ConfigurationSpace({"x": (0.0, 1.0)})
        self.ladder = bohb.geometric(1, 9, eta=3)
        self.price, self.noise = price, noise

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        return Evaluation(config["x"] + self.noise * rng.normal(), self.price * budget / 9)

    def regret(self, config: Config) -> float:
        return float(config["x"])


class Listed:
    """Asks for jobs from a list or a function of their number, lost ones first; records what it is told."""

    version: Mapping[str, str] = {"listed": "1"}

    def __init__(
        self, jobs: Sequence[tuple[float, float]] | Callable[[int], tuple[float, float]], thinks: float = 0.0
    ) -> None:
        self.jobs = (lambda i: jobs[i] if i < len(jobs) else None) if isinstance(jobs, Sequence) else jobs
        self.thinks, self.seconds, self.number = thinks, 0.0, 0
        self.told: list[tuple[Job, float]] = []
        self.lost: list[Job] = []
        self.asked: list[Job] = []
        self.again: list[Job] = []
        self.closed = False
        self.recommended: dict[str, Any] | None = None

    def ask(self) -> Job | None:
        self.seconds += self.thinks
        if self.again:
            job: Job | None = self.again.pop()
        else:
            entry = self.jobs(self.number)
            job = None if entry is None else Job(self.number, {"x": entry[0]}, entry[1])
            self.number += 1
        if job is not None:
            self.asked.append(job)
        return job

    def tell(self, job: Job, loss: float) -> None:
        self.told.append((job, loss))

    def lose(self, job: Job) -> None:
        self.lost.append(job)
        self.again.append(job)

    def recommend(self) -> dict[str, Any] | None:
        return self.recommended

    def close(self) -> None:
        self.closed = True


def record(
    problem: str,
    optimizer: str,
    seed: int,
    regrets: Sequence[float],
    *,
    setting: str = "1",
    family: str = "family",
    error: str | None = None,
    **changes: Any,
) -> Record:
    """Return a run whose incumbents change at even steps of the clock, the last one at its end."""
    world = setting_of(setting)
    clock = world.total / world.workers
    steps = [(clock * (i + 1) / len(regrets), 1.0, value, value) for i, value in enumerate(regrets)]
    values: dict[str, Any] = {"versions": {"package": "1.0"}, "incumbents": steps, "evaluations": 20, "failures": 0}
    values |= {
        "lost": 0,
        "busy": clock,
        "ended": clock,
        "seconds": 0.1,
        "wall": 0.2,
        "python": "3.11",
        "machine": "none",
    }
    fixed = {"problem": problem, "family": family, "optimizer": optimizer, "seed": seed, "setting": setting}
    return Record(**fixed, world=asdict(world), error=error, **(values | changes))


def records(
    *, optimizers: Sequence[str] = ("bohb-default", "random", "dehb"), settings: Sequence[str] = ("1",), seeds: int = 3
) -> list[Record]:
    """Return runs on four problems of two families, with random regrets that fall."""
    rng = default_rng(0)
    return [
        record(f"problem-{p}", name, seed, sorted(rng.random(12))[::-1], setting=setting, family=f"family-{p % 2}")
        for setting in settings
        for p in range(4)
        for seed in range(seeds)
        for name in optimizers
    ]
