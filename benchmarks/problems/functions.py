"""Classic functions with a cheap approximation: Branin, Currin, Borehole, Park, Forrester; all minimised.

The fidelity z is in (0, 1]. Where the literature has one cheap function only, fidelity z mixes it with the true one,
z * high + (1 - z) * low. Sources: Kandasamy et al. 2017 (BOCA) and Dragonfly for Branin and Currin; Xiong, Qian, Wu
2013 for Borehole and Park; Forrester, Sobester, Keane 2007. What is maximised there has its sign turned here.
"""

import math
from collections.abc import Callable
from functools import cached_property
from math import cos, exp, pi, sin, sqrt
from typing import NamedTuple

from numpy.random import Generator

import bohb
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.reference import Reference, known
from benchmarks.problems.spaces import build


def branin(x: list[float], z: float) -> float:
    """Return Branin's function, whose coefficients move with the fidelity."""
    b = 5.1 / (4 * pi**2) - 0.01 * (1 - z)
    c = 5 / pi - 0.1 * (1 - z)
    t = 1 / (8 * pi) + 0.005 * (1 - z)
    return (x[1] - b * x[0] ** 2 + c * x[0] - 6) ** 2 + 10 * (1 - t) * cos(x[0]) + 10


def currin(x: list[float], z: float) -> float:
    """Return minus Currin's exponential function, continued to its edge x[1] = 0."""
    factor = 1 - (1 - 0.1 * (1 - z)) * (exp(-1 / (2 * x[1])) if x[1] > 0 else 0.0)
    above = 2300 * x[0] ** 3 + 1900 * x[0] ** 2 + 2092 * x[0] + 60
    return -factor * above / (100 * x[0] ** 3 + 500 * x[0] ** 2 + 4 * x[0] + 20)


def borehole(x: list[float], z: float) -> float:
    """Return minus the flow through a borehole."""
    rw, r, Tu, Hu, Tl, Hl, L, Kw = x
    log_ratio = math.log(r / rw)
    friction = 2 * L * Tu / (log_ratio * rw**2 * Kw) + Tu / Tl
    high = 2 * pi * Tu * (Hu - Hl) / (log_ratio * (1 + friction))
    low = 5 * Tu * (Hu - Hl) / (log_ratio * (1.5 + friction))
    return -(z * high + (1 - z) * low)


def park1(x: list[float], z: float) -> float:
    """Return minus Park's first function, written so that it is defined at x[0] = 0."""
    high = (sqrt(x[0] ** 2 + (x[1] + x[2] ** 2) * x[3]) - x[0]) / 2 + (x[0] + 3 * x[3]) * exp(1 + sin(x[2]))
    low = (1 + sin(x[0]) / 10) * high - 2 * x[0] + x[1] ** 2 + x[2] ** 2 + 0.5
    return -(z * high + (1 - z) * low)


def park2(x: list[float], z: float) -> float:
    """Return minus Park's second function, whose cheap form is only a line of the true one."""
    high = 2 / 3 * exp(x[0] + x[1]) - x[3] * sin(x[2]) + x[2]
    return -(z * high + (1 - z) * (1.2 * high - 1))


def forrester(x: list[float], z: float) -> float:
    """Return Forrester's function; the cheap form has its minimum far from the true one."""
    high = (6 * x[0] - 2) ** 2 * sin(12 * x[0] - 4)
    return z * high + (1 - z) * (0.5 * high + 10 * (x[0] - 0.5) + 5)


Bounds = tuple[tuple[float, float], ...]


class Function(NamedTuple):
    """A function with its box and where its minimum lies.

    Attributes:
        value: Takes a point and a fidelity.
        bounds: (lowest, highest) by coordinate.
        argmin: One of the points where the value is lowest at z = 1.
    """

    value: Callable[[list[float], float], float]
    bounds: Bounds
    argmin: tuple[float, ...]


BOREHOLE: Bounds = (
    (0.05, 0.15),
    (100, 50000),
    (63070, 115600),
    (990, 1110),
    (63.1, 116),
    (700, 820),
    (1120, 1680),
    (9855, 12045),
)
FUNCTIONS = {
    "branin": Function(branin, ((-5, 10), (0, 15)), (pi, 2.275)),
    "currin": Function(currin, ((0, 1),) * 2, (13 / 60, 0.0)),
    "borehole": Function(borehole, BOREHOLE, (0.15, 100, 115600, 1110, 116, 700, 1120, 12045)),
    "park1": Function(park1, ((0, 1),) * 4, (1.0, 1.0, 1.0, 1.0)),
    "park2": Function(park2, ((0, 1),) * 4, (1.0, 1.0, 1.0, 0.0)),
    "forrester": Function(forrester, ((0, 1),), (0.757248756,)),
}


class FunctionProblem:
    """One of `FUNCTIONS`, with budgets of 1 to 27 for fidelities of 1 / 27 to 1, and no noise.

    Args:
        name: The name of the function.
    """

    family = "functions"

    def __init__(self, name: str) -> None:
        self.name = name
        self._function = FUNCTIONS[name]
        self._names = [f"x{i}" for i in range(len(self._function.bounds))]
        self.space = build(
            {"name": parameter, "type": "float", "lower": low, "upper": high, "log": False}
            for parameter, (low, high) in zip(self._names, self._function.bounds, strict=True)
        )
        self.ladder = bohb.geometric(1, 27, eta=3)

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:  # noqa: ARG002 - no noise
        """Return the value at fidelity `budget / 27`."""
        z = budget / self.ladder[-1]
        return Evaluation(self._value(config, z), z)

    def _value(self, config: Config, z: float) -> float:
        return self._function.value([config[name] for name in self._names], z)

    def true_loss(self, config: Config) -> float:
        """Return the value at the full fidelity."""
        return self._value(config, 1.0)

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the true function."""
        return self.reference.regret(self.true_loss(config))

    @cached_property
    def reference(self) -> Reference:
        """The scale of the regret."""
        return known(self.name, __file__, self.space, self.true_loss, self.true_loss(self.optimum()))

    def optimum(self) -> Config:
        """Return a global minimum."""
        return dict(zip(self._names, self._function.argmin, strict=True))
