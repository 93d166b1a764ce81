"""Counting Ones: as many ones as possible, each number known only from coin flips.

Falkner, Klein, Hutter 2018, section 5.1: f(x, b) = -(sum of the binary x_i + sum over the continuous x_j of the share
of ones among b draws of a coin that shows one with probability x_j). A small budget is noisy, never biased.
"""

import numpy as np
from numpy.random import Generator

import bohb
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.reference import Reference
from benchmarks.problems.spaces import build, unit_cube


class CountingOnes:
    """The problem with any numbers of parameters.

    Args:
        num_categorical: The number of binary parameters.
        num_continuous: The number of parameters in [0, 1].
        flips: The smallest and the largest budget. With few flips of a coin a full training is noisy as well.
    """

    def __init__(self, num_categorical: int, num_continuous: int, *, flips: tuple[int, int] = (9, 729)) -> None:
        self.name = f"counting-ones-{num_categorical}-{num_continuous}{'' if flips == (9, 729) else '-few'}"
        self.family = "counting-ones" if flips == (9, 729) else "noisy"
        binary = ({"name": f"cat{i}", "type": "categorical", "choices": [0, 1]} for i in range(num_categorical))
        self.space = build([*binary, *unit_cube("cont", num_continuous)])
        self.ladder = bohb.geometric(*flips, eta=3)
        size = num_categorical + num_continuous
        self.reference = Reference(best=-size, median=-size / 2)  # the sum is symmetric about its half
        self._categorical = [f"cat{i}" for i in range(num_categorical)]
        self._continuous = [f"cont{i}" for i in range(num_continuous)]

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Flip each coin `budget` times."""
        flips = round(budget)
        ones = rng.binomial(flips, [config[name] for name in self._continuous])
        loss = -sum(config[name] for name in self._categorical) - float(np.sum(ones)) / flips
        return Evaluation(float(loss), budget / self.ladder[-1])

    def true_loss(self, config: Config) -> float:
        """Return minus the sum of all parameters."""
        return -float(sum(config[name] for name in self._categorical + self._continuous))

    def regret(self, config: Config) -> float:
        """Return twice the mean distance from one."""
        return self.reference.regret(self.true_loss(config))

    def optimum(self) -> Config:
        """Return all ones."""
        return dict.fromkeys(self._categorical, 1) | dict.fromkeys(self._continuous, 1.0)
