"""What a run did so far, counted; `report` makes the record of it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bohb.runner.report import Report
from bohb.runner.search import Search
from bohb.trials import Result, Status


@dataclass(slots=True)
class Tally:
    """What a run did so far.

    Attributes:
        results: What was told, in order.
        spent: What that cost.
        busy_seconds: How long workers were at it, also in vain.
        losses: How often a configuration lost its worker at a budget, by id and level.
    """

    results: list[Result] = field(default_factory=list)
    spent: float = 0.0
    busy_seconds: float = 0.0
    losses: Counter[tuple[int, int]] = field(default_factory=Counter)

    def report(self, search: Search, *, seconds: float, workers: int, stopped_by: str, output: Path | None) -> Report:
        """Returns what the run did, in so many seconds with so many workers, and where the trials printed."""
        failures = [result for result in self.results if result.status not in (Status.OK, Status.LATE)]
        return Report(
            incumbent=search.incumbent,
            trajectory=search.trajectory(),
            num_trials=len(self.results),
            num_failures=len(failures),
            num_lost=sum(self.losses.values()),
            spent=self.spent,
            seconds=seconds,
            busy_seconds=self.busy_seconds,
            idle_seconds=max(0.0, seconds * workers - self.busy_seconds),
            stopped_by=stopped_by,
            first_failure=_describe(failures[0]) if failures else None,
            output=output,
        )


def _describe(failure: Result) -> str:
    return f"trial {failure.trial.id}: {failure.info.get('error', failure.status)}"
