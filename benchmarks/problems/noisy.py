"""Two problems whose trainings are noisy up to the full budget, as in reinforcement learning; their true loss is known.

The lowest loss of many noisy trainings belongs to luck as much as to a configuration. Here the true loss is the mean of
endless trainings, so a search can be judged by the configuration that it recommends.

* `noisy-hartmann6`: Hartmann's function with normal noise of one size everywhere, and a bias that ends with training.
* `noisy-collapse`: some trainings collapse. A higher learning rate ends lower, and collapses more often. So the noise
  is skewed, differs between configurations, and is largest where single trainings look best.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.optimize import minimize_scalar

import bohb
from benchmarks.problems.hartmann import MultiFidelityHartmann
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.reference import Reference, known
from benchmarks.problems.spaces import build

HARTMANN_NOISE, HARTMANN_BIAS = 0.4, 0.5
COLLAPSED = 1.0
"""The loss of a training that collapsed."""

ENTRIES: list[dict[str, Any]] = [
    {"name": "rate", "type": "float", "lower": 1e-5, "upper": 1e-1, "log": True},
    {"name": "discount", "type": "float", "lower": 0.8, "upper": 1.0, "log": False},
    {"name": "batch", "type": "int", "lower": 16, "upper": 512, "log": True},
    {"name": "target", "type": "categorical", "choices": ["hard", "soft", "none"]},
]
TARGETS = {"hard": 0.03, "soft": 0.0, "none": 0.15}
"""What each choice adds to the loss."""
DISCOUNT, BATCH = 0.95, 128
"""The values with the lowest loss."""


class NoisyHartmann:
    """Hartmann's function in six dimensions, with noise that no budget removes."""

    name, family = "noisy-hartmann6", "noisy"

    def __init__(self) -> None:
        self._function = MultiFidelityHartmann(6, "default")
        self.space, self.ladder = self._function.space, bohb.geometric(1, 27, eta=3)

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Return the function, the bias of a short training, and noise."""
        left = 1 - budget / self.ladder[-1]
        bias = HARTMANN_BIAS * left * np.cos(7 * sum(config.values()))
        loss = self._function.true_loss(config) + bias + HARTMANN_NOISE * rng.standard_normal()
        return Evaluation(float(loss), budget / self.ladder[-1])

    def true_loss(self, config: Config) -> float:
        """Return the function."""
        return self._function.true_loss(config)

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the function."""
        return self._function.regret(config)

    @property
    def reference(self) -> Reference:
        """The scale of the regret."""
        return self._function.reference

    def optimum(self) -> Config:
        """Return the global minimum."""
        return self._function.optimum()


class Collapse:
    """Trainings that collapse with a probability that grows with the learning rate."""

    name, family = "noisy-collapse", "noisy"

    def __init__(self) -> None:
        self.space, self.ladder = build(ENTRIES), bohb.geometric(1, 27, eta=3)

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Return the loss of a training that may have collapsed by now."""
        share = budget / self.ladder[-1]
        lowest, risk = self._parts(config)
        on_the_way = (COLLAPSED - lowest) * 0.3 * (1 - share)
        collapsed_at = rng.random() / risk  # a share of the full training; above 1 it never does
        noise = 0.02 * rng.standard_normal()
        return Evaluation(float((COLLAPSED if collapsed_at < share else lowest + on_the_way) + noise), share)

    def _parts(self, config: Config) -> tuple[float, float]:
        """Return the loss of a training that does not collapse, and the probability that it does."""
        heat = 1 + np.log10(config["rate"] / 1e-1) / 4  # 0 to 1
        off = ((config["discount"] - DISCOUNT) / 0.2) ** 2 + (np.log2(config["batch"] / BATCH) / 5) ** 2
        return float(0.1 + 0.4 * (1 - heat) ** 2 + 0.3 * off + TARGETS[config["target"]]), float(0.02 + 0.6 * heat**3)

    def true_loss(self, config: Config) -> float:
        """Return the mean of endless full trainings."""
        lowest, risk = self._parts(config)
        return (1 - risk) * lowest + risk * COLLAPSED

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the mean."""
        return self.reference.regret(self.true_loss(config))

    @cached_property
    def reference(self) -> Reference:
        """The scale of the regret."""
        return known(self.name, __file__, self.space, self.true_loss, self.true_loss(self.optimum()))

    def optimum(self) -> Config:
        """Return the best configuration: the learning rate alone has to be searched."""
        fixed = {"discount": DISCOUNT, "batch": BATCH, "target": "soft"}
        found = minimize_scalar(
            lambda power: self.true_loss({"rate": 10**power, **fixed}),
            bounds=(-5, -1),
            method="bounded",
            options={"xatol": 1e-12},
        )
        return {"rate": float(10**found.x), **fixed}
