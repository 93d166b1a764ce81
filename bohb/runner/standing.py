"""The status of a run in one line, counted from its records."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bohb._text import duration, significant
from bohb.objectives import LOSS, Goal, goal_of
from bohb.optimizer.tally import Tally, tally
from bohb.runner.records import Record, RunEnded, RunStarted, TrialEnded, TrialLost, TrialStarted
from bohb.runner.report import Report
from bohb.trials import Result


@dataclass(slots=True)
class Standing:
    """The status of a run, from the records so far.

    Attributes:
        limits: The limits of the run, by name.
        incumbent: The incumbent.
        goal: What is optimised.
        num_trials: The number of trials that ended.
        num_failures: The number of them that failed.
        num_running: The number of trials that run now.
        spent: The cost of the trials that ended.
        seconds: How long the run has taken.
        tally: What the search has done; None if the budgets are not known.
        since: When each running trial started, in seconds of the run, by its id.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    incumbent: Result | None = None
    goal: Goal = LOSS
    num_trials: int = 0
    num_failures: int = 0
    num_running: int = 0
    spent: float = 0.0
    seconds: float = 0.0
    tally: Tally | None = None
    since: dict[int, float] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Update the status from a record."""
        match record:
            case RunStarted():
                self.limits, self.incumbent, self.goal = record.limits, record.incumbent, goal_of(record)
                self.tally = None if record.ladder is None else tally(record.ladder, record.results, goal=self.goal)
            case TrialStarted():
                self.num_running, self.seconds = self.num_running + 1, record.seconds
                self.since[record.trial.id] = record.seconds
                if self.tally is not None:
                    self.tally.start(record.trial)
            case TrialLost():
                self.num_running, self.seconds = self.num_running - 1, record.seconds
                self.since.pop(record.trial.id, None)
                if self.tally is not None:
                    self.tally.lose(record.trial)
            case TrialEnded():
                self._end(record)
            case RunEnded():
                self.seconds = record.report.seconds

    def _end(self, record: TrialEnded) -> None:
        self.num_running -= 1
        self.num_failures += record.result.is_failure
        self.incumbent, self.num_trials = record.incumbent, record.num_trials
        self.spent, self.seconds = record.spent, record.seconds
        self.since.pop(record.result.trial.id, None)
        if self.tally is not None:
            self.tally.end(record.result)

    @property
    def fraction(self) -> float:
        """How much of the run is done, from 0 to 1: the largest used share of any limit."""
        return self.fraction_at(self.seconds)

    def fraction_at(self, seconds: float) -> float:
        """Return how much of the run is done when it has taken so many seconds."""
        used = {"max_trials": self.num_trials, "max_seconds": seconds, "max_budget": self.spent}
        return min(1.0, max((used[name] / limit for name, limit in self.limits.items() if name in used), default=0.0))

    def __str__(self) -> str:
        return self.text(self.seconds)

    def text(self, seconds: float) -> str:
        """Return the status when the run has taken so many seconds."""
        trials = f"{self.num_trials} trials"
        if "max_trials" in self.limits:
            trials = f"{self.num_trials} of {self.limits['max_trials']} trials"
        failed = f" ({self.num_failures} failed)" if self.num_failures else ""
        spent = f"spent {significant(self.spent)}"
        if "max_budget" in self.limits:
            spent += f" of {significant(float(self.limits['max_budget']))}"
        parts = [
            trials + failed,
            f"{self.num_running} running",
            spent,
            best_text(self.incumbent, self.goal),
            self._time(seconds),
        ]
        return " | ".join(parts)

    def _time(self, seconds: float) -> str:
        taken, fraction = duration(seconds), self.fraction_at(seconds)
        if not 0 < fraction < 1:
            return taken
        return f"{taken}, about {duration(seconds * (1 / fraction - 1))} left"


def summary(report: Report) -> str:
    """Return a summary of a run in one line."""
    failed = f" ({report.num_failures} failed)" if report.num_failures else ""
    parts = [
        f"{report.num_trials} trials{failed}",
        f"spent {significant(report.spent)}",
        best_text(report.incumbent, goal_of(report)),
    ]
    return " | ".join([*parts, duration(report.seconds), f"stopped by {report.stopped_by}"])


def best_text(incumbent: Result | None, goal: Goal) -> str:
    """Return the incumbent as a part of a line."""
    if incumbent is None:
        return "no result yet"
    value = goal.text(incumbent.loss) if goal.is_declared else significant(incumbent.loss)
    return f"best {value} at budget {incumbent.trial.budget}"
