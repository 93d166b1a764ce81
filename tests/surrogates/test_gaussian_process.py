"""Gaussian processes agree with scikit-learn."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from bohb.surrogates.gaussian_process import GaussianProcess
from bohb.surrogates.hyperparameters import learn
from tests.surrogates.points import MIXED, mixed_points, scaled, smooth


def fitted(num=30, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    points = rng.random((num, 3))
    values = smooth(points) + noise * rng.standard_normal(num)
    values = scaled(values)
    none = np.zeros(3, dtype=bool)
    theta = learn(points, values, none, np.zeros(num))
    return GaussianProcess(points, values, none, np.zeros(num), theta), points, values


def test_predictions_agree_with_scikit_learn():
    process, points, values = fitted(noise=0.1)
    kernel = ConstantKernel(process.variance) * Matern(process.inverse_squared_lengths**-0.5, nu=2.5)
    peer = GaussianProcessRegressor(kernel, alpha=process.noise, optimizer=None).fit(points, values)
    queries = np.random.default_rng(1).random((50, 3))
    for mine, theirs in zip(process.predict(queries), peer.predict(queries, return_std=True), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-8)


def test_leave_one_out_agrees_with_scikit_learn():
    process, points, values = fitted(num=12, noise=0.1)
    kernel = ConstantKernel(process.variance) * Matern(process.inverse_squared_lengths**-0.5, nu=2.5)
    densities = []
    for row in range(12):
        rest = np.delete(np.arange(12), row)
        peer = GaussianProcessRegressor(kernel, alpha=process.noise[rest], optimizer=None)
        peer.fit(points[rest], values[rest])
        mean, deviation = peer.predict(points[row : row + 1], return_std=True)
        spread = math.hypot(deviation[0], math.sqrt(process.noise[row]))
        densities.append(stats.norm.logpdf(values[row], mean[0], spread))
    np.testing.assert_allclose(process.log_predictive(np.array([3, 0, 7])), np.array(densities)[[3, 0, 7]], rtol=1e-6)


def test_without_noise_the_mean_interpolates():
    process, points, values = fitted()
    means, deviations = process.predict(points)
    np.testing.assert_allclose(means, values, atol=0.05)
    _, elsewhere = process.predict(np.full((1, 3), 3.0))
    assert elsewhere[0] > 10 * deviations.max()


def test_believing_keeps_the_mean_and_shrinks_deviations():
    process, _, _ = fitted(noise=0.3)
    queries = np.random.default_rng(5).random((20, 3))
    before, after = process.predict(queries), process.believing(queries[:5]).predict(queries)
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    assert (after[1] <= before[1] + 1e-9).all()
    assert (after[1][:5] < 0.8 * before[1][:5]).all()


@given(st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_believing_equals_conditioning_on_the_mean(seed, num):
    """The factor that grows by some rows is that of all points."""
    rng = np.random.default_rng(seed)
    points, more, queries = mixed_points(rng, 25), mixed_points(rng, num), mixed_points(rng, 100)
    values, theta = rng.standard_normal(25), np.append(rng.standard_normal(4), [0.0, -2.0, 0.0])
    process = GaussianProcess(points, values, MIXED, np.zeros(25), theta)
    together = np.concatenate([points, more]), np.concatenate([values, process.predict(more)[0]])
    whole = GaussianProcess(*together, MIXED, np.zeros(25 + num), theta)
    for grown, expected in zip(process.believing(more).predict(queries), whole.predict(queries), strict=True):
        np.testing.assert_allclose(grown, expected, atol=1e-8)


def test_a_prediction_does_not_depend_on_the_other_points():
    """Points are predicted in blocks."""
    process, _, _ = fitted(noise=0.1)
    queries = np.random.default_rng(1).random((200, 3))
    one_by_one = [process.predict(query[None]) for query in queries]
    for together, alone in zip(process.predict(queries), zip(*one_by_one, strict=True), strict=True):
        np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-10)
