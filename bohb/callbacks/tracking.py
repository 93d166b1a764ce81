"""What trackers have in common: each result once, and names, values and steps as they accept them.

Trackers need flat names, numbers and integer steps. A configuration may have any name and value, and a budget may be a
mapping.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bohb.objectives import LOSS, Goal, goal_of
from bohb.runner.records import Record, RunStarted, TrialEnded
from bohb.trials import Result, Trial

MAX_TEXT = 500
"""The longest text that is stored as a value, in characters."""


def step(trial: Trial) -> int:
    """Return the step of a trial: the budget if it is an integer, else the rung."""
    budget = trial.budget
    if isinstance(budget, int | float) and budget == int(budget):
        return int(budget)
    return trial.rung or 0  # a trial outside all brackets has none


def reported(result: Result, goal: Goal) -> list[tuple[int, float]]:
    """Return what was reported on the way to a result, as pairs of an ascending step and a value of the objective.

    What was reported at a budget that is no integer is left out: it has no step.
    """
    last = step(result.trial)
    steps = {int(budget): goal.value(loss) for budget, loss in result.curve if _is_step(budget)}
    return sorted((at, value) for at, value in steps.items() if at < last)


def _is_step(budget: Any) -> bool:
    return isinstance(budget, int | float) and not isinstance(budget, bool) and budget == int(budget)


class WrittenTrials:
    """The trials that are written already, in a file with one number a line: a resumed search writes none twice.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids = set(path.read_text().split()) if path.exists() else set()

    def __contains__(self, trial: Trial) -> bool:
        return str(trial.id) in self._ids

    def add(self, trial: Trial) -> None:
        """Note that a trial is written."""
        self._ids.add(str(trial.id))
        with self._path.open("a") as file:
            file.write(f"{trial.id}\n")


class WritesOnce(ABC):
    """A callback for a tracker to which each result is written once, also by a search that is resumed.

    Args:
        directory: The folder of the tracker's files; it is made if need be.
        written: The name of the file there that lists the trials that are written.
    """

    def __init__(self, directory: str | Path, written: str) -> None:
        self._directory = Path(directory).absolute()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._goal = LOSS
        self._written = WrittenTrials(self._directory / written)

    def __call__(self, record: Record) -> None:
        """Write a record."""
        match record:
            case RunStarted():
                self._goal = goal_of(record)
                for result in record.results:
                    self._write_once(result)
            case TrialEnded():
                self._write_once(record.result)

    def _write_once(self, result: Result) -> None:
        if result.trial not in self._written:
            self._write(result)
            self._written.add(result.trial)

    @abstractmethod
    def _write(self, result: Result) -> None:
        """Write a result, also that of a failure."""


def budget_name(trial: Trial) -> str:
    """Return the budget as a part of a name."""
    return safe_name(str(trial.budget))


def metric_values(result: Result, goal: Goal) -> dict[str, float]:
    """Return the metrics of a success by name: the objective, the same with its budget in the name, and the others."""
    of_budget = f"{safe_name(goal.name)}.budget_{budget_name(result.trial)}"
    return told_values(result, goal) | {of_budget: goal.value(result.loss)}


def told_values(result: Result, goal: Goal) -> dict[str, float]:
    """Return the objective of a success and the other metrics by name."""
    others = {safe_name(other): number for other, number in result.metrics.items()}
    return others | {safe_name(goal.name): goal.value(result.loss)}


def safe_name(text: str) -> str:
    """Return a name that every tracker accepts: letters, digits, and `_ - .`."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("_") or "_"


def plain_values(config: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Return a configuration with safe, distinct names, and with every value but numbers as text."""
    plain: dict[str, bool | int | float | str] = {}
    for name, value in config.items():
        safe = safe_name(str(name))
        while safe in plain:
            safe += "_"
        plain[safe] = value if isinstance(value, bool | int | float) else str(value)[:MAX_TEXT]
    return plain
