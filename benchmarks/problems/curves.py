"""Learning curves that cross: the fastest learner is not the best one.

A configuration reaches an asymptote a with a speed s: loss(b) = a + (1 - a) (2 b)^-s. The learning rate sets both: high
ones learn fast and end badly, low ones are slow and not finished even at the full budget, so the best lies between.
The other parameters move the asymptote alone. `crossing` shows these curves; `shuffled` shows, below the full budget,
the curve of an unrelated random configuration, so that only full trainings say anything.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.optimize import minimize_scalar

import bohb
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.reference import Reference, known
from benchmarks.problems.spaces import build

ENTRIES: list[dict[str, Any]] = [
    {"name": "rate", "type": "float", "lower": 1e-4, "upper": 1.0, "log": True},
    {"name": "decay", "type": "float", "lower": 1e-6, "upper": 1e-1, "log": True},
    {"name": "momentum", "type": "float", "lower": 0.0, "upper": 1.0, "log": False},
    {"name": "units", "type": "int", "lower": 16, "upper": 1024, "log": True},
    {"name": "solver", "type": "categorical", "choices": ["plain", "eager", "careful"]},
]
SOLVERS = {"plain": (0.05, 0.0), "eager": (0.15, 0.5), "careful": (0.0, -0.1)}
"""By solver, the shifts of the asymptote and of the speed."""

DECAY, MOMENTUM, UNITS = 1e-3, 0.8, 128
"""The values with the lowest asymptote."""

NOISE = 0.005


def curve(point: Sequence[Any], budget: float) -> float:
    """Return the loss of (rate, decay, momentum, units, solver) at a budget."""
    rate, decay, momentum, units, solver = point
    offset, boost = SOLVERS[solver]
    heat = 1 + np.log10(rate) / 4  # 0 to 1
    off = (np.log10(decay / DECAY) / 5) ** 2 + (momentum - MOMENTUM) ** 2 + (np.log2(units / UNITS) / 6) ** 2
    asymptote = 0.05 + offset + 0.35 * heat**2 + 0.2 * off
    speed = 0.05 + 0.9 * heat + boost * heat
    return float(asymptote + (1 - asymptote) * (2 * budget) ** -speed)


class Curves:
    """One of the two problems.

    Args:
        kind: `crossing` or `shuffled`.
    """

    family = "curves"

    def __init__(self, kind: str) -> None:
        self.name = f"curves-{kind}"
        self._is_shuffled = kind == "shuffled"
        self.space = build(ENTRIES)
        self.ladder = bohb.geometric(1, 81, eta=3)
        self._names = [entry["name"] for entry in ENTRIES]

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Return a point of the curve with a little noise."""
        point = [config[name] for name in self._names]
        if self._is_shuffled and budget < self.ladder[-1]:
            point = _random_point(rng)
        return Evaluation(curve(point, budget) + NOISE * rng.standard_normal(), budget / self.ladder[-1])

    def true_loss(self, config: Config) -> float:
        """Return the end of the curve."""
        return curve([config[name] for name in self._names], self.ladder[-1])

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the end of the curve."""
        return self.reference.regret(self.true_loss(config))

    @cached_property
    def reference(self) -> Reference:
        """The scale of the regret."""
        return known(self.name, __file__, self.space, self.true_loss, self.true_loss(self.optimum()))

    def optimum(self) -> Config:
        """Return the best configuration.

        The loss grows with the asymptote, which the other parameters set apart from each other, so only the learning
        rate has to be searched, once for each solver.
        """
        candidates = [self._best_rate(solver) for solver in SOLVERS]
        return min(candidates, key=self.true_loss)

    def _best_rate(self, solver: str) -> Config:
        fixed = {"decay": DECAY, "momentum": MOMENTUM, "units": UNITS, "solver": solver}
        grid = np.logspace(-4, 0, 201)
        start = int(np.argmin([self.true_loss({"rate": rate, **fixed}) for rate in grid]))
        around = grid[max(start - 1, 0)], grid[min(start + 1, 200)]
        found = minimize_scalar(
            lambda rate: self.true_loss({"rate": rate, **fixed}),
            bounds=around,
            method="bounded",
            options={"xatol": 1e-12},
        )
        return {"rate": float(found.x), **fixed}


def _random_point(rng: Generator) -> list[Any]:
    """Return a uniform random point of the space."""
    rate, decay, momentum, units = rng.random(4)
    solver = list(SOLVERS)[rng.integers(len(SOLVERS))]
    return [10 ** (4 * rate - 4), 10 ** (5 * decay - 6), momentum, round(16 * 64**units), solver]
