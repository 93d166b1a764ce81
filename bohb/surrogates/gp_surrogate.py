"""The Gaussian process as a surrogate: a transform of the losses, and a prior."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bohb.arrays import Floats, Indices, Mask
from bohb.errors import StateError
from bohb.surrogates.gaussian_process import GaussianProcess
from bohb.surrogates.hyperparameters import BOUND, Prior, learn
from bohb.surrogates.protocol import Examples
from bohb.surrogates.transforms import clipped, cut_off, standardise


@dataclass(frozen=True)
class GaussianProcessSurrogate:
    """Fits a Gaussian process to transformed losses.

    Attributes:
        scores: The transform of the losses, such as `standardise` or `cut_off`.
        prior: The prior of the hyperparameters.
    """

    scores: Callable[[Floats, Mask], Floats]
    prior: Prior

    @property
    def name(self) -> str:
        """The name, for `explain`."""
        return "Gaussian process"

    def transform(self, losses: Floats, at_full_budget: Mask) -> Floats:
        """Return `(n,)` losses as values for the Gaussian process."""
        return self.scores(losses, at_full_budget)

    def learn(self, examples: Examples) -> list[float]:
        """Return the `d + 4` hyperparameters learned from the chosen examples."""
        rows, values = examples.chosen, _standardised(examples.values)[0]
        theta = learn(
            examples.points[rows],
            values[rows],
            examples.categorical,
            examples.unreliability[rows],
            prior=self.prior,
            correlated=_numeric_parameters(examples.categorical),
        )
        return [float(value) for value in theta]

    def fit(self, examples: Examples, learned: Sequence[float] | None) -> "GaussianProcessPosterior":
        """Return the posterior given the examples, whose values are standardised first.

        Without hyperparameters, those of the prior means are used.

        Raises:
            StateError: If `learned` is something else than `learn` returns, because a record was damaged.
        """
        values, unit = _standardised(examples.values)
        theta = self._checked(learned, examples.categorical)
        process = GaussianProcess(examples.points, values, examples.categorical, examples.unreliability, theta)
        return GaussianProcessPosterior(process, unit)

    def _checked(self, learned: Sequence[float] | None, categorical: Mask) -> Floats:
        means, covariance = self.prior.moments(_numeric_parameters(categorical))
        if learned is None:
            return means
        try:
            theta = np.array(learned, dtype=float)
        except (TypeError, ValueError):
            theta = np.array(math.nan)
        if (
            theta.shape == means.shape
            and (np.abs(theta - means) <= 1.001 * BOUND * np.sqrt(covariance.diagonal())).all()
        ):
            return theta
        raise StateError(
            f"expected {len(means)} hyperparameters within {BOUND:g} standard deviations of their prior, "
            f"got {str(learned)[:200]}; the record was damaged: restore it from a copy"
        )


@dataclass(frozen=True, slots=True)
class GaussianProcessPosterior:
    """A Gaussian process fitted to standardised values.

    Attributes:
        process: The Gaussian process.
        unit: The standard deviation of the example values, by which they were divided.
    """

    process: GaussianProcess
    unit: float

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the means and standard deviations, each `(m,)`, at `(m, d + 1)` points, in standardised units."""
        return self.process.predict(points)

    def log_predictive(self, rows: Indices) -> Floats:
        """Return the leave-one-out log predictive densities of the example values in `(k,)` rows."""
        return self.process.log_predictive(rows) - math.log(self.unit)

    def believing(self, points: Floats) -> "GaussianProcessPosterior":
        """Return the posterior after observing its own mean at `(k, d + 1)` pending points."""
        return GaussianProcessPosterior(self.process.believing(points), self.unit)


def _standardised(values: Floats) -> tuple[Floats, float]:
    """Return values with mean 0 and standard deviation 1, and the deviation by which they were divided."""
    unit = float(values.std()) if np.ptp(values) else 1.0
    return (values - values.mean()) / unit, unit


def _numeric_parameters(categorical: Mask) -> Mask:
    """Return the columns of numeric parameters: neither categorical nor the budget, which is the last column."""
    return np.append(~categorical[:-1], False)


ROUGH = GaussianProcessSurrogate(standardise, Prior())
"""For rough objectives with noise."""

LINEAR = GaussianProcessSurrogate(clipped, Prior())
"""For objectives with noise, where a mean is that of losses."""

SMOOTH = GaussianProcessSurrogate(cut_off, Prior(noise=(math.log(1e-4), 2.0), initial_noise=1e-4))
"""For smooth objectives with hardly any noise."""
