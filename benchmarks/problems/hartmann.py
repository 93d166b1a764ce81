"""Multi-fidelity Hartmann functions with five degrees of bias and noise at low fidelity.

Mallik et al. 2023, "PriorBand", as in mf-prior-bench. The fidelity z runs to 100, where the function is the plain one:
f(x, z) = -sum_i (alpha_i - bias q) exp(-sum_j A_ij (x_j - P_ij)^2) + noise q |N(0, 1)|, with q = 1 - ln z / ln 100.
Even "good" is hard: at z = 3 its ranking of random points has a correlation of 0.07 to 0.18 with the true ranking.
"""

import math
from functools import cached_property

import numpy as np
from numpy.random import Generator

import bohb
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.reference import Reference, known
from benchmarks.problems.spaces import build, unit_cube

SEVERITIES = {
    "default": (0.5, 0.1),
    "good": (2.5, 2.0),
    "moderate": (3.0, 3.0),
    "bad": (3.5, 4.0),
    "terrible": (4.0, 5.0),
}
"""(bias, noise) by name."""

ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
A = {
    3: np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
    6: np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    ),
}
P = {
    3: 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
    6: 1e-4
    * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    ),
}
ARGMIN = {
    3: (0.11458886576876534, 0.5556488942055775, 0.8525469860946201),
    6: (
        0.20168951156718204,
        0.15001069219925472,
        0.47687397216033955,
        0.2753324291553704,
        0.3116516173989693,
        0.6573005344508788,
    ),
}
HIGH = 100.0


class MultiFidelityHartmann:
    """One of the ten problems.

    Args:
        num_dims: 3 or 6.
        severity: One of `SEVERITIES`.
    """

    family = "mf-hartmann"

    def __init__(self, num_dims: int, severity: str) -> None:
        self.name = f"mf-hartmann{num_dims}-{severity}"
        self._bias, self._noise = SEVERITIES[severity]
        self._a, self._p, self._argmin = A[num_dims], P[num_dims], ARGMIN[num_dims]
        self.space = build(unit_cube("x", num_dims))
        self.ladder = bohb.geometric(HIGH / 81, HIGH, eta=3)
        self._names = [f"x{i}" for i in range(num_dims)]

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Return the biased value and an offset that grows as the fidelity falls."""
        q = 1 - math.log(budget) / math.log(HIGH)
        loss = self.value(config, q) + self._noise * q * abs(rng.standard_normal())
        return Evaluation(loss, 0.05 + 0.95 * (budget / HIGH) ** 2)

    def value(self, config: Config, q: float) -> float:
        """Return the function without noise, `q` being 0 at the full fidelity."""
        x = np.array([config[name] for name in self._names])
        weights = np.exp(-(self._a * (x - self._p) ** 2).sum(axis=1))  # (4,)
        return float(-(ALPHA - self._bias * q) @ weights)

    def true_loss(self, config: Config) -> float:
        """Return the plain Hartmann function."""
        return self.value(config, 0.0)

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the plain function."""
        return self.reference.regret(self.true_loss(config))

    @cached_property
    def reference(self) -> Reference:
        """The scale of the regret."""
        return known(self.name, __file__, self.space, self.true_loss, self.true_loss(self.optimum()))

    def optimum(self) -> Config:
        """Return the global minimum."""
        return dict(zip(self._names, self._argmin, strict=True))
