"""The limits of a run, and the cost of a trial."""

import math
from dataclasses import dataclass
from typing import Any

from bohb._checks import check_positive, positive_integer, real
from bohb._plain import scalar
from bohb._text import brief
from bohb.errors import SettingError
from bohb.runner.interface import AskTell
from bohb.trials import Trial


@dataclass(frozen=True, slots=True)
class Limits:
    """When to start no more trials.

    Raises:
        SettingError: If nothing ends the run, or a limit is not valid.
    """

    max_trials: int | None
    max_seconds: float | None
    max_budget: float | None
    target: float | None = None
    patience: float | None = None
    max_failures: int | None = None

    def __post_init__(self) -> None:
        for name in Limits.__slots__:
            object.__setattr__(self, name, scalar(getattr(self, name)))
        ending = [name for name in Limits.__slots__ if name != "max_failures"]
        if not self.given.keys() & set(ending):
            raise SettingError(f"expected at least one of {', '.join(ending)}; the search itself never ends")
        for name, value in self.given.items():
            if name == "target":
                self._keep(name, _finite(name, value))
            elif name == "max_failures":
                positive_integer(name, value)
            else:
                self._keep(name, check_positive(name, value))

    def _keep(self, name: str, number: float) -> None:
        """Keep a limit of another type, whose comparison may raise anything, as a plain number."""
        if type(getattr(self, name)) is not int:
            object.__setattr__(self, name, number)

    @property
    def given(self) -> dict[str, float]:
        """The limits that were given, by name."""
        return {name: value for name in Limits.__slots__ if (value := getattr(self, name)) is not None}

    def reached(self, num_trials: int, seconds: float, spent: float) -> str | None:
        """Return the name of a limit that is reached, or None."""
        amounts = {"max_trials": num_trials, "max_seconds": seconds, "max_budget": spent}
        for name, amount in amounts.items():
            limit = getattr(self, name)
            if limit is not None and amount >= limit:
                return name
        return None


def _finite(name: str, value: object) -> float:
    number = real(value)
    if number is None or not math.isfinite(number):
        raise SettingError(f"expected a finite number as {name}, got {brief(value)}")
    return number


def cost(search: AskTell, trial: Trial, *, before: Trial | None = None, used: Any = None) -> float:
    """Return the cost of a trial, in units of the ladder: of its whole budget, or of what is trained already.

    Args:
        search: The search.
        trial: The trial.
        before: The trial whose training it continues in place, if it does.
        used: How much of the budget it used, if that is less.
    """
    ladder = search.ladder
    full = ladder.costs[ladder.level(trial.budget)] if used is None else ladder.cost(used)
    start = resumed_from(search, trial) if before is None else before.budget
    return full if start is None else max(0, full - ladder.cost(start))


def resumed_from(search: AskTell, trial: Trial) -> Any:
    """Return the budget at which the checkpoint was written from which a trial resumes; None without one."""
    if trial.checkpoint is None or trial.previous is None:
        return None
    used = next((result.used for result in search.results if result.trial.id == trial.previous), None)
    return search.trial(trial.previous).budget if used is None else used
