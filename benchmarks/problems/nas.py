"""Architectures of a chain of cells, each one of several operations: purely categorical, and exactly solvable.

The true loss is a sum of one term for each operation and one for each pair of neighbours, drawn once from a fixed seed;
so dynamic programming finds the best architecture however large the space is. Training for less than the full budget
shows a higher loss, moved towards another function of the same kind, and noisier.
"""

import math
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import bohb
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.reference import Reference, known
from benchmarks.problems.spaces import build

PAIRS = 0.5
"""The size of the terms of pairs relative to those of single operations."""

BIAS, NOISE, NOISE_AT_FULL = 0.6, 0.3, 0.02
"""The weight of the misleading function and the noise at the smallest budget, and the noise at the full budget."""

Table = list[list[list[float]]]
"""By cell: the loss of its operation and of that of the next cell."""


class Architectures:
    """The problem with any numbers of cells and operations.

    Args:
        num_cells: At least 2.
        num_operations: The number of operations of each cell.
    """

    family = "nas"

    def __init__(self, num_cells: int, num_operations: int) -> None:
        self.name = f"nas-{num_cells}x{num_operations}"
        operations = [f"op{i}" for i in range(num_operations)]
        self._names = [f"cell{i}" for i in range(num_cells)]
        self._codes = {operation: code for code, operation in enumerate(operations)}
        self.space = build({"name": name, "type": "categorical", "choices": operations} for name in self._names)
        self.ladder = bohb.geometric(1, 81, eta=3)
        rng = np.random.default_rng([num_cells, num_operations])
        self._true = _draw(rng, num_cells, num_operations)
        self._misleading = _draw(rng, num_cells, num_operations)

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Return the loss after `budget` epochs."""
        codes = self._encode(config)
        early = 1 - math.log(budget) / math.log(self.ladder[-1])
        noise = (NOISE_AT_FULL + NOISE * early) * rng.standard_normal()
        loss = _total(self._true, codes) + early * (1 + BIAS * _total(self._misleading, codes)) + noise
        return Evaluation(loss, budget / self.ladder[-1])

    def true_loss(self, config: Config) -> float:
        """Return the loss after a full training, without noise."""
        return _total(self._true, self._encode(config))

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the true loss."""
        return self.reference.regret(self.true_loss(config))

    @cached_property
    def reference(self) -> Reference:
        """The scale of the regret."""
        return known(self.name, __file__, self.space, self.true_loss, self.true_loss(self.optimum()))

    def optimum(self) -> Config:
        """Return the best architecture."""
        operations = list(self._codes)
        return {name: operations[code] for name, code in zip(self._names, _shortest_path(self._true), strict=True)}

    def _encode(self, config: Config) -> list[int]:
        return [self._codes[config[name]] for name in self._names]


def _draw(rng: Generator, num_cells: int, num_operations: int) -> Table:
    """Return terms whose sum over a random architecture has a standard deviation of about 1."""
    single = rng.standard_normal((num_cells, num_operations))
    pairs = PAIRS * rng.standard_normal((num_cells - 1, num_operations, num_operations))
    terms = pairs + single[:-1, :, None]
    terms[-1] += single[-1]  # the last cell has no next one, so its own terms go with the last pair
    table: Table = (terms / math.sqrt(num_cells + PAIRS**2 * (num_cells - 1))).tolist()
    return table


def _total(table: Table, codes: list[int]) -> float:
    return sum(pair[first][second] for pair, first, second in zip(table, codes, codes[1:], strict=False))


def _shortest_path(table: Table) -> list[int]:
    """Return the codes whose total is lowest."""
    costs: NDArray[np.float64] = np.zeros(len(table[0]))  # by operation of the current cell: the best of all before it
    choices = []
    for pair in table:
        through = costs[:, None] + np.array(pair)  # (this cell's, the next cell's)
        choices.append(through.argmin(axis=0))
        costs = through.min(axis=0)
    codes = [int(costs.argmin())]
    for choice in reversed(choices):
        codes.append(int(choice[codes[-1]]))
    return codes[::-1]
