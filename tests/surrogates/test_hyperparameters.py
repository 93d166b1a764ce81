"""Hyperparameters are the maximum of their posterior density, by finite differences and on known functions."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime

from bohb.surrogates.hyperparameters import NegativeLogPosterior, Prior, learn
from bohb.surrogates.kernels import Covariance
from tests.surrogates.points import MIXED, mixed_points, scaled, smooth


@pytest.mark.parametrize("seed", range(5))
def test_gradient_agrees_with_finite_differences(seed):
    rng = np.random.default_rng(seed)
    points = mixed_points(rng, 25)
    prior = Prior().moments(~MIXED)
    fit = NegativeLogPosterior(points, rng.standard_normal(25), MIXED, rng.random(25), *prior)
    theta = fit.means + 0.5 * rng.standard_normal(7)
    numeric = approx_fprime(theta, lambda t: fit(t)[0], 1e-6)
    np.testing.assert_allclose(fit(theta)[1], numeric, rtol=1e-3, atol=1e-3)


def test_optimisation_improves_on_the_prior_means():
    rng = np.random.default_rng(0)
    points = rng.random((40, 4))
    none, every = np.zeros(4, dtype=bool), np.ones(4, dtype=bool)
    fit = NegativeLogPosterior(points, smooth(points), none, np.zeros(40), *Prior().moments(every))
    found = fit.minimise(fit.means, 15)
    assert fit(found)[0] < fit(fit.means)[0] - 5
    assert found[:2].min() > found[2:4].max()  # the two columns that matter get shorter length scales


def test_posterior_contains_the_prior_density():
    """The likelihood cancels in the difference of two fits to the same values."""
    rng = np.random.default_rng(3)
    points, values = mixed_points(rng, 10), rng.standard_normal(10)
    priors = [Prior().moments(~MIXED), Prior(correlation=0.0, correlated_length=(0.0, 2.0)).moments(MIXED)]
    thetas = rng.standard_normal((2, 7))
    losses = [
        [NegativeLogPosterior(points, values, MIXED, np.zeros(10), *prior)(theta)[0] for theta in thetas]
        for prior in priors
    ]
    logs = [[stats.multivariate_normal(*prior).logpdf(theta) for theta in thetas] for prior in priors]
    np.testing.assert_allclose(np.diff(np.diff(losses), axis=0), -np.diff(np.diff(logs), axis=0), rtol=1e-6)


def test_only_correlated_length_scales_covary():
    correlated = np.array([True, True, False, True])
    means, covariance = Prior(length=(0.0, 1.0), correlated_length=(0.5, 2.0), correlation=0.25).moments(correlated)
    np.testing.assert_allclose(means[:4], -2 * (np.where(correlated, 0.5, 0.0) + math.log(2)))
    np.testing.assert_allclose(np.sqrt(covariance.diagonal()[:4]), np.where(correlated, 4.0, 2.0))
    np.testing.assert_allclose(covariance[0, [1, 2, 3, 4]], [4.0, 0.0, 4.0, 0.0])


def learned_lengths(length, correlation):
    """The median length scale learned from 16 values of random functions of five columns, all of the same length."""

    def of_seed(seed):
        rng = np.random.default_rng(seed)
        points = rng.random((16, 5))
        covariance = Covariance(points, np.zeros(5, bool), np.full(5, length**-2.0), 1.0)(points)
        values = np.linalg.cholesky(covariance + 1e-9 * np.eye(16)) @ rng.standard_normal(16)
        values = scaled(values)
        prior = Prior(correlation=correlation, noise=(math.log(1e-4), 1.0), initial_noise=1e-4)
        return np.exp(-0.5 * learn(points, values, np.zeros(5, bool), np.zeros(16), prior=prior)[:5])

    return np.median([of_seed(seed) for seed in range(40)])


def test_correlation_helps_to_learn_length_scales():
    """The control: uncorrelated length scales stay near the prior, whatever the function."""
    ranges = [learned_lengths(4.0, value) / learned_lengths(0.4, value) for value in (0.0, Prior().correlation)]
    assert ranges[1] > 1.3 * ranges[0]


def learned_noise(share, initial_noise):
    """The median noise learned from 60 values of variance 1 in eight columns, of which two matter."""

    def of_seed(seed):
        rng = np.random.default_rng(seed)
        points = rng.random((60, 8))
        values = smooth(points)
        values = math.sqrt(1 - share) * values / values.std() + math.sqrt(share) * rng.standard_normal(60)
        values = scaled(values)
        prior = Prior(initial_noise=initial_noise)
        return math.exp(learn(points, values, np.zeros(8, bool), np.zeros(60), prior=prior)[-2])

    return np.median([of_seed(seed) for seed in range(12)])


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_high_noise_is_recognised(share):
    """Not all of it is, because the two short length scales make the other six shorter.

    The control starts from low noise and stays there, because short length scales explain the values as well.
    """
    assert 0.4 * share < learned_noise(share, Prior().initial_noise) < 1.2 * share
    assert learned_noise(share, 0.01) < 0.2 * share


def test_low_noise_is_found_from_a_high_start():
    assert learned_noise(1e-6, Prior().initial_noise) < 1e-3
