"""What a problem of the suite is. Adding one is one class with these members; no other part of the suite changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ConfigSpace import ConfigurationSpace
from numpy.random import Generator

from bohb import Ladder

Config = Mapping[str, Any]
"""The values of the active parameters by name, in their own units."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What training a configuration up to a budget gave.

    Attributes:
        loss: Lower is better; NaN where the training diverged.
        cost: What training from scratch up to this budget costs, in full trainings: a typical one costs 1.
    """

    loss: float
    cost: float


class Problem(Protocol):
    """A search space, the budgets, and what training costs and yields.

    Attributes:
        name: Unique, such as `mf-hartmann6-bad`.
        family: Problems of one kind share it; figures and tables are grouped by it.
        space: The parameters and their conditions.
        ladder: The budgets. Their ratios are powers of `ladder.eta`, so that every library can be given the same
            ones by the smallest, the largest and eta. Data that has no such step is read at the nearest one.
    """

    name: str
    family: str
    space: ConfigurationSpace
    ladder: Ladder

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Trains a configuration; whatever is random is drawn from `rng`."""
        ...

    def regret(self, config: Config) -> float:
        """Returns how far the true loss at the full budget is from the best, without noise.

        0 is the best known, 1 the median of uniform random configurations.
        """
        ...
