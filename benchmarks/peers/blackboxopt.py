"""The BOHB of blackboxopt, with its default settings; the space is translated by its own reader of ConfigSpace's JSON.

Oddities: with seed 0 it draws some numbers from numpy's global generator, so seeds start at 1 here. Its number of
iterations has no default, so it is larger than any search needs. Failures and lost workers are told as a loss of None.
"""

import math

from blackboxopt import Objective, OptimizationComplete, OptimizerNotReady
from blackboxopt.evaluation import EvaluationSpecification
from blackboxopt.optimizers.bohb import BOHB
from parameterspace.configspace_utils import parameterspace_from_configspace_dict

from benchmarks.peers.task import Asked, Task

LOSS = "loss"


class BlackBoxOpt:
    """`BOHB`."""

    def __init__(self, task: Task) -> None:
        space, self.names = parameterspace_from_configspace_dict(task.description)
        self.specifications: list[EvaluationSpecification] = []
        self.optimizer = BOHB(
            space,
            Objective(LOSS, greater_is_better=False),
            min_fidelity=task.smallest,
            max_fidelity=task.budgets[-1],
            eta=task.eta,
            num_iterations=task.evaluations,
            seed=task.seed + 1,
        )

    def ask(self) -> Asked | None:
        """Return the next evaluation, or None while it waits for results."""
        try:
            specification = self.optimizer.generate_evaluation_specification()
        except (OptimizerNotReady, OptimizationComplete):
            return None
        self.specifications.append(specification)
        values = {self.names.get(name, name): value for name, value in specification.configuration.items()}
        return Asked(len(self.specifications) - 1, values, specification.settings["fidelity"])

    def tell(self, key: int, loss: float) -> None:
        """Report an evaluation."""
        value = None if math.isnan(loss) else loss
        self.optimizer.report(self.specifications[key].create_evaluation(objectives={LOSS: value}))

    def lose(self, key: int) -> None:
        """Report a lost worker as a failure."""
        self.tell(key, math.nan)
