"""The Gaussian process as a surrogate: a transform of the losses, and a prior."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bohb.arrays import Floats, Indices, Mask
from bohb.surrogates.gaussian_process import GaussianProcess, Prior, cut_off, standardise
from bohb.surrogates.protocol import Examples


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

    def fit(self, examples: Examples) -> "GaussianProcessPosterior":
        """Return the posterior given the examples, whose values are standardised first."""
        values = examples.values
        unit = float(values.std()) if np.ptp(values) else 1.0
        process = GaussianProcess(
            examples.points,
            (values - values.mean()) / unit,
            examples.categorical,
            examples.unreliability,
            prior=self.prior,
            correlated=_numeric_parameters(examples.categorical),
            chosen=examples.chosen,
        )
        return GaussianProcessPosterior(process, unit)


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


def _numeric_parameters(categorical: Mask) -> Mask:
    """Return the columns of numeric parameters: neither categorical nor the budget, which is the last column."""
    return np.append(~categorical[:-1], False)


ROUGH = GaussianProcessSurrogate(standardise, Prior())
"""For rough objectives with noise."""

SMOOTH = GaussianProcessSurrogate(cut_off, Prior(noise=(math.log(1e-4), 2.0), initial_noise=1e-4))
"""For smooth objectives with hardly any noise."""
