"""What the results say about the loss of configurations at one budget, without the noise of a single training.

The lowest loss of many noisy trainings belongs to luck as much as to its configuration. So the configuration to use is
that of the lowest expected loss. A model with a process predicts that (`Estimator`). Everywhere else each mean is
shrunk toward the mean of all (`shrunk`): Efron and Morris 1975, "Data analysis using Stein's estimator".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from bohb.arrays import Floats
from bohb.models.observations import Observations
from bohb.space import Space
from bohb.surrogates.transforms import behind_best, clipped

PRIOR_SHARE, PRIOR_WEIGHT = 0.5, 2
"""Before repetitions show the noise, this share of the variance of the losses is noise; it weighs as much as this many
degrees of freedom."""
LEAST_BETWEEN = 0.1
"""At least this share of the variance of the means is a difference between configurations, and no noise."""

WIDTH = 6.0
"""A loss counts as at most so many times as far above the median as the upper quartile: four deviations, if normal."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """The expected losses of configurations at one budget, as normal distributions.

    Attributes:
        config_ids: The configurations that succeeded at the budget, `n` of them.
        means: `(n,)` expected losses, in a unit in which squares do not overflow.
        variances: `(n,)` how unsure these are, in the square of that unit.
        noise: The variance of the loss of one training about its expected loss, in the same.
        between: The variance of the expected losses of configurations, about their mean.
        unit: The loss that is 1 in this unit.
    """

    config_ids: Sequence[int]
    means: Floats
    variances: Floats
    noise: float
    between: float
    unit: float

    @property
    def losses(self) -> Floats:
        """The expected losses."""
        return self.unit * self.means

    @property
    def deviations(self) -> Floats:
        """The standard deviations of the expected losses."""
        return self.unit * np.sqrt(self.variances)


@runtime_checkable
class Estimator(Protocol):
    """A model that knows the expected losses of the configurations that succeeded at a budget."""

    def beliefs(self, observations: Observations, space: Space, level: int) -> Beliefs:
        """Return beliefs about configurations with a finite loss at a level, of which there is one at least.

        They depend on the results alone.
        """
        ...

    def gains(self, observations: Observations, space: Space, repeated: Sequence[int], new: Floats) -> Floats:
        """Return the logarithm of the knowledge gradient of each of some full trainings; see `repetition.py`.

        Args:
            observations: The results and the pending configurations.
            space: The search space.
            repeated: `n` configurations that succeeded in full, to be trained again.
            new: `(k, d)` configurations that have no result in full.

        Returns:
            `(n + k,)` logarithms; their unit is arbitrary, but the same for all of them.
        """
        ...


def shrunk(observations: Observations, level: int) -> Beliefs:
    """Return beliefs about each configuration by its own results at a level, shrunk toward the mean of all.

    A failure counts as the worst success. The noise is the variance among the results of the same configurations.
    Losses are clipped at the upper end, so that one training that diverged does not decide what is expected of others.
    """
    trained = trainings(observations, level)
    counts = np.array([len(losses) for losses in trained.values()])
    told = clipped(np.concatenate(list(trained.values())), width=WIDTH)
    behind, unit = behind_best(told)
    scaled = np.split(behind, np.cumsum(counts)[:-1])
    means = np.array([losses.mean() for losses in scaled])
    spread = float(means.var(ddof=1)) if len(means) > 1 else 0.0
    squares = math.fsum(float(((losses - losses.mean()) ** 2).sum()) for losses in scaled)
    noise = (squares + PRIOR_WEIGHT * PRIOR_SHARE * spread) / (float((counts - 1).sum()) + PRIOR_WEIGHT)
    between = max(spread - noise * float((1 / counts).mean()), LEAST_BETWEEN * spread)
    total, centre = between + noise / counts, float(means.mean())
    share = np.divide(between, total, out=np.ones_like(total), where=total > 0)
    shrunken = told.min() / unit + centre + share * (means - centre)
    return Beliefs(list(trained), shrunken, share * noise / counts, noise, between, unit)


def trainings(observations: Observations, level: int) -> dict[int, list[float]]:
    """Return the losses at a level by the configurations that succeeded there; a failure has the worst finite loss."""
    results = observations.levels[level]
    worst = max(loss for loss, _ in results.trained if math.isfinite(loss))
    found: dict[int, list[float]] = {config_id: [] for loss, config_id in results.told if math.isfinite(loss)}
    for loss, config_id in results.trained:
        if config_id in found:
            found[config_id].append(min(loss, worst))
    return found
