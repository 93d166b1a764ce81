"""The status of a run in one line, counted from its records."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bohb.runner.records import Record, RunEnded, RunStarted, TrialEnded, TrialLost, TrialStarted
from bohb.runner.report import Report
from bohb.trials import Result


@dataclass(slots=True)
class Standing:
    """The status of a run, from the records so far.

    Attributes:
        limits: The limits of the run, by name.
        incumbent: The incumbent.
        num_trials: The number of trials that ended.
        num_failures: The number of them that failed.
        num_running: The number of trials that run now.
        spent: The cost of the trials that ended.
        seconds: How long the run has taken.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    incumbent: Result | None = None
    num_trials: int = 0
    num_failures: int = 0
    num_running: int = 0
    spent: float = 0.0
    seconds: float = 0.0

    def take(self, record: Record) -> None:
        """Update the status from a record."""
        match record:
            case RunStarted():
                self.limits, self.incumbent = record.limits, record.incumbent
            case TrialStarted():
                self.num_running, self.seconds = self.num_running + 1, record.seconds
            case TrialLost():
                self.num_running, self.seconds = self.num_running - 1, record.seconds
            case TrialEnded():
                self.num_running -= 1
                self.num_failures += record.result.is_failure
                self.incumbent, self.num_trials = record.incumbent, record.num_trials
                self.spent, self.seconds = record.spent, record.seconds
            case RunEnded():
                self.seconds = record.report.seconds

    @property
    def fraction(self) -> float:
        """How much of the run is done, from 0 to 1: the largest used share of any limit."""
        used = {"max_trials": self.num_trials, "max_seconds": self.seconds, "max_budget": self.spent}
        return min(1.0, max((used[name] / limit for name, limit in self.limits.items() if name in used), default=0.0))

    def __str__(self) -> str:
        trials = f"{self.num_trials} trials"
        if "max_trials" in self.limits:
            trials = f"{self.num_trials} of {self.limits['max_trials']} trials"
        failed = f" ({self.num_failures} failed)" if self.num_failures else ""
        spent = f"spent {self.spent:g}"
        if "max_budget" in self.limits:
            spent += f" of {self.limits['max_budget']:g}"
        parts = [trials + failed, f"{self.num_running} running", spent, _incumbent(self.incumbent), self._time()]
        return " | ".join(parts)

    def _time(self) -> str:
        taken = _duration(self.seconds)
        if not 0 < self.fraction < 1:
            return taken
        return f"{taken}, about {_duration(self.seconds * (1 / self.fraction - 1))} left"


def summary(report: Report) -> str:
    """Return a summary of a run in one line."""
    failed = f" ({report.num_failures} failed)" if report.num_failures else ""
    parts = [f"{report.num_trials} trials{failed}", f"spent {report.spent:g}", _incumbent(report.incumbent)]
    return " | ".join([*parts, _duration(report.seconds), f"stopped by {report.stopped_by}"])


def _incumbent(incumbent: Result | None) -> str:
    if incumbent is None:
        return "no result yet"
    return f"best {incumbent.loss:.6g} at budget {incumbent.trial.budget}"


def _duration(seconds: float) -> str:
    """Return a duration as text, such as `2 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
