"""SMAC's multi-fidelity facade through its own ask and tell, with its default settings.

Oddities: by default every tell writes the whole history to disk; here it does not. A failure is `StatusType.CRASHED`
at the scenario's crash cost, infinity, as in its own runner. The search ends when its generator ends.

A crash at the budget to which its model is fitted breaks it, in its own loop as well, because the model takes the
logarithm of infinity. The same logarithm turns all losses of at most zero into one small number.
"""

import math
import tempfile

from smac import MultiFidelityFacade, Scenario
from smac.runhistory import StatusType, TrialInfo, TrialValue

from benchmarks.peers.task import Asked, Task


class Smac:
    """Random forest and Hyperband; the output folder goes with the process."""

    def __init__(self, task: Task) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.trials: list[TrialInfo] = []
        self.scenario = Scenario(
            task.space,
            output_directory=self.folder.name,
            n_trials=task.evaluations,
            min_budget=task.smallest,
            max_budget=task.budgets[-1],
            seed=task.seed,
        )
        intensifier = MultiFidelityFacade.get_intensifier(self.scenario, eta=round(task.eta))
        self.smac = MultiFidelityFacade(self.scenario, intensifier=intensifier, logging_level=False, overwrite=True)

    def ask(self) -> Asked | None:
        """Return the next evaluation, or None once SMAC has no configuration left."""
        try:
            trial = self.smac.ask()
        except StopIteration:
            return None
        self.trials.append(trial)
        return Asked(len(self.trials) - 1, trial.config, trial.budget)

    def tell(self, key: int, loss: float) -> None:
        """Tell without saving."""
        is_crash = math.isnan(loss)
        cost = self.scenario.crash_cost if is_crash else loss
        value = TrialValue(cost=cost, status=StatusType.CRASHED if is_crash else StatusType.SUCCESS)
        self.smac.tell(self.trials[key], value, save=False)

    def lose(self, key: int) -> None:
        """Report a lost worker as a failure."""
        self.tell(key, math.nan)
