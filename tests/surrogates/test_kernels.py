"""Covariances are positive definite, and equal those computed column by column."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb.surrogates.hyperparameters import JITTER
from bohb.surrogates.kernels import INACTIVE, Covariance, matern, squared_distances
from tests.surrogates.points import MIXED, mixed_points

SEEDS = st.integers(0, 2**32)


def distance(one, other, is_categorical):
    """The squared distance of two values of one column, as the definition says it."""
    away = np.isnan(one), np.isnan(other)
    if is_categorical:
        return float(away != (False, False) if any(away) and not all(away) else not all(away) and one != other)
    first, second = (0.5 if gone else value for gone, value in zip(away, (one, other), strict=True))
    return (first - second) ** 2 + INACTIVE * (away[0] != away[1])


@given(SEEDS, st.integers(1, 90), st.integers(1, 90))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_covariances_equal_the_definition(seed, num_rows, num_columns):
    """The points of the rows have choices and inactive values that those of the columns lack, and the reverse."""
    rng = np.random.default_rng(seed)
    rows, columns, weights = mixed_points(rng, num_rows), mixed_points(rng, num_columns), rng.uniform(0.01, 30, 4)
    squares = [
        [sum(w * distance(*pair) for w, *pair in zip(weights, row, column, MIXED, strict=True)) for column in columns]
        for row in rows
    ]
    found = Covariance(columns, MIXED, weights, 2.0)(rows)
    np.testing.assert_allclose(found, 2 * matern(np.array(squares))[0], atol=1e-12)


@given(SEEDS, st.integers(2, 40))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_distances_of_pairs_equal_the_definition(seed, num):
    """The first row of each pair is the larger one."""
    points = mixed_points(np.random.default_rng(seed), num)
    distances, first, second = squared_distances(points, MIXED)
    assert (first > second).all()
    assert distances.shape == (4, num * (num - 1) // 2)
    for column, is_categorical in enumerate(MIXED):
        pairs = zip(points[first, column], points[second, column], strict=True)
        np.testing.assert_allclose(distances[column], [distance(*pair, is_categorical) for pair in pairs], atol=1e-15)


@given(SEEDS, st.integers(2, 40))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_covariances_are_positive_definite(seed, num):
    """Also with inactive values."""
    rng = np.random.default_rng(seed)
    points = mixed_points(rng, num)
    covariances = Covariance(points, MIXED, rng.uniform(0.01, 30, 4), 1.0)(points)
    np.testing.assert_allclose(covariances, covariances.T, atol=1e-12)
    assert np.linalg.eigvalsh(covariances).min() > -JITTER / 10


def test_constant_distance_to_inactive_is_not_definite():
    """The control: an inactive value must not be as far from the ends of the interval as from the middle."""
    squares = np.array([[0.0, 1.0, 0.01], [1.0, 0.0, 0.01], [0.01, 0.01, 0.0]])
    assert np.linalg.eigvalsh(matern(squares)[0]).min() < -0.01
