"""An optimizer for CARP-S, which compares optimizers on tasks of many benchmarks.

A multi-fidelity task is searched on a ladder from its smallest to its largest fidelity, any other at one budget.
"""

from collections.abc import Mapping
from typing import Any

from carps.optimizers.optimizer import Optimizer as CarpsOptimizer
from carps.utils.trials import StatusType, TrialInfo, TrialValue
from ConfigSpace import Configuration, ConfigurationSpace

from bohb.budgets import geometric, ladder
from bohb.optimizer import Optimizer
from bohb.trials import Failure, Trial

__all__ = ["BOHBOptimizer"]


class BOHBOptimizer(CarpsOptimizer):  # type: ignore[misc]  # where CARP-S is not installed, it has no type
    """BOHB as an optimizer of CARP-S.

    Args:
        task: The task to optimize, with one objective.
        bohb_cfg: The arguments of `bohb.Optimizer`, such as `seed` and `preset`; `eta` is the factor between two
            fidelities, 3 by default.
        loggers: The loggers.
        expects_multiple_objectives: Metadata; BOHB takes one objective.
        expects_fidelities: Metadata; BOHB takes tasks with and without fidelities.

    Raises:
        NotImplementedError: If the task has several objectives.
    """

    def __init__(
        self,
        task: Any,
        bohb_cfg: Mapping[str, Any],
        loggers: list[Any] | None = None,
        expects_multiple_objectives: bool = False,
        expects_fidelities: bool = False,
    ) -> None:
        super().__init__(task, loggers, expects_multiple_objectives, expects_fidelities)
        if task.output_space.n_objectives > 1:
            raise NotImplementedError(f"expected a task with one objective, got {task.output_space.n_objectives}")
        self.fidelity_enabled = True
        self.configspace = self.convert_configspace(task.objective_function.configspace)
        self._settings = {"eta": 3, **bohb_cfg}

    def convert_configspace(self, configspace: ConfigurationSpace) -> ConfigurationSpace:
        """Return the space as it is."""
        return configspace

    def convert_to_trial(self, trial: Trial) -> TrialInfo:
        """Return a trial of bohb as one of CARP-S."""
        config = Configuration(self.configspace, values=dict(trial.config))
        has_fidelity = self.task.input_space.fidelity_space.is_multifidelity
        return TrialInfo(config, name=str(trial.id), budget=trial.budget if has_fidelity else None)

    def ask(self) -> TrialInfo:
        """Return the next trial to evaluate."""
        return self.convert_to_trial(self.solver.ask())

    def tell(self, trial_info: TrialInfo, trial_value: TrialValue) -> None:
        """Record the cost of a trial, or that it failed."""
        has_cost = trial_value.status == StatusType.SUCCESS
        outcome = trial_value.cost if has_cost else Failure(StatusType(trial_value.status).name)
        self.solver.tell(int(trial_info.name), outcome, seconds=trial_value.time or None)

    def get_current_incumbent(self) -> tuple[TrialInfo, TrialValue] | None:
        """Return the best trial at the largest fidelity that has one; None while there is none."""
        best = self.solver.incumbent
        return None if best is None else (self.convert_to_trial(best.trial), TrialValue(cost=best.loss))

    def _setup_optimizer(self) -> Optimizer:
        fidelity, settings = self.task.input_space.fidelity_space, dict(self._settings)
        eta = settings.pop("eta")
        is_one = not fidelity.is_multifidelity or fidelity.min_fidelity == fidelity.max_fidelity
        full = fidelity.max_fidelity if fidelity.is_multifidelity else 1
        budgets = ladder([full]) if is_one else geometric(fidelity.min_fidelity, full, eta=eta)
        return Optimizer(self.configspace, budgets, **settings)
