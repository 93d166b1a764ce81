"""Gaussian processes agree with scikit-learn, numerical integration and finite differences."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from bohb.surrogates.gaussian_process import (
    JITTER,
    GaussianProcess,
    Prior,
    _Fit,
    cut_off,
    log_expected_improvement,
    matern,
    squared_distances,
    standardise,
)

MIXED = np.array([False, True, False, True])


def mixed_points(rng, num):
    """Two numeric and two categorical columns with three choices; a quarter of the values is inactive."""
    points = rng.random((num, 4))
    points[:, MIXED] = np.floor(3 * points[:, MIXED])
    points[rng.random((num, 4)) < 0.25] = np.nan
    return points


def smooth(points):
    return np.sin(5 * points[:, 0]) + points[:, 1] ** 2


def scaled(values):
    return (values - values.mean()) / values.std()


def fitted(num=30, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    points = rng.random((num, 3))
    values = smooth(points) + noise * rng.standard_normal(num)
    values = scaled(values)
    return GaussianProcess(points, values, np.zeros(3, dtype=bool), np.zeros(num)), points, values


def test_predictions_agree_with_scikit_learn():
    process, points, values = fitted(noise=0.1)
    kernel = ConstantKernel(process.variance) * Matern(process.inverse_squared_lengths**-0.5, nu=2.5)
    peer = GaussianProcessRegressor(kernel, alpha=process._noise, optimizer=None).fit(points, values)
    queries = np.random.default_rng(1).random((50, 3))
    for mine, theirs in zip(process.predict(queries), peer.predict(queries, return_std=True), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-8)


def test_leave_one_out_agrees_with_scikit_learn():
    process, points, values = fitted(num=12, noise=0.1)
    kernel = ConstantKernel(process.variance) * Matern(process.inverse_squared_lengths**-0.5, nu=2.5)
    densities = []
    for row in range(12):
        rest = np.delete(np.arange(12), row)
        peer = GaussianProcessRegressor(kernel, alpha=process._noise[rest], optimizer=None)
        peer.fit(points[rest], values[rest])
        mean, deviation = peer.predict(points[row : row + 1], return_std=True)
        spread = math.hypot(deviation[0], math.sqrt(process._noise[row]))
        densities.append(stats.norm.logpdf(values[row], mean[0], spread))
    np.testing.assert_allclose(process.log_predictive(np.array([3, 0, 7])), np.array(densities)[[3, 0, 7]], rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_gradient_agrees_with_finite_differences(seed):
    rng = np.random.default_rng(seed)
    points = mixed_points(rng, 25)
    distances = squared_distances(points, MIXED)
    fit = _Fit(distances, rng.standard_normal(25), rng.random(25), *Prior().moments(~MIXED))
    theta = fit.means + 0.5 * rng.standard_normal(7)
    numeric = approx_fprime(theta, lambda t: fit(t)[0], 1e-6)
    np.testing.assert_allclose(fit(theta)[1], numeric, rtol=1e-3, atol=1e-3)


def test_optimisation_improves_on_the_prior_means():
    rng = np.random.default_rng(0)
    points = rng.random((40, 4))
    none, every = np.zeros(4, dtype=bool), np.ones(4, dtype=bool)
    fit = _Fit(squared_distances(points, none), smooth(points), np.zeros(40), *Prior().moments(every))
    found = fit.search(Prior().initial_noise, 15)
    assert fit(found)[0] < fit(fit.means)[0] - 5
    assert found[:2].min() > found[2:4].max()  # the two columns that matter get shorter length scales


def test_posterior_contains_the_prior_density():
    """The likelihood cancels in the difference of two fits to the same values."""
    rng = np.random.default_rng(3)
    distances, values = squared_distances(mixed_points(rng, 10), MIXED), rng.standard_normal(10)
    priors = [Prior().moments(~MIXED), Prior(correlation=0.0, correlated_length=(0.0, 2.0)).moments(MIXED)]
    thetas = rng.standard_normal((2, 7))
    losses = [[_Fit(distances, values, np.zeros(10), *prior)(theta)[0] for theta in thetas] for prior in priors]
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

    def learn(seed):
        rng = np.random.default_rng(seed)
        points = rng.random((16, 5))
        covariance = matern(squared_distances(points, np.zeros(5, bool)).sum(axis=0) / length**2)[0]
        values = np.linalg.cholesky(covariance + 1e-9 * np.eye(16)) @ rng.standard_normal(16)
        values = scaled(values)
        prior = Prior(correlation=correlation, noise=(math.log(1e-4), 1.0), initial_noise=1e-4)
        return (
            GaussianProcess(points, values, np.zeros(5, bool), np.zeros(16), prior=prior).inverse_squared_lengths
            ** -0.5
        )

    return np.median([learn(seed) for seed in range(40)])


def test_correlation_helps_to_learn_length_scales():
    """The control: uncorrelated length scales stay near the prior, whatever the function."""
    ranges = [learned_lengths(4.0, value) / learned_lengths(0.4, value) for value in (0.0, Prior().correlation)]
    assert ranges[1] > 1.3 * ranges[0]


@given(st.integers(0, 2**32), st.integers(2, 40))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_covariances_are_positive_definite(seed, num):
    rng = np.random.default_rng(seed)
    points = mixed_points(rng, num)
    distances = squared_distances(points, MIXED)
    assert (distances >= 0).all()
    assert (distances <= 1).all()
    np.testing.assert_array_equal(distances, distances.transpose(0, 2, 1))
    correlations = matern(np.tensordot(rng.uniform(0.01, 30, 4), distances, axes=1))[0]
    assert np.linalg.eigvalsh(correlations).min() > -JITTER / 10


def test_constant_distance_to_inactive_is_not_definite():
    """The control: an inactive value must not be as far from the ends of the interval as from the middle."""
    points = np.array([[0.0], [1.0], [np.nan]])
    distances = squared_distances(points, np.array([False]))
    distances[0, 2, :2] = distances[0, :2, 2] = 0.01
    assert np.linalg.eigvalsh(matern(distances[0])[0]).min() < -0.01


def test_without_noise_the_mean_interpolates():
    process, points, values = fitted()
    means, deviations = process.predict(points)
    np.testing.assert_allclose(means, values, atol=0.05)
    _, elsewhere = process.predict(np.full((1, 3), 3.0))
    assert elsewhere[0] > 10 * deviations.max()


def learned_noise(share, initial_noise):
    """The median noise learned from 60 values of variance 1 in eight columns, of which two matter."""

    def learn(seed):
        rng = np.random.default_rng(seed)
        points = rng.random((60, 8))
        values = smooth(points)
        values = math.sqrt(1 - share) * values / values.std() + math.sqrt(share) * rng.standard_normal(60)
        values = scaled(values)
        prior = Prior(initial_noise=initial_noise)
        return GaussianProcess(points, values, np.zeros(8, bool), np.zeros(60), prior=prior)._noise[0]

    return np.median([learn(seed) for seed in range(12)])


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_high_noise_is_recognised(share):
    """Not all of it is, because the two short length scales make the other six shorter.

    The control starts from low noise and stays there, because short length scales explain the values as well.
    """
    assert 0.4 * share < learned_noise(share, Prior().initial_noise) < 1.2 * share
    assert learned_noise(share, 0.01) < 0.2 * share


def test_low_noise_is_found_from_a_high_start():
    assert learned_noise(1e-6, Prior().initial_noise) < 1e-3


def test_believing_keeps_the_mean_and_shrinks_deviations():
    process, _, _ = fitted(noise=0.3)
    queries = np.random.default_rng(5).random((20, 3))
    before, after = process.predict(queries), process.believing(queries[:5]).predict(queries)
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    assert (after[1] <= before[1] + 1e-9).all()
    assert (after[1][:5] < 0.8 * before[1][:5]).all()


@given(st.floats(-30, 30), st.floats(1e-3, 1e3), st.floats(-8, 8))
@settings(deadline=None)
def test_expected_improvement_equals_the_integral(mean, deviation, ahead):
    best = mean + ahead * deviation
    score = log_expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
    top = max(ahead, 0) + 10
    expected, _ = integrate.quad(lambda z: z * stats.norm.pdf(ahead - z), 0, top, limit=200, epsabs=0, epsrel=1e-9)
    assert score - math.log(deviation) == pytest.approx(math.log(expected), abs=1e-4)


def test_expected_improvement_falls_with_the_mean():
    means = np.sort(np.concatenate([np.linspace(-3, 3000, 1000), 1 + 1e-6 * np.arange(9), 1000 + 1e-4 * np.arange(9)]))
    scores = log_expected_improvement(means, np.ones(len(means)), 0.0)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) < 0).all()


@pytest.mark.parametrize("scored", [standardise, cut_off])
@given(losses=st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60))
def test_scores_are_finite_and_keep_the_order(scored, losses):
    values = np.array(losses)
    scores = scored(values)
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() < 10
    order = np.argsort(values, kind="stable")
    assert (np.diff(scores[order]) >= -1e-9).all()
    np.testing.assert_array_equal(scores[values == values[0]], scores[0])


@pytest.mark.parametrize("scored", [standardise, cut_off])
def test_scores_do_not_depend_on_unit_or_offset(scored):
    losses = np.random.default_rng(0).lognormal(size=50)
    np.testing.assert_array_equal(scored(losses), scored(1024 * losses))
    np.testing.assert_allclose(scored(losses), scored(3 * losses + 100), atol=1e-9)


def test_cut_off_clips_only_outliers():
    losses = np.random.default_rng(0).random(40)
    far = np.append(losses, [50.0, 1e9])
    scores = cut_off(far)
    assert np.corrcoef(scores[:40], losses)[0, 1] == pytest.approx(1)
    assert scores[40] == scores[41] > scores[:40].max()
    assert np.ptp(scores[:40]) > 1  # without the clipping they would be nearly equal


@pytest.mark.parametrize("best", [0.1, 0.2, 0.3, 0.7, 1e300])
def test_standardise_is_centred_when_most_losses_tie(best):
    assert abs(standardise(np.array([best] * 61 + [3 * best] * 20)).mean()) < 0.05


@pytest.mark.parametrize("scored", [standardise, cut_off])
def test_reliable_losses_stay_distinct(scored):
    losses = np.append(np.linspace(5, 6, 8), np.linspace(0, 1, 40))
    blind, seeing = scored(losses)[:8], scored(losses, np.arange(48) < 8)[:8]
    assert seeing[6] - seeing[0] > blind[6] - blind[0] + 0.2  # the control does not know which are reliable
    lower = np.append(np.linspace(-6, -5, 8), np.linspace(0, 1, 40))
    np.testing.assert_array_equal(scored(lower), scored(lower, np.arange(48) < 8))  # the limit is high enough already


@pytest.mark.parametrize("scored", [standardise, cut_off])
@pytest.mark.parametrize("outlier", [1e6, 1e162, 1e300])
def test_an_outlier_does_not_hide_the_others(scored, outlier):
    losses = np.random.default_rng(0).random(40)
    scores = scored(np.append(losses, outlier))[:40]
    assert np.corrcoef(scores, losses)[0, 1] > 0.95
    assert np.ptp(scores) > 1


def test_standardise_keeps_the_lead_of_the_best():
    """Ranks alone could not tell the two cases apart."""
    close, far = np.arange(20.0), np.arange(20.0)
    far[0] = -15.0
    assert np.diff(standardise(far))[0] > 1.5 * np.diff(standardise(close))[0]
