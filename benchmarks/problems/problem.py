"""The interface of a problem in the suite. To add one, write one class with these members."""

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
    """The result of training a configuration up to a budget.

    Attributes:
        loss: Lower is better; NaN where the training diverged.
        cost: The cost of training from scratch up to this budget; a typical full training costs 1.
    """

    loss: float
    cost: float


class Problem(Protocol):
    """A search space, the budgets, and what training costs and yields.

    Attributes:
        name: Unique, such as `mf-hartmann6-bad`.
        family: The kind of the problem; figures and tables are grouped by it.
        space: The parameters and their conditions.
        ladder: The budgets. Their ratios are powers of `ladder.eta`, so that the smallest, the largest and eta define
            them for every library. Data without such a step are read at the nearest one.
    """

    name: str
    family: str
    space: ConfigurationSpace
    ladder: Ladder

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Train a configuration, with all randomness from `rng`."""
        ...

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the true loss at the full budget, without noise.

        It is 0 for the best known configuration and 1 for the median of uniform random ones.
        """
        ...
