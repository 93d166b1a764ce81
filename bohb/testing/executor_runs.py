"""Small searches on an executor under test."""

from contextlib import AbstractContextManager
from typing import Any

from bohb.budgets import geometric
from bohb.optimizer.optimizer import Optimizer
from bohb.runner.evaluation import Objective
from bohb.runner.executors.protocol import Features, Submitter, features
from bohb.runner.launch import run
from bohb.runner.report import Report
from bohb.trials import Result, Status

HOUR = 3600


class ExecutorRuns:
    """How the tests of a contract run a search on the executor.

    Attributes:
        survives: Whether a killed worker costs one trial only. If not, it must break the executor for good.
        reruns: Whether the executor itself runs a call again when its worker died.
        is_permanent: Whether the workers outlive the executor, so that a killed one ends the whole program.
        is_slow: Whether a trial takes seconds to start, so that the tests make do with few trials.
        start_seconds: More seconds than a trial takes to start and to return, on a busy machine too.
    """

    survives = False
    reruns = False
    is_permanent = False
    is_slow = False
    start_seconds = 10

    def make(self, workers: int) -> AbstractContextManager[Submitter]:
        """Return a new executor with this many workers; it is used as a context manager."""
        raise NotImplementedError("expected a subclass that makes its executor")

    def run(
        self, objective: Objective, optimizer: Optimizer, *, workers: int = 2, **settings: Any
    ) -> tuple[Report, Features]:
        """Run a search on a new executor; return its report, and what the executor offers."""
        with self.make(workers) as executor:
            report = run(objective, optimizer, executor=executor, workers=workers, progress=False, **settings)
            return report, features(executor)

    def few(self, usual: int, slow: int) -> int:
        """Return a number of trials: the usual one, or a small one if trials are slow to start."""
        return slow if self.is_slow else usual


def make_optimizer() -> Optimizer:
    """Return a small search, the same each time."""
    return Optimizer({"x": (0.0, 1.0)}, budgets=geometric(1, 9, eta=3), seed=3, preset="hyperband")


def make_climber() -> Optimizer:
    """Return a small search that begins with a full training, and trains good configurations on at once."""
    optimizer = Optimizer({"x": (0.0, 1.0)}, budgets=geometric(1, 9, eta=3), seed=3)
    optimizer.enqueue({"x": 0.25}, 9)
    return optimizer


def failures_of(optimizer: Optimizer) -> list[Result]:
    """Return the results that were told as an error."""
    return [result for result in optimizer.results if result.status is Status.ERROR]
