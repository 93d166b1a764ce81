"""Gaussian process regression over mixed points: the expected value at a new point, and its uncertainty.

Arrays in, arrays out. This file knows neither configurations nor budgets: a point is a row of floats, NaN where a
parameter is inactive, and a mask marks the categorical columns.

The covariance is Matern 5/2 with one length scale per column (Rasmussen and Williams 2006, equation 4.17 and section
5.1). A categorical column is one-hot: two different choices are at distance 1. An inactive value is one more choice of
a categorical column. In a numeric column it is a point beside the middle of the interval, off the line of the numbers.
So distances stay Euclidean, and covariances positive definite.

Length scales, variance and noise maximise the posterior density. Under the prior, length scales grow with the square
root of the number of columns (Hvarfner et al. 2024, arXiv 2402.02229). The prior also correlates the length scales of
numeric columns: what is learned about one informs the others, so few values suffice to learn how rough a function is.
"""

import copy
import math
from dataclasses import dataclass

import numpy as np

from bohb.arrays import Floats, Indices, Mask
from bohb.surrogates.lazy_scipy import scipy_part

SQRT5 = math.sqrt(5.0)
INACTIVE = 0.25
"""The squared distance of an inactive value from the middle of a numeric column."""
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


class GaussianProcess:
    """The posterior distribution of a function, given its noisy values at points.

    Raises numpy's `LinAlgError` if the covariance of the points is not positive definite.

    Args:
        points: `(n, d)`, n >= 1, NaN where inactive.
        values: `(n,)` with mean 0 and standard deviation about 1, as the priors expect.
        categorical: `(d,)` the categorical columns.
        unreliability: `(n,)` in [0, 1]: 0 for the most reliable values, 1 for the least reliable.
        prior: The prior of the hyperparameters.
        correlated: `(d,)` the columns whose length scales are correlated; all numeric ones by default.
        chosen: `(m,)` the rows from which the hyperparameters are learned; all rows by default. Each step of the
            optimisation takes time proportional to m^3.
        num_steps: The largest number of steps of the optimisation.

    Attributes:
        inverse_squared_lengths: `(d,)` 1 / length^2 of each column.
        variance: The variance of the function.
    """

    def __init__(
        self,
        points: Floats,
        values: Floats,
        categorical: Mask,
        unreliability: Floats,
        *,
        prior: Prior | None = None,
        correlated: Mask | None = None,
        chosen: Indices | None = None,
        num_steps: int = 15,
    ) -> None:
        self._categorical = categorical
        self._points, self._values = _with_inactive_choices(points, categorical), values
        rows = np.arange(len(points)) if chosen is None else chosen
        prior = prior or Prior()
        distances = squared_distances(points[rows], categorical)
        moments = prior.moments(~categorical if correlated is None else correlated)
        fit = _Fit(distances, values[rows], unreliability[rows], *moments)
        found = fit.search(prior.initial_noise, num_steps)
        self.inverse_squared_lengths, self.variance = np.exp(found[:-3]), math.exp(found[-3])
        self._noise = np.exp(found[-2] + found[-1] * unreliability) + JITTER * self.variance
        self._condition()

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the mean and standard deviation of the function, without noise, at `(m, d)` points: each `(m,)`."""
        covariances = self._covariances(points)
        spread = scipy_part("linalg.lapack").dtrtrs(self._factor, covariances.T, lower=1)[0]
        variances = np.maximum(self.variance - (spread * spread).sum(axis=0), 1e-12 * self.variance)
        return covariances @ self._weights, np.sqrt(variances)

    def log_predictive(self, rows: Indices) -> Floats:
        """Return the leave-one-out log predictive densities of the values in `(k,)` rows.

        Each value is predicted from all others (Rasmussen and Williams 2006, equations 5.10 to 5.12). The
        hyperparameters stay those learned from all.
        """
        precisions = scipy_part("linalg.lapack").dpotri(self._factor, lower=1)[0].diagonal()[rows]
        errors = self._weights[rows] / precisions
        return np.asarray(0.5 * (np.log(precisions / (2 * math.pi)) - errors * errors * precisions))

    def believing(self, points: Floats) -> "GaussianProcess":
        """Return the process after observing its own mean at `(k, d)` points, which leaves little uncertainty there.

        This is the kriging believer of Ginsbourger et al. 2010. The hyperparameters do not change.
        """
        other: GaussianProcess = copy.copy(self)
        other._points = np.concatenate([self._points, _with_inactive_choices(points, self._categorical)])
        other._values = np.concatenate([self._values, self._covariances(points) @ self._weights])
        other._noise = np.concatenate([self._noise, np.full(len(points), self._noise.min())])
        other._condition()
        return other

    def _covariances(self, points: Floats) -> Floats:
        """Return the `(m, n)` covariances of the function between `(m, d)` points and the observed ones."""
        squares = np.zeros((len(points), len(self._points)))
        points = _with_inactive_choices(points, self._categorical)
        columns = zip(
            points.T, self._points.T, self.inverse_squared_lengths.tolist(), self._categorical.tolist(), strict=True
        )
        for one, other, inverse_square, is_categorical in columns:
            distances = _squared_distances(one, other, is_categorical=is_categorical)
            squares += np.multiply(distances, inverse_square, out=distances)
        return self.variance * matern(squares)[0]

    def _condition(self) -> None:
        """Factorise the covariance of the observed values (Rasmussen and Williams 2006, algorithm 2.1)."""
        covariances = self._covariances(self._points)
        covariances.flat[:: len(covariances) + 1] += self._noise
        self._factor, failed = scipy_part("linalg.lapack").dpotrf(covariances, lower=1, clean=1)
        if failed:
            raise np.linalg.LinAlgError(f"expected a positive definite covariance; leading minor {failed} is not")
        self._weights = scipy_part("linalg.lapack").dpotrs(self._factor, self._values, lower=1)[0]


def squared_distances(points: Floats, categorical: Mask) -> Floats:
    """Return the `(d, n, n)` squared distances, each in [0, 1], between `(n, d)` points in each column."""
    columns = zip(_with_inactive_choices(points, categorical).T, categorical.tolist(), strict=True)
    return np.array([_squared_distances(column, column, is_categorical=kind) for column, kind in columns])


def _with_inactive_choices(points: Floats, categorical: Mask) -> Floats:
    """Return the points with -1, one more choice, for inactive values of categorical columns."""
    return np.where(categorical & np.isnan(points), -1.0, points)


def _squared_distances(first: Floats, second: Floats, *, is_categorical: bool) -> Floats:
    """Return the `(m, n)` squared distances between `(m,)` and `(n,)` values of one column."""
    if is_categorical:
        return np.not_equal.outer(first, second).astype(np.float64)
    away, off = np.isnan(first), np.isnan(second)
    squares: Floats = np.subtract.outer(np.where(away, 0.5, first), np.where(off, 0.5, second))
    squares *= squares
    if away.any() or off.any():
        squares += INACTIVE * (away[:, None] != off)
    return squares


def matern(squares: Floats) -> tuple[Floats, Floats]:
    """Return the Matern 5/2 correlation at squared scaled distances, and its derivative with respect to them.

    Rasmussen and Williams 2006, equation 4.17.
    """
    roots = SQRT5 * np.sqrt(np.maximum(squares, 0.0))
    decay = np.exp(-roots)
    return (1 + roots + 5 / 3 * squares) * decay, -5 / 6 * (1 + roots) * decay


def standardise(losses: Floats, reliable: Mask | None = None) -> Floats:
    """Return `(n,)` losses as values for a Gaussian process: the average of normal scores and clipped losses.

    Normal scores, the normal quantiles of the ranks, are well behaved for any distribution of the losses. The clipped
    losses keep the differences between the best ones: a loss further from the best than twice the median distance is
    set to that limit. Both parts have mean 0 and standard deviation 1, or nearly so.

    Args:
        losses: `(n,)` finite losses.
        reliable: `(n,)` losses that the limit must not hide. The median is that of all losses or that of the reliable
            ones, whichever is larger.
    """
    _, ranks, counts = np.unique(losses, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / len(losses)  # equal losses share their middle rank
    normal = scipy_part("special").ndtri(middle[ranks])
    behind = _behind(losses)
    limit = max(2 * np.median(some) for some in _groups(behind, reliable))
    return np.asarray(0.5 * (normal + _centred(np.minimum(behind, limit))))


def cut_off(losses: Floats, reliable: Mask | None = None) -> Floats:
    """Return `(n,)` losses as values for a Gaussian process: clipped at the upper end, with mean 0 and deviation 1.

    The limit lies three times as far above the median as the upper quartile does.

    Args:
        losses: `(n,)` finite losses.
        reliable: `(n,)` losses that the limit must not hide. The limit is that of all losses or that of the reliable
            ones, whichever is larger.
    """
    behind = _behind(losses)
    quantiles = [np.quantile(some, (0.5, 0.75)) for some in _groups(behind, reliable)]
    return _centred(np.minimum(behind, max(median + 3 * (quartile - median) for median, quartile in quantiles)))


def _behind(losses: Floats) -> Floats:
    """Return the differences to the best loss, in units of the largest absolute loss, so that none overflows."""
    scaled = losses / max(np.abs(losses).max(), np.finfo(float).tiny)
    return np.asarray(scaled - scaled.min())  # exactly 0 for equal losses, so `_centred` cannot inflate rounding errors


def _groups(values: Floats, reliable: Mask | None) -> list[Floats]:
    """Return all values, and the reliable ones if there are any."""
    return [values] if reliable is None or not reliable.any() else [values, values[reliable]]


def _centred(values: Floats) -> Floats:
    """Return non-negative values shifted and scaled to mean 0 and standard deviation 1; zeros if all are equal."""
    values = np.ldexp(values, -np.frexp(values.max())[1])  # exact, and squares cannot underflow
    spread = values.std()
    return np.asarray((values - values.mean()) / spread) if spread > 0 else np.zeros_like(values)


def log_expected_improvement(means: Floats, deviations: Floats, best: float) -> Floats:
    """Return the logarithm of the expected improvement of normal values over `best` (Jones et al. 1998, equation 15).

    Args:
        means: `(m,)` means of the values; lower is better.
        deviations: `(m,)` standard deviations, positive.
        best: The value to improve on.

    Returns:
        `(m,)` values, finite however far a mean lies behind `best`.
    """
    special = scipy_part("special")
    ahead = (best - means) / deviations
    density = -0.5 * ahead * ahead - 0.5 * math.log(2 * math.pi)
    near, behind = np.maximum(ahead, -1.0), np.clip(ahead, -1e3, -1.0)
    plain = np.log(np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi) + near * special.ndtr(near))
    # Behind `best` the two terms cancel. The scaled error function avoids that, and far behind the series is exact.
    scaled = density + np.log1p(behind * math.sqrt(math.pi / 2) * special.erfcx(-behind / math.sqrt(2)))
    series = density - 2 * np.log(np.maximum(-ahead, 1.0))
    return np.asarray(np.where(ahead > -1, plain, np.where(ahead > -1e3, scaled, series)) + np.log(deviations))


class _Fit:
    """The negative log posterior density of the hyperparameters theta, see `Prior.moments`.

    Args:
        distances: `(d, m, m)` squared distances by column.
        values: `(m,)`.
        unreliability: `(m,)`.
        means: `(d + 3,)` means of the prior.
        covariance: `(d + 3, d + 3)` covariance of the prior.
    """

    def __init__(
        self, distances: Floats, values: Floats, unreliability: Floats, means: Floats, covariance: Floats
    ) -> None:
        num_columns, self.num, _ = distances.shape
        self.distances = distances.reshape(num_columns, -1)
        self.values, self.unreliability, self.means = values, unreliability, means
        self.deviations, self.precision = np.sqrt(covariance.diagonal()), np.linalg.inv(covariance)

    def search(self, initial_noise: float, num_steps: int) -> Floats:
        """Return the best theta found by L-BFGS-B from the prior means and the given noise variance."""
        start = self.means.copy()
        start[-2] = math.log(initial_noise)
        bounds = np.column_stack([self.means - BOUND * self.deviations, self.means + BOUND * self.deviations])
        options = {"maxiter": num_steps, "maxfun": 2 * num_steps}
        minimize = scipy_part("optimize").minimize
        found = minimize(self, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return np.asarray(found.x)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return the negative log posterior and its gradient (Rasmussen and Williams 2006, equations 2.30 and 5.9)."""
        inverse_squared_lengths, variance = np.exp(theta[:-3]), math.exp(theta[-3])
        noise = np.exp(theta[-2] + theta[-1] * self.unreliability)
        correlations, slopes = matern(inverse_squared_lengths @ self.distances)
        covariance = (variance * correlations).reshape(self.num, self.num)
        covariance.flat[:: self.num + 1] += noise + JITTER * variance
        factor, failed = scipy_part("linalg.lapack").dpotrf(covariance, lower=1, clean=1)
        if failed:  # not positive definite in floats: a high value turns the optimisation back
            return 1e10, np.zeros_like(theta)
        weights = scipy_part("linalg.lapack").dpotrs(factor, self.values, lower=1)[0]
        inverse = scipy_part("linalg.lapack").dpotri(factor, lower=1)[0]  # 0 above the diagonal, as in the factor
        inverse = inverse + inverse.T
        inverse.flat[:: self.num + 1] /= 2
        sensitivity = inverse - np.outer(weights, weights)
        flat, diagonal = sensitivity.ravel(), sensitivity.diagonal()
        gradient = np.empty_like(theta)
        gradient[:-3] = 0.5 * variance * inverse_squared_lengths * (self.distances @ (flat * slopes))
        gradient[-3] = 0.5 * variance * (flat @ correlations + JITTER * diagonal.sum())
        gradient[-2] = 0.5 * (diagonal @ noise)
        gradient[-1] = 0.5 * (diagonal @ (noise * self.unreliability))
        away = theta - self.means
        pull = self.precision @ away
        loss = 0.5 * (self.values @ weights) + np.log(factor.diagonal()).sum() + 0.5 * (away @ pull)
        return float(loss), gradient + pull
