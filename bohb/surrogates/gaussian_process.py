"""Gaussian processes over mixed points: what is expected of a point that nobody has tried, and how surely.

Arrays in, arrays out. This file knows neither configurations nor budgets: a point is a row of floats, NaN
where a dimension is inactive, and a mask says which columns are categorical.

The covariance is Matern 5/2 with one length for each dimension (Rasmussen and Williams 2006, equation 4.17, section
5.1). A categorical dimension is one-hot: two different choices lie at distance 1. An inactive value is a place of its
own: a choice more for a categorical, and for a number a point beside the middle of the interval, so that distances stay
Euclidean and covariances positive definite. Lengths, variance and noise maximise the posterior under priors that let
the lengths grow with the square root of the number of dimensions (Hvarfner et al. 2024, arXiv 2402.02229). The lengths
of the numbers are believed to be alike: what is learned of one tells of the others, so that few values suffice to learn
how rough a function is.
"""

import importlib
import math
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SQRT5 = math.sqrt(5.0)
INACTIVE = 0.25
"""The squared distance of an inactive number from the middle of its interval."""
JITTER = 1e-6
"""The least noise, in units of the variance; it keeps the covariance of equal points invertible."""
BOUND = 5.0
"""No hyperparameter strays further from its prior mean, in standard deviations."""


@dataclass(frozen=True)
class Prior:
    """Normal priors of the logarithms of the hyperparameters: (mean, standard deviation).

    Attributes:
        length: Of each length, at one dimension; it grows with the square root of their number.
        alike: The same, of each of the lengths that are believed to be alike.
        likeness: How alike, in [0, 1): the correlation of the logarithms of two of them.
        variance: Of the variance of the values.
        noise: Of the variance of the noise where the values are most reliable.
        decline: By how much the logarithm of the noise grows from the most reliable values to the least.
        guess: The variance of the noise from which the search begins. Few values are explained by much noise as well as
            by short lengths without, and a search finds what lies nearer. Begun at much noise it finds little noise too
            where there is little; the reverse is not so.
    """

    length: tuple[float, float] = (math.log(0.5), 1.0)
    alike: tuple[float, float] = (math.log(0.4), 1.0)
    likeness: float = 0.5
    variance: tuple[float, float] = (0.0, 1.0)
    noise: tuple[float, float] = (math.log(1e-2), 3.0)
    decline: tuple[float, float] = (0.0, 1.0)
    guess: float = 0.3

    def moments(self, alike: Mask) -> tuple[Floats, Floats]:
        """Returns the `(d + 3,)` means and the covariance of log 1/length^2, log variance, log noise and the decline.

        Args:
            alike: `(d,)` which lengths are alike.
        """
        lengths = np.where(alike[:, None], self.alike, self.length)
        others = np.array([self.variance, self.noise, self.decline])
        means = np.append(-2 * (lengths[:, 0] + 0.5 * math.log(len(alike))), others[:, 0])
        deviations = np.append(2 * lengths[:, 1], others[:, 1])
        correlations = np.zeros((len(means), len(means)))
        correlations[: len(alike), : len(alike)] = self.likeness * np.outer(alike, alike)
        np.fill_diagonal(correlations, 1.0)
        return means, correlations * np.outer(deviations, deviations)


class GaussianProcess:
    """A posterior over functions, given values at points.

    Args:
        points: `(n, d)`, n >= 1; NaN = inactive.
        values: `(n,)`, centred and of unit scale, as the priors expect.
        categorical: `(d,)` which columns are categorical.
        unreliability: `(n,)` in [0, 1]: 0 for the most reliable values, 1 for the least.
        prior: Of the hyperparameters.
        alike: `(d,)` which dimensions have lengths that are alike; all numbers by default.
        chosen: `(m,)` the rows from which the hyperparameters are learned, because that costs m^3 many times; all of
            them by default.
        num_steps: How many steps the search for the hyperparameters may take.
    """

    def __init__(
        self,
        points: Floats,
        values: Floats,
        categorical: Mask,
        unreliability: Floats,
        *,
        prior: Prior | None = None,
        alike: Mask | None = None,
        chosen: NDArray[np.intp] | None = None,
        num_steps: int = 15,
    ) -> None:
        self._categorical = categorical
        self._points, self._values = _with_inactive_choices(points, categorical), values
        rows = np.arange(len(points)) if chosen is None else chosen
        prior = prior or Prior()
        distances = squared_distances(points[rows], categorical)
        moments = prior.moments(~categorical if alike is None else alike)
        fit = _Fit(distances, values[rows], unreliability[rows], *moments)
        found = fit.search(prior.guess, num_steps)
        self.scales, self.variance = np.exp(found[:-3]), math.exp(found[-3])
        self._noise = np.exp(found[-2] + found[-1] * unreliability) + JITTER * self.variance
        self._condition()

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Returns the means and standard deviations, each `(m,)`, of the function at `(m, d)` points, without noise."""
        covariances = self._covariances(points)
        spread = _scipy("linalg.lapack").dtrtrs(self._factor, covariances.T, lower=1)[0]
        variances = np.maximum(self.variance - (spread * spread).sum(axis=0), 1e-12 * self.variance)
        return covariances @ self._weights, np.sqrt(variances)

    def log_predictive(self, rows: NDArray[np.intp]) -> Floats:
        """Returns the `(k,)` log densities of k of the values, each predicted from all the others.

        Rasmussen and Williams 2006, equations 5.10 to 5.12; the hyperparameters are not learned again.
        """
        precisions = _scipy("linalg.lapack").dpotri(self._factor, lower=1)[0].diagonal()[rows]
        errors = self._weights[rows] / precisions
        return np.asarray(0.5 * (np.log(precisions / (2 * math.pi)) - errors * errors * precisions))

    def believing(self, points: Floats) -> "GaussianProcess":
        """Returns the process as if its own mean had been observed at `(k, d)` points: there is nothing to learn there.

        Ginsbourger et al. 2010, the kriging believer.
        """
        other = object.__new__(GaussianProcess)
        other._categorical, other.scales, other.variance = self._categorical, self.scales, self.variance
        other._points = np.concatenate([self._points, _with_inactive_choices(points, self._categorical)])
        other._values = np.concatenate([self._values, self._covariances(points) @ self._weights])
        other._noise = np.concatenate([self._noise, np.full(len(points), self._noise.min())])
        other._condition()
        return other

    def _covariances(self, points: Floats) -> Floats:
        """Returns the `(m, n)` covariances of the function at `(m, d)` points and at the known ones."""
        squares = np.zeros((len(points), len(self._points)))
        named = _with_inactive_choices(points, self._categorical)
        columns = zip(named.T, self._points.T, self.scales.tolist(), self._categorical.tolist(), strict=True)
        for one, other, scale, is_categorical in columns:
            distances = _squared_distances(one, other, is_categorical=is_categorical)
            squares += np.multiply(distances, scale, out=distances)
        return self.variance * matern(squares)[0]

    def _condition(self) -> None:
        covariances = self._covariances(self._points)
        covariances.flat[:: len(covariances) + 1] += self._noise
        self._factor, failed = _scipy("linalg.lapack").dpotrf(covariances, lower=1, clean=1)
        if failed:
            raise np.linalg.LinAlgError(f"expected a positive definite covariance; leading minor {failed} is not")
        self._weights = _scipy("linalg.lapack").dpotrs(self._factor, self._values, lower=1)[0]


def squared_distances(points: Floats, categorical: Mask) -> Floats:
    """Returns the `(d, n, n)` squared distances of `(n, d)` points to one another, by dimension, at most 1."""
    columns = zip(_with_inactive_choices(points, categorical).T, categorical.tolist(), strict=True)
    return np.array([_squared_distances(column, column, is_categorical=kind) for column, kind in columns])


def _with_inactive_choices(points: Floats, categorical: Mask) -> Floats:
    """Returns the points with inactive categoricals as a choice more, -1."""
    return np.where(categorical & np.isnan(points), -1.0, points)


def _squared_distances(first: Floats, second: Floats, *, is_categorical: bool) -> Floats:
    """Returns the `(m, n)` squared distances of `(m,)` and `(n,)` values of one dimension."""
    if is_categorical:
        return np.not_equal.outer(first, second).astype(np.float64)
    away, off = np.isnan(first), np.isnan(second)
    squares: Floats = np.subtract.outer(np.where(away, 0.5, first), np.where(off, 0.5, second))
    squares *= squares
    if away.any() or off.any():
        squares += INACTIVE * (away[:, None] != off)
    return squares


def matern(squares: Floats) -> tuple[Floats, Floats]:
    """Returns the Matern 5/2 correlation at squared scaled distances, and its derivative with respect to them."""
    roots = SQRT5 * np.sqrt(np.maximum(squares, 0.0))
    decay = np.exp(-roots)
    return (1 + roots + 5 / 3 * squares) * decay, -5 / 6 * (1 + roots) * decay


def standardise(losses: Floats, reliable: Mask | None = None) -> Floats:
    """Returns `(n,)` losses as a process expects values: the mean of their normal scores and of what they are.

    Normal scores (the quantiles of their ranks) tame any distribution; the losses themselves, with all beyond twice the
    median's distance from the best cut off, keep how far the best are apart. The median is that of all or that of the
    reliable ones, whichever is larger.
    """
    _, places, counts = np.unique(losses, return_inverse=True, return_counts=True)
    normal = _scipy("special").ndtri(
        ((np.cumsum(counts) - counts / 2) / len(losses))[places]
    )  # equal losses share their middle rank
    behind = _behind(losses)
    limit = max(2 * np.median(some) for some in _groups(behind, reliable))
    return np.asarray(0.5 * (normal + _centred(np.minimum(behind, limit))))


def cut_off(losses: Floats, reliable: Mask | None = None) -> Floats:
    """Returns `(n,)` losses as a process expects values: as they are, only that none is too far behind the others.

    Nothing lies further behind the median than three times as far as the upper quartile does, be it of all or of the
    reliable ones.
    """
    behind = _behind(losses)
    quantiles = [np.quantile(some, (0.5, 0.75)) for some in _groups(behind, reliable)]
    return _centred(np.minimum(behind, max(median + 3 * (quartile - median) for median, quartile in quantiles)))


def _behind(losses: Floats) -> Floats:
    """Returns how far losses are behind the best, in a unit in which differences do not overflow."""
    scaled = losses / max(np.abs(losses).max(), np.finfo(float).tiny)
    return np.asarray(scaled - scaled.min())  # equal losses are exactly 0, without a rounding error to be blown up


def _groups(values: Floats, reliable: Mask | None) -> list[Floats]:
    """Returns all values, and the reliable ones if there are any: a limit that is too low for them would hide them."""
    return [values] if reliable is None or not reliable.any() else [values, values[reliable]]


def _centred(values: Floats) -> Floats:
    """Returns values, none below 0, with mean 0 and deviation 1, or 0 if all are equal."""
    values = np.ldexp(values, -np.frexp(values.max())[1])  # so that squares do not underflow; exact
    spread = values.std()
    return np.asarray((values - values.mean()) / spread) if spread > 0 else np.zeros_like(values)


def log_expected_improvement(means: Floats, deviations: Floats, best: float) -> Floats:
    """Returns the logarithm of how much lower than `best` a normal value is on average (Jones et al. 1998, eq. 15)."""
    special = _scipy("special")
    ahead = (best - means) / deviations
    density = -0.5 * ahead * ahead - 0.5 * math.log(2 * math.pi)
    near, behind = np.maximum(ahead, -1.0), np.clip(ahead, -1e3, -1.0)
    plain = np.log(np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi) + near * special.ndtr(near))
    # Behind, the two terms cancel; the scaled error function does not, until the asymptotic series is exact.
    scaled = density + np.log1p(behind * math.sqrt(math.pi / 2) * special.erfcx(-behind / math.sqrt(2)))
    series = density - 2 * np.log(np.maximum(-ahead, 1.0))
    return np.asarray(np.where(ahead > -1, plain, np.where(ahead > -1e3, scaled, series)) + np.log(deviations))


class _Fit:
    """The negative log posterior of theta: log 1/length^2 of each dimension, log variance, log noise, decline."""

    def __init__(
        self, distances: Floats, values: Floats, unreliability: Floats, means: Floats, covariance: Floats
    ) -> None:
        num_dims, self.num, _ = distances.shape
        self.distances = distances.reshape(num_dims, -1)
        self.values, self.unreliability, self.means = values, unreliability, means
        self.deviations, self.precision = np.sqrt(covariance.diagonal()), np.linalg.inv(covariance)

    def search(self, guess: float, num_steps: int) -> Floats:
        """Returns the best theta found from the prior means, but for the noise, of which a variance is guessed."""
        start = self.means.copy()
        start[-2] = math.log(guess)
        bounds = np.column_stack([self.means - BOUND * self.deviations, self.means + BOUND * self.deviations])
        options = {"maxiter": num_steps, "maxfun": 2 * num_steps}
        found = _scipy("optimize").minimize(self, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return np.asarray(found.x)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Returns the negative log posterior and its gradient (Rasmussen and Williams 2006, equations 2.30, 5.9)."""
        scales, variance = np.exp(theta[:-3]), math.exp(theta[-3])
        noise = np.exp(theta[-2] + theta[-1] * self.unreliability)
        correlations, slopes = matern(scales @ self.distances)
        covariance = (variance * correlations).reshape(self.num, self.num)
        covariance.flat[:: self.num + 1] += noise + JITTER * variance
        factor, failed = _scipy("linalg.lapack").dpotrf(covariance, lower=1, clean=1)
        if failed:  # beyond what floats can tell apart: a wall for the search
            return 1e10, np.zeros_like(theta)
        weights = _scipy("linalg.lapack").dpotrs(factor, self.values, lower=1)[0]
        inverse = _scipy("linalg.lapack").dpotri(factor, lower=1)[0]  # above the diagonal are the factor's zeros
        inverse = inverse + inverse.T
        inverse.flat[:: self.num + 1] /= 2
        sensitivity = inverse - np.outer(weights, weights)
        flat, diagonal = sensitivity.ravel(), sensitivity.diagonal()
        gradient = np.empty_like(theta)
        gradient[:-3] = 0.5 * variance * scales * (self.distances @ (flat * slopes))
        gradient[-3] = 0.5 * variance * (flat @ correlations + JITTER * diagonal.sum())
        gradient[-2] = 0.5 * (diagonal @ noise)
        gradient[-1] = 0.5 * (diagonal @ (noise * self.unreliability))
        away = theta - self.means
        pull = self.precision @ away
        loss = 0.5 * (self.values @ weights) + np.log(factor.diagonal()).sum() + 0.5 * (away @ pull)
        return float(loss), gradient + pull


@cache
def _scipy(part: str) -> ModuleType:
    """Returns a part of scipy, which loads on first use."""
    return importlib.import_module(f"scipy.{part}")
