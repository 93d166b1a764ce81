"""Learning the hyperparameters of a Gaussian process: their prior, and the maximum of their posterior density.

Under the prior, length scales grow with the square root of the number of columns (Hvarfner et al. 2024, arXiv
2402.02229). The prior also correlates the length scales of numeric columns: what is learned about one informs the
others, so few values suffice to learn how rough a function is.
"""

import math
from dataclasses import dataclass

import numpy as np

from bohb.arrays import Floats, Mask
from bohb.surrogates.kernels import matern, squared_distances
from bohb.surrogates.lazy_scipy import scipy_part

JITTER = 1e-6
"""The smallest noise, in units of the variance. It keeps the covariance of equal points invertible."""
BOUND = 5.0
"""The largest distance of a hyperparameter from its prior mean, in standard deviations."""


@dataclass(frozen=True)
class Prior:
    """Normal priors of the logarithms of the hyperparameters, each as (mean, standard deviation).

    Attributes:
        length: Prior of an independent length scale in a single column; it grows with the square root of the number of
            columns.
        correlated_length: The same for each of the length scales that are correlated with one another.
        correlation: The correlation of the logarithms of two of those, in [0, 1).
        variance: Prior of the variance of the function.
        noise: Prior of the noise variance of the most reliable values.
        noise_growth: Normal prior of the increase in the logarithm of the noise from the most reliable values to the
            least reliable ones.
        initial_noise: The noise variance from which the optimisation starts. With few values, high noise and short
            length scales explain the data equally well. Starting from high noise finds both optima, starting from low
            noise does not.
    """

    length: tuple[float, float] = (math.log(0.5), 1.0)
    correlated_length: tuple[float, float] = (math.log(0.4), 1.0)
    correlation: float = 0.5
    variance: tuple[float, float] = (0.0, 1.0)
    noise: tuple[float, float] = (math.log(1e-2), 3.0)
    noise_growth: tuple[float, float] = (0.0, 1.0)
    initial_noise: float = 0.3

    def moments(self, correlated: Mask) -> tuple[Floats, Floats]:
        """Return the mean and covariance of the d + 3 hyperparameters theta.

        These are log 1/length^2 of each column, log variance, log noise, and the growth of the noise.

        Args:
            correlated: `(d,)` the columns whose length scales are correlated.

        Returns:
            `(d + 3,)` means and a `(d + 3, d + 3)` covariance.
        """
        lengths = np.where(correlated[:, None], self.correlated_length, self.length)
        others = np.array([self.variance, self.noise, self.noise_growth])
        means = np.append(-2 * (lengths[:, 0] + 0.5 * math.log(len(correlated))), others[:, 0])
        deviations = np.append(2 * lengths[:, 1], others[:, 1])
        correlations = np.zeros((len(means), len(means)))
        correlations[: len(correlated), : len(correlated)] = self.correlation * np.outer(correlated, correlated)
        np.fill_diagonal(correlations, 1.0)
        return means, correlations * np.outer(deviations, deviations)


def learn(
    points: Floats,
    values: Floats,
    categorical: Mask,
    unreliability: Floats,
    *,
    prior: Prior | None = None,
    correlated: Mask | None = None,
    num_steps: int = 15,
) -> Floats:
    """Return the hyperparameters theta with the highest posterior density, see `Prior.moments`.

    The optimisation always starts from the prior means, so its answer depends on the arguments alone. Each step takes
    time proportional to n^3.

    Args:
        points: `(n, d)`, NaN where inactive.
        values: `(n,)` with mean 0 and standard deviation about 1, as the priors expect.
        categorical: `(d,)` the categorical columns.
        unreliability: `(n,)` in [0, 1]: 0 for the most reliable values, 1 for the least reliable.
        prior: The prior of the hyperparameters.
        correlated: `(d,)` the columns whose length scales are correlated; all numeric ones by default.
        num_steps: The largest number of steps of the optimisation.

    Returns:
        `(d + 3,)` theta.
    """
    prior = prior or Prior()
    moments = prior.moments(~categorical if correlated is None else correlated)
    start = moments[0].copy()
    start[-2] = math.log(prior.initial_noise)
    return NegativeLogPosterior(points, values, categorical, unreliability, *moments).minimise(start, num_steps)


class NegativeLogPosterior:
    """The negative log posterior density of the hyperparameters theta, see `Prior.moments`.

    Args:
        points: `(n, d)` points.
        values: `(n,)`.
        categorical: `(d,)` the categorical columns.
        unreliability: `(n,)`.
        means: `(d + 3,)` means of the prior.
        covariance: `(d + 3, d + 3)` covariance of the prior.
    """

    def __init__(
        self,
        points: Floats,
        values: Floats,
        categorical: Mask,
        unreliability: Floats,
        means: Floats,
        covariance: Floats,
    ) -> None:
        self.num, self.values, self.unreliability = len(values), values, unreliability
        self.means, self.deviations = means, np.sqrt(covariance.diagonal())
        self.precision = np.linalg.inv(covariance)
        self.distances, self.first, self.second = squared_distances(points, categorical)
        # Where the pairs are in a matrix of which LAPACK reads the lower triangle, by column.
        self.places = self.second * self.num + self.first

    def minimise(self, start: Floats, num_steps: int) -> Floats:
        """Return the best theta found by L-BFGS-B from `start`."""
        bounds = np.column_stack([self.means - BOUND * self.deviations, self.means + BOUND * self.deviations])
        options = {"maxiter": num_steps, "maxfun": 2 * num_steps}
        minimize = scipy_part("optimize").minimize
        found = minimize(self, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return np.asarray(found.x)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return the value and its gradient (Rasmussen and Williams 2006, equations 2.30 and 5.9)."""
        lapack = scipy_part("linalg.lapack")
        inverse_squared_lengths, variance = np.exp(theta[:-3]), math.exp(theta[-3])
        noise = np.exp(theta[-2] + theta[-1] * self.unreliability)
        correlations, slopes = matern(inverse_squared_lengths @ self.distances)
        covariance = np.zeros(self.num * self.num)
        covariance[self.places] = variance * correlations
        covariance[:: self.num + 1] = variance + noise + JITTER * variance
        matrix = covariance.reshape(self.num, self.num).T
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
        if failed:  # not positive definite in floats: a high value turns the optimisation back
            return 1e10, np.zeros_like(theta)
        log_determinant = np.log(factor.diagonal()).sum()
        weights = lapack.dpotrs(factor, self.values, lower=1)[0]
        inverse = lapack.dpotri(factor, lower=1, overwrite_c=1)[0]
        sensitivity = inverse.T.ravel()[self.places] - weights[self.first] * weights[self.second]
        diagonal = inverse.diagonal() - weights * weights
        gradient = np.empty_like(theta)
        gradient[:-3] = variance * inverse_squared_lengths * (self.distances @ (sensitivity * slopes))
        gradient[-3] = variance * (sensitivity @ correlations + 0.5 * (1 + JITTER) * diagonal.sum())
        gradient[-2] = 0.5 * (diagonal @ noise)
        gradient[-1] = 0.5 * (diagonal @ (noise * self.unreliability))
        away = theta - self.means
        pull = self.precision @ away
        return float(0.5 * (self.values @ weights) + log_determinant + 0.5 * (away @ pull)), gradient + pull
