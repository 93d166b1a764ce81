"""What a live display shows, whoever draws it: a run from its records, or a study from its snapshots."""

from collections.abc import Mapping
from dataclasses import dataclass

from bohb._text import config_line, duration, significant
from bohb.objectives import LOSS
from bohb.optimizer.notebook import incumbent_text
from bohb.optimizer.tally import Tally
from bohb.runner.standing import Standing, best_text
from bohb.study.snapshot import Snapshot
from bohb.trials import Result

MAX_NAMED_WORKERS = 8
"""How many of the trials at work a display lists."""
MAX_REASONS = 5
"""How many reasons of failures it lists."""


@dataclass(frozen=True, slots=True)
class View:
    """What to show at one moment.

    Attributes:
        title: The status in one line.
        fraction: How much is done, from 0 to 1; None if there is no limit.
        tally: The counts of the search; None if its budgets are not known.
        incumbent: The incumbent, or None.
        ages: For how many seconds each trial has been at work, by its id; empty if that is not known.
    """

    title: str
    fraction: float | None
    tally: Tally | None
    incumbent: Result | None
    ages: Mapping[int, float]

    def facts(self) -> list[tuple[str, list[str]]]:
        """Return what stands below the rungs: names, and one line or more each."""
        goal = LOSS if self.tally is None else self.tally.goal
        facts = [("incumbent", [incumbent_text(self.incumbent, goal)])]
        if self.tally is None:
            return facts
        reasons = [str(one) for one in self.tally.failures]
        at_work = [self._at_work(trial_id) for trial_id in self.tally.running]
        shown = [("failures", _cut(reasons, MAX_REASONS)), ("workers", _cut(at_work, MAX_NAMED_WORKERS))]
        return facts + [(name, lines) for name, lines in shown if lines]

    def _at_work(self, trial_id: int) -> str:
        assert self.tally is not None
        trial, age = self.tally.running[trial_id], self.ages.get(trial_id)
        text = f"trial {trial_id} at budget {trial.budget}"
        return f"{text}{'' if age is None else f' for {duration(age)}'}; {config_line(trial.config)}"


def _cut(lines: list[str], limit: int) -> list[str]:
    return lines if len(lines) <= limit else [*lines[:limit], f"and {len(lines) - limit} more"]


def view_of_run(standing: Standing, seconds: float) -> View:
    """Return what to show of a run.

    Args:
        standing: Its status.
        seconds: How long it has run.
    """
    ages = {trial_id: max(0.0, seconds - since) for trial_id, since in standing.since.items()}
    return View(standing.text(seconds), standing.fraction_at(seconds), standing.tally, standing.incumbent, ages)


def view_of_study(name: str, now: Snapshot, found: Tally, at: float) -> View:
    """Return what to show of a study.

    Args:
        name: The name of the study.
        now: The study.
        found: Its counts.
        at: The time, in seconds since 1970.
    """
    ages = {trial.id: max(0.0, at - now.times[trial.id].asked) for trial in now.pending if trial.id in now.times}
    return View(f"{name} | {study_line(now, found)}", None, found, now.incumbent, ages)


def study_line(now: Snapshot, found: Tally) -> str:
    """Return the status of a study in one line."""
    failed = f" ({found.num_failed} failed)" if found.num_failed else ""
    full = significant(found.full_trainings)
    spent = f"spent {significant(found.spent)} ({full} full trainings)"
    best = best_text(now.incumbent, found.goal)
    return f"{found.num_results} results{failed} | {len(now.pending)} running | {spent} | {best}"
