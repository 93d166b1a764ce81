"""SMAC's multi-fidelity facade through its own ask and tell, with its default settings.

Oddities: every tell writes the whole history to disk unless told not to, which is told; a failure is
`StatusType.CRASHED` at the scenario's crash cost, infinity, as in its own runner; what its generator ends with ends
the search.

What breaks it, in its own loop as well: one crash at the budget that its model is fitted to, because that model takes
the logarithm of infinity. What dulls it: the same logarithm turns every loss of zero and below into one small number.
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
        """None once SMAC has nothing left to try."""
        try:
            trial = self.smac.ask()
        except StopIteration:
            return None
        self.trials.append(trial)
        return Asked(len(self.trials) - 1, trial.config, trial.budget)

    def tell(self, key: int, loss: float) -> None:
        """Tells without saving."""
        is_crash = math.isnan(loss)
        cost = self.scenario.crash_cost if is_crash else loss
        value = TrialValue(cost=cost, status=StatusType.CRASHED if is_crash else StatusType.SUCCESS)
        self.smac.tell(self.trials[key], value, save=False)

    def lose(self, key: int) -> None:
        """As a failure."""
        self.tell(key, math.nan)
