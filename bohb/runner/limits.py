"""The limits of a run, and the cost of a trial."""

from dataclasses import dataclass

from bohb._checks import check_positive
from bohb.errors import SettingError
from bohb.runner.interface import AskTell
from bohb.trials import Trial


@dataclass(frozen=True, slots=True)
class Limits:
    """When to start no more trials.

    Raises:
        SettingError: If there is no limit, or a limit is not positive.
    """

    max_trials: int | None
    max_seconds: float | None
    max_budget: float | None

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in Limits.__slots__ if getattr(self, name) is not None}
        if not given:
            raise SettingError(f"expected at least one of {', '.join(Limits.__slots__)}; the search itself never ends")
        for name, value in given.items():
            check_positive(name, value)

    def reached(self, num_trials: int, seconds: float, spent: float) -> str | None:
        """Return the name of a limit that is reached, or None."""
        for name, amount in zip(Limits.__slots__, (num_trials, seconds, spent), strict=True):
            limit = getattr(self, name)
            if limit is not None and amount >= limit:
                return name
        return None


def cost(search: AskTell, trial: Trial) -> float:
    """Return the cost of a trial, in units of the ladder: of its whole budget, or of what its checkpoint lacks."""
    ladder = search.ladder
    full = ladder.costs[ladder.level(trial.budget)]
    if trial.checkpoint is None or trial.previous is None:
        return full
    return full - ladder.costs[ladder.level(search.trial(trial.previous).budget)]
