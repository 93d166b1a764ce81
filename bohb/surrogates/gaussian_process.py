"""Gaussian process regression over mixed points: the expected value at a new point, and its uncertainty.

Arrays in, arrays out. This file knows neither configurations nor budgets. `kernels.py` has the covariance, and
`hyperparameters.py` learns its length scales.
"""

import copy
import math

import numpy as np

from bohb.arrays import Floats, Indices, Mask
from bohb.surrogates.hyperparameters import JITTER
from bohb.surrogates.kernels import Covariance, blocks
from bohb.surrogates.lazy_scipy import scipy_part


class GaussianProcess:
    """The posterior distribution of a function, given its noisy values at points.

    Raises numpy's `LinAlgError` if the covariance of the points is not positive definite.

    Args:
        points: `(n, d)`, n >= 1, NaN where inactive.
        values: `(n,)` with mean 0 and standard deviation about 1, as the priors expect.
        categorical: `(d,)` the categorical columns.
        unreliability: `(n,)` in [0, 1]: 0 for the most reliable values, 1 for the least reliable.
        theta: `(d + 3,)` the hyperparameters, as `bohb.surrogates.hyperparameters.learn` returns them.

    Attributes:
        inverse_squared_lengths: `(d,)` 1 / length^2 of each column.
        variance: The variance of the function.
        noise: `(n,)` the noise variances.
        least_noise: The noise variance of the most reliable values.
    """

    def __init__(self, points: Floats, values: Floats, categorical: Mask, unreliability: Floats, theta: Floats) -> None:
        self.inverse_squared_lengths, self.variance = np.exp(theta[:-3]), math.exp(theta[-3])
        self.noise = np.exp(theta[-2] + theta[-1] * unreliability) + JITTER * self.variance
        self.least_noise = math.exp(theta[-2]) + JITTER * self.variance
        self._points, self._categorical = points, categorical
        self._covariance = self._covariance_with(points)
        factor = _factor(self._covariance(points), self.noise)
        self._weights = scipy_part("linalg.lapack").dpotrs(factor, values, lower=1)[0]
        self._inverse_factor = _inverted(factor)

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the mean and standard deviation of the function, without noise, at `(m, d)` points: each `(m,)`."""
        means, variances = np.empty(len(points)), np.empty(len(points))
        multiply_triangular = scipy_part("linalg.blas").dtrmm
        for rows in blocks(len(points)):
            correlations = self._covariance.correlations(points[rows])
            # Believed points add nothing to the mean.
            means[rows] = correlations[:, : len(self._weights)] @ self._weights
            spread = multiply_triangular(self.variance, self._inverse_factor, correlations.T, lower=1, overwrite_b=1)
            variances[rows] = np.einsum("ij,ij->j", spread, spread)
        variances = np.maximum(self.variance - variances, 1e-12 * self.variance)
        return self.variance * means, np.sqrt(variances)

    def log_predictive(self, rows: Indices) -> Floats:
        """Return the leave-one-out log predictive densities of the values in `(k,)` rows.

        Each value is predicted from all others (Rasmussen and Williams 2006, equations 5.10 to 5.12). The
        hyperparameters stay those learned from all.
        """
        precisions = (self._inverse_factor[:, rows] ** 2).sum(axis=0)
        errors = self._weights[rows] / precisions
        return np.asarray(0.5 * (np.log(precisions / (2 * math.pi)) - errors * errors * precisions))

    def believing(self, points: Floats) -> "GaussianProcess":
        """Return the process after observing its own mean at `(k, d)` points, which leaves little uncertainty there.

        This is the kriging believer of Ginsbourger et al. 2010. The hyperparameters and the mean do not change. The
        inverse of the Cholesky factor grows by k rows.
        """
        other: GaussianProcess = copy.copy(self)
        other._points = np.concatenate([self._points, points])
        other.noise = np.concatenate([self.noise, np.full(len(points), self.noise.min())])
        other._covariance = self._covariance_with(other._points)
        covariances = other._covariance(points)
        num = len(self._points)
        below = covariances[:, :num] @ self._inverse_factor.T
        corner = _inverted(_factor(covariances[:, num:] - below @ below.T, other.noise[num:]))
        grown = np.zeros((len(other._points), len(other._points)), order="F")
        grown[:num, :num] = self._inverse_factor
        grown[num:, :num] = -(corner @ below) @ self._inverse_factor
        grown[num:, num:] = corner
        other._inverse_factor = grown
        return other

    def _covariance_with(self, points: Floats) -> Covariance:
        return Covariance(points, self._categorical, self.inverse_squared_lengths, self.variance)


def _factor(covariances: Floats, noise: Floats) -> Floats:
    """Return the lower Cholesky factor of covariances with noise (Rasmussen and Williams 2006, algorithm 2.1)."""
    covariances.flat[:: len(covariances) + 1] += noise
    factor, failed = scipy_part("linalg.lapack").dpotrf(covariances, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError(f"expected a positive definite covariance; leading minor {failed} is not")
    return np.asarray(factor)


def _inverted(factor: Floats) -> Floats:
    """Return the inverse of a lower triangular factor, with zeros above the diagonal."""
    return np.asarray(scipy_part("linalg.lapack").dtrtri(factor, lower=1)[0])
