"""The totals of a run, and the report at its end, for terminals and notebooks."""

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bohb._html import pairs
from bohb._text import config_line, duration, significant, visible
from bohb.objectives import goal_of
from bohb.runner.interface import AskTell
from bohb.trials import Result


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did.

    Attributes:
        incumbent: The best result at the largest budget that has one, or None.
        trajectory: The results that were the incumbent, in order.
        num_trials: The number of trials that this run told.
        num_failures: The number of them that failed.
        num_lost: How often a worker was lost under a trial.
        spent: The cost of the told trials, in units of the ladder; a promotion that resumes pays only the difference.
        seconds: The duration of the run.
        busy_seconds: How long the workers evaluated, summed over the workers.
        idle_seconds: How long they did not.
        stopped_by: Why it ended: the name of the limit (`"target"` and `"patience"` are limits too), the text of a
            `StopRun`, which error the first trials have in common, `"space exhausted"`, `"interrupted"` or
            `"terminated"`.
        first_failure: The error of the first trial that failed, or None.
        output: The folder of what the trials printed, `trial-<id>.out` and `trial-<id>.err`, or None if they printed
            nothing, or printed to the terminal. Without a directory it is temporary, and deleted when this program
            ends.
        objectives: The metric that was told, and its direction; None for a loss to minimise.
        last_traceback: The traceback of the last failure, or the end of stderr of its command, if the run was stopped
            by failures.
    """

    incumbent: Result | None
    trajectory: Sequence[Result]
    num_trials: int
    num_failures: int
    num_lost: int
    spent: float
    seconds: float
    busy_seconds: float
    idle_seconds: float
    stopped_by: str
    first_failure: str | None
    output: Path | None = None
    objectives: Mapping[str, str] | None = None
    last_traceback: str | None = None

    def __str__(self) -> str:
        """Return the report as a few lines of text."""
        lines = [f"{name + ':' if name else '':<12} {value}" for name, value in self._rows()]
        return "\n".join([*lines, *([] if self.last_traceback is None else ["", self._visible_traceback()])])

    def _repr_html_(self) -> str:
        """Return the report as a table for notebooks, with every value escaped."""
        error = "" if self.last_traceback is None else f"<pre>{html.escape(self._visible_traceback())}</pre>"
        return pairs("run", self._rows()) + error

    def _visible_traceback(self) -> str:
        return visible(self.last_traceback or "", keep_lines=True).strip()

    def _rows(self) -> list[tuple[str, str]]:
        total = self.busy_seconds + self.idle_seconds
        rows = [
            ("trials", f"{self.num_trials} ({self.num_failures} failed, {self.num_lost} lost with their worker)"),
            ("spent", f"{significant(self.spent)} of budget in {duration(self.seconds)}"),
            ("workers", f"busy {self.busy_seconds:.1f} s, idle {self.idle_seconds:.1f} s ({_share(self, total)} busy)"),
            ("stopped by", self.stopped_by),
            *self._incumbent_rows(),
        ]
        if self.first_failure is not None:
            rows.append(("1st failure", visible(self.first_failure)))
        if self.first_failure is not None and self.output is not None:
            rows.append(("output", visible(str(self.output))))
        return rows

    def _incumbent_rows(self) -> list[tuple[str, str]]:
        if self.incumbent is None:
            return [("incumbent", "none: no trial succeeded")]
        trial = self.incumbent.trial
        return [
            ("incumbent", f"{goal_of(self).text(self.incumbent.loss)} at budget {trial.budget} (trial {trial.id})"),
            ("", config_line(trial.config)),
            ("improved", f"{len(self.trajectory)} times"),
        ]


@dataclass(slots=True)
class RunTotals:
    """The totals of a run so far.

    Attributes:
        results: What was told, in order.
        spent: What the told trials cost.
        busy_seconds: How long the workers evaluated, lost trials included.
        losses: How often a worker was lost, by configuration id and level of the ladder.
    """

    results: list[Result] = field(default_factory=list)
    spent: float = 0.0
    busy_seconds: float = 0.0
    losses: Counter[tuple[int, int]] = field(default_factory=Counter)

    @property
    def last_traceback(self) -> str | None:
        """The traceback of the last failure, or the end of stderr of its command; None if neither is known."""
        info = next((result.info for result in reversed(self.results) if result.is_failure), {})
        text = info.get("traceback") or info.get("stderr")
        return None if text is None else str(text)

    def report(self, search: AskTell, *, seconds: float, workers: int, stopped_by: str, output: Path | None) -> Report:
        """Return the report of the run."""
        failures = [result for result in self.results if result.is_failure]
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
            objectives=goal_of(search).objectives,
        )


def _describe(failure: Result) -> str:
    return f"trial {failure.trial.id}: {failure.reason}"


def _share(report: Report, total: float) -> str:
    return f"{report.busy_seconds / total:.1%}" if total > 0 else "0%"
