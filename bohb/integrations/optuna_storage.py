"""The trials of a study of Optuna as a search reads and writes them, in the storage of the study."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bohb.exchange.optuna_trials import is_feasible, plain_choice, results_of
from bohb.integrations.scattered import ScatteredSearch
from bohb.objectives import goal_of
from bohb.trials import Failure, Trial

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState

LOG = "bohb:log"
"""The system attribute of a trial that holds its events."""


def read(search: ScatteredSearch, study: "Study") -> None:
    """Bring a search up to what the storage holds.

    Trials that it did not ask are adopted, and so is one whose process ended before it could tell. One that failed
    without being told was lost with its process, and is forgotten.
    """
    trials = study.get_trials(deepcopy=False)
    logs = {trial.number: log["events"] for trial in trials if (log := _log(trial, search))}
    over = [trial for trial in trials if trial.state.is_finished() and trial.number not in search.settled]
    for trial in over:
        if trial.number not in logs:
            _adopt(search, trial)
    search.read(logs)
    for trial in over:
        if search.running(trial.number) is not None:
            _adopt(search, trial)
            search.lose(trial.number)
    search.settled |= {trial.number for trial in over}


def log_of(trial: "FrozenTrial") -> Any:
    """Return the log of a trial; None if it has none, or a copy of another one's, as Optuna's retries have."""
    log = trial.system_attrs.get(LOG)
    return log if log is not None and log.get("trial", trial.number) == trial.number else None


def _log(trial: "FrozenTrial", search: ScatteredSearch) -> Any:
    log = log_of(trial)
    return log if log is not None and log["search"] == search.key else None


def _adopt(search: ScatteredSearch, trial: "FrozenTrial") -> None:
    search.adopt(results_of(trial, search.ladder, goal_of(search)))


def given(trial: "FrozenTrial", search_space: "Mapping[str, BaseDistribution]") -> dict[str, Any]:
    """Return the values that a trial starts with, because it was enqueued, or is another one's retry."""
    values = {**trial.params, **trial.system_attrs.get("fixed_params", {})}
    found = {name: plain_choice(values[name]) for name in search_space if name in values}
    return found if any(not search_space[name].single() for name in found) else {}


def write(search: ScatteredSearch, study: "Study", trial: "FrozenTrial", num_events: int) -> None:
    """Add the events since `num_events` to a trial."""
    known = log_of(study._storage.get_trial(trial._trial_id))  # noqa: SLF001
    events = [*(known["events"] if known else []), *search.written_since(trial.number, num_events)]
    log: dict[str, Any] = {"search": search.key, "trial": trial.number, "events": events}
    study._storage.set_trial_system_attr(trial._trial_id, LOG, log)  # noqa: SLF001


def show(study: "Study", trial: "FrozenTrial", facts: Mapping[str, Any]) -> None:
    """Set user attributes, which the objective and the dashboard read."""
    for name, value in facts.items():
        study._storage.set_trial_user_attr(trial._trial_id, name, value)  # noqa: SLF001
        trial.user_attrs[name] = value  # what the objective sees, as `set_user_attr` of Optuna's own trial does


def failure(trial: "FrozenTrial", state: "TrialState", running: Trial) -> Failure | None:
    """Return why a trial says nothing about the configuration that was asked; None if it does."""
    if differs(trial, running):
        return Failure("the objective used other values: the ranges in it are not those of the declared space")
    if not is_feasible(trial):
        return Failure("the trial breaks a constraint")
    return Failure("the trial failed") if state.name == "FAIL" else None


def differs(trial: "FrozenTrial", running: Trial) -> bool:
    """Whether the objective used other values than those that were asked."""
    asked = running.config
    return any(
        name in asked and plain_choice(used) != plain_choice(legal(trial.distributions[name], asked[name]))
        for name, used in trial.params.items()
    )


def legal(distribution: "BaseDistribution", value: Any) -> Any:
    """Return a value as Optuna has it: one of the choices, or on the grid and in the range, whatever was rounded."""
    low, high, step = (getattr(distribution, name, None) for name in ("low", "high", "step"))
    if low is None or high is None:
        return next((choice for choice in distribution.choices if plain_choice(choice) == value), value)  # type: ignore[attr-defined]
    on_grid = value if step is None else low + round((value - low) / step) * step
    return min(max(on_grid, low), high)
