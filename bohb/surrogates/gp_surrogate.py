"""The Gaussian process as a surrogate: how it takes losses, and what it believes beforehand."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bohb.surrogates.gaussian_process import GaussianProcess, Prior, cut_off, standardise
from bohb.surrogates.protocol import Examples, Floats, Mask


@dataclass(frozen=True)
class GaussianProcessSurrogate:
    """Fits a Gaussian process to transformed losses.

    Attributes:
        scores: Transforms losses; see `standardise` and `cut_off`.
        prior: The priors of the hyperparameters.
    """

    scores: Callable[[Floats, Mask], Floats]
    prior: Prior

    @property
    def name(self) -> str:
        """The name, for `explain`."""
        return "Gaussian process"

    def transform(self, losses: Floats, at_full_budget: Mask) -> Floats:
        """Return `(n,)` losses as the process expects values."""
        return self.scores(losses, at_full_budget)

    def fit(self, examples: Examples) -> "FittedProcess":
        """Return the process given centred values of unit scale."""
        values = examples.values
        scale = float(values.std()) if np.ptp(values) else 1.0
        process = GaussianProcess(
            examples.points,
            (values - values.mean()) / scale,
            examples.categorical,
            examples.unreliability,
            prior=self.prior,
            alike=_numbers(examples.categorical),
            chosen=examples.chosen,
        )
        return FittedProcess(process, scale)


@dataclass(frozen=True, slots=True)
class FittedProcess:
    """A Gaussian process, and the unit of its values."""

    process: GaussianProcess
    scale: float

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the means and standard deviations at points, in units of the process."""
        return self.process.predict(points)

    def log_predictive(self, rows: NDArray[np.intp]) -> Floats:
        """Return the log densities of some of the values, each predicted from all the others."""
        return self.process.log_predictive(rows) - math.log(self.scale)

    def believing(self, points: Floats) -> "FittedProcess":
        """Return the process as if its own mean had been observed at pending points."""
        return FittedProcess(self.process.believing(points), self.scale)


def _numbers(categorical: Mask) -> Mask:
    """Return which columns are numbers of a configuration: neither choices nor the budget, which comes last."""
    return np.append(~categorical[:-1], False)


ROUGH = GaussianProcessSurrogate(standardise, Prior())
"""Expects noise, and rough objectives."""

SMOOTH = GaussianProcessSurrogate(cut_off, Prior(noise=(math.log(1e-4), 2.0), guess=1e-4))
"""Expects hardly any noise, and smooth objectives."""
