"""Optuna's samplers at the full budget, and its TPE under the Hyperband pruner.

A trial's parameters are suggested by define-by-run, parents first. Ordinals are suggested as the integer index of
their value, constants not at all. A failure and a lost worker are told as `TrialState.FAIL`.
"""

import math
from collections.abc import Callable
from typing import Any

import optuna
from ConfigSpace import CategoricalHyperparameter, Constant, OrdinalHyperparameter
from ConfigSpace import UniformFloatHyperparameter as UniformFloat
from ConfigSpace import UniformIntegerHyperparameter as UniformInteger
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import Trial, TrialState

from benchmarks.peers.task import Asked, Task, is_active


class FullBudget:
    """A sampler with every trial trained fully.

    Args:
        task: The search.
        make: Makes the sampler from the seed.
    """

    def __init__(self, task: Task, make: Callable[[int], BaseSampler]) -> None:
        self.task = task
        self.study = new_study(task, make(task.seed), NopPruner())
        self.trials: list[Trial] = []

    def ask(self) -> Asked:
        """A new trial."""
        trial = self.study.ask()
        self.trials.append(trial)
        return Asked(len(self.trials) - 1, suggest(self.task, trial), self.task.budgets[-1])

    def tell(self, key: int, loss: float) -> None:
        """End the trial."""
        finish(self.study, self.trials[key], loss)

    def lose(self, key: int) -> None:
        """End the trial as failed."""
        finish(self.study, self.trials[key], math.nan)


class Hyperband:
    """TPE with the Hyperband pruner: a trial that is not pruned continues on the worker that has just become free.

    Steps are counted in smallest budgets, because the pruner takes integers only. The bracket of a trial is a hash of
    its number and the name of the study, so the name holds the seed.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        eta = round(task.eta)
        self.steps = [eta**level for level in range(len(task.budgets))]
        # One more than the last step, as with "auto": with the exact power, rounding loses a bracket, as for 3**5.
        pruner = HyperbandPruner(min_resource=1, max_resource=self.steps[-1] + 1, reduction_factor=eta)
        self.study = new_study(task, TPESampler(seed=task.seed), pruner)
        self.runs: list[tuple[Trial, dict[str, Any], int]] = []
        self.waiting: list[tuple[Trial, dict[str, Any], int]] = []

    def ask(self) -> Asked:
        """Return the next rung of a trial that continues, else a new trial."""
        if self.waiting:
            self.runs.append(self.waiting.pop(0))
        else:
            trial = self.study.ask()
            self.runs.append((trial, suggest(self.task, trial), 0))
        _, values, level = self.runs[-1]
        return Asked(len(self.runs) - 1, values, self.task.budgets[level])

    def tell(self, key: int, loss: float) -> None:
        """Report the step; the trial is completed, pruned, or goes on."""
        trial, values, level = self.runs[key]
        if math.isnan(loss):
            finish(self.study, trial, loss)
            return
        trial.report(loss, self.steps[level])
        if level == len(self.steps) - 1:
            finish(self.study, trial, loss)
        elif trial.should_prune():
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.waiting.append((trial, values, level + 1))

    def lose(self, key: int) -> None:
        """End the trial as failed."""
        finish(self.study, self.runs[key][0], math.nan)


def make_tpe(task: Task) -> FullBudget:
    """TPE with its default settings, which since Optuna 5 are multivariate with a constant liar."""
    return FullBudget(task, lambda seed: TPESampler(seed=seed))


def make_gp(task: Task) -> FullBudget:
    """The Gaussian process with its default settings."""
    import scipy  # noqa: F401 - imported now, so that the import does not count as time of the search
    import torch  # noqa: F401

    return FullBudget(task, lambda seed: GPSampler(seed=seed))


def new_study(task: Task, sampler: BaseSampler, pruner: BasePruner) -> optuna.Study:
    """Return a study in memory."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=sampler, pruner=pruner, study_name=f"benchmark-{task.seed}")


def finish(study: optuna.Study, trial: Trial, loss: float) -> None:
    """End a trial."""
    if math.isnan(loss):
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, loss)


def suggest(task: Task, trial: Trial) -> dict[str, Any]:
    """Return the active parameters of a trial."""
    values: dict[str, Any] = {}
    for name in task.space:  # parents come before their children
        if is_active(task.space, name, values):
            values[name] = _suggest_one(trial, task.space[name])
    return values


def _suggest_one(trial: Trial, parameter: Any) -> Any:
    if isinstance(parameter, CategoricalHyperparameter):
        return trial.suggest_categorical(parameter.name, list(parameter.choices))
    if isinstance(parameter, OrdinalHyperparameter):
        return parameter.sequence[trial.suggest_int(parameter.name, 0, len(parameter.sequence) - 1)]
    if isinstance(parameter, Constant):
        return parameter.value
    bounds = (parameter.name, parameter.lower, parameter.upper)
    if isinstance(parameter, UniformInteger):
        return trial.suggest_int(*bounds, log=parameter.log)
    if isinstance(parameter, UniformFloat):
        return trial.suggest_float(*bounds, log=parameter.log)
    raise TypeError(f"expected a parameter that Optuna knows, got {parameter!r}")
