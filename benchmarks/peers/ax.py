"""Ax through its client, with the generation strategy that it chooses by itself: Sobol, then BoTorch.

Every trial is trained fully. Oddities: the client takes no conditions of our kind, so every parameter is always
proposed, and inactive ones are dropped afterwards. Choices are told as texts, ordinals as the integer index of their
value with an order, constants not at all. A failure and a lost worker are told by `mark_trial_failed`.
"""

import logging
import math
from typing import Any

from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.exceptions.core import DataRequiredError
from ConfigSpace import CategoricalHyperparameter, Constant, OrdinalHyperparameter
from ConfigSpace.hyperparameters import IntegerHyperparameter

from benchmarks.peers.task import Asked, Task, decode


class Ax:
    """The client and its experiment."""

    def __init__(self, task: Task) -> None:
        logging.getLogger("ax").setLevel(logging.ERROR)
        self.task = task
        self.has_results = False
        self.client = Client(random_seed=task.seed)
        described = [translate(parameter) for parameter in task.space.values()]
        self.client.configure_experiment(parameters=[each for each in described if each is not None])
        self.client.configure_optimization(objective="-loss")

    def ask(self) -> Asked | None:
        """Return the next trial; None if Ax waits for results."""
        try:
            new = self.client.get_next_trials(max_trials=1)
        except DataRequiredError:
            return None
        for key, told in new.items():
            return Asked(key, decode(self.task.space, told), self.task.budgets[-1])
        return None

    def tell(self, key: int, loss: float) -> None:
        """End the trial."""
        if math.isnan(loss):
            self.client.mark_trial_failed(key)
        else:
            self.client.complete_trial(key, raw_data={"loss": loss})
            self.has_results = True

    def lose(self, key: int) -> None:
        """End the trial as failed."""
        self.tell(key, math.nan)

    def recommend(self) -> dict[str, Any] | None:
        """Return what its model takes for the best; None before the first result."""
        if not self.has_results:
            return None
        told, *_ = self.client.get_best_parameterization()
        return decode(self.task.space, told)


def translate(parameter: Any) -> RangeParameterConfig | ChoiceParameterConfig | None:
    """Return Ax's definition of a parameter; None for a constant."""
    if isinstance(parameter, Constant):
        return None
    if isinstance(parameter, CategoricalHyperparameter):
        names = [str(index) for index in range(len(parameter.choices))]
        return ChoiceParameterConfig(name=parameter.name, values=names, parameter_type="str")
    if isinstance(parameter, OrdinalHyperparameter):
        indices = list(range(len(parameter.sequence)))
        return ChoiceParameterConfig(name=parameter.name, values=indices, parameter_type="int", is_ordered=True)
    return RangeParameterConfig(
        name=parameter.name,
        bounds=(parameter.lower, parameter.upper),
        parameter_type="int" if isinstance(parameter, IntegerHyperparameter) else "float",
        scaling="log" if parameter.log else "linear",
    )
