"""NePS through its own ask and tell: the optimizer that it picks by itself without priors, Hyperband, and PriorBand.

Oddities: it has no seed, so the global generators are seeded. It has no conditions, so every parameter is always
proposed, and inactive ones are dropped afterwards. Ordinals are integers, the indices of their values, as its message
advises. PriorBand gets no priors, as a user without knowledge has none: it then draws around its best. A NaN would
block its bracket for ever, so failures and lost workers are told as exceptions.
"""

import math
import random
from typing import Any

import neps
import numpy as np
import torch
from ConfigSpace import CategoricalHyperparameter, Constant, OrdinalHyperparameter
from ConfigSpace import UniformFloatHyperparameter as UniformFloat
from ConfigSpace import UniformIntegerHyperparameter as UniformInteger
from neps.optimizers import algorithms
from neps.space import HPOCategorical, HPOConstant, HPOFloat, HPOInteger, SearchSpace
from neps.state import Trial

from benchmarks.peers.task import Asked, Task

FIDELITY = "budget of the training"


class Neps:
    """One of its optimizers.

    Args:
        task: The search.
        chosen: The name of the optimizer; None lets NePS choose.
    """

    def __init__(self, task: Task, chosen: str | None) -> None:
        self.task = task
        random.seed(task.seed)
        np.random.seed(task.seed)  # noqa: NPY002 - it has no other
        torch.manual_seed(task.seed)
        parameters: dict[str, Any] = {name: translate(parameter) for name, parameter in task.space.items()}
        fidelity = HPOFloat(lower=task.smallest, upper=task.budgets[-1], is_fidelity=True)
        space = SearchSpace({**parameters, FIDELITY: fidelity})
        make = algorithms.PredefinedOptimizers[chosen or algorithms.determine_optimizer_automatically(space)]
        self.optimizer = neps.AskAndTell(make(space, eta=round(task.eta)))
        self.trials: list[Trial] = []

    def ask(self) -> Asked:
        """Return the next evaluation; there always is one, because it opens another bracket if all are waiting."""
        trial = self.optimizer.ask()
        self.trials.append(trial)
        values = {name: self._original(name, value) for name, value in trial.config.items() if name != FIDELITY}
        return Asked(len(self.trials) - 1, values, trial.config[FIDELITY])

    def tell(self, key: int, loss: float) -> None:
        """Report a result."""
        self.optimizer.tell(self.trials[key], RuntimeError("failed") if math.isnan(loss) else loss)

    def lose(self, key: int) -> None:
        """Report a lost worker as a failure."""
        self.tell(key, math.nan)

    def _original(self, name: str, value: Any) -> Any:
        parameter = self.task.space[name]
        return parameter.sequence[int(value)] if isinstance(parameter, OrdinalHyperparameter) else value


def make_default(task: Task) -> Neps:
    """Hyperband."""
    return Neps(task, None)


def make_priorband(task: Task) -> Neps:
    """Hyperband whose configurations come from around the best."""
    return Neps(task, "priorband")


def translate(parameter: Any) -> Any:
    """Return NePS's definition of a parameter."""
    if isinstance(parameter, CategoricalHyperparameter):
        return HPOCategorical(list(parameter.choices))
    if isinstance(parameter, OrdinalHyperparameter):
        return HPOInteger(0, len(parameter.sequence) - 1)
    if isinstance(parameter, Constant):
        return HPOConstant(parameter.value)
    if isinstance(parameter, UniformInteger):
        return HPOInteger(int(parameter.lower), int(parameter.upper), log=parameter.log)
    if isinstance(parameter, UniformFloat):
        return HPOFloat(float(parameter.lower), float(parameter.upper), log=parameter.log)
    raise TypeError(f"expected a parameter that NePS knows, got {parameter!r}")
