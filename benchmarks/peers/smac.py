"""SMAC's facades for several budgets and for one, through its own ask and tell, with their default settings.

Oddities: by default every tell writes the whole history to disk; here it does not. A failure is `StatusType.CRASHED`
at the scenario's crash cost, infinity, as in its own runner. The search ends when its generator ends.

A crash at the budget to which its model is fitted breaks it, in its own loop as well, because the model takes the
logarithm of infinity. The same logarithm turns all losses of at most zero into one small number.
"""

import math
import tempfile
from collections.abc import Callable
from typing import Any

from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
from smac.facade.abstract_facade import AbstractFacade
from smac.runhistory import StatusType, TrialInfo, TrialValue

from benchmarks.peers.task import Asked, Task


class Smac:
    """One of its facades; the output folder goes with the process.

    Args:
        task: The search.
        scenario: The facade's own settings of the scenario.
        make: Makes the facade from the scenario.
    """

    def __init__(self, task: Task, make: Callable[[Scenario], AbstractFacade], **scenario: Any) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.trials: list[TrialInfo] = []
        self.largest = task.budgets[-1]
        self.scenario = Scenario(task.space, output_directory=self.folder.name, seed=task.seed, **scenario)
        self.smac = make(self.scenario)

    def ask(self) -> Asked | None:
        """Return the next evaluation, or None once SMAC has no configuration left."""
        try:
            trial = self.smac.ask()
        except StopIteration:
            return None
        self.trials.append(trial)
        return Asked(len(self.trials) - 1, trial.config, trial.budget or self.largest)

    def tell(self, key: int, loss: float) -> None:
        """Tell without saving."""
        is_crash = math.isnan(loss)
        cost = self.scenario.crash_cost if is_crash else loss
        value = TrialValue(cost=cost, status=StatusType.CRASHED if is_crash else StatusType.SUCCESS)
        self.smac.tell(self.trials[key], value, save=False)

    def lose(self, key: int) -> None:
        """Report a lost worker as a failure."""
        self.tell(key, math.nan)


def make_multi_fidelity(task: Task) -> Smac:
    """Random forest and Hyperband."""

    def make(scenario: Scenario) -> AbstractFacade:
        intensifier = MultiFidelityFacade.get_intensifier(scenario, eta=round(task.eta))
        return MultiFidelityFacade(scenario, intensifier=intensifier, logging_level=False, overwrite=True)

    budgets = {"min_budget": task.smallest, "max_budget": task.budgets[-1]}
    return Smac(task, make, n_trials=task.evaluations, **budgets)


def make_full_budget(task: Task) -> Smac:
    """Random forest and expected improvement, every trial trained fully; told that a loss is the same every time."""

    def make(scenario: Scenario) -> AbstractFacade:
        return HyperparameterOptimizationFacade(scenario, logging_level=False, overwrite=True)

    return Smac(task, make, n_trials=math.ceil(task.total) + task.workers, deterministic=True)
