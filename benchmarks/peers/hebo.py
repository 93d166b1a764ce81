"""HEBO through its own suggest and observe, with its default settings; every trial is trained fully.

Oddities: only its first points have a seed, so the global generators are seeded too. It has no conditions, so every
parameter is always proposed, and inactive ones are dropped afterwards. Ordinals are told as the integer index of their
value, constants not at all. It has no word for failures: nothing is observed for them, and for lost workers.
"""

import math
from typing import Any

import numpy as np
import torch
from ConfigSpace import CategoricalHyperparameter, Constant, OrdinalHyperparameter
from ConfigSpace.hyperparameters import IntegerHyperparameter
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from benchmarks.peers.task import Asked, Task, decode


class Hebo:
    """The optimizer and its open suggestions."""

    def __init__(self, task: Task) -> None:
        np.random.seed(task.seed)  # noqa: NPY002 - it draws from the global generator
        torch.manual_seed(task.seed)
        self.task = task
        described = [translate(each) for each in task.space.values() if not isinstance(each, Constant)]
        self.optimizer = HEBO(DesignSpace().parse(described), scramble_seed=task.seed)
        self.suggestions: list[Any] = []

    def ask(self) -> Asked:
        """Return the next suggestion."""
        frame = self.optimizer.suggest(n_suggestions=1)
        self.suggestions.append(frame)
        return Asked(len(self.suggestions) - 1, decode(self.task.space, frame.iloc[0]), self.task.budgets[-1])

    def tell(self, key: int, loss: float) -> None:
        """Observe the loss."""
        if not math.isnan(loss):
            self.optimizer.observe(self.suggestions[key], np.array([[loss]]))

    def lose(self, key: int) -> None:
        """Observe nothing."""


def translate(parameter: Any) -> dict[str, Any]:
    """Return HEBO's definition of a parameter."""
    if isinstance(parameter, CategoricalHyperparameter):
        return {"name": parameter.name, "type": "cat", "categories": list(range(len(parameter.choices)))}
    if isinstance(parameter, OrdinalHyperparameter):
        return {"name": parameter.name, "type": "int", "lb": 0, "ub": len(parameter.sequence) - 1}
    bounds = {"name": parameter.name, "lb": parameter.lower, "ub": parameter.upper}
    is_integer = isinstance(parameter, IntegerHyperparameter)
    if parameter.log:
        return {**bounds, "type": "pow_int" if is_integer else "pow", "base": 10}
    return {**bounds, "type": "int" if is_integer else "num"}
