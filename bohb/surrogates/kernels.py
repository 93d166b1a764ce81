"""The covariance of a Gaussian process over mixed points: Matern 5/2 with one length scale per column.

Rasmussen and Williams 2006, equation 4.17 and section 5.1. A point is a row of floats, NaN where a parameter is
inactive. A categorical column is one-hot: two different choices are at distance 1. An inactive value is one more choice
of a categorical column. In a numeric column it is a point beside the middle of the interval, off the line of the
numbers. So distances stay Euclidean, and covariances positive definite.
"""

import math
from collections.abc import Iterator

import numpy as np

from bohb.arrays import Floats, Indices, Mask

SQRT5 = math.sqrt(5.0)
MIDDLE = 0.5
"""The middle of a numeric column."""
INACTIVE = 0.25
"""The squared distance of an inactive value from the middle of a numeric column."""


BLOCK = 64
"""The number of points whose covariances are computed at a time."""


def matern(squares: Floats) -> tuple[Floats, Floats]:
    """Return the Matern 5/2 correlation at squared scaled distances, and its derivative with respect to them.

    Rasmussen and Williams 2006, equation 4.17.
    """
    roots = SQRT5 * np.sqrt(np.maximum(squares, 0.0))
    decay = np.exp(-roots)
    return (1 + roots + 5 / 3 * squares) * decay, -5 / 6 * (1 + roots) * decay


def squared_distances(points: Floats, categorical: Mask) -> tuple[Floats, Indices, Indices]:
    """Return the squared distances of all pairs of points in each column, without the length scales.

    Args:
        points: `(n, d)`, NaN where inactive.
        categorical: `(d,)` the categorical columns.

    Returns:
        `(d, n (n - 1) / 2)` values in [0, 1]; and the `(n (n - 1) / 2,)` rows of the first and of the second point of
        each pair, of which the first is larger.
    """
    first, second = np.tril_indices(len(points), -1)
    columns = np.ascontiguousarray(points.T)
    inactive = np.isnan(columns)
    values = np.where(inactive, np.where(categorical, -1.0, MIDDLE)[:, None], columns)
    one, other = values[:, first], values[:, second]
    squares = np.where(categorical[:, None], one != other, (one - other) ** 2)
    if inactive[~categorical].any():
        squares += (INACTIVE * ~categorical)[:, None] * (inactive[:, first] != inactive[:, second])
    return squares, first, second


def blocks(num: int) -> Iterator[slice]:
    """Yield slices of at most `BLOCK` of `num` rows: arrays that stay in the cache are several times faster."""
    for start in range(0, num, BLOCK):
        yield slice(start, start + BLOCK)


class Covariance:
    """The covariances between any points and a fixed set of points.

    The squared distance is |a|^2 + |b|^2 - 2 a.b for two embedded points a and b, so that all distances are one matrix
    product. The embedding has a column for each numeric column, one for its inactive values if there are any, and one
    for each choice that occurs in the fixed set.

    Args:
        points: `(n, d)` the fixed set.
        categorical: `(d,)` the categorical columns.
        inverse_squared_lengths: `(d,)` 1 / length^2 of each column.
        variance: The variance of the function.
    """

    def __init__(self, points: Floats, categorical: Mask, inverse_squared_lengths: Floats, variance: float) -> None:
        self._numeric, self._categorical = np.flatnonzero(~categorical), np.flatnonzero(categorical)
        self._variance = variance
        inactive = np.isnan(points)
        self._sparse = np.flatnonzero(~categorical & inactive.any(axis=0))
        choices = [np.unique(np.where(inactive[:, column], -1.0, points[:, column])) for column in self._categorical]
        self._choices = np.concatenate([*choices, np.empty(0)])
        self._column_of_choice = np.repeat(self._categorical, [len(values) for values in choices])
        # Five times the weights, because the Matern correlation takes the root of five squared distances.
        weights = 5 * inverse_squared_lengths
        self._weights, self._inactive_weights = weights[self._numeric], INACTIVE * weights
        self._inactive_weights[self._categorical] = 0.0
        self._half_choices = 0.5 * float(weights[self._categorical].sum())
        embedded, squares = self._embedded(points)
        scale = np.concatenate([self._weights, self._inactive_weights[self._sparse], weights[self._column_of_choice]])
        scale[len(scale) - len(self._choices) :] *= 0.5
        self._product = np.concatenate([-2 * scale * embedded, np.ones((len(points), 1)), squares[:, None]], axis=1).T

    def __call__(self, points: Floats) -> Floats:
        """Return the `(m, n)` covariances between `(m, d)` points and the fixed set."""
        covariances = np.empty((len(points), len(self._product[0])))
        for rows in blocks(len(points)):
            np.multiply(self.correlations(points[rows]), self._variance, out=covariances[rows])
        return covariances

    def correlations(self, points: Floats) -> Floats:
        """Return the covariances divided by the variance."""
        embedded, norms = self._embedded(points)
        squares = np.concatenate([embedded, norms[:, None], np.ones((len(points), 1))], axis=1) @ self._product
        np.maximum(squares, 0.0, out=squares)
        roots = np.sqrt(squares, out=squares)
        factors = roots + 1.5  # 1 + r + r^2 / 3 = ((r + 3/2)^2 + 3/4) / 3
        factors *= factors
        factors += 0.75
        factors *= 1 / 3
        np.exp(np.negative(roots, out=roots), out=roots)
        factors *= roots
        return np.asarray(factors)

    def _embedded(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the embedded points without their scale, and their `(m,)` squared norms with it."""
        inactive = np.isnan(points)
        away = inactive.any()
        numbers = points[:, self._numeric] - MIDDLE
        if away:
            numbers[inactive[:, self._numeric]] = 0.0
            points = np.where(inactive, -1.0, points)
        norms = (numbers * numbers) @ self._weights
        norms += self._half_choices
        if away:
            norms += inactive @ self._inactive_weights
        parts = [numbers, inactive[:, self._sparse], points[:, self._column_of_choice] == self._choices]
        return np.concatenate(parts, axis=1), norms
