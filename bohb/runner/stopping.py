"""When a run has enough, or too much: its target, its patience, its failures, and what a callback says.

No trial starts then, and the run waits for those that are running, as it does at every limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bohb.budgets import Ladder
from bohb.objectives import LOSS, Goal
from bohb.runner.limits import Limits
from bohb.trials import Result, Status, failure_kind

FEWEST_ALIKE, ALIKE_PER_WORKER = 8, 2
"""A run whose first trials all fail alike stops after this many, or after this many for each worker if that is more."""


class StopRun(Exception):
    """Raise it in a callback to end the run; `Report.stopped_by` is then the text that you give.

    No trial starts any more, and the run waits for those that are running.
    """


@dataclass(slots=True)
class Stopping:
    """Decides after each tell whether to go on.

    Attributes:
        limits: The limits of the run.
        ladder: The ladder.
        workers: How many trials run at the same time.
        incumbent: The incumbent.
        goal: The metric in which the target is given.
        reason: Why to start no more trials; None to go on.
        by_failures: Whether that is because of failures.
    """

    limits: Limits
    ladder: Ladder
    workers: int
    incumbent: Result | None
    goal: Goal = LOSS
    reason: str | None = None
    by_failures: bool = False
    _improved_at: float = field(default=0.0, init=False)
    _num_failures: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.reason = self._enough(0.0)

    def request(self, reason: str | None) -> None:
        """Note that a callback wants the run to end, if it gave a reason."""
        self.reason = self.reason or reason

    def take(self, results: Sequence[Result], spent: float, incumbent: Result | None) -> None:
        """Judge the run after a tell.

        Args:
            results: What the run told, in order.
            spent: The cost of these trials.
            incumbent: The incumbent after the tell.
        """
        if incumbent != self.incumbent:
            self.incumbent, self._improved_at = incumbent, spent
        self._num_failures += results[-1].is_failure
        failed = self._too_many_failures(results)
        self.by_failures = self.by_failures or (self.reason is None and failed is not None)
        self.reason = self.reason or failed or self._enough(spent)

    def _enough(self, spent: float) -> str | None:
        """Return the name of the limit that is reached: the loss is good, or too much was spent without improvement."""
        target, patience, best = self.limits.target, self.limits.patience, self.incumbent
        if target is not None and best is not None and self._is_full(best) and is_reached(best, target, self.goal):
            return "target"
        if patience is not None and spent - self._improved_at >= patience * self.ladder.costs[-1]:
            return "patience"
        return None

    def _is_full(self, result: Result) -> bool:
        return self.ladder.level(result.trial.budget) == len(self.ladder) - 1

    def _too_many_failures(self, results: Sequence[Result]) -> str | None:
        if self.limits.max_failures is not None:
            return "max_failures" if self._num_failures >= self.limits.max_failures else None
        num = max(FEWEST_ALIKE, ALIKE_PER_WORKER * self.workers)
        if len(results) != num or self._num_failures < num:
            return None
        kinds = {(result.status, failure_kind(result)) for result in results}
        status, kind = kinds.pop()
        return f"the first {num} trials all failed with {kind}" if not kinds and status is Status.ERROR else None


def is_reached(result: Result, target: float, goal: Goal) -> bool:
    """Whether a result is at least as good as the target, a value of the metric."""
    return result.loss <= goal.loss(target)
