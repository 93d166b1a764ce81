"""The one loop: ask, submit, wait, tell. It is the same for every engine that follows `concurrent.futures`."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

from bohb.errors import SettingError, SpaceExhausted
from bohb.optimizer import Optimizer
from bohb.runner.report import Report
from bohb.runner.serial import SerialExecutor
from bohb.trials import Result, Status, Trial

Objective = Callable[[Trial], Any]
"""Takes a trial; returns its loss, or a mapping with `"loss"` and, if wanted, `"checkpoint"` and `"info"`."""

Callback = Callable[[Optimizer, Result], None]
"""Called with the optimizer and each result, after it is told."""


def run(
    objective: Objective,
    optimizer: Optimizer,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    max_trials: int | None = None,
    max_seconds: float | None = None,
    max_budget: float | None = None,
    callbacks: Sequence[Callback] = (),
) -> Report:
    """Evaluates trials until a limit is reached, and tells the optimizer every outcome.

    No trial starts once a limit is reached; what runs is waited for and told. On Ctrl-C, what runs is forgotten, so
    that the next run asks it again.

    Args:
        objective: Takes a trial, returns its loss, or a mapping with `"loss"` and, if wanted, `"checkpoint"` and
            `"info"`. An exception makes the trial a failure.
        optimizer: What to ask and tell.
        executor: Where to evaluate, any PEP 3148 executor; by default in this process, one after the other. It is
            not shut down.
        workers: How many trials run at the same time.
        max_trials: How many trials to start.
        max_seconds: After how many seconds to start no more.
        max_budget: How much to spend in all, in units of the ladder's costs; a promotion that resumes pays the
            difference only. The last trial to start may exceed it.
        callbacks: Called with the optimizer and each result, after it is told.

    Returns:
        What the run did.

    Raises:
        SettingError: If there is no limit, or a limit is not positive.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise SettingError(f"expected a positive integer as workers, got {workers!r}")
    limits = Limits(max_trials, max_seconds, max_budget)
    loop = _Loop(objective, optimizer, SerialExecutor() if executor is None else executor, workers, limits, callbacks)
    try:
        stopped_by = loop.run()
    except KeyboardInterrupt:
        stopped_by = "interrupted"
    finally:
        loop.forget_rest()
    return loop.report(stopped_by)


@dataclass(frozen=True, slots=True)
class Limits:
    """When to start no more trials."""

    max_trials: int | None
    max_seconds: float | None
    max_budget: float | None

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in Limits.__slots__ if getattr(self, name) is not None}
        if not given:
            raise SettingError(f"expected at least one of {', '.join(Limits.__slots__)}; the search itself never ends")
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise SettingError(f"expected a positive number as {name}, got {value!r}")

    def reached(self, num_started: int, seconds: float, spent: float) -> str | None:
        """Returns the name of a limit that is reached, or None."""
        for name, amount in zip(Limits.__slots__, (num_started, seconds, spent), strict=True):
            limit = getattr(self, name)
            if limit is not None and amount >= limit:
                return name
        return None


def cost(optimizer: Optimizer, trial: Trial) -> float:
    """Returns what a trial pays, in units of the ladder's costs: its whole budget, or what its checkpoint lacks."""
    ladder = optimizer.ladder
    full = ladder.costs[ladder.level(trial.budget)]
    if trial.checkpoint is None or trial.previous is None:
        return full
    return full - ladder.costs[ladder.level(optimizer.trial(trial.previous).budget)]


@dataclass(slots=True)
class _Loop:
    """One run: what it was given, what is in flight, what is used up."""

    objective: Objective
    optimizer: Optimizer
    engine: Executor
    workers: int
    limits: Limits
    callbacks: Sequence[Callback]
    started_at: float = field(default_factory=time.monotonic)
    asked: dict[int, Trial] = field(default_factory=dict)
    running: dict[Future[Any], Trial] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    num_started: int = 0
    spent: float = 0.0

    def run(self) -> str:
        """Keeps every worker busy until a limit is reached and nothing runs; returns what was reached."""
        stopped_by: str | None = None
        while True:
            while stopped_by is None and len(self.running) < self.workers:
                stopped_by = self.limits.reached(self.num_started, self.seconds, self.spent) or self.start()
            if stopped_by is not None and not self.running:
                return stopped_by
            done, _ = wait(self.running, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: self.running[future].id):
                self.finish(future)

    def start(self) -> str | None:
        """Asks and submits one trial; returns why not, or None."""
        try:
            trial = self.optimizer.ask()
        except SpaceExhausted:
            return "space exhausted"
        self.asked[trial.id] = trial
        self.num_started += 1
        self.spent += cost(self.optimizer, trial)
        self.running[self.engine.submit(self.objective, trial)] = trial
        return None

    def finish(self, future: Future[Any]) -> None:
        """Tells what a future holds."""
        trial = self.running.pop(future)
        result = _tell(self.optimizer, trial, future)
        del self.asked[trial.id]
        self.results.append(result)
        for callback in self.callbacks:
            callback(self.optimizer, result)

    def forget_rest(self) -> None:
        """Forgets what was asked and not told."""
        for future in self.running:
            future.cancel()
        for trial in self.asked.values():
            self.optimizer.forget(trial)

    @property
    def seconds(self) -> float:
        """How long the run has lasted."""
        return time.monotonic() - self.started_at

    def report(self, stopped_by: str) -> Report:
        """Returns what the run did."""
        return Report(
            incumbent=self.optimizer.incumbent,
            trajectory=self.optimizer.trajectory(),
            num_trials=len(self.results),
            num_failures=sum(result.status not in (Status.OK, Status.LATE) for result in self.results),
            spent=self.spent,
            seconds=self.seconds,
            stopped_by=stopped_by,
        )


def _tell(optimizer: Optimizer, trial: Trial, future: Future[Any]) -> Result:
    error = future.exception()
    if error is not None:
        return optimizer.tell(trial, error)
    value = future.result()
    if not isinstance(value, Mapping):
        return optimizer.tell(trial, value)
    return optimizer.tell(trial, value.get("loss"), checkpoint=value.get("checkpoint"), info=value.get("info"))
